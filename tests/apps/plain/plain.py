"""A WSGI application without dependencies, for tests of the units that run it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def network() -> str:
    """Return what becomes of an attempt to open a network connection to this machine's own sshd."""
    try:
        socket.create_connection(("127.0.0.1", 22), timeout=2).close()
    except OSError as error:
        return type(error).__name__
    return "connected"


def write(path: str) -> str:
    """Return what becomes of an attempt to write a file."""
    try:
        Path(path).write_text("x")
    except OSError as error:
        return type(error).__name__
    return "written"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer `/` with what the sandbox lets the application do, and `/slow` after two seconds."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(2)
    answer = {
        "scheme": environ["wsgi.url_scheme"],
        "secret": os.environ.get("SECRET", ""),
        "network": network(),
        "code": write(f"{Path(__file__).parent}/written"),
        "uploads": write("/srv/uploads/written"),
        "user": os.getuid(),
        "pid": os.getpid(),
        "master": os.getppid(),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
