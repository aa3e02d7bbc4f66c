"""The lock of an application's releases: a file that says which run of which controller changes them, since when."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

# Emptied by a restart of the server, which no run survives.
LOCKS = Path("/run/app_deploy")

Owner = dict[str, Any]


def clock() -> float:
    """Return the seconds since the server's start, which no change of its clock can touch."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def hold(file: Path, owner: Owner, gone: Owner, timeout: int) -> Owner:
    """Take the lock and return what it holds then: this owner, or the one who keeps it.

    It is free, or this owner's, or held by the owner that is known to be gone, or for more than timeout seconds by
    another user's run or another controller's, of which nobody can tell from here whether it is gone.
    """
    file.parent.mkdir(mode=0o755, exist_ok=True)
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = lock.read()
        held: Owner = json.loads(text) if text else {}
        same = held.get("owner") == owner
        if held and not same and held["owner"] != gone:
            visible = all(held["owner"].get(name) == owner.get(name) != "" for name in ("by", "machine", "pids"))
            if visible or clock() - held["clock"] < timeout:
                return held
        if not same:
            since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            held = {"owner": owner, "since": since, "clock": clock()}
            lock.seek(0)
            lock.truncate()
            lock.write(json.dumps(held))
        return held


def give_back(file: Path, owner: Owner) -> None:
    """Give the lock back if this owner holds it."""
    if not file.exists():
        return
    with file.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = lock.read()
        if text and json.loads(text)["owner"] == owner:
            lock.truncate(0)


def held(file: Path) -> dict[str, Any]:
    """Return who holds a lock (`by`) and for how many `seconds`, or nothing when nobody does."""
    text = file.read_text() if file.exists() else ""
    lock = json.loads(text) if text else {}
    return {"by": lock["owner"]["by"], "seconds": round(clock() - lock["clock"], 1)} if lock else {}


def require(app: str, owner: Owner) -> None:
    """Raise OSError unless an owner holds an app's lock: its run was taken for gone, and is to change nothing more."""
    file = LOCKS / f"{app}.lock"
    if not is_held_by(file, owner):
        by = held(file).get("by")
        why = f"{by} has taken it over" if by else "another run has had it since, or the server was restarted"
        raise OSError(f"this run does not hold the lock any more: {why}; run it again")


def is_held_by(file: Path, owner: Owner) -> bool:
    """Tell whether an owner holds a lock."""
    text = file.read_text() if file.exists() else ""
    return bool(text) and json.loads(text)["owner"] == owner
