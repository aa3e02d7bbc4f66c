"""An application whose pages take 5 ms of a core, 50 ms of a database's time, or 2 s of somebody else's."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterable
from typing import Any

# What a process of an application of some size holds.
for name in ("django.core.handlers.wsgi", "django.db.models", "django.forms", "django.template", "django.urls"):
    importlib.import_module(name)


def compute(seconds: float) -> None:
    """Use a core for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer `/quick`, `/database` and `/slow`."""
    match environ["PATH_INFO"]:
        case "/slow":
            time.sleep(2)
        case "/database":
            time.sleep(0.05)
        case _:
            compute(0.005)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"OK\n"]
