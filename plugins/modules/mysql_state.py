#!/usr/bin/python
"""Ask a MySQL server once for all that the role wants to know."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_state
short_description: Ask a MySQL server once for all that a role wants to know
description:
  - Tells in one call which databases and accounts a server has, whose password is as wanted, what each of the wanted
    users may do, whether its time zones are the system's, and which options wait for a restart.
  - Only reads, in check mode and without it. Logs in as root by the socket, with the server's own client.
  - Hashes of passwords are compared on the server and never returned.
options:
  users:
    type: list
    elements: dict
    default: []
    description: Users whose password and grants are asked for.
    suboptions:
      name: {type: str, required: true, description: Name of the user.}
      host: {type: str, default: localhost, description: Host of the user.}
      hash: {type: str, default: "", description: "The C(authentication_string) that is wanted, in hexadecimal digits."}
  pending:
    type: path
    default: /run/foobar.webstack/mysql.restart
    description: File of M(foobar.webstack.mysql_options) that names the options which wait for a restart.
  time_zones:
    type: path
    default: /etc/mysql/webstack-time-zones
    description: File of M(foobar.webstack.mysql_time_zones) that says which time zones were loaded last.
  login_unix_socket: {type: path, default: /run/mysqld/mysqld.sock, description: The server's socket.}
  login_password: {type: str, default: "", description: "Root's password, where root has one."}
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Ask the server
  foobar.webstack.mysql_state:
    users: [{name: shop, hash: "{{ shop_hash }}"}]
  register: state
"""

RETURN = r"""
version: {type: str, returned: success, description: Version of the server.}
comment: {type: str, returned: success, description: "What the server says of its build, such as (Debian)."}
is_mysql: {type: bool, returned: success, description: "Whether it is MySQL, and neither MariaDB nor Percona."}
serves: {type: bool, returned: where it is MySQL, description: Whether any database but its own has a table.}
has_auth_socket: {type: bool, returned: where it is MySQL, description: Whether the plugin auth_socket is there.}
databases:
  type: list
  elements: dict
  returned: where it is MySQL
  description: C(name), C(encoding) and C(collation) of each, and whether it C(is_empty), which is known of test only.
accounts:
  type: list
  elements: dict
  returned: where it is MySQL
  description: >-
    C(name), C(host) and C(plugin) of each, whether it C(has_password) and an C(old_password) beside it; of the wanted
    users also whether the password is the C(same_password), and C(grants), as the server prints them.
time_zones:
  type: dict
  returned: where it is MySQL
  description: >-
    Whether any time zone is C(loaded), whether M(foobar.webstack.mysql_time_zones) has loaded them once (C(recorded)),
    and whether they are C(current), which is so, too, where the system has none to load.
pending: {type: list, elements: str, returned: success, description: Options that wait for a restart.}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.mysql_client import (
    LOGIN,
    Client,
    MysqlError,
    Row,
    pending_options,
)
from ansible_collections.foobar.webstack.plugins.module_utils.systemd_units import SystemdError, unit_states
from ansible_collections.foobar.webstack.plugins.module_utils.time_zones import digest

NOTHING_IN = " AND ".join(
    f"NOT EXISTS (SELECT 1 FROM information_schema.{table} WHERE {column} = 'test')"
    for table, column in (("tables", "table_schema"), ("routines", "routine_schema"), ("events", "event_schema"))
)
SERVER = "SELECT JSON_OBJECT('version', @@version, 'comment', @@version_comment)"
QUESTIONS = (
    """
    SELECT JSON_OBJECT('serves', EXISTS (SELECT 1 FROM information_schema.tables
      WHERE table_schema NOT IN ('information_schema', 'mysql', 'performance_schema', 'sys')),
      'has_auth_socket', EXISTS (SELECT 1 FROM information_schema.plugins WHERE plugin_name = 'auth_socket'),
      'has_time_zones', EXISTS (SELECT 1 FROM mysql.time_zone_name))
    """,
    f"""
    SELECT JSON_OBJECT('kind', 'database', 'name', schema_name, 'encoding', default_character_set_name,
      'collation', default_collation_name, 'is_empty', IF(schema_name = 'test', {NOTHING_IN}, 0))
      FROM information_schema.schemata ORDER BY schema_name
    """,
    # MySQL keeps two passwords at most.
    """
    SELECT JSON_OBJECT('kind', 'account', 'name', user, 'host', host, 'plugin', plugin,
      'hash', HEX(authentication_string),
      'old_password', JSON_EXTRACT(user_attributes, '$.additional_password') IS NOT NULL)
      FROM mysql.user ORDER BY user, host
    """,
)
SEPARATOR = "-- next account"


def quoted(text: str) -> str:
    """Return a text as SQL writes it."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def account(row: Row, wanted: dict[tuple[str, str], str]) -> Row:
    """Return what is known of an account, without its hash."""
    name, host = row["name"], row["host"]
    known = {
        "name": name,
        "host": host,
        "plugin": row["plugin"],
        "has_password": row["plugin"] == "caching_sha2_password" and row["hash"] != "",
        "old_password": bool(row["old_password"]),
    }
    if (name, host) in wanted:
        known["same_password"] = row["plugin"] == "caching_sha2_password" and row["hash"] == wanted[name, host].upper()
    return known


def time_zones(record: Path, is_loaded: bool) -> dict[str, bool]:
    """Return whether the server's time zones are those of the system, by what was recorded when they were loaded."""
    recorded = record.read_text().strip() if record.exists() else ""
    wanted = digest()
    is_current = not wanted or (is_loaded and recorded == wanted)
    return {"loaded": is_loaded, "recorded": bool(recorded), "current": is_current}


def state(client: Client, users: list[dict[str, str]], time_zones_record: Path) -> dict[str, Any]:
    """Return what is known of the server."""
    (server,) = client.rows(SERVER)
    is_mysql = not any(name in f"{server['version']} {server['comment']}".lower() for name in ("mariadb", "percona"))
    if not is_mysql:
        return {**server, "is_mysql": False}
    rest, *rows = client.rows(*QUESTIONS)
    zones = time_zones(time_zones_record, bool(rest.pop("has_time_zones")))
    wanted = {(user["name"], user["host"].lower()): user["hash"] for user in users}
    accounts = [account(row, wanted) for row in rows if row["kind"] == "account"]
    asked = [one for one in accounts if "same_password" in one]
    statements = [
        statement
        for one in asked
        for statement in (
            f"SELECT '{SEPARATOR}'",
            f"SHOW GRANTS FOR {quoted(one['name'])}@{quoted(one['host'])}",
        )
    ]
    blocks = "\n".join(client.lines(*statements)).split(SEPARATOR)[1:] if statements else []
    for one, block in zip(asked, blocks, strict=True):
        one["grants"] = block.strip().splitlines()
    return {
        **server,
        "is_mysql": True,
        **{name: bool(value) for name, value in rest.items()},
        "databases": [
            {name: bool(value) if name == "is_empty" else value for name, value in row.items() if name != "kind"}
            for row in rows
            if row["kind"] == "database"
        ],
        "accounts": accounts,
        "time_zones": zones,
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "users": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "host": {"type": "str", "default": "localhost"},
                    "hash": {"type": "str", "default": "", "no_log": True},
                },
            },
            "pending": {"type": "path", "default": "/run/foobar.webstack/mysql.restart"},
            "time_zones": {"type": "path", "default": "/etc/mysql/webstack-time-zones"},
            **LOGIN,
        },
        supports_check_mode=True,
    )
    client = Client(module.run_command, module.params["login_unix_socket"], module.params["login_password"])
    try:
        found = state(client, module.params["users"], Path(module.params["time_zones"]))
        started = unit_states(["mysql"], module.run_command)["mysql"]["started"]
    except MysqlError as error:
        module.fail_json(msg=f"MySQL does not answer root: {error}.")
    except SystemdError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(changed=False, **found, pending=pending_options(Path(module.params["pending"]), started))


if __name__ == "__main__":
    main()
