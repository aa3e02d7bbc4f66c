"""Ways to ask nginx from outside, and to run the role again with other variables."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]


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
Play = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def address(host: Any) -> str:
    """Address of the machine in the containers' network."""
    return str(host.check_output("hostname -I").split()[0])


@pytest.fixture
def ask(address: str) -> Ask:
    """Ask for a path of a site, from the controller."""

    def _ask(path: str, site: str = "shop.example", method: str = "GET", **kwargs: Any) -> Answer:
        connection = HTTPConnection(address, 80, timeout=20)
        try:
            headers = {"Host": site, **kwargs.pop("headers", {})}
            connection.request(method, path, headers=headers, **kwargs)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    return _ask


@pytest.fixture
def play(host: Any) -> Play:
    """Run the role on this machine, with variables that differ from the scenario's."""

    def _play(**variables: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [
                "ansible-playbook",
                f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}",
                f"--limit={host.backend.get_hostname()}",
                f"--extra-vars={json.dumps(variables)}",
                str(ROOT / "molecule/nginx/converge.yml"),
            ],
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return _play
