"""The gunicorn that an application's own files pin, and what is wrong with it, told before anything is built."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterable
from typing import Any

App = dict[str, Any]

LISTS = re.compile(r"[\w.-]*requirements[\w.-]*\.(txt|in)|(uv|poetry|pdm|Pipfile)\.lock|pylock\.toml")
# In requirements; in the locks of uv, Poetry and PDM and pylock.toml; and in that of Pipenv.
PINS = [
    r"^NAME(?:\[[^\]\n]*\])?\s*===?\s*(?P<version>\d+(?:\.\w+)*)",
    r'^name\s*=\s*"NAME"\s*\n(?:[\w-]+\s*=[^\n]*\n)*?version\s*=\s*"(?P<version>\d+(?:\.\w+)*)"',
    r'"NAME":\s*\{[^{}]*"version":\s*"==(?P<version>\d+(?:\.\w+)*)"',
]
# The first one with workers for ASGI, the first one that does without setuptools, and the first one whose threads keep
# their requests when it stops.
ASGI, WITHOUT_SETUPTOOLS, THREADS = 24, 21, 27


def texts(source: App, app: App) -> list[str]:
    """Return what is in an application's lists of requirements and its locks, read from the archive of its source.

    `source` is as the action release_sources returns it. What is installed comes first; a list of it may include
    another one.
    """
    folders = {"": source.get("files", []), f"{app.get('subdirectory')}/": source.get("subdirectory_files", [])}
    wanted = {f"{folder}{name}" for folder, files in folders.items() for name in files if LISTS.fullmatch(name)}
    how = source.get("installation", {})
    installed = {*how.get("lock", "").split(", "), *map(str, how.get("requirements", app.get("requirements", [])))}
    wanted |= installed
    found: dict[str, str] = {}
    with tarfile.open(source["path"]) as archive:
        for member in archive:
            path = "/".join(member.name.removeprefix("./").split("/")[int(source.get("strip_components", 0)) :])
            if path in wanted and member.isfile() and (content := archive.extractfile(member)):
                found[path] = content.read().decode(errors="replace")
    return [found[path] for path in sorted(found, key=lambda path: (path not in installed, path))]


def pinned(name: str, texts: Iterable[str]) -> str:
    """Return the version of a package that lists of requirements and locks pin, or an empty text."""
    patterns = [re.compile(pin.replace("NAME", re.escape(name)), re.MULTILINE | re.IGNORECASE) for pin in PINS]
    found = (match["version"] for text in texts for pattern in patterns if (match := pattern.search(text)))
    return next(found, "")


def worker_class(files: list[dict[str, Any]]) -> str:
    """Return the kind of worker that a release's file of gunicorn's settings insists on, or an empty text."""
    text = next((file["content"] for file in files if file["dest"].endswith("/conf.py")), "")
    asked = re.findall(r"^worker_class = ['\"]([\w.]+)['\"]", text, re.MULTILINE)
    # The default gives way to an older gunicorn.
    return "" if asked in ([], ["gthread"]) else str(asked[-1])


def mistake(version: str, kind: str, has_setuptools: bool) -> str:
    """Return why a release can't run with a version of gunicorn, in a sentence, or an empty text."""
    if not version:
        return ""
    if _major(version) < WITHOUT_SETUPTOOLS and not has_setuptools:
        return (
            f"gunicorn {version}, which the source pins, needs setuptools, which no environment of today has: pin "
            f"{THREADS} or later, or leave it out and a release adds it."
        )
    if kind == "asgi" and _major(version) < ASGI:
        return (
            f"worker_class asgi needs gunicorn {ASGI} or later, and the source pins {version}: pin {THREADS} or later, "
            "or leave it out and a release adds it."
        )
    return ""


def warning(version: str, kind: str) -> str:
    """Return what is to be known of a version of gunicorn that a release can run with, or an empty text."""
    if not version or _major(version) >= THREADS:
        return ""
    now = "so each worker has one" if kind != "gthread" else "as each release stops one"
    return (
        f"the source pins gunicorn {version}, whose threads drop requests when it stops, {now}; {THREADS} or later "
        "keeps them."
    )


def judged(source: App, app: App, files: list[dict[str, Any]]) -> tuple[str, str]:
    """Return what is wrong with the gunicorn that a release is to run with, and what is to be known of it.

    Both are sentences without a subject, or empty. `files` are what the release runs with; without gunicorn's settings
    among them another server runs it.
    """
    if not source.get("path") or not any(file["dest"].endswith("/conf.py") for file in files):
        return "", ""
    told, kind = texts(source, app), worker_class(files)
    version = pinned("gunicorn", told)
    return mistake(version, kind, bool(pinned("setuptools", told))), warning(version, kind)


def _major(version: str) -> int:
    return int(version.partition(".")[0])
