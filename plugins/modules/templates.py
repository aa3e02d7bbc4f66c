#!/usr/bin/python
"""Write several files from templates in one call."""

from __future__ import annotations

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
      src: {type: str, description: "Template, looked for as M(ansible.builtin.template) does."}
      content: {type: str, description: "The content itself, in the place of O(files[].src)."}
      dest: {type: path, required: true, description: Path on the server.}
      vars: {type: dict, description: Variables for this template alone.}
      owner: {type: str, description: Owner of this file.}
      group: {type: str, description: Group of this file.}
      mode: {type: raw, description: Mode of this file.}
      validate: {type: str, description: Command that must succeed before anything is written; %s is the new file.}
  owner: {type: str, description: Owner of the files that have none of their own.}
  group: {type: str, description: Group of the files that have none of their own.}
  mode: {type: raw, description: Mode of the files that have none of their own.}
  pending:
    type: path
    description: >-
      File that names the changed files from just before the first of them is written until you remove it, when what
      uses them has taken them up. As long as it is there, they count as changed. In /run it goes with a restart.
  users:
    type: list
    elements: str
    default: []
    description: Names of users that one of the files is to make; those that are not there yet are returned.
attributes:
  check_mode: {support: full, description: Says what would be written.}
  diff_mode: {support: full, description: Shows what changes in each file.}
author: [The foobar.webstack authors (@foobar)]
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
dests: {type: list, elements: str, returned: success, description: "Paths of the files that changed, now or pending."}
missing_users: {type: list, elements: str, returned: success, description: Which of O(users) are not there.}
"""

import json
import os
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.files import (
    ATTRIBUTES,
    File,
    are_known,
    files_argument,
    invocation,
    is_user,
    read,
    requested_files,
    set_attributes,
)


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


def validated(module: AnsibleModule, file: File, folder: str) -> str:
    """Return the path of a file in a temporary folder with the new content that has passed its validation."""
    path = Path(folder, f"{len(os.listdir(folder))}-{Path(file['dest']).name}")
    path.touch(mode=0o600)
    path.write_bytes(file["content"].encode())
    if file["validate"]:
        code, output, error = module.run_command(file["validate"].replace("%s", str(path)))
        if code != 0:
            said = (error or output).strip()
            module.fail_json(msg=f"{file['dest']} stays as it was, failed to validate: {said}", **invocation(module))
    return str(path)


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
            "files": files_argument(content={"type": "str", "required": True}, validate={"type": "str"})
            | {"required": True},
            **ATTRIBUTES,
            "pending": {"type": "path"},
            "users": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    # A new file is nobody else's to read until it has its own mode.
    os.umask(0o077)
    files = requested_files(module)
    pending = Path(module.params["pending"]) if module.params["pending"] else None
    before = {file["dest"]: read(Path(file["dest"])) for file in files}
    changing = [file for file in files if before[file["dest"]] != file["content"].encode()]
    dests = list(dict.fromkeys([*waiting(pending), *(file["dest"] for file in changing)]))
    diff = [difference(file["dest"], before[file["dest"]], file["content"]) for file in changing]
    if changing and not module.check_mode:
        # Ansible's own folder for temporary files is not there on a bare server, and it warns where it makes it.
        with tempfile.TemporaryDirectory() as folder:
            ready = [(validated(module, file, folder), file["dest"]) for file in changing]
            if pending:
                note(pending, dests)
            for made, dest in ready:
                make_folder(Path(dest).parent)
                module.atomic_move(made, dest)
    for file in files:
        # What is not there yet has no attributes to compare, and its owner may be as new.
        if module.check_mode and (before[file["dest"]] is None or not are_known(file["owner"], file["group"])):
            continue
        if set_attributes(module, file) and file["dest"] not in dests:
            dests.append(file["dest"])
            if pending and not module.check_mode:
                note(pending, dests)
    shown = {"diff": diff} if module._diff else {}
    missing = [name for name in module.params["users"] if not is_user(name)]
    module.exit_json(changed=bool(dests), dests=dests, missing_users=missing, **shown, **invocation(module))


if __name__ == "__main__":
    main()
