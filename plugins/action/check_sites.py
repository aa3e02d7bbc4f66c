"""Refuse mistakes in the entries of sites and in the arguments of the command line, each in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import trust_as_template
from ansible.utils.vars import load_extra_vars
from ansible_collections.foobar.webstack.plugins.filter.sites import environment_paths
from ansible_collections.foobar.webstack.plugins.plugin_utils import dotenv
from ansible_collections.foobar.webstack.plugins.plugin_utils.argument_specs import leaves
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import users_folder
from ansible_collections.foobar.webstack.plugins.plugin_utils.input_checks import (
    ARGUMENTS,
    OF_ALL_SITES,
    input_mistakes,
    misspelt,
    request_mistakes,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.new_entry import QUESTION
from ansible_collections.foobar.webstack.plugins.plugin_utils.overruled import overruled
from ansible_collections.foobar.webstack.plugins.plugin_utils.pinned import version_mistake
from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import collection_version
from ansible_collections.foobar.webstack.plugins.plugin_utils.site_services import opened_networks

NO_SITES = (
    "sites: nothing sets it; put the entries into group_vars/all/sites.yml beside the inventory, for group_vars beside "
    "a playbook of your own are not read."
)
# The groups of which a playbook needs one that has a server; others need any.
GROUPS = {
    "deploy": ("app",),
    "rollback": ("app",),
    "releases": ("app",),
    "maintenance": ("web",),
    "certificates": ("web",),
    "run": ("app",),
    "logs": ("app",),
}
ANY_GROUP = ("web", "app", "db", "dns")
# Expressions of the names that maintenance knows.
NAMES = (
    "sites | map(attribute='domain') | list",
    "nginx_sites | map(attribute='server_name') | map('split') | map('first') | list",
)


def open_questions(inventory_dir: str | None) -> list[str]:
    """Return the comments beside an inventory that ask for what could not be told when the folder was started."""
    if not inventory_dir:
        return []
    places = (path for pattern in ("*.yml", "*/*.yml") for path in Path(inventory_dir).glob(f"group_vars/{pattern}"))
    return [
        f"{path.relative_to(inventory_dir)}:{number}: {line.strip().removeprefix(QUESTION).strip()}"
        for path in sorted(places)
        # An editor's lock is a link that leads nowhere.
        if path.is_file() and not path.name.startswith(".")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if line.strip().startswith(QUESTION)
    ]


def groups_mistake(variables: dict[str, Any], playbook: str) -> str:
    """Return why a playbook, by its name, would run on no server of the inventory, in a sentence, or an empty text."""
    wanted = GROUPS.get(playbook, ANY_GROUP)
    names = " or ".join(filter(None, [", ".join(wanted[:-1]), wanted[-1]]))
    servers = {host for name in wanted for host in variables["groups"].get(name, [])}
    if not servers:
        sources = ", ".join(map(str, variables.get("ansible_inventory_sources", [])))
        way_out = "put one there, or name another inventory with -i"
        return f"inventory: {sources} has no server in the group {names}; {way_out}."
    if servers.isdisjoint(variables.get("ansible_play_hosts_all", servers)):
        limit = variables.get("ansible_limit", "")
        return f"limit: {limit} has no server of the group {names}; name one that is in it, or leave --limit out."
    return ""


def reason(error: BaseException) -> str:
    """Return what an error came from in the end: Ansible shows each step of the way there with its source."""
    while isinstance(error.__cause__, AnsibleError):
        error = error.__cause__
    return str(error.message if isinstance(error, AnsibleError) else error)


class ActionModule(ActionBase):
    """Read the variables themselves, so that one that can't be filled in is a mistake like others."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look for mistakes."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _, arguments = self.validate_argument_spec(
            {
                "spec": {"type": "path", "required": True},
                "wiring": {"type": "path"},
                "playbook": {"type": "str", "default": ""},
            }
        )
        if mistake := groups_mistake(variables, arguments["playbook"]):
            raise AnsibleActionFail(mistake)
        version, folder = collection_version(), users_folder(variables.get("inventory_dir"))
        if folder and (mistake := version_mistake(folder, version)):
            raise AnsibleActionFail(mistake)
        foreign = self._templar.template(variables.get("foreign_variables", []))
        if mistakes := misspelt(load_extra_vars(self._loader), map(str, foreign)):
            raise AnsibleActionFail(" ".join(mistakes))
        # Ansible would add where each step of a failure stands.
        message, sites = "", []
        try:
            names = (*ARGUMENTS, *OF_ALL_SITES)
            given = {name: self._templar.template(variables[name]) for name in names if name in variables}
            if arguments["playbook"] == "maintenance":
                mistakes = request_mistakes(given, self._domains(), "maintenance")
            else:
                spec = yaml.safe_load(Path(arguments["spec"]).read_text())
                if "sites" not in variables:
                    raise AnsibleActionFail(NO_SITES)
                sites = self._filled_in(variables["sites"])
                mistakes = overruled(variables["hostvars"], Path(arguments["wiring"])) if arguments["wiring"] else []
                mistakes += input_mistakes(sites, spec, given, arguments["playbook"], self._web_addresses(variables))
                mistakes = mistakes or self._environment_mistakes(sites, folder)
            message = " ".join(mistakes)
        except AnsibleError as error:
            message = reason(error)
        questions = open_questions(variables.get("inventory_dir"))
        if message:
            raise AnsibleActionFail(" ".join([message, *(["Still open:", *questions] if questions else [])]))
        return {"changed": False, "version": version, "questions": questions, "notes": opened_networks(sites)}

    def _filled_in(self, sites: Any) -> Any:
        """Return the sites with what their templates say; where one can't be filled in, its place is named."""
        try:
            return self._templar.template(sites)
        except AnsibleError:
            sentences = []
            for place, value in leaves(sites):
                try:
                    self._templar.template(value)
                except AnsibleError as error:
                    where = f"{place} can't be filled in: " if place else ""
                    sentences.append(f"sites: {where}{reason(error).rstrip('.')}.")
            if not sentences:
                raise
            raise AnsibleActionFail(" ".join(sentences)) from None

    def _environment_mistakes(self, sites: list[dict[str, Any]], folder: Path | None) -> list[str]:
        """Return one sentence for each file of variables that can't be read."""
        mistakes = []
        for path in filter(None, dict.fromkeys(environment_paths(sites))):
            try:
                dotenv.read(self._loader, folder or Path(), path)
            except AnsibleError as error:
                mistakes.append(reason(error))
        return mistakes

    def _web_addresses(self, variables: dict[str, Any]) -> list[str] | None:
        """Return the addresses of sites that name none, or None where there are no DNS records to be made."""
        if not variables.get("groups", {}).get("dns"):
            return None
        return list(self._templar.template(variables["default_addresses"]))

    def _domains(self) -> list[dict[str, Any]]:
        """Return the names of the sites alone: whatever else is wrong with the sites, maintenance can begin.

        They are those of the entries, and those that the role nginx is told of besides.
        """
        found: list[str] = []
        failures = []
        for names in NAMES:
            try:
                found += self._templar.evaluate_expression(trust_as_template(names))
            except AnsibleError as error:
                failures.append(error)
        if len(failures) == len(NAMES):
            raise failures[0]
        return [{"domain": domain} for domain in dict.fromkeys(found)]
