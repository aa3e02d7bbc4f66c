"""What a long task says on its server, shown while it runs.

A module's result comes at its end. So a thread of the action asks the server meanwhile, by a connection of its own.
"""

from __future__ import annotations

import copy
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import copy_context
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.module_utils import names

# The callback sets it where it has a line to show this in; actions run in forks of its process.
is_wanted = threading.Event()
# Seconds: between two questions, and for the last answer.
PAUSE = 3.0
PATIENCE = 2.0
# There each command is a process of its own, so that a second one does not disturb the task's.
TRANSPORTS = ("local", "ssh")
CONTROLS = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])")


def end_of_log(app: str, release: str) -> str:
    """Return the command that prints the end of a release's log."""
    return f"tail -c 1000 {shlex.quote(f'{names.logs(app)}/{release}.log')} 2>/dev/null"


def size_of_dump(app: str) -> str:
    """Return the command that prints how much of a dump is written, and its file."""
    return f'du -h "$(ls -t {shlex.quote(names.dumps(app))}/*.part 2>/dev/null | head -n 1)" 2>/dev/null'


def last_line(output: str) -> str:
    """Return the last line of an output that is not empty, without what moves a cursor or gives a colour."""
    lines = [line.strip() for line in CONTROLS.sub("", output).splitlines()]
    return next((line for line in reversed(lines) if line), "")


@contextmanager
def shown(action: ActionBase, app: str, command: str, task_vars: dict[str, Any]) -> Iterator[None]:
    """Show the last line that a command prints on the task's server, every few seconds, until the context is left.

    Nothing is done where nobody watches, or the task is to hide what it does; what fails is no reason to end a task.
    """
    if not is_wanted.is_set() or action._task.no_log or action._connection.transport not in TRANSPORTS:
        yield
        return
    # Both keep what they are at; the task's own are at the module.
    asking = copy.copy(action)
    asking._connection = copy.copy(action._connection)
    asking._connection.become = copy.copy(action._connection.become)
    is_over = threading.Event()
    whose = f"{app} on {action._task.delegate_to or task_vars['inventory_hostname']}"
    # Ansible keeps in the context of a thread which task it is at.
    ask = copy_context().run
    thread = threading.Thread(target=ask, args=(_ask, asking, command, whose, is_over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(PATIENCE)


def _ask(action: ActionBase, command: str, whose: str, is_over: threading.Event) -> None:
    """Ask until it is over, and tell the callback of each other line, by a text that ends no line."""
    told = ""
    with suppress(Exception):
        while not is_over.wait(PAUSE):
            line = last_line(action._low_level_execute_command(command)["stdout"])
            if line != told and not is_over.is_set():
                Display().display(f"{whose}: {line}" if line else "", screen_only=True, newline=False)
                told = line
