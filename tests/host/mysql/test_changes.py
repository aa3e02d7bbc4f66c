"""What a second run of the mysql role does, with the same variables, with other ones and with wrong ones."""

from __future__ import annotations

import base64
import json
import re
import shlex
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from testinfra.host import Host

from tests.playbook import ROOT, Finished, play, said, wait_for

from .conftest import listening

Sql = Callable[..., str]
Converge = Callable[..., Finished]

DROP_IN = "/etc/mysql/mysql.conf.d/zz-webstack.cnf"


def server(host: Host) -> str:
    """Return the process that serves, to see whether it is still the same."""
    return str(host.check_output("pidof mysqld"))


def test_an_old_password_counts_beside_the_new_one_until_it_is_discarded(
    host: Host, sql: Sql, converge: Converge, discard: Converge
) -> None:
    passwords = ["canary-7f3b'\"\\%s", "canary-second", "canary-third`;#"]
    before = server(host)
    output = ""

    def run(command: Converge, password: str, *options: str) -> str:
        nonlocal output
        users = [{"name": "shop", "password": password, "priv": "shop.*:ALL"}]
        result = command("-vvv", "--diff", *options, mysql_users=users)
        assert result.returncode == 0, result.stdout
        output += result.stdout + result.stderr
        return result.stdout

    def counting() -> list[str]:
        return [one for one in passwords if "denied" not in sql("SELECT 1", "--user=shop", one, "nobody", None)]

    first, second, third = passwords
    # What would change, what does, and nothing any more.
    assert "changed=1 " in run(converge, second, "--check")
    assert counting() == [first]
    assert "changed=2 " in run(converge, second)
    assert counting() == [first, second]
    assert "changed=0 " in run(converge, second)
    assert counting() == [first, second]
    # What runs knows the oldest.
    assert "changed=1 " in run(converge, third)
    assert counting() == [first, third]
    run(discard, third, "--check")
    assert counting() == [first, third]
    assert "CHANGED" in run(discard, third)
    assert counting() == [third]
    assert "CHANGED" not in run(discard, third)
    assert "changed=2 " in run(converge, first)
    assert counting() == [first, third]
    run(discard, first)
    assert counting() == [first]
    assert "changed=0 " in run(converge, first)

    assert "canary" not in output
    assert host.run("journalctl --no-pager | grep --fixed-strings canary-").stdout == ""
    assert host.run("grep --recursive --fixed-strings canary- /etc /var/log /var/lib/mysql /root /tmp").stdout == ""
    assert server(host) == before


def test_an_account_with_an_empty_password_or_another_plugin_gets_its_password(sql: Sql, converge: Converge) -> None:
    sql("ALTER USER shop@localhost IDENTIFIED BY ''; ALTER USER shop_old@localhost IDENTIFIED WITH auth_socket")
    run = converge()
    assert run.returncode == 0, run.stdout
    assert "changed=1 " in run.stdout
    sql("SELECT 1", "--user=shop", "canary-7f3b'\"\\%s", user="nobody")
    sql("SELECT 1", "--user=shop_old", "anotherwebstack-mysql", user="nobody")
    assert sql("SELECT COUNT(*) FROM mysql.user WHERE user_attributes LIKE '%additional_password%'") == "0"


def test_privileges_that_somebody_has_changed_are_put_right(sql: Sql, converge: Converge) -> None:
    sql(
        "GRANT SELECT ON mysql.* TO `www-data`@localhost; REVOKE DELETE ON shop.* FROM shop@localhost; "
        "ALTER USER `www-data`@localhost IDENTIFIED WITH caching_sha2_password BY 'known'"
    )
    run = converge()
    assert run.returncode == 0, run.stdout
    assert "changed=1 " in run.stdout
    assert "mysql" not in sql("SHOW GRANTS FOR `www-data`@localhost")
    assert "ALL PRIVILEGES ON `shop`.*" in sql("SHOW GRANTS FOR shop@localhost")
    assert sql("SELECT CURRENT_USER()", user="www-data") == "www-data@localhost"
    assert "changed=0 " in converge().stdout


def test_a_run_cut_off_before_the_server_followed_is_made_up_for(host: Host, sql: Sql, converge: Converge) -> None:
    before = server(host)
    # As if the last run had written the file, and been killed before the server knew.
    host.check_output('sed -i \'s/"max_connections": .*/"max_connections": "99",/\' /etc/mysql/webstack-applied.json')
    sql("SET GLOBAL max_connections = 99")
    run = converge()
    assert run.returncode == 0, run.stdout
    assert sql("SELECT @@max_connections") == "151"
    assert server(host) == before


def test_after_a_run_cut_off_halfway_the_values_from_before_it_can_be_had_back(
    host: Host, sql: Sql, converge: Converge, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = server(host)
    # Where somebody has locked a table, setting read_only waits; max_connections comes before.
    lock = "CREATE TABLE shop.locked (id INT); LOCK TABLES shop.locked WRITE; SELECT SLEEP(99)"
    host.check_output("systemd-run --collect --unit=lock mysql --execute %s", lock)
    with monkeypatch.context() as patched:
        patched.setenv("ANSIBLE_TASK_TIMEOUT", "10")
        run = converge(mysql_max_connections=77, mysql_server_options={"read_only": True})
    assert "apply | Set what a running server can change" in run.stdout
    assert run.returncode != 0
    host.check_output("systemctl stop lock")
    assert sql("SELECT @@max_connections") == "77"
    sql("SET GLOBAL read_only = ON")

    run = converge()
    assert run.returncode == 0, run.stdout
    assert sql("SELECT @@max_connections, @@read_only").split() == ["151", "0"]
    assert "changed=0 " in converge().stdout
    assert server(host) == before
    sql("DROP TABLE shop.locked")


def test_what_differs_is_put_right_and_the_rest_is_left_alone(host: Host, sql: Sql, converge: Converge) -> None:
    before = server(host)
    sql(
        "CREATE USER ''@localhost; CREATE USER root@'%'; CREATE DATABASE test; ALTER DATABASE shop CHARACTER SET latin1"
    )
    run = converge("--diff")
    assert run.returncode == 0, run.stdout
    assert "canary" not in run.stdout + run.stderr
    assert sql("SELECT COUNT(*) FROM mysql.user WHERE user IN ('', 'root')") == "1"
    assert sql("SHOW DATABASES LIKE 'test'") == ""
    assert "utf8mb4" in sql("SHOW CREATE DATABASE shop")
    assert "changed=0 " in converge().stdout
    assert server(host) == before


@pytest.mark.parametrize("state", ["stop", "disable"])
def test_a_server_that_is_down_or_off_at_boot_is_put_right_and_no_other_is_asked_to_start(
    host: Host, converge: Converge, state: str
) -> None:
    host.check_output(f"systemctl {state} mysql")
    run = converge()
    assert run.returncode == 0, run.stdout
    assert "install | Start the server" in run.stdout
    assert "changed=1 " in run.stdout
    assert host.check_output("systemctl is-active mysql; systemctl is-enabled mysql").split() == ["active", "enabled"]
    assert "install | Start the server" not in converge().stdout


def test_only_absent_users_and_databases_go(sql: Sql, converge: Converge) -> None:
    sql("CREATE DATABASE test; CREATE TABLE test.data (id INT)")
    run = converge(
        mysql_databases=[{"name": "shop_old", "state": "absent"}],
        mysql_users=[{"name": "shop_old", "state": "absent"}],
    )
    assert run.returncode == 0, run.stdout
    assert sql("SHOW DATABASES LIKE 'shop\\_old'") == ""
    assert sql("SELECT user FROM mysql.user WHERE user LIKE 'shop%'") == "shop"
    assert sql("SHOW DATABASES LIKE 'shop'") == "shop"
    assert sql("SHOW TABLES FROM test") == "data"
    sql("DROP DATABASE test")


def test_an_option_that_can_change_at_run_time_restarts_nothing(host: Host, sql: Sql, converge: Converge) -> None:
    before = server(host)
    options = {"innodb_buffer_pool_size": "256M", "long-query-time": 0.5, "init_connect": "SET @a = '#1'"}
    run = converge(mysql_max_connections=77, mysql_server_options=options)
    assert run.returncode == 0, run.stdout
    answer = sql("SELECT @@max_connections, @@GLOBAL.long_query_time, @@init_connect, @@innodb_buffer_pool_size")
    assert answer.split("\t") == ["77", "0.500000", "SET @a = '#1'", str(256 * 1024**2)]
    assert server(host) == before


def pending(finished: Finished) -> str:
    """Return what a run that went well says of a restart, if anything."""
    assert finished.returncode == 0, finished.stdout
    return said(finished).partition("MySQL on webstack-mysql has not taken up ")[2].partition(",")[0]


def test_an_option_that_cannot_waits_until_a_restart_is_asked_for(host: Host, sql: Sql, converge: Converge) -> None:
    before = server(host)
    sql("CREATE TABLE IF NOT EXISTS shop.visited (id INT)")
    options = {"innodb_flush_method": "O_DIRECT_NO_FSYNC", "innodb_log_writer_threads": "OFF"}
    assert "innodb_flush_method in /etc/mysql" in pending(converge(mysql_server_options=options))
    assert sql("SELECT @@innodb_log_writer_threads") == "OFF"
    # It is said until somebody restarts the server, and changes nothing.
    run = converge(mysql_server_options=options)
    assert "innodb_flush_method in /etc/mysql" in pending(run)
    assert "changed=0 " in run.stdout
    assert server(host) == before
    # What goes back to what the server runs with waits no more.
    assert pending(converge()) == ""
    assert server(host) == before

    assert "innodb_flush_method" in pending(converge(mysql_server_options=options))
    run = converge(mysql_server_options=options, mysql_restart=True)
    assert pending(run) == ""
    assert "changed=1 " in run.stdout
    assert server(host) != before
    answer = sql("SELECT @@innodb_flush_method, @@max_connections, @@init_connect = ''")
    assert answer.split("\t") == ["O_DIRECT_NO_FSYNC", "151", "1"]
    run = converge(mysql_server_options=options, mysql_restart=True)
    assert "changed=0 " in run.stdout
    assert pending(run) == ""

    assert "innodb_flush_method" in pending(converge())
    host.check_output("systemctl restart mysql")
    run = converge()
    assert pending(run) == ""
    assert "changed=0 " in run.stdout
    sql("DROP TABLE shop.visited")


def test_a_server_without_tables_is_restarted_at_once(host: Host, sql: Sql, converge: Converge) -> None:
    before = server(host)
    run = converge(mysql_server_options={"innodb_flush_method": "O_DIRECT_NO_FSYNC"})
    assert pending(run) == ""
    assert sql("SELECT @@innodb_flush_method") == "O_DIRECT_NO_FSYNC"
    assert server(host) != before
    assert pending(converge()) == ""
    assert "changed=0 " in converge().stdout


def test_a_restart_that_fails_says_so_in_the_server_s_words(host: Host, sql: Sql, converge: Converge) -> None:
    run = converge(mysql_bind_address="198.51.100.7", mysql_restart=True)
    assert run.returncode != 0
    assert "MySQL on webstack-mysql does not start: " in said(run)
    assert "Bind on TCP/IP port" in said(run)
    assert converge(mysql_restart=True).returncode == 0
    assert sql("SELECT 1") == "1"


def test_new_time_zones_are_loaded_while_nobody_is_without_them_and_wait_for_a_restart(
    host: Host, sql: Sql, converge: Converge
) -> None:
    sql("CREATE TABLE shop.visited (id INT)")
    asked = "SELECT CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Asia/Tokyo')"
    loop = f"while :; do mysql --batch --skip-column-names --execute={shlex.quote(asked)}; done"
    host.check_output("systemd-run --collect --unit=visitor sh -c %s", loop)
    # As a new version of the package does.
    host.check_output("touch /usr/share/zoneinfo/Asia/Tokyo")
    before = server(host)
    run = converge()
    host.check_output("systemctl stop visitor")
    assert pending(run) == "/usr/share/zoneinfo"
    assert server(host) == before
    answers = host.check_output("journalctl --unit=visitor --output=cat --no-pager").splitlines()
    answers = [answer for answer in answers if answer == "NULL" or answer.startswith("2026-07-01")]
    assert set(answers) == {"2026-07-01 21:00:00"}
    assert len(answers) > 5
    again = converge()
    assert "changed=0 " in again.stdout
    assert pending(again) == pending(run)
    assert pending(converge(mysql_restart=True)) == ""
    sql("DROP TABLE shop.visited")


def test_the_oldest_binary_logs_go_when_mysql_begins_another_one(host: Host, sql: Sql, converge: Converge) -> None:
    script = "/usr/local/lib/foobar.webstack/mysql-binlog-limit"
    host.check_output(f"sed --in-place 's/^limit=.*/limit=100000/' {script}")
    sql("CREATE TABLE shop.written (note TEXT)")
    for _ in range(8):
        sql("INSERT INTO shop.written VALUES (REPEAT('x', 30000)); FLUSH BINARY LOGS")

    def sizes() -> list[int]:
        return [int(line.split()[1]) for line in sql("SHOW BINARY LOGS").splitlines()]

    wait_for(lambda: sum(sizes()) <= 100000)
    assert sum(sizes()) > 60000
    sql("DROP TABLE shop.written")
    assert converge().returncode == 0
    assert "limit=2147483648" in host.file(script).content_string


@pytest.mark.nightly
def test_a_small_server_takes_a_quarter_of_a_gigabyte_and_a_second_run_still_changes_nothing(
    host: Host, sql: Sql, converge: Converge
) -> None:
    facts = {"distribution": "Debian", "distribution_release": "trixie", "distribution_version": "13"}
    small = {**facts, "python_version": "3.13", "memtotal_mb": 957}
    assert converge(ansible_facts=small, mysql_restart=True).returncode == 0
    assert sql("SELECT @@performance_schema, @@innodb_buffer_pool_size") == f"0\t{128 * 2**20}"
    resident = int(host.check_output("grep VmRSS /proc/$(pidof mysqld)/status").split()[1]) // 1024
    print(f"mysqld, fitted to 957 MB: {resident} MB resident")
    assert resident < 300
    assert "changed=0 " in converge(ansible_facts=small).stdout
    assert converge(mysql_restart=True).returncode == 0
    assert sql("SELECT @@performance_schema") == "1"


CONFIG_LINE = "echo max_connections = 7 >>"
UNIT = "/etc/systemd/system/mysql.service.d/webstack.conf"


@pytest.mark.parametrize(
    ("drift", "question", "answer"),
    [
        (f"{CONFIG_LINE} {DROP_IN}; systemctl restart mysql", "mysql -BNe 'SELECT @@max_connections'", "151"),
        (f"rm {DROP_IN}", f"stat --format=%a {DROP_IN}", "644"),
        (f"chmod 0600 {DROP_IN}", f"stat --format=%a {DROP_IN}", "644"),
        (f"chown mysql:mysql {DROP_IN}", f"stat --format=%U:%G {DROP_IN}", "root:root"),
        (f"echo RestartSec=99 >> {UNIT}; systemctl daemon-reload", "systemctl show mysql -p RestartUSec --value", "1s"),
        (f"rm {UNIT}; systemctl daemon-reload", "systemctl show mysql -p PrivateTmp --value", "yes"),
        ("systemctl disable mysql", "systemctl is-enabled mysql", "enabled"),
        ("systemctl stop mysql", "systemctl is-active mysql", "active"),
        (
            "mysql -e \"ALTER USER shop_old@localhost IDENTIFIED BY 'other'\"",
            "MYSQL_PWD=anotherwebstack-mysql mysql -BN --user=shop_old -e 'SELECT 1'",
            "1",
        ),
        (
            "mysql -e 'REVOKE SELECT ON shop.* FROM `www-data`@localhost'",
            "runuser -u www-data -- mysql -BNe \"SHOW TABLES FROM shop LIKE 'none'; SELECT 1\"",
            "1",
        ),
        (
            "mysql -e 'DROP USER shop_old@localhost'",
            'mysql -BNe "SELECT user FROM mysql.user" | grep shop_',
            "shop_old",
        ),
        ("mysql -e 'DROP DATABASE shop_old'", "mysql -BNe \"SHOW DATABASES LIKE 'shop_old'\"", "shop_old"),
        (
            "mysql -e 'ALTER DATABASE shop CHARACTER SET latin1'",
            "mysql -BNe 'SHOW CREATE DATABASE shop' | grep -o 'CHARACTER SET [a-z0-9]*'",
            "CHARACTER SET utf8mb4",
        ),
        ("rm /etc/apt/preferences.d/mysql.pref", "stat --format=%a /etc/apt/preferences.d/mysql.pref", "644"),
    ],
)
def test_what_somebody_has_changed_by_hand_is_put_right_once(
    host: Host, converge: Converge, drift: str, question: str, answer: str
) -> None:
    host.check_output(drift)
    run = converge(mysql_restart=True)
    assert run.returncode == 0, run.stdout
    assert "changed=0 " not in run.stdout
    assert host.check_output(question) == answer
    assert "changed=0 " in converge(mysql_restart=True).stdout


def test_what_it_costs_to_change_nothing_does_not_grow(sql: Sql, converge: Converge) -> None:
    names = [f"many{number}" for number in range(10)]
    databases = [{"name": name} for name in names]
    users = [{"name": name, "password": name, "priv": f"{name}.*:ALL"} for name in names]
    assert converge(mysql_databases=databases, mysql_users=users).returncode == 0
    run = converge("-v", mysql_databases=databases, mysql_users=users)
    assert "changed=0 " in run.stdout
    # The names of tasks that were not skipped; facts, includes and what runs on the controller cost the server nothing.
    on_server = re.findall(
        r"TASK \[foobar.webstack.mysql : (check \| Read|gather|configure|install|apply|accounts)", run.stdout
    )
    assert on_server == ["check | Read", "gather"]
    gone = [{"name": name, "state": "absent"} for name in names]
    assert converge(mysql_databases=gone, mysql_users=gone).returncode == 0
    assert sql("SELECT COUNT(*) FROM mysql.user WHERE user LIKE 'many%'") == "0"


def test_a_wrong_option_fails_every_run_and_the_old_configuration_serves(
    host: Host, sql: Sql, converge: Converge
) -> None:
    before, content = server(host), host.file(DROP_IN).content_string
    for _ in range(2):
        run = converge(mysql_server_options={"no_such_option": 1})
        assert run.returncode != 0
        assert "unknown variable 'no_such_option=1'" in run.stdout.replace("''", "'")
    assert host.file(DROP_IN).content_string == content
    assert not host.file("/etc/mysql/webstack-check.cnf").exists
    assert sql("SELECT 1") == "1"
    assert server(host) == before


def test_the_data_directory_is_not_changed_under_a_server(host: Host, converge: Converge) -> None:
    before = server(host)
    run = converge(mysql_datadir="/srv/mysql")
    assert run.returncode != 0
    assert "mysql_datadir is /srv/mysql, but the data of webstack-mysql is in /var/lib/mysql" in said(run)
    assert "changed=0 " in run.stdout
    assert server(host) == before


@pytest.mark.nightly
def test_a_data_directory_moved_as_the_readme_says_serves_its_rows_from_there_and_back(
    host: Host, sql: Sql, converge: Converge
) -> None:
    readme = (ROOT / "roles" / "mysql" / "README.md").read_text()
    steps = readme.partition("## Another data directory")[2].split("```")[1]
    back = steps.replace("/srv/mysql", "NEW").replace("/var/lib/mysql", "/srv/mysql").replace("NEW", "/var/lib/mysql")
    sql("CREATE TABLE shop.moved (id INT PRIMARY KEY); INSERT INTO shop.moved VALUES (4711)")
    for commands, datadir in ((steps, "/srv/mysql"), (back, "/var/lib/mysql")):
        host.check_output(commands)
        run = converge(mysql_datadir=datadir)
        assert run.returncode == 0, run.stdout
        assert sql("SELECT @@datadir, id FROM shop.moved").split() == [f"{datadir}/", "4711"]
        sql("INSERT INTO shop.moved VALUES (1); DELETE FROM shop.moved WHERE id = 1")
        assert "changed=0 " in converge(mysql_datadir=datadir).stdout
    assert not host.file("/srv/mysql").exists
    sql("DROP TABLE shop.moved")


def test_a_server_that_is_down_starts_in_the_sandbox_that_its_new_configuration_needs(
    host: Host, converge: Converge
) -> None:
    host.check_output("systemctl stop mysql")
    run = converge(mysql_bind_address="127.0.0.1", mysql_port=3307)
    assert run.returncode == 0, run.stdout
    assert [address for _, address in listening(host)] == ["127.0.0.1:3307"]
    assert converge(mysql_restart=True).returncode == 0
    assert listening(host) == []


def test_an_open_address_takes_encrypted_connections_only(host: Host, sql: Sql, converge: Converge) -> None:
    users = [{"name": "remote", "host": "127.0.0.%", "password": "far away", "priv": "shop.*:ALL"}]
    run = converge(mysql_bind_address="127.0.0.1", mysql_port=3307, mysql_users=users, mysql_restart=True)
    assert run.returncode == 0, run.stdout
    assert [address for _, address in listening(host)] == ["127.0.0.1:3307"]
    login = "--user=remote --host=127.0.0.1 --port=3307"
    cipher = sql("SHOW STATUS LIKE 'Ssl_cipher'", login, "far away", user="nobody")
    assert "TLS" in cipher
    assert "insecure transport" in sql("SELECT 1", f"{login} --ssl-mode=DISABLED", "far away", "nobody", fails=True)
    score = host.check_output("systemd-analyze security mysql.service --no-pager | grep -o 'level for.*'")
    assert float(score.split()[3]) <= 1.3, score


@pytest.mark.parametrize(
    ("facts", "variables", "sentence"),
    [
        ({"distribution": "Fedora"}, {}, "nowhere.invalid runs Fedora 99: the role mysql needs Debian 12"),
        ({"distribution": "Debian"}, {"mysql_repository": {}}, "mysql_repository is empty, and Debian has no MySQL"),
        ({"distribution": "Ubuntu"}, {"mysql_users": [{"name": "a"}]}, "mysql_users has no password for a@localhost"),
        ({"distribution": "Ubuntu"}, {"mysql_users": [{"nmae": "a"}]}, "nmae"),
        ({"distribution": "Ubuntu"}, {"mysql_port": "none"}, "mysql_port"),
        ({"distribution": "Ubuntu"}, {"mysql_repository": {"uris": "a"}}, "mysql_repository lacks components"),
        ({"distribution": "Ubuntu"}, {"mysql_server_options": {"expire_logs_days": 7}}, "expire_logs_days is refused"),
    ],
)
def test_a_wrong_variable_is_refused_by_name_before_a_machine_is_asked(
    tmp_path: Path, facts: dict[str, str], variables: dict[str, object], sentence: str
) -> None:
    role = {"name": "foobar.webstack.mysql", "tasks_from": "check"}
    check = {
        "hosts": "nowhere.invalid",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.import_role": role}],
    }
    (tmp_path / "play.yml").write_text(json.dumps([check]))
    system = {"distribution_release": "any", "distribution_version": "99", "python_version": "3.13"}
    known = {"ansible_facts": {"memtotal_mb": 2000, **system, **facts}}
    run = play(tmp_path / "play.yml", inventory="nowhere.invalid,", **known, **variables)
    assert run.returncode == 2, run.stdout
    assert sentence in " ".join(run.stdout.split()), run.stdout
    assert "unreachable=0" in run.stdout


def test_a_server_that_does_not_start_says_why_and_keeps_its_data(host: Host, sql: Sql, converge: Converge) -> None:
    unit = "/etc/systemd/system/mysql.service.d/zz-test.conf"
    check = "[Service]\nExecStartPre=/bin/sh -c 'echo canary of the start; exit 1'\n"
    host.check_output(f"cat > {unit} <<'EOF'\n{check}EOF\nsystemctl daemon-reload; systemctl stop mysql")
    try:
        run = converge()
        assert run.returncode != 0
        assert "canary of the start" in run.stdout
    finally:
        host.check_output(f"rm {unit}; systemctl daemon-reload")
    assert converge().returncode == 0
    assert sql("SHOW DATABASES LIKE 'shop'") == "shop"


def purge(host: Host) -> None:
    """Make the machine as bare as it was."""
    host.check_output(
        "DEBIAN_FRONTEND=noninteractive apt-get purge --yes mysql-server mysql-server-core mysql-common && "
        "rm -rf /var/lib/mysql* /var/log/mysql /etc/mysql /etc/systemd/system/mysql.service.d && userdel mysql"
    )


@pytest.mark.nightly
def test_a_first_start_that_the_package_itself_stops_too_early_gets_another_try(
    host: Host, sql: Sql, converge: Converge
) -> None:
    purge(host)
    # What MySQL says then is planted, and its first start is stopped as the package's SHUTDOWN would at a bad moment.
    host.check_output("mkdir -p /var/log/mysql && echo '[ERROR] [MY-010943] [Server]' > /var/log/mysql/error.log")
    host.check_output("systemd-run sh -c 'until pkill -KILL -f [i]nitialize-insecure; do sleep 0.1; done'")
    run = converge()
    assert run.returncode == 0, run.stdout
    assert "rescued=0 " not in run.stdout
    assert sql("SHOW DATABASES LIKE 'shop'") == "shop"
    assert "changed=0 " in converge().stdout


@pytest.mark.nightly
def test_a_wrong_option_on_a_bare_machine_says_so_and_leaves_it_fit_for_the_next_run(
    host: Host, sql: Sql, converge: Converge
) -> None:
    purge(host)
    keyring = base64.b64encode(host.file("/usr/share/keyrings/debian-archive-keyring.gpg").content).decode()
    lines = "\n".join(textwrap.wrap(keyring, 64))
    armored = f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{lines}\n-----END PGP PUBLIC KEY BLOCK-----\n"
    host.check_output("mkdir -p /srv/keys && printf %%s %s > /srv/keys/SOME-KEY-2025", armored)
    serve = "python3 -m http.server --bind 127.0.0.1 --directory /srv/keys 8000"
    host.check_output(f"systemd-run --collect --unit=keys {serve}")
    source = {
        "uris": "mirror+file:/etc/apt/mirrors/debian.list",
        "suites": "sid",
        "components": "main",
        "pin_priority": 100,
    }

    # The two failing runs also show the other ways to name the repository's key.
    for key in (armored, "http://127.0.0.1:8000/SOME-KEY-2025"):
        run = converge(
            mysql_repository={**source, "signed_by": key},
            mysql_datadir="/srv/mysql/data",
            mysql_server_options={"no_such_option": 1},
        )
        assert run.returncode != 0
        words = said(run).replace("''", "'")
        assert "MySQL refuses its configuration: unknown variable 'no_such_option=1'" in words

    assert converge(mysql_datadir="/srv/mysql/data").returncode == 0
    assert sql("SELECT @@datadir") == "/srv/mysql/data/"
    assert host.file("/srv/mysql/data/shop").is_directory
    assert "/srv/mysql/data/** rwk," in host.file("/etc/apparmor.d/local/usr.sbin.mysqld").content_string
    host.check_output("systemctl restart mysql")
    assert "changed=0 " in converge(mysql_datadir="/srv/mysql/data").stdout

    # As the other tests expect it, should they run once more.
    purge(host)
    host.check_output("systemctl stop keys; rm -r /srv/keys /srv/mysql")
    assert converge().returncode == 0
