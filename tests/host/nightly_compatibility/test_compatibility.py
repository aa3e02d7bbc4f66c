"""Each row of docs/compatibility.md is what happens to such an application."""

import json
import os
import re
import shutil
from functools import cache
from pathlib import Path

import pytest
import requests

from tests.compatibility import mistakes
from tests.compatibility.rows import ROWS
from tests.compatibility.table import DOCUMENT, SYSTEMS, table, wanted
from tests.playbook import ROOT, play, refusal, wait_for

EPHEMERAL = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
SOURCES = EPHEMERAL / "sources"
ADDRESSES = {"Debian 13": "198.18.55.50", "Debian 12": "198.18.55.51"}
OVERLAY = """from config.settings import *

DEBUG = False
ALLOWED_HOSTS = ["overlay.example"]
"""
CASES = [(row, system) for system in SYSTEMS for row in ROWS if row.tree and wanted(row, system) == "live"]
REFUSED = [row for row in ROWS if row.refused]
SEEN = {}


@cache
def sources():
    """Make the sources of all rows."""
    for row in ROWS:
        if row.tree and not (SOURCES / row.name).exists():
            row.tree.make(SOURCES / row.name)


@cache
def inventory(system):
    """Write the inventory of one server, with a folder of its own, and return its path."""
    folder = EPHEMERAL / system.replace(" ", "")
    (folder / "files").mkdir(parents=True, exist_ok=True)
    (folder / "files/overlay.py.j2").write_text(OVERLAY)
    (folder / "files/dotenv.env").write_text("# One line.\nexport KEY=one\n")
    shutil.copytree(ROOT / "group_vars", folder / "group_vars", dirs_exist_ok=True)
    options = {"UserKnownHostsFile": EPHEMERAL / "ssh/known_hosts", "IdentityFile": EPHEMERAL / "ssh/id_ed25519"}
    host = {
        "ansible_host": ADDRESSES[system],
        "ansible_user": "root",
        "ansible_ssh_common_args": " ".join(f"-o {name}={value}" for name, value in options.items()),
        "secrets": str(folder / "secrets"),
        "default_tls": {"provider": "none"},
    }
    groups = ["web", "app", "local", *(["db"] if system == "Debian 13" else [])]
    path = folder / "hosts.yml"
    hosts = {"hosts": {"server": host}, "children": {group: {"hosts": {"server": {}}} for group in groups}}
    path.write_text(json.dumps({"all": hosts}))
    return path


@cache
def deployed(system):
    """Deploy all that can be on a system, and return the finished run."""
    sources()
    sites = [row.site(str(SOURCES), ADDRESSES[system]) for row, on in CASES if on == system]
    return play("site.yml", inventory=inventory(system), sites=sites), sites


def ask(row, system, path):
    """Return the status and the text of a page, or why there is none."""
    name = row.entry.get("server_names", [row.site("", "")["domain"]])[0].replace("*", "one")
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(f"http://{ADDRESSES[system]}{path}", headers={"Host": name}, timeout=60)
    return answer.status_code, answer.text


def answers(row, system):
    """Tell whether all pages of a site are as they should be."""
    return all(
        status == 200 and text in page for path, text in row.pages.items() for status, page in [ask(row, system, path)]
    )


@pytest.mark.parametrize(("row", "system"), CASES, ids=[f"{row.name}-{system}" for row, system in CASES])
def test_an_application_is_live_by_its_entry_alone(row, system):
    finished, _ = deployed(system)
    why = re.findall(rf".*\b{row.name}: .*", finished.stdout)
    if row.name == "beat":
        wait_for(lambda: answers(row, system), 30)
    pages = {path: ask(row, system, path) for path in row.pages}
    SEEN[row.name, system] = "live" if answers(row, system) else "fails"
    assert SEEN[row.name, system] == "live", f"{pages} {why} {finished.stdout[-600:]}"


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_second_run_changes_nothing(system):
    _, sites = deployed(system)
    again = play("site.yml", inventory=inventory(system), sites=sites)
    assert re.findall(r"changed=(\d+) .*failed=(\d+)", again.stdout) == [("0", "0")], again.stdout[-3000:]


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.name)
def test_an_entry_that_can_t_serve_is_refused_before_anything_changes(row):
    sources()
    site = row.site(str(SOURCES), ADDRESSES["Debian 13"])
    SEEN[row.name, "Debian 13"] = SEEN[row.name, "Debian 12"] = "not refused"
    assert row.refused in refusal(play("check.yml", inventory=inventory("Debian 13"), sites=[site]))
    SEEN[row.name, "Debian 13"] = SEEN[row.name, "Debian 12"] = "refused"


def test_the_page_tells_what_was_seen():
    page = table(SEEN)
    (EPHEMERAL / "compatibility.md").write_text(page)
    assert DOCUMENT.read_text() == page


def entry(mistake, mended):
    """Return a site with a mistake in its entry, or without it."""
    source = SOURCES / f"mistake-{mistake.name}"
    if not source.exists():
        mistake.tree.make(source)
    own = {"domain": f"{mistake.name}.example", "addresses": [ADDRESSES["Debian 13"]], "app": mistake.name}
    return {**own, "directory": str(source), **mistake.entry(mended=mended)}


@pytest.mark.parametrize("mistake", mistakes.REFUSED, ids=lambda mistake: mistake.name)
def test_a_mistake_that_the_controller_can_see_is_named_before_anything_changes(mistake):
    sites = [entry(mistake, mended=False)]
    assert mistake.said in refusal(play("check.yml", inventory=inventory("Debian 13"), sites=sites))


def test_each_mistake_that_only_a_release_shows_costs_one_run_more():
    def run(*, mended):
        sites = [entry(mistake, mended=mended) for mistake in mistakes.FAILING]
        return play("site.yml", inventory=inventory("Debian 13"), sites=sites)

    wrong = run(mended=False)
    reasons = re.findall(r"Task failed: (?:Module|Action) failed: (\w+): (.*?)\nOrigin:", wrong.stdout, re.DOTALL)
    said = {name: " ".join(words.split()) for name, words in reasons}
    assert [m.name for m in mistakes.FAILING if m.said not in said.get(m.name, "")] == [], said
    right = run(mended=True)
    assert right.returncode == 0, right.stdout[-3000:]
