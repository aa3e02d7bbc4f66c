"""Files that a module compares or writes: their attributes, and what it says of them without their contents."""

from __future__ import annotations

import grp
import pwd
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

# An entry of a module's list `files`: dest, owner, group, mode, and what makes its content.
File = dict[str, Any]

# The arguments for the attributes, once for all files; an entry may have its own.
ATTRIBUTES: dict[str, dict[str, Any]] = {"owner": {"type": "str"}, "group": {"type": "str"}, "mode": {"type": "raw"}}


def files_argument(**options: dict[str, Any]) -> dict[str, Any]:
    """Return the argument spec of a list of files whose entries have further options."""
    entry = {"dest": {"type": "path", "required": True}, **ATTRIBUTES, **options}
    return {"type": "list", "elements": "dict", "options": entry}


def requested_files(module: AnsibleModule) -> list[File]:
    """Return the module's files, each with its own attributes or those for all; fail where one has neither."""
    files = []
    for entry in module.params["files"] or []:
        file = entry | {name: module.params[name] if entry[name] is None else entry[name] for name in ATTRIBUTES}
        if missing := [name for name in ATTRIBUTES if file[name] is None]:
            module.fail_json(msg=f"{file['dest']} has no {', no '.join(missing)}.", **invocation(module))
        files.append(file)
    return files


def read(path: Path) -> bytes | None:
    """Return the content of a file, or None where there is none; a link is to give way to a file."""
    return path.read_bytes() if path.is_file() and not path.is_symlink() else None


def is_user(name: str) -> bool:
    """Tell whether the system has a user of this name."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def are_known(owner: str, group: str) -> bool:
    """Tell whether the system has this user and this group; numbers always are known."""
    try:
        return bool((owner.isdecimal() or pwd.getpwnam(owner)) and (group.isdecimal() or grp.getgrnam(group)))
    except KeyError:
        return False


def set_attributes(module: AnsibleModule, file: File) -> bool:
    """Set owner, group and mode of a file where they differ, or only compare them in check mode; tell which it was."""
    parameters = {name: file[name] for name in ATTRIBUTES} | {"path": file["dest"], "attributes": None}
    return bool(module.set_fs_attributes_if_different(module.load_file_common_arguments(parameters), False))


def invocation(module: AnsibleModule) -> dict[str, Any]:
    """Return what the module was asked for without the files' contents, in the place of all of it."""
    dests = [file["dest"] for file in module.params["files"] or []]
    return {"invocation": {"module_args": {**module.params, "files": dests}}}
