"""Git repositories for tests, of files that are told by their paths."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

IDENTITY = {name: "x" for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder and return what it says."""
    # Submodules of these tests are folders of this machine.
    settings = ("-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always")
    command = ["git", "-C", str(folder), *settings, *arguments]
    result = subprocess.run(command, env={**os.environ, **IDENTITY}, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def commit(folder: Path) -> str:
    """Commit all that is in a folder, and return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=x")
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path, files: Mapping[str, str]) -> Path:
    """Make a repository of files, with one commit on the branch main."""
    write(folder, files)
    git(folder, "init", "--quiet")
    commit(folder)
    return folder


def content(archive: Path | str) -> dict[str, str]:
    """Return the files of an archive by their paths; of a link, where it leads."""
    found = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            if not member.isdir():
                file = None if member.issym() else tar.extractfile(member)
                found[member.name] = file.read().decode() if file else member.linkname
    return found
