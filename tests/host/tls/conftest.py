"""What the tests of the role tls share: the machines, the CAs, and the role with other variables."""

from __future__ import annotations

import json
import re
import socket
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import testinfra
import yaml

from tests import playbook
from tests.playbook import ROOT, Finished, said

ADDRESS, OLD_ADDRESS, CA_ADDRESS = "198.18.55.60", "198.18.55.62", "198.18.55.61"
# With it the tests change the zone.
KEY = "hmac-sha256:tests:dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtMDE="
VARIABLES = yaml.safe_load((ROOT / "molecule/tls/vars/main.yml").read_text())
FIRST, LAB = VARIABLES["acme_certificates"]

Play = Callable[..., Finished]


def served(name: str, address: str = ADDRESS) -> bytes:
    """Return the certificate that a visitor gets who asks a server for a name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((address, 443), timeout=20) as connection,
        context.wrap_socket(connection, server_hostname=name) as session,
    ):
        return session.getpeercert(binary_form=True) or b""


class Authority:
    """A CA on the machine beside the web servers, on which the name server is, too."""

    def __init__(self, host: Any, unit: str, port: int) -> None:
        """Find it; the port is that of its management."""
        inventory = host.backend.ansible_inventory
        self.host = testinfra.get_host("ansible://webstack-tls-ca", ansible_inventory=inventory)
        self.unit, self.port = unit, port

    def manage(self, path: str, body: str | None = None) -> str:
        """Return what the CA's own management says."""
        address = f"https://{CA_ADDRESS}:{self.port}/{path}"
        unverified = ssl._create_unverified_context()
        with urllib.request.urlopen(address, body and body.encode(), timeout=20, context=unverified) as answer:
            return str(answer.read().decode())

    def wants_back(self, certificate: bytes) -> None:
        """Have the CA want a certificate to be renewed at once."""
        window = {"suggestedWindow": {"start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z"}}
        told = {"certificate": ssl.DER_cert_to_PEM_cert(certificate), "ariResponse": json.dumps(window)}
        self.manage("set-renewal-info/", json.dumps(told))

    def orders(self) -> int:
        """Return how many orders the CA has got."""
        return int(self.host.run(f"journalctl --unit={self.unit} --output=cat | grep -c 'POST /order-plz'").stdout)

    def requests(self) -> int:
        """Return how many requests of any kind the CA has got."""
        lines = f"journalctl --unit={self.unit} --output=cat"
        return int(self.host.run(f"{lines} | grep -cE '(GET|POST|HEAD) /'").stdout)

    def stop(self) -> None:
        """Stop the CA."""
        self.host.check_output("systemctl stop pebble")

    def start(self) -> None:
        """Start the CA, which knows nobody then, and wait until it answers."""
        self.host.check_output("systemctl start pebble")
        listens = "ss -ltn | grep -q :14000"
        self.host.check_output(f"timeout 30 sh -c 'until {listens}; do sleep 0.1; done'")

    @contextmanager
    def running(self, script: str, port: int, *arguments: str) -> Iterator[None]:
        """Run one of this folder's scripts on the CA's machine, which listens on a port there."""
        text, given = Path(__file__).with_name(f"{script}.py").read_text(), " ".join(arguments)
        self.host.check_output(f"systemd-run --collect --unit={script} python3 -c %s {given}", text)
        try:
            self.host.check_output(f"timeout 30 sh -c 'until ss -ltn | grep -q :{port}; do sleep 0.1; done'")
            yield
        finally:
            self.host.check_output(f"systemctl stop {script}")

    def record(self, *changes: str) -> None:
        """Change records of the zone."""
        lines = "\\n".join(["server 127.0.0.1", *changes, "send"])
        self.host.check_output("printf '%%b\\n' %s | nsupdate -y %s", lines, KEY)


@pytest.fixture
def ca(host: Any) -> Authority:
    """Return the CA."""
    return Authority(host, "pebble", 15000)


@pytest.fixture
def staging(host: Any) -> Authority:
    """Return the other CA, whose root nobody trusts."""
    return Authority(host, "staging", 15001)


@pytest.fixture
def old(host: Any) -> Any:
    """Return the server with Debian 12."""
    return testinfra.get_host("ansible://webstack-tls-bookworm", ansible_inventory=host.backend.ansible_inventory)


@pytest.fixture
def play(host: Any) -> Play:
    """Run the scenario's playbook, with variables that differ from the scenario's."""

    def _play(*options: str, limit: str = "webstack-tls", **variables: Any) -> Finished:
        return playbook.play("molecule/tls/converge.yml", f"--limit={limit}", *options, **variables)

    return _play


def changes(finished: Finished) -> int:
    """Return how many tasks of a run that went well have changed something."""
    assert finished.returncode == 0, said(finished)
    return sum(map(int, re.findall(r"changed=(\d+)", finished.stdout)))


def renew(host: Any) -> int:
    """Start the unit as its timer does, and return its code."""
    return int(host.run("systemctl start tls-renew").rc)


def make_due(host: Any, name: str) -> None:
    """Have a server find that a certificate was ordered otherwise than it is wanted."""
    host.check_output('sed -i \'s/"key_type": "[a-z]*"/"key_type": "dsa"/\' /var/lib/tls/state/%s.json', name)
