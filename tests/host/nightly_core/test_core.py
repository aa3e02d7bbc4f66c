"""A site that the newest ansible-core sets up, from a controller whose Python is newer than the oldest one.

The tests go on from each other, in their order.
"""

from http.client import HTTPConnection

import dns.resolver
import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.playbook import ROOT
from tests.visitors import Machine

CONTROLLER = Machine("webstack-core-controller", "198.18.55.42")
SERVER = Machine("webstack-core", "198.18.55.40")
TEMPLATE = "examples/guestbook/guestbook/templates/base.html"
OLD, NEW = "You came by. Leave a few words.", "Another release came by."


def newest():
    """Return the newest ansible-core that requirements.txt has for any Python."""
    pins = [line.removesuffix("\\") for line in (ROOT / "requirements.txt").read_text().splitlines()]
    found = [Requirement(pin) for pin in pins if pin.startswith("ansible-core==")]
    return max((str(pin.specifier).removeprefix("==") for pin in found), key=Version)


def type_there(command):
    """Return all that a command prints in the controller's clone, with the tools in its path; it must succeed."""
    return CONTROLLER.shell(f"cd /root/webstack; export PATH=$PWD/.venv/bin:$PATH; {command} 2>&1")


def play(playbook, *options):
    """Run a playbook from the controller and return what it prints; Ansible must warn of nothing."""
    output = type_there(f"ansible-playbook -i hosts.yml {playbook}.yml {' '.join(options)}")
    assert "[WARNING]" not in output, output
    assert "[DEPRECATION" not in output, output
    assert " unreachable=0 " in output, output
    return output


def page():
    """Return what a visitor sees."""
    connection = HTTPConnection(SERVER.address, timeout=10)
    connection.request("GET", "/", headers={"Host": "foobar.com"})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read().decode()


def test_the_controller_has_the_newest_core_of_the_lock_and_debian_s_own_python():
    said = type_there("ansible --version")
    assert f"[core {newest()}]" in said
    assert "python version = 3.13." in said


def test_site_yml_sets_the_site_up_and_its_names():
    play("site")
    assert OLD in page()
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["198.18.55.41"]
    answer = resolver.resolve("www.foobar.com", "A")
    assert (str(answer.canonical_name), str(answer[0])) == ("foobar.com.", SERVER.address)


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_another_run_changes_nothing_and_would_change_nothing(options):
    assert " changed=0 " in play("site", *options)


def test_new_code_is_deployed_and_rolled_back():
    type_there(f"sed -i 's/{OLD}/{NEW}/' {TEMPLATE}")
    play("deploy")
    assert NEW in page()
    assert "guestbook" in play("releases")
    play("rollback", "-e site=foobar.com")
    assert OLD in page()


def test_ansible_test_of_that_core_finds_nothing_beside_what_is_known():
    type_there("python tests/sanity/run.py")
