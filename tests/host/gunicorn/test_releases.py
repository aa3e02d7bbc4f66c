"""What runs of a release, started as a deploy starts it, on a machine that the role has set up."""

import json

import pytest

from tests.playbook import wait_for

SERVICE, TARGET = "gunicorn-released@1.service", "released@1.target"


@pytest.fixture(scope="module", autouse=True)
def release(host):
    """Start the release, and what runs beside it."""
    folder = "/srv/released/releases/1"
    host.check_output(
        f"mkdir -p {folder} && cp /opt/plain/plain.py {folder} && ln -sfn /opt/plain/.venv {folder}/.venv"
    )
    host.check_output(f"systemctl daemon-reload && systemctl start {SERVICE} && systemctl start {TARGET}")
    yield
    host.check_output(f"systemctl stop {TARGET} gunicorn-released@1.socket {SERVICE}")


def answer(host):
    """Return what the release answers."""
    return json.loads(
        host.check_output("curl -sS --max-time 20 --unix-socket /run/gunicorn-released/1.sock http://localhost/")
    )


def test_a_file_that_a_worker_leaves_in_tmp_is_there_for_the_application_and_for_nobody_else(host):
    wait_for(lambda: answer(host)["handed"] == "handed over\n", seconds=20)
    assert not host.file("/tmp/handed").exists


def test_tmp_outlives_a_restart_of_the_application_beside_its_worker(host):
    wait_for(lambda: answer(host)["handed"] == "handed over\n", seconds=20)
    host.check_output(f"systemctl restart {SERVICE}")
    assert answer(host)["handed"] == "handed over\n"


def test_a_command_knows_the_folder_of_the_application_and_keeps_things_there(host):
    wait_for(lambda: host.run("cat /var/lib/webstack/released/kept").stdout == "kept\n", seconds=20)
    assert answer(host)["state"] == "written"
