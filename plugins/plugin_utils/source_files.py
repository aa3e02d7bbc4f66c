"""Which files of a folder are its source, and the tree that git makes of them: the same files have the same name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import git, locked

# What tools have made for one machine, whether a .gitignore says so or not. A folder with a pyvenv.cfg is one more.
NEVER = (
    *(".git", ".hg", ".svn", ".venv", "__pycache__", "*.py[co]", "node_modules", ".mypy_cache", ".pytest_cache"),
    *(".ruff_cache", ".tox", ".nox", ".ipynb_checkpoints", ".DS_Store"),
)
# What is told by its name, without a pattern.
NAMES = {name for name in NEVER if "*" not in name}


def stored(store: Path, index: str, folder: Path | None = None) -> dict[str, str]:
    """Return the variables with which git keeps files of a folder in a store, whatever else is set on this machine."""
    work = {"GIT_WORK_TREE": str(folder)} if folder else {}
    return {
        "GIT_DIR": str(store),
        "GIT_INDEX_FILE": index,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **work,
    }


def objects(cache: Path) -> Path:
    """Return the store of trees that are no commit's, made where there is none."""
    store = cache / "directories.git"
    with locked(cache / "objects.lock"):
        if not store.exists():
            git("init", "--quiet", "--bare", str(store))
    return store


def listed(folder: Path, cache: Path) -> list[str]:
    """Return the paths of the files that git would take of a folder and of the repositories in it.

    Neither the folder's own repository is asked nor what this machine's users ignore.
    """
    store = objects(cache)
    scope = stored(store, f"{store}/none", folder)
    excluded = [f"--exclude={name}" for name in NEVER]
    found = git("ls-files", "-z", "--others", "--exclude-standard", *excluded, folder=folder, environment=scope).split(
        "\0"
    )
    paths = []
    for path in filter(None, found):
        # A repository in it, such as a submodule, is one path to git.
        paths += [path + name for name in listed(folder / path, cache)] if path.endswith("/") else [path]
    environments = {path.rpartition("/")[0] + "/" for path in paths if path.endswith("/pyvenv.cfg")}
    return [path for path in paths if not any(path.startswith(environment) for environment in environments)]


def included(folder: Path, include: Sequence[str]) -> Iterator[str]:
    """Yield the paths of the files that are wanted though git ignores them, of what is there."""
    for name in include:
        place = folder / name
        if place.is_symlink() or place.is_file():
            yield name
        else:
            yield from files_below(place, folder)


def files_below(top: Path, folder: Path) -> Iterator[str]:
    """Yield the paths of files and links below a place in a folder, but for what tools have made for one machine."""
    for place, folders, files in os.walk(top):
        links = [name for name in folders if Path(place, name).is_symlink()]
        folders[:] = [
            name for name in folders if name not in {*NAMES, *links} and not Path(place, name, "pyvenv.cfg").exists()
        ]
        for name in [*files, *links]:
            if name not in NAMES and not name.endswith((".pyc", ".pyo")):
                yield str(Path(place, name).relative_to(folder))


def files_in(folder: Path) -> list[str]:
    """Return the paths of all files and links of a folder."""
    found = []
    for place, folders, files in os.walk(folder):
        links = [name for name in folders if Path(place, name).is_symlink()]
        found += [str(Path(place, name).relative_to(folder)) for name in [*files, *links]]
    return found


def tree(folder: Path, paths: Sequence[str], cache: Path) -> str:
    """Return the tree that git makes of files of a folder; its own repositories are folders like others."""
    with tempfile.TemporaryDirectory(dir=cache) as place:
        scope = stored(objects(cache), f"{place}/index", folder)
        git(
            "update-index",
            "--add",
            "-z",
            "--stdin",
            folder=folder,
            told="\0".join(sorted(set(paths))),
            environment=scope,
        )
        return git("write-tree", environment=scope)


def empty_submodules(folder: Path, paths: Sequence[str]) -> list[str]:
    """Return the submodules of a folder that nothing was fetched for."""
    file = folder / ".gitmodules"
    wanted = submodules(file.read_text()) if file.is_file() else []
    return [
        path for path in wanted if (folder / path).is_dir() and not any(name.startswith(f"{path}/") for name in paths)
    ]


def submodules(text: str) -> dict[str, str]:
    """Return the addresses of submodules by their paths, from the text of .gitmodules."""
    asked = ["config", "--file", "-", "-z", "--get-regexp", r"^submodule\..*\.(path|url)$"]
    found = git(*asked, told=text, success=(0, 1))
    keys = dict(entry.split("\n", 1) for entry in found.split("\0") if "\n" in entry)
    return {
        path: keys.get(f"{key.removesuffix('.path')}.url", "") for key, path in keys.items() if key.endswith(".path")
    }
