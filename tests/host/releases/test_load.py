"""Releases under load: what visitors notice of them, counted at their end and in the database."""

import json
from contextlib import contextmanager

from conftest import ADDRESS, sql
from load import Kind, Load

from tests.playbook import play

testinfra_hosts = ["ansible://webstack-releases"]

KINDS = {
    Kind("GET", "/"): 60,
    Kind("POST", "/entries"): 37,
    Kind("GET", "/slow?seconds=5", slow=True): 2,
    Kind("POST", "/slow?seconds=5", slow=True): 1,
}


@contextmanager
def visitors(board, title):
    """Let visitors come for a while; see to it then that every row was stored once, and return what they have seen."""
    # A user would not wait so long, but what counts is that the answer comes, on a slow machine, too.
    load = Load((ADDRESS, 80), board.domain, KINDS, rate=50, retry=True, timeout=600)
    seen = {}
    with load:
        yield seen
    seen |= load.summary()
    print(f"\n{title}: {json.dumps(seen)}")
    rows = sql(board.host, "SELECT token, COUNT(*) FROM board.board_entry WHERE name NOT LIKE 'work:%' GROUP BY token")
    stored = dict(row.split("\t") for row in rows.splitlines())
    assert [token for token in load.tokens() if token not in stored] == []
    assert [token for token, count in stored.items() if count != "1"] == []
    assert len(load.tokens()) > 100


def test_twenty_deploys_and_five_rollbacks_lose_no_request(board):
    with visitors(board, "20 deploys and 5 rollbacks") as seen:
        for number in range(1, 21):
            version = board.renew()
            result = board.deploy()
            assert result.returncode == 0, result.stdout
            assert board.version() == version
            if number % 4 == 1:
                result = board.rollback()
                assert result.returncode == 0, result.stdout
                assert board.version() != version
    assert seen["failed"] == seen["raced"] == 0, seen
    assert seen["requests"] > 5000
    board.is_tidy()


def test_a_changed_setting_of_gunicorn_loses_no_request(host, board):
    before, settings = board.live(), "cat /etc/gunicorn/board/$(basename $(readlink /srv/board/current))/conf.py"
    timeout = 32 if "timeout = 31" in host.check_output(settings) else 31
    with visitors(board, "A changed setting of gunicorn") as seen:
        result = play("site.yml", gunicorn_timeout=timeout)
        assert result.returncode == 0, result.stdout
    assert board.live() != before
    assert f"timeout = {timeout}" in host.check_output(settings)
    assert seen["failed"] == 0, seen


def test_a_reload_of_nginx_costs_at_most_a_retry_on_a_kept_alive_connection(board):
    with visitors(board, "5 reloads of nginx") as seen:
        for number in range(5):
            result = play("site.yml", nginx_http_options={"keepalive_time": f"{50 + number}m"})
            assert "Reload nginx" in result.stdout, result.stdout
    assert seen["failed"] == 0, seen
    assert seen["raced"] <= 10
