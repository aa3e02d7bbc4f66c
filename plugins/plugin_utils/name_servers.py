"""Where name servers are, and where they say that a zone begins."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from ansible_collections.foobar.webstack.plugins.plugin_utils.zones import Zone

try:
    import dns.exception
    import dns.nameserver
    import dns.resolver
except ImportError:
    HAS_DNS = False
else:
    HAS_DNS = True

MISSING = "dnspython is not in Ansible's own environment: pip install dnspython."
# Seconds for one server, and for all questions about one zone.
TIMEOUT = 1.5
LIFETIME = 4.0
# Zones of registries, in which nobody has sites: com, co.uk, com.au. Their answer means that a domain is not there yet.
REGISTRY = re.compile(r"[^.]*|(ac|co|com|edu|go|gov|net|ne|or|org)\.[a-z]{2}")

Server = tuple[str, str, int]


class Cut(NamedTuple):
    """What was found out of a zone: the zone that there really is, or else why nobody tells."""

    zone: str
    real: str = ""
    why: str = ""


def addresses(text: str) -> Iterator[Server]:
    """Yield a server's addresses; those of IPv6 only where it has no other, for not every controller reaches them."""
    name, port = text, "53"
    if text.count(":") == 1 or "]:" in text:
        name, _, port = text.rpartition(":")
    name = name.strip("[]")
    found = socket.getaddrinfo(name, int(port), type=socket.SOCK_DGRAM)
    legacy = [item for item in found if item[0] == socket.AF_INET]
    for item in legacy or found:
        yield text, str(item[4][0]), int(port)


def cuts(zones: Iterable[Zone]) -> list[Cut]:
    """Ask for all zones at once where they begin: their configured name servers, or else the public tree."""
    listed = list(zones)
    with ThreadPoolExecutor(max_workers=16) as pool:
        return list(pool.map(_cut, listed))


def _cut(zone: Zone) -> Cut:
    name = zone["zone"].rstrip(".")
    try:
        resolver = _resolver(zone["nameservers"])
        real = dns.resolver.zone_for_name(zone["zone"], resolver=resolver, lifetime=LIFETIME)
        found = real.to_text().lower().rstrip(".")
        if found != name and (REGISTRY.fullmatch(found) or not _is_used(found, resolver)):
            return Cut(name, why="it is not delegated")
    except (dns.exception.DNSException, OSError, ValueError) as error:
        return Cut(name, why=str(error) or type(error).__name__)
    return Cut(name, found)


def _is_used(zone: str, resolver: dns.resolver.Resolver) -> bool:
    """Tell whether a zone itself has hosts or takes mail, as somebody's domain does and a registry's does not."""
    return any(
        resolver.resolve(f"{zone}.", kind, raise_on_no_answer=False, lifetime=LIFETIME).rrset is not None
        for kind in ("A", "AAAA", "MX")
    )


def _resolver(nameservers: list[str]) -> dns.resolver.Resolver:
    """Return a resolver that asks these servers, or the system's where there are none."""
    resolver = dns.resolver.Resolver(configure=not nameservers)
    resolver.timeout = TIMEOUT
    if nameservers:
        found = [server for text in nameservers for server in addresses(text)]
        resolver.nameservers = [dns.nameserver.Do53Nameserver(address, port) for _, address, port in found]
    return resolver
