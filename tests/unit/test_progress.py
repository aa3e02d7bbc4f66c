"""What a build or a migration says last, read on its server while it runs."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.plugin_utils import progress
from ansible_collections.foobar.webstack.plugins.plugin_utils.last_lines import show

from tests import calls, playbook


@pytest.mark.parametrize(
    ("output", "line"),
    [
        ("one\ntwo\n\n", "two"),
        ("10 %\r20 %\r\n", "20 %"),
        ("\x1b[32mDone\x1b[0m\x1b[2K \x1b]0;title\x07", "Done"),
        ("", ""),
    ],
    ids=["lines", "bar", "colours", "nothing"],
)
def test_the_last_line_is_the_last_that_says_something(output: str, line: str) -> None:
    assert progress.last_line(output) == line


def printed(command: str) -> str:
    """Return what a server's shell prints at a command that succeeds."""
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True).stdout


def test_the_end_of_a_log_is_read_however_long_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "logs", lambda app: f"{tmp_path}/{app} of ours")
    folder = tmp_path / "shop of ours"
    assert printed(progress.end_of_log("shop", "r1")) == ""
    folder.mkdir()
    (folder / "r1.log").write_text("x" * 100_000 + "\nDone\n")
    output = printed(progress.end_of_log("shop", "r1"))
    assert len(output) == 1000
    assert progress.last_line(output) == "Done"


def test_the_size_is_that_of_the_dump_which_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "dumps", lambda app: f"{tmp_path}/{app}")
    folder = tmp_path / "shop"
    assert printed(progress.size_of_dump("shop")) == ""
    folder.mkdir()
    (folder / "old.sql.gz").write_bytes(b"x")
    assert printed(progress.size_of_dump("shop")) == ""
    (folder / "z.sql.gz.part").write_bytes(b"x")
    os.utime(folder / "z.sql.gz.part", (1, 1))
    (folder / "a.sql.gz.part").write_bytes(b"x" * 3 * 2**20)
    assert printed(progress.size_of_dump("shop")) == f"3.0M\t{folder}/a.sql.gz.part\n"


class Action:
    """An action of a task, on a server that prints one answer after the other."""

    def __init__(self, *answers: str, transport: str = "ssh", no_log: bool = False) -> None:
        """Begin with no question asked."""
        self._task = SimpleNamespace(no_log=no_log, delegate_to=None)
        self._connection = SimpleNamespace(transport=transport, become=object())
        self.answers, self.asked = list(answers), list[Any]()

    def _low_level_execute_command(self, command: str) -> dict[str, str]:
        """Answer; where there is no answer left, the server is lost."""
        self.asked.append((command, self._connection))
        if not self.answers:
            raise AnsibleConnectionFailure("lost")
        return {"stdout": self.answers.pop(0)}

    def run(self, seconds: float = 10.0) -> None:
        """Run its task until the server is lost, or for some seconds."""
        action: Any = self
        others = threading.active_count()
        with progress.shown(action, "shop", "tail log", {"inventory_hostname": "web01"}):
            deadline = time.monotonic() + seconds
            while threading.active_count() > others and time.monotonic() < deadline:
                time.sleep(0.01)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return what the callback is told, which asks for it without a pause."""
    told = list[str]()
    monkeypatch.setattr(progress, "PAUSE", 0.0)
    monkeypatch.setattr(Display(), "display", lambda text, **_: told.append(text))
    progress.is_wanted.set()
    yield told
    progress.is_wanted.clear()


def test_each_other_line_is_told_once_and_a_lost_server_ends_nothing_but_that(told: list[str]) -> None:
    action = Action("$ build\n", "$ build\n", "Done\n", "")
    action.run()
    assert told == ["shop on web01: $ build", "shop on web01: Done", ""]
    assert len(action.asked) == 5


def test_the_task_s_own_connection_is_left_alone(told: list[str]) -> None:
    action = Action("$ build")
    action.run()
    command, connection = action.asked[0]
    assert command == "tail log"
    assert connection.transport == "ssh"
    assert connection is not action._connection
    assert connection.become is not action._connection.become


@pytest.mark.parametrize("action", [Action("x", no_log=True), Action("x", transport="winrm")], ids=["hidden", "other"])
def test_nothing_is_asked_of_a_task_that_hides_what_it_does_or_has_one_channel(told: list[str], action: Action) -> None:
    action.run(0.1)
    assert (told, action.asked) == ([], [])


def test_nothing_is_asked_where_nobody_watches(told: list[str]) -> None:
    progress.is_wanted.clear()
    action = Action("x")
    action.run(0.1)
    assert action.asked == []


def test_a_task_does_not_wait_for_an_answer_that_does_not_come(
    told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    action, is_asked, is_answered = Action(), threading.Event(), threading.Event()

    def hang(command: str) -> dict[str, str]:
        is_asked.set()
        is_answered.wait(60)
        return {"stdout": "late"}

    monkeypatch.setattr(action, "_low_level_execute_command", hang)
    called: Any = action
    others = threading.active_count()
    with progress.shown(called, "shop", "tail log", {"inventory_hostname": "web01"}):
        assert is_asked.wait(60)
    assert not is_answered.is_set()
    is_answered.set()
    playbook.wait_for(lambda: threading.active_count() == others)
    assert told == []


@pytest.mark.parametrize(("no_log", "said"), [(False, ["What it said last:\n    canary"]), (True, [])])
def test_what_a_failed_command_said_last_is_shown_unless_it_is_to_be_hidden(
    told: list[str], no_log: bool, said: list[str]
) -> None:
    assert show({"failed": True, "last_lines": ["canary"]}, no_log) == {"failed": True}
    assert told == said


@pytest.mark.parametrize("name", ["release_command", "release_dump"])
def test_a_task_without_an_app_is_refused_by_the_words_of_its_module(name: str) -> None:
    refused = calls.action(name, {})
    assert refused["failed"]
    assert refused["msg"].startswith("missing required arguments: app")


PLAY = """
- name: Servers
  hosts: all
  gather_facts: false
  tasks:
    - {name: Build, slow: {}}
"""
# Its log grows with each question; it ends when it has been asked three times.
SLOW = """
import time
from pathlib import Path

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import progress

class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        progress.PAUSE = 0.1
        log = Path(task_vars["playbook_dir"], "log")
        is_watched = progress.is_wanted.is_set()
        command = f"echo Collecting >> {log}; printf '\\033[2Jdjango\\n'"
        with progress.shown(self, "shop", command, task_vars):
            while is_watched and len(log.read_text().split() if log.exists() else []) < 3:
                time.sleep(0.05)
        return {"changed": True}
"""


def on_terminal(command: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command on a terminal of 80 columns; return its status and what the terminal is sent."""
    ours, theirs = pty.openpty()
    settings = {**os.environ, **playbook.ENVIRONMENT, "TERM": "xterm", "COLUMNS": "80", **environment}
    process = subprocess.Popen(command, env=settings, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    sent = b""
    # Linux ends a terminal whose last process has ended by an error.
    try:
        while piece := os.read(ours, 65536):
            sent += piece
    except OSError:
        pass
    os.close(ours)
    return process.wait(), sent.decode()


def test_a_run_on_a_terminal_shows_it_and_another_one_asks_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "action_plugins").mkdir()
    (tmp_path / "action_plugins/slow.py").write_text(SLOW)
    (tmp_path / "site.yml").write_text(PLAY)
    environment = {
        "ANSIBLE_STDOUT_CALLBACK": "foobar.webstack.steps",
        "ANSIBLE_STEPS_LOG_FOLDER": str(tmp_path / "logs"),
    }
    command = playbook.command(tmp_path / "site.yml", "--connection=local", inventory="web01,")

    finished = playbook.run(command, environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert not (tmp_path / "log").exists()
    assert not set("\r\x1b") & set(finished.stdout)

    status, sent = on_terminal(command, environment)
    assert status == 0, sent
    assert re.search(r"Build \(\d+ s\)\r\n  shop on web01: django\x1b\[A", sent)
    assert "\x1b[2J" not in sent
    left = sent.replace("\r\n", "\n").rpartition("\r\x1b[J")[2].splitlines()
    assert left[0].split() == ["Servers", *left[0].split()[1:3], "1", "changed"]
    assert "django" not in "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
