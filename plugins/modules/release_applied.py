#!/usr/bin/python
"""Note what other roles have made of the entries of applications."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_applied
short_description: Note what other roles have made of the entries of applications
description:
  - Writes down digests by key, so that a deploy, which runs none of these roles, can say what has changed since.
options:
  apps: {type: dict, required: true, description: "By application, digests by key."}
attributes:
  check_mode: {support: full, description: Writes nothing.}
  diff_mode: {support: none, description: Shows no difference.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Note that names and static files are applied
  foobar.webstack.release_applied:
    apps: {shop: {aliases: 5e6f7a8b, static: 1a2b3c4d}}
"""

RETURN = r""" # """

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import release_settings, release_state, releases

SPEC: dict[str, Any] = {"apps": {"type": "dict", "required": True}}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    changed = {
        name: digests for name, digests in module.params["apps"].items() if release_state.applied(name) != digests
    }
    if not module.check_mode:
        for name, digests in changed.items():
            folder = release_settings.MANIFESTS / name
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            releases.write(folder / "applied", digests)
    module.exit_json(changed=bool(changed))


if __name__ == "__main__":
    main()
