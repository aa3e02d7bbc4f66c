"""Filters of the gunicorn and app_deploy roles: mistakes in their lists of applications, and releases on servers."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

DOCUMENTATION = """
name: apps
short_description: Filters of the roles gunicorn and app_deploy.
description: >-
  gunicorn_mistakes and app_deploy_mistakes return one sentence for each mistake in the list of applications;
  gunicorn_files and gunicorn_environments list what is written for them;
  fallbacks lists the commands for what a lock does not bring, parents the folders that lead to paths;
  release_obstacle says why a release can't be gone back to, and release_table shows the releases of a server.
author: The foobar.webstack authors
"""

App = dict[str, Any]

# What gunicorn before it does with threads: it drops requests when it stops.
OLDEST_GUNICORN = 27
# Users and groups that Debian, Ubuntu, their cloud images or another role makes: no application runs as one of them.
# With the name gunicorn, the units of what runs beside it would be those of another application.
SYSTEM_USERS = {
    *("adm", "admin", "audio", "backup", "bin", "cdrom", "crontab", "daemon", "debian", "dialout", "dip", "disk"),
    *("docker", "fax", "floppy", "games", "gunicorn", "input", "irc", "kmem", "kvm", "list", "lp", "lxd", "mail"),
    *("man", "messagebus", "mysql", "netdev", "news", "nginx", "nobody", "nogroup", "operator", "plugdev", "proxy"),
    *("render", "root", "sasl", "sgx", "shadow", "src", "sshd", "staff", "sudo", "sync", "sys", "syslog", "tape"),
    *("tty", "ubuntu", "users", "utmp", "uucp", "video", "voice"),
}
# An address with user and password, or with a token, which may have a slash in it.
ADDRESS_WITH_SECRET = r"//[^/@]+:[^/@]+@|^https?://([^/@]+@|[^/@:]*:(?!\d+(/|$))[^@]*@)"
# What keeps secrets out of the addresses of sources.
INSTEAD = {"repo": "an SSH key or git's credential helper", "archive": "~/.netrc"}
# useradd and systemd take 32 characters; the user that builds has "-build" at its end.
LONGEST_NAME = 24


def _wrong_names(variable: str, names: Sequence[str]) -> list[str]:
    """Return what is wrong with the names of a list of applications."""
    return (
        [f"{variable}: the name {name} is that of a user of the system's." for name in names if name in SYSTEM_USERS]
        + [
            f'{variable}: the name {json.dumps(name)} must be lower-case letters, digits and "_", begin with a letter, '
            f"and have {LONGEST_NAME} characters at most."
            for name in names
            if not re.fullmatch(f"[a-z][a-z0-9_]{{0,{LONGEST_NAME - 1}}}", name)
        ]
        + [f"{variable}: the name {name} must be listed once." for name, count in Counter(names).items() if count > 1]
    )


def _wrong_variables(variable: str, key: str, apps: list[App]) -> list[str]:
    """Return what is wrong with the names and values of environment variables, without the values."""
    mistakes = [
        f'{variable}: {key} of {app["name"]} has {name} without a value; write "" for an empty one.'
        for app in apps
        for name, value in app.get(key, {}).items()
        if value is None
    ]
    wrong = [
        str(name)
        for app in apps
        for name, value in app.get(key, {}).items()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(name)) or re.search(r"[\r\n]", str(value))
    ]
    if wrong:
        mistakes.append(
            f'{variable}: {key} has {", ".join(wrong)}: a name must be letters, digits and "_", and a value must stand '
            "on one line."
        )
    return mistakes


def gunicorn_mistakes(apps: list[App], gunicorn_version: str | float) -> list[str]:
    """Return one sentence for each mistake in `gunicorn_apps` and `gunicorn_version`."""
    mistakes = _wrong_names("gunicorn_apps", [str(app["name"]) for app in apps])
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
    mistakes += _wrong_variables("gunicorn_apps", "environment", apps)
    major = re.match(r"\d+", str(gunicorn_version))
    if not major or int(major[0]) < OLDEST_GUNICORN:
        mistakes.append(
            f"gunicorn_version: {gunicorn_version} is too old; before {OLDEST_GUNICORN}, threaded workers drop "
            "requests when they stop."
        )
    return mistakes


def gunicorn_units(apps: list[App]) -> list[dict[str, Any]]:
    """Return the units of what runs beside the apps of `gunicorn_apps`: of each name, template (`src`), app, process.

    All instances of an app's background and scheduled units are wanted by the instance of its target.
    """
    units = []
    for app in apps:
        prefix, wants = app["name"], []
        for process in app.get("background", []):
            for number in range(1, int(process.get("replicas", 1)) + 1):
                unit = f"{prefix}-{process['name']}-{number}@"
                units.append({"name": f"{unit}.service", "src": "background.service.j2", "process": process})
                wants.append(f"{unit}%i.service")
        for process in app.get("scheduled", []):
            unit = f"{prefix}-{process['name']}@"
            units.append({"name": f"{unit}.service", "src": "scheduled.service.j2", "process": process})
            units.append({"name": f"{unit}.timer", "src": "scheduled.timer.j2", "process": process})
            wants.append(f"{unit}%i.timer")
        if wants:
            units.append({"name": f"{prefix}@.target", "src": "target.j2", "wants": wants})
        for unit_of_app in units:
            unit_of_app.setdefault("app", app)
    return units


def gunicorn_files(apps: list[App]) -> list[dict[str, Any]]:
    """Return settings and units of the apps of `gunicorn_apps`, as the module templates takes files."""
    files = []
    for app in apps:
        units = f"/etc/systemd/system/gunicorn-{app['name']}{'' if 'chdir' in app else '@'}"
        settings = f"/etc/gunicorn/{app['name']}.conf.py"
        own = {"vars": {"item": app}}
        files += [
            {"src": "gunicorn.conf.py.j2", "dest": settings, "validate": "/usr/bin/python3 -m ast %s", **own},
            {"src": "gunicorn.socket.j2", "dest": f"{units}.socket", **own},
            {"src": "gunicorn.service.j2", "dest": f"{units}.service", **own},
        ]
    for unit in gunicorn_units(apps):
        file = {"src": unit["src"], "dest": f"/etc/systemd/system/{unit['name']}", "vars": {"__gunicorn_unit": unit}}
        if unit["src"] == "scheduled.timer.j2":
            # systemd leaves out a time that it does not understand, and the timer never comes.
            file |= {"validate": f"systemd-analyze calendar {shlex.quote(str(unit['process']['on_calendar']))}"}
        files.append(file)
    return files


def gunicorn_environments(apps: list[App]) -> list[dict[str, Any]]:
    """Return the environment files of the apps of `gunicorn_apps`, each for the eyes of the app's own user."""
    return [
        {
            "src": "environment.j2",
            "dest": f"/etc/gunicorn/{app['name']}.env",
            "group": app.get("user", app["name"]),
            "vars": {"item": app},
        }
        for app in apps
    ]


def app_deploy_mistakes(apps: list[App], serial: int | str = 1) -> list[str]:
    """Return one sentence for each mistake in `app_deploy_apps` and `app_deploy_serial`."""
    mistakes = _wrong_names("app_deploy_apps", [str(app["name"]) for app in apps])
    mistakes += _wrong_variables("app_deploy_apps", "migrate_environment", apps)
    if int(serial) < 1:
        mistakes.append(f"app_deploy_serial: {serial} hosts can't go live at a time; it must be 1 or more.")
    for app in apps:
        if len({"directory", "repo", "archive"} & app.keys()) != 1:
            mistakes.append(f"app_deploy_apps: {app['name']} needs one source: directory, repo or archive.")
        for path in map(str, app.get("shared_paths", []) + app.get("shared_files", [])):
            if path.startswith("/") or ".." in path.split("/") or not path.strip("./"):
                mistakes.append(
                    f"app_deploy_apps: {json.dumps(path)} of {app['name']} must be a path below its release."
                )
        for key, instead in INSTEAD.items():
            if re.search(ADDRESS_WITH_SECRET, str(app.get(key, ""))):
                mistakes.append(
                    f"app_deploy_apps: the {key} of {app['name']} holds a password or a token, which every run would "
                    f"show; use {instead} on the controller."
                )
        if app.get("user") in SYSTEM_USERS:
            mistakes.append(f"app_deploy_apps: {app['name']} can't run as {app['user']}, who is the system's.")
        if not str(app["health_path"]).startswith("/"):
            mistakes.append(f'app_deploy_apps: the health_path of {app["name"]} must begin with "/", such as /health.')
        python = str(app.get("python", "/usr/bin/python3"))
        if not python.startswith("/") and app.get("installer") == "pip":
            mistakes.append(
                f"app_deploy_apps: the python of {app['name']} must be the path of an interpreter, as pip fetches none."
            )
    return mistakes


def fallbacks(requirements: list[str], install: str) -> list[str]:
    """Return shell commands that install each requirement, unless .venv has a command of that name already."""
    names = [re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0] for requirement in requirements]
    return [
        f"{{ test -e .venv/bin/{name} || {install} {shlex.quote(requirement)}; }}"
        for name, requirement in zip(names, requirements, strict=True)
    ]


def parents(paths: list[str]) -> list[str]:
    """Return the folders that lead to paths within a release, without those paths themselves."""
    above = {str(folder) for path in paths for folder in PurePosixPath(str(path)).parents}
    return sorted(above - {".", "/"})


def release_obstacle(info: dict[str, Any], release: str) -> str:
    """Return in a sentence why a server can't go back to a release, or an empty string."""
    if not release:
        return "there is no release before the live one to go back to."
    if release == info["live"]:
        return f"release {release} is live already."
    if release not in info["finished"]:
        return f"{release} is no finished release of this server; it has {', '.join(info['finished']) or 'none'}."
    if release in info["bad"]:
        return f"release {release} was rolled back as a bad one; name another (release=<id>)."
    return ""


def releases_after(finished: list[str], release: str) -> list[str]:
    """Return the releases that came after one, of a list with the newest first."""
    return finished[: finished.index(release)]


def release_dump(files: list[dict[str, Any]], at: str) -> str:
    """Return the path of the oldest dump that is younger than a moment, or an empty string; files are find's.

    The moment is when a release went live. What was kept of a database before it was brought back is no such dump.
    """
    moment = datetime.fromisoformat(at).timestamp()
    found = [file for file in files if file["mtime"] > moment and ".lost." not in file["path"]]
    return str(min(found, key=lambda file: file["mtime"])["path"]) if found else ""


def old_dumps(files: list[dict[str, Any]], records: dict[str, dict[str, Any]], kept: list[str]) -> list[dict[str, Any]]:
    """Return those of find's files that no kept release has a use for.

    Those are neither a kept release's own nor younger than the moment when the oldest of them went live.
    """
    moments = [datetime.fromisoformat(records[name]["at"]).timestamp() for name in kept if name in records]
    own = tuple(f"{name}." for name in kept)
    return [
        file
        for file in files
        if file["mtime"] < min(moments, default=0) and not Path(file["path"]).name.startswith(own)
    ]


def minutes_since(files: list[dict[str, Any]], path: str) -> int:
    """Return how many minutes old one of find's files is."""
    mtime = float(next(file["mtime"] for file in files if file["path"] == path))
    return round((time.time() - mtime) / 60)


def release_table(info: dict[str, Any]) -> list[str]:
    """Return lines that show the releases of a server, the newest first; info is of the module release."""
    rows = [("RELEASE", "REVISION", "AT", "BY", "TOOK", "SIZE", "")]
    for release, record in info["records"].items():
        marks = [name for name in ("live", "previous") if info[name] == release]
        rows.append(
            (
                release,
                record.get("revision", "")[:12],
                record["at"],
                record.get("by", ""),
                f"{record.get('seconds', 0):.0f} s",
                f"{info['sizes'][release] / 2**20:.1f} MiB",
                " ".join([*marks, *(["bad"] if record.get("bad") else [])]),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return lines + [f"{release} is not finished." for release in info["unfinished"]]


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
                app_deploy_mistakes,
                fallbacks,
                parents,
                release_obstacle,
                releases_after,
                release_dump,
                old_dumps,
                minutes_since,
                release_table,
            )
        }
