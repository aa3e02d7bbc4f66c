"""The Python that an application is made for, by all that its files say of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from posixpath import basename, join

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Packages, section, toml
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion

# Those of the supported distributions: with one that an application takes, nothing is to be fetched.
DISTRIBUTIONS = ("3.11", "3.12", "3.13")
# The newest that a distribution has comes first, and one that none has is better newer than older.
PYTHONS = ("3.13", "3.12", "3.11", "3.14", "3.10", "3.9", "3.8")
# Versions of packages that can't be built or imported with a Python, for its changes came after them.
TOO_OLD = {
    "3.13": {
        **{"django": "<4.2", "greenlet": "<3.1", "numpy": "<2.1", "pydantic-core": "<2.20"},
        **{"sqlalchemy": ">=2,<2.0.31", "cffi": "<1.17", "lxml": "<5.3"},
    },
    "3.12": {"aiohttp": "<3.9", "greenlet": "<3", "numpy": "<1.26", "pydantic-core": "<2.4", "pyyaml": "<6.0.1"},
    "3.11": {"greenlet": "<2", "numpy": "<1.23"},
}


def python(tree: Tree, home: str, found: Packages, report: Report) -> None:
    """Note the Python that the application is made for, where one of the distributions' would not do."""
    claims = [*_claims(tree, home)]
    own = [specifiers for place, specifiers in claims if place.endswith("pyproject.toml")]
    pinned = list(_pinned(found))
    if own and all(own[0].contains(f"{version}.0") for version in DISTRIBUTIONS) and not pinned:
        return
    claims = claims or [*_tested(tree)]
    claims += pinned
    fitting = [version for version in PYTHONS if all(specifiers.contains(f"{version}.0") for _, specifiers in claims)]
    if not claims or (not own and not _names_one(claims) and set(DISTRIBUTIONS) <= set(fitting)):
        return
    if all(basename(place).startswith("Dockerfile") for place, _ in claims) and DISTRIBUTIONS[-1] in fitting:
        return  # an image has the Python of the day that it was written on
    told = ", ".join(dict.fromkeys(f"{place} ({specifiers})" for place, specifiers in claims))
    if fitting:
        report.find("app_deploy.python", fitting[0], told)
    else:
        report.ask(
            "app_deploy.python",
            f"No Python suits all of {told}: write the version that runs it, such as {DISTRIBUTIONS[-1]}.",
        )


def _names_one(claims: list[tuple[str, SpecifierSet]]) -> bool:
    """Tell whether one Python alone is named."""
    return any(str(specifiers).startswith("==") for _, specifiers in claims)


def _claims(tree: Tree, home: str) -> Iterator[tuple[str, SpecifierSet]]:
    """Return what the files say of the Python, and where."""
    told: list[tuple[str, str]] = []
    for place in dict.fromkeys([home, ""]):
        table = toml(tree, path := join(place, "pyproject.toml"))
        written = section(table, "project").get("requires-python")
        written = written or section(table, "tool", "poetry", "dependencies").get("python")
        told += [(path, _range(str(written)[:99]))] if written else []
        pipfile = section(toml(tree, path := join(place, "Pipfile")), "requires")
        told.append((path, _pin(str(pipfile.get("python_full_version") or pipfile.get("python_version") or ""))))
        told += [(path, _pin(tree.text(path))) for path in (join(place, "runtime.txt"), join(place, ".python-version"))]
        tools = re.search(r"(?m)^python\s+(\S+)", tree.text(path := join(place, ".tool-versions")))
        told.append((path, _pin(tools[1] if tools else "")))
    for path in tree.files:
        if basename(path).startswith("Dockerfile") and not re.search(r"(?i)dev|test|local", path):
            image = re.findall(r"(?mi)^FROM\s+(?:--platform=\S+\s+)?(?:\S*/)?python:(\S+)", tree.text(path))
            told.append((path, _pin(image[-1] if image else "").replace("==", ">=").removesuffix(".*")))
    yield from _read(tree, told)


def _tested(tree: Tree) -> Iterator[tuple[str, SpecifierSet]]:
    """Return what the jobs of a CI run with, which is only a hint: all versions of theirs will do."""
    for path in tree.files:
        if re.fullmatch(r"\.github/workflows/[^/]+\.ya?ml|\.gitlab-ci\.yml", path):
            named = re.findall(r"python-?version\S*:\s*(.+)|image:\s*\S*python:(\S+)", tree.text(path))
            versions = sorted({one for pair in named for one in re.findall(r"3\.\d+", " ".join(pair))})
            if len(versions) == 1:
                yield from _read(tree, [(path, _pin(versions[0]))])


def _pinned(found: Packages) -> Iterator[tuple[str, SpecifierSet]]:
    """Return what pinned packages are too old for."""
    for version, ranges in TOO_OLD.items():
        for name, too_old in ranges.items():
            pin = found.versions.get(name, "")
            try:
                if pin and SpecifierSet(too_old).contains(pin):
                    yield f"{found.places[name]} has {name} {pin}", SpecifierSet(f"<{version}")
            except InvalidVersion:
                continue


def _read(tree: Tree, told: list[tuple[str, str]]) -> Iterator[tuple[str, SpecifierSet]]:
    """Return ranges that can be read, and where they stand."""
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
