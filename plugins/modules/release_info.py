#!/usr/bin/python
"""Tell which releases of an application a server holds, and which one is live."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_info
short_description: Tell which releases of an application a server holds
options:
  path: {type: path, required: true, description: "Folder that holds C(releases), C(current) and C(previous)."}
  service: {type: str, required: true, description: "Name before the C(@) of the service units that run the releases."}
  settings: {type: list, elements: path, default: [], description: Files that a release runs with.}
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
healthy:
  type: list
  elements: str
  returned: always
  description: Releases that passed their health gate, newest first.
unfinished: {type: list, elements: str, returned: always, description: Releases that did not.}
enabled: {type: list, elements: str, returned: always, description: Releases whose instance starts at boot.}
settings: {type: str, returned: always, description: SHA-256 that stands for the content of the settings files.}
"""


def target(link: Path) -> str:
    """Return the name of the release that a link points to, or an empty string."""
    return link.resolve().name if link.is_symlink() and link.exists() else ""


def digest(files: list[str]) -> str:
    """Return a SHA-256 that stands for the content of files; one that is not there counts as such."""
    contents = [Path(file).read_bytes() if Path(file).exists() else b"" for file in files]
    return hashlib.sha256(b"".join(hashlib.sha256(content).digest() for content in contents)).hexdigest()


def look(path: Path, units: Path, service: str) -> dict[str, str | list[str]]:
    """Return what RETURN describes of the releases under a folder, and the instances of a service among the units."""
    folders = [folder for folder in (path / "releases").glob("*") if folder.is_dir()]
    wanted = (units / "multi-user.target.wants").glob(f"{service}@*.service")
    healthy = {
        folder.name: (folder / ".healthy").stat().st_mtime for folder in folders if (folder / ".healthy").exists()
    }
    return {
        "live": target(path / "current"),
        "previous": target(path / "previous"),
        "healthy": sorted(healthy, key=lambda name: healthy[name], reverse=True),
        "unfinished": sorted(folder.name for folder in folders if folder.name not in healthy),
        "enabled": sorted(unit.stem.partition("@")[2] for unit in wanted),
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "service": {"type": "str", "required": True},
            "settings": {"type": "list", "elements": "path", "default": []},
        },
        supports_check_mode=True,
    )
    path = Path(module.params["path"])
    for link in (path / "current", path / "previous"):
        if link.exists() and not link.is_symlink():
            module.fail_json(
                msg=f"{link} is a real file or folder, not a link to a release: move it away and run again."
            )
    releases = look(path, Path("/etc/systemd/system"), module.params["service"])
    module.exit_json(changed=False, settings=digest(module.params["settings"]), **releases)


if __name__ == "__main__":
    main()
