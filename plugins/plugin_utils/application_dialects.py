"""Which database the code of an application is written for, where it says so itself."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from ansible_collections.foobar.webstack.plugins.plugin_utils.application_code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_environment import is_elsewhere, reads
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_listing import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_overlay import Overlay
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_syntax import argument, assigned, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_types import Variable

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
    where, node = context.code.setting_node(context.settings, "DATABASES")
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "default":
                if isinstance(value, ast.Name):
                    return context.code.origin(where, value)
                return where, value
    return where, None


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
