"""The source of a release, from a directory, a git repository or an archive: an archive in a cache of the controller.

The servers need neither git nor the keys of the repository. The same content always has the same revision.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import Any

from ansible.module_utils.urls import open_url


class SourceError(Exception):
    """The source can't be had; the text is one sentence for the user."""


def git_reason(errors: str) -> str:
    """Return why git failed, in one line: what ssh or the server said comes before git's own words and its advice."""
    words = re.sub(r"//[^/@\s]+@", "//", errors.partition("\nPlease make sure")[0])  # an address may hold a token
    lines = [line.strip().removeprefix("fatal: ") for line in words.splitlines()]
    return " ".join(line for line in lines if line and not line.startswith(("Cloning into", "Warning:")))[-400:]


def git(*arguments: str, **environment: str) -> str:
    """Run git and return its output without the newline; raise SourceError with git's last words."""
    try:
        result = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **environment},
            check=False,
        )
    except FileNotFoundError:
        raise SourceError("git is not installed on this machine: install it to deploy.") from None
    if result.returncode != 0:
        raise SourceError(f"git {arguments[0]} failed: {git_reason(result.stderr) or result.returncode}")
    return result.stdout.strip()


def from_git(store: Path, tree: str, cache: Path) -> Path:
    """Return the archive of a commit or tree, made unless the cache holds it."""
    archive = cache / f"{tree}.tar.gz"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = Path(folder) / "release.tar.gz"
            git(f"--git-dir={store}", "archive", "--format=tar.gz", f"--output={made}", tree)
            made.rename(archive)
    return archive


def from_directory(directory: Path, cache: Path) -> tuple[str, Path]:
    """Return the tree that git makes of a folder, and its archive; the folder's own repository is not used."""
    if not directory.is_dir():
        raise SourceError(f"directory {directory} is not a folder on this machine.")
    store = cache / "directories.git"
    if not store.exists():
        git("init", "--quiet", "--bare", str(store))
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        scope = {
            "GIT_DIR": str(store),
            "GIT_WORK_TREE": str(directory),
            "GIT_INDEX_FILE": f"{folder}/index",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        git("-C", str(directory), "add", "--all", ".", **scope)
        tree = git("write-tree", **scope)
    return tree, from_git(store, tree, cache)


def from_repository(repo: str, version: str, cache: Path) -> tuple[str, Path]:
    """Return the commit that a branch, tag or commit stands for now, and its archive."""
    store = cache / f"{hashlib.sha256(repo.encode()).hexdigest()[:16]}.git"
    if not store.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            git("clone", "--quiet", "--mirror", repo, f"{folder}/clone")
            Path(folder, "clone").rename(store)
    elif not (re.fullmatch("[0-9a-f]{40}", version) and (cache / f"{version}.tar.gz").exists()):
        git(f"--git-dir={store}", "fetch", "--quiet", "--prune")
    try:
        commit = git(
            f"--git-dir={store}",
            "rev-parse",
            "--verify",
            "--quiet",
            "--end-of-options",
            f"{version}^{{commit}}",
        )
    except SourceError:
        raise SourceError(f"version {version} is neither a branch, a tag nor a commit of the repository.") from None
    return commit, from_git(store, commit, cache)


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
            raise SourceError(f"archive {shown(archive)} has the SHA-256 {digest}, not the one in checksum.")
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
    except tarfile.TarError as error:
        raise SourceError(f"archive {archive} is not a tar archive: {error}") from error
    for member in members:
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            raise SourceError(f"archive {archive} holds {member.name}, which is neither a file, a folder nor a link.")
    found = [(member.name.removeprefix("./").strip("/"), member.isdir()) for member in members]
    paths = [f"{name}/" if is_folder else name for name, is_folder in found if name not in ("", ".")]
    if not paths:
        raise SourceError("the source is empty: there is nothing to release.")
    return paths


def strip(paths: list[str], subdirectory: str = "") -> int:
    """Return how many leading folders a release leaves out: 1 where all is in one, unless the application says so."""
    tops = {path.partition("/")[0] for path in paths}
    is_wrapped = len(tops) == 1 and any("/" in path.rstrip("/") for path in paths)
    return int(is_wrapped and not (subdirectory and below(paths, subdirectory)))


def below(paths: list[str], folder: str) -> list[str]:
    """Return the names in a folder, or at the root where it is an empty string."""
    start = f"{folder}/" if folder else ""
    return sorted({path.removeprefix(start).partition("/")[0] for path in paths if path.startswith(start)} - {""})


def layout(archive: Path, subdirectory: str = "") -> dict[str, Any]:
    """Return the `files` at the root of a release, its `subdirectory_files`, and its archive's `strip_components`."""
    paths = contents(archive)
    components = strip(paths, subdirectory)
    paths = [path.partition("/")[2] for path in paths] if components else paths
    files, own = below(paths, ""), below(paths, subdirectory) if subdirectory else []
    if subdirectory and not own:
        parent = subdirectory.rpartition("/")[0]
        there = [
            name
            for name in below(paths, parent)
            if any(path.startswith(f"{parent}/{name}/".lstrip("/")) for path in paths)
        ]
        raise SourceError(
            f"subdirectory {subdirectory} is no folder of the source, or an empty one; {parent or 'it'} has the "
            f"folders {', '.join(there) or '(none)'}."
        )
    return {"files": files, "subdirectory_files": own, "strip_components": components}


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Let one process or thread at a time look at what a cache holds of one source."""
    with cache.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def absolute(app: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return an app whose source, where it is a relative path, goes by a folder; without one by the working folder."""
    kind = next(key for key in ("directory", "repo", "archive") if key in app)
    is_path = kind == "directory" or str(app[kind]).startswith(("./", "../", "~"))
    is_path |= kind == "archive" and not str(app[kind]).startswith(("http://", "https://"))
    return {**app, kind: str((folder or Path()) / Path(app[kind]).expanduser())} if is_path else app


def source(app: dict[str, Any], cache: Path, run: str) -> dict[str, Any]:
    """Return the archive's `path`, its `revision`, and its layout.

    The app has one of the keys `directory`, `repo` (with `version`) and `archive` (with `checksum`). All hosts of a run
    get the same answer, so that a branch that moves or a folder that changes meanwhile does not part them. Raise
    SourceError.
    """
    kind = next(key for key in ("directory", "repo", "archive") if key in app)
    asked = [str(app.get(key)) for key in (kind, "version", "checksum", "subdirectory")]
    name = hashlib.sha256(json.dumps(asked).encode()).hexdigest()
    store = "directories" if kind == "directory" else hashlib.sha256(str(app[kind]).encode()).hexdigest()[:16]
    try:
        for folder in (cache, cache / "runs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pin = cache / "runs" / f"{run}-{name[:16]}.json"
        with locked(cache / "runs" / f"{store}.lock"):
            if pin.exists():
                found: dict[str, Any] = json.loads(pin.read_text())
                return found
            if kind == "directory":
                revision, path = from_directory(Path(app["directory"]), cache)
            elif kind == "repo":
                revision, path = from_repository(str(app["repo"]), str(app.get("version", "HEAD")), cache)
            else:
                revision, path = from_archive(str(app["archive"]), app.get("checksum"), cache)
            found = {"path": str(path), "revision": revision, **layout(path, str(app.get("subdirectory", "")))}
            pin.write_text(json.dumps(found))
            return found
    except OSError as error:
        raise SourceError(f"cache {cache} can't be used: {error}") from None


def forget(cache: Path, run: str) -> None:
    """Remove what runs but this one have noted, once it is a day old."""
    for pin in cache.glob("runs/*.json"):
        if not pin.name.startswith(f"{run}-") and pin.stat().st_mtime < time.time() - 86400:
            pin.unlink(missing_ok=True)
