"""What a command said last, shown once and in lines."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display


def show(result: dict[str, Any], no_log: bool) -> dict[str, Any]:
    """Show the `last_lines` of a task that failed, unless they are to be hidden; return its result without them."""
    lines = result.pop("last_lines", [])
    if result.get("failed") and lines and not no_log:
        Display().display("\n".join(["What it said last:", *(f"    {line}" for line in lines)]))
    return result
