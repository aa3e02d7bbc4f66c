#!/usr/bin/python
"""Ask a server once for all that a role wants to know."""

from __future__ import annotations

DOCUMENTATION = r"""
module: server_state
short_description: Ask a server once for all that a role wants to know
description:
  - Tells in one call which packages, files, users and units of a server are as a role wants them. A call of any module
    costs the server a fifth of a second, so a role that asks first has nothing more to do on a server that is set up.
  - Only reads, in check mode and without it. Works on a bare server, too, where none of them is there.
  - Contents of files do not leave the controller; their checksums are compared.
options:
  packages:
    type: list
    elements: str
    default: []
    description: >-
      Names of packages, as M(ansible.builtin.apt) takes them. A virtual package and a version with V(>=) are apt's to
      judge, so they are always missing.
  files:
    type: list
    elements: dict
    default: []
    description: Files to compare, as for M(foobar.webstack.templates).
    suboptions:
      src: {type: str, description: "Template, looked for as M(ansible.builtin.template) does."}
      content: {type: str, description: "The content itself, in the place of O(files[].src)."}
      dest: {type: path, required: true, description: Path on the server.}
      vars: {type: dict, description: Variables for this template alone.}
      owner: {type: str, description: Owner of this file.}
      group: {type: str, description: Group of this file.}
      mode: {type: raw, description: Mode of this file.}
      validate: {type: str, description: "Not used; M(foobar.webstack.templates) has it."}
  owner: {type: str, description: Owner of the files that have none of their own.}
  group: {type: str, description: Group of the files that have none of their own.}
  mode: {type: raw, description: Mode of the files that have none of their own.}
  users: {type: list, elements: str, default: [], description: Names of users.}
  units: {type: list, elements: str, default: [], description: "Names of systemd units; without a suffix, of services."}
  paths: {type: list, elements: str, default: [], description: "Patterns of paths, such as /etc/nginx/conf.d/*.conf."}
  disks: {type: list, elements: path, default: [], description: Folders whose free room is asked for.}
  sizes: {type: list, elements: path, default: [], description: Files whose size is asked for.}
  sandbox:
    type: bool
    default: false
    description: Whether to try if systemd can make the sandboxes of this collection's units, by one that does nothing.
  firewall:
    type: bool
    default: false
    description: Whether to try if systemd has a firewall for units, by one that tries to reach itself.
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Gather the state of the server
  foobar.webstack.server_state:
    packages: [nginx]
    files:
      - {src: nginx.conf.j2, dest: /etc/nginx/nginx.conf}
    owner: root
    group: root
    mode: "0644"
    units: [nginx]
  register: state

- name: Install
  ansible.builtin.apt:
    name: "{{ state.missing_packages }}"
  when: state.missing_packages | length > 0
"""

RETURN = r"""
packages:
  type: dict
  returned: success
  description: >-
    For each name its C(status) (installed, missing, or dpkg's word, such as half-configured), C(version) and whether it
    is C(held).
missing_packages: {type: list, elements: str, returned: success, description: Names whose status is not installed.}
differing_files:
  type: list
  elements: str
  returned: success
  description: Paths of the files that are missing, are links, or have another content, owner, group or mode.
users:
  type: dict
  returned: success
  description: For each name C(uid), C(gid), C(home) and C(shell), or null where there is no such user.
units:
  type: dict
  returned: success
  description: >-
    For each name C(load_state), C(active_state), C(sub_state), C(unit_file_state), C(need_daemon_reload), C(result),
    C(reload_result), C(main_pid), C(fragment_path) and C(started), which is when the main process was started, in
    seconds since the epoch, or 0 where the unit is not up.
paths: {type: dict, returned: success, description: "For each pattern the paths that are there, sorted."}
disks:
  type: dict
  returned: success
  description: For each folder how many bytes are free there, or where it would be made.
sizes: {type: dict, returned: success, description: "For each file its size in bytes, or 0 where there is none."}
sandbox:
  type: dict
  returned: if it is asked for
  description: >-
    Whether it C(works), and as C(reason) systemd's status and word for it, such as 226/NAMESPACE, where it does not.
firewall: {type: bool, returned: if it is asked for, description: "Whether a unit's C(IPAddressDeny) is in force."}
dpkg:
  type: dict
  returned: success
  description: >-
    C(lock), with C(pid), C(command) and systemd C(unit) of the process that holds dpkg's lock, or null; and C(broken),
    the packages that are half-installed or half-configured, which says something only while nobody holds the lock.
"""

import glob
import hashlib
import pwd
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.disk_space import free
from ansible_collections.foobar.webstack.plugins.module_utils.dpkg import (
    DpkgError,
    broken_packages,
    known_packages,
    lock_holder,
    wanted_package,
)
from ansible_collections.foobar.webstack.plugins.module_utils.files import (
    ATTRIBUTES,
    File,
    are_known,
    files_argument,
    invocation,
    read,
    requested_files,
    set_attributes,
)
from ansible_collections.foobar.webstack.plugins.module_utils.sandbox_probe import ProbeError, has_firewall, probe
from ansible_collections.foobar.webstack.plugins.module_utils.systemd_units import SystemdError, unit_states


def differs(module: AnsibleModule, file: File) -> bool:
    """Tell whether a file would change if it were written."""
    content = read(Path(file["dest"]))
    if content is None or hashlib.sha256(content).hexdigest() != file["checksum"]:
        return True
    return not are_known(file["owner"], file["group"]) or set_attributes(module, file)


def user(name: str) -> dict[str, Any] | None:
    """Return what is known of a user, or None if there is no such user."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return {"uid": entry.pw_uid, "gid": entry.pw_gid, "home": entry.pw_dir, "shell": entry.pw_shell}


def size(path: Path) -> int:
    """Return the size of a file in bytes, or 0 if there is none."""
    return path.stat().st_size if path.is_file() else 0


def packages(module: AnsibleModule) -> dict[str, Any]:
    """Return what is to be returned of packages and of dpkg."""
    known = known_packages(module.run_command)
    asked = {name: wanted_package(name, known) for name in module.params["packages"]}
    return {
        "packages": {
            name: {"status": package.status, "version": package.version, "held": package.is_held}
            for name, package in asked.items()
        },
        "missing_packages": [name for name, package in asked.items() if package.status != "installed"],
        "dpkg": {"lock": lock_holder(), "broken": broken_packages(known)},
    }


def main() -> None:
    """Run the module."""
    names = {"type": "list", "elements": "str", "default": []}
    module = AnsibleModule(
        argument_spec={
            "packages": names,
            "files": files_argument(checksum={"type": "str", "required": True}) | {"default": []},
            **ATTRIBUTES,
            "users": names,
            "units": names,
            "paths": names,
            "disks": {"type": "list", "elements": "path", "default": []},
            "sizes": {"type": "list", "elements": "path", "default": []},
            "sandbox": {"type": "bool", "default": False},
            "firewall": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    # So that what Ansible has for attributes compares them and changes nothing.
    module.check_mode = True
    try:
        module.exit_json(
            changed=False,
            **packages(module),
            differing_files=[file["dest"] for file in requested_files(module) if differs(module, file)],
            users={name: user(name) for name in module.params["users"]},
            units=unit_states(module.params["units"], module.run_command),
            disks={folder: free(Path(folder)) for folder in module.params["disks"]},
            sizes={path: size(Path(path)) for path in module.params["sizes"]},
            **({"sandbox": probe(module.run_command)} if module.params["sandbox"] else {}),
            **({"firewall": has_firewall(module.run_command)} if module.params["firewall"] else {}),
            paths={pattern: sorted(glob.glob(pattern)) for pattern in module.params["paths"]},
            **invocation(module),
        )
    except (DpkgError, ProbeError, SystemdError) as error:
        module.fail_json(msg=f"{error}.", **invocation(module))


if __name__ == "__main__":
    main()
