"""Where the roles meet, and what a user says: nothing misspelt, nothing twice, and all of it to the roles' liking."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.foobar.webstack.plugins.filter import sites as filters
from ansible_collections.foobar.webstack.plugins.filter.gunicorn import gunicorn_release_files
from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import numbers
from jinja2 import meta

from tests.calls import server

from . import FACTS, PLAYBOOKS, ROLES, ROOT, jinja, load, spec

ENVIRONMENTS = {"local", "production"}
SPEC = load(PLAYBOOKS / "meta/sites.yml")
ANSIBLE = {
    "ansible_facts",
    "ansible_playbook_python",
    "query",
    "group_names",
    "groups",
    "hostvars",
    "inventory_dir",
    "inventory_hostname",
    "item",
    "lookup",
    "playbook_dir",
}
WIRING, USERS = (
    {path: load(path) or {} for path in sorted((folder / "group_vars").glob("*/*.yml"))} for folder in (PLAYBOOKS, ROOT)
)
GROUP_VARS = WIRING | USERS
DEFINED = {name for variables in GROUP_VARS.values() for name in variables}
# What deploy.yml and its like are told on the command line.
ASKED = {
    *("command", "database", "env", "lines", "lose_writes", "mode", "new_secrets", "release", "restart", "site"),
    "version",
}
KNOWN = {name for role in ROLES for name in spec(role)}
# What the collection's plugins read by themselves.
READ_BY_PLUGINS = {"foreign_variables", "strict_variables"}
# What only a user sets, and may leave out.
OPTIONAL = {
    *("caa_issuer", "certificate_email", "default_tls", "dns_nameservers", "preview_names", "web_addresses"),
    "web_server_user",
}


def handed() -> set[str]:
    """Name the variables that plays and tasks of the playbooks set or ask for themselves."""
    plays = [play for path in PLAYBOOKS.glob("*.yml") for play in load(path)]
    parts = [part for play in plays for part in [play, *play.get("tasks", [])]]
    asked = {question["name"] for part in parts for question in part.get("vars_prompt", [])}
    registered = {part["register"] for part in parts if "register" in part}
    return asked.union(registered, *(part.get("vars", {}) for part in parts))


def used() -> set[str]:
    """Name the variables that group_vars, the inventories and the playbooks read."""
    texts = [path.read_text() for path in [*GROUP_VARS, *ROOT.glob("inventory/*/hosts.yml"), *PLAYBOOKS.glob("*.yml")]]
    return set[str]().union(*(meta.find_undeclared_variables(jinja.parse(text)) for text in texts))


def test_a_variable_is_a_role_s_or_is_used() -> None:
    assert {name for name in DEFINED - KNOWN - READ_BY_PLUGINS - used() if not name.startswith("ansible_")} == set()


def test_every_variable_that_is_used_is_defined() -> None:
    assert {name for name in used() - DEFINED - KNOWN - ANSIBLE - ASKED - FACTS - OPTIONAL - handed()} == set()


def test_a_variable_stands_in_one_group_or_in_every_environment() -> None:
    for name in DEFINED:
        groups = {path.parent.name for path, variables in GROUP_VARS.items() if name in variables}
        assert len(groups) == 1 or groups <= ENVIRONMENTS, f"{name} in {groups}"


def test_what_a_user_sets_is_not_overruled_by_what_stands_beside_the_playbooks() -> None:
    wired, users = (set[str]().union(*files.values()) for files in (WIRING, USERS))
    assert wired & (users | OPTIONAL) == set()
    # What is no template is a setting, and those are for the user.
    settings = {name for file in WIRING.values() for name, value in file.items() if "{{" not in str(value)}
    assert settings == {"strict_variables", "without_dns_provider"}


def test_only_names_and_addresses_stand_in_the_inventory() -> None:
    def keys(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, item in value.items():
                yield key
                yield from keys(item)

    for path in ROOT.glob("inventory/*/hosts.yml"):
        assert not KNOWN & set(keys(yaml.safe_load(path.read_text()))), path


class Site(dict[str, Any]):
    """An entry that remembers which keys it was asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        """Begin with nothing asked for."""
        super().__init__(values)
        self.asked: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        """Return a value."""
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        """Tell whether there is one."""
        self.asked.add(str(key))
        return super().__contains__(key)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value or the default."""
        self.asked.add(key)
        return super().get(key, default)


def test_an_entry_of_sites_may_hold_exactly_what_is_read_from_it() -> None:
    examples = {"dict": {}, "list": [], "path": "/srv", "str": "x"}
    database = Site({name: "x" for name in SPEC["sites"]["options"]["database"]["options"]})
    values = {name: examples[option["type"]] for name, option in SPEC["sites"]["options"].items()}
    tls = Site(dict.fromkeys(SPEC["sites"]["options"]["tls"]["options"], ()) | {"caa": True, "provider": "acme"})
    services = {"server": "gunicorn", "database": database, "smtp": {"host": "192.0.2.25"}}
    site = Site({**values, "addresses": ["8.8.8.8"], **services, "tls": tls})
    further: dict[str, tuple[Any, ...]] = {
        "app_deploy_apps": (["db01"],),
        "dns_records_zones": ({}, [], []),
        "nginx_sites": (["localhost"],),
        "with_tls": ({},),
    }
    for name, function in filters.FilterModule().filters().items():
        # These take a role's list, or none.
        if name.startswith("of_") or name.endswith("_kept") or name in ("caa_issuer", "served_at"):
            continue
        function([site], *further.get(name, ()))
    assert site.asked == set(SPEC["sites"]["options"])
    assert database.asked == set(database)
    assert tls.asked == set(tls)


@pytest.mark.parametrize("key", ["background", "scheduled"])
def test_what_runs_beside_a_release_is_told_as_the_role_gunicorn_wants_it(key: str) -> None:
    def types(options: dict[str, Any]) -> dict[str, Any]:
        return {name: {**option, "description": ""} for name, option in options.items()}

    theirs = spec("gunicorn")["gunicorn_apps"]["options"][key]["options"]
    assert types(SPEC["sites"]["options"][key]["options"]) == types(theirs)


@cache
def rendered(inventory: str, folder: Path) -> dict[str, Any]:
    """Return what the inventory's one server is told, without a connection to it."""
    told = {
        name
        for path, variables in GROUP_VARS.items()
        for name in variables
        if path.parent.name not in ENVIRONMENTS - {inventory}
    }
    variables = server(inventory, secrets=str(folder), vault_dns_key="a2V5")
    templar = Templar(loader=DataLoader(), variables=variables)
    return {
        name: templar.template(trust_as_template(f"{{{{ {name} }}}}"))
        for name in told & KNOWN | {"sites", "default_addresses"}
    }


@pytest.fixture(params=sorted(ENVIRONMENTS))
def wiring(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return rendered(request.param, tmp_path_factory.getbasetemp())


def test_the_sites_are_as_their_spec_wants_them(wiring: dict[str, Any]) -> None:
    assert ArgumentSpecValidator(SPEC).validate({"sites": wiring["sites"]}).error_messages == []


# The role swap is told by users alone.
@pytest.mark.parametrize("role", [role for role in ROLES if role != "swap"])
def test_each_role_takes_what_it_is_told(wiring: dict[str, Any], role: str) -> None:
    told = {name: value for name, value in wiring.items() if name.startswith(f"{role}_")}
    assert told
    # A default may be a template, which only the role can fill in.
    options = {name: {**option, "default": None} for name, option in spec(role).items()}
    assert ArgumentSpecValidator(options).validate(told).error_messages == []


def test_nginx_the_releases_and_gunicorn_agree_on_every_path(wiring: dict[str, Any]) -> None:
    (release,), (app,), (upstream,) = wiring["app_deploy_apps"], wiring["gunicorn_apps"], wiring["nginx_upstreams"]
    name = app["name"]
    home = release.get("path", f"/srv/{name}")
    assert release["service"] == f"gunicorn-{name}"
    assert release["sockets_path"] == f"/run/gunicorn-{name}"
    settings = [file["dest"] for file in gunicorn_release_files(wiring["gunicorn_apps"], {})]
    assert release["environment_file"] == f"/etc/gunicorn/{name}/%i/env"
    assert release["environment_file"] in settings
    for kind in ("service", "socket"):
        assert f"/etc/systemd/system/{release['service']}@%i.{kind}" in settings
    assert f"/etc/systemd/system/{release['service']}@.service" in release["shared_settings"]
    assert app["releases_path"] == f"{home}/releases"
    assert [server["address"] for server in upstream["servers"]] == [f"unix:{home}/current/gunicorn.sock"] * 2
    static = [place for place in wiring["nginx_sites"][0]["locations"] if "alias" in place]
    assert [place["alias"] for place in static] == [f"{home}/current/{path}/" for path in release["static_paths"]]
    assert [place["fallback"] for place in static] == [f"{home}/previous/{path}/" for path in release["static_paths"]]
    assert wiring["gunicorn_socket_group"] == wiring["nginx_user"]


def test_the_site_s_names_lead_to_the_web_server_s_address(wiring: dict[str, Any]) -> None:
    (zone,) = wiring["dns_records_zones"]
    address = wiring["default_addresses"]
    assert [record for record in zone["records"] if record["type"] != "CAA"] == [
        {"record": "foobar.com", "type": "A", "value": address},
        {"record": "www.foobar.com", "type": "CNAME", "value": ["foobar.com."]},
    ]


def test_the_production_server_is_the_one_at_8_8_8_8(tmp_path: Path) -> None:
    assert rendered("production", tmp_path)["default_addresses"] == ["8.8.8.8"]


def test_the_version_is_the_same_wherever_it_stands() -> None:
    version = load(ROOT / "galaxy.yml")["version"]
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == version


def test_the_collection_runs_on_the_versions_of_ansible_core_that_are_tested() -> None:
    locked = re.findall(r"^ansible-core==(\d+\.\d+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    oldest, newest = (edge([numbers(version) for version in locked]) for edge in (min, max))
    wanted = f">={oldest[0]}.{oldest[1]}.0,<{newest[0]}.{newest[1] + 1}.0"
    assert load(ROOT / "meta/runtime.yml")["requires_ansible"] == wanted


def test_an_execution_environment_gets_the_packages_that_the_tests_have() -> None:
    wanted = (ROOT / "meta/execution-environment.txt").read_text().split()
    assert set(wanted) <= set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])


def test_no_old_name_of_a_plugin_outlives_the_version_in_which_it_goes() -> None:
    version = numbers(load(ROOT / "galaxy.yml")["version"])
    routing = load(ROOT / "meta/runtime.yml")["plugin_routing"]
    old = [entry["deprecation"] for kinds in routing.values() for entry in kinds.values()]
    assert old
    assert [entry for entry in old if numbers(entry["removal_version"]) <= version] == []
