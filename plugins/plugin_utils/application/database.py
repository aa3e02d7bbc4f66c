"""The database of an application: which one it is made for, by which driver, and how it takes the address."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from ansible_collections.foobar.webstack.plugins.module_utils.names import DATABASE_SOCKET
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.address import ask, find_fixed, is_written
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.dialects import (
    DRIVERS,
    TOOLKITS,
    Context,
    default_database,
    named_driver,
    named_engine,
    others_alone,
    postgresql_code,
    refused_scheme,
    written_address,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.environment import (
    DATABASE_PART,
    DATABASE_URL,
    is_elsewhere,
    reads,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Database, Report, Variable

# An address of a database, by its scheme.
ADDRESS = re.compile(r"(mysql|mariadb|postgres|postgresql|sqlite)(\+\w+)?://")
# What opens a file of SQLite by itself.
FILES = {"sqlite3.connect", "aiosqlite.connect", "peewee.SqliteDatabase", "playhouse.sqlite_ext.SqliteExtDatabase"}
SYNCHRONOUS = ("mysqlclient", "pymysql", "mysql-connector-python")
POSTGRESQL_DRIVERS = ("psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg", "pg8000")
# Parts of an address by Django's keys, and by the ends of variables' names.
KEYS = {"NAME": "name", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port", "ENGINE": "engine"}
ENDS = {
    **KEYS,
    **{"DATABASE": "name", "DB": "name", "BASE": "name", "SCHEMA": "name"},
    **{"USERNAME": "user", "PASSWD": "password", "PASS": "password", "PWD": "password"},
    **{"HOSTNAME": "host", "SERVER": "host", "ADDRESS": "host"},
    **{"SOCKET": "socket", "UNIX_SOCKET": "socket"},
}


def find_database(context: Context, report: Report) -> Database | None:
    """Return the database, or None where there is none; what is in the way of MySQL becomes a question."""
    parts = _parts(context)
    url = _url(context, parts)
    driver = _driver(context)
    engine, reason = _engine(context, driver, url)
    where, configured = default_database(context)
    if others := _find_others(context, bool(url or parts), report):
        return others
    foreign = postgresql_code(context) or refused_scheme(context)
    is_set = context.settings and context.code.setting_node(context.settings, "DATABASES")[1] is not None
    if context.overlay and context.overlay.is_whole and not is_set and not url and not parts:
        return None  # whatever the packages bring
    if not engine and not url and not parts and configured is None:
        _ask_about_files(context, report)
        return None
    place = reason or _reason(context, url, parts) or context.code.at(where, configured)
    if _is_replaced(context, engine, url, parts, configured) and not foreign and context.overlay:
        engine, parts = "mysql", dict(context.overlay.set_database(place))
    is_usable = engine in ("mysql", "") and not foreign
    if is_usable and not driver and (url or parts):
        driver = _added_driver(context, place, report)
    if is_usable and _is_asynchronous(context) and _has_sqlalchemy(context) and not context.packages.has("greenlet"):
        # SQLAlchemy lists it for some Pythons alone, and later versions for none.
        report.add("python_packages", ["greenlet"], f"{place}, and greenlet is not listed, which its engine needs")
    has_dialect = driver and context.framework != "Django" and _has_sqlalchemy(context)
    database = Database(
        engine="postgresql" if foreign else engine,
        driver=driver,
        reason=place,
        url=url,
        scheme=(f"mysql+{DRIVERS[driver]}" if has_dialect else "mysql") if url and is_usable else "",
        query=f"unix_socket={DATABASE_SOCKET}&charset=utf8mb4" if url and is_usable else "",
        variables=parts,
        is_open=bool(is_usable and driver and not url and not parts and not is_written(context)),
    )
    ask(context, database, foreign, report)
    find_fixed(context, database, report)
    return database


def _find_others(context: Context, is_read: bool, report: Report) -> Database | None:
    """Return the database of a code that speaks to others alone and reads an address, or None; say which they are."""
    named, place = others_alone(context)
    if not named or not (is_read or "PostgreSQL" in named):
        return None
    report.ask(
        "database",
        f"{place}, so the application needs {named} and does not run on MySQL: leave `database` out and bring "
        f"{'one of them' if ' or ' in named else f'a {named}'}, or change the application.",
    )
    return Database("postgresql" if "PostgreSQL" in named else "other", "", place)


def _is_replaced(context: Context, engine: str, url: str, parts: dict[str, str], configured: ast.expr | None) -> bool:
    """Tell whether the database stands in Django's settings, where an overlay puts MySQL in its place."""
    is_literal = isinstance(configured, ast.Dict) and not url and not parts
    return is_literal and engine in ("sqlite", "mysql", "") and bool(context.overlay and context.overlay.is_possible)


def _added_driver(context: Context, place: str, report: Report) -> str:
    """Return the driver that the packages lack, and note it."""
    is_asynchronous = _is_asynchronous(context)
    usual = "mysqlclient" if context.framework == "Django" else "aiomysql" if is_asynchronous else "pymysql"
    driver = named_driver(context) or usual
    names = {"pymysql": "PyMySQL"}
    if context.packages.has(*POSTGRESQL_DRIVERS) and not written_address(context)[0]:
        return ""
    report.add("python_packages", [names.get(driver, driver)], f"{place}, and no driver of MySQL is listed")
    return driver


def _ask_about_files(context: Context, report: Report) -> None:
    """Say that data are kept in a file of SQLite by the code itself, which no other database can take over."""
    for path in context.files:
        for call in context.code.calls(path):
            name = context.code.qualified(path, call.func)
            if name in FILES and not is_elsewhere(context.code, path, call):
                report.ask(
                    "database",
                    f"{context.code.at(path, call)} keeps the data in SQLite by itself, not on MySQL: keep the folder "
                    "of its file by `shared_paths`, which goes with one server alone.",
                )
                return


def _has_sqlalchemy(context: Context) -> bool:
    """Tell whether the address is SQLAlchemy's."""
    return bool(context.packages.has("sqlalchemy", "flask-sqlalchemy", "sqlmodel", "advanced-alchemy"))


def _driver(context: Context) -> str:
    """Return the package of MySQL's driver, or an empty string; an asynchronous engine needs one of its own."""
    preferred = [name for name in DRIVERS if (name in SYNCHRONOUS) != _is_asynchronous(context)]
    return context.packages.has(*preferred) or context.packages.has(*DRIVERS)


def _is_asynchronous(context: Context) -> bool:
    """Tell whether the engine is an asynchronous one."""
    return any(
        "create_async_engine" in name or "async_engine_from_config" in name or name == "tortoise"
        for path in context.files
        for name in context.code.imports(path)
    )


def _url(context: Context, parts: dict[str, str]) -> str:
    """Return the variable that takes the whole address, or an empty string."""
    if context.packages.versions and not context.packages.has(*TOOLKITS, *DRIVERS, *POSTGRESQL_DRIVERS):
        return ""
    named = [
        variable
        for variable in context.variables
        if DATABASE_URL.search(variable.name) or ADDRESS.match(variable.default or "")
    ]
    if len(parts) > 2 and not any(variable.required for variable in named):
        return ""  # it would only be an alternative
    ranked = sorted(named, key=lambda variable: (variable.name != "DATABASE_URL", not variable.required, variable.name))
    return ranked[0].name if ranked else ""


def _parts(context: Context) -> dict[str, str]:
    """Return the variables that take parts of the address, by part: Django's by its settings, others by their names."""
    found: dict[str, str] = {}
    where, node = default_database(context)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            part = KEYS.get(str(key.value)) if isinstance(key, ast.Constant) else None
            variable = reads(context.code, where, value) if part else None
            if part and variable:
                found[part] = variable.name
    by_settings = bool(found) or isinstance(node, ast.Call)
    for variable in context.variables:
        named = DATABASE_PART.search(variable.name)
        if named and not by_settings:
            found.setdefault(ENDS[named[3]], variable.name)
    return found


def _engine(context: Context, driver: str, url: str) -> tuple[str, str]:
    """Return the engine that the code or else the packages are made for, and where that is told."""
    where, node = default_database(context)
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "ENGINE" and not reads(context.code, where, value):
                named = str(context.code.value(where, value))
                return named_engine(named), context.code.at(where, value)
    if driver:
        return "mysql", f"{context.packages.places[driver]} has {driver}"
    written = written_address(context) if not url else ("", "")
    if written[0]:
        return written
    other = context.packages.has(*POSTGRESQL_DRIVERS)
    return ("postgresql", f"{context.packages.places[other]} has {other}") if other else ("", "")


def _reason(context: Context, url: str, parts: dict[str, str]) -> str:
    """Return where the address is read."""
    wanted = {url, *parts.values()}
    return next((variable.reason for variable in context.variables if variable.name in wanted), "")


def used(variables: Iterable[Variable], database: Database | None) -> list[Variable]:
    """Return the variables that have a part in the address."""
    names = {database.url, *database.variables.values()} if database else set()
    return [variable for variable in variables if variable.name in names]
