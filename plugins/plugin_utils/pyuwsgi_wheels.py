"""Whether uWSGI can be installed for the Python of a site, told before anything is built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils import app_python, installed_packages
from packaging.version import Version

# The newest pyuwsgi whose wheels are known, and the newest Python that it has one for; none is free-threaded.
PYUWSGI, PYTHON = Version("2.0.30"), Version("3.13")
# A package that builds it from its source: of any version, and for any machine.
COMPILER = re.compile(r"(build-essential|c\+\+|cc|clang|g\+\+|gcc|tcc)(?![a-z])")


def mistake(app: Mapping[str, Any], pins: Mapping[str, tuple[str, str]], system: str) -> str:
    """Return in a sentence why there is no uWSGI for the Python of an app, or an empty text.

    `app` is an entry of `app_deploy_apps`, `pins` what its source pins, as installed_packages tells it, and `system`
    the version of the server's own Python, or an empty text. What is not known is no mistake.
    """
    python, is_free = app_python.version(str(app.get("python", "")), system)
    version = _pyuwsgi(app, pins)
    is_built = any(map(COMPILER.match, map(str, app.get("packages", []))))
    if not version or is_built or Version(version) > PYUWSGI or not python:
        return ""
    if not is_free and Version(python) <= PYTHON:
        return ""
    which = f"{python} without the GIL" if is_free else python
    return (
        f'pyuwsgi {version} has no wheel for Python {which}: give it python: "{PYTHON}", which uv fetches where the '
        "server does not have it, or packages: [build-essential, python3-dev] to build it with the server's."
    )


def _pyuwsgi(app: Mapping[str, Any], pins: Mapping[str, tuple[str, str]]) -> str:
    """Return the version of pyuwsgi that is installed, or an empty text; the source's uWSGI is built anyway."""
    own = pins
    if not {"pyuwsgi", "uwsgi"} & pins.keys():
        fallbacks = [("", str(line)) for line in app.get("fallback_requirements", [])]
        own = installed_packages.pins(fallbacks, [], [], str(app.get("python", "")))
    return own.get("pyuwsgi", ("", ""))[0]
