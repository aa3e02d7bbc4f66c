"""Pieces of Python code: what stands in them, by its syntax alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
ASSIGNMENTS = (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Return the statements that run when a module is loaded, in order; the branches of conditions are among them."""
    for node in body:
        yield node
        if isinstance(node, ast.If | ast.For | ast.While):
            if not _is_main(node):
                yield from statements(node.body)
            yield from statements(node.orelse)
        elif isinstance(node, ast.With):
            yield from statements(node.body)
        elif isinstance(node, ast.Try):
            handlers = [statement for handler in node.handlers for statement in handler.body]
            yield from statements([*node.body, *handlers, *node.orelse, *node.finalbody])


def has_main(module: ast.Module) -> bool:
    """Tell whether a module can be run, as by `python -m`."""
    return any(_is_main(node) for node in module.body)


def _is_main(node: ast.stmt) -> bool:
    """Tell whether a statement is `if __name__ == "__main__":`."""
    return isinstance(node, ast.If) and "__main__" in {
        part.value for part in ast.walk(node.test) if isinstance(part, ast.Constant)
    }


def assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Return the names that a statement gives a value, and the values."""
    if isinstance(node, ast.Assign):
        yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ASSIGNMENTS) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value


def constants(node: ast.AST) -> set[str]:
    """Return the texts in a piece of code."""
    return {part.value for part in ast.walk(node) if isinstance(part, ast.Constant) and isinstance(part.value, str)}


def words(node: ast.AST) -> Iterator[str]:
    """Return the names in a piece of code, those of attributes among them."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr


def keyword(node: ast.Call, *names: str) -> ast.expr | None:
    """Return the value of a call's first argument that has one of these names, or None."""
    return next((argument.value for argument in node.keywords if argument.arg in names), None)


def argument(node: ast.Call, index: int, *names: str) -> ast.expr | None:
    """Return the value of a call's argument by its place or else by its names, or None."""
    return node.args[index] if len(node.args) > index else keyword(node, *names)
