#!/usr/bin/python
"""Take an application's lock on a server, or give it back."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.releases import (
    LOCKS,
    LOOK,
    NotALinkError,
    clock,
    info,
    now,
)

DOCUMENTATION = r"""
module: release_lock
short_description: Let one run at a time change an application's releases
description:
  - The lock is a file on the server that says which run of which controller holds it, and since when.
  - A lock is taken over when its run is gone - the controller that asks is the one that held it, and the process no
    longer runs there - when another controller has held it for longer than O(timeout), and after a restart of the
    server.
options:
  app: {type: str, required: true, description: Name of the application.}
  state: {type: str, choices: [present, absent], default: present, description: Whether this run holds the lock.}
  timeout: {type: int, default: 3600, description: Seconds after which the run of another controller counts as gone.}
  look:
    type: dict
    description: What to look at once the lock is taken, when nobody else changes it any more.
    suboptions:
      path: {type: path, required: true, description: "As of M(foobar.webstack.release_info), like the others."}
      service: {type: str, required: true, description: As there.}
      target: {type: str, default: "", description: As there.}
      settings: {type: list, elements: path, default: [], description: As there.}
author: [The foobar.webstack authors]
"""

EXAMPLES = r"""
- name: Take the lock
  foobar.webstack.release_lock:
    app: shop
"""

RETURN = r"""
holder: {type: dict, returned: when somebody else holds the lock, description: "Who, by which process, since when."}
info: {type: dict, returned: with look, description: What M(foobar.webstack.release_info) would have returned.}
seconds: {type: float, returned: success, description: How long this run has held the lock.}
"""

Owner = dict[str, Any]


def hold(file: Path, owner: Owner, gone: Owner, timeout: int) -> Owner:
    """Take the lock and return what it holds then: this owner, or the one who keeps it.

    It is free, or this owner's, or held by the owner that is known to be gone, or for more than timeout seconds by a
    controller whose processes can't be seen from this one.
    """
    file.parent.mkdir(mode=0o755, exist_ok=True)
    with os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = lock.read()
        held: Owner = json.loads(text) if text else {}
        same = held.get("owner") == owner
        if held and not same and held["owner"] != gone:
            visible = all(held["owner"].get(name) == owner.get(name) for name in ("machine", "pids"))
            if visible or clock() - held["clock"] < timeout:
                return held
        if not same:
            held = {"owner": owner, "since": now(), "clock": clock()}
            lock.seek(0)
            lock.truncate()
            lock.write(json.dumps(held))
        return held


def release(file: Path, owner: Owner) -> float:
    """Give the lock back if this owner holds it; return how many seconds that was."""
    if not file.exists():
        return 0
    with file.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = lock.read()
        held = json.loads(text) if text else {}
        if held.get("owner") != owner:
            return 0
        lock.truncate(0)
        return float(clock() - held["clock"])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "app": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "timeout": {"type": "int", "default": 3600},
            "look": {"type": "dict", "options": LOOK},
            "owner": {"type": "dict", "required": True},
            "gone": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    options, owner = module.params, module.params["owner"]
    file = LOCKS / f"{options['app']}.lock"
    seconds = 0.0
    if options["state"] == "absent":
        seconds = 0 if module.check_mode else release(file, owner)
    elif not module.check_mode:
        held = hold(file, owner, options["gone"], options["timeout"])
        if held["owner"] != owner:
            module.fail_json(msg="", holder=held)
        seconds = clock() - held["clock"]
    try:
        found = {"info": info(module, options["look"])} if options["look"] else {}
    except NotALinkError as error:
        if not module.check_mode:
            release(file, owner)
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, seconds=seconds, **found)


if __name__ == "__main__":
    main()
