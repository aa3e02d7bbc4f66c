"""Filters of the role uwsgi: mistakes in its list of applications, and the files that follow from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.foobar.webstack.plugins.module_utils import app_units
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import App, wrong_apps

UWSGI = app_units.Server("uwsgi", "ini", release_settings="uwsgi.ini")
# The one that systemd holds.
SOCKET = "fd://3"
# uWSGI takes no more: what a web server passes on of headers must find room in it.
BUFFER = 65535
# A line per request, as the role gunicorn has it.
LOG_FORMAT = '[%(ltime)] "%(method) %(uri) %(proto)" %(status) %(size) %(msecs)ms request_id=%(var.HTTP_X_REQUEST_ID)'
# The long name of an option, which a file of settings has.
NAME = re.compile(r"[a-z][a-z0-9]+(-[a-z0-9]+)*|pivot_root|start_response-nodelay")
# What belongs to the unit, or would listen elsewhere.
TAKEN = {
    *("socket", "uwsgi-socket", "suwsgi-socket", "puwsgi-socket", "ssl-socket", "raw-socket", "http-socket"),
    *("http11-socket", "https-socket", "fastcgi-socket", "fastcgi-nph-socket", "scgi-socket", "scgi-nph-socket"),
    *("shared-socket", "undeferred-shared-socket", "map-socket", "udp", "http", "http2", "https", "https2"),
    *("fastrouter", "rawrouter", "sslrouter", "protocol", "callable"),
    *("module", "wsgi", "wsgi-file", "file", "mount", "master", "daemonize", "daemonize2", "emperor", "die-on-term"),
    *("uid", "gid", "chroot", "chdir", "chdir2", "virtualenv", "venv", "home", "pyhome", "hook-master-start"),
}


def uwsgi_mistakes(apps: list[App], threads: int | str = 8) -> list[str]:
    """Return one sentence for each mistake in `uwsgi_apps`; `threads` is what an app has that names no number."""
    mistakes = wrong_apps("uwsgi_apps", apps)
    for app in apps:
        module, name = str(app["module"]), app["name"]
        if re.search(r"(^|\.)asgi(:|$)", module):
            mistakes.append(
                f"uwsgi_apps: {name} is {module}, an ASGI application, and uWSGI can only run WSGI; take its WSGI "
                "entry point, or gunicorn."
            )
        elif not re.fullmatch(r"[\w-]+(\.[\w-]+)*(:\w+(\.\w+)*(\(\))?)?", module):
            mistakes.append(
                f"uwsgi_apps: module of {name} is {module}; uWSGI takes module:callable, or module:factory() without "
                "arguments."
            )
        number = app.get("threads", threads)
        if not re.fullmatch(r"[1-9]\d*", str(number)):
            mistakes.append(f"uwsgi_apps: threads of {name} is {number}; uWSGI wants 1 or more.")
        mistakes += [
            f"uwsgi_apps: environment of {name} has {variable}, by which uWSGI takes {option}, which the role sets."
            for variable in map(str, app.get("environment", {}))
            if variable.startswith("UWSGI_")
            and (option := variable.removeprefix("UWSGI_").lower().replace("_", "-")) in TAKEN
        ]
        mistakes += [
            f"uwsgi_apps: {fault}"
            for option, value in app.get("options", {}).items()
            if (fault := _option_fault(str(option), value, name))
        ]
    return mistakes


def _option_fault(option: str, value: Any, name: str) -> str:
    """Return what is wrong with one of an app's options, which has to have its long name, or an empty text."""
    known = option.lstrip("-").replace("_", "-")
    if known in TAKEN:
        return f"options of {name} has {option}, which the role sets itself."
    if any(re.search(r"[\r\n]", line) for line in _lines(option, value)):
        return f"option {option} of {name} must stand on one line."
    if not NAME.fullmatch(option) and NAME.fullmatch(known):
        return f"options of {name} has {option}, which uWSGI calls {known}."
    if not NAME.fullmatch(option):
        return f"options of {name} has {option}; write the long name of one of uWSGI's options, such as harakiri."
    if any(isinstance(item, Mapping | list) for item in (value if isinstance(value, list) else [value])):
        return f"option {option} of {name} must be text, a number, true or false, or a list of them."
    return ""


def uwsgi_files(apps: list[App], defaults: App) -> list[app_units.File]:
    """Return settings and units of the apps of `uwsgi_apps` at a fixed path."""
    return app_units.files(UWSGI, apps, defaults)


def uwsgi_environments(apps: list[App]) -> list[app_units.File]:
    """Return the environments of the apps of `uwsgi_apps` at a fixed path."""
    return app_units.environments(UWSGI, apps)


def uwsgi_users(apps: list[App]) -> list[str]:
    """Return the users that the apps of `uwsgi_apps` run as."""
    return app_units.users(apps)


def uwsgi_release_files(apps: list[App], defaults: App) -> list[app_units.File]:
    """Return the files that each release of the apps of `uwsgi_apps` runs with, all of them its own."""
    return app_units.release_files(UWSGI, apps, defaults)


def uwsgi_lines(app: App) -> list[str]:
    """Return the lines of uWSGI's settings for an app that has a value for each key with a default."""
    return [line for name, value in _settings(app).items() for line in _lines(name, value)]


def _settings(app: App) -> dict[str, Any]:
    """Return uWSGI's settings by its own names; those of the app's `options` win."""
    processes, threads = int(app["processes"]), int(app["threads"])
    return {
        # A word that it does not know is no setting that it passes over.
        "strict": True,
        "http-socket": SOCKET,
        "module": app["module"],
        "need-app": True,
        "master": True,
        # %k is the number of cores.
        "processes": processes or "%k",
        "threads": threads,
        "enable-threads": True,
        "single-interpreter": True,
        "lazy-apps": boolean(app["lazy_apps"]),
        **{
            name: app[key]
            for name, key in (
                ("harakiri", "harakiri"),
                ("max-requests", "max_requests"),
                ("max-requests-delta", "max_requests_delta"),
            )
            if int(app[key])
        },
        "worker-reload-mercy": app["worker_reload_mercy"],
        # A signal that ends the master lets the workers finish, as does one that they get themselves.
        "hook-master-start": [f"unix_signal:{number} gracefully_kill_them_all" for number in (1, 15)],
        "buffer-size": BUFFER,
        # A body that the app leaves unread would cost nginx the answer.
        "post-buffering": 65536,
        "socket-timeout": 30,
        # Visitors go away; that is no error of the application's.
        "ignore-sigpipe": True,
        "ignore-write-errors": True,
        "disable-write-exception": True,
        "log-format": LOG_FORMAT,
        **app.get("options", {}),
    }


def _lines(name: str, value: Any) -> list[str]:
    """Return the lines of one setting; a list is a line for each item, and what is not set has none."""
    if isinstance(value, list):
        return [line for item in value for line in _lines(name, item)]
    if value is None or value is False:
        return []
    return [f"{name} = {'true' if value is True else value}"]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {
            function.__name__: function
            for function in (
                uwsgi_mistakes,
                uwsgi_files,
                uwsgi_environments,
                uwsgi_lines,
                uwsgi_release_files,
                uwsgi_users,
            )
        }
