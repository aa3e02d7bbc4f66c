#!/usr/bin/python
"""Complete the folder of a release: its owner, its revision and its links to what lies outside."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_folder
short_description: Complete the folder of a release that was unpacked
description:
  - Hands the folder to the user that builds. Others can pass through it, to the static files and the socket, but
    neither list it nor read the code.
  - Writes C(REVISION), and makes links to what outlives the release.
options:
  path: {type: path, required: true, description: Folder of the release.}
  owner: {type: str, required: true, description: User that builds; the group is this user's own.}
  revision: {type: str, required: true, description: What the source's revision is.}
  links: {type: dict, required: true, description: "Paths in the release, and where they lead."}
author: [The foobar.webstack authors]
"""

EXAMPLES = r"""
- name: Complete the folder
  foobar.webstack.release_folder:
    path: /srv/shop/releases/1a2b3c4d-5e6f7a8b
    owner: shop-build
    revision: 1a2b3c4d
    links: {uploads: /srv/shop/shared/uploads}
"""

RETURN = r""" # """


def link(path: Path, to: str) -> None:
    """Make a link in the place of a file, a link or an empty folder that the source may have there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        path.rmdir()
    path.symlink_to(to)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "owner": {"type": "str", "required": True},
            "revision": {"type": "str", "required": True},
            "links": {"type": "dict", "required": True},
        }
    )
    path, links = Path(module.params["path"]), module.params["links"]
    user = pwd.getpwnam(module.params["owner"])
    os.chown(path, user.pw_uid, user.pw_gid)
    path.chmod(0o751)
    revision = path / "REVISION"
    revision.unlink(missing_ok=True)
    revision.write_text(module.params["revision"] + "\n")
    os.chown(revision, 0, user.pw_gid)
    revision.chmod(0o640)
    for name, to in links.items():
        try:
            link(path / name, to)
        except OSError as error:
            module.fail_json(msg=f"{name} of the source can't give way to a link to {to}: {error.strerror}.")
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
