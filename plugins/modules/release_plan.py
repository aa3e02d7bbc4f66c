#!/usr/bin/python
"""Say for all applications of a server what is to be done, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import release_plan, release_state, releases

DOCUMENTATION = r"""
module: release_plan
short_description: Say for all applications of a server what is to be done, and why
description:
  - Compares the releases that are wanted with what the server holds, in one call for all applications. It only reads.
  - The result is changed in check mode where a release would go live or something would be repaired.
options:
  apps:
    type: list
    elements: dict
    required: true
    description: The applications.
    suboptions:
      name: {type: str, required: true, description: Its name.}
      path: {type: path, required: true, description: "Folder that holds C(releases), C(current) and C(previous)."}
      service: {type: str, required: true, description: "Name before the C(@) of the services that run the releases."}
      target: {type: str, required: true, description: "Name before the C(@) of the targets that run beside them."}
      sockets: {type: path, required: true, description: "Folder of the services' sockets."}
      keep: {type: int, default: 5, description: Releases to keep; the live one and the one before always are.}
      user: {type: str, default: "", description: User that runs the application.}
      shared_paths: {type: list, elements: str, default: [], description: Folders that outlive a release.}
      shared_settings:
        type: list
        elements: str
        default: []
        description: Glob patterns of files that releases without files of their own share.
      revision: {type: str, default: "", description: What is wanted; without one nothing is planned.}
      settings: {type: str, default: "", description: SHA-256 of what it is built and run with.}
      applied: {type: dict, default: {}, description: "Digests of what other roles make of its entry, by key."}
      settings_files: {type: list, elements: path, default: [], description: Files that count as settings.}
  retry_bad: {type: bool, default: false, description: Plan a release that was rolled back from.}
  size: {type: bool, default: false, description: Add up what each release takes on the disk.}
  packages: {type: list, elements: str, default: [], description: Packages whose state is asked for.}
  users: {type: list, elements: str, default: [], description: Users that are asked for.}
  paths: {type: list, elements: path, default: [], description: Paths that are asked for.}
author: [The foobar.webstack authors]
"""

EXAMPLES = r"""
- name: See what is to be done
  foobar.webstack.release_plan:
    apps:
      - name: shop
        path: /srv/shop
        service: gunicorn-shop
        target: shop
        sockets: /run/gunicorn-shop
        revision: 1a2b3c4d
        settings: 5e6f7a8b
  register: plan
"""

RETURN = r"""
apps:
  type: dict
  returned: success
  description: >-
    By name, C(action) (V(none), V(release), V(skip) or V(repair)), its C(reason), the C(release) that is wanted, what
    C(repairs) are due, which keys are C(unapplied), and what M(foobar.webstack.release) returns.
missing:
  type: list
  elements: str
  returned: success
  description: Those of the packages, users and paths that the server does not have.
"""

SPEC: dict[str, Any] = {
    "apps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            **release_state.APP,
            "revision": {"type": "str", "default": ""},
            "settings": {"type": "str", "default": ""},
            "applied": {"type": "dict", "default": {}},
            "settings_files": {"type": "list", "elements": "path", "default": []},
        },
    },
    "retry_bad": {"type": "bool", "default": False},
    "size": {"type": "bool", "default": False},
    "packages": {"type": "list", "elements": "str", "default": []},
    "users": {"type": "list", "elements": "str", "default": []},
    "paths": {"type": "list", "elements": "path", "default": []},
}


def plan_of(module: AnsibleModule, app: dict[str, Any], states: release_state.States) -> dict[str, Any]:
    """Return the plan for one application."""
    info = release_state.gather(app, states)
    try:
        releases.refuse_foreign_links(Path(app["path"]))
        info["error"] = ""
    except OSError as error:
        info["error"] = f"{app['name']}: {error}"
    before = release_state.applied(app["name"])
    info["unapplied"] = sorted(key for key, digest in app["applied"].items() if before.get(key) != digest)
    info["was_applied"] = bool(before)
    if module.params["size"]:
        info["sizes"] = releases.sizes(Path(app["path"]), info["finished"][::-1])
    if not app["revision"]:
        return {**info, "action": "none", "reason": "", "repairs": [], "release": info["live"]}
    wanted = release_plan.release_id(app["revision"], app["settings"], app["settings_files"])
    action, reason = release_plan.plan(info, wanted, module.params["retry_bad"])
    repairs = release_plan.to_repair(info)
    return {**info, "action": action, "reason": reason, "repairs": repairs, "release": wanted}


def missing(module: AnsibleModule) -> list[str]:
    """Return the packages, users and paths that the server does not have."""
    packages, users, paths = (module.params[name] for name in ("packages", "users", "paths"))
    installed = release_state.installed(module.run_command, packages)
    return [
        *(name for name in packages if name not in installed),
        *(name for name in users if not release_state.is_user(name)),
        *(path for path in paths if not Path(path).exists()),
    ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    states = release_state.unit_states(module.run_command)
    apps = {app["name"]: plan_of(module, app, states) for app in module.params["apps"]}
    due = any(app["action"] in ("release", "repair") for app in apps.values())
    module.exit_json(changed=module.check_mode and due, apps=apps, missing=missing(module))


if __name__ == "__main__":
    main()
