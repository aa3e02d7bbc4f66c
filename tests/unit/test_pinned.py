"""The version that a folder's requirements.yml pins."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.foobar.webstack.plugins.plugin_utils.pinned import version_mistake

from tests.calls import action


def test_a_site_is_not_checked_by_another_version_than_the_pinned_one(tmp_path: Path) -> None:
    (tmp_path / "requirements.yml").write_text("collections: [a.b, {name: foobar.webstack, version: 9.9.9}]\n")
    with pytest.raises(AnsibleActionFail, match=r"requirements.yml asks for foobar.webstack 9.9.9, and"):
        action("check_sites", {"spec": "/none"}, {"groups": {"app": ["web01"]}, "inventory_dir": str(tmp_path)})


@pytest.mark.parametrize("pinned", ["0.1.0", "==0.1.0", "=0.1.0", "0.3.0"])
def test_another_version_than_the_pinned_one_is_refused_with_both_ways_out(tmp_path: Path, pinned: str) -> None:
    (tmp_path / "requirements.yml").write_text(f"collections: [{{name: foobar.webstack, version: '{pinned}'}}]\n")
    assert version_mistake(tmp_path, "0.2.0") == (
        f"requirements.yml asks for foobar.webstack {pinned.lstrip('=')}, and 0.2.0 is installed: "
        f"run ansible-galaxy collection install --force --requirements-file {tmp_path}/requirements.yml, "
        "or write 0.2.0 there."
    )


@pytest.mark.parametrize(
    "text",
    [
        "collections: [{name: foobar.webstack, version: 0.2.0}]",
        "collections: [{name: foobar.webstack, version: '>=0.1.0,<0.3.0'}]",
        "collections: [{name: foobar.webstack, version: '*'}]",
        "collections: [{name: foobar.webstack}, community.general]",
        "collections: [{name: community.mysql, version: 0.1.0}]",
        "collections: [foobar.webstack]",
        "roles: []",
        "- src: a.role",
        "{",
        "",
    ],
)
def test_what_pins_no_other_version_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "requirements.yml").write_text(text)
    assert version_mistake(tmp_path, "0.2.0") == ""


def test_a_folder_without_the_file_asks_for_no_version(tmp_path: Path) -> None:
    assert version_mistake(tmp_path, "0.2.0") == ""
