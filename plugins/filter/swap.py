"""Filters of the role swap: why a server can't have a swap file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.filter.sizes import bytes_of
from ansible_collections.foobar.webstack.plugins.module_utils.disk_space import shown

LEAST = 64
# What is to be left of the disk, in bytes.
LEFT = 500 * 2**20


def swap_mistakes(size: str | int, host: str, path: str, facts: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each thing that keeps a server from a swap file of a size, such as 1G, at a path."""
    if not size:
        return []
    mistakes = []
    if str(size).isdecimal() or (bytes_of(size, "MG") or 0) < LEAST * 2**20:
        mistakes.append(f"swap_file_size is {size!r}: write a number with M or G, at least {LEAST}M, such as 1G.")
    if not re.fullmatch(r"(/[\w.-]+)+", path):
        mistakes.append(f"swap_file_path is {path!r}: write an absolute path without spaces, such as /swapfile.")
    if "container" in facts.get("virtualization_tech_guest", []):
        mistakes.append(
            f"swap_file_size: {host} is a container, whose swap is that of the machine that it runs on: leave it out, "
            "and give the container swap there."
        )
    return mistakes


def swap_refusal(free: int, host: str, path: str, size: int) -> str:
    """Return why a disk has no room for a swap file, or an empty text; sizes in bytes."""
    lack = size + LEFT - free
    if lack <= 0:
        return ""
    return (
        f"{host} has {shown(free)} free for {path}, {shown(lack)} too little for a swap file of {shown(size)} that "
        f"leaves {shown(LEFT)}: lower swap_file_size, or make room."
    )


class FilterModule:
    """Make the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"swap_mistakes": swap_mistakes, "swap_refusal": swap_refusal}
