"""Mistakes in gunicorn_apps, and the files that follow from it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.gunicorn import (
    gunicorn_environments,
    gunicorn_files,
    gunicorn_mistakes,
    gunicorn_release_files,
)

PLAIN = {"name": "shop", "chdir": "/srv/shop"}
RELEASED = {"name": "shop", "releases_path": "/srv/shop/releases", "environment": {"SECRET_KEY": "canary"}}
UNITS = "/etc/systemd/system"


def by_dest(app: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the files of an app's releases by their paths."""
    return {file["dest"]: file for file in gunicorn_release_files([app], {})}


def test_nothing_is_wrong_with_the_usual_apps() -> None:
    for memory in ("infinity", "512M", "1073741824", "50%"):
        assert gunicorn_mistakes([PLAIN | {"memory_max": memory}], "27.0.1") == []
    assert gunicorn_mistakes([PLAIN | {"environment": {"DEBUG": False, "KEY": "a=b\nc"}}], "27.0.1") == []
    opened = {
        "ip_address_allow": ["192.0.2.1/24", "::1", "localhost"],
        "service_options": {"DeviceAllow": ["/dev/fuse rw"]},
    }
    assert gunicorn_mistakes([RELEASED | opened | {"config": "deploy/gunicorn.conf.py"}], "27.0.1") == []
    assert gunicorn_mistakes([RELEASED, {**RELEASED, "name": "shop_2"}], "27.0.1") == []


@pytest.mark.parametrize("name", ["Shop", "1shop", "my-shop", "shop\n", "", "s" * 25])
def test_a_name_that_could_not_be_a_user_is_refused(name: str) -> None:
    (mistake,) = gunicorn_mistakes([PLAIN | {"name": name}], "27.0.1")
    assert "must be lower-case letters" in mistake


def test_two_apps_of_one_name_are_refused() -> None:
    assert gunicorn_mistakes([PLAIN, PLAIN], "27") == ["gunicorn_apps: the name shop must be listed once."]


@pytest.mark.parametrize(
    ("app", "version", "words"),
    [
        ({"name": "shop"}, "27.0.1", "shop needs chdir"),
        ({"name": "shop", "chdir": "shop"}, "27.0.1", 'the chdir "shop" of shop must be an absolute path'),
        (PLAIN | {"releases_path": "/srv/shop/releases"}, "27.0.1", "shop must be a folder below the release"),
        (PLAIN | {"environment": {"A-B": "x"}}, "27.0.1", 'environment of shop has "A-B":'),
        (PLAIN | {"environment": {"A\n": "x"}}, "27.0.1", 'environment of shop has "A\\n":'),
        (PLAIN | {"environment": {1: "secret"}}, "27.0.1", 'environment of shop has "1":'),
        (PLAIN | {"environment": {"KEY": "secret\0"}}, "27.0.1", "KEY of environment of shop has a NUL character"),
        (PLAIN | {"environment": {"KEY": ["secret"]}}, "27.0.1", "KEY of environment of shop is a list: write one"),
        (PLAIN | {"environment": {"KEY": {"a": "secret"}}}, "27.0.1", "KEY of environment of shop is a dictionary: "),
        (PLAIN | {"name": "mysql"}, "27.0.1", "mysql is that of a user of the system's"),
        # Its data are those of all sites.
        (PLAIN | {"name": "redis"}, "27.0.1", "redis is that of a user of the system's"),
        (PLAIN | {"user": "valkey"}, "27.0.1", "shop can't run as valkey, who is the system's"),
        (PLAIN | {"name": "shadow"}, "27.0.1", "shadow is that of a user of the system's"),
        (PLAIN | {"user": "root"}, "27.0.1", "shop can't run as root"),
        (RELEASED | {"config": "/etc/gunicorn.conf.py"}, "27.0.1", "config of shop must be the path of a file below"),
        (RELEASED | {"config": "../gunicorn.conf.py"}, "27.0.1", "config of shop must be the path of a file below"),
        (PLAIN | {"service_options": {"ProcSubsett": "all"}}, "27.0.1", "or a limit; did you mean ProcSubset."),
        (PLAIN | {"service_options": {"ExecStart": "/bin/sh"}}, "27.0.1", "has ExecStart, which is no setting"),
        (PLAIN | {"service_options": {"MemoryMax": "1G"}}, "27.0.1", "for which the app's key memory_max is there"),
        (
            PLAIN | {"service_options": {"Nice": "5\nExecStart=x"}},
            "27.0.1",
            "has Nice, whose value must be a text on one",
        ),
        (PLAIN | {"service_options": {"Nice": None}}, "27.0.1", "has Nice, whose value must be a text on one"),
        (PLAIN | {"ip_address_allow": ["api.example"]}, "27.0.1", "has api.example, which is no IP address or network"),
        (PLAIN | {"ip_address_allow": ["any"]}, "27.0.1", "has any, which is no IP address or network"),
        (PLAIN | {"ip_address_allow": ["::1"], "network": "yes"}, "27.0.1", "leave one of them out"),
        (PLAIN | {"memory_max": "512MB"}, "27.0.1", "memory_max of shop is 512MB"),
        (PLAIN, "26.3.0", "gunicorn_version: 26.3.0 is too old"),
        (PLAIN, "latest", "gunicorn_version: latest is too old"),
        (PLAIN, 26.3, "gunicorn_version: 26.3 is too old"),
    ],
)
def test_mistakes_of_gunicorn_apps_are_named_without_the_values(
    app: dict[str, Any], version: str | float, words: str
) -> None:
    (mistake,) = gunicorn_mistakes([app], version)
    assert words in mistake
    assert "secret" not in mistake


def test_a_variable_without_a_value_is_refused_and_an_empty_one_is_not() -> None:
    variables = {"SENTRY_DSN": None, "EMPTY": "", "KEY": "secret"}
    assert gunicorn_mistakes([PLAIN | {"environment": variables}], "27.0.1") == [
        'gunicorn_apps: environment of shop has SENTRY_DSN without a value; write "" for an empty one.'
    ]


def test_numbers_may_be_text_and_text_may_be_numbers() -> None:
    app = {**RELEASED, "background": [{"name": "mailer", "command": True, "replicas": "2"}]}
    assert gunicorn_mistakes([app], 27.0) == []
    assert f"{UNITS}/shop-mailer-2@%i.service" in by_dest(app)


def test_all_that_a_release_runs_with_is_its_own() -> None:
    assert list(by_dest(RELEASED)) == [
        "/etc/gunicorn/shop/%i/conf.py",
        f"{UNITS}/gunicorn-shop@%i.socket",
        f"{UNITS}/gunicorn-shop@%i.service",
        "/etc/gunicorn/shop/%i/env",
    ]
    for file in gunicorn_release_files([RELEASED, {**RELEASED, "name": "other"}], {}):
        assert "%i" in file["dest"]
        assert f"/{file['app']}/" in file["dest"] or file["app"] in file["dest"].rpartition("/")[2]


def test_an_app_at_a_fixed_path_has_no_release_and_one_in_releases_no_fixed_path() -> None:
    apps: list[dict[str, Any]] = [PLAIN, {**RELEASED, "name": "other"}]
    assert [file["dest"] for file in gunicorn_files(apps, {})] == [
        "/etc/gunicorn/shop.conf.py",
        f"{UNITS}/gunicorn-shop.socket",
        f"{UNITS}/gunicorn-shop.service",
    ]
    assert [file["dest"] for file in gunicorn_environments(apps)] == ["/etc/gunicorn/shop.env"]
    assert {file["app"] for file in gunicorn_release_files(apps, {})} == {"other"}


def test_an_environment_is_for_the_eyes_of_the_app_alone_and_in_no_other_file() -> None:
    app = {**RELEASED, "user": "seller", "background": [{"name": "mailer", "command": "work"}]}
    environments = [file for file in gunicorn_release_files([app], {}) if "canary" in str(file)]
    assert [(file["dest"], file["group"], file["mode"]) for file in environments] == [
        ("/etc/gunicorn/shop/%i/env", "seller", "0640")
    ]
    plain = {**PLAIN, "environment": {"SECRET_KEY": "canary"}}
    assert "canary" not in str(gunicorn_files([plain], {}))
    assert [(file["group"], file["mode"]) for file in gunicorn_environments([plain])] == [("shop", "0640")]


def test_what_runs_beside_a_release_is_wanted_by_its_target() -> None:
    app = {
        **RELEASED,
        "background": [{"name": "mailer", "command": "work", "replicas": 2}],
        "scheduled": [{"name": "purge", "command": "purge", "on_calendar": "hourly"}],
    }
    beside = [dest for dest in by_dest(app) if dest not in by_dest(RELEASED)]
    assert beside == [
        f"{UNITS}/shop-mailer-1@%i.service",
        f"{UNITS}/shop-mailer-2@%i.service",
        f"{UNITS}/shop-purge@%i.service",
        f"{UNITS}/shop-purge@%i.timer",
        f"{UNITS}/shop@%i.target",
    ]
    assert by_dest(app)[f"{UNITS}/shop@%i.target"]["vars"]["wants"] == [
        "shop-mailer-1@%i.service",
        "shop-mailer-2@%i.service",
        "shop-purge@%i.timer",
    ]
    assert not [dest for dest in by_dest({**RELEASED, "background": [], "scheduled": []}) if dest.endswith(".target")]


def test_the_time_of_a_timer_is_judged_by_systemd() -> None:
    process = {"name": "purge", "command": "purge", "on_calendar": "Mon..Fri *-*-* 02:00:00"}
    files = gunicorn_release_files([{**RELEASED, "scheduled": [process]}], {})
    assert [file["validate"] for file in files if file["src"] == "scheduled.timer.j2"] == [
        "systemd-analyze calendar 'Mon..Fri *-*-* 02:00:00'"
    ]


def test_settings_are_judged_by_python() -> None:
    for files in (gunicorn_files([PLAIN], {}), gunicorn_release_files([RELEASED], {})):
        validations = {file["src"]: file.get("validate", "") for file in files}
        assert validations["gunicorn.conf.py.j2"] == "/usr/bin/python3 -m ast %s"
