"""Which of a server's databases and accounts differ from what is wanted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter import mysql_accounts
from ansible_collections.foobar.webstack.plugins.plugin_utils.mysql_grants import is_surely_same
from ansible_collections.foobar.webstack.plugins.plugin_utils.mysql_passwords import caching_sha2

USER = {"name": "shop", "password": "secret", "priv": "my_shop.*:ALL"}
GRANTS = ["GRANT USAGE ON *.* TO `shop`@`localhost`", "GRANT ALL PRIVILEGES ON `my\\_shop`.* TO `shop`@`localhost`"]
ACCOUNT = {
    "name": "shop",
    "host": "localhost",
    "plugin": "caching_sha2_password",
    "has_password": True,
    "old_password": False,
    "same_password": True,
    "grants": GRANTS,
}
STATE: dict[str, Any] = {
    "has_auth_socket": True,
    "accounts": [ACCOUNT, {"name": "root", "host": "localhost", "plugin": "auth_socket", "has_password": False}],
    "databases": [{"name": "shop", "encoding": "utf8mb4", "collation": "utf8mb4_0900_ai_ci", "is_empty": False}],
}


@pytest.mark.parametrize(("there", "name"), [(True, "ansible.mysql.mysql_db"), (False, "community.mysql.mysql_db")])
def test_a_module_has_the_name_of_the_collection_that_is_there(
    there: bool, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_accounts, "find_spec", lambda _: there or None)
    assert mysql_accounts.mysql_module("mysql_db") == name


def test_a_module_has_its_old_name_where_nothing_of_the_new_collection_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_parent(_: str) -> None:
        raise ModuleNotFoundError

    monkeypatch.setattr(mysql_accounts, "find_spec", no_parent)
    assert mysql_accounts.mysql_module("mysql_db") == "community.mysql.mysql_db"


def test_a_password_is_written_down_as_mysql_itself_does() -> None:
    hashed = "$A$005$48abbed64ea75970000721WJmdh7u6lIyFRh7r2FOjL.vp.zgdcpp.YRWhI9Tg6"
    (user,) = mysql_accounts.mysql_hashed([{"name": "shop", "password": "canary-7f3b'\"\\%s"}], "webstack-mysql")
    assert bytes.fromhex(user["hash"]).decode() == hashed
    long = "a password that is longer than one digest of SHA-256"
    assert caching_sha2(long, "8dabbded65ea79700072") == (
        "$A$005$8dabbded65ea79700072Ha44mWibiIjxKKaOi7r0Fp2TyeRAKdpX87fLL2dHR52"
    )


def differing(user: dict[str, Any], **account: Any) -> bool:
    """Tell whether a user counts as different from its account."""
    state = {**STATE, "accounts": [{**ACCOUNT, **account}]}
    return mysql_accounts.mysql_differing_users([user], state) == [user]


def test_a_user_that_is_as_wanted_costs_nothing() -> None:
    assert not differing(USER)
    assert not differing({"name": "gone", "state": "absent"})
    assert not differing({"name": "SHOP", "state": "absent"})


@pytest.mark.parametrize(
    ("user", "account"),
    [
        (USER, {"same_password": False}),
        (USER, {"plugin": "auth_socket"}),
        ({"name": "shop", "plugin": "auth_socket", "priv": "my_shop.*:ALL"}, {}),
        (USER, {"host": "db.example.com"}),
        ({"name": "shop", "state": "absent"}, {}),
        (USER, {"grants": GRANTS[:1]}),
        (USER, {"grants": [*GRANTS, "GRANT SELECT ON `mysql`.* TO `shop`@`localhost`"]}),
        (USER, {"grants": [GRANTS[0], f"{GRANTS[1]} WITH GRANT OPTION"]}),
        (USER, {"grants": [*GRANTS, "GRANT `role`@`%` TO `shop`@`localhost`"]}),
        (USER, {"grants": [*GRANTS, "GRANT EXECUTE ON PROCEDURE `a`.`b` TO `shop`@`localhost`"]}),
        (USER, {"grants": [GRANTS[0], "GRANT ALL PRIVILEGES ON `my_shop`.* TO `shop`@`localhost`"]}),
    ],
)
def test_whatever_may_differ_of_a_user_is_found(user: dict[str, Any], account: dict[str, Any]) -> None:
    assert differing(user, **account)


@pytest.mark.parametrize(
    ("lines", "priv", "is_same"),
    [
        (["GRANT SELECT, INSERT ON `a`.* TO `u`@`%`"], {"a.*": "INSERT,select"}, True),
        (["GRANT PROCESS ON *.* TO `u`@`%`"], {"*.*": "PROCESS"}, True),
        (["GRANT PROCESS ON *.* TO `u`@`%`", "GRANT BACKUP_ADMIN ON *.* TO `u`@`%`"], {"*.*": "PROCESS"}, False),
        (["GRANT SELECT ON `a`.`b` TO `u`@`%` WITH GRANT OPTION"], {"a.b": "SELECT,GRANT"}, True),
        (["GRANT SELECT (`c`) ON `a`.`b` TO `u`@`%`"], {"a.b": "SELECT(c)"}, False),
        (["GRANT USAGE ON *.* TO `u`@`%`"], {"*.*": "USAGE"}, True),
        (["GRANT USAGE ON *.* TO `u`@`%`"], {"*.*": "ALL"}, False),
    ],
)
def test_grants_are_the_same_only_where_that_is_sure(lines: list[str], priv: dict[str, str], is_same: bool) -> None:
    assert is_surely_same(lines, priv) is is_same


def test_only_another_password_than_one_that_serves_is_kept_beside_the_new_one() -> None:
    def keeping(**account: Any) -> bool:
        return mysql_accounts.mysql_keeping_users([USER], {**STATE, "accounts": [{**ACCOUNT, **account}]}) == [USER]

    assert keeping(same_password=False)
    assert not keeping()
    assert not keeping(same_password=False, has_password=False)
    assert not keeping(same_password=False, old_password=True)
    assert mysql_accounts.mysql_keeping_users([USER], {**STATE, "accounts": []}) == []


def test_databases_are_made_and_dropped_only_where_they_differ() -> None:
    databases = [{"name": "shop"}, {"name": "new"}, {"name": "gone", "state": "absent"}]
    assert mysql_accounts.mysql_differing_databases(databases, STATE) == [{"name": "new"}]
    drop = [{"name": "shop", "state": "absent"}]
    assert mysql_accounts.mysql_differing_databases(drop, STATE) == drop


FOREIGN = {
    "has_auth_socket": False,
    "accounts": [
        {"name": "root", "host": "localhost", "plugin": "caching_sha2_password"},
        {"name": "root", "host": "10.%", "plugin": "caching_sha2_password"},
        {"name": "", "host": "o'clock", "plugin": "caching_sha2_password"},
    ],
    "databases": [{"name": "test", "encoding": "utf8mb4", "collation": "c", "is_empty": True}],
}


def corrections(state: dict[str, Any], is_own: bool, **given: Any) -> list[str]:
    """Return the statements for a server that is the role's own, or taken over."""
    databases, users = given.get("databases", []), given.get("users", [])
    return mysql_accounts.mysql_corrections(state, databases, users, "utf8mb4", "utf8mb4_0900_ai_ci", is_own)


def test_a_server_of_the_role_s_own_is_left_with_one_root_who_enters_by_the_socket() -> None:
    assert corrections(STATE, is_own=True) == []
    assert corrections(FOREIGN, is_own=True) == [
        "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'",
        "ALTER USER root@localhost IDENTIFIED WITH auth_socket",
        "DROP USER 'root'@'10.%'",
        "DROP USER ''@'o''clock'",
        "DROP DATABASE test",
    ]


def test_of_a_server_that_was_taken_over_no_account_and_no_database_goes() -> None:
    assert corrections(FOREIGN, is_own=False) == []
    users = [{"name": "www-data", "plugin": "auth_socket"}]
    assert corrections(FOREIGN, is_own=False, users=users) == ["INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'"]
    altered = corrections(FOREIGN, is_own=False, databases=[{"name": "test"}])
    assert altered == ["ALTER DATABASE `test` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci"]


def test_an_empty_database_test_stays_where_it_is_asked_for() -> None:
    assert not any("DROP DATABASE" in line for line in corrections(FOREIGN, is_own=True, databases=[{"name": "test"}]))
