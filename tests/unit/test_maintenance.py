"""What maintenance.yml refuses, before it looks for a machine."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "mode: say -e mode=on or -e mode=off, not nothing."),
        ({"mode": "onn"}, "mode: say -e mode=on or -e mode=off, not onn."),
        ({"mode": True}, "mode: say -e mode=on or -e mode=off, not True."),
        ({"mode": "on", "site": "shop.example"}, "site: shop.example is none of foobar.com."),
        ({"mode": "off", "site": "www.foobar.com"}, "site: www.foobar.com is none of foobar.com."),
        ({"mode": "on", "site": ""}, "site: is none of foobar.com."),
    ],
)
def test_a_wrong_mode_or_site_is_refused_in_one_sentence(
    variables: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    result = subprocess.run(
        [
            "ansible-playbook",
            "--inventory=inventory/production",
            f"--extra-vars={json.dumps({'secrets': str(tmp_path), **variables})}",
            "maintenance.yml",
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": "collections", "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2
    assert sentence in " ".join(result.stdout.split())
    assert "changed=0" in result.stdout
    assert "unreachable=0" in result.stdout
