"""A WSGI application without dependencies, for tests of its deploys."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import six

HERE = Path(__file__).parent


def write(path: Path) -> str:
    """Return what becomes of an attempt to write a file."""
    try:
        path.write_text("x")
    except OSError as error:
        return type(error).__name__
    return "written"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with what the release is; `/health` tells nothing, and fails where a file is called `sick`."""
    if environ["PATH_INFO"] == "/health":
        start_response(
            "503 Sick" if any((HERE / place / "sick").exists() for place in (".", "uploads")) else "200 OK", []
        )
        return [b""]
    migrations = HERE / "uploads/migrations"
    answer = {
        "release": Path.cwd().name,
        "version": (HERE / "VERSION").read_text().strip(),
        "six": six.__version__,
        "host": environ["HTTP_HOST"],
        "secret": os.environ.get("SECRET", ""),
        "migrations": migrations.read_text().split() if migrations.exists() else [],
        "code": write(HERE / "written"),
        "uploads": write(HERE / "uploads/written"),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
