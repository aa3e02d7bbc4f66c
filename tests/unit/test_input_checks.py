"""What the playbooks refuse of sites and of the command line, each mistake in a sentence that names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible_collections.foobar.webstack.plugins.action.check_sites import reason
from ansible_collections.foobar.webstack.plugins.filter.requests import chosen_sites, host_addresses
from ansible_collections.foobar.webstack.plugins.plugin_utils.input_checks import (
    ARGUMENTS,
    OF_OTHERS,
    input_mistakes,
    misspelt,
)

SPEC = yaml.safe_load((Path(__file__).parents[2] / "playbooks/meta/sites.yml").read_text())
SITE: dict[str, Any] = {
    "domain": "foobar.com",
    "addresses": ["8.8.8.8"],
    "app": "shop",
    "directory": "shop",
    "wsgi_app": "shop:app",
    "health_path": "/",
}
REPO = {**SITE, "domain": "shop.example", "app": "other", "repo": "git@git.example:shop.git"}
EMPTY = "it is empty; give"
SEVERAL = "site: there are several, so name the one to roll back with site=<domain>."
NO_COMMAND = "command: say what to run, such as -e command='python manage.py check'."
NO_VERSIONS = "version: only a site whose source is a repo has versions; name one with site=<domain>."


@pytest.mark.parametrize(
    ("playbook", "given", "mistakes"),
    [
        ("", {}, []),
        ("deploy", {"site": "foobar.com"}, []),
        ("deploy", {"site": "shop.example", "version": "v1.2.0"}, []),
        ("deploy", {"site": ""}, [f"site: {EMPTY} a domain, or leave it out."]),
        ("deploy", {"site": None}, [f"site: {EMPTY} a domain, or leave it out."]),
        ("deploy", {"site": "typo"}, ["site: typo is none of foobar.com, shop.example."]),
        ("deploy", {"version": ""}, [f"version: {EMPTY} a branch, a tag or a commit, or leave it out."]),
        ("deploy", {"version": "v1.2.0"}, [NO_VERSIONS]),
        ("deploy", {"version": "v1.2.0", "site": "typo"}, ["site: typo is none of foobar.com, shop.example."]),
        ("rollback", {"site": "foobar.com", "release": "1a2b3c4d-5e6f7a8b", "database": "restore"}, []),
        ("rollback", {}, [SEVERAL]),
        ("rollback", {"release": "", "site": ""}, [f"site: {EMPTY} a domain, or leave it out."]),
        (
            "rollback",
            {"database": "back"},
            [SEVERAL, "database: the one value is restore; without it the database stays as it is."],
        ),
        ("rollback", {"release": ""}, [f"release: {EMPTY} the id of a release, or leave it out."]),
        ("releases", {"site": "typo"}, ["site: typo is none of foobar.com, shop.example."]),
        ("run", {"site": "foobar.com", "command": "flask digest"}, []),
        (
            "run",
            {"command": "flask digest"},
            ["site: there are several, so name one with site=<domain>."],
        ),
        ("run", {"site": "foobar.com"}, [NO_COMMAND]),
        ("run", {"site": "foobar.com", "command": " "}, [NO_COMMAND]),
        ("run", {"site": "foobar.com", "commands": "flask digest"}, [NO_COMMAND]),
        ("logs", {"site": "foobar.com"}, []),
        ("logs", {"site": "foobar.com", "lines": "100"}, []),
        ("logs", {}, ["site: there are several, so name one with site=<domain>."]),
        ("logs", {"site": "foobar.com", "lines": "many"}, ["lines: many is no number of lines, such as 100."]),
        ("logs", {"site": "foobar.com", "lines": 0}, ["lines: 0 is no number of lines, such as 100."]),
        ("maintenance", {"mode": "on", "site": "foobar.com"}, []),
        ("maintenance", {}, ["mode: say -e mode=on or -e mode=off, not nothing."]),
        ("maintenance", {"mode": True}, ["mode: say -e mode=on or -e mode=off, not True."]),
    ],
)
def test_an_argument_that_a_playbook_cannot_follow_is_named(
    playbook: str, given: dict[str, Any], mistakes: list[str]
) -> None:
    found = input_mistakes([SITE, REPO], SPEC, given, playbook)
    # Of several empty ones each is named.
    assert found[: len(mistakes)] == mistakes
    assert len(found) == len(mistakes) or all(EMPTY in mistake for mistake in found)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("verison", "version"), ("comand", "command"), ("linse", "lines"), ("sit", "site"), ("sitte", "site")),
        *(("relaese", "release"), ("databse", "database"), ("restrat", "restart"), ("mod", "mode"), ("iste", "site")),
    ],
)
def test_a_misspelt_argument_is_named_with_the_one_that_is_meant(name: str, meant: str) -> None:
    (sentence,) = misspelt([name])
    assert sentence == (
        f"{name}: no playbook takes it; did you mean {meant}? If it is your own, add it to foreign_variables."
    )
    assert misspelt([name], ["other", f"{name[:2]}*"]) == []


def test_arguments_and_variables_of_a_user_s_own_are_no_slips() -> None:
    assert misspelt([*ARGUMENTS, *OF_OTHERS]) == []
    own = ["nginx_listen", "ansible_user", "domain", "git_ref", "env", "region"]
    own += ["ui_version", "db_version", "my_version", "version_ui", "sites_extra", "website", "commands", "databases"]
    own += ["modes", "secret", "line", "conversion", "revision"]
    assert misspelt(own) == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"databse": {}}, "sites: foobar.com has the unknown key databse: did you mean database?"),
        ({"database": {"nam": "x"}}, "sites: database of foobar.com has the unknown key nam: did you mean name?"),
        ({"gunicorn": {"user": "root"}}, "sites: user of gunicorn of foobar.com follows from the entry"),
        ({"aliases": "www.foobar.com"}, "sites: aliases of foobar.com must be a list, such as [www.foobar.com]."),
        ({"addresses": ["web01"]}, "sites: addresses of foobar.com has web01, which is no IP address; write one there"),
    ],
)
def test_a_mistake_in_an_entry_is_named_with_its_site(keys: dict[str, Any], words: str) -> None:
    mistakes = input_mistakes([{**SITE, **keys}], SPEC, {}, web_addresses=[])
    assert any(mistake.startswith(words) for mistake in mistakes), mistakes
    assert all("\n" not in mistake and mistake.endswith((".", "?")) for mistake in mistakes)


def test_a_missing_key_is_named_and_no_secret_is_shown() -> None:
    entry = {key: value for key, value in SITE.items() if key != "app"}
    entry |= {"database": {"name": "shop", "password": "canary"}, "environment": {"KEY": "canary"}}
    mistakes = input_mistakes([entry], SPEC, {})
    assert "sites: foobar.com lacks the key app." in mistakes
    assert "sites: database of foobar.com lacks the key user." in mistakes
    assert "canary" not in " ".join(mistakes)


def test_addresses_are_nobody_s_business_without_dns() -> None:
    assert input_mistakes([{**SITE, "addresses": ["web01"]}], SPEC, {}) == []


def test_a_site_without_addresses_needs_a_web_server_that_has_one() -> None:
    site = {key: value for key, value in SITE.items() if key != "addresses"}
    assert input_mistakes([site], SPEC, {}, web_addresses=["192.0.2.1"]) == []
    for addresses, words in ((["web01"], "foobar.com has web01, which is no IP"), ([], "foobar.com has no addresses")):
        (mistake,) = input_mistakes([site], SPEC, {}, web_addresses=addresses)
        assert words in mistake


def test_a_domain_chooses_its_site_and_none_chooses_all() -> None:
    assert chosen_sites([SITE, REPO], "shop.example") == [REPO]
    assert chosen_sites([SITE, REPO], "") == [SITE, REPO]
    assert chosen_sites([SITE, REPO], "typo") == []


def test_a_host_is_reached_at_its_address_or_by_its_name() -> None:
    own = {"all_ipv6_addresses": ["fe80::1", "2a01:4f8::7"]}
    known = {"one": {"ansible_host": "192.0.2.1", "ansible_facts": own}, "two": {"ansible_host": "2a01:4f8::8"}}
    assert host_addresses(["one", "two"], known) == ["192.0.2.1", "2a01:4f8::8"]
    assert host_addresses(["one", "two"], known, with_ipv6=True) == ["192.0.2.1", "2a01:4f8::8", "2a01:4f8::7"]
    own["all_ipv6_addresses"].append("2a01:4f8::9")
    assert host_addresses(["one"], known, with_ipv6=True) == ["192.0.2.1"]
    assert host_addresses(["one", "192.0.2.2"], {"one": {"ansible_host": "192.0.2.1"}, "192.0.2.2": {}}) == [
        "192.0.2.1",
        "192.0.2.2",
    ]


def test_of_an_error_on_its_way_through_templates_its_cause_is_told() -> None:
    cause, outer = AnsibleError("'vault_shop_key' is undefined"), AnsibleError("Error while resolving value")
    outer.__cause__ = cause
    assert reason(outer) == "'vault_shop_key' is undefined"
    assert reason(cause) == "'vault_shop_key' is undefined"


def test_a_variable_that_no_environment_can_hold_is_refused_by_its_name_and_without_its_value() -> None:
    site = {
        **SITE,
        "environment": {"ALLOWED_HOSTS": ["canary"], "KEY": "several\nlines"},
        "build_environment": {"OPTIONS": {"canary": 1}},
    }
    assert input_mistakes([site], SPEC, {}) == [
        f'sites: {name} is a {kind}: write one text, such as "a,b", or let `| to_json` make one of it.'
        for name, kind in (
            ("ALLOWED_HOSTS of environment of foobar.com", "list"),
            ("OPTIONS of build_environment of foobar.com", "dictionary"),
        )
    ]
