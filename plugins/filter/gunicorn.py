"""Filters of the role gunicorn: mistakes in its list of applications, and the files that follow from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import app_units
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import App, is_outside, wrong_apps
from ansible_collections.foobar.webstack.plugins.plugin_utils.pinned_gunicorn import THREADS

GUNICORN = app_units.Server("gunicorn", "conf.py", "/usr/bin/python3 -m ast %s")


def gunicorn_mistakes(apps: list[App], gunicorn_version: str | float) -> list[str]:
    """Return one sentence for each mistake in `gunicorn_apps` and `gunicorn_version`."""
    mistakes = wrong_apps("gunicorn_apps", apps)
    mistakes += [
        f"gunicorn_apps: the config of {app['name']} must be the path of a file below the release, such as "
        "gunicorn.conf.py."
        for app in apps
        if "config" in app and "releases_path" in app and is_outside(str(app["config"]))
    ]
    major = re.match(r"\d+", str(gunicorn_version))
    if not major or int(major[0]) < THREADS:
        mistakes.append(
            f"gunicorn_version: {gunicorn_version} is too old; before {THREADS}, threaded workers drop "
            "requests when they stop."
        )
    return mistakes


def gunicorn_files(apps: list[App], defaults: App) -> list[app_units.File]:
    """Return settings and units of the apps of `gunicorn_apps` at a fixed path."""
    return app_units.files(GUNICORN, apps, defaults)


def gunicorn_environments(apps: list[App]) -> list[app_units.File]:
    """Return the environments of the apps of `gunicorn_apps` at a fixed path."""
    return app_units.environments(GUNICORN, apps)


def gunicorn_users(apps: list[App]) -> list[str]:
    """Return the users that the apps of `gunicorn_apps` run as."""
    return app_units.users(apps)


def gunicorn_release_files(apps: list[App], defaults: App) -> list[app_units.File]:
    """Return the files that each release of the apps of `gunicorn_apps` runs with, all of them its own."""
    return app_units.release_files(GUNICORN, apps, defaults)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {
            function.__name__: function
            for function in (
                gunicorn_mistakes,
                gunicorn_files,
                gunicorn_environments,
                gunicorn_release_files,
                gunicorn_users,
            )
        }
