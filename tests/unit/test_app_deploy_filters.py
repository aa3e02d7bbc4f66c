"""Mistakes in app_deploy_apps, the phases of apps on one and on several hosts, and tables of releases."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.app_deploy import (
    app_deploy_due,
    app_deploy_failed,
    app_deploy_lost,
    app_deploy_mistakes,
    app_deploy_phases,
    app_deploy_summary,
    app_deploy_table,
    app_deploy_todo,
)

DEPLOYED = {"name": "shop", "directory": "shop", "health_path": "/health"}


def test_nothing_is_wrong_with_the_usual_apps() -> None:
    assert app_deploy_mistakes([DEPLOYED, DEPLOYED | {"name": "shop_2"}]) == []
    assert (
        app_deploy_mistakes([DEPLOYED | {"python": "3.12", "shared_paths": [2026], "subdirectory": "src/shop"}], "2")
        == []
    )


@pytest.mark.parametrize("name", ["Shop", "1shop", "my-shop", "shop\n", "", "s" * 25])
def test_a_name_that_could_not_be_a_user_is_refused(name: str) -> None:
    (mistake,) = app_deploy_mistakes([DEPLOYED | {"name": name}])
    assert "must be lower-case letters" in mistake


def test_two_apps_of_one_name_are_refused() -> None:
    assert app_deploy_mistakes([DEPLOYED] * 3) == ["app_deploy_apps: the name shop must be listed once."]


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ({"name": "shop", "health_path": "/"}, "shop needs one source"),
        (DEPLOYED | {"repo": "https://git.example.com/shop"}, "shop needs one source"),
        (DEPLOYED | {"user": "root"}, "shop can't run as root"),
        (DEPLOYED | {"shared_files": ["/etc/shop.conf"]}, '"/etc/shop.conf" of shop must be a path below its release'),
        (DEPLOYED | {"shared_paths": ["a/../../b"]}, '"a/../../b" of shop must be a path below its release'),
        (DEPLOYED | {"shared_paths": ["./"]}, '"./" of shop must be a path below its release'),
        (DEPLOYED | {"version": 1.1}, "the version of shop is 1.1, which YAML has made of what you wrote"),
        (DEPLOYED | {"version": date(2026, 1, 2)}, 'put it in quotes, such as "v1.10"'),
        (DEPLOYED | {"python": 3.1}, "the python of shop is 3.1"),
        (
            DEPLOYED | {"subdirectory": "../other"},
            'the subdirectory "../other" of shop must be a folder below the source',
        ),
        (
            DEPLOYED | {"subdirectory": "back end"},
            'the subdirectory "back end" of shop must be a folder below the source',
        ),
        (DEPLOYED | {"include": ["../dist"]}, '"../dist" in include of shop must be a path below its source'),
        (DEPLOYED | {"health_path": "health"}, 'the health_path of shop must begin with "/"'),
        (DEPLOYED | {"python": "3.12", "installer": "pip"}, "the python of shop must be the path of an interpreter"),
    ],
)
def test_mistakes_of_app_deploy_apps_are_named(app: dict[str, Any], words: str) -> None:
    (mistake,) = app_deploy_mistakes([app])
    assert words in mistake


@pytest.mark.parametrize(
    ("dest", "words"),
    [
        ("/etc/passwd", "must be a path below its release"),
        ("a/../../b", "must be a path below its release"),
        (".venv/lib/x.py", "none of what the role makes there"),
        ("./REVISION", "none of what the role makes there"),
        ("media/x", "lies in what outlives its releases"),
        ("public/app.js", "lies in a static folder, which everybody may read"),
        ("local.py", "is listed twice"),
        ("var", "would take the place of a folder"),
        ("assets", "would take the place of a folder"),
        ("config", "would take the place of a folder"),
        ("settings-%i.py", 'has a "%"'),
    ],
)
def test_a_file_of_the_user_s_own_goes_where_only_the_application_reads_it(dest: str, words: str) -> None:
    files = [{"src": "x.j2", "dest": name} for name in ("local.py", "config/local.py", dest)]
    app = DEPLOYED | {"files": files, "shared_paths": ["media", "var/up"], "static_paths": ["public", "assets/built"]}
    (mistake,) = app_deploy_mistakes([app])
    assert words in mistake


def test_a_password_in_the_address_of_a_repository_is_refused_and_not_repeated() -> None:
    app = {"name": "shop", "repo": "https://me:secret@example.com/shop", "health_path": "/"}
    (mistake,) = app_deploy_mistakes([app])
    assert "the repo of shop holds a password" in mistake
    assert "secret" not in mistake
    assert len(app_deploy_mistakes([app | {"repo": "https://token@example.com/shop"}])) == 1
    for fine in ["git@example.com:shop.git", "ssh://git@example.com/shop", "https://example.com/shop@2"]:
        assert app_deploy_mistakes([app | {"repo": fine}]) == []


def test_a_password_in_the_address_of_an_archive_is_refused_and_not_repeated() -> None:
    app = {"name": "shop", "archive": "https://me:secret@example.com/shop.tar", "health_path": "/"}
    (mistake,) = app_deploy_mistakes([app])
    assert "the archive of shop holds a password or a token, which every run would show; use ~/.netrc" in mistake
    assert "secret" not in mistake
    assert len(app_deploy_mistakes([app | {"archive": "https://token@example.com/shop.tar"}])) == 1
    assert len(app_deploy_mistakes([app | {"archive": "https://me:sec/ret=@example.com/shop.tar"}])) == 1
    for fine in ["shop.tar", "/srv/me:x/shop@2.tar", "https://example.com:8080/shop@2.tar"]:
        assert app_deploy_mistakes([app | {"archive": fine}]) == []


def test_a_variable_without_a_value_is_refused_and_an_empty_one_is_not() -> None:
    variables = {"SENTRY_DSN": None, "EMPTY": "", "KEY": "secret"}
    assert app_deploy_mistakes([DEPLOYED | {"migrate_environment": variables}]) == [
        'app_deploy_apps: migrate_environment of shop has SENTRY_DSN without a value; write "" for an empty one.'
    ]


@pytest.mark.parametrize("key", ["migrate_environment", "build_environment"])
def test_values_of_environments_may_have_several_lines_and_those_that_are_refused_are_not_shown(key: str) -> None:
    assert app_deploy_mistakes([DEPLOYED | {key: {"KEY": "secret\nsecret"}}]) == []
    (mistake,) = app_deploy_mistakes([DEPLOYED | {key: {"KEY": ["secret"]}}])
    assert f"KEY of {key} of shop is a list" in mistake
    assert "secret" not in mistake


def test_at_least_one_host_goes_live_at_a_time() -> None:
    assert "app_deploy_serial: 0" in app_deploy_mistakes([], 0)[0]


INFO: dict[str, Any] = {
    "live": "c",
    "previous": "b",
    "complete": ["c", "b", "a"],
    "bad": ["a"],
    "incomplete": ["d"],
    "records": {
        "c": {"number": 3, "at": "2026-01-03T00:00:00Z", "by": "jane@laptop", "seconds": 7.6, "revision": "f" * 40},
        "b": {"number": 2, "at": "2026-01-02T00:00:00Z"},
        "a": {"number": 1, "at": "2026-01-01T00:00:00Z", "bad": True},
    },
    "sizes": {"a": 2**20, "b": 0, "c": 2**21},
}


def test_the_table_shows_every_release_and_what_became_of_it() -> None:
    assert app_deploy_table(INFO) == [
        "RELEASE  REVISION      AT                    BY           TOOK  SIZE",
        "c        ffffffffffff  2026-01-03T00:00:00Z  jane@laptop  8 s   2.0 MiB  live",
        "b                      2026-01-02T00:00:00Z               0 s   0.0 MiB  previous",
        "a                      2026-01-01T00:00:00Z               0 s   1.0 MiB  bad",
        "d is not finished.",
    ]


def planned(name: str = "shop", **differences: Any) -> dict[str, Any]:
    """Return the plan of an app whose release d is to take the place of c, with some differences."""
    app = {
        "name": name,
        "action": "release",
        "reason": "other code",
        "release": "d",
        "live": "c",
        "complete": ["c", "b"],
        "bad": [],
        "repairs": [],
        "prepare": {},
        "migrate_command": "flask db upgrade",
    }
    return {**app, **differences}


def due(verb: str = "main", now: dict[str, Any] | None = None, restores: bool = False, **differences: Any) -> list[str]:
    """Return the phases of an app whose server holds something else now than when it was planned."""
    app = planned(**differences)
    return app_deploy_due(app, {**app, **(now or {})}, verb, restores)


def test_a_new_release_is_built_and_the_database_migrated_before_the_switch() -> None:
    assert due() == ["lock", "build", "migrate", "switch", "revert", "cleanup"]


def test_a_server_is_prepared_by_the_whole_role_and_not_by_a_deploy() -> None:
    lacking = {"packages": ["libpq5"]}
    assert "prepare" in due(prepare=lacking)
    assert "prepare" not in due("deploy", prepare=lacking)
    assert "prepare" not in due()


def test_a_kept_release_goes_live_without_a_build_or_a_migration() -> None:
    assert due(release="b") == ["lock", "switch", "revert", "cleanup"]


def test_a_bad_release_that_is_tried_again_migrates_a_database_that_may_have_been_restored() -> None:
    assert due(release="b", bad=["b"]) == ["lock", "migrate", "switch", "revert", "cleanup"]


def test_an_app_without_a_command_for_it_migrates_nothing() -> None:
    app = planned()
    del app["migrate_command"]
    assert app_deploy_due(app, app, "main") == ["lock", "build", "switch", "revert", "cleanup"]


def test_what_has_become_live_meanwhile_is_left_and_the_lock_given_back() -> None:
    assert due(now={"live": "d", "complete": ["d", "c", "b"]}) == ["lock", "cleanup"]


def test_what_was_built_and_live_meanwhile_is_not_built_again() -> None:
    assert due(now={"complete": ["d", "c", "b"]}) == ["lock", "switch", "revert", "cleanup"]


def test_nothing_is_due_where_nothing_is_to_be_done_or_the_source_cannot_be_had() -> None:
    for verb in ("main", "deploy"):
        assert due(verb, action="none", release="c") == []
        assert due(verb, action="error") == []


def test_repairs_are_due_without_a_release_even_where_one_is_skipped() -> None:
    repairs = ["release b still runs"]
    for action in ("repair", "skip"):
        assert due(action=action, repairs=repairs) == ["lock", "repair", "cleanup"]
    assert due(action="skip") == []


def test_a_deploy_of_a_release_that_was_rolled_back_asks_for_the_lock_which_refuses_it() -> None:
    assert due("deploy", action="skip") == ["lock"]


def test_a_rollback_stops_and_restores_only_with_the_database() -> None:
    assert due("rollback") == ["lock", "switch", "revert", "cleanup"]
    assert due("rollback", restores=True) == ["lock", "stop", "restore", "switch", "revert", "cleanup"]


def host(name: str, *apps: dict[str, Any], plan: str = "1", **more: Any) -> dict[str, Any]:
    """Return the variables of a host with a plan for some apps."""
    return {
        "inventory_hostname": name,
        "__app_deploy_plan": {"id": plan, "apps": {app["name"]: app for app in apps}},
        **more,
    }


def failure(*apps: str, plan: str = "1") -> dict[str, Any]:
    """Return what a host remembers of apps that have failed."""
    return {"__app_deploy_failures": {"plan": plan, "apps": {name: {"reason": f"{name}: no"} for name in apps}}}


def phases(hosts: list[dict[str, Any]], app: str = "shop", **options: Any) -> list[tuple[str, list[str]]]:
    """Return the phases of an app and their hosts."""
    options = {"verb": "main", "restores": False, "serial": 1, **options}
    return [(phase["name"], phase["hosts"]) for phase in app_deploy_phases(hosts, app, **options)]


def test_apps_with_something_to_do_on_any_host_are_gone_through_in_their_order() -> None:
    idle = {"action": "none", "release": "c"}
    hosts = [
        host("one", planned("shop", **idle), planned("blog"), planned("wiki", **idle)),
        host("two", planned("shop"), planned("blog"), planned("wiki", **idle)),
    ]
    assert sorted(app_deploy_todo(hosts, "main")) == ["blog", "shop"]
    assert app_deploy_todo([hosts[1]], "main") == ["shop", "blog"]
    assert app_deploy_todo(hosts, "rollback") == ["shop", "blog", "wiki"]


def test_a_host_without_a_plan_keeps_the_others_from_nothing() -> None:
    bare: dict[str, Any] = {"inventory_hostname": "zero"}
    failed: dict[str, Any] = {"inventory_hostname": "half", "__app_deploy_plan": {"failed": True, "msg": "no"}}
    hosts = [bare, failed, host("one", planned())]
    assert app_deploy_todo(hosts, "main") == ["shop"]
    assert phases(hosts)[0] == ("lock", ["one"])
    assert app_deploy_failed(hosts) == []


def test_the_phases_of_one_host_stand_in_the_order_in_which_they_are_run() -> None:
    app = planned(prepare={"packages": ["libpq5"]})
    found = app_deploy_phases([host("one", app)], "shop", "main", False, 1)
    assert [(phase["name"], phase["after"]) for phase in found] == [
        ("lock", "success"),
        ("prepare", "success"),
        ("build", "success"),
        ("migrate", "success"),
        ("switch", "success"),
        ("revert", "failure"),
        ("cleanup", "any"),
    ]
    assert all(phase["hosts"] == ["one"] for phase in found)


def test_all_hosts_build_before_the_first_one_migrates_and_they_switch_one_by_one() -> None:
    hosts = [host("one", planned()), host("two", planned()), host("three", planned())]
    everywhere = ["one", "two", "three"]
    assert phases(hosts) == [
        ("lock", everywhere),
        ("build", everywhere),
        ("migrate", ["one"]),
        ("switch", ["one"]),
        ("switch", ["two"]),
        ("switch", ["three"]),
        ("revert", everywhere),
        ("cleanup", everywhere),
    ]
    switches = [where for name, where in phases(hosts, serial="2") if name == "switch"]
    assert switches == [["one", "two"], ["three"]]


def test_a_phase_that_one_host_alone_needs_is_one_for_all_that_have_the_app() -> None:
    hosts = [host("one", planned(release="b")), host("two", planned()), host("three", planned("blog"))]
    assert ("build", ["one", "two"]) in phases(hosts)
    # On the first one that has to.
    assert ("migrate", ["two"]) in phases(hosts)


def test_an_app_is_migrated_on_the_first_host_that_has_it() -> None:
    hosts = [host("one", planned("blog")), host("two", planned()), host("three", planned())]
    assert ("migrate", ["two"]) in phases(hosts)


def test_a_rollback_goes_back_everywhere_at_once_and_restores_on_one_host() -> None:
    hosts = [host("one", planned()), host("two", planned())]
    assert phases(hosts, verb="rollback", restores=True) == [
        ("lock", ["one", "two"]),
        ("stop", ["one", "two"]),
        ("restore", ["one"]),
        ("switch", ["one", "two"]),
        ("revert", ["one", "two"]),
        ("cleanup", ["one", "two"]),
    ]


def run(hosts: list[dict[str, Any]], breaks: tuple[str, str, str]) -> dict[str, list[str]]:
    """Go through the phases of all apps as the role does, of which one breaks on one host; return what each host did.

    What breaks is an app, a phase and a host. In each phase all hosts are asked before the first one runs it.
    """
    done: dict[str, list[str]] = {str(host["inventory_hostname"]): [] for host in hosts}
    for app in app_deploy_todo(hosts, "main"):
        for phase in app_deploy_phases(hosts, app, "main", False, 1):
            has_failed = app in app_deploy_failed(hosts)
            if phase["after"] != "any" and (phase["after"] == "failure") != has_failed:
                continue
            for entry in hosts:
                name, plan = str(entry["inventory_hostname"]), entry["__app_deploy_plan"]["apps"][app]
                if name in phase["hosts"] and phase["name"] in app_deploy_due(plan, plan, "main"):
                    if (app, phase["name"], name) == breaks:
                        before = entry.get("__app_deploy_failures", {}).get("apps", {})
                        entry.update(failure(*before, app))
                    else:
                        done[name].append(f"{app} {phase['name']}")
    return done


def test_a_build_that_fails_on_one_host_stops_that_app_on_all_and_no_other_app() -> None:
    hosts = [host(name, planned("shop"), planned("blog")) for name in ("one", "two")]
    done = run(hosts, breaks=("shop", "build", "one"))
    blog = ["blog lock", "blog build", "blog switch", "blog cleanup"]
    assert done["two"] == ["shop lock", "shop build", "shop revert", "shop cleanup", *blog]
    assert done["one"] == [
        *("shop lock", "shop revert", "shop cleanup"),
        *("blog lock", "blog build", "blog migrate", "blog switch", "blog cleanup"),
    ]
    assert app_deploy_failed(hosts) == ["shop"]


def test_a_switch_that_fails_on_the_second_host_stops_the_third_and_all_go_back() -> None:
    hosts = [host(name, planned("shop")) for name in ("one", "two", "three")]
    done = run(hosts, breaks=("shop", "switch", "two"))
    assert "shop switch" in done["one"]
    assert "shop switch" not in done["three"]
    assert all(steps[-2:] == ["shop revert", "shop cleanup"] for steps in done.values())


def test_the_failure_of_an_earlier_run_of_the_role_in_a_playbook_does_not_count() -> None:
    assert app_deploy_failed([host("one", planned(), plan="2", **failure("shop", plan="1"))]) == []
    assert app_deploy_failed([host("one", planned(), plan="2", **failure("shop", plan="2"))]) == ["shop"]


def test_a_failure_without_a_plan_does_not_count_either() -> None:
    assert app_deploy_failed([{"inventory_hostname": "one", **failure("shop")}]) == []


def test_an_app_has_failed_where_it_failed_on_any_host_or_its_source_could_not_be_had() -> None:
    hosts = [
        host("one", planned("shop"), planned("blog")),
        host("two", planned("shop"), planned("blog", action="error"), **failure("shop")),
    ]
    assert app_deploy_failed(hosts) == ["blog", "shop"]


def test_of_a_lost_host_is_known_what_it_was_to_do_and_what_it_switched_to_last() -> None:
    switched: dict[str, Any] = {"__app_deploy_switched": {"name": "shop", "live": "d"}}
    known = app_deploy_lost([host("one", planned(), **switched), {"inventory_hostname": "two"}])
    assert known["one"]["switched"] == {"shop": "d"}
    assert known["one"]["apps"]["shop"]["live"] == "c"
    assert known["two"] == {"apps": {}, "switched": {}}


def test_a_switch_that_was_skipped_or_failed_says_nothing_of_what_is_live() -> None:
    for result in ({"skipped": True, "changed": False}, {"failed": True, "msg": "no"}):
        assert app_deploy_lost([host("one", planned(), __app_deploy_switched=result)])["one"]["switched"] == {}


def test_what_is_to_be_done_is_said_with_its_reason() -> None:
    apps = [
        planned("shop"),
        planned("blog", action="none", reason=""),
        planned("wiki", action="skip", reason="release d was rolled back as a bad one"),
        planned("mail", action="repair", reason="release b still runs"),
        planned("lost", action="error"),
    ]
    plan = {app["name"]: app for app in apps}
    assert app_deploy_summary(plan, "main") == [
        "shop: release d is to go live: other code.",
        "wiki: release d was rolled back as a bad one, so c stays live until another version is deployed.",
        "mail: to repair: release b still runs.",
    ]
    first = planned("shop", live="", reason="the first release", is_closed=True)
    assert app_deploy_summary({"shop": first}, "main") == [
        "shop: release d is to go live: the first release.",
        "shop: it reaches Unix sockets and no network, which network: true opens, and ip_address_allow in part.",
    ]
    assert len(app_deploy_summary({"shop": first | {"is_closed": False}}, "main")) == 1
    warned = planned("shop", warning="the source pins gunicorn 23.0.0.")
    assert app_deploy_summary({"shop": warned}, "main")[1] == "shop: the source pins gunicorn 23.0.0."
    assert app_deploy_summary(plan, "rollback") == app_deploy_summary(plan, "releases") == []
