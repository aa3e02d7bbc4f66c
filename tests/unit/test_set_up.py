"""A server that a newer version has set up is changed by no older one: each playbook says so in the same sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.foobar.webstack.plugins.module_utils import release_state, set_up
from ansible_collections.foobar.webstack.plugins.module_utils.secret_fingerprints import STORE
from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import collection_version, newer_mistake

from tests import calls

VERSION = collection_version()
NEWER = newer_mistake("99.1.0", "web01")


def note(root: Path, content: str) -> None:
    """Write what a server says of its set-up."""
    (root / set_up.FACT).parent.mkdir(parents=True, exist_ok=True)
    (root / set_up.FACT).write_text(content)


@pytest.mark.parametrize(
    ("content", "version"),
    [('{"version": "1.2.0"}\n', "1.2.0"), ("", ""), ("[]", ""), ('{"other": 1}', "")],
)
def test_the_version_that_has_set_a_server_up_is_read_from_its_facts(
    content: str, version: str, tmp_path: Path
) -> None:
    assert set_up.set_up_by(tmp_path) == ""
    note(tmp_path, content)
    assert set_up.set_up_by(tmp_path) == version


@pytest.mark.parametrize("version", ["", "0.0.9", VERSION])
def test_what_this_version_or_an_older_one_has_set_up_is_no_mistake(version: str) -> None:
    assert newer_mistake(version, "web01") == ""


def test_check_refuses_a_newer_server_in_the_words_of_deploy_and_rollback() -> None:
    assert newer_mistake("99.1.0", "web01") == (
        f"web01 was set up by version 99.1.0 of foobar.webstack, and this is {VERSION}: run ansible-galaxy collection "
        "install foobar.webstack:99.1.0 (and write that into requirements.yml, where it pins a version)."
    )
    facts = {"ansible_facts": {"ansible_local": {"webstack": {"version": "99.1.0"}}}}
    told = {**facts, "sites_checked": {"version": VERSION}, "inventory_hostname": "web01"}
    refused = calls.assertion("check.yml", "Refuse a server that a newer version has set up", **told)
    assert refused["msg"] == NEWER


def test_a_deploy_is_refused_before_the_server_s_secrets_which_the_newer_version_may_keep_otherwise(
    tmp_path: Path,
) -> None:
    sites = [{"domain": "shop.example", "app": "shop", "environment": {"KEY": "{{ vault_key }}"}}]
    variables = {"vault_key": "canary-of-the-key", "sites": sites, "inventory_hostname": "web01"}
    (tmp_path / STORE).parent.mkdir(parents=True)
    (tmp_path / STORE).write_text("another format")

    def ask() -> dict[str, Any]:
        return calls.action("secret_fingerprints", {"sites": sites, "root": str(tmp_path)}, variables)

    note(tmp_path, json.dumps({"version": VERSION}))
    assert "is damaged" in ask()["msg"]
    note(tmp_path, json.dumps({"version": "99.1.0"}))
    with pytest.raises(AnsibleActionFail) as refused:
        ask()
    assert str(refused.value) == NEWER


def test_a_plan_is_refused_unless_it_is_for_a_list_of_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note(tmp_path, '{"version": "99.1.0"}')
    monkeypatch.setattr(set_up, "FACT", str(tmp_path / set_up.FACT))
    monkeypatch.setattr(release_state, "unit_states", lambda _run_command: {})

    def plan(**options: bool) -> dict[str, Any]:
        arguments = {"apps": [], "defaults": {}, **options}
        return calls.action("release_plan", arguments, {"inventory_hostname": "web01"})

    with pytest.raises(AnsibleActionFail) as refused:
        plan()
    assert str(refused.value) == NEWER
    assert plan(any_version=True)["apps"] == {}
