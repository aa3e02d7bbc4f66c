"""What follows from an entry of `app_deploy_apps`: names, paths and the digest of its settings."""

from __future__ import annotations

import hashlib
import json
from posixpath import normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils import (
    environment_files,
    log_rotation,
    names,
    release_environment,
)

App = dict[str, Any]

# Keys of an entry that neither change what is built nor what runs.
NOT_BUILT = {
    *("directory", "repo", "version", "archive", "checksum", "key_file"),
    *("dump_command", "dump_host", "restore_command", "size_command"),
    *("health_headers", "health_timeout", "keep_releases", "migrate_check_command"),
    *("migrate_environment", "watch_timeout", "settings_files", "shared_settings"),
    # What becomes of it is among the settings.
    "files",
}
# Keys whose values the plan, which is shown, does not have.
SECRET = ("migrate_environment", "build_environment", "package_indexes")
# What the tools that install dependencies need of the distribution.
INSTALLER_PACKAGES = {"uv": ["python3-pip-whl"], "pip": ["python3-venv"]}


def settings_digest(app: App, installer: str, files: list[dict[str, Any]]) -> str:
    """Return a SHA-256 that stands for all that a release is built and run with, but for its code."""
    built = sorted((key, _without_secrets(key, value)) for key, value in app.items() if key not in NOT_BUILT)
    told = json.dumps([built, installer, files], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def _without_secrets(key: str, value: Any) -> Any:
    """Return a key's value, of indexes without what opens them: another password makes no other release."""
    return [index["url"] for index in value] if key == "package_indexes" else value


def place(app: App, defaults: App) -> App:
    """Return what the modules of releases must know of an app."""
    return {
        "name": app["name"],
        "path": app.get("path", names.path(app["name"])),
        "service": app["service"],
        "target": app.get("target", app["name"]),
        "sockets": app["sockets_path"],
        "keep": int(_own(app, defaults, "keep_releases")),
        "watch": int(_own(app, defaults, "watch_timeout")),
        "user": app.get("user", app["name"]),
        "shared_paths": _paths(app, "shared_paths"),
        "shared_settings": app.get("shared_settings", []),
    }


def resolve(app: App, defaults: App, installation: App | None = None) -> App:
    """Return an entry with all that follows from it, but for what may be a secret.

    `installation` is how its packages are installed, where its source is known.
    """
    name, where = app["name"], place(app, defaults)
    installer = str(_own(app, defaults, "installer"))
    environment_file = app.get("environment_file", "")
    return {
        **{key: value for key, value in app.items() if key not in SECRET},
        "place": where,
        "path": where["path"],
        "user": app.get("user", name),
        "builder": names.builder(name),
        "installer_user": names.installer(name),
        "installer": installer,
        "python": str(app.get("python", "/usr/bin/python3")),
        "environment_file": environment_file,
        "health": {
            "path": app["health_path"],
            "headers": app.get("health_headers", {}),
            "timeout": int(_own(app, defaults, "health_timeout")),
        },
        "dumps": names.dumps(name),
        "packages": list(
            dict.fromkeys(
                [
                    *defaults["packages"],
                    *([log_rotation.PACKAGE] if log_rotation.folders(where["shared_paths"]) else []),
                    *_needed(app, installer, installation or {}),
                ]
            )
        ),
        "uses_uv": installer == "uv" or _calls_uv(app),
        "hooks": app.get("hooks", {}),
        "static_paths": _paths(app, "static_paths"),
        "shared_paths": _paths(app, "shared_paths"),
        "subdirectory": str(app.get("subdirectory", "")),
        "shared_files": _paths(app, "shared_files"),
        "build_commands": [str(command) for command in app.get("build_commands", [])],
        "fallback_requirements": app.get("fallback_requirements", []),
        # The app could read the variables of a process that runs as its own user.
        "migrator": names.builder(name) if "migrate_environment" in app else app.get("user", name),
        "has_migrate_environment": "migrate_environment" in app,
    }


def _needed(app: App, installer: str, installation: App) -> list[str]:
    """Return the packages of the distribution that the tools of a build need, and those that the entry names."""
    tools = [*INSTALLER_PACKAGES[installer], *(INSTALLER_PACKAGES["uv"] if _calls_uv(app) else [])]
    return [*tools, *(["git"] if installation.get("needs_git") else []), *app.get("packages", [])]


def _calls_uv(app: App) -> bool:
    """Tell whether a build command calls uv, which is there for both installers."""
    return any(release_environment.calls(str(command), "uv", "uvx") for command in app.get("build_commands", []))


def lacking(app: App, missing: set[str]) -> list[str]:
    """Return what a server lacks of what a release needs, of all that is missing there."""
    users = [user for user in (app["user"], app["builder"], app["installer_user"]) if user in missing]
    return [package for package in app["packages"] if package in missing] + [f"the user {user}" for user in users]


def has_environment(app: App, files: list[dict[str, Any]]) -> bool:
    """Tell whether the settings have the environment that is to belong to each release; it may be no release's own."""
    place = app.get("environment_file", "")
    return names.INSTANCE not in place or any(file["dest"] == place for file in files)


def is_closed(files: list[dict[str, Any]]) -> bool:
    """Tell whether what a release runs with keeps it from all networks."""
    return any("\nPrivateNetwork=true\n" in file["content"] for file in files)


def _paths(app: App, key: str) -> list[str]:
    """Return an app's paths without what people add to them: a slash at the end, and ./ before them."""
    return list(dict.fromkeys(normpath(str(path)) for path in app.get(key, [])))


def _own(app: App, defaults: App, key: str) -> Any:
    """Return an app's own value, which may be zero, or the one for all apps."""
    return app[key] if key in app else defaults[key]


def withheld(app: App, files: list[dict[str, Any]]) -> list[str]:
    """Return the names of the variables that a release runs with and its build commands do not get."""
    place = app.get("environment_file", "")
    (text,) = [file["content"] for file in files if file["dest"] == place] or [""]
    return sorted(set(environment_files.variables(text)) - set(app.get("build_environment", {})) - {"SECRET_KEY"})


def of_release(app: App, release: str) -> App:
    """Return what follows from an app and the name of one of its releases."""
    shared = [*app["shared_paths"], *app["shared_files"]]
    return {
        "release_path": f"{app['path']}/releases/{release}",
        "links": {
            names.SOCKET_LINK: f"{app['place']['sockets']}/{release}.sock",
            **{path: f"{app['path']}/shared/{path}" for path in shared},
        },
    }
