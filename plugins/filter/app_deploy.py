"""Filters of the role app_deploy: mistakes in its list of applications, its phases, and tables of releases."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import (
    SYSTEM_USERS,
    App,
    folder_fault,
    is_outside,
    wrong_names,
    wrong_numbers,
    wrong_variables,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.package_keys import package_mistakes

# The variables of a host.
Host = Mapping[str, Any]

# In this order, and when: while no host has failed, only where one has, or in any case.
PHASES = {
    "lock": "success",
    "repair": "success",
    "prepare": "success",
    "build": "success",
    "migrate": "success",
    "stop": "success",
    "restore": "success",
    "switch": "success",
    "revert": "failure",
    "cleanup": "any",
}

# An address with user and password, or with a token, which may have a slash in it.
ADDRESS_WITH_SECRET = r"//[^/@]+:[^/@]+@|^https?://([^/@]+@|[^/@:]*:(?!\d+(/|$))[^@]*@)"
# What a release has that no file of a user's may replace.
MADE = {".git", ".release.json", ".release.json.part", ".venv", "REVISION", "gunicorn.sock"}
# As git takes the address of a repository, and this role a folder of the controller.
# What begins like a host, as github.com/me/shop, lacks how it is reached.
REPOSITORY = re.compile(
    r"/|\.\.?/|~|[A-Za-z][A-Za-z0-9+.-]*://|([\w.-]+@)?(\[[0-9a-fA-F:]+\]|[\w.-]+):(?!//)"
    r"|(?!([\w-]+\.)+[A-Za-z]{2,}/|.*//)\w[^:]*$"
)
# Names that files have and folders have not.
FILES = re.compile(r"\.sqlite3?$|(^|/)\.env$")
# What keeps secrets out of the addresses of sources.
INSTEAD = {"repo": "an SSH key or git's credential helper", "archive": "~/.netrc"}


def app_deploy_mistakes(apps: list[App], serial: int | str = 1) -> list[str]:
    """Return one sentence for each mistake in `app_deploy_apps` and `app_deploy_serial`."""
    mistakes = wrong_names("app_deploy_apps", [str(app["name"]) for app in apps])
    for key in ("build_environment", "migrate_environment"):
        mistakes += wrong_variables("app_deploy_apps", key, apps)
    if int(serial) < 1:
        mistakes.append(f"app_deploy_serial: {serial} hosts can't go live at a time; it must be 1 or more.")
    for app in apps:
        if "subdirectory" in app and (fault := folder_fault(str(app["subdirectory"]), "the source")):
            mistakes.append(
                f"app_deploy_apps: the subdirectory {json.dumps(str(app['subdirectory']))} of {app['name']} {fault}"
            )
        mistakes += [
            f"app_deploy_apps: the {key} of {app['name']} is {app[key]}, which YAML has made of what you wrote, as it "
            f'makes 1.1 of 1.10; put it in quotes, such as "{example}".'
            for key, example in (("version", "v1.10"), ("python", "3.10"))
            if key in app and not isinstance(app[key], str)
        ]
        if len({"directory", "repo", "archive"} & app.keys()) != 1:
            mistakes.append(f"app_deploy_apps: {app['name']} needs one source: directory, repo or archive.")
        mistakes += [f"app_deploy_apps: {mistake}" for mistake in (*wrong_source(app), *wrong_shared(app))]
        mistakes += [*wrong_numbers("app_deploy_apps", app), *wrong_files(app)]
        mistakes += [
            f"app_deploy_apps: {json.dumps(path)} in include of {app['name']} must be a path below its source."
            for path in map(str, app.get("include", []))
            if is_outside(path)
        ]
        for path in map(str, app.get("static_paths", [])):
            if is_outside(path):
                mistakes.append(
                    f"app_deploy_apps: the static path {json.dumps(path)} of {app['name']} must be a folder below its "
                    "release."
                )
        for key, instead in INSTEAD.items():
            if re.search(ADDRESS_WITH_SECRET, str(app.get(key, ""))):
                mistakes.append(
                    f"app_deploy_apps: the {key} of {app['name']} holds a password or a token, which every run would "
                    f"show; use {instead} on the controller."
                )
        mistakes += [f"app_deploy_apps: {mistake}" for mistake in package_mistakes(app)]
        if app.get("user") in SYSTEM_USERS:
            mistakes.append(f"app_deploy_apps: {app['name']} can't run as {app['user']}, who is the system's.")
        if not str(app["health_path"]).startswith("/"):
            mistakes.append(f'app_deploy_apps: the health_path of {app["name"]} must begin with "/", such as /health.')
        elif not re.fullmatch(r"[!-~]+", str(app["health_path"])) or "#" in str(app["health_path"]):
            mistakes.append(
                f"app_deploy_apps: the health_path of {app['name']} must be as a browser sends it: in ASCII, without a "
                'space, a line break and a "#".'
            )
        python = str(app.get("python", "/usr/bin/python3"))
        if not python.startswith("/") and app.get("installer") == "pip":
            mistakes.append(
                f"app_deploy_apps: the python of {app['name']} must be the path of an interpreter, as pip fetches none."
            )
        elif not python.startswith("/") and re.match(r"[^<>=!~]*[/\s]", python):
            mistakes.append(
                f"app_deploy_apps: the python of {app['name']} is {json.dumps(python)}; write the whole path of an "
                'interpreter, or a version, such as "3.11".'
            )
    return mistakes


def wrong_source(app: App) -> Iterator[str]:
    """Find a repository that git would look for elsewhere, and keys that are of another kind of source."""
    name, repo = app["name"], str(app.get("repo", ""))
    for key, kind in (("version", "repo"), ("checksum", "archive")):
        if isinstance(app.get(key), str) and kind not in app:
            yield f"the {key} of {name} counts for nothing, as its source is no {kind}: take it out."
    if "repo" in app and app.get("version") == "":
        yield f"the version of {name} is empty; name a branch, a tag or a commit, or leave it out."
    if re.match(r"ssh://([^@/]*@)?(\[[^]]*\]|[^/:[]*):(?!\d+(/|$))", repo):
        yield f"the repo of {name} has a colon and no port behind its host; write ssh://git@host/path or git@host:path."
    elif "repo" in app and not REPOSITORY.match(repo):
        yield f"the repo of {name} is no address; write https://host/path, git@host:path, or ./path for a folder."


def wrong_shared(app: App) -> Iterator[str]:
    """Find what can't outlive an app's releases, or does so already as a part of something else."""
    name = app["name"]
    keys = {key: [str(path) for path in app.get(key, [])] for key in ("shared_paths", "shared_files")}
    every = {str(PurePosixPath(path)) for paths in keys.values() for path in paths}
    for key, path in ((key, path) for key, paths in keys.items() for path in paths):
        plain = str(PurePosixPath(path))
        around = [other for other in every if other != plain and is_below(plain, [other])]
        if is_outside(path):
            yield f"{json.dumps(path)} of {name} must be a path below its release."
        elif folder_fault(plain, "its release") or plain.partition("/")[0] in MADE:
            yield (
                f'{json.dumps(path)} in {key} of {name} must be of letters, digits and "._,+@()-", and none of what '
                "the role makes in a release."
            )
        elif around:
            yield f"{path} in {key} of {name} lies in {around[0]}, which outlives its releases as a whole: take it out."
        elif key == "shared_paths" and FILES.search(plain):
            yield f"{path} in shared_paths of {name} would be a folder; a file goes into shared_files of app_deploy."


def wrong_files(app: App) -> list[str]:
    """Return what is wrong with the files of the user's own that an app's releases have."""
    written = [str(file["dest"]) for file in app.get("files", [])]
    dests = [str(PurePosixPath(dest)) for dest in written]
    outlives = [str(path) for path in (*app.get("shared_paths", []), *app.get("shared_files", []))]
    static = [str(path) for path in app.get("static_paths", [])]
    reasons = {
        "must be a path below its release, and none of what the role makes there": (
            lambda dest: is_outside(dest) or dest.partition("/")[0] in MADE
        ),
        'has a "%", which systemd\'s words begin with': lambda dest: "%" in dest,
        "is listed twice": lambda dest: dests.count(dest) > 1,
        "would take the place of a folder: a shared path, a static folder or the place of another file is below it": (
            lambda dest: any(is_below(place, [dest]) for place in [*outlives, *static, *dests] if place != dest)
        ),
        "lies in what outlives its releases": lambda dest: is_below(dest, outlives),
        "lies in a static folder, which everybody may read": (lambda dest: is_below(dest, static)),
    }
    faults = {dest: next((why for why, applies in reasons.items() if applies(dest)), "") for dest in dests}
    faults |= {
        dest: "must be the name of a file, on one line"
        for dest in written
        if dest.endswith("/") or not dest.isprintable()
    }
    return [
        f"app_deploy_apps: the dest {json.dumps(dest)} in files of {app['name']} {why}."
        for dest, why in faults.items()
        if why
    ]


def is_below(path: str, folders: Iterable[str]) -> bool:
    """Tell whether a path is one of some folders, or below one."""
    return any(PurePosixPath(path).is_relative_to(folder) for folder in folders)


def app_deploy_table(info: dict[str, Any]) -> list[str]:
    """Return lines that show the releases of a server, the newest first; info is of the module release."""
    rows = [("RELEASE", "REVISION", "AT", "BY", "TOOK", "SIZE", "")]
    for release, record in info["records"].items():
        marks = [name for name in ("live", "previous") if info[name] == release]
        rows.append(
            (
                release,
                record.get("revision", "")[:12],
                record["at"],
                record.get("by", ""),
                f"{record.get('seconds', 0):.0f} s",
                f"{info['sizes'][release] / 2**20:.1f} MiB",
                " ".join([*marks, *(["bad"] if record.get("bad") else [])]),
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return lines + [f"{release} is not finished." for release in info["incomplete"]]


def app_deploy_due(app: App, info: App, verb: str, restores: bool = False) -> list[str]:
    """Return the phases that an app has to go through on a host.

    `app` is the app's plan, `info` what the server holds now, which may be more recent; `verb` is `main`, `deploy` or
    `rollback`.
    """
    if verb == "rollback":
        return ["lock", *(["stop", "restore"] if restores else []), "switch", "revert", "cleanup"]
    wanted, action = app["release"], app["action"]
    if action == "skip" and verb == "deploy":
        return ["lock"]
    if action in ("repair", "skip"):
        return ["lock", "repair", "cleanup"] if app["repairs"] else []
    if action != "release":
        return []
    if info["live"] == wanted:
        return ["lock", "cleanup"]
    is_finished = wanted in info["complete"]
    # A database that was brought back lacks what a bad release had migrated.
    migrates = "migrate_command" in app and (not is_finished or wanted in info["bad"])
    return [
        "lock",
        *(["prepare"] if app["prepare"] and verb == "main" else []),
        *([] if is_finished else ["build"]),
        *(["migrate"] if migrates else []),
        *("switch", "revert", "cleanup"),
    ]


def app_deploy_todo(hosts: Sequence[Host], verb: str) -> list[str]:
    """Return the apps that have something to do on any host, in the order of their lists."""
    names = [name for plan in _plans(hosts) for name, app in plan.items() if app_deploy_due(app, app, verb)]
    return list(dict.fromkeys(names))


def app_deploy_phases(
    hosts: Sequence[Host], app: str, verb: str, restores: bool, serial: int | str
) -> list[dict[str, Any]]:
    """Return the phases that an app goes through on any host: of each its name, when, and on which hosts.

    One switches on `serial` hosts at a time: each batch is a phase, so that one that fails stops the next. A database
    is migrated on the first host that has to, and restored on the first one that has the app.
    """
    having = {str(host["inventory_hostname"]): host["__app_deploy_plan"]["apps"].get(app) for host in _planned(hosts)}
    names = [name for name, plan in having.items() if plan]
    due = {phase for plan in having.values() if plan for phase in app_deploy_due(plan, plan, verb, restores)}
    # All go back at once, as they have failed at once.
    step = len(names) if verb == "rollback" else int(serial)
    batches = [names[start : start + step] for start in range(0, len(names), step)]
    migrating = [
        name for name in names if "migrate" in app_deploy_due(having[name] or {}, having[name] or {}, verb, restores)
    ]
    on = {"migrate": [migrating[:1]], "restore": [names[:1]], "switch": batches}
    return [
        {"name": phase, "after": after, "hosts": batch}
        for phase, after in PHASES.items()
        if phase in due
        for batch in on.get(phase, [names])
    ]


def app_deploy_failed(hosts: Sequence[Host]) -> list[str]:
    """Return the apps that failed on any of the hosts."""
    return sorted({name for host in hosts for name in _failures(host)})


def app_deploy_lost(hosts: Sequence[Host]) -> dict[str, Any]:
    """Return what is known of hosts that were lost: by name their plan's `apps`, and what they `switched` to last."""
    known = {}
    for host in hosts:
        switched = host.get("__app_deploy_switched", {})
        known[str(host["inventory_hostname"])] = {
            "apps": host.get("__app_deploy_plan", {}).get("apps", {}),
            "switched": {switched["name"]: switched["live"]} if "live" in switched else {},
        }
    return known


def app_deploy_summary(apps: dict[str, App], verb: str) -> list[str]:
    """Return a line for each app that has something to do, and why."""
    words = {"release": "{name}: release {release} is to go live: {reason}.", "repair": "{name}: to repair: {reason}."}
    words["skip"] = "{name}: {reason}, so {live} stays live until another version is deployed."
    if verb in ("rollback", "releases"):
        return []
    lines = [words[app["action"]].format(**app) for app in apps.values() if app["action"] in words]
    lines += [
        f"{name}: it reaches Unix sockets and no network, which network: true opens, and ip_address_allow in part."
        for name, app in apps.items()
        if app["action"] == "release" and app.get("is_closed") and not app["live"]
    ]
    for name, app in apps.items():
        how = app.get("source", {}).get("installation", {})
        if app["action"] == "release" and how.get("passed_over"):
            lines.append(
                f"{name}: its packages come from {how['lock']}; {', '.join(how['passed_over'])} is passed over (to "
                "take another file, name it in requirements)."
            )
    lines += [f"{name}: {app['warning']}" for name, app in apps.items() if app.get("warning")]
    if verb == "deploy":
        lines += [
            f"{name}: {', '.join(app['unapplied'])} of its entry changed since the last whole run; a deploy leaves it "
            "as it is, so run site.yml."
            for name, app in apps.items()
            if app["was_applied"] and app["unapplied"]
        ]
    return lines


def _planned(hosts: Sequence[Host]) -> list[Host]:
    """Return the hosts that have a plan."""
    return [host for host in hosts if "apps" in host.get("__app_deploy_plan", {})]


def _plans(hosts: Sequence[Host]) -> list[dict[str, App]]:
    """Return the plans of hosts."""
    return [host["__app_deploy_plan"]["apps"] for host in _planned(hosts)]


def _failures(host: Host) -> list[str]:
    """Return the apps that failed on a host since its plan was made."""
    plan, failures = host.get("__app_deploy_plan", {}), host.get("__app_deploy_failures", {})
    recorded = list(failures["apps"]) if "id" in plan and failures.get("plan") == plan["id"] else []
    return recorded + [name for name, app in plan.get("apps", {}).items() if app["action"] == "error"]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {
            function.__name__: function
            for function in (
                app_deploy_mistakes,
                app_deploy_todo,
                app_deploy_phases,
                app_deploy_due,
                app_deploy_failed,
                app_deploy_lost,
                app_deploy_summary,
                app_deploy_table,
            )
        }
