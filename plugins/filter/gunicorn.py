"""Filters of the role gunicorn: mistakes in its list of applications, and the files that follow from it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import (
    SYSTEM_USERS,
    App,
    wrong_names,
    wrong_variables,
)

File = dict[str, Any]

# What gunicorn before it does with threads: it drops requests when it stops.
OLDEST_GUNICORN = 27


def gunicorn_mistakes(apps: list[App], gunicorn_version: str | float) -> list[str]:
    """Return one sentence for each mistake in `gunicorn_apps` and `gunicorn_version`."""
    mistakes = wrong_names("gunicorn_apps", [str(app["name"]) for app in apps])
    mistakes += [
        f"gunicorn_apps: {app['name']} needs either chdir (an app at a fixed path) or releases_path (one instance per "
        "release), and not both."
        for app in apps
        if ("chdir" in app) == ("releases_path" in app)
    ]
    for app in apps:
        if app.get("user") in SYSTEM_USERS:
            mistakes.append(f"gunicorn_apps: {app['name']} can't run as {app['user']}, who is the system's.")
        memory = str(app.get("memory_max", "infinity"))
        if not re.fullmatch(r"infinity|\d+[KMGT]?|\d+%", memory):
            mistakes.append(
                f"gunicorn_apps: memory_max of {app['name']} is {memory}; write bytes, a number with K, M, G or T, a "
                "percentage or infinity, as systemd takes no other."
            )
        names = [str(process["name"]) for key in ("background", "scheduled") for process in app.get(key, [])]
        if names and "releases_path" not in app:
            mistakes.append(
                f"gunicorn_apps: {app['name']} has background or scheduled commands, which need releases_path."
            )
        for name in names:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or names.count(name) > 1:
                mistakes.append(
                    f"gunicorn_apps: the name {json.dumps(name)} of a command of {app['name']} must be lower-case "
                    'letters, digits and "_", and be listed once.'
                )
        for process in app.get("background", []) + app.get("scheduled", []):
            for key in ("command", "on_calendar"):
                if re.search(r"[\r\n]", str(process.get(key, ""))):
                    mistakes.append(f"gunicorn_apps: the {key} of {process['name']} must stand on one line.")
    mistakes += wrong_variables("gunicorn_apps", "environment", apps)
    major = re.match(r"\d+", str(gunicorn_version))
    if not major or int(major[0]) < OLDEST_GUNICORN:
        mistakes.append(
            f"gunicorn_version: {gunicorn_version} is too old; before {OLDEST_GUNICORN}, threaded workers drop "
            "requests when they stop."
        )
    return mistakes


def gunicorn_files(apps: list[App]) -> list[File]:
    """Return settings and units of the apps of `gunicorn_apps` at a fixed path."""
    return [
        file
        for app in apps
        if "chdir" in app
        for file in _files(app, names.service(app["name"]), f"/etc/gunicorn/{app['name']}.conf.py", _plain(app))
    ]


def gunicorn_environments(apps: list[App]) -> list[File]:
    """Return the environments of the apps of `gunicorn_apps` at a fixed path."""
    return [_environment(app, _plain(app)) for app in apps if "chdir" in app]


def gunicorn_users(apps: list[App]) -> list[str]:
    """Return the users that the apps of `gunicorn_apps` run as."""
    return list(dict.fromkeys(str(app.get("user", app["name"])) for app in apps))


def gunicorn_release_files(apps: list[App]) -> list[File]:
    """Return the files that each release of the apps of `gunicorn_apps` runs with, all of them its own."""
    files = []
    for app in apps:
        if "releases_path" in app:
            unit, environment = f"{names.service(app['name'])}@{names.INSTANCE}", names.environment(app["name"])
            own = _files(app, unit, f"{names.settings(app['name'])}/conf.py", environment)
            own += [_environment(app, environment), *_beside(app, environment)]
            files += [{"app": app["name"], **file} for file in own]
    return files


def _plain(app: App) -> str:
    """Return the file with the environment of an app at a fixed path."""
    return f"/etc/gunicorn/{app['name']}.env"


def _without_secrets(app: App) -> App:
    """Return an app for the templates that have no use for its environment."""
    return {key: value for key, value in app.items() if key != "environment"}


def _files(app: App, unit: str, settings: str, environment: str) -> list[File]:
    """Return settings, socket and service of an app."""
    own = {"item": _without_secrets(app), "settings": settings, "environment_file": environment}
    return [
        {"src": "gunicorn.conf.py.j2", "dest": settings, "validate": "/usr/bin/python3 -m ast %s", "vars": own},
        {"src": "gunicorn.socket.j2", "dest": f"{names.UNITS}/{unit}.socket", "vars": own},
        {"src": "gunicorn.service.j2", "dest": f"{names.UNITS}/{unit}.service", "vars": own},
    ]


def _environment(app: App, dest: str) -> File:
    """Return the environment of an app, which the app's own user may read."""
    group = app.get("user", app["name"])
    return {"src": "environment.j2", "dest": dest, "group": group, "mode": "0640", "vars": {"item": app}}


def _beside(app: App, environment: str) -> list[File]:
    """Return the units of what runs beside a release; the instance of the app's target wants all of them."""
    files, wants = [], []
    shared = {"item": _without_secrets(app), "environment_file": environment}
    for process in app.get("background", []):
        for number in range(1, int(process.get("replicas", 1)) + 1):
            name = f"{app['name']}-{process['name']}-{number}"
            wants.append(f"{name}@{names.INSTANCE}.service")
            files.append(
                {
                    "src": "background.service.j2",
                    "dest": names.unit(name, "service"),
                    "vars": {**shared, "process": process},
                }
            )
    for process in app.get("scheduled", []):
        name, own = f"{app['name']}-{process['name']}", {**shared, "process": process}
        # systemd leaves out a time that it does not understand, and the timer never comes.
        check = f"systemd-analyze calendar {shlex.quote(str(process['on_calendar']))}"
        wants.append(f"{name}@{names.INSTANCE}.timer")
        files += [
            {"src": "scheduled.service.j2", "dest": names.unit(name, "service"), "vars": own},
            {"src": "scheduled.timer.j2", "dest": names.unit(name, "timer"), "vars": own, "validate": check},
        ]
    if wants:
        target = names.unit(app["name"], "target")
        files.append({"src": "target.j2", "dest": target, "vars": {**shared, "wants": wants}})
    return files


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
