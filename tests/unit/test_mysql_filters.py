"""The mysql role's filters."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter import mysql


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
    assert mysql.mysql_assignments({"port": "3306"}, {"port": "3306"}) == {}


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ({"max_connections": "200"}, "200"),
        ({"long_query_time": "0.5"}, "0.5"),
        ({"innodb_buffer_pool_size": "256m"}, "268435456"),
        ({"slow_query_log": "OFF"}, "'OFF'"),
        ({"loose_read_only": None}, "ON"),
        ({"init_connect": "SET @a = 'b\\c'"}, "'SET @a = ''b\\\\c'''"),
    ],
)
def test_a_new_value_is_set_in_the_words_of_sql(option: dict[str, str | None], value: str) -> None:
    assert list(mysql.mysql_assignments(option, {}).values()) == [value]


def test_an_option_taken_out_goes_back_to_its_default() -> None:
    assert mysql.mysql_assignments({}, {"max_connections": "200"}) == {"max_connections": "DEFAULT"}


def test_a_bare_option_is_not_mistaken_for_a_missing_one() -> None:
    assert mysql.mysql_assignments({"read_only": None}, {}) == {"read_only": "ON"}


def test_what_is_about_to_change_is_in_doubt_until_it_has() -> None:
    applied: dict[str, Any] = {
        "options": {"kept": "1", "changed": "1", "removed": None},
        "unit": "old",
        "repository": {},
    }
    wanted = {"options": {"kept": "1", "changed": "2", "added": None}, "unit": "new", "repository": {}}
    doubtful = {"kept": "1", "changed": False, "removed": False, "added": False}
    record = mysql.mysql_in_doubt(applied, wanted)
    assert record == {"options": doubtful, "unit": False, "repository": {}}
    # A run that wants what was there before keeps the doubt, and sets all of it.
    assert mysql.mysql_in_doubt(record, applied) == record
    assert mysql.mysql_assignments(applied["options"], record["options"]) == {
        "added": "DEFAULT",
        "changed": "1",
        "removed": "ON",
    }


def test_a_file_that_was_changed_by_hand_leaves_all_that_it_has_in_doubt() -> None:
    applied = {"options": {"port": "1"}, "unit": "same", "repository": {}}
    record = mysql.mysql_in_doubt(applied, applied, all_options=True)
    assert record == {"options": {"port": False}, "unit": "same", "repository": {}}
    assert mysql.mysql_in_doubt(applied, applied, unit=True) == {**applied, "unit": False}


def test_no_limit_of_binary_logs_is_no_mistake() -> None:
    assert mysql.mysql_mistakes(VARIABLES | {"mysql_binlog_space_limit": 0}, REFUSED) == []


def test_a_dump_replaces_its_database_as_a_whole() -> None:
    assert mysql.mysql_dump_command("my shop").endswith("--add-drop-database --databases 'my shop'")
    assert mysql.mysql_restore_command("my shop") == "mysql"


def test_how_much_a_database_has_is_asked_in_words_that_the_shell_leaves_alone() -> None:
    command = shlex.split(mysql.mysql_size_command("my$shop"))
    assert command[-1].endswith("WHERE table_schema = 'my$shop'")


VARIABLES: dict[str, Any] = {
    "mysql_bind_address": "",
    "mysql_binlog_expire_logs_seconds": 604800,
    "mysql_binlog_space_limit": "2G",
    "mysql_databases": [{"name": "shop"}],
    "mysql_datadir": "/var/lib/mysql",
    "mysql_innodb_buffer_pool_size": "128M",
    "mysql_max_connections": 151,
    "mysql_port": 3306,
    "mysql_repository": {},
    "mysql_server_options": {"max-connections": 20, "sql_mode": "ANSI", "skip_name_resolve": None},
    "mysql_users": [{"name": "shop", "password": "secret"}, {"name": "www-data", "plugin": "auth_socket"}],
}
REFUSED = {"bind_address": "use mysql_bind_address"}


def test_good_variables_are_not_refused() -> None:
    assert mysql.mysql_mistakes(VARIABLES, REFUSED) == []


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("mysql_bind_address", "db.example.com", "mysql_bind_address has 'db.example.com'"),
        ("mysql_binlog_expire_logs_seconds", -1, "mysql_binlog_expire_logs_seconds is -1"),
        ("mysql_binlog_space_limit", "2 GB", "mysql_binlog_space_limit is '2 GB'"),
        ("mysql_binlog_space_limit", "199M", "mysql_binlog_space_limit is '199M': write at least 200M"),
        ("mysql_databases", [{"name": "shop`"}], "mysql_databases has the name 'shop`'"),
        ("mysql_databases", [{"name": "mysql"}], "mysql_databases has mysql, which is MySQL's own"),
        ("mysql_databases", [{"name": "a"}, {"name": "a"}], "mysql_databases lists a 2 times"),
        ("mysql_datadir", "data", "mysql_datadir is 'data'"),
        ("mysql_datadir", "/srv/my sql", "mysql_datadir is '/srv/my sql'"),
        ("mysql_datadir", "/srv/mysql/", "mysql_datadir is '/srv/mysql/'"),
        ("mysql_datadir", "/home/mysql", "mysql_datadir is '/home/mysql'"),
        ("mysql_innodb_buffer_pool_size", "1 GB", "mysql_innodb_buffer_pool_size is '1 GB'"),
        ("mysql_max_connections", 0, "mysql_max_connections is 0"),
        ("mysql_port", 70000, "mysql_port is 70000"),
        ("mysql_repository", {"uris": "https://a", "suites": "b"}, "mysql_repository lacks components, signed_by"),
        ("mysql_server_options", {"bind-address": "*"}, "mysql_server_options.bind-address is refused: use mysql_bind"),
        ("mysql_server_options", {"a b": 1}, "mysql_server_options has 'a b'"),
        ("mysql_server_options", {"init_connect": ["a"]}, "mysql_server_options.init_connect must be one value"),
        ("mysql_server_options", {"init_connect": "a\nb"}, "mysql_server_options.init_connect must be one value"),
        ("mysql_users", [{"name": ""}], "mysql_users has the name ''"),
        ("mysql_users", [{"name": "root", "password": "secret"}], "mysql_users has root@localhost, which MySQL"),
        ("mysql_users", [{"name": "shop"}], "mysql_users has no password for shop@localhost"),
        ("mysql_users", [{"name": "a", "plugin": "auth_socket", "password": "secret"}], "mysql_users has a password"),
        ("mysql_users", [{"name": "a", "host": "%", "password": "secret"}], "mysql_users has a@%, who could not"),
        ("mysql_users", [{"name": "a", "state": "absent"}] * 2, "mysql_users lists a@localhost 2 times"),
    ],
)
def test_a_wrong_variable_gets_a_sentence_that_names_it(variable: str, value: object, sentence: str) -> None:
    mistakes = mysql.mysql_mistakes(VARIABLES | {variable: value}, REFUSED)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(sentence)
    assert "secret" not in mistakes[0]


def test_a_user_from_elsewhere_is_welcome_where_the_server_listens() -> None:
    users = [{"name": "a", "host": "%", "password": "secret"}]
    assert mysql.mysql_mistakes(VARIABLES | {"mysql_users": users, "mysql_bind_address": "*"}, REFUSED) == []


@pytest.mark.parametrize(
    ("database", "statements"),
    [
        ({"name": "new"}, []),
        ({"name": "shop"}, []),
        ({"name": "old", "encoding": "latin1"}, []),
        ({"name": "old"}, ["ALTER DATABASE `old` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci"]),
        ({"name": "old", "encoding": "utf8mb4"}, ["ALTER DATABASE `old` CHARACTER SET utf8mb4"]),
        (
            {"name": "shop", "collation": "utf8mb4_bin"},
            ["ALTER DATABASE `shop` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"],
        ),
        ({"name": "old", "state": "absent"}, []),
        ({"name": "shop", "encoding": "UTF8MB4", "collation": "utf8mb4_0900_AI_CI"}, []),
        ({"name": "three", "encoding": "utf8", "collation": "utf8_bin"}, []),
        ({"name": 2026, "encoding": "utf8mb4"}, ["ALTER DATABASE `2026` CHARACTER SET utf8mb4"]),
    ],
)
def test_a_database_gets_another_encoding_only_where_it_differs(
    database: dict[str, Any], statements: list[str]
) -> None:
    existing = [
        {"name": "shop", "encoding": "utf8mb4", "collation": "utf8mb4_0900_ai_ci"},
        {"name": "old", "encoding": "latin1", "collation": "latin1_swedish_ci"},
        {"name": "three", "encoding": "utf8mb3", "collation": "utf8mb3_bin"},
        {"name": "2026", "encoding": "latin1", "collation": "latin1_swedish_ci"},
    ]
    assert mysql.mysql_alter_databases([database], existing, "utf8mb4", "utf8mb4_0900_ai_ci") == statements


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
def test_an_underscore_in_a_database_name_is_no_wildcard(
    priv: str | dict[str, list[str]], granted: dict[str, str]
) -> None:
    assert mysql.mysql_priv(priv) == granted


def test_a_user_is_among_the_accounts_by_name_and_host_unless_it_is_to_go() -> None:
    accounts = [{"name": name, "host": host} for name in ("a", "b", "c") for host in ("localhost", "db.example.com")]
    there = [{"name": "a"}, {"name": "b", "host": "DB.example.com", "state": "present"}]
    others = [{"name": "A"}, {"name": "a", "host": "%"}, {"name": "c", "state": "absent"}]
    assert mysql.mysql_users_among([*others, *there], accounts) == there


def test_what_the_system_lacks_is_refused_by_name() -> None:
    given = VARIABLES | {"mysql_repository": {}}
    assert mysql.mysql_mistakes(given, REFUSED, "Ubuntu") == []
    (repository,) = mysql.mysql_mistakes(given, REFUSED, "Debian")
    assert repository.startswith("mysql_repository is empty")
    (memory,) = mysql.mysql_mistakes(given, REFUSED, "Ubuntu", False)
    assert memory.startswith("mysql_innodb_buffer_pool_size comes from the memory")


def test_a_server_that_is_taken_over_may_have_users_of_other_hosts() -> None:
    given = VARIABLES | {"mysql_bind_address": "", "mysql_users": [{"name": "a", "host": "%", "password": "canary"}]}
    assert len(mysql.mysql_mistakes(given, REFUSED)) == 1
    assert mysql.mysql_mistakes(given | {"mysql_take_over": True}, REFUSED) == []
