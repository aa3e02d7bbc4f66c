"""What the server is told, computed without a machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import render, value

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
    limit = {f"mysql-binlog-limit{kind}.j2" for kind in ("", ".path", ".service")}
    assert written(False) == {"zz-webstack.cnf.j2", "webstack.conf.j2", *limit}


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


@pytest.mark.parametrize(
    ("options", "index"),
    [
        ({}, "/var/lib/mysql/binlog.index"),
        ({"log-bin": True}, "/var/lib/mysql/binlog.index"),
        ({"log_bin": "changes"}, "/var/lib/mysql/changes.index"),
        ({"log_bin": "/srv/logs/changes"}, "/srv/logs/changes.index"),
    ],
)
def test_the_limit_of_binary_logs_looks_where_mysql_notes_them(options: dict[str, Any], index: str) -> None:
    own = TAKEN_OVER | {"__mysql_is_taken_over": False}
    assert value("mysql", "__mysql_binlog_index", **own, mysql_server_options=options) == index


def test_the_oldest_binary_logs_go_until_the_others_are_within_the_limit(tmp_path: Path) -> None:
    logs = [("binlog.000008", 100), ("binlog.000009", 100), ("binlog.000010", 100), ("binlog.000011", 40)]

    def purged(limit: str) -> str:
        script = render(
            "mysql", "mysql-binlog-limit.j2", {"mysql_binlog_space_limit": limit, "__mysql_socket": "asked"}
        )
        listed = "".join(f"{name}\t{size * 1024**2}\tNo\n" for name, size in logs)
        asked = tmp_path / "asked"
        client = f"""#!/bin/sh
case "$*" in
  *@@log_bin*) echo 1 ;;
  *SHOW*) printf '%s' '{listed}' ;;
  *) echo "$*" | grep --only-matching 'PURGE.*' >> '{asked}' ;;
esac
"""
        asked.write_text("")
        (tmp_path / "mysql").write_text(client)
        (tmp_path / "mysql").chmod(0o755)
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        script = script.replace("[ -S asked ]", "true")
        subprocess.run(["sh", "-c", script], env=environment, check=True)
        return asked.read_text().strip()

    assert purged("2G") == purged("340M") == purged("0") == ""
    assert purged("339M") == purged("240M") == "PURGE BINARY LOGS TO 'binlog.000009'"
    assert purged("200M") == "PURGE BINARY LOGS TO 'binlog.000010'"
    # The one that is being written stays, however large.
    assert purged("10M") == "PURGE BINARY LOGS TO 'binlog.000011'"


def test_a_small_server_gets_small_buffers_and_keeps_what_somebody_has_chosen() -> None:
    def options(memory: int, **chosen: Any) -> dict[str, Any]:
        own = TAKEN_OVER | {"__mysql_is_taken_over": False, "ansible_facts": FACTS | {"memtotal_mb": memory}}
        return dict(value("mysql", "__mysql_options", **own, mysql_server_options=chosen))

    assert options(957)["performance_schema"] == "OFF"
    assert options(957)["innodb_buffer_pool_size"] == "128M"
    assert options(957, performance_schema=True)["performance_schema"] == "ON"
    assert "performance_schema" not in options(1957)
