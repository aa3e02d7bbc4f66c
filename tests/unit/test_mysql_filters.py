"""The mysql role's filters."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "mysql_filters", Path(__file__).parents[2] / "plugins" / "filter" / "mysql.py"
)
assert _spec is not None
assert _spec.loader is not None
mysql = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mysql)


def test_the_last_layer_of_options_wins_however_its_name_is_spelt() -> None:
    assert mysql.mysql_options({"max_connections": 10, "mysqlx": False}, {"max-connections": 20}) == {
        "max_connections": "20",
        "mysqlx": "OFF",
    }


def test_an_option_without_a_value_stays_bare() -> None:
    assert mysql.mysql_options({"skip-name-resolve": None}) == {"skip_name_resolve": None}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("/srv/mysql", "/srv/mysql"),
        ("NO_ZERO_DATE,STRICT_TRANS_TABLES", "NO_ZERO_DATE,STRICT_TRANS_TABLES"),
        ("SET @a = '#'", "\"SET @a = '#'\""),
        ('say "no"', "'say \"no\"'"),
        ("a\\b", "a\\\\b"),
    ],
)
def test_a_value_survives_the_syntax_of_my_cnf(value: str, written: str) -> None:
    assert mysql.mysql_cnf_value(value) == written


def test_nothing_is_set_when_the_server_runs_with_what_is_wanted() -> None:
    assert mysql.mysql_set_global({"port": "3306"}, {"port": "3306"}) == []


@pytest.mark.parametrize(
    ("option", "statement"),
    [
        ({"max_connections": "200"}, "SET GLOBAL max_connections = 200"),
        ({"long_query_time": "0.5"}, "SET GLOBAL long_query_time = 0.5"),
        ({"innodb_buffer_pool_size": "256m"}, "SET GLOBAL innodb_buffer_pool_size = 268435456"),
        ({"slow_query_log": "OFF"}, "SET GLOBAL slow_query_log = 'OFF'"),
        ({"loose_read_only": None}, "SET GLOBAL read_only = ON"),
        ({"init_connect": "SET @a = 'b\\c'"}, "SET GLOBAL init_connect = 'SET @a = ''b\\\\c'''"),
    ],
)
def test_a_new_value_is_set_in_the_words_of_sql(option: dict[str, str | None], statement: str) -> None:
    assert mysql.mysql_set_global(option, {}) == [statement]


def test_an_option_taken_out_goes_back_to_its_default() -> None:
    assert mysql.mysql_set_global({}, {"max_connections": "200"}) == ["SET GLOBAL max_connections = DEFAULT"]


def test_a_bare_option_is_not_mistaken_for_a_missing_one() -> None:
    assert mysql.mysql_set_global({"read_only": None}, {}) == ["SET GLOBAL read_only = ON"]


@pytest.mark.parametrize(
    ("priv", "granted"),
    [
        ("my_app.*:ALL", {"my\\_app.*": "ALL"}),
        ("`my_app`.*:SELECT,INSERT/other.*:SELECT", {"my\\_app.*": "SELECT,INSERT", "other.*": "SELECT"}),
        ("my_app.my_table:SELECT", {"my_app.my_table": "SELECT"}),
        ("shop_%.*:ALL", {"shop_%.*": "ALL"}),
        ("my\\_app.*:ALL", {"my\\_app.*": "ALL"}),
        ("*.*:PROCESS", {"*.*": "PROCESS"}),
        ({"my_app.*": ["SELECT", "UPDATE"]}, {"my\\_app.*": "SELECT,UPDATE"}),
    ],
)
def test_an_underscore_in_a_database_name_is_no_wildcard(priv: object, granted: dict[str, str]) -> None:
    assert mysql.mysql_priv(priv) == granted
