"""Archives: one that is a source, and what is in the one that goes to the servers."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
from collections.abc import Sequence
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import Any

from ansible.module_utils.urls import open_url
from ansible_collections.foobar.webstack.plugins.plugin_utils.dependencies import LISTS, ORDER, UNREAD
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceError, SourceMistake

# What Git LFS leaves in git in the place of a file, in this many bytes at most.
POINTER, POINTER_SIZE = b"version https://git-lfs.github.com/spec/", 1024


def shown(archive: str) -> str:
    """Return an archive's address without what may be a secret in it: user, password, query and fragment."""
    if not archive.startswith(("http://", "https://")):
        return archive
    return re.sub(r"[?#].*", "", re.sub(r"//([^/@:]*:(?!\d+(/|$))[^@]*@|[^/]*@)", "//", archive), flags=re.DOTALL)


def from_archive(archive: str, checksum: str | None, cache: Path) -> tuple[str, Path]:
    """Return the SHA-256 of an archive and its path in the cache; a remote one is fetched once."""
    checksum = (checksum or "").removeprefix("sha256:").lower()
    remote = archive.startswith(("http://", "https://"))
    if remote and not checksum:
        raise SourceError("checksum is needed with an archive that is fetched from an address.")
    path = cache / f"{checksum}.tar"
    if not (checksum and path.exists()):
        try:
            content = open_url(archive, timeout=60).read() if remote else Path(archive).read_bytes()
        except OSError as error:
            raise SourceError(f"archive {shown(archive)} can't be read: {error}") from error
        except (InvalidURL, ValueError):  # their words hold parts of the address
            raise SourceError(f"archive {shown(archive)} can't be read: it is no valid address.") from None
        except HTTPException as error:
            raise SourceError(f"archive {shown(archive)} can't be read: {type(error).__name__}.") from error
        digest = hashlib.sha256(content).hexdigest()
        if checksum and digest != checksum:
            raise SourceMistake(f"archive {shown(archive)} has the SHA-256 {digest}, not the one in checksum.")
        checksum, path = digest, cache / f"{digest}.tar"
        part = path.with_suffix(f".{os.getpid()}")
        part.write_bytes(content)
        part.rename(path)
    return checksum, path


def contents(archive: Path) -> list[str]:
    """Return the paths of the files, folders and links of an archive, a folder's with a slash at its end."""
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
            pointers = large_files(tar, members)
    except tarfile.TarError as error:
        raise SourceMistake(f"archive {archive} is not a tar archive: {error}") from error
    for member in members:
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            raise SourceError(f"archive {archive} holds {member.name}, which is neither a file, a folder nor a link.")
    if pointers:
        raise SourceMistake(
            f"the source has {pointers[0]} without its content, which Git LFS keeps: run git lfs pull where it is from."
        )
    found = [(member.name.removeprefix("./").strip("/"), member.isdir()) for member in members]
    paths = [f"{name}/" if is_folder else name for name, is_folder in found if name not in ("", ".")]
    if not paths:
        raise SourceError("the source is empty: there is nothing to release.")
    return paths


def large_files(tar: tarfile.TarFile, members: Sequence[tarfile.TarInfo]) -> list[str]:
    """Return the files of an archive whose content Git LFS keeps elsewhere."""

    def text(member: tarfile.TarInfo) -> bytes:
        file = tar.extractfile(member)
        return file.read() if file else b""

    attributes = [member for member in members if member.name.rpartition("/")[2] == ".gitattributes"]
    if not any(b"filter=lfs" in text(member) for member in attributes if member.isfile()):
        return []
    small = [member for member in members if member.isfile() and member.size <= POINTER_SIZE]
    return [member.name for member in small if text(member).startswith(POINTER)]


def strip(paths: Sequence[str], subdirectory: str = "") -> int:
    """Return how many leading folders a release leaves out: 1 where all is in one, unless the application says so.

    A package of Python is no such folder, as it is imported by its name, unless a project is in it.
    """
    tops = {path.partition("/")[0] for path in paths}
    is_wrapped = len(tops) == 1 and any("/" in path.rstrip("/") for path in paths)
    is_package = any(top.isidentifier() and f"{top}/__init__.py" in paths for top in tops)
    is_wrapped &= not is_package or any(is_project(path.partition("/")[2]) for path in paths)
    return int(is_wrapped and not (subdirectory and below(paths, subdirectory)))


def is_project(name: str) -> bool:
    """Tell whether a file in a folder makes it that of a project: a list of packages, or Django's manage.py."""
    return name == "manage.py" or name in {*ORDER, *UNREAD} or ("/" not in name and bool(LISTS.search(name)))


def below(paths: Sequence[str], folder: str) -> list[str]:
    """Return the names in a folder, or at the root where it is an empty string."""
    start = f"{folder}/" if folder else ""
    return sorted({path.removeprefix(start).partition("/")[0] for path in paths if path.startswith(start)} - {""})


def layout(
    paths: Sequence[str], components: int, subdirectory: str = "", include: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the `files` at the root of a release, its `subdirectory_files`, and its archive's `strip_components`."""
    paths = [path.partition("/")[2] for path in paths] if components else paths
    for name in include:
        if not any(path == name or (path.startswith(f"{name}/") and path != f"{name}/") for path in paths):
            raise SourceMistake(
                f"include: the source has no {name}, or nothing is in it: make it before, or by local_build_commands."
            )
    own = below(paths, subdirectory) if subdirectory else []
    if subdirectory and not own:
        parent = subdirectory.rpartition("/")[0]
        there = [name for name in below(paths, parent) if below(paths, f"{parent}/{name}".lstrip("/"))]
        raise SourceMistake(
            f"subdirectory {subdirectory} is no folder of the source, or an empty one; {parent or 'it'} has the "
            f"folders {', '.join(there) or '(none)'}."
        )
    return {"files": below(paths, ""), "subdirectory_files": own, "strip_components": components}
