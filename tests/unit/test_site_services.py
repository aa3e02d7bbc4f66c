"""What an application is told of its mail relay, and how far its sandbox is opened for it."""

from __future__ import annotations

import base64
import re
import smtplib
import socketserver
from collections.abc import Iterator
from threading import Thread
from typing import Any, ClassVar

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.filter.sites import app_deploy_applied, gunicorn_apps, sites_mistakes
from ansible_collections.foobar.webstack.plugins.plugin_utils.input_checks import input_mistakes
from ansible_collections.foobar.webstack.plugins.plugin_utils.site_services import mail_variables, opened_networks

from tests.playbook import ROOT

SPEC = yaml.safe_load((ROOT / "playbooks/meta/sites.yml").read_text())
SITE: dict[str, Any] = {
    **{"domain": "foobar.com", "app": "shop", "directory": "shop", "wsgi_app": "shop:app", "health_path": "/"},
    "smtp": {"host": "192.0.2.25"},
}


def site(host: str, **gunicorn: Any) -> dict[str, Any]:
    """Return a site with a relay, and further keys for gunicorn."""
    return {**SITE, "smtp": {"host": host}, "gunicorn": gunicorn}


def sandbox(entry: dict[str, Any]) -> dict[str, Any]:
    """Return what opens the sandbox of a site's application."""
    (app,) = gunicorn_apps([entry])
    return {key: app[key] for key in ("network", "ip_address_allow") if key in app}


def test_a_relay_is_told_by_the_names_of_django_s_settings() -> None:
    smtp = {"host": "mail.example", "user": "shop", "password": "canary", "from": "shop@foobar.com"}
    (app,) = gunicorn_apps([{**SITE, "smtp": smtp, "environment": {"EMAIL_PORT": "2525"}}])
    assert app["environment"] == {
        "EMAIL_HOST": "mail.example",
        # The entry's own word counts.
        "EMAIL_PORT": "2525",
        "EMAIL_HOST_USER": "shop",
        "EMAIL_HOST_PASSWORD": "canary",
        "EMAIL_USE_TLS": "True",
        "DEFAULT_FROM_EMAIL": "shop@foobar.com",
    }


@pytest.mark.parametrize(
    ("smtp", "told"),
    [
        ({}, {"EMAIL_PORT": "587", "EMAIL_USE_TLS": "True"}),
        ({"port": 465}, {"EMAIL_PORT": "465", "EMAIL_USE_SSL": "True"}),
        ({"port": 25}, {"EMAIL_PORT": "25"}),
        ({"port": 25, "security": "starttls"}, {"EMAIL_PORT": "25", "EMAIL_USE_TLS": "True"}),
        ({"port": 2465, "security": "tls"}, {"EMAIL_PORT": "2465", "EMAIL_USE_SSL": "True"}),
        ({"security": "none"}, {"EMAIL_PORT": "587"}),
    ],
)
def test_the_port_tells_which_tls_it_is_and_what_does_not_hold_is_left_out(
    smtp: dict[str, Any], told: dict[str, str]
) -> None:
    assert mail_variables({"host": "mail.example", **smtp}) == {"EMAIL_HOST": "mail.example", **told}


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        (site("192.0.2.25"), {"ip_address_allow": ["192.0.2.25"]}),
        (site("2001:db8::25"), {"ip_address_allow": ["2001:db8::25"]}),
        (site("localhost"), {"ip_address_allow": ["127.0.0.1", "::1"]}),
        (site("192.0.2.25", ip_address_allow=["10.0.0.0/8"]), {"ip_address_allow": ["192.0.2.25", "10.0.0.0/8"]}),
        (site("192.0.2.25", network=True), {"network": True}),
        (site("mail.example"), {"network": True}),
        (site("mail.example", network=True), {"network": True}),
    ],
)
def test_a_relay_by_address_is_let_through_alone_and_one_by_name_needs_the_network(
    entry: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert sandbox(entry) == wanted
    assert sites_mistakes([entry]) == []


@pytest.mark.parametrize(
    ("gunicorn", "key"), [({"network": False}, "network"), ({"ip_address_allow": ["10.0.0.0/8"]}, "ip_address_allow")]
)
def test_a_sandbox_that_would_keep_a_relay_out_is_refused(gunicorn: dict[str, Any], key: str) -> None:
    assert sites_mistakes([site("mail.example", **gunicorn)]) == [
        "sites: smtp of foobar.com has the relay mail.example by its name, which needs all of the network: write its "
        f"address there, or take {key} out of gunicorn."
    ]


def test_what_a_relay_opens_is_said_where_nothing_else_does() -> None:
    sites = [site("192.0.2.25"), site("mail.example", network=True), site("mail.example")]
    assert opened_networks(sites) == [
        "foobar.com: smtp opens the network to shop, as mail.example is a name; by its address it would reach "
        "the relay alone."
    ]


@pytest.mark.parametrize(
    ("smtp", "words"),
    [
        ({}, "sites: smtp of foobar.com lacks the key host."),
        (
            {"host": "a", "passwrd": "x"},
            "sites: smtp of foobar.com has the unknown key passwrd: did you mean password?",
        ),
        ({"host": "a", "user": "shop"}, "user, password"),
        ({"host": "a", "security": "ssl"}, "security of smtp of foobar.com must be one of starttls, tls, none"),
    ],
)
def test_a_mistake_about_a_relay_is_named(smtp: dict[str, Any], words: str) -> None:
    mistakes = input_mistakes([{**SITE, "smtp": smtp}], SPEC, {})
    assert any(words in mistake for mistake in mistakes), mistakes


def test_a_deploy_applies_all_of_it() -> None:
    assert "smtp" not in app_deploy_applied([SITE])["shop"]


ANSWERS = {"EHLO": "250-relay\r\n250 AUTH PLAIN", "AUTH": "235 fine", "DATA": "354 go on", "QUIT": "221 bye"}


class Relay(socketserver.StreamRequestHandler):
    """A mail relay that takes what a user sends who has logged in, and keeps what was said to it."""

    said: ClassVar[list[str]] = []

    def handle(self) -> None:
        """Answer each line, and a mail's lines at its end."""
        self.answer("220 relay")
        is_mail = False
        for line in map(bytes.decode, self.rfile):
            self.said.append(line.strip())
            if is_mail and line != ".\r\n":
                continue
            word = line.split()[0].upper()
            is_mail = word == "DATA"
            self.answer(ANSWERS.get(word, "250 ok"))
            if word == "QUIT":
                break

    def answer(self, text: str) -> None:
        """Send a line."""
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def relay() -> Iterator[int]:
    """Start a mail relay, and return its port."""
    Relay.said.clear()
    with socketserver.TCPServer(("127.0.0.1", 0), Relay) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_mail_arrives_by_what_the_page_makes_of_the_variables(relay: int, monkeypatch: pytest.MonkeyPatch) -> None:
    smtp = {"host": "127.0.0.1", "port": relay, "user": "shop", "password": "canary", "security": "none"}
    for name, value in mail_variables({**smtp, "from": "shop@foobar.com"}).items():
        monkeypatch.setenv(name, value)
    page = (ROOT / "docs/applications/services.md").read_text()
    found: dict[str, Any] = {}
    exec("import os\n" + re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0], found)
    # As Django's backend goes about it.
    with smtplib.SMTP(found["EMAIL_HOST"], found["EMAIL_PORT"], timeout=10) as connection:
        assert (found["EMAIL_USE_TLS"], found["EMAIL_USE_SSL"]) == (False, False)
        connection.login(found["EMAIL_HOST_USER"], found["EMAIL_HOST_PASSWORD"])
        connection.sendmail(found["DEFAULT_FROM_EMAIL"], ["you@example.com"], "Subject: Hello\r\n\r\nA word\r\n")
    assert "AUTH PLAIN " + base64.b64encode(b"\0shop\0canary").decode() in Relay.said
    assert "mail FROM:<shop@foobar.com>" in Relay.said
    assert "A word" in Relay.said
