"""What an application depends on, by its locks and lists, and which Pythons it is made for."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils.release_environment import LOCKS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_types import Report
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

# Packages of the distribution that others are built or run with.
NEEDED = {
    "mysqlclient": ("build-essential", "default-libmysqlclient-dev", "pkg-config", "python3-dev"),
    "python-magic": ("libmagic1",),
    "weasyprint": ("libharfbuzz-subset0", "libpango-1.0-0", "libpangoft2-1.0-0"),
}
# Locks that no release is made from, and what makes one of them that is.
OTHER_LOCKS = {
    "poetry.lock": "poetry export --output requirements.txt",
    "pdm.lock": "pdm export --output requirements.txt",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
    "Pipfile": "pipenv requirements > requirements.txt",
}
# Those of the supported distributions: with one that an application takes, nothing is to be fetched.
DISTRIBUTIONS = ("3.11", "3.12", "3.13")
PYTHONS = tuple(f"3.{minor}" for minor in range(14, 7, -1))
OLDEST_GUNICORN = Version("27")
REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\])?\s*(?:={2,3}\s*([^\s;,#]+))?")


@dataclass(frozen=True)
class Packages:
    """Names of packages, with the version that is pinned or an empty string, and where each is listed."""

    versions: Mapping[str, str]
    places: Mapping[str, str]
    lock: str

    def has(self, *names: str) -> str:
        """Return the first of these that is among the packages, or an empty string."""
        return next((name for name in names if name in self.versions), "")

    def is_older(self, name: str, than: str) -> bool:
        """Tell whether a package is pinned to a version before another."""
        try:
            return Version(self.versions.get(name) or than) < Version(than)
        except InvalidVersion:
            return False


class Listing:
    """Packages while they are gathered from the files that list them."""

    def __init__(self, tree: Tree) -> None:
        """Begin with none."""
        self.tree = tree
        self.versions: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self._read: set[str] = set()

    def add(self, name: str, version: str, place: str) -> None:
        """Note a package by the name that PyPI gives it."""
        name = re.sub(r"[-_.]+", "-", name).lower()
        self.versions[name] = self.versions.get(name) or version
        self.places.setdefault(name, place)

    def requirements(self, path: str) -> None:
        """Note what a requirements file lists, and the files that it includes."""
        if path in self._read:
            return
        self._read.add(path)
        for number, line in self.tree.lines(path):
            text = re.sub(r"(^|\s)#.*", "", line).strip()
            included = re.match(r"(?:-r|--requirement)[\s=]*(\S+)", text)
            itself = re.match(r"(?:-e|--editable)?[\s=]*\.(?:\[.*\])?$", text)
            if included:
                self.requirements(normpath(join(dirname(path), included[1])))
            elif itself:
                self.project(normpath(join(dirname(path), "pyproject.toml")))
            elif not text.startswith("-") and (found := REQUIREMENT.match(text)):
                self.add(found[1], found[2] or "", self.tree.at(path, number))

    def project(self, path: str) -> None:
        """Note what a pyproject.toml depends on."""
        table = toml(self.tree, path)
        listed = section(table, "project").get("dependencies")
        for requirement in listed if isinstance(listed, list) else []:
            if found := REQUIREMENT.match(str(requirement)):
                self.add(found[1], found[2] or "", self.tree.at(path))
        for name in section(table, "tool", "poetry", "dependencies"):
            if name != "python":
                self.add(name, "", self.tree.at(path))

    def toml_lock(self, path: str) -> None:
        """Note the packages of a uv.lock, poetry.lock or pdm.lock."""
        listed = toml(self.tree, path).get("package")
        for package in listed if isinstance(listed, list) else []:
            if isinstance(package, dict) and isinstance(package.get("name"), str):
                self.add(package["name"], str(package.get("version", "")), self.tree.at(path))

    def pipfile(self, path: str) -> None:
        """Note the packages of a Pipfile or its lock, without those for development."""
        if path.endswith(".lock"):
            try:
                listed = section(json.loads(self.tree.text(path)), "default")
            except (ValueError, RecursionError):
                return
        else:
            listed = section(toml(self.tree, path), "packages")
        for name, pin in listed.items():
            version = str(pin.get("version", "")) if isinstance(pin, dict) else str(pin)
            self.add(name, version.removeprefix("==") if version.startswith("==") else "", self.tree.at(path))

    def found(self, lock: str) -> Packages:
        """Return what was gathered."""
        return Packages(self.versions, self.places, lock)


def packages(tree: Tree, report: Report) -> Packages:
    """Return what a release would be made from, and ask about lists that it would pass over."""
    listing = Listing(tree)
    lock = next((name for name in LOCKS["uv"] if is_lock(tree, name)), "")
    others = [name for name in OTHER_LOCKS if tree.has(name)]
    if lock == "requirements.txt":
        listing.requirements(lock)
    elif lock:
        listing.project("pyproject.toml")
    if lock == "uv.lock":
        listing.toml_lock(lock)
    if others and lock != "uv.lock":
        _ask_for_lock(tree, report, lock, others[0])
    elif not lock:
        _ask_for_requirements(tree, report)
    if lock != "requirements.txt" and not listing.versions:
        for name in others:
            (listing.pipfile if name.startswith("Pipfile") else listing.toml_lock)(name)
        for path in _further(tree):
            listing.requirements(path)
    return listing.found(lock)


def is_lock(tree: Tree, name: str) -> bool:
    """Tell whether a release can be made from a file; a pyproject.toml may only hold settings of tools."""
    if name != "pyproject.toml":
        return tree.has(name)
    table = toml(tree, name)
    return bool(section(table, "project") or section(table, "tool", "poetry"))


def is_package(tree: Tree, lock: str) -> bool:
    """Tell whether a release installs the application itself, so that its modules are found wherever they lie."""
    table = toml(tree, "pyproject.toml")
    named = section(table, "tool", "uv").get("package")
    is_built = "build-system" in table if named is None else bool(named)
    return lock in ("uv.lock", "pyproject.toml") and is_built


def ask_about_versions(found: Packages, report: Report) -> None:
    """Note what the distribution must bring, and ask about a gunicorn that is too old."""
    needed = [name for name in NEEDED if found.has(name)]
    if needed:
        packages_needed = sorted({package for name in needed for package in NEEDED[name]})
        report.find("packages", packages_needed, ", ".join(f"{found.places[name]} has {name}" for name in needed))
    if found.is_older("gunicorn", str(OLDEST_GUNICORN)):
        version = found.versions["gunicorn"]
        report.ask(
            "",
            f"{found.places['gunicorn']} pins gunicorn {version}: take {OLDEST_GUNICORN} or later, as older ones drop "
            "requests of threads when they stop, or leave it out and a release adds it.",
        )


def python(tree: Tree, report: Report) -> None:
    """Note the Python that the application is made for, where one of the distributions' would not do."""
    claims = list(_claims(tree))
    own = [specifiers for place, specifiers in claims if place.endswith("pyproject.toml")]
    if own and all(own[0].contains(f"{version}.0") for version in DISTRIBUTIONS):
        return
    fitting = [version for version in PYTHONS if all(specifiers.contains(version) for _, specifiers in claims)]
    told = ", ".join(dict.fromkeys(f"{place} ({specifiers})" for place, specifiers in claims))
    if claims and fitting:
        report.find("app_deploy.python", fitting[0], told)
    elif claims:
        report.ask(
            "app_deploy.python",
            f"No Python suits all of {told}: write the version that runs it, such as {DISTRIBUTIONS[-1]}.",
        )


def _claims(tree: Tree) -> Iterator[tuple[str, SpecifierSet]]:
    """Return what the files say of the Python, and where."""
    table = toml(tree, "pyproject.toml")
    written = section(table, "project").get("requires-python")
    written = written or section(table, "tool", "poetry", "dependencies").get("python")
    told = [("pyproject.toml", _range(str(written)[:99]))] if written else []
    pipfile = section(toml(tree, "Pipfile"), "requires")
    told.append(("Pipfile", _pin(str(pipfile.get("python_full_version") or pipfile.get("python_version") or ""))))
    for path in ("runtime.txt", ".python-version"):
        told.append((path, _pin(tree.text(path))))
    tools = re.search(r"(?m)^python\s+(\S+)", tree.text(".tool-versions"))
    told.append((".tool-versions", _pin(tools[1] if tools else "")))
    for path in tree.files:
        if path.startswith("Dockerfile"):
            image = re.search(r"(?mi)^FROM\s+(?:\S*/)?python:(\S+)", tree.text(path))
            told.append((path, _pin(image[1] if image else "")))
    for path, specifier in told:
        try:
            if specifier:
                yield tree.at(path), SpecifierSet(specifier)
        except InvalidSpecifier:
            continue


def _pin(text: str) -> str:
    """Return a range of all patches of the version that a text names, or an empty string."""
    found = re.match(r"\s*(?:python-|cpython-|==)?(3\.\d+)", text)
    return f"=={found[1]}.*" if found else ""


def _range(written: str) -> str:
    """Return Poetry's ranges in the words of requires-python: `^3.11` is `>=3.11,<4`, `~3.11` is `==3.11.*`."""
    parts = []
    for part in re.split(r"\s*,\s*", written.strip()):
        if part.startswith("^"):
            parts.append(f">={part[1:]},<4")
        elif re.match(r"~\d", part):
            parts.append(_pin(part[1:]))
        else:
            parts.append(part if part[:1] in "<>=!~" else f"=={part}")
    return ",".join(part for part in parts if part)


def _ask_for_lock(tree: Tree, report: Report, lock: str, other: str) -> None:
    """Ask for a lock that a release can be made from."""
    place, command = tree.at(other), OTHER_LOCKS[other]
    if lock == "requirements.txt":
        report.ask(
            "", f"A release is made from requirements.txt and not from {place}: remove the one that is outdated."
        )
    else:
        report.ask("", f"No release is made from {place}: commit what `{command}` writes.")


def _ask_for_requirements(tree: Tree, report: Report) -> None:
    """Ask for a list of packages at the root, naming the lists that lie elsewhere."""
    others = [tree.at(path) for path in _further(tree)]
    if others:
        report.ask("", f"A release is made from requirements.txt: commit one that has `-r {others[0]}` in it.")
    else:
        report.ask("", "Nothing lists the packages to install: commit a requirements.txt, uv.lock or pyproject.toml.")


def _further(tree: Tree) -> list[str]:
    """Return lists of packages below the root, those for production first and those for development last."""
    listed = [
        path
        for path in tree.files
        if path.endswith(".txt") and re.search(r"requirements", path) and path != "requirements.txt"
    ]
    return sorted(listed, key=lambda path: (bool(re.search("dev|test|local|ci", path)), not re.search("prod", path)))


def toml(tree: Tree, path: str) -> dict[str, Any]:
    """Return what a TOML file holds; one that is broken or not there is empty."""
    try:
        return tomllib.loads(tree.text(path))
    except (tomllib.TOMLDecodeError, RecursionError):
        problem = f"{tree.at(path)} is no valid TOML, so look there yourself."
        if problem not in tree.problems:
            tree.problems.append(problem)
        return {}


def section(table: Any, *names: str) -> dict[str, Any]:
    """Return a table within tables; it is empty where there is none."""
    for name in names:
        table = table.get(name) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}
