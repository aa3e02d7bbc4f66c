"""Filters of the mysql role that compare what a server has, as the module mysql_state tells it, with what is wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from importlib.util import find_spec
from typing import Any

from ansible_collections.foobar.webstack.plugins.filter.mysql import mysql_alter_databases, mysql_priv
from ansible_collections.foobar.webstack.plugins.plugin_utils.mysql_grants import is_surely_same
from ansible_collections.foobar.webstack.plugins.plugin_utils.mysql_passwords import caching_sha2

Entry = Mapping[str, Any]


def _key(entry: Entry) -> tuple[str, str]:
    """Return an account's name and host as the server has them, whose hosts are in small letters."""
    return str(entry["name"]), str(entry.get("host", "localhost")).lower()


def _is_wanted(entry: Entry) -> bool:
    """Tell whether a user or a database is to be there."""
    return bool(entry.get("state", "present") == "present")


def mysql_salt(user: Entry, inventory_hostname: str) -> str:
    """Return the salt of a user's password: the same on every run, and not made from the password."""
    return sha256(f"{user['name']}@{user.get('host', 'localhost')}@{inventory_hostname}".encode()).hexdigest()[:20]


def mysql_hashed(users: Sequence[Entry], inventory_hostname: str) -> list[dict[str, str]]:
    """Return the users that are to be there with the hexadecimal hashes of their passwords, for mysql_state."""
    return [
        {
            "name": str(user["name"]),
            "host": str(user.get("host", "localhost")),
            "hash": caching_sha2(str(user["password"]), mysql_salt(user, inventory_hostname)).encode().hex().upper()
            if user.get("password")
            else "",
        }
        for user in users
        if _is_wanted(user)
    ]


def _differs(user: Entry, account: Entry | None) -> bool:
    """Tell whether a user may differ from its account; where that can't be told for sure, it does."""
    if account is None or not _is_wanted(user):
        return (account is not None) != _is_wanted(user)
    plugin = user.get("plugin", "caching_sha2_password")
    return (
        account["plugin"] != plugin
        or (bool(user.get("password")) and not account.get("same_password"))
        or not is_surely_same(account.get("grants", []), mysql_priv(user.get("priv", "*.*:USAGE")))
    )


def mysql_differing_users(users: Sequence[Entry], state: Entry) -> list[Entry]:
    """Return the users that are to be created, corrected or dropped."""
    accounts = {_key(account): account for account in state["accounts"]}
    return [user for user in users if _differs(user, accounts.get(_key(user)))]


def mysql_keeping_users(users: Sequence[Entry], state: Entry) -> list[Entry]:
    """Return the users that get another password while what runs knows the one they have."""
    accounts = {_key(account): account for account in state["accounts"]}
    return [
        user
        for user in users
        if _is_wanted(user)
        and user.get("password")
        and (account := accounts.get(_key(user)))
        and account["has_password"]
        # MySQL keeps two, and what runs knows the older one.
        and not account["old_password"]
        and not account.get("same_password")
    ]


def mysql_differing_databases(databases: Sequence[Entry], state: Entry) -> list[Entry]:
    """Return the databases that are to be created or dropped."""
    existing = {database["name"] for database in state["databases"]}
    return [database for database in databases if (str(database["name"]) in existing) != _is_wanted(database)]


def mysql_corrections(
    state: Entry, databases: Sequence[Entry], users: Sequence[Entry], encoding: str, collation: str, is_own: bool
) -> list[str]:
    """List statements that leave root the socket only, and give databases their encoding.

    Of a server that the role has taken over (`is_own` is false) root and what nobody asks for stay as they are.
    """
    plugin = "INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'"
    needs_plugin = is_own or any(user.get("plugin") == "auth_socket" for user in users)
    statements = [plugin] if needs_plugin and not state["has_auth_socket"] else []
    if is_own:
        statements += _hardening(state["accounts"])
        asked = {str(database["name"]) for database in databases}
        if any(database["name"] == "test" and database["is_empty"] for database in state["databases"]):
            statements += [] if "test" in asked else ["DROP DATABASE test"]
    return statements + mysql_alter_databases(databases, state["databases"], encoding, collation)


def _hardening(accounts: Sequence[Entry]) -> list[str]:
    """List statements that leave no anonymous account, and root as root@localhost with the socket only."""
    statements = []
    for account in accounts:
        name, host = account["name"], account["host"]
        if (name, host) == ("root", "localhost"):
            if account["plugin"] != "auth_socket":
                statements.append("ALTER USER root@localhost IDENTIFIED WITH auth_socket")
        elif name in ("", "root"):
            quoted = host.replace("\\", "\\\\").replace("'", "''")
            statements.append(f"DROP USER '{name}'@'{quoted}'")
    return statements


def mysql_module(name: str) -> str:
    """Return the full name of a module that speaks to MySQL, by the collection that has it on this controller.

    ansible.mysql is what community.mysql is called from 5.0.0 on; the old name warns on each run, and goes with 6.0.0.
    """
    try:
        renamed = find_spec(f"ansible_collections.ansible.mysql.plugins.modules.{name}")
    except ModuleNotFoundError:
        renamed = None
    return f"{'ansible' if renamed else 'community'}.mysql.{name}"


class FilterModule:
    """Make the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            function.__name__: function
            for function in (
                mysql_corrections,
                mysql_differing_databases,
                mysql_differing_users,
                mysql_hashed,
                mysql_keeping_users,
                mysql_module,
                mysql_salt,
            )
        }
