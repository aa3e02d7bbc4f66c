"""Servers that an application needs beside it or elsewhere: Redis, mail, others; and files that it logs to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.environment import is_elsewhere, reads
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import argument, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report, Variable

# Modules of others by which an application calls servers elsewhere, which it can't without a network.
CALLERS = {
    *("aiohttp", "anymail", "boto3", "botocore", "elasticsearch", "httpx", "ldap3", "openai", "anthropic", "paramiko"),
    *("requests", "sendgrid", "sentry_sdk", "stripe", "twilio", "urllib3", "social_django", "allauth", "authlib"),
}
REDIS = {
    *("redis", "rq", "django_redis", "django_rq", "channels_redis", "aioredis", "redis_om", "arq", "flask_rq2"),
    "taskiq_redis",
}
REDIS_PACKAGES = ("redis", "django-redis", "channels-redis", "rq", "django-rq", "arq", "hiredis", "taskiq-redis")
REDIS_URL = re.compile(
    r"(^|_)REDIS(?!_TLS)(_\w+)?_?(URL|URI|DSN)$|^REDIS$|(^|_)BROKER(_URL)?$|(^|_)RESULT_BACKEND(_URL)?$"
)
BROKER = re.compile(r"(^|_)(BROKER|RESULT_BACKEND|CELERY)(_|$)")
REDIS_PART = re.compile(r"(^|_)REDIS_(\w+_)?(HOST|PORT|SERVER)$")
MAIL = {"smtplib", "aiosmtplib", "flask_mail", "flask_mailman", "fastapi_mail"}
MAIL_HOST = re.compile(r"^(\w+_)?(EMAIL_HOST|MAIL_SERVER|SMTP_(HOST|SERVER)|MAIL_HOST|EMAIL_URL)$")
# Servers of others that nothing here sets up.
OTHERS = {
    **{"pika": "RabbitMQ", "aio_pika": "RabbitMQ", "pymongo": "MongoDB", "motor": "MongoDB", "mongoengine": "MongoDB"},
    **{"kafka": "Kafka", "aiokafka": "Kafka", "elasticsearch": "Elasticsearch", "pymemcache": "memcached"},
}
LOG_HANDLERS = {"FileHandler", "RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler"}


def with_redis(read: Iterable[Variable], found: Packages) -> list[Variable]:
    """Return the variables, those that take the address of Redis as such; a queue of Celery has another scheme."""
    return [
        replace(variable, kind="broker" if BROKER.search(variable.name) else "redis")
        if _takes_redis(variable, found)
        else variable
        for variable in read
    ]


def with_workers(read: Iterable[Variable], report: Report) -> list[Variable]:
    """Return the variables with the one that the command `rq worker` reads, where it runs beside the application."""
    workers = [process for process in report.value("background") or [] if process["command"].startswith("rq worker")]
    is_told = any(re.search(r" (-u|--url)[ =]", process["command"]) for process in workers)
    if not workers or is_told:
        return list(read)
    return [*read, Variable("RQ_REDIS_URL", report.findings["background"].reason, "redis")]


def _takes_redis(variable: Variable, found: Packages) -> bool:
    """Tell whether a variable takes the address of Redis."""
    default = variable.default or ""
    is_other = default.startswith(("amqp", "django-db", "sqla", "db+", "rpc", "cache", "memory"))
    is_named = bool(REDIS_URL.search(variable.name) or default.startswith(("redis:", "rediss:", "unix:")))
    is_told = "redis" in f"{variable.name} {default}".lower() or bool(found.has(*REDIS_PACKAGES))
    return is_named and is_told and not is_other and variable.type != "part"


def find_services(code: Code, files: Iterable[str], read: Iterable[Variable], report: Report) -> None:
    """Note Redis and the network, and ask for a mail server and for those that nothing here sets up."""
    files, read = list(files), list(read)
    imported: dict[str, tuple[str, str]] = {}
    for path in files:
        for name in code.imports(path).values():
            module = name.partition(".")[0]
            is_needed = module not in {*REDIS, *OTHERS} or code.needs_import(path, name)
            is_needed = is_needed and not f"{name}.".startswith("aiohttp.web.")  # which is a server
            if not code.path(module) and is_needed:
                imported.setdefault("urllib.request" if name.startswith("urllib.request") else module, (path, name))
    places = {module: code.at_import(*place) for module, place in imported.items()}
    _find_redis(code, files, read, places, report)
    caller = next((module for module in sorted(places) if module in CALLERS or module == "urllib.request"), "")
    if caller:
        report.find("gunicorn.network", True, f"{places[caller]} imports {imported[caller][1]}")
    for module in sorted(OTHERS.keys() & places.keys()):
        if not any(question.key == "database" and OTHERS[module] in question.text for question in report.questions):
            report.ask("", f"{places[module]} imports {module}: no {OTHERS[module]} is set up here, so bring one.")
    _ask_about_mail(read, places, report)


def _find_redis(code: Code, files: list[str], read: list[Variable], places: dict[str, str], report: Report) -> None:
    """Note that Redis is needed, and the variables that take its address."""
    urls = [variable for variable in read if variable.kind in ("redis", "broker")]
    literal = "" if urls else _literal(code, files)
    reason = next(iter(variable.reason for variable in urls), "") or literal
    for module in sorted(REDIS & places.keys()):
        reason = reason or f"{places[module]} imports {module}"
    queues = any(
        re.search(r"\b(rqworker|rq worker|arq) ", item["command"]) for item in report.value("background") or []
    )
    reason = reason or (report.findings["background"].reason if queues else "")
    parts = [
        variable
        for variable in read
        if REDIS_PART.search(variable.name) or (variable.type == "part" and REDIS_URL.search(variable.name))
    ]
    backend = _backend(code, files)
    literal = literal or (backend if not urls and not parts else "")
    reason = reason or next((part.reason for part in parts if REDIS_PART.search(part.name)), "") or backend
    if not reason:
        return
    report.find("redis", {}, reason)
    if shared := _shared_with_celery(code, files):
        report.ask(
            "redis",
            f"{shared} gives Celery the address in REDIS_URL, which has another form for its socket: let it read "
            "CELERY_BROKER_URL.",
        )
    if literal:
        report.ask("redis", f"{literal} has the address of Redis in the code: let it be read from REDIS_URL.")
    elif parts and not urls:
        report.ask(
            "redis",
            f"{parts[0].reason} reads a host of Redis, which listens at a Unix socket: let it read REDIS_URL.",
        )


def _backend(code: Code, files: list[str]) -> str:
    """Return where settings name a class that speaks to Redis or the code makes a huey of it, or an empty string."""
    for path in files:
        for node in code.nodes(path):
            is_named = isinstance(node, ast.Constant) and str(node.value).startswith(
                ("channels_redis.", "django_redis.")
            )
            made = code.qualified(path, node.func) if isinstance(node, ast.Call) else ""
            if is_named or re.fullmatch(r"huey\.(\w+\.)*(Priority)?Redis(Expire)?Huey", made):
                return code.at(path, node)
    return ""


def _shared_with_celery(code: Code, files: list[str]) -> str:
    """Return where an object of Celery gets the address that is that of Redis itself, or an empty string."""
    for path in files:
        for call in code.calls(path):
            if code.qualified(path, call.func) == "celery.Celery":
                given = [argument(call, 3, "broker"), argument(call, 4, "backend")]
                read = [reads(code, path, node) for node in given if node is not None]
                if any(variable and variable.name == "REDIS_URL" for variable in read):
                    return code.at(path, call)
    return ""


def _literal(code: Code, files: list[str]) -> str:
    """Return where the address of Redis stands in the code, or an empty string."""
    for path in files:
        for node in code.nodes(path):
            is_address = isinstance(node, ast.Constant) and str(node.value).startswith(("redis://", "rediss://"))
            above = list(code.parents(path, node))[:3] if is_address and not is_elsewhere(code, path, node) else []
            if above and not any(reads(code, path, part) for part in above):
                return code.at(path, node)
    return ""


def _ask_about_mail(read: list[Variable], places: dict[str, str], report: Report) -> None:
    """Ask for the server that sends mail."""
    named = next((variable for variable in read if MAIL_HOST.match(variable.name)), None)
    place = next((f"{places[module]} imports {module}" for module in sorted(MAIL & places.keys())), "")
    if named or place:
        said = f"{named.reason} reads {named.name}" if named else place
        report.ask("smtp", f"{said}: write `smtp: {{host: …, user: …, password: …}}` if the site is to send mail.")


def find_logs(code: Code, files: Iterable[str], report: Report) -> None:
    """Note the folders of the release that the application logs to."""
    for path in files:
        for node in code.nodes(path):
            for value in _log_files(code, path, node):
                place = code.folder(code.value(path, value))
                outer = place.rpartition("/")[0]
                if place and not place.startswith(("/", "..")) and not is_elsewhere(code, path, node):
                    if outer and outer != code.home:
                        report.add("shared_paths", [outer], code.at(path, node))
                    else:
                        report.ask(
                            "shared_paths",
                            f"{code.at(path, node)} logs to {place}, beside the code, where nothing can be written: "
                            "let it be stderr, or a file in logs/.",
                        )


def _log_files(code: Code, path: str, node: ast.AST) -> Iterator[ast.expr]:
    """Return the files of handlers, in the code and in dictionaries of settings."""
    if isinstance(node, ast.Call) and code.qualified(path, node.func).rpartition(".")[2] in LOG_HANDLERS:
        given = argument(node, 0, "filename")
        yield from [given] if given is not None else []
    elif isinstance(node, ast.Dict):
        items = {
            key.value: value
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        named = constants(items.get("class", ast.Constant("")))
        if "filename" in items and any("FileHandler" in text for text in named):
            yield items["filename"]
