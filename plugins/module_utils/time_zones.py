"""The system's time zones, and the SQL that loads them into MySQL."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

ZONES = Path("/usr/share/zoneinfo")


class TimeZoneError(Exception):
    """The time zones can't be made into SQL; the text says why."""


def digest(folder: Path = ZONES) -> str:
    """Return a digest of names, sizes and times of the system's time zones; nothing where it has none.

    A package that comes anew or in another version gives its files other times, and reads none of them. Links are left
    out: the one to the machine's own time zone is no package's.
    """
    lines = sorted(_lines(str(folder)))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else ""


def _lines(folder: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _lines(entry.path)
        elif entry.is_file(follow_symlinks=False):
            found = entry.stat(follow_symlinks=False)
            yield f"{entry.path} {found.st_size} {found.st_mtime_ns}"


def statements(output: str) -> str:
    """Return what mysql_tzinfo_to_sql prints as one transaction that stays out of the binary log.

    TRUNCATE would end a transaction, and leave every visitor without time zones until the last one is loaded. A replica
    has tables of its own.
    """
    tables = [line.removeprefix("TRUNCATE TABLE ").rstrip(";") for line in output.splitlines() if _is_truncate(line)]
    rows = [line for line in output.splitlines() if not _is_truncate(line) and not line.startswith(("START", "COMMIT"))]
    if not tables or not rows:
        raise TimeZoneError("mysql_tzinfo_to_sql has printed no time zones")
    if other := next((line for line in rows if line.startswith(("ALTER ", "CREATE ", "DROP "))), ""):
        raise TimeZoneError(f"mysql_tzinfo_to_sql has printed what ends a transaction: {other}")
    begin = ["USE mysql;", "SET SESSION sql_log_bin = 0;", "START TRANSACTION;"]
    return "\n".join([*begin, *(f"DELETE FROM {table};" for table in tables), *rows, "COMMIT;", ""])


def _is_truncate(line: str) -> bool:
    return line.startswith("TRUNCATE TABLE ")
