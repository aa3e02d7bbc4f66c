"""What a server holds of an application: its releases, their units, and the files that they run with."""

from __future__ import annotations

import json
import math
import os
import pwd
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.foobar.webstack.plugins.module_utils import (
    log_rotation,
    release_settings,
    releases,
    run_program,
)
from ansible_collections.foobar.webstack.plugins.module_utils.files import is_user
from ansible_collections.foobar.webstack.plugins.module_utils.names import INSTANCE, UNITS
from ansible_collections.foobar.webstack.plugins.module_utils.release_instance import instance, services
from ansible_collections.foobar.webstack.plugins.module_utils.release_units import Run
from ansible_collections.foobar.webstack.plugins.module_utils.set_up import set_up_by


class State(NamedTuple):
    """A unit's state and sub-state, such as active and running; of what systemd has restarted, for how long it runs.

    `lives` is in seconds, and infinite for what has not ended since it was started.
    """

    active: str
    sub: str
    lives: float = math.inf


# By the unit's name.
States = dict[str, State]

# The application's group is that of whoever migrates for it, too, who may be another user. Others have no way in: what
# nginx serves of it is read as the application's user.
SHARED_MODE = 0o770
# Up to version 0.1.0 nginx read it as one of the others, and goes on to until a whole run has set the server up anew.
FORMER_MODE = 0o751

# What all modules of releases must know of an application.
APP: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "path": {"type": "path", "required": True},
    "service": {"type": "str", "required": True},
    "target": {"type": "str", "required": True},
    "sockets": {"type": "path", "required": True},
    "keep": {"type": "int", "default": 5},
    "watch": {"type": "int", "default": 5},
    "user": {"type": "str", "default": ""},
    "shared_paths": {"type": "list", "elements": "str", "default": []},
    "shared_settings": {"type": "list", "elements": "str", "default": []},
}


def unit_states(run: Run) -> States:
    """Return the states of all units that systemd has loaded, in two calls; without systemd there are none."""
    command = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--full"]
    try:
        _, output, _ = run([*command, "--type=service,socket,target,timer"])
    except OSError:
        return {}
    fields = (line.split(maxsplit=4) for line in output.splitlines())
    states = {words[0]: State(words[2], words[3]) for words in fields if len(words) > 3}
    return states | {unit: states[unit]._replace(lives=lives) for unit, lives in _restarted(run, states).items()}


def _restarted(run: Run, states: States) -> dict[str, float]:
    """Return for how many seconds those services of releases have run that systemd has restarted; 0 between lives."""
    units = [
        unit
        for unit, state in states.items()
        if unit.endswith(".service")
        and _is_name(unit.partition("@")[2].removesuffix(".service"))
        and state.active != "inactive"
    ]
    if not units:
        return {}
    wanted = "Id,ActiveState,NRestarts,ActiveEnterTimestampMonotonic"
    _, output, _ = run(["systemctl", "show", f"--property={wanted}", *units])
    found = [dict(line.split("=", 1) for line in block.splitlines()) for block in output.strip().split("\n\n") if block]
    return {state["Id"]: _lives(state) for state in found if state["NRestarts"] != "0"}


def _lives(state: dict[str, str]) -> float:
    """Return for how many seconds a service has been active, by what systemd shows of it; 0 where it is not."""
    since = int(state["ActiveEnterTimestampMonotonic"]) / 1_000_000
    return time.monotonic() - since if state["ActiveState"] == "active" else 0


def installed(run: Run, packages: list[str]) -> set[str]:
    """Return those of some packages that are installed."""
    if not packages:
        return set()
    _, output, _ = run(["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\\n", *packages])
    return {line.split()[0] for line in output.splitlines() if line.endswith(" installed")}


def applied(app: str, folder: Path = release_settings.MANIFESTS) -> dict[str, str]:
    """Return the digests of what other roles have made of an application's entry, by key; nothing if unknown."""
    file = folder / app / "applied"
    found: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    return found


def _target(app: dict[str, Any], release: str, manifests: dict[str, Any]) -> str | None:
    """Return the text of a release's target: of its own one, or of a template where it has no files of its own."""
    file = Path(f"{UNITS}/{app['target']}@{release}.target")
    if release in manifests:
        own = {entry["dest"]: str(entry["content"]) for entry in manifests[release]["files"]}
        return own.get(str(file))
    found = [path for path in (file, file.with_name(f"{app['target']}@.target")) if path.exists()]
    return found[0].read_text() if found else None


def has_target(app: dict[str, Any], release: str, manifests: dict[str, Any]) -> bool:
    """Tell whether something runs beside a release."""
    return _target(app, release, manifests) is not None


def beside(app: dict[str, Any], release: str, manifests: dict[str, Any]) -> list[str]:
    """Return the services and timers that a release's target wants."""
    lines = re.findall(r"^Wants=(.*)$", _target(app, release, manifests) or "", re.MULTILINE)
    return [unit.replace(INSTANCE, release) for line in lines for unit in line.split()]


def gather(app: dict[str, Any], states: States) -> dict[str, Any]:
    """Return what the module release documents of one application."""
    manifests = release_settings.read(app["name"])
    found = releases.gather(Path(app["path"]), Path(UNITS), services(app, manifests, UNITS), app["target"])
    found |= releases.leftovers(found, app["keep"])
    live = found["live"]
    # Files of releases that are gone, and those that older ones shared when none of these is left.
    orphans = [name for name in manifests if name not in found["complete"] + found["incomplete"]]
    without = [name for name in found["kept"] + found["incomplete"] if name not in manifests]
    found["orphans"] = orphans
    found["unused"] = [
        *(file["dest"] for name in orphans for file in manifests[name]["files"] if Path(file["dest"]).exists()),
        *(str(file) for file in release_settings.shared(app["shared_settings"]) if live and not without),
        *(log_rotation.unused(app) if live else []),
    ]
    own = [manifests[name] for name in found["complete"] if name in manifests]
    own += [run_program.manifest(), log_rotation.manifest(app)]
    found["drifted"] = [dest for manifest in own for dest in release_settings.drifted(manifest)]
    found["unshared"] = [str(path) for path in shared_folders(app) if not _is_folder_of(path, app["user"])]
    found["has_target"] = bool(live) and has_target(app, live, manifests)
    serving = f"{instance(app, live, manifests, UNITS).unit}.service"
    wanted = [serving, *beside(app, live, manifests)] if live else []
    found["ended"] = [unit for unit in wanted if has_ended(states.get(unit), app["watch"])]
    found["missing"] = _missing(app, found, wanted, states)
    found["busy"] = [name for name in _busy(app, live, states) if name in found["records"] or _is_name(name)]
    return found


def shared_folders(app: dict[str, Any]) -> list[Path]:
    """Return the folders of an application that outlive a release and that it may write to."""
    return [Path(app["path"], "shared", name) for name in app["shared_paths"]]


def make_shared_folders(app: dict[str, Any]) -> None:
    """Make the folders that outlive a release, give them to the application's user, and have logs in them rotated.

    The app may write in them, and not put a link in the place of one, which root would follow: raise OSError then.
    """
    for path in shared_folders(app):
        if _is_folder_of(path, app["user"]):
            continue
        user = pwd.getpwnam(app["user"])
        for folder in reversed([path, *path.relative_to(app["path"]).parents]):
            place = Path(app["path"], folder)
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                raise OSError(f"{place} is no folder: move it away and run again")
            if not place.exists():
                place.mkdir()
                place.chmod(0o751)
        os.chown(path, user.pw_uid, user.pw_gid)
        path.chmod(SHARED_MODE)
    release_settings.restore(log_rotation.manifest(app))


def _is_name(name: str) -> bool:
    """Tell whether a release of the role's could have this name."""
    return bool(releases.NAME.fullmatch(name))


def _is_folder_of(path: Path, user: str) -> bool:
    """Tell whether a folder is there, is no link, and belongs to a user with the mode of shared ones."""
    if path.is_symlink() or not path.is_dir() or not is_user(user):
        return False
    stat = path.stat()
    modes = [SHARED_MODE] if set_up_by(Path("/")) else [SHARED_MODE, FORMER_MODE]
    return stat.st_uid == pwd.getpwnam(user).pw_uid and stat.st_mode & 0o777 in modes


def has_ended(state: State | None, watch: int) -> bool:
    """Tell whether a unit has ended by itself, and has not run since for as long as one is watched, in seconds."""
    if state is None:
        return False
    return state.active == "failed" or state.sub == "auto-restart" or state.lives < watch


def _missing(app: dict[str, Any], found: dict[str, Any], wanted: list[str], states: States) -> list[str]:
    """Return the units of the live release that are not active for another reason, or don't start at boot.

    The first one that is wanted serves, and starts at boot by itself; the others do by the target.
    """
    live = found["live"]
    at_boot = {unit: found["enabled"] for unit in wanted[:1]}
    if found["has_target"]:
        at_boot[f"{app['target']}@{live}.target"] = found["beside"]
    return [
        unit
        for unit in [*at_boot, *wanted[1:]]
        if live not in at_boot.get(unit, [live])
        or (unit not in found["ended"] and states.get(unit, State("inactive", "")).active != "active")
    ]


def running(app: dict[str, Any], states: States) -> tuple[list[str], list[str]]:
    """Return an app's targets and services beside its instances, and the instances' sockets and services, that run."""
    known = releases.read(Path(app["path"]))
    serving = services(app, release_settings.read(app["name"]), UNITS)
    beside, instances = [], []
    for unit, (state, *_) in states.items():
        name, _, instance = unit.partition("@")
        release, _, kind = instance.rpartition(".")
        # A scheduled command may outlive the folder of its release; a unit of somebody else's has another name.
        if state in ("inactive", "failed") or not (release in known or _is_name(release)):
            continue
        if name in serving and kind in ("socket", "service"):
            instances.append(unit)
        elif (name == app["target"] and kind == "target") or (
            name.startswith(f"{app['target']}-") and kind == "service"
        ):
            beside.append(unit)
    # A socket that is stopped last would start its service again.
    return beside, sorted(instances, key=lambda unit: unit.endswith(".service"))


def _busy(app: dict[str, Any], live: str, states: States) -> list[str]:
    """Return the releases beside the live one whose scheduled commands run now; nobody waits for those."""
    # systemd has a service of the type oneshot as activating while it runs.
    names = {
        unit.partition("@")[2].removesuffix(".service")
        for unit, state in states.items()
        if unit.startswith(f"{app['target']}-") and unit.endswith(".service") and state[:2] == ("activating", "start")
    }
    return sorted(names - {live})
