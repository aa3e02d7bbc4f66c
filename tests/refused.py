"""What is changed together with code that the gate refuses: a case for each key that the entry of a site may have.

A key is written with dots: `database.password` is the password of an entry's database, `background.command` that of its
first background command, and `gunicorn.workers` a further key for the role gunicorn. What a case changes it to is not
what the scenario nightly_refused begins with; None takes the key out. `{sources}` stands for the folder of the sources.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

# A site's entry, or a part of one.
Entry = dict[str, Any]

# Keys that a run changes together, by what they have in common.
GROUPS: dict[str, dict[str, Any]] = {
    "what a release runs with": {
        "gunicorn.after": ["network-online.target"],
        "gunicorn.config": "gunicorn.conf.py",
        "gunicorn.graceful_timeout": 11,
        "gunicorn.max_requests": 1000,
        "gunicorn.max_requests_jitter": 100,
        "gunicorn.memory_deny_write_execute": False,
        "gunicorn.memory_max": "900M",
        "gunicorn.network": True,
        "gunicorn.options": {"backlog": 64},
        "gunicorn.preload_app": True,
        "gunicorn.service_options": {"ProcSubset": "all"},
        "gunicorn.socket_group": "nogroup",
        "gunicorn.tasks_max": 300,
        "gunicorn.threads": 2,
        "gunicorn.timeout": 31,
        "gunicorn.worker_class": "sync",
        "gunicorn.workers": 1,
        "gunicorn.writable_paths": ["/var/tmp"],
        "build_commands": ["python manage.py collectstatic --noinput", "touch built"],
        "build_environment": {
            "ALLOWED_HOSTS": "some",
            "DATABASE_NAME": "x",
            "DATABASE_USER": "x",
            "DATABASE_PASSWORD": "",
        },
        "environment": {
            "SECRET_KEY": "another",
            "ALLOWED_HOSTS": "board.example,*",
            "DATABASE_NAME": "board",
            "DATABASE_USER": "board",
            "DATABASE_PASSWORD": "four",
            "FURTHER": "one",
        },
        "environment_file": "{sources}/django/further.env",
        "hooks": {
            "before_build": ["true"],
            "after_build": ["touch hooked"],
            "before_migrate": ["true"],
            "after_migrate": ["true"],
            "before_switch": ["true"],
            "before_cleanup": ["true"],
            "after_cleanup": ["true"],
        },
        "migrate_check_command": None,
        "migrate_command": "python manage.py migrate --noinput --verbosity 2",
        "migrate_environment": {"DATABASE_USER": "board_migrations", "DATABASE_PASSWORD": "five", "FURTHER": "one"},
        "background.command": "python manage.py work --force-color",
        "background.name": "toil",
        "background.replicas": 1,
        "background.stop_timeout": 10,
        "scheduled.command": "python manage.py tick --force-color",
        "scheduled.name": "tock",
        "scheduled.on_calendar": "*:*:0/20",
        "scheduled.timeout": 60,
    },
    "another application server": {
        "server": "uwsgi",
        "uwsgi.after": ["network-online.target"],
        "uwsgi.harakiri": 61,
        "uwsgi.lazy_apps": False,
        "uwsgi.max_requests": 1000,
        "uwsgi.max_requests_delta": 100,
        "uwsgi.memory_deny_write_execute": False,
        "uwsgi.memory_max": "900M",
        "uwsgi.network": True,
        "uwsgi.options": {"cheaper": 1},
        "uwsgi.processes": 2,
        "uwsgi.service_options": {"ProcSubset": "all"},
        "uwsgi.socket_group": "nogroup",
        "uwsgi.tasks_max": 300,
        "uwsgi.threads": 2,
        "uwsgi.virtualenv": "/srv/board/current/.venv",
        "uwsgi.worker_reload_mercy": 11,
        "uwsgi.writable_paths": ["/var/tmp"],
    },
    "addresses that uWSGI may reach": {"server": "uwsgi", "uwsgi.ip_address_allow": ["127.0.0.0/8"]},
    "services beside it": {
        "redis": {},
        "redis.appendonly": True,
        "redis.maxmemory": "64mb",
        "redis.maxmemory_policy": "noeviction",
        "smtp": {"host": "relay.board.example"},
        "smtp.from": "shop@board.example",
        "smtp.password": "another",
        "smtp.port": 465,
        "smtp.security": "starttls",
        "smtp.user": "board",
        "smtp.host": "mail.board.example",
    },
    "neither a database nor commands beside": {
        "background": None,
        "database": None,
        "migrate_check_command": None,
        "migrate_command": None,
        "migrate_environment": None,
        "scheduled": None,
        "shared_paths": None,
    },
    "the database's passwords": {
        "database.password": "another",
        "database.migration_password": "one more",
        "environment.DATABASE_PASSWORD": "another",
        "migrate_environment.DATABASE_PASSWORD": "one more",
    },
    "another database": {
        "database.name": "board_two",
        "database.user": "board_two",
        "database.migration_user": "board_two_migrations",
        "environment.DATABASE_NAME": "board_two",
        "environment.DATABASE_USER": "board_two",
        "migrate_environment.DATABASE_USER": "board_two_migrations",
    },
    "static files, nginx and names": {
        "addresses": ["198.18.55.39"],
        "aliases": ["web.board.example"],
        "records": [{"record": "board.example", "type": "TXT", "value": ["two"]}],
        "static": {"/assets/": "staticfiles", "/uploads/": "uploads"},
        "internal": {"/private/": "uploads"},
        "server_names": ["other.board.example"],
        "streaming_paths": ["/events"],
        "nginx.client_max_body_size": "1k",
        "nginx.hsts_include_subdomains": True,
        "nginx.hsts_long_file": "/etc/ssl/sites/board.example.hsts",
        "nginx.hsts_max_age": 31_536_000,
        "nginx.hsts_preload": True,
        "nginx.http2": True,
        "nginx.limit_req_burst": 1,
        "nginx.limit_req_rate": "1r/m",
        "nginx.listen": ["8080"],
        "nginx.maintenance_allow": ["192.0.2.1"],
        "nginx.maintenance_page": "<p>Another page</p>",
        "nginx.maintenance_retry_after": 30,
        "nginx.options": {"add_header": "X-Another one always"},
        "nginx.proxy_cache": True,
        "nginx.ssl_certificate": "/etc/ssl/sites/board.example.pem",
        "nginx.ssl_certificate_key": "/etc/ssl/sites/board.example.pem",
        "nginx.ssl_certificate_managed": True,
        "nginx.ssl_redirect": False,
        "nginx.ssl_trusted_file": "/etc/ssl/sites/board.example.trusted",
    },
    "a frontend and another zone": {
        "static": {"/": "staticfiles"},
        "app_paths": ["/health"],
        "zones": ["example.net"],
    },
    "a certificate of one's own": {
        "tls": {
            "provider": "files",
            "certificate": "{certificate}",
            "private_key": "{private_key}",
            "hsts_max_age": 63072000,
            "hsts_include_subdomains": True,
            "hsts_preload": True,
        },
        "trusted_proxies": ["192.0.2.1"],
    },
    "a certificate of a CA": {
        "tls": {
            "provider": "acme",
            "staging": True,
            "profile": "shortlived",
            "names": ["w.board.example"],
            "caa": True,
        },
    },
    "another domain": {
        "domain": "shop.board.example",
        "zone": "board.example",
        "environment.ALLOWED_HOSTS": "*",
        "nginx.locations": [{"path": "/", "return": "410"}],
    },
    "another app": {"app": "shop"},
    "how it is built and deployed": {
        "app_deploy.fallback_requirements": ["gunicorn==27.0.1", "packaging==25.0"],
        "app_deploy.installer": "pip",
        "app_deploy.python": "/usr/bin/python3.13",
        "gunicorn.ip_address_allow": ["127.0.0.0/8"],
        "gunicorn.virtualenv": "/srv/board/current/.venv",
        "packages": ["media-types", "tree"],
        "wsgi_app": "config.wsgi",
        "app_deploy.dump_command": "echo another",
        "app_deploy.dump_host": "webstack-refused",
        "app_deploy.health_headers": {"Host": "board.example", "X-Further": "one"},
        "app_deploy.health_timeout": 9,
        "app_deploy.keep_releases": 1,
        "app_deploy.restore_command": "cat",
        "app_deploy.size_command": "echo 1",
        "app_deploy.settings_files": ["/etc/hostname"],
        "app_deploy.shared_files": ["settings.ini"],
        "app_deploy.watch_timeout": 1,
        "health_path": "/nowhere",
        "shared_paths": ["media"],
    },
    "which packages it has": {
        "requirements": ["requirements.txt"],
        "constraints": ["requirements.in"],
        "python_packages": ["packaging==25.0"],
        "package_indexes": [{"url": "https://packages.example/simple"}],
        "package_indexes.url": "https://packages.example/simple/",
        "package_indexes.username": "robot",
        "package_indexes.password": "another",
        "package_indexes.default": True,
    },
    "packages by its project": {
        "requirements": ["pyproject.toml"],
        "extras": ["more"],
        "dependency_groups": ["further"],
    },
    "a repository": {
        "directory": None,
        "repo": "{sources}/board.git",
        "version": "refused",
        "key_file": "{sources}/board.git/HEAD",
    },
    "files of the user's own": {
        "files": [{"src": "local.py.j2", "dest": "local.py"}],
        "files.src": "{sources}/django/manage.py",
        "files.dest": "further.py",
    },
    "files that git ignores": {"include": ["ignored"], "local_build_commands": ["touch ignored"]},
    "an archive": {"directory": None, "archive": "{sources}/board.tar.gz", "checksum": "{checksum}"},
    "a folder of the source": {"subdirectory": "config"},
    "another folder": {"directory": "{sources}/elsewhere"},
}

# Those that reach more than a release are set by site.yml, too.
DEPLOYED_ONLY = {
    *("a repository", "an archive", "another folder", "a folder of the source"),
    *("files of the user's own", "files that git ignores"),
}


def keys(options: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Name the keys of a spec's options with those below them."""
    for name, option in options.items():
        yield before + name
        yield from keys(option.get("options", {}), f"{before}{name}.")


def changed(entry: Entry, group: Mapping[str, Any], **places: str) -> Entry:
    """Return a site's entry with the changes of a group; `places` are what names in braces stand for."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(item) for name, item in value.items()}
        return value.format(**places) if isinstance(value, str) and "{" in value else value

    result = copy.deepcopy(entry)
    for key, value in group.items():
        *way, last = key.split(".")
        part = result
        for name in way:
            part = part.setdefault(name, {})
            part = part[0] if isinstance(part, list) else part
        if value is None:
            part.pop(last)
        else:
            part[last] = filled(value)
    return result
