"""An inventory of one's own: the wiring serves it whatever groups it has, and says what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

from . import PLAYBOOKS, ROOT, load

GROUPS = ["app", "db", "dns", "local", "production", "web"]
PROVIDER = {"class": "octodns_bind.Rfc2136Provider", "host": "ns1.example"}
# What the groups' files tell the roles.
WIRING = {
    group: sorted(set[str]().union(*map(load, folder.glob(f"group_vars/{group}/*.yml"))))
    for group in GROUPS
    for folder in [ROOT if group in ("local", "production") else PLAYBOOKS]
}


def rendered(source: str, *groups: str, **more: Any) -> dict[str, Any]:
    """Return what the wiring of these groups tells the inventory's first host, and the sites."""
    loader = DataLoader()
    loader.set_basedir(str(PLAYBOOKS))
    inventory = InventoryManager(loader=loader, sources=[source])
    manager = VariableManager(loader=loader, inventory=inventory)
    host = inventory.get_hosts()[0]
    variables = {**manager.get_vars(host=host), "hostvars": HostVars(inventory, manager, loader), **more}
    templar = Templar(loader=loader, variables=variables)
    names = [name for group in groups for name in WIRING[group] if not name.startswith("vault_")]
    return {name: templar.template(variables[name]) for name in [*names, "sites", "default_addresses"]}


def inventory_of(folder: Path, groups: dict[str, list[str]], **variables: str) -> str:
    """Write an inventory of one server in these groups, which are empty or hold it, beside the site's group_vars."""
    children: dict[str, Any] = {name: {"hosts": {host: {} for host in hosts}} for name, hosts in groups.items()}
    everything = {"all": {"hosts": {"server": variables}, "children": children}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(everything))
    (folder / "group_vars").symlink_to(ROOT / "group_vars")
    return str(folder / "hosts.yml")


@pytest.mark.parametrize("left_out", GROUPS)
@pytest.mark.parametrize("is_empty", [False, True], ids=["missing", "empty"])
def test_the_wiring_serves_an_inventory_without_one_of_the_groups(
    left_out: str, is_empty: bool, tmp_path: Path
) -> None:
    others = [group for group in GROUPS if group != left_out and not (group == "local" and left_out != "production")]
    groups = {group: ["server"] for group in others} | ({left_out: []} if is_empty else {})
    source = inventory_of(tmp_path, groups, ansible_host="192.0.2.1")
    told = rendered(source, *others, secrets=str(tmp_path), vault_dns_key="a2V5")
    assert told["default_addresses"] == (["192.0.2.1"] if left_out != "web" else [])
    assert told["sites"][0]["domain"] == "foobar.com"
    if left_out != "app":
        assert [app.get("dump_host") for app in told["app_deploy_apps"]] == [None if left_out == "db" else "server"]


def test_the_wiring_serves_an_inventory_without_an_environment(tmp_path: Path) -> None:
    groups = {group: ["server"] for group in ("web", "app", "db", "dns")}
    source = inventory_of(tmp_path, groups, ansible_host="192.0.2.1")
    told = rendered(source, *groups, secrets=str(tmp_path), dns_provider=PROVIDER)
    assert told["nginx_sites"][0]["server_name"] == "foobar.com"
    assert told["dns_records_zones"][0]["nameservers"] == []


def test_a_web_server_without_an_address_of_its_own_is_reached_by_its_name(tmp_path: Path) -> None:
    told = rendered(inventory_of(tmp_path, {"web": ["server"]}), secrets=str(tmp_path))
    assert told["default_addresses"] == ["server"]


def test_dns_without_a_provider_is_refused_by_the_variable_s_name(tmp_path: Path) -> None:
    groups = {"web": ["server"], "dns": ["server"]}
    with pytest.raises(AnsibleError, match=r"nothing says where the zones are kept: set dns_provider"):
        rendered(inventory_of(tmp_path, groups, ansible_host="192.0.2.1"), "dns", secrets=str(tmp_path))
