"""What an entry of `sites` may say, the whole way to the roles: what goes live, and what is refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter import app_deploy, gunicorn, nginx, sites, uwsgi
from ansible_collections.foobar.webstack.plugins.module_utils.app_commands import command_fault, is_time
from ansible_collections.foobar.webstack.plugins.plugin_utils.argument_specs import all_options, faults
from ansible_collections.foobar.webstack.plugins.plugin_utils.input_checks import input_mistakes
from ansible_collections.foobar.webstack.plugins.plugin_utils.site_tls import with_tls

from tests.playbook import ROOT

Entry = dict[str, Any]

SPEC = yaml.safe_load((ROOT / "playbooks/meta/sites.yml").read_text())
SITE = {"domain": "foobar.com", "app": "shop", "wsgi_app": "shop:app", "health_path": "/"}


def of_nginx(own: list[Entry]) -> list[str]:
    """Return what the role nginx refuses of its sites."""
    complete: list[nginx.Entry] = [*nginx.nginx_completed([*own], ["80"], ["443 ssl"], True)]
    return nginx.nginx_mistakes(complete, [*sites.nginx_upstreams([SITE])], ["80"], {}, {})


def refused(**keys: Any) -> list[str]:
    """Return the sentences of check.yml about a site with some keys, as far as its source need not be read."""
    site = {**SITE, **({} if {"repo", "archive"} & keys.keys() else {"directory": "shop"}), **keys}
    if mistakes := input_mistakes([site], SPEC, {}, "check", ["192.0.2.1"]):
        return mistakes
    complete = with_tls([site], {})
    of_roles: Mapping[str, tuple[list[Entry], Callable[[list[Entry]], list[str]]]] = {
        "gunicorn_apps": (sites.gunicorn_apps(complete), lambda apps: gunicorn.gunicorn_mistakes(apps, "27.0.1")),
        "uwsgi_apps": (sites.uwsgi_apps(complete), uwsgi.uwsgi_mistakes),
        "app_deploy_apps": (sites.app_deploy_apps(complete, []), app_deploy.app_deploy_mistakes),
        "nginx_sites": (sites.nginx_sites(complete, []), of_nginx),
    }
    for name, (entries, mistakes_of) in of_roles.items():
        options = all_options(ROOT / "roles" / name.rpartition("_")[0] / "meta/argument_specs.yml")
        if mistakes := faults({name: entries}, options) or mistakes_of(entries):
            return mistakes
    return []


def worker(command: str) -> Entry:
    """Return the keys of an entry with one command beside the application."""
    return {"background": [{"name": "work", "command": command}]}


def timer(on_calendar: Any) -> Entry:
    """Return the keys of an entry with one command that runs at times."""
    return {"scheduled": [{"name": "tick", "command": "true", "on_calendar": on_calendar}]}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"repo": "https://h/shop.git", "version": 1e3}, "version of foobar.com is 1000.0, which YAML has made of"),
        ({"repo": "https://h/shop.git", "version": date(2026, 1, 5)}, "is 2026-01-05, which YAML has made a date of"),
        ({"repo": "https://h/shop.git", "version": ""}, "the version of shop is empty; name a branch, a tag or"),
        ({"version": "v1"}, "the version of shop counts for nothing, as its source is no repo: take it out"),
        ({"repo": "https://h/shop.git", "checksum": "a"}, "the checksum of shop counts for nothing, as its source is"),
        ({"repo": "github.com/me/shop"}, "the repo of shop is no address; write https://host/path"),
        ({"repo": "https//host/shop"}, "the repo of shop is no address; write https://host/path"),
        ({"repo": ""}, "the repo of shop is no address; write https://host/path"),
        ({"repo": "ssh://git@github.com:me/shop.git"}, "the repo of shop has a colon and no port behind its host"),
        ({"app_deploy": {"python": ".venv/bin/python"}}, 'python of shop is ".venv/bin/python"; write the whole path'),
        ({"app_deploy": {"python": "python 3.11"}}, 'python of shop is "python 3.11"; write the whole path'),
        ({"packages": ["gcc, make"]}, '"gcc, make" in packages of shop must be a name of the distribution\'s'),
        ({"packages": ["--purge"]}, '"--purge" in packages of shop must be'),
        (
            {"environment": {"SINCE": date(2026, 1, 5)}},
            "sites: SINCE of environment of foobar.com is 2026-01-05, which",
        ),
        ({"environment": {"KEY": "x" * 131_072}}, "KEY of environment of foobar.com is too long: Linux takes 128 KiB"),
        ({"subdirectory": "/backend"}, 'sites: the subdirectory "/backend" of foobar.com must be a folder below the'),
        ({"shared_paths": ["my media"]}, 'sites: shared_paths of foobar.com has "my media", which must be a folder'),
        ({"shared_paths": ["100%"]}, 'sites: shared_paths of foobar.com has "100%", which must be a folder below'),
        ({"shared_paths": ["media", "media/a/"]}, "media/a/ in shared_paths of shop lies in media, which outlives"),
        (
            {"shared_paths": ["media"], "app_deploy": {"shared_files": ["media/a.txt"]}},
            "media/a.txt in shared_files of shop lies in media, which outlives its releases as a whole: take it out",
        ),
        ({"shared_paths": [".venv"]}, '".venv" in shared_paths of shop must be of letters, digits'),
        ({"shared_paths": ["db.sqlite3"]}, "db.sqlite3 in shared_paths of shop would be a folder; a file goes into"),
        ({"static": {"/static/": "/var/www/static"}}, "has /static/: /var/www/static, which must be a folder below"),
        ({"static": {"/static/": "my files"}}, "static of foobar.com has /static/: my files, which must be a folder"),
        ({"static": {"/static/": "$files"}}, "static of foobar.com has /static/: $files, which must be a folder"),
        ({"static": {"/static/": True}}, "static of foobar.com has /static/: True, which must be a folder below"),
        ({"static": {"/static/": "a@(b)"}}, "static of foobar.com has /static/: a@(b), which must be a folder below"),
        ({"static": {"/static/": None}}, "static of foobar.com has /static/: None, which must be a folder below"),
        ({"static": {"/": "dist", "/code/": "."}, "app_paths": ["/api/"]}, "has /code/: ., which must be a folder"),
        ({"files": [{"src": "a", "dest": "config/"}]}, 'dest "config/" in files of shop must be the name of a file'),
        ({"files": [{"src": "a", "dest": "a\nb"}]}, 'dest "a\\nb" in files of shop must be the name of a file'),
        ({"domain": "FooBar.com"}, '"FooBar.com" of FooBar.com is no host name; write it in lower-case letters'),
        ({"domain": "foobar.com."}, '"foobar.com." of foobar.com. is no host name'),
        ({"domain": "foobar.com www.foobar.com"}, "is no host name; write it in lower-case letters"),
        ({"app": "my-shop"}, 'sites: the name "my-shop" must be lower-case letters, digits and "_"'),
        ({"app": "mysql"}, "sites: the name mysql is that of a user of the system's"),
        ({"domain": "192.0.2.7"}, "192.0.2.7 of 192.0.2.7 is no name on the internet: set provider: none or"),
        ({"domain": "localhost"}, "sites: localhost of localhost is no name on the internet"),
        ({"app_deploy": {"health_timeout": -1}}, "app_deploy_apps: health_timeout of shop is -1; it must be 0 or more"),
        ({"domain": 5}, "sites: 5 of 5 is no host name"),
        ({"environment": {True: "x"}}, 'sites: environment of foobar.com has "True": a name must be letters, digits'),
        ({"domain": ""}, "sites: domain of entry 1 is empty; give it a value"),
        ({"aliases": ["https://www.foobar.com"]}, '"https://www.foobar.com" of foobar.com is no host name'),
        ({"server_names": ["~^(.+)$"]}, '"~^(.+)$" of foobar.com is no host name'),
        ({"server_names": [f"{'a' * 64}.foobar.com"]}, "of foobar.com is no host name"),
        ({"health_path": "/health\nHost: x"}, "the health_path of shop must be as a browser sends it: in ASCII"),
        ({"health_path": "/#/health"}, "the health_path of shop must be as a browser sends it"),
        ({"health_path": "/größe"}, "the health_path of shop must be as a browser sends it"),
        ({"wsgi_app": ""}, "sites: wsgi_app of foobar.com is empty; give it a value"),
        ({"wsgi_app": "shop/wsgi.py"}, 'wsgi_app of shop is "shop/wsgi.py"; write a module and a name in it'),
        ({"wsgi_app": "shop.wsgi.application"}, "is shop.wsgi.application, a module by its dots: write shop.wsgi:appl"),
        (
            {"wsgi_app": "shop.asgi:app"},
            "shop is shop.asgi:app, by its name ASGI, which the worker_class gthread does not",
        ),
        (
            {"wsgi_app": "shop.wsgi:application", "gunicorn": {"worker_class": "asgi"}},
            "by its name WSGI, which the worker_class asgi does not run: write worker_class: gthread, or its other",
        ),
        (
            {"wsgi_app": "shop.wsgi", "gunicorn": {"worker_class": "gthread", "options": {"worker_class": "asgi"}}},
            "by its name WSGI, which the worker_class asgi does not run",
        ),
        ({"gunicorn": {"options": {"worker_class": "gtread"}}}, "worker_class of shop is gtread, which is none of"),
        (
            {"server": "uwsgi", "environment": {"UWSGI_HTTP_SOCKET": ":8080"}},
            "environment of shop has UWSGI_HTTP_SOCKET, by which uWSGI takes http-socket, which the role sets",
        ),
        ({"wsgi_app": "shop:my-app"}, 'wsgi_app of shop is "shop:my-app"; write a module'),
        ({"wsgi_app": "shop.asgi.app"}, "is shop.asgi.app, a module by its dots: write shop.asgi:app."),
        ({"wsgi_app": "gunicorn shop.wsgi:app"}, 'wsgi_app of shop is "gunicorn shop.wsgi:app"; write a module'),
        ({"gunicorn": {"workers": -1}}, "gunicorn_apps: workers of shop is -1; it must be 0 or more"),
        ({"server": "uwsgi", "uwsgi": {"processes": "-2"}}, "uwsgi_apps: processes of shop is -2; it must be 0 or"),
        ({"gunicorn": {"worker_class": "gtread"}}, "worker_class of shop is gtread, which is none of gunicorn's"),
        ({"gunicorn": {"options": {"bind": ":80"}}}, "options of shop has bind, which the role sets itself"),
        (
            {"gunicorn": {"options": {"keep_alive": 5}}},
            "has keep_alive, which is no setting of gunicorn's; did you mean",
        ),
        (
            {"gunicorn": {"options": {"limit-request-line": 5}}},
            "setting of gunicorn's; did you mean limit_request_line?",
        ),
        ({"gunicorn": {"options": {"no such": 5}}}, "options of shop has no such, which is no setting of gunicorn's."),
        ({"gunicorn": {"after": ["postfix"]}}, "after of shop has postfix, which is no unit; write its whole name"),
        ({"gunicorn": {"writable_paths": ["data"]}}, '"data" in writable_paths of shop must be an absolute path'),
        ({"gunicorn": {"writable_paths": ["/100%"]}}, '"/100%" in writable_paths of shop must be an absolute path'),
        ({"gunicorn": {"after": ["100%.service"]}}, "after of shop has 100%.service, which is no unit"),
        (
            {"server": "uwsgi", "uwsgi": {"options": {"http_socket": ":80"}}},
            "has http_socket, which the role sets itself",
        ),
        (
            {"server": "uwsgi", "uwsgi": {"options": {"max_fd": 9}}},
            "options of shop has max_fd, which uWSGI calls max-fd",
        ),
        (
            {"server": "uwsgi", "uwsgi": {"options": {"M": True}}},
            "has M; write the long name of one of uWSGI's options",
        ),
        ({"server": "uwsgi", "uwsgi": {"options": {"route": {"a": 1}}}}, "option route of shop must be text, a number"),
        (worker("cd x && y"), "the command of work has &&, which only a shell understands, and there is none"),
        (worker(""), "sites: command of work of background of foobar.com is empty; give it a value"),
        ({"background": [{"name": "w", "command": "x", "replicas": -1}]}, "replicas of w is -1; it must be 0 or more"),
        (timer("*/5 * * * *"), 'on_calendar of tick is "*/5 * * * *", which is no time in systemd\'s words'),
        (timer(750), "on_calendar of tick is 750, which is no time in systemd's words"),
        ({"smtp": {"host": "mail.foobar.com:587"}}, 'host in smtp of foobar.com is "mail.foobar.com:587"; write an'),
        (
            {"smtp": {"host": "192.0.2.9", "port": 99999}},
            "port in smtp of foobar.com is 99999; ports go from 1 to 65535",
        ),
    ],
)
def test_what_no_server_could_take_is_refused_in_one_sentence(keys: Entry, words: str) -> None:
    (mistake,) = refused(**keys)
    assert words in mistake


@pytest.mark.parametrize(
    "keys",
    [
        *({"repo": repo} for repo in ("/srv/shop.git", "./shop", "../shop", "~/shop", "file:///srv/shop.git")),
        *({"repo": repo} for repo in ("git@github.com:me/shop.git", "ssh://git@host:2222/shop.git", "host:shop.git")),
        *(
            {"repo": repo}
            for repo in ("https://host/shop", "ssh://git@[2001:db8::1]:22/shop.git", "git@[::1]:shop.git")
        ),
        *({"repo": repo} for repo in ("repos/shop", "shop.git", "my repos/shop")),
        {"repo": "https://host/shop", "version": "-dash"},
        *({"app_deploy": {"python": python}} for python in ("3.11", "/usr/bin/python3", ">=3.11", "cpython-3.11")),
        *({"app_deploy": {"python": python}} for python in (">=3.11, <3.13", "cpython>=3.11, <3.13")),
        {
            "packages": [
                "g++",
                "libmysqlclient-dev=8.0.36-1~deb12u1",
                "libc6:i386",
                "nginx=1.26*",
                "libpq5>=15",
                "gcc/stable-backports",
                "libmagickwand-6.*",
                "python3-pil*",
            ]
        },
        {"environment": {"http_proxy": "http://[::1]:3128/%20", "EMPTY": "", "PEM": "a\r\nb\n", "QUOTES": "'\"\\$`"}},
        {"subdirectory": "./backend/", "shared_paths": ["./media/", "media"], "static": {"/static/": "./static/"}},
        {"shared_paths": ["media", "media2/a"]},
        *({"shared_paths": [folder]} for folder in ("médias", "a,b", "(app)/cache", "geo.db", "2024")),
        *({"static": {"/x/": folder}} for folder in ("/static", "médias", "a,b", "(app)", 2024)),
        {"files": [{"src": "a", "dest": "./config/local settings.py"}]},
        {"server_names": ["*.foobar.com", "xn--bcher-kva.foobar.com"], "aliases": ["www.foobar.com"]},
        {"domain": "192.0.2.7", "tls": {"provider": "none"}},
        {"health_path": "/health?full=1&db=%20"},
        *({"wsgi_app": app} for app in ("shop.wsgi", "shop:create_app()", "shop:create_app('a b', 1)", "größe:app")),
        *({"wsgi_app": app} for app in ("my-app:app", "hello-world.wsgi:application", "01_app:app", "ok:app ")),
        *({"wsgi_app": app, "server": "uwsgi"} for app in ("my-app:app", "01_app:app", "hello-world.wsgi")),
        {"wsgi_app": "config.wsgi.production"},
        *({"wsgi_app": app, "gunicorn": {"worker_class": "asgi"}} for app in ("wsgi:app", "shop.wsgi:app")),
        *(
            {"wsgi_app": "core.asgi:application", "gunicorn": {"options": {"worker_class": worker_class}}}
            for worker_class in ("uvicorn_worker.UvicornWorker", "asgi")
        ),
        {"gunicorn": {"options": {"graceful_timeout": 60, "pidfile": "/tmp/shop.pid"}}},
        {"gunicorn": {"after": ["shop-cache@%i.service"], "writable_paths": ["%S/x", "-/var/lib/%p", "/100%%"]}},
        {"gunicorn": {"workers": "4", "timeout": 0, "threads": 0, "worker_class": "uvicorn_worker.UvicornWorker"}},
        {"gunicorn": {"options": {"keepalive": "5", "forwarder_headers": "A,B", "some_new_setting": 1}}},
        {"gunicorn": {"after": ["srv-data.mount", "postgresql@15-main.service"], "writable_paths": ["-/mnt/a", "/b"]}},
        {"server": "uwsgi", "uwsgi": {"options": {"env": ["A=1", "B=2"], "cheaper": 1, "py-autoreload": None}}},
        {"wsgi_app": "shop.asgi:app", "gunicorn": {"worker_class": "uvicorn_worker.UvicornWorker"}},
        {"wsgi_app": "shop.asgi:app", "gunicorn": {"config": "gunicorn.conf.py"}},
        {"server": "uwsgi", "environment": {"UWSGI_CHEAPER": 1}},
        {"smtp": {"host": "mail", "port": "25"}},
        worker("sh -c 'cd x && y'"),
        timer("Mon..Fri 03:00 Europe/Berlin"),
    ],
    ids=str,
)
def test_what_goes_live_is_not_refused(keys: Entry) -> None:
    assert refused(**keys) == []


def test_folders_go_to_the_roles_without_what_people_add_to_them() -> None:
    site = {**SITE, "directory": "shop", "subdirectory": "./backend/", "shared_paths": ["./media/"]}
    static = {"static": {"/static/": "./backend/static/", "/media/": "media/"}}
    (app,) = sites.app_deploy_apps([site | static], [])
    (unit,) = sites.gunicorn_apps([site | static])
    (served,) = sites.nginx_sites([site | static], [])
    assert (app["subdirectory"], app["static_paths"]) == ("backend", ["backend/static"])
    assert (unit["chdir"], unit["writable_paths"]) == ("backend", ["-/srv/shop/shared/media"])
    assert [place.get("alias") for place in served["locations"]][:2] == [
        "/srv/shop/current/backend/static/",
        "/srv/shop/shared/media/",
    ]


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("one && two", "&&"),
        ("one | two", "|"),
        ("one; two", ";"),
        ("mysql --password=canary; two", ";"),
        ("rq worker --url redis://:$ecret@192.0.2.1/0", "$ecret"),
        ("rq worker --url=redis://canary:${SECRET}@192.0.2.1", "${SECRET}"),
        ("celery worker &", "&"),
        ("one > /tmp/log 2>&1", ">"),
        ("one 2>&1", "2>&1"),
        ("cat <in", "<in"),
        ("~/work.sh", "~/work.sh"),
        ("celery -A $APP worker", "$APP"),
        ("work ${APP}", "${APP}"),
        ("work `hostname`", "`"),
        ("work $(hostname)", "$("),
    ],
)
def test_a_command_that_needs_a_shell_is_told_by_its_word(command: str, word: str) -> None:
    assert command_fault(command).startswith(f"has {word}, which only a shell understands")
    assert "canary" not in command_fault(command)


@pytest.mark.parametrize("command", ['python -c "print(1)', "it's", "work \\"])
def test_a_quote_that_is_not_closed_is_refused(command: str) -> None:
    assert command_fault(command) == "has a quote or a backslash that nothing follows"


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'one && two > $HOME/x'",
        'A=1 /bin/bash -c "one | two"',
        'celery --app shop beat --schedule "$STATE_DIRECTORY/beat"',
        "celery --app shop beat --schedule ${STATE_DIRECTORY}/beat",
        'python -c "import a; b()"',
        "curl https://host/?a=1&b=2",
        'work --where="a && b" --price 5$ --format %Y',
        "A=1 rq worker-pool -n 4",
        "rq worker --url redis://:pa$sword@192.0.2.1/0",
        "rq worker --url 'redis://:$ecret@192.0.2.1/0'",
    ],
)
def test_a_command_that_needs_no_shell_stays_as_it_is(command: str) -> None:
    assert command_fault(command) == ""


# Judged by `systemd-analyze calendar` of systemd 252.
@pytest.mark.parametrize(
    "written",
    [
        *("hourly", "daily UTC", "weekly Europe/Berlin", "semiannually", "@1395716396", "Monday", "Mon,Tue..Thu"),
        *("Mon..Fri 03:00 Europe/Berlin", "Sat,Sun 10:00", "Mon-Fri 3:00", "*:0/5", "*:*:0/20", "00:00:00.5", "8:30"),
        *("2026-*-01", "Mon *-*-01..07 12:00", "*-02~03", "*-*-1/2 1:00", "03:00 UTC", "18..20:00", "1,3:00"),
        *("Fri,Mon..Wed *-1,2-2,4 *:30", "05:40:23.4200004/3.1700005", "Mon..Fri  *-*-*  08:00:00", "Mon *-05~07/1"),
        *("anually", "biannually", "bi-annually", "semi-annually", "03:30 CET", "03:30 GMT", "03:30 EST5EDT"),
        *("03:30 Japan", "03:30 Zulu", "03:30 PST8PDT", "03:30 W-SU", "03:30 GMT+0", "hourly GB"),
    ],
)
def test_a_time_that_systemd_understands_is_one(written: str) -> None:
    assert is_time(written)


@pytest.mark.parametrize(
    "written",
    [
        *("", "5min", "@daily", "*/5 * * * *", "0 3 * * *", "12", "mon 8", "every day", "3:00pm"),
        *("hourly,daily", "3:00 pm", "*", 750, True, date(2026, 1, 5)),
    ],
)
def test_what_systemd_takes_for_no_time_is_none(written: Any) -> None:
    assert not is_time(written)
