"""The command by which somebody at the controller runs another one on a server, as Ansible reaches it."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any

# Returns one of the options of Ansible's connection `ssh`, or nothing.
Option = Callable[[str], Any]


def ssh_command(option: Option, command: str, becomes: bool) -> str:
    """Return the command, for a shell; `becomes` tells whether Ansible becomes root there."""
    user, key = option("remote_user"), option("private_key_file")
    port = option("port")
    # A terminal for sudo, which may ask for a password.
    sudo = becomes and user != "root"
    words = [
        "ssh",
        *(["-t"] if sudo else []),
        *(["-p", str(port)] if port and int(port) != 22 else []),
        *(["-i", str(key)] if key else []),
        *shlex.split(str(option("ssh_common_args") or "")),
        *shlex.split(str(option("ssh_extra_args") or "")),
        f"{user}@{option('host')}" if user else str(option("host")),
        f"sudo {command}" if sudo else command,
    ]
    return shlex.join(words)
