"""The environment variables that take precedence over the keys of an ini file, by an interpolation of configparser."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from posixpath import dirname, join

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Variable

INTERPOLATIONS = {"configparser.BasicInterpolation", "configparser.ExtendedInterpolation", "configparser.Interpolation"}
READS = {"os.environ.get", "os.getenv"}


def ini_keys(code: Code, path: str) -> Iterator[tuple[Variable, ast.AST]]:
    """Return the keys of the ini files that a file reads so, and the class that does it."""
    reader = next((item for item in code.definitions(path).values() if _asks_environment(code, path, item)), None)
    if reader is None:
        return
    named = sorted(text for text in constants(code.tree.module(path)) if text.endswith((".ini", ".cfg")))
    for place in (place for text in named for place in (join(dirname(path), text), text) if code.tree.has(place)):
        for number, line in code.tree.lines(place):
            if found := re.match(r"([A-Z][A-Z0-9_]*)\s*=\s*(.*?)\s*$", line):
                yield Variable(found[1], code.tree.at(place, number), default=found[2] or None), reader


def _asks_environment(code: Code, path: str, definition: ast.AST) -> bool:
    """Tell whether a class is an interpolation that asks the environment for a key first."""
    if not isinstance(definition, ast.ClassDef):
        return False
    calls = (node for node in ast.walk(definition) if isinstance(node, ast.Call))
    is_interpolation = any(code.qualified(path, base) in INTERPOLATIONS for base in definition.bases)
    return is_interpolation and any(code.qualified(path, call.func) in READS for call in calls)
