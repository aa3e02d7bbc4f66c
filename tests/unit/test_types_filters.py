"""Values that Ansible's validation converts in its own copy, and what is said about them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.types import wrong_types

ROOT = Path(__file__).parents[2]
SITES = yaml.safe_load((ROOT / "meta/sites.yml").read_text())["sites"]
SITE = {"domain": "foobar.com", "addresses": ["8.8.8.8"], "environment": {"EMPTY": None}, "nginx": {}, "aliases": []}


def options(role: str, name: str) -> dict[str, Any]:
    """Return a role's option of that name."""
    spec = yaml.safe_load((ROOT / "roles" / role / "meta/argument_specs.yml").read_text())
    return dict(spec["argument_specs"]["main"]["options"][name])


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"aliases": "www.foobar.com"}, "aliases of foobar.com must be a list, such as [www.foobar.com]."),
        ({"aliases": "a.com,b.com"}, "aliases of foobar.com must be a list, such as [a.com,b.com]."),
        ({"addresses": "8.8.8.8"}, "addresses of foobar.com must be a list, such as [8.8.8.8]."),
        (
            {"build_commands": "make css\nmake js\n"},
            "build_commands of foobar.com must be a list, such as [make css, mak",
        ),
        ({"packages": ""}, "packages of foobar.com must be a list."),
        ({"background": {"name": "mailer"}}, "background of foobar.com must be a list of dictionaries."),
        ({"background": ["mailer"]}, "entry 1 of background of foobar.com must be a dictionary, such as {key: value}."),
        ({"nginx": None}, "nginx of foobar.com is empty; give it a value or leave it out."),
        ({"aliases": None}, "aliases of foobar.com is empty; give it a value or leave it out."),
        ({"packages": ["a", None]}, "entry 2 of packages of foobar.com is empty; give it a value or leave it out."),
        (
            {"database": {"password": None}},
            "password of database of foobar.com is empty; give it a value or leave it o",
        ),
        (
            {"build_commands": [{"make": "css"}]},
            "entry 1 of build_commands of foobar.com must be text, not a list or a",
        ),
        ({"zone": ["foobar.com"]}, "zone of foobar.com must be text, not a list or a dictionary."),
    ],
)
def test_a_wrong_type_is_named_with_its_place_and_what_to_write(keys: dict[str, Any], sentence: str) -> None:
    (mistake,) = wrong_types({"sites": [SITE, {**SITE, **keys}]}, {"sites": SITES})
    assert mistake.startswith(f"sites: {sentence}")


def test_a_secret_is_not_shown() -> None:
    (mistake,) = wrong_types({"sites": [{**SITE, "environment": "KEY=canary"}]}, {"sites": SITES})
    assert mistake == "sites: environment of foobar.com must be a dictionary, such as {key: value}."
    assert wrong_types({"keys": "canary"}, {"keys": {"type": "list", "elements": "str", "no_log": True}}) == [
        "keys: it must be a list."
    ]


def test_the_variable_itself_and_entries_without_a_name_are_named_too() -> None:
    assert wrong_types({"sites": None}, {"sites": SITES}) == ["sites: it is empty; give it a value or leave it out."]
    assert wrong_types({"sites": "foobar.com"}, {"sites": SITES}) == ["sites: it must be a list of dictionaries."]
    assert wrong_types({"sites": [{"aliases": 1}]}, {"sites": SITES}) == [
        "sites: aliases of entry 1 must be a list, such as [1].",
    ]
    apps = [{"name": "shop", "background": [{"name": "mailer", "replicas": None}]}]
    assert wrong_types({"gunicorn_apps": apps}, {"gunicorn_apps": options("gunicorn", "gunicorn_apps")}) == [
        "gunicorn_apps: replicas of mailer of background of shop is empty; give it a value or leave it out."
    ]


def test_numbers_and_booleans_may_be_given_as_text_and_text_as_a_number() -> None:
    app = {"name": 1, "network": "false", "graceful_timeout": "60", "memory_max": 512, "options": {"keepalive": None}}
    assert wrong_types({"gunicorn_apps": [app]}, {"gunicorn_apps": options("gunicorn", "gunicorn_apps")}) == []


def test_what_is_right_passes() -> None:
    assert wrong_types({"sites": [SITE]}, {"sites": SITES}) == []
    apps = [{"name": "shop", "hooks": {"after_build": ["make", {"tasks": "notify.yml"}]}}]
    assert wrong_types({"app_deploy_apps": apps}, {"app_deploy_apps": options("app_deploy", "app_deploy_apps")}) == []
    users = [{"name": "shop", "priv": {"shop.*": "ALL"}}]
    assert wrong_types({"mysql_users": users}, {"mysql_users": options("mysql", "mysql_users")}) == []
