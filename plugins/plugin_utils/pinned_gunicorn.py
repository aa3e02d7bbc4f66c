"""What is wrong with the gunicorn that an application's packages bring, told before anything is built."""

from __future__ import annotations

import re
from typing import Any

from packaging.version import Version

App = dict[str, Any]

# The first one with workers for ASGI, the first one that does without setuptools, and the first one whose threads keep
# their requests when it stops.
ASGI, WITHOUT_SETUPTOOLS, THREADS = 24, 21, 27
# From this Python on an environment of venv's has no setuptools.
BARE_VENV = Version("3.12")


def worker_class(files: list[dict[str, Any]]) -> str:
    """Return the kind of worker that a release's file of gunicorn's settings insists on, or an empty text."""
    text = next((file["content"] for file in files if file["dest"].endswith("/conf.py")), "")
    asked = re.findall(r"^worker_class = ['\"]([\w.]+)['\"]", text, re.MULTILINE)
    # The default gives way to an older gunicorn.
    return "" if asked in ([], ["gthread"]) else str(asked[-1])


def mistake(version: str, place: str, kind: str, has_setuptools: bool) -> str:
    """Return why a release can't run with a version of gunicorn that a file pins, in a sentence, or an empty text."""
    if not version:
        return ""
    if Version(version).major < WITHOUT_SETUPTOOLS and not has_setuptools:
        return (
            f"gunicorn {version}, which {place} pins, needs setuptools, of a version before 82: pin {THREADS} or "
            "later, leave it out and a release adds it, or list setuptools<81, too."
        )
    if kind == "asgi" and Version(version).major < ASGI:
        return (
            f"worker_class asgi needs gunicorn {ASGI} or later, and {place} pins {version}: pin {THREADS} or later, or "
            "leave it out and a release adds it."
        )
    return ""


def warning(version: str, place: str, kind: str) -> str:
    """Return what is to be known of a version of gunicorn that a release can run with, or an empty text."""
    if not version or Version(version).major >= THREADS:
        return ""
    now = "so each worker has one" if kind != "gthread" else "as each release stops one"
    return (
        f"{place} pins gunicorn {version}, whose threads drop requests when it stops, {now}; {THREADS} or later keeps "
        "them."
    )


def judged(app: App, source: App, files: list[dict[str, Any]]) -> tuple[str, str]:
    """Return what is wrong with the gunicorn that a release is to run with, and what is to be known of it.

    Both are sentences without a subject, or empty. `app` is as resolve of app_deploy returns it, `source` as the action
    release_sources does. `files` are what the release runs with; without gunicorn's settings among them another server
    runs it.
    """
    pins = source.get("installation", {}).get("pins", {})
    if "gunicorn" not in pins or not any(file["dest"].endswith("/conf.py") for file in files):
        return "", ""
    (version, place), kind = pins["gunicorn"], worker_class(files)
    has_setuptools = "setuptools" in pins or _may_bring_setuptools(app)
    return mistake(version, place, kind, has_setuptools), warning(version, place, kind)


def _may_bring_setuptools(app: App) -> bool:
    """Tell whether the environment of an application may have setuptools by itself."""
    python = re.fullmatch(r"(?:.*/python)?(\d+\.\d+(?:\.\d+)?)", app["python"])
    return app["installer"] == "pip" and not (python and Version(python[1]) >= BARE_VENV)
