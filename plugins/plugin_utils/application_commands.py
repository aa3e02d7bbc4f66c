"""The commands by which an application is run elsewhere: its Procfile, Dockerfile, and what those start."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from posixpath import basename, normpath

import yaml
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_types import Report

SERVERS = {"gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "granian"}
ASGI_SERVERS = {"uvicorn", "hypercorn", "daphne"}
# Options that take no value; all others of these servers take one.
FLAGS = {
    *("--preload", "--preload-app", "--reload", "--daemon", "-D", "--check-config", "--print-config", "--no-sendfile"),
    *("--reuse-port", "--proxy-protocol", "--capture-output", "--factory", "--proxy-headers", "--no-access-log"),
    *("--spew", "--no-proxy-headers", "--no-server-header", "--no-date-header", "--use-colors", "--no-use-colors"),
    *("--disable-redirect-access-to-syslog", "--enable-stdio-inheritance", "--debug"),
}
SHORT = {"-w": "workers", "-k": "worker-class", "-t": "timeout", "-c": "config", "-b": "bind"}
ENTRY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_][\w.]*(\(.*\))?)?$")
# Options of gunicorn that go into an entry, and their types. How many workers suits a machine is another machine's
# business, but that there may only be one is the application's.
OPTIONS = ("threads", "timeout", "graceful_timeout", "max_requests", "max_requests_jitter")
WORKERS = {"sync": "sync", "gthread": "gthread", "gevent": "gevent", "asgi": "asgi"}
# Words before a command that start it in its environment.
WRAPPERS = {"exec", "env", "time", "nice", "tini", "dumb-init", "newrelic-admin", "run-program", "ddtrace-run", "--"}
RUNNERS = {"poetry", "pipenv", "uv", "pdm", "hatch", "rye"}
DEVELOPMENT = {"--reload", "--debug", "runserver", "runserver_plus"}


@dataclass(frozen=True)
class Command:
    """A command that is run somewhere, without a shell: its words, the folder it runs in, and where it is written."""

    words: tuple[str, ...]
    reason: str
    process: str = ""
    folder: str = ""
    is_plain: bool = True

    @property
    def text(self) -> str:
        """Return the command as it is written."""
        return shlex.join(self.words)


@dataclass(frozen=True)
class Server:
    """What a web server's command starts: the entry point, and options by gunicorn's names."""

    program: str
    entry: str
    reason: str
    folder: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def is_asgi(self) -> bool:
        """Tell whether it runs an ASGI application."""
        return self.program in ASGI_SERVERS or "uvicorn" in self.options.get("worker_class", "")


def commands(tree: Tree) -> list[Command]:
    """Return the commands that run the application in production, the most reliable first."""
    found = [*_procfile(tree), *_dockerfiles(tree), *_compose(tree), *_units(tree)]
    for path in tree.files:
        if path.endswith(".sh") or re.search(r"(^|/)bin/", path):
            found.extend(_script(tree, path))
    return found


def servers(found: list[Command]) -> list[Server]:
    """Return what the web servers among some commands start; those for development are left out."""
    return [
        server
        for command in found
        if not DEVELOPMENT & set(command.words) and (server := _server(command)) and server.entry
    ]


def _server(command: Command) -> Server | None:
    """Return what a command starts, or None where it is no web server's."""
    names = [basename(word) for word in command.words]
    program = next((name for name in names if name in SERVERS), "")
    if not program:
        return None
    entry, options, is_factory = "", dict[str, str](), False
    rest = list(command.words[names.index(program) + 1 :])
    while rest:
        word = re.sub(r"^(-[wktcb])(?=[^=-])", r"\1=", rest.pop(0))
        name, equals, value = word.partition("=")
        if word.startswith("-") and word != "-":
            is_factory |= word == "--factory"
            if word in FLAGS:
                continue
            if not equals:
                value = rest.pop(0) if rest else ""
            options[SHORT.get(name, name.lstrip("-")).replace("-", "_")] = value
        elif not entry and ENTRY.match(word):
            entry = word
    if entry and ":" not in entry:
        entry += ":application" if program == "gunicorn" else ":app"
    if is_factory and not entry.endswith(")"):
        entry += "()"
    folder = options.get("chdir") or options.get("app_dir") or options.get("pythonpath", "").split(",")[0]
    place = normpath(f"{command.folder}/{folder}" if folder and command.folder else folder or command.folder or ".")
    is_known = not place.startswith(("/", ".."))
    return Server(program, entry, command.reason, "" if place == "." or not is_known else place, options)


def find_options(server: Server, report: Report) -> None:
    """Note the options of a server that an entry takes."""
    options = server.options
    for name in OPTIONS:
        if re.fullmatch(r"\d+", options.get(name, "")):
            report.find(f"gunicorn.{name}", int(options[name]), server.reason)
    if options.get("workers") == "1":
        report.find("gunicorn.workers", 1, server.reason)
    worker = options.get("worker_class", "")
    if server.is_asgi:
        report.find("gunicorn.worker_class", "asgi", server.reason)
    elif worker in WORKERS and worker != "sync":
        report.find("gunicorn.worker_class", WORKERS[worker], server.reason)
    elif worker and worker != "sync":
        report.ask(
            "gunicorn.worker_class",
            f"{server.reason} takes the worker {worker}, which is not supported: write sync, gthread, gevent or asgi.",
        )


def find_settings(tree: Tree, report: Report) -> str:
    """Note what a gunicorn.conf.py sets by constants, and return the entry point that it names, or an empty string.

    The file itself is passed over: each release has one of its own.
    """
    entry = ""
    for path in list(tree.named("gunicorn.conf.py", "gunicorn_conf.py", "gunicorn_config.py"))[:1]:
        for node in tree.module(path).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                name = next((target.id for target in node.targets if isinstance(target, ast.Name)), "")
                reason, value = tree.at(path, node.lineno), str(node.value.value)
                find_options(Server("gunicorn", "", reason, "", {name: value}), report)
                entry = value if name == "wsgi_app" and ENTRY.match(value) else entry
    return entry


def _procfile(tree: Tree) -> Iterator[Command]:
    """Return the commands of a Procfile."""
    for number, line in tree.lines("Procfile"):
        if found := re.match(r"([\w-]+):\s*(.+)", line):
            yield from _split(found[2], tree.at("Procfile", number), found[1])


def _dockerfiles(tree: Tree) -> Iterator[Command]:
    """Return what images start, those for production first, and what they run while they are built."""
    paths = [path for path in tree.files if basename(path).startswith("Dockerfile") and path.count("/") < 3]
    paths = [path for path in paths if not re.search(r"(?i)dev|test|local", path)]
    for path in sorted(paths, key=lambda path: ("prod" not in path.lower(), path.count("/"))):
        last: dict[str, Command] = {}
        for number, line in tree.lines(path):
            if found := re.match(r"\s*(CMD|ENTRYPOINT|RUN)\s+(.+)", line, re.IGNORECASE):
                word, text = found[1].upper(), re.sub(r"--mount=\S+\s*", "", found[2])
                made = list(_split(_shell(text), tree.at(path, number), "build" if word == "RUN" else "web"))
                if word == "RUN":
                    yield from made
                elif made:
                    last[word] = made[-1]
        yield from last.values()


def _shell(text: str) -> str:
    """Return a Dockerfile's command as a shell's; it may be a list in JSON."""
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            return text
        parts = [str(part) for part in listed] if isinstance(listed, list) else []
        return parts[2] if len(parts) > 2 and parts[1] in ("-c", "-lc", "-ec") else shlex.join(parts)
    return text


def _compose(tree: Tree) -> Iterator[Command]:
    """Return the commands of Compose's files for production."""
    for path in tree.files:
        if re.search(r"(^|/)(docker-)?compose[\w.-]*prod[\w.-]*\.ya?ml$", path):
            try:
                table = yaml.safe_load(tree.text(path))
                services = table.get("services") if isinstance(table, dict) else None
            except (yaml.YAMLError, ValueError, RecursionError):
                continue
            for name, service in services.items() if isinstance(services, dict) else []:
                command = service.get("command") if isinstance(service, dict) else None
                if isinstance(command, list):
                    command = _shell(json.dumps([str(part) for part in command]))
                if isinstance(command, str):
                    yield from _split(command, tree.at(path), f"compose {name}")


def _units(tree: Tree) -> Iterator[Command]:
    """Return the commands of units of systemd and programs of supervisor."""
    for path in tree.files:
        if path.endswith((".service", ".conf", ".ini")):
            for number, line in tree.lines(path):
                if found := re.match(r"(?:ExecStart|command)\s*=\s*(.+)", line):
                    yield from _split(found[1], tree.at(path, number), "unit")


def _script(tree: Tree, path: str) -> Iterator[Command]:
    """Return the web servers that a shell script starts."""
    for number, line in tree.lines(path):
        if any(server in line for server in SERVERS) and not line.lstrip().startswith("#"):
            yield from _split(line, tree.at(path, number), "script")


def _split(text: str, reason: str, process: str) -> Iterator[Command]:
    """Return the commands of a line of a shell, without what only starts them; `cd` leads to the folder of the next."""
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="&|;<>")
        lexer.whitespace_split = True
        lexer.commenters = ""
        tokens = list(lexer)
    except ValueError:
        return
    place, parts = "", list[list[str]]([[]])
    for token in tokens:
        if token in ("&&", ";", "||", "|", "&"):
            parts.append([])
        else:
            parts[-1].append(token)
    is_plain = not re.search(r"[|<>`]|\$[({]?(?!PORT\b|\{PORT)", text)
    for part in parts:
        words = _unwrapped(part)
        if words[:1] == ["cd"] and len(words) > 1:
            place = normpath(f"{place}/{words[1]}") if place else normpath(words[1])
        elif words:
            yield Command(tuple(words), reason, process, "" if place == "." else place, is_plain and not place)


def _unwrapped(part: list[str]) -> list[str]:
    """Return the words of a command without variables and programs before it that only start it."""
    words = list(part)
    while words:
        if re.match(r"[A-Za-z_]\w*=", words[0]) or basename(words[0]) in WRAPPERS:
            words = words[1:]
        elif basename(words[0]) in RUNNERS and words[1:2] == ["run"]:
            words = words[2:]
        elif re.fullmatch(r"python3?(\.\d+)?", basename(words[0])) and words[1:2] == ["-m"] and words[2:3]:
            if words[2] not in SERVERS:
                return ["python", *words[1:]]
            words = words[2:]
        else:
            return words
    return words
