"""What maintenance.yml and releases.yml refuse, before they look for a machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.calls import assertion
from tests.playbook import play, refusal, refusals

WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "mode: say -e mode=on or -e mode=off, not nothing."),
    ({"mode": "onn"}, "mode: say -e mode=on or -e mode=off, not onn."),
    ({"mode": True}, "mode: say -e mode=on or -e mode=off, not True."),
    ({"mode": "on", "site": "shop.example"}, "site: shop.example is none of foobar.com."),
    ({"mode": "off", "site": "www.foobar.com"}, "site: www.foobar.com is none of foobar.com."),
    ({"mode": "on", "site": ""}, "site: it is empty; give a domain, or leave it out."),
]


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run maintenance.yml once, with a host for each wrong command line; return what is said of each."""
    folder = tmp_path_factory.mktemp("maintenance")
    hosts = {f"case{number}": variables for number, (variables, _) in enumerate(WRONG)}
    groups: dict[str, Any] = {
        name: {"hosts": {host: {} for host in hosts}} for name in ("web", "app", "db", "dns", "production")
    }
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts, "children": groups}}))
    return refusals(play("maintenance.yml", inventory=folder / "hosts.yml", secrets=str(folder)))


@pytest.mark.parametrize("number", range(len(WRONG)), ids=[sentence for _, sentence in WRONG])
def test_a_wrong_mode_or_site_is_refused_in_one_sentence(refused: dict[str, str], number: int) -> None:
    assert WRONG[number][1] in refused[f"case{number}"]


def test_whatever_else_is_wrong_with_a_site_maintenance_can_begin(tmp_path: Path) -> None:
    broken = [{"domain": "foobar.com", "wsgi_ap": "shop:app", "environment": {"KEY": "{{ vault_nowhere }}"}}]
    said = refusal("maintenance.yml", tmp_path, {"mode": "on", "site": "typo", "sites": broken})
    assert "site: typo is none of foobar.com." in said
    assert "wsgi_ap" not in said


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
    result = assertion("releases.yml", "Refuse a site that there is none of", secrets=str(tmp_path), site=site)
    assert (result["failed"], result["msg"]) == (True, sentence)


def test_a_site_that_there_is_none_of_is_refused_before_a_machine_is_asked(tmp_path: Path) -> None:
    finished = play("releases.yml", inventory="inventory/production", secrets=str(tmp_path), site="typo")
    assert "site: typo is none of foobar.com." in refusal(finished)
