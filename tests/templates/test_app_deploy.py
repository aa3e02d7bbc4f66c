"""What the role works out of a plan and of what the lock has found, without a server."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import render, value

APP: dict[str, Any] = {
    "name": "shop",
    "path": "/srv/shop",
    "user": "seller",
    "builder": "shop-build",
    "action": "release",
    "release": "d",
    "live": "c",
    "complete": ["c", "b", "a"],
    "bad": [],
    "repairs": [],
    "prepare": {},
    "hooks": {},
    "has_migrate_environment": False,
    "environment_file": "/etc/gunicorn/shop/%i/env",
}


@pytest.mark.parametrize(
    ("run", "skipped", "refuses"),
    [
        (["all"], [], True),
        (["app_deploy", "nginx"], [], True),
        (["nginx"], [], False),
        (["all"], ["app_deploy"], False),
    ],
)
def test_sources_are_fetched_by_a_check_of_what_deploys(run: list[str], skipped: list[str], refuses: bool) -> None:
    tags = {"ansible_run_tags": run, "ansible_skip_tags": skipped}
    assert value("app_deploy", "__app_deploy_refuses_sources", **tags) is refuses


def worked_out(name: str, app: dict[str, Any] | None = None, **variables: Any) -> Any:
    """Return one of the role's own variables, for a plan with one app and some further keys in it."""
    plan = {"id": "1", "apps": {"shop": {**APP, **(app or {})}}}
    host = {"inventory_hostname": "one", "__app_deploy_plan": plan}
    known = {
        "__app_deploy_name": "shop",
        "__app_deploy_plan": plan,
        "__app_deploy_hosts": [host],
        "app_deploy_apps": [{"name": "shop", "build_environment": {"TOKEN": "x"}}, {"name": "blog"}],
        "ansible_play_hosts_all": ["one"],
        "ansible_play_hosts": ["one"],
    }
    return value("app_deploy", name, **{**known, **variables})


def lock(**found: Any) -> dict[str, Any]:
    """Return what the lock of the app has found, where that is not what was planned."""
    return {"name": "shop", "live": "c", "complete": ["c", "b", "a"], "bad": [], "goal": "d", **found}


def test_before_it_has_the_lock_a_host_asks_for_nothing_but_the_lock() -> None:
    assert worked_out("__app_deploy_due") == ["lock"]
    # Another app's lock says nothing.
    assert worked_out("__app_deploy_due", __app_deploy_lock=lock(name="blog")) == ["lock"]


def test_with_the_lock_counts_what_the_server_holds_now() -> None:
    assert "build" in worked_out("__app_deploy_due", __app_deploy_lock=lock())
    assert worked_out("__app_deploy_due", __app_deploy_lock=lock(live="d")) == ["lock", "cleanup"]
    assert worked_out("__app_deploy_info.live", __app_deploy_lock=lock(live="d")) == "d"
    assert worked_out("__app_deploy_info.live") == "c"


def test_a_rollback_goes_to_the_release_that_the_lock_has_found() -> None:
    rollback: dict[str, Any] = {"__app_deploy_verb": "rollback", "__app_deploy_lock": lock(goal="b")}
    assert worked_out("__app_deploy_release", **rollback) == "b"
    assert worked_out("__app_deploy_release") == "d"


def test_what_is_gone_back_from_is_bad_and_with_the_database_all_that_came_after() -> None:
    rollback: dict[str, Any] = {"__app_deploy_verb": "rollback", "__app_deploy_lock": lock(goal="a")}
    assert worked_out("__app_deploy_bad", **rollback) == ["c"]
    assert worked_out("__app_deploy_bad", **rollback, app_deploy_restore_database=True) == ["c", "b"]
    assert worked_out("__app_deploy_bad", __app_deploy_lock=lock()) == []


@pytest.mark.parametrize(
    ("hooks", "steps"),
    [
        ({}, ["source", "build", "finish"]),
        ({"before_build": ["x"]}, ["build", "finish"]),
        ({"after_build": ["x"]}, ["source", "build"]),
        ({"before_build": ["x"], "after_build": ["x"]}, ["build"]),
    ],
)
def test_a_build_is_one_call_unless_a_hook_comes_in_between(hooks: dict[str, Any], steps: list[str]) -> None:
    assert worked_out("__app_deploy_build_steps", {"hooks": hooks}) == steps


def test_a_migration_gets_the_environment_of_its_release_and_then_its_own() -> None:
    assert worked_out("__app_deploy_migrate_files") == ["/etc/gunicorn/shop/d/env"]
    own = {"has_migrate_environment": True}
    assert worked_out("__app_deploy_migrate_files", own)[1:] == ["/srv/shop/migrate.env"]
    assert worked_out("__app_deploy_migrate_files", {"environment_file": ""}) == []


def test_the_variables_of_a_build_are_those_of_its_own_app() -> None:
    assert worked_out("__app_deploy_build_environment") == {"TOKEN": "x"}


def test_dumps_are_made_on_the_first_host_that_has_the_app_unless_one_is_named() -> None:
    blog = {"inventory_hostname": "zero", "__app_deploy_plan": {"id": "1", "apps": {"blog": APP}}}
    without = {"inventory_hostname": "lost"}
    shop = {"inventory_hostname": "one", "__app_deploy_plan": {"id": "1", "apps": {"shop": APP}}}
    hosts: dict[str, Any] = {"__app_deploy_hosts": [without, blog, shop]}
    assert worked_out("__app_deploy_dump_host", **hosts) == "one"
    assert worked_out("__app_deploy_dump_host", {"dump_host": "db01"}, **hosts) == "db01"


def test_failures_are_those_of_this_plan() -> None:
    failures = {"plan": "1", "apps": {"shop": {"reason": "shop: no"}}}
    assert worked_out("__app_deploy_failed_here", __app_deploy_failures=failures) == failures["apps"]
    assert worked_out("__app_deploy_failed_here", __app_deploy_failures={**failures, "plan": "0"}) == {}
    assert worked_out("__app_deploy_failed_here") == {}


def test_where_a_host_was_lost_every_app_has_failed() -> None:
    assert worked_out("__app_deploy_has_failed") is False
    both = ["one", "two"]
    assert worked_out("__app_deploy_lost", ansible_play_hosts_all=both) == ["two"]
    assert worked_out("__app_deploy_has_failed", ansible_play_hosts_all=both) is True


def test_the_old_name_of_app_deploy_fail_works() -> None:
    assert worked_out("app_deploy_fail") is True
    assert worked_out("app_deploy_fail", app_deploy_conclude=False) is False
    assert worked_out("app_deploy_fail", app_deploy_conclude=False, app_deploy_fail=True) is True


@pytest.mark.parametrize("text", ["plain", "", "it's", 'say "yes"', "a\\b \\n", "$HOME $(id) `id`", "%i", "grüße", 5])
def test_a_variable_of_migrations_comes_through_as_it_is(text: str | int, tmp_path: Path) -> None:
    r"""What systemd undoes within double quotes is what a POSIX shell does: a backslash before \, ", ` and $."""
    entry = {"migrate_environment": {"VALUE": text, "AFTER": "1"}}
    file = tmp_path / "environment"
    file.write_text(render("app_deploy", "migrate.env.j2", {"__app_deploy_entry": entry}))
    shell = subprocess.run(
        ["/bin/sh", "-euc", '. "$0"; printf "%s|%s" "$VALUE" "$AFTER"', file],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == f"{text}|1"
