"""What maintenance.yml and releases.yml refuse, before they look for a machine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def refusal(playbook: str, folder: Path, variables: dict[str, Any]) -> str:
    """Run a playbook that must fail before it changes or reaches anything, and return what it says."""
    result = subprocess.run(
        [
            "ansible-playbook",
            "--inventory=inventory/production",
            f"--extra-vars={json.dumps({'secrets': str(folder), **variables})}",
            playbook,
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": "collections", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert "changed=0" in result.stdout
    assert "unreachable=0" in result.stdout
    return " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "mode: say -e mode=on or -e mode=off, not nothing."),
        ({"mode": "onn"}, "mode: say -e mode=on or -e mode=off, not onn."),
        ({"mode": True}, "mode: say -e mode=on or -e mode=off, not True."),
        ({"mode": "on", "site": "shop.example"}, "site: shop.example is none of foobar.com."),
        ({"mode": "off", "site": "www.foobar.com"}, "site: www.foobar.com is none of foobar.com."),
        ({"mode": "on", "site": ""}, "site: it is empty; give a domain, or leave it out."),
    ],
)
def test_a_wrong_mode_or_site_is_refused_in_one_sentence(
    variables: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    assert sentence in refusal("maintenance.yml", tmp_path, variables)


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
    assert sentence in refusal("releases.yml", tmp_path, {"site": site})
