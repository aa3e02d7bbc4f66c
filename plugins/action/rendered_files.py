"""Fill in the templates of several files on the controller, for a role that writes them later or elsewhere."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.foobar.webstack.plugins.plugin_utils.templated_files import SharedVariables

File = dict[str, Any]


class ActionModule(ActionBase):
    """Return the files, each with the `content` that its `src` and `vars` make, by what their key `app` says."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fill in the templates; nothing is asked of the server."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec({"files": {"type": "list", "elements": "dict", "required": True}})
        variables = SharedVariables(task_vars or {})
        template = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        files: dict[str, list[File]] = {}
        for file in options["files"]:
            rest = {key: value for key, value in file.items() if key not in ("app", "src", "vars")}
            (content,) = template.run([file["src"]], variables=variables, template_vars=dict(file.get("vars", {})))
            files.setdefault(file["app"], []).append({**rest, "content": str(content or "")})
        return {**result, "changed": False, "files": files}
