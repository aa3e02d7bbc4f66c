"""Filters of the role redis: mistakes in its list of instances, their files, and what a server still needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.filter.sizes import bytes_of
from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import wrong_names
from ansible_collections.foobar.webstack.plugins.plugin_utils.systems import numbers

Instance = dict[str, Any]
File = dict[str, Any]

# The two programs, in the order in which one that is installed is taken; the packages end in "-server".
PROGRAMS = ("valkey", "redis")
# Where the settings of their instances are.
PATTERNS = {program: f"/etc/{program}/{program}-*.conf" for program in PROGRAMS}
# The first version of each system that has Valkey.
VALKEY_SINCE = {"Debian": "13", "Ubuntu": "24.04"}
GROUPS = "/etc/sysusers.d/redis-instances.conf"


def redis_mistakes(instances: list[Instance], maxmemory: str | int, package: str) -> list[str]:
    """Return one sentence for each mistake in `redis_instances`, `redis_maxmemory` and `redis_package`."""
    mistakes = wrong_names("redis_instances", [str(instance["name"]) for instance in instances])
    if package not in ("", *(f"{program}-server" for program in PROGRAMS)):
        mistakes.append(f"redis_package: {package} is none that the role knows; write valkey-server or redis-server.")
    sizes = {"redis_maxmemory": maxmemory}
    sizes |= {
        f"redis_instances: maxmemory of {item['name']}": item["maxmemory"] for item in instances if "maxmemory" in item
    }
    mistakes += [
        f"{place} is {size}; write bytes, or a number with kb, mb or gb, such as 128mb; 1mb at the least."
        for place, size in sizes.items()
        if _bytes(str(size)) < 2**20
    ]
    return mistakes


def _bytes(size: str) -> int:
    """Return a size in the program's words as a number of bytes, or 0 if it is none."""
    return bytes_of(re.sub("(?<=[kmg])b$", "", size.lower()), "KMG") or 0


def redis_program(package: str, state: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return `valkey` or `redis`: the package that is named, else the one that is there, else what the system has.

    `state` is what M(foobar.webstack.server_state) tells of both packages, and of their instances' settings by the
    patterns of C(PATTERNS). Where both are there, the one that has instances goes on: the data are its own.
    """
    if package:
        return package.removesuffix("-server")
    there = [one for one in PROGRAMS if state["packages"][f"{one}-server"]["status"] == "installed"]
    if there:
        return next((program for program in there if state["paths"][PATTERNS[program]]), there[0])
    since = VALKEY_SINCE[str(facts["distribution"])]
    return PROGRAMS[numbers(str(facts["distribution_version"])) < numbers(since)]


def redis_files(instances: list[Instance], program: str, maxmemory: str | int, policy: str, markers: str) -> list[File]:
    """Return the files of a program's instances: its settings, the drop-in of its unit, and the groups.

    `markers` is the folder of the markers of instances that wait for a restart, which their units remove.
    """
    files: list[File] = [{"src": "groups.conf.j2", "dest": GROUPS}] if instances else []
    for instance in instances:
        name = instance["name"]
        item = {
            **{"group": name, "maxmemory": maxmemory, "maxmemory_policy": policy, **instance},
            **{"program": program, "folder": names.redis(name), "marker": f"{markers}/{name}"},
        }
        unit = f"{names.UNITS}/{program}-server@{name}.service.d/webstack.conf"
        files += [
            {"src": "instance.conf.j2", "dest": f"/etc/{program}/{program}-{name}.conf", "vars": {"item": item}},
            {"src": "unit.conf.j2", "dest": unit, "vars": {"item": item}},
        ]
    return files


def redis_plan(state: dict[str, Any], program: str, files: list[File], instances: list[Instance]) -> dict[str, Any]:
    """Return what a server needs, of which M(foobar.webstack.server_state) has told its state.

    `missing` tells whether its package is; `write` are the files to write, `groups` the one of the groups among them or
    an empty text; `idle` the units to start or to enable; `pending` the instances that run with older files.
    """
    ((pattern, marked),) = [(path, found) for path, found in state["paths"].items() if path not in PATTERNS.values()]
    differing = [file for file in files if file["dest"] in state["differing_files"]]
    dests = [file["dest"] for file in differing]
    idle, pending = [], []
    for name in (str(instance["name"]) for instance in instances):
        unit, marker = f"{program}-server@{name}", pattern.replace("*", name)
        known = state["units"][unit]
        is_up = known["active_state"] == "active"
        if not is_up or known["unit_file_state"] != "enabled":
            idle.append(unit)
        if is_up and (marker in marked or any(re.search(rf"[-@]{name}\.(conf|service\.d/)", dest) for dest in dests)):
            pending.append(name)
    # Before the settings, so that a run that is killed in between has it said by the next one.
    markers = [{"dest": pattern.replace("*", name), "content": "restart\n"} for name in pending]
    return {
        "missing": bool(instances) and f"{program}-server" in state["missing_packages"],
        "write": [*markers, *differing] if differing else [],
        "groups": GROUPS if GROUPS in dests else "",
        "idle": idle,
        "pending": pending,
    }


def redis_pending_restart(host: str, pending: list[str], program: str) -> str:
    """Return in a sentence which instances of a host wait for a restart, or an empty text."""
    if not pending:
        return ""
    units = " ".join(f"{program}-server@{name}" for name in pending)
    return (
        f"{program} of {', '.join(pending)} on {host} runs with older settings until it is restarted; add "
        f"-e redis_restart=true to the next run, or run systemctl restart {units} there."
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {
            function.__name__: function
            for function in (redis_mistakes, redis_program, redis_files, redis_plan, redis_pending_restart)
        }
