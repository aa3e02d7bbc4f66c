"""The locks of Poetry, PDM, Pipenv and uv, and pylock.toml, read by what their own formats say.

Each reader returns what a release gets by the lock: what the application itself needs, with the extras and the groups
that are asked for, and nothing for development.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from posixpath import join, normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.locked_packages import (
    ALWAYS,
    FALSE,
    PYPI,
    Edge,
    Locked,
    LockError,
    Package,
    Ways,
    asked,
    canonical,
    git_url,
    lines,
    walk,
    without_user,
)
from packaging.requirements import InvalidRequirement, Requirement

# What writes a lock anew, of those that lie beside a pyproject.toml.
TOOLS = {"uv.lock": "uv lock", "poetry.lock": "poetry lock", "pdm.lock": "pdm lock"}
# Under what a package of Poetry's or Pipenv's is needed: Pipenv has a key for each variable of a marker.
CONDITIONS = {
    *("optional", "python", "platform", "markers", "os_name", "sys_platform", "python_version", "python_full_version"),
    *("platform_machine", "platform_python_implementation", "platform_release", "platform_system", "platform_version"),
    *("implementation_name", "implementation_version"),
}
# By these a package is locked under the name that its own files tell, whatever a Pipfile calls it.
UNNAMED = frozenset({"path", "file", "editable", "git", "hg", "svn", "bzr"})

Table = dict[str, Any]
Reached = dict[str, Ways]


class OutsideError(LockError):
    """A lock installs something that is not in the source."""


def toml(text: str) -> Table:
    """Return what a TOML file holds. Raise LockError."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise LockError(f"is no valid TOML: {error}.") from None


def table(values: Any, *names: str) -> Table:
    """Return a table within tables; it is empty where there is none."""
    for name in names:
        values = values.get(name) if isinstance(values, dict) else None
    return values if isinstance(values, dict) else {}


def rows(values: Any, name: str) -> list[Table]:
    """Return the tables of an array; one that is none is left out."""
    found = values.get(name) if isinstance(values, dict) else None
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def refuse_unknown(kind: str, wanted: Iterable[str], known: Iterable[str]) -> None:
    """Raise LockError where a group or an extra is asked for that there is not."""
    there = sorted(set(map(canonical, known)))
    missing = [name for name in wanted if canonical(name) not in there]
    if missing:
        raise LockError(f"has no {kind} {', '.join(missing)}; it has {', '.join(there) or 'none'}.")


def refuse_older(kind: str, text: str, project: Table, pipfile: Table) -> None:
    """Raise LockError where a lock lacks what its project has come to depend on since.

    `project` is the pyproject.toml and `pipfile` the Pipfile beside it. What is listed under a condition may be
    missing, as may be what an extra brings and what the tool is told to leave out.
    """
    if kind == "Pipfile.lock":
        wanted, have = _unconditional(table(pipfile, "packages"), UNNAMED), _of_json(text)
        tool, source = "pipenv lock", "Pipfile"
    elif kind in TOOLS:
        wanted = set(unconditional(table(project, "project").get("dependencies", []))) - _left_out(project)
        poetry = table(project, "tool", "poetry", "dependencies")
        wanted |= _unconditional(poetry) if kind == "poetry.lock" else set()
        have = {canonical(str(entry.get("name"))) for entry in rows(toml(text), "package")}
        tool, source = TOOLS[kind], "pyproject.toml"
    else:
        return
    own = canonical(str(table(project, "project").get("name", "")))
    if missing := sorted(wanted - have - {own}):
        raise LockError(f"lacks {', '.join(missing)}, which {source} lists: run {tool}, and commit what it writes.")


def _of_json(text: str) -> set[str]:
    """Return the names of the packages of a Pipfile.lock; what is no JSON has none that is missed here."""
    try:
        return set(map(canonical, table(json.loads(text), "default")))
    except (ValueError, RecursionError) as error:
        raise LockError(f"is no valid JSON: {error}.") from None


def _left_out(project: Table) -> set[str]:
    """Return the names of what uv or PDM is told to leave out of a lock, or to lock under another condition."""
    own = table(project, "tool", "uv")
    listed = [
        *_list(own.get("exclude-dependencies")),
        *_list(table(project, "tool", "pdm", "resolution").get("excludes")),
        *(item for item in _list(own.get("override-dependencies")) if ";" in str(item)),
    ]
    return _names(listed)


def _list(value: Any) -> list[Any]:
    """Return a list; what is none is empty."""
    return value if isinstance(value, list) else []


def unconditional(listed: Any) -> Iterator[str]:
    """Return the names of requirements without a condition."""
    for item in listed if isinstance(listed, list) else []:
        try:
            requirement = Requirement(str(item))
        except InvalidRequirement:
            continue
        if not requirement.marker:
            yield canonical(requirement.name)


def _unconditional(listed: Table, besides: frozenset[str] = frozenset()) -> set[str]:
    """Return the names of the packages of a table of Poetry's or Pipenv's that are needed everywhere.

    One with a key of `besides` is left out, too.
    """
    keys = CONDITIONS | besides
    return {
        canonical(name)
        for name, value in listed.items()
        if name != "python" and not isinstance(value, list) and not (isinstance(value, dict) and keys & value.keys())
    }


def _path(folder: str, path: str) -> str:
    """Return where something of a lock lies, by the root of the source. Raise LockError where it is outside."""
    place = normpath(join(folder, path))
    if place.startswith(("/", "..")):
        raise OutsideError(f"installs {path}, which is not in the source.")
    return "." if place == "." else f"./{place}"


# Poetry


def poetry(text: str, project: Table, folder: str, extras: Sequence[str], groups: Sequence[str]) -> Locked:
    """Return what a poetry.lock installs; `project` is the pyproject.toml beside it, in `folder`."""
    lock = toml(text)
    entries = rows(lock, "package")
    refuse_unknown("extra", extras, table(lock, "extras"))
    known = {canonical(name) for entry in entries for name in entry.get("groups", [])}
    written = table(project, "tool", "poetry", "group")
    refuse_unknown("group", groups, known | set(written) | set(table(project, "dependency-groups")))
    files = table(lock, "metadata", "files")
    packages = {str(number): _of_poetry(entry, files, folder) for number, entry in enumerate(entries)}
    if all("groups" in entry for entry in entries):
        reached = _by_groups(entries, extras, groups)
    else:
        reached = _by_walk(entries, lock, project, extras, groups)
    return lines(packages, reached)


def _of_poetry(entry: Table, files: Table, folder: str) -> Package:
    """Return a package of a poetry.lock; up to version 1 the hashes of all stand together at its end."""
    name, source = str(entry["name"]), table(entry, "source")
    kind, url = source.get("type", "legacy"), str(source.get("url", ""))
    listed = entry.get("files") or files.get(name) or files.get(canonical(name)) or []
    hashes = tuple(str(file["hash"]) for file in listed if "hash" in file)
    if kind == "git":
        return Package(name, url=git_url(url, str(source["resolved_reference"]), str(source.get("subdirectory") or "")))
    if kind == "url":
        return Package(name, url=url + (f"#{hashes[0].replace(':', '=', 1)}" if hashes else ""))
    if kind in ("directory", "file"):
        return Package(name, path=_path(folder, url))
    return Package(name, str(entry["version"]), hashes, index=url)


def _by_groups(entries: list[Table], extras: Sequence[str], groups: Sequence[str]) -> Reached:
    """Return the packages of a poetry.lock of version 2.1, which says of each for which groups it is, and when."""
    reached: Reached = {}
    wanted = {"main", *map(canonical, groups)}
    for number, entry in enumerate(entries):
        markers = entry.get("markers", "")
        ways = set()
        for group in wanted & {canonical(name) for name in entry["groups"]}:
            marker = markers.get(group, "") if isinstance(markers, dict) else markers
            marker = asked(str(marker), extras)
            if marker != FALSE:
                ways.add(frozenset({marker} if marker else ()))
        if ways:
            reached[str(number)] = ALWAYS if frozenset() in ways else frozenset(ways)
    return reached


def _by_walk(
    entries: list[Table], lock: Table, project: Table, extras: Sequence[str], groups: Sequence[str]
) -> Reached:
    """Return the packages of an older poetry.lock, which are found by what the application depends on."""
    numbers: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        numbers.setdefault(canonical(str(entry["name"])), []).append(number)

    def edges(name: str, written: Any, wanted: bool) -> Iterator[Edge]:
        for one in written if isinstance(written, list) else [written]:
            value = one if isinstance(one, dict) else {}
            if value.get("optional") and not wanted:
                continue
            found = numbers.get(canonical(name), [])
            if len(found) != 1:
                reason = "several versions of" if found else "no"
                raise LockError(f"is of an old format and has {reason} {name}: write it anew with Poetry 2.")
            marker = " and ".join(f"({part})" if " or " in part else part for part in _conditions(value))
            yield Edge(str(found[0]), marker, tuple(map(canonical, value.get("extras", []))))

    def edges_of(key: str, extra: str) -> Iterator[Edge]:
        entry = entries[int(key)]
        brought = {canonical(str(item)): _names(item_list) for item, item_list in table(entry, "extras").items()}
        for name, written in table(entry, "dependencies").items():
            if not extra or canonical(name) in brought.get(extra, set()):
                yield from edges(name, written, bool(extra))

    of_extras = {canonical(name) for extra in extras for name in _chosen(table(lock, "extras"), extra)}
    main = table(project, "tool", "poetry", "dependencies")
    start = [
        edge
        for name, written in main.items()
        if canonical(name) != "python"
        for edge in edges(name, written, canonical(name) in of_extras)
    ]
    for group in groups:
        listed = table(_chosen(table(project, "tool", "poetry", "group"), group), "dependencies")
        start += [edge for name, written in listed.items() for edge in edges(name, written, True)]
    return walk(start, edges_of)


def _chosen(values: Table, name: str) -> Any:
    """Return a table's value by a name as it is compared."""
    return next((value for key, value in values.items() if canonical(key) == canonical(name)), {})


def _names(requirements: Iterable[Any]) -> set[str]:
    """Return the names of the packages in requirements such as `pyopenssl (>=0.14)`."""
    return {canonical(found[0]) for item in requirements if (found := re.match(r"[\w.-]+", str(item)))}


def _conditions(value: Table) -> Iterator[str]:
    """Return the conditions of one of Poetry's dependencies, as markers."""
    marker = re.sub(r"\bextra\s*==\s*(['\"])[\w.-]+\1", "python_version >= '0'", str(value.get("markers") or ""))
    if marker and marker != "python_version >= '0'":
        yield marker
    if value.get("platform"):
        yield f"sys_platform == '{value['platform']}'"
    yield from _pythons(str(value.get("python") or "*"))


def _pythons(written: str) -> Iterator[str]:
    """Return Poetry's range of Pythons as markers: `^3.8` is from 3.8 on, below 4."""
    for part in filter(None, re.split(r"\s*,\s*|\s+(?=[<>=^~])", written.strip())):
        found = re.fullmatch(r"(\^|~|[<>]=?|[!=]=)?\s*(\d+(?:\.\d+)?)(?:\.[\d*]+)?", part)
        if part == "*":
            continue
        if not found:
            raise LockError(f"has a dependency for the Python {written}, which this collection can't read.")
        sign, version = found[1] or "==", found[2]
        key = "python_version"
        if sign == "^":
            yield f"{key} >= '{version}' and {key} < '4'"
        elif sign == "~":
            yield f"{key} == '{version}.*'" if "." not in version else f"{key} == '{version}'"
        else:
            yield f"{key} {sign} '{version}'"


# PDM


def pdm(text: str, folder: str, extras: Sequence[str], groups: Sequence[str]) -> Locked:
    """Return what a pdm.lock installs. Its groups are both the extras and the dependency groups."""
    lock = toml(text)
    entries, metadata = rows(lock, "package"), table(lock, "metadata")
    known = [str(group) for group in metadata.get("groups", ["default"])]
    refuse_unknown("extra or group", [*extras, *groups], known)
    if "inherit_metadata" not in metadata.get("strategy", []):
        raise LockError("does not say to which group each package belongs: run pdm lock --strategy inherit_metadata.")
    wanted = {"default", *map(canonical, [*extras, *groups])}
    packages, reached = {}, {}
    for number, entry in enumerate(entries):
        # With extras it is a second entry, of what is listed without them, too.
        if entry.get("extras") or not wanted & {canonical(name) for name in entry.get("groups", [])}:
            continue
        packages[str(number)] = _of_pdm(entry, folder)
        marker = str(entry.get("marker", ""))
        reached[str(number)] = frozenset({frozenset({marker} if marker else ())})
    return lines(packages, reached)


def _of_pdm(entry: Table, folder: str) -> Package:
    """Return a package of a pdm.lock."""
    name = str(entry["name"])
    hashes = tuple(str(file["hash"]) for file in rows(entry, "files") if "hash" in file)
    if "git" in entry:
        return Package(name, url=git_url(str(entry["git"]), str(entry["revision"]), str(entry.get("subdirectory", ""))))
    if "url" in entry:
        return Package(name, url=str(entry["url"]) + (f"#{hashes[0].replace(':', '=', 1)}" if hashes else ""))
    if "path" in entry:
        return Package(name, path=_path(folder, str(entry["path"])))
    return Package(name, str(entry["version"]), hashes)


# Pipenv


def pipenv(text: str, folder: str, groups: Sequence[str]) -> Locked:
    """Return what a Pipfile.lock installs; its categories of packages are the groups."""
    try:
        lock = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LockError(f"is no valid JSON: {error}.") from None
    refuse_unknown("category", groups, [name for name in lock if name not in ("_meta", "default")])
    sources = {str(row.get("name")): str(row.get("url", "")) for row in rows(table(lock, "_meta"), "sources")}
    packages, reached = {}, {}
    for category in ("default", *groups):
        for name, entry in table(_chosen(lock, category)).items():
            packages[canonical(name)] = _of_pipenv(name, entry, folder, sources)
            marker = str(entry.get("markers", ""))
            reached[canonical(name)] = frozenset({frozenset({marker} if marker else ())})
    found = lines(packages, reached)
    indexes = [without_user(url) for url in sources.values() if not PYPI.match(url)]
    return Locked(found.hashed, found.direct, found.local, tuple(dict.fromkeys([*found.indexes, *indexes])))


def _of_pipenv(name: str, entry: Table, folder: str, sources: Mapping[str, str]) -> Package:
    """Return a package of a Pipfile.lock."""
    hashes = tuple(map(str, entry.get("hashes", [])))
    if "git" in entry:
        return Package(
            name, url=git_url(str(entry["git"]), str(entry.get("ref", "HEAD")), entry.get("subdirectory", ""))
        )
    place = str(entry.get("file") or entry.get("path") or "")
    if place.startswith(("http://", "https://")):
        return Package(name, url=place)
    if place:
        return Package(name, path=_path(folder, place.removeprefix("file://")))
    version = str(entry.get("version", ""))
    if not version.startswith("=="):
        raise LockError(f"does not pin {name}: run pipenv lock.")
    return Package(name, version.removeprefix("=="), hashes, index=sources.get(str(entry.get("index")), ""))


# pylock.toml


def pylock(text: str, folder: str, extras: Sequence[str], groups: Sequence[str]) -> Locked:
    """Return what a pylock.toml installs, of version 1 of its format."""
    lock = toml(text)
    if not str(lock.get("lock-version", "")).startswith("1."):
        raise LockError(f"has the format {lock.get('lock-version', 'of no version')}; 1.0 is known.")
    refuse_unknown("extra", extras, lock.get("extras", []))
    refuse_unknown("group", groups, lock.get("dependency-groups", []))
    defaults = [str(name) for name in lock.get("default-groups", [])]
    packages, reached = {}, {}
    for number, entry in enumerate(rows(lock, "packages")):
        marker = asked(str(entry.get("marker", "")), extras, [*defaults, *groups])
        if marker != FALSE:
            packages[str(number)] = _of_pylock(entry, folder)
            reached[str(number)] = frozenset({frozenset({marker} if marker else ())})
    return lines(packages, reached)


def _of_pylock(entry: Table, folder: str) -> Package:
    """Return a package of a pylock.toml."""
    name = str(entry["name"])
    vcs, archive, directory = (table(entry, kind) for kind in ("vcs", "archive", "directory"))
    if vcs:
        place = str(vcs.get("url") or vcs.get("path"))
        return Package(name, url=git_url(place, str(vcs["commit-id"]), str(vcs.get("subdirectory", ""))))
    if directory:
        return Package(name, path=_path(folder, str(directory["path"])))
    if archive and "url" not in archive:
        return Package(name, path=_path(folder, str(archive["path"])))
    hashes = [f"{kind}:{value}" for kind, value in table(archive, "hashes").items()]
    if archive:
        return Package(name, url=str(archive["url"]) + (f"#{hashes[0].replace(':', '=', 1)}" if hashes else ""))
    files = chain([table(entry, "sdist")], rows(entry, "wheels"))
    hashes = [f"{kind}:{value}" for file in files for kind, value in table(file, "hashes").items()]
    return Package(name, str(entry.get("version", "")), tuple(hashes), index=str(entry.get("index", "")))


# uv


def uv(text: str, folder: str, name: str, extras: Sequence[str], groups: Sequence[str]) -> Locked:
    """Return what a uv.lock installs for one of its projects, by `name`; without it the one at its root."""
    entries = rows(toml(text), "package")
    root = next((entry for entry in entries if is_root(entry, name)), None)
    if root is None:
        raise LockError("has no entry for the application itself.")
    refuse_unknown("extra", extras, table(root, "optional-dependencies"))
    refuse_unknown("group", groups, groups_of(root))
    by_name: dict[str, list[int]] = {}
    for number, entry in enumerate(entries):
        by_name.setdefault(canonical(str(entry["name"])), []).append(number)

    def edges(listed: Iterable[Table]) -> Iterator[Edge]:
        for row in listed:
            found = [
                number
                for number in by_name.get(canonical(str(row["name"])), [])
                if all(entries[number].get(key) == row[key] for key in ("version", "source") if key in row)
            ]
            marker = str(row.get("marker", ""))
            if len(found) != 1 or re.search(r"\bextra\b", marker):
                raise LockError(f"has conflicting versions of {row['name']}, which uv alone can install.")
            yield Edge(str(found[0]), marker, tuple(map(canonical, row.get("extra", []))))

    def edges_of(key: str, extra: str) -> Iterator[Edge]:
        entry = entries[int(key)]
        yield from edges(rows(_by(entry, "optional-dependencies"), extra) if extra else rows(entry, "dependencies"))

    start = [
        *edges(rows(root, "dependencies")),
        *(edge for extra in extras for edge in edges(rows(_by(root, "optional-dependencies"), canonical(extra)))),
        *(edge for group in groups for edge in edges(rows(_by(root, "dev-dependencies"), canonical(group)))),
    ]
    # What is virtual, as the application may be, is a name for what it depends on.
    reached = {
        key: ways
        for key, ways in walk(start, edges_of).items()
        if entries[int(key)] is not root and "virtual" not in table(entries[int(key)], "source")
    }
    return lines({key: _of_uv(entries[int(key)], folder) for key in reached}, reached)


def groups_of(root: Table) -> set[str]:
    """Return the groups of the application's entry in a uv.lock; one without packages stands in its metadata alone."""
    return {*table(root, "dev-dependencies"), *table(root, "metadata", "requires-dev")}


def names_of(text: str, member: str) -> tuple[set[str], set[str]]:
    """Return the extras and the groups of an application in a uv.lock, of one of its projects or the one at its root.

    Where there is none at the root, uv installs all its projects, with the groups that stand beside them.
    """
    lock = toml(text)
    entries = rows(lock, "package")
    found = [entry for entry in entries if is_root(entry, member)]
    if not found and not member:
        found = [entry for entry in entries if {"editable", "virtual"} & set(table(entry, "source"))]
    extras = {name for entry in found for name in table(entry, "optional-dependencies")}
    groups = {name for entry in found for name in groups_of(entry)}
    return extras, groups | (set() if member else set(table(lock, "manifest", "dependency-groups")))


def is_root(entry: Table, name: str) -> bool:
    """Tell whether an entry of a uv.lock is that of the application."""
    source = table(entry, "source")
    place = source.get("virtual", source.get("editable"))
    return canonical(str(entry["name"])) == canonical(name) if name and place is not None else place == "."


def _by(entry: Table, key: str) -> Table:
    """Return a table of an entry with its names as they are compared."""
    return {canonical(name): value for name, value in table(entry, key).items()}


def _of_uv(entry: Table, folder: str) -> Package:
    """Return a package of a uv.lock."""
    name, source = str(entry["name"]), table(entry, "source")
    files = [table(entry, "sdist"), *rows(entry, "wheels")]
    hashes = tuple(str(file["hash"]) for file in files if "hash" in file)
    for kind in ("editable", "directory", "path"):
        if kind in source:
            return Package(name, path=_path(folder, str(source[kind])))
    if "git" in source:
        address, _, commit = str(source["git"]).rpartition("#")
        repository, _, query = address.partition("?")
        found = re.search(r"(?:^|&)subdirectory=([^&]+)", query)
        return Package(name, url=git_url(repository, commit, found[1] if found else ""))
    if "url" in source:
        return Package(name, url=str(source["url"]) + (f"#{hashes[0].replace(':', '=', 1)}" if hashes else ""))
    return Package(name, str(entry["version"]), hashes, index=str(source.get("registry", "")))


READERS: dict[str, Callable[..., Locked]] = {
    "uv.lock": uv,
    "pylock.toml": pylock,
    "poetry.lock": poetry,
    "pdm.lock": pdm,
    "Pipfile.lock": pipenv,
}
