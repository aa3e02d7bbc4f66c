"""Look at the certificates as a visitor does, and have the server renew them while the CA, DNS or a file is not right.

The tests stand in the order of a server's life, and each leaves it as the scenario has set it up.
"""

import json
import re
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest
import testinfra
import yaml

from tests import playbook
from tests.playbook import ROOT, Finished, said

testinfra_hosts = ["ansible://webstack-tls"]

ADDRESS = "198.18.55.60"
SECRET = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTAwMDE"
DNS_SECRET = "Y2FuYXJ5LWRucy1jYW5hcnktZG5zLTAwMDE="
# With it the tests change the zone.
KEY = "hmac-sha256:tests:dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtMDE="
LIFE = 60
VARIABLES = yaml.safe_load((ROOT / "molecule/tls/vars/main.yml").read_text())
FIRST, LAB = VARIABLES["acme_certificates"]

Play = Callable[..., Finished]


def served(name: str) -> bytes:
    """Return the certificate that a visitor gets who asks for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((ADDRESS, 443), timeout=20) as connection,
        context.wrap_socket(connection, server_hostname=name) as session,
    ):
        return session.getpeercert(binary_form=True) or b""


def ask(name: str) -> HTTPResponse:
    """Ask a site for its page over HTTP."""
    connection = HTTPConnection(ADDRESS, 80, timeout=20)
    connection.request("GET", "/page", headers={"Host": name})
    return connection.getresponse()


def manage(path: str, body: str | None = None) -> str:
    """Return what the CA's own management says."""
    address = f"https://198.18.55.61:15000/{path}"
    unverified = ssl._create_unverified_context()
    with urllib.request.urlopen(address, body and body.encode(), timeout=20, context=unverified) as answer:
        return str(answer.read().decode())


class Authority:
    """The machine with the CA and the name server."""

    def __init__(self, host: Any) -> None:
        """Find it beside the web server."""
        inventory = host.backend.ansible_inventory
        self.host = testinfra.get_host("ansible://webstack-tls-ca", ansible_inventory=inventory)

    def orders(self) -> int:
        """Return how many orders the CA has got."""
        return int(self.host.run("journalctl --unit=pebble --output=cat | grep -c 'POST /order-plz'").stdout)

    def requests(self) -> int:
        """Return how many requests of any kind the CA has got."""
        return int(self.host.run("journalctl --unit=pebble --output=cat | grep -cE '(GET|POST|HEAD) /'").stdout)

    def stop(self) -> None:
        """Stop the CA."""
        self.host.check_output("systemctl stop pebble")

    def start(self) -> None:
        """Start the CA, which knows nobody then, and wait until it answers."""
        self.host.check_output("systemctl start pebble")
        listens = "ss -ltn | grep -q :14000"
        self.host.check_output(f"timeout 30 sh -c 'until {listens}; do sleep 0.1; done'")

    def record(self, *changes: str) -> None:
        """Change records of the zone."""
        lines = "\\n".join(["server 127.0.0.1", *changes, "send"])
        self.host.check_output("printf '%%b\\n' %s | nsupdate -y %s", lines, KEY)


@pytest.fixture
def ca(host: Any) -> Authority:
    """Return the CA."""
    return Authority(host)


@pytest.fixture
def play(host: Any) -> Play:
    """Run the scenario's playbook, with variables that differ from the scenario's."""

    def _play(*options: str, **variables: Any) -> Finished:
        return playbook.play("molecule/tls/converge.yml", "--limit=webstack-tls", *options, **variables)

    return _play


def changes(finished: Finished) -> int:
    """Return how many tasks of a run that went well have changed something."""
    assert finished.returncode == 0, said(finished)
    return int(re.search(r"changed=(\d+)", finished.stdout)[1])


def renew(host: Any) -> int:
    """Start the unit as its timer does, and return its code."""
    return int(host.run("systemctl start tls-renew").rc)


def subject(host: Any, name: str) -> str:
    """Return what openssl says of a file's certificate."""
    words = "-noout -issuer -serial -enddate -ext subjectAltName"
    return str(host.check_output(f"openssl x509 {words} -in /etc/ssl/sites/{name}.pem"))


@pytest.fixture
def alias(ca: Authority) -> Iterator[str]:
    """Return a name that DNS does not have before and after the test."""
    yield "new.foobar.com"
    ca.record("del new.foobar.com")


def test_both_names_get_the_ca_s_certificate_and_not_the_place_holder(host: Any) -> None:
    shown = subject(host, "foobar.com")
    file = host.file("/etc/ssl/sites/foobar.com.pem").content_string
    for name in ("foobar.com", "www.foobar.com"):
        assert ssl.DER_cert_to_PEM_cert(served(name)) in file
    assert "Pebble Intermediate CA" in shown
    assert "DNS:foobar.com, DNS:www.foobar.com" in shown


def test_each_site_has_its_own_file_that_the_web_server_and_nobody_else_reads(host: Any) -> None:
    folder = host.file("/etc/ssl/sites")
    assert (folder.user, folder.group, folder.mode) == ("root", "www-data", 0o750)
    for name in ("foobar.com", "lab.foobar.com", "own.example", "self.example"):
        file = host.file(f"/etc/ssl/sites/{name}.pem")
        assert (file.user, file.group, file.mode) == ("root", "www-data", 0o640)
        assert file.content_string.count("PRIVATE KEY-----") == 2
        cat = f"cat {file.path}"
        assert host.run(f"setpriv --reuid www-data --regid www-data --clear-groups {cat}").rc == 0
        denied = host.run(f"setpriv --reuid nobody --regid nogroup --clear-groups {cat}")
        assert "Permission denied" in denied.stderr


def test_what_root_keeps_is_root_s(host: Any) -> None:
    for path in ("/etc/tls/certificates.json", "/etc/tls/certbot.ini", "/var/lib/tls/files/own.example.pem"):
        file = host.file(path)
        assert (file.user, file.mode) == ("root", 0o600), path
    assert host.file("/var/lib/tls/acme").mode == 0o700


def test_only_a_certificate_that_the_system_trusts_sets_the_switch(host: Any) -> None:
    assert host.file("/etc/ssl/sites/own.example.trusted").exists
    for name in ("foobar.com", "lab.foobar.com", "self.example"):
        assert not host.file(f"/etc/ssl/sites/{name}.trusted").exists
    assert ask("foobar.com").status == 200


def test_a_second_run_changes_nothing_and_asks_the_ca_nothing(play: Play, ca: Authority) -> None:
    before = ca.requests()
    assert before > 0
    assert changes(play()) == 0
    assert ca.requests() == before


def test_the_timer_s_run_is_green_while_the_ca_is_down_and_nothing_is_due(host: Any, ca: Authority) -> None:
    ca.stop()
    try:
        assert renew(host) == 0, host.run("journalctl -u tls-renew -n 20").stdout
    finally:
        ca.start()


def test_an_alias_is_added_by_an_account_that_is_registered_anew(host: Any, play: Play, ca: Authority) -> None:
    ca.stop()
    ca.start()
    before, orders = served("foobar.com"), ca.orders()
    entry = {**FIRST, "domains": [*FIRST["domains"], "shop.foobar.com"]}
    assert changes(play(acme_certificates=[entry, LAB])) > 0
    assert "DNS:shop.foobar.com" in subject(host, "foobar.com")
    assert served("shop.foobar.com") == served("foobar.com") != before
    # The one by the account that is not known any longer is the first.
    assert ca.orders() - orders == 2
    assert sorted(host.check_output("ls /var/lib/tls/acme/live").split()) == [
        "README",
        "foobar.com",
        "lab.foobar.com",
    ]


def test_a_blocked_alias_fails_by_name_and_the_certificate_of_before_is_served_on(
    host: Any, play: Play, ca: Authority
) -> None:
    before = served("foobar.com")
    entry = {**FIRST, "domains": [*FIRST["domains"], "blocked.example"]}
    finished = play(acme_certificates=[entry, LAB])
    assert finished.returncode == 2
    assert re.search(
        r"foobar\.com: no certificate was issued: [^.]*forbidden by policy: .?.blocked\.example", said(finished)
    )
    assert served("foobar.com") == before
    orders = ca.orders()
    assert renew(host) == 1
    assert ca.orders() == orders, "it was tried again too soon"


def test_a_name_that_leads_nowhere_or_elsewhere_costs_no_order_and_is_got_once_it_leads_here(
    host: Any, play: Play, ca: Authority, alias: str
) -> None:
    entry = {**LAB, "domains": ["lab.foobar.com", alias]}
    orders, before = ca.orders(), served("lab.foobar.com")
    finished = play(acme_certificates=[FIRST, entry], tls_served_at="")
    assert f"lab.foobar.com: {alias} has no A or AAAA record." in said(finished)
    assert finished.returncode == 2
    # The other one, whose blocked alias is gone, had its turn.
    assert sorted(re.findall(r"DNS:(\S+[a-z])", subject(host, "foobar.com"))) == FIRST["domains"]
    assert ca.orders() == orders + 1
    ca.record(f"add {alias} 5 A 198.18.55.61")
    assert renew(host) == 1
    failure = host.file("/var/lib/tls/failed/lab.foobar.com").content_string
    assert f"{alias}: its A record leads to 198.18.55.61, where port 80 does not answer" in failure
    assert ca.orders() == orders + 1
    assert served("lab.foobar.com") == before
    ca.record(f"del {alias}", f"add {alias} 5 A {ADDRESS}")
    assert renew(host) == 0, host.run("journalctl -u tls-renew -n 20").stdout
    assert ca.orders() == orders + 2


def test_a_window_that_the_ca_moves_is_obeyed(host: Any, ca: Authority) -> None:
    assert renew(host) == 0
    orders, before = ca.orders(), served("foobar.com")
    window = {"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}}
    told = {"certificate": ssl.DER_cert_to_PEM_cert(before), "ariResponse": json.dumps(window)}
    manage("set-renewal-info/", json.dumps(told))
    assert renew(host) == 0
    assert ca.orders() == orders, "it was asked again too soon"
    # As if the hours had passed after which the CA wants to be asked again.
    host.check_output('sed -i -E \'s/"ask_at": [0-9.]+/"ask_at": 0/\' /var/lib/tls/state/foobar.com.json')
    for _ in range(2):
        assert renew(host) == 0
    assert ca.orders() == orders + 1
    assert served("foobar.com") != before


def test_a_short_certificate_is_renewed_once_per_half_of_its_life(host: Any, play: Play, ca: Authority) -> None:
    assert changes(play(acme_certificates=[FIRST, {**LAB, "profile": "short"}])) > 0
    orders, first = ca.orders(), served("lab.foobar.com")
    lives_on = f"openssl x509 -checkend {LIFE // 2} -in /etc/ssl/sites/lab.foobar.com.pem"
    playbook.wait_for(lambda: host.run(lives_on).rc == 1)
    assert served("lab.foobar.com") == first
    for _ in range(2):
        assert renew(host) == 0
        assert ca.orders() == orders + 1
    assert served("lab.foobar.com") != first


def test_a_key_of_another_certificate_is_refused_and_the_old_one_served_on(host: Any, play: Play) -> None:
    before = served("own.example")
    own, *rest = VARIABLES["own_certificates"]
    foreign = host.check_output("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048")
    finished = play("-vvv", "--diff", own_certificates=[{**own, "private_key": foreign}, *rest])
    assert finished.returncode == 2
    assert "own.example: the private key is not that of the certificate." in said(finished)
    assert served("own.example") == before
    for secret in (foreign.splitlines()[3], SECRET):
        assert secret not in finished.stdout + finished.stderr
    play()
    assert renew(host) == 0


def test_a_reload_that_was_missed_is_made_up_for_by_the_next_tick(host: Any) -> None:
    pem = "/etc/ssl/sites/foobar.com.pem"
    old = served("foobar.com")
    host.check_output(
        f"cp -p {pem} /root/kept.pem && cp /etc/ssl/sites/self.example.pem {pem} && systemctl reload nginx"
    )
    playbook.wait_for(lambda: served("foobar.com") != old)
    host.check_output(f"cp -p /root/kept.pem {pem} && rm /root/kept.pem")
    assert served("foobar.com") != old
    assert renew(host) == 0
    assert served("foobar.com") == old


def test_the_first_order_of_a_site_while_the_ca_is_down_is_one_sentence_and_made_up_for(
    host: Any, play: Play, ca: Authority
) -> None:
    site = (ROOT / "molecule/tls/sites.conf").read_text().rpartition("server {")[2].replace("self.example", SECOND)
    host.check_output("printf '%%s' %s > /etc/nginx/conf.d/second.conf", f"server {{{site}")
    entry = {"name": SECOND, "domains": [SECOND], "provider": "acme", "profile": "long"}
    variables = {"acme_certificates": [FIRST, LAB, entry]}
    ca.stop()
    try:
        finished = play(**variables)
    finally:
        ca.start()
    assert finished.returncode == 2
    failures = host.check_output("cat /var/lib/tls/failed/*").splitlines()
    assert [line for line in failures if SECOND in line] == failures or "short" in failures[-1]
    assert f"{SECOND}: no certificate was issued: " in said(finished)
    assert ask(SECOND).status == 200
    assert "issuer=CN = self-signed" in subject(host, SECOND).replace("issuer=CN=", "issuer=CN = ")
    assert changes(play(**variables)) > 0
    assert "Pebble" in subject(host, SECOND)
    host.check_output("rm /etc/nginx/conf.d/second.conf && systemctl reload nginx")


SECOND = "second.foobar.com"


def test_a_wildcard_is_got_by_a_key_that_changes_nothing_but_the_challenge_and_is_pruned(
    host: Any, play: Play, ca: Authority
) -> None:
    dns = {
        "tls_challenge": "dns-01",
        "tls_dns_plugin": "rfc2136",
        "tls_dns_propagation_seconds": 1,
        "tls_dns_credentials": {
            "dns_rfc2136_server": "198.18.55.61",
            "dns_rfc2136_name": "acme",
            "dns_rfc2136_secret": DNS_SECRET,
            "dns_rfc2136_algorithm": "HMAC-SHA256",
        },
    }
    entry = {"name": "wild", "domains": ["*.foobar.com"], "provider": "acme", "profile": "long"}
    orders = ca.orders()
    assert changes(play(acme_certificates=[FIRST, LAB, entry], **dns)) > 0
    assert "DNS:*.foobar.com" in subject(host, "wild")
    assert ca.orders() == orders + 1
    assert host.file("/etc/tls/dns.ini").mode == 0o600
    assert changes(play(tls_prune=True)) > 0
    left = host.check_output("cd /var/lib/tls && ls /etc/ssl/sites acme/live acme/renewal files state")
    for name in ("wild", SECOND):
        assert name not in left
    assert "foobar.com.pem" in left


def test_no_secret_is_in_a_process_list_a_log_or_what_certbot_keeps(host: Any, ca: Authority) -> None:
    """The account, of which nothing is left, is bound with the secret again."""
    orders = ca.orders()
    sample = "while :; do cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >> /root/seen; sleep 0.05; done"
    host.check_output("rm -rf /var/lib/tls/acme/accounts /var/lib/tls/state/foobar.com.json")
    host.check_output(
        "sh -c %s", f"{sample} & sampler=$!; systemctl start tls-renew; code=$?; kill $sampler; exit $code"
    )
    assert ca.orders() > orders
    assert "certbot certonly" in host.file("/root/seen").content_string
    assert SECRET in host.file("/etc/tls/certbot.ini").content_string
    places = "/root/seen /var/lib/tls /var/log"
    for secret in (SECRET, DNS_SECRET):
        assert host.run(f"grep -rl {secret} {places}").stdout == ""
        assert host.run(f"journalctl --output=cat | grep -c {secret}").stdout.strip() == "0"


def test_somebody_else_s_certbot_is_neither_read_nor_changed(host: Any) -> None:
    assert host.file("/etc/letsencrypt/live/foobar.com/fullchain.pem").content_string == "theirs\n"
    # The third is what the package brings, which leaves a file of before as it is.
    found = sorted(host.check_output("cd /etc/letsencrypt && find . -type f").splitlines())
    assert found == ["./cli.ini", "./cli.ini.dpkg-dist", "./live/foobar.com/fullchain.pem"]
    assert host.check_output("ls -A /var/lib/letsencrypt /var/log/letsencrypt 2>/dev/null | grep -v : || true") == ""


def test_the_switch_turns_a_redirect_on_without_a_reload_once_the_ca_is_trusted(host: Any) -> None:
    path = "/usr/local/share/ca-certificates/pebble.crt"
    host.check_output("printf '%%s\\n' %s > %s && update-ca-certificates", manage("roots/0").strip(), path)
    assert ask("foobar.com").status == 200
    assert renew(host) == 0
    answer = ask("foobar.com")
    assert (answer.status, answer.headers["Location"]) == (301, "https://foobar.com/page")
    host.check_output("rm /usr/local/share/ca-certificates/pebble.crt && update-ca-certificates --fresh")
    assert renew(host) == 0
    assert ask("foobar.com").status == 200


def test_the_unit_is_sandboxed_and_its_timer_waits(host: Any) -> None:
    exposure = host.run("systemd-analyze security tls-renew.service --no-pager").stdout
    assert float(re.search(r"exposure level.*: ([0-9.]+)", exposure)[1]) <= 2.0
    assert host.service("tls-renew.timer").is_running
    assert host.service("tls-renew.timer").is_enabled


def test_bad_variables_are_refused_before_anything_is_touched(host: Any, play: Play) -> None:
    before = host.check_output("sha256sum /etc/tls/certificates.json")
    finished = play(own_certificates=[], acme_certificates=[{**FIRST, "domains": ["*.foobar.com"]}])
    assert "has the wildcard *.foobar.com, for which tls_challenge must be dns-01." in playbook.refusal(finished)
    assert host.check_output("sha256sum /etc/tls/certificates.json") == before
