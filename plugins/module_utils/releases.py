"""What the modules know of an application's releases: the folders, the record in each, the links and the log."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

# A release without it is not finished.
RECORD = ".release.json"
LOGS = Path("/var/log/app_deploy")
# What release_plan.release_id makes; a folder of another name beside them is somebody else's.
NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{8}")

Record = dict[str, Any]


def linked(link: Path) -> str:
    """Return the name of the release that a link points to, or an empty string."""
    return link.resolve().name if link.is_symlink() and link.exists() else ""


def refuse_foreign_links(path: Path) -> None:
    """Raise OSError where a folder stands in the place of one of the links, or one that another tool has made."""
    for name in ("current", "previous"):
        link = path / name
        if link.exists() and not link.is_symlink():
            raise OSError(f"{link} is a real file or folder, not a link to a release: move it away and run again.")
        release = linked(link)
        if release and not NAME.fullmatch(release) and release not in read(path):
            raise OSError(
                f"{link} leads to {link.resolve()}, which is no release of this role: name another path for the app, "
                "or move the link away and run again."
            )


def is_ours(file: Path) -> bool:
    """Tell a record from what a source or its build, to whose user a release belongs, has put in its place."""
    stat = file.lstat()
    return S_ISREG(stat.st_mode) and stat.st_uid == os.geteuid()


def read(path: Path) -> dict[str, Record]:
    """Return the records of the finished releases in a folder by the releases' names, the newest first.

    A record has `number` (1, 2, ...), `revision`, `at` (ISO 8601, UTC), `by`, `seconds` (float) and, of a release
    that was rolled back from, `bad`. The number tells the newest, for clocks can be set back.
    """
    texts = {file.parent.name: file.read_text() for file in path.glob(f"releases/*/{RECORD}") if is_ours(file)}
    # One that a power cut has emptied is none.
    records = {name: json.loads(text) for name, text in texts.items() if text.rstrip().endswith("}")}
    return dict(sorted(records.items(), key=lambda item: -int(item[1]["number"])))


def write(path: Path, record: Record) -> None:
    """Replace a release's record in one rename, readable by root alone."""
    part = path.with_name(f"{path.name}.part")
    # A build may have left anything in either place, such as a link that leads elsewhere.
    for place in (path, part):
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(record) + "\n")
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def link(path: Path, to: str) -> None:
    """Make a link in one rename, in the place of the one that may be there."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.symlink_to(to)
    part.replace(path)


def now() -> str:
    """Return the time as ISO 8601 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def log(app: str, event: str, logs: Path = LOGS, **details: Any) -> None:
    """Append one line of JSON to the application's log."""
    logs.mkdir(mode=0o755, parents=True, exist_ok=True)
    file = os.open(logs / f"{app}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
    with os.fdopen(file, "w") as lines:
        lines.write(json.dumps({"at": now(), "event": event, **details}) + "\n")


def digest(files: list[str]) -> str:
    """Return a SHA-256 that stands for the content of files; one that is not there counts as such."""
    contents = [Path(file).read_bytes() if Path(file).exists() else b"" for file in files]
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()


def gather(path: Path, units: Path, services: Sequence[str], target: str) -> dict[str, Any]:
    """Return what the module release documents of the releases in a folder and the enabled units of both kinds.

    `services` are the names before the `@` of all services that may run one of them.
    """
    found = [folder for folder in (path / "releases").glob("*") if folder.is_dir() and not folder.is_symlink()]
    folders = sorted(folder.name for folder in found if NAME.fullmatch(folder.name))
    wants = units / "multi-user.target.wants"
    records = read(path)
    return {
        "live": linked(path / "current"),
        "previous": linked(path / "previous"),
        "complete": list(records),
        "bad": [name for name, record in records.items() if record.get("bad")],
        "incomplete": [name for name in folders if name not in records],
        "enabled": sorted(
            {unit.stem.partition("@")[2] for service in services for unit in wants.glob(f"{service}@*.service")}
        ),
        "beside": sorted(unit.stem.partition("@")[2] for unit in wants.glob(f"{target}@*.target")),
        "records": records,
    }


def leftovers(found: dict[str, Any], keep: int) -> dict[str, list[str]]:
    """Return what of the releases found is not needed, and those that are `kept`; `keep` says how many at least.

    The live release and the one before are kept whatever their age. An instance or a target is `stale` when it is not
    the live release's; `removable` are releases that never were live, and the oldest beyond those that are kept.
    """
    live = found["live"]
    chosen = [name for name in (live, found["previous"]) if name] + found["complete"]
    kept = list(dict.fromkeys(chosen))[: max(keep, 2)]
    return {
        "kept": kept,
        "stale_instances": [name for name in found["enabled"] if name != live],
        "stale_targets": [name for name in found["beside"] if name != live],
        "removable": [name for name in found["incomplete"] + found["complete"] if name != live and name not in kept],
    }


def remove(path: Path, names: list[str]) -> None:
    """Remove releases."""
    for name in names:
        shutil.rmtree(path / "releases" / name)


def sizes(path: Path, oldest_first: list[str]) -> dict[str, int]:
    """Return the bytes that each release takes; a file with several names counts where it is met first."""
    met: set[tuple[int, int]] = set()
    result = {}
    for name in oldest_first:
        stats = [file.lstat() for file in (path / "releases" / name).rglob("*")]
        new = {(stat.st_dev, stat.st_ino): stat.st_blocks * 512 for stat in stats}
        result[name] = sum(size for inode, size in new.items() if inode not in met)
        met |= new.keys()
    return result


def own_size(folder: Path) -> int:
    """Return the bytes that a release takes beside what others, or the cache, have a name for, too."""
    stats = [file.lstat() for file in folder.rglob("*")]
    return sum(stat.st_blocks * 512 for stat in stats if stat.st_nlink == 1 or S_ISDIR(stat.st_mode))


def switch(path: Path, release: str, bad: list[str], details: Record) -> None:
    """Make a release live, and note those that are bad."""
    records = read(path)
    live = linked(path / "current")
    old = records.get(release, {})
    number = max((int(record["number"]) for record in records.values()), default=0) + 1
    write(path / "releases" / release / RECORD, {**old, **details, "number": number, "at": now(), "bad": False})
    for name in bad:
        if name in records and name != release:
            write(path / "releases" / name / RECORD, records[name] | {"bad": True})
    if live not in ("", release):
        link(path / "previous", f"releases/{live}")
    link(path / "current", f"releases/{release}")


def revert(path: Path, release: str, forget: bool = True) -> None:
    """Make the release before live again, as if the one that is had never been.

    What has never been live before is forgotten; a kept release that was gone back to stays what it was.
    """
    live = linked(path / "current")
    records = read(path)
    link(path / "current", f"releases/{release}")
    if forget:
        (path / "releases" / live / RECORD).unlink(missing_ok=True)
    if records.get(release, {}).get("bad"):
        write(path / "releases" / release / RECORD, records[release] | {"bad": False})
    before = [name for name, record in read(path).items() if name != release and not record["bad"]]
    if before:
        link(path / "previous", f"releases/{before[0]}")
    else:
        (path / "previous").unlink(missing_ok=True)
