"""Paths whose answers stay open: WebSockets and server-sent events."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.entry_point import EntryPoint
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.prefixes import Prefixes, joined
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.routes import Route
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import FUNCTIONS, argument, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

EVENTS = "text/event-stream"
SOCKETS = {"websocket", "websocket_route"}


def find_streams(
    code: Code, files: Iterable[str], pages: Iterable[Route], entry: EntryPoint | None, report: Report
) -> None:
    """Note the paths of WebSockets and server-sent events, and the worker that Flask needs for them."""
    files = list(files)
    routed = [page.path for page in pages]
    found = [*_sockets(code, files), *_consumers(code), *_events(code, files, pages)]
    paths: dict[str, str] = {}
    for path, reason in found:
        fixed = re.split(r"[<{(*\\\[?]", path)[0]
        if fixed != path:
            fixed = fixed[: fixed.rindex("/") + 1] if "/" in fixed else "/"
        if fixed == "/" or any(fixed.endswith("/") and other == fixed for other in routed):
            report.ask(
                "streaming_paths", f"{reason} keeps answers open at {path}: write the part of its path that is its own."
            )
        else:
            paths.setdefault(fixed, reason)
    if paths:
        report.find("streaming_paths", list(paths), ", ".join(dict.fromkeys(paths.values())))
    if "/socket.io/" in paths and entry and not entry.is_asgi:
        report.find("gunicorn.workers", 1, f"{paths['/socket.io/']}, whose clients come back to the same worker")
    if paths and entry and not entry.is_asgi:
        report.find("gunicorn.threads", 100, "each open answer takes a thread")


def _sockets(code: Code, files: list[str]) -> Iterator[tuple[str, str]]:
    """Return the paths of WebSockets of FastAPI, Starlette, Quart, flask-sock and Flask-SocketIO."""
    prefixes = Prefixes(code, files)
    for path in files:
        for node in code.nodes(path):
            for decorator in node.decorator_list if isinstance(node, FUNCTIONS) else []:
                if isinstance(decorator, ast.Call) and isinstance(decorator.func, ast.Attribute):
                    made = code.maker(path, decorator.func.value)
                    is_sock = decorator.func.attr == "route" and made.startswith("flask_sock")
                    rule = code.value(path, argument(decorator, 0, "path", "rule"))
                    if isinstance(rule, str) and (decorator.func.attr in SOCKETS or is_sock):
                        for prefix, _ in prefixes.of(path, decorator.func.value):
                            yield joined(prefix, rule), code.at(path, node)
            if isinstance(node, ast.Call):
                name = code.qualified(path, node.func)
                rule = code.value(path, argument(node, 0, "path"))
                if name.endswith("WebSocketRoute") and isinstance(rule, str):
                    yield joined("", rule), code.at(path, node)
                elif name in ("flask_socketio.SocketIO", "socketio.AsyncServer", "socketio.Server"):
                    yield "/socket.io/", code.at(path, node)


def _consumers(code: Code) -> Iterator[tuple[str, str]]:
    """Return the paths of the consumers of Django's Channels."""
    for path in code.tree.python():
        if "websocket_urlpatterns" not in code.tree.text(path) and "URLRouter" not in code.tree.text(path):
            continue
        for call in code.calls(path):
            is_route = code.qualified(path, call.func).rpartition(".")[2] in ("path", "re_path", "url")
            rule = code.value(path, argument(call, 0, "route")) if is_route else None
            view = argument(call, 1, "view")
            is_consumer = isinstance(view, ast.Call) and "as_asgi" in ast.dump(view.func)
            if isinstance(rule, str) and is_consumer:
                yield f"/{rule.lstrip('^/').removesuffix('$')}", code.at(path, call)


def _events(code: Code, files: list[str], pages: Iterable[Route]) -> Iterator[tuple[str, str]]:
    """Return the pages that send events: those of functions that name their type or answer with its class."""
    spans = {
        (path, node.lineno): node
        for path in files
        if EVENTS in code.tree.text(path) or "EventSourceResponse" in code.tree.text(path)
        for node in code.nodes(path)
        if isinstance(node, FUNCTIONS)
    }
    for page in pages:
        path, _, line = page.reason.rpartition(":")
        node = spans.get((path, int(line))) if line.isdigit() else None
        if node and (EVENTS in constants(node) or "EventSourceResponse" in ast.dump(node)):
            yield page.path, page.reason
