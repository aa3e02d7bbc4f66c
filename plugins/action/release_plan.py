"""Turn the entries of `app_deploy_apps` into a plan for one server, in one call of the module of the same name."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import pinned_gunicorn
from ansible_collections.foobar.webstack.plugins.plugin_utils.app_deploy import (
    App,
    has_environment,
    is_closed,
    lacking,
    of_release,
    place,
    resolve,
    settings_digest,
    withheld,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import newer_mistake

ENTRIES: dict[str, Any] = {
    "apps": {"type": "list", "elements": "dict", "required": True},
    "defaults": {"type": "dict", "required": True},
    "sources": {"type": "dict", "default": {}},
    "settings": {"type": "dict", "default": {}},
    "files": {"type": "dict", "default": {}},
    "applied": {"type": "dict", "default": {}},
    "retry_bad": {"type": "bool", "default": False},
    "any_version": {"type": "bool", "default": False},
    "size": {"type": "bool", "default": False},
    "uv": {"type": "str", "default": ""},
}


class ActionModule(ActionBase):
    """Give the module what it must know, and return its plan with all that follows from the entries."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the server once; no secret is in what is returned."""
        super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(ENTRIES)
        apps = [
            resolve(app, options["defaults"], options["sources"].get(app["name"], {}).get("installation", {}))
            for app in options["apps"]
        ]
        arguments = {
            "apps": [self._wanted(entry, app, options) for entry, app in zip(options["apps"], apps, strict=True)],
            "retry_bad": options["retry_bad"],
            "size": options["size"],
        }
        if options["sources"]:
            arguments["packages"] = sorted({package for app in apps for package in app["packages"]})
            arguments["users"] = sorted({app[user] for app in apps for user in ("builder", "installer_user", "user")})
            arguments["paths"] = [options["uv"]] if options["uv"] else []
        name = "foobar.webstack.release_plan"
        result: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        mistake = newer_mistake(result.pop("set_up_by", ""), (task_vars or {}).get("inventory_hostname", ""))
        if mistake and not options["any_version"]:
            raise AnsibleActionFail(mistake)
        if "apps" in result:
            found, missing = result["apps"], set(result.pop("missing"))
            result["id"] = str(uuid.uuid4())
            result["apps"] = {
                app["name"]: self._planned(app, entry, found[app["name"]], missing, options)
                for entry, app in zip(options["apps"], apps, strict=True)
            }
        return result

    def _wanted(self, entry: App, app: App, options: App) -> App:
        """Return an app as the module takes it."""
        source = options["sources"].get(app["name"], {})
        settings = [*options["settings"].get(app["name"], []), *options["files"].get(app["name"], [])]
        return {
            **place(entry, options["defaults"]),
            "revision": source.get("revision", ""),
            "archive_size": Path(source["path"]).stat().st_size if "path" in source else 0,
            "settings": settings_digest(entry, app["installer"], settings),
            "applied": options["applied"].get(app["name"], {}),
            "settings_files": entry.get("settings_files", []),
        }

    def _planned(self, app: App, entry: App, found: App, missing: set[str], options: App) -> App:
        """Return an app's entry, what follows from it, what the server holds, and what is to be done."""
        source = options["sources"].get(app["name"], {})
        error = found["error"] or source.get("error", "")
        if not error and options["sources"] and not has_environment(entry, options["settings"].get(app["name"], [])):
            error = f"{app['name']}: app_deploy_settings has no {app['environment_file']}, which its releases run with."
        too_old, warned = "", ""
        if found["action"] == "release" and not error:
            too_old, warned = pinned_gunicorn.judged(app, source, options["settings"].get(app["name"], []))
            error = f"{app['name']}: {too_old}" if too_old else ""
        prepare = {
            "packages": [package for package in app["packages"] if package in missing],
            "users": [user for user in (app["builder"], app["installer_user"]) if user in missing],
            "uv": app["uses_uv"] and options["uv"] in missing,
        }
        return {
            **app,
            **found,
            **of_release(app, found["release"]),
            "source": source,
            "error": error,
            "action": "error" if error else found["action"],
            "prepare": prepare if any(prepare.values()) else {},
            "lacking": lacking(app, missing),
            "is_closed": is_closed(options["settings"].get(app["name"], [])),
            "warning": warned,
            "withheld": withheld(entry, options["settings"].get(app["name"], [])),
        }
