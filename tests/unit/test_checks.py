"""What check.yml and the roles' checks refuse, where nothing but the values as they were written shows it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SITE = {
    "domain": "foobar.com",
    "addresses": ["8.8.8.8"],
    "app": "shop",
    "directory": "/nowhere",
    "wsgi_app": "shop:app",
    "health_path": "/",
}
FACTS = {"distribution": "Ubuntu", "distribution_release": "any", "python_version": "3.12.0", "memtotal_mb": 2000}


def refusal(playbook: Path, inventory: str, variables: dict[str, Any]) -> str:
    """Run a playbook that must fail in its checks, and return what it says."""
    result = subprocess.run(
        ["ansible-playbook", f"--inventory={inventory}", f"--extra-vars={json.dumps(variables)}", str(playbook)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 2, result.stdout + result.stderr
    assert "changed=0" in result.stdout
    assert "unreachable=0" in result.stdout
    return " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("keys", "sentences"),
    [
        (
            {"aliases": "www.foobar.com", "nginx": None},
            "sites: aliases of foobar.com must be a list, such as [www.foobar.com]. "
            "sites: nginx of foobar.com is empty; give it a value or leave it out.",
        ),
        # What the roles' lists hold is for the roles to say.
        ({"gunicorn": {"after": "redis.service"}}, "gunicorn_apps: after of shop must be a list, such as [redis.serv"),
    ],
)
def test_a_site_with_a_wrong_type_is_refused_in_a_sentence(
    keys: dict[str, Any], sentences: str, tmp_path: Path
) -> None:
    # Facts are gathered from this machine, and not used.
    told = {"secrets": str(tmp_path), "ansible_connection": "local", "ansible_facts": FACTS}
    said = refusal(ROOT / "check.yml", "inventory/production", {**told, "sites": [{**SITE, **keys}]})
    assert sentences in said
    assert "plugin" not in said


WRONG = {
    "gunicorn_apps": [{"name": "shop", "wsgi_app": "shop:app", "chdir": "/srv/shop", "environment": None}],
    "app_deploy_apps": [
        {
            "name": "shop",
            "directory": "/nowhere",
            "service": "shop",
            "sockets_path": "/run/shop",
            "health_path": "/",
            "build_commands": "make",
        }
    ],
    "mysql_databases": [{"name": "shop", "encoding": None}],
    "mysql_users": [{"name": "shop", "password": "canary", "priv": None}],
    "dns_records_zones": [{"zone": "foobar.com", "provider": {"class": "x"}, "records": [], "nameservers": "ns1"}],
}


@pytest.mark.parametrize(
    ("roles", "sentences"),
    [
        (
            "gunicorn,app_deploy,mysql",
            [
                "gunicorn_apps: environment of shop is empty; give it a value or leave it out.",
                "app_deploy_apps: build_commands of shop must be a list, such as [make].",
                "mysql_databases: encoding of shop is empty; give it a value or leave it out.",
                "mysql_users: priv of shop is empty; give it a value or leave it out.",
            ],
        ),
        # Its check runs once for all hosts, and ends the play.
        ("dns_records,", ["dns_records_zones: nameservers of foobar.com must be a list, such as [ns1]."]),
    ],
)
def test_a_role_s_list_with_a_wrong_type_is_refused_in_a_sentence(
    roles: str, sentences: list[str], tmp_path: Path
) -> None:
    # A host is called after the role that it checks.
    role = {"name": "foobar.webstack.{{ inventory_hostname }}", "tasks_from": "check"}
    play = {"hosts": "all", "gather_facts": False, "tasks": [{"ansible.builtin.include_role": role}]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    said = refusal(tmp_path / "play.yml", roles, {"ansible_facts": FACTS, **WRONG})
    assert [sentence for sentence in sentences if sentence not in said] == []
    assert "canary" not in said
