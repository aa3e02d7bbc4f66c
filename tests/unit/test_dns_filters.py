"""The list of zones: what is read from it, what is refused, and what octoDNS and the servers are asked."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dns.message
import dns.resolver
import dns.rrset
import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.foobar.webstack.plugins.action import dns_sync, dns_verify
from ansible_collections.foobar.webstack.plugins.filter.dns import FilterModule

dns_zones, all_mistakes = (FilterModule().filters()[name] for name in ("dns_zones", "dns_mistakes"))
PROVIDER = {"class": "octodns_bind.Rfc2136Provider", "host": "192.0.2.53", "key_secret": "c2VjcmV0"}


def dns_mistakes(zones: list[dict[str, Any]], default_ttl: int) -> list[str]:
    """Return the mistakes of zones that may have addresses from the ranges for documentation."""
    sentences: list[str] = all_mistakes(zones, default_ttl, private_addresses=True)
    return sentences


def zone(*records: dict[str, Any], **keys: Any) -> dict[str, Any]:
    """Return a zone as a user writes it."""
    return {"zone": "foobar.com", "provider": PROVIDER, "records": list(records), **keys}


def record(name: str, kind: str, *values: str, **keys: Any) -> dict[str, Any]:
    """Return a record as a user writes it."""
    return {"record": name, "type": kind, "value": list(values), **keys}


def only(*records: dict[str, Any]) -> dict[str, Any]:
    """Return the one record that is read from these."""
    assert dns_mistakes([zone(*records)], 3600) == []
    (found,) = dns_zones([zone(*records)], 3600)[0]["records"]
    return dict(found)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("", "foobar.com."),
        ("@", "foobar.com."),
        ("foobar.com", "foobar.com."),
        ("www", "www.foobar.com."),
        ("WWW.foobar.com.", "www.foobar.com."),
        ("a.b.foobar.com", "a.b.foobar.com."),
        ("key1._domainkey", "key1._domainkey.foobar.com."),
        ("*", "*.foobar.com."),
        ("xn--bcher-kva", "xn--bcher-kva.foobar.com."),
    ],
)
def test_a_name_is_read_in_every_usual_form(written: str, name: str) -> None:
    assert only(record(written, "A", "192.0.2.1"))["name"] == name


@pytest.mark.parametrize(
    ("kind", "written", "value"),
    [
        ("CNAME", "foobar.com", "foobar.com."),
        ("CNAME", "Foobar.com.", "foobar.com."),
        ("NS", "ns1.example.net", "ns1.example.net."),
        ("MX", "10  mx.example.com", "10 mx.example.com."),
        ("MX", "0 .", "0 ."),
        ("AAAA", "2001:DB8:0:0::1", "2001:db8::1"),
        ("CAA", "0 issue letsencrypt.org", '0 issue "letsencrypt.org"'),
        ("CAA", '0 issue ";"', '0 issue ";"'),
        ("SRV", "010 5  5060 Sip.example.com", "10 5 5060 sip.example.com."),
        ("SRV", "0 0 0 .", "0 0 0 ."),
        ("TXT", '"v=spf1 " "-all"', "v=spf1 -all"),
        ("TXT", "v=DMARC1\\; p=none", "v=DMARC1; p=none"),
    ],
)
def test_a_value_is_made_canonical(kind: str, written: str, value: str) -> None:
    assert only(record("_x._tcp", kind, written))["values"] == [value]


def test_a_single_value_and_a_missing_ttl_are_filled_in() -> None:
    assert only({"record": "x", "type": "A", "value": "192.0.2.1"})["ttl"] == 3600
    assert only(record("x", "A", "192.0.2.1", ttl="60"))["ttl"] == 60


@pytest.mark.parametrize(
    ("keys", "default", "ttl", "stays"), [({}, 0, 3600, True), ({}, 300, 300, False), ({"ttl": 60}, 0, 60, False)]
)
def test_a_ttl_stays_where_nothing_names_one(keys: dict[str, int], default: int, ttl: int, stays: bool) -> None:
    (found,) = dns_zones([zone(record("x", "A", "192.0.2.1", **keys))], default)[0]["records"]
    assert (found["ttl"], found["keep_ttl"]) == (ttl, stays)


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([record("", "CNAME", "example.com")], "foobar.com, @ CNAME: the zone itself can't be a CNAME"),
        ([record("foobar.com.", "CNAME", "example.com")], "the zone itself can't be a CNAME"),
        ([record("www", "CNAME", "a.example"), record("www", "TXT", "x")], "can't stand beside TXT"),
        ([record("www", "CNAME", "a.example", "b.example")], "exactly one value"),
        ([record("www", "CNAME", "www.foobar.com")], "can't point at itself"),
        ([record("www", "CNAME", "192.0.2.1")], "is an address, but a name is wanted"),
        ([record("www", "CNAME", "web01")], "web01 is not a full name"),
        ([record("www", "A", "8.8.8")], "www A: 8.8.8 is not an IPv4 address"),
        ([record("www", "A", "2001:db8::1")], "is not an IPv4 address"),
        ([record("www", "AAAA", "8.8.8.8")], "is not an IPv6 address"),
        ([record("www", "A")], "value is empty"),
        ([record("www.example.org.", "A", "192.0.2.1")], "www.example.org. is not in the zone foobar.com"),
        ([record("www.example.org", "A", "192.0.2.1")], "www.example.org is not in the zone foobar.com"),
        ([record("www.", "A", "192.0.2.1")], "www. is not in the zone foobar.com"),
        ([record("-x", "A", "192.0.2.1")], "-x is not a valid name"),
        ([record("a..b.foobar.com", "A", "192.0.2.1")], "is not a valid name"),
        ([record("stra\u00dfe", "A", "192.0.2.1")], "can be written in two ways"),
        ([record("b\u00fccher", "A", "192.0.2.1")], "DNS knows b\u00fccher as xn--bcher-kva; write that"),
        ([record("www", "CNAME", "b\u00fccher.de")], "DNS knows b\u00fccher.de as xn--bcher-kva.de; write that"),
        ([record("www", "AX", "192.0.2.1")], "www AX: type must be one of A, AAAA,"),
        ([record("www", "A", "192.0.2.1", ttl=0)], "ttl 0 is not a number of seconds"),
        ([record("", "MX", "mx.example.com")], "is not a preference and a mail server"),
        ([record("", "CAA", "letsencrypt.org")], "is not flags, tag and value"),
        ([record("sip", "SRV", "10 5 5060 sip.example.com")], "begins with a service and its protocol"),
        ([record("_sip._tcp", "SRV", "10 5 sip.example.com")], "is not priority, weight, port and target"),
        ([record("_sip._tcp", "SRV", "10 5 65536 sip.example.com")], "is not priority, weight, port and target"),
        ([record("_sip._tcp", "SRV", "10 5 5060 192.0.2.1")], "is an address, but a name is wanted"),
        (
            [record("www", "CNAME", "a.example", merge=True)],
            "merge adds to several values, and a CNAME has exactly one",
        ),
        ([record("", "TXT", "gr\u00fc\u00dfe")], "printable ASCII"),
        ([record("x", "A", "192.0.2.1"), record("x", "A", "192.0.2.2")], "listed twice with different values"),
    ],
)
def test_a_mistake_is_named_in_one_sentence(records: list[dict[str, Any]], words: str) -> None:
    (sentence,) = dns_mistakes([zone(*records)], 3600)
    assert sentence.startswith("dns_records_zones, foobar.com, ")
    assert words in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"zone": ""}, "zone (empty) is not a full name"),
        ({"zone": "com"}, "zone com is not a full name"),
        ({"zone": "b\u00fccher.de"}, "DNS knows b\u00fccher.de as xn--bcher-kva.de; write that"),
        ({"provider": {"host": "192.0.2.53"}}, "provider needs a class"),
        ({"provider": PROVIDER | {"key_secret": ""}}, "key_secret of the provider is empty"),
    ],
)
def test_a_mistaken_zone_is_named(keys: dict[str, Any], words: str) -> None:
    (sentence,) = dns_mistakes([zone(**keys)], 3600)
    assert words in sentence


def test_two_sites_of_one_zone_are_merged() -> None:
    first = zone(record("", "A", "192.0.2.1"), nameservers=["ns1.example.net"])
    second = zone(record("@", "A", "192.0.2.1"), record("shop", "A", "192.0.2.1"), zone="Foobar.com.")
    assert dns_mistakes([first, second], 3600) == []
    (merged,) = dns_zones([first, second], 3600)
    assert [item["name"] for item in merged["records"]] == ["foobar.com.", "shop.foobar.com."]
    assert merged["nameservers"] == ["ns1.example.net"]


def test_what_two_entries_merge_is_one_record() -> None:
    ours, theirs = '0 issue "letsencrypt.org"', '0 issue "digicert.com"'
    merged = only(record("", "CAA", ours, merge=True), record("", "CAA", theirs, merge=True))
    assert (merged["values"], merged["merge"]) == ([ours, theirs], True)
    listed_whole = only(record("", "CAA", ours, merge=True), record("", "CAA", theirs))
    assert (listed_whole["values"], listed_whole["merge"]) == ([ours, theirs], False)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("A", "10.1.2.3"),
        ("A", "172.16.0.1"),
        ("A", "192.168.1.1"),
        ("A", "100.64.0.1"),
        ("A", "127.0.0.1"),
        ("A", "169.254.169.254"),
        ("A", "203.0.113.7"),
        ("A", "198.18.0.1"),
        ("A", "224.0.0.1"),
        ("A", "0.0.0.0"),
        ("AAAA", "::1"),
        ("AAAA", "fd00::1"),
        ("AAAA", "fe80::1"),
        ("AAAA", "2001:db8::1"),
    ],
)
def test_an_address_that_the_public_cannot_reach_is_refused_unless_it_is_meant(kind: str, address: str) -> None:
    zones = [zone(record("www", kind, address))]
    (sentence,) = all_mistakes(zones, 3600)
    assert sentence.startswith(f"dns_records_zones, foobar.com, www.foobar.com {kind}: {address} is no public address")
    assert "(addresses of the site)" in sentence
    assert "dns_records_private_addresses: true" in sentence
    assert all_mistakes(zones, 3600, private_addresses=True) == []


@pytest.mark.parametrize(("kind", "address"), [("A", "8.8.8.8"), ("A", "172.32.0.1"), ("AAAA", "2a00:1450:4001::1")])
def test_a_public_address_is_taken(kind: str, address: str) -> None:
    assert all_mistakes([zone(record("www", kind, address))], 3600) == []


def test_two_providers_of_one_zone_are_refused_without_showing_secrets() -> None:
    (sentence,) = dns_mistakes([zone(), zone(provider=PROVIDER | {"key_secret": "b3RoZXI="})], 3600)
    assert "listed twice with different provider settings" in sentence
    assert "b3RoZXI=" not in sentence


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (
            "INFO plan: desired=foobar.com.\noctodns_bind.AxfrSourceZoneTransferFailed: bad key c2VjcmV0",
            "The name server of foobar.com refuses: bad key ********.",
        ),
        (
            "octodns.processor.base.ProcessorException: www.foobar.com. has TXT, which is not listed",
            "www.foobar.com. has TXT, which is not listed.",
        ),
        (
            "octodns.provider.plan.TooMuchChange: [foobar.com.] Too many updates, 90.00% is over 30.00%",
            "octoDNS finds the change too big: [foobar.com.] Too many updates, 90.00% is over 30.00%. If it is meant",
        ),
        (
            "octodns.manager.ManagerException: Unknown provider class: octodns_cloudflare.CloudflareProvider, line 1",
            "is not installed: pip install octodns-cloudflare.",
        ),
        (
            "TypeError: __init__() missing 'host'\n\noctodns.manager.ManagerException: Incorrect provider config",
            "does not accept its settings: __init__() missing 'host'.",
        ),
        ("binascii.Error: Incorrect padding", "is not base64."),
        ("ConnectionRefusedError: [Errno 111] refused", "octoDNS failed at the zone: ConnectionRefusedError"),
        ("", "it printed nothing"),
    ],
)
def test_a_failure_of_octodns_becomes_a_sentence_without_secrets(log: str, words: str) -> None:
    sentence = dns_sync.failure(dns_zones([zone()], 3600), log)
    assert words in sentence
    assert sentence.endswith("Nothing was changed.")


def test_a_failure_while_applying_does_not_claim_that_nothing_changed() -> None:
    log = "INFO apply: making 2 changes to foobar.com.\nbotocore.exceptions.ClientError: throttled"
    assert dns_sync.failure([], log).endswith("It had begun to apply the plan.")


def test_a_missing_octodns_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match="pip install octodns"):
        dns_sync.sync([], str(tmp_path / "octodns-sync"), [])


class Server:
    """A name server that answers every question with the same addresses, which may change while it runs."""

    def __init__(self, address: str) -> None:
        """Listen on a free port."""
        self.address = address
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.name = f"127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            data, client = self.socket.recvfrom(4096)
            query = dns.message.from_wire(data)
            reply = dns.message.make_response(query)
            reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", *self.address.split()))
            self.socket.sendto(reply.to_wire(), client)


@pytest.fixture
def server() -> Callable[[str], Server]:
    return Server


def ask(servers: list[Server], wait: float) -> list[str]:
    """Ask the servers for www A 192.0.2.1."""
    (item,) = dns_zones([zone(record("www", "A", "192.0.2.1"), nameservers=[s.name for s in servers])], 3600)
    deadline = time.monotonic() + wait
    return [dns_verify.disagreement(s, item["records"], deadline) for s in dns_verify.servers(item)]


def test_servers_that_agree_are_asked_once(server: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_verify, "PAUSE", 30)
    start = time.monotonic()
    assert ask([server("192.0.2.1"), server("192.0.2.1")], 60) == ["", ""]
    assert time.monotonic() - start < dns_verify.PAUSE


def test_a_server_that_lags_is_waited_for(server: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dns_verify, "PAUSE", 0.05)
    lagging = server("192.0.2.9")
    threading.Timer(0.2, setattr, (lagging, "address", "192.0.2.1")).start()
    assert ask([lagging], 30) == [""]


def test_a_server_that_keeps_the_old_value_is_named(
    server: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, stale = server("192.0.2.1"), server("192.0.2.9")
    monkeypatch.setattr(dns_verify, "PAUSE", 0.05)
    assert ask([good, stale], 0.3) == [
        "",
        f"{stale.name} still answers A 192.0.2.9 for www.foobar.com. A, not 192.0.2.1",
    ]


def test_a_server_may_have_more_values_than_a_merged_record_lists(server: Callable[[str], Server]) -> None:
    both = server("192.0.2.1 192.0.2.9")
    for keys, is_fine in (({"merge": True}, True), ({}, False)):
        item = dns_zones([zone(record("www", "A", "192.0.2.1", **keys), nameservers=[both.name])], 3600)[0]
        found = [dns_verify.disagreement(asked, item["records"], 0) for asked in dns_verify.servers(item)]
        assert (found == [""]) is is_fine


def test_a_record_behind_a_proxy_is_not_asked_for() -> None:
    item = dns_zones([zone(record("www", "A", "192.0.2.1"), record("www", "TXT", "x"))], 3600)[0]
    left = dns_verify.without(item, ["www.foobar.com. A", "foobar.com. TXT"])
    assert [found["type"] for found in left["records"]] == ["TXT"]


def test_a_dead_server_is_named_within_the_time() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        start = time.monotonic()
        name = f"127.0.0.1:{silent.getsockname()[1]}"
        (sentence,) = ask([SimpleNamespace(name=name)], 0.3)  # type: ignore[list-item]
    assert f"{name} still does not answer for www.foobar.com. A" in sentence
    assert time.monotonic() - start < 3


def test_the_zones_own_ns_records_are_the_servers_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [SimpleNamespace(target="ns2.example.net."), SimpleNamespace(target="ns1.example.net.")]
    monkeypatch.setattr(dns.resolver, "resolve", lambda *_: answer)
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [
            (socket.AF_INET6, 0, 0, "", ("2001:db8::53", 53, 0, 0)),
            (socket.AF_INET, 0, 0, "", ("192.0.2.53", 53)),
        ],
    )
    (item,) = dns_zones([zone()], 3600)
    assert dns_verify.servers(item) == [("ns1.example.net", "192.0.2.53", 53), ("ns2.example.net", "192.0.2.53", 53)]


def test_a_zone_without_known_servers_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(*_: Any) -> Iterator[Any]:
        raise dns.resolver.NXDOMAIN

    monkeypatch.setattr(dns.resolver, "resolve", nothing)
    (item,) = dns_zones([zone()], 3600)
    with pytest.raises(AnsibleActionFail, match=r"foobar.com. can't be found.*nameservers"):
        dns_verify.servers(item)


def test_the_configuration_goes_to_octodns_as_plain_json() -> None:
    records = [
        record("", "CAA", '0 issue "x.example"'),
        record("a", "TXT", "a;b"),
        record("_a._tcp", "SRV", "1 2 3 b.c"),
    ]
    zones = dns_zones([zone(*records)], 3600)
    config = json.loads(json.dumps(dns_sync.configuration(zones)))
    caa, txt, srv = config["providers"]["listed"]["zones"]["foobar.com."]
    assert caa["values"] == [{"flags": "0", "tag": "issue", "value": "x.example"}]
    assert txt["values"] == ["a\\;b"]
    assert srv["values"] == [{"priority": "1", "weight": "2", "port": "3", "target": "b.c."}]
    assert config["providers"]["provider-1"] == PROVIDER


def test_zones_with_the_same_settings_share_a_provider() -> None:
    other = {**PROVIDER, "host": "192.0.2.54"}
    zones = dns_zones([zone(zone="a.com"), zone(zone="b.com", provider=other), zone(zone="c.com")], 3600)
    config = dns_sync.configuration(zones)
    assert {name: entry["targets"] for name, entry in config["zones"].items()} == {
        "a.com.": ["provider-1"],
        "b.com.": ["provider-2"],
        "c.com.": ["provider-1"],
    }
    assert [config["providers"][name] for name in ("provider-1", "provider-2")] == [PROVIDER, other]


OCTODNS = """#!/usr/bin/env python3
import json, sys
from pathlib import Path
config = json.load(sys.stdin)
with Path(__file__).with_name("runs").open("a") as runs:
    print(config["manager"]["max_workers"], len(config["zones"]), *sys.argv[3:], file=runs)
names = ["a.com.", "b.com.", "c.com."] if config["manager"]["max_workers"] > 1 else ["a.com.", "b.com."]
for name in names:
    print(f"INFO plan: desired={name}", file=sys.stderr)
if "c.com." in config["zones"]:
    print("octodns_bind.AxfrSourceZoneTransferFailed: refused", file=sys.stderr)
    sys.exit(1)
print('{"plans": [], "varying": []}')
"""


def test_all_zones_take_one_run_and_a_failure_tells_which_it_is(tmp_path: Path) -> None:
    program = tmp_path / "octodns-sync"
    program.write_text(OCTODNS)
    program.chmod(0o755)
    zones = dns_zones([zone(zone="a.com"), zone(zone="b.com"), zone(zone="c.com")], 3600)
    assert dns_sync.sync(zones[:2], str(program), ["--doit"])["plans"] == []
    assert (tmp_path / "runs").read_text() == f"{dns_sync.WORKERS} 2 --doit\n"
    with pytest.raises(AnsibleActionFail, match=r"The name server of b.com refuses: refused.*Nothing was changed"):
        dns_sync.sync(zones, str(program), ["--doit"])
    # The second look changes nothing.
    assert (tmp_path / "runs").read_text().splitlines()[1:] == [f"{dns_sync.WORKERS} 3 --doit", "1 3"]
