"""Run the module of the same name, and show how much of a dump is written."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import progress


class ActionModule(ActionBase):
    """Watch the file that the module writes."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        super().run(tmp, task_vars)
        # What is missing is for the module to refuse.
        app, variables = self._task.args.get("app", ""), task_vars or {}
        with progress.shown(self, app, progress.size_of_dump(app), variables):
            return dict(self._execute_module(module_name="foobar.webstack.release_dump", task_vars=variables))
