"""What a server is refused for before anything is changed, by its facts and by what it has been asked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils.disk_space import shown

Facts = Mapping[str, Any]

# Memory in MB, as measured by bench/memory.py: the system with nginx, MySQL beside its buffer pool (on a small server,
# and with its performance schema), and a process of an application with a framework.
SYSTEM = 150
MYSQL_SMALL, MYSQL = 110, 410
PROCESS = 60
# Below it the role mysql leaves the performance schema out.
SMALL = 1536
# What five releases with their environments, and dumps, take on a server that has none yet.
FIRST_RELEASES = 500 * 2**20


def server_gathering_refusal(gathered: Facts, host: str) -> str:
    """Return why a server has told no facts, or an empty text; `gathered` is what gather_facts returns."""
    failed = next(iter(gathered.get("failed_modules", {}).values()), None)
    if failed is None:
        return ""
    said = str(failed.get("msg", ""))
    if failed.get("rc") == 127 or "interpreter" in said:
        install = shlex.quote("apt-get update && apt-get install --yes python3")
        return (
            f"{host} has no Python, which Ansible needs there: run ansible {host} --become --module-name raw "
            f"--args {install}, and repeat."
        )
    return f"{host} has told no facts: {said.rstrip('.') or 'it said nothing'}."


def server_sandbox_refusal(sandbox: Facts, host: str, kind: str) -> str:
    """Return why no unit would start in a container, or an empty text.

    `sandbox` is what the module server_state has tried, `kind` the fact `virtualization_type`.
    """
    if sandbox["works"]:
        return ""
    return (
        f"{host} is a container ({kind}) in which systemd can make no sandbox ({sandbox['reason']}), and no unit of "
        "the sites would start: allow it nesting (Proxmox VE: pct set <id> --features nesting=1,keyctl=1; Incus: incus "
        "config set <name> security.nesting=true), restart it, and repeat."
    )


def server_disk_refusal(facts: Facts, host: str, folder: str = "/srv") -> str:
    """Return why a server that has no release yet has no room for one, or an empty text, also if nothing is known."""
    mounts = {str(mount["mount"]): mount for mount in facts.get("mounts", [])}
    path = PurePosixPath(folder)
    mount: Facts = next((mounts[str(place)] for place in (path, *path.parents) if str(place) in mounts), {})
    free = mount.get("size_available", FIRST_RELEASES)
    if free >= FIRST_RELEASES:
        return ""
    lack = FIRST_RELEASES - free
    return (
        f"{host} has {shown(free)} free for {folder}, {shown(lack)} too little for releases and dumps: make room "
        "there, or take a larger disk."
    )


def server_memory_warning(
    facts: Facts,
    host: str,
    apps: Sequence[Mapping[str, Any]],
    workers: int = 0,
    mysql: bool = False,
    pool: str = "",
) -> str:
    """Return how much memory a server lacks, or an empty text, also if its memory is not known.

    `apps` are those of gunicorn and uWSGI, `workers` the number of those that name none (0 is one for each processor),
    `mysql` says whether MySQL runs here, and `pool` what its buffer pool takes, if that is not the role's quarter.
    """
    memory, swap = int(facts.get("memtotal_mb", 0)), int(facts.get("swaptotal_mb", 0))
    processors = int(facts.get("processor_nproc", 1))
    processes = sum(_processes(app, workers or processors, processors) for app in apps)
    parts = {"the system": SYSTEM, f"{processes} application processes": processes * PROCESS}
    if mysql:
        quarter = max(1, memory // 512) * 128
        parts["MySQL"] = (MYSQL_SMALL if memory < SMALL else MYSQL) + (_megabytes(pool) if pool else quarter)
    wanted = sum(parts.values())
    if not memory or wanted <= memory + swap:
        return ""
    told = ", ".join(f"{what} {size} MB" for what, size in parts.items() if size)
    lack = wanted - memory - swap
    return (
        f"{host} has {memory} MB of memory and {swap} MB of swap, about {lack} MB too little: {told}. "
        "Lower gunicorn's workers, set swap_file_size, or take a larger server."
    )


def _processes(app: Mapping[str, Any], workers: int, processors: int) -> int:
    """Return how many processes an app has all the time: its master and workers, and its background commands."""
    return 1 + (int(app.get("workers", app.get("processes", workers))) or processors) + len(app.get("background", []))


def _megabytes(size: str) -> int:
    """Return a size as my.cnf has it in MB; one that is no size is somebody else's to refuse."""
    number, unit = size[:-1], size[-1:].upper()
    factors = {"K": 1 / 1024, "M": 1, "G": 1024}
    return round(float(number) * factors[unit]) if number.isdecimal() and unit in factors else 0


def _functions() -> Iterable[Callable[..., Any]]:
    return (server_disk_refusal, server_gathering_refusal, server_memory_warning, server_sandbox_refusal)


class FilterModule:
    """Make the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {function.__name__: function for function in _functions()}
