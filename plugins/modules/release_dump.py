#!/usr/bin/python
"""Dump the database of an application before a migration, and bring it back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_dump
short_description: Dump the database of an application before a migration, and bring it back
description:
  - With O(state=present) the database is dumped into a compressed file in C(/var/backups/<app>), which root alone can
    read, and dumps that no kept release has a use for are removed.
  - With O(state=chosen) the oldest dump that is younger than O(since) is looked for; it is from before the first
    migration after that moment.
  - With O(state=restored) the database is dumped once more, and O(path) is read.
  - A dump that broke off never looks like one, and nothing is left of it. Where there is no room for a dump it is
    refused beforehand, as far as O(size_command) and the last dump tell.
options:
  app: {type: str, required: true, description: Name of the application.}
  state: {type: str, choices: [present, chosen, restored], required: true, description: What to do.}
  name: {type: str, default: "", description: "What the dump's name begins with, such as the release."}
  command: {type: str, description: Command that writes the database to its output.}
  size_command:
    type: str
    default: ""
    description: Command that prints how many bytes of data the database has.
  restore_command: {type: str, description: Command that reads a dump from its input.}
  path: {type: path, description: Dump to restore.}
  release: {type: str, default: "", description: "Release to go back to, for the message."}
  since: {type: str, default: "", description: "When that release went live, as ISO 8601 in UTC."}
  lose_writes: {type: bool, default: false, description: Consent to lose what was written since the dump.}
  records: {type: dict, default: {}, description: "Records of the releases, each with C(at), when it went live."}
  kept: {type: list, elements: str, default: [], description: Releases that are kept.}
attributes:
  check_mode: {support: none, description: Is skipped.}
  diff_mode: {support: none, description: Shows no difference.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Dump the database
  foobar.webstack.release_dump:
    app: shop
    state: present
    name: 1a2b3c4d-5e6f7a8b
    command: mysqldump --single-transaction shop
"""

RETURN = r"""
path:
  type: str
  returned: success
  description: The dump that was made or chosen; with O(state=restored), that of what was lost.
"""

import calendar
import gzip
import os
import shutil
import signal
import subprocess
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.disk_space import Need, shortage

SPEC: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "chosen", "restored"], "required": True},
    "name": {"type": "str", "default": ""},
    "command": {"type": "str"},
    "size_command": {"type": "str", "default": ""},
    "restore_command": {"type": "str"},
    "path": {"type": "path"},
    "release": {"type": "str", "default": ""},
    "since": {"type": "str", "default": ""},
    "lose_writes": {"type": "bool", "default": False},
    "records": {"type": "dict", "default": {}},
    "kept": {"type": "list", "elements": "str", "default": []},
}
SUFFIX = ".sql.gz"
PART = f"{SUFFIX}.part"
# What a dump may take more than the last one, and what is left of a database's data when it is packed.
GROWTH = 1.25
PACKED = 0.25
PIECE = 2**20


class DumpError(Exception):
    """There is no dump, or the database did not take it; the text says why."""


def moment(text: str) -> float:
    """Return a time of ISO 8601 in UTC as seconds since the epoch."""
    return float(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ")))


def dumps(folder: Path) -> list[tuple[float, Path]]:
    """Return the finished dumps of a folder and when they were made, the oldest first."""
    return sorted((file.stat().st_mtime, file) for file in folder.glob(f"*{SUFFIX}"))


def expected_size(folder: Path, command: str) -> int:
    """Return about how many bytes a dump takes, by the last one and by what the database has; 0 if neither is known."""
    last = [file.stat().st_size for _, file in dumps(folder)][-1:]
    told = ""
    if command:
        told = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, check=False).stdout.strip()
    data = int(told) if told.isdecimal() else 0
    return round(max(data * PACKED, *(size * GROWTH for size in last), 0))


def make_room(folder: Path, size_command: str = "") -> None:
    """Remove what dumps have left that were killed, and raise DumpError where there is no room for another one."""
    for part in folder.glob(f"*{PART}"):
        part.unlink()
    if lack := shortage([Need(folder, expected_size(folder, size_command), "dump")]):
        raise DumpError(f"the database stays as it is, as {lack}: make room there and run again.")


def dump(folder: Path, name: str, command: str) -> Path:
    """Dump a database into a new file; the time in its name keeps a second try from replacing the first one."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{SUFFIX}"
    part = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            with (
                shell(command, "the database could not be dumped", stdout=subprocess.PIPE) as process,
                gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6) as packed,
            ):
                assert process.stdout
                shutil.copyfileobj(process.stdout, packed, PIECE)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    part.rename(path)
    return path


@contextmanager
def shell(
    command: str, failure: str, stdin: int | None = None, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command with a pipe, and raise DumpError where it fails; it is killed where what uses the pipe does.

    What it says goes into a file: nobody reads it before the end, and a full pipe would stop the command.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            ["/bin/bash", "-o", "pipefail", "-c", command], stdin=stdin, stdout=stdout, stderr=said
        )
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            for stream in (process.stdin, process.stdout):
                if stream and not stream.closed:
                    stream.close()
            status = process.wait()
        said.seek(0)
        errors = said.read().decode(errors="replace").strip()
    if status != 0:
        raise DumpError(f"{failure}, {command.split()[0]} ended with {status}: {errors or 'it said nothing'}")


def prune(folder: Path, records: dict[str, Any], kept: list[str]) -> None:
    """Remove the dumps that no kept release has a use for.

    Those are neither a kept release's own nor younger than the moment when the oldest of them went live: one of a
    release that failed is needed as long as there is an older release to go back to.
    """
    moments = [moment(records[name]["at"]) for name in kept if name in records]
    own = tuple(f"{name}." for name in kept)
    for made, file in dumps(folder):
        if made < min(moments, default=0) and not file.name.startswith(own):
            file.unlink()


def choose(folder: Path, options: dict[str, Any]) -> Path:
    """Return the oldest dump after a moment; raise DumpError where there is none, or nobody agrees to lose writes."""
    since = moment(options["since"])
    # What was kept of a database before it was brought back is no such dump.
    found = [(made, file) for made, file in dumps(folder) if made > since and ".lost." not in file.name]
    if not found:
        raise DumpError(
            f"no dump was taken after release {options['release']} went live, so its database cannot be brought back."
        )
    made, file = found[0]
    if not options["lose_writes"]:
        raise DumpError(
            f"the database would be as it was {round((time.time() - made) / 60)} minutes ago, and what was written "
            "since would be lost; set app_deploy_lose_writes (lose_writes=true of rollback.yml) if that is meant."
        )
    return file


def restore(path: Path, command: str) -> None:
    """Let a command read a dump; raise DumpError where the dump is broken, before any of it is read, or it fails."""
    try:
        with gzip.open(path) as packed:
            is_empty = not packed.read(1)
            while packed.read(PIECE):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DumpError(f"the dump {path} is broken, so the database stays as it is: {error}") from None
    if is_empty:
        raise DumpError(f"the dump {path} is empty, so the database stays as it is.")
    failure = f"the database did not take {path}"
    with (
        gzip.open(path) as packed,
        shell(command, failure, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as process,
    ):
        assert process.stdin
        # One that fails early reads no more, and says why.
        with suppress(BrokenPipeError):
            shutil.copyfileobj(packed, process.stdin, PIECE)
        with suppress(BrokenPipeError):
            process.stdin.close()


def leave(number: int, _: FrameType | None) -> NoReturn:
    """End as a command does that a signal has ended, so that what was begun is cleared away."""
    raise SystemExit(128 + number)


def main() -> None:
    """Run the module."""
    required = [
        ("state", "present", ["command"]),
        ("state", "chosen", ["since"]),
        ("state", "restored", ["command", "restore_command", "path"]),
    ]
    module = AnsibleModule(argument_spec=SPEC, required_if=required)
    options, folder = module.params, Path(names.dumps(module.params["app"]))
    # A connection that is lost hangs up; a machine that goes down terminates.
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, leave)
    path = Path()
    try:
        if options["state"] == "chosen":
            path = choose(folder, options)
            # Before the application is stopped: what is lost is dumped, too.
            make_room(folder, options["size_command"])
        else:
            make_room(folder, options["size_command"])
            path = dump(folder, options["name"], options["command"])
            if options["state"] == "restored":
                restore(Path(options["path"]), options["restore_command"])
            else:
                prune(folder, options["records"], options["kept"])
    except (DumpError, OSError) as error:
        known = {"path": str(path)} if path.name else {}
        module.fail_json(msg=f"{options['app']}: {error}", **known)
    module.exit_json(changed=options["state"] != "chosen", path=str(path))


if __name__ == "__main__":
    main()
