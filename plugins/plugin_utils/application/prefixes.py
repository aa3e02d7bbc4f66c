"""What stands before the paths of a blueprint or a router: its own prefix, and those of what it is registered with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import (
    argument,
    constants,
    keyword,
    words,
)

LOGIN = re.compile(
    r"(?i)login|log_in|signin|permission|auth(?!or(s|ed)?(_|\b))|staff|superuser|jwt|token|"
    r"(current|get|active)_user|role|api_?key|access|^Security$"
)
OPEN = re.compile(r"login_not_required|AllowAny|csrf|login_exempt|public")
REGISTRATIONS = {"register_blueprint", "include_router", "mount"}
ROUTERS = {
    "flask.Blueprint",
    "apiflask.APIBlueprint",
    "quart.Blueprint",
    "fastapi.APIRouter",
    "fastapi.routing.APIRouter",
    "fastapi.FastAPI",
}

Key = tuple[str, str]


class Prefixes:
    """What stands before the paths of a blueprint or a router, by where it is made and where it is registered."""

    def __init__(self, code: Code, files: Iterable[str]) -> None:
        """Find out which is registered with which, with what prefix."""
        self._code = code
        self._above: dict[Key, list[tuple[Key, str | None, bool]]] = {}
        for path in files:
            for call in code.calls(path):
                if isinstance(call.func, ast.Attribute) and call.func.attr in REGISTRATIONS:
                    self._register(path, call, call.func)

    def _register(self, path: str, call: ast.Call, func: ast.Attribute) -> None:
        """Note what a call registers with what. A prefix that can't be told is one that no usable path has."""
        is_mount = func.attr == "mount"
        given = argument(call, int(is_mount), "blueprint", "router", "app")
        prefix = argument(call, 0, "path") if is_mount else keyword(call, "url_prefix", "prefix")
        if given is None:
            return
        told = self._code.value(path, prefix)
        is_guarded = any(item.arg == "dependencies" and is_login(item.value) for item in call.keywords)
        above = (
            self._key(path, func.value),
            None if prefix is None else told if isinstance(told, str) else "<>",
            is_guarded,
        )
        self._above.setdefault(self._key(path, given), []).append(above)

    def _key(self, path: str, node: ast.AST) -> Key:
        """Return where an object is made and its name there."""
        where, name = self._code.resolve(self._code.qualified(path, node))
        return (where, name) if where else (path, self._code.qualified(path, node))

    def of(self, path: str, node: ast.AST, steps: int = 0) -> Iterator[tuple[str, bool]]:
        """Return the prefixes of an object's pages, and whether a login is asked for on the way to them."""
        yield from self._of(self._key(path, node), path, node, steps)

    def _of(self, key: Key, path: str, node: ast.AST | None, steps: int) -> Iterator[tuple[str, bool]]:
        """Return the prefixes that lead to an object: its own, and those of what it is registered with."""
        own, is_guarded = self._own(key, path, node)
        above = self._above.get(key, [])
        if not above or steps > 5:
            yield own, is_guarded
        for outer, told, is_closed in above[:10] if steps <= 5 else []:
            # Flask's register_blueprint replaces the blueprint's own prefix, include_router of FastAPI adds to it.
            mine = own if told is None else told + ("" if self._is_flask(key, path, node) else own)
            for prefix, is_behind in self._of(outer, outer[0], None, steps + 1):
                yield joined(prefix, mine), is_guarded or is_closed or is_behind

    def _made(self, key: Key, path: str, node: ast.AST | None) -> tuple[str, ast.expr | None]:
        """Return the expression that makes an object, and its file."""
        if key[0] and key[1] in self._code.bindings(key[0]):
            return key[0], self._code.bindings(key[0])[key[1]][-1][0]
        return self._code.origin(path, node if node is not None else ast.Name(key[1], ast.Load()))

    def _is_flask(self, key: Key, path: str, node: ast.AST | None) -> bool:
        """Tell whether an object is a blueprint."""
        where, made = self._made(key, path, node)
        return isinstance(made, ast.Call) and self._code.qualified(where, made.func).endswith("Blueprint")

    def _own(self, key: Key, path: str, node: ast.AST | None) -> tuple[str, bool]:
        """Return the prefix that an object has of itself, and whether it asks for a login."""
        where, made = self._made(key, path, node)
        if not isinstance(made, ast.Call) or self._code.qualified(where, made.func) not in ROUTERS:
            return "", False
        given = keyword(made, "url_prefix", "prefix")
        prefix = self._code.value(where, given)
        is_guarded = any(item.arg == "dependencies" and is_login(item.value) for item in made.keywords)
        return prefix if isinstance(prefix, str) else "<>" if given is not None else "", is_guarded


def is_login(node: ast.AST) -> bool:
    """Tell whether a decorator or a dependency seems to ask for a login, by the names in it."""
    names = [*words(node), *constants(node)]
    return any(LOGIN.search(name) for name in names) and not any(OPEN.search(name) for name in names)


def joined(prefix: str, rule: str) -> str:
    """Return a path of two parts, which begins with one slash."""
    return re.sub(r"^/*", "/", f"{prefix.rstrip('/')}/{rule.lstrip('/')}" if rule else prefix)
