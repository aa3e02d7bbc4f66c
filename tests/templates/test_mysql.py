"""What the server is told, computed without a machine."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import value

FACTS = {"distribution": "Ubuntu", "distribution_release": "noble", "memtotal_mb": 10240}


@pytest.mark.parametrize(
    ("dedicated", "size"), [(False, "2560M"), ("false", "2560M"), (True, "7168M"), ("yes", "7168M")]
)
def test_only_a_dedicated_server_takes_most_of_the_memory(dedicated: Any, size: str) -> None:
    given = {"ansible_facts": FACTS, "mysql_dedicated_server": dedicated}
    assert value("mysql", "__mysql_innodb_buffer_pool_size", **given) == size


@pytest.mark.parametrize(("given", "written"), [(True, "ON"), ("yes", "ON"), (False, "OFF"), ("no", "OFF")])
def test_a_boolean_is_written_in_mysql_s_words(given: Any, written: str) -> None:
    options = value("mysql", "__mysql_own_options", ansible_facts=FACTS, mysql_slow_query_log=given)
    assert options["slow_query_log"] == written


TAKEN_OVER: dict[str, Any] = {"ansible_facts": FACTS, "inventory_hostname": "db1", "__mysql_is_taken_over": True}
TAKEN_OVER |= {"__mysql_has_server": True, "__mysql_server": {"paths": {"/etc/apt/sources.list.d/mysql.sources": []}}}


def test_a_server_taken_over_keeps_every_option_that_nobody_has_chosen() -> None:
    assert value("mysql", "__mysql_options", **TAKEN_OVER) == {"datadir": "/var/lib/mysql"}
    own = value("mysql", "__mysql_options", **TAKEN_OVER | {"__mysql_is_taken_over": False})
    assert {"skip_networking", "sql_mode", "mysqlx", "innodb_buffer_pool_size"} <= own.keys()


def test_a_server_taken_over_gets_the_options_that_somebody_has_chosen() -> None:
    chosen = {
        "mysql_max_connections": 300,
        "mysql_slow_query_log": "no",
        "mysql_bind_address": "10.0.0.5",
        "mysql_dedicated_server": True,
        "mysql_server_options": {"innodb-redo-log-capacity": "1G"},
    }
    assert value("mysql", "__mysql_options", **TAKEN_OVER, **chosen) == {
        "bind_address": "10.0.0.5",
        "datadir": "/var/lib/mysql",
        "innodb_buffer_pool_size": "7168M",
        "innodb_redo_log_capacity": "1G",
        "max_connections": "300",
        "slow_query_log": "OFF",
    }


def test_a_server_taken_over_gets_no_drop_in() -> None:
    def written(taken_over: bool) -> set[str]:
        files = value("mysql", "__mysql_files", **TAKEN_OVER | {"__mysql_is_taken_over": taken_over})
        return {file["src"] for file in files}

    assert written(True) == {"zz-webstack.cnf.j2"}
    assert written(False) == {"zz-webstack.cnf.j2", "webstack.conf.j2"}


@pytest.mark.parametrize(
    ("taken_over", "server", "sources", "written"),
    [
        (True, True, [], False),
        (True, True, ["/etc/apt/sources.list.d/mysql.sources"], True),
        # Only data were there: the server is the role's to install.
        (True, False, [], True),
        (False, True, [], True),
    ],
)
def test_a_server_that_was_there_before_gets_no_repository(
    taken_over: bool, server: bool, sources: list[str], written: bool
) -> None:
    given = {
        **TAKEN_OVER,
        "ansible_facts": FACTS | {"distribution": "Debian", "distribution_release": "trixie"},
        "__mysql_is_taken_over": taken_over,
        "__mysql_has_server": server,
        "__mysql_server": {"paths": {"/etc/apt/sources.list.d/mysql.sources": sources}},
    }
    files = [file["src"] for file in value("mysql", "__mysql_files", **given)]
    assert ("mysql.sources.j2" in files) is written
    assert bool(value("mysql", "__mysql_wanted.repository", **given)) is written


def test_a_server_is_marked_as_taken_over_before_there_is_a_record() -> None:
    files = value("mysql", "__mysql_files_in_doubt", **TAKEN_OVER, __mysql_in_doubt={})
    assert [file["dest"] for file in files] == ["/etc/mysql/webstack-taken-over", "/etc/mysql/webstack-applied.json"]


def test_a_failed_first_start_is_cleared_away_and_what_was_there_before_is_not(tmp_path: Path) -> None:
    for folder in ("lost+found", ".zfs", "mysql"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "file").touch()
    for name in (".keep", "ibdata1", "#ib_16384_0.dblwr"):
        (tmp_path / name).touch()
    subprocess.run(value("mysql", "__mysql_clear_command", mysql_datadir=str(tmp_path)), check=True)
    assert {path.name for path in tmp_path.iterdir()} == {"lost+found", ".zfs", ".keep"}
    assert (tmp_path / "lost+found" / "file").exists()
