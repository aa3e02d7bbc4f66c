"""What commands on this machine make of a source before it goes to the servers, such as a frontend's files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils.error_output import error_line
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceError
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_files import (
    files_in,
    included,
    listed,
    objects,
    tree,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_repository import from_git

# What a shell ends with when there is no such command.
NOT_FOUND = 127


def built(archive: Path, strip: int, commands: Sequence[str], include: Sequence[str], cache: Path) -> Path:
    """Return the archive of a source and of what commands have made in a copy of it, made unless the cache holds it.

    All that the source has goes up, and of the rest what git does not ignore, or is in `include`.
    """
    asked = json.dumps([archive.name, strip, list(commands), list(include)])
    note = cache / f"{hashlib.sha256(asked.encode()).hexdigest()[:32]}.built"
    if note.exists() and (known := cache / f"{note.read_text()}.tar.gz").exists():
        return known
    with tempfile.TemporaryDirectory(dir=cache) as place:
        copy = Path(place, "source")
        copy.mkdir()
        unpack(archive, strip, copy)
        before = files_in(copy)
        for command in commands:
            run(command, copy, cache.resolve() / "tools")
        wanted = [*included(copy, include), *listed(copy, cache)]
        name = tree(copy, [*(path for path in before if os.path.lexists(copy / path)), *wanted], cache)
    made = from_git(objects(cache), name, cache)
    note.write_text(name)
    return made


def unpack(archive: Path, strip: int, folder: Path) -> None:
    """Unpack an archive into a folder."""
    command = ["tar", "-x", "-f", str(archive), "-C", str(folder), f"--strip-components={strip}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SourceError(f"archive {archive} can't be unpacked: {result.stderr.strip()}")


def run(command: str, folder: Path, caches: Path) -> None:
    """Run a command in a shell; raise SourceError with the line that says why it failed."""
    caches.mkdir(exist_ok=True)
    result = subprocess.run(
        ["/bin/sh", "-euc", command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={
            **os.environ,
            "XDG_CACHE_HOME": str(caches),
            "npm_config_cache": str(caches / "npm"),
            # The copy is no repository, and lies in somebody's.
            "GIT_CEILING_DIRECTORIES": str(folder.parent),
        },
        check=False,
    )
    if result.returncode != 0:
        said = result.stdout.splitlines()
        missing = "; it has to be installed on this machine" if result.returncode == NOT_FOUND else ""
        reason = f": {error_line(said)}" if said else ""
        raise SourceError(f"local_build_commands: `{command}` ended with {result.returncode}{reason}{missing}.", said)
