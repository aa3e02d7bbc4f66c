"""Say which run of which controller asks for an application's lock, and whether the run that holds it still lives."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import is_gone, ourselves
from ansible_collections.foobar.webstack.plugins.plugin_utils.last_lines import show


class ActionModule(ActionBase):
    """Run the module as the owner that this run is."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, and for the lock once more when the one who holds it is gone.

        What a release said last is shown once, in lines.
        """
        super().run(tmp, task_vars)
        us = ourselves()
        arguments = {**self._task.args, "owner": us}
        result = self._ask(arguments, task_vars)
        holder = result.get("holder", {})
        if holder and is_gone(holder["owner"], us):
            result = self._ask({**arguments, "gone": holder["owner"]}, task_vars)
            holder = result.get("holder", {})
        if holder:
            raise AnsibleActionFail(
                f"{self._task.args['app']['name']}: {holder['owner']['by']} (process {holder['owner']['pid']}) has "
                f"been changing its releases since {holder['since']}; wait until that run has ended, or if it surely "
                "has, add -e app_deploy_lock_timeout=0."
            )
        return show(result, self._task.no_log)

    def _ask(self, arguments: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Run the module; say what may be live when the server is lost while a release goes live."""
        name = "foobar.webstack.release"
        # The server's log has no business with what is in settings.
        quiet = {**(task_vars or {}), "ansible_no_target_syslog": True}
        try:
            result: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=quiet)
        except AnsibleConnectionFailure:
            if arguments["state"] == "live":
                Display().error(
                    f"{arguments['app']['name']}: the connection was lost while release {arguments['release']} went "
                    "live: it is live now, or the one before. Both are whole; run this again when the server answers."
                )
            raise
        return result
