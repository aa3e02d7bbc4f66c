"""The units of an application's releases: start one and ask for its health, let old ones finish, and stop them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

# As AnsibleModule.run_command: a command's status, output and errors.
Run = Callable[[list[str]], tuple[int, str, str]]

# Seconds that an instance has to take up what waits at its socket; then it is stopped all the same.
PATIENCE = 30


class UnitError(Exception):
    """A unit did not do what it was asked for; the text says why."""


class Unwell(UnitError):
    """An instance does not answer its health page with 200; `words` is what it said last."""

    def __init__(self, reason: UnitError, words: str) -> None:
        """Tell why."""
        super().__init__(str(reason))
        self.words = words


class SocketConnection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        """Connect to a socket, with a limit in seconds for each step."""
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def systemctl(run: Run, *arguments: str) -> None:
    """Run systemctl; raise UnitError with its reason where it fails."""
    code, output, error = run(["systemctl", *arguments])
    if code != 0:
        raise UnitError((error or output).strip())


def ask(path: Path, health: dict[str, Any]) -> None:
    """Ask for a health page over a socket; raise UnitError unless the answer is 200.

    The page has a `path`, `headers` and a `timeout` in seconds.
    """
    connection = SocketConnection(path, health["timeout"])
    try:
        connection.request("GET", health["path"], headers={"Connection": "close", **health["headers"]})
        status = connection.getresponse().status
    except (HTTPException, OSError) as error:
        raise UnitError(str(error) or type(error).__name__) from None
    finally:
        connection.close()
    if status != 200:
        raise UnitError(f"it answered {status}")


def start(run: Run, instance: str, path: Path, health: dict[str, Any]) -> None:
    """Start an instance, now and at boot, and ask for its health; one that fails is stopped again.

    Raise Unwell then.
    """
    try:
        systemctl(run, "enable", "--now", f"{instance}.service")
        ask(path, health)
    except UnitError as reason:
        journal = ["journalctl", f"--unit={instance}.service", "--lines=60", "--output=cat", "--no-pager"]
        _, words, _ = run(journal)
        stop(run, instance)
        raise Unwell(reason, words.strip()) from None


def stop(run: Run, instance: str) -> None:
    """Stop an instance, now and at boot."""
    units = [f"{instance}.socket", f"{instance}.service"]
    systemctl(run, "disable", "--now", *units)
    # One that failed would be shown as such until the machine restarts; others are not known any more.
    run(["systemctl", "reset-failed", *units])


def waiting(run: Run, path: Path) -> int:
    """Return how many connections wait at a socket that nobody has taken up yet."""
    _, output, _ = run(["ss", "--no-header", "--listening", "--unix", "src", str(path)])
    # u_str LISTEN <waiting> <backlog> <path> ...
    return sum(int(line.split()[2]) for line in output.splitlines())


def finish(run: Run, instance: str, path: Path) -> None:
    """Stop an instance when it has taken up what the kernel would lose with its socket."""
    patience = time.monotonic() + PATIENCE
    while waiting(run, path) and time.monotonic() < patience:
        time.sleep(0.2)
    stop(run, instance)
