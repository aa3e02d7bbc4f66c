"""Mistakes in the entries of sites, and in the arguments of the command line: one sentence for each."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.foobar.webstack.plugins.filter.requests import chosen_sites
from ansible_collections.foobar.webstack.plugins.filter.sites import sites_mistakes
from ansible_collections.foobar.webstack.plugins.filter.types import wrong_types
from ansible_collections.foobar.webstack.plugins.module_utils.app_lists import wrong_variables
from ansible_collections.foobar.webstack.plugins.plugin_utils import site_names, site_tls

Entry = dict[str, Any]

# What an argument is, where an empty one is refused.
WANTED = {
    "site": "a domain",
    "version": "a branch, a tag or a commit",
    "release": "the id of a release",
}
ARGUMENTS = (*WANTED, "command", "database", "lines", "mode")
# What other parts of the playbooks read from the command line, and a list of sites itself.
OF_OTHERS = ("lose_writes", "new_secrets", "restart", "secrets", "sites")
# Variables of a user's that say something of all sites.
OF_ALL_SITES = ("caa_issuer", "default_tls", "tls_acme_directory", "tls_challenge")


def misspelt(given: Iterable[str], foreign: Iterable[str] = ()) -> list[str]:
    """Return one sentence for each name on the command line that looks like a slip of the pen.

    A playbook would leave it out in silence, and deploy another version or look at another site than was asked for.
    `foreign` are patterns of names that are somebody's own.
    """
    known, patterns = (*ARGUMENTS, *OF_OTHERS), list(foreign)
    return [
        f"{name}: no playbook takes it; did you mean {near}? If it is your own, add it to foreign_variables."
        for name in given
        if name not in known and not any(fnmatchcase(name, pattern) for pattern in patterns)
        for near in [word for word in known if _is_slip(name, word)][:1]
    ]


def _is_slip(name: str, word: str) -> bool:
    """Tell whether a name is a word with one letter too many, missing, wrong, or at its neighbour's place.

    A word that something is added to, and one in the singular, are names of their own: ui_version, commands, secret.
    """
    if name.startswith(word) or name.endswith(word) or f"{name}s" == word:
        return False
    shorter = min(len(name), len(word))
    start = next((place for place in range(shorter) if name[place] != word[place]), shorter)
    has, wants = name[start:], word[start:]
    is_swapped = has[:2] == wants[1::-1] and has[2:] == wants[2:]
    return is_swapped or has[1:] == wants or has == wants[1:] or has[1:] == wants[1:]


def request_mistakes(given: Mapping[str, Any], sites: list[Entry], playbook: str) -> list[str]:
    """Return one sentence for each of the given arguments that a playbook, by its name, can't follow."""
    mistakes = [
        f"{name}: it is empty; give {wanted}, or leave it out."
        for name, wanted in WANTED.items()
        if name in given and given[name] in (None, "")
    ]
    if mistakes:
        return mistakes
    chosen = chosen_sites(sites, str(given.get("site", "")))
    if not chosen and "site" in given:
        mistakes.append(f"site: {given['site']} is none of {', '.join(site['domain'] for site in sites)}.")
    if playbook == "deploy" and "version" in given and any("repo" not in site for site in chosen):
        mistakes.append("version: only a site whose source is a repo has versions; name one with site=<domain>.")
    if playbook == "rollback" and "site" not in given and len(sites) > 1:
        mistakes.append("site: there are several, so name the one to roll back with site=<domain>.")
    if playbook in ("run", "logs") and "site" not in given and len(sites) > 1:
        mistakes.append("site: there are several, so name one with site=<domain>.")
    if playbook == "rollback" and given.get("database", "restore") != "restore":
        mistakes.append("database: the one value is restore; without it the database stays as it is.")
    if playbook == "maintenance" and given.get("mode") not in ("on", "off"):
        mistakes.append(f"mode: say -e mode=on or -e mode=off, not {given.get('mode', 'nothing')}.")
    if playbook == "run" and not str(given.get("command") or "").strip():
        mistakes.append("command: say what to run, such as -e command='python manage.py check'.")
    if playbook == "logs" and not re.fullmatch("[1-9][0-9]*", str(given.get("lines", 1))):
        mistakes.append(f"lines: {given['lines']} is no number of lines, such as 100.")
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


def certificate_mistakes(sites: list[Entry], spec: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each mistake in what sites, and variables for all of them, say about certificates."""
    default, directory = given.get("default_tls", {}), str(given.get("tls_acme_directory", ""))
    options = {"default_tls": spec["sites"]["options"]["tls"]}
    challenge = str(given.get("tls_challenge", "http-01"))
    issuer = str(given.get("caa_issuer", "")) or site_tls.caa_issuer(directory)
    return (
        wrong_types({"default_tls": default}, options)
        or site_tls.default_mistakes(default)
        or list(site_tls.tls_mistakes(site_tls.with_tls(sites, default), directory, issuer, challenge))
    )


def address_mistakes(sites: list[Entry], web_addresses: list[str]) -> list[str]:
    """Return one sentence for each name without a zone and each address that no DNS record can hold.

    A site without any address has those of the web servers.
    """
    nowhere = [
        f"sites: {site['domain']} has no addresses, and no server is in the group web; give it addresses, or empty the "
        "group dns."
        for site in sites
        if not site.get("addresses", web_addresses)
    ]
    return [*nowhere, *site_names.zone_mistakes(sites)] + [
        f"sites: addresses of {site['domain']} has {address}, which is no IP address; write one there, or as "
        "ansible_host of the web server in the inventory, or empty the group dns."
        for site in sites
        for address in site.get("addresses", web_addresses)
        if not _is_address(address)
    ]


def environment_mistakes(sites: list[Entry]) -> list[str]:
    """Return one sentence for each variable of the sites' environments that none can hold."""
    keys = ("environment", "build_environment", "migrate_environment")
    return [mistake for key in keys for mistake in wrong_variables("sites", key, sites, "domain")]


def _is_address(text: Any) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def input_mistakes(
    sites: Any,
    spec: Mapping[str, Any],
    given: Mapping[str, Any],
    playbook: str = "",
    web_addresses: list[str] | None = None,
) -> list[str]:
    """Return one sentence for each mistake in sites and in the arguments that are given.

    Without `web_addresses` there are no DNS records, and the addresses don't matter.

    Each kind of mistake is looked for where the kinds before it are absent, which it takes for granted. Types are those
    of the values as they were written: what Ansible's validator would convert, all else reads raw.
    """
    return (
        wrong_types({"sites": sites}, spec)
        or spec_mistakes(sites, spec["sites"]["options"])
        or sites_mistakes(sites)
        or environment_mistakes(sites)
        or certificate_mistakes(sites, spec, given)
        or request_mistakes(given, sites, playbook)
        or ([] if web_addresses is None else address_mistakes(sites, web_addresses))
    )
