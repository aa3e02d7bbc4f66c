"""What a server is refused for before anything is changed, by its facts and by what it has been asked."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.foobar.webstack.plugins.filter.sizes import bytes_of
from ansible_collections.foobar.webstack.plugins.module_utils.disk_space import shown

Facts = Mapping[str, Any]

# Memory in MB, as measured by bench/memory.sh: the system with nginx, MySQL beside its buffer pool (on a small server,
# and with its performance schema), and a process of an application with a framework.
SYSTEM = 150
MYSQL_SMALL = 110
MYSQL = 410
PROCESS = 60
# What gunicorn's and uWSGI's roles give a process that says nothing else.
THREADS = 8
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
    pool: str | int = "",
    uwsgi_apps: Sequence[Mapping[str, Any]] | None = None,
    processes: int = 0,
    redis: Sequence[Mapping[str, Any]] | None = None,
    maxmemory: str | int = "128mb",
) -> str:
    """Return how much memory a server lacks, or an empty text, also if its memory is not known.

    `apps` are those of gunicorn and `workers` the number of those that name none, `uwsgi_apps` and `processes` the same
    of uWSGI (0 is one for each processor). `mysql` says whether MySQL runs here, and `pool` what its buffer pool takes,
    if that is not the role's quarter; `redis` are the instances of Redis, and `maxmemory` what one takes that says
    nothing else.
    """
    memory, swap = int(facts.get("memtotal_mb", 0)), int(facts.get("swaptotal_mb", 0))
    processors = int(facts.get("processor_nproc", 1))
    count = sum(_processes(app, "workers", workers, processors) for app in apps)
    count += sum(_processes(app, "processes", processes, processors) for app in uwsgi_apps or ())
    parts = {"the system": SYSTEM, f"{count} application processes": count * PROCESS}
    if mysql:
        quarter = max(1, memory // 512) * 128
        parts["MySQL"] = (MYSQL_SMALL if memory < SMALL else MYSQL) + (_megabytes(pool) if pool else quarter)
    parts["Redis"] = sum(_megabytes(instance.get("maxmemory", maxmemory)) for instance in redis or ())
    wanted = sum(parts.values())
    if not memory or wanted <= memory + swap:
        return ""
    told = ", ".join(f"{what} {size} MB" for what, size in parts.items() if size)
    lack = wanted - memory - swap
    lower = {"gunicorn's workers": apps, "uWSGI's processes": uwsgi_apps, "redis_maxmemory": redis}
    ways = [*(f"lower {what}" for what, there in lower.items() if there), "set swap_file_size"]
    return (
        f"{host} has {memory} MB of memory and {swap} MB of swap, about {lack} MB too little: {told}. "
        f"To do: {', '.join(ways)}, or take a larger server."
    )


def server_connections_warning(
    facts: Facts, host: str, apps: Sequence[Mapping[str, Any]], defaults: Mapping[str, Any], limit: int = 151
) -> str:
    """Return that applications may want more connections than MySQL on their server has, or an empty text.

    `apps` are those of gunicorn and uWSGI that have a database, as their roles take them; `defaults` has what counts
    for those that don't say: `workers`, `worker_class` and `threads` of gunicorn, `processes` and `uwsgi_threads`.
    """
    processors = int(facts.get("processor_nproc", 1))
    wanted = sum(_connections(app, defaults, processors) for app in apps)
    if wanted <= limit:
        return ""
    return (
        f"{host}: with all threads busy the applications hold {wanted} connections to MySQL, and mysql_max_connections "
        f"is {limit}: raise it, or lower workers, processes or threads."
    )


def _connections(app: Mapping[str, Any], defaults: Mapping[str, Any], processors: int) -> int:
    """Return how many connections an app holds when all its threads have one: of an async worker one is known of."""
    if "module" in app:
        processes, threads = app.get("processes", defaults["processes"]), app.get("threads", defaults["uwsgi_threads"])
    else:
        processes, threads = app.get("workers", defaults["workers"]), app.get("threads", defaults["threads"])
        kind = app.get("worker_class", defaults["worker_class"])
        threads = threads if kind == "gthread" else (int(threads) or 1) if kind == "sync" else 1
    return (int(processes) or processors) * (int(threads) or THREADS) + len(app.get("background", []))


def _processes(app: Mapping[str, Any], key: str, number: int, processors: int) -> int:
    """Return how many processes an app has all the time: its master and workers, and its background commands."""
    return 1 + (int(app.get(key, number)) or processors) + len(app.get("background", []))


def _megabytes(size: str | int) -> int:
    """Return a size as my.cnf or redis.conf has it in MB; one that is no size is somebody else's to refuse."""
    return (bytes_of(str(size).lower().removesuffix("b")) or 0) // 2**20


def _functions() -> Iterable[Callable[..., Any]]:
    return (
        server_connections_warning,
        server_disk_refusal,
        server_gathering_refusal,
        server_memory_warning,
        server_sandbox_refusal,
    )


class FilterModule:
    """Make the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {function.__name__: function for function in _functions()}
