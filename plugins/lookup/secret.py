"""Make a secret once and keep it in a folder, or refuse to make one up where there is no folder to keep it in."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret
short_description: Make a secret once and keep it in a folder
description:
  - Returns the secret that a folder on the controller keeps. The first use makes it, as
    P(ansible.builtin.password#lookup) does, readable by its owner alone.
  - Without a folder nothing is made up, as each run would make up another one.
  - Check mode makes no file, and returns a placeholder for a secret that is not there yet.
options:
  _terms:
    type: list
    elements: str
    required: true
    description: Names of the variables that hold the secrets, for the files' names and the refusal.
  folder:
    type: str
    required: true
    description:
      - Folder on the controller; a relative path goes by the folder that holds the inventory's C(group_vars).
      - An empty one is refused.
  file: {type: str, description: Name of the file in it; the variable's name without C(vault_) unless set.}
  length: {type: int, default: 32, description: Number of characters.}
  chars:
    type: list
    elements: str
    default: [ascii_letters, digits]
    description: What it is made of, as in P(ansible.builtin.password#lookup).
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
vault_shop_secret_key: "{{ lookup('foobar.webstack.secret', 'vault_shop_secret_key', folder=secrets, length=48) }}"
"""

RETURN = r"""
_raw: {type: list, elements: str, description: The secrets.}
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import users_folder


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the secret of each variable; raise AnsibleLookupError where there is no folder to keep it in."""
        self.set_options(var_options=variables, direct=kwargs)
        is_check = bool((variables or {}).get("ansible_check_mode"))
        return [self._secret(str(name), variables, is_check) for name in terms]

    def _secret(self, name: str, variables: dict[str, Any] | None, is_check: bool) -> str:
        folder = str(self.get_option("folder") or "")
        if not folder:
            raise AnsibleLookupError(
                f"{name}: there is no folder to keep it in, as the inventory is no file; put its value into "
                "group_vars/all/vault.yml (encrypted by ansible-vault), or name a folder with -e secrets=<folder>."
            )
        loader = self._loader or DataLoader()
        users = users_folder((variables or {}).get("inventory_dir")) or Path()
        file = self.get_option("file") or name.removeprefix("vault_")
        path = loader.path_dwim(str(users / Path(folder).expanduser() / file))
        options = {key: self.get_option(key) for key in ("length", "chars")}
        # The lookup below locks the file even to read it, which takes longer than all else.
        kept = Path(path).read_text().strip() if Path(path).exists() else ""
        if kept:
            return kept
        if is_check:
            return "x" * int(options["length"])
        password = lookup_loader.get("ansible.builtin.password", loader=loader, templar=self._templar)
        (secret,) = password.run([path], variables=variables, **options)
        return str(secret)
