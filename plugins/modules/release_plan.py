#!/usr/bin/python
"""Say for all applications of a server what is to be done, and why."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_plan
short_description: Say for all applications of a server what is to be done, and why
description:
  - Compares the releases that are wanted with what the server holds, in one call for all applications. It only reads.
  - The release that is wanted follows from an application's source, its entry and the files that it runs with. Without
    O(sources) nothing is wanted, and the plan only tells what the server holds.
  - A release that has no room on the disk is an error. How much it takes is known from the live one, less what that
    shares with others, and from the archive.
  - A server that a newer version of the collection has set up is refused.
  - The result is changed in check mode where a release would go live or something would be repaired.
options:
  apps: {type: list, elements: dict, required: true, description: "Entries as in C(app_deploy_apps)."}
  defaults:
    type: dict
    required: true
    description: >-
      What counts for an entry that has no value of its own: C(health_timeout), C(installer), C(keep_releases),
      C(packages) and C(watch_timeout).
  sources: {type: dict, default: {}, description: What M(foobar.webstack.release_sources) has returned as C(sources).}
  settings:
    type: dict
    default: {}
    description: By application, the files that its releases run with, as in C(app_deploy_settings).
  files:
    type: dict
    default: {}
    description: By application, what M(foobar.webstack.release_files) has returned as C(files).
  applied:
    type: dict
    default: {}
    description: By application, digests of what other roles make of its entry, as in C(app_deploy_applied).
  retry_bad: {type: bool, default: false, description: Plan a release that was rolled back from.}
  any_version: {type: bool, default: false, description: Look at a server that a newer version has set up.}
  size: {type: bool, default: false, description: Add up what each release takes on the disk.}
  uv: {type: str, default: "", description: "Path of uv, which is asked for if it is not empty."}
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Find out which releases are wanted
  foobar.webstack.release_sources:
    apps: &apps
      - name: shop
        directory: shop
        service: gunicorn-shop
        sockets_path: /run/gunicorn-shop
        health_path: /health
    cache: .cache/releases
  register: wanted

- name: See what is to be done
  foobar.webstack.release_plan:
    apps: *apps
    defaults: {health_timeout: 30, installer: uv, keep_releases: 5, packages: [], watch_timeout: 5}
    sources: "{{ wanted.sources }}"
  register: plan

- name: Show it
  ansible.builtin.debug:
    msg: "{{ plan.apps | foobar.webstack.app_deploy_summary('main') }}"
"""

RETURN = r"""
id: {type: str, returned: success, description: Name that no other plan has.}
apps:
  type: dict
  returned: success
  description: >-
    By name, the entry with all that follows from it but secrets; C(action) (V(none), V(release), V(skip), V(repair) or
    V(error)), its C(reason) or its C(error), the C(release) that is wanted, what C(repairs) are due, what there is to
    C(prepare), what the server is C(lacking), which keys are C(unapplied), the C(sizes) of releases if asked for, and
    what M(foobar.webstack.release) returns.
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import release_plan, release_state, releases
from ansible_collections.foobar.webstack.plugins.module_utils.disk_space import Need, shortage
from ansible_collections.foobar.webstack.plugins.module_utils.files import is_user
from ansible_collections.foobar.webstack.plugins.module_utils.set_up import set_up_by

# What an environment with a framework takes, with its byte code.
FIRST_RELEASE = 150 * 2**20

SPEC: dict[str, Any] = {
    "apps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            **release_state.APP,
            "revision": {"type": "str", "default": ""},
            "archive_size": {"type": "int", "default": 0},
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


def refuse_without_room(app: dict[str, Any], info: dict[str, Any], wanted: str) -> None:
    """Raise OSError where a release that is to be built has no room on the disk."""
    if wanted in info["complete"]:
        return
    path = Path(app["path"])
    size = releases.own_size(path / "releases" / info["live"]) if info["live"] else FIRST_RELEASE
    needs = [
        Need(path, max(size, app["archive_size"]), "release"),
        Need(Path.home(), app["archive_size"], "archive"),
        # What is removed before the build begins.
        *(Need(path, -releases.own_size(path / "releases" / name), "") for name in info["removable"]),
    ]
    if lack := shortage(needs):
        raise OSError(f"{lack}: make room there, such as by a lower keep_releases, and run again.")


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
        info["sizes"] = releases.sizes(Path(app["path"]), info["complete"][::-1])
    if not app["revision"]:
        return {**info, "action": "none", "reason": "", "repairs": [], "release": info["live"]}
    wanted = release_plan.release_id(app["revision"], app["settings"], app["settings_files"])
    action, reason = release_plan.plan(info, wanted, module.params["retry_bad"])
    if action == "release" and not info["error"]:
        try:
            refuse_without_room(app, info, wanted)
        except OSError as error:
            info["error"] = f"{app['name']}: {error}"
    repairs = release_plan.to_repair(info)
    return {**info, "action": action, "reason": reason, "repairs": repairs, "release": wanted}


def missing(module: AnsibleModule) -> list[str]:
    """Return the packages, users and paths that the server does not have."""
    packages, users, paths = (module.params[name] for name in ("packages", "users", "paths"))
    installed = release_state.installed(module.run_command, packages)
    return [
        *(name for name in packages if name not in installed),
        *(name for name in users if not is_user(name)),
        *(path for path in paths if not Path(path).exists()),
    ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    states = release_state.unit_states(module.run_command)
    apps = {app["name"]: plan_of(module, app, states) for app in module.params["apps"]}
    due = any(app["action"] in ("release", "repair") for app in apps.values())
    version = set_up_by(Path("/"))
    module.exit_json(changed=module.check_mode and due, apps=apps, missing=missing(module), set_up_by=version)


if __name__ == "__main__":
    main()
