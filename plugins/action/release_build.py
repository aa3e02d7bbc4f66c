"""Send the archive of a release to the server, for the module of the same name."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import progress
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import ourselves
from ansible_collections.foobar.webstack.plugins.plugin_utils.last_lines import show


class ActionModule(ActionBase):
    """Give the module the archive's path on the server in the place of the one on the controller."""

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send the archive, run the module, and remove the archive."""
        super().run(tmp, task_vars)
        folder = self._make_tmp_path()
        # The server's log has no business with the variables of a build.
        quiet = {**(task_vars or {}), "ansible_no_target_syslog": True}
        try:
            archive = self._transfer_file(
                self._task.args["archive"], self._connection._shell.join_path(folder, "archive")
            )
            how = dict(self._task.args.get("installation") or {})
            sent = [archive]
            for kind in ("locked", "git"):
                how[kind] = {
                    name: self._transfer_file(path, self._connection._shell.join_path(folder, f"{kind}-{number}"))
                    for number, (name, path) in enumerate(how.get(kind, {}).items())
                }
                sent += how[kind].values()
            self._fixup_perms2((folder, *sent))
            arguments = {**self._task.args, "archive": archive, "installation": how, "owner": ourselves()}
            name = "foobar.webstack.release_build"
            app = arguments["app"]["name"]
            with progress.shown(self, app, progress.end_of_log(app, arguments["release"]), quiet):
                result: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=quiet)
        finally:
            self._remove_tmp_path(folder)
        return show(result, self._task.no_log)
