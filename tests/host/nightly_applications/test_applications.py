"""Applications of size go live by the entry that foobar.webstack.new writes, with three lines changed at most."""

import base64
import difflib
import json
import os
import re
import shutil
import socket
from functools import cache
from pathlib import Path

import pytest
import requests

from tests.galaxy import test_galaxy
from tests.host.nightly_applications.applications import APPLICATIONS
from tests.playbook import play, run

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
        entries = FOLDER / "group_vars/all/sites.yml"
        before = entries.read_text()
        entries.write_text(app.changed(before))
        if app.settings:
            (path,) = (FOLDER / "files" / app.name).iterdir()
            path.write_text("\n".join([path.read_text(), *app.settings, ""]))
        lines = [
            line for line in difflib.ndiff(before.splitlines(), entries.read_text().splitlines()) if line[0] in "+-"
        ]
        if app.variables:
            (FOLDER / f"group_vars/all/{app.name}.yml").write_text("\n".join(["---", *app.variables, ""]))
        changed[app.name] = [*lines, *(f"+ {line}" for line in (*app.settings, *app.variables))]
    shutil.copy(Path(test_galaxy.__file__).with_name("here.yml"), FOLDER / "group_vars/all")
    # The largest import for half a minute where other tests run beside this one; a server of its own takes a third.
    (FOLDER / "group_vars/all/slow.yml").write_text("---\napp_deploy_health_timeout: 120\n")
    return changed


@cache
def deployed():
    """Run check.yml and site.yml for all of them, and return the finished runs."""
    started()
    settings = {"ANSIBLE_CONFIG": str(FOLDER / "ansible.cfg")}
    words = [f"--extra-vars={json.dumps({'ansible_ssh_common_args': OPTIONS})}"]
    return [
        run(["ansible-playbook", f"{name}.yml", *words], settings, folder=FOLDER) for name in ("check", "site", "site")
    ]


def send(method, app, path, headers=None, **words):
    """Return the answer to a request."""
    with requests.Session() as session:
        session.trust_env = False
        named = {"Host": app.domain, **(headers or {})}
        return session.request(method, f"http://{ADDRESS}{path}", headers=named, timeout=60, **words)


def ask(app, path):
    """Return the status and the text of a page."""
    answer = send("GET", app, path)
    return answer.status_code, answer.text


def named(name):
    """Return an application by its name."""
    (app,) = (app for app in APPLICATIONS if app.name == name)
    return app


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


def test_a_dashboard_draws_over_its_websocket():
    deployed()
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ["GET /websocket/ HTTP/1.1", "Host: tips.example", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""]
    with socket.create_connection((ADDRESS, 80), timeout=60) as opened:
        opened.sendall("\r\n".join(lines).encode())
        read = b""
        while b"sessionId" not in read:
            part = opened.recv(4096)
            assert part, read
            read += part
    assert read.startswith(b"HTTP/1.1 101"), read


@pytest.mark.parametrize("unit", ["alliance-worker", "alliance-beat"])
def test_what_runs_beside_an_application_has_begun_once(host, unit):
    deployed()
    shown = host.run(f"systemctl show --property=ActiveState,NRestarts '{unit}-1@*.service'").stdout.split()
    assert shown == ["ActiveState=active", "NRestarts=0"] or shown == ["NRestarts=0", "ActiveState=active"], shown


def test_a_built_frontend_comes_with_what_it_loads():
    deployed()
    app = named("zenml")
    _, page = ask(app, "/")
    (script,) = re.findall(r'<script type="module" crossorigin src="([^"]+)"', page)
    loaded = send("GET", app, script)
    assert (loaded.status_code, loaded.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
    assert len(loaded.content) > 100_000


def test_what_an_api_has_written_stands_in_mysql_at_the_revision_of_alembic(host):
    deployed()
    app, account = named("zenml"), {"username": "admin", "password": "Of-this-test-1"}
    begun = {"admin_username": account["username"], "admin_password": account["password"]}
    assert send("PUT", app, "/api/v1/activate", json=begun).status_code == 200
    token = send("POST", app, "/api/v1/login", data=account).json()["access_token"]
    allowed = {"Authorization": f"Bearer {token}"}
    made = send("POST", app, "/api/v1/projects", allowed, json={"name": "weather", "display_name": "Weather"})
    assert made.status_code == 200, made.text
    # More often than there are workers, each of which has to know the token.
    read = [send("GET", app, "/api/v1/projects/weather", allowed) for _ in range(8)]
    assert [(answer.status_code, answer.json()["id"]) for answer in read] == [(200, made.json()["id"])] * 8
    query = "SELECT name, version_num FROM project, alembic_version WHERE name = 'weather'"
    stored = host.check_output("mysql --skip-column-names zenml --execute=%s", query)
    assert stored.split() == ["weather", "0.98.0"]


def test_a_second_run_changes_nothing():
    again = deployed()[2]
    assert re.findall(r"changed=(\d+) .*failed=(\d+)", again.stdout)[-1] == ("0", "0"), again.stdout[-3000:]
