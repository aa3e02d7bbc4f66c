"""Sizes as settings have them: a number of bytes, or one with a unit, which is a power of 1024."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

UNITS = "KMGTPE"


def bytes_of(size: str | int, units: str = UNITS) -> int | None:
    """Return a size such as 1073741824 or 2g in bytes, or None if it is none with one of the units."""
    found = re.fullmatch(rf"(\d+)([{units}]?)", str(size).upper(), re.ASCII)
    if not found:
        return None
    return int(found[1]) * (1024 ** (UNITS.index(found[2]) + 1) if found[2] else 1)


def size_in_bytes(size: str | int) -> int:
    """Return a size, such as 2G, in bytes."""
    found = bytes_of(size)
    if found is None:
        raise AnsibleFilterError(f"{size!r} is no size: write a number of bytes, or one with K, M or G.")
    return found


class FilterModule:
    """Make the filter known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"size_in_bytes": size_in_bytes}
