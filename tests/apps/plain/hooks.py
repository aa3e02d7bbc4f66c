"""Settings of gunicorn that an application brings: one of them a hook, and one that the unit does not take."""

from __future__ import annotations

import os
from typing import Any

bind = "127.0.0.1:8001"
threads = 3


def post_fork(server: Any, worker: Any) -> None:
    """Leave a trace that the application shows."""
    os.environ["HOOKED"] = f"{worker.cfg.threads} threads"
