"""The entry point of an application: the object or the factory that a server loads, found in its code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import basename, dirname, join

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.names import PATTERNS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.packages import LOCKS, is_package
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.paste import paste_factory
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.servers import Server
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shiny import express
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import FUNCTIONS, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree

# What makes an application, and the framework; those of ASGI are listed below.
MAKERS = {
    "flask.Flask": "Flask",
    "apiflask.APIFlask": "Flask",
    "connexion.FlaskApp": "Flask",
    "fastapi.FastAPI": "FastAPI",
    "fastapi.applications.FastAPI": "FastAPI",
    "starlette.applications.Starlette": "Starlette",
    "quart.Quart": "Quart",
    "litestar.Litestar": "Litestar",
    "channels.routing.ProtocolTypeRouter": "Django",
    "socketio.ASGIApp": "Starlette",
    "falcon.App": "Falcon",
    "falcon.asgi.App": "Falcon",
    "bottle.Bottle": "Bottle",
    "bottle.default_app": "Bottle",
    "aiohttp.web.Application": "aiohttp",
    "sanic.Sanic": "Sanic",
    "dash.Dash": "Dash",
    "dash.dash.Dash": "Dash",
    "shiny.App": "Shiny",
    "django.core.wsgi.get_wsgi_application": "Django",
    "django.core.asgi.get_asgi_application": "Django",
}
ASGI = {
    *("fastapi.FastAPI", "fastapi.applications.FastAPI", "starlette.applications.Starlette", "quart.Quart"),
    *("litestar.Litestar", "falcon.asgi.App", "django.core.asgi.get_asgi_application", "socketio.ASGIApp"),
    *("channels.routing.ProtocolTypeRouter", "shiny.App", "sanic.Sanic"),
}
# What makes an application that has the one for a server in an attribute.
WITH_SERVER = {"dash.Dash", "dash.dash.Dash"}
FACTORY = re.compile(r"(create|make|build|get|init)_(\w+_)?(app|application|api)$|(app|application)_factory$")
HINT = re.compile(
    r"Flask|FastAPI|Starlette|Quart|Litestar|falcon|Bottle|shiny|web\.App|Configurator|Sanic|Dash|_application|_app\b|_factory|start_response"
)
# Files that hold an entry point, the likeliest first, and names of it.
FILES = ("wsgi", "asgi", "main", "app", "application", "server", "api", "run", "__init__", "manage")
NAMES = ("app", "application", "api", "server")


@dataclass(frozen=True)
class EntryPoint:
    """An entry point: the module's file, what follows the colon, and where it was seen.

    Nothing follows where the file itself is the application, as in shiny.express. `needs` names the arguments that a
    factory can't do without.
    """

    path: str
    attribute: str
    framework: str
    is_asgi: bool
    reason: str
    needs: tuple[str, ...] = ()

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Return how likely it is the one, the lowest first: by the file's name and how near it is to the root."""
        stem = basename(self.path).removesuffix(".py")
        by_name = FILES.index(stem) if stem in FILES else len(FILES)
        # wsgi.py is made for this, wherever it lies; a factory is what is left where nothing calls it.
        is_odd = stem not in FILES and self.attribute not in NAMES
        is_late = self.attribute.endswith(")") or is_odd
        return is_late, 0 if by_name < 2 else 1, self.path.count("/") * 20 + by_name


def import_roots(tree: Tree, found: Iterable[Server]) -> list[str]:
    """Return the folders from which modules are imported: the tree itself, and those that it is told to begin from."""
    roots = {"", *(place for server in found for place in (server.folder, server.path))}
    roots |= {dirname(path) for path in tree.named("manage.py") if leads_to_neighbours(tree, path)}
    # A folder with packages of its own that is none itself, such as backend/ beside frontend/.
    roots |= {
        place
        for path in tree.named(*LOCKS)
        if (place := dirname(path)).count("/") < 2 and place and not tree.has(f"{place}/__init__.py")
    }
    roots |= {join(root, "src") for root in roots if not tree.has(join(root, "src/__init__.py"))}
    for path in tree.python():
        place = dirname(path)
        is_near = place and place.count("/") < 2 and not tree.has(f"{place}/__init__.py")
        if is_near and place not in roots and _imports_neighbours(tree, path, place):
            roots.add(place)
    return sorted(roots)


def leads_to_neighbours(tree: Tree, path: str) -> bool:
    """Tell whether a manage.py is at home in its folder: that is no package, or has the settings that it names."""
    place = dirname(path)
    if not place or not tree.has(f"{place}/__init__.py"):
        return True
    named = {text.partition(".")[0] for text in constants(tree.module(path)) if re.fullmatch(r"\w+(\.\w+)+", text[:99])}
    return any(tree.has(f"{place}/{name}.py") or tree.has(f"{place}/{name}/__init__.py") for name in named)


def _imports_neighbours(tree: Tree, path: str, place: str) -> bool:
    """Tell whether a file imports one beside it by its bare name, as it can where their folder is a root."""
    if not HINT.search(tree.text(path)):
        return False
    for node in ast.walk(tree.module(path)):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in (name.partition(".")[0] for name in names):
            is_beside = tree.has(f"{place}/{name}.py") or tree.has(f"{place}/{name}/__init__.py")
            if name and is_beside and not tree.has(f"{name}.py") and not tree.has(f"{name}/__init__.py"):
                return True
    return False


def entries(code: Code) -> list[EntryPoint]:
    """Return the entry points in the code, the likeliest first."""
    found: list[EntryPoint] = []
    for path in code.tree.python():
        is_told = basename(path) in ("wsgi.py", "asgi.py") or HINT.search(code.tree.text(path))
        if is_told and not PATTERNS & set(path.split("/")[:-1]):
            found.extend(
                [*_objects(code, path), *_factories(code, path)] or [*_express(code, path), *_paste(code, path)]
            )
    return sorted(found, key=lambda entry: (entry.rank, entry.path))


def named(code: Code, server: Server, known: Iterable[EntryPoint]) -> EntryPoint | None:
    """Return the entry point that a server's command names, or None where its module is not in the tree."""
    module, _, attribute = server.entry.partition(":")
    places = [join(place, module.replace(".", "/")) for place in (server.path or server.folder, server.folder)]
    files = (path for place in places for path in (f"{place}.py", f"{place}/__init__.py"))
    path = next(filter(code.tree.has, files), "") or code.path(module)
    if not path:
        return None
    name = attribute.partition("(")[0]
    for entry in known:
        if entry.path == path and entry.attribute.partition("(")[0] == name:
            return EntryPoint(path, attribute, entry.framework, entry.is_asgi or server.is_asgi, server.reason)
    made = next((MAKERS[maker] for maker in _makers(code, path) if maker in MAKERS), "")
    return EntryPoint(path, attribute, made, server.is_asgi, server.reason)


def _makers(code: Code, path: str) -> Iterator[str]:
    """Return what makes the objects in a file and in those that it imports."""
    for other in code.closure([path]):
        yield from (code.qualified(other, call.func) for call in code.calls(other))


def _objects(code: Code, path: str) -> Iterator[EntryPoint]:
    """Return the applications that a module holds."""
    found = []
    for name, values in code.bindings(path).items():
        value = values[-1][0]
        if isinstance(value, ast.Attribute) and value.attr == "server":
            if code.maker(path, value.value) in WITH_SERVER:
                found.append(EntryPoint(path, name, "Dash", False, code.at(path, value)))
        elif isinstance(value, ast.Call):
            maker = _maker(code, path, value)
            if maker in MAKERS and maker not in WITH_SERVER:
                found.append(EntryPoint(path, name, MAKERS[maker], maker in ASGI, code.at(path, value)))
    for name, definition in code.definitions(path).items():
        if isinstance(definition, FUNCTIONS) and name in NAMES:
            parameters = [parameter.arg for parameter in definition.args.args]
            if parameters == ["environ", "start_response"]:
                found.append(EntryPoint(path, name, "", False, code.at(path, definition)))
            elif parameters == ["scope", "receive", "send"]:
                found.append(EntryPoint(path, name, "", True, code.at(path, definition)))
    if not found and basename(path) in ("wsgi.py", "asgi.py"):
        found = list(_imported(code, path))
    found = [entry for entry in found if not entry.attribute.startswith("_")]
    by_name = sorted(found, key=lambda entry: NAMES.index(entry.attribute) if entry.attribute in NAMES else len(NAMES))
    yield from by_name[:1]


def _imported(code: Code, path: str) -> Iterator[EntryPoint]:
    """Return the applications that a wsgi.py has from another module."""
    for name, dotted in code.imports(path).items():
        where, inner = code.resolve(dotted)
        value = code.bindings(where)[inner][-1][0] if where and inner in code.bindings(where) else None
        maker = _maker(code, where, value) if isinstance(value, ast.Call) else ""
        if maker in MAKERS:
            yield EntryPoint(path, name, MAKERS[maker], maker in ASGI, code.at(path))


def _express(code: Code, path: str) -> Iterator[EntryPoint]:
    """Return the file of shiny.express that `shiny run` takes: it is the application, and holds no object."""
    used = next((name for name in code.imports(path).values() if f"{name}.".startswith("shiny.express.")), "")
    if used and basename(path) == "app.py":
        yield EntryPoint(path, "", "Shiny", True, code.at_import(path, used))


def _paste(code: Code, path: str) -> Iterator[EntryPoint]:
    """Return the factory of Pyramid that an ini file of Paste leads to."""
    for definition in paste_factory(code, path):
        yield EntryPoint(path, "main", "Pyramid", False, code.at(path, definition))


def _maker(code: Code, path: str, call: ast.Call) -> str:
    """Return the full name of what a call makes an application with, by itself or in a factory."""
    if by := _made_by(code, path, call.func):
        return by
    name = code.qualified(path, call.func)
    where, definition = code.definition(path, call.func)
    if isinstance(definition, FUNCTIONS):
        return _made_in(code, where, definition)
    # An application around another, such as middleware: `app = Middleware(app)`.
    inner = [value for value in call.args if isinstance(value, ast.Call)]
    return _maker(code, path, inner[0]) if inner and FACTORY.search(name[-99:]) is None else ""


def _made_in(code: Code, path: str, definition: ast.AST) -> str:
    """Return the full name of what a function makes an application with, or an empty string."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Call) and (by := _made_by(code, path, node.func)):
            return by
    return ""


def _made_by(code: Code, path: str, func: ast.expr) -> str:
    """Return the full name of what a call makes an application with: a framework's class, or one made of it."""
    name = code.qualified(path, func)
    if name in MAKERS:
        return name
    where, definition = code.definition(path, func)
    bases = definition.bases if isinstance(definition, ast.ClassDef) else []
    return next((base for item in bases if (base := code.qualified(where, item)) in MAKERS), "")


def _factories(code: Code, path: str) -> Iterator[EntryPoint]:
    """Return the factories of a module, called without arguments."""
    for name, definition in code.definitions(path).items():
        if not isinstance(definition, FUNCTIONS) or not FACTORY.search(name[-99:]):
            continue
        maker = _made_in(code, path, definition)
        returns = any(isinstance(node, ast.Return) and node.value is not None for node in ast.walk(definition))
        if maker and returns:
            arguments = definition.args
            plain = [*arguments.posonlyargs, *arguments.args]
            needed = [item.arg for item in plain[: len(plain) - len(arguments.defaults)]]
            needed += [
                item.arg
                for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
                if default is None
            ]
            reason = code.at(path, definition)
            # The worker of aiohttp awaits a factory itself.
            attribute = name if isinstance(definition, ast.AsyncFunctionDef) else f"{name}()"
            yield EntryPoint(path, attribute, MAKERS[maker], maker in ASGI, reason, tuple(needed))


def root(code: Code, entry: EntryPoint) -> str:
    """Return the folder that an entry point's module is imported from, or an empty string for the tree itself."""
    dotted = code.name(entry.path).replace(".", "/")
    return entry.path.removesuffix(".py").removesuffix("/__init__").removesuffix(dotted).rstrip("/")


def home_of(code: Code, entry: EntryPoint | None, server: Server | None, manage: str, lock: str) -> str:
    """Return the folder that the application runs in: an empty string for the tree itself.

    That is the folder that a command enters, or that of manage.py, or the one that its modules are imported from,
    unless the code itself names its files by the root.
    """
    if server and (server.folder or server.path):
        return server.folder
    if manage and leads_to_neighbours(code.tree, manage):
        return dirname(manage)
    place = root(code, entry) if entry else ""
    is_installed = (place == "src" or place.endswith("/src")) and is_package(code.tree, lock)
    if is_installed:
        return dirname(place)
    return "" if not place or _is_pinned(code, entry, place) else place


def _is_pinned(code: Code, entry: EntryPoint | None, place: str) -> bool:
    """Tell whether an application has to run in the root, as relative paths in its code lead from there."""
    if code.tree.has("alembic.ini") or not entry:
        return True
    texts = (
        node.value
        for path in code.closure([entry.path])
        for node in code.nodes(path)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(f"{place}/")
    )
    return any(len(text) < 200 and (code.tree.has(text) or code.tree.has_folder(text)) for text in texts)


def written(code: Code, entry: EntryPoint) -> str:
    """Return an entry point as gunicorn takes it."""
    if not entry.attribute:
        return express(code.from_home(entry.path))
    return f"{code.name(entry.path)}:{entry.attribute}"
