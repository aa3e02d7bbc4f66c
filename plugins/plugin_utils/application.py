"""How a Python web application is deployed, as far as its files tell.

Only files are read: nothing of the application is imported or run. What is found has its reason, and what is not
certain is a question.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from posixpath import dirname

from ansible_collections.foobar.webstack.plugins.plugin_utils import application_django
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_code import Code, words
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_commands import (
    Command,
    Server,
    commands,
    find_options,
    find_settings,
    servers,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_database import (
    Context,
    find_database,
    used,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_entry import (
    Entry,
    entries,
    import_roots,
    named,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_environment import variables
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_packages import (
    LOCKS,
    Packages,
    ask_about_versions,
    is_lock,
    is_package,
    packages,
    python,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_routes import decorated, find_health
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_static import (
    find_builds,
    find_static,
    find_uploads,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_types import (
    Application,
    ApplicationError,
    Database,
    Finding,
    Question,
    Report,
    Variable,
)

__all__ = ["Application", "ApplicationError", "Database", "Finding", "Question", "Variable", "inspect_application"]

# The order of an entry of `sites`.
ORDER = (
    *("directory", "wsgi_app", "packages", "build_commands", "build_environment", "migrate_command"),
    *("migrate_check_command", "background", "scheduled", "static", "shared_paths", "health_path", "environment"),
    *("database", "gunicorn", "app_deploy"),
)
# Modules of others by which an application calls servers elsewhere, which it can't without a network.
CALLERS = {
    *("aiohttp", "aiosmtplib", "boto3", "botocore", "celery", "elasticsearch", "fastapi_mail", "flask_mail", "httpx"),
    *("kombu", "ldap3", "openai", "paramiko", "pika", "pymongo", "redis", "requests", "rq", "sendgrid", "sentry_sdk"),
    *("smtplib", "stripe", "twilio", "urllib3"),
}
# Variables that choose a configuration by name.
SELECTORS = re.compile(
    r"^(FLASK_CONFIG|FLASK_ENV|APP_SETTINGS|APP_CONFIG|CONFIG_NAME|((APP|DJANGO|FASTAPI)_)?ENV(IRONMENT)?)$"
)
LOOKED_FOR = (
    "a manage.py of Django, a Flask, FastAPI or other WSGI or ASGI object in a Python file, and a Procfile, Dockerfile "
    "or script that starts gunicorn or uvicorn"
)


def inspect_application(folder: Path) -> Application:
    """Return how the application in a folder is deployed.

    Where the application lies in a folder of this one, `directory` is among the findings, and all values go by that;
    the reasons go by the folder that was given. Raise ApplicationError where there is no such application.
    """
    if not folder.is_dir():
        raise ApplicationError(f"{folder} is not a folder on this machine.")
    tree, report = Tree.of(folder), Report()
    if inner := _inner_folder(tree):
        report.find("directory", inner, _lock_place(tree.below(inner)))
        tree = tree.below(inner)
    application = _inspect(tree, report)
    if application is None:
        seen = f" {tree.problems[0]}" if tree.problems else ""
        raise ApplicationError(f"{folder} holds no Python web application: looked for {LOOKED_FOR}.{seen}")
    return application


def _inner_folder(tree: Tree) -> str:
    """Return the one folder that holds both packages and an application, where the tree itself lists no packages."""
    if any(is_lock(tree, name) for name in LOCKS["uv"]):
        return ""
    places = {dirname(path) for path in tree.named(*LOCKS["uv"]) if path.count("/") in (1, 2)}
    found = [place for place in sorted(places) if _has_application(tree.below(place))]
    return found[0] if len(found) == 1 else ""


def _has_application(tree: Tree) -> bool:
    """Tell whether a tree has an entry point and lists its packages."""
    code = Code(tree, import_roots(tree, ()))
    return any(is_lock(tree, name) for name in LOCKS["uv"]) and bool(entries(code))


def _lock_place(tree: Tree) -> str:
    """Return where a tree lists its packages."""
    return next(tree.at(name) for name in LOCKS["uv"] if is_lock(tree, name))


def _inspect(tree: Tree, report: Report) -> Application | None:
    """Return what the files of a tree tell, or None where there is no entry point."""
    run = commands(tree)
    started = servers(run)
    code = Code(tree, import_roots(tree, started))
    known = entries(code)
    entry, server = _entry(code, started, known, report)
    manage = application_django.manage_file(code)
    if entry is None and not started and not manage:
        return None
    found = packages(tree, report)
    framework = entry.framework if entry else "Django" if manage else ""
    if entry:
        _find_entry(code, entry, found, report)
    if server:
        find_options(server, report)
    find_settings(tree, report)
    if entry and entry.is_asgi:
        report.find("gunicorn.worker_class", "asgi", entry.reason)
    _find_processes(run, report)
    files, settings = _framework(code, framework, entry, found, run, report)
    read = variables(code, files)
    database = find_database(Context(code, files, found, tuple(read), framework, settings), report)
    read = _with_kinds(read, database)
    _find_environment(code, files, read, report)
    _find_build_environment(framework, read, database, report)
    _find_network(code, files, report)
    ask_about_versions(found, report)
    python(tree, report)
    if tree.has(".env"):
        report.ask("", f"{tree.at('.env')} is in git, and a release may read it: make sure that it suits production.")
    for problem in tree.problems:
        report.ask("", problem)
    return Application(framework, _ordered(report), tuple(report.questions), database, tuple(read))


def _entry(
    code: Code, started: Iterable[Server], known: list[Entry], report: Report
) -> tuple[Entry | None, Server | None]:
    """Return the entry point, by a server's command or else by the code, and that command."""
    settings = find_settings(code.tree, Report())
    for server in [*started, *([Server("gunicorn", settings, "gunicorn.conf.py", "")] if settings else [])]:
        if found := named(code, server, known):
            return found, server
        report.ask(
            "wsgi_app", f"{server.reason} starts {server.entry}, which is not in the folder: write the entry point."
        )
    if not known:
        if not started and application_django.manage_file(code):
            report.ask(
                "wsgi_app",
                "No wsgi.py calls get_wsgi_application: write the entry point, such as shop.wsgi:application.",
            )
        return None, None
    best = known[0]
    equal = [entry for entry in known if entry.rank == best.rank]
    others = [entry for entry in known if entry.framework != best.framework and entry.framework and not entry.needs]
    if len(equal) > 1 or (others and not best.path.startswith("wsgi")):
        listed = ", ".join(dict.fromkeys(_written(code, entry) for entry in [*equal, *others]))
        report.ask("wsgi_app", f"There are several applications, {listed}: write the one that is this site.")
    return best, None


def _written(code: Code, entry: Entry) -> str:
    """Return an entry point as gunicorn takes it."""
    return f"{code.name(entry.path)}:{entry.attribute}"


def _find_entry(code: Code, entry: Entry, found: Packages, report: Report) -> None:
    """Note the entry point, and the folder that its module is imported from where that is not the tree itself."""
    if entry.needs:
        report.ask(
            "wsgi_app",
            f"{entry.reason} needs {', '.join(entry.needs)}: write the call with them, such as "
            f'{_written(code, entry)[:-1]}"production").',
        )
    report.find("wsgi_app", _written(code, entry), entry.reason)
    dotted = code.name(entry.path).replace(".", "/")
    place = entry.path.removesuffix(".py").removesuffix("/__init__").removesuffix(dotted).rstrip("/")
    if place and not (place == "src" and is_package(code.tree, found.lock)):
        report.find("gunicorn.options", {"pythonpath": place}, f"{code.tree.at(entry.path)} is imported from {place}/")


def _find_processes(run: Iterable[Command], report: Report) -> None:
    """Note what a Procfile runs beside the web server, and before each release."""
    background: list[dict[str, str]] = []
    reasons: list[str] = []
    for command in run:
        name = re.sub(r"\W", "_", command.process.lower())
        if not command.reason.partition(":")[0].endswith("Procfile") or name == "web":
            continue
        if name == "release":
            if re.search(r"\b(migrate|upgrade)\b", command.text) and command.is_plain:
                report.find("migrate_command", command.text, command.reason)
            else:
                report.ask(
                    "hooks", f"{command.reason} runs `{command.text}` before each release: write it where it belongs."
                )
        elif not command.is_plain:
            report.ask(
                "background",
                f"{command.reason} needs a shell for {name}: write a command without one into `background`.",
            )
        elif name not in [process["name"] for process in background]:
            background.append({"name": name, "command": command.text})
            reasons.append(command.reason)
    if background:
        report.find("background", background, ", ".join(reasons))


def _framework(
    code: Code, framework: str, entry: Entry | None, found: Packages, run: list[Command], report: Report
) -> tuple[tuple[str, ...], str]:
    """Note what the framework tells; return the files that run in production, and the file of Django's settings."""
    if framework == "Django":
        project = application_django.project(code, entry.path if entry else "", report)
        application_django.find_django(code, project, found, report)
        find_builds(code, run, report)
        find_health(application_django.routes(code, project), report)
        return project.files, project.settings
    files = tuple(code.closure([entry.path])) if entry else tuple(code.tree.python())
    _find_migrations(code, files, entry, found, report)
    find_static(code, files, report)
    find_builds(code, run, report)
    find_uploads(code, files, report)
    find_health(decorated(code, files), report)
    return files, ""


def _find_migrations(code: Code, files: Iterable[str], entry: Entry | None, found: Packages, report: Report) -> None:
    """Note the commands of Flask-Migrate or Alembic, and ask for revisions that are not in the folder."""
    migrate = next((path for path in files if "flask_migrate.Migrate" in code.imports(path).values()), "")
    revisions = [path for path in code.tree.files if re.search(r"(^|/)versions/[^/]+\.py$", path)]
    ini = next((path for path in code.tree.named("alembic.ini") if not path.startswith("migrations/")), "")
    if migrate and entry and entry.framework == "Flask":
        application = _flask_app(code, entry)
        report.find("migrate_command", f"flask --app {application} db upgrade", code.at(migrate))
        if not found.is_older("flask-migrate", "4"):
            report.find("migrate_check_command", f"flask --app {application} db check", code.at(migrate))
    elif ini:
        chosen = "" if ini == "alembic.ini" else f"-c {ini} "
        # `alembic check` ends with 255 where something is pending, so there is no command to ask with.
        report.find("migrate_command", f"alembic {chosen}upgrade head", code.tree.at(ini))
    else:
        return
    if not revisions:
        place = code.at(migrate) if migrate else code.tree.at(ini)
        report.ask(
            "migrate_command", f"{place} migrates the database, and no revisions are in the folder: commit them."
        )


def _flask_app(code: Code, entry: Entry) -> str:
    """Return an entry point as `flask --app` takes it; the usual names go without saying."""
    name = code.name(entry.path)
    return (
        name
        if entry.attribute in ("app", "application", "create_app()", "make_app()")
        else f"'{name}:{entry.attribute}'"
    )


def _with_kinds(read: Iterable[Variable], database: Database | None) -> list[Variable]:
    """Return the variables, those of the database as such, whatever they are called, and no others."""
    names = {variable.name for variable in used(read, database)}
    return [
        replace(variable, kind="database")
        if variable.name in names
        else replace(variable, kind="")
        if variable.kind == "database"
        else variable
        for variable in read
    ]


def _find_environment(code: Code, files: Iterable[str], read: Iterable[Variable], report: Report) -> None:
    """Note the variables whose value is known, and ask for those that the application fails without."""
    texts = {
        node.value
        for path in files
        for node in code.nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for variable in read:
        key = f"environment.{variable.name}"
        if report.value(key) is not None:
            continue
        if variable.kind == "debug":
            off = {"true": "false", "1": "0", "yes": "no", "on": "off"}.get((variable.default or "").lower())
            if variable.required or off:
                report.find(key, _off(variable, off), variable.reason)
        elif SELECTORS.match(variable.name) and "production" not in (variable.default or "").lower():
            choice = next((text for text in ("production", "prod", "Production") if text in texts), "")
            if choice:
                report.find(key, choice, variable.reason)
            elif variable.required or variable.default:
                report.ask(
                    key, f"{variable.reason} chooses a configuration by {variable.name}: write the one for production."
                )
        elif variable.required and not variable.kind:
            report.ask(key, f"{variable.reason} needs {variable.name}: write its value.")


def _off(variable: Variable, off: str | None) -> str:
    """Return what turns a switch off, in the letters of its default."""
    if off is None:
        return "0" if variable.type == "integer" else "False"
    return off.capitalize() if (variable.default or "")[:1].isupper() else off


def _find_build_environment(
    framework: str, read: Iterable[Variable], database: Database | None, report: Report
) -> None:
    """Note what build commands that load the settings need: any value will do, and a SECRET_KEY is made up."""
    if framework != "Django" or not report.value("build_commands"):
        return
    address = f"{database.scheme}://none:none@localhost/none" if database and database.url else ""
    values: dict[str, str] = {}
    for variable in read:
        if variable.required and variable.at_start and variable.name != "SECRET_KEY":
            by_type = {"integer": "0", "boolean": "false", "json": "[]"}.get(variable.type, "none")
            values[variable.name] = address if database and variable.name == database.url else by_type
    selected = report.value(f"environment.{application_django.SELECTOR}")
    if selected:
        values[application_django.SELECTOR] = selected
    if values:
        reasons = [variable.reason for variable in read if variable.name in values]
        report.find("build_environment", values, ", ".join(reasons) or "as in environment")


def _find_network(code: Code, files: Iterable[str], report: Report) -> None:
    """Note that the application calls other servers."""
    for path in files:
        for name in code.imports(path).values():
            if name.partition(".")[0] in CALLERS and not code.path(name.partition(".")[0]):
                report.find("gunicorn.network", True, f"{code.at(path)} imports {name}")
                return
            if name.startswith("urllib.request") and "urlopen" in set(words(code.tree.module(path))):
                report.find("gunicorn.network", True, f"{code.at(path)} imports {name}")
                return


def _ordered(report: Report) -> tuple[Finding, ...]:
    """Return the findings in the order of an entry."""
    return tuple(sorted(report.findings.values(), key=lambda finding: ORDER.index(finding.key.partition(".")[0])))
