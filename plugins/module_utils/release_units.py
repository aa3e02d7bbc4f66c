"""The units of an application's releases: start one and ask for its health, let old ones finish, and stop them."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils.error_output import ENDED, exception_line, excerpt

# As AnsibleModule.run_command: a command's status, output and errors.
Run = Callable[[list[str]], tuple[int, str, str]]

# Seconds that an instance has to take up what waits at its socket; then it is stopped all the same.
DRAIN_TIMEOUT = 30
NO_ANSWER = "no answer within"


class UnitError(Exception):
    """A unit did not do what it was asked for; the text says why."""


class UnhealthyError(UnitError):
    """A release does not answer its health page with 200, or a command beside it ends; `words` is what it said last."""

    def __init__(self, reason: str, words: str) -> None:
        """Say why."""
        super().__init__(reason)
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
        answer = connection.getresponse()
        status, place = answer.status, answer.headers.get("Location", "")
    except TimeoutError:
        raise UnitError(
            f"{NO_ANSWER} {health['timeout']} s; if it needs longer, raise health_timeout of the app"
        ) from None
    except (HTTPException, OSError) as error:
        raise UnitError(str(error) or type(error).__name__) from None
    finally:
        connection.close()
    if status != 200:
        raise UnitError(f"it answered {status}" + (f" and led to {place}" if place else ""))


def last_words(run: Run, unit: str, since: float) -> list[str]:
    """Return what a unit has said since a moment, in seconds since the epoch; not what it said in an earlier life."""
    journal = [
        "journalctl",
        f"--unit={unit}",
        f"--since=@{since - 0.001:.3f}",
        "--lines=1000",
        "--output=cat",
        "--no-pager",
    ]
    _, words, _ = run(journal)
    return words.strip().splitlines()


def unhealthy(reason: str, said: list[str]) -> UnhealthyError:
    """Return the error with its cause: the first exception where the unit has ended, else the last, if there is any."""
    has_ended = any(ENDED in line for line in said)
    cause = exception_line(said, first=has_ended)
    if has_ended and " ended " not in reason:
        # Who waits for a unit that has ended is not helped by advice to wait longer.
        reason = "it ended" if reason.startswith(NO_ANSWER) else f"{reason}; it ended"
    return UnhealthyError(f"{reason}: {cause}" if cause else reason, "\n".join(excerpt(said)))


def start(run: Run, instance: str, path: Path, health: dict[str, Any]) -> None:
    """Start an instance, now and at boot, and ask for its health; one that fails is stopped again.

    Raise UnhealthyError then.
    """
    since = time.time()
    try:
        systemctl(run, "enable", "--now", f"{instance}.service")
        ask(path, health)
    except UnitError as reason:
        said = last_words(run, f"{instance}.service", since)
        stop(run, instance)
        raise unhealthy(str(reason), said) from None


def watch(run: Run, target: str, seconds: float) -> None:
    """Watch the services that a target wants for some seconds; raise UnhealthyError when one of them ends."""
    since, deadline = time.time(), time.monotonic() + seconds
    _, wants, _ = run(["systemctl", "show", "--property=Wants", "--value", target])
    services = [unit for unit in wants.split() if unit.endswith(".service")]
    over = not services
    while not over:
        over = time.monotonic() > deadline
        for unit in services:
            _, text, _ = run(["systemctl", "show", "--property=NRestarts,ActiveState,SubState,ExecMainStatus", unit])
            state = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
            # systemd may not have come to it yet, but not at the end.
            fine = {"active", "activating", "inactive"} if not over else {"active"}
            if state["ActiveState"] not in fine or state["SubState"] == "auto-restart" or state["NRestarts"] != "0":
                said = last_words(run, unit, since - 1)
                raise unhealthy(f"{unit} ended with {state['ExecMainStatus']}", said)
        time.sleep(0.5)


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


def drain(run: Run, instance: str, path: Path) -> None:
    """Stop an instance when it has taken up what the kernel would lose with its socket."""
    deadline = time.monotonic() + DRAIN_TIMEOUT
    while waiting(run, path) and time.monotonic() < deadline:
        time.sleep(0.2)
    stop(run, instance)
