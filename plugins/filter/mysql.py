"""Filters of the mysql role: what is wrong with its variables, options as my.cnf and as SQL writes them."""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.foobar.webstack.plugins.filter.sizes import bytes_of

_LEAST_BINLOGS = 200 * 1024**2
_SYSTEM_SCHEMAS = {"information_schema", "mysql", "performance_schema", "sys"}
_SYSTEM_USERS = {"debian-sys-maint", "mysql.infoschema", "mysql.session", "mysql.sys", "root"}


def mysql_options(*layers: Mapping[str, Any]) -> dict[str, str | None]:
    """Merge options, the last one wins, with names and values as they stand in my.cnf.

    MySQL takes `max-connections` and `max_connections` for the same option. No value means a bare option.
    """
    merged: dict[str, str | None] = {}
    for layer in layers:
        for name, value in layer.items():
            if isinstance(value, bool):
                value = "ON" if value else "OFF"
            merged[name.replace("-", "_")] = None if value is None else str(value)
    return merged


def mysql_chosen(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options whose variable of the role is not at its default; one without a variable nobody has chosen.

    `defaults` are the role's, by variable.
    """
    return {
        name: value
        for name, value in options.items()
        if f"mysql_{name}" in defaults and str(value) != str(defaults[f"mysql_{name}"])
    }


def mysql_cnf_value(value: str) -> str:
    """Write a value so that my.cnf's backslashes, comments and quotes leave it as it is."""
    escaped = value.replace("\\", "\\\\")
    if re.search(r"[#;'\"]|^\s|\s$", value) is None:
        return escaped
    quote = "'" if '"' in value else '"'
    return f"{quote}{escaped}{quote}"


def _sql_value(value: str | None) -> str:
    """Write an option's value for SET GLOBAL, which knows numbers but no units."""
    if value is None:
        return "ON"
    if (number := bytes_of(value)) is not None:
        return str(number)
    if re.fullmatch(r"-?\d+(\.\d+)?", value):
        return value
    quoted = value.replace("\\", "\\\\").replace("'", "''")
    return f"'{quoted}'"


def mysql_assignments(wanted: Mapping[str, str | None], applied: Mapping[str, str | bool | None]) -> dict[str, str]:
    """Return what leads a server from the options it runs with to the wanted ones: values by name, as SQL writes them.

    An option that was taken out goes back to its default.
    """
    changed = {name: _sql_value(value) for name, value in wanted.items() if (name, value) not in applied.items()}
    return {name: "DEFAULT" for name in applied if name not in wanted} | changed


def mysql_in_doubt(
    applied: Mapping[str, Any], wanted: Mapping[str, Any], all_options: bool = False, unit: bool = False
) -> dict[str, Any]:
    """Return what a server runs with, with false, which is nobody's value, for all that is about to change.

    `all_options` and `unit` say of which nobody knows what is in force.
    """
    options = applied.get("options", {})
    doubtful = {
        name: False
        for name in [*options, *wanted["options"]]
        if all_options or options.get(name, False) != wanted["options"].get(name, False)
    }
    others = {
        name: False
        for name in wanted
        if name != "options" and (wanted[name] != applied.get(name) or (name == "unit" and unit))
    }
    return {**applied, **others, "options": {**options, **doubtful}}


def mysql_dump_command(database: str) -> str:
    """Return the command that dumps a database so that it is replaced as a whole: tables that came later go."""
    options = "--single-transaction --routines --triggers --events --no-tablespaces --set-gtid-purged=OFF"
    return f"mysqldump {options} --add-drop-database --databases {shlex.quote(database)}"


def mysql_size_command(database: str) -> str:
    """Return the command that prints how many bytes of data a database has, without its indexes."""
    query = f"SELECT COALESCE(SUM(data_length), 0) FROM information_schema.tables WHERE table_schema = '{database}'"
    return f"mysql --batch --skip-column-names --execute={shlex.quote(query)}"


def mysql_restore_command(database: str) -> str:
    """Return the command that brings such a dump back, which names its database itself."""
    return "mysql"


def mysql_priv(priv: str | Mapping[str, Any]) -> dict[str, str]:
    r"""Give privileges as a dictionary in which `_` in a database's name means just that.

    In `GRANT ... ON my_app.*` MySQL takes `_` for any character, so that the user may enter `my1app` as well.
    A name with `%` or a backslash is somebody's own pattern, and on a single table MySQL knows no patterns.
    """
    if isinstance(priv, str):
        priv = dict(part.rsplit(":", 1) for part in priv.split("/") if part)
    granted = {}
    for target, privileges in priv.items():
        database, dot, table = target.strip().replace("`", "").partition(".")
        if table == "*" and not re.search(r"[%\\]", database):
            database = database.replace("_", r"\_")
        words = privileges if isinstance(privileges, str) else ",".join(privileges)
        granted[f"{database}{dot}{table}"] = words
    return granted


def _stored(name: str) -> str:
    """Return the name of an encoding or a collation as MySQL gives it back."""
    return re.sub(r"^utf8(?=_|$)", "utf8mb3", name.lower())


def mysql_alter_databases(
    databases: Sequence[Mapping[str, Any]], existing: Sequence[Mapping[str, str]], encoding: str, collation: str
) -> list[str]:
    """List the statements that give existing databases the wanted encoding, which counts for their new tables."""
    found = {database["name"]: (database["encoding"], database["collation"]) for database in existing}
    statements = []
    for database in databases:
        name = str(database["name"])
        if name not in found or database.get("state", "present") == "absent":
            continue
        wanted_encoding = database.get("encoding", encoding)
        wanted_collation = database.get("collation", found[name][1] if "encoding" in database else collation)
        if (_stored(wanted_encoding), _stored(wanted_collation)) != found[name]:
            clause = f" COLLATE {wanted_collation}" if "collation" in database or "encoding" not in database else ""
            statements.append(f"ALTER DATABASE `{name}` CHARACTER SET {wanted_encoding}{clause}")
    return statements


def mysql_users_among(
    users: Sequence[Mapping[str, Any]], accounts: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return the users that are to stay and are among the server's accounts, whose hosts are in small letters."""
    found = {(account["name"], account["host"]) for account in accounts}
    return [
        user
        for user in users
        if user.get("state", "present") == "present"
        and (str(user["name"]), str(user.get("host", "localhost")).lower()) in found
    ]


def mysql_mistakes(
    variables: Mapping[str, Any], refused_options: Mapping[str, str], system: str = "", has_memory: bool = True
) -> list[str]:
    """Return one sentence for each wrong variable, naming it and what to write instead.

    `system` is the distribution, and `has_memory` tells whether the buffer pool's size is known.
    """
    return [
        *_system_mistakes(variables, system, has_memory),
        *_server_mistakes(variables),
        *_option_mistakes(variables["mysql_server_options"], refused_options),
        *_database_mistakes(variables["mysql_databases"]),
        # A server that is taken over may listen by its own configuration.
        *_user_mistakes(
            variables["mysql_users"], bool(variables["mysql_bind_address"] or variables.get("mysql_take_over"))
        ),
    ]


def _system_mistakes(variables: Mapping[str, Any], system: str, has_memory: bool) -> Iterator[str]:
    if system == "Debian" and not variables["mysql_repository"]:
        yield "mysql_repository is empty, and Debian has no MySQL of its own: name a repository that has it."
    if not has_memory:
        yield (
            "mysql_innodb_buffer_pool_size comes from the memory, which is among the facts of the subset hardware: "
            "gather them, or set it."
        )


def _server_mistakes(variables: Mapping[str, Any]) -> Iterator[str]:
    missing = {"components", "signed_by", "suites", "uris"} - variables["mysql_repository"].keys()
    if variables["mysql_repository"] and missing:
        yield f"mysql_repository lacks {', '.join(sorted(missing))}: give all four, or {{}} for the system's own MySQL."
    datadir = str(variables["mysql_datadir"])
    if not re.fullmatch(r"(/[\w.@-]+)+", datadir) or re.match(
        r"/(home|root|run|tmp|var/tmp|dev|proc|sys)(/|$)", datadir
    ):
        yield (
            f"mysql_datadir is {datadir!r}: write an absolute path without spaces or a slash at its end, "
            "and none under /home, /root, /run or /tmp."
        )
    if not bytes_of(variables["mysql_innodb_buffer_pool_size"], "KMG"):
        yield (
            f"mysql_innodb_buffer_pool_size is {variables['mysql_innodb_buffer_pool_size']!r}: "
            "write a number of bytes, or one with K, M or G."
        )
    limit = str(variables["mysql_binlog_space_limit"])
    if limit != "0" and (bytes_of(limit, "KMG") or 0) < _LEAST_BINLOGS:
        yield (
            f"mysql_binlog_space_limit is {limit!r}: write at least 200M, as MySQL begins another binary log at 100M, "
            "or 0 for no limit."
        )
    if int(variables["mysql_binlog_expire_logs_seconds"]) < 0:
        yield (
            f"mysql_binlog_expire_logs_seconds is {variables['mysql_binlog_expire_logs_seconds']}: write a number of "
            "seconds, or 0 to keep binary logs until mysql_binlog_space_limit is reached."
        )
    for address in filter(None, str(variables["mysql_bind_address"]).split(",")):
        try:
            ipaddress.ip_address("0.0.0.0" if address.strip() == "*" else address.strip())
        except ValueError:
            yield f"mysql_bind_address has {address!r}: write the server's own IP address, or * for all of them."
    if not 1 <= int(variables["mysql_port"]) <= 65535:
        yield f"mysql_port is {variables['mysql_port']}: write a number from 1 to 65535."
    if int(variables["mysql_max_connections"]) < 1:
        yield f"mysql_max_connections is {variables['mysql_max_connections']}: write a number above 0."


def _option_mistakes(options: Mapping[str, Any], refused: Mapping[str, str]) -> Iterator[str]:
    for name, value in options.items():
        if not re.fullmatch(r"[a-z][\w.-]*", name):
            yield f"mysql_server_options has {name!r}: write an option as it stands in my.cnf, in small letters."
        elif reason := refused.get(name.replace("-", "_")):
            yield f"mysql_server_options.{name} is refused: {reason}."
        elif not isinstance(value, (str, int, float, bool, type(None))) or "\n" in str(value):
            yield f"mysql_server_options.{name} must be one value on one line."


def _database_mistakes(databases: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = Counter(str(database["name"]) for database in databases)
    for name, times in names.items():
        if not re.fullmatch(r"[\w$-]{1,64}", name):
            yield f"mysql_databases has the name {name!r}: write up to 64 letters, digits, _, $ or -."
        elif name.lower() in _SYSTEM_SCHEMAS:
            yield f"mysql_databases has {name}, which is MySQL's own: take it out."
        elif times > 1:
            yield f"mysql_databases lists {name} {times} times: keep one."


def _user_mistakes(users: Sequence[Mapping[str, Any]], tcp: bool) -> Iterator[str]:
    accounts = Counter((str(user["name"]), str(user.get("host", "localhost")).lower()) for user in users)
    for (name, host), times in accounts.items():
        if times > 1:
            yield f"mysql_users lists {name}@{host} {times} times: keep one."
    for user in users:
        account = f"{user['name']}@{user.get('host', 'localhost')}"
        if not 1 <= len(str(user["name"])) <= 32:
            yield f"mysql_users has the name {user['name']!r}: write 1 to 32 characters."
        elif user["name"] in _SYSTEM_USERS:
            yield f"mysql_users has {account}, which MySQL or the system uses: take another name."
        elif user.get("state", "present") == "present":
            if user.get("plugin") == "auth_socket":
                if user.get("password"):
                    yield f"mysql_users has a password for {account}, which auth_socket does not ask for: take it out."
            elif not user.get("password"):
                yield f"mysql_users has no password for {account}: give one, or plugin: auth_socket."
            if not tcp and str(user.get("host", "localhost")).lower() != "localhost":
                yield f"mysql_users has {account}, who could not connect: set mysql_bind_address, or host: localhost."


class FilterModule:
    """Make the filters known to Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "mysql_alter_databases": mysql_alter_databases,
            "mysql_assignments": mysql_assignments,
            "mysql_chosen": mysql_chosen,
            "mysql_cnf_value": mysql_cnf_value,
            "mysql_dump_command": mysql_dump_command,
            "mysql_in_doubt": mysql_in_doubt,
            "mysql_mistakes": mysql_mistakes,
            "mysql_options": mysql_options,
            "mysql_priv": mysql_priv,
            "mysql_restore_command": mysql_restore_command,
            "mysql_size_command": mysql_size_command,
            "mysql_users_among": mysql_users_among,
        }
