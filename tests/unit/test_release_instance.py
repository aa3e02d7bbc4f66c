"""Which service runs a release: what it was written with, and not what the entry says today."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.release_instance import (
    environment_files,
    instance,
    services,
)

Manifests = dict[str, dict[str, Any]]


@pytest.fixture
def app(tmp_path: Path) -> dict[str, Any]:
    """Return an app that runs with uWSGI today, and ran with gunicorn up to version 0.1.0."""
    return {
        "service": "uwsgi-shop",
        "sockets": "/run/uwsgi-shop",
        "shared_settings": [f"{tmp_path}/gunicorn-shop@.service", f"{tmp_path}/gunicorn-shop@.socket", "/etc/x.env"],
    }


def manifest(units: Path, server: str, release: str) -> dict[str, Any]:
    """Return the files of a release that a server runs, and of a command beside it."""
    unit = f"{units}/{server}-shop@{release}"
    return {
        "files": [
            {"dest": f"{units}/shop-mailer-1@{release}.service", "content": "EnvironmentFile=/etc/other\n"},
            {"dest": f"{unit}.socket", "content": f"[Socket]\nListenStream=/run/{server}-shop/%i.sock\n"},
            {"dest": f"{unit}.service", "content": f"[Service]\nEnvironmentFile=/etc/{server}/shop/%i/env\n"},
        ]
    }


def test_a_release_keeps_the_server_that_it_was_written_for(app: dict[str, Any], tmp_path: Path) -> None:
    manifests = {"a": manifest(tmp_path, "gunicorn", "a"), "b": manifest(tmp_path, "uwsgi", "b")}
    old, new = (instance(app, name, manifests, str(tmp_path)) for name in "ab")
    assert (old.unit, old.socket, old.environment) == (
        "gunicorn-shop@a",
        Path("/run/gunicorn-shop/a.sock"),
        "/etc/gunicorn/shop/a/env",
    )
    assert (new.unit, new.socket) == ("uwsgi-shop@b", Path("/run/uwsgi-shop/b.sock"))
    assert services(app, manifests, str(tmp_path)) == ["uwsgi-shop", "gunicorn-shop"]


def test_a_release_without_files_of_its_own_is_an_instance_of_the_template_that_is_there(
    app: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "gunicorn-shop@.socket").write_text("[Socket]\nListenStream=/run/gunicorn-shop/%i.sock\n")
    found = instance(app, "a", {}, str(tmp_path))
    assert (found.unit, found.socket) == ("gunicorn-shop@a", Path("/run/gunicorn-shop/a.sock"))


def test_a_unit_may_name_itself_as_systemd_fills_it_in(app: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "gunicorn-shop@.socket").write_text("[Socket]\nListenStream=/run/%p/%i.sock\n")
    assert instance(app, "a", {}, str(tmp_path)).socket == Path("/run/gunicorn-shop/a.sock")


def test_a_release_that_nothing_is_known_of_is_as_the_entry_says(app: dict[str, Any], tmp_path: Path) -> None:
    unknown: list[Manifests] = [{}, {"a": {"files": []}}]
    for manifests in unknown:
        found = instance(app, "a", manifests, str(tmp_path))
        assert (found.unit, found.socket, found.environment) == ("uwsgi-shop@a", Path("/run/uwsgi-shop/a.sock"), "")


def test_a_command_with_a_release_that_is_gone_back_to_gets_that_releases_environment(
    app: dict[str, Any], tmp_path: Path
) -> None:
    old = instance(app, "a", {"a": manifest(tmp_path, "gunicorn", "a")}, str(tmp_path))
    there = tmp_path / "migrate.env"
    there.touch()
    assert environment_files(old, ["/etc/uwsgi/shop/a/env", str(there)]) == ["/etc/gunicorn/shop/a/env", str(there)]
