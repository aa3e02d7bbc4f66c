"""Gather the secrets that sites use, have a server compare them with its own, and say which are others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.module_utils.secret_fingerprints import stands_in
from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import newer_mistake

Site = Mapping[str, Any]

PREFIX = "vault_"
# These hold other variables, which nothing here names.
CONTAINERS = {"ansible_facts", "groups", "hostvars", "lookup", "vars"}


def names_used(value: Any, variables: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    """Return the names of the variables with the prefix that templates in a value mention, however indirectly."""
    for text in strings(value):
        if "{{" not in text and "{%" not in text:
            continue
        for name in re.findall(r"[A-Za-z_]\w*", text):
            if name in seen or name in CONTAINERS or name not in variables:
                continue
            seen.add(name)
            if name.startswith(PREFIX):
                yield name
            else:
                yield from names_used(variables[name], variables, seen)


def strings(value: Any) -> Iterator[str]:
    """Return the texts in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, Sequence):
        for item in value:
            yield from strings(item)


def leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Return name and value of each secret in a variable, which may be a dictionary or a list of some."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(f"{name}.{key}", item)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for number, item in enumerate(value):
            yield from leaves(f"{name}.{number}", item)
    elif value is not None and str(value) != "":
        yield name, str(value)


def places(secret: str, site: Site) -> list[dict[str, Any]]:
    """Return the environment variables of a site that a secret is a part of."""
    return [
        {"app": site["app"], "variable": variable, "migrations": kind == "migrate_environment"}
        for kind in ("environment", "migrate_environment")
        for variable, text in site.get(kind, {}).items()
        if stands_in(secret, str(text))
    ]


def entries(
    secrets: Iterable[tuple[str, str]], sites: Sequence[Site], domains: Sequence[str] | None, new: set[str]
) -> list[dict[str, Any]]:
    """Return what the module wants to know of secrets, which are given by name and value."""
    texts = [(site, "\n".join(strings(site))) for site in sites]
    found = []
    for name, value in secrets:
        users = [site for site, text in texts if stands_in(value, text)]
        found.append(
            {
                "name": name,
                "value": value,
                # One that is found nowhere, as a filter has changed it, may be any site's.
                "matters": domains is None or not users or any(site["domain"] in domains for site in users),
                "new": bool({name, name.partition(".")[0]} & new),
                "places": [place for site in users for place in places(value, site)],
            }
        )
    return found


def listed(names: Any) -> set[str]:
    """Return the names of a list, or of a text with commas."""
    return {str(name).strip() for name in (names.split(",") if isinstance(names, str) else names)}


def refusal(names: Sequence[str], host: str, new: set[str]) -> str:
    """Return the sentence about secrets that are others than a server's; some more are meant to be new already."""
    meant = ",".join(sorted({*names, *new}))
    value, it, are = ("value", "it", "a new one is") if len(names) == 1 else ("values", "them", "new ones are")
    return (
        f"{', '.join(names)}: not the {value} that {host} has. Get {it} from whoever set it up (the folder .secrets, "
        f"or the vault's password), or, if {are} meant, add -e new_secrets={meant}."
    )


class ActionModule(ActionBase):
    """Give the module the secrets in the place of the sites."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, unless the sites use no secret."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _, arguments = self.validate_argument_spec(
            {
                "state": {"type": "str", "choices": ["verified", "recorded"], "default": "verified"},
                "sites": {"type": "list", "elements": "dict", "required": True},
                "domains": {"type": "list", "elements": "str"},
                "new_secrets": {"type": "raw", "default": []},
                "root": {"type": "path", "default": "/"},
            }
        )
        new = listed(arguments["new_secrets"])
        if "" in new:
            raise AnsibleActionFail("new_secrets: it is empty; name the variables of new secrets, or leave it out.")
        secrets = self._secrets(variables, arguments["sites"], arguments["domains"], new)
        names = [secret["name"] for secret in secrets]
        known = {*names, *(name.partition(".")[0] for name in names)}
        if new - known:
            raise AnsibleActionFail(
                f"new_secrets: {', '.join(sorted(new - known))} is no secret of the sites; "
                + (f"they use {', '.join(names)}." if names else "they use none.")
            )
        if not secrets:
            return {"changed": False, "unrecorded": False}
        result: dict[str, Any] = self._execute_module(
            module_name="foobar.webstack.secret_fingerprints",
            module_args={
                "state": arguments["state"],
                "root": arguments["root"],
                "secrets": json.dumps(secrets),
            },
            # The server's log has no business with them.
            task_vars={**variables, "ansible_no_target_syslog": True},
        )
        mistake = newer_mistake(result.pop("set_up_by", ""), variables["inventory_hostname"])
        if mistake:
            raise AnsibleActionFail(mistake)
        foreign = [names[number] for number in result.pop("foreign", [])]
        if foreign:
            raise AnsibleActionFail(refusal(foreign, variables["inventory_hostname"], new))
        return result

    def _secrets(
        self, variables: dict[str, Any], sites: Sequence[Site], domains: Sequence[str] | None, new: set[str]
    ) -> list[dict[str, Any]]:
        """Return the secrets that the sites use; their names are found in the templates, before these are filled in."""
        secrets = (
            secret
            for name in sorted(names_used(variables.get("sites"), variables, set()))
            for secret in leaves(name, self._templar.template(variables[name]))
        )
        return entries(secrets, sites, domains, new)
