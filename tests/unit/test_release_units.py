"""Instances of releases: asked for their health over a real socket, stopped when they have taken up what waits."""

from __future__ import annotations

import itertools
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import release_units
from ansible_collections.foobar.webstack.plugins.module_utils.release_units import UnhealthyError, UnitError

HEALTH = {"path": "/health", "headers": {"Host": "shop.example.com"}, "timeout": 30}
STOP = [
    ["systemctl", "disable", "--now", "shop@1.socket", "shop@1.service"],
    ["systemctl", "reset-failed", "shop@1.socket", "shop@1.service"],
]


RUNS = {"ActiveState": "active", "SubState": "running", "Result": "success", "InvocationID": "one", "NRestarts": "0"}
ENDED = {
    **RUNS,
    **{"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code"},
    **{"ExecMainCode": "1", "ExecMainStatus": "3"},
}


class Server:
    """A systemd of which one command may fail, states of a service, and how many connections wait, look by look."""

    def __init__(
        self, *states: dict[str, str], fails: str = "", waiting: tuple[int, ...] = (), journal: str = ""
    ) -> None:
        """Remember what is to happen; the last state lasts."""
        self.fails, self.journal = fails, journal or "ModuleNotFoundError: nothing\n"
        self.waiting, self.states = list(waiting), list(states or [RUNS])
        self.commands: list[list[str]] = []

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Answer a command."""
        self.commands.append(command)
        if command[0] == "ss":
            waiting = self.waiting.pop(0) if self.waiting else 0
            return 0, f"u_str LISTEN {waiting}      4096   /run/shop/1.sock 64367 * 0\n", ""
        if command[0] == "journalctl":
            return 0, "" if "--sync" in command else self.journal, ""
        if command[1] == self.fails:
            return 1, "", "Job for shop@1.service failed.\n"
        if command[1] == "show":
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return 0, "".join(f"{name}={value}\n" for name, value in state.items()), ""
        return 0, "", ""


class Instance:
    """An application that gives one answer after the other, the last one for ever, or none (None)."""

    def __init__(self, path: Path, *answers: bytes | None) -> None:
        """Listen."""
        self.path, self.answers, self.requests = path, list(answers), list[bytes]()
        self.open: list[socket.socket] = []
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        """Answer requests, or leave their connections open."""
        while True:
            connection, _ = self.socket.accept()
            self.requests.append(connection.recv(4096))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if answer is None:
                self.open.append(connection)
            else:
                connection.sendall(answer)
                connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where an instance is to listen."""
    return tmp_path / "1.sock"


def status(line: str) -> bytes:
    return f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pause be long."""
    monkeypatch.setattr(release_units, "PAUSE", 0.02)


def test_an_instance_that_answers_is_well_and_was_asked_as_a_visitor_of_the_site(path: Path) -> None:
    instance, server = Instance(path, status("200 OK")), Server()
    release_units.start(server.run, "shop@1", path, HEALTH)
    (request,) = instance.requests
    assert request.startswith(b"GET /health HTTP/1.1\r\n")
    assert request.count(b"Host: ") == 1
    assert b"Host: shop.example.com\r\n" in request
    assert server.commands == [["systemctl", "enable", "--now", "shop@1.service"]]


@pytest.mark.usefixtures("quick")
def test_an_instance_that_warms_up_is_asked_again_until_it_is_well(path: Path) -> None:
    instance = Instance(path, b"", status("503 Loading"), status("500 Internal Server Error"), status("200 OK"))
    release_units.start(Server().run, "shop@1", path, HEALTH)
    assert len(instance.requests) == 4


@pytest.mark.usefixtures("quick")
def test_an_instance_whose_socket_comes_late_is_well(path: Path) -> None:
    timer = threading.Timer(0.1, lambda: Instance(path, status("200 OK")))
    timer.start()
    release_units.start(Server().run, "shop@1", path, HEALTH)
    timer.join()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status("404 Not Found"), "it answered 404"),
        (status("204 No Content"), "it answered 204"),
        (
            status("301 Moved Permanently\r\nLocation: https://shop.example.com/"),
            "it answered 301 and led to https://shop.example.com/",
        ),
        (b"no HTTP\r\n", "no HTTP"),
    ],
)
def test_an_answer_that_no_waiting_makes_better_is_the_last_one(path: Path, answer: bytes, reason: str) -> None:
    instance, server = Instance(path, answer), Server()
    with pytest.raises(UnhealthyError, match=f"^{re.escape(reason)}$") as caught:
        release_units.start(server.run, "shop@1", path, HEALTH)
    assert len(instance.requests) == 1
    assert caught.value.words == "ModuleNotFoundError: nothing"
    assert server.commands[-2:] == STOP


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status("500 Internal Server Error"), "it answered 500 for 0.2 s"),
        (b"", "Remote end closed connection without response for 0.2 s"),
        (None, "no answer within 0.2 s"),
    ],
)
def test_an_instance_that_does_not_get_well_in_time_is_stopped_and_its_last_words_are_kept(
    path: Path, answer: bytes | None, reason: str
) -> None:
    Instance(path, answer)
    server = Server()
    with pytest.raises(
        UnhealthyError, match=f"^{reason}; if it needs longer, raise health_timeout of the app"
    ) as caught:
        release_units.start(server.run, "shop@1", path, {**HEALTH, "timeout": 0.2})
    assert caught.value.words == "ModuleNotFoundError: nothing"
    assert server.commands[-2:] == STOP


TO_HTTPS = status("301 Moved Permanently\r\nLocation: https://shop.example.com/health")


def test_a_page_that_leads_to_itself_by_https_is_asked_as_one_that_a_visitor_asks_by_https(path: Path) -> None:
    instance = Instance(path, TO_HTTPS, status("200 OK"))
    release_units.start(Server().run, "shop@1", path, HEALTH)
    assert [b"X-Forwarded-Proto: https\r\n" in request for request in instance.requests] == [False, True]


def test_a_page_that_leads_to_itself_for_ever_is_not_well_and_is_told_what_to_heed(path: Path) -> None:
    instance = Instance(path, TO_HTTPS)
    with pytest.raises(UnhealthyError, match="it is to take the scheme from X-Forwarded-Proto"):
        release_units.start(Server().run, "shop@1", path, HEALTH)
    assert len(instance.requests) == 2


@pytest.mark.usefixtures("quick")
def test_an_instance_that_ends_is_not_waited_for_and_names_its_exception(path: Path) -> None:
    journal = (
        "Traceback (most recent call last):\n  import nothing\nModuleNotFoundError: No module named 'nothing'\n"
        "shop@1.service: Main process exited, code=exited, status=3/NOTIMPLEMENTED\n"
    )
    server, before = Server(RUNS, ENDED, journal=journal), time.monotonic()
    Instance(path, None)
    reason = r"^it ended with status 3 \(activating, exit-code\): ModuleNotFoundError: No module named 'nothing'$"
    with pytest.raises(UnhealthyError, match=reason) as caught:
        release_units.start(server.run, "shop@1", path, HEALTH)
    assert time.monotonic() - before < 10
    assert caught.value.words == journal.strip()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({**RUNS, "InvocationID": "two"}, "it ended (active, success)"),
        (
            {**ENDED, "ActiveState": "failed", "Result": "signal", "ExecMainCode": "2", "ExecMainStatus": "31"},
            "it was ended by SIGSYS (failed, signal)",
        ),
        ({**ENDED, "Result": "oom-kill", "ExecMainCode": "2", "ExecMainStatus": "9"}, "it was ended by SIGKILL"),
    ],
)
def test_how_an_instance_has_ended_is_said(path: Path, state: dict[str, str], reason: str) -> None:
    Instance(path, status("503 Loading"))
    with pytest.raises(UnhealthyError, match=f"^{re.escape(reason)}"):
        release_units.start(Server(RUNS, state).run, "shop@1", path, HEALTH)


def test_an_instance_that_does_not_start_is_not_asked_and_stopped(path: Path) -> None:
    server = Server(fails="enable")
    with pytest.raises(UnhealthyError, match="Job for shop@1"):
        release_units.start(server.run, "shop@1", path, HEALTH)
    assert server.commands[-2:] == STOP


def test_an_instance_that_ends_before_it_is_ready_says_how(path: Path) -> None:
    with pytest.raises(UnhealthyError, match=r"^it ended with status 3 \(activating, exit-code\)$"):
        release_units.start(Server(ENDED, fails="enable").run, "shop@1", path, HEALTH)


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


@pytest.mark.usefixtures("quick")
def test_the_last_words_are_those_of_this_try_and_of_no_other_life(path: Path) -> None:
    Instance(path, None)
    server, before = Server(RUNS, {**RUNS, "InvocationID": "two"}), time.time()
    with pytest.raises(UnhealthyError):
        release_units.start(server.run, "shop@1", path, HEALTH)
    sync, journal = [command for command in server.commands if command[0] == "journalctl"]
    assert "--sync" in sync
    assert journal[-3:] == ["_SYSTEMD_INVOCATION_ID=one", "+", "INVOCATION_ID=one"]
    (since,) = [float(option.removeprefix("--since=@")) for option in journal if option.startswith("--since=@")]
    # The journal takes milliseconds.
    assert before - 0.002 <= since <= time.time()


BESIDE = ["shop-mailer-1@b.service", "shop-purge@b.timer"]


class Beside(Server):
    """A systemd with a service beside a release, which has one state after the other."""

    def __init__(self, *states: dict[str, str]) -> None:
        """Remember the states, of which the last one lasts."""
        super().__init__(*states, journal="ConnectionRefusedError: [Errno 111] Connection refused\n")
        self.asked = 0

    def run(self, command: list[str]) -> tuple[int, str, str]:
        """Answer a command."""
        self.asked += command[-1] == "shop-mailer-1@b.service"
        return super().run(command)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let time pass without waiting for it."""
    now = itertools.count(step=0.5)
    monkeypatch.setattr(release_units.time, "monotonic", lambda: next(now))
    monkeypatch.setattr(release_units.time, "sleep", lambda _: None)


@pytest.mark.usefixtures("clock")
def test_a_command_beside_a_release_that_still_runs_after_the_time_is_fine() -> None:
    for first in [
        {"ActiveState": "inactive", "SubState": "dead"},
        # It was stopped before, as one that ended by itself is.
        {"ActiveState": "inactive", "SubState": "dead", "InvocationID": "of its last life"},
        {"ActiveState": "activating"},
        {},
    ]:
        server = Beside({**RUNS, **first}, RUNS)
        release_units.watch(server.run, BESIDE, 5)
        assert server.asked > 5


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("state", "how"),
    [
        ({**ENDED, "ActiveState": "failed", "SubState": "failed"}, "ended with status 3 (failed, exit-code)"),
        (ENDED, "ended with status 3 (activating, exit-code)"),
        # It has ended and was started again in between.
        ({**RUNS, "NRestarts": "1"}, "ended (active, success)"),
        ({**RUNS, "InvocationID": "two"}, "ended (active, success)"),
        ({**RUNS, "ActiveState": "deactivating"}, "ended (deactivating, success)"),
        # It was up, and nothing starts it again.
        ({**RUNS, "ActiveState": "inactive", "SubState": "dead"}, "ended (inactive, success)"),
    ],
)
def test_a_command_beside_a_release_that_ends_makes_the_release_unhealthy(state: dict[str, str], how: str) -> None:
    server = Beside(RUNS, RUNS, state)
    with pytest.raises(UnhealthyError, match=f"^shop-mailer-1@b.service {re.escape(how)}$") as caught:
        release_units.watch(server.run, BESIDE, 5)
    assert server.asked == 3
    assert caught.value.words == "ConnectionRefusedError: [Errno 111] Connection refused"


@pytest.mark.usefixtures("clock")
def test_a_command_beside_a_release_that_never_comes_up_makes_it_unhealthy() -> None:
    with pytest.raises(UnhealthyError):
        release_units.watch(Beside({**RUNS, "ActiveState": "inactive"}).run, BESIDE, 5)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(("since", "asked"), [(0, "--since=@0.000"), (100.5, "--since=@100.499")])
def test_what_a_life_that_had_begun_before_has_said_counts_where_it_is_to(since: float, asked: str) -> None:
    server = Beside(ENDED)
    with pytest.raises(UnhealthyError):
        release_units.watch(server.run, BESIDE, 5, since=since)
    assert asked in server.commands[-1]


def test_timers_alone_are_not_waited_for() -> None:
    server, before = Beside(RUNS), time.monotonic()
    release_units.watch(server.run, ["shop-purge@b.timer"], 60)
    assert server.asked == 0
    assert time.monotonic() - before < 30
