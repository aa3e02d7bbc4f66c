"""What a run says of what has failed: a sentence each, and what serves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.failures import database, lost, report, sentence

# As Ansible's own modules return it.
COMMAND = {
    "failed": True,
    "msg": "non-zero return code",
    "cmd": ["flask", "warm-up"],
    "rc": 2,
    "stderr": "Usage: flask\n\nError: No such command 'warm-up'.\n",
    "stdout": "",
}


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        ({"msg": "shop: `make` ended with 2: error: no."}, "shop: `make` ended with 2: error: no."),
        ({"msg": "No package matching 'x' is available"}, "shop: No package matching 'x' is available."),
        ({}, "shop: it failed without a reason."),
        ({"msg": ""}, "shop: it failed without a reason."),
        (COMMAND, "shop: `flask warm-up` ended with 2: Error: No such command 'warm-up'."),
        ({**COMMAND, "cmd": "false", "rc": 1, "stderr": ""}, "shop: `false` ended with 1."),
        ({"msg": "Failed to connect.", "stderr": "ssh: no route"}, "shop: Failed to connect: ssh: no route."),
        ({"msg": "It said: no route", "stderr": "no route\n"}, "shop: It said: no route."),
        ({"msg": "first\n  second\n\nthird\n"}, "shop: first second third."),
        ({"msg": "'/usr/bin/apt-get' failed: E: x\\nE: y\\n"}, "shop: '/usr/bin/apt-get' failed: E: x E: y."),
        ({**COMMAND, "cmd": "echo a\necho b", "stderr": ""}, "shop: `echo a echo b` ended with 2."),
    ],
)
def test_why_a_task_failed_is_one_sentence_that_begins_with_the_app(failed: dict[str, Any], said: str) -> None:
    assert sentence("shop", failed) == said


def test_of_a_loop_the_first_item_that_failed_is_the_reason() -> None:
    results = [{"failed": False, "msg": "fine"}, {"skipped": True}, {**COMMAND, "rc": 7}, {**COMMAND, "rc": 8}]
    said = sentence("shop", {"failed": True, "msg": "One or more items failed", "results": results})
    assert said == "shop: `flask warm-up` ended with 7: Error: No such command 'warm-up'."


def test_a_loop_that_failed_as_a_whole_has_its_own_reason() -> None:
    assert sentence("shop", {"msg": "Invalid data", "results": []}) == "shop: Invalid data."


def test_a_long_command_is_cut() -> None:
    assert len(sentence("shop", {**COMMAND, "cmd": "x" * 1000, "stderr": ""})) < 240


def test_after_a_failed_migration_is_said_where_the_database_is_as_it_was() -> None:
    saved = database("shop", "/var/backups/shop/1.20260101T000000Z.sql.gz", "db01")
    assert saved.endswith("How it was before is in /var/backups/shop/1.20260101T000000Z.sql.gz on db01.")
    for nothing in ("", "/var/backups/blog/1.sql.gz"):
        assert database("shop", nothing, "db01").endswith("No dump was taken.")


def app(name: str = "shop", **differences: Any) -> dict[str, Any]:
    """Return an app of a plan, whose release d is to take the place of c."""
    return {"name": name, "live": "c", "release": "d", "error": "", **differences}


def test_each_failed_app_has_its_reason_what_serves_and_where_all_of_it_is() -> None:
    failures = {"shop": {"reason": "shop: no.", "log": "/var/log/app_deploy/shop/d.log", "release": "d"}}
    assert report("web01", {"shop": app(), "blog": app("blog")}, ["shop"], failures) == [
        "shop: no.",
        "    web01: release c serves on.",
        "    web01: all that it said is in /var/log/app_deploy/shop/d.log.",
    ]


def test_an_app_without_a_release_before_serves_nothing_and_is_said_to() -> None:
    failures = {"shop": {"reason": "shop: no.", "log": ""}}
    assert report("web01", {"shop": app(live="")}, ["shop"], failures) == [
        "shop: no.",
        "    web01: no release was live before.",
    ]


def test_an_app_that_failed_elsewhere_or_has_no_source_says_so() -> None:
    apps = {"shop": app(), "blog": app("blog", error="blog: directory x is not a folder on this machine.")}
    lines = report("web01", apps, ["blog", "shop", "other"], {})
    assert lines[0] == "blog: directory x is not a folder on this machine."
    assert lines[2] == "shop: another host failed."
    # A host that does not have the app says nothing of what it serves.
    assert lines[4:] == ["other: another host failed."]


def test_of_a_lost_host_is_said_what_is_live_there_as_far_as_that_is_known() -> None:
    hosts: dict[str, dict[str, Any]] = {
        "one": {"apps": {"shop": app()}, "switched": {"shop": "d"}},
        "two": {"apps": {"shop": app()}, "switched": {}},
        "three": {"apps": {"shop": app(release="c")}, "switched": {}},
        "four": {"apps": {"shop": app(live="")}, "switched": {}},
        "five": {"apps": {}, "switched": {}},
    }
    assert lost(hosts) == [
        "one was lost: of shop, d is live there.",
        "two was lost: of shop, c is live there (or d, if it came to that).",
        "three was lost: of shop, c is live there.",
        "four was lost: of shop, nothing is live there (or d, if it came to that).",
        "five was lost, before it was known what is live there.",
    ]
