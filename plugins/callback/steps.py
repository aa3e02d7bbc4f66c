"""Show a run as one line for each step, and keep what Ansible says of it in a log file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: steps
type: stdout
short_description: One line for each step of a run, and a log file with the rest
description:
  - A step is a role or, outside of roles, a play; what comes next under the same name belongs to it. Its line has its
    name, its time in seconds, and how many tasks have changed something, counted for each host.
  - On a terminal the line of the step that runs now also names its task, with the seconds since it began. While a
    release is built, a command of it runs, or a database is dumped, the line below shows what that has said last, or
    how large the dump is; the server is asked every three seconds, over SSH. Nowhere else is a line written before its
    step has ended.
  - Under a step stands what its tasks say by C(debug), once where several hosts say the same and below the label of a
    loop's item, its warnings, and the differences that C(--diff) asks for. Of a task that fails stands there what the
    callback C(default) would print; a failure that the playbook rescues or ignores is a sentence.
  - The recap of the hosts and the path of the log file come last. The log file has the output of the callback
    C(default), without colours, and is for its owner alone to read. The last 20 are kept.
  - Of a task with C(no_log) neither has more than that it ran. The callback C(default) of ansible-core 2.19 and later
    prints its error and its warnings all the same.
  - With C(-v) the output of the callback C(default) is shown as well.
author: [The foobar.webstack authors (@foobar)]
extends_documentation_fragment: [default_callback, result_format_callback]
options:
  log_folder:
    description: >-
      Folder of the log files, which are called C(<playbook>-<date>T<time>.log). It is made where it is missing.
    type: path
    default: ~/.ansible/log
    env: [{name: ANSIBLE_STEPS_LOG_FOLDER}]
    ini: [{section: callback_steps, key: log_folder}]
  display_skipped_hosts: {default: false}
  result_format: {default: yaml}
"""

import atexit
import copy
import os
import sys
import textwrap
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

from ansible import context
from ansible.executor.stats import AggregateStats
from ansible.executor.task_result import CallbackTaskResult
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.handler import Handler
from ansible.playbook.play import Play
from ansible.playbook.role_include import IncludeRole
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as Default
from ansible.utils.fqcn import add_internal_fqcns
from ansible_collections.foobar.webstack.plugins.plugin_utils import progress, run_logs
from ansible_collections.foobar.webstack.plugins.plugin_utils.screens import Screen, Step

REDRAWN = 1.0  # seconds
DEBUG = add_internal_fqcns(("debug",))
UNORDERED = add_internal_fqcns(("free", "host_pinned"))
# A text with its colour, and whether it goes to the standard error.
Said = tuple[str, str | None, bool]


def step_name(task: Task, play: Play) -> str:
    """Return the name of a task's step: what the playbook calls its role, or the role's own name, or the play's."""
    if play.strategy in UNORDERED:
        return str(play.get_name())
    name = ""
    part: Any = task
    while part:
        if isinstance(part, IncludeRole):
            name = part.name if part.name and "{{" not in part.name else str(part._role_name).rpartition(".")[2]
        part = part._parent
    if name:
        return name
    return str(task._role.get_name(include_role_fqcn=False) if task._role else play.get_name())


def is_rescued(task: Task) -> bool:
    """Say whether a block around a task has a rescue for it."""
    inside = set()
    part: Any = task
    while part:
        if isinstance(part, Block) and part.rescue and any(one._uuid in inside for one in part.block):
            return True
        inside.add(part._uuid)
        part = part._parent
    return False


class CallbackModule(Default):
    """The callback `default`, whose words go into a log file, and of which the screen shows what somebody waits for."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "foobar.webstack.steps"
    _play: Any

    def __init__(self) -> None:
        """Begin with nothing said; the display is taken over when a playbook starts."""
        super().__init__()
        self._terminal = self._display
        self._show = self._terminal.display
        self._screen = Screen(self._show)
        self._log: Path | None = None
        self._begun = 0
        self._is_over = threading.Event()
        self._clock = threading.Thread(target=self._tick, daemon=True)
        # What `default` has said of a task on a host, by their ids, until it is known how that ends; of the run as a
        # whole, by empty ones.
        self._kept: defaultdict[tuple[str, str], list[Said]] = defaultdict(list)
        self._title = self._shown_title = ""
        # The hosts that say a text in the task of now.
        self._told: defaultdict[str, list[str]] = defaultdict(list)

    def _take_over(self, playbook: Path) -> None:
        """Open the log file, and hear what `default` says as well as what all others say by the display."""
        is_verbose = self._terminal.verbosity > 0
        can_move = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        # A question on the line that is redrawn would be overwritten.
        is_live = can_move and not is_verbose and not context.CLIARGS.get("step")
        self._screen = Screen(self._show, is_live=is_live, is_patient=not is_live and not is_verbose)
        try:
            self._log = run_logs.create(Path(self.get_option("log_folder")), playbook.stem, datetime.now())
        except OSError as error:
            self._terminal.warning(f"This run has no log file: {error.filename}: {error.strerror}.")
        # A display for `default` that remembers, as the other one does, what it has said once.
        self._display = copy.copy(self._terminal)
        vars(self._display).update(
            display=self._keep,
            banner=self._keep_title,
            _warning=self._terminal._warning,
            _deprecated=self._terminal._deprecated,
        )
        vars(self._terminal)["display"] = self._hear
        atexit.register(self.leave)
        if is_live:
            progress.is_wanted.set()
            self._clock.start()

    def leave(self) -> None:
        """End the line of a step that was interrupted, say where the log is, and give the display back."""
        self._is_over.set()
        progress.is_wanted.clear()
        if self._clock.is_alive():
            self._clock.join()
        self._tell()
        if self._screen.step:
            self._screen.end(f"not finished: {self._screen.step.task}")
        self._name_log()
        vars(self._terminal).pop("display", None)

    def _tick(self) -> None:
        """Count the seconds of the task that runs."""
        while not self._is_over.wait(REDRAWN):
            self._screen.draw()

    def _write(self, text: str) -> None:
        """Add a text to the log file; a full disk is no reason to end a run."""
        if self._log:
            try:
                run_logs.write(self._log, text)
            except OSError as error:
                self._log = None
                self._terminal.warning(f"The log file of this run is not complete: {error.strerror}.")

    def _name_log(self) -> None:
        """Say once where the log file is."""
        if self._log:
            self._screen.say(f"Log: {self._log}")
            self._log = None

    def _keep(
        self,
        msg: str,
        color: str | None = None,
        stderr: bool = False,
        screen_only: bool = False,
        log_only: bool = False,
        is_title: bool = False,
        **_: Any,
    ) -> None:
        """Hear what `default` displays: log it, and keep it with its task and host.

        The title of a task belongs to all hosts that will have failed in it.
        """
        if not screen_only:
            self._show(msg, color=color, log_only=True)
        if log_only:
            return
        self._write(msg)
        if self._terminal.verbosity > 0:
            self._screen.say(msg, color, stderr)
            return
        if is_title:
            self._title = msg
        if not is_title or not any(self._subject()):
            self._kept[self._subject()].append((msg, color, stderr))

    def _keep_title(self, msg: str, color: str | None = None, **_: Any) -> None:
        """Hear a title of `default`."""
        self._keep(f"\n{msg} {'*' * max(3, (self._terminal.columns or 79) - len(msg))}", color, is_title=True)

    def _hear(
        self,
        msg: str,
        color: str | None = None,
        stderr: bool = False,
        screen_only: bool = False,
        log_only: bool = False,
        **options: Any,
    ) -> None:
        """Hear what all others display, such as warnings and actions: log it, and show it under its step."""
        if parent_process():
            # In a process for a host, from where it comes back to here.
            self._show(msg, color, stderr, screen_only, log_only, **options)
            return
        if screen_only and not options.get("newline", True):
            self._screen.report(msg)
            return
        if not screen_only:
            self._show(msg, color=color, log_only=True)
        if not log_only:
            self._write(msg)
            self._screen.say(msg, color, stderr)

    def _subject(self) -> tuple[str, str]:
        """Return the ids of the task and of the host that Ansible tells something of now."""
        result = self._current_task_result
        return (str(result.task._uuid), str(result.host.get_name())) if result else ("", "")

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        """Begin with the first of the playbooks that were asked for."""
        if not self._begun:
            self._take_over(Path(str(playbook._file_name)))
            if context.CLIARGS.get("check"):
                self._screen.say("This is a dry run: nothing is changed.")
        self._begun += 1
        super().v2_playbook_on_start(playbook)

    def v2_playbook_on_play_start(self, play: Play) -> None:
        """End the last step; the play's first task begins one."""
        self._end_step()
        super().v2_playbook_on_play_start(play)

    def v2_playbook_on_vars_prompt(self, *args: Any, **kwargs: Any) -> None:
        """Leave the terminal to a question."""
        self._end_step()

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        """Name the task in the line of its step."""
        self._enter(task)
        super().v2_playbook_on_task_start(task, is_conditional)

    def v2_playbook_on_handler_task_start(self, task: Handler) -> None:
        """Name the handler in the line of its step."""
        self._enter(task)
        super().v2_playbook_on_handler_task_start(task)

    def _enter(self, task: Task) -> None:
        """Begin a task, and a step where it is the step's first."""
        self._tell()
        self._shown_title = ""
        name = step_name(task, self._play)
        if not self._screen.step or self._screen.step.name != name:
            self._end_step()
            self._screen.begin(Step(name, began=time.monotonic()))
        self._screen.enter(task.name or task.get_name())

    def _end_step(self) -> None:
        """Show what a step has come to."""
        self._tell()
        self._screen.end()
        self._kept.clear()

    def _handle_warnings_and_exception(self, result: CallbackTaskResult) -> None:
        """Say them, unless the task hides what it does: Ansible takes everything but these out of its result."""
        if "censored" in result.result:
            for name in ("warnings", "deprecations", "exception"):
                result.result.pop(name, None)
        super()._handle_warnings_and_exception(result)

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        """Count it, and remember what a `debug` says."""
        super().v2_runner_on_ok(result)
        self._kept.pop(self._subject(), None)
        if isinstance(result.task, TaskInclude):
            return
        self._screen.count("ok")
        if result.is_changed():
            self._screen.count("changed")
        if result.task.action in DEBUG and not result.task.loop:
            self._note(result)

    def v2_runner_item_on_ok(self, result: CallbackTaskResult) -> None:
        """Remember what a `debug` says of an item."""
        super().v2_runner_item_on_ok(result)
        if result.task.action in DEBUG:
            self._note(result)

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        """Forget the task."""
        super().v2_runner_on_skipped(result)
        self._kept.pop(self._subject(), None)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        """Show what `default` says of it, unless the playbook takes care of it."""
        super().v2_runner_on_failed(result, ignore_errors)
        if ignore_errors or is_rescued(result.task):
            self._mention(result, f"failed, which the playbook {'ignores' if ignore_errors else 'rescues'}.")
        else:
            self._screen.count("failed")
            self._show_kept()

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        """Show what `default` says of it, unless the playbook takes care of it."""
        super().v2_runner_on_unreachable(result)
        if result.task.ignore_unreachable:
            self._mention(result, "did not reach the host, which the playbook ignores.")
        else:
            self._screen.count("unreachable")
            self._show_kept()

    def v2_on_file_diff(self, result: CallbackTaskResult) -> None:
        """Show the differences, with the host and the task."""
        before = len(self._kept[self._subject()])
        super().v2_on_file_diff(result)
        kept = self._kept[self._subject()]
        if differences := kept[before:]:
            del kept[before:]
            self._screen.say(f"{self.host_label(result)}: {result.task_name}")
            for said in differences:
                self._screen.say(*said)

    def _mention(self, result: CallbackTaskResult, outcome: str) -> None:
        """Say in a sentence what the run goes on after."""
        self._screen.count("ok")
        if self._kept.pop(self._subject(), None):
            self._screen.say(f"  {self.host_label(result)}: {result.task_name} {outcome}")

    def _show_kept(self) -> None:
        """Show what `default` has said of this task on this host, under the title of the task."""
        kept = self._kept.pop(self._subject(), [])
        if kept and self._title != self._shown_title:
            self._screen.say(self._title)
            self._shown_title = self._title
        for said in kept:
            self._screen.say(*said)

    def _note(self, result: CallbackTaskResult) -> None:
        """Remember what a `debug` says on a host."""
        if self._terminal.verbosity == 0 and (text := self._text(result.result)):
            label = result.result.get("_ansible_item_label")
            if isinstance(label, str | int | float) and str(label) != text:
                text = f"{label}:\n{textwrap.indent(text, '  ')}" if "\n" in text else f"{label}: {text}"
            self._told[text].append(result.host.get_name())

    def _text(self, result: Mapping[str, Any]) -> str:
        """Return what a `debug` says: its message as it is, variables with their names."""
        if "censored" in result:
            return ""
        message = result.get("msg")
        if isinstance(message, list) and all(isinstance(line, str) for line in message):
            message = "\n".join(message)
        return message if isinstance(message, str) else textwrap.dedent(self._dump_results(result)).strip()

    def _tell(self) -> None:
        """Show what the hosts have said by `debug`; which of them, where they differ."""
        differ = len({tuple(hosts) for hosts in self._told.values()}) > 1
        for text, hosts in self._told.items():
            self._screen.say(textwrap.indent(f"{', '.join(hosts)}: {text}" if differ else text, "  "))
        self._told.clear()

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        """Show the recap, after the last playbook."""
        self._end_step()
        super().v2_playbook_on_stats(stats)
        # A host that has failed keeps Ansible from the playbooks that are left.
        is_last = self._begun >= len(context.CLIARGS.get("args", ())) or stats.failures or stats.dark
        if is_last:
            for said in self._kept.pop(("", ""), []):
                self._screen.say(*said)
            if context.CLIARGS.get("check"):
                self._screen.say("This was a dry run: nothing has been changed.")
            self._name_log()
