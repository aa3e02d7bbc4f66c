"""Logs in a shared folder are rotated, and only these."""

from __future__ import annotations

from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import log_rotation
from ansible_collections.foobar.webstack.plugins.plugin_utils.app_deploy import resolve

APP: dict[str, Any] = {
    "name": "shop",
    "path": "/srv/shop",
    "user": "seller",
    "shared_paths": ["logs", "var/log", "media"],
}
ENTRY = {"name": "shop", "service": "gunicorn-shop", "sockets_path": "/run/gunicorn-shop", "health_path": "/"}
DEFAULTS = {"health_timeout": 30, "installer": "uv", "keep_releases": 5, "packages": [], "watch_timeout": 5}


def test_an_app_s_logs_are_rotated_by_their_own_user_while_they_are_open() -> None:
    (file,) = log_rotation.manifest(APP)["files"]
    lines = [line.strip() for line in file["content"].splitlines()]
    assert file["dest"] == "/etc/logrotate.d/webstack-shop"
    assert lines[1:4] == ["/srv/shop/shared/logs/*.log", "/srv/shop/shared/var/log/*.log", "{"]
    assert {"su seller seller", "copytruncate"} <= set(lines)


def test_an_app_without_logs_needs_no_file_and_no_package() -> None:
    assert log_rotation.manifest({**APP, "shared_paths": ["media", "catalogs"]})["files"] == []
    assert "logrotate" not in resolve(ENTRY, DEFAULTS)["packages"]
    assert "logrotate" in resolve({**ENTRY, "shared_paths": ["logs"]}, DEFAULTS)["packages"]
