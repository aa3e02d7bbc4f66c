"""The nightly test of refused releases leaves out no key that the entry of a site may have."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.sites import FOLLOWS

from tests.refused import GROUPS, changed, keys

from . import PLAYBOOKS, ROOT, load, spec

LISTS = {"gunicorn": "gunicorn_apps", "uwsgi": "uwsgi_apps", "app_deploy": "app_deploy_apps", "nginx": "nginx_sites"}


def sites() -> dict[str, Any]:
    """Return the options of a site's entry."""
    return dict(load(PLAYBOOKS / "meta/sites.yml")["sites"]["options"])


def entry() -> dict[str, Any]:
    """Return the entry that the scenario begins with."""
    return dict(load(ROOT / "molecule/nightly_refused/host_vars/webstack-refused.yml")["sites"][0])


def test_each_key_of_a_site_has_a_case() -> None:
    # What a role is told beside comes in a dictionary of its name, which is no case of its own.
    wanted = set(keys(sites())) - LISTS.keys()
    for role, name in LISTS.items():
        wanted |= {f"{role}.{key}" for key in spec(role)[name]["options"].keys() - FOLLOWS[role]}
    cases = {key for group in GROUPS.values() for key in group}
    # What is said of a certificate can't all be said of one.
    cases |= {f"tls.{key}" for group in GROUPS.values() for key in group.get("tls", ())}
    free = {key for key in cases if key.partition(".")[0] in ("environment", "migrate_environment")}
    assert wanted - cases == set()
    assert cases - free - wanted == set()


@pytest.mark.parametrize("name", GROUPS)
def test_a_case_is_no_value_that_the_entry_has_already(name: str) -> None:
    for key, value in GROUPS[name].items():
        assert changed(entry(), {key: value}, sources="", checksum="", certificate="", private_key="") != entry(), key
