"""What the mysql role made, asked by SQL and from the system."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable

import pytest
from testinfra.host import Host

from .conftest import listening

Sql = Callable[..., str]
SHOP_PASSWORD = "canary-7f3b'\"\\%s"


def test_the_server_is_mysql_8_4_or_later(sql: Sql) -> None:
    version, comment = sql("SELECT VERSION(), @@version_comment").split("\t")
    assert tuple(int(part) for part in version.split("-")[0].split(".")) >= (8, 4)
    assert "MariaDB" not in version + comment


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("binlog_expire_logs_seconds", "604800"),
        ("character_set_server", "utf8mb4"),
        ("collation_server", "utf8mb4_0900_ai_ci"),
        ("innodb_flush_log_at_trx_commit", "1"),
        ("local_infile", "OFF"),
        ("log_bin_trust_function_creators", "ON"),
        ("long_query_time", "1.000000"),
        ("max_connections", "151"),
        ("skip_networking", "ON"),
        ("slow_query_log", "ON"),
        ("slow_query_log_file", "/var/log/mysql/mysql-slow.log"),
    ],
)
def test_the_server_runs_with_the_option(sql: Sql, option: str, value: str) -> None:
    assert sql(f"SHOW GLOBAL VARIABLES LIKE '{option}'").partition("\t")[2] == value


def test_a_date_filter_of_django_finds_its_time_zone(sql: Sql) -> None:
    asked = "SELECT CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Berlin')"
    assert sql(asked, "--user=shop", SHOP_PASSWORD, user="nobody") == "2026-07-01 14:00:00"


def test_a_migration_may_create_triggers_and_functions_that_run_as_their_own_user_alone(sql: Sql) -> None:
    def as_shop(statement: str, fails: bool = False) -> str:
        return sql(statement, "--user=shop shop", SHOP_PASSWORD, user="nobody", fails=fails)

    as_shop("CREATE TABLE counted (number INT)")
    as_shop("CREATE TRIGGER one_more BEFORE INSERT ON counted FOR EACH ROW SET NEW.number = NEW.number + 1")
    as_shop("CREATE FUNCTION highest() RETURNS INT RETURN (SELECT MAX(number) FROM counted)")
    as_shop("INSERT INTO counted VALUES (1)")
    assert as_shop("SELECT highest()") == "2"
    others = "CREATE DEFINER = shop_old@localhost FUNCTION theirs() RETURNS INT DETERMINISTIC RETURN 1"
    assert "denied" in as_shop(others, fails=True)
    as_shop("DROP FUNCTION highest; DROP TABLE counted")


def test_bad_values_are_refused_and_not_bent(sql: Sql) -> None:
    sql("CREATE TABLE shop.strict (number TINYINT)")
    assert "Out of range" in sql("INSERT INTO shop.strict VALUES (1000)", fails=True)
    sql("DROP TABLE shop.strict")


def test_the_buffer_pool_takes_a_quarter_of_the_memory(host: Host, sql: Sql) -> None:
    memory = int(host.check_output("awk '/MemTotal/ {print $2}' /proc/meminfo")) * 1024
    share = int(sql("SELECT @@innodb_buffer_pool_size")) / memory
    assert 0.2 < share <= 0.25


def test_nothing_listens_on_tcp(host: Host) -> None:
    assert listening(host) == []


def test_the_socket_and_the_data_belong_to_the_server(host: Host) -> None:
    socket = host.file("/run/mysqld/mysqld.sock")
    assert (socket.is_socket, socket.user, socket.group, oct(socket.mode)) == (True, "mysql", "mysql", "0o777")
    data = host.file("/var/lib/mysql")
    assert (data.user, data.group, oct(data.mode)) == ("mysql", "mysql", "0o700")


def test_root_enters_by_the_socket_and_nobody_else_is_root(sql: Sql) -> None:
    assert sql("SELECT CURRENT_USER()") == "root@localhost"
    assert "Access denied" in sql("SELECT 1", "--user=root", user="nobody", fails=True)
    assert sql("SELECT host, plugin FROM mysql.user WHERE user = 'root'") == "localhost\tauth_socket"


def test_there_are_no_anonymous_users_and_no_test_database(sql: Sql) -> None:
    assert sql("SELECT user FROM mysql.user WHERE user = ''") == ""
    assert sql("SHOW DATABASES LIKE 'test%'") == ""


def test_a_user_with_a_password_has_a_database_of_its_own_and_no_other(sql: Sql) -> None:
    def as_shop(statement: str, fails: bool = False) -> str:
        return sql(statement, "--user=shop", SHOP_PASSWORD, user="nobody", fails=fails)

    assert as_shop("SHOW DATABASES").split() == ["information_schema", "performance_schema", "shop"]
    as_shop("CREATE TABLE shop.own (id INT); INSERT INTO shop.own VALUES (1); DROP TABLE shop.own")
    for foreign in ("SELECT * FROM mysql.user", "CREATE TABLE shop_old.own (id INT)", "CREATE DATABASE more"):
        assert "denied" in as_shop(foreign, fails=True)
    assert "denied" in sql("SELECT 1", "--user=shop", "wrong", user="nobody", fails=True)


def test_an_underscore_in_a_database_name_opens_no_other_database(sql: Sql) -> None:
    sql("CREATE DATABASE shop1old")
    assert "denied" in sql("USE shop1old", "--user=shop_old", "anotherwebstack-mysql", user="nobody", fails=True)
    sql("USE shop_old", "--user=shop_old", "anotherwebstack-mysql", user="nobody")
    sql("DROP DATABASE shop1old")


def test_a_user_of_the_system_enters_without_a_password_and_only_as_itself(sql: Sql) -> None:
    assert sql("SELECT CURRENT_USER()", user="www-data") == "www-data@localhost"
    assert "Access denied" in sql("SELECT 1", "--user=www-data", user="nobody", fails=True)


def test_databases_have_the_encoding_that_was_asked_for(sql: Sql) -> None:
    answer = sql(
        "SELECT schema_name, default_character_set_name FROM information_schema.schemata "
        "WHERE schema_name LIKE 'shop%' ORDER BY 1"
    )
    assert answer.split() == ["shop", "utf8mb4", "shop_old", "latin1"]


def test_an_emoji_comes_back_as_it_went_in(sql: Sql) -> None:
    sql("CREATE TABLE shop.face (face VARCHAR(9)); INSERT INTO shop.face VALUES ('🦊é漢')")
    assert sql("SELECT face, CHAR_LENGTH(face) FROM shop.face") == "🦊é漢\t3"
    sql("DROP TABLE shop.face")


def test_a_slow_statement_is_logged(host: Host, sql: Sql) -> None:
    sql("SELECT SLEEP(1.1), 'written by the test'")
    assert host.run("grep 'written by the test' /var/log/mysql/mysql-slow.log").succeeded


def test_other_packages_still_come_from_the_system_and_still_install(host: Host) -> None:
    plan = host.check_output("apt-get --simulate --no-install-recommends install curl nginx python3-venv git")
    assert "Inst curl" in plan
    # A version that both suites have is told with both names.
    assert re.findall(r"\(\S+ Debian:unstable .*", plan) == []
    assert "deb13" in host.package("libc6").version


def test_no_password_lies_about_on_the_machine(host: Host) -> None:
    assert host.run("journalctl --no-pager | grep --fixed-strings canary-7f3b").stdout == ""
    assert host.run("grep --recursive --fixed-strings canary-7f3b /etc /var/log /root /tmp").stdout == ""


def test_the_service_is_locked_in_and_still_writes(host: Host, sql: Sql) -> None:
    score = host.check_output("systemd-analyze security mysql.service --no-pager | grep -o 'level for.*'")
    assert float(score.split()[3]) <= 1.3, score
    sql("CREATE TABLE shop.kept (id INT PRIMARY KEY, note TEXT); INSERT INTO shop.kept VALUES (1, REPEAT('x', 60000))")
    host.check_output("systemctl restart mysql")
    assert sql("SELECT COUNT(*), SUM(LENGTH(note)) FROM shop.kept") == "1\t60000"
    sql("DROP TABLE shop.kept")
    status = host.check_output("grep -E 'CapBnd|NoNewPrivs|Seccomp:' /proc/$(pidof mysqld)/status").split()
    assert status == ["CapBnd:", "0000000000000000", "NoNewPrivs:", "1", "Seccomp:", "2"]


def test_a_killed_server_comes_back_with_every_row_that_it_acknowledged(host: Host, sql: Sql) -> None:
    sql("CREATE TABLE shop.written (id INT PRIMARY KEY)")
    before = host.check_output("pidof mysqld")
    # One connection that writes row by row and says so when the server has confirmed a row.
    writer = subprocess.Popen(
        [
            *("docker", "exec", host.backend.get_hostname(), "python3", "-c"),
            "import itertools, pymysql\n"
            "db = pymysql.connect(unix_socket='/run/mysqld/mysqld.sock', user='root', autocommit=True)\n"
            "for row in itertools.count(1):\n"
            "    db.cursor().execute('INSERT INTO shop.written VALUES (%s)', (row,))\n"
            "    print(row, flush=True)\n",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    time.sleep(3)
    host.check_output("kill -KILL %s", before)
    acknowledged = int(writer.communicate(timeout=30)[0].split()[-1])
    host.check_output("timeout 60 sh -c 'until mysqladmin ping >/dev/null 2>&1; do sleep 0.2; done'")
    assert host.check_output("pidof mysqld") != before
    assert acknowledged > 10
    assert int(sql(f"SELECT COUNT(*) FROM shop.written WHERE id <= {acknowledged}")) == acknowledged
    sql("DROP TABLE shop.written")
