"""Run the module of the same name, and show what it has found with the command that follows it from here."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.plugin_utils.ssh_command import ssh_command


class ActionModule(ActionBase):
    """Show lines as they are, and keep them out of the result, which would show them once more."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        super().run(tmp, task_vars)
        name = "foobar.webstack.application_logs"
        result: dict[str, Any] = self._execute_module(
            module_name=name, module_args=self._task.args, task_vars=task_vars
        )
        if "follow" not in result:
            return result
        parts, log = result.pop("parts"), result.pop("log")
        if self._connection.transport == "ssh":
            becomes = bool(self._play_context.become)
            result["follow"] = ssh_command(self._connection.get_option, result["follow"], becomes)
        host = (task_vars or {}).get("inventory_hostname", "")
        for title, lines in parts.items():
            if lines:
                place = f" ({log})" if title.startswith("Last build") else ""
                Display().display("\n".join([f"\n== {host}: {title}{place}", *lines]))
        Display().display(f"\n== {host}: follow it\n{result['follow']}\n")
        return result
