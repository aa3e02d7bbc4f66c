"""Applications behind the sockets of an application server's units, asked on their machine: a host of testinfra's."""

from __future__ import annotations

import json
from typing import Any


def curl(server: str, app: str, path: str = "/", *options: str, seconds: int = 60) -> str:
    """Return the command that asks an app for a page through its socket, with a limit in seconds."""
    words = "".join(f" '{option}'" for option in options)
    return (
        f"curl -sS --max-time {seconds} --unix-socket /run/{server}-{app}/{server}.sock http://localhost{path}{words}"
    )


def ask(server: str, host: Any, app: str, path: str = "/", *options: str) -> Any:
    """Return the application's answer as its server gives it to a client of the socket; show its log without one."""
    result = host.run(curl(server, app, path, *options))
    assert result.rc == 0, result.stderr + host.run(f"journalctl -u {server}-{app} -n 30 -o cat").stdout
    return json.loads(result.stdout)


def restarts(server: str, host: Any, app: str) -> int:
    """Return how often systemd has started the app again."""
    return int(host.check_output(f"systemctl show -p NRestarts --value {server}-{app}"))
