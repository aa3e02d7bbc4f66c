"""What the tests of releases do to the one server, and what they ask it."""

import json
import os
import shlex
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.playbook import ROOT, play

ADDRESS = "198.18.55.20"
MACHINE = "webstack-releases"
SOURCES = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "sources"
APPS = {"board": ("board.example", SOURCES / "django"), "api": ("api.example", SOURCES / "fastapi")}

sys.path.append(str(ROOT / "tests/load"))


class App:
    """One of the applications on the server, with its source on this machine."""

    def __init__(self, host, name):
        """Begin with the version that is live."""
        self.host, self.name = host, name
        self.domain, self.source = APPS[name]
        self.path = f"/srv/{name}"

    def ask(self, path="/", **options):
        """Return the site's answer, through nginx."""
        with requests.Session() as session:
            session.trust_env = False
            return session.get(f"http://{ADDRESS}{path}", headers={"Host": self.domain}, timeout=120, **options)

    def version(self):
        """Return the version that answers."""
        return self.ask().json()["version"]

    def renew(self):
        """Change the source, and return the version that it has now."""
        file = self.source / "VERSION"
        file.write_text(f"{int(file.read_text().split('.')[0]) + 1}\n")
        return file.read_text().strip()

    def deploy(self, **variables):
        """Release what the source is and return the finished process."""
        return play("deploy.yml", site=self.domain, **variables)

    def rollback(self, **variables):
        """Go back and return the finished process."""
        return play("rollback.yml", site=self.domain, **variables)

    def live(self):
        """Return the id of the live release."""
        return self.host.check_output(f"basename $(readlink {self.path}/current)")

    def releases(self):
        """Return the ids of the releases on disk."""
        return set(self.host.check_output(f"ls {self.path}/releases").split())

    def running(self, pattern="gunicorn-{}@*.service"):
        """Return the ids of the releases that have an active unit of this name."""
        units = self.host.check_output(
            f"systemctl list-units --plain --no-legend --state=active,deactivating '{pattern.format(self.name)}'"
        )
        return {line.split()[0].partition("@")[2].rpartition(".")[0] for line in units.splitlines()}

    def works(self):
        """Return the ids of the releases whose background commands run once jobs that were begun are done.

        A job takes three seconds; nobody waits for it, the release is live by then.
        """
        time.sleep(4)
        return self.running("{}-work-*@*.service")

    def log(self):
        """Return the events of the application's log."""
        return [
            json.loads(line) for line in self.host.check_output(f"cat /var/log/app_deploy/{self.name}.log").split("\n")
        ]

    def is_tidy(self):
        """See to it that nothing is left of other releases than the kept ones."""
        finished = self.host.check_output(f"ls -d {self.path}/releases/*/.release.json").split()
        assert self.releases() == {file.split("/")[4] for file in finished}
        assert len(finished) <= 3
        assert self.running() == {self.live()}
        assert self.running("gunicorn-{}@*.socket") == {self.live()}
        failed = f"systemctl list-units --failed --plain --no-legend 'gunicorn-{self.name}@*'"
        assert self.host.check_output(failed) == ""
        # A run that is killed as it gives the lock back leaves it to whoever wants it next.
        lock = self.host.check_output(f"cat /run/app_deploy/{self.name}.lock")
        assert not lock or not Path(f"/proc/{json.loads(lock)['owner']['pid']}").exists()
        assert self.host.run(f"find {self.path} -name '*.part' | grep .").rc == 1


def sql(host, query):
    """Return what MySQL answers to root on the socket."""
    return host.check_output(f"mysql --batch --skip-column-names --execute {shlex.quote(query)}")


@pytest.fixture
def board(host):
    """Return the Django site."""
    return App(host, "board")


@pytest.fixture
def api(host):
    """Return the FastAPI application."""
    return App(host, "api")
