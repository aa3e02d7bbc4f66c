"""Refuse a role's variables, and a server, that cannot work, all at once and before anything is changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleFilterError, AnsibleTemplateError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.plugin_utils import renames
from ansible_collections.foobar.webstack.plugins.plugin_utils.argument_specs import (
    Options,
    all_options,
    converted,
    entry_points,
    faults,
    missing,
    unknown_variables,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.systems import unsupported

ARGUMENTS = {
    "spec": {"type": "path", "required": True},
    "entry_point": {"type": "str", "default": "main"},
    "facts": {"type": "list", "elements": "str", "default": []},
    "mistakes": {"type": "raw", "default": []},
    "python": {"type": "str", "default": ""},
    "renamed": {"type": "dict", "default": {}},
    "require_facts": {"type": "bool", "default": True},
    "strict": {"type": "bool"},
    "systems": {"type": "dict", "default": {}},
    "version": {"type": "str"},
}


def cause(error: AnsibleTemplateError) -> str:
    """Return why a template can't be filled in: in a filter's own words where it has some, such as mandatory's."""
    first: BaseException = error
    while first.__cause__:
        first = first.__cause__
    if isinstance(first, AnsibleFilterError):
        return str(first.message)
    if isinstance(first, AnsibleError):
        return str(error.message)
    return f"{str(error.message).rstrip('.')}: {type(first).__name__}: {first}"


class ActionModule(ActionBase):
    """Judge the variables in sight by an argument spec; touch no server."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fail with all sentences at once, or return the variables."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, self.arguments = self.validate_argument_spec(ARGUMENTS)
        self.in_sight = task_vars or {}
        self.spec = Path(self.arguments["spec"])
        options = all_options(self.spec)
        variables, sentences = self.values(options)
        variables, refused = self.renamed(variables, options)
        sentences += refused
        sentences += missing(variables, entry_points(self.spec)[self.arguments["entry_point"]])
        sentences += faults({name: value for name, value in variables.items() if name in options}, options)
        # What computes mistakes may take the types for granted.
        is_readable = not sentences
        sentences += self.unknown(options) + self.unsupported()
        sentences += self.mistakes() if is_readable else []
        if sentences:
            return {**result, "failed": True, "msg": " ".join(dict.fromkeys(sentences))}
        shown = {name: converted(value, options[name]) for name, value in variables.items() if name in options}
        # It may have secrets, and nobody wants to read it.
        return {**result, "changed": False, "variables": shown, "_ansible_no_log": True}

    @property
    def role(self) -> str:
        """Return the name of the role whose spec it is, or nothing if it is none's."""
        return self.spec.parents[1].name if self.spec.stem == "argument_specs" else ""

    def values(self, options: Options) -> tuple[dict[str, Any], list[str]]:
        """Return the variables that the spec and the renames know, filled in, and a sentence for each that can't be."""
        old = [rename.path[0] for rename in renames.renames(self.arguments["renamed"])]
        raw = {name: self.in_sight[name] for name in dict.fromkeys([*options, *old]) if name in self.in_sight}
        try:
            return dict(self._templar.template(raw)), []
        except AnsibleTemplateError:
            return self.one_by_one(raw)

    def one_by_one(self, raw: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """Return the same, after all of them in one call have failed."""
        found: dict[str, Any] = {}
        sentences = []
        for name, value in raw.items():
            try:
                found[name] = self._templar.template(value)
            except AnsibleTemplateError as error:
                sentences.append(f"{name}: {cause(error).rstrip('.')}.")
        return found, sentences

    def renamed(self, variables: dict[str, Any], options: Options) -> tuple[dict[str, Any], list[str]]:
        """Return the variables by their new names, and a sentence for each old one that is gone."""
        defaults = {name: option.get("default") for name, option in options.items()}
        refused = []
        used = [rename for rename in renames.renames(self.arguments["renamed"]) if renames.is_used(rename, variables)]
        version = (self.arguments["version"] or renames.collection_version()) if used else ""
        for rename in used:
            if rename.is_removed(version):
                refused.append(rename.sentence(version))
            else:
                Display().deprecated(
                    rename.sentence(version), version=rename.removed_in, collection_name="foobar.webstack"
                )
            variables = renames.apply(rename, variables, defaults)
        return variables, refused

    def unknown(self, options: Options) -> list[str]:
        """Return a sentence for each misspelt variable; where it is to be strict, for each unknown one."""
        if not self.role:
            return []
        is_strict = self.arguments["strict"]
        if is_strict is None:
            is_strict = boolean(self._read("strict_variables", default=False))
        foreign = [str(name) for name in self._read("foreign_variables", default=[])] if is_strict else None
        old = [rename.path[0] for rename in renames.renames(self.arguments["renamed"])]
        return unknown_variables(self.in_sight, [*options, *old, *self.arguments["facts"]], self.role, foreign)

    def _read(self, name: str, default: Any) -> Any:
        """Return a variable's value, or the default where there is none."""
        return self._templar.resolve_variable_expression(name) if name in self.in_sight else default

    def unsupported(self) -> list[str]:
        """Return a sentence for each thing that keeps the role from running on the host."""
        host, facts = self.in_sight.get("inventory_hostname", ""), self.in_sight.get("ansible_facts", {})
        systems, python = self.arguments["systems"], self.arguments["python"]
        if "distribution" not in facts and not self.arguments["require_facts"]:
            return []
        return unsupported(host, self.role, facts, systems, python)

    def mistakes(self) -> list[str]:
        """Return the sentences that the role's own filters have found: a list, or the name of a variable with one."""
        given = self.arguments["mistakes"]
        found = self._templar.resolve_variable_expression(given) if isinstance(given, str) else given
        if isinstance(found, (str, Mapping)):
            raise AnsibleError("mistakes must be a list of sentences, or the name of a variable that has one.")
        return [str(sentence) for sentence in found]
