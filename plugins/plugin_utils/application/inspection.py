"""How a Python web application is deployed, as far as its files tell.

Only files are read: nothing of the application is imported or run. What is found has its reason, and what is not
certain is a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from posixpath import join, relpath

from ansible_collections.foobar.webstack.plugins.plugin_utils.application import django
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.commands import commands
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.database import find_database, used
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.dialects import Context
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.entry_point import (
    EntryPoint,
    entries,
    home_of,
    import_roots,
    named,
    root,
    written,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.environment import variables
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.frontend import find_frontend
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.migrations import find_migrations, with_app
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.needs import (
    ask_about_secrets,
    find_build_environment,
    find_environment,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.overlay import Overlay
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.packages import (
    LOCKS,
    ask_about_versions,
    is_lock,
    is_package,
    packages,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.paste import find_paste
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.platforms import health_check
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.processes import (
    find_processes,
    find_schedulers,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.python import python
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.routes import Route, decorated, find_health
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.servers import (
    Server,
    find_options,
    find_settings,
    servers,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.services import (
    find_logs,
    find_services,
    with_redis,
    with_workers,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.settings import manage_file, project_of
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.settings_file import find_settings_file
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shiny import find_shiny
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.static import (
    find_builds,
    find_static,
    find_uploads,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.streams import find_streams
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import (
    Application,
    ApplicationError,
    Database,
    Finding,
    Question,
    Report,
    Variable,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.workers import Queues, find_workers
from ansible_collections.foobar.webstack.plugins.plugin_utils.locked_packages import canonical

__all__ = ["Application", "ApplicationError", "Database", "Finding", "Question", "Variable", "inspect_application"]

# Frameworks that bring the server that they need.
OWN_SERVERS = {
    "tornado": "Tornado",
    "streamlit": "Streamlit",
    "gradio": "Gradio",
    "nicegui": "NiceGUI",
    "panel": "Panel",
}
LOOKED_FOR = (
    "a manage.py of Django, a Flask, FastAPI or other WSGI or ASGI object in a Python file, and a Procfile, Dockerfile "
    "or script that starts gunicorn, uvicorn or uWSGI"
)


def inspect_application(folder: Path) -> Application:
    """Return how the application in a folder is deployed.

    All values and reasons go by that folder, but for commands and modules where `subdirectory` is among the findings:
    they go by that one. Raise ApplicationError where there is no such application.
    """
    if not folder.is_dir():
        raise ApplicationError(f"{folder} is not a folder on this machine.")
    tree, report = Tree.of(folder), Report()
    application = _inspect(tree, report)
    if application is None and (own := _own_server(tree)):
        raise ApplicationError(f"{folder} is made with {own}, which has a server of its own: gunicorn can't run it.")
    if application is None:
        seen = f" {tree.problems[0]}" if tree.problems else ""
        raise ApplicationError(f"{folder} holds no Python web application: looked for {LOOKED_FOR}.{seen}")
    return application


def _own_server(tree: Tree) -> str:
    """Return what a folder is made with that no other server can run, and where it is imported, or an empty string."""
    code = Code(tree)
    for path in tree.python():
        for name in code.imports(path).values():
            if found := OWN_SERVERS.get(name.partition(".")[0]):
                return f"{found} ({code.at_import(path, name)})"
    return ""


def _inspect(tree: Tree, report: Report) -> Application | None:
    """Return what the files of a tree tell, or None where there is no entry point."""
    run = commands(tree)
    started = servers(tree, run)
    code = Code(tree, import_roots(tree, started))
    entry, server = _entry(code, started, entries(code), report)
    manage = manage_file(code)
    if entry is None and not started and not manage:
        return None
    code = _at_home(code, entry, server, manage)
    is_open = any(question.key == "wsgi_app" and "several" in question.text for question in report.questions)
    if code.home and not is_open:
        report.find("subdirectory", code.home, manage or (entry.reason if entry else code.home))
    found = packages(tree, code.home, run, report)
    framework = (entry.framework if entry else "") or ("Django" if manage else "")
    paste = find_paste(code, report) if framework == "Pyramid" and not server else ()
    if entry and framework != "Pyramid":
        _find_entry(code, entry, found, report, is_open)
    if server:
        find_options(server, report)
    find_settings(tree, started, report)
    if entry and entry.framework == "aiohttp":
        report.find("gunicorn.worker_class", "aiohttp.GunicornWebWorker", entry.reason)
    if entry and entry.is_asgi and not report.value("server"):
        report.find("gunicorn.worker_class", "asgi", entry.reason)
    run = [with_app(code, entry, command) for command in run]
    find_processes(code, run, found, report)
    files, overlay, pages = _framework(code, framework, entry, found, run, report)
    settings = overlay.project.settings if overlay else ""
    files = find_workers(Queues(code, files, found, settings), run, report)
    find_streams(code, files, pages, entry, report)
    find_frontend(code, pages, framework, report)
    read = variables(code, files)
    own, further = find_settings_file(code, files, read, report) if framework == "Flask" else ((), ())
    read += further
    database = find_database(Context(code, files, found, tuple(read), framework, settings, overlay), report)
    own = overlay.files(report) if overlay else (*own, *paste)
    read = _with_overlay(_with_kinds(read, database), overlay)
    read = with_redis(read, found)
    read = with_workers(read, report)
    find_schedulers(code, files, report)
    find_services(code, files, read, report)
    find_environment(code, files, read, report)
    find_build_environment(framework, read, database, report)
    find_logs(code, files, report)
    if framework != "Django":
        ask_about_secrets(code, files, read, report)
    ask_about_versions(found, report)
    python(tree, code.home, found, report)
    _ask_about_files(tree, code.home, report)
    return Application(framework, tuple(report.findings.values()), tuple(report.questions), database, tuple(read), own)


def _at_home(code: Code, entry: EntryPoint | None, server: Server | None, manage: str) -> Code:
    """Return the code with the names that its modules have in the folder that the application runs in."""
    place = root(code, entry) if entry else ""
    locks = [path for folder in (place.removesuffix("src").rstrip("/"), "") for path in _locks(code.tree, folder)]
    home = home_of(code, entry, server, manage, locks[0] if locks else "")
    src = {root for root in code.roots if root == join(home, "src")}
    roots = {"", home, *src, *([place] if place else []), *([server.path] if server and server.path else [])}
    return Code(code.tree, [*roots, *(root for root in code.roots if home and root.startswith(f"{home}/"))], home)


def _locks(tree: Tree, folder: str) -> list[str]:
    """Return the lists of packages in a folder."""
    return [path for name in LOCKS if is_lock(tree, path := join(folder, name))]


def _ask_about_files(tree: Tree, home: str, report: Report) -> None:
    """Ask about files that change what a release does, and say what could not be read."""
    for place in dict.fromkeys([home, ""]):
        if tree.has(path := join(place, ".env")):
            is_on = re.search(r"(?mi)^\s*(export\s+)?\w*(DEBUG|DEV\w*)\s*=\s*['\"]?(1|true|yes|on)\b", tree.text(path))
            if is_on:
                report.ask(
                    "",
                    f"{tree.at(path)} is in git and sets {is_on[0].strip()}, and a release may read it: take it out of "
                    "git, or say the opposite in environment.",
                )
            else:
                report.ask(
                    "",
                    f"{tree.at(path)} is in git, and a release may read it: make sure that it suits production.",
                )
    for problem in tree.problems:
        report.ask("", problem)


def _entry(
    code: Code, started: Iterable[Server], known: list[EntryPoint], report: Report
) -> tuple[EntryPoint | None, Server | None]:
    """Return the entry point, by a server's command or else by the code, and that command."""
    settings = find_settings(code.tree, started, Report())
    for server in [*started, *([Server("gunicorn", settings, "gunicorn.conf.py", "")] if settings else [])]:
        if found := named(code, server, known):
            _ask_which(code, found, server, started, report)
            return found, server
        if not known and _is_listed(code.tree, server):
            report.find("wsgi_app", server.entry, server.reason)
            return None, server
        report.ask(
            "wsgi_app", f"{server.reason} starts {server.entry}, which is not in the folder: write the entry point."
        )
    if not known:
        if not started and manage_file(code):
            report.ask(
                "wsgi_app",
                "No wsgi.py calls get_wsgi_application: write the entry point, such as shop.wsgi:application.",
            )
        return None, None
    best = next((entry for entry in known if "ProtocolTypeRouter" in code.tree.text(entry.path)), known[0])
    equal = _named_by_flask(code, [entry for entry in known if entry.rank == best.rank])
    best = equal[0] if best in known[: len(equal)] and best not in equal else best
    others = [entry for entry in known if entry.framework != best.framework and entry.framework and not entry.needs]
    if len(equal) > 1 or (others and not best.path.startswith("wsgi")):
        listed = dict.fromkeys(f"{written(code, entry)} ({entry.path})" for entry in [*equal, *others])
        report.ask("wsgi_app", _several(listed))
    return best, None


def _ask_which(code: Code, first: EntryPoint, server: Server, started: Iterable[Server], report: Report) -> None:
    """Ask which application is the site where a file, such as Compose's, starts others in other folders."""
    file = server.reason.partition(":")[0]
    others = [
        entry
        for other in started
        if other.reason.partition(":")[0] == file and other.folder != server.folder
        if (entry := named(code, other, ())) and entry.path != first.path
    ]
    if others:
        listed = dict.fromkeys(f"{written(code, entry)} ({entry.path})" for entry in (first, *others))
        report.ask("wsgi_app", _several(listed))


def _several(listed: Iterable[str]) -> str:
    """Return the question which of several applications is the site."""
    return f"There are several applications, {', '.join(listed)}: write the one that is this site."


def _is_listed(tree: Tree, server: Server) -> bool:
    """Tell whether what a server starts comes with a package of its name, so that the folder has nothing but a lock."""
    return bool(packages(tree, "", [], Report()).has(canonical(server.entry.partition(":")[0].partition(".")[0])))


def _named_by_flask(code: Code, equal: list[EntryPoint]) -> list[EntryPoint]:
    """Return the entry points that FLASK_APP names among some that are alike, or all of them."""
    named = re.search(r"(?m)^\s*(?:export\s+)?FLASK_APP\s*=\s*['\"]?([\w./]+)", code.tree.text(".flaskenv"))
    module = named[1].removesuffix(".py").replace("/", ".") if named else ""
    return [entry for entry in equal if module and code.name(entry.path) == module] or equal


def _find_entry(code: Code, entry: EntryPoint, found: Packages, report: Report, is_open: bool) -> None:
    """Note the entry point, unless it is asked for, and the folder of its module where it runs in another."""
    if entry.needs:
        report.ask(
            "wsgi_app",
            f"{entry.reason} needs {', '.join(entry.needs)}: write the call with them, such as "
            f'{written(code, entry)[:-1]}"production").',
        )
    elif not is_open:
        report.find("wsgi_app", written(code, entry), entry.reason)
    place = root(code, entry)
    is_installed = (place == "src" or place.endswith("/src")) and is_package(code.tree, found.lock)
    if place != code.home and not is_installed:
        path = relpath(place or ".", code.home or ".")
        report.find("gunicorn.options", {"pythonpath": path}, f"{code.tree.at(entry.path)} is imported from {place}/")


def _framework(
    code: Code, framework: str, entry: EntryPoint | None, found: Packages, run: list[Command], report: Report
) -> tuple[tuple[str, ...], Overlay | None, list[Route]]:
    """Note what the framework tells; return the files that run in production, Django's overlay, and the pages."""
    if framework == "Django":
        project = project_of(code, entry.path if entry else "", report)
        overlay = django.find_django(code, project, found, report)
        find_builds(code, run, report)
        pages = django.routes(code, project)
        _find_health(code, pages, report)
        return project.files, overlay, pages
    # What Pyramid includes it names by texts that are relative to a module.
    files = tuple(code.closure([entry.path])) if entry and framework != "Pyramid" else tuple(code.tree.python())
    find_migrations(code, files, entry, found, report)
    find_static(code, files, report)
    find_builds(code, run, report)
    find_uploads(code, files, report)
    pages = decorated(code, files)
    if framework == "Dash" and entry:
        pages = [Route("/", entry.reason)]
    if framework == "Shiny" and entry:
        find_shiny(entry.reason, report)
    else:
        _find_health(code, pages, report)
    return files, None, pages


def _find_health(code: Code, pages: list[Route], report: Report) -> None:
    """Note the health page: the one that a platform or an image asks, or else one of the pages."""
    path, reason = health_check(code.tree)
    if path.strip("/"):
        report.find("health_path", path, reason)
    else:
        find_health(pages, report)


def _with_overlay(read: Iterable[Variable], overlay: Overlay | None) -> list[Variable]:
    """Return the variables with those that an overlay reads in the place of the application's own."""
    further = {variable.name: variable for variable in (overlay.variables if overlay else ())}
    return [*(variable for variable in read if variable.name not in further), *further.values()]


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
