"""Filters of the role gunicorn: mistakes in its list of applications, and the files that follow from it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import app_units
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import App, is_outside, wrong_apps
from ansible_collections.foobar.webstack.plugins.plugin_utils.pinned_gunicorn import THREADS

GUNICORN = app_units.Server("gunicorn", "conf.py", "/usr/bin/python3 -m ast %s")

# Kinds of workers that gunicorn knows by a name; others are classes.
WORKERS = {"asgi", "eventlet", "gevent", "gevent_pywsgi", "gevent_wsgi", "gthread", "sync", "tornado"}
# What belongs to the unit, or ends gunicorn at once.
TAKEN = {
    *("bind", "certfile", "chdir", "check_config", "config", "daemon", "group", "initgroups", "keyfile", "paste"),
    *("print_config", "protocol", "user", "wsgi_app"),
}
# What else gunicorn can be told. It passes over a name that it does not know.
SETTINGS = {
    *("access_log_format", "accesslog", "asgi_disconnect_grace_period", "asgi_lifespan", "asgi_loop", "backlog"),
    *("ca_certs", "capture_output", "casefold_http_method", "cert_reqs", "ciphers", "control_socket"),
    *("control_socket_disable", "control_socket_mode", "default_proc_name", "dirty_apps", "dirty_graceful_timeout"),
    *("dirty_threads", "dirty_timeout", "dirty_workers", "disable_redirect_access_to_syslog"),
    *("do_handshake_on_connect", "dogstatsd_tags", "enable_backlog_metric", "enable_stdio_inheritance", "errorlog"),
    *("forwarded_allow_ips", "forwarder_headers", "graceful_timeout", "header_map", "http2_cleartext"),
    *("http2_initial_window_size", "http2_max_concurrent_streams", "http2_max_frame_size"),
    *("http2_max_header_list_size", "http_parser"),
    *("http_protocols", "keepalive", "limit_request_field_size", "limit_request_fields", "limit_request_line"),
    *("logconfig", "logconfig_dict", "logconfig_json", "logger_class", "loglevel", "max_requests"),
    *("max_requests_jitter", "permit_obsolete_folding", "permit_unconventional_http_method", "pidfile"),
    *("permit_unconventional_http_version", "preload_app", "proc_name", "proxy_allow_ips", "proxy_protocol"),
    *("pythonpath", "raw_env", "raw_paste_global_conf", "reload", "reload_engine", "reload_extra_files", "reuse_port"),
    *("root_path", "secure_scheme_headers", "sendfile", "spew", "ssl_version", "statsd_host", "statsd_prefix"),
    *("strip_header_spaces", "suppress_ragged_eofs", "syslog", "syslog_addr", "syslog_facility", "syslog_prefix"),
    *("threads", "timeout", "tmp_upload_dir", "umask", "uwsgi_allow_ips", "websocket_max_message_size"),
    *("worker_class", "worker_connections", "worker_tmp_dir", "workers"),
}
# As gunicorn reads it: a module, whose name only has to be that of a file, and in it a name of Python's, or a call with
# values that are written out.
ENTRY_POINT = re.compile(r"[\w-]+(\.[\w-]+)*(:[^\W\d]\w*(\(.*\))?\s*)?")
# What can't be of the other kind: no WSGI application is in a file called asgi.py, and Django's own in wsgi.py.
OF_ONE_KIND = re.compile(r"(?:^|\.)(asgi)(?::|$)|\.(wsgi)(?::application\s*)?$")


def gunicorn_mistakes(apps: list[App], gunicorn_version: str | float, worker_class: str = "gthread") -> list[str]:
    """Return one sentence for each mistake in `gunicorn_apps` and `gunicorn_version`.

    `worker_class` is that of apps that name none.
    """
    mistakes = wrong_apps("gunicorn_apps", apps)
    mistakes += [
        f"gunicorn_apps: the config of {app['name']} must be the path of a file below the release, such as "
        "gunicorn.conf.py."
        for app in apps
        if "config" in app and "releases_path" in app and is_outside(str(app["config"]))
    ]
    mistakes += [f"gunicorn_apps: {fault}" for app in apps for fault in _faults({"worker_class": worker_class, **app})]
    major = re.match(r"\d+", str(gunicorn_version))
    if not major or int(major[0]) < THREADS:
        mistakes.append(
            f"gunicorn_version: {gunicorn_version} is too old; before {THREADS}, threaded workers drop "
            "requests when they stop."
        )
    return mistakes


def _faults(app: App) -> Iterator[str]:
    """Return what gunicorn would not start with, or not understand."""
    name, entry_point, options = app["name"], str(app.get("wsgi_app", "app")), app.get("options", {})
    # The last word is that of the options.
    worker = str(options.get("worker_class", app["worker_class"]))
    if not ENTRY_POINT.fullmatch(entry_point):
        yield (
            f"wsgi_app of {name} is {json.dumps(entry_point)}; write a module and a name in it, such as "
            "shop.wsgi:application, or a factory, such as shop:create_app()."
        )
    if worker not in WORKERS and not re.search(r"[.:#]", worker):
        yield (
            f"worker_class of {name} is {worker}, which is none of gunicorn's; write sync, gthread, gevent, tornado or "
            "asgi, or a class with its module, such as uvicorn_worker.UvicornWorker."
        )
    found = OF_ONE_KIND.search(entry_point)
    kind, runs = found[1] or found[2] if found else "", "asgi" if worker == "asgi" else "wsgi"
    # A file of the app's own may name another worker.
    if kind and "config" not in app and worker in WORKERS and kind != runs:
        yield (
            f"{name} is {entry_point}, by its name {kind.upper()}, which the worker_class {worker} does not run: "
            f"write worker_class: {'asgi' if kind == 'asgi' else 'gthread'}, or its other entry point."
        )
    for option in map(str, options):
        known = option.lstrip("-").replace("-", "_")
        if known in TAKEN:
            yield f"options of {name} has {option}, which the role sets itself."
        elif option not in SETTINGS and (close := difflib.get_close_matches(known, SETTINGS, 1, 0.85)):
            yield f"options of {name} has {option}, which is no setting of gunicorn's; did you mean {close[0]}?"
        elif not option.isidentifier():
            yield f"options of {name} has {option}, which is no setting of gunicorn's."


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
