"""Whether what is about to be written has room on the disk, in numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

# Bytes that are free where a folder is.
Free = Callable[[Path], int]


@dataclass(frozen=True)
class Need:
    """What is about to be written: how many bytes, below which folder, and what it is called.

    Fewer than none are removed before.
    """

    folder: Path
    size: int
    what: str


def existing(folder: Path) -> Path:
    """Return a folder that need not be there yet, or the one above it that is."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def free(folder: Path) -> int:
    """Return how many bytes a file system has for those who are not root."""
    found = os.statvfs(existing(folder))
    return found.f_bavail * found.f_frsize


def shown(size: float) -> str:
    """Return a number of bytes as people write it."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{size / 2**20:.0f} MB"


def shortage(needs: Iterable[Need], free: Free = free) -> str:
    """Return in a sentence, without its end, which folder has no room for what is to be written; nothing if all have.

    Folders of one file system share its room.
    """
    by_device: dict[int, list[Need]] = {}
    for need in needs:
        by_device.setdefault(os.stat(existing(need.folder)).st_dev, []).append(need)
    for together in by_device.values():
        room, wanted = free(together[0].folder), sum(need.size for need in together)
        if room < wanted:
            parts = " and ".join(f"the {need.what} ({shown(need.size)})" for need in together if need.size > 0)
            place, lack = together[0].folder, wanted - room
            return f"the disk of {place} has {shown(room)} free, {shown(lack)} too little for {parts}"
    return ""
