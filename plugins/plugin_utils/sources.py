"""The source of a release, from a directory, a git repository or an archive: an archive in a cache of the controller.

The servers need neither git nor the keys of the repository. The same content always has the same revision.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from posixpath import normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceError, SourceMistake, locked
from ansible_collections.foobar.webstack.plugins.plugin_utils.local_build import built
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_archive import (
    contents,
    from_archive,
    layout,
    strip,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_files import (
    empty_submodules,
    included,
    listed,
    objects,
    tree,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_repository import from_git, from_repository

# What else of an app the answer depends on.
ASKED = ("version", "checksum", "subdirectory", "include", "local_build_commands")


def from_directory(directory: Path, cache: Path, include: Sequence[str] = ()) -> tuple[str, Path]:
    """Return the tree that git makes of a folder, and its archive; the folder's own repository is not used."""
    if not directory.is_dir():
        raise SourceError(f"directory {directory} is not a folder on this machine.")
    paths = [*listed(directory, cache), *included(directory, include)]
    if empty := empty_submodules(directory, paths):
        raise SourceMistake(
            f"directory {directory} has nothing of its submodule {', '.join(empty)}: run git submodule update --init "
            "--recursive there."
        )
    name = tree(directory, paths, cache)
    return name, from_git(objects(cache), name, cache)


def absolute(app: dict[str, Any], folder: Path | None) -> dict[str, Any]:
    """Return an app whose source, where it is a relative path, goes by a folder; without one by the working folder."""
    kind = next(key for key in ("directory", "repo", "archive") if key in app)
    is_path = kind == "directory" or str(app[kind]).startswith(("./", "../", "~"))
    is_path |= kind == "archive" and not str(app[kind]).startswith(("http://", "https://"))
    paths = [*([kind] if is_path else []), *(["key_file"] if app.get("key_file") else [])]
    return {**app, **{key: str((folder or Path.cwd()) / Path(app[key]).expanduser()) for key in paths}}


def source(app: dict[str, Any], cache: Path, run: str) -> dict[str, Any]:
    """Return the archive's `path`, its `revision`, and its layout.

    The app has one of the keys `directory`, `repo` (with `version`) and `archive` (with `checksum`). All hosts of a run
    get the same answer, so that a branch that moves or a folder that changes meanwhile does not part them. Raise
    SourceError.
    """
    kind = next(key for key in ("directory", "repo", "archive") if key in app)
    asked = json.dumps([app.get(key) for key in (kind, *ASKED)], default=str)
    name = hashlib.sha256(asked.encode()).hexdigest()
    store = "directories" if kind == "directory" else hashlib.sha256(str(app[kind]).encode()).hexdigest()[:16]
    try:
        for folder in (cache, cache / "runs"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        pin = cache / "runs" / f"{run}-{name[:16]}.json"
        with locked(cache / "runs" / f"{store}.lock"):
            if pin.exists():
                found: dict[str, Any] = json.loads(pin.read_text())
                return found
            found = made(app, kind, cache)
            pin.write_text(json.dumps(found))
            return found
    except OSError as error:
        raise SourceError(f"cache {cache} can't be used: {error}") from None


def made(app: dict[str, Any], kind: str, cache: Path) -> dict[str, Any]:
    """Return the same for a kind of source, made unless the cache holds it."""
    commands, include = app.get("local_build_commands", []), [normpath(str(name)) for name in app.get("include", [])]
    if kind == "directory":
        # What commands make is not taken from where somebody has tried them.
        revision, path = from_directory(Path(app["directory"]), cache, [] if commands else include)
    elif kind == "repo":
        version, key_file = str(app.get("version", "HEAD")), str(app.get("key_file", ""))
        revision, path = from_repository(str(app["repo"]), version, cache, key_file)
    else:
        revision, path = from_archive(str(app["archive"]), app.get("checksum"), cache)
    paths, subdirectory = contents(path), str(app.get("subdirectory", ""))
    components = strip(paths, subdirectory)
    if commands:
        path = built(path, components, [str(command) for command in commands], include, cache)
        paths, components = contents(path), 0
    return {"path": str(path), "revision": revision, **layout(paths, components, subdirectory, include)}


def forget(cache: Path, run: str) -> None:
    """Remove what runs but this one have noted, once it is a day old."""
    for pin in cache.glob("runs/*.json"):
        if not pin.name.startswith(f"{run}-") and pin.stat().st_mtime < time.time() - 86400:
            pin.unlink(missing_ok=True)
