#!/usr/bin/python
"""Look at an application's releases on a server, let one run at a time change them, start one and make it live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import release_lock, release_units, releases

DOCUMENTATION = r"""
module: release
short_description: Look at an application's releases, lock them, start one, make it live, and clean up
description:
  - With O(state=started) the release's instance is started and asked for O(health) over its own socket. One that does
    not answer is stopped again, and the module fails with its last words.
  - With O(state=live) it writes the release's record, lets C(previous) point to the release that was live, and replaces
    C(current) in one rename, so that code, static files and socket change for the web server in the same instant. Then
    it stops the timers of the release that was live, and starts what runs beside the one that is.
  - With O(state=stopped) all that runs of the application is stopped, and has ended when the module has; what starts at
    boot still does.
  - With O(state=cleaned) what is not the live release's is stopped, an instance not before it has taken up all that
    waits at its socket, and releases that are not to be kept are removed.
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
      target: {type: str, required: true, description: "Name before the C(@) of the targets that run beside them."}
      has_target: {type: bool, default: false, description: Whether its releases have anything to run beside them.}
      sockets: {type: path, required: true, description: "Folder of the services' sockets."}
      keep: {type: int, default: 5, description: Releases to keep; the live one and the one before always are.}
      settings: {type: list, elements: path, default: [], description: Files that a release runs with.}
  state:
    type: str
    choices: [listed, locked, unlocked, started, live, failed, stopped, cleaned]
    default: listed
    description: >-
      What to do before the releases are looked at - nothing, take the lock, give it back, start O(release), make it
      live, note that it failed, stop the application, or clean up.
  timeout:
    type: int
    default: 3600
    description: Seconds after which the run of another user or controller counts as gone.
  release: {type: str, default: "", description: Release to start or to make live.}
  health:
    type: dict
    description: Page that the release must answer with 200.
    suboptions:
      path: {type: str, required: true, description: Its path.}
      headers: {type: dict, default: {}, description: "Headers of the request, such as C(Host)."}
      timeout: {type: int, default: 30, description: Seconds to wait for the answer.}
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
    app: {name: shop, path: /srv/shop, service: gunicorn-shop, target: shop, sockets: /run/gunicorn-shop}
    state: locked

- name: Start the release and ask for its health page
  foobar.webstack.release:
    app: {name: shop, path: /srv/shop, service: gunicorn-shop, target: shop, sockets: /run/gunicorn-shop}
    state: started
    release: 1a2b3c4d-5e6f7a8b
    health: {path: /health, headers: {Host: shop.example.com}}

- name: Make the release live
  foobar.webstack.release:
    app: {name: shop, path: /srv/shop, service: gunicorn-shop, target: shop, sockets: /run/gunicorn-shop}
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
missing:
  type: list
  elements: str
  returned: success
  description: Units of the live release that are not active, or don't start at boot.
kept: {type: list, elements: str, returned: success, description: "Releases to keep, the live one first."}
stale_instances: {type: list, elements: str, returned: success, description: Releases whose instance is to be stopped.}
stale_targets: {type: list, elements: str, returned: success, description: Releases whose target is to be stopped.}
busy: {type: list, elements: str, returned: success, description: Other releases whose scheduled commands run now.}
removable: {type: list, elements: str, returned: success, description: "Releases to remove."}
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
            "target": {"type": "str", "required": True},
            "has_target": {"type": "bool", "default": False},
            "sockets": {"type": "path", "required": True},
            "keep": {"type": "int", "default": 5},
            "settings": {"type": "list", "elements": "path", "default": []},
        },
    },
    "state": {
        "type": "str",
        "choices": ["listed", "locked", "unlocked", "started", "live", "failed", "stopped", "cleaned"],
        "default": "listed",
    },
    "timeout": {"type": "int", "default": 3600},
    "release": {"type": "str", "default": ""},
    "health": {
        "type": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "headers": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 30},
        },
    },
    "event": {"type": "str", "choices": ["deploy", "rollback", "revert"], "default": "deploy"},
    "revision": {"type": "str", "default": ""},
    "bad": {"type": "list", "elements": "str", "default": []},
    "reason": {"type": "str", "default": ""},
    "size": {"type": "bool", "default": False},
    "owner": {"type": "dict", "required": True},
    "gone": {"type": "dict", "default": {}},
}


def missing(module: AnsibleModule, app: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """Return the units of the live release found that are not active, or don't start at boot."""
    live = found["live"]
    wanted = {f"{app['service']}@{live}.service": found["enabled"]} if live else {}
    if live and app["has_target"]:
        wanted[f"{app['target']}@{live}.target"] = found["beside"]
    # Without systemd none is.
    _, output, _ = module.run_command(["systemctl", "is-active", *wanted]) if wanted else (0, "", "")
    states = output.split() or ["unknown"] * len(wanted)
    return [
        unit
        for (unit, enabled), state in zip(wanted.items(), states, strict=True)
        if state != "active" or live not in enabled
    ]


def busy(module: AnsibleModule, app: dict[str, Any], live: str) -> list[str]:
    """Return the releases beside the live one whose scheduled commands run now; nobody waits for those."""
    # systemd has a service of the type oneshot as activating while it runs.
    units = ["systemctl", "list-units", "--plain", "--no-legend", "--state=activating", f"{app['target']}-*@*.service"]
    _, output, _ = module.run_command(units)
    names = {line.split()[0].partition("@")[2].removesuffix(".service") for line in output.splitlines()}
    return sorted(names - {live})


def look(module: AnsibleModule, app: dict[str, Any]) -> dict[str, Any]:
    """Return what the documentation says is returned."""
    path = Path(app["path"])
    found = releases.look(path, Path("/etc/systemd/system"), app["service"], app["target"])
    found |= releases.leftovers(found, app["keep"], app["has_target"])
    found["missing"] = missing(module, app, found)
    found["busy"] = busy(module, app, found["live"])
    found["settings"] = releases.digest(app["settings"])
    if module.params["size"]:
        found["sizes"] = releases.sizes(path, found["finished"][::-1])
    return found


def socket(app: dict[str, Any], release: str) -> Path:
    """Return where the instance of a release listens."""
    return Path(app["sockets"], f"{release}.sock")


def hold(module: AnsibleModule, app: dict[str, Any], lock: Path) -> None:
    """Take the lock, and stop the command that a killed controller has left running; fail if somebody else has it."""
    owner = module.params["owner"]
    held = release_lock.hold(lock, owner, module.params["gone"], module.params["timeout"])
    if held["owner"] != owner:
        module.fail_json(msg="", holder=held)
    unit = f"app_deploy-{app['name']}.service"
    code, _, _ = module.run_command(["systemctl", "--quiet", "is-active", unit])
    if code == 0:
        release_units.systemctl(module.run_command, "stop", unit)


def start(module: AnsibleModule, app: dict[str, Any]) -> None:
    """Start a release and ask for its health; fail with its last words when it is not well."""
    release, health = module.params["release"], module.params["health"]
    try:
        release_units.start(module.run_command, f"{app['service']}@{release}", socket(app, release), health)
    except release_units.Unwell as error:
        live = releases.linked(Path(app["path"]) / "current")
        serves = f"release {live} serves on" if live else "nothing was switched"
        module.fail_json(
            msg=f"{app['name']}: release {release} did not answer {health['path']} with 200 ({error}); {serves}. "
            f"Its last words: {error.words}"
        )


def note(module: AnsibleModule, app: dict[str, Any], event: str, **details: Any) -> None:
    """Note an event in the log; a full disk there fails no release and no way back."""
    try:
        releases.log(app["name"], event, release=module.params["release"], **details)
    except OSError as error:
        module.warn(f"{app['name']}: the event {event} is not in the log: {error}")


def make_live(module: AnsibleModule, app: dict[str, Any], details: dict[str, Any]) -> None:
    """Switch to the release, or back to it, note it in the log, and start what runs beside it."""
    options, path = module.params, Path(app["path"])
    release, event, live = options["release"], options["event"], releases.linked(path / "current")
    details |= {name: options[name] for name in ("revision",) if options[name]}
    if event == "revert":
        releases.revert(path, release)
    else:
        releases.switch(path, release, options["bad"], details)
    reason = {"reason": options["reason"]} if options["reason"] else {}
    note(module, app, event, before=live, **details, **reason)
    run, target = module.run_command, f"{app['target']}@{release}.target"
    if app["has_target"]:
        release_units.systemctl(run, "enable", target)
    if live not in ("", release):
        # Right before the new ones start: a command whose time comes in between is left out, and none runs twice.
        release_units.systemctl(run, "stop", f"{app['target']}-*@{live}.timer")
    if app["has_target"]:
        # After a revert the target runs and its timers don't.
        release_units.systemctl(run, "start", target)


def note_failure(module: AnsibleModule, app: dict[str, Any], details: dict[str, Any]) -> None:
    """Note in the log that a release failed."""
    live = releases.linked(Path(app["path"]) / "current")
    note(module, app, "failure", before=live, **details, reason=module.params["reason"])


def stop(module: AnsibleModule, app: dict[str, Any]) -> None:
    """Stop the application, and what runs beside it."""
    service, target = app["service"], app["target"]
    # A scheduled command runs on when its timer has ended.
    release_units.systemctl(module.run_command, "stop", f"{target}@*.target", f"{target}-*@*.service")
    release_units.systemctl(module.run_command, "stop", f"{service}@*.socket", f"{service}@*.service")


def clean(module: AnsibleModule, app: dict[str, Any]) -> bool:
    """Stop and remove what is not needed of the releases; return whether there was anything."""
    found, run = look(module, app), module.run_command
    targets = [f"{app['target']}@{name}.target" for name in found["stale_targets"]]
    if targets:
        # What runs beside the old instances has jobs to finish, and does so while the instances do.
        release_units.systemctl(run, "disable", "--now", "--no-block", *targets)
    for name in found["stale_instances"]:
        release_units.finish(run, f"{app['service']}@{name}", socket(app, name))
    if targets:
        release_units.systemctl(run, "stop", *targets)
    releases.remove(Path(app["path"]), found["removable"])
    return any(found[name] for name in ("stale_targets", "stale_instances", "removable"))


def act(module: AnsibleModule, app: dict[str, Any], state: str) -> bool:
    """Do what the state asks for; return whether that changed anything but the lock."""
    lock = release_lock.LOCKS / f"{app['name']}.lock"
    match state:
        case "locked":
            hold(module, app, lock)
        case "unlocked":
            release_lock.give_back(lock, module.params["owner"])
        case "started":
            start(module, app)
        case "live":
            make_live(module, app, release_lock.held(lock))
        case "failed":
            note_failure(module, app, release_lock.held(lock))
        case "stopped":
            stop(module, app)
        case "cleaned":
            return clean(module, app)
    return state in ("started", "live", "failed", "stopped")


def main() -> None:
    """Run the module."""
    required = [("state", "started", ["release", "health"]), ("state", "live", ["release"])]
    module = AnsibleModule(argument_spec=SPEC, required_if=required, supports_check_mode=True)
    app, state = module.params["app"], module.params["state"]
    for name in ("current", "previous"):
        link = Path(app["path"]) / name
        if state not in ("unlocked", "failed") and link.exists() and not link.is_symlink():
            module.fail_json(
                msg=f"{link} is a real file or folder, not a link to a release: move it away and run again."
            )
    try:
        changed = not module.check_mode and act(module, app, state)
    except (release_units.UnitError, OSError) as error:
        module.fail_json(msg=f"{app['name']}: {error}")
    module.exit_json(changed=changed, **look(module, app))


if __name__ == "__main__":
    main()
