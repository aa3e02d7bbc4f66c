"""Packages that a lock names, and the lines of a requirements file that install just these.

A lock is a graph: which packages a release gets follows from where a walk begins (what the application depends on, its
groups and its extras), and the condition of each from the conditions on the ways to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

# Conditions that all have to hold, and the alternatives of such: without a condition there is an empty one.
Ways = frozenset[frozenset[str]]
ALWAYS: Ways = frozenset({frozenset()})
TRUE, FALSE = "python_version >= '0'", "python_version < '0'"
# What a marker says of extras and groups, which mean nothing in a requirements file.
ASKED = re.compile(
    r"""(?P<q>['"])(?P<name>[\w.-]+)(?P=q)\s+(?P<no>not\s+)?in\s+(?P<kind>extras|dependency_groups)"""
    r"""|\bextra\s*(?P<op>==|!=)\s*(?P<r>['"])(?P<extra>[\w.-]+)(?P=r)"""
)
PYPI = re.compile(r"https?://(pypi\.org|pypi\.python\.org|files\.pythonhosted\.org)(/|$)")


class LockError(Exception):
    """A lock can't be honoured; the text says why, in a sentence that follows the lock's name."""


@dataclass(frozen=True)
class Package:
    """One package of a lock: a version with its hashes, a direct reference, or a folder of the source.

    `hashes` are as `sha256:0123…`; `url` is as pip takes it after the `@`; `path` goes by the root of the source.
    """

    name: str
    version: str = ""
    hashes: tuple[str, ...] = ()
    url: str = ""
    path: str = ""
    index: str = ""


@dataclass(frozen=True)
class Edge:
    """That something depends on a package, by its key in the lock, on which condition and with which extras."""

    to: str
    marker: str = ""
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class Locked:
    """What a lock has installed, in two lists, as pip takes hashes for all of a list or for none.

    `hashed` and `direct` are lines of requirements, `local` folders and archives of the source, `indexes` addresses.
    """

    hashed: tuple[str, ...] = ()
    direct: tuple[str, ...] = ()
    local: tuple[str, ...] = ()
    indexes: tuple[str, ...] = field(default=())


def canonical(name: str) -> str:
    """Return a package's, an extra's or a group's name as PyPI compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def asked(marker: str, extras: Iterable[str] = (), groups: Iterable[str] = ()) -> str:
    """Return a marker in which what it says of extras and groups is true or false by those that are asked for."""
    wanted = {"extras": set(map(canonical, extras)), "dependency_groups": set(map(canonical, groups))}

    def answer(found: re.Match[str]) -> str:
        name = canonical(found["extra"] or found["name"])
        is_asked = name in wanted[found["kind"] or "extras"]
        return TRUE if is_asked != (bool(found["no"]) or found["op"] == "!=") else FALSE

    text = ASKED.sub(answer, marker)
    return "" if text == TRUE else text


def either(ways: Iterable[frozenset[str]]) -> Ways:
    """Return alternatives without those that another one makes superfluous."""
    found = set(ways)
    return frozenset(way for way in found if not any(other < way for other in found))


def walk(start: Iterable[Edge], edges_of: Callable[[str, str], Iterable[Edge]]) -> dict[str, Ways]:
    """Return the packages that are reached, by key, each with its conditions.

    `edges_of` returns what a package depends on, and what one of its extras adds; the empty extra is the package alone.
    """
    reached: dict[tuple[str, str], Ways] = {}
    todo = [(edge, ALWAYS) for edge in start]
    while todo:
        edge, before = todo.pop()
        if edge.marker == FALSE:
            continue
        ways = either(way | {edge.marker} if edge.marker else way for way in before)
        for extra in ("", *edge.extras):
            known = reached.get((edge.to, extra), frozenset())
            both = either([*known, *ways])
            if both != known:
                reached[edge.to, extra] = both
                todo += [(further, both) for further in edges_of(edge.to, extra)]
    return {key: ways for (key, extra), ways in reached.items() if not extra}


def condition(ways: Ways) -> str:
    """Return conditions as the marker of a requirement, which is empty where there is none."""
    if frozenset() in ways:
        return ""
    parts = sorted(_all_of(sorted(way)) for way in ways)
    return " or ".join(f"({part})" for part in parts) if len(parts) > 1 else parts[0]


def _all_of(markers: list[str]) -> str:
    """Return a marker that is true where all of these are."""
    return " and ".join(f"({marker})" if len(markers) > 1 and " or " in marker else marker for marker in markers)


def lines(packages: Mapping[str, Package], reached: Mapping[str, Ways]) -> Locked:
    """Return the lists that install the packages that were reached. Raise LockError where one has nothing to go by."""
    hashed, direct, local, indexes = [], [], [], set()
    for key in sorted(reached, key=lambda key: (packages[key].name, packages[key].version)):
        package, marker = packages[key], condition(reached[key])
        after = f" ; {marker}" if marker else ""
        if package.path:
            if marker:
                raise LockError(f"installs {package.path} under a condition, which this collection can't: {marker}.")
            local.append(package.path)
        elif package.url:
            direct.append(f"{package.name} @ {package.url}{after}")
        elif package.version and package.hashes:
            sums = "".join(f" --hash={digest}" for digest in sorted(package.hashes))
            hashed.append(f"{package.name}=={package.version}{after}{sums}")
        elif package.version:
            direct.append(f"{package.name}=={package.version}{after}")
        else:
            raise LockError(f"has no version of {package.name}.")
        if package.index and not PYPI.match(package.index):
            indexes.add(without_user(package.index))
    return Locked(tuple(hashed), tuple(direct), tuple(local), tuple(sorted(indexes)))


def without_user(address: str) -> str:
    """Return an address without user and password: those of an index are the entry's to tell."""
    return re.sub(r"//[^/@]*@", "//", address)


def git_url(repository: str, commit: str, subdirectory: str = "") -> str:
    """Return a git repository at a commit as pip takes it; `git@host:path` is one by SSH."""
    scp = re.fullmatch(r"(?:ssh://)?([\w.-]+@[\w.-]+):(?!\d+/)(.+)", repository)
    address = f"ssh://{scp[1]}/{scp[2].lstrip('/')}" if scp else repository
    address = address.removeprefix("git+")
    return f"git+{address}@{commit}" + (f"#subdirectory={subdirectory}" if subdirectory else "")
