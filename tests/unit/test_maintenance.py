"""What maintenance.yml and releases.yml refuse, before they look for a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from tests.calls import action, server
from tests.playbook import ROOT, play, refusal


def refused(playbook: str, folder: Path, **given: Any) -> str:
    """Return what is said of a command line that must be refused."""
    variables = server("production", secrets=str(folder), **given)
    with pytest.raises(AnsibleActionFail) as failure:
        action("check_sites", {"spec": str(ROOT / "playbooks/meta/sites.yml"), "playbook": playbook}, variables)
    return str(failure.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "mode: say -e mode=on or -e mode=off, not nothing."),
        ({"mode": "onn"}, "mode: say -e mode=on or -e mode=off, not onn."),
        ({"mode": True}, "mode: say -e mode=on or -e mode=off, not True."),
        ({"mode": "on", "site": "shop.example"}, "site: shop.example is none of foobar.com."),
        ({"mode": "off", "site": "www.foobar.com"}, "site: www.foobar.com is none of foobar.com."),
        ({"mode": "on", "site": ""}, "site: it is empty; give a domain, or leave it out."),
    ],
)
def test_a_wrong_mode_or_site_is_refused_in_one_sentence(given: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    assert refused("maintenance", tmp_path, **given) == sentence


def test_whatever_else_is_wrong_with_a_site_maintenance_can_begin(tmp_path: Path) -> None:
    broken = [{"domain": "foobar.com", "wsgi_ap": "shop:app", "environment": {"KEY": "{{ vault_nowhere }}"}}]
    said = refused("maintenance", tmp_path, mode="on", site="typo", sites=broken)
    assert said == "site: typo is none of foobar.com."


def test_sites_that_the_role_nginx_alone_is_told_of_are_known(tmp_path: Path) -> None:
    sites = [{"server_name": "shop.example www.shop.example"}]
    variables = {"nginx_sites": sites, "mode": "on", "groups": {"web": ["web01"]}}
    spec = {"spec": str(ROOT / "playbooks/meta/sites.yml"), "playbook": "maintenance"}
    assert "failed" not in action("check_sites", spec, {**variables, "site": "shop.example"})
    with pytest.raises(AnsibleActionFail, match=r"site: typo is none of shop\.example\."):
        action("check_sites", spec, {**variables, "site": "typo"})


@pytest.mark.parametrize(
    ("site", "sentence"),
    [
        ("typo", "site: typo is none of foobar.com."),
        ("", "site: it is empty; give a domain, or leave it out."),
    ],
)
def test_the_releases_of_a_site_that_there_is_none_of_are_not_an_empty_list(
    site: str, sentence: str, tmp_path: Path
) -> None:
    assert refused("releases", tmp_path, site=site) == sentence


def test_a_site_that_there_is_none_of_is_refused_before_a_machine_is_asked(tmp_path: Path) -> None:
    finished = play("releases.yml", inventory="inventory/production", secrets=str(tmp_path), site="typo")
    assert "site: typo is none of foobar.com." in refusal(finished)
