"""The files that one release of an application runs with: units, settings and environment.

They belong to the release. What they are is kept in a manifest that root alone can read, so that a file that was edited
by hand can be restored, and removed with its release.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from ansible_collections.foobar.webstack.plugins.module_utils.environment_files import beginning, quoted
from ansible_collections.foobar.webstack.plugins.module_utils.names import INSTANCE, UNITS

# What every file begins with that a role has written; a unit that somebody else has made under a like name does not.
OURS = "Ansible managed"
MANIFESTS = Path("/var/lib/app_deploy")

# Of a release: `files`, each with `dest`, `content`, `owner`, `group` and `mode` ("0644"), and `passwords` by name.
Manifest = dict[str, Any]


def _plain(password: str) -> str:
    return password


def _escaped(password: str) -> str:
    """Return a password as it stands within the double quotes of systemd's EnvironmentFile."""
    return quoted(password)[1:-1]


def _percent_encoded(password: str) -> str:
    """Return a password as it stands in an address."""
    return quote(password, safe="")


# What stands before the value of a variable that holds a name, which may be the same word as a password.
NAMES = r'\w*(?:USER|NAME|LOGIN|HOST|DATABASE|DB|SCHEMA)="'
# How a password may stand in a file; where two are the same, the last one counts.
SPELLINGS: list[Callable[[str], str]] = [quote_plus, quote, _percent_encoded, _escaped, _plain]


def manifest_of(release: str, files: list[dict[str, Any]], passwords: dict[str, str]) -> Manifest:
    """Return the manifest of a release from files in whose `dest` %i stands for it."""
    return {
        "files": [
            {
                "dest": file["dest"].replace(INSTANCE, release),
                "content": file["content"],
                "owner": file.get("owner") or "root",
                "group": file.get("group") or "root",
                "mode": file.get("mode") or "0644",
            }
            for file in files
        ],
        "passwords": dict(passwords),
    }


def read(app: str, manifests: Path = MANIFESTS) -> dict[str, Manifest]:
    """Return the manifests of an application's releases by the releases' names."""
    return {file.stem: json.loads(file.read_text()) for file in sorted((manifests / app).glob("*.json"))}


def write(app: str, release: str, manifest: Manifest, manifests: Path = MANIFESTS) -> bool:
    """Write a manifest and then its files; return whether that changed a unit."""
    folder = manifests / app
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _replace(folder / f"{release}.json", json.dumps(manifest), 0, 0, 0o600)
    return restore(manifest)


def drifted(manifest: Manifest) -> list[str]:
    """Return the paths of those files that are not, or not any more, as the manifest says."""
    return [file["dest"] for file in manifest["files"] if not _is_as(file)]


def restore(manifest: Manifest) -> bool:
    """Write the files that are not as the manifest says; return whether a unit was among them."""
    changed = [file for file in manifest["files"] if not _is_as(file)]
    for file in changed:
        path = Path(file["dest"])
        for folder in reversed(path.parents):
            if not folder.exists():
                folder.mkdir()
                folder.chmod(0o755)
        try:
            uid, gid = pwd.getpwnam(file["owner"]).pw_uid, grp.getgrnam(file["group"]).gr_gid
        except KeyError as error:
            raise OSError(f"{path} can't be written: {str(error.args[0]).rstrip('.')}") from None
        _replace(path, file["content"], uid, gid, int(file["mode"], 8))
    return any(file["dest"].startswith(UNITS) for file in changed)


def renewed(manifest: Manifest, passwords: dict[str, str]) -> Manifest:
    """Return a manifest in which today's passwords stand in the place of those that it was written with.

    The one thing of a kept release that changes: a password that the database does not know any more starts nothing.
    """
    before = manifest["passwords"]
    known = {name: passwords.get(name, password) for name, password in before.items()}
    changed = {before[name]: today for name, today in known.items() if before[name] not in ("", today)}
    spelled = {spell(old): (spell, new) for spell in SPELLINGS for old, new in changed.items()}
    if not spelled:
        return {"files": manifest["files"], "passwords": known}

    def today(match: re.Match[str]) -> str:
        spell, new = spelled[match[0]]
        line = beginning(match.string[: match.start()])
        if re.fullmatch(NAMES, line):
            return match[0]
        if spell is _plain and re.search(r"://[^\s/@:]*:$", line):
            spell = _percent_encoded
        elif spell is _plain and re.match(r'\w+="', line):
            spell = _escaped
        return spell(new)

    # All at once, as one may be a part of another. A user or a database of the same name stands after a slash.
    words = "|".join(re.escape(word) for word in sorted(spelled, key=len, reverse=True))
    place = re.compile(rf"(?<![\w/])(?:{words})(?!\w)")
    files = [
        file if int(file["mode"], 8) & 0o004 else {**file, "content": place.sub(today, file["content"])}
        for file in manifest["files"]
    ]
    return {"files": files, "passwords": known}


def remove(app: str, releases: list[str], manifests: Path = MANIFESTS) -> bool:
    """Remove the files of releases and then their manifests; return whether a unit was among them."""
    found = read(app, manifests)
    units = False
    for release in releases:
        for file in found.get(release, {"files": []})["files"]:
            path = Path(file["dest"])
            path.unlink(missing_ok=True)
            units |= file["dest"].startswith(UNITS)
            # A folder of the release's own; one that is shared has its name for itself.
            if path.parent.name == release and path.parent.is_dir():
                shutil.rmtree(path.parent)
        (manifests / app / f"{release}.json").unlink(missing_ok=True)
    return units


def remove_shared(patterns: list[str]) -> bool:
    """Remove the files that releases before version 0.2 shared; return whether there were any."""
    files = shared(patterns)
    for file in files:
        file.unlink()
    return bool(files)


def shared(patterns: list[str]) -> list[Path]:
    """Return the files that match glob patterns of absolute paths."""
    found = [file for pattern in patterns for file in sorted(Path("/").glob(pattern.lstrip("/"))) if file.is_file()]
    return [file for file in found if file.read_text(errors="replace").lstrip("#\n ").startswith(OURS)]


def _is_as(file: dict[str, Any]) -> bool:
    path = Path(file["dest"])
    if path.is_symlink() or not path.is_file():
        return False
    stat = path.stat()
    try:
        owner = (pwd.getpwnam(file["owner"]).pw_uid, grp.getgrnam(file["group"]).gr_gid)
    except KeyError:
        return False
    return (
        path.read_bytes() == file["content"].encode()
        and stat.st_mode & 0o7777 == int(file["mode"], 8)
        and (stat.st_uid, stat.st_gid) == owner
    )


def _replace(path: Path, content: str, uid: int, gid: int, mode: int) -> None:
    """Replace a file in one rename; nobody reads it before it has its owner and its mode."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content.encode())
        file.flush()
        os.fsync(file.fileno())
        os.fchown(file.fileno(), uid, gid)
        os.fchmod(file.fileno(), mode)
    part.replace(path)
