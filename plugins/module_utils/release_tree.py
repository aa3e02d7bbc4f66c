"""The folder of a release on the way from an archive to a tree that nobody who runs can write to."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR, S_ISLNK, S_ISREG

VENV = ".venv"
# What keeps an empty folder in git.
PLACEHOLDERS = {".gitignore", ".gitkeep", ".keep"}


class TreeError(Exception):
    """The release can't have what it is to have; the text says why."""


def entries(top: Path, skip: Path | None = None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path of all that a folder holds, each with its own status, but for another folder and what is below it.

    No link is followed, and none may stand in the folder's place. Raise TreeError then: root would give away what is
    elsewhere. An environment has thousands of files, so a path is a string here.
    """
    folders = [str(checked(top))]
    while folders:
        with os.scandir(folders.pop()) as found:
            for entry in found:
                if skip and entry.path == str(skip):
                    continue
                stat = entry.stat(follow_symlinks=False)
                if S_ISDIR(stat.st_mode):
                    folders.append(entry.path)
                yield entry.path, stat


def checked(top: Path) -> Path:
    """Return a folder, which a link must not stand for; raise TreeError."""
    if top.is_symlink() or not top.is_dir():
        raise TreeError(f"{top} is no folder after the build")
    return top


def give(top: Path, uid: int, gid: int, skip: Path | None = None) -> None:
    """Give a folder and what is in it to a user, but for another folder.

    What may be executed by somebody may be by the owner and the group.
    """
    for path, stat in entries(top, skip):
        os.chown(path, uid, gid, follow_symlinks=False)
        if not S_ISLNK(stat.st_mode):
            os.chmod(path, 0o750 if S_ISDIR(stat.st_mode) or stat.st_mode & 0o111 else 0o640)
    os.chown(top, uid, gid)


def give_folders(top: Path, uid: int, gid: int) -> None:
    """Give the folders of an environment to a user, who can then replace its files and not write to them."""
    for folder, _, _ in os.walk(checked(top)):
        os.chown(folder, uid, gid)
        os.chmod(folder, 0o750)


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
            os.chmod(path, 0o750)
        elif S_ISREG(stat.st_mode):
            os.chmod(path, 0o750 if stat.st_mode & 0o111 else 0o640)
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
                os.chmod(path, stat.st_mode & 0o777 | (0o005 if stat.st_mode & 0o100 else 0o004))


def within(release: Path, name: str) -> Path:
    """Return a place in a release, above which no link leads out of it; raise OSError."""
    path = release / name
    if not path.parent.resolve().is_relative_to(release.resolve()):
        raise OSError(errno.EXDEV, "it is outside the release")
    return path


def link(release: Path, name: str, to: str, is_folder: bool = False) -> None:
    """Make a link in the place of a file, a link or an empty folder that the source may have there.

    One to a folder takes the place of a folder with all that is in it, and of no file.
    """
    path = within(release, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    if is_folder and path.is_file() and not path.is_symlink():
        raise OSError(errno.ENOTDIR, "it is a file, and shared_paths are folders; shared_files are for files")
    if is_folder or path.is_symlink() or path.is_file():
        remove(path)
    elif path.is_dir():
        path.rmdir()
    path.symlink_to(to)


def code_in(folder: Path) -> Path | None:
    """Return a file of Python's in a folder or below it, if there is one."""
    return next((path for path in sorted(folder.rglob("*.py")) if path.is_file()), None)


def remove(path: Path) -> None:
    """Remove whatever is at a path, if anything is."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def fill(brought: Path, shared: Path, uid: int, gid: int) -> None:
    """Copy what a source brings into a folder that outlives releases, as the user that may write there.

    Nothing that is there is replaced, and what only keeps an empty folder in git stays out.
    """
    with acting_as(uid, gid):
        for place, folders, files in os.walk(brought):
            to = shared / Path(place).relative_to(brought)
            to.mkdir(exist_ok=True)
            links = [name for name in folders if Path(place, name).is_symlink()]
            for name in [*files, *links]:
                path = Path(place, name)
                with suppress(FileExistsError):
                    if path.is_symlink():
                        (to / name).symlink_to(path.readlink())
                    elif name not in PLACEHOLDERS:
                        with path.open("rb") as source, (to / name).open("xb") as copy:
                            shutil.copyfileobj(source, copy)


@contextmanager
def acting_as(uid: int, gid: int) -> Iterator[None]:
    """Do as a user does, so that no link of that user's leads root astray; what is made is its group's, too."""
    before, groups, umask = (os.geteuid(), os.getegid()), os.getgroups(), os.umask(0o007)
    try:
        if before[0] == 0:
            os.setgroups([gid])
        os.setegid(gid)
        os.seteuid(uid)
        yield
    finally:
        os.seteuid(before[0])
        os.setegid(before[1])
        if before[0] == 0:
            os.setgroups(groups)
        os.umask(umask)


def write_revision(path: Path, revision: str) -> None:
    """Write down the revision, in the place of whatever the source may have there."""
    remove(path)
    path.write_text(f"{revision}\n")


def link_byte_code(venv: Path, other: Path) -> bool:
    """Link the byte code of files that an environment shares with another one's; tell whether all files have theirs."""
    is_complete = True
    for folder, _, files in os.walk(venv):
        theirs = other / os.path.relpath(folder, venv)
        codes = byte_code(theirs)
        ours = byte_code(Path(folder))
        for name in files:
            path, stem = Path(folder, name), name.removesuffix(".py")
            if stem == name or stem in ours or path.is_symlink():
                continue
            if stem not in codes or not same_file(path, theirs / name):
                is_complete = False
                continue
            for code in codes[stem]:
                place = path.parent / "__pycache__" / code
                if not place.parent.exists():
                    place.parent.mkdir()
                    owner = path.parent.stat()
                    os.chown(place.parent, owner.st_uid, owner.st_gid)
                os.link(theirs / "__pycache__" / code, place)
    return is_complete


def byte_code(folder: Path) -> dict[str, list[str]]:
    """Return the names of the files with byte code of a folder's modules, by module."""
    codes: dict[str, list[str]] = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder / "__pycache__") as found:
        for entry in found:
            module, _, rest = entry.name.partition(".cpython-")
            if rest.endswith(".pyc") and entry.is_file(follow_symlinks=False):
                codes.setdefault(module, []).append(entry.name)
    return codes


def same_file(path: Path, other: Path) -> bool:
    """Tell whether two paths are two names of one file, and neither a link."""
    try:
        return os.path.samestat(path.lstat(), other.lstat())
    except OSError:
        return False
