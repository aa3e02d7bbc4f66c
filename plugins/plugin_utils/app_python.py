"""The Python that an application gets, and whether its source can be installed with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

# Those that uv fetches, the newest first.
KNOWN = ("3.14", "3.13", "3.12", "3.11", "3.10")
# No version of Python has had so many patches.
NEWEST = 99


def version(named: str, system: str) -> tuple[str, bool]:
    """Return the version of the Python that an app names, as 3.14, and whether it is free-threaded.

    `system` is that of the server's own Python, or an empty text; what can't be told has an empty one.
    """
    if named in ("", "/usr/bin/python3"):
        return ".".join(system.split(".")[:2]), False
    found = re.fullmatch(r"(?:.*/)?(?:c?python)?@?(\d+\.\d+)(?:\.\d+)?(t|\+freethreaded)?", named)
    return (found[1], bool(found[2])) if found else ("", False)


def mistake(app: Mapping[str, Any], how: Mapping[str, Any], system: str) -> str:
    """Return in a sentence why a source can't be installed with the Python of an app, or an empty text.

    `how` is its installation, as dependencies tells it.
    """
    python, _ = version(str(app.get("python", "")), system)
    wanted = str(how["requires_python"])
    if not python or not wanted or _fits(python, wanted):
        return ""
    way = next((known for known in KNOWN if _fits(known, wanted, [NEWEST])), "")
    advice = f'give it python: "{way}" in app_deploy, which uv fetches where the server does not have it' if way else ""
    return f"{how['lock']} is for Python {wanted}, and the site has {python}: {advice or 'correct one of them'}."


def _fits(python: str, wanted: str, patches: Iterable[int] = range(NEWEST + 1)) -> bool:
    """Tell whether one of a Python's patches is what a specifier asks for; what is none asks for nothing."""
    try:
        specifier = SpecifierSet(wanted)
    except InvalidSpecifier:
        return True
    return any(specifier.contains(f"{python}.{patch}") for patch in patches)
