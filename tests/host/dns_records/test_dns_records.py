"""Ask the name server, as a resolver would, for what the role left there; then run the role against it again."""

import copy
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.tsigkeyring
import dns.update
import pytest
import yaml

from tests.playbook import command, run, said

SECRET = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTAwMDE="
WRONG_SECRET = "d3JvbmctY2FuYXJ5LXdyb25nLWNhbmFyeS13cm9uZzA="
NAMESERVER = "127.0.0.1:10053"
# Names that only tests use.
MANY = [f"many{number}" for number in range(12)]
MADE = ["back", "canary", "early", "moving", "planned", "wrong", *MANY]
PROVIDER = {
    "class": "octodns_bind.Rfc2136Provider",
    "host": "127.0.0.1",
    "port": 10053,
    "key_name": "webstack",
    "key_secret": SECRET,
    "key_algorithm": "hmac-sha256",
}


class Controller:
    """A controller that runs the role; everything that it might write goes below its own folder."""

    def __init__(self, folder: Path) -> None:
        """Make the folders."""
        self.folder = folder
        self.traces = folder / "traces"
        self.traces.mkdir()
        self.environment = {
            "ANSIBLE_HOME": str(self.traces),
            "ANSIBLE_LOG_PATH": str(self.traces / "log"),
            "TMPDIR": str(self.traces),
        }

    def run(self, *records: dict[str, Any], options: tuple[str, ...] = (), **variables: Any) -> tuple[int, str]:
        """Run the role with one zone against a host that nobody can reach; return the code and the output."""
        zone = {"zone": "foobar.com", "provider": PROVIDER, "nameservers": [NAMESERVER], "records": list(records)}
        zone |= variables.pop("zone", {})
        play = {
            "hosts": "all",
            "gather_facts": False,
            "become": True,
            "roles": ["foobar.webstack.dns_records"],
            "vars": {
                "dns_records_zones": [zone],
                "dns_records_wait": 2,
                "dns_records_private_addresses": True,
                **variables,
            },
        }
        playbook = self.folder / "play.yml"
        playbook.write_text(yaml.safe_dump([copy.deepcopy(play)]))
        finished = run(command(playbook, *options, inventory="192.0.2.77,"), self.environment, timeout=600)
        return finished.returncode, said(finished)


def by_hand(change: Callable[[dns.update.UpdateMessage], None]) -> None:
    """Change the name server's zone as somebody does who has the key."""
    keyring = dns.tsigkeyring.from_text({PROVIDER["key_name"]: SECRET})
    update = dns.update.UpdateMessage("foobar.com", keyring=keyring, keyalgorithm=PROVIDER["key_algorithm"])
    change(update)
    assert dns.query.tcp(update, "127.0.0.1", port=10053, timeout=60).rcode() == dns.rcode.NOERROR


def remove() -> None:
    """Remove from the name server what only tests put there."""

    def forget(update: dns.update.UpdateMessage) -> None:
        for name in MADE:
            update.delete(name)

    by_hand(forget)


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    """Return a controller; before and after the test the name server has only what the scenario has put there."""
    remove()
    yield Controller(tmp_path)
    remove()


def record(name: str, kind: str, *values: str, **keys: Any) -> dict[str, Any]:
    """Return a record as a user writes it."""
    return {"record": name, "type": kind, "value": list(values), **keys}


def ask(name: str, kind: str) -> list[str]:
    """Return what the name server answers."""
    query = dns.message.make_query(name, kind)
    reply, _ = dns.query.udp_with_fallback(query, "127.0.0.1", port=10053, timeout=3)
    sets = [found for found in reply.answer + reply.authority if found.rdtype == dns.rdatatype.from_text(kind)]
    return sorted(str(rdata) for found in sets for rdata in found)


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("foobar.com", "A", ["8.8.8.8"]),
        ("www.foobar.com", "CNAME", ["foobar.com."]),
        ("old.foobar.com", "AAAA", ["2001:db8::8"]),
        ("foobar.com", "CAA", ['0 iodef "mailto:hostmaster@foobar.com"', '0 issue "letsencrypt.org"']),
        ("_sip._tcp.foobar.com", "SRV", ["10 5 5060 sip.example.com.", "20 5 5060 sip2.example.com."]),
        ("_dmarc.foobar.com", "TXT", ['"v=DMARC1; p=none"']),
        ("shop.foobar.com", "A", ["8.8.4.4", "8.8.8.8"]),
        ("shop.foobar.com", "MX", ["10 mx1.example.com.", "20 mx2.example.com."]),
        ("lab.foobar.com", "NS", ["ns1.example.net.", "ns2.example.net."]),
        ("any.lab2.foobar.com", "CNAME", ["foobar.com."]),
    ],
)
def test_the_listed_records_are_served(name: str, kind: str, values: list[str]) -> None:
    assert ask(name, kind) == values


def test_a_name_that_led_elsewhere_leads_where_it_is_listed() -> None:
    www = dns.query.udp(dns.message.make_query("www.foobar.com", "A"), "127.0.0.1", port=10053, timeout=3)
    assert [found.to_text().split()[-1] for found in www.answer] == ["foobar.com.", "8.8.8.8"]
    assert ask("old.foobar.com", "CNAME") == []


def test_a_long_text_arrives_whole() -> None:
    (text,) = ask("key1._domainkey.foobar.com", "TXT")
    assert text.replace('" "', "").strip('"') == "v=DKIM1; k=rsa; p=" + "MIIB" * 100


@pytest.mark.parametrize(
    ("name", "kind", "values"),
    [
        ("foobar.com", "NS", ["ns1.foobar.com."]),
        ("foobar.com", "MX", ["10 mail.foobar.com."]),
        ("foobar.com", "TXT", ['"v=spf1 mx -all"']),
        ("ns1.foobar.com", "A", ["192.0.2.53"]),
        ("mail.foobar.com", "A", ["192.0.2.25"]),
        ("mail.foobar.com", "AAAA", ["2001:db8::25"]),
        ("taken.foobar.com", "TXT", ['"somebody\'s proof"']),
    ],
)
def test_what_is_not_listed_survives(name: str, kind: str, values: list[str]) -> None:
    assert ask(name, kind) == values


def test_a_final_dot_makes_no_difference(controller: Controller) -> None:
    code, output = controller.run(record("www.foobar.com.", "CNAME", "foobar.com."), zone={"zone": "foobar.com."})
    assert code == 0, output
    assert "changed=0" in output


def test_check_mode_shows_the_plan_and_changes_nothing(controller: Controller) -> None:
    code, output = controller.run(record("planned", "A", "192.0.2.1"), options=("--check",))
    assert code == 0, output
    assert "+ planned.foobar.com. 3600 A 192.0.2.1" in output
    assert "changed=1" in output
    assert ask("planned.foobar.com", "A") == []


def test_a_changed_value_is_applied_and_shown(controller: Controller) -> None:
    assert controller.run(record("moving", "CNAME", "one.example.com"))[0] == 0
    code, output = controller.run(record("moving", "CNAME", "two.example.com", ttl=60))
    assert code == 0, output
    assert "- moving.foobar.com. 3600 CNAME one.example.com." in output
    assert "+ moving.foobar.com. 60 CNAME two.example.com." in output
    assert ask("moving.foobar.com", "CNAME") == ["two.example.com."]


@pytest.mark.parametrize(
    "drift",
    [
        lambda update: update.delete("moving"),
        lambda update: update.replace("moving", 3600, "A", "192.0.2.66"),
        lambda update: update.add("moving", 3600, "A", "192.0.2.66"),
    ],
    ids=["removed", "another value", "a value more"],
)
def test_a_record_that_was_changed_by_hand_is_put_right_once(
    controller: Controller, drift: Callable[[dns.update.UpdateMessage], None]
) -> None:
    listed = record("moving", "A", "192.0.2.1")
    assert controller.run(listed)[0] == 0
    by_hand(drift)
    code, output = controller.run(listed)
    assert (code, "changed=1" in output) == (0, True), output
    answer = dns.query.udp(dns.message.make_query("moving.foobar.com", "A"), "127.0.0.1", port=10053, timeout=3)
    assert [found.to_text() for found in answer.answer] == ["moving.foobar.com. 3600 IN A 192.0.2.1"]
    assert "changed=0" in controller.run(listed)[1]


def test_a_ttl_that_was_changed_by_hand_stays_unless_one_is_named(controller: Controller) -> None:
    assert controller.run(record("moving", "A", "192.0.2.1"))[0] == 0
    by_hand(lambda update: update.replace("moving", 60, "A", "192.0.2.1"))
    assert "changed=0" in controller.run(record("moving", "A", "192.0.2.1"))[1]
    for ttl, keys, variables in ((600, {"ttl": 600}, {}), (300, {}, {"dns_records_default_ttl": 300})):
        code, output = controller.run(record("moving", "A", "192.0.2.1", **keys), **variables)
        assert code == 0, output
        assert f"+ moving.foobar.com. {ttl} A 192.0.2.1" in output


def test_values_of_others_stay_beside_merged_ones(controller: Controller) -> None:
    ours, theirs = ['0 issue "letsencrypt.org"', '0 issuewild ";"'], '0 issue "digicert.com; policy=ev"'
    # As the scenario's own run has left it.
    assert ask("shop.foobar.com", "CAA") == sorted([theirs, *ours])
    new = '0 iodef "mailto:hostmaster@foobar.com"'
    listed = record("early", "CAA", new, *ours, merge=True)
    by_hand(lambda update: update.add("early", 60, "CAA", theirs))
    code, output = controller.run(listed, options=("--check", "--diff"))
    assert code == 0, output
    assert f"+early.foobar.com. 60 CAA {new}" in output
    assert f"-early.foobar.com. 60 CAA {theirs}" not in output
    assert ask("early.foobar.com", "CAA") == [theirs]
    assert "changed=1" in controller.run(listed)[1]
    assert ask("early.foobar.com", "CAA") == sorted([theirs, new, *ours])
    code, output = controller.run(listed)
    assert (code, "changed=0" in output) == (0, True), output


def test_a_ca_is_not_merged_into_a_record_that_forbids_every_ca(controller: Controller) -> None:
    code, output = controller.run(
        record("early", "A", "192.0.2.1"), record("locked", "CAA", '0 issue "letsencrypt.org"', merge=True)
    )
    assert code != 0
    assert 'locked.foobar.com. CAA forbids every CA (0 issue ";"), and merge would add' in output
    assert "Nothing was changed." in output
    assert (ask("early.foobar.com", "A"), ask("locked.foobar.com", "CAA")) == ([], ['0 issue ";"'])


def test_a_zone_that_is_only_a_name_in_another_one_is_refused_before_anything_changes(controller: Controller) -> None:
    zone = {"zone": "shop.foobar.com", "nameservers": [NAMESERVER]}
    code, output = controller.run(record("early", "A", "192.0.2.1"), zone=zone)
    assert code != 0
    assert "dns_records_zones: shop.foobar.com is no zone of its own" in output
    assert "but lies in foobar.com; write zone: foobar.com." in output
    assert "octoDNS" not in output


def test_name_servers_that_tell_nothing_of_the_zone_are_no_reason_to_refuse_it(controller: Controller) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        nameserver = f"127.0.0.1:{silent.getsockname()[1]}"
        zone = {"nameservers": [nameserver]}
        code, output = controller.run(record("early", "A", "192.0.2.1"), zone=zone, options=("--check",))
    assert code == 0, output
    assert "Whether foobar.com is a zone could not be found out" in output
    assert "+ early.foobar.com. 3600 A 192.0.2.1" in output


def test_a_private_address_is_refused_before_anything_changes(controller: Controller) -> None:
    listed = [record("early", "A", "8.8.8.8"), record("planned", "A", "10.0.0.7")]
    code, output = controller.run(*listed, dns_records_private_addresses=False)
    assert code != 0
    assert "planned.foobar.com A: 10.0.0.7 is no public address" in output
    assert ask("early.foobar.com", "A") == []


def test_an_address_replaces_a_cname(controller: Controller) -> None:
    assert controller.run(record("back", "CNAME", "foobar.com"))[0] == 0
    code, output = controller.run(record("back", "A", "192.0.2.1"))
    assert code == 0, output
    assert (ask("back.foobar.com", "CNAME"), ask("back.foobar.com", "A")) == ([], ["192.0.2.1"])


def test_an_unlisted_record_in_the_way_of_a_cname_is_named(controller: Controller) -> None:
    code, output = controller.run(record("early", "A", "192.0.2.1"), record("taken", "CNAME", "foobar.com"))
    assert code != 0
    assert "taken.foobar.com. has TXT, which is not listed and can't stand beside CNAME" in output
    assert "Nothing was changed." in output
    assert (ask("early.foobar.com", "A"), len(ask("taken.foobar.com", "TXT"))) == ([], 1)


def test_a_wrong_key_is_one_sentence_and_changes_nothing(controller: Controller) -> None:
    provider = PROVIDER | {"key_secret": WRONG_SECRET}
    code, output = controller.run(
        record("wrong", "A", "192.0.2.1"), zone={"provider": provider}, options=("-vvv", "--diff")
    )
    assert code != 0
    assert re.search("The name server of foobar.com refuses: .* signature .* Check key_name, key_secret,", output), (
        output
    )
    assert "Nothing was changed." in output
    assert WRONG_SECRET not in output
    assert ask("wrong.foobar.com", "A") == []


def test_a_mistake_is_refused_before_anything_changes(controller: Controller) -> None:
    code, output = controller.run(record("early", "A", "192.0.2.1"), record("", "CNAME", "example.com"))
    assert code != 0
    assert "dns_records_zones, foobar.com, @ CNAME: the zone itself can't be a CNAME" in output
    assert ask("early.foobar.com", "A") == []


def test_a_missing_octodns_is_named(controller: Controller) -> None:
    search = {"files": ["octodns-nowhere"], "paths": ["/usr/bin"], "skip": True}
    options = ("--extra-vars", json.dumps({"__dns_records_octodns_search": search}))
    code, output = controller.run(record("early", "A", "192.0.2.1"), options=options)
    assert code != 0
    assert re.search(
        "dns_records_zones needs octoDNS on the controller: .*/python[0-9.]* -m pip install octodns", output
    )


def test_too_big_a_change_needs_to_be_meant(controller: Controller) -> None:
    assert controller.run(*(record(name, "A", "192.0.2.1") for name in MANY))[0] == 0
    moved = [record(name, "A", "192.0.2.2") for name in MANY]
    code, output = controller.run(*moved)
    assert code != 0
    assert "octoDNS finds the change too big: [foobar.com.] Too many updates" in output
    assert "run once with dns_records_force=true. Nothing was changed." in output
    assert ask("many1.foobar.com", "A") == ["192.0.2.1"]
    assert controller.run(*moved, options=("--extra-vars", "dns_records_force=true"))[0] == 0
    assert ask("many1.foobar.com", "A") == ["192.0.2.2"]


@pytest.fixture
def stale_server() -> Iterator[str]:
    """Run a secondary that never heard of the change."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                data, client = server.recvfrom(4096)
                query = dns.message.from_wire(data)
                reply = dns.message.make_response(query)
                reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.99"))
                server.sendto(reply.to_wire(), client)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_a_server_that_does_not_follow_is_named(controller: Controller, stale_server: str) -> None:
    code, output = controller.run(
        record("", "A", "8.8.8.8"), zone={"nameservers": [NAMESERVER, stale_server]}, dns_records_wait=1
    )
    assert code != 0
    expected = f"After 1 seconds (dns_records_wait) {stale_server} still answers A 192.0.2.99 for foobar.com. A"
    assert f"{expected}, not 8.8.8.8." in output


def test_no_secret_leaves_the_controller_but_to_the_name_server(controller: Controller) -> None:
    stop = threading.Event()
    seen: set[str] = set()

    def look() -> None:
        while not stop.wait(0.02):
            for place in [*Path("/proc").glob("[0-9]*/cmdline"), *controller.traces.rglob("*")]:
                try:
                    if SECRET.encode() in place.read_bytes():
                        seen.add(str(place))
                except OSError:
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        new = record("canary", "A", "192.0.2.1")
        runs = [controller.run(new, options=("-vvv", "--diff", *more)) for more in (("--check",), ())]
        runs.append(controller.run(new, zone={"provider": PROVIDER | {"port": 1}}, options=("-vvv", "--diff")))
        runs.append(controller.run(record("a.example", "A", "x"), options=("-vvv", "--diff")))
        runs.append(controller.run(new | {"tpye": "A"}, options=("-vvv", "--diff")))
    finally:
        stop.set()
        watcher.join()
    assert [code for code, _ in runs] == [0, 0, 2, 2, 2]
    assert not [output for _, output in runs if SECRET in output]
    assert seen == set()
    assert (controller.traces / "log").stat().st_size > 0
