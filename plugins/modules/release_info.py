#!/usr/bin/python
"""Tell which releases of an application a server holds, and which one is live."""

from __future__ import annotations

from pathlib import Path

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
        argument_spec={**releases.LOOK, "size": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    try:
        found = releases.info(module, module.params)
    except releases.NotALinkError as error:
        module.fail_json(msg=str(error))
    if module.params["size"]:
        found["sizes"] = sizes(Path(module.params["path"]), found["finished"][::-1])
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
