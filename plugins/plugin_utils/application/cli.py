"""The command line that an application brings itself: functions of click or typer behind a script of its package."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from posixpath import dirname, join

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import section, toml
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.packages import is_package
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import FUNCTIONS, argument

MIGRATE = ("migrate", "migrate-database", "migrate-db", "upgrade-db", "db-upgrade")
WORKER = ("worker", "run-worker")


def own_command(code: Code, names: Sequence[str]) -> tuple[str, str]:
    """Return the application's own command of one of some names, and where it is, or two empty strings."""
    path = next((path for place in (code.home, "") if code.tree.has(path := join(place, "pyproject.toml"))), "")
    scripts = section(toml(code.tree, path), "project", "scripts") if path and is_package(code.tree, path) else {}
    for script, target in scripts.items():
        # What a script starts may come from another module, whose neighbours have the commands.
        named = [code.path(str(target).partition(":")[0]), code.resolve(str(target).replace(":", "."))[0]]
        places = {dirname(file) for file in named if file}
        for file in code.tree.python():
            found = _command(code, file, names) if dirname(file) in places else None
            if found:
                return f"{script} {found[0]}", code.at(file, found[1])
    return "", ""


def _command(code: Code, path: str, names: Sequence[str]) -> tuple[str, ast.AST] | None:
    """Return the command of one of some names that a file has, and its function, or None."""
    for node in code.nodes(path):
        for decorator in node.decorator_list if isinstance(node, FUNCTIONS) else ():
            call = decorator if isinstance(decorator, ast.Call) else None
            func = call.func if call else decorator
            if isinstance(node, FUNCTIONS) and isinstance(func, ast.Attribute) and func.attr == "command":
                given = code.value(path, argument(call, 0, "name")) if call else None
                name = given if isinstance(given, str) else node.name.replace("_", "-")
                if name in names:
                    return name, node
    return None
