"""What systemd can do for this collection's units: their sandboxes and firewalls, which not every container lets it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import reach_itself
from ansible_collections.foobar.webstack.plugins.module_utils.release_sandbox import CLOSED

# As AnsibleModule.run_command: a command's status, output and errors.
Run = Callable[[list[str]], tuple[int, str, str]]

# What units of nginx, MySQL and of applications have beside that.
FURTHER = (
    "PrivateIPC=yes",
    "PrivateNetwork=yes",
    "ProcSubset=pid",
    "ProtectHostname=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "TemporaryFileSystem=/srv:ro",
)
# systemd's own statuses of a unit that it could not start, and its words for them; systemd.exec(5).
STATUSES = {219: "CGROUP", 225: "NETWORK", 226: "NAMESPACE", 228: "SECCOMP"}


class ProbeError(Exception):
    """It can't be told; the text says why."""


def probe(run: Run) -> dict[str, Any]:
    """Start a unit with all of it that does nothing; return whether it works, and systemd's words where it does not."""
    properties = [f"--property={item}" for item in (*CLOSED, *FURTHER)]
    status, _, _ = run(["systemd-run", "--quiet", "--wait", "--collect", "--pipe", *properties, "/bin/true"])
    reason = f"{status}/{STATUSES[status]}" if status in STATUSES else ""
    return {"works": not reason, "reason": reason}


def has_firewall(run: Run) -> bool:
    """Start a unit that may reach no address; return whether it reaches none. Raise ProbeError if nobody can tell.

    Where the kernel or a container has no BPF for it, systemd goes on without the firewall of a unit.
    """
    unit = ["systemd-run", "--quiet", "--wait", "--collect", "--pipe", "--property=IPAddressDeny=any"]
    status, said, error = run([*unit, "/usr/bin/python3", "-c", inspect.getsource(reach_itself)])
    if status not in (0, reach_itself.FILTERED):
        last = (f"{said}{error}".strip() or str(status)).splitlines()[-1]
        raise ProbeError(f"whether systemd has a firewall for units can't be told: {last.rstrip('.')}")
    return status == reach_itself.FILTERED
