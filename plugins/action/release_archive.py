"""Make the archive of a release from a directory, a git repository or an archive, on the controller.

The servers need neither git nor the keys of the repository. The same content always has the same revision.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tarfile
import tempfile
from http.client import HTTPException, InvalidURL
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.module_utils.urls import open_url
from ansible.plugins.action import ActionBase


class SourceError(Exception):
    """The source can't be had; the text is one sentence for the user."""


def git(*arguments: str, **environment: str) -> str:
    """Run git and return its output without the newline; raise SourceError with git's last words."""
    try:
        result = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **environment},
        )
    except FileNotFoundError:
        raise SourceError("git is not installed on this machine: install it to deploy.") from None
    if result.returncode != 0:
        words = re.sub(r"//[^/@\s]+@", "//", result.stderr.strip())  # an address may hold a token
        raise SourceError(f"git {arguments[0]} failed: {words.splitlines()[-1] if words else result.returncode}")
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
            content = open_url(archive, timeout=60).read() if remote else Path(archive).expanduser().read_bytes()
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


def root(archive: Path) -> tuple[list[str], int]:
    """Return the names at the root of the release, and how many leading folders to strip (0 or 1)."""
    try:
        with tarfile.open(archive) as tar:
            members = tar.getmembers()
    except tarfile.TarError as error:
        raise SourceError(f"archive {archive} is not a tar archive: {error}") from error
    for member in members:
        if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
            raise SourceError(f"archive {archive} holds {member.name}, which is neither a file, a folder nor a link.")
    names = [member.name.removeprefix("./").strip("/") for member in members]
    parts = [name.split("/") for name in names if name not in ("", ".")]
    if not parts:
        raise SourceError("the source is empty: there is nothing to release.")
    tops = {part[0] for part in parts}
    strip = int(len(tops) == 1 and any(len(part) > 1 for part in parts))
    return sorted({part[strip] for part in parts if len(part) > strip}), strip


class ActionModule(ActionBase):
    """Return the archive's `path`, its `revision`, the `files` at its root and `strip_components`."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the archive unless the cache holds it, or say in one sentence why that can't be."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            {
                "directory": {"type": "path"},
                "repo": {"type": "str"},
                "version": {"type": "str", "default": "HEAD"},
                "archive": {"type": "str"},
                "checksum": {"type": "str"},
                "cache": {"type": "path", "required": True},
            },
            required_one_of=[("directory", "repo", "archive")],
            mutually_exclusive=[("directory", "repo", "archive")],
        )
        # As for a module: a proxy, say, or the SSH command of git. This process runs one task and ends.
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        os.environ.update({name: str(value) for name, value in environment.items()})
        cache = Path(options["cache"])
        try:
            cache.mkdir(mode=0o700, parents=True, exist_ok=True)
            if options["directory"]:
                revision, path = from_directory(Path(options["directory"]), cache)
            elif options["repo"]:
                revision, path = from_repository(options["repo"], options["version"], cache)
            else:
                revision, path = from_archive(options["archive"], options["checksum"], cache)
            files, strip_components = root(path)
        except SourceError as error:
            raise AnsibleActionFail(str(error)) from None
        except OSError as error:
            raise AnsibleActionFail(f"cache {cache} can't be used: {error}") from None
        result.update(changed=False, revision=revision, path=str(path), files=files, strip_components=strip_components)
        return result
