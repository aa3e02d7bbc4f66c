"""The folder of a release on the way from an archive to a tree that nobody who runs can write to."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG

VENV = ".venv"


class TreeError(Exception):
    """The release can't have what it is to have; the text says why."""


def entries(top: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Yield all that a folder holds, each with its own status; no link is followed, and none may stand in its place.

    Raise TreeError then: root would give away what is elsewhere.
    """
    if top.is_symlink() or not top.is_dir():
        raise TreeError(f"{top} is no folder after the build")
    for folder, folders, files in os.walk(top):
        for name in [*folders, *files]:
            path = Path(folder, name)
            yield path, path.lstat()


def give(top: Path, uid: int, gid: int, skip: Path | None = None) -> None:
    """Give a folder and what is in it to a user, but for what is below another folder.

    What may be executed by somebody may be by the owner and the group.
    """
    for path, stat in entries(top):
        if skip and path.is_relative_to(skip):
            continue
        os.chown(path, uid, gid, follow_symlinks=False)
        if not S_ISLNK(stat.st_mode):
            path.chmod(0o750 if S_ISDIR(stat.st_mode) or stat.st_mode & 0o111 else 0o640)
    os.chown(top, uid, gid)


def give_folders(top: Path, uid: int, gid: int) -> None:
    """Give the folders of an environment to a user, who can then replace its files and not write to them."""
    for path, stat in [*entries(top), (top, top.lstat())]:
        if S_ISDIR(stat.st_mode):
            os.chown(path, uid, gid)
            path.chmod(0o750)


def seal(top: Path, gid: int, installer: int) -> None:
    """Give what was built to root, for the group to read.

    A file of the installer's that has several names is the cache's and other releases', too, and stays as it is; the
    installer runs nothing but installations.
    """
    for path, stat in entries(top):
        if S_ISREG(stat.st_mode) and stat.st_nlink > 1 and stat.st_uid == installer:
            continue
        os.chown(path, 0, gid, follow_symlinks=False)
        if S_ISDIR(stat.st_mode):
            path.chmod(0o750)
        elif S_ISREG(stat.st_mode):
            path.chmod(0o750 if stat.st_mode & 0o111 else 0o640)
    os.chown(top, 0, gid)
    # Others pass through to the static files and the socket, and neither list it nor read the code.
    top.chmod(0o751)


def open_static(top: Path, static: list[str]) -> None:
    """Let others read static folders and pass to them; raise TreeError where one is not there or leads elsewhere."""
    for name in static:
        folder = top / name
        if not folder.is_dir():
            raise TreeError(f"the static folder {name} is not there after the build")
        if not folder.resolve().is_relative_to(top.resolve()):
            raise TreeError(f"the static folder {name} leads out of the release")
        for parent in (folder, *folder.parents):
            if parent == top:
                break
            if not parent.is_symlink():
                parent.chmod(parent.stat().st_mode | 0o001)
        folder.chmod(folder.stat().st_mode | 0o005)
        for path, stat in entries(folder.resolve()):
            if S_ISDIR(stat.st_mode) or (S_ISREG(stat.st_mode) and stat.st_nlink == 1):
                path.chmod(stat.st_mode & 0o777 | (0o005 if stat.st_mode & 0o100 else 0o004))


def link(release: Path, name: str, to: str) -> None:
    """Make a link in the place of a file, a link or an empty folder that the source may have there."""
    path = release / name
    if not path.parent.resolve().is_relative_to(release.resolve()):
        raise OSError(errno.EXDEV, "it is outside the release")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        path.rmdir()
    path.symlink_to(to)


def write_revision(path: Path, revision: str) -> None:
    """Write down the revision, in the place of whatever the source may have there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.write_text(f"{revision}\n")


def link_byte_code(venv: Path, other: Path) -> None:
    """Link the byte code of files that an environment shares with another one's."""
    for path, stat in entries(venv):
        if path.suffix != ".py" or not S_ISREG(stat.st_mode):
            continue
        relative = path.relative_to(venv)
        source = other / relative
        if not source.is_file() or source.lstat().st_ino != stat.st_ino:
            continue
        for code in (source.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc"):
            place = path.parent / "__pycache__" / code.name
            if not place.exists() and code.is_file() and not code.is_symlink():
                if not place.parent.exists():
                    place.parent.mkdir()
                    owner = path.parent.stat()
                    os.chown(place.parent, owner.st_uid, owner.st_gid)
                os.link(code, place)
