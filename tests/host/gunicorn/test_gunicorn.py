"""gunicorn's units, asked through their sockets on a machine that the role has set up."""

from functools import partial
from uuid import uuid4

import pytest

from tests import socket_units
from tests.playbook import wait_for

APPS = ["plain", "open", "threaded"]
USERS = {"threaded": "clerk"}

curl = partial(socket_units.curl, "gunicorn")
ask = partial(socket_units.ask, "gunicorn")
restarts = partial(socket_units.restarts, "gunicorn")


@pytest.mark.parametrize("app", APPS)
def test_an_application_answers_as_its_own_user(host, app):
    assert ask(host, app)["user"] == host.user(USERS.get(app, app)).uid


def test_the_users_of_applications_cannot_log_in_and_have_no_home(host):
    user = host.user("plain")
    assert (user.home, user.shell) == ("/nonexistent", "/usr/sbin/nologin")
    assert user.uid < 1000


def test_an_account_that_was_there_before_keeps_its_home_and_its_shell(host):
    user = host.user("clerk")
    assert (user.home, user.shell) == ("/home/clerk", "/bin/bash")
    assert ask(host, "threaded")["user"] == user.uid


def test_an_asgi_application_answers(host):
    assert ask(host, "fast") == {"framework": "FastAPI"}


def test_an_application_gets_its_environment_letter_by_letter(host):
    assert ask(host, "plain")["secret"] == 'canary "$HOME" \\ `id`'


def test_a_value_of_several_lines_comes_through(host):
    assert ask(host, "plain")["key"] == "-----BEGIN KEY-----\nMIIB=\n\n-----END KEY-----\n"


def test_the_environment_can_be_read_by_root_and_the_application_alone(host):
    file = host.file("/etc/gunicorn/plain.env")
    assert (file.user, file.group, file.mode) == ("root", "plain", 0o640)


def test_only_the_web_server_and_the_application_reach_the_socket(host):
    file = host.file("/run/gunicorn-plain/gunicorn.sock")
    assert (file.user, file.group, file.mode) == ("plain", "www-data", 0o660)
    assert host.run(f"runuser -u www-data -- {curl('plain', seconds=5)}").rc == 0
    assert host.run(f"runuser -u clerk -- {curl('plain', seconds=5)}").rc != 0


def test_nothing_but_sshd_listens_on_the_network(host):
    listeners = host.check_output("ss -Hltn").splitlines()
    foreign = [line for line in listeners if ":22 " not in line and "127.0.0.11:" not in line]  # Docker's resolver
    assert not foreign


def test_an_application_cannot_write_its_code_nor_reach_the_network(host):
    answer = ask(host, "plain")
    assert answer["code"] != "written"
    assert answer["network"] != "connected"


def test_an_application_writes_where_it_may(host):
    assert ask(host, "plain")["uploads"] == "written"
    assert ask(host, "threaded")["uploads"] != "written"


def test_an_application_with_the_switch_reaches_the_network(host):
    assert ask(host, "open")["network"] == "connected"


def test_an_application_reaches_the_addresses_of_its_list_and_no_others(host):
    assert ask(host, "threaded")["network"] == "connected"
    # The container's own address.
    (address, *_) = host.check_output("hostname -I").split()
    assert ask(host, "open", f"/reach/{address}") == "connected"
    assert ask(host, "threaded", f"/reach/{address}") != "connected"


def test_an_application_has_a_folder_of_its_own_to_keep_things_in(host):
    assert (ask(host, "plain")["state"], ask(host, "plain")["home"]) == ("written", "written")
    file = host.file("/var/lib/webstack/plain")
    assert (file.user, file.group, file.mode) == ("plain", "plain", 0o700)


def test_a_setting_in_systemds_words_opens_the_sandbox(host):
    assert ask(host, "open")["proc"] == "MemTotal"
    assert ask(host, "plain")["proc"] == "FileNotFoundError"[:8]


def test_an_applications_own_settings_of_gunicorn_count_but_for_what_the_unit_holds(host):
    assert ask(host, "threaded")["hooked"] == "3 threads"
    assert "hooks.py is taken without bind" in host.check_output("journalctl -u gunicorn-threaded -o cat")


def test_the_sandbox_scores_one_or_less(host):
    verdict = host.check_output("systemd-analyze security --no-pager gunicorn-plain.service").splitlines()[-1]
    assert float(verdict.split(":")[1].split()[0]) <= 1.0, verdict


def test_an_applications_own_gunicorn_is_kept_and_a_missing_one_is_brought(host):
    assert "27.0.0" in host.check_output("/opt/own/bin/gunicorn --version")
    assert "27.0.1" in host.check_output("/opt/plain/.venv/bin/gunicorn --version")
    assert "27.0.1" in host.check_output("/opt/fast/.venv/bin/gunicorn --version")


@pytest.mark.parametrize("environment", ["/opt/plain/.venv", "/opt/fast/.venv"])
def test_an_environment_can_be_read_by_the_application_whatever_the_umask_of_root(host, environment):
    assert host.check_output("find %s ! -type l ! -perm -o=r -o -type d ! -perm -o=x", environment) == ""


def test_workers_are_as_many_as_the_machine_has_cores(host):
    ask(host, "threaded")
    children = host.check_output("pgrep -u clerk -P $(systemctl show -p MainPID --value gunicorn-threaded) | wc -l")
    assert children == host.check_output("nproc")


@pytest.mark.parametrize("header", ["X-Forwarded-Protocol: ssl", "X-Forwarded-Ssl: on"])
def test_only_the_proxys_own_header_makes_a_request_https(host, header):
    assert ask(host, "plain", "/", f"-H{header}")["scheme"] == "http"
    assert ask(host, "plain", "/", "-HX-Forwarded-Proto: https")["scheme"] == "https"


def test_a_killed_master_loses_no_request_and_comes_back(host):
    before = restarts(host, "plain")
    result = host.run(
        f"{curl('plain', '/slow', seconds=20)} -o /tmp/slow & sleep 0.5; "
        "kill -9 $(systemctl show -p MainPID --value gunicorn-plain); "
        f"for i in 1 2 3 4 5 6 7 8 9 10; do {curl('plain', seconds=20)} -o /dev/null -w '%{{http_code}} '; done; "
        "wait $!; cat /tmp/slow"
    )
    assert result.stdout.count("200 ") == 10, result.stdout + result.stderr
    assert '"user"' in result.stdout, "the request that was under way has got no answer"
    assert restarts(host, "plain") == before + 1


def test_logs_in_the_journal_carry_the_request_id(host):
    request_id = str(uuid4())
    ask(host, "plain", "/", f"-HX-Request-ID: {request_id}")
    # journald writes what it is sent in its own time.
    wait_for(lambda: f"request_id={request_id}" in host.check_output("journalctl -u gunicorn-plain -o cat"), seconds=30)


def test_limits_are_in_force(host):
    assert host.check_output("systemctl show -p MemoryMax --value gunicorn-plain") == str(256 * 1024 * 1024)
    assert host.check_output("systemctl show -p TasksMax --value gunicorn-plain") == "512"


def test_the_units_of_a_release_are_its_own_and_systemd_accepts_them(host):
    complaints = host.run("systemd-analyze verify gunicorn-released@1.service gunicorn-released@1.socket").stderr
    # No release is there yet.
    ours = [line for line in complaints.splitlines() if "gunicorn-released" in line]
    assert ours
    assert all("/.venv/bin/gunicorn is not executable" in line for line in ours)
    unit = host.check_output("systemctl cat gunicorn-released@1.service")
    assert "WorkingDirectory=/srv/released/releases/%i" in unit
    assert "# /etc/systemd/system/gunicorn-released@1.service" in unit
    assert not host.file("/etc/systemd/system/gunicorn-released@.service").exists
    environment = host.file("/etc/gunicorn/released/1/env")
    assert (environment.user, environment.group, environment.mode) == ("root", "released", 0o640)
    assert host.run("systemctl is-active gunicorn-released@1.service").stdout.strip() == "inactive"


def test_applications_come_up_at_boot(host):
    for app in [*APPS, "fast"]:
        assert host.service(f"gunicorn-{app}").is_enabled
        assert host.check_output(f"systemctl is-enabled gunicorn-{app}.socket") == "enabled"
