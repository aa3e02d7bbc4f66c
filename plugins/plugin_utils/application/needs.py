"""What an application needs around it: values of variables for itself and its builds, a network, other servers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.environment import is_elsewhere
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.settings import SELECTOR
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import assigned, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Database, Report, Variable

# Variables that choose a configuration by name.
SELECTORS = re.compile(
    r"^(FLASK_CONFIG|FLASK_ENV|APP_SETTINGS|APP_CONFIG|CONFIG_NAME|((APP|DJANGO|FASTAPI)_)?ENV(IRONMENT)?)$"
)
# An address for builds: libraries read one when they are imported, and connect later.
NO_REDIS = "redis://localhost"


def find_environment(code: Code, files: Iterable[str], read: Iterable[Variable], report: Report) -> None:
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
        is_eager = variable.name.endswith("ALWAYS_EAGER") and bool(report.value("background"))
        if variable.kind == "debug" or is_eager:
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


def find_build_environment(framework: str, read: Iterable[Variable], database: Database | None, report: Report) -> None:
    """Note what build commands that load the settings need: any value will do, and a SECRET_KEY is made up."""
    if framework != "Django" or not report.value("build_commands"):
        return
    by_url = f"{database.scheme}://none:none@localhost/none" if database and database.url else ""
    values: dict[str, str] = {}
    for variable in read:
        if variable.required and variable.at_start and variable.name != "SECRET_KEY":
            by_type = {"integer": "0", "boolean": "false", "json": "[]"}.get(variable.type, "none")
            is_redis = variable.kind in ("redis", "broker")
            address = NO_REDIS if is_redis else by_url if database and variable.name == database.url else ""
            values[variable.name] = address or by_type
    selected = report.value(f"environment.{SELECTOR}")
    if selected:
        values[SELECTOR] = selected
    if values:
        places = dict.fromkeys(variable.reason.partition(":")[0] for variable in read if variable.name in values)
        report.find("build_environment", values, ", ".join(places) or "as in environment")


def ask_about_secrets(code: Code, files: Iterable[str], read: Iterable[Variable], report: Report) -> None:
    """Ask about a secret that stands in the code, where an entry can't reach it."""
    if any(variable.kind == "secret" for variable in read):
        return
    for path in files:
        for node in code.nodes(path):
            for name, value in _given(node):
                why = _fault(code, path, value) if name.upper() == "SECRET_KEY" else ""
                if why and not is_elsewhere(code, path, node):
                    report.ask(
                        f"environment.{name}",
                        f"{code.at(path, value)} sets {name}, which {why}: let it be read from os.environ.",
                    )
                    return


def _fault(code: Code, path: str, value: ast.expr) -> str:
    """Return why an expression is no secret for a server, or an empty string."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
        return "is no secret in the code"
    made = {code.qualified(path, node.func) for node in ast.walk(value) if isinstance(node, ast.Call)}
    is_random = any(name.startswith(("os.urandom", "secrets.", "uuid.")) for name in made)
    is_read = any(name.startswith(("os.environ", "os.getenv")) for name in made)
    return "is another one in each process, so that logins get lost" if is_random and not is_read else ""


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Return names and values of settings: of a module, a class, a call's arguments, or `app.config["NAME"]`."""
    yield from assigned(node)
    if isinstance(node, ast.Call):
        yield from ((item.arg, item.value) for item in node.keywords if item.arg)
    elif isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Subscript):
                yield from ((name, node.value) for name in constants(target.slice))
            elif isinstance(target, ast.Attribute):
                yield target.attr, node.value
