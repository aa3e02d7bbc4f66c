"""Ways to ask nginx from outside, and to run the role again with other variables."""

import json
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPMessage
from typing import Any

import pytest
import yaml

from tests import playbook
from tests.playbook import ROOT, Finished

SITES = yaml.safe_load((ROOT / "molecule/nginx/vars/main.yml").read_text())["nginx_sites"]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def seen(self) -> dict[str, Any]:
        """What the application tells about the request that it got."""
        page: dict[str, Any] = json.loads(self.body)
        page["headers"] = {name.lower(): value for name, value in page["headers"]}
        return page


Ask = Callable[..., Answer]
Play = Callable[..., Finished]


@pytest.fixture
def address(host: Any) -> str:
    """Address of the machine in the containers' network."""
    return str(host.check_output("hostname -I").split()[0])


@pytest.fixture
def ask(address: str) -> Ask:
    """Ask for a path of a site, from the controller, by HTTP or HTTPS."""

    def _ask(path: str, site: str = "shop.example", method: str = "GET", tls: bool = False, **kwargs: Any) -> Answer:
        connection = HTTPConnection(address, 80, timeout=20)
        if tls:
            connection.sock = tls_connection(address, site.partition(":")[0])
        try:
            headers = {"Host": site, **kwargs.pop("headers", {})}
            connection.request(method, path, headers=headers, **kwargs)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    return _ask


def tls_connection(address: str, name: str) -> ssl.SSLSocket:
    """Connect to a site, whoever has signed its certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(socket.create_connection((address, 443), timeout=20), server_hostname=name)


def wait_until(is_so: Callable[[], Any], seconds: float = 60) -> None:
    """Wait for what was started to be there; a machine with other work takes its time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} seconds"
        time.sleep(0.1)


def changes(output: str) -> int:
    """Return how many tasks of a run on one machine have changed something."""
    found = re.search(r"changed=(\d+)", output)
    assert found, output
    return int(found[1])


def words(output: str) -> str:
    """Return an output whose lines are not broken."""
    return " ".join(output.split())


@pytest.fixture
def play(host: Any) -> Play:
    """Run the role on this machine, with variables that differ from the scenario's."""
    return partial(run, host, "molecule/nginx/converge.yml")


@pytest.fixture
def maintain(host: Any) -> Play:
    """Run maintenance.yml on this machine, whose sites are the scenario's unless told otherwise."""
    return partial(run, host, "maintenance.yml", nginx_sites=SITES)


def run(host: Any, name: str, *options: str, **variables: Any) -> Finished:
    """Run a playbook on one machine of the scenario."""
    return playbook.play(name, f"--limit={host.backend.get_hostname()}", *options, **variables)
