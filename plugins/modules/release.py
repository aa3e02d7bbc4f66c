#!/usr/bin/python
"""Change an application's releases on a server: lock them, start one, make it live, prune."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Lock an application's releases, start one, make it live, and prune
description:
  - With O(state=locked) the lock is taken, what an interrupted run has left is removed, and the files that O(release)
    runs with are written, unless it is a finished one. What a finished release runs with is never changed.
  - With O(state=live) the release's instance is started and asked for O(health) over its own socket. One that does not
    answer is stopped again, its last words are shown, and the module fails. Else the release's record is written,
    C(previous) points to the release that was live, and C(current) is replaced in one rename, so that code, static
    files and socket change for the web server in the same instant. Then the timers of the release that was live are
    stopped, and what runs beside the new one is started and watched for O(app.watch) seconds; where a command ends, the
    release before goes live again, and the module fails.
  - With O(state=stopped) all that runs of the application is stopped, and has ended when the module has; what starts at
    boot still does.
  - With O(state=repaired) files of releases that were changed are restored, and the units of the live release are
    started and enabled. Those that did not run, or had ended by themselves, are asked for O(health) and watched, and
    the module fails where one ends again; it stays live.
  - With O(state=pruned) what is not the live release's is stopped, an instance not before it has taken up all that
    waits at its socket, and releases that are not to be kept are removed with the files that they ran with.
  - The lock is a file on the server that says which run of which controller holds it, and since when. It is taken over
    when its run is gone - the same user on the same controller asks, where the process no longer runs - when another
    user or controller has held it for longer than O(timeout), and after a restart of the server. What the run before
    has left running of the service C(app_deploy-<name>) is stopped then.
  - Whoever does not hold the lock changes nothing. Whoever is refused it is told who holds it, by which process and
    since when.
  - With O(state=locked) and O(state=repaired) the program C(/usr/local/sbin/webstack-run) is written, too, which runs a
    command beside the live release of an application.
  - C(/var/log/app_deploy/<name>.log) gets a line for each release that goes live or fails. Who does it, and for how
    long, the lock says.
options:
  state:
    type: str
    choices: [locked, unlocked, live, reverted, failed, stopped, repaired, pruned]
    required: true
    description: What to do.
  timeout:
    type: int
    default: 3600
    description: Seconds after which the run of another user or controller counts as gone.
  release: {type: str, default: "", description: Release to write files for or to make live.}
  refuse_bad: {type: bool, default: false, description: "Refuse to lock for a release that was rolled back from."}
  settings:
    type: list
    elements: dict
    default: []
    description: Files that the release runs with; they are no option of the task's output.
    suboptions:
      dest: {type: str, required: true, description: "Path, in which C(%i) stands for the release."}
      content: {type: str, required: true, description: Content.}
      owner: {type: str, default: root, description: Owner.}
      group: {type: str, default: root, description: Group.}
      mode: {type: str, default: "0644", description: Mode.}
      validate: {type: str, description: Command that must succeed; %s is the new file.}
      in_release: {type: bool, default: false, description: It stands in the release's folder and comes with the build.}
  unlock: {type: bool, default: false, description: "Give the lock back, too, with O(state=pruned)."}
  busy_apps:
    type: list
    elements: str
    default: []
    description: Apps that RV(busy_apps) is to name beside this one.
  passwords:
    type: dict
    default: {}
    description: >-
      Passwords in O(settings) by name. When one is another one than a kept release was written with, it is replaced
      there by O(state=pruned), so that the release can start again. With O(event=rollback) not by one that the server
      does not know, such as that of a controller which has made up its own.
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
    choices: [deploy, rollback]
    description: Why it goes live.
  revision: {type: str, default: "", description: What the source's revision is; kept from the record unless set.}
  bad: {type: list, elements: str, default: [], description: Releases that are bad from now on.}
  reason: {type: str, default: "", description: Why it failed.}
attributes:
  check_mode: {support: full, description: "Changes nothing, and returns what the server holds."}
  diff_mode: {support: none, description: Shows no difference.}
extends_documentation_fragment: [foobar.webstack.application]
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Take the lock
  foobar.webstack.release:
    app: {name: shop, path: /srv/shop, service: gunicorn-shop, target: shop, sockets: /run/gunicorn-shop}
    state: locked

- name: Start the release, ask for its health page and make it live
  foobar.webstack.release:
    app: {name: shop, path: /srv/shop, service: gunicorn-shop, target: shop, sockets: /run/gunicorn-shop}
    state: live
    release: 1a2b3c4d-5e6f7a8b
    health: {path: /health, headers: {Host: shop.example.com}}
"""

RETURN = r"""
goal: {type: str, returned: success, description: "The release that was meant; without one, that of a rollback."}
name: {type: str, returned: success, description: "Name of the application."}
live: {type: str, returned: success, description: "Release that C(current) points to, or an empty string."}
previous: {type: str, returned: success, description: "Release that C(previous) points to, or an empty string."}
complete: {type: list, elements: str, returned: success, description: "Releases that have been live, newest first."}
bad: {type: list, elements: str, returned: success, description: Those of them that were rolled back from.}
incomplete: {type: list, elements: str, returned: success, description: "Releases that never were."}
enabled: {type: list, elements: str, returned: success, description: Releases whose instance starts at boot.}
beside: {type: list, elements: str, returned: success, description: Releases whose target starts at boot.}
ended:
  type: list
  elements: str
  returned: success
  description: Services of the live release that have ended by themselves, and not run for O(app.watch) seconds since.
missing:
  type: list
  elements: str
  returned: success
  description: Other units of the live release that are not active, or don't start at boot.
unshared: {type: list, elements: str, returned: success, description: Shared folders that are not as they should be.}
drifted:
  type: list
  elements: str
  returned: success
  description: Files of releases that were changed, and the program C(webstack-run) where it is not this version's.
unused: {type: list, elements: str, returned: success, description: Files of releases that are gone.}
orphans: {type: list, elements: str, returned: success, description: Releases that are gone and whose files are not.}
has_target: {type: bool, returned: success, description: Whether something runs beside the live release.}
kept: {type: list, elements: str, returned: success, description: "Releases to keep, the live one first."}
stale_instances: {type: list, elements: str, returned: success, description: Releases whose instance is to be stopped.}
stale_targets: {type: list, elements: str, returned: success, description: Releases whose target is to be stopped.}
busy: {type: list, elements: str, returned: success, description: Other releases whose scheduled commands run now.}
busy_apps: {type: list, elements: str, returned: success, description: "O(busy_apps), and this one if it is busy."}
removable: {type: list, elements: str, returned: success, description: "Releases to remove."}
records: {type: dict, returned: success, description: "Of each finished release its revision, when, by whom and so on."}
"""

import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import (
    release_lock,
    release_plan,
    release_settings,
    release_state,
    release_units,
    releases,
    run_program,
    sandbox_hints,
)
from ansible_collections.foobar.webstack.plugins.module_utils.release_instance import Instance, instance
from ansible_collections.foobar.webstack.plugins.module_utils.secret_fingerprints import STORE, Fingerprints

SPEC: dict[str, Any] = {
    "app": {"type": "dict", "required": True, "options": release_state.APP},
    "state": {
        "type": "str",
        "choices": ["locked", "unlocked", "live", "reverted", "failed", "stopped", "repaired", "pruned"],
        "required": True,
    },
    "timeout": {"type": "int", "default": 3600},
    "release": {"type": "str", "default": ""},
    "refuse_bad": {"type": "bool", "default": False},
    "settings": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "dest": {"type": "str", "required": True},
            "content": {"type": "str", "required": True},
            "owner": {"type": "str", "default": "root"},
            "group": {"type": "str", "default": "root"},
            "mode": {"type": "str", "default": "0644"},
            "validate": {"type": "str"},
            "in_release": {"type": "bool", "default": False},
        },
    },
    "unlock": {"type": "bool", "default": False},
    "busy_apps": {"type": "list", "elements": "str", "default": []},
    "passwords": {"type": "dict", "default": {}, "no_log": False},
    "health": {
        "type": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "headers": {"type": "dict", "default": {}},
            "timeout": {"type": "int", "default": 30},
        },
    },
    "event": {"type": "str", "choices": ["deploy", "rollback"], "default": "deploy"},
    "revision": {"type": "str", "default": ""},
    "bad": {"type": "list", "elements": "str", "default": []},
    "reason": {"type": "str", "default": ""},
    "owner": {"type": "dict", "required": True},
    "gone": {"type": "dict", "default": {}},
}


class Failure(Exception):
    """The application stays as it was; the text says why, `words` is what the release said last."""

    def __init__(self, message: str, words: str = "") -> None:
        """Say why."""
        super().__init__(message)
        self.words = words


def gather(module: AnsibleModule, app: dict[str, Any]) -> dict[str, Any]:
    """Return what the documentation says is returned."""
    return release_state.gather(app, release_state.unit_states(module.run_command))


def serving(app: dict[str, Any], release: str) -> Instance:
    """Return the service that runs a release."""
    return instance(app, release, release_settings.read(app["name"]), release_state.UNITS)


def reload_systemd(module: AnsibleModule, needed: bool) -> None:
    """Let systemd read its units again where one has changed."""
    if needed:
        release_units.systemctl(module.run_command, "daemon-reload")


def lock(module: AnsibleModule, app: dict[str, Any], file: Path) -> bool:
    """Take the lock and prepare the release; give the lock back where that is refused. Return what prepare does."""
    options = module.params
    held = release_lock.hold(file, options["owner"], options["gone"], options["timeout"])
    if held["owner"] != options["owner"]:
        module.fail_json(msg="", holder=held)
    unit = f"app_deploy-{app['name']}.service"
    try:
        code, _, _ = module.run_command(["systemctl", "--quiet", "is-active", unit])
        if code == 0:
            release_units.systemctl(module.run_command, "stop", unit)
        refuse(app, options, gather(module, app))
        return prepare(module, app)
    except BaseException:
        release_lock.give_back(file, options["owner"])
        raise


def refuse(app: dict[str, Any], options: dict[str, Any], found: dict[str, Any]) -> None:
    """Raise Failure where a release was rolled back from, or can't be gone back to."""
    if options["event"] == "rollback":
        obstacle = release_plan.obstacle(found, goal(options, found))
        if obstacle:
            raise Failure(f"{app['name']}: {obstacle}")
    elif options["refuse_bad"] and release_plan.is_bad(found, options["release"]):
        raise Failure(
            f"{app['name']}: release {options['release']}, or its code, was rolled back as a bad one; deploy another "
            "version, or add -e app_deploy_retry_bad=true."
        )


def goal(options: dict[str, Any], found: dict[str, Any]) -> str:
    """Return the release that is meant; a rollback that names none goes to the one before."""
    if options["event"] == "rollback" and not options["release"]:
        return str(found["previous"])
    return str(options["release"])


def prepare(module: AnsibleModule, app: dict[str, Any]) -> bool:
    """Remove what an interrupted run has left, and write what the release runs with, unless it is finished.

    Return whether anything was removed.
    """
    options, found = module.params, gather(module, app)
    pruned = any(found[name] for name in ("stale_instances", "stale_targets", "removable"))
    if pruned:
        prune(module, app, spared=goal(options, found))
    if options["release"] != found["live"]:
        release_state.make_shared_folders(app)
    release_settings.restore(run_program.manifest())
    if options["settings"] and options["release"] not in found["complete"]:
        validate(module, app)
        manifest = release_settings.manifest_of(options["release"], options["settings"], options["passwords"])
        reload_systemd(module, release_settings.write(app["name"], options["release"], manifest, is_built=False))
    wanted = goal(options, found)
    manifests = release_settings.read(app["name"])
    if wanted != found["live"] and wanted in found["complete"] and wanted in manifests:
        # A kept release may know a password that was today's when another one was live.
        renewed = renew(manifests[wanted], options, manifests.get(found["live"]))
        if renewed != manifests[wanted]:
            release_settings.write(app["name"], wanted, renewed)
    return pruned


def validate(module: AnsibleModule, app: dict[str, Any]) -> None:
    """Raise Failure unless the programs that will read the files accept them."""
    for file in module.params["settings"]:
        if not file["validate"]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, Path(file["dest"]).name)
            path.touch(mode=0o600)
            path.write_text(file["content"])
            code, output, error = module.run_command(file["validate"].replace("%s", str(path)))
        if code != 0:
            raise Failure(f"{app['name']}: {file['dest']} is refused: {(error or output).strip()}")


def note(module: AnsibleModule, app: dict[str, Any], event: str, **details: Any) -> None:
    """Note an event in the log; a full disk there fails no release and no way back."""
    try:
        releases.log(app["name"], event, release=module.params["release"], **details)
    except OSError as error:
        module.warn(f"{app['name']}: the event {event} is not in the log: {error}")


def why(app: dict[str, Any], release: str, said: str) -> str:
    """Return what a release's sandbox may have to do with its last words."""
    own = release_settings.read(app["name"]).get(release, {"files": []})["files"]
    units = "\n".join(file["content"] for file in own if file["dest"].endswith(".service"))
    return sandbox_hints.hint(said.splitlines(), f"{app['path']}/releases/{release}", units)


def unanswered(
    module: AnsibleModule, app: dict[str, Any], release: str, error: release_units.UnhealthyError, what: str
) -> Failure:
    """Return the failure of a release that does not answer its health page; `what` is so now."""
    page = module.params["health"]["path"]
    message = f"{app['name']}: release {release} did not answer {page} with 200 ({error}); {what}."
    return Failure(message + why(app, release, error.words), error.words)


def make_live(module: AnsibleModule, app: dict[str, Any], details: dict[str, Any]) -> None:
    """Start the release, switch to it when it is healthy, note it in the log, and start what runs beside it."""
    options, path, run = module.params, Path(app["path"]), module.run_command
    release, live = options["release"], releases.linked(path / "current")
    try:
        own = serving(app, release)
        release_units.start(run, own.unit, own.socket, options["health"])
    except release_units.UnhealthyError as error:
        serves = f"release {live} serves on" if live else "nothing was switched"
        raise unanswered(module, app, release, error, serves) from None
    details |= {name: options[name] for name in ("revision",) if options[name]}
    releases.switch(path, release, options["bad"], details)
    note(module, app, options["event"], before=live, **details)
    switch_targets(module, app, live, release)
    if not release_state.has_target(app, release, release_settings.read(app["name"])):
        return
    try:
        beside = release_units.wanted_by(run, f"{app['target']}@{release}.target")
        release_units.watch(run, beside, app["watch"])
    except release_units.UnhealthyError as error:
        message, reason = f"{app['name']}: of release {release}, {error}", why(app, release, error.words)
        if live in ("", release):
            stays = "There is no release to go back to, so it stays live."
            raise Failure(f"{message}. {stays}{reason}", error.words) from None
        revert(module, app, f"{error}")
        raise Failure(f"{message}; release {live} is live again.{reason}", error.words) from None


def switch_targets(module: AnsibleModule, app: dict[str, Any], before: str, release: str) -> None:
    """Start what runs beside a release in the place of what runs beside the one before."""
    run, target = module.run_command, f"{app['target']}@{release}.target"
    wanted = release_state.has_target(app, release, release_settings.read(app["name"]))
    if wanted:
        release_units.systemctl(run, "enable", target)
    if before not in ("", release):
        # Right before the new ones start: a command whose time comes in between is left out, and none runs twice.
        release_units.systemctl(run, "stop", f"{app['target']}-*@{before}.timer")
    if wanted:
        # After a revert the target runs and its timers don't.
        release_units.systemctl(run, "start", target)


def revert(module: AnsibleModule, app: dict[str, Any], reason: str) -> None:
    """Make the release before live again where it still runs."""
    path = Path(app["path"])
    live, previous = releases.linked(path / "current"), releases.linked(path / "previous")
    releases.revert(path, previous, forget=module.params["event"] == "deploy")
    note(module, app, "revert", before=live, reason=reason)
    switch_targets(module, app, live, previous)


def revert_release(module: AnsibleModule, app: dict[str, Any]) -> bool:
    """Go back from the release, if it is live and there is one before; return whether that was done."""
    path, release = Path(app["path"]), module.params["release"]
    if releases.linked(path / "current") != release or not releases.linked(path / "previous"):
        return False
    revert(module, app, module.params["reason"] or "it failed on another host")
    return True


def note_failure(module: AnsibleModule, app: dict[str, Any], file: Path) -> None:
    """Note in the log that a release failed, and whose it was, also where somebody else holds the lock by now."""
    live, owner = releases.linked(Path(app["path"]) / "current"), module.params["owner"]
    details = release_lock.held(file) if release_lock.is_held_by(file, owner) else {"by": owner["by"]}
    note(module, app, "failure", before=live, **details, reason=module.params["reason"])


def stop(module: AnsibleModule, app: dict[str, Any]) -> None:
    """Stop the application, and what runs beside it."""
    # What runs beside the instances first; a scheduled command runs on when its timer has ended.
    for units in release_state.running(app, release_state.unit_states(module.run_command)):
        if units:
            release_units.systemctl(module.run_command, "stop", *units)


def repair(module: AnsibleModule, app: dict[str, Any]) -> bool:
    """Restore the files of releases, and keep the live one running, now and at boot; return whether it was not so."""
    found = gather(module, app)
    manifests = release_settings.read(app["name"])
    units = [release_settings.restore(manifests[name]) for name in found["complete"] if name in manifests]
    release_settings.restore(run_program.manifest())
    reload_systemd(module, any(units))
    release_state.make_shared_folders(app)
    start_again(module, app, found)
    return any(found[name] for name in ("ended", "missing", "drifted", "unshared"))


def start_again(module: AnsibleModule, app: dict[str, Any], found: dict[str, Any]) -> None:
    """Start what does not run of the live release, or has ended; raise Failure where it ends again."""
    run, release, units = module.run_command, found["live"], {*found["ended"], *found["missing"]}
    if not units:
        return
    own, states = serving(app, release), release_state.unit_states(run)
    # systemd would count one that waits for its restart as restarted; one that runs by now serves on.
    down = [unit for unit in found["ended"] if unit in states and states[unit].active != "active"]
    if down:
        release_units.systemctl(run, "stop", *down)
    # What was before counts no more, of what somebody has stopped between two of its ends, too.
    run(["systemctl", "reset-failed", *sorted(units)])
    beside = sorted(units - {f"{own.unit}.service"})
    # It runs already where one of those that it wants has ended, and starts that all the same.
    start_beside = ["enable", "--now", f"{app['target']}@{release}.target"]
    try:
        if f"{own.unit}.service" in units:
            release_units.start_again(run, own.unit, own.socket, module.params["health"])
    except release_units.UnhealthyError as error:
        if beside:
            # What both wait for may come without another run.
            run(["systemctl", "--no-block", *start_beside])
        raise unanswered(module, app, release, error, "it stays live") from None
    if not beside:
        return
    release_units.systemctl(run, *start_beside)
    try:
        # The life of one that ran between two of its ends has begun before.
        release_units.watch(run, beside, app["watch"], since=0)
    except release_units.UnhealthyError as error:
        message = f"{app['name']}: of release {release}, {error}; it stays live."
        raise Failure(message + why(app, release, error.words), error.words) from None


def prune(module: AnsibleModule, app: dict[str, Any], spared: str = "") -> bool:
    """Stop and remove what is not needed of the releases; return whether there was anything.

    A finished release that is to go live again is spared, also where fewer are kept than before.
    """
    found, run = gather(module, app), module.run_command
    removable = [name for name in found["removable"] if name != spared or name not in found["complete"]]
    targets = [f"{app['target']}@{name}.target" for name in found["stale_targets"]]
    if targets:
        # What runs beside the old instances has jobs to finish, and does so while the instances do.
        release_units.systemctl(run, "disable", "--now", "--no-block", *targets)
    for name in found["stale_instances"]:
        old = serving(app, name)
        release_units.drain(run, old.unit, old.socket)
    if targets:
        release_units.systemctl(run, "stop", *targets)
    # The files that a release ran with go first: without its folder nobody would know of them.
    units = release_settings.remove(app["name"], [*removable, *found["orphans"]])
    releases.remove(Path(app["path"]), removable)
    units |= release_settings.remove_shared(gather(module, app)["unused"])
    reload_systemd(module, units)
    return any(found[name] for name in ("stale_targets", "stale_instances", "removable", "unused")) or units


def renew(
    manifest: release_settings.Manifest, options: dict[str, Any], live: release_settings.Manifest | None
) -> release_settings.Manifest:
    """Return a manifest with today's passwords.

    A deploy has compared the controller's secrets with the server's before. A rollback has not, so it takes only those
    that the server knows: by the live release, or by a fingerprint.
    """
    passwords = options["passwords"]
    if options["event"] == "deploy":
        return release_settings.renewed(manifest, passwords)
    before, today = manifest["passwords"], live["passwords"] if live else {}
    changed = {name: value for name, value in passwords.items() if before.get(name, value) != value}
    kept = Fingerprints(Path("/") / STORE) if changed else None
    ours = {
        name: value
        for name, value in changed.items()
        if today.get(name) == value or (kept and kept.replaces(value, before[name]))
    }
    return release_settings.renewed(manifest, ours)


def renew_passwords(module: AnsibleModule, app: dict[str, Any]) -> bool:
    """Let kept releases know today's passwords; return whether that changed any."""
    found, changed = gather(module, app), False
    manifests = release_settings.read(app["name"])
    for name, manifest in manifests.items():
        renewed = renew(manifest, module.params, manifests.get(found["live"]))
        if name != found["live"] and renewed != manifest:
            release_settings.write(app["name"], name, renewed)
            changed = True
    return changed


def act(module: AnsibleModule, app: dict[str, Any], state: str) -> bool:
    """Do what the state asks for; return whether that changed anything but the lock."""
    file = release_lock.LOCKS / f"{app['name']}.lock"
    if state not in ("locked", "unlocked", "failed"):
        release_lock.require(app["name"], module.params["owner"])
    match state:
        case "locked":
            return lock(module, app, file)
        case "unlocked":
            release_lock.give_back(file, module.params["owner"])
        case "live":
            make_live(module, app, release_lock.held(file))
        case "reverted":
            return revert_release(module, app)
        case "failed":
            note_failure(module, app, file)
        case "stopped":
            stop(module, app)
        case "repaired":
            return repair(module, app)
        case "pruned":
            changed = prune(module, app) | renew_passwords(module, app)
            if module.params["unlock"]:
                release_lock.give_back(file, module.params["owner"])
            return changed
    return state in ("live", "failed", "stopped")


def main() -> None:
    """Run the module."""
    required = [("state", "live", ["release", "health"]), ("state", "repaired", ["health"])]
    module = AnsibleModule(argument_spec=SPEC, required_if=required, supports_check_mode=True)
    app, state = module.params["app"], module.params["state"]
    # The output of no run shows what a release runs with.
    shown = {name: value for name, value in module.params.items() if name not in ("settings", "passwords")}
    invocation: dict[str, Any] = {"invocation": {"module_args": shown}}
    try:
        if state not in ("unlocked", "failed"):
            releases.refuse_foreign_links(Path(app["path"]))
        changed = not module.check_mode and act(module, app, state)
    except Failure as error:
        module.fail_json(msg=str(error), last_lines=error.words.splitlines(), **invocation)
    except (release_units.UnitError, OSError, ValueError) as error:
        module.fail_json(msg=f"{app['name']}: {str(error).rstrip('.')}.", **invocation)
    found = gather(module, app)
    found |= {"name": app["name"], "goal": goal(module.params, found)}
    others = set(module.params["busy_apps"]) - {app["name"]}
    found["busy_apps"] = sorted(others | ({app["name"]} if found["busy"] else set()))
    module.exit_json(changed=changed, **found, **invocation)


if __name__ == "__main__":
    main()
