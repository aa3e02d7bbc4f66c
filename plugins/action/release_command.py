"""Run the module of the same name, and show what a command that failed said last."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import progress
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import ourselves
from ansible_collections.foobar.webstack.plugins.plugin_utils.last_lines import show


class ActionModule(ActionBase):
    """Say whose run it is, show the last lines once, and keep them out of the result."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        super().run(tmp, task_vars)
        # The server's log has no business with the variables.
        quiet = {**(task_vars or {}), "ansible_no_target_syslog": True}
        name = "foobar.webstack.release_command"
        arguments = {**self._task.args, "owner": ourselves()}
        # What is missing is for the module to refuse.
        app = arguments.get("app", {}).get("name", "")
        with progress.shown(self, app, progress.end_of_log(app, arguments.get("release", "")), quiet):
            result: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=quiet)
        return show(result, self._task.no_log)
