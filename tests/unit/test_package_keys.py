"""What is refused of the keys that say which packages an application gets, in a sentence without a secret."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.app_deploy import app_deploy_mistakes, app_deploy_summary
from ansible_collections.foobar.webstack.plugins.plugin_utils.app_deploy import resolve, settings_digest
from ansible_collections.foobar.webstack.plugins.plugin_utils.package_keys import package_mistakes

INDEX = {"url": "https://packages.example.com/simple", "username": "robot", "password": "canary"}
APP = {"name": "shop", "directory": "x", "service": "shop", "sockets_path": "/run/shop", "health_path": "/"}
DEFAULTS = {"health_timeout": 30, "installer": "uv", "keep_releases": 5, "packages": [], "watch_timeout": 5}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"requirements": ["/etc/passwd"]}, '"/etc/passwd" in requirements of shop must be the path of a file'),
        ({"requirements": ["../base.txt"]}, '"../base.txt" in requirements of shop must be the path of a file'),
        ({"constraints": ["--pre"]}, '"--pre" in constraints of shop must be the path of a file'),
        ({"extras": ["a,b"]}, '"a,b" in extras of shop must be a name, such as mysql.'),
        ({"dependency_groups": ["-x"]}, '"-x" in dependency_groups of shop must be a name'),
        ({"python_packages": ["--upgrade pip"]}, '"--upgrade pip" in python_packages of shop is no requirement'),
        ({"python_packages": ["mysqlclient=2.2"]}, '"mysqlclient=2.2" in python_packages of shop is no requirement'),
        (
            {"python_packages": ["lib @ git+https://robot:canary@git.example.com/lib.git"]},
            "python_packages of shop holds a user or a password in an address",
        ),
        (
            {"package_indexes": [{"url": "packages.example.com"}]},
            "the url of entry 1 of package_indexes of shop must be",
        ),
        (
            {"package_indexes": [{"url": "https://robot:canary@packages.example.com/simple"}]},
            "the url of entry 1 of package_indexes of shop holds a login",
        ),
        ({"package_indexes": [{**INDEX, "username": ""}]}, "needs both username and password, or neither"),
        ({"package_indexes": [{**INDEX, "password": "canary canary"}]}, "must have no space, quote, backslash or #."),
        (
            {"package_indexes": [INDEX, {**INDEX, "password": "canary2"}]},
            "entry 2 of package_indexes of shop has another login than one before it at packages.example.com",
        ),
        (
            {"package_indexes": [{**INDEX, "default": True}, {**INDEX, "default": True}]},
            "package_indexes of shop has default twice",
        ),
    ],
)
def test_a_key_that_cannot_work_is_refused_without_a_secret(keys: dict[str, Any], words: str) -> None:
    (mistake,) = package_mistakes({"name": "shop", **keys})
    assert words in mistake
    assert "canary" not in mistake
    assert app_deploy_mistakes([{**APP, **keys}]) == [f"app_deploy_apps: {mistake}"]


@pytest.mark.parametrize(
    "keys",
    [
        {"requirements": ["requirements/production.txt", "locks/pylock.prod.toml"], "constraints": ["c.txt"]},
        {"requirements": [], "extras": ["mysql"], "dependency_groups": ["prod_1", "x"]},
        {"python_packages": ["mysqlclient==2.2.7", "celery[redis]>=5 ; python_version > '3.8'"]},
        {"python_packages": ["lib @ git+ssh://git@git.example.com/lib.git@v1"]},
        {
            "package_indexes": [
                INDEX,
                {**INDEX, "url": "https://packages.example.com/other"},
                {"url": "http://a:8080/x"},
            ]
        },
    ],
)
def test_what_can_work_is_let_through(keys: dict[str, Any]) -> None:
    assert list(package_mistakes({"name": "shop", **keys})) == []


def test_a_plan_holds_no_login_of_an_index() -> None:
    assert "canary" not in str(resolve({**APP, "package_indexes": [INDEX]}, DEFAULTS))


def test_another_login_makes_no_other_release_and_another_index_does() -> None:
    def digest(**keys: Any) -> str:
        return settings_digest({**APP, "package_indexes": [{**INDEX, **keys}]}, "uv", [])

    assert digest() == digest(password="another")
    assert digest() != digest(url="https://packages.example.com/other")


def test_git_and_uv_come_to_a_server_where_something_needs_them() -> None:
    app = {**APP, "installer": "pip"}
    assert not {"git", "python3-pip-whl"} & set(resolve(app, DEFAULTS)["packages"])
    assert "git" in resolve(app, DEFAULTS, {"needs_git": True})["packages"]
    with_uv = resolve({**app, "build_commands": ["uv pip install x"]}, DEFAULTS)
    assert with_uv["uses_uv"]
    assert "python3-pip-whl" in with_uv["packages"]


def test_a_plan_says_which_list_is_passed_over() -> None:
    how = {"lock": "poetry.lock", "passed_over": ["requirements.txt"]}
    plan = {
        "name": "shop",
        "action": "release",
        "release": "1-2",
        "reason": "other code",
        "source": {"installation": how},
    }
    lines = app_deploy_summary({"shop": plan}, "main")
    assert "shop: its packages come from poetry.lock; requirements.txt is passed over" in lines[1]
