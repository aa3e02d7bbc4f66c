"""Let servers live for half an hour with certificates of five minutes, and under one name with many issues."""

import os
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.tls_certificate import CERTIFICATE, openssl

from tests import playbook

from .conftest import ADDRESS, FIRST, LAB, OLD_ADDRESS, Authority, Play, changes, make_due, renew, served

pytestmark = pytest.mark.nightly
testinfra_hosts = ["ansible://webstack-tls"]

LIFE = 300
# Half of the life may pass, and the timer looks each ten seconds.
MINUTES = int(os.environ.get("TLS_MINUTES", "30"))
TICK = "*:*:0/10"
ISSUES = 10


@pytest.fixture
def five_minutes(host: Any, play: Play) -> Iterator[None]:
    """Have the server's one certificate live for five minutes, and its timer start every ten seconds."""
    often = {"tls_renew_on_calendar": TICK, "tls_renew_randomized_delay": "0"}
    assert changes(play(acme_certificates=[{**FIRST, "profile": "five"}, LAB], **often)) > 0
    yield
    assert changes(play()) > 0


class Watch:
    """What visitors have got, looked at each second."""

    def __init__(self, host: Any) -> None:
        """Begin to look."""
        self.host, self.least, self.longest = host, float(LIFE), 0.0
        self.seen, self.differs_since = set[bytes](), 0.0
        self.mistakes = list[str]()
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self) -> None:
        """Look until it ends; note how much life is left at least, and how long file and served certificate differ."""
        while not self.ends.wait(1):
            try:
                self.once()
            except Exception as error:
                self.mistakes.append(f"{time.strftime('%H:%M:%S')} {error!r}")

    def once(self) -> None:
        """Look once."""
        pem = self.host.file("/etc/ssl/sites/foobar.com.pem").content_string
        certificate = served("foobar.com")
        self.seen.add(certificate)
        text = openssl("x509", "-noout", "-enddate", pem=ssl.DER_cert_to_PEM_cert(certificate))
        self.least = min(self.least, ssl.cert_time_to_seconds(text.strip().partition("=")[2]) - time.time())
        moment = time.monotonic()
        is_same = ssl.PEM_cert_to_DER_cert(CERTIFICATE.search(pem)[0]) == certificate
        self.differs_since = 0.0 if is_same else self.differs_since or moment
        self.longest = max(self.longest, moment - self.differs_since if self.differs_since else 0.0)

    def end(self) -> None:
        """Look no longer."""
        self.ends.set()
        self.thread.join()


def test_certificates_of_five_minutes_are_renewed_in_time_for_half_an_hour_and_not_more_often(
    host: Any, ca: Authority, five_minutes: None
) -> None:
    orders, watch, begun = ca.orders(), Watch(host), time.monotonic()
    playbook.wait_for(lambda: time.monotonic() - begun > MINUTES * 60, seconds=MINUTES * 60 + 60, pause=5)
    watch.end()
    found = ca.orders() - orders
    print(f"{found} orders in {MINUTES} minutes, {watch.least:.0f} s left at least, {watch.longest:.1f} s apart")
    assert watch.mistakes == []
    # Thirty minutes are twelve halves.
    assert MINUTES * 60 / 150 * 0.75 <= found <= MINUTES * 60 / 150 + 1
    assert watch.least >= LIFE / 4
    assert watch.longest <= 2
    assert len(watch.seen) == found + 1


def test_ten_issues_of_two_servers_under_one_name_all_succeed(host: Any, old: Any, staging: Authority) -> None:
    """The CA asks either server, and each finds the other's challenges."""
    orders = staging.orders()
    for _ in range(ISSUES // 2):
        for server, address in ((host, ADDRESS), (old, OLD_ADDRESS)):
            before = served("both.foobar.com", address)
            make_due(server, "both.foobar.com")
            assert renew(server) == 0, server.run("journalctl -u tls-renew -n 20").stdout
            assert served("both.foobar.com", address) != before
    assert staging.orders() == orders + ISSUES
