"""What a server is refused for by its facts, and by what it has been asked."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter import servers

MB = 2**20


def test_a_server_without_python_gets_the_command_that_installs_it() -> None:
    gathered = {"rc": 127, "msg": "The module interpreter '/usr/bin/python3' was not found."}
    refusal = servers.server_gathering_refusal({"failed_modules": {"setup": gathered}}, "web01")
    assert refusal.startswith("web01 has no Python, which Ansible needs there: run ansible web01 --become")
    assert "raw --args 'apt-get update && apt-get install --yes python3', and repeat." in refusal


@pytest.mark.parametrize(
    ("gathered", "words"),
    [
        ({"rc": 1, "msg": "Permission denied."}, "web01 has told no facts: Permission denied."),
        ({"rc": 1}, "web01 has told no facts: it said nothing."),
    ],
)
def test_what_else_keeps_a_server_from_telling_facts_is_said_as_it_is(gathered: dict[str, Any], words: str) -> None:
    assert servers.server_gathering_refusal({"failed_modules": {"setup": gathered}}, "web01") == words
    assert servers.server_gathering_refusal({"ansible_facts": {}}, "web01") == ""


def test_a_container_without_namespaces_is_refused_with_what_allows_them() -> None:
    refusal = servers.server_sandbox_refusal({"works": False, "reason": "226/NAMESPACE"}, "web01", "lxc")
    assert "web01 is a container (lxc) in which systemd can make no sandbox (226/NAMESPACE)" in refusal
    assert "nesting=1" in refusal
    assert servers.server_sandbox_refusal({"works": True, "reason": ""}, "web01", "lxc") == ""


@pytest.mark.parametrize(
    ("mounts", "words"),
    [
        ({"/": 600 * MB}, ""),
        ({"/": 499 * MB}, "web01 has 499 MB free for /srv, 1 MB too little for releases"),
        ({"/": 600 * MB, "/srv": 0}, "web01 has 0 MB free for /srv, 500 MB too little"),
        ({"/": 0, "/srv": 600 * MB}, ""),
        ({"/": 600 * MB, "/var": 0}, ""),
        # A container's root is no mount that the facts know.
        ({"/etc/hosts": 0}, ""),
    ],
)
def test_a_server_that_is_new_needs_room_where_releases_will_be(mounts: dict[str, int], words: str) -> None:
    facts = {"mounts": [{"mount": mount, "size_available": size} for mount, size in mounts.items()]}
    refusal = servers.server_disk_refusal(facts, "web01")
    assert refusal.startswith(words)
    assert bool(refusal) is bool(words)


SITE = {"name": "shop"}


def warning(memory: int, swap: int = 0, apps: list[dict[str, Any]] | None = None, **given: Any) -> str:
    facts = {"memtotal_mb": memory, "swaptotal_mb": swap, "processor_nproc": 1}
    return servers.server_memory_warning(facts, "web01", [SITE] if apps is None else apps, **given)


def test_one_site_and_its_database_fit_into_a_gigabyte() -> None:
    assert warning(957, mysql=True) == ""


def test_what_is_missing_is_said_in_numbers() -> None:
    assert warning(957, apps=[{"name": "shop", "workers": 12}], mysql=True) == (
        "web01 has 957 MB of memory and 0 MB of swap, about 211 MB too little: the system 150 MB, 13 application "
        "processes 780 MB, MySQL 238 MB. To do: lower gunicorn's workers, set swap_file_size, or take a larger server."
    )
    assert warning(957, 1024, apps=[{"name": "shop", "workers": 12}], mysql=True) == ""


@pytest.mark.parametrize(
    ("apps", "given", "missing"),
    [
        ([SITE], {}, 0),
        ([SITE] * 3, {}, 10),
        ([{"name": "shop", "background": [{}, {}, {}, {}]}], {}, 10),
        ([SITE], {"workers": 5}, 10),
        ([], {"uwsgi_apps": [{"name": "shop", "processes": 5}], "workers": 9}, 10),
        ([], {"uwsgi_apps": [SITE], "processes": 5}, 10),
        ([], {"redis": [SITE] * 3}, 34),
        ([], {"redis": [{**SITE, "maxmemory": "384mb"}]}, 34),
        ([], {"redis": [SITE], "maxmemory": 402653184}, 34),
        ([], {"mysql": True, "pool": "300M"}, 60),
        ([], {"mysql": True, "pool": "1G"}, 784),
        ([], {"mysql": True, "pool": "314572800"}, 60),
        ([], {"mysql": True, "pool": 314572800}, 60),
        # Refused by the role.
        ([], {"mysql": True, "pool": "much"}, 0),
    ],
)
def test_processes_and_the_buffer_pool_count(apps: list[dict[str, Any]], given: dict[str, Any], missing: int) -> None:
    said = warning(500, apps=apps, **given)
    assert (f"about {missing} MB too little" in said) if missing else said == ""


def test_what_may_be_lowered_is_what_the_server_has() -> None:
    for given, ways in (
        ({"mysql": True, "pool": "1G"}, "set swap_file_size"),
        ({"redis": [SITE], "maxmemory": "1gb"}, "lower redis_maxmemory, set swap_file_size"),
        ({"uwsgi_apps": [{"processes": 20}]}, "lower uWSGI's processes, set swap_file_size"),
    ):
        assert warning(500, apps=[], **given).endswith(f". To do: {ways}, or take a larger server.")


@pytest.mark.parametrize(
    ("apps", "wanted"),
    [
        ([SITE] * 9, 144),
        ([SITE] * 10, 160),
        ([{**SITE, "workers": 20}], 160),
        ([{**SITE, "worker_class": "sync", "workers": 152}], 152),
        ([{**SITE, "worker_class": "asgi"}], 2),
        ([{**SITE, "threads": 80, "background": [{}, {}]}], 162),
        ([{**SITE, "module": "shop:app", "threads": 100}], 200),
        ([{**SITE, "module": "shop:app", "processes": 3}], 12),
    ],
)
def test_each_thread_may_hold_a_connection(apps: list[dict[str, Any]], wanted: int) -> None:
    defaults = {"workers": 0, "worker_class": "gthread", "threads": 0, "processes": 0, "uwsgi_threads": 4}
    facts = {"processor_nproc": 2}
    said = servers.server_connections_warning(facts, "web01", apps, defaults)
    assert (
        said.startswith(f"web01: with all threads busy the applications hold {wanted} ") if wanted > 151 else not said
    )
    assert servers.server_connections_warning(facts, "web01", apps, defaults, wanted) == ""
    assert f"hold {wanted} " in servers.server_connections_warning(facts, "web01", apps, defaults, wanted - 1)


def test_a_server_whose_memory_is_not_known_lacks_none() -> None:
    assert servers.server_memory_warning({}, "web01", [SITE], mysql=True) == ""
