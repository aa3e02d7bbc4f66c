"""Filters for what a playbook is asked for: sites and hosts."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any


def chosen_sites(sites: list[dict[str, Any]], domain: str) -> list[dict[str, Any]]:
    """Return the site of that domain in a list, or all of them where it is empty."""
    return [site for site in sites if domain in ("", site["domain"])]


def host_addresses(hosts: list[str], hostvars: Mapping[str, Any], with_ipv6: bool = False) -> list[str]:
    """Return where each host is reached: its `ansible_host`, or its name.

    With IPv6 a host's own address is there, too, where its facts tell of exactly one: with several, some may be
    temporary.
    """
    addresses = [str(hostvars[host].get("ansible_host", host)) for host in hosts]
    for host in hosts if with_ipv6 else []:
        facts = hostvars[host].get("ansible_facts", {})
        own = [text for text in facts.get("all_ipv6_addresses", []) if ipaddress.ip_address(text).is_global]
        addresses += own if len(own) == 1 and own[0] not in addresses else []
    return addresses


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by their names."""
        return {function.__name__: function for function in (chosen_sites, host_addresses)}
