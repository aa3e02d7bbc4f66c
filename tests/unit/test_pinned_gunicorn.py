"""A gunicorn is judged by what an installation brings, before anything is built."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.pinned_gunicorn import (
    THREADS,
    judged,
    mistake,
    warning,
    worker_class,
)

from tests.playbook import ROOT

APP = {"name": "shop", "installer": "uv", "python": "/usr/bin/python3"}


def source(**pins: str) -> dict[str, Any]:
    """Return a source whose installation brings packages, as they come back from the action."""
    return {"installation": {"pins": {name: [version, "uv.lock"] for name, version in pins.items()}}}


def settings(kind: str) -> list[dict[str, str]]:
    """Return the files of a release that asks for a kind of worker."""
    return [{"dest": "/etc/gunicorn/shop/%i/conf.py", "content": f"worker_class = '{kind}'\n"}]


def test_a_gunicorn_that_can_not_do_what_is_asked_is_refused_with_the_reason() -> None:
    assert mistake("23.0.0", "uv.lock", "asgi", True).startswith(
        "worker_class asgi needs gunicorn 24 or later, and uv.lock pins 23"
    )
    assert "which python_packages pins, needs setuptools" in mistake("20.1.0", "python_packages", "gthread", False)
    for version, kind, has_setuptools in [
        ("20.1.0", "sync", True),
        ("24.0.0", "asgi", False),
        ("23.0.0", "gthread", False),
        ("", "asgi", False),
    ]:
        assert mistake(version, "uv.lock", kind, has_setuptools) == ""


def test_a_gunicorn_whose_threads_drop_requests_is_warned_of() -> None:
    said = warning("23.0.0", "uv.lock", "")
    assert said.startswith(
        "uv.lock pins gunicorn 23.0.0, whose threads drop requests when it stops, so each worker has"
    )
    assert "as each release stops one" in warning("26.0.0", "uv.lock", "gthread")
    assert warning("27.0.1", "uv.lock", "gthread") == warning("", "uv.lock", "gthread") == ""


def test_the_settings_on_a_server_know_the_same_gunicorn_by_its_threads() -> None:
    template = (ROOT / "roles/gunicorn/templates/gunicorn.conf.py.j2").read_text()
    assert f"gunicorn.version_info < ({THREADS},)" in template


def test_the_kind_of_worker_is_the_last_one_of_the_settings() -> None:
    files = [
        {"dest": "/etc/gunicorn/shop/%i/env", "content": 'worker_class = "no"'},
        {"dest": "/etc/gunicorn/shop/%i/conf.py", "content": "worker_class = \"gthread\"\nworker_class = 'asgi'\n"},
    ]
    assert worker_class(files) == "asgi"
    assert worker_class(files[:1]) == ""
    default = {"dest": "/etc/gunicorn/shop/%i/conf.py", "content": 'worker_class = "gthread"\n'}
    assert worker_class([default]) == ""


def test_a_release_that_asks_for_workers_that_its_gunicorn_has_not_is_refused() -> None:
    assert judged(APP, source(gunicorn="23.0.0"), settings("asgi"))[0].startswith("worker_class asgi needs")
    refused, warned = judged(APP, source(gunicorn="23.0.0"), settings("sync"))
    assert (refused, "23.0.0" in warned) == ("", True)


def test_any_setuptools_that_is_installed_is_left_to_the_gate() -> None:
    assert "needs setuptools" in judged(APP, source(gunicorn="20.1.0"), settings("sync"))[0]
    assert judged(APP, source(gunicorn="20.1.0", setuptools=""), settings("sync"))[0] == ""


@pytest.mark.parametrize(
    ("keys", "is_refused"),
    [
        ({"installer": "pip"}, False),
        ({"installer": "pip", "python": "/usr/bin/python3.11"}, False),
        ({"installer": "pip", "python": "/usr/bin/python3.12"}, True),
        ({"python": "3.11"}, True),
    ],
)
def test_a_python_whose_environments_have_setuptools_is_not_refused(keys: dict[str, str], is_refused: bool) -> None:
    assert bool(judged({**APP, **keys}, source(gunicorn="20.1.0"), settings("sync"))[0]) is is_refused


def test_an_installation_without_gunicorn_or_a_release_of_another_server_is_not_judged() -> None:
    assert judged(APP, source(setuptools="80.0"), settings("asgi")) == ("", "")
    assert judged(APP, source(gunicorn="20.1.0"), []) == ("", "")
    assert judged(APP, {"error": "gone"}, settings("asgi")) == ("", "")
