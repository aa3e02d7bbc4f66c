"""Which database the code of an application is written for, where it says so itself."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.environment import is_elsewhere, reads
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.names import PATTERNS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.overlay import Overlay
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import argument, assigned, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Variable

# Drivers of MySQL, the preferred first, and what SQLAlchemy calls them.
DRIVERS = {
    "mysqlclient": "mysqldb",
    "pymysql": "pymysql",
    "aiomysql": "aiomysql",
    "asyncmy": "asyncmy",
    "mysql-connector-python": "mysqlconnector",
}
# Modules that are for PostgreSQL alone.
POSTGRESQL = re.compile(
    r"django\.contrib\.postgres|playhouse\.postgres_ext|sqlalchemy\.dialects\.postgresql(\.\w+)*\.(?!\w*[Dd]ialect$)\w+$|"
    r"(psycopg2?|asyncpg)(\.|$)"
)
# What shows that a code knows MySQL, too.
MYSQL = re.compile(r"sqlalchemy\.dialects\.mysql|(MySQLdb|pymysql|aiomysql|asyncmy|mysql)(\.|$)")
# Drivers of other databases, by their modules.
OTHERS = {
    **{"psycopg": "PostgreSQL", "psycopg2": "PostgreSQL", "asyncpg": "PostgreSQL", "aiopg": "PostgreSQL"},
    **{"pg8000": "PostgreSQL", "pymongo": "MongoDB", "motor": "MongoDB", "mongoengine": "MongoDB", "beanie": "MongoDB"},
    **{"flask_pymongo": "MongoDB", "cassandra": "Cassandra", "neo4j": "Neo4j", "oracledb": "Oracle"},
    **{"pymssql": "SQL Server", "rethinkdb": "RethinkDB", "clickhouse_connect": "ClickHouse", "surrealdb": "SurrealDB"},
}
# Toolkits that speak to several databases, by their packages, which are called like their modules.
TOOLKITS = ("sqlalchemy", "flask-sqlalchemy", "sqlmodel", "django", "peewee", "databases", "tortoise-orm", "pony")
TOOLKIT = re.compile(
    r"(sqlalchemy|flask_sqlalchemy|sqlmodel|django|peewee|playhouse|databases|tortoise|pony|records)(\.|$)"
)
ENGINES = {"mysql": "mysql", "mariadb": "mysql", "postg": "postgresql", "psycopg": "postgresql", "sqlite": "sqlite"}


@dataclass(frozen=True)
class Context:
    """What is known of an application when its database is looked for."""

    code: Code
    files: tuple[str, ...]
    packages: Packages
    variables: tuple[Variable, ...]
    framework: str
    settings: str = ""
    overlay: Overlay | None = None


def default_database(context: Context) -> tuple[str, ast.expr | None]:
    """Return the file and the expression of Django's default database."""
    if not context.settings:
        return "", None
    where, _ = context.code.setting_node(context.settings, "DATABASES")
    given = [value for value, _ in context.code.bindings(where).get("DATABASES", [])] if where else []
    found = [database for value in given if (database := _of_key(context, where, value, "default"))[1] is not None]
    found += _by_address(context)
    for_mysql = [database for database in found if "mysql" in _engine_of(context, *database)]
    by_address = [database for database in found if isinstance(database[1], ast.Call)]
    by_engine = [
        (place, node)
        for place, node in found
        if (engine := _of_key(context, place, node, "ENGINE")[1]) is not None and reads(context.code, place, engine)
    ]
    return next(iter([*for_mysql, *reversed(by_address), *by_engine, *reversed(found)]), (where, None))


def _by_address(context: Context) -> list[tuple[str, ast.expr | None]]:
    """Return what is read from an address into the default database later: `DATABASES["default"].update(…)`."""
    found: list[tuple[str, ast.expr | None]] = []
    for path in context.files:
        for node in context.code.nodes(path):
            target: ast.expr | None = None
            value: ast.expr | None = None
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target, value = node.targets[0], node.value
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
                target, value = node.func.value, next(iter(node.args), None)
            is_default = isinstance(target, ast.Subscript) and "default" in constants(target.slice)
            if (
                isinstance(target, ast.Subscript)
                and is_default
                and context.code.qualified(path, target.value).endswith("DATABASES")
            ):
                where, value = context.code.origin(path, value) if isinstance(value, ast.Name) else (path, value)
                if isinstance(value, ast.Call) and reads(context.code, where, value):
                    found.append((where, value))
    return found


def _of_key(context: Context, where: str, node: ast.expr | None, name: str) -> tuple[str, ast.expr | None]:
    """Return a value of a dictionary by its key, and the file of it; a name of another value is followed."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == name:
                if isinstance(value, ast.Name):
                    return context.code.origin(where, value)
                return where, value
    return where, None


def _engine_of(context: Context, where: str, node: ast.expr | None) -> str:
    """Return the engine of a database of Django's as it is written, or an empty string."""
    place, engine = _of_key(context, where, node, "ENGINE")
    return str(context.code.value(place, engine)) if engine is not None else ""


def chosen_by(context: Context) -> tuple[Variable, str] | None:
    """Return the variable by which the settings choose the default database, and its value for this one, or None."""
    where, node = default_database(context)
    return chosen_for(context, where, node) if node is not None else None


def named_driver(context: Context) -> str:
    """Return the driver that an address in the code names, which is put together there, or an empty string."""
    by_dialect = {dialect: driver for driver, dialect in DRIVERS.items()}
    for path in context.files:
        for text in sorted(constants(context.code.tree.module(path))):
            if found := re.match(r"mysql(?:\+(\w+))?://", text):
                return by_dialect.get(found[1] or "mysqldb", "")
    return ""


def chosen_for(context: Context, where: str, node: ast.AST) -> tuple[Variable, str] | None:
    """Return the variable and its value that a piece of code stands in the branch of, or None."""
    for above in context.code.parents(where, node):
        if isinstance(above, ast.If) and isinstance(above.test, ast.Compare) and len(above.test.comparators) == 1:
            is_branch = any(item is node for statement in above.body for item in ast.walk(statement))
            variable = reads(context.code, where, above.test.left)
            values = context.code.value(where, above.test.comparators[0])
            values = values if isinstance(values, list) else [values]
            named = [value for value in values if isinstance(value, str)]
            if is_branch and variable and named and isinstance(above.test.ops[0], ast.Eq | ast.In):
                return variable, next((value for value in named if value == "mysql"), named[0])
    return None


def written_address(context: Context) -> tuple[str, str]:
    """Return the engine of an address that stands in the code, and where; a default does not count, it is one."""
    for path in context.files:
        for node in context.code.nodes(path):
            if is_elsewhere(context.code, path, node):
                continue
            address: ast.expr | None = None
            if isinstance(node, ast.Call):
                name = context.code.qualified(path, node.func).rpartition(".")[2]
                address = argument(node, 0, "url") if name in ("create_engine", "create_async_engine") else None
            else:
                named = dict(assigned(node))
                address = named.get("SQLALCHEMY_DATABASE_URI") or named.get("SQLALCHEMY_DATABASE_URL")
                if isinstance(node, ast.Assign) and any(
                    isinstance(target, ast.Subscript) and "SQLALCHEMY_DATABASE_URI" in constants(target.slice)
                    for target in node.targets
                ):
                    address = node.value
            if address is not None and not reads(context.code, path, address):
                value = context.code.value(path, address)
                for text in [value] if isinstance(value, str) else sorted(constants(address)):
                    if re.match(r"\w+(\+\w+)?://", text) and named_engine(text):
                        return named_engine(text), context.code.at(path, node)
    return "", ""


def named_engine(text: str) -> str:
    """Return the engine that a name or an address names, or an empty string."""
    return next((ENGINES[word] for word in ENGINES if word in text), "")


def postgresql_code(context: Context) -> str:
    """Return where code is that runs on PostgreSQL alone, or an empty string.

    Where a driver of MySQL is among the packages, a backend for PostgreSQL and a type that asks for the dialect are for
    those who take PostgreSQL.
    """
    names = [(path, name) for path in context.files for name in context.code.imports(path).values()]
    if any(MYSQL.match(name) for _, name in names):
        return ""
    if context.packages.has(*DRIVERS):
        names = [(path, name) for path, name in names if not _is_choice(context.code.tree.text(path), path)]
    for path, name in names:
        if POSTGRESQL.match(name) and context.code.needs_import(path, name):
            return f"{context.code.at_import(path, name)} imports {name}"
    apps = context.code.setting(context.settings, "INSTALLED_APPS") if context.settings else None
    if isinstance(apps, list) and "django.contrib.postgres" in apps:
        where, node = context.code.setting_node(context.settings, "INSTALLED_APPS")
        return f"{context.code.at(where, node)} has django.contrib.postgres"
    return ""


def others_alone(context: Context) -> tuple[str, str]:
    """Return the databases that the code speaks to where MySQL is none of them, and where; or two empty strings.

    A module of the application may be named at run time, so all of them count.
    """
    if context.packages.has(*TOOLKITS, *DRIVERS):
        return "", ""
    found: dict[str, str] = {}
    for path in context.code.tree.python():
        if PATTERNS & set(path.split("/")[:-1]):
            continue
        for name in context.code.imports(path).values():
            if MYSQL.match(name) or TOOLKIT.match(name):
                return "", ""
            module = name.partition(".")[0]
            if module in OTHERS:
                found.setdefault(OTHERS[module], f"{context.code.at_import(path, name)} imports {module}")
    return " or ".join(found), " and ".join(found.values())


def refused_scheme(context: Context) -> str:
    """Return where the code refuses each address that is not one of PostgreSQL, or an empty string."""
    for path in context.files:
        for node in context.code.nodes(path):
            if isinstance(node, ast.If) and isinstance(node.test, ast.UnaryOp) and isinstance(node.test.op, ast.Not):
                named = {text for text in constants(node.test) if re.match(r"postgres\w*(\+\w+)?(:|$)", text)}
                if named and named == constants(node.test) and any(isinstance(item, ast.Raise) for item in node.body):
                    return f"{context.code.at(path, node)} takes no address but one of PostgreSQL"
    return ""


def _is_choice(text: str, path: str) -> bool:
    """Tell whether a file has what is for PostgreSQL for those alone who take that."""
    return bool(re.search(r"postgres|pgsql", path) or re.search(r"dialect\.name\b", text))


def only_sqlite(context: Context) -> str:
    """Return where an engine gets what only SQLite takes, whatever the address is, or an empty string."""
    for path in context.files:
        for node in context.code.nodes(path):
            if isinstance(node, ast.Dict) and any(
                isinstance(key, ast.Constant) and key.value == "check_same_thread" for key in node.keys
            ):
                above = list(context.code.parents(path, node))
                if not any(isinstance(part, ast.If | ast.IfExp) for part in above):
                    return context.code.at(path, node)
    return ""
