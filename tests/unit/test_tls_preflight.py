"""What is found out about a certificate's names before an order, with name servers and a web server of the test's."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import tls_preflight
from ansible_collections.foobar.webstack.plugins.module_utils.tls_preflight import (
    Check,
    Silent,
    Unanswered,
    Verdict,
    allows,
    look,
)

HERE, ELSEWHERE, DOWN, CLOSED = "203.0.113.1", "203.0.113.2", "203.0.113.3", "2001:db8::1"
IS_ROUTED = tls_preflight.is_routed
CHALLENGES = ".well-known/acme-challenge"


class NameServer:
    """A name server on a port of this machine, whose records the test changes."""

    def __init__(self) -> None:
        """Begin to answer."""
        self.records: dict[tuple[str, str], list[str]] = {}
        self.rcode = dns.rcode.NOERROR
        self.asked = list[tuple[str, str]]()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Answer no longer."""
        if self.thread.is_alive():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", self.socket.getsockname())
            self.thread.join()
            self.socket.close()

    def serve(self) -> None:
        """Answer until there comes an empty question."""
        while (received := self.socket.recvfrom(2000))[0]:
            data, sender = received
            query = dns.message.from_wire(data)
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.AA
            reply.set_rcode(self.rcode)
            (question,) = query.question
            name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
            self.asked.append((name, kind))
            for found in {kind, "CNAME"}:
                if values := self.records.get((name, found)):
                    reply.answer.append(dns.rrset.from_text_list(question.name, 5, "IN", found, values))
            self.socket.sendto(reply.to_wire(), sender)

    def has(self, name: str, kind: str, *values: str) -> None:
        """Answer with a record."""
        self.records[name, kind] = list(values)


@pytest.fixture
def zone() -> Iterator[NameServer]:
    """Return a name server by which foobar.com leads here."""
    server = NameServer()
    server.has("foobar.com", "A", HERE)
    server.has("www.foobar.com", "CNAME", "foobar.com.")
    yield server
    server.stop()


@pytest.fixture
def second() -> Iterator[NameServer]:
    """Return another name server, which has nothing yet."""
    server = NameServer()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def probes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Answer at one address with the probe file, at another one with something else, and at none beside them."""
    probed = list[tuple[str, str]]()

    def asked(address: str, domain: str, probe: str) -> str:
        probed.append((address, domain))
        assert probe == "probe-1"
        if address not in (HERE, ELSEWHERE):
            raise Silent("port 80 does not answer")
        return "" if address == HERE else "another server answers"

    monkeypatch.setattr(tls_preflight, "asked", asked)
    monkeypatch.setattr(tls_preflight, "is_routed", lambda address: ":" not in address)
    return probed


def mistakes(*domains: str, at: NameServer, challenge: str = "http-01", known: tuple[str, ...] = ()) -> list[str]:
    """Return what is wrong with names, by one name server."""
    return look(Check(list(domains), challenge, "probe-1", ["ca.example"], [at.address]), list(known)).mistakes


def test_names_that_lead_here_pass_and_their_address_is_told(zone: NameServer, probes: list[tuple[str, str]]) -> None:
    check = Check(["foobar.com", "www.foobar.com"], "http-01", "probe-1", ["ca.example"], [zone.address])
    assert look(check) == Verdict([], [HERE])
    assert probes == [(HERE, "foobar.com"), (HERE, "www.foobar.com")]
    assert ("www.foobar.com", "AAAA") in zone.asked


def test_a_name_without_a_record_is_named_with_its_server(zone: NameServer) -> None:
    assert mistakes("new.foobar.com", at=zone) == [f"new.foobar.com has no A or AAAA record at {zone.address}"]


def test_what_a_name_is_an_alias_of_is_named_where_that_has_no_record(zone: NameServer) -> None:
    zone.has("www.foobar.com", "CNAME", "lost.foobar.com.")
    assert mistakes("www.foobar.com", at=zone) == [
        f"www.foobar.com is an alias of lost.foobar.com, which has no A or AAAA record at {zone.address}"
    ]


def test_aliases_without_an_end_are_refused(zone: NameServer) -> None:
    zone.has("www.foobar.com", "CNAME", "www.foobar.com.")
    assert mistakes("www.foobar.com", at=zone) == [
        "www.foobar.com: www.foobar.com is an alias of an alias, more often than CAs follow"
    ]


def test_each_address_is_asked_and_named_with_its_record(zone: NameServer) -> None:
    zone.has("foobar.com", "A", HERE, ELSEWHERE)
    zone.has("foobar.com", "AAAA", CLOSED)
    assert mistakes("foobar.com", at=zone) == [
        f"foobar.com: its AAAA record leads to {CLOSED}, where port 80 does not answer",
        f"foobar.com: its A record leads to {ELSEWHERE}, where another server answers",
    ]


def test_each_name_server_has_to_have_the_name(zone: NameServer, second: NameServer) -> None:
    check = Check(["foobar.com"], "http-01", "probe-1", [], [zone.address, second.address])
    assert look(check).mistakes == [f"foobar.com has no A or AAAA record at {second.address}"]


def test_a_name_server_that_is_down_is_no_mistake_while_another_one_answers(
    zone: NameServer, second: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_preflight, "QUERY_TIMEOUT", 0.2)
    second.stop()
    check = Check(["foobar.com"], "http-01", "probe-1", [], [second.address, zone.address])
    assert look(check) == Verdict([], [HERE])


def test_where_no_name_server_is_heard_nothing_is_known(zone: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_preflight, "QUERY_TIMEOUT", 0.2)
    zone.stop()
    with pytest.raises(Unanswered, match=r"no name server of foobar\.com answers"):
        mistakes("foobar.com", at=zone)


def test_a_server_s_error_is_said_as_a_broken_one(zone: NameServer) -> None:
    zone.rcode = dns.rcode.SERVFAIL
    assert mistakes("foobar.com", at=zone) == [
        f"foobar.com: the name servers of foobar.com answer SERVFAIL at {zone.address}: they, or the zone's DNSSEC, "
        "are broken"
    ]


def test_a_router_that_sends_nobody_back_does_not_fool_a_server_that_was_found_there(zone: NameServer) -> None:
    zone.has("foobar.com", "A", ELSEWHERE)
    assert mistakes("foobar.com", at=zone) != []
    assert mistakes("foobar.com", at=zone, known=(ELSEWHERE,)) == []


def test_an_address_of_one_s_own_at_which_nobody_answers_is_a_mistake_all_the_same(zone: NameServer) -> None:
    zone.has("foobar.com", "A", "127.0.0.1")
    assert mistakes("foobar.com", at=zone, known=("127.0.0.1",)) == [
        "foobar.com: its A record leads to 127.0.0.1, where port 80 does not answer"
    ]


def test_an_address_to_which_no_way_leads_from_the_controller_is_left_to_the_server(zone: NameServer) -> None:
    zone.has("foobar.com", "AAAA", CLOSED)
    check = Check(["foobar.com"], "http-01", "probe-1", [], [zone.address])
    assert look(check) == Verdict([], [HERE], is_partial=True)
    assert look(check, []).mistakes == [f"foobar.com: its AAAA record leads to {CLOSED}, where port 80 does not answer"]
    zone.has("foobar.com", "A", DOWN)
    assert look(check).mistakes == [f"foobar.com: its A record leads to {DOWN}, where port 80 does not answer"]


def test_a_way_leads_to_an_address_or_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cut(socket.socket):
        """A socket of a machine with one network."""

        def connect(self, address: Any) -> None:
            """Know no way out of it."""
            if address[0] != "127.0.0.1":
                raise OSError(101, "Network is unreachable")
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Cut)
    assert IS_ROUTED("127.0.0.1")
    assert not IS_ROUTED(CLOSED)


def test_a_machine_without_ipv6_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: Any) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", unsupported)
    assert not IS_ROUTED(CLOSED)
    assert not tls_preflight.is_own(CLOSED)


def test_another_web_server_that_is_down_keeps_no_name_from_its_renewal(zone: NameServer) -> None:
    zone.has("foobar.com", "A", HERE, DOWN)
    zone.has("new.foobar.com", "A", HERE, DOWN)
    zone.has("lost.foobar.com", "A", DOWN)
    names = ["foobar.com", "new.foobar.com", "lost.foobar.com"]
    check = Check(names, "http-01", "probe-1", [], [zone.address], renewed=["foobar.com", "lost.foobar.com"])
    assert look(check, []).mistakes == [
        f"{name}: its A record leads to {DOWN}, where port 80 does not answer"
        for name in ("new.foobar.com", "lost.foobar.com")
    ]
    zone.has("foobar.com", "A", HERE, ELSEWHERE)
    assert look(check, []).mistakes[0] == (
        f"foobar.com: its A record leads to {ELSEWHERE}, where another server answers"
    )


@pytest.mark.parametrize("name", [f"{'a' * 64}.foobar.com", "a..foobar.com", f"{'a.' * 124}foobar.com"])
@pytest.mark.parametrize("challenge", ["http-01", "dns-01"])
def test_a_name_that_dns_can_t_have_is_a_mistake_of_its_own(zone: NameServer, name: str, challenge: str) -> None:
    (mistake,) = mistakes("foobar.com", name, at=zone, challenge=challenge)
    assert mistake.startswith(f"{name} can't be asked for: A DNS ")


def test_an_address_is_told_from_those_of_this_machine() -> None:
    assert tls_preflight.is_own("127.0.0.1")
    assert not tls_preflight.is_own(HERE)
    assert not tls_preflight.is_own(CLOSED)


OTHER = '0 issue "other.example"'


def test_a_caa_record_that_names_another_ca_is_shown(zone: NameServer) -> None:
    zone.has("foobar.com", "CAA", OTHER)
    assert mistakes("foobar.com", at=zone) == [
        f"foobar.com: the CAA record of foobar.com, {OTHER}, does not let ca.example issue"
    ]


def test_the_nearest_caa_record_up_the_tree_counts(zone: NameServer) -> None:
    zone.has("a.b.foobar.com", "A", HERE)
    zone.has("foobar.com", "CAA", OTHER)
    assert mistakes("a.b.foobar.com", at=zone) == [
        f"a.b.foobar.com: the CAA record of foobar.com, {OTHER}, does not let ca.example issue"
    ]
    zone.has("b.foobar.com", "CAA", '0 issue "ca.example"')
    assert mistakes("a.b.foobar.com", at=zone) == []


def test_a_caa_record_is_found_where_an_alias_leads_and_above_the_alias(zone: NameServer) -> None:
    zone.has("www.foobar.com", "CNAME", "host.cdn.example.")
    zone.has("host.cdn.example", "A", HERE)
    zone.has("cdn.example", "CAA", OTHER)
    assert mistakes("www.foobar.com", at=zone) == []
    zone.has("host.cdn.example", "CAA", OTHER)
    assert mistakes("www.foobar.com", at=zone) == [
        f"www.foobar.com: the CAA record of www.foobar.com (by host.cdn.example), {OTHER}, does not let ca.example "
        "issue"
    ]


def test_a_ca_that_does_not_say_who_it_is_is_not_judged(zone: NameServer) -> None:
    zone.has("foobar.com", "CAA", OTHER)
    assert look(Check(["foobar.com"], "http-01", "probe-1", [], [zone.address])).mistakes == []
    assert ("foobar.com", "CAA") not in zone.asked


@pytest.mark.parametrize(
    ("records", "names", "wildcards"),
    [
        (['0 issue "ca.example"'], True, True),
        (['0 issue "CA.example; accounturi=https://ca.example/7"'], True, True),
        (['0 issue "other.example"', '0 issue "ca.example"'], True, True),
        (['0 issue "other.example"'], False, False),
        (['0 issue ";"'], False, False),
        (['0 issue "ca.example"', '0 issuewild ";"'], True, False),
        (['0 issue ";"', '0 issuewild "ca.example"'], False, True),
        (['0 issuewild ";"'], True, False),
        (['0 iodef "mailto:a@foobar.com"'], True, True),
        (['0 ISSUE "other.example"'], False, False),
        (['128 issue "ca.example"'], True, True),
        (['128 future "x"', '0 issue "ca.example"'], False, False),
        (['0 future "x"'], True, True),
        (['0 issue "ca.example; validationmethods=dns-01"'], False, False),
        (['0 issue "ca.example; validationmethods=dns-01,http-01"'], True, True),
    ],
)
def test_caa_records_are_read_as_a_ca_reads_them(records: list[str], names: bool, wildcards: bool) -> None:
    check = Check([], "http-01", identities=["ca.example"])
    assert allows(set(records), False, check) == names
    assert allows(set(records), True, check) == wildcards


def test_for_dns_01_no_address_is_asked_but_caa_is(zone: NameServer, probes: list[tuple[str, str]]) -> None:
    zone.has("foobar.com", "CAA", '0 issue "ca.example"', '0 issuewild ";"')
    assert mistakes("*.foobar.com", "lost.foobar.com", at=zone, challenge="dns-01") == [
        '*.foobar.com: the CAA record of foobar.com, 0 issue "ca.example", 0 issuewild ";", does not let ca.example '
        "issue"
    ]
    assert probes == []


def test_for_dns_01_an_alias_of_the_challenge_is_refused(zone: NameServer) -> None:
    zone.has("_acme-challenge.foobar.com", "CNAME", "foobar.acme.example.")
    assert mistakes("*.foobar.com", "foobar.com", at=zone, challenge="dns-01") == [
        "_acme-challenge.foobar.com is a CNAME to foobar.acme.example, which certbot's plugins do not follow: remove it"
    ]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch, zone: NameServer) -> dict[str, Any]:
    """Have this system's resolver name the server for foobar.com, and raise what the test puts for a zone."""
    monkeypatch.setattr(tls_preflight, "addresses", lambda _: [("127.0.0.1", int(zone.address.rpartition(":")[2]))])
    known: dict[str, Any] = {"foobar.com.": ["ns1.foobar.com."], "com.": ["a.gtld-servers.net."]}

    def resolve(name: str, kind: str, **_: Any) -> Any:
        found = known.get(name, dns.resolver.NXDOMAIN())
        if isinstance(found, Exception):
            raise found
        response = dns.message.make_response(dns.message.make_query(name, kind))
        response.answer.append(dns.rrset.from_text_list(name, 5, "IN", kind, found))
        return type("Answer", (), {"response": response})

    monkeypatch.setattr(dns.resolver, "resolve", resolve)
    return known


def public(*domains: str) -> list[str]:
    """Return what is wrong with names, by the servers that the public tree names."""
    return look(Check(list(domains), "http-01", "probe-1", ["ca.example"], [])).mistakes


def test_the_zone_s_own_servers_are_found_up_the_tree(resolver: dict[str, Any], zone: NameServer) -> None:
    assert public("www.foobar.com") == []
    assert public("new.foobar.com") == ["new.foobar.com has no A or AAAA record at ns1.foobar.com"]


def test_many_servers_are_not_all_listed(resolver: dict[str, Any]) -> None:
    resolver["foobar.com."] = [f"ns{number}.foobar.com." for number in range(6)]
    assert public("new.foobar.com") == [
        "new.foobar.com has no A or AAAA record at ns0.foobar.com, ns1.foobar.com, ns2.foobar.com and 3 others"
    ]


def servfail() -> dns.resolver.NoNameservers:
    """Return what the resolver raises for a zone whose signatures are wrong."""
    request = dns.message.make_query("foobar.com", "NS")
    errors: list[Any] = [("127.0.0.1", False, 53, "SERVFAIL", None)]
    return dns.resolver.NoNameservers(request=request, errors=errors)


def test_a_zone_whose_dnssec_is_broken_is_told_by_the_resolver_s_error(resolver: dict[str, Any]) -> None:
    resolver["foobar.com."] = servfail()
    assert public("foobar.com") == [
        "foobar.com: the resolver answers SERVFAIL for foobar.com: its DNSSEC, or a name server, is broken"
    ]


@pytest.mark.parametrize("error", [servfail(), dns.resolver.LifetimeTimeout(timeout=1, errors=[])])
def test_a_resolver_that_hears_of_nothing_tells_nothing(resolver: dict[str, Any], error: Exception) -> None:
    resolver |= {"foobar.com.": error, "com.": error}
    with pytest.raises(Unanswered):
        public("foobar.com")


def test_a_resolver_without_the_public_tree_tells_nothing(resolver: dict[str, Any]) -> None:
    resolver.clear()
    with pytest.raises(Unanswered, match=r"foobar\.com is in no zone that the resolver knows of"):
        public("foobar.com")


def test_without_dnspython_nothing_is_known(monkeypatch: pytest.MonkeyPatch, zone: NameServer) -> None:
    monkeypatch.setattr(tls_preflight, "HAS_DNS", False)
    with pytest.raises(Unanswered, match="python3-dnspython"):
        mistakes("foobar.com", at=zone)


class Web(BaseHTTPRequestHandler):
    """A web server that serves its webroot for one host name, and sends others away."""

    webroot: Path
    redirects: dict[str, str]

    def do_GET(self) -> None:
        """Answer."""
        host = self.headers["Host"]
        path = self.webroot / self.path.lstrip("/")
        is_here = host == "foobar.com" and path.is_file()
        self.send_response(200 if is_here else 302)
        if not is_here and host in self.redirects:
            self.send_header("Location", self.redirects[host] + self.path)
        self.end_headers()
        if is_here:
            self.wfile.write(path.read_bytes())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


ASKED = tls_preflight.asked
REDIRECTS = {
    "www.foobar.com": "http://foobar.com",
    "loop.foobar.com": "http://loop.foobar.com",
    "ftp.foobar.com": "ftp://foobar.com",
    "secure.foobar.com": "https://secure.foobar.com",
}


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Return a function that asks a web server on a port of this machine for a probe, by a host name."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Mine", (Web,), {"webroot": tmp_path, "redirects": REDIRECTS}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    real = tls_preflight.http.client.HTTPConnection

    def connection(*_: Any, timeout: float) -> Any:
        return real("127.0.0.1", server.server_address[1], timeout=timeout)

    monkeypatch.setattr(tls_preflight.http.client, "HTTPConnection", connection)
    yield lambda domain: ASKED("127.0.0.1", domain, tls_preflight.make_probe(str(tmp_path)))
    server.shutdown()
    server.server_close()


def test_a_server_that_answers_with_the_probe_file_is_this_one(web: Callable[[str], str]) -> None:
    assert web("foobar.com") == ""
    assert web("other.com") == "another server answers, or this one not from its webroot (status 302)"


def test_redirects_are_followed_to_their_end(web: Callable[[str], str]) -> None:
    assert web("www.foobar.com") == ""
    assert web("loop.foobar.com") == "another server answers, or this one not from its webroot (status 302)"
    # The test's server speaks no TLS.
    with pytest.raises(Silent, match=r"^port 443 does not answer \("):
        web("secure.foobar.com")
    assert web("ftp.foobar.com") == "another server answers, or this one not from its webroot (status 302)"


def test_a_port_that_is_closed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> socket.socket:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refused)
    with pytest.raises(Silent, match=r"^port 80 does not answer \(\[Errno 111\] Connection refused\)$"):
        ASKED(HERE, "foobar.com", "probe-1")


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_a_probe_can_be_read_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        probe = tls_preflight.make_probe(str(tmp_path / "webroot"))
    finally:
        os.umask(before)
    folder = tmp_path / "webroot"
    for path in (folder, folder / ".well-known", folder / CHALLENGES):
        assert path.stat().st_mode & 0o777 == 0o755
    assert (folder / CHALLENGES / probe).stat().st_mode & 0o777 == 0o644


def test_a_folder_that_somebody_has_closed_is_opened_and_one_s_own_webroot_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / CHALLENGES).mkdir(parents=True)
    for path, mode in ((tmp_path / CHALLENGES, 0o700), (tmp_path / ".well-known", 0o2750), (tmp_path, 0o2710)):
        path.chmod(mode)
    tls_preflight.make_probe(str(tmp_path))
    modes = [path.stat().st_mode & 0o7777 for path in (tmp_path / CHALLENGES, tmp_path / ".well-known", tmp_path)]
    assert modes == [0o755, 0o2755, 0o2710]


def test_what_a_killed_run_has_left_is_removed_after_a_day(tmp_path: Path) -> None:
    old, young = (tls_preflight.make_probe(str(tmp_path)) for _ in range(2))
    os.utime(tmp_path / CHALLENGES / old, (0, 0))
    new = tls_preflight.make_probe(str(tmp_path))
    assert {path.name for path in (tmp_path / CHALLENGES).iterdir()} == {young, new}


def test_a_probe_is_removed_and_nothing_else(tmp_path: Path) -> None:
    challenge = tmp_path / CHALLENGES / "token"
    probe = tls_preflight.make_probe(str(tmp_path))
    challenge.write_text("a challenge")
    for name in (probe, "token", "../../../probe-x"):
        tls_preflight.remove_probe(str(tmp_path), name)
    assert list((tmp_path / CHALLENGES).iterdir()) == [challenge]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1", [("127.0.0.1", 53)]),
        ("127.0.0.1:5353", [("127.0.0.1", 5353)]),
        ("::1", [("::1", 53)]),
        ("[::1]:5353", [("::1", 5353)]),
        ("nowhere.invalid:x", []),
    ],
)
def test_a_name_server_is_an_address_and_maybe_a_port(text: str, found: list[tuple[str, int]]) -> None:
    assert tls_preflight.addresses(text) == found
