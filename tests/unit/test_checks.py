"""What check.yml and the roles' checks refuse, where nothing but the values as they were written shows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.template import trust_as_template

from tests.calls import action, server
from tests.playbook import ROOT, play, refusal, refusals

SITE = {
    "domain": "foobar.com",
    "addresses": ["8.8.8.8"],
    "app": "shop",
    "directory": "/nowhere",
    "wsgi_app": "shop:app",
    "health_path": "/",
}
FACTS = {
    "distribution": "Ubuntu",
    "distribution_release": "any",
    "distribution_version": "24.04",
    "python_version": "3.12.0",
    "memtotal_mb": 2000,
}


def test_a_site_with_a_wrong_type_is_refused_in_a_sentence(tmp_path: Path) -> None:
    sites = [{**SITE, "aliases": "www.foobar.com", "nginx": None}]
    spec = {"spec": str(ROOT / "playbooks/meta/sites.yml")}
    with pytest.raises(AnsibleActionFail) as refused:
        action("check_sites", spec, server("production", sites=sites, secrets=str(tmp_path)))
    assert str(refused.value) == (
        "sites: aliases of foobar.com must be a list, such as [www.foobar.com]. "
        "sites: nginx of foobar.com is empty; give it a value or leave it out."
    )


def test_what_a_template_lacks_is_told_with_its_place_in_the_entry(tmp_path: Path) -> None:
    sites = [
        {**SITE, "environment": {"KEY": trust_as_template("{{ vault_key }}"), "OTHER": "x"}},
        {**SITE, "domain": "shop.org", "shared_paths": [trust_as_template("{{ nowhere")]},
    ]
    spec = {"spec": str(ROOT / "playbooks/meta/sites.yml")}
    with pytest.raises(AnsibleActionFail) as refused:
        action("check_sites", spec, server("production", sites=sites, secrets=str(tmp_path)))
    first, second = str(refused.value).split(" sites: ")
    assert first == "sites: KEY of environment of foobar.com can't be filled in: 'vault_key' is undefined."
    assert second.startswith("entry 1 of shared_paths of shop.org can't be filled in: Syntax error in template: ")


def test_a_mistake_in_a_file_of_variables_is_refused_with_its_line_and_without_the_value(tmp_path: Path) -> None:
    (tmp_path / "shop.env").write_text("# of the shop\nKEY='canary\n")
    sites = [{**SITE, "environment_file": str(tmp_path / "shop.env")}]
    spec = {"spec": str(ROOT / "playbooks/meta/sites.yml")}
    with pytest.raises(AnsibleActionFail) as refused:
        action("check_sites", spec, server("production", sites=sites, secrets=str(tmp_path)))
    assert str(refused.value) == f"{tmp_path}/shop.env:2: the quote that KEY begins with is not closed."


def test_what_sites_have_for_a_role_is_for_the_role_to_refuse_in_a_sentence_each(tmp_path: Path) -> None:
    sites = [
        {**SITE, "gunicorn": {"after": "redis.service"}},
        {**SITE, "domain": "wiki.foobar.com", "app": "wiki", "gunicorn": {"workers": "two"}},
    ]
    # No facts are gathered: this machine's would not be used.
    told = {"secrets": str(tmp_path), "ansible_facts_modules": [], "ansible_facts": FACTS}
    finished = play("check.yml", inventory="inventory/production", sites=sites, **told)
    said = refusal(finished)
    assert "gunicorn_apps: after of shop must be a list, such as [redis.serv" in said
    assert "gunicorn_apps: workers of wiki" in said
    assert "plugin" not in finished.stdout


@pytest.mark.parametrize(
    ("playbook", "groups", "wanted"),
    [
        ("site", {}, "web, app, db or dns"),
        ("check", {"webs": ["web01"], "app": []}, "web, app, db or dns"),
        ("deploy", {"web": ["web01"]}, "app"),
        ("rollback", {"web": ["web01"]}, "app"),
        ("releases", {}, "app"),
        ("maintenance", {"app": ["web01"]}, "web"),
    ],
)
def test_an_inventory_without_a_server_for_a_playbook_is_refused_by_its_name_and_the_groups(
    playbook: str, groups: dict[str, list[str]], wanted: str, tmp_path: Path
) -> None:
    children: dict[str, Any] = {name: {"hosts": {host: {} for host in hosts}} for name, hosts in groups.items()}
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"children": children}}))
    said = refusal(play(f"{playbook}.yml", inventory=inventory))
    assert f"inventory: {inventory} has no server in the group {wanted}; put one there" in said


def test_a_limit_that_leaves_a_playbook_no_server_is_refused(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(
        json.dumps({"all": {"children": {"app": {"hosts": {"web01": {}}}, "dns": {"hosts": {"ns01": {}}}}}})
    )
    said = refusal(play("releases.yml", "--limit=ns01", inventory=inventory))
    assert "limit: ns01 has no server of the group app; name one that is in it, or leave --limit out." in said


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


SENTENCES = {
    "gunicorn": "gunicorn_apps: environment of shop is empty; give it a value or leave it out.",
    "app_deploy": "app_deploy_apps: build_commands of shop must be a list, such as [make].",
    "mysql": "mysql_databases: encoding of shop is empty; give it a value or leave it out. "
    "mysql_users: priv of shop is empty; give it a value or leave it out.",
    "dns_records": "dns_records_zones: nameservers of foobar.com must be a list, such as [ns1].",
}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the roles' checks once, each on a host that is called after its role; return what is said of each."""
    folder = tmp_path_factory.mktemp("checks")
    check = {"name": "foobar.webstack.{{ inventory_hostname }}", "tasks_from": "check"}
    # The check of dns_records runs once for all hosts, and ends the play. The first play is not to fail on all of its
    # hosts.
    plays = [
        {
            "hosts": hosts,
            "gather_facts": False,
            "tasks": [{"ansible.builtin.include_role": check, "when": "inventory_hostname != 'bystander'"}],
        }
        for hosts in ("all:!dns_records", "dns_records")
    ]
    (folder / "play.yml").write_text(json.dumps(plays))
    inventory = ",".join([*SENTENCES, "bystander"])
    finished = play(folder / "play.yml", inventory=inventory, ansible_facts=FACTS, **WRONG)
    assert "canary" not in finished.stdout + finished.stderr
    return refusals(finished)


@pytest.mark.parametrize("role", SENTENCES)
def test_a_role_s_list_with_a_wrong_type_is_refused_in_a_sentence(role: str, refused: dict[str, str]) -> None:
    assert SENTENCES[role] in refused[role]


def test_a_role_s_list_with_the_right_types_is_not_refused(refused: dict[str, str]) -> None:
    assert set(refused) == set(SENTENCES)
