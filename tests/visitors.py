"""A server in a container whose sites have visitors: what they see, and what the server holds, for the long tests."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import yaml

from tests.load.load import Kind, Load
from tests.playbook import wait_for

# A path of a site, and what was answered there: the status, where to, how long to be kept, and the page.
Answer = tuple[str, int, str, str, str]


@dataclass(frozen=True)
class Machine:
    """A container that stands for a server, by its name and its address."""

    name: str
    address: str

    def shell(self, script: str) -> str:
        """Return what a script prints on the server; it must succeed."""
        command = ["docker", "exec", self.name, "bash", "-euo", "pipefail", "-c", script]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{script}: {result.stderr or result.stdout}"
        return result.stdout.strip()

    def is_so(self, script: str) -> bool:
        """Tell whether a script succeeds on the server."""
        return subprocess.run(["docker", "exec", self.name, "bash", "-c", script], check=False).returncode == 0

    def rows(self, query: str) -> list[list[str]]:
        """Return the rows that MySQL answers to root on the socket."""
        output = self.shell(f"mysql --batch --skip-column-names <<'SQL'\n{query}\nSQL")
        return [row.split("\t") for row in output.splitlines()]

    def variables(self) -> dict[str, Any]:
        """Return the variables that the scenario has given the server, with templates in them as they were written."""
        file = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / f"inventory/host_vars/{self.name}.yml"
        return dict(yaml.safe_load(file.read_text()))

    def digests(self, *paths: str) -> dict[str, str]:
        """Return what files, links and folders below some paths are: mode, owner and SHA-256 or target, by path.

        Paths may be glob patterns.
        """
        found = self.shell(
            f"shopt -s nullglob; places=()\nfor place in {' '.join(paths)}; do\n"
            "if [ -e $place ] || [ -L $place ]; then places+=($place); fi\ndone\n[ ${#places[@]} -gt 0 ] || exit 0\n"
            "find ${places[@]} -printf '%m %u %g %y %l\\t%p\\n'\n"
            "echo; find ${places[@]} -type f -print0 | xargs -0r sha256sum"
        )
        states, _, sums = found.partition("\n\n")
        digests = {line.split("\t")[1]: line.split("\t")[0] for line in states.splitlines()}
        for line in sums.splitlines():
            digest, path = line.split(maxsplit=1)
            digests[path] += digest
        return digests

    def failed_units(self) -> str:
        """Return the units that systemd has as failed."""
        return self.shell("systemctl list-units --failed --plain --no-legend")

    def reboot(self, answers: Site) -> None:
        """Restart the server, and wait until a site's health page answers again."""
        subprocess.run(["docker", "restart", "--time", "60", self.name], check=True, capture_output=True)
        wait_for(lambda: answers.ask("/health")[1] == 200)
        wait_for(lambda: self.is_so("[ $(systemctl is-system-running) != starting ]"))


@dataclass(frozen=True)
class Site:
    """One of the sites of a server, with its application."""

    machine: Machine
    domain: str
    app: str

    def ask(self, path: str = "/", host: str = "") -> Answer:
        """Return what the site answers through nginx; what changes with each request is left out of a page in JSON.

        The status is 0 where there is no answer.
        """
        connection = HTTPConnection(self.machine.address, timeout=60)
        try:
            connection.request("GET", path, headers={"Host": host or self.domain, "Connection": "close"})
            response = connection.getresponse()
            page = response.read()
        except (OSError, HTTPException) as error:
            return (host + path, 0, "", "", repr(error))
        finally:
            connection.close()
        headers = response.headers
        if headers.get("Content-Type", "") == "application/json":
            text = json.dumps({name: value for name, value in json.loads(page).items() if name != "entries"})
        else:
            text = hashlib.sha256(page).hexdigest()
        return host + path, response.status, headers.get("Location", ""), headers.get("Cache-Control", ""), text

    def page(self) -> dict[str, Any]:
        """Return the first page, which is JSON."""
        answer = self.ask()
        assert answer[1] == 200, answer
        return dict(json.loads(answer[4]))

    def live(self) -> str:
        """Return the id of the live release."""
        return Path(self.machine.shell(f"readlink /srv/{self.app}/current")).name

    def releases(self) -> set[str]:
        """Return the ids of the releases on disk."""
        return set(self.machine.shell(f"ls /srv/{self.app}/releases").split())

    def processes(self) -> dict[str, str]:
        """Return the main process of each service of the live release that runs all the time, by the unit's name."""
        pattern = f"gunicorn-{self.app}@{self.live()}.service {self.app}-work-*@{self.live()}.service"
        text = self.machine.shell(f"systemctl show --property=Id,MainPID,ActiveState {pattern}")
        units = [dict(line.split("=", 1) for line in block.splitlines()) for block in text.split("\n\n")]
        return {unit["Id"]: f"{unit['ActiveState']} {unit['MainPID']}" for unit in units}

    def is_fit(self) -> None:
        """See that the live release runs, with all that belongs to it, and comes back from whatever befalls it.

        Its gunicorn is killed, systemd reads all units again, and all its scheduled commands are run once.
        """
        unit, live = f"gunicorn-{self.app}@{self.live()}.service", self.live()
        before = self.processes()
        self.machine.shell(f"systemctl kill --kill-whom=main --signal=KILL {unit}")
        self.machine.shell("systemctl daemon-reload")

        def runs_again() -> bool:
            state = self.processes()[unit]
            return state.startswith("active ") and state != before[unit]

        wait_for(runs_again)
        assert self.ask("/health")[1] == 200
        timers = f"systemctl list-units --all --plain --no-legend '{self.app}-*@{live}.timer' | cut -d ' ' -f 1"
        for timer in self.machine.shell(timers).split():
            self.machine.shell(f"systemctl is-active --quiet {timer}")
            self.machine.shell(f"systemctl start {timer.removesuffix('.timer')}.service")
        assert {state.split()[0] for state in self.processes().values()} == {"active"}
        assert self.machine.failed_units() == ""


@dataclass
class Observer:
    """Ask for some pages over and over, and remember which answers there were, and how often.

    `pages` are paths and hosts; an empty host is the site's domain.
    """

    site: Site
    pages: Sequence[tuple[str, str]]
    pause: float = 0.5
    answers: Counter[Answer] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Observer:
        """Begin."""
        self.thread = threading.Thread(target=self.work)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ask no more."""
        self.stop.set()
        self.thread.join()

    def work(self) -> None:
        """Ask until told to stop."""
        while not self.stop.wait(self.pause):
            for path, host in self.pages:
                self.answers[self.site.ask(path, host)] += 1

    def different(self) -> dict[str, list[Answer]]:
        """Return the pages that were not always the same, and what they were."""
        found: dict[str, list[Answer]] = {}
        for answer in self.answers:
            found.setdefault(answer[0], []).append(answer)
        return {page: answers for page, answers in found.items() if len(answers) > 1}


@contextmanager
def visitors(
    site: Site, kinds: Mapping[Kind, float], title: str, rate: float = 20, stored: str = ""
) -> Iterator[dict[str, Any]]:
    """Let visitors come for a while; print and return what they have seen.

    `stored` is a query for the token of each row that they have made, and how often there is one: `lost` are then those
    that were acknowledged and are not there, `doubled` those that are there more than once.
    """
    load = Load((site.machine.address, 80), site.domain, kinds, workers=8, rate=rate, retry=True)
    load.report = lambda request: print(f"{site.domain}: {request}") if request.failed else None
    seen: dict[str, Any] = {}
    with load:
        yield seen
    seen |= load.summary()
    if stored:
        counts = dict(site.machine.rows(stored))
        seen["lost"] = [token for token in load.tokens() if token not in counts]
        seen["doubled"] = [token for token, count in counts.items() if count != "1"]
    print(f"\n{title}, {site.domain}: {json.dumps(seen)}")
