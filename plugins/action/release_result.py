"""Say at the end of a run what has failed, and what serves."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.plugin_utils.failures import lost, report


class ActionModule(ActionBase):
    """Return the names of the apps that failed, and whether all that is wanted is live; fail if asked to."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Show a block for each app that failed, and a line for each app of a host that was lost."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec(
            {
                "apps": {"type": "dict", "required": True},
                "failures": {"type": "dict", "required": True},
                "failed": {"type": "list", "elements": "str", "required": True},
                "busy": {"type": "list", "elements": "str", "required": True},
                "lost": {"type": "dict", "required": True},
                "fail": {"type": "bool", "required": True},
            }
        )
        apps, failed = options["apps"], options["failed"]
        result |= {"changed": False, "failed_apps": failed}
        result["unapplied"] = [name for name, app in apps.items() if app["unapplied"]]
        waits = options["busy"] or any(app["action"] == "skip" or app["busy"] for app in apps.values())
        result["is_live"] = not failed and not options["lost"] and not waits
        if options["fail"] and not result["is_live"] and (failed or options["lost"]):
            host = str((task_vars or {}).get("inventory_hostname"))
            for line in [*report(host, apps, failed, options["failures"]), *lost(options["lost"])]:
                Display().display(line)
            result |= {"failed": True, "msg": self._message(failed, apps, sorted(options["lost"]))}
        return result

    def _message(self, failed: list[str], apps: dict[str, Any], hosts: list[str]) -> str:
        """Return what has failed in a sentence."""
        what = f"{len(failed)} of {len(apps)} apps failed: {', '.join(failed)}." if failed else ""
        gone = f"{', '.join(hosts)} could not be reached or failed." if hosts else ""
        return " ".join(part for part in (what, gone, "Why is said above.") if part)
