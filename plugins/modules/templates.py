#!/usr/bin/python
"""Write several files from templates in one call."""

from __future__ import annotations

import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: templates
short_description: Write several files from templates in one call
description:
  - Does for a list of files what M(ansible.builtin.template) does for one. A call of any module costs the server a
    fifth of a second, so a role that has its files compared in one call is done sooner.
  - No file is written unless all of those that change have passed their validation.
  - Folders that a file needs are made, with the mode 0755.
  - With O(pending), a run that is killed before its handlers tells the next one which files it has changed.
options:
  files:
    type: list
    elements: dict
    required: true
    description: The files.
    suboptions:
      src: {type: str, required: true, description: "Template, looked for as M(ansible.builtin.template) does."}
      dest: {type: path, required: true, description: Path on the server.}
      vars: {type: dict, description: Variables for this template alone.}
      group: {type: str, description: Group of this file.}
      validate: {type: str, description: Command that must succeed before anything is written; %s is the new file.}
  owner: {type: str, required: true, description: Owner of all files.}
  group: {type: str, required: true, description: Group of the files that have none of their own.}
  mode: {type: raw, required: true, description: Mode of all files.}
  pending:
    type: path
    description: >-
      File that names the changed files from just before the first of them is written until you remove it, when what
      uses them has taken them up. As long as it is there, they count as changed. In /run it goes with a restart.
author: [The foobar.webstack authors]
"""

EXAMPLES = r"""
- name: Write settings and unit
  foobar.webstack.templates:
    files:
      - {src: shop.conf.j2, dest: /etc/shop.conf, validate: shop --check %s}
      - {src: shop.service.j2, dest: /etc/systemd/system/shop.service}
    owner: root
    group: root
    mode: "0644"
    pending: /run/shop.pending
  register: written

- name: Restart what has another unit
  ansible.builtin.systemd_service:
    name: shop
    state: restarted
    daemon_reload: true
  when: "'/etc/systemd/system/shop.service' in written.dests"

- name: Nothing is pending any more
  ansible.builtin.file:
    path: /run/shop.pending
    state: absent
"""

RETURN = r"""
dests: {type: list, elements: str, returned: always, description: "Paths of the files that changed, now or pending."}
"""

File = dict[str, Any]


def read(path: Path) -> bytes | None:
    """Return the content of a file, or nothing where there is none; a link is to give way to a file."""
    return path.read_bytes() if path.exists() and not path.is_symlink() else None


def is_known(owner: str, group: str) -> bool:
    """Tell whether the system has this user and this group."""
    try:
        pwd.getpwnam(owner)
        grp.getgrnam(group)
    except KeyError:
        return False
    return True


def waiting(pending: Path | None) -> list[str]:
    """Return the paths of the files that an interrupted run has changed."""
    found: list[str] = json.loads(pending.read_text()) if pending and pending.exists() else []
    return found


def note(pending: Path, dests: list[str]) -> None:
    """Write down, in one rename, which files change."""
    make_folder(pending.parent)
    part = pending.with_name(f"{pending.name}.part")
    part.write_text(json.dumps(dests))
    part.replace(pending)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing."""
    for folder in reversed([path, *path.parents]):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o755)


def validated(module: AnsibleModule, file: File) -> str:
    """Return the path of a temporary file with the new content that has passed its validation."""
    path = Path(module.tmpdir, f"{len(os.listdir(module.tmpdir))}-{Path(file['dest']).name}")
    path.touch(mode=0o600)
    path.write_bytes(file["content"].encode())
    if file["validate"]:
        code, output, error = module.run_command(file["validate"].replace("%s", str(path)))
        if code != 0:
            said = (error or output).strip()
            module.fail_json(msg=f"{file['dest']} stays as it was, failed to validate: {said}", **invocation(module))
    return str(path)


def attributes(module: AnsibleModule, file: File) -> dict[str, Any]:
    """Return owner, group and mode of a file in Ansible's own form."""
    parameters = {name: module.params[name] for name in ("owner", "mode")}
    parameters |= {"path": file["dest"], "group": file["group"], "attributes": None}
    found: dict[str, Any] = module.load_file_common_arguments(parameters)
    return found


def invocation(module: AnsibleModule) -> dict[str, Any]:
    """Return what the module was asked for without the files' contents, in the place of all of it."""
    dests = [file["dest"] for file in module.params["files"]]
    return {"invocation": {"module_args": {**module.params, "files": dests}}}


def difference(dest: str, before: bytes | None, after: str) -> dict[str, str]:
    """Return what changes in a file, as Ansible shows it."""
    return {
        "before_header": "/dev/null" if before is None else dest,
        "before": (before or b"").decode(errors="replace"),
        "after_header": dest,
        "after": after,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "dest": {"type": "path", "required": True},
                    "content": {"type": "str", "required": True},
                    "group": {"type": "str"},
                    "validate": {"type": "str"},
                },
            },
            "owner": {"type": "str", "required": True},
            "group": {"type": "str", "required": True},
            "mode": {"type": "raw", "required": True},
            "pending": {"type": "path"},
        },
        supports_check_mode=True,
    )
    # A new file is nobody else's to read until it has its own mode.
    os.umask(0o077)
    files: list[File] = [file | {"group": file["group"] or module.params["group"]} for file in module.params["files"]]
    pending = Path(module.params["pending"]) if module.params["pending"] else None
    before = {file["dest"]: read(Path(file["dest"])) for file in files}
    changing = [file for file in files if before[file["dest"]] != file["content"].encode()]
    dests = list(dict.fromkeys([*waiting(pending), *(file["dest"] for file in changing)]))
    diff = [difference(file["dest"], before[file["dest"]], file["content"]) for file in changing]
    if changing and not module.check_mode:
        ready = [(validated(module, file), file["dest"]) for file in changing]
        if pending:
            note(pending, dests)
        for made, dest in ready:
            make_folder(Path(dest).parent)
            module.atomic_move(made, dest)
    for file in files:
        # What is not there yet has no attributes to compare, and its owner may be as new.
        if module.check_mode and (before[file["dest"]] is None or not is_known(module.params["owner"], file["group"])):
            continue
        if module.set_fs_attributes_if_different(attributes(module, file), False) and file["dest"] not in dests:
            dests.append(file["dest"])
            if pending and not module.check_mode:
                note(pending, dests)
    shown = {"diff": diff} if module._diff else {}
    module.exit_json(changed=bool(dests), dests=dests, **shown, **invocation(module))


if __name__ == "__main__":
    main()
