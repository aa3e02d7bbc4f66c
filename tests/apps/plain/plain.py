"""A WSGI application without dependencies, for tests of the units that run it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def network(address: str = "127.0.0.1") -> str:
    """Return what becomes of an attempt to open a network connection to a machine's sshd; this one's unless said."""
    try:
        socket.create_connection((address, 22), timeout=2).close()
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


def read(path: str) -> str:
    """Return a file's content, or what becomes of an attempt to read it."""
    try:
        return Path(path).read_text()
    except OSError as error:
        return type(error).__name__


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer `/` with what the sandbox lets the application do, `/slow` after two seconds, `/reach/<address>`."""
    if environ["PATH_INFO"] == "/slow":
        time.sleep(2)
    if environ["PATH_INFO"].startswith("/reach/"):
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(network(environ["PATH_INFO"].removeprefix("/reach/"))).encode()]
    answer = {
        "scheme": environ["wsgi.url_scheme"],
        "secret": os.environ.get("SECRET", ""),
        "key": os.environ.get("KEY", ""),
        "hooked": os.environ.get("HOOKED", ""),
        "network": network(),
        "state": write(os.environ.get("STATE_DIRECTORY", "") + "/written"),
        "home": write(os.environ.get("HOME", "") + "/.cached"),
        "handed": read("/tmp/handed"),
        "proc": read("/proc/meminfo")[:8],
        "code": write(f"{Path(__file__).parent}/written"),
        "uploads": write("/srv/uploads/written"),
        "user": os.getuid(),
        "pid": os.getpid(),
        "master": os.getppid(),
    }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
