"""Releases under load: what visitors notice of them, counted at their end and in the database."""

import json

import pytest
from conftest import ADDRESS, play, sql
from load import Kind, Load

testinfra_hosts = ["ansible://webstack-releases"]

KINDS = {
    Kind("GET", "/"): 60,
    Kind("POST", "/entries"): 37,
    Kind("GET", "/slow?seconds=5", slow=True): 2,
    Kind("POST", "/slow?seconds=5", slow=True): 1,
}


@pytest.fixture
def visitors(host, board):
    """Let visitors come while a test goes on, and see to it afterwards that every row was stored once."""
    load = Load((ADDRESS, 80), board.domain, KINDS, rate=50, retry=True)
    with load:
        yield load
    tokens = load.tokens()
    rows = sql(host, "SELECT token, COUNT(*) FROM board.board_entry WHERE name NOT LIKE 'work:%' GROUP BY token")
    stored = dict(row.split("\t") for row in rows.splitlines())
    assert [token for token in tokens if token not in stored] == []
    assert [token for token, count in stored.items() if count != "1"] == []
    assert len(tokens) > 100


def report(title, load):
    """Print what the visitors have seen, for those who run the tests with -s or read their log."""
    summary = load.summary()
    print(f"\n{title}: {json.dumps(summary)}")
    return summary


def test_twenty_deploys_and_five_rollbacks_lose_no_request(board, visitors):
    for number in range(1, 21):
        version = board.renew()
        result = board.deploy()
        assert result.returncode == 0, result.stdout
        assert board.version() == version
        if number % 4 == 0:
            result = board.rollback()
            assert result.returncode == 0, result.stdout
            assert board.version() != version
    summary = report("20 deploys and 5 rollbacks", visitors)
    assert summary["failed"] == summary["raced"] == 0, summary
    assert summary["requests"] > 5000
    board.is_tidy()


def test_a_changed_setting_of_gunicorn_loses_no_request(host, board, visitors):
    before = board.live()
    result = play("site.yml", gunicorn_timeout=31)
    assert result.returncode == 0, result.stdout
    assert board.live() != before
    assert "timeout = 31" in host.check_output("cat /etc/gunicorn/board.conf.py")
    summary = report("A changed setting of gunicorn", visitors)
    assert summary["failed"] == 0, summary


def test_a_reload_of_nginx_costs_at_most_a_retry_on_a_kept_alive_connection(board, visitors):
    for number in range(5):
        result = play("site.yml", nginx_http_options={"keepalive_time": f"{50 + number}m"})
        assert "Reload nginx" in result.stdout, result.stdout
    summary = report("5 reloads of nginx", visitors)
    assert summary["failed"] == 0, summary
    assert summary["raced"] <= 10
