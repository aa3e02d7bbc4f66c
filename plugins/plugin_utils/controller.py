"""Which run of which controller this is, and whether another one still lives."""

from __future__ import annotations

import getpass
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

Owner = dict[str, Any]

# macOS has none.
PROC = Path("/proc")


def users_folder(inventory_dir: str | None) -> Path | None:
    """Return the folder that relative paths of a user go by: the one that really holds the inventory's group_vars.

    `inventory_dir` is Ansible's variable, which is empty where the hosts stand in no file; then there is no folder.
    Several inventories share a folder of group_vars by links to it.
    """
    if not inventory_dir:
        return None
    group_vars = Path(inventory_dir, "group_vars")
    return group_vars.resolve().parent if group_vars.exists() else Path(inventory_dir)


def _read(file: Path) -> str:
    """Return the content of a file, or an empty string where the system has no such file."""
    try:
        return file.read_text().strip()
    except OSError:
        return ""


def _said(*command: str) -> str:
    """Return what a command prints, or an empty string where it fails or is not there."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def started(pid: int) -> str:
    """Return when a process of this machine was started, or an empty string if it has ended.

    It is in ticks since boot, by proc_pid_stat(5): after the name in parentheses, which may hold spaces, come the 3rd
    field, the state, and on. Without /proc it is the date that ps prints.
    """
    if not PROC.is_dir():
        state, _, date = _said("ps", "-o", "stat=", "-o", "lstart=", "-p", str(pid)).partition(" ")
        return "" if state.startswith("Z") else "-".join(date.split())
    fields = _read(PROC / f"{pid}/stat").rpartition(")")[2].split()
    return fields[19] if fields and fields[0] != "Z" else ""


def ourselves() -> Owner:
    """Return what tells this run of ansible-playbook from all others; the tasks are run by its children."""
    pid, namespace = os.getppid(), PROC / "self/ns/pid"
    return {
        "by": f"{getpass.getuser()}@{platform.node()}",
        "machine": _read(Path("/etc/machine-id")) or platform.node(),
        "boot": _read(PROC / "sys/kernel/random/boot_id") or _said("sysctl", "-n", "kern.bootsessionuuid"),
        # A system without namespaces has all processes in one.
        "pids": os.readlink(namespace) if namespace.exists() else "" if PROC.is_dir() else platform.system(),
        "pid": pid,
        "started": started(pid),
    }


def is_gone(owner: Owner, us: Owner) -> bool:
    """Tell whether a run has surely ended: it was one of this machine, which was restarted or has no such process."""
    if any(owner[name] != us[name] for name in ("by", "machine")):
        return False
    if owner["boot"] != us["boot"]:
        return True
    return bool(owner["pids"] == us["pids"] and started(owner["pid"]) != owner["started"])


def run_id() -> str:
    """Return a name for this run that no other run of this machine has."""
    us = ourselves()
    return f"{us['pid']}-{us['started'] or us['boot']}"
