"""How a Django project is deployed: its settings say most of it."""

from __future__ import annotations

import ast
import re
from posixpath import basename, dirname

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import UNKNOWN, Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.environment import reads
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.needs import SELECTORS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.overlay import Overlay
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.routes import Route, django
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.settings import Project, missing_imports
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.static import keep
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import constants, words
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

# Commands that only change those of Django, and what is no command.
OWN_COMMANDS = tuple(
    f"/{name}.py" for name in ("__init__", "makemessages", "makemigrations", "migrate", "runserver", "shell", "test")
)
MAX_NAMES = 8
# Commands that somebody gives once, by how they are called.
ONCE = re.compile(
    r"(create|load|init|setup|set_up|seed|populate|reset|fix|register|demo|fake|make|add|bootstrap|install)"
)
# Where files are put elsewhere than into a folder, collectstatic would send them there.
REMOTE = re.compile(r"s3|boto|gcloud|azure|cloudinary|dropbox|sftp", re.IGNORECASE)
REDIS = ("redis://", "rediss://")
# Settings of Celery by all of their names, and the variable that each is read from in their place.
BROKERS = {
    **{"BROKER_URL": "CELERY_BROKER_URL", "CELERY_BROKER_URL": "CELERY_BROKER_URL"},
    **{"CELERY_BROKER": "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND": "CELERY_RESULT_BACKEND"},
}


def find_django(code: Code, found: Project, packages: Packages, report: Report) -> Overlay:
    """Note commands, static files and uploads; return the overlay of what the settings have and an entry can't change.

    Where the environment can't select an overlay, each such setting is a question.
    """
    manage = f"python {code.from_home(found.manage)}" if found.manage else "python -m django"
    overlay = Overlay(found, is_whole=bool(found.settings) and is_whole(code, found.settings))
    _find_static(code, found, manage, overlay, report)
    _find_migrations(code, found, manage, report)
    _find_media(code, found, overlay, report)
    _find_written(code, found, report)
    _find_data(code, found, report)
    _find_commands(code, found, report)
    _find_literals(code, found, overlay, report)
    if found.settings:
        _find_redis(code, found, overlay)
    return overlay


def routes(code: Code, found: Project) -> list[Route]:
    """Return the project's pages."""
    urls = code.setting(found.settings, "ROOT_URLCONF")
    middleware = code.setting(found.settings, "MIDDLEWARE")
    rest = code.setting(found.settings, "REST_FRAMEWORK")
    closed = set()
    if isinstance(middleware, list) and any("LoginRequired" in str(name) for name in middleware):
        closed.add("all")
    if isinstance(rest, dict) and re.search(r"IsAuthenticated|IsAdmin", str(rest.get("DEFAULT_PERMISSION_CLASSES"))):
        closed.add("rest")
    return list(django(code, urls, closed)) if isinstance(urls, str) else []


def _text(code: Code, found: Project, name: str) -> str:
    """Return a setting that is text, or an empty string."""
    value = code.setting(found.settings, name)
    return value if isinstance(value, str) else ""


def _find_static(code: Code, found: Project, manage: str, overlay: Overlay, report: Report) -> None:
    """Note what collectstatic gathers, where it is right to run it."""
    if not found.settings:
        return
    apps = code.setting(found.settings, "INSTALLED_APPS")
    storage = f"{code.setting(found.settings, 'STORAGES')} {code.setting(found.settings, 'STATICFILES_STORAGE')}"
    where, node = code.setting_node(found.settings, "STATIC_ROOT")
    root, reason = code.folder(code.setting(found.settings, "STATIC_ROOT")), code.at(where, node)
    address = _text(code, found, "STATIC_URL")
    settings = code.tree.at(found.settings)
    if isinstance(apps, list) and UNKNOWN not in apps and "django.contrib.staticfiles" not in apps:
        return
    if REMOTE.search(storage) or address.startswith(("http:", "https:", "//")):
        report.ask("static", f"{settings} keeps static files on another server: write the build command that fills it.")
        return
    if node is None or not root or root == "." or root.startswith(("/", "..")):
        reason = f"{settings} has no STATIC_ROOT" if node is None else f"{reason} has a STATIC_ROOT elsewhere"
        is_known = bool(root) if node is not None else overlay.is_whole
        if not overlay.is_possible or not is_known:
            report.ask("static", f"{reason}: let it be a folder of the release, for collectstatic.")
            return
        overlay.set("STATIC_ROOT", reason, 'STATIC_ROOT = BASE / "staticfiles"')
        root = code.folder("staticfiles")
    report.add("build_commands", [f"{manage} collectstatic --noinput"], reason)
    report.find("static", {f"/{address.strip('/') or 'static'}/": root}, reason)


def _find_migrations(code: Code, found: Project, manage: str, report: Report) -> None:
    """Note how the database is migrated, and ask for migrations that are not in the folder."""
    where, node = code.setting_node(found.settings, "DATABASES") if found.settings else ("", None)
    if node is None:
        return
    report.find("migrate_command", f"{manage} migrate --noinput", code.at(where, node))
    report.find("migrate_check_command", f"{manage} migrate --check", code.at(where, node))
    lacking = [
        code.tree.at(path)
        for path in found.files
        if basename(path) == "models.py"
        and any(isinstance(item, ast.ClassDef) and item.bases for item in code.definitions(path).values())
        and not any(re.match(rf"{re.escape(dirname(path))}/migrations/\d", other) for other in code.tree.files)
    ]
    if lacking:
        report.ask(
            "migrate_command", f"{lacking[0]} has models without migrations: commit what `makemigrations` writes."
        )


def _find_media(code: Code, found: Project, overlay: Overlay, report: Report) -> None:
    """Note the folder of uploads, which outlives a release and is nginx's to serve."""
    where, node = code.setting_node(found.settings, "MEDIA_ROOT") if found.settings else ("", None)
    place = code.folder(code.setting(found.settings, "MEDIA_ROOT")) if node is not None else ""
    if overlay.is_possible and place.startswith(("/", "..")):
        overlay.set("MEDIA_ROOT", f"{code.at(where, node)} has a MEDIA_ROOT elsewhere", 'MEDIA_ROOT = BASE / "media"')
        place = code.folder("media")
    if place and keep(code.at(where, node), place, report):
        report.add("shared_paths", [place], code.at(where, node))
        address = _text(code, found, "MEDIA_URL").strip("/")
        if address and ":" not in address:
            known = report.findings.pop("static", None)
            reason = f"{known.reason}, {code.at(where, node)}" if known else code.at(where, node)
            report.find("static", {**(known.value if known else {}), f"/{address}/": place}, reason)


def _find_written(code: Code, found: Project, report: Report) -> None:
    """Note folders of the project that it writes into, by settings of search indexes, caches and sessions."""
    for name, key in (("HAYSTACK_CONNECTIONS", "PATH"), ("CACHES", "LOCATION"), ("HUEY", "filename")):
        where, node = code.setting_node(found.settings, name) if found.settings else ("", None)
        value = code.value(where, node) if node is not None else None
        for inner in [*value.values(), value] if isinstance(value, dict) else ():
            place = inner.get(key) if isinstance(inner, dict) else None
            is_folder = name != "CACHES" or "filebased" in str(inner.get("BACKEND") if isinstance(inner, dict) else "")
            folder = code.folder(place) if is_folder else ""
            folder = dirname(folder) if name == "HUEY" else folder
            if folder and not folder.startswith(("/", "..")) and folder not in (".", code.home):
                report.add("shared_paths", [folder], code.at(where, node))


def _find_data(code: Code, found: Project, report: Report) -> None:
    """Note a folder for data that comes to be at run time: one of the source would be as old as its first release."""
    for name in ("DATA_DIR", "DATA_ROOT", "DATA_FOLDER", "DATA_PATH") if found.settings else ():
        where, node = code.setting_node(found.settings, name)
        place = code.folder(code.value(where, node)) if node is not None else ""
        if place and place != "." and not place.startswith(("/", "..")) and not code.tree.has_folder(place):
            report.add("shared_paths", [place], code.at(where, node))


def _find_commands(code: Code, found: Project, report: Report) -> None:
    """Ask which of the project's own commands are to run beside a release or at times."""
    names = [
        basename(path).removesuffix(".py")
        for path in found.files
        if "/management/commands/" in f"/{path}" and not path.endswith(OWN_COMMANDS)
    ]
    told = " ".join(process["command"] for process in report.value("background") or [])
    names = [name for name in names if not re.search(rf"manage\.py {re.escape(name)}\b", told) and not ONCE.match(name)]
    if names:
        listed = ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if names[MAX_NAMES:] else "")
        report.ask(
            "background",
            f"The project has the commands {listed}: write those that always run into `background`, and those "
            "that run at times into `scheduled`.",
        )


def _find_redirect(code: Code, found: Project, overlay: Overlay, report: Report) -> None:
    """Turn off a redirect to https that is on: nginx redirects once there is a certificate."""
    where, node = code.setting_node(found.settings, "SECURE_SSL_REDIRECT") if found.settings else ("", None)
    # `not DEBUG` is on in production, whatever DEBUG is read from.
    is_opposite = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    variable = reads(code, where, node) if node is not None and not is_opposite else None
    if variable and (variable.required or (variable.default or "").lower() in ("true", "1", "yes", "on")):
        report.find(f"environment.{variable.name}", "False", variable.reason)
    elif node is not None and not variable and (is_opposite or code.value(where, node) is True):
        _literal(
            overlay,
            report,
            "SECURE_SSL_REDIRECT",
            code.at(where, node),
            "sends visitors to https before there is a certificate; nginx does so once there is one",
            "SECURE_SSL_REDIRECT = False",
        )


def _literal(overlay: Overlay, report: Report, name: str, place: str, why: str, *lines: str) -> bool:
    """Set a setting by the overlay, or ask for it where there can't be one; tell whether it was set."""
    if overlay.is_possible:
        overlay.set(name, place, *lines)
        return True
    report.ask(f"environment.{name}", f"{place} sets {name}, which {why}: let it be read from os.environ.")
    return False


def _is_off(code: Code, where: str, node: ast.expr) -> bool:
    """Tell whether DEBUG is off by its value, or by a variable that an entry sets or leaves out."""
    variable = reads(code, where, node)
    if variable and SELECTORS.match(variable.name):
        return True
    is_cast = isinstance(node, ast.Call) and code.qualified(where, node.func) == "bool" and len(node.args) == 1
    bare = node.args[0] if isinstance(node, ast.Call) and is_cast else node
    if isinstance(bare, ast.Call) and code.qualified(where, bare.func) in ("os.environ.get", "os.getenv"):
        # Any text counts as true, that of "False", too.
        default = code.value(where, bare)
        return default is UNKNOWN or not default
    is_negated = any(
        isinstance(part, ast.Not | ast.NotEq | ast.NotIn)
        or (isinstance(part, ast.IfExp) and isinstance(part.body, ast.Constant) and part.body.value is False)
        for part in ast.walk(node)
    )
    names = [variable.name] if variable else [*words(node), *constants(node)]
    is_switch = not is_negated and any(re.search(r"(?i)(^|_)DEBUG$", name) for name in names)
    return is_switch or code.value(where, node) is False


def _find_literals(code: Code, found: Project, overlay: Overlay, report: Report) -> None:
    """Find settings that stand in the code, or nowhere, and that production needs otherwise."""
    if not found.settings:
        return
    _find_redirect(code, found, overlay, report)
    where, node = code.setting_node(found.settings, "DEBUG")
    if node is not None and not _is_off(code, where, node):
        _literal(
            overlay, report, "DEBUG", code.at(where, node), "shows each visitor the code of what fails", "DEBUG = False"
        )
    where, node = code.setting_node(found.settings, "SECRET_KEY")
    is_text = node is not None and not reads(code, where, node) and isinstance(code.value(where, node), str)
    if is_text or (node is None and overlay.is_whole):
        place = code.at(where, node) if node is not None else f"{found.settings} without SECRET_KEY"
        text = 'SECRET_KEY = os.environ["SECRET_KEY"]'
        if _literal(overlay, report, "SECRET_KEY", place, "is no secret in the code", text):
            overlay.read("SECRET_KEY", place, "secret")
    where, node = code.setting_node(found.settings, "ALLOWED_HOSTS")
    hosts = code.setting(found.settings, "ALLOWED_HOSTS") if node is not None else [] if overlay.is_whole else None
    is_read = node is not None and reads(code, where, node)
    if not is_read and isinstance(hosts, list) and "*" not in hosts:
        place = code.at(where, node) if node is not None else f"{found.settings} without ALLOWED_HOSTS"
        text = 'ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")'
        if _literal(overlay, report, "ALLOWED_HOSTS", place, "has to hold the site's domain", text):
            overlay.read("ALLOWED_HOSTS", place, "domain", "list")


def _find_redis(code: Code, found: Project, overlay: Overlay) -> None:
    """Have the addresses of Redis read that stand in the settings: those of Celery, and the cache's."""
    if not overlay.is_possible:
        return
    for name, variable in BROKERS.items():
        where, node = code.setting_node(found.settings, name)
        read = reads(code, where, node) if node is not None else None
        # Celery has another form for a socket than Redis itself, so both can't take the same variable.
        is_shared = read is not None and "REDIS" in read.name and not re.search(r"BROKER|CELERY|RESULT", read.name)
        if node is not None and (is_shared or (not read and str(code.value(where, node)).startswith(REDIS))):
            overlay.set(name, code.at(where, node), f'{name} = os.environ["{variable}"]')
            overlay.read(variable, code.at(where, node), "broker")
    where, node = code.setting_node(found.settings, "CACHES")
    caches = code.value(where, node) if node is not None and not reads(code, where, node) else None
    for name, cache in caches.items() if isinstance(caches, dict) else ():
        if isinstance(cache, dict) and str(cache.get("LOCATION")).startswith(REDIS):
            place = code.at(where, node)
            overlay.set(f"CACHES {name}", place, f'CACHES["{name}"]["LOCATION"] = os.environ["REDIS_URL"]')
            overlay.read("REDIS_URL", place, "redis")


def is_whole(code: Code, settings: str, steps: int = 0) -> bool:
    """Tell whether settings are seen in full: what they lack may come from a class, or from a package of others."""
    if missing_imports(code, settings) or (not steps and code.setting_node(settings, "INSTALLED_APPS")[1] is None):
        return False
    for star in code.stars(settings):
        inner = code.path(star)
        is_own = bool(inner) or bool(code.path(star.partition(".")[0]) or code.path(star.rpartition(".")[0]))
        if not is_own or (inner and steps < 5 and not is_whole(code, inner, steps + 1)):
            return False
    return True
