"""How a Python web application is deployed, as far as its files tell.

Only files are read: nothing of the application is imported or run. What is found has its reason, and what is not
certain is a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from posixpath import dirname

from ansible_collections.foobar.webstack.plugins.plugin_utils import application_django
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_code import Code
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
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_entry_point import (
    EntryPoint,
    entries,
    import_roots,
    named,
    root,
    written,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_environment import variables
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_migrations import find_migrations, with_app
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_needs import (
    find_build_environment,
    find_environment,
    find_network,
)
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
    run = [with_app(code, entry, command) for command in run]
    _find_processes(run, report)
    files, settings = _framework(code, framework, entry, found, run, report)
    read = variables(code, files)
    database = find_database(Context(code, files, found, tuple(read), framework, settings), report)
    read = _with_kinds(read, database)
    find_environment(code, files, read, report)
    find_build_environment(framework, read, database, report)
    find_network(code, files, report)
    ask_about_versions(found, report)
    python(tree, report)
    if tree.has(".env"):
        report.ask("", f"{tree.at('.env')} is in git, and a release may read it: make sure that it suits production.")
    for problem in tree.problems:
        report.ask("", problem)
    return Application(framework, _ordered(report), tuple(report.questions), database, tuple(read))


def _entry(
    code: Code, started: Iterable[Server], known: list[EntryPoint], report: Report
) -> tuple[EntryPoint | None, Server | None]:
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
        listed = ", ".join(dict.fromkeys(written(code, entry) for entry in [*equal, *others]))
        report.ask("wsgi_app", f"There are several applications, {listed}: write the one that is this site.")
    return best, None


def _find_entry(code: Code, entry: EntryPoint, found: Packages, report: Report) -> None:
    """Note the entry point, and the folder that its module is imported from where that is not the tree itself."""
    if entry.needs:
        report.ask(
            "wsgi_app",
            f"{entry.reason} needs {', '.join(entry.needs)}: write the call with them, such as "
            f'{written(code, entry)[:-1]}"production").',
        )
    report.find("wsgi_app", written(code, entry), entry.reason)
    place = root(code, entry)
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
            if re.fullmatch(r"python \S*manage\.py migrate( --no-?input)?", command.text):
                continue  # as for any project of Django
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
    code: Code, framework: str, entry: EntryPoint | None, found: Packages, run: list[Command], report: Report
) -> tuple[tuple[str, ...], str]:
    """Note what the framework tells; return the files that run in production, and the file of Django's settings."""
    if framework == "Django":
        project = application_django.project(code, entry.path if entry else "", report)
        application_django.find_django(code, project, found, report)
        find_builds(code, run, report)
        find_health(application_django.routes(code, project), report)
        return project.files, project.settings
    files = tuple(code.closure([entry.path])) if entry else tuple(code.tree.python())
    find_migrations(code, files, entry, found, report)
    find_static(code, files, report)
    find_builds(code, run, report)
    find_uploads(code, files, report)
    find_health(decorated(code, files), report)
    return files, ""


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


def _ordered(report: Report) -> tuple[Finding, ...]:
    """Return the findings in the order of an entry."""
    return tuple(sorted(report.findings.values(), key=lambda finding: ORDER.index(finding.key.partition(".")[0])))
