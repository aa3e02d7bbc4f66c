"""HTTPS as visitors, a CA and a proxy in front see it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .conftest import Ask

testinfra_hosts = ["ansible://web"]

SITE = "tls.example"
FILES = f"/etc/ssl/sites/{SITE}"
MAINTENANCE = "/etc/nginx/maintenance"
HSTS = "Strict-Transport-Security"
CHALLENGES = "/.well-known/acme-challenge/"

# Asks through the proxy that proxied.example trusts, by what the proxy says of its visitor.
Through = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture(autouse=True)
def switches(host: Any) -> Iterator[None]:
    """Begin and end without a trusted certificate, and with no site in maintenance."""
    command = f"rm -rf {FILES}.trusted {FILES}.hsts {MAINTENANCE}"
    host.check_output(command)
    yield
    host.check_output(command)


@pytest.fixture
def trusted(host: Any) -> None:
    """Have visitors' browsers trust the certificate."""
    host.check_output(f"touch {FILES}.trusted")


@pytest.fixture
def through(host: Any) -> Through:
    """Ask for a site as the proxy on the server itself does; return status, headers and body."""

    def _through(scheme: str, visitor: str, site: str = "proxied.example") -> tuple[int, dict[str, str], str]:
        said = f"-H 'X-Forwarded-Proto: {scheme}' -H 'X-Forwarded-For: {visitor}'" if scheme else ""
        answer = host.check_output(f"curl -sS -D - -H 'Host: {site}' {said} 'http://127.0.0.1/page?a=1'")
        head, _, body = answer.replace("\r", "").partition("\n\n")
        status, *lines = head.splitlines()
        return int(status.split()[1]), dict(line.split(": ", 1) for line in lines), body

    return _through


def test_until_the_certificate_is_trusted_a_site_stays_as_it_was(ask: Ask) -> None:
    for tls in (False, True):
        answer = ask("/", site=SITE, tls=tls)
        assert (answer.status, answer.headers[HSTS]) == (200, None)
        assert answer.seen["headers"]["x-forwarded-proto"] == ("https" if tls else "http")
    redirect = ask("/page?a=1", site=f"www.{SITE}:8080")
    assert (redirect.status, redirect.headers["Location"]) == (301, f"http://{SITE}:8080/page?a=1")


@pytest.mark.usefixtures("trusted")
def test_the_scheme_is_redirected_first_and_then_the_name(ask: Ask) -> None:
    for tls, name, place in [
        (False, SITE, f"https://{SITE}"),
        (False, f"{SITE}:8080", f"https://{SITE}"),
        (False, f"www.{SITE}", f"https://www.{SITE}"),
        (True, f"www.{SITE}", f"https://{SITE}"),
        (True, f"www.{SITE}:8443", f"https://{SITE}:8443"),
    ]:
        answer = ask("/page?a=1&b=%20", site=name, tls=tls)
        assert (answer.status, answer.headers["Location"]) == (301, f"{place}/page?a=1&b=%20")
        assert answer.headers[HSTS] == ("max-age=300; includeSubDomains" if tls else None)


@pytest.mark.usefixtures("trusted")
def test_a_preview_name_is_neither_redirected_nor_remembered(ask: Ask) -> None:
    for tls in (False, True):
        for path in ("/", "/static/site.css", "/own-hsts"):
            answer = ask(path, site="preview.example", tls=tls)
            assert (answer.status, answer.headers[HSTS]) == (200, None)


@pytest.mark.usefixtures("trusted")
def test_hsts_is_on_every_answer_once(host: Any, ask: Ask) -> None:
    answers = {
        "/": 200,
        "/own-hsts": 200,
        "/hidden": 200,
        "/static/site.css": 200,
        "/static/old.css": 200,
        "/static/none.css": 404,
        "/static/": 403,
        "/own/site.css": 200,
        "/own/none.css": 404,
        "/dead": 502,
        f"{CHALLENGES}none": 404,
    }
    for seconds in (300, 31536000):
        for path, status in answers.items():
            answer = ask(path, site=SITE, tls=True)
            assert (answer.status, answer.headers.get_all(HSTS)) == (status, [f"max-age={seconds}; includeSubDomains"])
        host.check_output(f"touch {FILES}.hsts")


def test_a_long_hsts_alone_is_none(host: Any, ask: Ask) -> None:
    host.check_output(f"touch {FILES}.hsts")
    assert ask("/", site=SITE, tls=True).headers[HSTS] is None


@pytest.mark.usefixtures("trusted")
def test_hsts_is_on_the_page_of_maintenance(host: Any, ask: Ask) -> None:
    host.check_output(f"mkdir -p {MAINTENANCE} && touch {MAINTENANCE}/{SITE}")
    answer = ask("/", site=SITE, tls=True)
    assert (answer.status, answer.headers.get_all(HSTS)) == (503, ["max-age=300; includeSubDomains"])


def test_an_age_of_nothing_is_sent_too_and_only_by_https(ask: Ask) -> None:
    assert ask("/", site="guarded.example", tls=True).headers.get_all(HSTS) == ["max-age=0"]
    redirect = ask("/", site="guarded.example")
    assert (redirect.status, redirect.headers["Location"]) == (301, "https://guarded.example/")
    assert redirect.headers[HSTS] is None


@pytest.mark.usefixtures("trusted")
def test_a_challenge_is_answered_before_redirects_maintenance_and_passwords(host: Any, ask: Ask) -> None:
    host.check_output(f"mkdir -p {MAINTENANCE} && touch {MAINTENANCE}/{SITE} {MAINTENANCE}/shop.example")
    name = host.backend.get_hostname()
    for site in [SITE, f"www.{SITE}", "shop.example", "www.shop.example", *(["guarded.example"] * 3)]:
        answer = ask(CHALLENGES + name, site=site)
        assert (answer.status, answer.body) == (200, name.encode())
        answer = ask(f"{CHALLENGES}none", site=site)
        assert (answer.status, answer.body) == (404, b"No such challenge.\n")


@pytest.mark.usefixtures("trusted")
def test_a_challenge_is_found_on_whichever_server_it_is(ask: Ask) -> None:
    for name in ("webstack-nginx-trixie", "webstack-nginx-bookworm", "webstack-nginx-latest"):
        for site in (SITE, f"www.{SITE}", "guarded.example"):
            answer = ask(CHALLENGES + name, site=site)
            assert (answer.status, answer.body) == (200, name.encode())


def test_an_unknown_challenge_is_soon_known_to_be_none_though_a_server_is_down(host: Any, ask: Ask) -> None:
    host.check_output("systemctl reload nginx")  # It asks the server that is down anew.
    started = time.monotonic()
    assert ask(f"{CHALLENGES}unknown", site=SITE).status == 404
    assert time.monotonic() - started < 5


def test_what_a_peer_asks_for_is_not_asked_for_again(host: Any, ask: Ask) -> None:
    other = "trixie" if "bookworm" in host.backend.get_hostname() else "bookworm"
    answer = ask(f"{CHALLENGES}webstack-nginx-{other}", site=SITE, headers={"X-ACME-Peer": "1"})
    assert (answer.status, answer.body) == (404, b"No such challenge.\n")


@pytest.mark.usefixtures("trusted")
def test_a_challenge_leads_nowhere_else(ask: Ask) -> None:
    for path in (f"{CHALLENGES}../../secret", f"{CHALLENGES}%2e%2e/%2e%2e/", f"{CHALLENGES}..%2f"):
        assert ask(path, site=SITE).headers["Location"] == f"https://{SITE}{path}"
        assert ask(path, site="guarded.example", tls=True).status in (403, 429)


def new_visitor() -> str:
    """Return an address that has sent no request yet."""
    return f"2001:db8::{time.time_ns() % 0x10000:x}:{time.time_ns() // 0x10000 % 0x10000:x}"


def test_a_trusted_proxy_tells_scheme_and_address(through: Through) -> None:
    visitor = new_visitor()
    status, headers, body = through("https", visitor)
    seen = {name.lower(): value for name, value in json.loads(body)["headers"]}
    assert (status, headers[HSTS]) == (200, "max-age=600")
    assert (seen["x-forwarded-proto"], seen["x-forwarded-for"]) == ("https", visitor)


def test_a_visitor_of_a_proxy_is_sent_to_https_once(through: Through) -> None:
    for scheme in ("http", "", "https, http", "ftp"):
        status, headers, _ = through(scheme, "198.51.100.21")
        assert (status, headers["Location"]) == (301, "https://proxied.example/page?a=1")
        assert HSTS not in headers
    status, headers, _ = through("https", "198.51.100.21", site="www.proxied.example")
    assert (status, headers["Location"]) == (301, "https://proxied.example/page?a=1")
    assert headers[HSTS] == "max-age=600"


def test_nobody_but_the_proxy_is_believed(ask: Ask) -> None:
    answer = ask("/", site="proxied.example", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"})
    assert (answer.status, answer.headers["Location"]) == (301, "https://proxied.example/")
    assert answer.headers[HSTS] is None
    # Another site's proxy is none of this one's.
    seen = ask("/", headers={"X-Forwarded-Proto": "https"}).seen["headers"]
    assert seen["x-forwarded-proto"] == "http"


def test_maintenance_and_limits_go_by_the_visitor_behind_the_proxy(host: Any, through: Through) -> None:
    visitor = new_visitor()
    assert [through("https", visitor)[0] for _ in range(3)] == [200, 200, 429]
    host.check_output(f"mkdir -p {MAINTENANCE} && touch {MAINTENANCE}/proxied.example")
    assert through("https", "198.51.100.7")[0] == 200
    for visitor in ("198.51.100.8", "198.51.100.7, 198.51.100.8"):
        status, headers, _ = through("https", visitor)
        assert (status, headers[HSTS]) == (503, "max-age=600")


def openssl(host: Any, options: str) -> str:
    """Return what openssl tells about a handshake, successful or not."""
    return str(host.run(f"openssl s_client -connect 127.0.0.1:443 {options} </dev/null 2>&1").stdout)


def test_old_protocols_and_ciphers_get_no_handshake(host: Any) -> None:
    weak = "-cipher 'ALL:@SECLEVEL=0'"
    for fine in ["-tls1_3", "-tls1_2"]:
        assert re.search(r"Cipher is (TLS_|ECDHE-ECDSA-)", openssl(host, f"-servername {SITE} {fine}"))
    for refused in [f"-tls1_1 {weak}", f"-tls1 {weak}", "-tls1_2 -cipher AES128-SHA:DHE-RSA-AES128-GCM-SHA256"]:
        assert "Cipher is (NONE)" in openssl(host, f"-servername {SITE} {refused}")


def test_the_key_exchange_is_the_best_that_openssl_knows(host: Any) -> None:
    is_new = "OpenSSL 3.5" in host.check_output("openssl version")
    found = re.findall(r"(?:Negotiated TLS1.3 group|Server Temp Key): ([\w-]+)", openssl(host, f"-servername {SITE}"))
    assert found == (["X25519MLKEM768"] if is_new else ["X25519"])
    for group in ("X448", "P-521"):
        assert "Cipher is (NONE)" in openssl(host, f"-servername {SITE} -groups {group}")


def test_sessions_are_resumed_by_tickets_only_where_their_keys_change(host: Any) -> None:
    changes = not host.check_output("nginx -v 2>&1").endswith("nginx/1.22.1")
    assert ("TLS session ticket:" in openssl(host, f"-servername {SITE} -tls1_2")) == changes


def test_strangers_get_no_handshake(host: Any) -> None:
    for name in ("unknown.example", f"x.{SITE}", "127.0.0.1"):
        assert host.run(f"curl -sk --resolve '*:443:127.0.0.1' https://{name}/").rc == 35
