"""Log files of runs, of which a folder keeps the last ones."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

KEPT = 20
# Nothing else in the folder is touched.
NAMES = re.compile(r".+-\d{4}-\d\d-\d\dT\d{6}(\.\d+)?\.log")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def create(folder: Path, playbook: str, moment: datetime) -> Path:
    """Make a log file, which its owner alone can read, and remove the oldest ones; OSError tells why it can't be."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{playbook}-{moment:%Y-%m-%dT%H%M%S}.log"
    # A second run of the same second must not write into the first one's.
    for number in count(2):
        try:
            path.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            path = folder / f"{playbook}-{moment:%Y-%m-%dT%H%M%S}.{number}.log"
        else:
            break
    _prune(folder)
    return path


def _prune(folder: Path) -> None:
    """Remove all log files but the last ones."""
    logs = []
    for path in folder.iterdir():
        # Another run may prune at the same time.
        with suppress(FileNotFoundError):
            if NAMES.fullmatch(path.name) and path.is_file():
                logs.append((path.stat().st_mtime, path))
    for _, path in sorted(logs)[:-KEPT]:
        path.unlink(missing_ok=True)


def write(log: Path, text: str) -> None:
    """Add a text, without its colours, as a line or lines of their own; OSError tells why it can't be.

    A file that somebody has removed is not made again, as it would be for everybody to read.
    """
    with log.open("r+", encoding="utf-8", errors="backslashreplace") as file:
        file.seek(0, os.SEEK_END)
        file.write(COLOURS.sub("", text.removesuffix("\n")) + "\n")
