"""Which gunicorn an application pins is read from its own files, and judged before anything is built."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.pinned_gunicorn import (
    mistake,
    pinned,
    warning,
    worker_class,
)


@pytest.mark.parametrize(
    "text",
    [
        "django==5.2\ngunicorn==23.0.0\n",
        "gunicorn[gevent] == 23.0.0 \\\n    --hash=sha256:00\n",
        "Gunicorn===23.0.0 ; python_version >= '3.8'",
        '[[package]]\nname = "gunicorn"\nversion = "23.0.0"\ndescription = "WSGI"\n',
        '[[packages]]\nname = "gunicorn"\nmarker = "x"\nversion = "23.0.0"\n',
        '{"default": {"gunicorn": {"hashes": ["sha256:0"], "index": "pypi", "version": "==23.0.0"}}}',
    ],
)
def test_a_pinned_version_is_found_in_each_kind_of_file(text: str) -> None:
    assert pinned("gunicorn", ["django", text]) == "23.0.0"


@pytest.mark.parametrize(
    "text",
    [
        "gunicorn>=20\n",
        "gunicorn\n",
        "gunicorn-color==1.0",
        "# gunicorn==23.0.0",
        '[[package]]\nname = "other"\nversion = "1"\n\n[[package]]\nname = "gunicorn"\n\n[[package]]\nversion = "2"\n',
    ],
)
def test_what_pins_nothing_has_no_version(text: str) -> None:
    assert pinned("gunicorn", [text]) == ""


def test_a_gunicorn_that_can_not_do_what_is_asked_is_refused_with_the_reason() -> None:
    assert mistake("23.0.0", "asgi", True).startswith(
        "worker_class asgi needs gunicorn 24 or later, and the source pins 23"
    )
    assert "needs setuptools" in mistake("20.1.0", "gthread", False)
    for version, kind, has_setuptools in [
        ("20.1.0", "sync", True),
        ("24.0.0", "asgi", False),
        ("23.0.0", "gthread", False),
        ("", "asgi", False),
    ]:
        assert mistake(version, kind, has_setuptools) == ""


def test_a_gunicorn_whose_threads_drop_requests_is_warned_of() -> None:
    assert "23.0.0, whose threads drop requests when it stops, so each worker has one" in warning("23.0.0", "")
    assert "as each release stops one" in warning("26.0.0", "gthread")
    assert warning("27.0.1", "gthread") == warning("", "gthread") == ""


def test_the_kind_of_worker_is_the_last_one_of_the_settings() -> None:
    files = [
        {"dest": "/etc/gunicorn/shop/%i/env", "content": 'worker_class = "no"'},
        {"dest": "/etc/gunicorn/shop/%i/conf.py", "content": "worker_class = \"gthread\"\nworker_class = 'asgi'\n"},
    ]
    assert worker_class(files) == "asgi"
    assert worker_class(files[:1]) == ""
    default = {"dest": "/etc/gunicorn/shop/%i/conf.py", "content": 'worker_class = "gthread"\n'}
    assert worker_class([default]) == ""
