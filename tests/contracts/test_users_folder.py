"""A folder of a user's own, with an inventory and group_vars: what stands there reaches the roles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import users_folder
from ansible_collections.foobar.webstack.plugins.plugin_utils.overruled import overruled

from . import PLAYBOOKS, load

SITE: dict[str, Any] = {
    **{"domain": "shop.example", "app": "shop", "directory": "shop", "wsgi_app": "shop:app", "health_path": "/"},
    "tls": {"caa": True},
}
PROVIDER = {"class": "octodns_bind.Rfc2136Provider", "host": "ns1.example"}
GROUPS = ("web", "app", "db", "dns", "staging")
Told = Callable[[str], Any]


def hostvars(folder: Path, group: str = "all", **variables: Any) -> HostVars:
    """Return the variables of the one server of a folder in which the file of a group holds some."""
    hosts: dict[str, Any] = {"hosts": {"server": {}}}
    inventory = {"all": {"hosts": {"server": {"ansible_host": "192.0.2.1"}}, "children": dict.fromkeys(GROUPS, hosts)}}
    settings = {"all": {"sites": [SITE], "dns_provider": PROVIDER}}
    settings[group] = {**settings.get(group, {}), **variables}
    (folder / "group_vars").mkdir()
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    for name, values in settings.items():
        (folder / f"group_vars/{name}.yml").write_text(yaml.safe_dump(values))
    loader = DataLoader()
    loader.set_basedir(str(PLAYBOOKS))
    sources = InventoryManager(loader=loader, sources=[str(folder / "hosts.yml")])
    manager = VariableManager(loader=loader, inventory=sources)
    return HostVars(sources, manager, loader)


def told(folder: Path, group: str = "all", **variables: Any) -> Told:
    """Return what fills variables in for that server."""
    known = hostvars(folder, group, **variables)
    host = known._inventory.get_host("server")
    values = {**known._variable_manager.get_vars(host=host), "hostvars": known}
    templar = Templar(loader=known._loader, variables=values)
    return lambda expression: templar.template(trust_as_template(f"{{{{ {expression} }}}}"))


# Each variable that a user may set and that the playbooks' own files read: a value, and where a role meets it.
SETTINGS = {
    "dns_nameservers": (["192.0.2.53"], "dns_records_zones[0].nameservers"),
    "dns_provider": ({"class": "octodns_ovh.OvhProvider"}, "dns_records_zones[0].provider"),
    "caa_issuer": ("ca.example", "dns_records_zones[0].records[-1].value[0].split('\"')[1]"),
    "certificate_email": ("you@example.com", "tls_acme_email"),
    "default_tls": ({"profile": "shortlived"}, "{'profile': complete_sites[0].tls.profile}"),
    "preview_names": (["localhost"], "nginx_sites[0].preview_names"),
    "web_addresses": (["192.0.2.9"], "dns_records_zones[0].records[0].value"),
    "web_server_user": ("www", "nginx_user"),
}


@pytest.mark.parametrize("group", ["all", "staging"])
@pytest.mark.parametrize(("name", "value", "expression"), [(name, *case) for name, case in SETTINGS.items()])
def test_a_user_s_setting_reaches_its_role(name: str, value: Any, expression: str, group: str, tmp_path: Path) -> None:
    assert told(tmp_path, group, **{name: value})(expression) == value


def test_nginx_may_reach_the_sockets_whoever_it_runs_as(tmp_path: Path) -> None:
    assert told(tmp_path, web_server_user="www")("gunicorn_socket_group") == "www"


@pytest.mark.parametrize("group", ["all", "staging"])
def test_a_version_of_gunicorn_that_a_user_sets_reaches_the_role_and_each_release(group: str, tmp_path: Path) -> None:
    found = told(tmp_path, group, gunicorn_version="28.1")
    assert found("gunicorn_version") == "28.1"
    assert found("app_deploy_apps[0].fallback_requirements") == ["gunicorn==28.1"]


def test_the_versions_of_gunicorn_are_the_same_wherever_a_user_sets_none(tmp_path: Path) -> None:
    assert load(PLAYBOOKS.parent / "roles/gunicorn/defaults/main.yml")["gunicorn_version"] == names.GUNICORN_VERSION
    fallback = told(tmp_path)("app_deploy_apps[0].fallback_requirements")
    assert fallback == [f"gunicorn=={names.GUNICORN_VERSION}"]


@pytest.mark.parametrize("group", ["all", "staging", "web"])
def test_what_would_be_passed_over_in_silence_is_refused_by_its_name(group: str, tmp_path: Path) -> None:
    found = overruled(hostvars(tmp_path, group, nginx_sites=[], nginx_worker_processes=2), PLAYBOOKS / "group_vars")
    assert found == [
        f"nginx_sites: the playbooks set it themselves, so group_vars/{group} can't; use the keys of an entry of sites "
        "or set it for a host."
    ]


def test_a_site_without_addresses_has_those_of_the_web_servers(tmp_path: Path) -> None:
    assert told(tmp_path)("dns_records_zones[0].records[0].value") == ["192.0.2.1"]


def test_relative_paths_go_by_the_folder_that_holds_group_vars_whichever_inventory_is_named(tmp_path: Path) -> None:
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "inventory/production").mkdir(parents=True)
    (tmp_path / "inventory/production/group_vars").symlink_to("../../group_vars")
    for inventory in (tmp_path, tmp_path / "inventory/production"):
        assert users_folder(str(inventory)) == tmp_path
    assert users_folder(str(tmp_path / "inventory")) == tmp_path / "inventory"
    assert users_folder(None) is None
