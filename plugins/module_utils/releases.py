"""What the modules know of an application's releases: the folders, the record in each, the links and the log."""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

# A release without it is not finished.
RECORD = ".release.json"
LOGS = Path("/var/log/app_deploy")
# Emptied by a restart of the server, which no run survives.
LOCKS = Path("/run/app_deploy")

# What a module must be told to look at an application's releases.
LOOK: dict[str, dict[str, Any]] = {
    "path": {"type": "path", "required": True},
    "service": {"type": "str", "required": True},
    "target": {"type": "str", "default": ""},
    "settings": {"type": "list", "elements": "path", "default": []},
}

Record = dict[str, Any]


class NotALinkError(Exception):
    """A real file or folder stands where a link of ours belongs; the text says what to do."""


def linked(link: Path) -> str:
    """Return the name of the release that a link points to, or an empty string."""
    return link.resolve().name if link.is_symlink() and link.exists() else ""


def read(path: Path) -> dict[str, Record]:
    """Return the records of the finished releases in a folder by the releases' names, the newest first.

    A record has `number` (1, 2, ...), `revision`, `at` (ISO 8601, UTC), `by`, `seconds` (float) and, of a release
    that was rolled back from, `bad`. The number tells the newest, for clocks can be set back.
    """
    records = {file.parent.name: json.loads(file.read_text()) for file in path.glob(f"releases/*/{RECORD}")}
    return dict(sorted(records.items(), key=lambda item: -int(item[1]["number"])))


def write(path: Path, record: Record) -> None:
    """Replace a release's record in one rename, readable by root alone."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(record) + "\n")
    part.chmod(0o600)
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


def clock() -> float:
    """Return the seconds since the server's start, which no change of its clock can touch."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def held(app: str, locks: Path = LOCKS) -> Record:
    """Return who holds an application's lock (`by`) and for how many `seconds`, or nothing when nobody does."""
    file = locks / f"{app}.lock"
    text = file.read_text() if file.exists() else ""
    lock = json.loads(text) if text else {}
    return {"by": lock["owner"]["by"], "seconds": round(clock() - lock["clock"], 1)} if lock else {}


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


def look(path: Path, units: Path, service: str, target: str) -> dict[str, Any]:
    """Return what release_info documents of the releases under a folder and the enabled units of both kinds."""
    folders = sorted(folder.name for folder in (path / "releases").glob("*") if folder.is_dir())
    wants = units / "multi-user.target.wants"
    records = read(path)
    return {
        "live": linked(path / "current"),
        "previous": linked(path / "previous"),
        "finished": list(records),
        "bad": [name for name, record in records.items() if record.get("bad")],
        "unfinished": [name for name in folders if name not in records],
        "enabled": sorted(unit.stem.partition("@")[2] for unit in wants.glob(f"{service}@*.service")),
        "beside": sorted(unit.stem.partition("@")[2] for unit in wants.glob(f"{target}@*.target")),
        "records": records,
    }


def active(module: AnsibleModule, service: str, target: str) -> set[str]:
    """Return the names of the active instances of service and target; without systemd there are none."""
    patterns = [f"{service}@*.service", f"{target}@*.target"]
    command = ["systemctl", "list-units", "--plain", "--no-legend", "--state=active", *patterns]
    _, output, _ = module.run_command(command)
    return {line.split()[0] for line in output.splitlines()}


def info(module: AnsibleModule, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what release_info documents, asked with the options in LOOK, or raise NotALinkError."""
    path, service, target = Path(asked["path"]), asked["service"], asked["target"]
    for name in (path / "current", path / "previous"):
        if name.exists() and not name.is_symlink():
            raise NotALinkError(
                f"{name} is a real file or folder, not a link to a release: move it away and run again."
            )
    found = look(path, Path("/etc/systemd/system"), service, target)
    enabled = [f"{service}@{name}.service" for name in found["enabled"]]
    enabled += [f"{target}@{name}.target" for name in found["beside"]]
    running = active(module, service, target).intersection(enabled)
    return {**found, "running": sorted(running), "settings": digest(asked["settings"])}
