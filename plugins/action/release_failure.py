"""Record why a phase of a release failed, in one sentence, and note it in the server's log."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import ourselves
from ansible_collections.foobar.webstack.plugins.plugin_utils.failures import database, sentence


class ActionModule(ActionBase):
    """Return the failures of this plan by app, this one among them."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Add the failure of one app; whoever was refused the lock has no business in the log."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            {
                "app": {"type": "dict", "required": True},
                "phase": {"type": "str", "required": True},
                "release": {"type": "str", "required": True},
                "failed": {"type": "dict", "required": True},
                "before": {"type": "dict", "required": True},
                "plan": {"type": "str", "required": True},
                "note": {"type": "bool", "required": True},
                "dump": {"type": "str", "default": ""},
                "dump_host": {"type": "str", "default": ""},
            }
        )
        name = options["app"]["name"]
        reason = sentence(name, options["failed"])
        if options["phase"] in ("migrate", "restore"):
            reason += f" {database(name, options['dump'], options['dump_host'])}"
        if options["note"]:
            arguments = {key: options[key] for key in ("app", "release")} | {
                "state": "failed",
                "reason": f"{options['phase']}: {reason}",
                "owner": ourselves(),
            }
            module = "foobar.webstack.release"
            noted: dict[str, Any] = self._execute_module(module_name=module, module_args=arguments, task_vars=task_vars)
            if noted.get("failed"):
                result["warnings"] = [f"{name}: the failure is not in the server's log: {noted.get('msg', '')}"]
        first = options["before"].get(name, {})
        if first and reason not in first["reason"]:
            reason = f"{first['reason']} Then the phase {options['phase']} failed: {reason}"
        log = first.get("log") or options["failed"].get("log", "")
        failure = {"reason": reason, "log": log, "release": options["release"]}
        return {**result, "changed": False, "plan": options["plan"], "apps": {**options["before"], name: failure}}
