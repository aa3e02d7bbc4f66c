"""A file of settings of the user's own, where Flask takes one that the environment names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from posixpath import join

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.environment import is_elsewhere, reads
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import argument, assigned, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report, UserFile, Variable

NAME = "webstack_settings.cfg"
# Settings that a server sets, the variable that each is read from, and what that is for.
SETTINGS = {
    "SECRET_KEY": ("SECRET_KEY", "secret"),
    "SQLALCHEMY_DATABASE_URI": ("DATABASE_URL", "database"),
    "REDIS_URL": ("REDIS_URL", "redis"),
    "CELERY_BROKER_URL": ("CELERY_BROKER_URL", "broker"),
}


def find_settings_file(
    code: Code, files: Iterable[str], read: Iterable[Variable], report: Report
) -> tuple[tuple[UserFile, ...], tuple[Variable, ...]]:
    """Return a file of what stands in the code, with the variables that it reads; note that it is the one to take."""
    files, names = list(files), {variable.name for variable in read}
    named = next(_named(code, files), None)
    lacking = {
        setting: place for setting, place in _literals(code, files) if not {setting, SETTINGS[setting][0]} & names
    }
    if named is None or not lacking:
        return (), ()
    # Flask takes a path by the package or the instance, and no entry knows the folder of a release; but each process
    # of a release begins in it.
    report.find(f"environment.{named.name}", f"/proc/self/cwd/{NAME}", named.reason)
    lines = [f'{setting} = os.environ["{SETTINGS[setting][0]}"]' for setting in lacking]
    head = ["# Settings of this site, in the place of those that the application has in its code.", "import os", ""]
    variables = tuple(
        Variable(SETTINGS[setting][0], place, SETTINGS[setting][1], required=True, at_start=True)
        for setting, place in lacking.items()
    )
    return (UserFile(join(code.home, NAME), "\n".join([*head, *lines, ""]), ", ".join(lacking.values())),), variables


def _named(code: Code, files: list[str]) -> Iterator[Variable]:
    """Return the variables that name a file of settings."""
    for path in files:
        for call in code.calls(path):
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            given = argument(call, 0, "filename", "variable_name")
            if given is None or method not in ("from_pyfile", "from_envvar"):
                continue
            if method == "from_pyfile":
                found = reads(code, path, given)
                yield from [found] if found else []
            elif isinstance(name := code.value(path, given), str):
                yield Variable(name, code.at(path, call))


def _literals(code: Code, files: list[str]) -> Iterator[tuple[str, str]]:
    """Return the settings that stand in the code, and where; those of development and tests are left out."""
    for path in files:
        for node in code.nodes(path):
            for name, value in assigned(node):
                is_set = name in SETTINGS and not is_elsewhere(code, path, node)
                is_text = isinstance(code.value(path, value), str) or any("://" in text for text in constants(value))
                if is_set and not reads(code, path, value) and is_text:
                    yield name, code.at(path, node)
