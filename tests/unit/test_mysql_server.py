"""Whose database the mysql role finds, and what it says of it, computed from what a server has told."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter import mysql_server

RECORD, DROP_IN = "/etc/mysql/webstack-applied.json", "/etc/systemd/system/mysql.service.d/webstack.conf"
DEFAULT = "/var/lib/mysql"
NAMES = {
    "own": ["mysql-server", "mysql-community-server"],
    "rival": ["mariadb-server", "percona-server-server"],
}
MYSQL = ["ibdata1", "mysql.ibd", "shop"]
MARIADB = ["aria_log_control", "ibdata1", "mariadb_upgrade_info", "shop"]
UNIT = "/usr/lib/systemd/system/mysql.service"


def state(
    packages: dict[str, str] | None = None,
    data: list[str] | None = None,
    unit: str = "",
    written: tuple[str, ...] = (),
    folder: str = DEFAULT,
) -> dict[str, Any]:
    """Return what server_state tells: versions of packages, names in the data directory, the unit's file."""
    versions = {name: (packages or {}).get(name) for names in NAMES.values() for name in names}
    return {
        "packages": {
            name: {"status": "installed" if version else "missing", "version": version or ""}
            for name, version in versions.items()
        },
        "units": {"mysql": {"load_state": "loaded" if unit else "not-found", "fragment_path": unit}},
        "paths": {
            **{
                f"{each}/*": [f"{each}/{name}" for name in data or [] if each == folder] for each in (DEFAULT, "/srv/m")
            },
            **{path: [path] * (path in written) for path in (RECORD, DROP_IN)},
        },
    }


def refusal(found: dict[str, Any], lines: list[str] | None = None, take_over: bool = False) -> str:
    """Return what the role says of a server on which it is to put its data into the default directory."""
    is_own = mysql_server.mysql_is_own(found, RECORD, DROP_IN, lines or [])
    return mysql_server.mysql_refusal(found, "db1", [DEFAULT, "/srv/m"], NAMES, lines, is_own, take_over)


@pytest.mark.parametrize(
    "found",
    [
        state(),
        state(data=["lost+found"]),
        state({"mysql-server": "8.4"}, MYSQL, UNIT, (RECORD, DROP_IN)),
        # As apt remove leaves it.
        state({}, MYSQL, "", (RECORD, DROP_IN)),
        # A first run of 0.1.0 that broke off: the record was to come last, and all data is newer than the drop-in.
        state({"mysql-server": "8.4"}, MYSQL, UNIT, (DROP_IN,)),
    ],
)
def test_a_bare_server_and_one_of_the_role_s_own_are_not_refused(found: dict[str, Any]) -> None:
    assert refusal(found) == ""


@pytest.mark.parametrize(
    ("found", "lines", "words"),
    [
        (state({"mysql-server": "8.0.1"}, MYSQL, UNIT), [], ["mysql-server 8.0.1", "its data in /var/lib/mysql"]),
        (
            state({"mysql-community-server": "8.4.2"}, [], UNIT),
            ["--datadir=/old", "--datadir=/data/mysql/"],
            ["mysql-community-server 8.4.2", "its data in /data/mysql"],
        ),
        (state({}, MYSQL), [], ["data of a MySQL server in /var/lib/mysql"]),
        (state({}, MYSQL, folder="/srv/m"), [], ["data of a MySQL server in /srv/m"]),
        # 0.1.0 has written its files beside data that were there before.
        (state({"mysql-server": "8.4"}, MYSQL, UNIT, (DROP_IN,)), ["older: /var/lib/mysql/ibdata1"], ["mysql-server"]),
    ],
)
def test_a_mysql_that_the_role_has_not_set_up_is_refused_unless_it_is_to_be_taken_over(
    found: dict[str, Any], lines: list[str], words: list[str]
) -> None:
    sentence = refusal(found, lines)
    for word in ["db1", "mysql_take_over: true", "mysql_root_password", *words]:
        assert word in sentence
    assert refusal(found, lines, take_over=True) == ""


@pytest.mark.parametrize("take_over", [False, True])
@pytest.mark.parametrize("written", [(), (RECORD, DROP_IN)])
@pytest.mark.parametrize(
    ("packages", "data", "unit", "words"),
    [
        ({"mariadb-server": "11.8"}, MARIADB, "/usr/lib/systemd/system/mariadb.service", "mariadb-server 11.8"),
        ({"percona-server-server": "8.0"}, MYSQL, UNIT, "percona-server-server 8.0"),
        ({}, MARIADB, "", "data of MariaDB in /var/lib/mysql (aria_log_control)"),
        ({}, [], "/opt/mariadb.service", "mysql.service on db1 is another name of mariadb.service"),
    ],
)
def test_what_is_no_mysql_is_refused_always(
    packages: dict[str, str], data: list[str], unit: str, words: str, written: tuple[str, ...], take_over: bool
) -> None:
    sentence = refusal(state(packages, data, unit, written), take_over=take_over)
    assert words in sentence
    assert "take_over" not in sentence


def test_a_unit_that_no_package_has_brought_is_refused_always() -> None:
    found = state(unit="/etc/systemd/system/mysql.service")
    assert "(/etc/systemd/system/mysql.service) is of no package of MySQL" in refusal(found, take_over=True)
    # What a removed package has left in init.d is no server.
    assert refusal(state(unit="/run/systemd/generator.late/mysql.service")) == ""


def test_only_a_server_or_data_without_a_record_are_looked_at_more_closely() -> None:
    def is_unknown(found: dict[str, Any]) -> bool:
        return mysql_server.mysql_is_unknown(found, RECORD, [DEFAULT], NAMES["own"])

    assert not is_unknown(state())
    assert not is_unknown(state({"mysql-server": "8.4"}, MYSQL, UNIT, (RECORD,)))
    assert is_unknown(state({"mysql-server": "8.4"}, [], UNIT))
    assert is_unknown(state({}, MYSQL))


def test_a_data_directory_elsewhere_is_named() -> None:
    assert mysql_server.mysql_datadir_refusal("db1", "/srv/m", "/srv/m") == ""
    sentence = mysql_server.mysql_datadir_refusal("db1", DEFAULT, "/srv/m")
    assert sentence.startswith("mysql_datadir is /var/lib/mysql, but the data of db1 is in /srv/m")


@pytest.mark.parametrize(
    ("active", "lines", "words"),
    [
        ("active", [], ""),
        ("active", ["--socket=/var/run/mysqld/mysqld.sock"], ""),
        ("active", ["--socket=/run/mysqld/mysqld.sock"], ""),
        (
            "active",
            ["--datadir=/srv/m", "--socket=/tmp/mysql.sock"],
            "has its socket at /tmp/mysql.sock: set socket = ",
        ),
        ("inactive", [], "does not run (mysql.service is inactive): start it first"),
        ("failed", ["--socket=/tmp/mysql.sock"], "does not run (mysql.service is failed): start it first"),
    ],
)
def test_a_server_that_cannot_be_logged_in_to_is_not_taken_over(active: str, lines: list[str], words: str) -> None:
    found = {"units": {"mysql": {"active_state": active}}}
    sentence = mysql_server.mysql_login_refusal(found, "db1", "/run/mysqld/mysqld.sock", lines)
    assert words in sentence
    assert bool(sentence) is bool(words)


def test_a_server_that_calls_itself_mariadb_is_refused() -> None:
    server = {"version": "11.8.9-MariaDB", "comment": "Debian", "is_mysql": False}
    assert "is Debian 11.8.9-MariaDB" in mysql_server.mysql_version_refusal(server, "db1")
    assert mysql_server.mysql_version_refusal({"is_mysql": True}, "db1") == ""


def test_what_waits_for_a_restart_is_named_and_nothing_is_said_where_nothing_waits() -> None:
    assert mysql_server.mysql_pending([], "db1", "/etc/my.cnf") == ""
    sentence = mysql_server.mysql_pending([DROP_IN, "mysqlx", "port"], "db1", "/etc/my.cnf")
    assert f"MySQL on db1 has not taken up mysqlx, port in /etc/my.cnf and {DROP_IN}, which takes a restart" in sentence
    assert "-e mysql_restart=true" in sentence


def test_a_server_s_own_words_are_told_once_without_noise() -> None:
    def log(*texts: str) -> list[str]:
        return [f"2026-01-01T00:00:00Z 0 [ERROR] [MY-000001] [Server] {text}" for text in texts]

    start = "2026-01-01T00:00:00Z 0 [System] [MY-010116] [Server] mysqld (mysqld 9.7.4) starting as process 1"
    lines = [
        start,
        *log("old"),
        start,
        *log("Can't bind.", "Can't bind.", "Aborting"),
        start,
        *log("sched_setaffinity()"),
    ]
    assert mysql_server.mysql_last_words(["Starting mysql.service", "mysql.service: Failed"], lines) == "Can't bind"
    assert mysql_server.mysql_last_words(["mysql.service: Failed", "canary"], []) == "canary"


def test_a_failure_is_told_by_whoever_knows_most_of_it() -> None:
    def failure(errors: str, said: str, missing: list[str]) -> str:
        return mysql_server.mysql_failure(errors, "db1", said, missing, "apt  has\nfailed")

    assert failure("unknown variable", "canary", []) == "MySQL refuses its configuration: unknown variable."
    assert failure("", "canary", []).startswith("MySQL on db1 does not start: canary; ")
    assert failure("", "canary", ["mysql-server"]) == failure("", "", []) == "apt has failed"


REPOSITORY = {"uris": "https://repo.mysql.com/apt/debian", "suites": "trixie"}


@pytest.mark.parametrize(
    ("own", "offered", "words"),
    [
        (
            "arm64",
            ["amd64"],
            "db1 is arm64, and mysql_repository (https://repo.mysql.com/apt/debian, suite trixie) has",
        ),
        ("arm64", ["amd64", "arm64"], ""),
        # It could not be asked; apt says why.
        ("arm64", [], ""),
    ],
)
def test_a_repository_without_packages_for_a_machine_is_refused(own: str, offered: list[str], words: str) -> None:
    told = {"architecture": own, "architectures": offered}
    refusal = mysql_server.mysql_repository_refusal(told, "db1", REPOSITORY)
    assert refusal.startswith(words)
    assert bool(refusal) is bool(words)


def test_a_new_server_has_room_for_its_data_and_its_binary_logs() -> None:
    limit = 2 * 2**30
    assert mysql_server.mysql_disk_refusal(limit + 300 * 2**20, "db1", DEFAULT, limit) == ""
    assert mysql_server.mysql_disk_refusal(2**30, "db1", DEFAULT, limit).startswith(
        "db1 has 1.0 GB free for /var/lib/mysql, 1.3 GB too little: MySQL begins with 300 MB, and its binary logs"
    )
