"""The filters that find mistakes in lists of applications."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter import apps

PLAIN = {"name": "shop", "chdir": "/srv/shop"}
DEPLOYED = {"name": "shop", "directory": "shop", "health_path": "/health"}


def test_nothing_is_wrong_with_the_usual_apps() -> None:
    assert apps.gunicorn_mistakes([PLAIN | {"environment": {"DEBUG": False, "KEY": "a=b"}}], "27.0.1") == []
    assert apps.app_deploy_mistakes([DEPLOYED, DEPLOYED | {"name": "shop_2"}]) == []


@pytest.mark.parametrize("name", ["Shop", "1shop", "my-shop", "shop\n", "", "s" * 25])
def test_a_name_that_could_not_be_a_user_is_refused(name: str) -> None:
    for mistakes in (
        apps.gunicorn_mistakes([PLAIN | {"name": name}], "27.0.1"),
        apps.app_deploy_mistakes([DEPLOYED | {"name": name}]),
    ):
        assert len(mistakes) == 1
        assert "must be lower-case letters" in mistakes[0]


def test_two_apps_of_one_name_are_refused() -> None:
    assert apps.gunicorn_mistakes([PLAIN, PLAIN], "27") == ["gunicorn_apps: the name shop must be listed once."]
    assert apps.app_deploy_mistakes([DEPLOYED] * 3) == ["app_deploy_apps: the name shop must be listed once."]


@pytest.mark.parametrize(
    ("app", "version", "words"),
    [
        ({"name": "shop"}, "27.0.1", "shop needs either chdir"),
        (PLAIN | {"releases_path": "/srv/shop/releases"}, "27.0.1", "shop needs either chdir"),
        (PLAIN | {"environment": {"A-B": "x"}}, "27.0.1", "environment has A-B:"),
        (PLAIN | {"environment": {"KEY": "secret\nsecret"}}, "27.0.1", "environment has KEY:"),
        (PLAIN, "26.3.0", "gunicorn_version: 26.3.0 is too old"),
        (PLAIN, "latest", "gunicorn_version: latest is too old"),
    ],
)
def test_mistakes_of_gunicorn_apps_are_named_without_the_values(app: dict[str, Any], version: str, words: str) -> None:
    mistakes = apps.gunicorn_mistakes([app], version)
    assert len(mistakes) == 1
    assert words in mistakes[0]
    assert "secret" not in mistakes[0]


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ({"name": "shop", "health_path": "/"}, "shop needs one source"),
        (DEPLOYED | {"repo": "https://git.example.com/shop"}, "shop needs one source"),
        (DEPLOYED | {"health_path": "health"}, 'the health_path of shop must begin with "/"'),
    ],
)
def test_mistakes_of_app_deploy_apps_are_named(app: dict[str, Any], words: str) -> None:
    mistakes = apps.app_deploy_mistakes([app])
    assert len(mistakes) == 1
    assert words in mistakes[0]


def test_a_password_in_the_address_of_a_repository_is_refused_and_not_repeated() -> None:
    app = {"name": "shop", "repo": "https://me:secret@example.com/shop", "health_path": "/"}
    mistakes = apps.app_deploy_mistakes([app])
    assert "the repo of shop holds a password" in mistakes[0]
    assert "secret" not in mistakes[0]
    assert apps.app_deploy_mistakes([app | {"repo": "git@example.com:shop.git"}]) == []
