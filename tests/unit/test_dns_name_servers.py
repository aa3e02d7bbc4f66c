"""Where a zone begins, as name servers say: a zone that is one, one that is guessed, and servers that tell nothing."""

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import pytest
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.lookup import dns_zone_mistakes
from ansible_collections.foobar.webstack.plugins.plugin_utils import name_servers
from ansible_collections.foobar.webstack.plugins.plugin_utils.zones import Zone

SOA = "ns1.example.net. hostmaster.example.net. 1 3600 600 604800 60"
Ask = Callable[..., list[str]]


class Authority:
    """A name server of one zone, in which some names exist; other names it refuses to talk about."""

    def __init__(self, zone: str, names: dict[str, str], is_registry: bool = False) -> None:
        """Take the zone, and the CNAME of each name in it, or an empty text; listen on a free port.

        The zone itself takes mail, unless it is a registry's.
        """
        self.is_registry = is_registry
        self.zone, self.names = dns.name.from_text(zone), {dns.name.from_text(name): to for name, to in names.items()}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            data, client = self.socket.recvfrom(4096)
            self.socket.sendto(self.reply(dns.message.from_wire(data)).to_wire(), client)

    def reply(self, query: dns.message.Message) -> dns.message.Message:
        """Answer a question for a SOA record, or for another one of the zone itself."""
        name, kind = query.question[0].name, query.question[0].rdtype
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        soa = dns.rrset.from_text(self.zone, 60, "IN", "SOA", SOA)
        if name == self.zone and kind == dns.rdatatype.SOA:
            reply.answer.append(soa)
        elif name == self.zone:
            if kind == dns.rdatatype.MX and not self.is_registry:
                reply.answer.append(dns.rrset.from_text(name, 60, "IN", "MX", "10 mail.example.net."))
            else:
                reply.authority.append(soa)
        elif not name.is_subdomain(self.zone):
            reply.set_rcode(dns.rcode.REFUSED)
        elif self.names.get(name):
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", self.names[name]))
        else:
            reply.authority.append(soa)
            if name not in self.names:
                reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what is shown to the user while it is asked."""
    lines: list[str] = []
    monkeypatch.setattr(Display, "display", lambda self, text, *_, **__: lines.append(text))
    return lines


def mistakes(*zones: tuple[str, list[str]]) -> list[str]:
    """Return what is wrong with these zones, each with the addresses of its name servers."""
    read = [Zone(zone=f"{zone}.", provider={}, nameservers=asked, records=[]) for zone, asked in zones]
    found: list[str] = dns_zone_mistakes.LookupModule().run([read])
    return found


@pytest.fixture
def authority() -> str:
    """Return the address of a server of example.com, in which shop exists, www is a CNAME, and no more."""
    names = {"shop.example.com": "", "www.example.com": "shop.example.net."}
    return Authority("example.com", names).address


def test_a_zone_of_its_own_is_no_mistake(authority: str, said: list[str]) -> None:
    assert (mistakes(("example.com", [authority])), said) == ([], [])


@pytest.mark.parametrize("guessed", ["shop.example.com", "www.example.com", "new.example.com", "a.b.example.com"])
def test_a_name_in_another_zone_is_refused_with_the_real_one(authority: str, said: list[str], guessed: str) -> None:
    sentence = (
        f"dns_records_zones: {guessed} is no zone of its own, as its name servers say, but lies in example.com; "
        "write zone: example.com."
    )
    assert (mistakes((guessed, [authority])), said) == ([sentence], [])


def test_all_zones_are_judged_at_once(authority: str, said: list[str]) -> None:
    other = Authority("example.org", {}).address
    zones = [("example.org", [other]), ("shop.example.com", [authority]), ("www.example.org", [other])]
    assert [sentence.split()[1] for sentence in mistakes(*zones)] == ["shop.example.com", "www.example.org"]


@pytest.mark.parametrize("registry", ["com", "co.uk", "com.au", "me.uk"])
def test_a_domain_that_its_registry_does_not_know_yet_is_only_said(registry: str, said: list[str]) -> None:
    assert mistakes((f"example.{registry}", [Authority(registry, {}, is_registry=True).address])) == []
    assert said == [f"Whether example.{registry} is a zone could not be found out (it is not delegated)."]


def test_a_server_that_does_not_have_the_zone_is_only_said(authority: str, said: list[str]) -> None:
    assert mistakes(("example.org", [authority])) == []
    assert said[0].startswith("Whether example.org is a zone could not be found out (All nameservers failed")


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a server that never answers."""
    monkeypatch.setattr(name_servers, "LIFETIME", 0.3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_does_not_answer_is_only_said(silent: str, said: list[str]) -> None:
    assert mistakes(("example.com", [silent])) == []
    assert said[0].startswith("Whether example.com is a zone could not be found out (The resolution lifetime expired")


def test_a_missing_dnspython_is_named_where_there_are_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_servers, "HAS_DNS", False)
    assert mistakes(("example.com", [])) == [name_servers.MISSING]
    assert mistakes() == []


def test_the_public_tree_is_asked_where_no_server_is_configured(
    authority: str, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configured: list[bool] = []

    def resolver(configure: bool) -> dns.resolver.Resolver:
        configured.append(configure)
        made: dns.resolver.Resolver = real(configure=False)
        made.nameservers = [name_servers.dns.nameserver.Do53Nameserver("127.0.0.1", int(authority.split(":")[1]))]
        return made

    real: Any = dns.resolver.Resolver
    monkeypatch.setattr(dns.resolver, "Resolver", resolver)
    assert len(mistakes(("shop.example.com", []))) == 1
    assert configured == [True]
