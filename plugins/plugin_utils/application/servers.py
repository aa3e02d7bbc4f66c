"""The web servers among an application's commands: the entry point that they start, and with which options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from posixpath import basename, normpath

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.commands import DEVELOPMENT as ASIDE
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

SERVERS = {"gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "granian", "uwsgi"}
ASGI_SERVERS = {"uvicorn", "hypercorn", "daphne"}
# Options that take no value; all others of these servers take one.
FLAGS = {
    *("--preload", "--preload-app", "--reload", "--daemon", "-D", "--check-config", "--print-config", "--no-sendfile"),
    *("--reuse-port", "--proxy-protocol", "--capture-output", "--factory", "--proxy-headers", "--no-access-log"),
    *("--spew", "--no-proxy-headers", "--no-server-header", "--no-date-header", "--use-colors", "--no-use-colors"),
    *("--disable-redirect-access-to-syslog", "--enable-stdio-inheritance", "--debug", "--call", "--websockets"),
    *("--master", "--enable-threads", "--die-on-term", "--vacuum", "--need-app", "--lazy-apps", "--single-interpreter"),
    *("--http-keepalive", "--proxy-headers", "-M", "-L"),
}
SHORT = {"-w": "workers", "-k": "worker-class", "-t": "timeout", "-c": "config", "-b": "bind", "-p": "processes"}
ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_][\w.]*(\(.*\))?)?$")
# Options of gunicorn that go into an entry, and their types. How many workers suits a machine is another machine's
# business, but that there may only be one is the application's.
OPTIONS = ("threads", "timeout", "graceful_timeout", "max_requests", "max_requests_jitter")
# Those of uWSGI that are the application's business and not its machine's: keys of their own, and others.
UWSGI = ("threads", "harakiri", "max-requests", "lazy-apps")
UWSGI_OPTIONS = ("buffer-size", "post-buffering", "gevent")
GONE = {"eventlet", "tornado"}
DEVELOPMENT = {"--reload", "--debug", "runserver", "runserver_plus", "dev"}
CONFIGS = ("gunicorn.conf.py", "gunicorn_conf.py", "gunicorn_config.py", "gunicorn.py")


@dataclass(frozen=True)
class Server:
    """What a web server's command starts: the entry point, and options by gunicorn's names.

    `folder` is the one that it runs in, `path` the one that it imports from.
    """

    program: str
    entry: str
    reason: str
    folder: str
    options: dict[str, str] = field(default_factory=dict)
    path: str = ""

    @property
    def is_asgi(self) -> bool:
        """Tell whether it runs an ASGI application."""
        return self.program in ASGI_SERVERS or "uvicorn" in self.options.get("worker_class", "")


def servers(tree: Tree, found: list[Command]) -> list[Server]:
    """Return what the web servers among some commands start; those for development are left out."""
    made = [
        server
        for command in found
        if command.process != "build"
        and not DEVELOPMENT & set(command.words)
        and (server := _server(tree, command))
        and server.entry
    ]
    return [*made, *_uwsgi_files(tree)]


def _server(tree: Tree, command: Command) -> Server | None:
    """Return what a command starts, or None where it is no web server's."""
    names = [basename(word) for word in command.words[:2]]
    if names[:2] == ["fastapi", "run"]:
        return _fastapi(tree, command)
    program = next((name for name in names if name in SERVERS), "")
    if not program:
        return None
    entry, options, is_factory = "", dict[str, str](), False
    rest = list(command.words[names.index(program) + 1 :])
    while rest:
        word = re.sub(r"^(-[wktcbp])(?=[^=-])", r"\1=", rest.pop(0))
        name, equals, value = word.partition("=")
        if word.startswith("-") and word != "-":
            is_factory |= word in ("--factory", "--call")
            if word in FLAGS:
                options.setdefault(name.lstrip("-"), "true")
                continue
            if not equals:
                value = rest.pop(0) if rest else ""
            options[SHORT.get(name, name.lstrip("-")).replace("-", "_")] = value
        elif not entry and ENTRY.match(word):
            entry = word
    if program == "uwsgi":
        return _uwsgi(options, command.reason, command.folder)
    if entry and ":" not in entry:
        entry += ":application" if program == "gunicorn" else ":app"
    if is_factory and not entry.endswith(")"):
        entry += "()"
    folder = _below(command.folder, options.get("chdir", ""))
    path = (options.get("pythonpath") or options.get("app_dir") or "").split(",")[0]
    return Server(program, entry, command.reason, folder, options, _below(folder, path) if path else "")


def _below(folder: str, place: str) -> str:
    """Return a folder of another, or an empty string for the root and what is not below it."""
    found = normpath(f"{folder}/{place}" if folder and place else folder or place or ".")
    return "" if found == "." or found.startswith(("/", "..")) else found


def _fastapi(tree: Tree, command: Command) -> Server | None:
    """Return what `fastapi run` starts: a file, or the one that it finds by itself."""
    files = [word for word in command.words[2:] if word.endswith(".py")]
    usual = ("main.py", "app.py", "api.py", "app/main.py", "app/app.py", "app/api.py")
    path = next((each for each in (*files, *usual) if tree.has(_below(command.folder, each))), "")
    module = path.removesuffix(".py").replace("/", ".")
    return Server("uvicorn", f"{module}:app", command.reason, command.folder) if path else None


def _uwsgi(options: dict[str, str], reason: str, folder: str) -> Server | None:
    """Return what uWSGI starts: a module, or a file with an object that it is told or calls `application`."""
    options = {name.replace("_", "-"): value for name, value in options.items()}
    module = options.get("module") or options.get("w") or options.get("wsgi") or ""
    file = options.get("wsgi-file") or options.get("file") or ""
    entry = module or file.removesuffix(".py").strip("./").replace("/", ".")
    if not entry:
        return None
    entry, _, attribute = entry.partition(":")
    attribute = attribute or options.get("callable") or "application"
    place = re.sub(r"%\(?\w*\)?", "", options.get("chdir", ""))
    path = _below("", re.sub(r"%\(?\w*\)?", "", options.get("pythonpath", "")).strip("./"))
    if place.startswith("/"):
        place = ""
    return Server("uwsgi", f"{entry}:{attribute}", reason, _below(folder, place), options, path)


def _uwsgi_files(tree: Tree) -> Iterator[Server]:
    """Return what the settings of uWSGI start that a repository has."""
    for path in tree.files:
        if re.search(r"(^|/)[\w-]*uwsgi[\w.-]*\.ini$", path) and not ASIDE.search(path):
            options: dict[str, str] = {}
            first = 0
            for number, line in tree.lines(path):
                if found := re.match(r"\s*([\w-]+)\s*=\s*(.*?)\s*$", line):
                    options.setdefault(found[1].replace("_", "-"), found[2])
                    first = first or (number if found[1] in ("module", "wsgi-file", "wsgi", "file") else 0)
            if server := _uwsgi(options, tree.at(path, first), ""):
                yield server


def find_options(server: Server, report: Report) -> None:
    """Note the options of a server that an entry takes."""
    options = server.options
    if server.program == "uwsgi":
        report.find("server", "uwsgi", server.reason)
        _find_uwsgi(options, server.reason, report)
        return
    for name in OPTIONS:
        if re.fullmatch(r"\d+", options.get(name, "")):
            report.find(f"gunicorn.{name}", int(options[name]), server.reason)
    if options.get("workers") == "1":
        report.find("gunicorn.workers", 1, server.reason)
    worker = options.get("worker_class", "")
    if server.is_asgi:
        report.find("gunicorn.worker_class", "asgi", server.reason)
    elif worker in GONE:
        report.ask(
            "gunicorn.worker_class",
            f"{server.reason} takes the worker {worker}, which gunicorn has given up: write gthread, gevent or asgi.",
        )
    elif worker and worker != "sync" and re.fullmatch(r"[\w.]+", worker):
        report.find("gunicorn.worker_class", worker, server.reason)


def _find_uwsgi(options: dict[str, str], reason: str, report: Report) -> None:
    """Note the options of uWSGI that an entry takes, in its own words."""
    given = {name: _number(options.get(name, "")) for name in (*UWSGI, *UWSGI_OPTIONS)}
    for name in UWSGI:
        if given[name] is not None:
            report.find(f"uwsgi.{name.replace('-', '_')}", given[name], reason)
    if others := {name: given[name] for name in UWSGI_OPTIONS if given[name] is not None}:
        report.find("uwsgi.options", others, reason)


def _number(text: str) -> int | bool | None:
    """Return a number or a switch that a text is, or None."""
    return int(text) if re.fullmatch(r"\d+", text) else True if text == "true" else None


def find_settings(tree: Tree, found: Iterable[Server], report: Report) -> str:
    """Note a gunicorn.conf.py with functions, or what it sets by constants; return the entry point that it names.

    Its constants are keys of an entry, which a release has in a file of its own; hooks can only be taken as they are.
    """
    named = [path for server in found if (path := server.options.get("config", "").strip("./")) and tree.has(path)]
    for path in [*named, *tree.named(*CONFIGS)][:1]:
        body = tree.module(path).body
        hooks = [node for node in body if isinstance(node, ast.FunctionDef)]
        if hooks:
            report.find("gunicorn.config", path, tree.at(path, hooks[0].lineno))
        entry = ""
        for node in body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                name = next((target.id for target in node.targets if isinstance(target, ast.Name)), "")
                reason, value = tree.at(path, node.lineno), str(node.value.value)
                if not hooks:
                    find_options(Server("gunicorn", "", reason, "", {name: value}), report)
                entry = value if name == "wsgi_app" and ENTRY.match(value) else entry
        return entry
    return ""
