"""A run as somebody sees it who waits for it: a line for each step, what went wrong in full, and a log of the rest."""

from __future__ import annotations

import atexit
import configparser
import os
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible import context
from ansible.executor.stats import AggregateStats
from ansible.inventory.host import Host
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.loader import callback_loader
from ansible.utils.context_objects import CLIArgs
from ansible.utils.display import Display
from ansible.vars.manager import VariableManager
from ansible_collections.foobar.webstack.plugins.callback import steps
from ansible_collections.foobar.webstack.plugins.plugin_utils import run_logs, screens

from tests import playbook

PLAY = """
name: Servers
hosts: all
gather_facts: false
tasks:
  - {name: Ping, ansible.builtin.ping: {}}
  - {name: Say, ansible.builtin.debug: {msg: said}}
  - name: Shop
    ansible.builtin.import_role: {name: shop}
  - name: Guarded
    block:
      - {name: Try, ansible.builtin.command: "false"}
    rescue:
      - {name: Mend, ansible.builtin.command: "true"}
  - {name: Loop, ansible.builtin.command: "{{ item }}", loop: [one, two]}
"""
ROLE = """
- {name: install | Install, ansible.builtin.apt: {name: shop}}
- {name: install | Configure, ansible.builtin.copy: {content: x, dest: /x}}
"""


def tasks_of(blocks: list[Any]) -> Iterator[Any]:
    """Yield the tasks of blocks in their order."""
    for block in blocks:
        parts = [block.block, block.rescue, block.always] if isinstance(block, Block) else []
        yield from (task for part in parts for task in tasks_of(part))
        if isinstance(block, Task):
            yield block


@dataclass
class Result:
    """What Ansible tells of a task on a host."""

    host: Host
    task: Task
    task_name: str
    result: dict[str, Any]
    exception = None
    warnings = deprecations = ()

    def is_changed(self) -> bool:
        """Say whether it has changed something."""
        return bool(self.result.get("changed"))


class Run:
    """A run of one play, whose events come as from Ansible; its time is told by the test."""

    def __init__(self, folder: Path, values: str = PLAY) -> None:
        """Load the play, with the role shop, and the callback."""
        (folder / "roles/shop/tasks").mkdir(parents=True)
        (folder / "roles/shop/tasks/main.yml").write_text(ROLE)
        self.folder, self.now = folder, 0.0
        self.loader = DataLoader()
        self.loader.set_basedir(str(folder))
        self.play = Play.load(yaml.safe_load(values), loader=self.loader, variable_manager=VariableManager(self.loader))
        self.tasks = {task.name: task for task in tasks_of(self.play.compile()) if task.name}
        self.callback = callback_loader.get("foobar.webstack.steps")
        self.callback.set_options(direct={"log_folder": str(folder / "logs")})

    def send(self, event: str, *arguments: Any, **options: Any) -> None:
        """Send an event as Ansible does."""
        first = arguments[0] if arguments else None
        self.callback._current_task_result = first if isinstance(first, Result) else None
        getattr(self.callback, f"v2_{event}")(*arguments, **options)
        self.callback._current_task_result = None

    def start(self) -> None:
        """Begin with the playbook and its play."""
        book = Playbook(self.loader)
        book._file_name = str(self.folder / "site.yml")
        self.send("playbook_on_start", book)
        self.send("playbook_on_play_start", self.play)

    def task(self, name: str, seconds: float = 0.0) -> None:
        """Begin a task, which takes some seconds."""
        self.send("playbook_on_task_start", self.tasks[name], is_conditional=False)
        self.now += seconds

    def result(self, event: str, name: str, host: str = "web01", /, *, ignore: bool | None = None, **data: Any) -> None:
        """End a task on a host."""
        options = {} if ignore is None else {"ignore_errors": ignore}
        self.send(event, Result(Host(host), self.tasks[name], name, data), **options)

    def recap(self, **failures: int) -> None:
        """End the run, after failures of hosts."""
        stats = AggregateStats()
        stats.increment("ok", "web01")
        for host, number in failures.items():
            stats.processed[host] = 1
            stats.failures[host] = number
        self.send("playbook_on_stats", stats)

    @property
    def log(self) -> str:
        """Return what the log file has."""
        (path,) = (self.folder / "logs").iterdir()
        return path.read_text()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return a run, after which the display is everybody's again."""
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("site.yml",), "check": False}))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(Display(), "columns", 79)
    run = Run(tmp_path)
    monkeypatch.setattr("time.monotonic", lambda: run.now)
    yield run
    run.callback.leave()
    atexit.unregister(run.callback.leave)


@pytest.fixture
def terminal(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a run on a terminal."""
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)
    monkeypatch.setenv("TERM", "xterm")
    return run


def lines(output: str) -> list[str]:
    """Return the lines that remain on a terminal, without stars and spaces at their ends."""
    return [line.rpartition(screens.CLEAR)[2].rstrip(" *") for line in output.removesuffix("\n").split("\n")]


def test_a_step_is_a_role_as_the_playbook_calls_it_or_the_play(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Ping", 1.5)
    run.result("runner_on_ok", "Ping")
    for name, seconds in (("install | Install", 15), ("install | Configure", 2.25)):
        run.task(name, seconds)
        run.result("runner_on_ok", name, changed=True)
    run.task("Try")
    run.result("runner_on_ok", "Try")
    run.recap()
    assert lines(capsys.readouterr().out)[:3] == [
        "Servers                            1.5 s",
        "Shop                              17.2 s   2 changed",
        "Servers                            0.0 s",
    ]


def test_an_included_role_is_a_step_from_its_include_on(tmp_path: Path) -> None:
    values = (
        "{name: Servers, hosts: all, tasks: [{name: Shop, include_role: {name: shop}}, {include_role: {name: shop}}]}"
    )
    run = Run(tmp_path, values)
    named, unnamed = tasks_of(run.play.compile()[1:2])
    assert steps.step_name(named, run.play) == "Shop"
    assert steps.step_name(unnamed, run.play) == "shop"
    blocks, _ = unnamed.get_block_list(play=run.play, variable_manager=VariableManager(run.loader), loader=run.loader)
    (first, *_) = tasks_of(blocks)
    assert steps.step_name(first, run.play) == "shop"


def test_the_hosts_of_a_play_without_an_order_have_one_step(tmp_path: Path) -> None:
    run = Run(tmp_path, PLAY.replace("hosts: all", "hosts: all\nstrategy: free"))
    assert steps.step_name(run.tasks["install | Install"], run.play) == "Servers"


def test_a_step_that_only_skips_has_no_line(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Ping")
    run.result("runner_on_skipped", "Ping", skipped=True)
    run.recap()
    assert "Servers" not in capsys.readouterr().out


def test_a_debug_is_said_once_below_its_step(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Say")
    for host in ("web01", "web02"):
        run.result("runner_on_ok", "Say", host, msg="All is\nwell.", _ansible_verbose_always=True)
    run.recap()
    assert lines(capsys.readouterr().out)[:4] == [
        "Servers                            0.0 s",
        "  All is",
        "  well.",
        "",
    ]


def test_hosts_that_say_different_things_are_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Say")
    for host, text in (("web01", "old"), ("web02", "new"), ("web03", "old")):
        run.result("runner_on_ok", "Say", host, msg=text)
    run.recap()
    assert lines(capsys.readouterr().out)[1:3] == ["  web01, web03: old", "  web02: new"]


def test_a_debug_of_a_variable_and_of_a_list_can_be_read(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Say")
    run.result("runner_on_ok", "Say", changed=False, release={"id": "r1", "live": True})
    run.task("Say")
    run.result("runner_on_ok", "Say", msg=["one", "two"])
    run.recap()
    assert lines(capsys.readouterr().out)[1:6] == ["  release:", "      id: r1", "      live: true", "  one", "  two"]


@pytest.mark.parametrize(
    ("label", "msg", "said"),
    [
        ("board", "one\ntwo", ["  board:", "    one", "    two"]),
        ("board", "one", ["  board: one"]),
        ("board", "board", ["  board"]),
        (8080, "open", ["  8080: open"]),
        ({"name": "board"}, "one", ["  one"]),
    ],
    ids=["table", "line", "itself", "number", "mapping"],
)
def test_what_a_loop_says_stands_below_the_label_of_its_item(
    run: Run, capsys: pytest.CaptureFixture[str], label: object, msg: str, said: list[str]
) -> None:
    run.start()
    run.task("Say")
    run.result("runner_item_on_ok", "Say", item="x", msg=msg, _ansible_item_label=label)
    run.recap()
    assert lines(capsys.readouterr().out)[1 : len(said) + 2] == [*said, ""]


def test_a_hidden_debug_says_nothing(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Say")
    run.result("runner_on_ok", "Say", censored="the output has been hidden")
    run.recap()
    assert "censored" not in capsys.readouterr().out


def test_each_host_that_fails_is_shown_in_full_under_one_title(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("install | Install", 3)
    run.result("runner_on_ok", "install | Install", "web01", changed=True)
    run.result("runner_on_failed", "install | Install", "web02", msg="No space left.", stderr="disk full")
    run.result("runner_on_failed", "install | Install", "web03", msg="No network.")
    run.recap(web02=1, web03=1)
    out = lines(capsys.readouterr().out)
    assert out[:10] == [
        "Shop                               3.0 s   1 changed   2 failed",
        "",
        "TASK [shop : install | Install]",
        "fatal: [web02]: FAILED! =>",
        "    msg: No space left.",
        "    stderr: disk full",
        "fatal: [web03]: FAILED! =>",
        "    msg: No network.",
        "",
        "PLAY RECAP",
    ]
    assert "changed: [web01]" in run.log


def test_a_loop_that_fails_is_shown_with_its_items(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Loop")
    run.result("runner_item_on_ok", "Loop", item="one")
    run.result("runner_item_on_failed", "Loop", item="two", msg="No two.")
    run.result("runner_on_failed", "Loop", results=[{"item": "one"}, {"item": "two", "failed": True}])
    out = capsys.readouterr().out
    assert out == ""
    run.recap(web01=1)
    out = capsys.readouterr().out
    assert "ok: [web01] => (item=one)" in out
    assert out.count("No two.") == 1
    assert "1 failed" in out


def test_a_failure_that_is_taken_care_of_is_a_sentence(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Try")
    run.result("runner_on_failed", "Try", msg="No space left.")
    run.task("Ping")
    run.result("runner_on_failed", "Ping", msg="No answer.", ignore=True)
    run.task("Mend")
    run.result("runner_on_failed", "Mend", msg="No help.")
    run.recap(web01=1)
    out = lines(capsys.readouterr().out)
    assert out[:3] == [
        "Servers                            0.0 s   1 failed",
        "  web01: Try failed, which the playbook rescues.",
        "  web01: Ping failed, which the playbook ignores.",
    ]
    assert "No space left." not in "".join(out)
    assert "No help." in "".join(out)
    assert {"No space left.", "No answer.", "No help."} <= set(re.findall(r"msg: (.*)", run.log))


def test_a_host_out_of_reach_is_shown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Ping")
    run.result("runner_on_unreachable", "Ping", msg="Connection refused", unreachable=True)
    run.recap()
    out = capsys.readouterr().out
    assert "1 unreachable" in out
    assert "fatal: [web01]: UNREACHABLE! =>" in out


def test_differences_are_shown_with_their_host_and_task(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("install | Configure")
    differences = {"before": "old\n", "after": "new\n"}
    run.result("on_file_diff", "install | Configure", changed=True, diff=differences)
    run.result("runner_on_ok", "install | Configure", changed=True)
    run.recap()
    out = capsys.readouterr().out
    assert "web01: install | Configure\n--- before\n+++ after\n" in out
    assert "-old\n+new\n" in out


def test_warnings_and_what_actions_display_are_shown_and_logged(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Ping")
    Display().warning("Mind the gap.")
    Display().display("What it said last:")
    run.recap()
    shown = capsys.readouterr()
    assert "[WARNING]: Mind the gap." in shown.err
    assert "What it said last:" in shown.out
    assert "[WARNING]: Mind the gap.\nWhat it said last:\n" in run.log


def test_the_recap_has_ansible_s_words_and_the_path_of_the_log(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("Ping")
    run.result("runner_on_ok", "Ping")
    run.recap(web02=1)
    out = capsys.readouterr().out
    assert re.search(r"^web01 +: ok=1 +changed=0 +unreachable=0 +failed=0 ", out, re.MULTILINE)
    assert re.search(r"^web02 +: ok=0 +changed=0 +unreachable=0 +failed=1 ", out, re.MULTILINE)
    (path,) = (run.folder / "logs").iterdir()
    assert out.endswith(f"\nLog: {path}\n")
    assert re.fullmatch(r"site-\d{4}-\d\d-\d\dT\d{6}\.log", path.name)


def test_several_playbooks_have_one_recap_unless_one_fails(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("one.yml", "two.yml", "three.yml"), "check": False}))
    run.start()
    run.recap()
    assert "PLAY RECAP" not in capsys.readouterr().out
    run.start()
    run.recap(web01=1)
    assert capsys.readouterr().out.count("PLAY RECAP") == 1
    assert run.log.count("PLAY RECAP") == 2


def test_a_dry_run_says_so(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(context, "CLIARGS", CLIArgs({"args": ("site.yml",), "check": True}))
    run.start()
    run.recap()
    out = lines(capsys.readouterr().out)
    assert out[0] == "This is a dry run: nothing is changed."
    assert "This was a dry run: nothing has been changed." in out


def test_without_a_terminal_there_is_nothing_to_redraw(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.start()
    run.task("install | Install", 60)
    run.callback._screen.draw()
    assert capsys.readouterr().out == ""
    run.result("runner_on_ok", "install | Install")
    run.recap()
    assert not set("\r\x1b") & set(capsys.readouterr().out)


def test_a_terminal_shows_the_task_that_runs_and_its_seconds(terminal: Run, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.start()
    terminal.task("install | Install", 12)
    terminal.result("runner_on_ok", "install | Install", changed=True)
    terminal.task("install | Configure", 5)
    terminal.callback._screen.draw()
    out = capsys.readouterr().out
    assert "\n" not in out
    assert lines(out) == ["Shop                                17 s   install | Configure (5 s)"]
    terminal.result("runner_on_ok", "install | Configure", changed=True)
    terminal.recap()
    assert lines(capsys.readouterr().out)[0] == "Shop                              17.0 s   2 changed"


def test_on_a_terminal_a_line_is_redrawn_while_a_task_runs(terminal: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "REDRAWN", 0.01)
    terminal.start()
    terminal.task("install | Install", 7)
    drawn = threading.Event()
    monkeypatch.setattr(terminal.callback._screen, "draw", drawn.set)
    assert drawn.wait(60)


def test_on_a_terminal_a_task_s_last_words_stand_below_its_line_until_it_ends(
    terminal: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.start()
    terminal.task("install | Install", 12)
    Display().display("shop on web01: Col\x1blecting \ud800 " + "x" * 90, screen_only=True, newline=False)
    drawn, below = capsys.readouterr().out.removesuffix(screens.UP).split("\n")
    assert lines(drawn) == ["Shop                                12 s   install | Install (12 s)"]
    assert below.startswith("  shop on web01: Col lecting   xxx")
    assert len(below) == 79
    terminal.task("install | Configure")
    assert lines(capsys.readouterr().out) == ["Shop                                12 s   install | Configure (0 s)"]
    assert "Col" not in terminal.log


def test_on_a_terminal_what_a_step_says_is_seen_at_once(terminal: Run, capsys: pytest.CaptureFixture[str]) -> None:
    terminal.start()
    terminal.task("Say", 1)
    terminal.result("runner_on_ok", "Say", msg="Waiting for dpkg.")
    terminal.task("Ping", 30)
    assert lines(capsys.readouterr().out) == [
        "Servers",
        "  Waiting for dpkg.",
        "Servers                              1 s   Ping (0 s)",
    ]
    terminal.result("runner_on_ok", "Ping")
    terminal.recap()
    assert lines(capsys.readouterr().out)[0] == "Servers                           31.0 s"


@pytest.mark.parametrize(
    ("name", "kept"),
    [("x" * 90, 30), ("\u5927" * 90, 15), ("a\nb\x1b[2J", 7)],
    ids=["long", "wide", "unprintable"],
)
def test_a_line_that_is_redrawn_stays_one_line(terminal: Run, name: str, kept: int) -> None:
    step = screens.Step("Servers", began=0, task=name)
    line = step.running(0, 79)
    assert len(line.partition(" s   ")[2].removesuffix(" (0 s)")) == kept
    assert line.isprintable()


def test_an_interrupted_step_ends_its_line_and_the_log_is_told(
    terminal: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal.start()
    terminal.task("install | Install", 4)
    Display().error("User interrupted execution")
    terminal.callback.leave()
    shown = capsys.readouterr()
    out = lines(shown.out)
    assert out[0] == "Shop"
    assert "[ERROR]: User interrupted execution" in shown.err
    assert out[1] == "Shop                               4.0 s   not finished: install | Install"
    assert out[2].startswith("Log: ")
    assert "[ERROR]: User interrupted execution" in terminal.log


def test_verbose_runs_show_all_that_ansible_says(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(Display(), "verbosity", 1)
    run.start()
    run.task("Say")
    run.result("runner_on_ok", "Say", msg="said")
    run.task("Ping")
    run.result("runner_on_failed", "Ping", msg="No answer.")
    run.recap(web01=1)
    out = capsys.readouterr().out
    for words in ("PLAY [Servers]", "TASK [Say]", "msg: said", "msg: No answer.", "PLAY RECAP"):
        assert out.count(words) == 1
    assert "Servers                            0.0 s   1 failed" in out


def test_the_log_is_for_its_owner_and_has_no_colours(run: Run) -> None:
    run.start()
    Display().display("\x1b[0;31mred\x1b[0m")
    (path,) = (run.folder / "logs").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert "\nred\n" in run.log


def test_a_folder_keeps_the_last_logs_and_what_is_no_log(tmp_path: Path) -> None:
    (tmp_path / "other.log").touch()
    for day in range(1, 28):
        run_logs.create(tmp_path, "site", datetime(2026, 1, day))
        os.utime(tmp_path / f"site-2026-01-{day:02}T000000.log", (day, day))
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["other.log", *[f"site-2026-01-{day:02}T000000.log" for day in range(8, 28)]]


def test_two_runs_of_one_second_have_a_log_each(tmp_path: Path) -> None:
    for word in ("one", "two"):
        run_logs.write(run_logs.create(tmp_path, "site", datetime(2026, 1, 1)), word)
    assert (tmp_path / "site-2026-01-01T000000.log").read_text() == "one\n"
    assert (tmp_path / "site-2026-01-01T000000.2.log").read_text() == "two\n"


def test_a_run_without_a_place_for_its_log_goes_on(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    (run.folder / "logs").touch()
    run.start()
    run.task("Ping")
    run.result("runner_on_ok", "Ping")
    run.recap()
    shown = capsys.readouterr()
    assert "This run has no log file:" in shown.err
    assert "Servers" in shown.out
    assert "Log:" not in shown.out


REAL = """
- name: Servers
  hosts: all
  gather_facts: false
  tasks:
    - {name: Say, ansible.builtin.debug: {msg: All is well.}}
    - {name: Skip, ansible.builtin.debug: {msg: never}, when: false}
    - {name: Change, ansible.builtin.set_fact: {one: 1}, changed_when: true, notify: Handle}
    - name: Guarded
      block:
        - {name: Try, ansible.builtin.assert: {that: false}}
      rescue:
        - {name: Mend, ansible.builtin.set_fact: {two: "{{ item }}"}, loop: [one, two]}
    - {name: Fail, ansible.builtin.fail: {msg: No space left.}, when: inventory_hostname == 'web02'}
  handlers:
    - {name: Handle, ansible.builtin.set_fact: {three: 3}}
"""


def test_the_log_of_a_run_is_what_the_default_callback_prints(tmp_path: Path) -> None:
    book = tmp_path / "site.yml"
    book.write_text(REAL)
    command = playbook.command(book, "--connection=local", "--forks=1", inventory="web01,web02,")
    printed = playbook.run(command)
    told = {
        "ANSIBLE_STDOUT_CALLBACK": "foobar.webstack.steps",
        "ANSIBLE_STEPS_LOG_FOLDER": str(tmp_path / "logs"),
    }
    shown = playbook.run(command, told)
    assert shown.returncode == printed.returncode == 2
    (path,) = (tmp_path / "logs").iterdir()
    assert path.read_text() == printed.stdout
    assert shown.stdout.count("All is well.") == 1
    failure = printed.stdout.partition("\nTASK [Fail]")[2].partition("\n\nRUNNING HANDLER")[0]
    assert "No space left." in failure
    assert shown.stdout.count(failure) == 1
    assert shown.stderr == ""
    assert shown.stdout.splitlines()[-1] == f"Log: {path}"


HIDDEN = """
- name: Servers
  hosts: all
  gather_facts: false
  no_log: true
  tasks:
    - {name: Say, ansible.builtin.debug: {msg: "{{ secret }}"}}
    - {name: Loop, ansible.builtin.debug: {msg: "{{ item }}"}, loop: ["{{ secret }}"]}
    - {name: Run, ansible.builtin.command: "echo {{ secret }}"}
    # Not rescued: the callback has other words for a failure that is ignored, and both must hide it.
    - {name: Fail, ansible.builtin.command: "ls /{{ secret }}", ignore_errors: true}
    - {name: Write, ansible.builtin.copy: {content: "{{ secret }}", dest: "{{ playbook_dir }}/secret", mode: "0600"}}
    - name: Guarded
      block:
        - {name: Try, ansible.builtin.fail: {msg: "{{ item }}"}, loop: ["{{ secret }}"]}
      rescue:
        - {name: Give up, ansible.builtin.assert: {that: false, fail_msg: "{{ secret }}"}}
"""


@pytest.mark.parametrize("verbosity", ["0", "3"])
def test_what_no_log_hides_is_neither_shown_nor_in_the_log(tmp_path: Path, verbosity: str) -> None:
    book = tmp_path / "site.yml"
    book.write_text(HIDDEN)
    told = {
        "ANSIBLE_STDOUT_CALLBACK": "foobar.webstack.steps",
        "ANSIBLE_STEPS_LOG_FOLDER": str(tmp_path / "logs"),
        "ANSIBLE_VERBOSITY": verbosity,
    }
    command = playbook.command(book, "--connection=local", "--diff", inventory="web01,", secret="canary")
    shown = playbook.run(command, told)
    assert shown.returncode == 2
    (path,) = (tmp_path / "logs").iterdir()
    log = path.read_text()
    assert log.count("TASK [") == 7
    assert (tmp_path / "secret").read_text() == "canary"
    assert "canary" not in shown.stdout + shown.stderr + log


def test_a_folder_that_is_started_shows_its_runs_by_it() -> None:
    settings = configparser.ConfigParser()
    settings.read(playbook.ROOT / "playbooks/templates/new/ansible.cfg.j2")
    assert settings["defaults"]["stdout_callback"] == steps.CallbackModule.CALLBACK_NAME


def test_the_documentation_describes_each_option() -> None:
    documentation = yaml.safe_load(steps.DOCUMENTATION)
    assert documentation["name"] == "steps"
    callback = callback_loader.get("foobar.webstack.steps")
    callback.set_options()
    assert set(documentation["options"]) <= set(callback._plugin_options)
    assert callback.get_option("result_format") == "yaml"
    assert callback.get_option("display_skipped_hosts") is False
    assert callback.get_option("log_folder") == str(Path("~/.ansible/log").expanduser())
