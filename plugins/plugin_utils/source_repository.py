"""The commit of a repository as an archive of all that belongs to it: its submodules, and what Git LFS keeps apart."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import (
    DEFAULT,
    NOTHING,
    SourceError,
    SourceMistake,
    git,
    mirror,
    ssh,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_files import objects, stored, submodules

# What stands for no object.
GONE = "0" * 40


@dataclass(frozen=True)
class Part:
    """A commit whose files stand below a folder of the source, and the variables with which git fetches it."""

    store: Path
    repo: str
    commit: str
    folder: str
    fetch: dict[str, str]

    def git(self, *arguments: str, success: Sequence[int] = (0,)) -> str:
        """Run git in the mirror of its repository."""
        return git(f"--git-dir={self.store}", *arguments, success=success, environment=self.fetch)

    def entries(self) -> dict[str, list[str]]:
        """Return mode, kind and object of each path of the commit."""
        found = self.git("ls-tree", "-r", "-z", "--full-tree", self.commit).split("\0")
        return {path: entry.split() for entry, _, path in (line.partition("\t") for line in found if line)}


def from_git(store: Path, tree: str, cache: Path, environment: Mapping[str, str] = NOTHING) -> Path:
    """Return the archive of a commit or tree, made unless the cache holds it."""
    archive = cache / f"{tree}.tar.gz"
    if not archive.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = Path(folder) / "release.tar.gz"
            # No filter and no umask of this machine's is in what goes up.
            scope = {**environment, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
            git(f"--git-dir={store}", "archive", "--format=tar.gz", f"--output={made}", tree, environment=scope)
            made.rename(archive)
    return archive


def from_repository(repo: str, version: str, cache: Path, key_file: str = "") -> tuple[str, Path]:
    """Return the commit that a branch, tag or commit stands for now, and its archive."""
    if re.fullmatch("[0-9a-f]{40}", version) and (archive := known(version, cache)):
        return version, archive
    fetch = ssh(key_file)
    try:
        store = mirror(repo, cache, [f"+HEAD:{DEFAULT}"] if version == "HEAD" else [], environment=fetch)
    except SourceError as error:
        if "couldn't find remote ref HEAD" in str(error):
            raise SourceMistake("version is needed: the repository's HEAD leads to no branch that it has.") from None
        raise
    # A branch of origin's, as a clone calls it, is the repository's own.
    for name in [DEFAULT] if version == "HEAD" else dict.fromkeys([version, version.removeprefix("origin/")]):
        wanted = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"]
        if commit := git(f"--git-dir={store}", *wanted, success=(0, 1, 128)):
            break
    else:
        raise SourceMistake(f"version {version} is neither a branch, a tag nor a commit of the repository.")
    return commit, known(commit, cache) or whole(Part(store, repo, commit, "", fetch), cache)


def known(commit: str, cache: Path) -> Path | None:
    """Return the archive of a commit and of all that belongs to it, if the cache has it."""
    note = cache / f"{commit}.tree"
    archive = cache / f"{note.read_text()}.tar.gz" if note.exists() else None
    return archive if archive and archive.exists() else None


def whole(top: Part, cache: Path) -> Path:
    """Return the archive of a commit with its submodules and the files of Git LFS."""
    parts = list(parts_of(top, cache))
    alternates = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": ":".join(f'"{part.store}/objects"' for part in parts)}
    files = [large_files(part) for part in parts]
    name = top.commit
    store = top.store
    if len(parts) > 1 or any(files):
        store = objects(cache)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            scope = {**stored(store, f"{folder}/index"), **alternates}
            for part, kept in zip(parts, files, strict=True):
                below = ["-i", f"--prefix={part.folder}/"] if part.folder else []
                if below:
                    told = f"0 {GONE}\t{part.folder}\0"
                    git("update-index", "-z", "--index-info", told=told, environment=scope)
                git("read-tree", *below, part.commit, environment=scope)
                git("update-index", "-z", "--index-info", told=replaced(part, kept, scope), environment=scope)
            name = git("write-tree", environment=scope)
    archive = from_git(store, name, cache, alternates)
    (cache / f"{top.commit}.tree").write_text(name)
    return archive


def parts_of(part: Part, cache: Path) -> Iterator[Part]:
    """Yield a commit and those of its submodules, by what is recorded and recursively."""
    yield part
    entries = part.entries()
    links = {path: entry[2] for path, entry in entries.items() if entry[1] == "commit"}
    file = entries.get(".gitmodules") if links else None
    addresses = submodules(part.git("cat-file", "blob", file[2])) if file else {}
    for path, commit in links.items():
        folder = f"{part.folder}/{path}".lstrip("/")
        if not addresses.get(path):
            raise SourceMistake(
                f"the submodule {folder} has no address in .gitmodules: add it there, or take it out of git."
            )
        repo = resolved(addresses[path], part.repo)
        # As git does: a repository from elsewhere may not name folders of this machine.
        fetch = part.fetch if is_local(part.repo) else {**part.fetch, "GIT_PROTOCOL_FROM_USER": "0"}
        try:
            store = mirror(repo, cache, [], commit, fetch)
        except SourceError as error:
            raise SourceError(f"the submodule {folder} can't be had from {without_secrets(repo)}: {error}") from None
        yield from parts_of(Part(store, repo, commit, folder, fetch), cache)


def without_secrets(repo: str) -> str:
    """Return the address of a repository without user, password and token."""
    return re.sub(r"//[^/@\s]+@", "//", repo)


def is_local(repo: str) -> bool:
    """Tell whether a repository is a folder of this machine."""
    return repo.startswith(("/", "file://"))


def resolved(address: str, base: str) -> str:
    """Return the address of a submodule, which may be relative to that of the repository, as git reads it."""
    if not address.startswith(("./", "../")):
        return address
    base, separator = base.rstrip("/"), "/"
    while address.startswith(("./", "../")):
        step, _, address = address.partition("/")
        if step == "..":
            separator = "/" if "/" in base else ":"
            base = base.rpartition(separator)[0]
    return f"{base}{separator}{address}".rstrip("/")


def large_files(part: Part) -> dict[str, str]:
    """Return the SHA-256 of the files that Git LFS keeps for a commit by their paths, after fetching them."""
    entries = part.entries()
    attributes = [path for path in entries if path.rpartition("/")[2] == ".gitattributes"]
    if not any("filter=lfs" in part.git("cat-file", "blob", entries[path][2]) for path in attributes):
        return {}
    if not shutil.which("git-lfs"):
        # A .gitattributes may speak of files that there are none of.
        if not part.git("grep", "--name-only", "-e", "^version https://git-lfs", part.commit, success=(0, 1)):
            return {}
        raise SourceMistake("the repository keeps files in Git LFS: install git-lfs on this machine, such as by apt.")
    # The repository's own .lfsconfig is read there.
    part.git("update-ref", "--no-deref", "HEAD", part.commit)
    part.git("lfs", "fetch", "origin", part.commit)
    lines = part.git("lfs", "ls-files", "--long", part.commit).splitlines()
    return {line.split(" ", 2)[2]: line.split(" ", 2)[0] for line in lines}


def replaced(part: Part, files: dict[str, str], scope: Mapping[str, str]) -> str:
    """Return the lines for `git update-index` that put the files of Git LFS in the place of what stands for them."""
    modes = {path: entry[0] for path, entry in part.entries().items()} if files else {}
    lines = []
    for path, digest in files.items():
        content = part.store / "lfs/objects" / digest[:2] / digest[2:4] / digest
        made = git("hash-object", "-w", "--no-filters", str(content), environment=scope)
        lines.append(f"{modes[path]} {made}\t{f'{part.folder}/{path}'.lstrip('/')}\0")
    return "".join(lines)
