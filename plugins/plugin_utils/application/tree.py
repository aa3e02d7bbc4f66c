"""The files of an application's folder that can tell something, read within bounds.

The folder may be anything, so nothing outside it is read, neither size nor number is without a limit, and a file that
can't be read is a problem to be told, not an error.
"""

from __future__ import annotations

import ast
import codecs
import os
import re
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from posixpath import normpath
from typing import NamedTuple

MAX_ENTRIES = 100_000
MAX_FILES = 5000
MAX_FILE_SIZE = 1024 * 1024
MAX_SIZE = 32 * 1024 * 1024
# Levels of a syntax tree: what walks down one later needs a few frames for each of them.
MAX_NESTING = 200
# Folders in each other whose rules are read.
MAX_DEPTH = 30
# Folders that hold no code of the application that runs in production.
SKIPPED = {
    *("node_modules", "bower_components", "site-packages", "venv", "virtualenv", "build", "dist", "htmlcov"),
    *("test", "tests", "testing", "doc", "docs", "example", "examples", "samples", "benchmarks"),
}
# Where a CI is told what to do.
WANTED = {".github", ".github/workflows"}
NAMES = {
    *("Pipfile", "Makefile", "package.json", "angular.json", ".env", ".flaskenv", ".python-version", ".tool-versions"),
    *("render.yaml", "railway.toml", "railway.json", "nixpacks.toml", "heroku.yml", "app.yaml"),
    *(".gitlab-ci.yml", "fly.toml", "index.html", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lockb"),
    *(".yarnrc", "start", "entrypoint", "docker-entrypoint", "run", "serve", "bun.lock", "db.sqlite3"),
}
SUFFIXES = (".py", ".toml", ".lock", ".txt", ".ini", ".cfg", ".md", ".rst", ".sh", ".conf", ".service")
PREFIXES = (
    *("Procfile", "Dockerfile", "docker-compose", "compose."),
    *("vite.config.", "vue.config.", "webpack.config.", "rollup.config."),
)
# Scripts without a suffix.
STARTS = re.compile(r"(start|run|gunicorn|celery|worker|beat|docker-entrypoint|entrypoint)([_-]\w+)*")
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}

Ignored = Callable[[str, bool], bool]


class Rule(NamedTuple):
    """A line of a .gitignore: whether it goes by the whole path, is for folders alone, and keeps what fits."""

    glob: str
    by_path: bool
    for_folders: bool
    is_kept: bool


@dataclass
class Tree:
    """The files below a folder, by paths relative to it, those nearest to it first.

    `problems` are sentences about what was not read.
    """

    folder: Path
    files: list[str]
    ignored: Ignored
    problems: list[str]
    _texts: dict[str, str] = field(default_factory=dict)
    _modules: dict[str, ast.Module] = field(default_factory=dict)
    _size: int = 0

    @classmethod
    def of(cls, folder: Path) -> Tree:
        """Return the tree of a folder."""
        ignored = _ignore_rules(folder)
        problems: list[str] = []
        return cls(folder, _files(folder, ignored, problems), ignored, problems)

    def at(self, path: str, line: int = 0) -> str:
        """Return how a place is told: the path, and the line."""
        return f"{path}:{line}" if line else path

    def python(self) -> Iterator[str]:
        """Return the Python files, without those of tests."""
        for path in self.files:
            place, _, name = path.rpartition("/")
            is_setup = name == "setup.py" and not (place and self.has(f"{place}/__init__.py"))
            if name.endswith(".py") and not name.startswith("test") and name != "conftest.py" and not is_setup:
                yield path

    def named(self, *names: str) -> Iterator[str]:
        """Return the files that have one of these names, in any folder."""
        return (path for path in self.files if path.rpartition("/")[2] in names)

    def has(self, path: str) -> bool:
        """Tell whether there is such a file among those that can tell something."""
        return path in self.files

    def inside(self, folder: str) -> list[str]:
        """Return the names of what a release has in a folder, whatever its kind; the empty one is the tree itself."""
        place = self.folder / folder
        try:
            found = [(path.name, path.is_dir()) for path in islice(place.iterdir(), MAX_ENTRIES)]
        except OSError:
            return []
        return sorted(
            name for name, is_folder in found if not self.ignored(normpath(f"{folder}/{name}").lstrip("/"), is_folder)
        )

    def has_folder(self, place: str) -> bool:
        """Tell whether a release has such a folder: what git ignores does not come into one."""
        place = normpath(place)
        if place.startswith(("/", "..")):
            return False
        return (self.folder / place).is_dir() and not self.ignores(place)

    def ignores(self, place: str) -> bool:
        """Tell whether git ignores a folder, or one that it lies in."""
        parts = place.split("/")
        return any(self.ignored("/".join(parts[: end + 1]), True) for end in range(len(parts)))

    def text(self, path: str) -> str:
        """Return a file's text; it is empty where there is no such file, or a problem."""
        if path not in self._texts:
            content = self._bytes(path)
            encoding = next((MARKS[mark] for mark in MARKS if content.startswith(mark)), "utf-8")
            self._texts[path] = content.decode(encoding, errors="replace")
        return self._texts[path]

    def lines(self, path: str) -> list[tuple[int, str]]:
        """Return a file's lines with their numbers; a line that ends with a backslash goes on in the next."""
        joined: list[tuple[int, str]] = []
        start, begun = 0, ""
        for number, line in enumerate(self.text(path).splitlines(), 1):
            if line.rstrip().endswith("\\"):
                start, begun = start or number, f"{begun}{line.rstrip()[:-1]} "
            else:
                joined.append((start or number, begun + line))
                start, begun = 0, ""
        return [*joined, (start, begun)] if begun else joined

    def module(self, path: str) -> ast.Module:
        """Return the syntax of a Python file; it is empty where there is no such file, or a problem."""
        if path not in self._modules:
            self._modules[path] = self._parse(path)
        return self._modules[path]

    def _parse(self, path: str) -> ast.Module:
        """Return a file's syntax, or note why it has none."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of the application's own escapes
                module = ast.parse(self._bytes(path))
            if _nesting(module) > MAX_NESTING:
                raise RecursionError
        except SyntaxError as error:
            where = self.at(path, error.lineno or 0)
            self._problem(f"{where} is no Python that can be read here ({error.msg}), so look there yourself.")
        except ValueError:
            self._problem(f"{self.at(path)} is no Python that can be read here, so look there yourself.")
        except (RecursionError, MemoryError):
            self._problem(f"{self.at(path)} is nested too deeply to be read, so look there yourself.")
        else:
            return module
        return ast.Module(body=[], type_ignores=[])

    def _bytes(self, path: str) -> bytes:
        """Return a file's content, or note why it is not read; it is nothing where there is no such file."""
        if path not in self.files:
            return b""
        try:
            with (self.folder / path).open("rb") as file:
                content = file.read(MAX_FILE_SIZE + 1)
        except OSError as error:
            self._problem(f"{self.at(path)} can't be read ({error.strerror}), so look there yourself.")
            return b""
        self._size += len(content)
        if len(content) > MAX_FILE_SIZE:
            self._problem(f"{self.at(path)} is larger than 1 MiB and was not read, so look there yourself.")
            return b""
        if self._size > MAX_SIZE:
            self._problem("The folder holds more text than is read here: answer what is missing yourself.")
            return b""
        return content

    def _problem(self, text: str) -> None:
        """Note a problem once."""
        if text not in self.problems:
            self.problems.append(text)


def _files(folder: Path, ignored: Ignored, problems: list[str]) -> list[str]:
    """Return the paths of the files that can tell something, those of a folder before those of its folders."""
    files: list[str] = []
    seen, queue, root = 0, deque([""]), folder.resolve()
    while queue:
        place = queue.popleft()
        try:
            entries = sorted(os.scandir(folder / place), key=lambda entry: entry.name)
        except OSError as error:
            problems.append(f"{place or folder} can't be read ({error.strerror}), so look there yourself.")
            continue
        for entry in entries:
            path = f"{place}/{entry.name}" if place else entry.name
            seen += 1
            if seen > MAX_ENTRIES or len(files) >= MAX_FILES:
                problems.append("The folder holds more files than are read here: answer what is missing yourself.")
                return files
            # A link to a folder may lead anywhere, and in circles.
            if entry.is_dir(follow_symlinks=False):
                if path in WANTED or (not _is_skipped(entry) and not ignored(path, True)):
                    queue.append(path)
            elif _tells(place, entry.name) and not ignored(path, False) and _is_inside(entry, root):
                files.append(path)
    return files


def _is_skipped(entry: os.DirEntry[str]) -> bool:
    """Tell whether a folder holds nothing that runs in production: others' code, tests, templates of projects."""
    name = entry.name
    is_foreign = name in SKIPPED or name.startswith((".", "__pycache__")) or "{{" in name or not name.isprintable()
    return is_foreign or os.path.exists(f"{entry.path}/pyvenv.cfg")


def _tells(place: str, name: str) -> bool:
    """Tell whether a file of this name can tell something."""
    is_known = name in NAMES or name.endswith(SUFFIXES) or name.startswith(PREFIXES) or place in WANTED
    is_known = is_known or bool(STARTS.fullmatch(name))
    return name.isprintable() and is_known


def _is_inside(entry: os.DirEntry[str], root: Path) -> bool:
    """Tell whether an entry is a file of the folder; a link may lead elsewhere, and a pipe would keep its reader."""
    try:
        return entry.is_file() and (not entry.is_symlink() or Path(entry.path).resolve().is_relative_to(root))
    except (OSError, RuntimeError):  # a link to itself
        return False


def _ignore_rules(folder: Path) -> Ignored:
    """Return what tells whether git ignores a path, by the .gitignore of each folder above it: releases lack such."""
    known: dict[str, list[Rule]] = {}

    def ignored(path: str, is_folder: bool) -> bool:
        """Tell by the last rule that fits, that of the innermost folder."""
        answer = False
        parts = path.split("/")
        for depth in range(min(len(parts), MAX_DEPTH)):
            place, inner = "/".join(parts[:depth]), "/".join(parts[depth:])
            if place not in known:
                known[place] = _rules(folder / place / ".gitignore")
            for rule in known[place]:
                if (is_folder or not rule.for_folders) and fnmatchcase(inner if rule.by_path else parts[-1], rule.glob):
                    answer = not rule.is_kept
        return answer

    return ignored


def _rules(path: Path) -> list[Rule]:
    """Return the rules of one .gitignore; it has none where there is no such file."""
    try:
        with path.open("rb") as file:
            lines = file.read(MAX_FILE_SIZE).decode(errors="replace").splitlines()
    except OSError:
        return []
    rules: list[Rule] = []
    for line in lines[:1000]:
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        is_kept, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        for_folders, pattern = pattern.endswith("/"), pattern.rstrip("/").removeprefix("**/")
        rules.append(Rule(pattern.lstrip("/"), "/" in pattern, for_folders, is_kept))
    return rules


def _nesting(module: ast.Module) -> int:
    """Return how many levels a syntax tree has, without walking down it level by level."""
    levels, nodes = 0, list[ast.AST]([module])
    while nodes and levels <= MAX_NESTING:
        levels, nodes = levels + 1, [child for node in nodes for child in ast.iter_child_nodes(node)]
    return levels
