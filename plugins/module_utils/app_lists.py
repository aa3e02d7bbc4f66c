"""What the lists of applications of several roles have in common: their names and their environments."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import app_commands, app_sandbox

App = dict[str, Any]

# Users and groups that Debian, Ubuntu, their cloud images or another role makes: no application runs as one of them.
# With the name gunicorn or uwsgi, the units of what runs beside it would be those of another application.
SYSTEM_USERS = {
    *("adm", "admin", "audio", "backup", "bin", "cdrom", "crontab", "daemon", "debian", "dialout", "dip", "disk"),
    *("docker", "fax", "floppy", "games", "gunicorn", "input", "irc", "kmem", "kvm", "list", "lp", "lxd", "mail"),
    *("man", "memcache", "messagebus", "mysql", "netdev", "news", "nginx", "nobody", "nogroup", "operator", "plugdev"),
    *("postgres", "proxy", "redis", "render", "root", "sasl", "sgx", "shadow", "src", "sshd", "staff", "sudo", "sync"),
    *("sys", "syslog", "tape", "tty", "ubuntu", "users", "utmp", "uucp", "uwsgi", "valkey", "video", "voice"),
}
# Keys that count something or say how long, of an app and of what runs beside it.
COUNTS = (
    *("workers", "threads", "timeout", "graceful_timeout", "max_requests", "max_requests_jitter", "tasks_max"),
    *("processes", "harakiri", "max_requests_delta", "worker_reload_mercy", "replicas", "stop_timeout"),
    *("health_timeout", "keep_releases", "watch_timeout"),
)
# useradd and systemd take 32 characters; the user that builds has "-build" at its end.
LONGEST_NAME = 24
# Linux's MAX_ARG_STRLEN, in bytes: with a longer one no program starts.
LONGEST_VARIABLE = 131072


def wrong_names(variable: str, names: Sequence[str]) -> list[str]:
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


def is_outside(path: str) -> bool:
    """Tell whether a path is none below a folder."""
    return path.startswith("/") or ".." in path.split("/") or not path.strip("./")


def folder_fault(path: str, below: str) -> str:
    """Return what is wrong with a path that is to be a folder below another one, which `below` names, or nothing.

    It goes into units and settings as it stands, so it has letters of any language and signs that mean nothing to
    systemd and nginx; behind "@(" uWSGI would look for a file.
    """
    if re.fullmatch(r"(?!.*@\()[\w.,+@()-]+(/[\w.,+@()-]+)*", path) and not {".", ".."} & set(path.split("/")):
        return ""
    return f'must be a folder below {below}, such as backend, of letters, digits and "._,+@()-".'


def wrong_variables(variable: str, key: str, apps: list[App], named: str = "name") -> list[str]:
    """Return what is wrong with the names and values of environment variables, without the values.

    An app is called by its key `named`.
    """
    return [
        f"{variable}: {mistake}"
        for app in apps
        for name, value in app.get(key, {}).items()
        if (mistake := _wrong_variable(name, value, f"{key} of {app[named]}"))
    ]


def _wrong_variable(name: Any, value: Any, where: str) -> str:
    """Return why a variable can't stand in an environment, in a sentence, or an empty text."""
    # YAML makes true of on and yes.
    if isinstance(name, bool) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(name)):
        return f'{where} has {json.dumps(str(name))}: a name must be letters, digits and "_".'
    if value is None:
        return f'{where} has {name} without a value; write "" for an empty one.'
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        kind = "dictionary" if isinstance(value, Mapping) else "list"
        return f'{name} of {where} is a {kind}: write one text, such as "a,b", or let `| to_json` make one of it.'
    if len(f"{name}={value}".encode(errors="surrogateescape")) >= LONGEST_VARIABLE:
        return f"{name} of {where} is too long: Linux takes 128 KiB of a variable with its name; write it into a file."
    if "\0" in str(value):
        return f"{name} of {where} has a NUL character, which no environment can hold."
    return ""


def wrong_apps(variable: str, apps: list[App]) -> list[str]:
    """Return one sentence for each mistake in a list of apps that does not depend on the server that answers."""
    mistakes = wrong_names(variable, [str(app["name"]) for app in apps])
    mistakes += [
        f"{variable}: {app['name']} needs chdir (the folder of an app at a fixed path) or releases_path (one instance "
        "per release)."
        for app in apps
        if "chdir" not in app and "releases_path" not in app
    ]
    mistakes += [
        f"{variable}: the chdir {json.dumps(str(app['chdir']))} of {app['name']} {fault}"
        for app in apps
        if "chdir" in app and (fault := _chdir_fault(app))
    ]
    for app in apps:
        if app.get("user") in SYSTEM_USERS:
            mistakes.append(f"{variable}: {app['name']} can't run as {app['user']}, who is the system's.")
        memory = str(app.get("memory_max", "infinity"))
        if not re.fullmatch(r"infinity|\d+[KMGT]?|\d+%", memory):
            mistakes.append(
                f"{variable}: memory_max of {app['name']} is {memory}; write bytes, a number with K, M, G or T, a "
                "percentage or infinity, as systemd takes no other."
            )
        mistakes += [*app_commands.mistakes(variable, app), *app_sandbox.mistakes(variable, app)]
        mistakes += wrong_numbers(variable, app)
    return mistakes + wrong_variables(variable, "environment", apps)


def _chdir_fault(app: App) -> str:
    """Return what is wrong with the folder that an app runs in: below a release it goes by the release."""
    if "releases_path" in app:
        return folder_fault(str(app["chdir"]), "the release")
    return "" if str(app["chdir"]).startswith("/") else "must be an absolute path, as there is no releases_path."


def wrong_numbers(variable: str, app: App) -> list[str]:
    """Return what is wrong with an app's numbers, and those of what runs beside it: nothing counts below zero."""
    beside = [process for key in ("background", "scheduled") for process in app.get(key, [])]
    return [
        f"{variable}: {key} of {entry['name']} is {entry[key]}; it must be 0 or more."
        for entry in (app, *beside)
        for key in COUNTS
        if key in entry and int(entry[key]) < 0
    ]
