"""The entry of a site, written down from what an application's files tell: each value with the reason for it."""

from __future__ import annotations

import copy
import json
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.app_commands import command_fault
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.needs import NO_REDIS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import (
    Application,
    Database,
    Finding,
    Variable,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.site_services import redis_url

# The keys of an entry in the order in which they are written.
ORDER = (
    *("domain", "server_names", "aliases", "app", "directory", "repo", "version", "key_file", "subdirectory"),
    *("include", "local_build_commands", "packages", "requirements", "constraints", "dependency_groups", "extras"),
    *("python_packages", "package_indexes", "files", "server", "wsgi_app", "build_commands", "build_environment"),
    *("migrate_command", "migrate_check_command", "migrate_environment", "static", "app_paths", "streaming_paths"),
    *("internal", "shared_paths", "health_path", "environment_file", "environment", "database", "redis", "smtp"),
    *("background", "scheduled", "gunicorn", "uwsgi", "app_deploy", "nginx"),
)
# A line that begins like this asks what only the user knows; check finds it.
QUESTION = "# ?"
# What a build gets in the place of what only a running site has.
NONE = "none"
PARTS = {"port": "3306", "socket": names.DATABASE_SOCKET, "engine": "mysql"}


@dataclass
class Entry:
    """An entry of `sites` with the reasons of its values, the secrets that it wants, and what has to be asked."""

    app: str
    values: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    # Names of variables of the vault.
    secrets: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    # Files of the user's own, by their paths in the folder of sites.
    files: dict[str, str] = field(default_factory=dict)

    def set(self, key: str, value: Any, reason: str = "") -> None:
        """Set a dotted key, unless it is set."""
        place = self.values
        *parents, last = key.split(".", 1)
        for parent in parents:
            place = place.setdefault(parent, {})
        if last not in place:
            place[last] = value
            self.reasons[key] = one_line(reason)

    def take(self, finding: Finding) -> None:
        """Set what was found. Ansible would run a template that stands in it, so such a value is asked for."""
        if is_template(finding.value):
            self.questions.append(
                f"{finding.key}: {finding.reason} has braces, which Ansible reads; write it yourself."
            )
        else:
            self.set(finding.key, copy.deepcopy(finding.value), finding.reason)

    def secret(self, name: str) -> str:
        """Return the template of a secret that the vault is to hold."""
        variable = f"vault_{self.app}_{name.lower()}"
        self.secrets.append(variable)
        return f"{{{{ {variable} }}}}"

    def text(self) -> str:
        """Return the entry as an item of the list `sites`."""
        lines = [line for key in ORDER if key in self.values for line in self._lines(key, self.values[key])]
        lines += [f"{QUESTION} {one_line(question)}" for question in self.questions]
        return "".join(f"  {'- ' if number == 0 else '  '}{line}\n" for number, line in enumerate(lines))

    def _lines(self, key: str, value: Any) -> Iterator[str]:
        """Yield the lines of one key, which has a line for each of its own keys where they have reasons."""
        nested = isinstance(value, dict) and any(self.reasons.get(f"{key}.{name}") for name in value)
        if not nested:
            yield _with(f"{key}: {inline(value)}", self.reasons.get(key, ""))
            return
        yield f"{key}:"
        for name, item in value.items():
            yield _with(f"  {name}: {inline(item)}", self.reasons.get(f"{key}.{name}", ""))


def _with(line: str, reason: str) -> str:
    """Return a line with a reason behind it."""
    return f"{line}  # {reason}" if reason else line


def one_line(text: str) -> str:
    """Return a text that can stand in a comment, whatever the application's files have put into it."""
    return "".join(character if character.isprintable() else " " for character in text)


def is_template(value: Any) -> bool:
    """Tell whether a value holds something that Ansible would fill in."""
    if isinstance(value, Mapping):
        return any(map(is_template, [*value, *value.values()]))
    if isinstance(value, (list, tuple)):
        return any(map(is_template, value))
    return bool(re.search(r"\{\{|\{%|\{#", str(value)))


def inline(value: Any) -> str:
    """Return a value as YAML in one line, with quotes only where it needs them."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{inline(name)}: {inline(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, bool) or value is None or not isinstance(value, str):
        return json.dumps(value)
    try:
        plain = yaml.safe_load(f"[{{a: {value}}}, {value}]") == [{"a": value}, value]
    except yaml.YAMLError:
        plain = False
    return value if plain else json.dumps(value, ensure_ascii=False)


def new_entry(application: Application, app: str, source: Sequence[Finding], has_www: bool = True) -> Entry:
    """Return the entry of an application under a name of its own, from a source: `directory`, or `repo` and `version`.

    The domain is a variable, so that each environment has its own.
    """
    entry = Entry(app)
    domain = f"{{{{ {app}_domain }}}}"
    entry.set("domain", domain)
    if has_www:
        entry.set("aliases", [f"www.{domain}"])
    entry.set("app", app)
    for finding in map(_with_shells, [*source, *application.findings]):
        entry.take(finding)
    _files(entry, application)
    for variable in application.variables:
        if re.fullmatch(r"[A-Za-z_]\w*", variable.name, re.ASCII):
            _variable(entry, variable, domain)
    if application.database and not is_template([application.database.url, *application.database.variables.values()]):
        _database(entry, application, application.database)
    entry.questions += [f"{question.key}: {question.text}".removeprefix(": ") for question in application.questions]
    return entry


def _with_shells(finding: Finding) -> Finding:
    """Return a finding whose commands beside the application are given to a shell where they need one."""
    if finding.key != "background":
        return finding
    processes = [
        {**one, "command": f"sh -c {shlex.quote(one['command'])}"} if command_fault(one["command"]) else one
        for one in finding.value
    ]
    return replace(finding, value=processes)


def _files(entry: Entry, application: Application) -> None:
    """Name the files that the application lacks, and have them written into the folder of sites."""
    listed = []
    for file in application.files:
        source = f"files/{entry.app}/{posixpath.basename(file.dest)}"
        listed.append({"src": source, "dest": file.dest})
        entry.files[source] = file.text
    if listed:
        reason = ", ".join(file.reason for file in application.files)
        entry.set("files", listed, reason)


def _variable(entry: Entry, variable: Variable, domain: str) -> None:
    """Set a variable of the environment whose value follows from what it is for."""
    key = f"environment.{variable.name}"
    socket = f"{names.redis(entry.app)}/redis.sock"
    number = int("RESULT" in variable.name)
    values = {
        **{"domain": domain, "origin": f"https://{domain}"},
        **{"redis": redis_url({"app": entry.app}), "broker": f"redis+socket://{socket}?virtual_host={number}"},
    }
    if variable.kind == "secret":
        entry.set(key, entry.secret(variable.name), variable.reason)
    elif variable.kind in values and variable.name != "REDIS_URL":  # which comes with `redis`
        value = values[variable.kind]
        entry.set(key, json.dumps([value]) if variable.type == "json" else value, variable.reason)
        if variable.at_start and variable.required:
            entry.set(f"build_environment.{variable.name}", NO_REDIS if variable.kind in ("redis", "broker") else NONE)


def _database(entry: Entry, application: Application, database: Database) -> None:
    """Set the site's database, and the variables by which the application finds it."""
    read = application.variables
    at_start = {variable.name for variable in read if variable.at_start and variable.required}
    defaults = {variable.name: variable.default for variable in read}
    if database.engine not in ("mysql", ""):
        return
    if not database.url and not database.variables and not database.is_open:
        return
    password = entry.secret("database_password")
    entry.set("database", {"name": entry.app, "user": entry.app, "password": password}, database.reason)
    if database.url:
        query = f"?{database.query}" if database.query else ""
        address = f"{database.scheme}://{entry.app}:{password}@localhost/{entry.app}{query}"
        entry.set(f"environment.{database.url}", address, database.reason)
    # MySQL answers at its socket alone; where there is no variable for that, Django takes it as the host.
    by_path = application.framework == "Django" and "socket" not in database.variables
    host = names.DATABASE_SOCKET if by_path else "localhost"
    parts = {**PARTS, "host": host, "name": entry.app, "user": entry.app, "password": password}
    engine = next((defaults.get(name) for part, name in database.variables.items() if part == "engine"), None)
    if application.framework == "Django" and (not engine or "." in engine):
        parts["engine"] = "django.db.backends.mysql"
    for part, name in database.variables.items():
        if defaults.get(name) != parts[part]:
            entry.set(f"environment.{name}", parts[part], database.reason)
            if name in at_start:
                entry.set(f"build_environment.{name}", NONE)
    if database.url in at_start:
        address = f"{database.scheme}://none:none@localhost/none" if database.scheme else NONE
        entry.set(f"build_environment.{database.url}", address)
