"""The rotation of logs that an application writes into a folder of its own, by logrotate."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import names

PACKAGE = "logrotate"
# Names of the shared folders in which logs are.
FOLDERS = {"log", "logs"}


def folders(shared_paths: list[str]) -> list[str]:
    """Return those of an application's shared paths that hold logs."""
    return [path for path in shared_paths if PurePosixPath(path).name in FOLDERS]


def manifest(app: dict[str, Any]) -> dict[str, Any]:
    """Return the file by which an application's logs are rotated, as a manifest of release_settings; it may have none.

    An app is one as in release_state. Its processes keep a log open, so it is copied and then emptied. logrotate does
    so as the application's user, who may put a link in the place of a log.
    """
    logs = [f"{app['path']}/shared/{path}/*.log" for path in folders(app.get("shared_paths", []))]
    if not logs:
        return {"files": [], "passwords": {}}
    user = app["user"]
    content = "\n".join(
        [
            "# Ansible managed",
            *logs,
            "{",
            f"    su {user} {user}",
            "    daily",
            "    maxsize 100M",
            "    rotate 14",
            "    compress",
            "    delaycompress",
            "    copytruncate",
            "    missingok",
            "    notifempty",
            "}",
            "",
        ]
    )
    file = {"dest": names.rotation(app["name"]), "content": content, "owner": "root", "group": "root", "mode": "0644"}
    return {"files": [file], "passwords": {}}


def unused(app: dict[str, Any]) -> list[str]:
    """Return the file of an application that has no logs any more, if it is there."""
    place = names.rotation(app["name"])
    return [] if manifest(app)["files"] or not Path(place).exists() else [place]
