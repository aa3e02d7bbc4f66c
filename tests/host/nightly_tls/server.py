"""The server, its CA and its visitors, as the tests of this folder need them."""

from __future__ import annotations

import json
import os
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dns.message
import dns.query
import dns.tsigkeyring
import dns.update

from tests.load.load import Connection, Kind, Load
from tests.playbook import Finished, said
from tests.visitors import Machine

EPHEMERAL = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
ROOT_OF_CA = EPHEMERAL / "ca.pem"
SERVER = Machine("webstack-https", "198.18.55.70")
BESIDE = Machine("webstack-https-ns", "198.18.55.71")
GUESTBOOK, SMALL = SERVER.variables()["sites"]
TRUST = ssl.create_default_context(cafile=str(ROOT_OF_CA))
YEAR = "max-age=31536000"
# What visitors ask for, and how often in a second over HTTP and over HTTPS; each redirect is a request more.
KINDS: Mapping[str, Mapping[Kind, float]] = {
    "foobar.com": {Kind("GET", "/"): 1, Kind("GET", "/health"): 4},
    "www.foobar.com": {Kind("GET", "/health"): 1},
    "small.foobar.com": {Kind("GET", "/"): 1},
}
RATES = {"foobar.com": (15.0, 40.0), "www.foobar.com": (3.0, 6.0), "small.foobar.com": (8.0, 25.0)}


def site(name: str) -> dict[str, Any]:
    """Return the entry of a further small site."""
    return {**SMALL, "domain": f"{name}.foobar.com", "app": name}


def changes(finished: Finished) -> int:
    """Return how many tasks of a run that went well have changed something."""
    assert finished.returncode == 0, said(finished)
    return sum(map(int, re.findall(r"\bchanged=(\d+)", finished.stdout)))


def calls(finished: Finished) -> int:
    """Return how many modules a run with -vvv has called on the server: pipelined, each is one command over SSH."""
    return finished.stdout.count(f"<{SERVER.address}> SSH: EXEC")


class Authority:
    """The CA."""

    def log(self, pattern: str) -> int:
        """Return how many lines of its log match an extended regular expression."""
        return int(BESIDE.shell(f"journalctl --unit=pebble --output=cat | grep -cE '{pattern}' || true"))

    def orders(self) -> int:
        """Return how many orders it has got."""
        return self.log("POST /order-plz")

    def requests(self) -> int:
        """Return how many requests of any kind it has got."""
        return self.log("(GET|POST|HEAD) /")

    def wants_back(self, *certificates: bytes) -> None:
        """Have it want certificates to be renewed at once, and the server ask it for that."""
        window = json.dumps({"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}})
        for certificate in certificates:
            told = json.dumps({"certificate": ssl.DER_cert_to_PEM_cert(certificate), "ariResponse": window})
            BESIDE.shell(
                "python3 - <<'PY'\nimport ssl, urllib.request\nurllib.request.urlopen("
                f"'https://127.0.0.1:15000/set-renewal-info/', {told!r}.encode(), timeout=20, "
                "context=ssl._create_unverified_context())\nPY"
            )
        SERVER.shell('sed -i -E \'s/"ask_at": [0-9.]+/"ask_at": 0/\' /var/lib/tls/state/*.json')


def renew() -> bool:
    """Start the unit as its timer does, and tell whether all went well."""
    return SERVER.is_so("systemctl start tls-renew 2> /dev/null")


def served(host: str) -> bytes:
    """Return the certificate that a visitor gets; raise ssl.SSLError where the visitor's browser refuses it."""
    connection = Connection((SERVER.address, 443), host, 30, TRUST)
    connection.connect()
    certificate = connection.sock.getpeercert(binary_form=True)
    connection.close()
    return certificate


def ask(location: str) -> tuple[int, Mapping[str, str]]:
    """Return the status and the headers of an address, whose certificate has to be a trusted one."""
    url = urlsplit(location)
    secure = url.scheme == "https"
    connection = Connection((SERVER.address, 443 if secure else 80), str(url.hostname), 30, TRUST if secure else None)
    try:
        connection.request("GET", url.path or "/", headers={"Host": url.netloc, "Connection": "close"})
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers
    finally:
        connection.close()


def hsts(host: str) -> str | None:
    """Return for how long a site has browsers keep to HTTPS."""
    return ask(f"https://{host}/")[1].get("Strict-Transport-Security")


def addresses(name: str) -> list[str]:
    """Return the IPv4 addresses of a name at the name server."""
    answer = dns.query.udp(dns.message.make_query(name, "A"), BESIDE.address, timeout=20)
    return [str(value) for found in answer.answer for value in found]


def record(change: str, *values: Any) -> None:
    """Add or delete a record of the zone: `add` or `delete`, and the words of it."""
    keys = SERVER.variables()["dns_provider"]
    ring = dns.tsigkeyring.from_text({keys["key_name"]: keys["key_secret"]})
    update = dns.update.UpdateMessage("foobar.com", keyring=ring, keyalgorithm="hmac-sha256")
    getattr(update, change)(*values)
    assert dns.query.tcp(update, BESIDE.address, timeout=20).rcode() == 0


def reloads() -> int:
    """Return how often nginx was reloaded."""
    return int(SERVER.shell("journalctl --unit=nginx --output=cat | grep -c '^Reloaded ' || true"))


class Visits:
    """Visitors of one host over HTTP, who follow redirects, and over HTTPS from the first redirect on."""

    def __init__(self, host: str) -> None:
        """Prepare both."""
        (http, https), kinds = RATES[host], KINDS[host]
        words: dict[str, Any] = {"workers": 4, "expect": [301], "retry": True, "timeout": 60.0}
        self.host, self.followed, self.lock, self.is_secure = host, 0, threading.Lock(), False
        self.http = Load((SERVER.address, 80), host, kinds, rate=http, follow=self.follow, **words)
        self.https = Load((SERVER.address, 443), host, kinds, rate=https, context=TRUST, **words)

    def __enter__(self) -> Visits:
        """Begin."""
        for load, scheme in ((self.http, "HTTP"), (self.https, "HTTPS")):
            load.report = lambda request, scheme=scheme: request.failed and print(f"{self.host}, {scheme}: {request}")
        self.http.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Come no more."""
        self.http.__exit__()
        if self.is_secure:
            self.https.__exit__()

    def follow(self, location: str) -> None:
        """Go where a redirect over HTTP leads; a refused certificate or an error there is the redirect's."""
        status, _ = ask(location)
        if status not in (200, 301):
            raise OSError(f"status {status} at {location}")
        with self.lock:
            self.followed += 1
            if not self.is_secure and location.startswith("https:"):
                self.is_secure = True
                self.https.__enter__()

    def loads(self) -> list[dict[str, Any]]:
        """Return the summaries of what they have seen."""
        return [self.http.summary(), *([self.https.summary()] if self.is_secure else [])]


@dataclass
class Seen:
    """What visitors have seen."""

    visits: dict[str, Visits] = field(default_factory=dict)
    requests: int = 0
    kept: int = 0
    failed: int = 0
    raced: int = 0
    redirects: int = 0
    reloads: int = 0
    worst: float = 0

    def add(self, visits: Visits) -> None:
        """Count what the visitors of a host have seen."""
        for summary in visits.loads():
            self.requests += summary["requests"]
            self.kept += summary["reused"]
            self.failed += summary["failed"]
            self.raced += summary["raced"]
            self.worst = max(self.worst, summary["worst"])
        self.requests += visits.followed
        self.redirects += visits.followed

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"{self.requests} requests, {self.kept} of them on kept connections and {self.redirects} after a redirect, "
            f"{self.failed} failed, {self.raced} raced at {self.reloads} reloads, {self.worst:.2f} s at worst"
        )


# All that the visitors of this run of the tests have seen, by what was done meanwhile.
ALL: dict[str, Seen] = {}


@contextmanager
def visitors(title: str) -> Iterator[Seen]:
    """Let visitors come while something is done; print what they have seen, and see that nothing failed."""
    seen, before = Seen(), reloads()
    with ExitStack() as stack:
        seen.visits = {host: stack.enter_context(Visits(host)) for host in KINDS}
        yield seen
    for visits in seen.visits.values():
        seen.add(visits)
    seen.reloads = reloads() - before
    ALL[title] = seen
    print(f"\n{title}: {seen}")
    assert seen.failed == 0
    assert seen.raced <= 2 * seen.reloads
