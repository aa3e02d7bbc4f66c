"""What dpkg's database says of packages, and who holds its lock."""

from __future__ import annotations

import fcntl
import os
import re
import struct
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

# As AnsibleModule.run_command: a command's status, output and errors.
Run = Callable[[list[str]], tuple[int, str, str]]

# In the order in which apt takes them, and the one of its package lists.
LOCKS = tuple(map(Path, ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", "/var/lib/apt/lists/lock")))
FIELDS = ("Package", "Architecture", "Version", "db:Status-Want", "db:Status-Eflag", "db:Status-Status")
QUERY = ["dpkg-query", "--show", "--showformat=" + "\\t".join(f"${{{field}}}" for field in FIELDS) + "\\n"]
# Statuses of packages whose installation or removal has begun and not ended.
BROKEN = ("half-installed", "unpacked", "half-configured")
# What dpkg has begun to write down and not finished.
JOURNAL = Path("/var/lib/dpkg/updates")
# What fcntl takes and returns: l_type, l_whence, l_start, l_len, l_pid.
FLOCK = "hhqqi0q"


class DpkgError(Exception):
    """dpkg's database cannot be read; the text says why."""


class Package(NamedTuple):
    """A package in dpkg's database."""

    name: str
    architecture: str
    version: str
    want: str
    flag: str
    state: str

    @property
    def status(self) -> str:
        """Return dpkg's word for its status; one that has left its configuration only is missing."""
        return "missing" if self.state in ("not-installed", "config-files") else self.state

    @property
    def is_held(self) -> bool:
        """Tell whether apt must leave it as it is."""
        return self.want == "hold"

    @property
    def is_broken(self) -> bool:
        """Tell whether dpkg has left it half done."""
        return self.state in BROKEN or self.flag not in ("ok", "")


def known_packages(run: Run) -> list[Package]:
    """Return every package that dpkg knows; none on a system without dpkg."""
    if not any(Path(folder, QUERY[0]).exists() for folder in os.get_exec_path()):
        return []
    code, output, error = run(QUERY)
    if code != 0:
        raise DpkgError(f"dpkg-query failed: {(error or output).strip()}")
    return [Package(*line.split("\t")) for line in output.splitlines()]


def wanted_package(asked: str, known: Iterable[Package]) -> Package:
    """Return the package for a name as apt takes it (name, name:architecture, name=version), or one that is missing.

    The name of a virtual package is none of dpkg's, and a condition (>=) is apt's to judge: both count as missing.
    """
    name, _, version = asked.partition("=")
    name, _, architecture = name.partition(":")
    found = [package for package in known if package.name == name and architecture in ("", package.architecture)]
    # Of several architectures, the one that is installed.
    best = min(found, key=lambda package: package.status == "missing", default=None)
    if best is None or (version and best.status == "installed" and not fnmatchcase(best.version, version)):
        return Package(
            name, architecture, best.version if best else "", best.want if best else "", "ok", "not-installed"
        )
    return best


def broken_packages(known: Iterable[Package]) -> list[str]:
    """Return the names of the packages that dpkg has left half done; while it runs, of those that it is at."""
    return sorted(package.name for package in known if package.is_broken)


def is_interrupted(journal: Path = JOURNAL) -> bool:
    """Tell whether dpkg was killed before it had written down what it did; only then has its journal numbers."""
    return any(path.name.isdecimal() for path in journal.glob("*"))


def lock_holder(paths: Iterable[Path] = LOCKS) -> dict[str, int | str] | None:
    """Return who holds the lock of dpkg or of apt's package lists: pid, command and systemd unit; None if nobody."""
    for path in paths:
        if pid := _owner(path):
            return {"pid": pid, "command": _command(pid), "unit": _unit(pid)}
    return None


def _owner(path: Path) -> int:
    """Return the process that would keep us from locking a file, or 0."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return 0
    try:
        asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return 0 if kind == fcntl.F_UNLCK else int(pid)


def _command(pid: int) -> str:
    """Return the name of a process, as ps shows it."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:  # it has ended since
        return "a process"


def _unit(pid: int) -> str:
    """Return the systemd unit of a process, such as apt-daily.service, or an empty text."""
    try:
        found = re.findall(r"([^/\n]+\.(?:service|scope))$", Path(f"/proc/{pid}/cgroup").read_text(), re.MULTILINE)
    except OSError:
        return ""
    return str(found[-1]) if found else ""
