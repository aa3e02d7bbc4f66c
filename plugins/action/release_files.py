"""Fill in the files of the user's own that releases have, from templates in the user's folder, on the controller."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import users_folder
from ansible_collections.foobar.webstack.plugins.plugin_utils.templated_files import SharedVariables
from jinja2 import TemplateSyntaxError, UndefinedError

File = dict[str, Any]


def reason(error: BaseException, template: str) -> str:
    """Return why a template can't be filled in, by names and lines and without a value, which may be a secret.

    What an attribute is called may be one, too, unless the template says so.
    """
    first = error
    while first.__cause__:
        first = first.__cause__
    if isinstance(first, TemplateSyntaxError):
        return f"line {first.lineno}: {first.message}"
    if isinstance(first, (AnsibleUndefinedVariable, UndefinedError)):
        name = re.search(r"'([^']*)'\.?$", str(first.message))
        if not name or name[1] in template:
            return str(first.message).rstrip(".")
    return type(first).__name__


class ActionModule(ActionBase):
    """Return the files by the applications' names, each as one of a release's settings."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fill in the templates; nothing is asked of the server, and no content is shown."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, options = self.validate_argument_spec({"apps": {"type": "list", "elements": "dict", "required": True}})
        variables = task_vars or {}
        folder = users_folder(variables.get("inventory_dir")) or Path()
        files = {
            app["name"]: [self._file(app, file, folder, SharedVariables(variables)) for file in app["files"]]
            for app in options["apps"]
            if app.get("files")
        }
        return {**result, "changed": False, "files": files, "_ansible_no_log": True}

    def _file(self, app: dict[str, Any], file: File, folder: Path, variables: dict[str, Any]) -> File:
        """Return a file that root owns and the application's own group may read."""
        source = folder / Path(file["src"]).expanduser()
        if not source.is_file():
            raise AnsibleActionFail(f"app_deploy_apps: files of {app['name']} has {source}, which is no file.")
        try:
            source.read_bytes().decode()
        except UnicodeDecodeError:
            raise AnsibleActionFail(
                f"app_deploy_apps: files of {app['name']} has {source}, which is no text in UTF-8: a template is one, "
                "and what is binary goes into the source."
            ) from None
        template = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        try:
            (content,) = template.run([str(source)], variables=variables)
        except AnsibleError as error:
            # From nothing, as the causes hold what was filled in.
            why = reason(error, source.read_text())
            raise AnsibleActionFail(
                f"app_deploy_apps: {source} in files of {app['name']} can't be filled in: {why}."
            ) from None
        path = app.get("path", names.path(app["name"]))
        return {
            "dest": f"{path}/releases/{names.INSTANCE}/{file['dest']}",
            "content": str(content or ""),
            "owner": "root",
            "group": app.get("user", app["name"]),
            "mode": "0640",
            "in_release": True,
        }
