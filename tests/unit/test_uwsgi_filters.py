"""Mistakes in uwsgi_apps, the files that follow from it, and uWSGI's own words in them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.uwsgi import (
    uwsgi_environments,
    uwsgi_files,
    uwsgi_lines,
    uwsgi_mistakes,
    uwsgi_release_files,
)

PLAIN = {"name": "shop", "module": "shop:app", "chdir": "/opt/shop"}
RELEASED = {"name": "shop", "module": "shop.wsgi:application", "releases_path": "/srv/shop/releases"}
DEFAULTS = {
    **{"processes": 0, "threads": 8, "harakiri": 60, "worker_reload_mercy": 30},
    **{"max_requests": 0, "max_requests_delta": 0, "lazy_apps": True},
}
UNITS = "/etc/systemd/system"


@pytest.mark.parametrize("module", ["shop", "shop:app", "shop.wsgi:application", "shop:create_app()", "shop:a.b"])
def test_nothing_is_wrong_with_what_uwsgi_can_load(module: str) -> None:
    assert uwsgi_mistakes([PLAIN | {"module": module}, RELEASED | {"name": "other"}]) == []


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (PLAIN | {"name": "uwsgi"}, "the name uwsgi is that of a user of the system's"),
        (RELEASED | {"module": "config.asgi:application"}, "an ASGI application, and uWSGI can only run WSGI"),
        (PLAIN | {"module": "shop:create_app('x')"}, "module of shop is shop:create_app('x'); uWSGI takes"),
        (PLAIN | {"module": "shop.wsgi/app"}, "module of shop is shop.wsgi/app; uWSGI takes"),
        (PLAIN | {"memory_max": "512MB"}, "uwsgi_apps: memory_max of shop is 512MB"),
        (PLAIN | {"environment": {"A-B": "x"}}, "uwsgi_apps: environment of shop"),
        (PLAIN | {"options": {"http-socket": ":80"}}, "options of shop has http-socket, which the role sets itself"),
        (PLAIN | {"options": {"env": "A=1\nhttp = :80"}}, "option env of shop must stand on one line"),
        *(
            (PLAIN | {"options": {option: "x"}}, f"options of shop has {option}, which the role sets itself")
            for option in ("shared-socket", "https-socket", "raw-socket", "callable")
        ),
        (PLAIN | {"threads": 0}, "threads of shop is 0; uWSGI wants 1 or more"),
        (PLAIN | {"background": [{"name": "a", "command": "b"}]}, "which need releases_path"),
    ],
)
def test_mistakes_are_named(app: dict[str, Any], words: str) -> None:
    (mistake,) = uwsgi_mistakes([app])
    assert words in mistake


def test_threads_of_all_apps_are_one_or_more_too() -> None:
    (mistake,) = uwsgi_mistakes([PLAIN, RELEASED | {"name": "other", "threads": "1"}], 0)
    assert mistake == "uwsgi_apps: threads of shop is 0; uWSGI wants 1 or more."


def test_all_that_a_release_runs_with_is_its_own() -> None:
    assert [file["dest"] for file in uwsgi_release_files([RELEASED], {})] == [
        "/etc/uwsgi/shop/%i/uwsgi.ini",
        f"{UNITS}/uwsgi-shop@%i.socket",
        f"{UNITS}/uwsgi-shop@%i.service",
        "/etc/uwsgi/shop/%i/env",
    ]
    assert uwsgi_files([RELEASED], {}) == []


def test_an_app_at_a_fixed_path_has_no_release() -> None:
    assert [file["dest"] for file in uwsgi_files([PLAIN], {})] == [
        "/etc/uwsgi/shop.ini",
        f"{UNITS}/uwsgi-shop.socket",
        f"{UNITS}/uwsgi-shop.service",
    ]
    assert [file["dest"] for file in uwsgi_environments([PLAIN])] == ["/etc/uwsgi/shop.env"]
    assert uwsgi_release_files([PLAIN], {}) == []


def test_the_keys_of_an_app_are_told_in_uwsgis_words() -> None:
    own = {"processes": 3, "threads": "2", "harakiri": 9, "worker_reload_mercy": 5}
    own |= {"max_requests": 1000, "max_requests_delta": 50, "lazy_apps": "false"}
    lines = uwsgi_lines({**DEFAULTS, **PLAIN, **own})
    wanted = ["processes = 3", "threads = 2", "harakiri = 9", "worker-reload-mercy = 5", "max-requests = 1000"]
    assert [line for line in [*wanted, "max-requests-delta = 50", "module = shop:app"] if line not in lines] == []
    assert not [line for line in lines if line.startswith("lazy-apps")]


def test_what_is_not_limited_has_no_line() -> None:
    lines = uwsgi_lines({**DEFAULTS, **PLAIN, "harakiri": 0})
    assert "processes = %k" in lines
    assert "lazy-apps = true" in lines
    assert not [line for line in lines if line.startswith(("harakiri", "max-requests"))]


def test_further_options_win_and_a_list_is_a_line_for_each_item() -> None:
    options = {"log-format": "%(uri)", "route": ["^/a addheader:A: 1", "^/b addheader:B: 1"], "thunder-lock": True}
    lines = uwsgi_lines({**DEFAULTS, **PLAIN, "options": {**options, "socket-timeout": None}})
    assert [line for line in lines if line.startswith(("log-format", "route", "thunder"))] == [
        "log-format = %(uri)",
        "route = ^/a addheader:A: 1",
        "route = ^/b addheader:B: 1",
        "thunder-lock = true",
    ]
    assert not [line for line in lines if line.startswith("socket-timeout")]
