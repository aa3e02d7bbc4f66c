"""What an application depends on: which of its files a release is made from, and what that leaves out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from posixpath import basename, dirname, join, normpath

from ansible_collections.foobar.webstack.plugins.module_utils.release_environment import MYSQLCLIENT
from ansible_collections.foobar.webstack.plugins.plugin_utils import python_project
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.dialects import DRIVERS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.image_packages import find_image_packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import (
    Listing,
    Packages,
    section,
    toml,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report
from ansible_collections.foobar.webstack.plugins.plugin_utils.dependencies import ORDER as LOCKS
from ansible_collections.foobar.webstack.plugins.plugin_utils.dependencies import PROJECTS, UNREAD
from ansible_collections.foobar.webstack.plugins.plugin_utils.locked_packages import PYPI
from ansible_collections.foobar.webstack.plugins.plugin_utils.pinned_gunicorn import THREADS

# Lists that a lock was made from: that they say something else is no contradiction.
SOURCES = {"uv.lock": "pyproject.toml", "poetry.lock": "pyproject.toml", "pdm.lock": "pyproject.toml"}
# Names of groups, extras and lists that are for a server.
PRODUCTION = ("production", "prod", "deploy", "deployment", "live", "server", "heroku")
BASE = ("base", "common", "requirements", "main", "core", "default")
MYSQL_EXTRAS = ("mysql", "mysqlclient", "mariadb")
# Packages of the distribution that others are built or run with.
NEEDED = {
    "mysqlclient": MYSQLCLIENT,
    "psycopg2": ("gcc", "libpq-dev", "python3-dev"),
    "python-magic": ("libmagic1",),
    "weasyprint": ("libharfbuzz-subset0", "libpango-1.0-0", "libpangoft2-1.0-0"),
}
# Lists of packages that a server has no need of.
ASIDE = re.compile(r"dev|test|local|(^|\W)ci\b|lint|docs?\b|build|constraints|postgres|psql|tarballs")
INDEX = re.compile(r"(?m)^\s*(?:-i|--index-url|--extra-index-url)[\s=]+(\S+)")


def packages(tree: Tree, home: str, run: Iterable[Command], report: Report) -> Packages:
    """Return what a release is made from, and note what has to be named for it.

    The application's folder comes before the root.
    """
    places = list(dict.fromkeys([home, ""]))
    found = [path for place in places for name in LOCKS if is_lock(tree, path := join(place, name))]
    lock = found[0] if found else ""
    listing = Listing(tree)
    if lock:
        chosen = _chosen(tree, lock, list(run), report)
        listing.read(lock, chosen)
        if basename(lock) != "pyproject.toml" and tree.has(path := join(dirname(lock), "pyproject.toml")):
            listing.project(path, chosen) if basename(lock) in SOURCES else None
        _say_others(tree, lock, found, listing, report)
    elif listed := _lists(tree, home):
        report.find("requirements", [listed[0]], tree.at(listed[0]))
        listing.requirements(listed[0])
        lock = listed[0]
        if len(listed) > 1 and not _is_for_production(listed[0]) and not re.search("mysql|mariadb", listed[0]):
            report.ask(
                "requirements",
                f"The packages are those of {listed[0]}; there are {', '.join(listed[1:4])}, too: write those that "
                "production needs.",
            )
    elif unread := [path for place in places for name in UNREAD if tree.has(path := join(place, name))]:
        report.ask(
            "", f"{tree.at(unread[0])} is no list that pip or uv could install from: {UNREAD[basename(unread[0])]}."
        )
        if basename(unread[0]) == "Pipfile":
            listing.read(unread[0])
    else:
        report.ask("", "Nothing lists the packages to install: commit a requirements.txt, uv.lock or pyproject.toml.")
    find_image_packages(run, listing, report)
    _find_constraints(tree, lock, run, report)
    _ask_about_indexes(tree, lock, report)
    return listing.found(lock)


class Sources:
    """The files of a tree, as what reads a project asks for them."""

    def __init__(self, tree: Tree) -> None:
        """Take the tree."""
        self.tree = tree
        self.text = tree.text
        self.inside = tree.inside

    def has(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""
        return self.tree.has(normpath(path)) or self.is_folder(path)

    def is_folder(self, path: str) -> bool:
        """Tell whether something is a folder."""
        return self.tree.has_folder(path)


def is_lock(tree: Tree, path: str) -> bool:
    """Tell whether a release can be made from a file."""
    return tree.has(path) and python_project.lists_packages(path, Sources(tree), lambda path: toml(tree, path))


def is_package(tree: Tree, lock: str) -> bool:
    """Tell whether a release installs the application itself, so that its modules are found wherever they lie."""
    project = toml(tree, join(dirname(lock), "pyproject.toml"))
    wheel = section(project, "tool", "hatch", "build", "targets", "wheel")
    # The folder itself as a package does not bring the modules in it.
    return "src" not in (wheel.get("packages") or []) and python_project.installs_itself(lock, project, Sources(tree))


def _chosen(tree: Tree, lock: str, run: list[Command], report: Report) -> list[str]:
    """Return the groups and extras of a project that production needs, and note them."""
    place = join(dirname(lock), "pyproject.toml")
    table = toml(tree, place)
    groups = {**section(table, "dependency-groups"), **section(table, "tool", "poetry", "group")}
    extras = {**section(table, "project", "optional-dependencies"), **section(table, "tool", "poetry", "extras")}
    if basename(lock) in ("requirements.txt", "Pipfile.lock", "pylock.toml", "setup.py", "setup.cfg"):
        return []
    chosen: list[str] = []
    for key, names, options in (
        ("dependency_groups", groups, ("--group", "--with", "--only", "-G")),
        ("extras", extras, ("--extra", "--extras", "-E")),
    ):
        wanted, reason = _asked_for(names, options, run)
        if not wanted:
            wanted = [name for name in PRODUCTION if name in names]
            wanted += [name for name in MYSQL_EXTRAS if name in names and key == "extras"][:1] or [
                name for name in names if key == "extras" and not re.search(ASIDE, name) and _has_driver(table, name)
            ][:1]
            reason = tree.at(place)
        if key == "dependency_groups" and basename(lock) == "uv.lock":
            # The key takes the place of the groups that uv would install of itself.
            own = python_project.default_groups(table)
            wanted = [*own, *further] if (further := [name for name in wanted if name not in own]) else []
            chosen += [] if wanted else own
        if wanted:
            report.find(key, wanted, reason)
            chosen += wanted
    return chosen


def _has_driver(table: dict[str, object], extra: str) -> bool:
    """Tell whether an extra has a driver of MySQL, and the application itself has none."""
    project = section(table, "project")
    own = re.findall(r"[\w-]+", " ".join(map(str, project.get("dependencies") or [])).lower())
    listed = section(project, "optional-dependencies").get(extra)
    brought = re.findall(r"[\w-]+", " ".join(map(str, listed if isinstance(listed, list) else [])).lower())
    return not set(DRIVERS) & set(own) and bool(set(DRIVERS) & set(brought))


def _asked_for(names: Mapping[str, object], options: tuple[str, ...], run: list[Command]) -> tuple[list[str], str]:
    """Return the groups or extras that a command of an image's build installs, and where."""
    found: list[str] = []
    reason = ""
    for command in run:
        words = [part for word in command.words for part in word.split("=", 1)]
        for option, value in pairwise(words):
            given = re.split(r"[,\s]+", value) if option in options else []
            is_itself = "install" in words and re.match(r"[./][\w./-]*\[", value)
            given += re.findall(r"[\w-]+", value.partition("[")[2]) if is_itself else []
            for name in given:
                if name in names and name not in found:
                    found.append(name)
                    reason = reason or command.reason
    return found, reason


def _say_others(tree: Tree, lock: str, found: list[str], listing: Listing, report: Report) -> None:
    """Say which list was taken where another pins other versions: one of them is outdated."""
    for other in found:
        if (
            basename(other) in PROJECTS - {"pyproject.toml"}
            or other == lock
            or other == join(dirname(lock), SOURCES.get(basename(lock), ""))
        ):
            continue
        member = f'(editable|virtual) = "{re.escape(dirname(lock))}"'
        if basename(other) == "uv.lock" and re.search(member, tree.text(other)):
            continue  # of a workspace, from which a release of its member is made
        further = Listing(tree)
        further.read(other)
        differing = [
            name
            for name, version in further.versions.items()
            if version and listing.versions.get(name) and listing.versions[name] != version
        ]
        missing = [name for name in further.versions if name not in listing.versions]
        if differing or missing:
            name = [*differing, *missing][0]
            said = f"{name} {further.versions[name]}".strip()
            report.ask(
                "",
                f"A release is made from {tree.at(lock)} and not from {tree.at(other)}, which has {said}: remove the "
                "one that is outdated.",
            )
            return


def _lists(tree: Tree, home: str) -> list[str]:
    """Return lists of packages of other names and places, those for production and MySQL first, none for others."""
    listed = [
        path
        for path in tree.files
        if path.endswith(".txt")
        and re.search(r"(^|[/_-])requirements?\b", path)
        and path.count("/") < 4
        and not re.search(ASIDE, path.rpartition("/")[2])
    ]
    return sorted(
        listed,
        key=lambda path: (
            not path.startswith(home),
            not _is_for_production(path),
            not re.search(r"mysql|mariadb", basename(path)),
            not _is_base(path),
            len(path),
            path,
        ),
    )


def _is_for_production(path: str) -> bool:
    """Tell whether a list is called after production."""
    return bool(set(re.split(r"[^a-z]+", basename(path).lower())) & set(PRODUCTION))


def _is_base(path: str) -> bool:
    """Tell whether a list is the one that others include."""
    return basename(path).removesuffix(".txt").lower() in BASE


def _find_constraints(tree: Tree, lock: str, run: Iterable[Command], report: Report) -> None:
    """Note the constraints that an image's build installs with; a lock has no need of any."""
    if basename(lock).endswith(".lock") or basename(lock) == "pylock.toml":
        return
    for command in run:
        for option, value in pairwise(command.words):
            path = value.removeprefix("/").removeprefix("./")
            if option in ("-c", "--constraint") and command.words[0] in ("pip", "uv", "python") and tree.has(path):
                report.find("constraints", [path], command.reason)


def _ask_about_indexes(tree: Tree, lock: str, report: Report) -> None:
    """Ask for the credentials of indexes other than PyPI."""
    table = toml(tree, join(dirname(lock), "pyproject.toml"))
    pipfile = toml(tree, join(dirname(lock), "Pipfile"))
    tables = [table.get("tool", {}), pipfile] if isinstance(table.get("tool", {}), dict) else [pipfile]
    named = [
        *(section(tables[0], "poetry").get("source") or []),
        *(section(tables[0], "uv").get("index") or []),
        *(pipfile.get("source") or []),
    ]
    addresses = [str(index.get("url", "")) for index in named if isinstance(index, dict)]
    addresses += INDEX.findall(tree.text(lock)) if lock.endswith(".txt") else []
    for address in addresses:
        if address and not PYPI.match(address):
            shown = re.sub(r"//[^/@]*@", "//", address)
            report.ask(
                "package_indexes",
                f"{tree.at(lock)} has packages from {shown}: write its url, and username and password if it asks.",
            )


def ask_about_versions(found: Packages, report: Report) -> None:
    """Note what the distribution must bring, and ask about a gunicorn that is too old."""
    added = [re.split(r"[^\w-]", requirement)[0].lower() for requirement in report.value("python_packages") or []]
    needed = [name for name in NEEDED if found.has(name) or name in added]
    if needed:
        packages_needed = sorted({package for name in needed for package in NEEDED[name]})
        reasons = [f"{found.places[name]} has {name}" if found.has(name) else f"for {name}" for name in needed]
        report.add("packages", packages_needed, ", ".join(reasons))
    if found.is_older("gunicorn", str(THREADS)):
        version = found.versions["gunicorn"]
        report.ask(
            "",
            f"{found.places['gunicorn']} pins gunicorn {version}: take {THREADS} or later, as older ones drop "
            "requests of threads when they stop, or leave it out and a release adds it.",
        )
