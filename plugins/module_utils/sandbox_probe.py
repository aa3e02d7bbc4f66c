"""Whether systemd can make the sandboxes that this collection's units have, which not every container lets it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def probe(run: Run) -> dict[str, Any]:
    """Start a unit with all of it that does nothing; return whether it works, and systemd's words where it does not."""
    properties = [f"--property={item}" for item in (*CLOSED, *FURTHER)]
    status, _, _ = run(["systemd-run", "--quiet", "--wait", "--collect", "--pipe", *properties, "/bin/true"])
    reason = f"{status}/{STATUSES[status]}" if status in STATUSES else ""
    return {"works": not reason, "reason": reason}
