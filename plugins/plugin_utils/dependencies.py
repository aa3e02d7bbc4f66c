"""From which files of a source its packages are installed: the rule, and what is said where it finds nothing.

It is told by reading the archive of the source on the controller, before any server is touched.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from posixpath import basename, dirname, join, normpath, relpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils import (
    git_packages,
    installed_packages,
    lock_files,
    python_project,
    requirement_lists,
    source_places,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceMistake
from ansible_collections.foobar.webstack.plugins.plugin_utils.lock_files import LockError, table, toml
from ansible_collections.foobar.webstack.plugins.plugin_utils.locked_packages import Locked, canonical

App = dict[str, Any]
Include = tuple[str, str]
Line = tuple[str, str]

# The options by which a list includes others: as requirements, and as constraints, too.
LIST, ANY_LIST = "-r|--requirement", "-r|--requirement|-c|--constraint"
# The first one that is there is what an environment is made from, whichever tool makes it.
ORDER = (*lock_files.READERS, "requirements.txt", "pyproject.toml", "setup.py", "setup.cfg")
# Those of a project without a lock, which says little by being there.
PROJECTS = {"pyproject.toml", "setup.py", "setup.cfg"}
# What lists packages in a way that neither pip nor uv reads, and what is to be done.
UNREAD = {
    "Pipfile": "run pipenv lock, and commit what it writes",
    "environment.yml": "list what a server needs in a requirements.txt",
    "environment.yaml": "list what a server needs in a requirements.txt",
    "conda-lock.yml": "list what a server needs in a requirements.txt",
    "pixi.lock": "list what a server needs in a requirements.txt",
    "pixi.toml": "list what a server needs in a requirements.txt",
}
# As people write them, slips of the pen included.
LISTS = re.compile(
    r"(^|/)([\w.-]*requi?re?ments?[\w.-]*\.(txt|in|pip|lock)|requirements/[\w./-]+\.(txt|in)"
    r"|(reqs?|dependencies|deps)\.txt)$",
    re.IGNORECASE,
)
# Files that are read while the names are, so that the archive is gone through once.
READ = {*ORDER}
# Lists that a release has no need of, and folders that are not the application's.
ASIDE = re.compile(
    r"(^|[/_.-])(dev|develop|development|docs?|tests?|testing|lint|ci|node_modules|\.venv|venv|vendor)([/_.-]|$)"
)
SHOWN = 6


class Tree:
    """The files of a source as its archive holds them, by their paths from its root."""

    def __init__(self, archive: Path, strip: int) -> None:
        """Read their names, and what lists packages; `strip` leading folders are left out."""
        self._archive = archive
        self._members: dict[str, tarfile.TarInfo] = {}
        self._folders: set[str] = set()
        self._texts: dict[str, str] = {}
        self._loose: set[str] = set()
        self._unreadable: set[str] = set()
        with tarfile.open(archive) as tar:
            for member in tar:
                path = "/".join(member.name.removeprefix("./").strip("/").split("/")[strip:])
                if not path:
                    continue
                if member.isdir():
                    self._folders.add(path)
                else:
                    self._members[path] = member
                if member.issym() or member.islnk():
                    self._loose.add(path)
                if member.isfile() and (basename(path) in READ or LISTS.search(path)):
                    self._read(tar, path)
                while path := dirname(path):
                    self._folders.add(path)
        self.files = sorted(self._members)

    def has(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""
        return normpath(path) in self._members or self.is_folder(path)

    def is_folder(self, path: str) -> bool:
        """Tell whether something is a folder."""
        return normpath(path) in self._folders

    def leads_nowhere(self, path: str) -> bool:
        """Tell whether something is a link to what is not in the source."""
        path = normpath(path)
        return path in self._loose and not self._leads_to(self._members[path])

    def is_link(self, path: str) -> bool:
        """Tell whether something is a symbolic link."""
        member = self._members.get(normpath(path))
        return bool(member and member.issym())

    def leads_out(self, path: str) -> bool:
        """Tell whether something is a link to a place outside the source, whatever a build makes in it."""
        member = self._members.get(normpath(path))
        to = normpath(join(dirname(normpath(path)), member.linkname)) if member and member.issym() else ""
        return to.startswith(("/", "../"))

    def _leads_to(self, member: tarfile.TarInfo) -> bool:
        """Tell whether a link leads to something of the archive."""
        with tarfile.open(self._archive) as tar:
            return _content(tar, member) is not None

    def _read(self, tar: tarfile.TarFile, path: str) -> None:
        """Keep what is in a file, and whether it is a text; one that can't be read is empty."""
        content = _content(tar, self._members[path]) or b""
        self._texts[path] = decoded(content)
        if not is_text(content):
            self._unreadable.add(path)

    def inside(self, folder: str) -> list[str]:
        """Return the names of what is in a folder; the empty one is the root."""
        start = f"{folder}/" if folder else ""
        paths = [*self.files, *self._folders]
        return sorted({path[len(start) :].split("/")[0] for path in paths if path.startswith(start) and path != start})

    def text(self, path: str) -> str:
        """Return what is in a file, or an empty text where there is none."""
        path = normpath(path)
        if path in self._members and path not in self._texts:
            with tarfile.open(self._archive) as tar:
                self._read(tar, path)
        return self._texts.get(path, "")

    def is_readable(self, path: str) -> bool:
        """Tell whether a file is a text as uv and pip read it."""
        self.text(path)
        return normpath(path) not in self._unreadable


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    """Return what is in a file of an archive, or None for a link that leads nowhere, such as to itself."""
    try:
        file = tar.extractfile(member)
    except (KeyError, RecursionError):
        return None
    return file.read() if file else b""


def decoded(content: bytes, errors: str = "replace") -> str:
    """Return a text as uv and pip read it: in UTF-8, unless it begins as PowerShell begins one in UTF-16."""
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_wide else "utf-8-sig", errors=errors)


def is_text(content: bytes) -> bool:
    """Tell whether uv and pip can read a text; one with zeros in it is in UTF-16 and does not say so."""
    try:
        return "\0" not in decoded(content, "strict")
    except UnicodeDecodeError:
        return False


@dataclass
class Installation:
    """How the packages of a release are installed; paths go by the root of the source.

    `method` is `sync` (uv reads its own lock), `pylock` (so does it this one), `locked` (the lines of `locked`),
    `listed` (the files in `requirements`), `project` (by the pyproject.toml or setup.py in `folder`) or `none`.
    `git` has by address the commits that are pinned of repositories that are read by SSH; `pins` is as
    installed_packages tells it. `requires_python` is what an installation insists on.
    """

    method: str = "none"
    lock: str = ""
    folder: str = ""
    requirements: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    extras: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    locked: dict[str, str] = field(default_factory=dict)
    local: list[str] = field(default_factory=list)
    member: str = ""
    is_package: bool = False
    requires_python: str = ""
    needs_git: bool = False
    git: dict[str, Any] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    pins: dict[str, tuple[str, str]] = field(default_factory=dict)


def installation(app: App, installer: str, tree: Tree) -> dict[str, Any]:
    """Return how an application's packages are installed, as a dictionary of Installation. Raise SourceMistake."""
    try:
        found = _of_entry(app, installer, tree)
    except LockError as error:
        raise SourceMistake(str(error)) from None
    found.packages = [str(item) for item in app.get("python_packages", [])]
    texts = [*found.locked.values(), *found.packages, *(tree.text(path) for path in _all_lists(found, tree))]
    if found.method in ("sync", "pylock", "project"):
        texts.append(tree.text(found.lock))
    found.needs_git = any(re.search(r"(?m)^[^#\n]*git(\+|\s*=)|type = \"git\"", text) for text in texts)
    found.pins = installed_packages.pins(
        _installed_lines(found, tree),
        [line for path in _constraints(found, tree) for line in _lines_of(tree, path)],
        [("python_packages", item) for item in found.packages],
        str(app.get("python", "")),
    )
    found.git = {address: sorted(commits) for address, commits in git_packages.wanted(texts).items()}
    return asdict(found)


def _of_entry(app: App, installer: str, tree: Tree) -> Installation:
    """Return what the files of a source, and the keys of an entry, say. Raise LockError or SourceMistake."""
    folder = str(app.get("subdirectory", "")).strip("/")
    extras, groups = ([str(name) for name in app.get(key, [])] for key in ("extras", "dependency_groups"))
    has_groups = "dependency_groups" in app
    named = [normpath(str(path)) for path in app["requirements"]] if "requirements" in app else None
    constraints = [normpath(str(path)) for path in app.get("constraints", [])]
    refuse_missing(tree, "requirements", named or [])
    refuse_missing(tree, "constraints", constraints, installs=False)
    if named is not None and len(named) == 1 and _kind(named[0]):
        lock, passed = named[0], list[str]()
    elif named is not None:
        _refuse_names(extras, groups)
        _refuse_locks(named)
        method = "listed" if named else "none"
        return Installation(method, ", ".join(named), folder, requirements=named, constraints=constraints)
    else:
        lock, passed = _found(folder, tree, bool(extras or groups))
    if not lock:
        refuse_unnamed(tree, folder)
        lock = _package(folder, tree)
    kind = _kind(lock)
    if constraints and kind in lock_files.READERS:
        raise SourceMistake(f"constraints are for lists that pin nothing, and {lock} pins all: take the key out.")
    if kind == "uv.lock" and not has_groups:
        groups = _default_groups(folder, dirname(lock), tree)
    made = _of_lock(kind, lock, installer, tree, extras, groups, folder)
    made.constraints, made.passed_over = constraints, passed
    return made


def _refuse_locks(paths: Sequence[str]) -> None:
    """Refuse a lock or a project among lists of requirements."""
    for path in filter(_kind, paths):
        raise SourceMistake(
            f"requirements names {path} beside {_enumerated([other for other in paths if other != path])}: a lock or a "
            "project is named alone."
        )


def _refuse_names(extras: Sequence[str], groups: Sequence[str]) -> None:
    """Refuse extras and groups, which a list of requirements has none of."""
    if extras or groups:
        key = "extras" if extras else "dependency_groups"
        raise SourceMistake(
            f"{key} needs a pyproject.toml or a lock, and requirements files have none: name the files alone, or leave "
            "requirements out."
        )


def _kind(path: str) -> str:
    """Return which of the known files this is: its name, that of pylock.toml for those with a name in it."""
    name = basename(path)
    if re.fullmatch(r"pylock(\.[^.]+)?\.toml", name):
        return "pylock.toml"
    return name if name in ORDER and name != "requirements.txt" else ""


def _found(folder: str, tree: Tree, has_names: bool) -> tuple[str, list[str]]:
    """Return the file that the rule finds, and those that it passes over: first in the application's own folder."""
    for place in _upwards(folder):
        paths = [path for name in ORDER if tree.has(path := join(place, name))]
        there = [path for path in paths if _counts(path, tree, has_names)]
        if there and basename(there[0]) in PROJECTS and (lock := _of_workspace(place, tree)):
            return lock, []
        if there:
            passed = [path for path in there[1:] if basename(path) not in PROJECTS]
            return there[0], passed
    return "", []


def _upwards(folder: str) -> list[str]:
    """Return a folder, those that it is in, and the root."""
    return [folder, *(_upwards(dirname(folder)) if folder else [])]


def _member(app_folder: str, folder: str, tree: Tree) -> tuple[str, dict[str, Any]]:
    """Return the folder and the pyproject.toml of an application below that of its lock, if it has one there."""
    between = [place for place in _upwards(app_folder) if len(place) > len(folder)]
    owns = ((place, _project(join(place, "pyproject.toml"), tree)) for place in between)
    return next(((place, own) for place, own in owns if own), ("", {}))


def _of_workspace(place: str, tree: Tree) -> str:
    """Return the uv.lock above a folder that has the project in it as a member, or an empty text. Raise LockError."""
    for above in _upwards(place)[1:]:
        lock, member = join(above, "uv.lock"), relpath(place, above or ".")
        try:
            entries = lock_files.rows(toml(tree.text(lock)), "package")
        except LockError as error:
            raise LockError(f"{lock} {error}") from None
        sources = [table(entry, "source") for entry in entries]
        if any(member in (source.get("editable"), source.get("virtual")) for source in sources):
            return lock
    return ""


def _counts(path: str, tree: Tree, has_names: bool = False) -> bool:
    """Tell whether a file lists packages. Raise LockError."""
    if basename(path) == "requirements.txt" and not tree.leads_nowhere(path):
        return not requirement_lists.is_empty(tree.text(path))
    return python_project.lists_packages(path, tree, lambda path: _project(path, tree), has_names)


def _package(folder: str, tree: Tree) -> str:
    """Return what makes a package of an application that depends on nothing, where nothing lists packages."""
    names = [join(place, name) for place in _upwards(folder) for name in ("setup.py", "pyproject.toml")]
    paths = [path for path in names if tree.has(path)]
    return next((path for path in paths if python_project.installs_itself(path, _beside(path, tree), tree)), "")


def _beside(path: str, tree: Tree) -> dict[str, Any]:
    """Return what the pyproject.toml in a file's folder holds. Raise LockError."""
    return _project(join(dirname(path), "pyproject.toml"), tree)


def _project(path: str, tree: Tree) -> dict[str, Any]:
    """Return what a pyproject.toml holds; one that is not there is empty. Raise LockError."""
    try:
        return toml(tree.text(path))
    except LockError as error:
        raise LockError(f"{path} {error}") from None


def _default_groups(app_folder: str, folder: str, tree: Tree) -> list[str]:
    """Return the groups that uv installs of a project unless it is told which: the member's of a workspace."""
    own = _project(join(app_folder, "pyproject.toml"), tree)
    return python_project.default_groups(
        own if table(own, "project") else _project(join(folder, "pyproject.toml"), tree)
    )


def _of_lock(
    kind: str, lock: str, installer: str, tree: Tree, extras: list[str], groups: list[str], app_folder: str
) -> Installation:
    """Return how packages are installed from one file, by its kind."""
    folder = dirname(lock)
    project = _project(join(folder, "pyproject.toml"), tree)
    pipfile = _project(join(folder, "Pipfile"), tree) if kind == "Pipfile.lock" else {}
    is_package = python_project.installs_itself(lock, project, tree)
    made = Installation(lock=lock, folder=folder, extras=extras, groups=groups, is_package=is_package)
    try:
        lock_files.refuse_older(kind, tree.text(lock), project, pipfile)
        if kind == "uv.lock":
            if installer != "pip" and not tree.has(join(folder, "pyproject.toml")):
                raise LockError("has no pyproject.toml beside it, which uv needs: commit it, too.")
            place, own = _member(app_folder, folder, tree)
            made.member = str(table(own, "project").get("name", ""))
            if own:
                made.is_package = python_project.is_package(own, tree, place)
            _refuse_unknown_names(tree.text(lock), made.member, extras, groups)
            if installer == "pip":
                _take(made, lock_files.uv(tree.text(lock), folder, made.member, extras, groups))
            else:
                made.method = "sync"
                _refuse_places(_of_uv(made, tree).local, tree)
        elif kind == "pylock.toml":
            found = lock_files.pylock(tree.text(lock), folder, extras, groups)
            if installer == "pip":
                _take(made, found)
            else:
                made.method = "pylock"
        elif kind == "poetry.lock":
            _take(made, lock_files.poetry(tree.text(lock), project, folder, extras, groups))
        elif kind == "pdm.lock":
            _take(made, lock_files.pdm(tree.text(lock), folder, extras, groups))
        elif kind == "Pipfile.lock":
            lock_files.refuse_unknown("extra", extras, [])
            _take(made, lock_files.pipenv(tree.text(lock), folder, groups))
        elif kind == "setup.cfg":
            _of_setup_cfg(made, python_project.of_setup_cfg(tree.text(lock)))
        elif kind in ("pyproject.toml", "setup.py"):
            _of_project(made, kind, project, installer)
        elif lock:
            made.method, made.requirements = "listed", [lock]
            refuse_lacking(tree, [lock])
            lock_files.refuse_unknown("extra", extras, [])
            lock_files.refuse_unknown("dependency group", groups, [])
        _refuse_places(made.local, tree)
        _refuse_lines(kind, project, made, tree)
        if made.is_package or made.method == "sync":
            made.requires_python = str(table(project, "project").get("requires-python", ""))
    except LockError as error:
        raise LockError(f"{lock} {error}") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise LockError(f"{lock} is not as its tool writes it: {type(error).__name__} {error}.") from None
    return made


def _of_uv(made: Installation, tree: Tree) -> Locked:
    """Return what a uv.lock installs, as far as it can be told: uv itself reads more of its locks."""
    try:
        return lock_files.uv(tree.text(made.lock), made.folder, made.member, made.extras, made.groups)
    except lock_files.OutsideError:
        raise
    except (LockError, KeyError, TypeError, AttributeError):
        return Locked()


def _refuse_places(paths: Sequence[str], tree: Tree) -> None:
    """Raise LockError where a folder or a file that a lock installs is not in the source."""
    for path in paths:
        for fault in requirement_lists.place_faults(path, tree):
            raise LockError(fault)


def _refuse_lines(kind: str, project: Mapping[str, Any], made: Installation, tree: Tree) -> None:
    """Raise LockError where what a project without a lock depends on can't be installed."""
    if kind != "pyproject.toml" or made.method not in ("project", "locked"):
        return
    own = table(project, "project")
    if not isinstance(own.get("dependencies", []), list):
        raise LockError('has dependencies of [project] that are no list: write dependencies = ["flask==3.1.0"].')
    lines = python_project.requirements(dict(project), made.extras, made.groups)
    for line in lines:
        # Hatch fills in what stands in braces.
        for fault in requirement_lists.line_faults(line, made.folder, tree) if "{" not in line else ():
            raise LockError(fault)
    if made.method == "project":
        _refuse_places([join(made.folder, path) for path in _source_paths(project, lines)], tree)


def _source_paths(project: Mapping[str, Any], lines: Sequence[str]) -> Iterator[str]:
    """Return where uv is told to have packages from that are needed whatever the server is."""
    needed = set(lock_files.unconditional(lines))
    for name, source in table(project, "tool", "uv", "sources").items():
        of_a_case = {"extra", "group", "marker"} & set(source) if isinstance(source, dict) else True
        if canonical(name) in needed and not of_a_case and source.get("path"):
            yield str(source["path"])


def _take(made: Installation, found: Locked) -> None:
    """Have the lines of a lock installed."""
    head = [f"--extra-index-url {url}" for url in found.indexes]
    made.method, made.local = "locked", list(found.local)
    for name, packages in (("hashed", found.hashed), ("direct", found.direct)):
        if packages:
            made.locked[name] = "\n".join([*head, *packages]) + "\n"


def _of_project(made: Installation, kind: str, project: Mapping[str, Any], installer: str) -> None:
    """Have installed what an application depends on by its own words, without a lock."""
    made.method, own = "project", dict(project)
    if kind == "setup.py":
        lock_files.refuse_unknown("dependency group", made.groups, [])
    elif python_project.is_static(own) or not python_project.has_dependencies(own):
        named = python_project.requirements(own, made.extras, made.groups)
        # uv knows more of the file than its dependencies, such as where they come from.
        if installer == "pip" or not table(project, "project"):
            made.method, made.locked = "locked", {"listed": "\n".join(named) + "\n"} if named else {}
    elif not made.is_package and (files := python_project.dynamic_files(own)):
        raise LockError(f"takes what it depends on from {', '.join(files)}: write requirements: [{', '.join(files)}].")
    elif not made.is_package:
        tool = "poetry.lock" if table(project, "tool", "poetry") else "a lock"
        raise LockError(
            f"lists no dependencies that can be read, as the application is no package: commit {tool} or a "
            "requirements.txt beside it."
        )
    elif named := python_project.of_groups(own, made.groups):
        made.locked = {"listed": "\n".join(named) + "\n"}


def _of_setup_cfg(made: Installation, project: dict[str, Any]) -> None:
    """Have installed what a setup.cfg lists; its file alone is nothing that pip or uv would build."""
    named = python_project.requirements(project, made.extras, made.groups)
    elsewhere = [item.partition(":")[2].strip() for item in named if item.startswith("file:")]
    if elsewhere:
        raise LockError(f"takes what it depends on from {elsewhere[0]}: write requirements: [{elsewhere[0]}].")
    made.method, made.locked = "locked", {"listed": "\n".join(named) + "\n"}


def _refuse_unknown_names(text: str, member: str, extras: Sequence[str], groups: Sequence[str]) -> None:
    """Refuse extras and groups that a uv.lock does not have; whatever else is in it, uv itself reads."""
    if extras or groups:
        known_extras, known_groups = lock_files.names_of(text, member)
        lock_files.refuse_unknown("extra", extras, known_extras)
        lock_files.refuse_unknown("group", groups, known_groups)


def refuse_missing(tree: Tree, key: str, paths: Sequence[str], installs: bool = True) -> None:
    """Raise SourceMistake where a file that an entry names can't be installed from, or one that it includes.

    Without `installs` they only constrain what is installed.
    """
    for path in paths:
        if not tree.has(path) or tree.is_folder(path):
            raise SourceMistake(f"{path} of {key} is not in its source{_instead(tree)}.")
        _refuse_unread(path)
    if not any(_kind(path) for path in paths):
        refuse_lacking(tree, paths, installs)


def refuse_lacking(tree: Tree, paths: Sequence[str], installs: bool = True) -> None:
    """Raise SourceMistake where lists include a file that is not in the source, or one can't be installed from."""
    for path in paths:
        for place, included in _includes(path, tree):
            if not tree.has(included):
                raise SourceMistake(
                    f"{place} includes {requirement_lists.shown(included)}, which is not in its source."
                )
    options, faults = (LIST, requirement_lists.faults) if installs else (ANY_LIST, requirement_lists.text_faults)
    lists = dict.fromkeys([*paths, *(included for path in paths for _, included in _includes(path, tree, options))])
    if found := [fault for path in lists for fault in faults(path, tree)]:
        raise SourceMistake(found[0])


def _refuse_unread(path: str) -> None:
    """Raise SourceMistake where a file is no list of pip's."""
    if basename(path) in UNREAD:
        raise SourceMistake(f"{path} is no list that pip or uv could install from: {UNREAD[basename(path)]}.")


def _includes(path: str, tree: Tree, options: str = ANY_LIST, seen: frozenset[str] = frozenset()) -> Iterator[Include]:
    """Return where files are included, and which, by a list of requirements and those that it includes."""
    for found in re.findall(rf"(?m)^\s*(?:{options})[\s=]*(\"[^\"\n]+\"|'[^'\n]+'|[^\s#]+)", tree.text(path)):
        named = re.sub(r"^\$\{PROJECT_ROOT\}/", "", found.strip("\"'"))
        included = normpath(named if named != found.strip("\"'") else join(dirname(path), named))
        if "://" in found or "${" in named or included in seen:
            continue
        yield path, included
        yield from _includes(included, tree, options, seen | {path})


def _all_lists(made: Installation, tree: Tree, options: str = ANY_LIST) -> list[str]:
    """Return the lists that are installed from, with those that they include."""
    return [*made.requirements, *(path for start in made.requirements for _, path in _includes(start, tree, options))]


def _constraints(made: Installation, tree: Tree) -> list[str]:
    """Return the lists of constraints, with those that lists of requirements include."""
    return [*made.constraints, *(path for path in _all_lists(made, tree) if path not in _all_lists(made, tree, LIST))]


def _installed_lines(made: Installation, tree: Tree) -> list[Line]:
    """Return the requirements that are installed, each with the file that they are of, as far as they can be told."""
    names = (made.extras, made.groups)
    lines = [(made.lock, line) for text in made.locked.values() for line in installed_packages.joined(text)]
    lines += [line for path in _all_lists(made, tree, LIST) for line in _lines_of(tree, path)]
    try:
        if made.method == "sync":
            locked = _of_uv(made, tree)
        elif made.method == "pylock":
            locked = lock_files.pylock(tree.text(made.lock), made.folder, *names)
        else:
            locked = Locked()
    except (LockError, KeyError, TypeError, AttributeError):
        # uv, which installs it, reads more of its own locks.
        locked = Locked()
    lines += [(made.lock, line) for line in (*locked.hashed, *locked.direct)]
    if made.method == "project" and basename(made.lock) == "pyproject.toml":
        lines += [(made.lock, line) for line in python_project.requirements(_project(made.lock, tree), *names)]
    return lines


def _lines_of(tree: Tree, path: str) -> list[Line]:
    """Return the lines of a list of requirements, each with its path."""
    return [(path, line) for line in installed_packages.joined(tree.text(path))]


def _instead(tree: Tree) -> str:
    """Return which lists there are."""
    found = listed(tree)
    return f", which has {_enumerated(found)}" if found else ""


def listed(tree: Tree) -> list[str]:
    """Return the files that list packages, those for production first and none that is for development."""
    locks = {*ORDER, *UNREAD} - PROJECTS - {"requirements.txt"}
    found = [
        path
        for path in tree.files
        if (LISTS.search(path) and not requirement_lists.is_empty(tree.text(path))) or basename(path) in locks
    ]
    projects = [path for path in tree.files if basename(path) in PROJECTS - {"setup.py"} and "/" in path]
    found += [path for path in projects if _counts(path, tree)]
    found = [path for path in dict.fromkeys(found) if not ASIDE.search(path) and path.count("/") < 4]
    return sorted(found, key=lambda path: (not re.search("prod", path), path.count("/"), path))


def refuse_unnamed(tree: Tree, folder: str) -> None:
    """Raise SourceMistake where nothing is found that packages could be installed from, and something lists some."""
    found = listed(tree)
    if not found:
        return
    where = f"in {folder} or above it" if folder else "at the root of its source"
    usable = [path for path in found if basename(path) not in UNREAD]
    if not usable:
        _refuse_unread(found[0])
    nested = [
        path for path in found if basename(path) in ORDER and "/" in path and basename(path) != "requirements.txt"
    ]
    way = f"or {dirname(nested[0])} in subdirectory, " if nested and not folder else ""
    raise SourceMistake(
        f"nothing {where} says which packages it needs; there is {_enumerated(found)}: name what is to be installed in "
        f"requirements, such as requirements: [{usable[0]}], {way}or write requirements: [] if it needs none."
    )


def _enumerated(paths: Sequence[str]) -> str:
    """Return paths as words, the first ones of many."""
    return ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")


def installed(app: App, found: App, cache: Path) -> dict[str, Any]:
    """Return how an application's packages are installed, with files in a cache in the place of their texts.

    `found` is its source. Raise SourceMistake, or SourceError where a repository can't be had.
    """
    source = Tree(Path(found["path"]), found["strip_components"])
    how = installation(app, str(app["installer"]), source)
    if mistakes := list(source_places.place_mistakes(app, source)):
        raise SourceMistake(mistakes[0])
    locked = {name: str(_kept(text, cache)) for name, text in how["locked"].items()}
    return {**how, "locked": locked, "git": git_packages.bundles(how["git"], cache, str(app.get("key_file", "")))}


def _kept(text: str, cache: Path) -> Path:
    """Return a file in a cache with a text, made unless it is there."""
    path = cache / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.txt"
    if not path.exists():
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(text)
        part.rename(path)
    return path
