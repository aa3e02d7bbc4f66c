"""What a run shows of its steps: on a terminal while they run, elsewhere when they have ended."""

from __future__ import annotations

import shutil
import sys
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ansible import constants as C

# The line of the cursor, and what is below it.
CLEAR = "\r\x1b[J"
UP = "\x1b[A"


def cut(text: str, columns: int) -> str:
    """Return as much of a text, on one line, as fits into a number of columns."""
    line, width = "".join(character if character.isprintable() else " " for character in text), 0
    for index, character in enumerate(line):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > columns:
            return line[:index]
    return line


@dataclass
class Step:
    """A part of a run with a line of its own; times are those of time.monotonic, in seconds."""

    name: str
    began: float
    task: str = ""
    task_began: float = 0.0
    # What the task has said last on its server.
    said: str = ""
    # Results of tasks on hosts: ok (all of these), changed, failed, unreachable.
    counts: Counter[str] = field(default_factory=Counter)

    def running(self, now: float, columns: int) -> str:
        """Return the step's line while its task runs; in few columns the task's name is short, not its seconds."""
        before = f"{self.name:30}{now - self.began:8.0f} s   "
        after = f" ({now - self.task_began:.0f} s)"
        return cut(f"{before}{cut(self.task, columns - len(before) - len(after))}{after}", columns)

    def ended(self, now: float, remark: str = "") -> str:
        """Return the step's line when it has ended, with a remark at its end if there is one."""
        counted = [f"{self.counts[word]} {word}" for word in ("changed", "failed", "unreachable") if self.counts[word]]
        return "   ".join([f"{self.name:30}{now - self.began:8.1f} s", *counted, *[remark] * bool(remark)])

    @property
    def colour(self) -> str:
        """Return the colour that Ansible has for such an outcome."""
        has_failed = self.counts["failed"] or self.counts["unreachable"]
        outcome = "ERROR" if has_failed else "CHANGED" if self.counts["changed"] else "OK"
        return str(C.config.get_config_value(f"COLOR_{outcome}"))


class Screen:
    """The lines of a run.

    Where it is live, on a terminal, the line of a step is redrawn, with what its task has said last below it, and its
    name stands above what it says. Where it is patient, what a step says waits for its line. `show` is the method of
    Ansible's display.
    """

    def __init__(self, show: Callable[..., None], *, is_live: bool = False, is_patient: bool = False) -> None:
        """Begin without a step."""
        self._show, self._is_live, self._is_patient = show, is_live, is_patient
        self.step: Step | None = None
        # The texts of the step that wait for its end; whether its name stands above what it has said; whether its line
        # is where the cursor is.
        self._waiting: list[tuple[str, str | None, bool]] = []
        self._is_named = self._is_drawn = False
        # Ansible calls from two threads, and a third one redraws.
        self._lock = threading.RLock()

    def begin(self, step: Step) -> None:
        """Begin a step, after the last one has ended."""
        with self._lock:
            self.step, self._is_named = step, False

    def enter(self, task: str) -> None:
        """Begin a task of the step."""
        with self._lock:
            if self.step:
                self.step.task, self.step.task_began, self.step.said = task, time.monotonic(), ""
                self.draw()

    def report(self, text: str) -> None:
        """Show what the task of the step has said last, until there is another text or another task."""
        with self._lock:
            if self.step:
                self.step.said = text
                self.draw()

    def count(self, word: str) -> None:
        """Count a result of the step."""
        with self._lock:
            if self.step:
                self.step.counts[word] += 1

    def draw(self) -> None:
        """Draw the step's line on a terminal, in place of the last time's."""
        with self._lock:
            if self.step and self._is_live:
                columns = shutil.get_terminal_size().columns - 1
                line = self.step.running(time.monotonic(), columns)
                below = f"\n{cut(f'  {self.step.said}', columns)}{UP}" if self.step.said else ""
                self._print(CLEAR + line + below, newline=False)
                self._is_drawn = True

    def say(self, text: str, color: str | None = None, stderr: bool = False) -> None:
        """Show a text under the step, or as it is where none runs."""
        with self._lock:
            if self.step and self._is_patient:
                self._waiting.append((text, color, stderr))
                return
            self._clear()
            if self.step and self._is_live and not self._is_named:
                self._print(self.step.name)
                self._is_named = True
            self._print(text, color=color, stderr=stderr)

    def end(self, remark: str = "") -> None:
        """End the step, if one runs: show its line unless it has only skipped tasks."""
        with self._lock:
            step, self.step = self.step, None
            self._clear()
            if step and (step.counts or self._is_named or self._waiting or remark):
                self._print(step.ended(time.monotonic(), remark), color=step.colour)
            for text, color, stderr in self._waiting:
                self._print(text, color=color, stderr=stderr)
            self._waiting.clear()

    def _clear(self) -> None:
        """Remove the line that is redrawn."""
        if self._is_drawn:
            self._print(CLEAR, newline=False)
            self._is_drawn = False

    def _print(self, text: str, **options: object) -> None:
        """Show a text at once: two streams go to one terminal, and nobody waits for a buffer."""
        self._show(text, screen_only=True, **options)
        sys.stdout.flush()
