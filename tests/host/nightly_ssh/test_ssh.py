"""A site on a server that is reached by a bastion, at another port, as a user whose sudo asks for a password.

The folder of the sites and the source have spaces in their paths, and the server has no Python at first. The tests go
on from each other, in their order.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.playbook import Finished, refusal, run, said

SERVER, BASTION = "198.18.55.80", "198.18.55.81"
APPLICATION = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"OLD"]
"""
CONFIG = """\
Host *
  IdentityFile "{keys}/id_ed25519"
  UserKnownHostsFile "{keys}/hosts"
  IdentitiesOnly yes
Host {server}
  ProxyJump jump@{bastion}
"""

Type = Callable[..., Finished]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of sites with its own SSH settings, beside the source of its application."""
    top = tmp_path_factory.mktemp("two words")
    folder, source, keys = top / "my sites", top / "my application", top / "my keys"
    (folder / "group_vars/all").mkdir(parents=True)
    source.mkdir()
    keys.mkdir(mode=0o700)
    (source / "plain.py").write_text(APPLICATION)
    (source / "requirements.txt").write_text("gunicorn==27.0.1\n")
    given = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "ssh")
    (keys / "id_ed25519").write_text((given / "id_ed25519").read_text())
    (keys / "id_ed25519").chmod(0o600)
    known = (given / "known_hosts").read_text()
    (keys / "hosts").write_text(known + known.replace(SERVER, f"[{SERVER}]:2222"))
    # Of all paths this one has no space: OpenSSH hands it to its own jump unquoted.
    config = tmp_path_factory.mktemp("ssh") / "config"
    config.write_text(CONFIG.format(keys=keys, server=SERVER, bastion=BASTION))
    host = {
        "ansible_host": SERVER,
        "ansible_port": 2222,
        "ansible_user": "admin",
        "ansible_ssh_common_args": f"-F {config}",
    }
    groups = {group: {"hosts": {"web01": {}}} for group in ("web", "app")}
    inventory = {"all": {"hosts": {"web01": host}, "children": {**groups, "dns": {}, "db": {}}}}
    (folder / "hosts.yml").write_text(json.dumps(inventory))
    site = {"domain": "plain.example", "app": "plain", "wsgi_app": "plain:application", "health_path": "/"}
    entry = {**site, "directory": "../my application", "tls": {"provider": "none"}}
    (folder / "group_vars/all/sites.yml").write_text(json.dumps({"sites": [entry]}))
    (folder / "password").write_text("canary of sudo\n")
    return folder


@pytest.fixture
def type_there(folder: Path) -> Type:
    """Type a command in the folder of the sites, with the password of sudo."""
    environment = {"ANSIBLE_BECOME_PASSWORD_FILE": str(folder / "password"), "ANSIBLE_INVENTORY": "hosts.yml"}
    return lambda *command: run(command, environment, folder=folder)


def page() -> str:
    """Return what a visitor sees."""
    connection = HTTPConnection(SERVER, timeout=10)
    connection.request("GET", "/", headers={"Host": "plain.example"})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read().decode()


def test_the_server_lets_nobody_in_but_by_the_bastion(folder: Path) -> None:
    (folder / "direct").write_text(CONFIG.partition("Host {server}")[0].format(keys=folder.parent / "my keys"))
    command = ["ssh", "-F", str(folder / "direct"), "-o", "BatchMode=yes", "-p", "2222", f"admin@{SERVER}", "true"]
    assert "Permission denied" in subprocess.run(command, capture_output=True, text=True, check=False).stderr


def test_a_server_without_python_is_refused_with_the_command_that_helps(type_there: Type) -> None:
    words = refusal(type_there("ansible-playbook", "foobar.webstack.site"))
    assert "web01 has no Python, which Ansible needs there" in words
    found = re.search(r"run (ansible web01 .+?), and repeat", words.replace("''", "'"))
    assert found
    assert type_there(*shlex.split(found[1])).returncode == 0


def test_a_site_goes_live_on_it(type_there: Type) -> None:
    first = type_there("ansible-playbook", "foobar.webstack.site")
    assert first.returncode == 0, said(first)
    assert "canary" not in said(first)
    assert page() == "OLD"


def test_another_run_changes_nothing(type_there: Type) -> None:
    again = type_there("ansible-playbook", "foobar.webstack.site")
    assert " changed=0 " in again.stdout, said(again)


def test_new_code_is_deployed_and_rolled_back(folder: Path, type_there: Type) -> None:
    (folder.parent / "my application/plain.py").write_text(APPLICATION.replace("OLD", "NEW"))
    assert type_there("ansible-playbook", "foobar.webstack.deploy").returncode == 0
    assert page() == "NEW"
    assert type_there("ansible-playbook", "foobar.webstack.rollback", "-e", "site=plain.example").returncode == 0
    assert page() == "OLD"


def test_a_wrong_password_is_said_as_such(folder: Path) -> None:
    (folder / "wrong").write_text("another\n")
    environment = {"ANSIBLE_BECOME_PASSWORD_FILE": str(folder / "wrong"), "ANSIBLE_INVENTORY": "hosts.yml"}
    words = said(run(["ansible-playbook", "foobar.webstack.site"], environment, folder=folder))
    assert "Incorrect sudo password" in words
