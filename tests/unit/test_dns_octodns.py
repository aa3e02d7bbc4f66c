"""What octoDNS gets to see of a zone, and what it leaves there: with its own classes, and Cloudflare's."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.action import dns_sync
from ansible_collections.foobar.webstack.plugins.filter.dns import dns_zones
from ansible_collections.foobar.webstack.plugins.plugin_utils.octodns import foobar_webstack as octodns_parts
from octodns.processor.base import ProcessorException
from octodns.provider.base import BaseProvider
from octodns.record import Record
from octodns.zone import Zone

Plan = tuple[list[str], list[str]]


class Provider(BaseProvider):
    """A provider that holds records and can do what Route 53 can."""

    SUPPORTS = octodns_parts.ListedSource.SUPPORTS
    SUPPORTS_GEO = False
    SUPPORTS_DYNAMIC = True
    SUPPORTS_DYNAMIC_SUBNETS = True
    SUPPORTS_POOL_VALUE_STATUS = True
    SUPPORTS_ROOT_NS = True

    def __init__(self, records: list[dict[str, Any]]) -> None:
        """Take the records in octoDNS's form, with their full names."""
        self.log = octodns_parts.getLogger("held")
        super().__init__("held")
        self.records = records

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> bool:
        for data in self.records:
            name = zone.hostname_from_fqdn(data["name"])
            zone.add_record(Record.new(zone, name, data, source=self, lenient=True), lenient=True)
        return True


@pytest.fixture(autouse=True)
def _nothing_varies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(octodns_parts, "VARYING", [])


def entry(name: str, kind: str, *values: str, **keys: Any) -> dict[str, Any]:
    """Return a record as a user writes it."""
    return {"record": name, "type": kind, "value": list(values), **keys}


def held(name: str, kind: str, *values: Any, ttl: int = 300, **keys: Any) -> dict[str, Any]:
    """Return a record as a provider has it."""
    single = {"value": values[0]} if kind == "CNAME" else {"values": list(values)}
    return {"name": name, "type": kind, "ttl": ttl, **single, **keys}


def caa(*values: str) -> list[dict[str, Any]]:
    """Return CAA values with the tag `issue` in octoDNS's form."""
    return [{"flags": 0, "tag": "issue", "value": value} for value in values]


def planned(listed: list[dict[str, Any]], there: list[dict[str, Any]]) -> Plan:
    """Return the lines that go and come where these are listed and those are there."""
    zones = dns_zones([{"zone": "foobar.com", "provider": {"class": "x"}, "records": listed}], 0)
    records = [dns_sync.octodns_record(record) for record in zones[0]["records"]]
    desired = Zone("foobar.com.", [])
    octodns_parts.ListedSource("listed", {"foobar.com.": records}).populate(desired)
    plan = Provider(there).plan(desired, processors=[octodns_parts.ListedOnly("listed-only")])
    changes = plan.changes if plan else []
    before, after = (
        sorted(line for change in changes for line in octodns_parts._lines(getattr(change, when)))
        for when in ("existing", "new")
    )
    return before, after


def test_what_is_not_listed_stays() -> None:
    there = [
        held("foobar.com.", "A", "192.0.2.1"),
        held("foobar.com.", "TXT", "x"),
        held("www.foobar.com.", "A", "192.0.2.1"),
        held("x.foobar.com.", "A", "192.0.2.1"),
    ]
    listed = [entry("", "A", "192.0.2.2"), entry("www", "TXT", "x")]
    assert planned(listed, there) == (
        ["foobar.com. 300 A 192.0.2.1"],
        ["foobar.com. 300 A 192.0.2.2", "www.foobar.com. 3600 TXT x"],
    )


def test_addresses_and_a_cname_of_one_name_replace_each_other() -> None:
    addresses = [held("www.foobar.com.", "A", "192.0.2.1"), held("www.foobar.com.", "AAAA", "2001:db8::1", ttl=60)]
    lines = ["www.foobar.com. 300 A 192.0.2.1", "www.foobar.com. 60 AAAA 2001:db8::1"]
    assert planned([entry("www", "CNAME", "a.example")], addresses) == (lines, ["www.foobar.com. 300 CNAME a.example."])
    cname = [held("www.foobar.com.", "CNAME", "a.example.")]
    assert planned([entry("www", "AAAA", "2001:db8::1")], cname) == (
        ["www.foobar.com. 300 CNAME a.example."],
        ["www.foobar.com. 300 AAAA 2001:db8::1"],
    )
    assert planned([entry("www", "A", "192.0.2.1")], addresses) == ([], [])


@pytest.mark.parametrize(
    ("listed", "there"),
    [
        (entry("www", "CNAME", "a.example"), held("www.foobar.com.", "TXT", "x")),
        (entry("www", "TXT", "x"), held("www.foobar.com.", "CNAME", "a.example.")),
    ],
)
def test_an_unlisted_record_is_not_removed_to_make_room(listed: dict[str, Any], there: dict[str, Any]) -> None:
    with pytest.raises(ProcessorException, match=rf"www.foobar.com. has {there['type']}, which is not listed"):
        planned([listed], [there])


def test_a_ttl_stays_where_none_is_listed() -> None:
    there = [held("www.foobar.com.", "A", "192.0.2.1", ttl=60)]
    assert planned([entry("www", "A", "192.0.2.1")], there) == ([], [])
    assert planned([entry("www", "A", "192.0.2.1", ttl=600)], there)[1] == ["www.foobar.com. 600 A 192.0.2.1"]
    assert planned([entry("www", "A", "192.0.2.1")], [])[1] == ["www.foobar.com. 3600 A 192.0.2.1"]


def test_merged_values_are_added_once_and_none_is_removed() -> None:
    ours = entry("", "CAA", '0 issue "letsencrypt.org"', '0 issuewild ";"', merge=True)
    theirs = held("foobar.com.", "CAA", *caa("digicert.com; policy=ev"))
    line = 'foobar.com. 300 CAA 0 issue "digicert.com; policy=ev"'
    added = ['foobar.com. 300 CAA 0 issue "letsencrypt.org"', 'foobar.com. 300 CAA 0 issuewild ";"']
    assert planned([ours], [theirs]) == ([line], [line, *added])
    all_of_them = [*theirs["values"], *caa("letsencrypt.org"), {"flags": 0, "tag": "issuewild", "value": ";"}]
    assert planned([ours], [held("foobar.com.", "CAA", *all_of_them)]) == ([], [])
    assert planned([ours], [])[1] == [line.replace("300", "3600") for line in added]


def test_values_that_are_not_merged_replace_what_is_there() -> None:
    there = [held("foobar.com.", "CAA", *caa(";"))]
    assert planned([entry("", "CAA", '0 issue "letsencrypt.org"')], there) == (
        ['foobar.com. 300 CAA 0 issue ";"'],
        ['foobar.com. 300 CAA 0 issue "letsencrypt.org"'],
    )


@pytest.mark.parametrize("value", [";", "", " ; reason=none"])
def test_a_ca_is_not_let_in_where_every_ca_is_forbidden(value: str) -> None:
    there = [held("shop.foobar.com.", "CAA", *caa(value))]
    with pytest.raises(ProcessorException) as refused:
        planned([entry("shop", "CAA", '0 issue "letsencrypt.org"', merge=True)], there)
    assert str(refused.value) == (
        f'shop.foobar.com. CAA forbids every CA (0 issue "{value}"), and merge would add 0 issue "letsencrypt.org": '
        "take the first out at the provider, or the other out of dns_records_zones"
    )


def test_a_ca_that_is_let_in_beside_a_forbidding_value_is_no_contradiction() -> None:
    there = [held("foobar.com.", "CAA", *caa(";", "letsencrypt.org"))]
    assert planned([entry("", "CAA", '0 issue "letsencrypt.org"', merge=True)], there) == ([], [])


RULES: dict[str, Any] = {
    "dynamic": {
        "pools": {"eu": {"values": [{"value": "192.0.2.7"}]}, "us": {"values": [{"value": "192.0.2.8"}]}},
        "rules": [{"geos": ["EU"], "pool": "eu"}, {"pool": "us"}],
    }
}


def test_a_record_that_answers_by_place_is_left_as_it_is() -> None:
    there = [held("www.foobar.com.", "A", "192.0.2.1", **RULES)]
    assert planned([entry("www", "A", "192.0.2.1")], there) == ([], [])
    assert octodns_parts.VARYING == ["www.foobar.com. A"]


@pytest.mark.parametrize(
    "listed",
    [
        entry("www", "A", "192.0.2.2"),
        entry("www", "A", "192.0.2.1", ttl=60),
        entry("www", "CNAME", "a.example"),
    ],
    ids=["another value", "another TTL", "a CNAME"],
)
def test_a_record_that_answers_by_place_is_not_flattened(listed: dict[str, Any]) -> None:
    with pytest.raises(ProcessorException, match=r"^www.foobar.com. A answers by place or health at the provider"):
        planned([listed], [held("www.foobar.com.", "A", "192.0.2.1", **RULES)])


def recorded(identity: str, kind: str, name: str, content: str, **keys: Any) -> dict[str, Any]:
    """Return a record as Cloudflare's interface gives it."""
    return {
        "id": identity,
        "zone_id": "z1",
        "zone_name": "foobar.com",
        "name": name,
        "type": kind,
        "content": content,
        "proxiable": kind in ("A", "AAAA", "CNAME"),
        "proxied": False,
        "ttl": 1,
        "meta": {"auto_added": False, "source": "primary"},
        "comment": None,
        "tags": [],
        **keys,
    }


class Cloudflare:
    """Cloudflare's interface with the zone foobar.com: recorded answers, and a note of each change."""

    def __init__(self, *records: dict[str, Any]) -> None:
        """Listen on a free port."""
        self.records = {record["id"]: record for record in records}
        self.changes: list[tuple[str, str, dict[str, Any]]] = []
        cloudflare = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else {}
                result = cloudflare.result(self.command, self.path.partition("?")[0], body)
                information = {"page": 1, "per_page": 100, "count": len(result), "total_count": len(result)}
                text = json.dumps({"success": True, "errors": [], "result": result, "result_info": information})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def result(self, method: str, path: str, body: dict[str, Any]) -> Any:
        """Return the result for one request; do what a change asks for."""
        if method == "GET":
            zone = {"id": "z1", "name": "foobar.com", "name_servers": ["a.ns.example"], "plan": {"legacy_id": "free"}}
            answers = {"/zones": [zone], "/zones/z1/dns_records": list(self.records.values())}
            return answers.get(path, [])
        self.changes.append((method, path.removeprefix("/zones/z1/dns_records").strip("/"), body))
        identity = self.changes[-1][1] or f"new{len(self.changes)}"
        if method == "DELETE":
            del self.records[identity]
        else:
            # It leaves the final dot out of names.
            rest = body | {"content": body["content"].removesuffix(".")}
            kind, name = rest.pop("type"), rest.pop("name")
            self.records[identity] = recorded(identity, kind, name, **rest)
        return {"id": identity}

    def sync(self, *listed: dict[str, Any]) -> tuple[list[str], list[str]]:
        """Bring the zone to what is listed; return the lines of the plan, and what can't be compared."""
        address = f"http://127.0.0.1:{self.server.server_port}"
        provider = {"class": "octodns_cloudflare.CloudflareProvider", "token": "x", "api_url": address}
        zones = dns_zones([{"zone": "foobar.com", "provider": provider, "records": list(listed)}], 0)
        done = dns_sync.sync(zones, str(Path(sys.executable).with_name("octodns-sync")), ["--doit"])
        return [line for plan in done["plans"] for line in dns_sync.plan_lines(plan)], done["varying"]


@pytest.fixture
def cloudflare() -> Iterator[Cloudflare]:
    """Return Cloudflare with a proxied address that has a comment, a plain one, and another name's TXT."""
    stand_in = Cloudflare(
        recorded("r1", "A", "foobar.com", "192.0.2.1", proxied=True, comment="ask Jo first"),
        recorded("r2", "A", "www.foobar.com", "192.0.2.1", ttl=600),
        recorded("r3", "TXT", "foobar.com", "v=spf1 -all", ttl=3600),
    )
    yield stand_in
    stand_in.server.shutdown()


def test_cloudflares_proxy_stays_on_where_nothing_else_is_wanted(cloudflare: Cloudflare) -> None:
    lines, varying = cloudflare.sync(entry("", "A", "192.0.2.1", ttl=60), entry("www", "A", "192.0.2.1"))
    assert (lines, cloudflare.changes) == ([], [])
    assert varying == ["foobar.com. A"]


def test_cloudflares_proxy_and_comment_stay_where_the_address_changes(cloudflare: Cloudflare) -> None:
    lines, _ = cloudflare.sync(entry("", "A", "192.0.2.2"), entry("www", "A", "192.0.2.1"))
    settings = '{"cloudflare": {"auto-ttl": true, "comment": "ask Jo first", "proxied": true}}'
    assert lines == [f"- foobar.com. 300 A 192.0.2.1 {settings}", f"+ foobar.com. 300 A 192.0.2.2 {settings}"]
    ((method, identity, body),) = cloudflare.changes
    assert (method, identity) == ("PUT", "r1")
    assert (body["content"], body["proxied"], body["ttl"], body["comment"]) == ("192.0.2.2", True, 1, "ask Jo first")
    assert cloudflare.sync(entry("", "A", "192.0.2.2"), entry("www", "A", "192.0.2.1"))[0] == []


def test_cloudflares_proxy_goes_on_in_front_of_what_replaces_or_joins_an_address(cloudflare: Cloudflare) -> None:
    cloudflare.records["r2"]["proxied"] = True
    listed = [
        entry("", "A", "192.0.2.1"),
        entry("", "AAAA", "2001:db8::1"),
        entry("www", "CNAME", "foobar.com"),
    ]
    _, varying = cloudflare.sync(*listed)
    made = {(body["type"], body["proxied"]) for method, _, body in cloudflare.changes if method == "POST"}
    assert made == {("AAAA", True), ("CNAME", True)}
    assert varying == ["foobar.com. A", "foobar.com. AAAA", "www.foobar.com. CNAME"]
    assert cloudflare.sync(*listed)[0] == []


def test_a_setting_of_cloudflare_that_an_entry_names_wins(cloudflare: Cloudflare) -> None:
    off, on = ({"cloudflare": {"proxied": switch}} for switch in (False, True))
    listed = [entry("", "A", "192.0.2.1", octodns=off), entry("www", "A", "192.0.2.1", octodns=on)]
    lines, varying = cloudflare.sync(*listed)
    assert len(lines) == 4
    changed = {identity: (body["proxied"], body.get("comment")) for _, identity, body in cloudflare.changes}
    assert changed == {"r1": (False, "ask Jo first"), "r2": (True, None)}
    assert varying == ["www.foobar.com. A"]
    assert cloudflare.sync(*listed)[0] == []


def test_a_ttl_that_an_entry_names_wins_over_cloudflares_automatic_one(cloudflare: Cloudflare) -> None:
    cloudflare.records["r2"]["ttl"] = 1
    kept = [entry("www", "A", "192.0.2.1")]
    assert cloudflare.sync(*kept) == ([], [])
    assert cloudflare.sync(entry("www", "A", "192.0.2.1", ttl=900))[0] != []
    assert cloudflare.records["r2"]["ttl"] == 900
