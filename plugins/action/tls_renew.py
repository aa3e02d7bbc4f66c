"""Look at the names of certificates that are due as a CA will see them, from the controller."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.module_utils.tls_preflight import Check, Unanswered, look


class ActionModule(ActionBase):
    """Run the module, and where it says that orders are due, once more with the verdicts."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the module's result; the server has the last word on names of which nothing is known here."""
        super().run(tmp, task_vars)
        result = self._ask({"verdicts": None, "probes": []}, task_vars)
        due = result.pop("due", {})
        if due:
            checks = {name: Check(**told) for name, told in due.items()}
            probes = [check.probe for check in checks.values()]
            result = self._ask({"verdicts": verdicts(checks), "probes": probes}, task_vars)
        return result

    def _ask(self, told: dict[str, Any], task_vars: dict[str, Any] | None) -> dict[str, Any]:
        """Run the module."""
        arguments = {**self._task.args, **told}
        name = "foobar.webstack.tls_renew"
        result: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=task_vars)
        return result


def verdicts(checks: dict[str, Check]) -> dict[str, dict[str, Any]]:
    """Return what is found out about the names of certificates, without those of which nothing can be known here."""
    found = {}
    for name, check in checks.items():
        try:
            found[name] = asdict(look(check))
        except (Unanswered, OSError, ValueError):
            continue
    return found
