"""Maintenance, switched while nginx serves."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import SITES, Ask, Play, changes

testinfra_hosts = ["ansible://web"]

CLOSED = "closed.example"
SWITCHES = "/etc/nginx/maintenance"


@pytest.fixture(autouse=True)
def switches(host: Any) -> Iterator[None]:
    """Begin and end with no site in maintenance."""
    host.check_output(f"rm -rf {SWITCHES}")
    yield
    host.check_output(f"rm -rf {SWITCHES}")


def processes(host: Any) -> set[str]:
    """Return nginx's processes, the master among them."""
    return set(host.check_output("cat /sys/fs/cgroup/system.slice/nginx.service/cgroup.procs").split())


def test_a_site_in_maintenance_shows_its_own_page_and_says_when_to_come_back(ask: Ask, maintain: Play) -> None:
    assert ask("/", site=CLOSED).status == 200
    assert maintain(mode="on", site=CLOSED).returncode == 0
    for method, path in [("GET", "/any/path?a=b"), ("POST", "/"), ("GET", "/x.css"), ("GET", "/.maintenance")]:
        answer = ask(path, site=CLOSED, method=method)
        assert answer.status == 503
        assert re.fullmatch(rb"<h1>It's closed</h1><p>[0-9a-f]{32}</p>", answer.body)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("7200", "no-store")
    answer = ask("/", site=CLOSED, method="HEAD")
    assert (answer.status, answer.body) == (503, b"")


def test_maintenance_comes_and_goes_without_a_reload_and_leaves_other_sites_alone(
    host: Any, ask: Ask, maintain: Play
) -> None:
    before = processes(host)
    assert maintain(mode="on", site=CLOSED).returncode == 0
    assert ask("/", site=CLOSED).status == 503
    assert ask("/").status == ask("/static/site.css").status == 200
    assert maintain(mode="off", site=CLOSED).returncode == 0
    assert ask("/", site=CLOSED).status == 200
    # An old worker may have gone, but none is new.
    assert processes(host) <= before


def test_an_allowed_address_passes_and_an_upload_does_not(host: Any, ask: Ask, maintain: Play) -> None:
    assert maintain(mode="on", site=CLOSED).returncode == 0
    local = f"curl -s -o /dev/null -w '%{{http_code}}' -H 'Host: {CLOSED}' http://127.0.0.1/"
    assert host.check_output(local) == "200"
    forged = {"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1"}
    assert ask("/", site=CLOSED, headers=forged).status == 503
    assert ask("/", site=CLOSED, method="POST", body=b"x" * 11_000_000).status == 503


def test_all_sites_go_together_with_their_static_files(ask: Ask, maintain: Play) -> None:
    assert maintain(mode="on").returncode == 0
    for path in ["/", "/static/site.css", "/static/old.css", "/static/none.css"]:
        answer = ask(path)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "300")
        assert b"Back in a moment" in answer.body
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert ask("/", site="fleet.example").status == ask("/", site=CLOSED).status == 503
    redirect = ask("/", site="www.shop.example")
    assert (redirect.status, redirect.headers["Location"]) == (301, "http://shop.example/")
    assert maintain(mode="off").returncode == 0
    assert ask("/").status == ask("/", site="fleet.example").status == ask("/", site=CLOSED).status == 200


def test_a_second_run_changes_nothing_and_check_mode_never_does(host: Any, ask: Ask, maintain: Play) -> None:
    for mode, status in [("on", 503), ("off", 200)]:
        dry = maintain("--check", mode=mode)
        assert (dry.returncode, changes(dry.stdout) > 0) == (0, True)
        assert ask("/").status == 703 - status
        assert changes(maintain(mode=mode).stdout) > 0
        assert changes(maintain(mode=mode).stdout) == 0
        assert ask("/").status == status


def test_maintenance_outlasts_a_restart_and_a_run_of_the_role(host: Any, ask: Ask, maintain: Play, play: Play) -> None:
    assert maintain(mode="on", site="shop.example").returncode == 0
    host.check_output("systemctl restart nginx")
    assert ask("/").status == 503
    again = play()
    assert (again.returncode, changes(again.stdout)) == (0, 0)
    assert ask("/").status == 503


def test_a_site_that_nginx_does_not_know_yet_is_refused(host: Any, maintain: Play) -> None:
    result = maintain(mode="on", nginx_sites=[*SITES, {"server_name": "new.example", "locations": []}])
    assert result.returncode != 0
    assert "nginx_maintenance_sites: nginx on" in result.stdout
    assert "has no switch for new.example" in " ".join(result.stdout.split())
    assert not host.file(SWITCHES).exists
