"""Run the module of the same name, and show what the command said."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display


class ActionModule(ActionBase):
    """Show the command's output as it is, and keep it out of the result, which would show it once more."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        super().run(tmp, task_vars)
        # The server's log has no business with a command that may hold a secret.
        quiet = {**(task_vars or {}), "ansible_no_target_syslog": True}
        name = "foobar.webstack.application_command"
        result: dict[str, Any] = self._execute_module(module_name=name, module_args=self._task.args, task_vars=quiet)
        lines = result.pop("said", [])
        if lines and not self._task.no_log:
            Display().display("\n".join(lines))
        return result
