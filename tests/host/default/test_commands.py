"""Single commands beside the live release, from the server and from the controller, and what was logged."""

from __future__ import annotations

import os
import pty
import subprocess
import time

import pytest
import requests

from tests import playbook

MACHINE = "webstack-default"
ADDRESS = "198.18.55.10"
testinfra_hosts = [f"ansible://{MACHINE}"]


@pytest.fixture(scope="module")
def release(host):
    return host.check_output("readlink -f /srv/guestbook/current")


def test_a_command_runs_as_the_application_in_the_live_release(host, release):
    said = host.run("webstack-run guestbook sh -c 'id -un; pwd; command -v python'")
    assert said.stdout.splitlines() == ["guestbook", release, f"{release}/.venv/bin/python"], said.stderr


def test_a_command_reaches_the_database_as_the_application_does(host):
    said = host.run("webstack-run guestbook flask --app guestbook db current")
    assert said.rc == 0, said.stderr
    assert "(head)" in said.stdout


def test_a_command_is_in_the_application_s_sandbox(host, release):
    said = host.run(f"webstack-run guestbook sh -c 'touch {release}/x; touch /etc/x; ls /root; cat /etc/shadow'")
    assert said.rc != 0
    assert said.stdout == ""
    assert said.stderr.count("Read-only file system") == 2
    assert said.stderr.count("Permission denied") == 2


def test_a_command_has_its_status_and_its_three_streams(host):
    said = host.run("echo in | webstack-run guestbook sh -c 'cat; echo err >&2; exit 42'")
    assert (said.rc, said.stdout, said.stderr) == (42, "in\n", "err\n")


def test_nothing_of_a_command_is_left_or_told_to_the_journal(host):
    assert host.run("webstack-run guestbook sh -c 'exit 3 # canary'").rc == 3
    assert "canary" not in host.check_output("journalctl --output=verbose --since=-30s _COMM=systemd + _PID=1")
    assert host.check_output("systemctl list-units --all --no-legend 'webstack-run-*'") == ""


def test_an_application_that_there_is_none_of_is_refused_with_those_that_there_are(host):
    said = host.run("webstack-run shop id")
    assert said.rc == 1
    assert said.stderr == "there is no shop on this server; there are guestbook.\n"
    assert host.run("setpriv --reuid=nobody webstack-run guestbook id").stderr.count("run it as root") == 1


def test_a_command_has_a_terminal_and_ctrl_c_reaches_it():
    ours, theirs = pty.openpty()
    # systemd-run puts the command into the terminal's title, so the words that are waited for must not be in it.
    script = """trap 'echo cau""ght; exit 0' INT; echo rea""dy; sleep 60"""
    with subprocess.Popen(
        ["docker", "exec", "--interactive", "--tty", MACHINE, "webstack-run", "guestbook", "sh", "-c", script],
        stdin=theirs,
        stdout=theirs,
    ) as running:
        os.close(theirs)
        said = read(ours, until=b"ready")
        os.write(ours, b"\x03")
        said += read(ours, until=b"caught")
    assert b"caught" in said
    assert running.returncode == 0


def read(terminal: int, until: bytes) -> bytes:
    """Return what comes from a terminal until a word has come, for half a minute at most."""
    said, deadline = b"", time.monotonic() + 30
    while until not in said and time.monotonic() < deadline:
        said += os.read(terminal, 1024)
    return said


def test_the_playbook_shows_what_a_command_said_and_fails_as_it_does():
    done = playbook.play("run.yml", site="foobar.com", command="echo $((6 * 7)); id -un")
    assert done.returncode == 0, done.stdout
    assert "\n42\nguestbook\n" in done.stdout
    failed = playbook.play("run.yml", command="echo almost; exit 9")
    assert failed.returncode == 2
    assert "almost" in failed.stdout
    assert "guestbook: the command ended with 9." in playbook.said(failed)


def test_a_dry_run_runs_no_command(host):
    assert playbook.play("run.yml", "--check", command="echo canary").returncode == 0
    assert "canary" not in playbook.play("run.yml", "--check", command="echo can''ary").stdout


def test_the_logs_of_a_site_are_shown_with_the_way_to_follow_them(host):
    with requests.Session() as visitor:
        visitor.trust_env = False
        visitor.get(
            f"http://{ADDRESS}/?seen-by-logs", headers={"Host": "foobar.com"}, allow_redirects=False, timeout=10
        )
    playbook.wait_for(lambda: "seen-by-logs" in host.check_output("journalctl --unit=nginx --lines=20"), seconds=10)
    shown = playbook.play("logs.yml", site="foobar.com", lines=5)
    assert shown.returncode == 0, shown.stdout
    parts = {part.partition("\n")[0]: part.splitlines()[1:] for part in shown.stdout.split("== ")[1:]}
    web, nginx = parts[f"{MACHINE}: Web"], parts[f"{MACHINE}: nginx"]
    assert 0 < len([line for line in web if line]) <= 5
    assert any("seen-by-logs" in line for line in nginx)
    (build,) = [title for title in parts if "Last build (/var/log/app_deploy/guestbook/" in title]
    assert parts[build]
    assert parts[f"{MACHINE}: follow it"][0] == "journalctl -f -u 'gunicorn-guestbook@*' -u 'guestbook-*@*'"
