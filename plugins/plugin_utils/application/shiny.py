"""Applications of Shiny: an object of its own, or a file of shiny.express, which holds none."""

from __future__ import annotations

import re

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

# The module whose attributes are files, and what it has an object for each of.
EXPRESS = "shiny.express.app"


def express(path: str) -> str:
    """Return the entry point of a file of shiny.express, as `shiny run` hands it to a server.

    The path goes by the folder that the application runs in; what is neither letter nor digit is its code in the name.
    """
    name = re.sub(r"[^a-zA-Z0-9]|^[0-9]", lambda found: f"_{ord(found[0]):x}_", path)
    return f"{EXPRESS}:{name}"


def find_shiny(reason: str, report: Report) -> None:
    """Note what all applications of Shiny have: their page, and visitors who come back to the same process."""
    report.find("health_path", "/", reason)
    report.find("streaming_paths", ["/websocket/"], reason)
    report.find("gunicorn.workers", 1, f"{reason}, whose visitors come back to the same worker")
