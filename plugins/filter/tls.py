"""The filters of the tls role: what is wrong with its variables, and what they are for the server."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils.tls_certificate import covers
from ansible_collections.foobar.webstack.plugins.plugin_utils.ascii_names import ascii_name
from ansible_collections.foobar.webstack.plugins.plugin_utils.own_certificates import certificate_mistake
from ansible_collections.foobar.webstack.plugins.plugin_utils.systems import numbers

# A certificate of the list tls_certificates.
Entry = Mapping[str, Any]

# The first version of each system whose own certbot is 4.0 or newer.
_PROFILES_SINCE = {"Debian": "13", "Ubuntu": "26.04"}
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$)(\*\.)?({_LABEL}\.)+{_LABEL}")
_NAME_SERVER = re.compile(r"[A-Za-z0-9.-]+(:\d+)?|[0-9A-Fa-f:]+|\[[0-9A-Fa-f:]+\](:\d+)?")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,100}")
# What is in it is for its parser to say: a key may come after its parameters, and a certificate after its text.
_PEM = re.compile(r"^\s*-----BEGIN ", re.MULTILINE)


def tls_mistakes(certificates: list[Entry], acme: Mapping[str, Any], facts: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each mistake in the variables.

    `acme` has the variables of the CA by their names without `tls_`: acme_directory, acme_eab_kid, acme_eab_hmac_key,
    challenge, dns_plugin, dns_credentials, nameservers and webroot. `facts` are those of the server.
    """
    has_orders = any(entry["provider"] == "acme" for entry in certificates)
    return [
        *(mistake for entry in certificates for mistake in _entry_mistakes(entry, str(acme["challenge"]))),
        *_double_names(certificates),
        *(_acme_mistakes(acme) if has_orders else []),
        *_profile_mistakes(certificates, facts),
    ]


def _entry_mistakes(entry: Entry, challenge: str) -> Iterator[str]:
    """Find what is wrong with one certificate."""
    name, provider = str(entry["name"]), str(entry["provider"])
    where = f"tls_certificates: {name}"
    if not _NAME.fullmatch(name):
        yield f"{where} is no name for a file: use lower-case letters, digits, dots, - and _."
    if not entry["domains"]:
        yield f"{where} has no domains."
    for domain in entry["domains"]:
        if not _HOST_NAME.fullmatch(str(domain)):
            yield (
                f"{where} has the domain {domain}, which is no full host name; write it in lower case without scheme "
                f"and port, and other letters than ASCII's as {ascii_name(str(domain))}."
            )
        elif str(domain).startswith("*.") and provider == "acme" and challenge != "dns-01":
            yield f"{where} has the wildcard {domain}, for which tls_challenge must be dns-01."
    for host in entry.get("served", []):
        if not covers(tuple(entry["domains"]), str(host)):
            yield f"{where} has {host} in served, which is no host name that its domains name."
    yield from _own_mistakes(entry, where)
    if provider != "acme" and entry.get("profile"):
        yield f"{where} has a profile, which only provider: acme takes."
    if provider != "acme" and entry.get("acme_directory"):
        yield f"{where} has an acme_directory, which only provider: acme takes."
    if not str(entry.get("acme_directory", "https://")).startswith("https://"):
        yield f"{where} has the acme_directory {entry['acme_directory']}, which is no https address of a CA."


def _own_mistakes(entry: Entry, where: str) -> Iterator[str]:
    """Find what is wrong with a certificate of one's own, and one that comes where none is wanted."""
    is_own, is_readable = entry["provider"] == "files", True
    for key in ("certificate", "private_key"):
        if not is_own and key in entry:
            yield f"{where} has a {key}, which only provider: files takes."
        elif is_own and not _PEM.search(str(entry.get(key, ""))):
            is_readable = False
            # The value itself may be a secret.
            yield f"{where} needs a {key} as PEM, which begins with -----BEGIN."
    if is_own and is_readable:
        mistake = certificate_mistake(str(entry["certificate"]), str(entry["private_key"]), entry["domains"])
        if mistake:
            yield f"{where}: {mistake}."


def _double_names(certificates: list[Entry]) -> Iterator[str]:
    """Find certificates that would be one file."""
    for name, times in Counter(str(entry["name"]) for entry in certificates).items():
        if times > 1:
            yield f"tls_certificates: {name} stands there more than once."


def _acme_mistakes(acme: Mapping[str, Any]) -> Iterator[str]:
    """Find what keeps the CA from being asked."""
    if not str(acme["acme_directory"]).startswith("https://"):
        yield f"tls_acme_directory must be the https address of a CA, not {acme['acme_directory']}."
    if bool(acme["acme_eab_kid"]) != bool(acme["acme_eab_hmac_key"]):
        yield "tls_acme_eab_kid and tls_acme_eab_hmac_key come together: set both or none."
    if acme["challenge"] == "dns-01" and not re.fullmatch(r"[a-z0-9]+", str(acme["dns_plugin"])):
        yield "tls_dns_plugin must name certbot's plugin for tls_challenge: dns-01, such as rfc2136 or cloudflare."
    if acme["challenge"] == "dns-01" and not acme["dns_credentials"]:
        yield "tls_dns_credentials must have what the plugin of tls_dns_plugin logs in with."
    for server in acme["nameservers"]:
        if not _NAME_SERVER.fullmatch(str(server)):
            yield f"tls_nameservers has {server}, which is no host, address, or either with :port."
    if acme["challenge"] == "http-01" and not str(acme["webroot"]).startswith("/"):
        yield f"tls_webroot must be an absolute path, not {acme['webroot']}."


def _profile_mistakes(certificates: list[Entry], facts: Mapping[str, Any]) -> Iterator[str]:
    """Find profiles that this server's certbot can't ask for."""
    system, version = str(facts.get("distribution", "")), str(facts.get("distribution_version", ""))
    if numbers(version) >= numbers(_PROFILES_SINCE.get(system, "0")):
        return
    for entry in certificates:
        if entry.get("profile"):
            yield (
                f"tls_certificates: {entry['name']} has a profile, which needs certbot 4.0 or later; "
                f"{system} {version} has an older one."
            )


def tls_wanted(certificates: list[Entry], key_type: str, acme_directory: str) -> list[dict[str, Any]]:
    """Return certificates as the server is told of them: without keys, and with all that has a default."""
    return [
        {
            "name": entry["name"],
            "domains": list(entry["domains"]),
            "provider": entry["provider"],
            "key_type": entry.get("key_type", key_type),
            "profile": entry.get("profile", ""),
            "directory": entry.get("acme_directory", acme_directory) if entry["provider"] == "acme" else "",
            "served": list(entry.get("served", [name for name in entry["domains"] if not str(name).startswith("*.")])),
        }
        for entry in certificates
    ]


def tls_files(certificates: list[Entry], folder: str) -> list[dict[str, str]]:
    """Return the files with certificates of one's own, as the module templates takes them."""
    return [
        {
            "dest": f"{folder}/{entry['name']}.pem",
            "content": f"{str(entry['certificate']).strip()}\n{str(entry['private_key']).strip()}\n",
            "mode": "0600",
        }
        for entry in certificates
        if entry["provider"] == "files"
    ]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {function.__name__: function for function in (tls_mistakes, tls_wanted, tls_files)}
