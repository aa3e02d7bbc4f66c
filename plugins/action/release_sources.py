"""Find out on the controller which release each application is to have: all sources at the same time."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import app_python, pyuwsgi_wheels
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import run_id, users_folder
from ansible_collections.foobar.webstack.plugins.plugin_utils.dependencies import installed
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceError, SourceMistake
from ansible_collections.foobar.webstack.plugins.plugin_utils.last_lines import show
from ansible_collections.foobar.webstack.plugins.plugin_utils.sources import absolute, forget, source

# As many repositories are asked at the same time.
PARALLEL = 16


class ActionModule(ActionBase):
    """Return the sources by the applications' names; one that can't be had has an `error`, a sentence."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the archives that the cache does not hold."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            {
                "apps": {"type": "list", "elements": "dict", "required": True},
                "cache": {"type": "path", "required": True},
                "installer": {"type": "str", "default": "uv"},
                "refuse": {"type": "bool", "default": False},
            }
        )
        # As for a module: a proxy, say, or the SSH command of git. This process runs one task and ends.
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        os.environ.update({name: str(value) for name, value in environment.items()})
        users, run = users_folder((task_vars or {}).get("inventory_dir")), run_id()
        cache = (users or Path.cwd()) / options["cache"]
        system = str((task_vars or {}).get("ansible_facts", {}).get("python_version", ""))

        def of(app: dict[str, Any]) -> dict[str, Any]:
            try:
                own = absolute({"installer": options["installer"], **app}, users)
                found = source(own, cache, run)
                how = installed(own, found, cache)
                if without_wheel := pyuwsgi_wheels.mistake(app, how["pins"], system):
                    raise SourceMistake(without_wheel)
                if unfit := app_python.mistake(app, how, system):
                    raise SourceMistake(unfit)
                return {**found, "installation": how}
            except SourceMistake as error:
                return {"error": f"{app['name']}: {error}", "is_mistake": True}
            except SourceError as error:
                show({"failed": True, "last_lines": error.said[-40:]}, self._task.no_log)
                return {"error": f"{app['name']}: {error}"}

        with ThreadPoolExecutor(max_workers=PARALLEL) as pool:
            sources = dict(zip((app["name"] for app in options["apps"]), pool.map(of, options["apps"]), strict=True))
        forget(cache, run)
        mistakes = [found["error"] for found in sources.values() if found.get("is_mistake")]
        if options["refuse"] and mistakes:
            raise AnsibleActionFail(" ".join(mistakes))
        return {**result, "changed": False, "sources": sources}
