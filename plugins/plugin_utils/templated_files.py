"""Fill in the templates of a module's list of files on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader


class SharedVariables(dict[str, Any]):
    """Variables that the lookup template copies for each template, and changes at the top only."""

    def __deepcopy__(self, memo: object) -> dict[str, Any]:
        """Copy the top: with many sites, a copy of all values would take longer than the template."""
        return dict(self)


class TemplatedFilesAction(ActionBase):
    """An action whose module gets each file's content in the place of its template."""

    module_name: str
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fill in the templates, and let the module do the rest in one call."""
        super().run(tmp, task_vars)
        variables = SharedVariables(task_vars or {})
        arguments = dict(self._task.args)
        arguments["files"] = [self.entry(self._filled_in(file, variables)) for file in arguments.get("files") or []]
        # The server's log has no business with the files' contents.
        quiet = {**variables, "ansible_no_target_syslog": True}
        result: dict[str, Any] = self._execute_module(
            module_name=self.module_name, module_args=arguments, task_vars=quiet
        )
        return result

    def entry(self, file: dict[str, Any]) -> dict[str, Any]:
        """Return the module's entry for a file with its `content`."""
        return file

    def _filled_in(self, file: Mapping[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return a file with the content that is given, or that its `src` and `vars` make."""
        rest = {key: value for key, value in file.items() if key not in ("src", "vars")}
        if ("src" in file) == ("content" in file):
            raise AnsibleActionFail(f"{file.get('dest', 'A file without dest')} must have either src or content.")
        if "content" in file:
            return rest
        template = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        (content,) = template.run([file["src"]], variables=variables, template_vars=dict(file.get("vars", {})))
        return {**rest, "content": str(content or "")}
