"""Applications of size go live by the entry that foobar.webstack.new writes, with three lines changed at most."""

import difflib
import os
import re
import shutil
from functools import cache
from pathlib import Path

import pytest
import requests

from tests.galaxy import test_galaxy
from tests.host.nightly_applications.applications import APPLICATIONS
from tests.playbook import play

EPHEMERAL = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
FOLDER = EPHEMERAL / "site"
ADDRESS = "198.18.55.52"
OPTIONS = f"-o UserKnownHostsFile={EPHEMERAL / 'ssh/known_hosts'} -o IdentityFile={EPHEMERAL / 'ssh/id_ed25519'}"


@cache
def started():
    """Start a folder with a site for each application; return by name the lines that were changed in its entry."""
    changed = {}
    for app in APPLICATIONS:
        app.make(EPHEMERAL / app.name)
        answers = {"folder": str(FOLDER), "address": ADDRESS, "ssh_user": "root", "dns": "none", "mail": ""}
        said = play(
            "playbooks/new.yml", inventory="localhost,", domain=app.domain, source=str(EPHEMERAL / app.name), **answers
        )
        assert said.returncode == 0, said.stdout + said.stderr
        entry = FOLDER / f"group_vars/all/{app.domain}.yml"
        before = entry.read_text()
        after = before
        for old, new in app.changes:
            assert after.count(old) == 1, f"{entry}: {old}\n{after}"
            after = after.replace(old, new)
        entry.write_text(after)
        for name, text in app.files.items():
            (FOLDER / name).parent.mkdir(exist_ok=True)
            (FOLDER / name).write_text(text)
        lines = difflib.ndiff(before.splitlines(), after.splitlines())
        changed[app.name] = [line for line in lines if line[0] in "+-"]
    shutil.copy(Path(test_galaxy.__file__).with_name("here.yml"), FOLDER / "group_vars/all")
    return changed


@cache
def deployed():
    """Run check.yml and site.yml for all of them, and return the finished runs."""
    started()
    return [
        play(f"{name}.yml", inventory=FOLDER / "hosts.yml", ansible_ssh_common_args=OPTIONS)
        for name in ("check", "site", "site")
    ]


def ask(app, path):
    """Return the status and the text of a page."""
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"http://{ADDRESS}{path}", headers={"Host": app.domain}, timeout=60)
    return answer.status_code, answer.text


@pytest.mark.parametrize("app", APPLICATIONS, ids=lambda app: app.name)
def test_three_lines_of_what_was_written_are_changed_at_most(app):
    lines = started()[app.name]
    print("\n".join([app.name, *lines]))
    assert max(sum(line[0] == sign for line in lines) for sign in "+-") <= 3


def test_check_says_beforehand_that_all_will_do():
    assert deployed()[0].returncode == 0, deployed()[0].stdout


@pytest.mark.parametrize("app", APPLICATIONS, ids=lambda app: app.name)
def test_the_application_is_live(app):
    _, first, _ = deployed()
    why = re.findall(rf".*\b{app.name}: .*", first.stdout)
    pages = {path: ask(app, path) for path in app.pages}
    wrong = {path: page for path, page in pages.items() if page[0] != 200 or app.pages[path] not in page[1]}
    assert wrong == {}, why


def test_a_second_run_changes_nothing():
    again = deployed()[2]
    assert re.findall(r"changed=(\d+) .*failed=(\d+)", again.stdout)[-1] == ("0", "0"), again.stdout[-3000:]
