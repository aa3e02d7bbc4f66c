"""Say which run of which controller asks for an application's lock, and whether the run that holds it still lives."""

from __future__ import annotations

import getpass
import os
import platform
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

Owner = dict[str, Any]


def _read(file: str) -> str:
    """Return the content of a file, or an empty string where the system has no such file."""
    try:
        return Path(file).read_text().strip()
    except OSError:
        return ""


def started(pid: int) -> str:
    """Return when a process of this machine was started, in ticks since boot, or an empty string if it has ended.

    proc_pid_stat(5): after the name in parentheses, which may hold spaces, come the 3rd field, the state, and on.
    """
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return fields[19] if fields and fields[0] != "Z" else ""


def ourselves() -> Owner:
    """Return what tells this run of ansible-playbook from all others; the tasks are run by its children."""
    pid = os.getppid()
    return {
        "by": f"{getpass.getuser()}@{platform.node()}",
        "machine": _read("/etc/machine-id") or platform.node(),
        "boot": _read("/proc/sys/kernel/random/boot_id"),
        "pids": os.readlink("/proc/self/ns/pid") if os.path.exists("/proc/self/ns/pid") else "",
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


class ActionModule(ActionBase):
    """Run the module as the owner that this run is."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, and for the lock once more when the one who holds it is gone."""
        super().run(tmp, task_vars)
        us = ourselves()
        arguments = {**self._task.args, "owner": us}
        result = self._ask(arguments, task_vars)
        holder = result.get("holder", {})
        if holder and is_gone(holder["owner"], us):
            result = self._ask({**arguments, "gone": holder["owner"]}, task_vars)
            holder = result.get("holder", {})
        if holder:
            raise AnsibleActionFail(
                f"{self._task.args['app']['name']}: {holder['owner']['by']} (process {holder['owner']['pid']}) has "
                f"been changing its releases since {holder['since']}; wait until that run has ended, or if it surely "
                "has, add -e app_deploy_lock_timeout=0."
            )
        return result

    def _ask(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        name = "foobar.webstack.release"
        result: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        return result
