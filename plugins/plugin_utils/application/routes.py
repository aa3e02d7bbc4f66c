"""The pages of an application, to find the one that says whether a release can serve."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.prefixes import (
    OPEN,
    Prefixes,
    is_login,
    joined,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import (
    FUNCTIONS,
    Definition,
    argument,
    constants,
    keyword,
    words,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

# The last part of the path of a page that tells how an application is, the most usual first.
HEALTH = (
    *("health", "healthz", "healthcheck", "health_check", "health-check", "_health", "ht", "readyz", "ready"),
    *("readiness", "livez", "live", "liveness", "alive", "heartbeat", "__heartbeat__", "__lbheartbeat__", "ping"),
    *("status", "up"),
)
FIRST = {"before_request", "before_app_request"}
METHODS = {"get", "route", "api_route", "head"}
# Functions that make a page without an object of an application.
PLAIN = {"bottle.route", "bottle.get", "litestar.get", "litestar.handlers.get"}
# URLs of others with a page of their own for the login.
LOGINS = {"django.contrib.auth.urls", "allauth.urls", "allauth.account.urls", "wagtail.admin.urls"}
ADDING = ("add_url_rule", "add_api_route", "add_route", "add_get")
WRITING = {"commit", "save", "create", "get_or_create", "update_or_create", "bulk_create", "insert_one", "insert"}
# What is asked where no page is made for it, the best first: a page that needs neither a login nor a row.
OTHERS = ("/", "/login", "/login/", "/accounts/login/", "/users/login/", "/auth/login", "/admin/login/", "/docs")

NO_PAGE = "No route looks like a health page"
WANTED = "write the path of a page that answers 200 without a login, best of all one that asks the database."


@dataclass(frozen=True)
class Route:
    """A page that answers GET: its path, where it is told, whether it asks for a login, leads elsewhere, or writes."""

    path: str
    reason: str
    is_closed: bool = False
    redirects: bool = False
    writes: bool = False


def find_health(routes: Iterable[Route], report: Report) -> None:
    """Note the health page, or what can be asked in its place with a question."""
    usable = [
        route
        for route in routes
        if not re.search(r"[<{(*\\\[]", route.path) and not route.redirects and not route.writes
    ]
    ranked = sorted(
        (HEALTH.index(last), len(route.path), route.path, route)
        for route in usable
        if (last := route.path.rstrip("/").rpartition("/")[2]) in HEALTH
    )
    free = [route for *_, route in ranked if not route.is_closed]
    if free:
        report.find("health_path", free[0].path, free[0].reason)
        return
    text = f"{ranked[0][3].reason} has {ranked[0][2]}, which seems to want a login" if ranked else NO_PAGE
    others = sorted(
        (OTHERS.index(route.path) if route.path in OTHERS else len(OTHERS), route.path, route.reason)
        for route in usable
        if (route.path in OTHERS or route.path.endswith("/login/")) and not route.is_closed
    )
    if others:
        report.find("health_path", others[0][1], others[0][2])
        text += f", so {others[0][1]} is asked"
    report.ask("health_path", f"{text}: {WANTED}")


def decorated(code: Code, files: Iterable[str]) -> list[Route]:
    """Return the pages of Flask, FastAPI and their like: functions with decorators, and routes that are added."""
    files = list(files)
    prefixes = Prefixes(code, files)
    found: list[Route] = []
    for path in files:
        for node in code.nodes(path):
            if isinstance(node, FUNCTIONS):
                for decorator in node.decorator_list:
                    found.extend(_decorated(code, path, node, decorator, prefixes))
            elif isinstance(node, ast.Call):
                found.extend(_added(code, path, node, prefixes))
    gate = _gate(code, files)
    return [replace(route, is_closed=True) if gate and route.path not in gate else route for route in found]


def _decorated(
    code: Code, path: str, node: ast.FunctionDef | ast.AsyncFunctionDef, decorator: ast.expr, prefixes: Prefixes
) -> Iterator[Route]:
    """Return the pages that a decorator of a function makes."""
    if not isinstance(decorator, ast.Call):
        return
    rule = code.value(path, argument(decorator, 0, "path", "rule"))
    is_plain = code.qualified(path, decorator.func) in PLAIN
    method = decorator.func.attr if isinstance(decorator.func, ast.Attribute) else ""
    if not isinstance(rule, str) or not (is_plain or method in METHODS):
        return
    methods = code.value(path, keyword(decorator, "methods"))
    if isinstance(methods, list) and not {"GET", "get"} & {str(method) for method in methods}:
        return
    others = [other for other in node.decorator_list if other is not decorator]
    needs = [
        *others,
        *node.args.defaults,
        *node.args.kw_defaults,
        *_annotations(node),
        keyword(decorator, "dependencies"),
    ]
    is_closed = any(is_login(need) for need in needs if need is not None)
    above = prefixes.of(path, decorator.func.value) if isinstance(decorator.func, ast.Attribute) else [("", False)]
    for prefix, is_guarded in above:
        is_behind = is_closed or is_guarded
        yield Route(joined(prefix, rule), code.at(path, node), is_behind, redirects(node), writes(node))


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Return the annotations of a function's parameters, where FastAPI looks for what a page depends on."""
    return [item.annotation for item in (*node.args.args, *node.args.kwonlyargs) if item.annotation is not None]


def _added(code: Code, path: str, node: ast.Call, prefixes: Prefixes) -> Iterator[Route]:
    """Return the pages of `app.add_url_rule` and of Starlette's `Route`."""
    name = code.qualified(path, node.func)
    rule = code.value(path, argument(node, 0, "rule", "path"))
    if not isinstance(rule, str):
        return
    pattern = code.value(path, argument(node, 1, "pattern"))
    if isinstance(node.func, ast.Attribute) and node.func.attr == "add_route" and isinstance(pattern, str):
        yield Route(joined("", pattern), code.at(path, node))  # of Pyramid, whose first argument is a name
    elif name in ("starlette.routing.Route", "fastapi.routing.Route", "aiohttp.web.get"):
        yield Route(rule, code.at(path, node))
    elif isinstance(node.func, ast.Attribute) and node.func.attr in ADDING:
        view = argument(node, 2, "view_func") if node.func.attr == "add_url_rule" else argument(node, 1, "endpoint")
        definition = code.definition(path, view)[1] if view is not None else None
        is_closed = definition is not None and any(is_login(item) for item in definition.decorator_list)
        for prefix, is_guarded in prefixes.of(path, node.func.value):
            yield Route(joined(prefix, rule), code.at(path, node), is_closed or is_guarded, redirects(definition))


def _gate(code: Code, files: Iterable[str]) -> set[str]:
    """Return the texts in functions that ask each visitor for a login before any page; it is empty without such."""
    found: set[str] = set()
    for path in files:
        for node in code.nodes(path):
            decorators = node.decorator_list if isinstance(node, FUNCTIONS) else []
            is_first = any(isinstance(item, ast.Attribute) and item.attr in FIRST for item in decorators)
            if is_first and {"is_authenticated", "login_required"} & set(words(node)):
                found |= {""} | {f"/{text.rpartition('.')[2].lstrip('/')}" for text in constants(node)}
    return found


def redirects(definition: Definition | None) -> bool:
    """Tell whether all that a view returns is a redirect."""
    if definition is None or isinstance(definition, ast.ClassDef):
        return definition is not None and any("Redirect" in word for base in definition.bases for word in words(base))
    returned = [node.value for node in ast.walk(definition) if isinstance(node, ast.Return) and node.value is not None]
    return bool(returned) and all(any("edirect" in word for word in words(value)) for value in returned)


def writes(definition: Definition | None) -> bool:
    """Tell whether a view writes into the database, by the names of what it calls."""
    nodes = ast.walk(definition) if definition is not None else ()
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITING
        for node in nodes
    )


def django(code: Code, urls: str, settings: Any, steps: int = 0, prefix: str = "/") -> Iterator[Route]:
    """Return the pages of a module of URLs and of those that it includes; `settings` tells what all views ask for."""
    path = code.path(urls)
    if not path or steps > 6:
        return
    for value, _ in code.bindings(path).get("urlpatterns", []):
        yield from _patterns(code, path, value, settings, steps, prefix)


def _patterns(code: Code, path: str, value: ast.expr, settings: Any, steps: int, prefix: str) -> Iterator[Route]:
    """Return the pages of an expression that lists patterns."""
    if isinstance(value, ast.BinOp):
        yield from _patterns(code, path, value.left, settings, steps, prefix)
        yield from _patterns(code, path, value.right, settings, steps, prefix)
    elif isinstance(value, ast.List | ast.Tuple):
        for item in value.elts:
            if isinstance(item, ast.Call) and code.qualified(path, item.func).rpartition(".")[2] in (
                "path",
                "re_path",
                "url",
            ):
                yield from _pattern(code, path, item, settings, steps, prefix)
    elif isinstance(value, ast.Name):
        where, listed = code.origin(path, value)
        if listed is not None and steps < 6:
            yield from _patterns(code, where, listed, settings, steps + 1, prefix)


def _pattern(code: Code, path: str, item: ast.Call, settings: Any, steps: int, prefix: str) -> Iterator[Route]:
    """Return the pages of one pattern."""
    rule, view = code.value(path, argument(item, 0, "route", "regex")), argument(item, 1, "view")
    if not isinstance(rule, str) or view is None:
        return
    if not code.qualified(path, item.func).endswith(".path"):
        rule = re.sub(r"\\([./_-])", r"\1", rule.removeprefix("^").removesuffix("$"))
    full = prefix + rule
    included = code.qualified(path, view.func) if isinstance(view, ast.Call) else ""
    if included.endswith(".include") and isinstance(view, ast.Call) and view.args:
        first = view.args[0].elts[0] if isinstance(view.args[0], ast.Tuple) and view.args[0].elts else view.args[0]
        module = code.value(path, first)
        if module == "health_check.urls":
            yield Route(full, code.at(path, item))
        elif str(module) in LOGINS or code.qualified(path, first) in LOGINS:
            yield Route(f"{full}login/", code.at(path, item))
        elif isinstance(module, str):
            yield from django(code, module, settings, steps + 1, full)
        elif isinstance(first, ast.List | ast.Name) and steps < 6:
            yield from _patterns(code, path, first, settings, steps + 1, full)
    elif code.qualified(path, view) == "django.contrib.admin.site.urls":
        yield Route(f"{full}login/", code.at(path, item))
    else:
        yield _view(code, path, item, view, full, settings)


def _view(code: Code, path: str, item: ast.Call, view: ast.expr, full: str, settings: Any) -> Route:
    """Return a pattern's page by its view, which may be wrapped in what asks for a login."""
    is_closed = isinstance(view, ast.Call) and is_login(view.func) and not _is_login_page(view)
    named = view
    while isinstance(named, ast.Call):
        has_inner = bool(named.args) and isinstance(named.args[0], ast.Call | ast.Name | ast.Attribute)
        named = named.args[0] if has_inner else named.func
    if isinstance(named, ast.Attribute) and named.attr == "as_view":
        named = named.value
    name = code.qualified(path, named)
    where, definition = code.definition(path, named)
    leads_on = redirects(definition) or "RedirectView" in name
    if definition is not None:
        is_closed = is_closed or _is_closed(code, where, definition, settings)
    return Route(full, code.at(path, item), is_closed, leads_on, writes(definition))


def _is_login_page(view: ast.Call) -> bool:
    """Tell whether a view is the page of the login itself."""
    return any(word == "LoginView" for word in words(view))


def _is_closed(code: Code, path: str, definition: Definition, settings: Any) -> bool:
    """Tell whether a view asks for a login: by itself, by what it inherits, or as all do."""
    guards: list[ast.AST] = list(definition.decorator_list)
    own: list[ast.AST] = []
    if isinstance(definition, ast.ClassDef):
        guards.extend(definition.bases)
        for statement in definition.body:
            if isinstance(statement, ast.Assign) and {"permission_classes", "authentication_classes"} & set(
                words(statement)
            ):
                own.append(statement.value)
    if any(OPEN.search(word) for guard in (*guards, *own) for word in words(guard) if "csrf" not in word):
        return False
    names = [code.qualified(path, guard.func if isinstance(guard, ast.Call) else guard) for guard in guards]
    is_rest = any("rest_framework" in name for name in names)
    by_all = "all" in settings or ("rest" in settings and is_rest and not own)
    return by_all or any(is_login(guard) for guard in (*guards, *own))
