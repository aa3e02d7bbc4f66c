"""How a Django project is deployed: its settings say most of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, dirname

from ansible_collections.foobar.webstack.plugins.plugin_utils.application_code import UNKNOWN, Code, folder
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_environment import reads
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_packages import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_routes import Route, django
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_static import keep
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_syntax import argument, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_types import Report

SELECTOR = "DJANGO_SETTINGS_MODULE"
PRODUCTION = ("production", "prod", "live", "deploy", "deployment", "server")
DEVELOPMENT = re.compile(r"(^|[._])(dev|devel|development|local|debug|test|testing)$")
# Commands that only change those of Django, and what is no command.
OWN_COMMANDS = tuple(
    f"/{name}.py" for name in ("__init__", "makemessages", "makemigrations", "migrate", "runserver", "shell", "test")
)
MAX_NAMES = 8
# Where files are put elsewhere than into a folder, collectstatic would send them there.
REMOTE = re.compile(r"s3|boto|gcloud|azure|cloudinary|dropbox|sftp", re.IGNORECASE)


@dataclass(frozen=True)
class Project:
    """A Django project: its manage.py, the file of the settings that count, and the code that they lead to."""

    manage: str
    settings: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Selected:
    """A module of settings that a file selects, where, and whether the environment may select another."""

    module: str
    reason: str
    is_default: bool


def manage_file(code: Code) -> str:
    """Return the manage.py that is Django's, or an empty string; other frameworks have had files of this name, too."""
    return next((path for path in code.tree.named("manage.py") if "django" in code.tree.text(path)), "")


def project(code: Code, entry: str, report: Report) -> Project:
    """Return the project; `entry` is the file of its entry point. Which settings count is noted or asked."""
    manage = manage_file(code)
    of_entry, of_manage = _selected(code, entry), _selected(code, manage)
    module = _choose(code, of_entry, of_manage, report)
    path = code.path(module)
    if module and not path:
        report.ask(
            f"environment.{SELECTOR}",
            f"The settings {module} are not in the folder, or git ignores them: commit them, or write others that are.",
        )
    if path and not manage:
        _select(report, module, "there is no manage.py")
    apps = code.setting(path, "INSTALLED_APPS") if path else []
    starts = [path, entry, *_app_files(code, apps if isinstance(apps, list) else [])]
    others = {code.path(found.module) for found in (of_entry, of_manage) if found} - {path}
    files = [file for file in code.closure(starts) if file not in others or file == path]
    return Project(manage, path, tuple(files))


def _selected(code: Code, path: str) -> Selected | None:
    """Return the settings that a wsgi.py, asgi.py or manage.py selects, or None."""
    for node in code.nodes(path) if path else ():
        if isinstance(node, ast.Call) and code.qualified(path, node.func) == "os.environ.setdefault":
            name, module = code.value(path, argument(node, 0)), code.value(path, argument(node, 1))
            if name == SELECTOR and isinstance(module, str):
                return Selected(module, code.at(path, node), True)
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Subscript) and SELECTOR in constants(target.slice) for target in node.targets
        ):
            module = code.value(path, node.value)
            return Selected(module, code.at(path, node), False) if isinstance(module, str) else None
    return None


def _choose(code: Code, of_entry: Selected | None, of_manage: Selected | None, report: Report) -> str:
    """Return the settings for production, and note them where the files' own default is another."""
    first = of_entry or of_manage
    if first is None:
        return _lone_settings(code, report)
    for_production = _sibling(code, first.module) if DEVELOPMENT.search(first.module) else ""
    if not first.is_default and DEVELOPMENT.search(first.module):
        report.ask(
            f"environment.{SELECTOR}",
            f"{first.reason} always takes {first.module}: let it be `os.environ.setdefault`, and write the settings "
            "for production.",
        )
        return first.module
    if for_production:
        _select(report, for_production, code.tree.at(code.path(for_production)))
        return for_production
    if DEVELOPMENT.search(first.module):
        report.ask(
            f"environment.{SELECTOR}",
            f"{first.reason} takes {first.module}, which seems to be for development: write those for production.",
        )
    elif of_manage and of_manage.module != first.module:
        _select(report, first.module, f"{first.reason}, as {of_manage.reason} takes {of_manage.module}")
    return first.module


def _select(report: Report, module: str, reason: str) -> None:
    """Note the settings that the environment is to select."""
    report.find(f"environment.{SELECTOR}", module, reason)


def _sibling(code: Code, module: str) -> str:
    """Return the settings for production that stand beside others, or an empty string."""
    package, _, last = module.rpartition(".")
    stem = re.sub(r"(dev|devel|development|local|debug|test|testing)$", "", last)
    names = [f"{package}.{stem}{name}".lstrip(".") for name in PRODUCTION]
    return next((name for name in names if code.path(name)), "")


def _lone_settings(code: Code, report: Report) -> str:
    """Return the only module called settings, or ask for it."""
    found = [path for path in code.tree.python() if basename(path) == "settings.py"]
    if len(found) == 1:
        _select(report, code.name(found[0]), code.tree.at(found[0]))
        return code.name(found[0])
    report.ask(f"environment.{SELECTOR}", "Neither wsgi.py nor manage.py tells the settings: write their module.")
    return ""


def _app_files(code: Code, apps: list[object]) -> Iterator[str]:
    """Return the files of the project's own apps."""
    for app in apps:
        path, _ = code.module_of(app) if isinstance(app, str) else ("", "")
        if path and path.endswith(("__init__.py", "apps.py")):
            place = f"{dirname(path)}/"
            yield from (other for other in code.tree.python() if other.startswith(place))


def find_django(code: Code, found: Project, packages: Packages, report: Report) -> None:
    """Note commands, static files and uploads, and ask about what the settings have that an entry can't change."""
    manage = f"python {found.manage}" if found.manage else "python -m django"
    _find_static(code, found, manage, report)
    _find_migrations(code, found, manage, report)
    _find_media(code, found, report)
    _find_commands(code, found, report)
    _ask_about_literals(code, found, report)
    if found.settings and _text(code, found, "EMAIL_HOST") and not packages.has("django-anymail"):
        _, node = code.setting_node(found.settings, "EMAIL_HOST")
        report.find("gunicorn.network", True, f"{code.at(found.settings, node)} sends mail")


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


def _find_static(code: Code, found: Project, manage: str, report: Report) -> None:
    """Note what collectstatic gathers, where it is right to run it."""
    if not found.settings:
        return
    apps = code.setting(found.settings, "INSTALLED_APPS")
    storage = f"{code.setting(found.settings, 'STORAGES')} {code.setting(found.settings, 'STATICFILES_STORAGE')}"
    where, node = code.setting_node(found.settings, "STATIC_ROOT")
    root, reason = folder(code.setting(found.settings, "STATIC_ROOT")), code.at(where, node)
    address = _text(code, found, "STATIC_URL")
    settings = code.tree.at(found.settings)
    if isinstance(apps, list) and UNKNOWN not in apps and "django.contrib.staticfiles" not in apps:
        return
    if REMOTE.search(storage) or address.startswith(("http:", "https:", "//")):
        report.ask("static", f"{settings} keeps static files on another server: write the build command that fills it.")
    elif node is None:
        report.ask(
            "static", f'{settings} has no STATIC_ROOT: set one, such as `BASE_DIR / "staticfiles"`, for collectstatic.'
        )
    elif not root or root == "." or root.startswith(("/", "..")):
        report.ask("static", f"{reason} sets a STATIC_ROOT that is no folder of the release: let it be one.")
    else:
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


def _find_media(code: Code, found: Project, report: Report) -> None:
    """Note the folder of uploads, and ask who serves it: nginx can't read what the application writes."""
    where, node = code.setting_node(found.settings, "MEDIA_ROOT") if found.settings else ("", None)
    place = folder(code.setting(found.settings, "MEDIA_ROOT")) if node is not None else ""
    if place and keep(code.at(where, node), place, report):
        report.find("shared_paths", [place], code.at(where, node))
        address = _text(code, found, "MEDIA_URL") or "MEDIA_URL"
        report.ask(
            "shared_paths",
            f"{code.at(where, node)} has uploads, which nginx can't read: let the application itself answer {address}.",
        )


def _find_commands(code: Code, found: Project, report: Report) -> None:
    """Ask which of the project's own commands are to run beside a release or at times."""
    names = [
        basename(path).removesuffix(".py")
        for path in found.files
        if "/management/commands/" in f"/{path}" and not path.endswith(OWN_COMMANDS)
    ]
    if names:
        listed = ", ".join(names[:MAX_NAMES]) + (f" and {len(names) - MAX_NAMES} more" if names[MAX_NAMES:] else "")
        report.ask(
            "background",
            f"The project has the commands {listed}: write those that always run into `background`, and those "
            "that run at times into `scheduled`.",
        )


def _find_redirect(code: Code, found: Project, report: Report) -> None:
    """Note what turns off a redirect to https that is on by default: nginx redirects once there is a certificate."""
    where, node = code.setting_node(found.settings, "SECURE_SSL_REDIRECT") if found.settings else ("", None)
    variable = reads(code, where, node) if node is not None else None
    if variable and (variable.required or (variable.default or "").lower() in ("true", "1", "yes", "on")):
        report.find(f"environment.{variable.name}", "False", variable.reason)


def _ask_about_literals(code: Code, found: Project, report: Report) -> None:
    """Ask about settings that stand in the code, where an entry can't reach them."""
    _find_redirect(code, found, report)
    for name, text in (
        ("DEBUG", "shows each visitor the code of what fails"),
        ("SECRET_KEY", "is no secret in the code"),
        (
            "SECURE_SSL_REDIRECT",
            "sends visitors to https before there is a certificate; nginx does so once there is one",
        ),
    ):
        where, node = code.setting_node(found.settings, name) if found.settings else ("", None)
        if node is None or reads(code, where, node):
            continue
        value = code.value(where, node)
        if value is True or (name == "SECRET_KEY" and isinstance(value, str)):
            report.ask(
                f"environment.{name}",
                f"{code.at(where, node)} sets {name}, which {text}: let it be read from os.environ, or select settings "
                "of your own that import these.",
            )
    where, node = code.setting_node(found.settings, "ALLOWED_HOSTS") if found.settings else ("", None)
    hosts = code.setting(found.settings, "ALLOWED_HOSTS") if node is not None else None
    if node is not None and not reads(code, where, node) and isinstance(hosts, list) and "*" not in hosts:
        report.ask(
            "environment.ALLOWED_HOSTS",
            f"{code.at(where, node)} lists ALLOWED_HOSTS: put the site's domain there, or read them from os.environ.",
        )
