"""What the modules that talk to MySQL do, with a client and a systemd that give prepared answers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import time_zones
from ansible_collections.foobar.webstack.plugins.modules import mysql_state

from tests import calls

START = 1796000000
# It answers each question by the first word of the prepared answers that the SQL has, and keeps what it was told.
CLIENT = """\
import json, os, pathlib, sys
folder = pathlib.Path(__file__).parent
sql = sys.stdin.read()
with (folder / "asked").open("a") as asked:
    asked.write(f"{sys.argv[1:]} {os.environ.get('MYSQL_PWD')} {sql}")
for word, (code, output, error) in json.loads((folder / "answers").read_text()).items():
    if word in sql:
        sys.stdout.write(output)
        sys.stderr.write(error)
        sys.exit(code)
"""
VARIABLES = "max_connections\t151\nread_only\tOFF\ndatadir\t/var/lib/mysql/\nlong_query_time\t1.000000\nport\t3306\n"


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Prepare answers, of output or of code, output and errors, and return the folder that keeps what was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "client.py").write_text(CLIENT)
    shown = f"ActiveState=active\nMainPID=1\nExecMainStartTimestamp=Day {stamp(START)} UTC"
    for name, lines in (
        ("mysql", f'exec {sys.executable} {folder}/client.py "$@"'),
        ("systemctl", f"cat <<EOF\n{shown}\nEOF"),
    ):
        (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def prepare(**given: Any) -> Path:
        full = {word: [0, said, ""] if isinstance(said, str) else said for word, said in given.items()}
        (folder / "answers").write_text(json.dumps(full))
        return folder / "asked"

    return prepare


def stamp(seconds: float) -> str:
    """Return a time as systemd prints it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


def file(path: Path, time: float) -> str:
    """Make a file that was written at a time."""
    path.write_text("")
    os.utime(path, (time, time))
    return str(path)


def options(tmp_path: Path, written: float = START + 5, **given: Any) -> calls.Result:
    """Have options set that a file has which was written at a time."""
    config = file(tmp_path / "my.cnf", written)
    return calls.module("mysql_options", {"files": [config], "pending": str(tmp_path / "run/pending"), **given})


def test_only_what_differs_is_set_and_what_takes_a_restart_is_noted(
    tmp_path: Path, answers: Callable[..., Path]
) -> None:
    error = "ERROR 1238 (HY000) at line 2: Variable 'port' is a read only variable\n"
    asked = answers(VARIABLES=VARIABLES, variables_info="", SET=[1, "", error])
    same = {"read_only": "'OFF'", "long_query_time": "1", "datadir": "'/var/lib/mysql'"}
    result = options(tmp_path, options={**same, "max_connections": "99", "port": "3307"})
    assert (result["changed"], result["set"], result["pending"]) == (True, ["max_connections"], ["port"])
    assert "SET GLOBAL max_connections = 99;\nSET GLOBAL port = 3307;\n" in asked.read_text()
    assert "read_only" not in asked.read_text()
    assert json.loads((tmp_path / "run/pending").read_text()) == ["port"]


REFUSED = [1, "", "ERROR 1238 (HY000) at line 1: Variable 'port' is a read only variable"]


def test_a_server_started_after_the_file_was_written_has_read_it(tmp_path: Path, answers: Callable[..., Path]) -> None:
    answers(VARIABLES=VARIABLES, variables_info="", SET=REFUSED)
    result = options(tmp_path, START - 5, options={"port": "3307"})
    assert (result["changed"], result["pending"]) == (False, [])
    assert not (tmp_path / "run/pending").exists()


def test_a_drop_in_waits_for_a_restart_unless_the_server_was_started_with_it(
    tmp_path: Path, answers: Callable[..., Path]
) -> None:
    answers(VARIABLES=VARIABLES, variables_info="")
    new, old = file(tmp_path / "new.conf", START + 1), file(tmp_path / "old.conf", START - 1)
    assert options(tmp_path, options={}, units=[new, old, str(tmp_path / "missing")])["pending"] == [new]


def test_what_goes_back_to_what_the_server_runs_with_waits_no_more(
    tmp_path: Path, answers: Callable[..., Path]
) -> None:
    answers(VARIABLES=VARIABLES, variables_info="innodb_flush_method\n", SET=REFUSED)
    pending = tmp_path / "run/pending"
    pending.parent.mkdir()
    pending.write_text(json.dumps(["innodb_flush_method", "port", "unit"]))
    os.utime(pending, (START + 1, START + 1))
    result = options(tmp_path, options={"port": "3306", "innodb_flush_method": "DEFAULT"})
    assert (result["changed"], result["pending"]) == (False, ["unit"])
    # What was noted before the server was started counts no more.
    os.utime(pending, (START - 1, START - 1))
    assert options(tmp_path, options={})["pending"] == []


def test_an_unknown_option_waits_only_where_it_would_make_a_difference(
    tmp_path: Path, answers: Callable[..., Path]
) -> None:
    unknown = [1, "", "".join(f"ERROR 1193 (HY000) at line {line}: Unknown system variable\n" for line in (1, 2, 3))]
    answers(VARIABLES=f"{VARIABLES}mysqlx_port\t33060\n", variables_info="", SET=unknown)
    wanted = {"loose_numa": "ON", "mysqlx": "'OFF'", "plugin_option": "1", "other": "'OFF'"}
    assert options(tmp_path, options=wanted)["pending"] == ["mysqlx", "plugin_option"]


def test_a_dry_run_sets_nothing(tmp_path: Path, answers: Callable[..., Path]) -> None:
    asked = answers(VARIABLES=VARIABLES, variables_info="")
    result = options(tmp_path, options={"max_connections": "99"}, _ansible_check_mode=True)
    assert (result["changed"], result["set"]) == (True, ["max_connections"])
    assert "SET GLOBAL" not in asked.read_text()


def test_a_refused_password_is_neither_shown_nor_in_the_list_of_processes(
    tmp_path: Path, answers: Callable[..., Path]
) -> None:
    asked = answers(SELECT=[1, "", "ERROR 1045 (28000): Access denied for user 'root'@'localhost'\n"])
    result = calls.module("mysql_state", {"login_password": "canary"})
    assert result["msg"] == (
        "MySQL does not answer root: Access denied for user 'root'@'localhost'; set mysql_root_password to root's "
        "password."
    )
    assert "canary" not in json.dumps(result)
    arguments, _, rest = asked.read_text().partition("] ")
    assert "canary" not in arguments
    assert rest.startswith("canary ")


def test_a_server_that_calls_itself_mariadb_is_asked_no_more(answers: Callable[..., Path]) -> None:
    asked = answers(version='{"version": "11.8.9-MariaDB", "comment": "Debian"}\n')
    assert calls.module("mysql_state", {})["is_mysql"] is False
    assert "mysql.user" not in asked.read_text()


def test_hashes_are_compared_and_never_returned(answers: Callable[..., Path]) -> None:
    def account(name: str, plugin: str = "caching_sha2_password", hashed: str = "", old: int = 0) -> dict[str, Any]:
        row = {"kind": "account", "name": name, "host": "localhost", "plugin": plugin, "hash": hashed}
        return {**row, "old_password": old}

    rows = [
        {"serves": 1, "has_auth_socket": 0, "has_time_zones": 0},
        {"kind": "database", "name": "shop", "encoding": "utf8mb4", "collation": "c", "is_empty": 0},
        account("a", hashed="CA7A"),
        account("b", hashed="BEEF", old=1),
        account("c", "auth_socket"),
        account("other", hashed="F00D"),
    ]
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    grants = "-- next account\nGRANT a\nGRANT b\n-- next account\n-- next account\nGRANT c\n"
    server = '{"version": "9.7.4", "comment": "(Debian)"}\n'
    asked = answers(**{"@@version": server, "schemata": lines, "SHOW GRANTS": grants})
    users = [{"name": "a", "hash": "ca7a"}, {"name": "b", "hash": "ca7a"}, {"name": "c"}, {"name": "new", "hash": "ab"}]
    result = calls.module("mysql_state", {"users": users})
    assert (result["is_mysql"], result["serves"], result["has_auth_socket"]) == (True, True, False)
    assert result["databases"] == [{"name": "shop", "encoding": "utf8mb4", "collation": "c", "is_empty": False}]
    accounts = {one["name"]: one for one in result["accounts"]}
    assert [accounts[name].get("same_password") for name in ("a", "b", "c", "other")] == [True, False, False, None]
    assert [accounts[name].get("grants") for name in ("a", "b", "c")] == [["GRANT a", "GRANT b"], [], ["GRANT c"]]
    assert (accounts["b"]["old_password"], accounts["c"]["has_password"]) == (True, False)
    assert "SHOW GRANTS FOR 'a'@'localhost'" in asked.read_text()
    for secret in ("CA7A", "BEEF", "F00D", "ca7a"):
        assert secret not in json.dumps(result["accounts"])


ZONES = "TRUNCATE TABLE time_zone;\nSTART TRANSACTION;\nINSERT INTO time_zone VALUES (1);\nCOMMIT;\n"


@pytest.fixture
def zones(tmp_path: Path, answers: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Callable[..., calls.Result]:
    """Load time zones of a system into a server that has some or none."""
    folder, program = tmp_path / "zoneinfo", tmp_path / "bin/mysql_tzinfo_to_sql"
    folder.mkdir()
    (folder / "UTC").write_text("TZif2")
    monkeypatch.setattr(time_zones.digest, "__defaults__", (folder,))

    def load(had_any: int = 0, printed: str = ZONES, code: int = 0, **given: Any) -> calls.Result:
        program.write_text(f"#!/bin/sh\ncat <<'EOF'\n{printed}EOF\nexit {code}\n")
        program.chmod(0o755)
        answers(EXISTS=f"{had_any}\n", INSERT="")
        files = {"record": str(tmp_path / "zones"), "pending": str(tmp_path / "run/pending")}
        return calls.module("mysql_time_zones", files | given)

    return load


def test_time_zones_are_loaded_and_that_is_recorded(tmp_path: Path, zones: Callable[..., calls.Result]) -> None:
    assert (zones()["changed"], zones()["pending"]) == (True, [])
    assert "DELETE FROM time_zone;\nINSERT INTO time_zone VALUES (1);\nCOMMIT;" in (tmp_path / "bin/asked").read_text()
    assert (tmp_path / "zones").read_text().strip() == time_zones.digest()


def test_zones_that_a_server_may_have_used_wait_for_a_restart(
    tmp_path: Path, zones: Callable[..., calls.Result]
) -> None:
    assert zones(1)["pending"] == ["/usr/share/zoneinfo"]
    assert json.loads((tmp_path / "run/pending").read_text()) == ["/usr/share/zoneinfo"]


def test_a_dry_run_loads_no_time_zones(tmp_path: Path, zones: Callable[..., calls.Result]) -> None:
    assert zones(1, _ansible_check_mode=True)["changed"] is True
    assert not (tmp_path / "bin/asked").exists()
    assert not (tmp_path / "zones").exists()


@pytest.mark.parametrize(("printed", "code"), [("", 0), (ZONES, 3)])
def test_time_zones_that_cannot_be_loaded_are_not_recorded(
    tmp_path: Path, zones: Callable[..., calls.Result], printed: str, code: int
) -> None:
    assert zones(printed=printed, code=code)["msg"].startswith("The time zones can't be loaded: mysql_tzinfo_to_sql ")
    assert not (tmp_path / "zones").exists()


@pytest.mark.parametrize(
    ("recorded", "is_loaded", "is_current"), [("", True, False), ("old", True, False), ("now", False, False)]
)
def test_a_server_has_the_system_s_time_zones_only_where_they_were_loaded_from_these_files(
    tmp_path: Path, zones: Callable[..., calls.Result], recorded: str, is_loaded: bool, is_current: bool
) -> None:
    record = tmp_path / "record"
    record.write_text(recorded.replace("now", time_zones.digest()))
    assert mysql_state.time_zones(record, is_loaded)["current"] is is_current
    record.write_text(f"{time_zones.digest()}\n")
    assert mysql_state.time_zones(record, True) == {"loaded": True, "recorded": True, "current": True}
