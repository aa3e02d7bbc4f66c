"""Packages out of repositories that only this machine can reach by SSH: bundles of them, from which a server installs.

The servers get what is in the repositories, and never the key that opens them.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import git, locked, mirror, ssh

# An address as requirements and locks write it, up to the version that follows its path.
ADDRESS = re.compile(r"ssh://(?:[\w.-]+@)?[\w.-]+(?::\d+)?/[^\s\"'#?@;,\]}]+")
# A commit that follows an address: after `@` in requirements, `#` in a uv.lock, or `commit-id` in a pylock.toml.
COMMIT = re.compile(r"(?:@|\?[^\s\"'#]*#|#|\"[^\n]*commit-id\s*=\s*\")([0-9a-f]{40})\b")


def wanted(texts: Iterable[str]) -> dict[str, set[str]]:
    """Return the addresses by SSH in locks and lists, each with the commits of it that are pinned."""
    found: dict[str, set[str]] = {}
    for line in (line for text in texts for line in text.splitlines() if not line.lstrip().startswith("#")):
        for address in ADDRESS.finditer(line):
            commits = found.setdefault(address[0], set())
            if commit := COMMIT.match(line, address.end()):
                commits.add(commit[1])
    return found


def bundles(addresses: Mapping[str, Iterable[str]], cache: Path, key_file: str = "") -> dict[str, str]:
    """Return bundles of repositories in a cache, by their addresses. Raise SourceError where one can't be had.

    One is made anew when the repository has other branches and tags, or a commit is wanted that it does not have.
    """
    found = {}
    for address, commits in sorted(addresses.items()):
        for commit in sorted(commits) or [""]:
            store = mirror(address, cache, [], commit, ssh(key_file))
        found[address] = str(_bundle(store, sorted(commits), cache))
    return found


def _bundle(store: Path, commits: list[str], cache: Path) -> Path:
    """Return a bundle of all that a mirror has, with a branch for each commit that no other may lead to."""
    at = f"--git-dir={store}"
    with locked(cache / f"{store.stem}.lock"):
        for commit in commits:
            git(at, "update-ref", f"refs/heads/webstack-{commit}", commit)
        refs = git(at, "for-each-ref", "--format=%(objectname) %(refname)")
        path = cache / f"{hashlib.sha256(f'{store.stem} {refs}'.encode()).hexdigest()[:32]}.bundle"
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                git(at, "bundle", "create", "--quiet", f"{folder}/new", "--all")
                Path(folder, "new").rename(path)
    return path
