"""Static files, uploads, and the commands that complete a release."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from posixpath import basename, dirname, join, normpath

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import UNKNOWN, Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.entry_point import MAKERS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import (
    argument,
    assigned,
    constants,
    has_main,
    keyword,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

UPLOADS = re.compile(r"^(UPLOAD|UPLOADS|UPLOADED|MEDIA)_(\w+_)?(FOLDER|DIR|DIRECTORY|PATH|DEST|ROOT)$")
DATA = re.compile(r"(?i)(^|_)DATA_(FOLDER|DIR|DIRECTORY|PATH|ROOT)$")
# Commands of an image's build that complete a release, too; packages are installed in another way, and neither
# migrations nor static files are forgotten elsewhere.
BUILDS = re.compile(r"(python \S*manage\.py|python -m (?!pip|venv|compileall|ensurepip)|flask |pybabel compile)")
# What completes a release wherever it is run, such as in the script that starts the server.
COMPILES = re.compile(r"\b(compile|compilemessages|compress)\b")
NOT_BUILDS = re.compile(r"\b(migrate|upgrade|collectstatic|runserver|createsuperuser|loaddata|run|test|check|seed)\b")


def find_static(code: Code, files: Iterable[str], report: Report) -> None:
    """Note the folders that Flask, FastAPI and their like answer with files from."""
    found: dict[str, str] = {}
    reasons: list[str] = []
    for path in files:
        for address, place, reason in [*_flask_static(code, path), *_mounted_static(code, path)]:
            if place.startswith(("/", "..")):
                report.ask(
                    "static", f"{reason} has static files in {place}, outside the folder: let a build copy them in."
                )
            elif address != "/" and address not in found:
                found[address] = place
                reasons.append(reason)
    if found:
        report.find("static", found, ", ".join(dict.fromkeys(reasons)))


def _flask_static(code: Code, path: str) -> Iterator[tuple[str, str, str]]:
    """Return the path, the folder and the place in the code of a Flask application's static files."""
    for call in code.calls(path):
        if MAKERS.get(code.qualified(path, call.func)) in ("Flask", "Quart"):
            moved = _moved(code, path)
            node = keyword(call, "static_folder")
            given = moved if moved is not None else node
            if isinstance(node, ast.Constant) and node.value is None and moved is None:
                continue
            value = code.value(path, given) if given is not None else "static"
            if value is UNKNOWN:
                continue
            # A text goes by the folder of the module, and not by the one that the application runs in.
            place = normpath(join(dirname(path), value)) if isinstance(value, str) else code.folder(value)
            told = code.value(path, keyword(call, "static_url_path"))
            usual = basename(code.folder(code.value(path, node) if node is not None else "static"))
            address = told if isinstance(told, str) else f"/{usual}"
            if given is not None or code.tree.has_folder(place):
                yield f"/{address.strip('/')}/".replace("//", "/"), place, code.at(path, given or call)


def _moved(code: Code, path: str) -> ast.expr | None:
    """Return the folder that `app.static_folder` is set to, or None."""
    for node in code.nodes(path):
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Attribute) and target.attr == "static_folder" for target in node.targets
        ):
            return node.value
    return None


def _mounted_static(code: Code, path: str) -> Iterator[tuple[str, str, str]]:
    """Return the same of each StaticFiles that an ASGI application mounts, and of what aiohttp and Litestar have."""
    for call in code.calls(path):
        method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        is_added = method == "add_static"
        if method == "add_static_view":  # of Pyramid, whose paths go by the folder of the module
            address, given = code.value(path, argument(call, 0, "name")), code.value(path, argument(call, 1, "path"))
            place = given.replace(":", "/") if isinstance(given, str) else ""
            place = place if place and ":" in str(given) else join(dirname(path), place)
            if isinstance(address, str) and place and "://" not in address:
                yield f"/{address.strip('/')}/", place, code.at(path, call)
        if is_added or code.qualified(path, call.func).endswith("create_static_files_router"):
            address = code.value(path, argument(call, 0, "prefix", "path"))
            given = code.value(
                path, argument(call, 1, "path", "directories") if is_added else keyword(call, "directories")
            )
            place = code.folder(given[0] if isinstance(given, list) and given else given)
            if isinstance(address, str) and place:
                yield f"/{address.strip('/')}/".replace("//", "/"), place, code.at(path, call)
        is_mount = isinstance(call.func, ast.Attribute) and call.func.attr == "mount"
        if is_mount or code.qualified(path, call.func).endswith("routing.Mount"):
            inner = argument(call, 1, "app")
            if isinstance(inner, ast.Name):
                inner = code.origin(path, inner)[1]
            address = code.value(path, argument(call, 0, "path"))
            if isinstance(inner, ast.Call) and code.qualified(path, inner.func).endswith("StaticFiles"):
                place = code.folder(code.value(path, argument(inner, 0, "directory")))
                if isinstance(address, str) and place:
                    yield f"/{address.strip('/')}/".replace("//", "/"), place, code.at(path, call)


def find_builds(code: Code, commands: Iterable[Command], report: Report) -> None:
    """Note the commands that complete a release, and ask for those that fill a static folder that is not there."""
    for command in commands:
        is_build = BUILDS.match(command.text) and not NOT_BUILDS.search(command.text)
        is_told = command.process == "build" or bool(COMPILES.search(command.text))
        if is_told and command.is_plain and is_build:
            report.add("build_commands", [command.text], command.reason)
            if "compilemessages" in command.words:
                report.add("packages", ["gettext"], command.reason)  # which has msgfmt
    static = report.value("static") or {}
    kept = report.value("shared_paths") or []
    for place in [place for place in static.values() if place not in kept and not code.tree.has_folder(place)]:
        if told := _filling(code, place):
            report.add("build_commands", [told[0]], told[1])
        elif not report.value("build_commands"):
            report.ask(
                "build_commands", f"{place}/ is not in the folder: write the command that makes it into build_commands."
            )


def _filling(code: Code, place: str) -> tuple[str, str] | None:
    """Return the command of a README or a Makefile that fills a folder, by what it or its module says, and where."""
    word = re.compile(rf"\b{re.escape(basename(place))}\b")
    paths = [
        path for path in code.tree.files if basename(path).lower().startswith(("readme", "makefile", "contributing"))
    ]
    for path in paths:
        for number, line in code.tree.lines(path):
            if found := re.search(r"python3? -m ([A-Za-z_][\w.]*)", line):
                module = code.path(found[1]) or code.path(f"{found[1]}.__main__")
                about = f"{line[found.end() :]} {ast.get_docstring(code.tree.module(module)) or ''}" if module else ""
                if module and has_main(code.tree.module(module)) and word.search(about):
                    return f"python -m {found[1]}", f"{code.tree.at(path, number)}, {code.tree.at(module)}"
    return None


def find_uploads(code: Code, files: Iterable[str], report: Report) -> None:
    """Note the folders that visitors' files are kept in, by settings of the usual names."""
    places: list[str] = []
    reasons: list[str] = []
    for path in files:
        for node in code.nodes(path):
            for name, value in _settings(node):
                place = code.folder(_given(code, path, value)) if UPLOADS.match(name) or DATA.search(name) else ""
                # What a source has in such a folder would be as old as its first release.
                is_data = not UPLOADS.match(name) and (place.startswith(("/", "..")) or code.tree.has_folder(place))
                if place and not is_data and keep(code.at(path, node), place, report) and place not in places:
                    places.append(place)
                    reasons.append(code.at(path, node))
    if places:
        report.find("shared_paths", places, ", ".join(reasons))


def _given(code: Code, path: str, value: ast.expr) -> object:
    """Return the value of a setting, or the default of a field of pydantic."""
    is_field = isinstance(value, ast.Call) and code.qualified(path, value.func).rpartition(".")[2] == "Field"
    return code.value(path, argument(value, 0, "default") if isinstance(value, ast.Call) and is_field else value)


def keep(reason: str, place: str, report: Report) -> bool:
    """Tell whether a folder for uploads can be kept across releases, and ask where it can't."""
    if place.startswith(("/", "..")) or place == ".":
        report.ask(
            "shared_paths",
            f"{reason} keeps uploads in {place}, which is no folder of the release: let it be one, and write it here.",
        )
        return False
    return True


def _settings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Return names and values of settings: of a module, a class, or `app.config["NAME"]`."""
    yield from assigned(node)
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                yield from ((name, node.value) for name in constants(target.slice))
