"""Which versions an installation brings of packages that a release is judged by."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ansible_collections.foobar.webstack.plugins.plugin_utils.locked_packages import canonical
from packaging.markers import Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.version import InvalidVersion, Version

NAMES = ("gunicorn", "pyuwsgi", "setuptools", "uwsgi")
# Those that servers have, where an entry names none.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")

Line = tuple[str, str]


def joined(text: str) -> list[str]:
    """Return the lines of a list of requirements; one that ends with a backslash goes on in the next."""
    return re.sub(r"\\\r?\n", " ", text).splitlines()


def pins(
    lines: Iterable[Line], constraints: Iterable[Line], further: Iterable[Line], python: str
) -> dict[str, tuple[str, str]]:
    """Return the packages of NAMES that are installed, each with its version, or an empty text, and what pins it.

    Of each line there is the file, too. `further` is installed after `lines`, and `constraints` only pin what is. Where
    the server's Python decides between several versions, it is the newest.
    """
    pythons = [python] if re.fullmatch(r"\d+\.\d+(\.\d+)?", python) else PYTHONS
    installed = list(_read([*lines, *further], pythons))
    pinned = {name: (version, place) for name, version, place in _read(constraints, pythons) if version}
    found: dict[str, tuple[str, str]] = {}
    for name, version, place in installed:
        known = found.get(name, ("", place))
        found[name] = max(known, (version, place), key=lambda one: _ordered(one[0]))
    return {name: pinned.get(name, one) if not one[0] else one for name, one in found.items()}


def _ordered(version: str) -> Version:
    """Return a version as it is compared; nothing comes before all."""
    return Version(version or "0.dev0")


def _read(lines: Iterable[Line], pythons: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Return the names, the versions that are pinned, and the places of requirements that one of the Pythons gets."""
    for place, line in lines:
        try:
            requirement = Requirement(re.split(r"\s--|(?:^|\s)#", line.strip(), maxsplit=1)[0])
        except InvalidRequirement:
            continue
        name = canonical(requirement.name)
        if name in NAMES and _applies(requirement.marker, pythons):
            yield name, _version(requirement), place


def _version(requirement: Requirement) -> str:
    """Return the version that a requirement pins, or an empty text."""
    pinned = [one.version for one in requirement.specifier if one.operator in ("==", "===")]
    try:
        return str(Version(pinned[0])) if pinned else ""
    except InvalidVersion:
        return ""


def _applies(marker: Marker | None, pythons: Sequence[str]) -> bool:
    """Tell whether a condition holds on a server with one of some Pythons."""
    try:
        return marker is None or any(marker.evaluate(_environment(python)) for python in pythons)
    except (UndefinedComparison, UndefinedEnvironmentName):
        return True


def _environment(python: str) -> dict[str, str]:
    """Return what conditions ask for of a server with a version of Python."""
    version = ".".join(python.split(".")[:2])
    return {
        "python_version": version,
        "python_full_version": python if python.count(".") > 1 else f"{version}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "extra": "",
    }
