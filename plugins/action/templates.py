"""Fill in the templates of several files on the controller, for the module of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader


class ActionModule(ActionBase):
    """Give the module each file's content in the place of its template."""

    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fill in the templates, and let the module write the files in one call."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        arguments["files"] = [self._filled_in(file, variables) for file in arguments.get("files", [])]
        # The server's log has no business with the files' contents.
        quiet = {**variables, "ansible_no_target_syslog": True}
        name = "foobar.webstack.templates"
        result: dict[str, Any] = self._execute_module(module_name=name, module_args=arguments, task_vars=quiet)
        return result

    def _filled_in(self, file: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return a file with the content that its `src` and `vars` make."""
        template = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        rest = {key: value for key, value in file.items() if key not in ("src", "vars")}
        (content,) = template.run([file["src"]], variables=variables, template_vars=dict(file.get("vars", {})))
        return {**rest, "content": str(content or "")}
