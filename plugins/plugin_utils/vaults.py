"""The encrypted files of a folder of sites, and the file with their password."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

import yaml
from ansible.parsing.vault import AnsibleVaultError, VaultLib, VaultSecret
from ansible_collections.foobar.webstack.plugins.plugin_utils.new_site import VAULT_PASSWORD, NewSiteError

MARK = b"$ANSIBLE_VAULT;"
NOTE = "# Secrets of this environment: ansible-vault edit shows and changes them.\n"


class Vaults:
    """The vaults of a folder; the password is made up where there is none yet."""

    def __init__(self, folder: Path) -> None:
        """Read the password; raise NewSiteError where files are encrypted with one that is not there, or another."""
        self.folder, self.file = folder, folder / VAULT_PASSWORD
        encrypted = [path for path in sorted(folder.glob("group_vars/**/*")) if _is_encrypted(path)]
        if encrypted and not self.file.exists():
            raise NewSiteError(f"{encrypted[0]} is encrypted, and {self.file} is missing: get it from who has made it.")
        self.password = self.file.read_text().strip() if self.file.exists() else secrets.token_urlsafe(36)
        self.library = VaultLib([("default", VaultSecret(self.password.encode()))])
        self.contents = {path: self._decrypted(path) for path in encrypted}

    def _decrypted(self, path: Path) -> str:
        try:
            return str(self.library.decrypt(path.read_bytes()).decode())
        except (AnsibleVaultError, UnicodeDecodeError):
            raise NewSiteError(f"{path} can't be decrypted with the password in {self.file}.") from None

    def missing(self, env: str, names: Iterable[str]) -> list[str]:
        """Return which secrets no file of an environment has yet."""
        place = self.folder / "group_vars" / env
        known = [yaml.safe_load(text) or {} for path, text in self.contents.items() if path.parent == place]
        return [name for name in names if not any(name in found for found in known)]

    def write(self, env: str, app: str, names: list[str]) -> None:
        """Make secrets up and encrypt them in a file that is not there yet: vault.yml is the environment's first."""
        if not self.file.exists():
            with open(os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"{self.password}\n")
        first = self.folder / f"group_vars/{env}/vault.yml"
        path = first.with_name(f"vault_{app}.yml") if first.exists() else first
        if path.exists() or (path != first and not names):
            return
        made = "".join(f"{name}: {secrets.token_hex(24)}\n" for name in names)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.library.encrypt(f"{NOTE}---\n{made}"))


def _is_encrypted(path: Path) -> bool:
    """Tell whether a file is a vault as a whole."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(MARK)) == MARK
