"""The environment variables that fill a class of pydantic-settings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import UNKNOWN, Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.gathered import gathered_prefix
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import (
    argument,
    assigned,
    constants,
    keyword,
    words,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Variable

SETTINGS = {"pydantic_settings.BaseSettings", "pydantic.BaseSettings", "pydantic.v1.BaseSettings"}
# What a variable's text is made into, by the name of the type or the cast.
TYPES = {"int": "integer", "float": "integer", "bool": "boolean", "list": "list", "Csv": "list", "json": "json"}


def settings_fields(code: Code, path: str) -> Iterator[tuple[Variable, ast.AST]]:
    """Return the variables that fill the classes of pydantic-settings in a file, and those that fill themselves."""
    for definition in code.definitions(path).values():
        if not isinstance(definition, ast.ClassDef):
            continue
        is_strict = _is_settings(code, path, definition)
        prefix = _prefix(code, path, definition) if is_strict else gathered_prefix(code, path, definition)
        for node in definition.body if is_strict or prefix else ():
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                found = _field(code, path, node, node.target.id, prefix)
                # A class that gathers its fields itself may be one that is only made where they are set.
                yield replace(found, required=found.required and is_strict), node


def _is_settings(code: Code, path: str, definition: ast.ClassDef, steps: int = 0) -> bool:
    """Tell whether a class is one of pydantic-settings, by itself or by one that it inherits from."""
    for base in definition.bases:
        if code.qualified(path, base) in SETTINGS:
            return True
        where, inherited = code.definition(path, base)
        if isinstance(inherited, ast.ClassDef) and steps < 5 and _is_settings(code, where, inherited, steps + 1):
            return True
    return False


def _prefix(code: Code, path: str, definition: ast.ClassDef) -> str:
    """Return what stands before the names of the variables of a class of settings."""
    for node in definition.body:
        inner = node.body if isinstance(node, ast.ClassDef) and node.name == "Config" else [node]
        for name, value in (pair for statement in inner for pair in assigned(statement)):
            is_call = name == "model_config" and isinstance(value, ast.Call)
            given = keyword(value, "env_prefix") if is_call and isinstance(value, ast.Call) else None
            prefix = code.value(path, value if name == "env_prefix" else given)
            if isinstance(prefix, str):
                return prefix
    return ""


def _field(code: Code, path: str, node: ast.AnnAssign, name: str, prefix: str) -> Variable:
    """Return the variable of a field. It may be asked for by other names, and is required where it has no default."""
    default = node.value
    variable = (prefix + name).upper()
    if isinstance(default, ast.Call) and code.qualified(path, default.func).rpartition(".")[2] == "Field":
        alias = keyword(default, "validation_alias", "alias", "env")
        aliases = sorted(constants(alias)) if alias is not None else []
        variable = aliases[0] if aliases else variable
        made = keyword(default, "default_factory")
        default = argument(default, 0, "default") or made
    if isinstance(default, ast.Constant) and default.value is ...:
        default = None
    annotation = set(words(node.annotation))
    given = code.value(path, default)
    is_listed = bool(annotation & {"list", "List", "set", "Set", "tuple", "Tuple", "dict", "Dict"})
    plain = next((TYPES[word] for word in ("int", "float", "bool") if word in annotation), "text")
    return Variable(
        name=variable,
        reason=code.at(path, node),
        type="json" if is_listed and "str" not in _outer(node.annotation) else plain,
        required=default is None and "ClassVar" not in annotation,
        at_start=True,
        default=None if default is None or given is None or given is UNKNOWN else str(given),
    )


def _outer(annotation: ast.expr) -> set[str]:
    """Return the kinds of a value that an annotation allows beside each other, such as those of `list[str] | str`."""
    if isinstance(annotation, ast.BinOp):
        return _outer(annotation.left) | _outer(annotation.right)
    return {annotation.id} if isinstance(annotation, ast.Name) else set()
