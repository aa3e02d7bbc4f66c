"""What a command said last, shown once and in lines."""

from __future__ import annotations

from typing import Any

from ansible.utils.display import Display


def show(result: dict[str, Any]) -> dict[str, Any]:
    """Show the `last_lines` of a task that failed, and return its result without them."""
    lines = result.pop("last_lines", [])
    if result.get("failed") and lines:
        Display().display("\n".join(["What it said last:", *(f"    {line}" for line in lines)]))
    return result
