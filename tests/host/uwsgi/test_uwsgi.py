"""uWSGI's units, asked through their sockets on machines that the role has set up."""

from functools import partial
from uuid import uuid4

import pytest

from tests import socket_units
from tests.playbook import wait_for

APPS = ["plain", "open", "threaded"]
USERS = {"threaded": "clerk"}

curl = partial(socket_units.curl, "uwsgi")
ask = partial(socket_units.ask, "uwsgi")
restarts = partial(socket_units.restarts, "uwsgi")


@pytest.mark.parametrize("app", APPS)
def test_an_application_answers_as_its_own_user(host, app):
    assert ask(host, app)["user"] == host.user(USERS.get(app, app)).uid


def test_an_account_that_was_there_before_keeps_its_home_and_its_shell(host):
    user = host.user("clerk")
    assert (user.home, user.shell) == ("/home/clerk", "/bin/bash")


def test_an_application_gets_its_environment_letter_by_letter(host):
    assert ask(host, "plain")["secret"] == 'canary "$HOME" \\ `id`'


def test_the_environment_can_be_read_by_root_and_the_application_alone(host):
    file = host.file("/etc/uwsgi/plain.env")
    assert (file.user, file.group, file.mode) == ("root", "plain", 0o640)


def test_only_the_web_server_and_the_application_reach_the_socket(host):
    file = host.file("/run/uwsgi-plain/uwsgi.sock")
    assert (file.user, file.group, file.mode) == ("plain", "www-data", 0o660)
    assert host.run(f"runuser -u www-data -- {curl('plain', seconds=5)}").rc == 0
    assert host.run(f"runuser -u clerk -- {curl('plain', seconds=5)}").rc != 0


def test_the_socket_is_systemds_and_has_room_for_those_who_wait(host):
    listeners = host.check_output("ss -Hxlp src /run/uwsgi-plain/uwsgi.sock")
    assert '"systemd"' in listeners
    assert listeners.split()[3] == "4096"


def test_nothing_but_sshd_listens_on_the_network(host):
    listeners = host.check_output("ss -Hltn").splitlines()
    assert not [line for line in listeners if ":22 " not in line and "127.0.0.11:" not in line]  # Docker's resolver


def test_an_application_cannot_write_its_code_nor_reach_the_network(host):
    answer = ask(host, "plain")
    assert answer["code"] != "written"
    assert answer["network"] != "connected"


def test_an_application_writes_and_connects_where_it_may(host):
    assert ask(host, "plain")["uploads"] == "written"
    assert ask(host, "threaded")["uploads"] != "written"
    assert ask(host, "open")["network"] == "connected"


def test_the_sandbox_scores_one_or_less(host):
    verdict = host.check_output("systemd-analyze security --no-pager uwsgi-plain.service").splitlines()[-1]
    assert float(verdict.split(":")[1].split()[0]) <= 1.0, verdict


def test_an_applications_own_uwsgi_is_kept_and_a_missing_one_is_brought(host):
    assert host.check_output("/opt/own/bin/uwsgi --version") == "2.0.29"
    assert host.check_output("/opt/plain/.venv/bin/uwsgi --version") == "2.0.30"


def test_an_environment_can_be_read_by_the_application_whatever_the_umask_of_root(host):
    assert host.check_output("find /opt/plain/.venv ! -type l ! -perm -o=r -o -type d ! -perm -o=x") == ""


def test_options_are_uwsgis_own(host):
    assert "module = plain:application" in host.check_output("cat /etc/uwsgi/open.ini")
    assert "def application(" in host.check_output(curl("open", "/static/plain.py"))


def test_processes_and_threads_are_as_many_as_asked_for(host):
    main = "$(systemctl show -p MainPID --value uwsgi-{})"
    ask(host, "threaded")
    assert host.check_output(f"pgrep -P {main.format('plain')} | wc -l") == "2"
    workers = host.check_output(f"pgrep -P {main.format('threaded')}").split()
    assert len(workers) == int(host.check_output("nproc"))
    assert {int(host.check_output(f"ls /proc/{worker}/task | wc -l")) for worker in workers} == {4}


def test_the_proxys_header_says_whether_a_request_came_by_https(host):
    assert ask(host, "plain")["scheme"] == "http"
    assert ask(host, "plain", "/", "-HX-Forwarded-Proto: https")["scheme"] == "https"
    forged = ask(host, "plain", "/", "-HX-Forwarded-Proto: http", "-HX-Forwarded-Ssl: on")
    assert forged["scheme"] == "http"


def test_headers_as_long_as_nginx_passes_on_are_taken(host):
    assert ask(host, "plain", "/", f"-HCookie: a={'b' * 32_000}")["user"]


def test_a_body_that_the_application_does_not_read_costs_no_answer(host):
    """With unread data in it a socket that is closed is reset, and with it the answer."""
    script = (
        "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/uwsgi-plain/uwsgi.sock'); "
        "s.sendall(b'POST / HTTP/1.0\\r\\nHost: l\\r\\nContent-Length: 5000000\\r\\n\\r\\n' + b'x' * 5000000); "
        "print(s.recv(12).decode())"
    )
    assert host.check_output(f'python3 -c "{script}"') == "HTTP/1.0 200"


def test_logs_in_the_journal_carry_the_request_id(host):
    request_id = str(uuid4())
    ask(host, "plain", "/", f"-HX-Request-ID: {request_id}")
    # journald writes what it is sent in its own time.
    wait_for(lambda: f"request_id={request_id}" in host.check_output("journalctl -u uwsgi-plain -o cat"), seconds=30)


def under_way(host, app, fault):
    """Return what ten requests after a fault and one of two seconds that was under way before get for an answer."""
    return host.run(
        f"{curl(app, '/slow', seconds=20)} -o /tmp/slow & sleep 0.5; {fault}; "
        f"for i in 1 2 3 4 5 6 7 8 9 10; do {curl(app, seconds=20)} -o /dev/null -w '%{{http_code}} '; done; "
        "wait $!; cat /tmp/slow; rm /tmp/slow"
    )


def test_a_killed_master_loses_no_request_of_processes_with_one_thread_and_comes_back(host):
    before = restarts(host, "plain")
    result = under_way(host, "plain", "kill -9 $(systemctl show -p MainPID --value uwsgi-plain)")
    assert result.stdout.count("200 ") == 10, result.stdout + result.stderr
    assert '"user"' in result.stdout, "the request that was under way has got no answer"
    assert restarts(host, "plain") == before + 1


def test_a_killed_master_of_threads_comes_back(host):
    """What its threads were about may be lost: the role's page says so."""
    before = restarts(host, "threaded")
    host.check_output("kill -9 $(systemctl show -p MainPID --value uwsgi-threaded)")
    wait_for(lambda: restarts(host, "threaded") == before + 1, seconds=60)
    assert ask(host, "threaded")["user"] == host.user("clerk").uid


@pytest.mark.parametrize("app", ["plain", "threaded"])
def test_a_restart_finishes_what_is_under_way_and_lets_others_wait(host, app):
    result = under_way(host, app, f"systemctl restart uwsgi-{app}")
    assert result.stdout.count("200 ") == 10, result.stdout + result.stderr
    assert '"user"' in result.stdout, "the request that was under way has got no answer"


def test_limits_are_in_force(host):
    assert host.check_output("systemctl show -p MemoryMax --value uwsgi-plain") == str(256 * 1024 * 1024)


def test_the_units_of_a_release_are_its_own_and_systemd_accepts_them(host):
    assert host.run("systemd-analyze verify uwsgi-released@1.service uwsgi-released@1.socket").stderr == ""
    unit = host.check_output("systemctl cat uwsgi-released@1.service")
    assert "WorkingDirectory=/srv/released/releases/%i" in unit
    assert not host.file("/etc/systemd/system/uwsgi-released@.service").exists
    environment = host.file("/etc/uwsgi/released/1/env")
    assert (environment.user, environment.group, environment.mode) == ("root", "released", 0o640)


def test_applications_come_up_at_boot(host):
    for app in APPS:
        assert host.service(f"uwsgi-{app}").is_enabled
        assert host.check_output(f"systemctl is-enabled uwsgi-{app}.socket") == "enabled"
