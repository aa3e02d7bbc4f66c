"""What is to be done for an application on a server, and why: pure functions of what the server holds."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils.releases import digest

# Length of each half of a release's name.
HALF = 8

Info = dict[str, Any]


def release_id(revision: str, settings: str, files: list[str]) -> str:
    """Return the name of a release: what was deployed, and with which settings it is built and run.

    `revision` and `settings` are hexadecimal digests; `files` are files on the server that count as settings, too.
    """
    if files:
        settings = hashlib.sha256(f"{settings}{digest(files)}".encode()).hexdigest()
    return f"{revision[:HALF]}-{settings[:HALF]}"


def is_bad(info: Info, release: str) -> bool:
    """Tell whether a release was rolled back from, or its code was: other settings make no bad code good.

    Code that is live with other settings is good, so its settings were to blame.
    """
    code = f"{release[:HALF]}-"
    return release in info["bad"] or (
        any(name.startswith(code) for name in info["bad"]) and not info["live"].startswith(code)
    )


def to_repair(info: Info) -> list[str]:
    """Return what is not as a finished run leaves it, each in a few words."""
    return [
        *(f"{unit} ended by itself" for unit in info["ended"]),
        *(f"{unit} does not run, or would not at boot" for unit in info["missing"]),
        *(f"{file} was changed" for file in info["drifted"]),
        *(f"{folder} is missing, or not the application's" for folder in info["unshared"]),
        *(f"release {name} still runs" for name in info["stale_instances"]),
        *(f"commands of release {name} still run" for name in info["stale_targets"]),
        *(f"release {name} is to be removed" for name in info["removable"]),
        *(f"{file} is not used any more" for file in info["unused"]),
    ]


def plan(info: Info, release: str, retry_bad: bool) -> tuple[str, str]:
    """Return what is to be done and why.

    It is one of `none`, `release`, `skip` (the release was rolled back from) and `repair`.
    """
    if release != info["live"]:
        if is_bad(info, release) and not retry_bad:
            return "skip", f"release {release}, or its code, was rolled back as a bad one"
        return "release", _reason(info, release)
    repairs = to_repair(info)
    return ("repair", "; ".join(repairs)) if repairs else ("none", "")


def _reason(info: Info, release: str) -> str:
    """Return why a release is to be made or to go live again."""
    if not info["live"]:
        return "the first release"
    if release in info["complete"]:
        return "a release that is kept"
    return "other settings" if info["live"][:HALF] == release[:HALF] else "other code"


def obstacle(info: Info, release: str) -> str:
    """Return in a sentence why a server can't go back to a release, or an empty string."""
    if not release:
        return "there is no release before the live one to go back to."
    if release == info["live"]:
        return f"release {release} is live already."
    if release not in info["complete"]:
        return f"{release} is no finished release of this server; it has {', '.join(info['complete']) or 'none'}."
    if release in info["bad"]:
        return f"release {release} was rolled back as a bad one; name another (release=<id>)."
    return ""
