#!/usr/bin/python
"""Tell which releases of an application a server holds, and which one is live."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import releases

DOCUMENTATION = r"""
module: release_info
short_description: Tell which releases of an application a server holds
options:
  path: {type: path, required: true, description: "Folder that holds C(releases), C(current) and C(previous)."}
  service: {type: str, required: true, description: "Name before the C(@) of the service units that run the releases."}
  target: {type: str, default: "", description: "Name before the C(@) of the targets that run beside the releases."}
  settings: {type: list, elements: path, default: [], description: Files that a release runs with.}
  size: {type: bool, default: false, description: Add up what each release takes on the disk.}
author: [The foobar.webstack authors]
"""

EXAMPLES = r"""
- name: Look at the releases
  foobar.webstack.release_info:
    path: /srv/shop
    service: gunicorn-shop
"""

RETURN = r"""
live: {type: str, returned: always, description: "Release that C(current) points to, or an empty string."}
previous: {type: str, returned: always, description: "Release that C(previous) points to, or an empty string."}
finished: {type: list, elements: str, returned: always, description: "Releases that have been live, newest first."}
bad: {type: list, elements: str, returned: always, description: Those of them that were rolled back from.}
unfinished: {type: list, elements: str, returned: always, description: "Releases that never were."}
enabled: {type: list, elements: str, returned: always, description: Releases whose instance starts at boot.}
beside: {type: list, elements: str, returned: always, description: Releases whose target starts at boot.}
running:
  type: list
  elements: str
  returned: always
  description: Units of both kinds that are active and start at boot.
records: {type: dict, returned: always, description: "Of each finished release its revision, when, by whom and so on."}
sizes: {type: dict, returned: with size, description: "Bytes of each; what several share counts for the oldest."}
settings: {type: str, returned: always, description: SHA-256 that stands for the content of the settings files.}
"""


def digest(files: list[str]) -> str:
    """Return a SHA-256 that stands for the content of files; one that is not there counts as such."""
    contents = [Path(file).read_bytes() if Path(file).exists() else b"" for file in files]
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()


def look(path: Path, units: Path, service: str, target: str) -> dict[str, Any]:
    """Return what RETURN describes of the releases under a folder, and the enabled instances of service and target."""
    folders = sorted(folder.name for folder in (path / "releases").glob("*") if folder.is_dir())
    wants = units / "multi-user.target.wants"
    records = releases.read(path)
    return {
        "live": releases.target(path / "current"),
        "previous": releases.target(path / "previous"),
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


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "service": {"type": "str", "required": True},
            "target": {"type": "str", "default": ""},
            "settings": {"type": "list", "elements": "path", "default": []},
            "size": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    for link in (path / "current", path / "previous"):
        if link.exists() and not link.is_symlink():
            module.fail_json(
                msg=f"{link} is a real file or folder, not a link to a release: move it away and run again."
            )
    service, target = module.params["service"], module.params["target"]
    found = look(path, Path("/etc/systemd/system"), service, target)
    enabled = [f"{service}@{name}.service" for name in found["enabled"]]
    enabled += [f"{target}@{name}.target" for name in found["beside"]]
    found["running"] = sorted(active(module, service, target).intersection(enabled))
    if module.params["size"]:
        found["sizes"] = sizes(path, found["finished"][::-1])
    module.exit_json(changed=False, settings=digest(module.params["settings"]), **found)


if __name__ == "__main__":
    main()
