"""Filters for what a playbook is asked for: sites and hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def chosen_sites(sites: list[dict[str, Any]], domain: str) -> list[dict[str, Any]]:
    """Return the site of that domain in a list, or all of them where it is empty."""
    return [site for site in sites if domain in ("", site["domain"])]


def host_addresses(hosts: list[str], hostvars: Mapping[str, Any]) -> list[str]:
    """Return where each host is reached: its `ansible_host`, or its name."""
    return [str(hostvars[host].get("ansible_host", host)) for host in hosts]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by their names."""
        return {function.__name__: function for function in (chosen_sites, host_addresses)}
