"""The files that an application runs with, whichever server answers its requests: settings, units and environment.

An app stands at a fixed path (`chdir`) or comes in releases (`releases_path`), each of which has files of its own;
`chdir` is then a folder of the release. The templates are the roles'; what an app has no value of its own for is in
`defaults`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import App

File = dict[str, Any]


@dataclass(frozen=True)
class Server:
    """An application server: its name, the file of its settings, and the command that judges that file."""

    name: str
    settings: str
    validate: str = ""


def files(server: Server, apps: list[App], defaults: App) -> list[File]:
    """Return settings and units of the apps at a fixed path."""
    return [
        file
        for app in apps
        if "releases_path" not in app
        for file in _own(server, defaults | app, "", f"/etc/{server.name}/{app['name']}.{server.settings}")
    ]


def environments(server: Server, apps: list[App]) -> list[File]:
    """Return the environments of the apps at a fixed path."""
    return [_environment(app, _plain(server, app)) for app in apps if "releases_path" not in app]


def users(apps: list[App]) -> list[str]:
    """Return the users that apps run as."""
    return list(dict.fromkeys(str(app.get("user", app["name"])) for app in apps))


def release_files(server: Server, apps: list[App], defaults: App) -> list[File]:
    """Return the files that each release of the apps in releases runs with, all of them its own."""
    found = []
    for app in apps:
        if "releases_path" in app:
            environment = names.environment(app["name"], server.name)
            settings = f"{names.settings(app['name'], server.name)}/{server.settings}"
            own = _own(server, defaults | app, f"@{names.INSTANCE}", settings, environment)
            own += [_environment(app, environment), *_beside(defaults | app, environment)]
            found += [{"app": app["name"], **file} for file in own]
    return found


def _plain(server: Server, app: App) -> str:
    """Return the file with the environment of an app at a fixed path."""
    return f"/etc/{server.name}/{app['name']}.env"


def _without_secrets(app: App) -> App:
    """Return an app for the templates that have no use for its environment."""
    return {key: value for key, value in app.items() if key != "environment"}


def _folders(app: App) -> dict[str, str]:
    """Return an app's `home`, which holds its `.venv`, and the folder it runs in, `chdir`: the home, or one below."""
    if "releases_path" not in app:
        return {"home": app["chdir"], "chdir": app["chdir"]}
    home = f"{app['releases_path']}/{names.INSTANCE}"
    return {"home": home, "chdir": f"{home}/{app['chdir']}" if "chdir" in app else home}


def _own(server: Server, app: App, instance: str, settings: str, environment: str = "") -> list[File]:
    """Return settings, socket and service of an app; `instance` is what its units' names have at their end."""
    service = names.service(app["name"], server.name)
    own = {
        "item": _without_secrets(app),
        **_folders(app),
        "unit": f"{service}{instance}",
        "socket": f"{names.sockets(app['name'], server.name)}/{names.INSTANCE if instance else server.name}.sock",
        "settings": settings,
        "environment_file": environment or _plain(server, app),
    }
    judged = {"validate": server.validate} if server.validate else {}
    return [
        {"src": f"{server.name}.{server.settings}.j2", "dest": settings, **judged, "vars": own},
        {"src": "socket.j2", "dest": f"{names.UNITS}/{own['unit']}.socket", "vars": own},
        {"src": f"{server.name}.service.j2", "dest": f"{names.UNITS}/{own['unit']}.service", "vars": own},
    ]


def _environment(app: App, dest: str) -> File:
    """Return the environment of an app, which the app's own user may read."""
    group = app.get("user", app["name"])
    return {"src": "environment.j2", "dest": dest, "group": group, "mode": "0640", "vars": {"item": app}}


def _beside(app: App, environment: str) -> list[File]:
    """Return the units of what runs beside a release; the instance of the app's target wants all of them."""
    found, wants = [], []
    shared = {"item": _without_secrets(app), **_folders(app), "environment_file": environment}
    for process in app.get("background", []):
        for number in range(1, int(process.get("replicas", 1)) + 1):
            name = f"{app['name']}-{process['name']}-{number}"
            wants.append(f"{name}@{names.INSTANCE}.service")
            found.append(
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
        found += [
            {"src": "scheduled.service.j2", "dest": names.unit(name, "service"), "vars": own},
            {"src": "scheduled.timer.j2", "dest": names.unit(name, "timer"), "vars": own, "validate": check},
        ]
    if wants:
        target = names.unit(app["name"], "target")
        found.append({"src": "target.j2", "dest": target, "vars": {**shared, "wants": wants}})
    return found
