"""A server that serves over HTTP goes on to HTTPS and lives with it, while visitors come all the time.

The tests go on from each other, in the order of the server's life; what they measure is printed.
"""

import re
from functools import partial

from tests.playbook import play, said, wait_for

from .server import (
    ALL,
    BESIDE,
    EPHEMERAL,
    GUESTBOOK,
    KINDS,
    SERVER,
    SMALL,
    YEAR,
    Authority,
    addresses,
    ask,
    calls,
    changes,
    hsts,
    record,
    renew,
    served,
    site,
    visitors,
)

CA = Authority()
HTTPS = partial(play, "site.yml")
HTTP = partial(play, "site.yml", default_tls={"provider": "none"})
# How many modules a run over HTTP calls that changes nothing.
CALLS = {}
RENEWALS = 20
BLOCKED = {**site("blocked"), "domain": "blocked.example", "zone": "blocked.example"}
# Of a file with another RSA key, and of one that has expired, nginx thinks nothing.
REFUSED_BY_NGINX = ("a key that is another one's", "empty")
FILES = ("/etc/ssl/sites", "/var/lib/tls")


def names(host):
    """Return the names in the file that nginx serves for a site."""
    shown = SERVER.shell(f"openssl x509 -noout -ext subjectAltName -in /etc/ssl/sites/{host}.pem")
    return set(re.findall(r"DNS:(\S+[a-z])", shown))


def certificates():
    """Return what lies in the folder of certificates."""
    return SERVER.digests("/etc/ssl/sites")


def test_the_sites_serve_over_http_alone():
    finished = HTTP("-vvv")
    assert changes(finished) == 0
    CALLS["http"] = calls(finished)
    for host in KINDS:
        status, headers = ask(f"http://{host}/")
        assert (status, headers.get("Strict-Transport-Security")) == (301 if "www" in host else 200, None)
    assert not SERVER.is_so("ss -Hltn | grep -q :443")
    assert CA.requests() == 0


def test_one_run_leads_visitors_to_https_and_loses_none_of_them():
    with visitors("The upgrade from HTTP") as seen:
        finished = HTTPS()
        assert changes(finished) > 0
        wait_for(lambda: all(visits.is_secure for visits in seen.visits.values()))
    for host, visits in seen.visits.items():
        found = sorted(visits.http.requests, key=lambda request: request.start)
        if host == "www.foobar.com":
            # It has always led on, to a name that it led to by HTTP before.
            continue
        before = [request.start for request in found if request.status == 200]
        after = [request.start + request.duration for request in found if request.status == 301]
        print(f"{host}: {len(before)} times 200, then {len(after)} times 301")
        assert len(before) > 100
        assert max(before) < min(after)
    assert seen.redirects > 100
    assert CA.orders() == 2
    assert names("foobar.com") == {"foobar.com", "www.foobar.com"}


def test_browsers_that_knew_the_site_by_http_keep_to_https_for_minutes_until_it_was_renewed_unattended():
    for host in ("foobar.com", "small.foobar.com"):
        assert hsts(host) == "max-age=300"
        before = served(host)
        CA.wants_back(before)
        assert renew()
        assert served(host) != before
        assert hsts(host) == YEAR


def test_a_name_that_leads_nowhere_is_said_and_not_ordered_and_the_timer_gets_its_certificate_once_it_leads_here():
    orders, late = CA.orders(), site("late")
    with visitors("A name that leads nowhere"):
        finished = HTTPS("--skip-tags=dns_records", sites=[GUESTBOOK, SMALL, late])
    assert finished.returncode == 2
    sentence = "late.foobar.com has no A or AAAA record at 198.18.55.71."
    assert sentence in said(finished)
    assert ask("http://late.foobar.com/")[0] == 200
    assert not renew()
    assert CA.orders() == orders
    record("add", "late", 60, "A", SERVER.address)
    assert renew()
    assert CA.orders() == orders + 1
    served("late.foobar.com")
    assert ask("http://late.foobar.com/")[0] == 301
    assert SERVER.failed_units() == ""


def test_a_site_that_the_ca_refuses_keeps_two_others_from_nothing_and_is_named_at_the_end():
    orders, new = CA.orders(), [site("first"), BLOCKED, site("second")]
    with visitors("Three more sites, one of them refused"):
        finished = HTTPS(sites=[GUESTBOOK, SMALL, site("late"), *new])
    assert finished.returncode == 2
    fatal = re.findall(r"^fatal: .*", finished.stdout, re.MULTILINE)
    assert len(fatal) == 1, finished.stdout
    assert (
        "Fail where a site has not got its certificate" in finished.stdout.partition(fatal[0])[0].rpartition("TASK")[2]
    )
    sentence = re.search(
        r"blocked\.example: no certificate was issued: [^.]*policy: .?.blocked\.example[^.]*\.", said(finished)
    )
    assert sentence, finished.stdout
    print(f"\n{sentence[0]}")
    assert CA.orders() == orders + 3
    for name in ("first", "second"):
        served(f"{name}.foobar.com")
        assert hsts(f"{name}.foobar.com") == YEAR
        assert ask(f"https://{name}.foobar.com/")[0] == 200
    # Its name, its server block and its release are there.
    assert addresses("blocked.example") == [SERVER.address]
    assert ask("http://blocked.example/")[0] == 200
    # The timer waits before it asks again.
    assert not renew()
    assert CA.orders() == orders + 3


def test_a_site_that_is_removed_is_renewed_no_longer_and_leaves_no_certificate():
    before, orders = certificates(), CA.orders()
    kept = {path: digest for path, digest in before.items() if re.search(r"/((small|www)\.)?foobar\.com\.", path)}
    assert len(kept) == 7
    with visitors("Four sites less"):
        assert changes(HTTPS()) > 0
    assert {path: digest for path, digest in certificates().items() if path != "/etc/ssl/sites"} == kept
    assert renew()
    assert CA.orders() == orders
    assert SERVER.failed_units() == ""
    assert "blocked" not in SERVER.shell("find /var/lib/tls")


def test_an_alias_comes_and_goes_and_the_certificate_with_it():
    orders = CA.orders()
    more = {**GUESTBOOK, "aliases": ["www.foobar.com", "shop.foobar.com"]}
    with visitors("An alias added"):
        assert changes(HTTPS(sites=[more, SMALL])) > 0
        assert names("foobar.com") == {"foobar.com", "www.foobar.com", "shop.foobar.com"}
        assert served("shop.foobar.com") == served("foobar.com")
        assert ask("https://shop.foobar.com/")[1]["Location"] == "https://foobar.com/"
    with visitors("An alias removed"):
        assert changes(HTTPS()) > 0
        assert names("foobar.com") == {"foobar.com", "www.foobar.com"}
    assert CA.orders() == orders + 2


def test_twenty_renewals_are_not_noticed():
    orders = CA.orders()
    with visitors("Twenty renewals") as seen:
        for _ in range(RENEWALS // 2):
            before = [served(host) for host in ("foobar.com", "small.foobar.com")]
            CA.wants_back(*before)
            assert renew(), SERVER.shell("journalctl --unit=tls-renew --lines=20")
            after = [served(host) for host in ("foobar.com", "small.foobar.com")]
            assert not set(before) & set(after)
    assert CA.orders() == orders + RENEWALS
    assert seen.reloads >= RENEWALS


def test_a_bad_file_is_not_served_and_the_next_tick_heals_it():
    path, orders, good, sound = "/etc/ssl/sites/foobar.com.pem", CA.orders(), served("foobar.com"), certificates()
    foreign = f"openssl genpkey -algorithm {{}} 2>/dev/null; sed '/PRIVATE KEY/,/PRIVATE KEY/d' {path}"
    bad = {
        "an RSA key that is another one's": foreign.format("RSA"),
        "a key that is another one's": foreign.format("EC -pkeyopt ec_paramgen_curve:prime256v1"),
        "expired": (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=foobar.com "
            "-not_before 20200101000000Z -not_after 20200201000000Z -keyout /dev/stdout 2>/dev/null"
        ),
        "empty": "true",
    }
    with visitors("A bad file in place"):
        for words, script in bad.items():
            # Written into the file, as somebody does who knows no better.
            SERVER.shell(f"made=$({script}); printf '%s\\n' \"$made\" > {path}")
            assert certificates() != sound, words
            if words in REFUSED_BY_NGINX:
                assert not SERVER.is_so("systemctl reload nginx 2> /dev/null"), words
            assert served("foobar.com") == good
            assert renew(), words
            assert certificates() == sound, words
            assert served("foobar.com") == good
    assert CA.orders() == orders


def test_deploy_and_rollback_leave_certificates_alone():
    before, requests = SERVER.digests(*FILES), CA.requests()
    with visitors("A deploy and a rollback"):
        for number in (1, 2):
            (EPHEMERAL / "sources/plain/VERSION").write_text(f"{number}\n")
            assert changes(play("deploy.yml")) > 0
        assert changes(play("rollback.yml", site="small.foobar.com")) > 0
    assert SERVER.digests(*FILES) == before
    assert CA.requests() == requests


def test_another_run_changes_nothing_asks_the_ca_nothing_and_calls_two_modules_more_at_most():
    assert changes(HTTPS()) >= 0
    requests = CA.requests()
    finished = HTTPS("-vvv")
    assert changes(finished) == 0
    assert CA.requests() == requests
    print(f"\n{calls(finished)} calls of modules on the server, {CALLS['http']} over HTTP")
    assert calls(finished) <= CALLS["http"] + 2


def test_nothing_depends_on_a_ca_that_is_down():
    BESIDE.shell("systemctl stop pebble")
    try:
        with visitors("The CA is down"):
            assert changes(HTTPS()) == 0
            assert renew()
    finally:
        BESIDE.shell("systemctl start pebble")


def test_of_twenty_thousand_requests_none_has_failed():
    total = sum(seen.requests for seen in ALL.values())
    raced, reloads = (sum(getattr(seen, name) for seen in ALL.values()) for name in ("raced", "reloads"))
    print(f"\nAll together: {total} requests, 0 failed, {raced} raced on a kept connection at {reloads} reloads")
    assert sum(seen.failed for seen in ALL.values()) == 0
    assert raced <= 2 * reloads
    assert total >= 20_000
