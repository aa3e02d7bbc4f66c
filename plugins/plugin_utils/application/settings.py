"""Which settings of a Django project count in production, and who selects them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, dirname

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.commands import DEVELOPMENT as ASIDE
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.names import DEVELOPMENT, PATTERNS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import argument, constants, statements
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

SELECTOR = "DJANGO_SETTINGS_MODULE"
# A line that sets it, and nothing but further variables: before a command it counts for that one alone.
TOLD = re.compile(SELECTOR + r"""["']?(?:\s*[=:]\s*|\s+)["']?([A-Za-z_][\w.]*\w)["']?\s*($|[\\#]|["']?\w+=)""")
IMAGES = re.compile(r"(^|/)(Dockerfile[\w.-]*|(docker-)?compose[\w.-]*\.ya?ml|fly\.toml|[\w.@-]+\.service)$")
PRODUCTION = ("production", "prod", "live", "deploy", "deployment", "server")


@dataclass(frozen=True)
class Project:
    """A Django project: its manage.py, the settings that count, by module and file, and the code that they lead to.

    `can_select` tells whether the environment may select others, and `home` is the folder that the project runs in.
    """

    manage: str
    module: str
    settings: str
    files: tuple[str, ...]
    can_select: bool
    home: str


@dataclass(frozen=True)
class Selected:
    """A module of settings that a file selects, where, and whether the environment may select another."""

    module: str
    reason: str
    is_default: bool


def manage_file(code: Code) -> str:
    """Return the manage.py that is Django's, or an empty string; other frameworks have had files of this name, too."""
    named = (path for path in code.tree.named("manage.py") if not PATTERNS & set(path.split("/")))
    found = [path for path in named if _imports_django(code, path)]
    return min(found, key=lambda path: ("demo" in path or "sandbox" in path, path.count("/"), path), default="")


def _imports_django(code: Code, path: str) -> bool:
    """Tell whether a file imports Django, by its syntax or, where it is of an older Python, by its text."""
    nodes = code.nodes(path)
    named = any(
        (node.module or "").partition(".")[0] == "django"
        if isinstance(node, ast.ImportFrom)
        else isinstance(node, ast.Import) and any(alias.name.partition(".")[0] == "django" for alias in node.names)
        for node in nodes
    )
    return named or (len(nodes) == 1 and bool(re.search(r"(?m)^\s*(from|import) django\b", code.tree.text(path))))


def project_of(code: Code, entry: str, report: Report) -> Project:
    """Return the project; `entry` is the file of its entry point. Which settings count is noted or asked."""
    manage = manage_file(code)
    of_entry, of_manage = _selected(code, entry), _selected(code, manage)
    module = _choose(code, of_entry, of_manage, report)
    path = code.path(module)
    _ask_about_missing(code, path, report)
    if module and not path:
        report.ask(
            f"environment.{SELECTOR}",
            f"The settings {module} are not in the folder, or git ignores them: commit them, or write others that are.",
        )
    if path and not manage:
        _select(report, module, "there is no manage.py")
    apps = code.setting(path, "INSTALLED_APPS") if path else []
    starts = [path, entry, *_app_files(code, apps if isinstance(apps, list) else [])]
    # Others of its settings are not read, unless these are made of them.
    others = {code.path(found.module) for found in (of_entry, of_manage) if found} - _made_of(code, path)
    files = [file for file in code.closure(starts) if file not in others]
    first = of_entry or of_manage
    return Project(manage, module, path, tuple(files), first is None or first.is_default, code.home)


def _made_of(code: Code, path: str) -> set[str]:
    """Return the files that settings have all their names from, and their own."""
    found: set[str] = set()
    waiting = [path]
    while waiting:
        file = waiting.pop()
        if file and file not in found:
            found.add(file)
            waiting.extend(map(code.path, code.stars(file)))
    return found


def missing_imports(code: Code, path: str) -> list[tuple[str, str]]:
    """Return the modules of its own that a file can't do without and that are not in the folder, and where."""
    found = []
    for node in statements(code.tree.module(path).body) if path else ():
        if isinstance(node, ast.ImportFrom):
            dotted = code.source(path, node)
            is_own = bool(node.level) or bool(code.path(dotted.rpartition(".")[0]))
            is_guarded = any(isinstance(above, ast.Try | ast.With | ast.If) for above in code.parents(path, node))
            if is_own and not is_guarded and dotted and not code.path(dotted):
                found.append((dotted, code.at(path, node)))
    for call in code.calls(path) if path else ():
        # By its name, which a variable may have.
        is_import = code.qualified(path, call.func) == "importlib.import_module" and bool(call.args)
        name = code.value(path, call.args[0]) if is_import else None
        if isinstance(name, str) and code.path(name.rpartition(".")[0]) and not code.path(name):
            found.append((name, code.at(path, call)))
    return found


def _ask_about_missing(code: Code, path: str, report: Report) -> None:
    """Ask for settings that the settings import and that are not in the folder, such as a local.py that git ignores."""
    for dotted, place in missing_imports(code, path):
        report.ask(
            "files",
            f"{place} imports {dotted}, which is not in the folder, or git ignores it: write it in a template of "
            "yours, and name that in `files`.",
        )


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


def _told(code: Code) -> Selected | None:
    """Return the settings that an image, Compose, fly.toml or a unit of systemd selects, or None."""
    for path in code.tree.files:
        for number, line in code.tree.lines(path) if IMAGES.search(path) and not ASIDE.search(path) else ():
            found = None if re.match(r"\s*(RUN|#)", line) else TOLD.search(line)
            if found and code.path(found[1]) and not DEVELOPMENT.search(found[1]):
                return Selected(found[1], code.tree.at(path, number), True)
    return None


def _choose(code: Code, of_entry: Selected | None, of_manage: Selected | None, report: Report) -> str:
    """Return the settings for production, and note them where the files' own default is another."""
    first = of_entry or of_manage
    told = _told(code)
    if told and (first is None or (first.is_default and told.module != first.module)):
        _select(report, told.module, told.reason)
        return told.module
    if first is None:
        return _lone_settings(code, report)
    if of_manage and not _has_apps(code, first.module) and _has_apps(code, of_manage.module):
        # The package of the settings alone, which has none.
        _select(report, of_manage.module, of_manage.reason)
        return of_manage.module
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


def _has_apps(code: Code, module: str) -> bool:
    """Tell whether a module says which apps a project has."""
    path = code.path(module)
    return bool(path) and code.setting_node(path, "INSTALLED_APPS")[1] is not None


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
