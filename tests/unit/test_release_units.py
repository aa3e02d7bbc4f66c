"""Instances of releases: asked for their health over a real socket, stopped when they have taken up what waits."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import release_units
from ansible_collections.foobar.webstack.plugins.module_utils.release_units import UnitError, Unwell

HEALTH = {"path": "/health", "headers": {"Host": "shop.example.com"}, "timeout": 30}
STOP = [
    ["systemctl", "disable", "--now", "shop@1.socket", "shop@1.service"],
    ["systemctl", "reset-failed", "shop@1.socket", "shop@1.service"],
]


class Server:
    """A systemd of which one command may fail, and a list of how many connections wait at a socket, look by look."""

    def __init__(self, fails: str = "", waiting: tuple[int, ...] = ()) -> None:
        """Remember what is to happen."""
        self.fails = fails
        self.waiting = list(waiting)
        self.commands: list[list[str]] = []

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Answer a command."""
        self.commands.append(command)
        if command[0] == "ss":
            waiting = self.waiting.pop(0) if self.waiting else 0
            return 0, f"u_str LISTEN {waiting}      4096   /run/shop/1.sock 64367 * 0\n", ""
        if command[0] == "journalctl":
            return 0, "ModuleNotFoundError: nothing\n", ""
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
        (status("301 Moved Permanently\r\nLocation: https://shop.example.com/"), "it answered 301"),
        (b"", "closed connection without response"),
        (b"no HTTP\r\n", "no HTTP"),
        (None, "timed out"),
    ],
)
def test_an_instance_that_is_not_well_is_stopped_and_its_last_words_are_kept(
    path: Path, answer: bytes | None, reason: str
) -> None:
    instance, server = Instance(path, answer), Server()
    # Of the others none is to be late.
    health = {**HEALTH, "timeout": 0.2 if answer is None else 30}
    with pytest.raises(Unwell, match=reason) as caught:
        release_units.start(server.run, "shop@1", path, health)
    assert instance.request != b""
    assert caught.value.words == "ModuleNotFoundError: nothing"
    assert server.commands[-2:] == STOP


def test_an_instance_without_a_socket_is_not_well(path: Path) -> None:
    with pytest.raises(Unwell, match="No such file"):
        release_units.start(Server().run, "shop@1", path, HEALTH)


def test_an_instance_that_does_not_start_is_not_asked_and_stopped(path: Path) -> None:
    server = Server(fails="enable")
    with pytest.raises(Unwell, match="Job for shop@1"):
        release_units.start(server.run, "shop@1", path, HEALTH)
    assert server.commands[-2:] == STOP


def test_an_instance_is_stopped_when_nobody_waits_at_its_socket_any_more(path: Path) -> None:
    server = Server(waiting=(2, 1, 0))
    release_units.finish(server.run, "shop@1", path)
    assert [command[0] for command in server.commands] == ["ss", "ss", "ss", "systemctl", "systemctl"]
    assert server.commands[-2:] == STOP


def test_an_instance_that_takes_up_nothing_is_stopped_all_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release_units, "PATIENCE", 0.1)
    server = Server(waiting=(1,) * 100)
    release_units.finish(server.run, "shop@1", path)
    assert server.commands[-2:] == STOP


def test_what_systemd_says_is_the_reason(path: Path) -> None:
    with pytest.raises(UnitError, match="Job for shop@1"):
        release_units.stop(Server(fails="disable").run, "shop@1")
