"""A secret is made once and kept, and where there is no folder to keep it in, none is made up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader


def secret(folder: Path | str, is_check: bool = False, inventory: Path | None = None, **options: Any) -> str:
    """Return what the lookup returns for the secret of a shop."""
    lookup = lookup_loader.get("foobar.webstack.secret", loader=DataLoader())
    variables = {"ansible_check_mode": is_check, "inventory_dir": inventory and str(inventory)}
    (value,) = lookup.run(["vault_shop_key"], variables=variables, folder=str(folder), **options)
    return str(value)


def test_a_secret_is_made_once_and_is_for_its_owner_s_eyes(tmp_path: Path) -> None:
    made = secret(tmp_path / "secrets", length=40)
    assert len(made) == 40
    assert made.isalnum()
    assert secret(tmp_path / "secrets") == made
    file = tmp_path / "secrets/shop_key"
    assert file.read_text().strip() == made
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_secret_that_is_kept_under_another_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "shop").write_text("kept\n")
    assert secret(tmp_path, file="shop") == "kept"


def test_a_relative_folder_goes_by_the_one_that_holds_group_vars(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "production").mkdir()
    (tmp_path / "production/group_vars").symlink_to("../group_vars")
    made = secret(".secrets/production", inventory=tmp_path / "production")
    assert (tmp_path / ".secrets/production/shop_key").read_text().strip() == made


def test_check_mode_makes_no_file_and_takes_what_is_there(tmp_path: Path) -> None:
    assert len(secret(tmp_path / "secrets", is_check=True, length=12)) == 12
    assert not (tmp_path / "secrets").exists()
    (tmp_path / "shop_key").write_text("kept\n")
    assert secret(tmp_path, is_check=True) == "kept"


def test_without_a_folder_the_variable_is_named_and_nothing_is_made_up() -> None:
    with pytest.raises(AnsibleLookupError, match=r"^vault_shop_key: there is no folder to keep it in") as refusal:
        secret("")
    assert "group_vars/all/vault.yml" in str(refusal.value)
    assert "-e secrets=<folder>" in str(refusal.value)
