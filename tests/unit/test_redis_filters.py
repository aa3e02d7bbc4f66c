"""The instances of the role redis: refused, planned and written."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter.redis import (
    PATTERNS,
    redis_files,
    redis_mistakes,
    redis_pending_restart,
    redis_plan,
    redis_program,
)
from ansible_collections.foobar.webstack.plugins.filter.sites import gunicorn_apps, redis_instances

MARKERS = "/run/foobar.webstack/redis"
SHOP, BOARD = {"name": "shop"}, {"name": "my_shop"}
FILES = redis_files([SHOP, BOARD], "valkey", "128mb", "volatile-lru", MARKERS)
GROUPS, CONF, UNIT = (file["dest"] for file in FILES[:3])
SITE: dict[str, Any] = {"domain": "foobar.com", "app": "shop", "wsgi_app": "shop:app", "redis": {}}


def state(differing: tuple[str, ...] = (), marked: tuple[str, ...] = (), active: str = "active") -> dict[str, Any]:
    """Return what server_state tells of a server with both instances."""
    unit = {"active_state": active, "unit_file_state": "enabled" if active == "active" else "disabled"}
    return {
        "missing_packages": ["redis-server"],
        "differing_files": list(differing),
        "paths": {f"{MARKERS}/*": [f"{MARKERS}/{name}" for name in marked], **{path: [] for path in PATTERNS.values()}},
        "units": {"valkey-server@shop": unit, "valkey-server@my_shop": unit},
    }


def plan(**given: Any) -> dict[str, Any]:
    return redis_plan(state(**given), "valkey", FILES, [SHOP, BOARD])


@pytest.mark.parametrize("size", ["128mb", "1GB", "1048576", 2097152, "2048k"])
def test_a_size_in_the_program_s_words_is_taken(size: str | int) -> None:
    assert redis_mistakes([{**SHOP, "maxmemory": size}], size, "") == []


@pytest.mark.parametrize("size", ["128 mb", "128MiB", "half", "0", "512kb", "64"])
def test_a_size_that_the_program_does_not_know_or_that_holds_nothing_is_refused(size: str) -> None:
    for place, mistakes in (
        ("redis_maxmemory", redis_mistakes([], size, "")),
        ("redis_instances: maxmemory of shop", redis_mistakes([{**SHOP, "maxmemory": size}], "128mb", "")),
    ):
        (mistake,) = mistakes
        assert mistake.startswith(f"{place} is {size}; write bytes,")


def test_a_wrong_name_and_a_wrong_package_are_refused() -> None:
    mistakes = redis_mistakes([{"name": "my-shop"}, SHOP, SHOP], "128mb", "redis")
    assert [mistake.split(" ")[0] for mistake in mistakes] == ["redis_instances:", "redis_instances:", "redis_package:"]


@pytest.mark.parametrize(
    ("system", "version", "installed", "configured", "named", "program"),
    [
        ("Debian", "12", (), (), "", "redis"),
        ("Debian", "13", (), (), "", "valkey"),
        ("Debian", "sid", (), (), "", "valkey"),
        ("Ubuntu", "22.04", (), (), "", "redis"),
        ("Ubuntu", "24.04", (), (), "", "valkey"),
        # An upgraded Debian goes on with the program that has the data.
        ("Debian", "13", ("redis",), (), "", "redis"),
        ("Debian", "13", ("redis", "valkey"), (), "", "valkey"),
        # Somebody has installed the other one beside it.
        ("Debian", "13", ("redis", "valkey"), ("redis",), "", "redis"),
        ("Debian", "13", ("redis", "valkey"), ("redis", "valkey"), "", "valkey"),
        # What is left of a package that was removed.
        ("Debian", "13", ("valkey",), ("redis",), "", "valkey"),
        ("Debian", "13", ("redis",), ("redis",), "valkey-server", "valkey"),
    ],
)
def test_valkey_is_taken_where_there_is_one_unless_redis_has_been_there_before(
    system: str, version: str, installed: tuple[str, ...], configured: tuple[str, ...], named: str, program: str
) -> None:
    found = {
        "packages": {
            f"{name}-server": {"status": "installed" if name in installed else "missing"} for name in PATTERNS
        },
        "paths": {
            pattern: [pattern.replace("*", "shop")] if name in configured else [] for name, pattern in PATTERNS.items()
        },
    }
    facts = {"distribution": system, "distribution_version": version}
    assert redis_program(named, found, facts) == program


def test_a_new_instance_is_started_and_waits_for_nothing() -> None:
    found = plan(active="inactive", differing=(GROUPS, CONF, UNIT))
    assert found["idle"] == ["valkey-server@shop", "valkey-server@my_shop"]
    assert [file["dest"] for file in found["write"]] == [GROUPS, CONF, UNIT]
    assert (found["groups"], found["pending"], found["missing"]) == (GROUPS, [], False)


@pytest.mark.parametrize("dest", [CONF, UNIT])
def test_an_instance_that_runs_waits_for_a_restart_and_no_other_does(dest: str) -> None:
    found = plan(differing=(dest,))
    assert (found["pending"], found["idle"]) == (["shop"], [])
    # A run that is killed in between leaves the marker.
    assert [file["dest"] for file in found["write"]] == [f"{MARKERS}/shop", dest]


def test_what_waits_is_said_until_it_is_restarted_and_nothing_is_written_again() -> None:
    found = plan(marked=("shop",))
    assert (found["pending"], found["write"]) == (["shop"], [])
    assert plan(marked=("shop",), active="failed")["pending"] == []


def test_nothing_is_done_where_all_is_as_it_should_be() -> None:
    assert plan() == {"missing": False, "write": [], "groups": "", "idle": [], "pending": []}


def test_what_waits_is_named_with_the_way_to_have_it_done() -> None:
    assert redis_pending_restart("app01", [], "valkey") == ""
    sentence = redis_pending_restart("app01", ["shop", "board"], "valkey")
    assert sentence.startswith("valkey of shop, board on app01 runs with older settings until it is restarted; add ")
    assert sentence.endswith("run systemctl restart valkey-server@shop valkey-server@board there.")


def test_an_application_is_told_where_its_redis_is_unless_the_entry_says_otherwise() -> None:
    (app,) = gunicorn_apps([SITE])
    assert app["environment"] == {"REDIS_URL": "unix:///run/redis-shop/redis.sock?db=0"}
    assert app["after"][-2:] == ["valkey-server@shop.service", "redis-server@shop.service"]
    (app,) = gunicorn_apps([{**SITE, "environment": {"REDIS_URL": "redis://10.0.0.7"}}])
    assert app["environment"] == {"REDIS_URL": "redis://10.0.0.7"}


def test_a_site_that_asks_for_none_has_none() -> None:
    site = {key: value for key, value in SITE.items() if key != "redis"}
    assert redis_instances([site, {**SITE, "redis": {"maxmemory": "64mb"}}]) == [{"name": "shop", "maxmemory": "64mb"}]
    (app,) = gunicorn_apps([site])
    assert "environment" not in app
    assert app["after"] == ["mysql.service"]
