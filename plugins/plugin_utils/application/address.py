"""What is in the way of MySQL, and what leads to it where variables alone would not."""

from __future__ import annotations

import ast
import re

from ansible_collections.foobar.webstack.plugins.module_utils.names import DATABASE_SOCKET
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.dialects import (
    DRIVERS,
    MYSQL,
    Context,
    chosen_by,
    chosen_for,
    default_database,
    only_sqlite,
    written_address,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.environment import reads
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import constants, keyword
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Database, Report


def ask(context: Context, database: Database, foreign: str, report: Report) -> None:
    """Ask about what is in the way of MySQL."""
    place, wanted = database.reason, "mysqlclient" if context.framework == "Django" else "PyMySQL"
    if database.engine == "postgresql":
        report.ask(
            "database",
            f"{foreign or place}, so the application needs PostgreSQL and does not run on MySQL: leave `database` out "
            "and bring a PostgreSQL, or change the application.",
        )
    elif database.engine == "sqlite":
        report.ask(
            "database",
            f"{place} keeps the data in SQLite, whose file would go with its release: let the application read a "
            f"DATABASE_URL, and add {wanted} to its packages.",
        )
    elif not database.driver:
        report.ask("database", f"{place} reads a database's address, and no driver of MySQL is listed: add {wanted}.")
    elif database.is_open:
        report.ask(
            "database",
            f"{place}, and nothing tells how the application takes the database's address: write it into "
            "`environment`.",
        )
    elif not database.url and "password" not in database.variables:
        report.ask("database", f"{place}, and its address stands in the code: let it be read from the environment.")
    elif context.framework == "Django" and database.driver == "pymysql" and not _has_shim(context):
        report.ask(
            "database",
            f"{context.packages.places['pymysql']} has PyMySQL, which Django takes only after "
            "`pymysql.install_as_MySQLdb()` in the package of its settings: add that, or take mysqlclient.",
        )
    if database.url and (place := only_sqlite(context)):
        report.ask("database", f"{place} passes check_same_thread, which only SQLite takes: leave it out for others.")


def is_written(context: Context) -> bool:
    """Tell whether a database's address, or a part of it, stands in the code."""
    in_code = bool(written_address(context)[0]) or default_database(context)[1] is not None
    return in_code or any(_has_part(context, path, node) for path in context.files for node in context.code.nodes(path))


def _has_part(context: Context, path: str, node: ast.AST) -> bool:
    """Tell whether a piece of code has the user or the password of MySQL: a setting of Flask's, or a driver's call."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
        keys = [
            text for target in node.targets if isinstance(target, ast.Subscript) for text in constants(target.slice)
        ]
        return any(re.fullmatch(r"MYSQL_(DATABASE_)?(USER|PASSWORD)", key) for key in keys)
    if isinstance(node, ast.Call) and MYSQL.match(context.code.qualified(path, node.func)):
        given = keyword(node, "password", "passwd", "user")
        return isinstance(given, ast.Constant)
    return False


def _has_shim(context: Context) -> bool:
    """Tell whether PyMySQL is put in the place of mysqlclient."""
    return any("install_as_MySQLdb" in context.code.tree.text(path) for path in context.code.tree.python())


def find_fixed(context: Context, database: Database, report: Report) -> None:
    """Note host, port, socket and engine, where the variables' defaults would not lead to MySQL's socket."""
    node = _password(context, database)
    choice = chosen_by(context) or (chosen_for(context, *node) if node else None)
    if database.engine == "mysql" and choice and choice[0].default != choice[1]:
        report.find(f"environment.{choice[0].name}", choice[1], choice[0].reason)
    if database.url or database.engine not in ("mysql", ""):
        return
    named = _named_engine(context, database.variables.get("engine", ""))
    if named:
        report.find(f"environment.{database.variables['engine']}", named[0], named[1])
    by_name = {variable.name: variable for variable in context.variables}
    is_django = context.framework == "Django"
    for part, name in database.variables.items():
        variable = by_name.get(name)
        given = variable.default if variable and not variable.required else None
        value = {
            "host": DATABASE_SOCKET if is_django else "localhost",
            "socket": DATABASE_SOCKET,
            "port": "3306",
            "engine": "django.db.backends.mysql" if is_django else f"mysql+{DRIVERS.get(database.driver, 'pymysql')}",
        }.get(part)
        if value and variable and given != value and not (part == "port" and given is not None and is_django):
            report.find(f"environment.{name}", value, variable.reason)
    by_tcp = not is_django and "socket" not in database.variables and database.driver != "mysqlclient"
    if by_tcp and "host" in database.variables and not _names_socket(context):
        host = by_name[database.variables["host"]]
        report.ask(
            "database",
            f"{host.reason} puts the database's address together from a host, and {database.driver or 'the driver'} "
            f"would not take MySQL's socket: let it read a DATABASE_URL, add `unix_socket={DATABASE_SOCKET}`, or have "
            "MySQL listen by mysql_bind_address.",
        )


def _named_engine(context: Context, variable: str) -> tuple[str, str] | None:
    """Return the word by which a variable chooses MySQL in the code, and where, or None."""
    for path in context.files if variable else ():
        for node in context.code.nodes(path):
            if isinstance(node, ast.If) and any("mysql" in text for item in node.body for text in constants(item)):
                for inner in node.body:
                    choice = chosen_for(context, path, inner)
                    if choice and choice[0].name == variable:
                        return choice[1], context.code.at(path, node)
    return None


def _password(context: Context, database: Database) -> tuple[str, ast.AST] | None:
    """Return where the password of an address is read that is put together of its parts."""
    name = database.variables.get("password", "")
    return next(
        (
            (path, node)
            for path in context.files
            for node in context.code.nodes(path)
            if name and isinstance(node, ast.Subscript | ast.Call) and _reads_itself(context, path, node, name)
        ),
        None,
    )


def _reads_itself(context: Context, path: str, node: ast.AST, name: str) -> bool:
    """Tell whether an expression reads a variable, and not a part of it."""
    return name in constants(node) and (found := reads(context.code, path, node)) is not None and found.name == name


def _names_socket(context: Context) -> bool:
    """Tell whether the code says which socket is MySQL's."""
    return any("unix_socket" in context.code.tree.text(path) for path in context.files)
