"""Read files of environment variables, which may be encrypted, from a user's folder."""

from __future__ import annotations

DOCUMENTATION = r"""
name: environment_file
short_description: Read files of environment variables from a user's folder
description:
  - Returns for each file its variables by name. The file may be encrypted by C(ansible-vault).
  - It has one C(NAME=value) a line, and comments that begin with C(#). A value in quotes may go on over several lines;
    in double quotes C(\n) is a line break. For C(${NAME}) nothing is filled in; it is refused.
  - A mistake is told with the file and the line, and never with the value.
options:
  _terms:
    type: list
    elements: raw
    required: true
    description:
      - Paths on the controller, or lists of them; a relative path goes by the folder that holds the inventory's
        C(group_vars). An empty one has no variables.
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
# shop.env is `MAIL_FROM=shop@example.com`; the other site has no file.
environments: "{{ query('foobar.webstack.environment_file', ['shop.env', '']) }}"
"""

RETURN = r"""
_raw:
  type: list
  elements: dict
  description: The variables of each file.
  sample: [{"MAIL_FROM": "shop@example.com"}, {}]
"""

from pathlib import Path
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.lookup import LookupBase
from ansible_collections.foobar.webstack.plugins.plugin_utils import dotenv
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import users_folder


class LookupModule(LookupBase):
    """The lookup."""

    def run(
        self, terms: list[str | list[str]], variables: dict[str, Any] | None = None, **kwargs: Any
    ) -> list[dict[str, str]]:
        """Return the variables of each file; raise DotenvError, or AnsibleError where one can't be read."""
        folder = users_folder((variables or {}).get("inventory_dir")) or Path()
        paths = [path for term in terms for path in (term if isinstance(term, list) else [term])]
        return [dotenv.read(self._loader or DataLoader(), folder, str(path)) if path else {} for path in paths]
