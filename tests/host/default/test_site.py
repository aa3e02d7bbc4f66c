"""The whole site, asked as a visitor, a name server's client and an operator would ask."""

import json
import os
import re
import shlex
import socket
import ssl
import subprocess
import time
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import dns.resolver
import pytest
import requests

from tests import playbook
from tests.grades import grades

MACHINE = "webstack-default"
ADDRESS = "198.18.55.10"
NAMESERVER = "198.18.55.53"

testinfra_hosts = [f"ansible://{MACHINE}"]
play = partial(playbook.play, "site.yml")


@pytest.fixture
def browser(host):
    """Return a visitor's session that resolves names at the site's own name server."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [NAMESERVER]
    dns.resolver.override_system_resolver(resolver)
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "ca.pem")
        yield session
    dns.resolver.restore_system_resolver()


def lookup(name, kind):
    """Return the values of a name and type at the name server, without following a CNAME."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [NAMESERVER]
    answer = resolver.resolve(name, kind, raise_on_no_answer=False)
    return sorted(str(value) for value in answer.rrset or []) if str(answer.qname) == str(answer.canonical_name) else []


def sql(host, query):
    """Return what MySQL answers to root on the socket."""
    return host.check_output(f"mysql --batch --skip-column-names --execute {shlex.quote(query)}")


def leave_entry(browser, message):
    """Write into the guestbook as a visitor does and return the page that follows."""
    page = browser.get("http://www.foobar.com/", timeout=10)
    token = re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page.text).group(1)
    form = {"csrf_token": token, "name": "A test", "message": message}
    return browser.post(page.url, data=form, headers={"Referer": page.url}, timeout=10)


def test_the_domain_is_an_address_and_www_a_cname_to_it():
    assert lookup("foobar.com", "A") == [ADDRESS]
    assert lookup("www.foobar.com", "CNAME") == ["foobar.com."]


def test_other_records_of_the_zone_are_left_alone():
    assert lookup("foobar.com", "MX") == ["10 mail.foobar.com."]
    assert lookup("mail.foobar.com", "A") == ["198.18.55.25"]


def test_a_visitor_of_www_is_led_to_https_first_and_to_the_domain_then(browser):
    page = browser.get("http://www.foobar.com/?from=test", timeout=10)
    assert [(hop.status_code, hop.url) for hop in page.history] == [
        (301, "http://www.foobar.com/?from=test"),
        (301, "https://www.foobar.com/?from=test"),
    ]
    assert page.url == "https://foobar.com/?from=test"
    assert page.status_code == 200


def test_browsers_keep_to_https_for_a_year_after_any_answer(browser):
    page = browser.get("https://foobar.com/", timeout=10)
    style = re.search(r'href="(/static/[^"]+\.css)"', page.text).group(1)
    for path, status in (("/", 200), (style, 200), ("/static/none.css", 404), ("/nowhere", 404)):
        answer = browser.get(f"https://foobar.com{path}", timeout=10)
        assert (answer.status_code, answer.headers["Strict-Transport-Security"]) == (status, "max-age=31536000")
    assert "Strict-Transport-Security" not in browser.get("http://foobar.com/", allow_redirects=False).headers


def test_tls_is_as_mozilla_advises_for_all_browsers_of_the_last_years():
    findings = grades.sslyze("foobar.com", ADDRESS)
    # Its CA is the tests' own.
    assert [finding for finding in findings if "certificate_path_validation" not in finding] == []


def test_the_preview_answers_over_both_and_promises_nothing(browser):
    http = browser.get(f"http://{ADDRESS}/", headers={"Host": "localhost:8080"}, timeout=10, allow_redirects=False)
    unverified = ssl._create_unverified_context()
    with socket.create_connection((ADDRESS, 443)) as plain:
        connection = HTTPConnection("localhost")
        connection.sock = unverified.wrap_socket(plain, server_hostname="localhost")
        connection.request("GET", "/", headers={"Host": "localhost:8443"})
        https = connection.getresponse()
        assert (http.status_code, https.status) == (200, 200)
        assert "Strict-Transport-Security" not in {*http.headers, *https.headers}


def test_dns_says_that_no_other_ca_may_issue():
    assert lookup("foobar.com", "CAA") == ['0 issue "pebble.letsencrypt.org"']


def test_an_entry_is_stored_in_mysql_and_shown(host, browser):
    message = f"Grüße 🎉 <script>alert(1)</script> {time.time()}"
    page = leave_entry(browser, message)
    assert page.status_code == 200
    assert "<script>alert" not in page.text
    stored = sql(host, "SELECT HEX(message) FROM guestbook.entries ORDER BY id DESC LIMIT 1")
    assert bytes.fromhex(stored).decode() == message


def test_a_forged_post_stores_nothing(host, browser):
    before = sql(host, "SELECT COUNT(*) FROM guestbook.entries")
    answer = browser.post("https://foobar.com/", data={"name": "Mallory", "message": "forged"}, timeout=10)
    assert answer.status_code == 400
    assert sql(host, "SELECT COUNT(*) FROM guestbook.entries") == before


def test_static_files_come_from_nginx_and_may_be_kept_for_good(browser):
    page = browser.get("https://foobar.com/", timeout=10)
    style = re.search(r'href="(/static/[^"]+\.css)"', page.text).group(1)
    answer = browser.get(f"https://foobar.com{style}", timeout=10)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Encoding"] == "gzip"


def test_nobody_answers_to_an_unknown_host(browser):
    with pytest.raises(requests.ConnectionError):
        browser.get(f"http://{ADDRESS}/", headers={"Host": "elsewhere.example"}, timeout=10)


def test_only_sshd_and_nginx_listen_on_the_network(host):
    listeners = [line.split()[3] for line in host.check_output("ss -Hltn").splitlines()]
    ours = {where for where in listeners if not where.startswith("127.0.0.11:")}  # Docker's resolver
    assert ours == {"0.0.0.0:22", "[::]:22", "0.0.0.0:80", "[::]:80", "0.0.0.0:443", "[::]:443"}


def test_sockets_belong_to_those_who_use_them(host):
    socket = host.check_output("readlink -f /srv/guestbook/current/gunicorn.sock")
    assert host.check_output(f"stat -c '%U %G %a' {socket}") == "guestbook www-data 660"
    assert host.check_output("stat -c '%U' /run/mysqld/mysqld.sock") == "mysql"


@pytest.mark.parametrize(("unit", "most"), [("nginx", 1.5), ("mysql", 1.3), ("gunicorn", 1.0)])
def test_each_service_scores_well_in_its_sandbox(host, unit, most):
    if unit == "gunicorn":
        unit = f"gunicorn-guestbook@{host.check_output('basename $(readlink /srv/guestbook/current)')}"
    verdict = host.check_output(f"systemd-analyze security --no-pager {unit}.service").splitlines()[-1]
    assert float(verdict.split(":")[1].split()[0]) <= most, verdict


def test_effective_settings_are_the_wanted_ones(host):
    configuration = host.check_output("nginx -T")
    assert configuration.count("server unix:/srv/guestbook/current/gunicorn.sock max_fails=0;") == 2
    assert sql(host, "SHOW VARIABLES LIKE 'character_set_server'").split() == ["character_set_server", "utf8mb4"]
    assert sql(host, "SHOW VARIABLES LIKE 'skip_networking'").split() == ["skip_networking", "ON"]
    assert sql(host, "SELECT VERSION()").startswith("9.")


def test_the_application_cannot_write_its_code_and_strangers_cannot_read_its_secrets(host):
    assert host.run("runuser -u guestbook -- cat /etc/ssl/sites/foobar.com.pem").rc != 0
    assert host.run("runuser -u guestbook -- touch /srv/guestbook/current/x").rc != 0
    assert host.run("runuser -u nobody -- cat /etc/gunicorn/guestbook.env").rc != 0


def test_no_secret_is_in_the_output_of_a_run_nor_in_a_process_list_nor_readable_for_all(host):
    secrets = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets"
    canaries = [file.read_text().strip() for file in secrets.iterdir()]
    assert len(canaries) == 3
    result = play("-vvv", "--diff", "-e", '{"gunicorn_timeout": 31}')
    assert result.returncode == 0, result.stdout[-3000:]
    output = result.stdout + result.stderr + host.check_output("ps -eo args")
    for canary in canaries:
        assert canary not in output
        found = f"find /etc /srv /run /var/log /opt -xdev -type f -perm -o=r -exec grep -lF {canary} {{}} +"
        assert host.run(found).stdout == ""


def test_a_new_secret_makes_a_new_release_and_no_restart_in_place(host):
    before = host.check_output("readlink /srv/guestbook/current")
    other = ["-e", "vault_guestbook_secret_key=another-canary-of-the-test"]
    refused = play("--tags", "gunicorn,app_deploy", *other)
    assert "add -e new_secrets=vault_guestbook_secret_key." in " ".join(refused.stdout.split())
    assert "changed=0" in refused.stdout
    result = play("--tags", "gunicorn,app_deploy", *other, "-e", "new_secrets=vault_guestbook_secret_key")
    assert result.returncode == 0, result.stdout[-3000:]
    after = host.check_output("readlink /srv/guestbook/current")
    assert after != before
    assert after.split("-")[0] == before.split("-")[0]


def test_an_old_database_password_counts_until_a_release_that_knows_the_new_one_is_live(host, browser):
    old = (Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "secrets" / "guestbook_database").read_text().strip()
    new = "canary-of-the-database"

    def counting():
        login = "env MYSQL_PWD=%s mysql --user=guestbook --execute 'SELECT 1'"
        return [password for password in (old, new) if host.run(login, password).succeeded]

    meant = {"new_secrets": ["vault_guestbook_database_password"]}

    def renew(*options, **variables):
        return play(*options, "-e", json.dumps({"vault_guestbook_database_password": new, **meant, **variables}))

    broken = {"app_deploy_packages": ["no-such-package"]}
    runs = [(["--tags", "mysql"], {}, True), (["--skip-tags", "app_deploy"], {}, True), ([], broken, False)]
    for options, variables, succeeds in runs:
        result = renew(*options, **variables)
        assert (result.returncode == 0) is succeeds, result.stdout[-3000:]
        assert counting() == [old, new]
        assert leave_entry(browser, f"Between two passwords {time.time()}").status_code == 200

    result = renew("-vvv", "--diff")
    assert result.returncode == 0, result.stdout[-3000:]
    assert new not in result.stdout + result.stderr
    assert counting() == [new]
    assert leave_entry(browser, f"With the new password {time.time()}").status_code == 200
    result = renew()
    assert "discard |" not in result.stdout
    assert re.search(rf"{MACHINE}\b.* changed=0 ", result.stdout), result.stdout[-3000:]
    # The other tests go by the old one, which has become a foreign one.
    assert play().returncode != 0
    assert play("-e", json.dumps(meant)).returncode == 0
    assert counting() == [old]


def test_a_release_that_fails_does_not_keep_nginx_from_its_settings_and_the_run_says_that_it_failed(host, browser):
    nothing = {"app_deploy_packages": ["no-such-package"], "vault_guestbook_secret_key": "no-release-has-it"}
    nothing["new_secrets"] = "vault_guestbook_secret_key"
    result = play("-e", json.dumps({"nginx_client_max_body_size": "11m", **nothing}))
    assert result.returncode != 0
    assert "no-such-package" in " ".join(result.stdout.split())
    assert "client_max_body_size 11m;" in host.check_output("nginx -T")
    assert browser.get("https://foobar.com/", timeout=10).status_code == 200
    assert play().returncode == 0


APP = {"name": "guestbook", "wsgi_app": "guestbook:create_app()", "releases_path": "/srv/guestbook/releases"}
PURGE = {"name": "purge", "command": "true"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"sites": [{"domain": "foobar.com", "databse": {}}]}, "databse"),
        ({"sites": [{"domain": "foobar.com", "database": {"migration_user": "m"}}]}, "migration_user"),
        ({"mysql_users": [{"name": "guestbook"}]}, "mysql_users"),
        ({"gunicorn_workers": "many"}, "gunicorn_workers"),
        ({"dns_records_wait": "soon"}, "dns_records_wait"),
        ({"nginx_sites": [{"server_name": "foobar.com", "locatoins": []}]}, "locatoins"),
        ({"gunicorn_apps": [{**APP, "scheduled": [{**PURGE, "on_calendar": "every full moon"}]}]}, "every full moon"),
    ],
)
def test_bad_input_is_refused_by_name_before_anything_is_changed(variables, words):
    result = play("-e", json.dumps(variables))
    assert result.returncode != 0
    assert words in result.stdout
    assert "changed=0" in result.stdout


def test_a_server_that_a_newer_version_has_set_up_is_refused_by_that_version(host):
    fact = "/etc/ansible/facts.d/webstack.fact"
    version = json.loads(host.file(fact).content_string)["version"]
    host.check_output(f"sed -i 's/{version}/99.1.0/' {fact}")
    try:
        words = f"{MACHINE} was set up by version 99.1.0 of foobar.webstack, and this is {version}: run ansible-galaxy"
        assert words in playbook.refusal(play())
        assert words in playbook.refusal(playbook.play("deploy.yml"))
        assert words in playbook.refusal(playbook.play("rollback.yml", site="foobar.com"))
        # To look at it does no harm.
        assert playbook.play("releases.yml").returncode == 0
    finally:
        host.check_output(f"sed -i 's/99.1.0/{version}/' {fact}")


def test_everything_comes_back_after_a_restart_of_the_machine(browser):
    subprocess.run(["docker", "restart", "--time", "30", MACHINE], check=True, capture_output=True)
    deadline = time.monotonic() + 600
    status = 0
    while status != 200 and time.monotonic() < deadline:
        try:
            status = browser.get("https://foobar.com/health", timeout=10).status_code
        except requests.RequestException:
            time.sleep(1)
    assert status == 200
    assert leave_entry(browser, f"After the restart {time.time()}").status_code == 200
