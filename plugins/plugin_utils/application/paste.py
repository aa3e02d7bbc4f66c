"""An application of Pyramid, which a server takes by an ini file of Paste: a module of the user's own loads it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from posixpath import basename, join

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.commands import DEVELOPMENT
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import FUNCTIONS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report, UserFile

NAME = "webstack_wsgi"
CONFIGURATOR = "pyramid.config.Configurator"


def paste_factory(code: Code, path: str) -> Iterator[ast.AST]:
    """Return the function of a module that makes an application from an ini file's settings."""
    for definition in code.definitions(path).values():
        if isinstance(definition, FUNCTIONS) and definition.args.kwarg and definition.args.args:
            calls = (node for node in ast.walk(definition) if isinstance(node, ast.Call))
            if any(code.qualified(path, call.func) == CONFIGURATOR for call in calls):
                yield definition


def find_paste(code: Code, report: Report) -> tuple[UserFile, ...]:
    """Note the module that loads the ini file for production, and the migrations that it tells of, or ask for one."""
    named = [path for path in code.tree.files if path.endswith(".ini") and _sections(code, path).get("app", 0)]
    usable = [path for path in named if not DEVELOPMENT.search(basename(path))]
    if not usable:
        report.ask("wsgi_app", "No ini file for production describes the application: write one, and name it in files.")
        return ()
    path = min(usable, key=lambda path: ("prod" not in path, path.count("/"), path))
    sections = _sections(code, path)
    reason, ini = code.tree.at(path, sections["app"]), code.from_home(path)
    report.find("wsgi_app", f"{NAME}:application", reason)
    if "alembic" in sections:
        report.find("migrate_command", f"alembic -c {ini} upgrade head", code.tree.at(path, sections["alembic"]))
    text = f'"""The application of this site, as {ini} describes it."""\n\nfrom pyramid.paster import get_app\n\n'
    return (UserFile(join(code.home, f"{NAME}.py"), f'{text}application = get_app("{ini}")\n', reason),)


def _sections(code: Code, path: str) -> dict[str, int]:
    """Return the lines of an ini file on which an application and Alembic stand."""
    found: dict[str, int] = {}
    for number, line in code.tree.lines(path):
        if re.match(r"\[(app|composite|pipeline):main\]|\[app:\w+\]", line):
            found.setdefault("app", number)
        elif line.startswith("[alembic]"):
            found.setdefault("alembic", number)
    return found
