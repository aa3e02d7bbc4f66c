"""What is to be done for an application on a server, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.release_plan import is_bad, obstacle, plan, release_id
from ansible_collections.foobar.webstack.plugins.plugin_utils.app_deploy import (
    is_closed,
    lacking,
    of_release,
    place,
    resolve,
    settings_digest,
    withheld,
)

DEFAULTS = {"health_timeout": 30, "installer": "uv", "keep_releases": 5, "packages": ["iproute2"], "watch_timeout": 5}
APP: dict[str, Any] = {
    "name": "shop",
    "directory": "/src/shop",
    "service": "gunicorn-shop",
    "sockets_path": "/run/gunicorn-shop",
    "health_path": "/health",
}
FILES = [{"dest": "/etc/gunicorn/shop/%i/env", "content": 'SECRET_KEY="canary"\nDATABASE_URL="x"\nDEBUG="1"\n'}]
REVISION = "0123456789abcdef"
LIVE = "11111111-aaaaaaaa"
CLEAN: dict[str, Any] = {
    "live": LIVE,
    "complete": [LIVE, "00000000-aaaaaaaa"],
    "bad": [],
    **{key: [] for key in ("ended", "missing", "drifted", "unshared", "stale_instances", "stale_targets")},
    **{key: [] for key in ("removable", "unused")},
}


def id_of(files: list[dict[str, Any]] = FILES, installer: str = "uv", revision: str = REVISION, **keys: Any) -> str:
    """Return the id of the app's release, with some further keys in its entry."""
    app = {**APP, **keys}
    return release_id(revision, settings_digest(app, installer, files), app.get("settings_files", []))


def test_the_same_source_and_settings_are_the_same_release() -> None:
    assert id_of().startswith("01234567-")
    assert id_of() == id_of()
    assert len(id_of()) == 17


@pytest.mark.parametrize(
    "key",
    [
        {"directory": "/elsewhere"},
        {"version": "v2"},
        {"health_timeout": 5},
        {"keep_releases": 9},
        {"watch_timeout": 9},
        {"dump_host": "db02"},
        {"shared_settings": ["/etc/gunicorn/shop.env"]},
        {"migrate_environment": {"DATABASE_URL": "canary"}},
    ],
    ids=lambda key: next(iter(key)),
)
def test_what_neither_is_built_nor_runs_makes_no_other_release(key: dict[str, Any]) -> None:
    assert id_of(**key) == id_of()


@pytest.mark.parametrize(
    "key",
    [
        {"build_commands": ["make"]},
        {"build_environment": {"NODE_ENV": "production"}},
        {"fallback_requirements": ["gunicorn==27.0.1"]},
        {"packages": ["libpq5"]},
        {"python": "/usr/bin/python3.13"},
        {"installer": "pip"},
        {"static_paths": ["public"]},
        {"files": [{**FILES[0], "content": ""}]},
        {"files": [{**FILES[0], "mode": "0600"}]},
        {"revision": "f" * 16},
    ],
    ids=lambda key: next(iter(key)),
)
def test_what_is_built_or_run_differently_is_another_release(key: dict[str, Any]) -> None:
    assert id_of(**key) != id_of()


def test_what_keeps_a_release_from_networks_is_seen_in_its_units() -> None:
    unit = {"dest": "/etc/systemd/system/gunicorn-shop@%i.service", "content": "[Service]\nPrivateNetwork=true\n"}
    assert is_closed([*FILES, unit])
    assert not is_closed(FILES)


def test_a_changed_health_page_is_tried_by_the_run_that_changes_it() -> None:
    assert plan({**CLEAN, "live": id_of()}, id_of(health_path="/up"), False) == ("release", "other settings")


def test_a_file_on_the_server_that_changes_makes_another_release(tmp_path: Path) -> None:
    file = tmp_path / "settings"
    missing = id_of(settings_files=[str(file)])
    file.write_text("a")
    first = id_of(settings_files=[str(file)])
    file.write_text("b")
    assert len({id_of(), missing, first, id_of(settings_files=[str(file)])}) == 4
    file.write_text("a")
    assert id_of(settings_files=[str(file)]) == first


def test_one_code_with_other_settings_is_another_release_of_the_same_code() -> None:
    other = id_of(files=[])
    assert other != id_of()
    assert other[:9] == id_of()[:9]


def test_nothing_is_to_be_done_where_what_is_wanted_is_live_and_whole() -> None:
    assert plan(CLEAN, LIVE, False) == ("none", "")


@pytest.mark.parametrize(
    ("release", "live", "reason"),
    [
        ("22222222-aaaaaaaa", LIVE, "other code"),
        ("11111111-bbbbbbbb", LIVE, "other settings"),
        ("22222222-aaaaaaaa", "", "the first release"),
        ("00000000-aaaaaaaa", LIVE, "a release that is kept"),
    ],
)
def test_a_release_is_made_or_goes_live_again_for_a_reason(release: str, live: str, reason: str) -> None:
    assert plan({**CLEAN, "live": live}, release, False) == ("release", reason)


@pytest.mark.parametrize(
    ("live", "bad", "retry", "skips"),
    [
        (LIVE, [], False, False),
        (LIVE, ["01234567-aaaaaaaa"], False, True),  # the same code with other settings
        (LIVE, ["01234567-cccccccc"], False, True),  # itself
        (LIVE, ["01234567-aaaaaaaa"], True, False),
        ("01234567-bbbbbbbb", ["01234567-aaaaaaaa"], False, False),  # the code is live, so its settings were bad
        ("01234567-bbbbbbbb", ["01234567-cccccccc"], False, True),  # but not with these settings
        (LIVE, ["22222222-aaaaaaaa"], False, False),
    ],
)
def test_bad_code_does_not_come_back_with_other_settings(live: str, bad: list[str], retry: bool, skips: bool) -> None:
    info = {**CLEAN, "live": live, "bad": bad}
    action, reason = plan(info, "01234567-cccccccc", retry)
    assert action == ("skip" if skips else "release")
    assert ("rolled back as a bad one" in reason) is skips
    assert is_bad(info, "01234567-cccccccc") is (skips or retry)


@pytest.mark.parametrize(
    ("key", "found", "reason"),
    [
        ("ended", ["shop-mailer-1@1.service"], "shop-mailer-1@1.service ended by itself"),
        ("missing", ["gunicorn-shop@1.service"], "gunicorn-shop@1.service does not run, or would not at boot"),
        ("drifted", ["/etc/gunicorn/shop/1/env"], "/etc/gunicorn/shop/1/env was changed"),
        ("unshared", ["/srv/shop/shared/up"], "/srv/shop/shared/up is missing, or not the application's"),
        ("stale_instances", ["0"], "release 0 still runs"),
        ("stale_targets", ["0"], "commands of release 0 still run"),
        ("removable", ["0"], "release 0 is to be removed"),
        ("unused", ["/etc/gunicorn/shop.env"], "/etc/gunicorn/shop.env is not used any more"),
    ],
)
def test_what_is_not_as_a_finished_run_leaves_it_is_repaired_and_named(key: str, found: list[str], reason: str) -> None:
    assert plan({**CLEAN, key: found}, LIVE, False) == ("repair", reason)


def test_all_reasons_for_a_repair_are_said() -> None:
    assert plan({**CLEAN, "drifted": ["/a", "/b"], "removable": ["0"]}, LIVE, False) == (
        "repair",
        "/a was changed; /b was changed; release 0 is to be removed",
    )


INFO: dict[str, Any] = {"live": "c", "complete": ["c", "b", "a"], "bad": ["a"], "incomplete": ["d"]}


@pytest.mark.parametrize(
    ("release", "words"),
    [("", "no release before"), ("c", "live already"), ("d", "no finished release"), ("a", "rolled back"), ("b", "")],
)
def test_only_another_finished_and_good_release_can_be_gone_back_to(release: str, words: str) -> None:
    found = obstacle(INFO, release)
    assert words in found
    assert bool(found) == bool(words)


def test_an_app_s_own_values_win_even_where_they_are_zero() -> None:
    own = {"keep_releases": 0, "health_timeout": 5, "watch_timeout": 0, "installer": "pip"}
    app = resolve({**APP, **own}, DEFAULTS)
    assert (app["place"]["keep"], app["health"]["timeout"], app["place"]["watch"], app["installer"]) == (0, 5, 0, "pip")
    app = resolve(APP, DEFAULTS)
    assert (app["place"]["keep"], app["health"]["timeout"], app["place"]["watch"], app["installer"]) == (5, 30, 5, "uv")


def test_a_plan_holds_no_secret_of_its_entry() -> None:
    secrets = {"migrate_environment": {"URL": "canary"}, "build_environment": {"TOKEN": "canary"}}
    app = resolve({**APP, **secrets}, DEFAULTS)
    assert "canary" not in json.dumps([app, place({**APP, **secrets}, DEFAULTS)])
    assert app["has_migrate_environment"] is True
    assert resolve(APP, DEFAULTS)["has_migrate_environment"] is False


def test_numbers_may_be_text_and_text_may_be_numbers() -> None:
    app = resolve(
        {**APP, "python": 3.12, "static_paths": [2026], "keep_releases": "3", "build_commands": [True]}, DEFAULTS
    )
    assert (app["python"], app["static_paths"], app["place"]["keep"]) == ("3.12", ["2026"], 3)
    assert app["build_commands"] == ["True"]


def test_each_installer_asks_for_its_packages() -> None:
    assert resolve({**APP, "packages": ["libpq5"]}, DEFAULTS)["packages"] == ["iproute2", "python3-pip-whl", "libpq5"]
    assert resolve({**APP, "installer": "pip"}, DEFAULTS)["packages"] == ["iproute2", "python3-venv"]


def test_a_release_is_linked_to_its_socket_and_to_what_outlives_it() -> None:
    app = resolve({**APP, "shared_paths": ["uploads"], "shared_files": ["local.cfg"]}, DEFAULTS)
    assert of_release(app, "1") == {
        "release_path": "/srv/shop/releases/1",
        "links": {
            "gunicorn.sock": "/run/gunicorn-shop/1.sock",
            "uploads": "/srv/shop/shared/uploads",
            "local.cfg": "/srv/shop/shared/local.cfg",
        },
    }


def test_variables_that_build_commands_do_not_get_are_known_by_their_names() -> None:
    app = {**APP, "environment_file": FILES[0]["dest"], "build_environment": {"DEBUG": "0"}}
    assert withheld(app, FILES) == ["DATABASE_URL"]
    assert withheld(app, []) == []
    assert withheld(APP, FILES) == []


def test_a_migration_runs_as_the_app_unless_it_has_variables_that_the_app_may_not_see() -> None:
    assert resolve({**APP, "user": "seller"}, DEFAULTS)["migrator"] == "seller"
    assert resolve({**APP, "migrate_environment": {"KEY": "x"}}, DEFAULTS)["migrator"] == f"{APP['name']}-build"


def test_what_a_deploy_lacks_is_named() -> None:
    app = resolve({**APP, "user": "seller", "packages": ["libpq5", "curl"]}, DEFAULTS)
    missing = {"libpq5", "seller", app["builder"], "/opt/uv"}
    assert lacking(app, missing) == ["libpq5", "the user seller", f"the user {app['builder']}"]
    assert lacking(app, set()) == []
