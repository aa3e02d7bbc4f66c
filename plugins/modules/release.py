#!/usr/bin/python
"""Look at an application's releases on a server, let one run at a time change them, and make one of them live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import release_lock, releases

DOCUMENTATION = r"""
module: release
short_description: Look at an application's releases, lock them, and make one live
description:
  - With O(state=live) it writes the release's record, lets C(previous) point to the release that was live, and replaces
    C(current) in one rename, so that code, static files and socket change for the web server in the same instant.
  - The lock is a file on the server that says which run of which controller holds it, and since when. It is taken over
    when its run is gone - the same user on the same controller asks, where the process no longer runs - when another
    user or controller has held it for longer than O(timeout), and after a restart of the server. What the run before
    has left running of the service C(app_deploy-<name>) is stopped then.
  - C(/var/log/app_deploy/<name>.log) gets a line for each release that goes live or fails. Who does it, and for how
    long, the lock tells.
options:
  app:
    type: dict
    required: true
    description: The application.
    suboptions:
      name: {type: str, required: true, description: Its name.}
      path: {type: path, required: true, description: "Folder that holds C(releases), C(current) and C(previous)."}
      service: {type: str, required: true, description: "Name before the C(@) of the services that run the releases."}
      target: {type: str, default: "", description: "Name before the C(@) of the targets that run beside them."}
      settings: {type: list, elements: path, default: [], description: Files that a release runs with.}
  state:
    type: str
    choices: [listed, locked, unlocked, live, failed]
    default: listed
    description: >-
      What to do before the releases are looked at - nothing, take the lock, give it back, make O(release) live, or note
      that it failed.
  timeout:
    type: int
    default: 3600
    description: Seconds after which the run of another user or controller counts as gone.
  release: {type: str, default: "", description: Release to make live.}
  event:
    type: str
    default: deploy
    choices: [deploy, rollback, revert]
    description: >-
      Why it goes live. With V(revert) the release that was live is no finished one any more, as if it had never been
      live.
  revision: {type: str, default: "", description: What the source's revision is; kept from the record unless set.}
  bad: {type: list, elements: str, default: [], description: Releases that are bad from now on.}
  reason: {type: str, default: "", description: Why it failed.}
  size: {type: bool, default: false, description: Add up what each release takes on the disk.}
author: [The foobar.webstack authors]
"""

EXAMPLES = r"""
- name: Take the lock
  foobar.webstack.release:
    app: {name: shop, path: /srv/shop, service: gunicorn-shop}
    state: locked

- name: Make the release live
  foobar.webstack.release:
    app: {name: shop, path: /srv/shop, service: gunicorn-shop}
    state: live
    release: 1a2b3c4d-5e6f7a8b
"""

RETURN = r"""
live: {type: str, returned: success, description: "Release that C(current) points to, or an empty string."}
previous: {type: str, returned: success, description: "Release that C(previous) points to, or an empty string."}
finished: {type: list, elements: str, returned: success, description: "Releases that have been live, newest first."}
bad: {type: list, elements: str, returned: success, description: Those of them that were rolled back from.}
unfinished: {type: list, elements: str, returned: success, description: "Releases that never were."}
enabled: {type: list, elements: str, returned: success, description: Releases whose instance starts at boot.}
beside: {type: list, elements: str, returned: success, description: Releases whose target starts at boot.}
running:
  type: list
  elements: str
  returned: success
  description: Units of both kinds that are active and start at boot.
records: {type: dict, returned: success, description: "Of each finished release its revision, when, by whom and so on."}
sizes: {type: dict, returned: with size, description: "Bytes of each; what several share counts for the oldest."}
settings: {type: str, returned: success, description: SHA-256 that stands for the content of the settings files.}
holder: {type: dict, returned: when somebody else holds the lock, description: "Who, by which process, since when."}
"""

SPEC: dict[str, Any] = {
    "app": {
        "type": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "service": {"type": "str", "required": True},
            "target": {"type": "str", "default": ""},
            "settings": {"type": "list", "elements": "path", "default": []},
        },
    },
    "state": {"type": "str", "choices": ["listed", "locked", "unlocked", "live", "failed"], "default": "listed"},
    "timeout": {"type": "int", "default": 3600},
    "release": {"type": "str", "default": ""},
    "event": {"type": "str", "choices": ["deploy", "rollback", "revert"], "default": "deploy"},
    "revision": {"type": "str", "default": ""},
    "bad": {"type": "list", "elements": "str", "default": []},
    "reason": {"type": "str", "default": ""},
    "size": {"type": "bool", "default": False},
    "owner": {"type": "dict", "required": True},
    "gone": {"type": "dict", "default": {}},
}


def running(module: AnsibleModule, found: dict[str, Any], service: str, target: str) -> list[str]:
    """Return the units of the releases found that are active and start at boot; without systemd there are none."""
    patterns = [f"{service}@*.service", f"{target}@*.target"]
    command = ["systemctl", "list-units", "--plain", "--no-legend", "--state=active", *patterns]
    _, output, _ = module.run_command(command)
    enabled = [f"{service}@{name}.service" for name in found["enabled"]]
    enabled += [f"{target}@{name}.target" for name in found["beside"]]
    return sorted({line.split()[0] for line in output.splitlines()}.intersection(enabled))


def look(module: AnsibleModule, app: dict[str, Any]) -> dict[str, Any]:
    """Return what the documentation says is returned."""
    path = Path(app["path"])
    found = releases.look(path, Path("/etc/systemd/system"), app["service"], app["target"])
    found["running"] = running(module, found, app["service"], app["target"])
    found["settings"] = releases.digest(app["settings"])
    if module.params["size"]:
        found["sizes"] = releases.sizes(path, found["finished"][::-1])
    return found


def stop_command(module: AnsibleModule, app: dict[str, Any]) -> None:
    """Stop the command that a killed controller has left running."""
    unit = f"app_deploy-{app['name']}.service"
    code, _, _ = module.run_command(["systemctl", "--quiet", "is-active", unit])
    if code == 0:
        module.run_command(["systemctl", "stop", unit], check_rc=True)


def make_live(options: dict[str, Any], app: dict[str, Any], details: dict[str, Any]) -> None:
    """Switch to the release, or back to it, and note it in the log."""
    path, release, event = Path(app["path"]), options["release"], options["event"]
    live = releases.linked(path / "current")
    details |= {name: options[name] for name in ("revision",) if options[name]}
    if event == "revert":
        releases.revert(path, release)
    else:
        releases.switch(path, release, options["bad"], details)
    reason = {"reason": options["reason"]} if options["reason"] else {}
    releases.log(app["name"], event, release=release, before=live, **details, **reason)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    options, app, owner = module.params, module.params["app"], module.params["owner"]
    state = "listed" if module.check_mode else options["state"]
    for name in ("current", "previous"):
        link = Path(app["path"]) / name
        if state not in ("unlocked", "failed") and link.exists() and not link.is_symlink():
            module.fail_json(
                msg=f"{link} is a real file or folder, not a link to a release: move it away and run again."
            )
    lock = release_lock.LOCKS / f"{app['name']}.lock"
    if state == "locked":
        held = release_lock.hold(lock, owner, options["gone"], options["timeout"])
        if held["owner"] != owner:
            module.fail_json(msg="", holder=held)
        stop_command(module, app)
    elif state == "unlocked":
        release_lock.give_back(lock, owner)
    elif state == "live":
        make_live(options, app, release_lock.held(lock))
    elif state == "failed":
        live = releases.linked(Path(app["path"]) / "current")
        details = release_lock.held(lock) | {"reason": options["reason"]}
        releases.log(app["name"], "failure", release=options["release"], before=live, **details)
    module.exit_json(changed=options["state"] in ("live", "failed"), **look(module, app))


if __name__ == "__main__":
    main()
