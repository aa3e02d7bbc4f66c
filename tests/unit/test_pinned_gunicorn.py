"""Which gunicorn an application pins is read from its own files, and judged before anything is built."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.pinned_gunicorn import (
    judged,
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


def source(tmp_path: Path, files: dict[str, str], strip: int = 0) -> dict[str, Any]:
    """Return a source whose archive has files."""
    archive = tmp_path / "source.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"{'shop/' * strip}{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    root = [name for name in files if "/" not in name]
    below = [name.removeprefix("backend/") for name in files if name.startswith("backend/")]
    return {"path": str(archive), "files": root, "subdirectory_files": below, "strip_components": strip}


def settings(kind: str) -> list[dict[str, str]]:
    """Return the files of a release that asks for a kind of worker."""
    return [{"dest": "/etc/gunicorn/shop/%i/conf.py", "content": f"worker_class = '{kind}'\n"}]


@pytest.mark.parametrize(
    ("name", "app", "strip"),
    [
        ("requirements.txt", {}, 0),
        ("requirements-prod.txt", {}, 1),
        ("backend/requirements.txt", {"subdirectory": "backend"}, 0),
        ("deploy/base.txt", {"requirements": ["deploy/base.txt"]}, 1),
    ],
)
def test_a_release_that_asks_for_workers_that_its_gunicorn_has_not_is_refused_by_its_source(
    name: str, app: dict[str, Any], strip: int, tmp_path: Path
) -> None:
    found = source(tmp_path, {"app.py": "gunicorn==1", name: "gunicorn==23.0.0\n"}, strip)
    assert judged(found, app, settings("asgi"))[0].startswith("worker_class asgi needs")
    refused, warned = judged(found, app, settings("sync"))
    assert (refused, "23.0.0" in warned) == ("", True)


def test_what_is_installed_counts_before_what_else_the_source_has(tmp_path: Path) -> None:
    found = source(
        tmp_path, {"requirements.txt": "gunicorn==20.1.0\n", "uv.lock": 'name = "gunicorn"\nversion = "27.0.1"'}
    )
    assert judged({**found, "installation": {"lock": "uv.lock"}}, {}, settings("asgi")) == ("", "")


def test_a_source_that_pins_no_gunicorn_or_runs_with_another_server_is_not_judged(tmp_path: Path) -> None:
    assert judged(source(tmp_path, {"requirements.txt": "django==5\n"}), {}, settings("asgi")) == ("", "")
    assert judged(source(tmp_path, {"requirements.txt": "gunicorn==20.1.0\n"}), {}, []) == ("", "")
    assert judged({"error": "gone"}, {}, settings("asgi")) == ("", "")
