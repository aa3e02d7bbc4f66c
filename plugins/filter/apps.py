"""Filters of the gunicorn and app_deploy roles: what is wrong with their lists of applications."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

DOCUMENTATION = """
name: apps
short_description: Filters of the roles gunicorn and app_deploy.
description: gunicorn_mistakes and app_deploy_mistakes return one sentence for each mistake in the list of applications.
author: The foobar.webstack authors
"""

App = dict[str, Any]

# What gunicorn before it does with threads: it drops requests when it stops.
OLDEST_GUNICORN = 27
# useradd and systemd take 32 characters; the user that builds has "-build" at its end.
LONGEST_NAME = 24


def _wrong_names(variable: str, names: Sequence[str]) -> list[str]:
    """Return what is wrong with the names of a list of applications."""
    return [
        f'{variable}: the name {json.dumps(name)} must be lower-case letters, digits and "_", begin with a letter, '
        f"and have {LONGEST_NAME} characters at most."
        for name in names
        if not re.fullmatch(f"[a-z][a-z0-9_]{{0,{LONGEST_NAME - 1}}}", name)
    ] + [f"{variable}: the name {name} must be listed once." for name, count in Counter(names).items() if count > 1]


def gunicorn_mistakes(apps: list[App], gunicorn_version: str) -> list[str]:
    """Return one sentence for each mistake in `gunicorn_apps` and `gunicorn_version`."""
    mistakes = _wrong_names("gunicorn_apps", [app["name"] for app in apps])
    mistakes += [
        f"gunicorn_apps: {app['name']} needs either chdir (an app at a fixed path) or releases_path (one instance per "
        "release), and not both."
        for app in apps
        if ("chdir" in app) == ("releases_path" in app)
    ]
    wrong = [
        name
        for app in apps
        for name, value in app.get("environment", {}).items()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or re.search(r"[\r\n]", str(value))
    ]
    if wrong:
        mistakes.append(
            f'gunicorn_apps: environment has {", ".join(wrong)}: a name must be letters, digits and "_", and a value '
            "must stand on one line."
        )
    if not re.match(r"\d+", gunicorn_version) or int(gunicorn_version.split(".")[0]) < OLDEST_GUNICORN:
        mistakes.append(
            f"gunicorn_version: {gunicorn_version} is too old; before {OLDEST_GUNICORN}, threaded workers drop "
            "requests when they stop."
        )
    return mistakes


def app_deploy_mistakes(apps: list[App]) -> list[str]:
    """Return one sentence for each mistake in `app_deploy_apps`."""
    mistakes = _wrong_names("app_deploy_apps", [app["name"] for app in apps])
    for app in apps:
        if len({"directory", "repo", "archive"} & app.keys()) != 1:
            mistakes.append(f"app_deploy_apps: {app['name']} needs one source: directory, repo or archive.")
        if re.search(r"//[^/@]+:[^/@]+@", app.get("repo", "")):
            mistakes.append(
                f"app_deploy_apps: the repo of {app['name']} holds a password, which would be shown in every run; use "
                "an SSH key or git's credential helper on the controller."
            )
        if not app["health_path"].startswith("/"):
            mistakes.append(f'app_deploy_apps: the health_path of {app["name"]} must begin with "/", such as /health.')
    return mistakes


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"gunicorn_mistakes": gunicorn_mistakes, "app_deploy_mistakes": app_deploy_mistakes}
