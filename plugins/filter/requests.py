"""Filters for what a playbook is asked on the command line, and for sites and hosts that it may be asked for."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.foobar.webstack.plugins.filter.sites import sites_mistakes
from ansible_collections.foobar.webstack.plugins.filter.types import wrong_types

DOCUMENTATION = """
name: requests
short_description: Filters for what a playbook is asked on the command line.
description: >-
  input_mistakes returns one sentence for each mistake in sites, by the argument spec of an entry, and in the arguments
  of the command line; chosen_sites returns the sites that these name, and host_addresses where hosts are reached.
author: The foobar.webstack authors
"""

Entry = dict[str, Any]

# What an argument is, where an empty one is refused.
WANTED = {
    "site": "a domain",
    "version": "a branch, a tag or a commit",
    "release": "the id of a release",
}


def chosen_sites(sites: list[Entry], domain: str) -> list[Entry]:
    """Return the site of that domain in a list, or all of them where it is empty."""
    return [site for site in sites if domain in ("", site["domain"])]


def request_mistakes(asked: Mapping[str, Any], sites: list[Entry], verb: str) -> list[str]:
    """Return one sentence for each argument that the playbook named by the verb can't follow.

    What is None was not given. Verbs are deploy, rollback, releases, maintenance; others take none of the arguments.
    """
    given = {name: value for name, value in asked.items() if value is not None}
    mistakes = [
        f"{name}: it is empty; give {wanted}, or leave it out."
        for name, wanted in WANTED.items()
        if str(given.get(name, "x")) == ""
    ]
    if mistakes:
        return mistakes
    chosen = chosen_sites(sites, str(given.get("site", "")))
    if not chosen and "site" in given:
        mistakes.append(f"site: {given['site']} is none of {', '.join(site['domain'] for site in sites)}.")
    if verb == "deploy" and "version" in given and any("repo" not in site for site in chosen):
        mistakes.append("version: only a site whose source is a repo has versions; name one with site=<domain>.")
    if verb == "rollback" and "site" not in given and len(sites) > 1:
        mistakes.append("site: there are several, so name the one to roll back with site=<domain>.")
    if verb == "rollback" and given.get("database", "restore") != "restore":
        mistakes.append("database: the one value is restore; without it the database stays as it is.")
    if verb == "maintenance" and given.get("mode") not in ("on", "off"):
        mistakes.append(f"mode: say -e mode=on or -e mode=off, not {given.get('mode', 'nothing')}.")
    return mistakes


def spec_mistakes(sites: list[Entry], options: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each way in which entries differ from their argument spec, by domain, without values."""
    validator = ArgumentSpecValidator(options)
    return [
        f"sites: {site.get('domain', f'entry {number}')}: {_sentence(message)}"
        for number, site in enumerate(sites, 1)
        for message in validator.validate(site).error_messages
    ]


def _sentence(message: str) -> str:
    """Return a message of Ansible's validator as a sentence; of unknown keys it gives the bare names."""
    names, found, known = message.partition(". Supported parameters include: ")
    return f"unknown key {names}; there are {known.rstrip('.')}." if found else f"{message.rstrip('.')}."


def address_mistakes(sites: list[Entry]) -> list[str]:
    """Return one sentence for each address that no DNS record can hold."""
    return [
        f"sites: addresses of {site['domain']} has {address}, which is no IP address; write one there, or as "
        "ansible_host of the web server in the inventory, or empty the group dns."
        for site in sites
        for address in site["addresses"]
        if not _is_address(address)
    ]


def _is_address(text: Any) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def host_addresses(hosts: list[str], hostvars: Mapping[str, Any]) -> list[str]:
    """Return where each host is reached: its `ansible_host`, or its name."""
    return [str(hostvars[host].get("ansible_host", host)) for host in hosts]


def input_mistakes(
    sites: Any, spec: Mapping[str, Any], asked: Mapping[str, Any], verb: str = "", has_dns: bool = False
) -> list[str]:
    """Return one sentence for each mistake in sites and in what is asked for.

    Each kind of mistake is looked for where the kinds before it are absent, which it takes for granted. Types are those
    of the values as they were written: what Ansible's validator would convert, all else reads raw.
    """
    return (
        wrong_types({"sites": sites}, spec)
        or spec_mistakes(sites, spec["sites"]["options"])
        or sites_mistakes(sites)
        or request_mistakes(asked, sites, verb)
        or (address_mistakes(sites) if has_dns else [])
    )


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by their names."""
        return {function.__name__: function for function in (chosen_sites, host_addresses, input_mistakes)}
