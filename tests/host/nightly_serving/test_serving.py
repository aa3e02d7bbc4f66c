"""Uploads, private files, an application in the browser, several names and open connections, through releases.

The tests go on from each other, in their order.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from tests.playbook import play
from tests.visitors import Machine

MACHINE = Machine("webstack-serving", "198.18.55.45")
SOURCE = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "sources/uploads"


def ask(path: str, host: str = "example.de", method: str = "GET") -> tuple[HTTPResponse, bytes]:
    """Return an answer and its body, as a visitor gets them."""
    connection = HTTPConnection(MACHINE.address, timeout=30)
    connection.request(method, path, headers={"Host": host})
    answer = connection.getresponse()
    return answer, answer.read()


def version() -> str:
    """Return the version that answers."""
    return str(json.loads(ask("/api/version")[1])["version"])


class Open:
    """A connection that stays open."""

    def __init__(self, path: str, *lines: str) -> None:
        """Ask for a path."""
        self.socket = socket.create_connection((MACHINE.address, 80), timeout=60)
        self.socket.sendall("\r\n".join([f"GET {path} HTTP/1.1", "Host: example.de", *lines, "", ""]).encode())
        self.read = b""
        self.until(b"\r\n\r\n")

    def until(self, text: bytes) -> None:
        """Read on to a text."""
        while text not in self.read:
            part = self.socket.recv(4096)
            assert part, self.read
            self.read += part
        self.read = self.read.partition(text)[2]

    def ends(self) -> float:
        """Return after how many seconds the other side ends it."""
        since = time.monotonic()
        while self.socket.recv(4096):
            pass
        return time.monotonic() - since


def websocket() -> Open:
    """Open a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return Open(
        "/ws/", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"
    )


def say(opened: Open, text: bytes) -> None:
    """Send a text over a WebSocket, masked by zeros, and wait for its return."""
    opened.socket.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
    opened.until(text)


@pytest.mark.parametrize("way", ["plain", "moved", "folder"])
def test_an_upload_is_served_at_once_however_it_is_stored(way: str) -> None:
    name = ask(f"/api/store/{way}")[1].decode()
    answer, body = ask(f"/media/{name}")
    assert (answer.status, body.decode(), answer.headers["X-Content-Type-Options"]) == (200, way, "nosniff")
    for user in ("www-data", "nobody", "uploads-deps"):
        assert not MACHINE.is_so(
            f"setpriv --reuid {user} --regid nogroup --clear-groups cat /srv/uploads/shared/media/{name}"
        )


def test_a_private_file_is_given_out_by_the_application_alone() -> None:
    answer, body = ask("/api/invoice")
    assert (answer.status, body, answer.headers["Content-Type"]) == (200, b"an invoice", "application/x-invoice")
    assert ask("/protected/7.pdf")[0].status == 404


def test_pages_of_the_browser_s_application_and_the_other_s_paths_stay_apart() -> None:
    for path in ("/", "/users/7"):
        assert b"id=app" in ask(path)[1]
    assert ask("/assets/index-Diw4gTda.js")[0].headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert ask("/assets/index-Gone1234.js")[0].status == 404
    assert json.loads(ask("/api/users/7")[1])["path"] == "/api/users/7"


@pytest.mark.parametrize("host", ["example.de", "example.fr", "tenant.example.de"])
def test_each_name_is_answered_without_a_redirect_and_in_the_certificate(host: str) -> None:
    answer, body = ask("/api/", host)
    assert (answer.status, json.loads(body)["hosts"]) == (200, [host])
    pem = MACHINE.shell("cat /etc/ssl/sites/example.de.pem")
    context = ssl.create_default_context(cadata=pem[pem.index("-----BEGIN CERTIFICATE") :])
    with context.wrap_socket(socket.create_connection((MACHINE.address, 443)), server_hostname=host) as connection:
        assert connection.version() == "TLSv1.3"


def test_an_alias_redirects() -> None:
    answer, _ = ask("/api/", "example.org")
    assert (answer.status, answer.headers["Location"]) == (301, "http://example.de/api/")


def stay_open(deploy: Callable[[], None]) -> None:
    """Hold connections open while something is done; they end within the time that the old release has."""
    events, talk = Open("/api/events"), websocket()
    events.until(b"data: 1")
    talk.until(b"1")
    say(talk, b"before")
    began = time.monotonic()
    deploy()
    for opened in (events, talk):
        assert opened.ends() < 30
    assert time.monotonic() - began < 120


def test_open_connections_outlive_the_switch_and_new_ones_reach_the_new_release() -> None:
    def deploy() -> None:
        (SOURCE / "VERSION").write_text("2\n")
        result = play("deploy.yml")
        assert result.returncode == 0, result.stdout
        assert version() == "2"

    stay_open(deploy)
    events, talk = Open("/api/events"), websocket()
    events.until(b"data: 2")
    talk.until(b"2")
    say(talk, b"after")


def test_a_second_run_changes_nothing() -> None:
    result = play("site.yml")
    assert " changed=0 " in result.stdout, result.stdout
