#!/usr/bin/python
"""Make the folder of a release: its source, its owner, its revision and its links to what lies outside."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: release_folder
short_description: Make the folder of a release from an archive
description:
  - Sends the archive to the server and unpacks it. The files belong to the user that builds; whoever else is in its
    group may read them, and nobody else.
  - Others can pass through the folder, to the static files and the socket, but neither list it nor read the code.
  - Writes C(REVISION), and makes links to what outlives the release.
options:
  path: {type: path, required: true, description: Folder of the release.}
  archive: {type: path, required: true, description: Tar archive of the source on the controller.}
  strip_components: {type: int, default: 0, description: "Leading folders of the archive to leave out, as of C(tar)."}
  owner: {type: str, required: true, description: User that builds; the group is this user's own.}
  revision: {type: str, required: true, description: What the source's revision is.}
  links: {type: dict, required: true, description: "Paths in the release, and where they lead."}
author: [The foobar.webstack authors]
"""

EXAMPLES = r"""
- name: Make the folder
  foobar.webstack.release_folder:
    path: /srv/shop/releases/1a2b3c4d-5e6f7a8b
    archive: shop.tar.gz
    owner: shop-build
    revision: 1a2b3c4d
    links: {uploads: /srv/shop/shared/uploads}
"""

RETURN = r""" # """


def hand_over(path: Path, uid: int, gid: int) -> None:
    """Give what is in a folder to a user; what may be executed by somebody may be by the user and the group."""
    for file in path.rglob("*"):
        os.chown(file, uid, gid, follow_symlinks=False)
        if not file.is_symlink():
            file.chmod(0o750 if file.is_dir() or file.stat().st_mode & 0o111 else 0o640)


def link(release: Path, name: str, to: str) -> None:
    """Make a link in the place of a file, a link or an empty folder that the source may have there."""
    path = release / name
    if not path.parent.resolve().is_relative_to(release.resolve()):
        raise OSError(errno.EXDEV, "it is outside the release")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        path.rmdir()
    path.symlink_to(to)


def write_revision(path: Path, revision: str, gid: int) -> None:
    """Write down the revision for root and a group, in the place of whatever the source may have there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.write_text(f"{revision}\n")
    os.chown(path, 0, gid)
    path.chmod(0o640)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "archive": {"type": "path", "required": True},
            "strip_components": {"type": "int", "default": 0},
            "owner": {"type": "str", "required": True},
            "revision": {"type": "str", "required": True},
            "links": {"type": "dict", "required": True},
        }
    )
    path, links = Path(module.params["path"]), module.params["links"]
    user = pwd.getpwnam(module.params["owner"])
    if not path.parent.exists():
        path.parent.mkdir(parents=True)
        path.parent.chmod(0o751)
    # Nobody passes until all has its owner and its mode, whatever the archive says of its own folder.
    path.mkdir(mode=0o700, exist_ok=True)
    archive, strip = module.params["archive"], module.params["strip_components"]
    options = ["--no-same-owner", "--no-same-permissions", "--no-overwrite-dir", f"--strip-components={strip}"]
    code, _, error = module.run_command(["tar", "--extract", f"--file={archive}", f"--directory={path}", *options])
    if code != 0:
        module.fail_json(msg=f"The archive can't be unpacked into {path}: {error.strip().splitlines()[0]}")
    for name, to in links.items():
        try:
            link(path, name, to)
        except OSError as error:
            module.fail_json(msg=f"{name} of the source can't give way to a link to {to}: {error.strerror}.")
    hand_over(path, user.pw_uid, user.pw_gid)
    write_revision(path / "REVISION", module.params["revision"], user.pw_gid)
    os.chown(path, user.pw_uid, user.pw_gid)
    path.chmod(0o751)
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
