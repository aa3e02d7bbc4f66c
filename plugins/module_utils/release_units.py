"""The units of an application's releases: start one and ask for its health, let old ones finish, and stop them."""

from __future__ import annotations

import select
import signal
import socket
import time
from collections.abc import Callable, Collection
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.foobar.webstack.plugins.module_utils.error_output import ENDED, exception_line, excerpt

# As AnsibleModule.run_command: a command's status, output and errors.
Run = Callable[[list[str]], tuple[int, str, str]]

# Seconds that an instance has to take up what waits at its socket; then it is stopped all the same.
DRAIN_TIMEOUT = 30
# Seconds after which a page that is not up is asked for again, and a service that has not answered is looked at.
PAUSE = 0.5
PROPERTIES = "ActiveState,SubState,Result,NRestarts,ExecMainCode,ExecMainStatus,InvocationID"
# How a process has ended, as siginfo_t has it.
CLD_EXITED = "1"
LONGER = "if it needs longer, raise health_timeout of the app"


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


def state_of(run: Run, unit: str) -> dict[str, str]:
    """Return what systemd says of a unit, by the names of `PROPERTIES`; what it does not know is missing."""
    _, text, _ = run(["systemctl", "show", f"--property={PROPERTIES}", unit])
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def ending(state: dict[str, str]) -> str:
    """Return how a unit has ended, in a few words, with its ActiveState and its Result."""
    status, result = state.get("ExecMainStatus", ""), state.get("Result", "unknown")
    if result == "success" or not status:
        how = "ended"
    elif state.get("ExecMainCode") == CLD_EXITED:
        how = f"ended with status {status}"
    else:
        names = {str(number.value): number.name for number in signal.Signals}
        how = f"was ended by {names.get(status, status)}"
    return f"{how} ({state.get('ActiveState', 'unknown')}, {result})"


class Life:
    """One life of a service, from its start on: it is an error when it ends, or when another one has begun."""

    def __init__(self, run: Run, unit: str, since: float | None = None) -> None:
        """Remember which unit it is; systemd is asked at the first look.

        What it has said counts from now on, or since a time in seconds since the epoch.
        """
        self.run, self.unit, self.since = run, unit, time.time() if since is None else since
        self.invocation = ""

    def look(self, fine: Collection[str] = ("active", "activating", "reloading")) -> dict[str, str]:
        """Return the unit's state; raise UnitError if it ended since the first look, or is in no state that is fine."""
        state = state_of(self.run, self.unit)
        # One that has not come up yet still has that of its last life.
        invocation = state.get("InvocationID", "") if state.get("ActiveState") != "inactive" else ""
        is_another = self.invocation not in ("", invocation)
        self.invocation = self.invocation or invocation
        if is_another or state.get("ActiveState") not in fine or state.get("SubState") == "auto-restart":
            raise UnitError(f"it {ending(state)}")
        return state

    def words(self) -> list[str]:
        """Return what the service has said in this life and since it counts, systemd's notes of it among it."""
        invocation = self.invocation or state_of(self.run, self.unit).get("InvocationID", "")
        if not invocation:
            return []
        # What a process has said last may still be on its way into the journal.
        self.run(["journalctl", "--sync"])
        choice = [f"_SYSTEMD_INVOCATION_ID={invocation}", "+", f"INVOCATION_ID={invocation}"]
        # The journal takes milliseconds.
        since = f"--since=@{max(self.since - 0.001, 0):.3f}"
        _, words, _ = self.run(["journalctl", since, "--lines=1000", "--output=cat", "--no-pager", *choice])
        return words.strip().splitlines()


def answer(path: Path, health: dict[str, Any], deadline: float, look: Callable[[], object]) -> tuple[int, str]:
    """Return the status of a page over a socket, and where it leads; raise TimeoutError, OSError or HTTPException.

    `look` is called while nothing comes, and raises where there is nothing to wait for. The deadline is one of
    time.monotonic.
    """
    connection = SocketConnection(path, max(deadline - time.monotonic(), PAUSE))
    try:
        connection.request("GET", health["path"], headers={"Connection": "close", **health["headers"]})
        while not select.select([connection.sock], [], [], PAUSE)[0]:
            look()
            if time.monotonic() > deadline:
                raise TimeoutError
        reply = connection.getresponse()
        return reply.status, reply.headers.get("Location", "")
    finally:
        connection.close()


def leads_to_https(health: dict[str, Any], place: str) -> bool:
    """Tell whether a redirect leads to the same page by HTTPS."""
    to = urlsplit(place)
    here = urlsplit(health["path"])
    return to.scheme == "https" and (to.path, to.query) == (here.path, here.query)


def ask(path: Path, health: dict[str, Any], look: Callable[[], object]) -> None:
    """Ask for a health page over a socket until it answers 200; raise UnitError with the reason if it does not.

    The page has a `path`, `headers` and a `timeout` in seconds. It is asked for again while the answer is one of 5xx or
    there is none, as with an application that warms up. Any other answer is its last. One that leads to HTTPS is asked
    as a visitor would who comes by it.
    """
    deadline = time.monotonic() + health["timeout"]
    while True:
        try:
            status, place = answer(path, health, deadline, look)
        except TimeoutError:
            raise UnitError(f"no answer within {health['timeout']} s; {LONGER}") from None
        except (ConnectionError, FileNotFoundError) as error:
            reason = str(error) or type(error).__name__
        except (HTTPException, OSError) as error:
            raise UnitError(str(error).strip() or type(error).__name__) from None
        else:
            if status == 200:
                return
            reason = f"it answered {status}" + (f" and led to {place}" if place else "")
            if leads_to_https(health, place):
                if health["headers"].get("X-Forwarded-Proto") == "https":
                    advice = "it is to take the scheme from X-Forwarded-Proto, or visitors go round in circles"
                    raise UnitError(f"{reason}; {advice}")
                health = {**health, "headers": {**health["headers"], "X-Forwarded-Proto": "https"}}
                continue
            if status < 500:
                raise UnitError(reason)
        look()
        if time.monotonic() + PAUSE > deadline:
            raise UnitError(f"{reason} for {health['timeout']} s; {LONGER}")
        time.sleep(PAUSE)


def unhealthy(reason: str, said: list[str]) -> UnhealthyError:
    """Return the error with its cause: the first exception where the unit has ended, else the last, if there is any."""
    has_ended = any(ENDED in line for line in said)
    cause = exception_line(said, first=has_ended)
    return UnhealthyError(f"{reason}: {cause}" if cause else reason, "\n".join(excerpt(said)))


def start(run: Run, instance: str, path: Path, health: dict[str, Any]) -> None:
    """Start an instance as start_again does; one that fails is stopped again."""
    try:
        start_again(run, instance, path, health)
    except UnhealthyError:
        stop(run, instance)
        raise


def start_again(run: Run, instance: str, path: Path, health: dict[str, Any]) -> None:
    """Start an instance, now and at boot, and ask for its health; raise UnhealthyError where it fails."""
    life = Life(run, f"{instance}.service")
    try:
        try:
            systemctl(run, "enable", "--now", life.unit)
        except UnitError:
            if state_of(run, life.unit).get("Result", "success") != "success":
                life.look(fine=())
            raise
        ask(path, health, life.look)
    except UnitError as reason:
        raise unhealthy(str(reason), life.words()) from None


def wanted_by(run: Run, target: str) -> list[str]:
    """Return the units that a target wants, as systemd says."""
    _, wants, _ = run(["systemctl", "show", "--property=Wants", "--value", target])
    return wants.split()


def watch(run: Run, units: Collection[str], seconds: float, since: float | None = None) -> None:
    """Watch the services among some units for some seconds; raise UnhealthyError when one of them ends.

    What they have said counts since a time in seconds since the epoch, or from now on.
    """
    deadline = time.monotonic() + seconds
    lives = [Life(run, unit, since) for unit in units if unit.endswith(".service")]
    over = not lives
    while not over:
        over = time.monotonic() > deadline
        # systemd may not have come to it yet, but not at the end.
        fine = ("active",) if over else ("active", "activating", "inactive")
        for life in lives:
            try:
                state = life.look(fine)
                if state["NRestarts"] != "0":
                    raise UnitError(f"it {ending(state)}")
            except UnitError as error:
                raise unhealthy(f"{life.unit} {str(error).removeprefix('it ')}", life.words()) from None
        time.sleep(PAUSE)


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
