"""Look at the certificates as a visitor does, and have the server renew them while the CA, DNS or a file is not right.

The tests stand in the order of a server's life, and each leaves it as the scenario has set it up.
"""

import calendar
import json
import re
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from tests import playbook
from tests.playbook import ROOT, said

from .conftest import (
    ADDRESS,
    CA_ADDRESS,
    FIRST,
    LAB,
    OLD_ADDRESS,
    VARIABLES,
    Authority,
    Play,
    changes,
    make_due,
    renew,
    served,
)

testinfra_hosts = ["ansible://webstack-tls"]

SECRET = "Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5LTAwMDE"
DNS_SECRET = "Y2FuYXJ5LWRucy1jYW5hcnktZG5zLTAwMDE="
LIFE = 40
SECOND = "second.foobar.com"


def ask(name: str) -> HTTPResponse:
    """Ask a site for its page over HTTP."""
    connection = HTTPConnection(ADDRESS, 80, timeout=20)
    connection.request("GET", "/page", headers={"Host": name})
    return connection.getresponse()


def subject(host: Any, name: str) -> str:
    """Return what openssl says of a file's certificate."""
    words = "-noout -issuer -serial -enddate -ext subjectAltName"
    return str(host.check_output(f"openssl x509 {words} -in /etc/ssl/sites/{name}.pem"))


def failure(host: Any, name: str) -> str:
    """Return what the last run has left of a certificate that failed."""
    return str(host.check_output("cat /var/lib/tls/failed/%s", name))


@pytest.fixture
def alias(ca: Authority) -> Iterator[str]:
    """Return a name that DNS does not have before and after the test."""
    yield "new.foobar.com"
    ca.record("del new.foobar.com")
    ca.record("del cdn.foobar.com")
    ca.record("del foobar.com CAA")


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


def test_a_second_run_changes_nothing_and_asks_no_ca_anything(play: Play, ca: Authority, staging: Authority) -> None:
    before = ca.requests(), staging.requests()
    assert min(before) > 0
    assert changes(play(limit="web")) == 0
    assert (ca.requests(), staging.requests()) == before


def test_debian_12_gets_its_certificate_and_renews_it_when_the_ca_wants_that(old: Any, staging: Authority) -> None:
    assert old.system_info.release.startswith("12")
    assert old.file("/etc/ssl/sites/old.foobar.com.pem").mode == 0o640
    before = served("old.foobar.com", OLD_ADDRESS)
    assert "Pebble Intermediate CA" in subject(old, "old.foobar.com")
    orders = staging.orders()
    for _ in range(2):
        assert renew(old) == 0
        staging.wants_back(before)
    assert staging.orders() == orders, "it was asked again too soon"
    ask_again(old, "old.foobar.com")
    for _ in range(2):
        assert renew(old) == 0, old.run("journalctl -u tls-renew -n 20").stdout
    assert staging.orders() == orders + 1
    assert served("old.foobar.com", OLD_ADDRESS) != before


def ask_again(host: Any, name: str) -> None:
    """Have a server find that the hours have passed after which the CA wants to be asked again."""
    host.check_output('sed -i -E \'s/"ask_at": [0-9.]+/"ask_at": 0/\' /var/lib/tls/state/%s.json', name)


def test_two_servers_under_one_name_find_each_other_s_challenges_and_have_keys_of_their_own(
    host: Any, old: Any
) -> None:
    keys = set()
    for server, address in ((host, ADDRESS), (old, OLD_ADDRESS)):
        assert "Pebble Intermediate CA" in subject(server, "both.foobar.com")
        pem = server.file("/etc/ssl/sites/both.foobar.com.pem").content_string
        assert ssl.DER_cert_to_PEM_cert(served("both.foobar.com", address)) in pem
        keys.add(pem.partition("PRIVATE KEY")[2])
        # Where they were found: both servers answered with the file of each.
        reached = json.loads(server.file("/var/lib/tls/state/both.foobar.com.json").content_string)["reached"]
        assert reached == [ADDRESS, OLD_ADDRESS]
    assert len(keys) == 2


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
    found = host.check_output("ls /var/lib/tls/acme/live").split()
    assert sorted(found) == ["README", "both.foobar.com", "foobar.com", "lab.foobar.com"]


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


def test_nothing_is_ordered_for_a_name_that_leads_elsewhere_or_that_caa_forbids_and_it_is_got_once_all_is_right(
    host: Any, play: Play, ca: Authority, alias: str
) -> None:
    entry = {**LAB, "domains": ["lab.foobar.com", alias]}
    orders, before = ca.orders(), served("lab.foobar.com")
    finished = play(acme_certificates=[FIRST, entry], tls_served_at="")
    assert f"lab.foobar.com: {alias} has no A or AAAA record at ns1.foobar.com." in said(finished)
    assert finished.returncode == 2
    # The other one, whose blocked alias is gone, had its turn.
    assert sorted(re.findall(r"DNS:(\S+[a-z])", subject(host, "foobar.com"))) == FIRST["domains"]
    assert ca.orders() == orders + 1
    ca.record(f"add {alias} 5 A {CA_ADDRESS}")
    assert renew(host) == 1
    where = f"{alias}: its A record leads to {CA_ADDRESS}, where port 80 does not answer"
    assert where in failure(host, "lab.foobar.com")
    forbids = '0 issue "other.example"'
    ca.record(f"del {alias}", f"add {alias} 5 CNAME cdn.foobar.com.", f"add cdn.foobar.com 5 A {ADDRESS}")
    ca.record(f"add cdn.foobar.com 5 CAA {forbids}", f"add foobar.com 5 CAA {forbids}")
    assert renew(host) == 1
    assert failure(host, "lab.foobar.com") == (
        f"lab.foobar.com: the CAA record of foobar.com, {forbids}, does not let pebble.letsencrypt.org issue; "
        f"{alias}: the CAA record of {alias} (by cdn.foobar.com), {forbids}, does not let "
        "pebble.letsencrypt.org issue."
    )
    assert ca.orders() == orders + 1
    assert served("lab.foobar.com") == before
    ca.record("del cdn.foobar.com CAA", "del foobar.com CAA")
    assert renew(host) == 0, host.run("journalctl -u tls-renew -n 20").stdout
    assert ca.orders() == orders + 2


def test_a_router_that_sends_the_server_not_back_to_itself_does_not_keep_it_from_its_certificate(
    host: Any, play: Play, ca: Authority, alias: str
) -> None:
    """The controller looks first, as the CA does; from then on the server knows that address."""
    ca.record(f"add {alias} 5 A {CA_ADDRESS}")
    with ca.running("router", 80, ADDRESS):
        entry = {**LAB, "domains": ["lab.foobar.com", alias]}
        orders = ca.orders()
        make_due(host, "lab.foobar.com")
        assert changes(play(acme_certificates=[FIRST, entry], tls_served_at="", tls_nameservers=[CA_ADDRESS])) > 0
        assert ca.orders() == orders + 1
        make_due(host, "lab.foobar.com")
        assert renew(host) == 0, host.run("journalctl -u tls-renew -n 20").stdout
        assert ca.orders() == orders + 2
        make_due(host, "lab.foobar.com")
        host.check_output('sed -i \'s/"reached": .[^]]*.,/"reached": [],/\' /var/lib/tls/state/lab.foobar.com.json')
        assert renew(host) == 1
        where = f"{alias}: its A record leads to {CA_ADDRESS}, where port 80 does not answer"
        assert where in failure(host, "lab.foobar.com")
        assert ca.orders() == orders + 2


def test_a_short_certificate_is_renewed_once_per_half_of_its_life(host: Any, play: Play, ca: Authority) -> None:
    assert changes(play(acme_certificates=[FIRST, {**LAB, "profile": "short"}])) > 0
    orders, first = ca.orders(), served("lab.foobar.com")
    # Its life is counted to its last second, which makes it one less.
    lives_on = f"openssl x509 -checkend {LIFE // 2 - 1} -in /etc/ssl/sites/lab.foobar.com.pem"
    playbook.wait_for(lambda: host.run(lives_on).rc == 1)
    assert served("lab.foobar.com") == first
    for _ in range(2):
        assert renew(host) == 0
        assert ca.orders() == orders + 1
    assert served("lab.foobar.com") != first
    assert changes(play()) > 0


def test_a_full_disk_leaves_the_old_certificate_served_and_the_next_run_makes_up_for_it(host: Any) -> None:
    folder, before = "/etc/ssl/sites", served("foobar.com")
    make_due(host, "foobar.com")
    # Of other files there is room for a half of the new one at most.
    script = (
        f"mount -t tmpfs -o size=64k,mode=0750,gid=www-data tmpfs /mnt && cp -p {folder}/* /mnt && "
        f"mount --move /mnt {folder} && dd if=/dev/zero of={folder}/filler bs=1k status=none; ls {folder}/filler"
    )
    host.check_output("sh -c %s", script)
    try:
        assert renew(host) == 1
        assert "foobar.com: [Errno 28] No space left on device" in failure(host, "foobar.com")
        assert served("foobar.com") == before
        host.check_output("systemctl reload nginx")
        assert served("foobar.com") == before
        host.check_output(f"rm {folder}/filler")
        assert renew(host) == 0, host.run("journalctl -u tls-renew -n 20").stdout
        assert served("foobar.com") != before
    finally:
        host.check_output(f"umount {folder}")
    assert renew(host) == 0
    assert served("foobar.com") != before


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


def test_the_first_order_of_a_site_while_the_ca_is_down_is_one_sentence_and_made_up_for(
    host: Any, play: Play, ca: Authority
) -> None:
    site = (ROOT / "molecule/tls/sites.conf").read_text().rpartition("server {")[2].replace("both.foobar.com", SECOND)
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
    assert [line for line in failures if not line.startswith(f"{SECOND}: ")] == []
    assert f"{SECOND}: no certificate was issued: " in said(finished)
    assert ask(SECOND).status == 200
    assert "issuer=CN = self-signed" in subject(host, SECOND).replace("issuer=CN=", "issuer=CN = ")
    assert changes(play(**variables)) > 0
    assert "Pebble" in subject(host, SECOND)


def test_a_ca_that_wants_to_be_left_alone_is_until_its_own_time_whoever_waits(host: Any, ca: Authority) -> None:
    settings = "/etc/tls/certificates.json"
    told = json.loads(host.file(settings).content_string)
    (entry,) = (entry for entry in told["certificates"] if entry["name"] == "lab.foobar.com")
    entry["directory"] = f"https://{CA_ADDRESS}:14002/dir"
    host.check_output("cp -p %s /root/ && printf %%s %s > %s", settings, json.dumps(told), settings)
    before, calls = served("lab.foobar.com"), "journalctl --unit=limiting --output=cat | grep -c POST"
    with ca.running("limiting", 14002, CA_ADDRESS, "14002"):
        assert renew(host) == 1
        said_first = failure(host, "lab.foobar.com")
        called = ca.host.check_output(calls)
        # As the role does.
        asked = json.dumps({"verdicts": {}, "prune": False})
        host.check_output("printf %%s %s > /run/foobar.webstack/tls-request", asked)
        assert renew(host) == 1
        assert ca.host.check_output(calls) == called
    said_then = failure(host, "lab.foobar.com")
    host.check_output(f"mv /root/certificates.json {settings}")
    assert said_first.startswith("lab.foobar.com: no certificate was issued: ")
    assert "too many registrations" in said_first
    until = re.search(r"; it is tried again after (.*) UTC", said_then)[1]
    assert 7000 < calendar.timegm(time.strptime(until, "%Y-%m-%d %H:%M")) - time.time() <= 7200
    assert served("lab.foobar.com") == before
    assert renew(host) == 0


def test_a_file_that_the_web_server_still_names_is_not_removed_and_once_it_is_not_it_is(host: Any, play: Play) -> None:
    finished = play(tls_prune=True)
    assert finished.returncode == 2
    assert f"{SECOND}: its files are kept, as systemctl reload nginx failed: " in said(finished)
    served_on = host.file(f"/etc/ssl/sites/{SECOND}.pem").content_string
    assert ssl.DER_cert_to_PEM_cert(served(SECOND)) in served_on
    host.check_output("rm /etc/nginx/conf.d/second.conf && systemctl reload nginx")
    assert renew(host) == 0
    assert host.file(f"/etc/ssl/sites/{SECOND}.pem").exists
    assert changes(play(tls_prune=True)) > 0
    assert not host.file(f"/etc/ssl/sites/{SECOND}.pem").exists


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
    # The timer knows of it no longer.
    assert renew(host) == 0
    assert ca.orders() == orders + 1


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


def test_somebody_else_s_certbot_is_neither_read_nor_changed_and_its_timer_renews_nothing_of_ours(
    host: Any, ca: Authority
) -> None:
    assert host.file("/etc/letsencrypt/live/foobar.com/fullchain.pem").content_string == "theirs\n"
    # The third is what the package brings, which leaves a file of before as it is.
    found = sorted(host.check_output("cd /etc/letsencrypt && find . -type f").splitlines())
    assert found == ["./cli.ini", "./cli.ini.dpkg-dist", "./live/foobar.com/fullchain.pem"]
    assert host.check_output("ls -A /var/lib/letsencrypt /var/log/letsencrypt 2>/dev/null | grep -v : || true") == ""
    orders, ours = ca.orders(), "find /var/lib/tls /etc/ssl/sites -type f | sort | xargs sha256sum"
    make_due(host, "foobar.com")
    before = host.check_output(ours)
    host.check_output("systemctl start certbot.service")
    assert host.service("certbot.timer").is_enabled
    assert host.check_output(ours) == before
    assert ca.orders() == orders
    assert not host.file("/etc/letsencrypt/hooked").exists
    assert renew(host) == 0
    assert ca.orders() == orders + 1


@pytest.fixture
def trusted(host: Any, ca: Authority) -> Iterator[None]:
    """Have the server trust the CA, as it trusts those of the world."""
    path = "/usr/local/share/ca-certificates/pebble.crt"
    host.check_output("printf '%%s\\n' %s > %s && update-ca-certificates", ca.manage("roots/0").strip(), path)
    yield
    host.check_output(f"rm {path} && update-ca-certificates --fresh")


def test_the_switch_turns_a_redirect_on_without_a_reload_once_the_ca_is_trusted(host: Any, trusted: None) -> None:
    assert ask("foobar.com").status == 200
    assert renew(host) == 0
    answer = ask("foobar.com")
    assert (answer.status, answer.headers["Location"]) == (301, "https://foobar.com/page")
    assert ask("www.foobar.com").status == 301
    # The web server answers for it, and the certificate does not name it.
    assert ask("shop.foobar.com").status == 200
    # Visitors had it over HTTP while nobody trusted the CA; since then it was renewed without anybody's help.
    assert host.file("/etc/ssl/sites/foobar.com.hsts").exists


def test_without_its_ca_a_site_is_redirected_no_longer(host: Any) -> None:
    assert renew(host) == 0
    assert ask("foobar.com").status == 200


def test_staging_never_sets_the_switch_and_production_takes_its_place_and_hsts_is_long_after_a_renewal_alone(
    host: Any, play: Play, ca: Authority, staging: Authority, trusted: None
) -> None:
    entry = {"name": SECOND, "domains": [SECOND], "provider": "acme"}
    files = f"cd /etc/ssl/sites && ls {SECOND}.*"
    orders, tests = ca.orders(), staging.orders()
    staged = {**entry, "acme_directory": VARIABLES["staging_directory"]}
    assert changes(play(acme_certificates=[FIRST, LAB, staged], tls_served_at="")) > 0
    issuer = subject(host, SECOND).splitlines()[0]
    assert (ca.orders(), staging.orders()) == (orders, tests + 1)
    assert host.check_output(files).split() == [f"{SECOND}.pem"]
    assert changes(play(acme_certificates=[FIRST, LAB, {**entry, "profile": "long"}], tls_served_at="")) > 0
    assert (ca.orders(), staging.orders()) == (orders + 1, tests + 1)
    assert subject(host, SECOND).splitlines()[0] != issuer
    # It was served over HTTP before.
    assert host.check_output(files).split() == [f"{SECOND}.pem", f"{SECOND}.trusted"]
    make_due(host, SECOND)
    assert renew(host) == 0
    assert host.check_output(files).split() == [f"{SECOND}.hsts", f"{SECOND}.pem", f"{SECOND}.trusted"]


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
