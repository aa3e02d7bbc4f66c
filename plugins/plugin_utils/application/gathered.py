"""Classes of settings that gather their fields from the environment themselves, without a library for it."""

from __future__ import annotations

import ast
import re

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import FUNCTIONS, argument, words

PREFIX = re.compile(r"[A-Z][A-Z\d]*(_[A-Z\d]+)*_")


def gathered_prefix(code: Code, path: str, definition: ast.ClassDef) -> str:
    """Return what stands before the names of the variables that fill a class, or an empty string.

    A method of such a class goes through the environment, cuts the prefix off each name that begins with it
    (`name[len(PREFIX):]`), and makes an object of what it has found.
    """
    for method in definition.body:
        if isinstance(method, FUNCTIONS) and _makes(method, definition.name) and _reads_all(code, path, method):
            for call in ast.walk(method):
                if isinstance(call, ast.Call) and {"len", "removeprefix"} & set(words(call.func)):
                    prefix = code.value(path, argument(call, 0))
                    if isinstance(prefix, str) and PREFIX.fullmatch(prefix[:99]):
                        return prefix
    return ""


def _makes(method: ast.AST, name: str) -> bool:
    """Tell whether a method makes an object of its class from a dictionary."""
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("cls", name)
        and any(given.arg is None for given in node.keywords)
        for node in ast.walk(method)
    )


def _reads_all(code: Code, path: str, method: ast.AST) -> bool:
    """Tell whether a method looks at the environment as a whole."""
    return any(isinstance(node, ast.expr) and code.qualified(path, node) == "os.environ" for node in ast.walk(method))
