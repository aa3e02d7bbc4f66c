"""Filters that read the role dns_records' list of zones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.zones import Zone, not_public, read_zones


def dns_zones(zones: list[dict[str, Any]], default_ttl: int) -> list[Zone]:
    """Return the zones with full names and canonical values, a zone listed twice merged into one."""
    return read_zones(zones, default_ttl)[0]


def dns_mistakes(zones: list[dict[str, Any]], default_ttl: int, private_addresses: bool = False) -> list[str]:
    """Return one sentence for each mistake in the list; addresses that are not public are one unless allowed."""
    found, mistakes = read_zones(zones, default_ttl)
    return mistakes if private_addresses else mistakes + not_public(found)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by name."""
        return {"dns_zones": dns_zones, "dns_mistakes": dns_mistakes}
