"""Instances of releases: asked for their health over a real socket, stopped when they have taken up what waits."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import release_units
from ansible_collections.foobar.webstack.plugins.module_utils.release_units import UnhealthyError, UnitError

HEALTH = {"path": "/health", "headers": {"Host": "shop.example.com"}, "timeout": 30}
STOP = [
    ["systemctl", "disable", "--now", "shop@1.socket", "shop@1.service"],
    ["systemctl", "reset-failed", "shop@1.socket", "shop@1.service"],
]


class Server:
    """A systemd of which one command may fail, and a list of how many connections wait at a socket, look by look."""

    def __init__(self, fails: str = "", waiting: tuple[int, ...] = (), journal: str = "") -> None:
        """Remember what is to happen."""
        self.fails, self.journal = fails, journal or "ModuleNotFoundError: nothing\n"
        self.waiting = list(waiting)
        self.commands: list[list[str]] = []

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Answer a command."""
        self.commands.append(command)
        if command[0] == "ss":
            waiting = self.waiting.pop(0) if self.waiting else 0
            return 0, f"u_str LISTEN {waiting}      4096   /run/shop/1.sock 64367 * 0\n", ""
        if command[0] == "journalctl":
            return 0, self.journal, ""
        if command[1] == self.fails:
            return 1, "", "Job for shop@1.service failed.\n"
        return 0, "", ""


class Instance:
    """An application that gives one answer, or none, to whoever connects to its socket."""

    def __init__(self, path: Path, answer: bytes | None) -> None:
        """Listen."""
        self.path, self.answer, self.request = path, answer, b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        """Answer one request, or leave its connection open."""
        self.connection, _ = self.socket.accept()
        self.request = self.connection.recv(4096)
        if self.answer is not None:
            self.connection.sendall(self.answer)
            self.connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where an instance is to listen."""
    return tmp_path / "1.sock"


def status(line: str) -> bytes:
    return f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode()


def test_an_instance_that_answers_is_well_and_was_asked_as_a_visitor_of_the_site(path: Path) -> None:
    instance, server = Instance(path, status("200 OK")), Server()
    release_units.start(server.run, "shop@1", path, HEALTH)
    assert instance.request.startswith(b"GET /health HTTP/1.1\r\n")
    assert instance.request.count(b"Host: ") == 1
    assert b"Host: shop.example.com\r\n" in instance.request
    assert server.commands == [["systemctl", "enable", "--now", "shop@1.service"]]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status("500 Internal Server Error"), "it answered 500"),
        (status("204 No Content"), "it answered 204"),
        (
            status("301 Moved Permanently\r\nLocation: https://shop.example.com/"),
            "it answered 301 and led to https://shop.example.com/",
        ),
        (b"", "closed connection without response"),
        (b"no HTTP\r\n", "no HTTP"),
        (None, "no answer within 0.2 s; if it needs longer, raise health_timeout of the app"),
    ],
)
def test_an_instance_that_is_not_well_is_stopped_and_its_last_words_are_kept(
    path: Path, answer: bytes | None, reason: str
) -> None:
    instance, server = Instance(path, answer), Server()
    # Of the others none is to be late.
    health = {**HEALTH, "timeout": 0.2 if answer is None else 30}
    with pytest.raises(UnhealthyError, match=reason) as caught:
        release_units.start(server.run, "shop@1", path, health)
    assert instance.request != b""
    assert caught.value.words == "ModuleNotFoundError: nothing"
    assert server.commands[-2:] == STOP


def test_an_instance_that_ends_says_so_and_names_its_exception(path: Path) -> None:
    journal = (
        "Traceback (most recent call last):\n  import nothing\nModuleNotFoundError: No module named 'nothing'\n"
        "shop@1.service: Main process exited, code=exited, status=3/NOTIMPLEMENTED\n"
    )
    instance = Instance(path, None)
    with pytest.raises(UnhealthyError, match=r"^it ended: ModuleNotFoundError: No module named 'nothing'$") as caught:
        release_units.start(Server(journal=journal).run, "shop@1", path, {**HEALTH, "timeout": 0.2})
    assert instance.request != b""
    assert caught.value.words == journal.strip()


def test_an_instance_without_a_socket_is_not_well(path: Path) -> None:
    with pytest.raises(UnhealthyError, match="No such file"):
        release_units.start(Server().run, "shop@1", path, HEALTH)


def test_an_instance_that_does_not_start_is_not_asked_and_stopped(path: Path) -> None:
    server = Server(fails="enable")
    with pytest.raises(UnhealthyError, match="Job for shop@1"):
        release_units.start(server.run, "shop@1", path, HEALTH)
    assert server.commands[-2:] == STOP


def test_an_instance_is_stopped_when_nobody_waits_at_its_socket_any_more(path: Path) -> None:
    server = Server(waiting=(2, 1, 0))
    release_units.drain(server.run, "shop@1", path)
    assert [command[0] for command in server.commands] == ["ss", "ss", "ss", "systemctl", "systemctl"]
    assert server.commands[-2:] == STOP


def test_an_instance_that_takes_up_nothing_is_stopped_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_units, "DRAIN_TIMEOUT", 0.1)
    server = Server(waiting=(1,) * 100)
    release_units.drain(server.run, "shop@1", path)
    assert server.commands[-2:] == STOP


def test_what_systemd_says_is_the_reason(path: Path) -> None:
    with pytest.raises(UnitError, match="Job for shop@1"):
        release_units.stop(Server(fails="disable").run, "shop@1")


def test_the_last_words_are_those_of_this_start_and_not_of_an_earlier_life(path: Path) -> None:
    server, before = Server(fails="enable"), time.time()
    with pytest.raises(UnhealthyError):
        release_units.start(server.run, "shop@1", path, HEALTH)
    (journal,) = [command for command in server.commands if command[0] == "journalctl"]
    (since,) = [float(option.removeprefix("--since=@")) for option in journal if option.startswith("--since=@")]
    # The journal takes milliseconds.
    assert before - 0.002 <= since <= time.time()
    assert "--unit=shop@1.service" in journal


RUNS = ("active", "running", "0", "0")


class Beside:
    """A systemd with a target that wants a service and a timer; the service has one state after the other."""

    def __init__(self, *states: tuple[str, str, str, str], wants: str = "shop-mailer-1@b.service") -> None:
        """Remember the states, of which the last one lasts."""
        self.wants, self.asked = wants, 0
        self.states: Iterator[tuple[str, str, str, str]] = itertools.chain(states, itertools.repeat(states[-1]))

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Answer a command."""
        if command[0] == "journalctl":
            return 0, "ConnectionRefusedError: [Errno 111] Connection refused\n", ""
        assert command[:2] == ["systemctl", "show"]
        if "--property=Wants" in command:
            return 0, f"{self.wants} shop-purge@b.timer\n", ""
        assert command[-1] == "shop-mailer-1@b.service"
        self.asked += 1
        names = ("ActiveState", "SubState", "NRestarts", "ExecMainStatus")
        return 0, "".join(f"{name}={value}\n" for name, value in zip(names, next(self.states), strict=True)), ""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass without waiting for it."""
    now = itertools.count(step=0.5)
    monkeypatch.setattr(release_units.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(release_units.time, "sleep", lambda _: None)


@pytest.mark.usefixtures("clock")
def test_a_command_beside_a_release_that_still_runs_after_the_time_is_fine() -> None:
    for first in [("inactive", "dead", "0", "0"), ("activating", "start", "0", "0"), RUNS]:
        server = Beside(first, RUNS)
        release_units.watch(server.run, "shop@b.target", 5)
        assert server.asked > 5


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "state",
    [
        ("failed", "failed", "0", "1"),
        ("activating", "auto-restart", "0", "1"),
        ("active", "running", "1", "1"),  # it has ended and was started again in between
        ("deactivating", "stop-sigterm", "0", "1"),
    ],
)
def test_a_command_beside_a_release_that_ends_makes_the_release_unhealthy(state: tuple[str, str, str, str]) -> None:
    server = Beside(RUNS, RUNS, state)
    with pytest.raises(UnhealthyError, match=r"^shop-mailer-1@b\.service ended with 1$") as caught:
        release_units.watch(server.run, "shop@b.target", 5)
    assert server.asked == 3
    assert caught.value.words == "ConnectionRefusedError: [Errno 111] Connection refused"


@pytest.mark.usefixtures("clock")
def test_a_command_beside_a_release_that_never_comes_up_makes_it_unhealthy() -> None:
    with pytest.raises(UnhealthyError):
        release_units.watch(Beside(("inactive", "dead", "0", "0")).run, "shop@b.target", 5)


def test_a_target_with_timers_alone_is_not_waited_for() -> None:
    server, before = Beside(RUNS, wants=""), time.monotonic()
    release_units.watch(server.run, "shop@b.target", 60)
    assert server.asked == 0
    assert time.monotonic() - before < 30
