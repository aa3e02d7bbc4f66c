"""The names of a site, as an entry of `sites` has them, and the DNS zones that they are in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

Entry = dict[str, Any]

# Also one that stands for all names below another; RFC 1035 says how long a name and its parts are.
HOST = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LONGEST = 253


def served_names(site: Entry) -> list[str]:
    """Return the names that are answered without a redirect."""
    return [site["domain"], *site.get("server_names", [])]


def names(site: Entry) -> list[str]:
    """Return the names of a site, as visitors know them."""
    return [*served_names(site), *site.get("aliases", [])]


def stated_zones(site: Entry) -> list[str]:
    """Return the zones that an entry says its names are in, that of the domain first."""
    return list(dict.fromkeys([site.get("zone", site["domain"]), *site.get("zones", [])]))


def zone_of(site: Entry, name: str) -> str:
    """Return the zone that a name of a site is in, or nothing where that has to be said.

    A name of two parts, such as example.fr, is a zone of its own, and www and a wildcard are in the one below which
    they stand.
    """
    around = [zone for zone in stated_zones(site) if f".{name}".endswith(f".{zone}")]
    if around:
        return max(around, key=len)
    bare = name.removeprefix("*.").removeprefix("www.")
    others = (other for other in names(site) if other != name and other.count(".") == 1)
    above = [other for other in others if name.endswith(f".{other}")]
    return above[0] if above else bare if bare.count(".") == 1 else ""


def by_zone(site: Entry) -> dict[str, list[str]]:
    """Return the names of a site by their zones, that of the domain first."""
    zones: dict[str, list[str]] = {stated_zones(site)[0]: []}
    for name in names(site):
        zones.setdefault(zone_of(site, name) or stated_zones(site)[0], []).append(name)
    return zones


def name_mistakes(site: Entry) -> Iterator[str]:
    """Find what is no host name; one with other letters than ASCII's has a sentence of its own."""
    for name in names(site):
        if not isinstance(name, str) or (name.isascii() and not (HOST.fullmatch(name) and len(name) <= LONGEST)):
            yield (
                f"sites: {json.dumps(name)} of {site['domain']} is no host name; write it in lower-case letters, "
                'digits and "-", without scheme, port, path and a dot at its end.'
            )


def zone_mistakes(sites: Iterable[Entry]) -> Iterator[str]:
    """Find names whose zone nobody knows."""
    for site in sites:
        for name in names(site):
            if not zone_of(site, name):
                known = ", ".join(stated_zones(site))
                yield f"sites: {name} of {site['domain']} is not in {known}; write its zone into zones, or take it out."
