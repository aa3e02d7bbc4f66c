"""What a server tells of its certificates."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.tls_certificate import self_signed
from ansible_collections.foobar.webstack.plugins.module_utils.tls_schedule import moment
from ansible_collections.foobar.webstack.plugins.modules import tls_status

from tests import calls

SOON = time.time() + 3600


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a server that has one certificate, from itself and for thirty days."""
    authority = {"directory": "d", "ca_bundle": "", "challenge": "http-01", "webroot": "/w", "settings": "/s"}
    authority |= {"other_settings": "/o", "home": "/h"}
    told = {"path": str(tmp_path), "group": "g", "home": str(tmp_path), "served_at": "", "reload_command": ""}
    rest = {"preflight": True, "nameservers": [], "authority": {**authority, "environment": {}}}
    settings = tmp_path / "settings"
    settings.write_text(json.dumps({**told, **rest, "certificates": [entry("acme")]}))
    monkeypatch.setattr(tls_status, "SETTINGS", settings)
    (tmp_path / "foobar.com.pem").write_text(self_signed(["foobar.com"], days=30))
    for name in ("failed", "state"):
        (tmp_path / name).mkdir()
    return tmp_path


def entry(provider: str) -> dict[str, Any]:
    """Return a certificate as it is wanted."""
    rest = {"key_type": "ecdsa", "profile": "", "directory": "d"}
    return {"name": "foobar.com", "domains": ["foobar.com"], "served": ["foobar.com"], "provider": provider, **rest}


def told() -> dict[str, Any]:
    """Return what is told of the one certificate."""
    result = calls.module("tls_status", {})
    assert not result["changed"]
    (certificate,) = result["certificates"]
    return dict(certificate)


def test_the_table_has_a_line_for_each_and_the_one_that_ends_first_is_the_first(server: Path) -> None:
    (server / "failed/foobar.com").write_text("foobar.com: no.\nfoobar.com: down.\n")
    certificates = [
        {**told(), "renewal": "2027-01-02 00:00 UTC"},
        {**told(), "name": "a.example", "issuer": "Own CA", "days_left": 7, "renewal": "", "failure": ""}
        | {"is_trusted": True},
        {**told(), "name": "b.example", "days_left": 8, "renewal": "", "failure": ""}
        | {"served": ["b.example", "www.b.example"], "not_redirected": ["www.b.example"]},
    ]
    assert tls_status.table(certificates) == [
        "NAME        ISSUER       DAYS LEFT  NEXT RENEWAL          REDIRECTED         LAST ERROR",
        "a.example   Own CA       7          by hand               yes                none",
        "b.example   self-signed  8          by hand               not www.b.example  none",
        "foobar.com  self-signed  29         2027-01-02 00:00 UTC  no                 no. foobar.com: down.",
    ]
    assert calls.module("tls_status", {})["lines"][1].startswith("foobar.com  self-signed  29")


def knows(server: Path, **state: Any) -> None:
    """Have the server know something of the certificate from the runs before."""
    told = {"ordered": {"provider": "acme"}, "failed_order": ["d", "foobar.com"], **state}
    (server / "state/foobar.com.json").write_text(json.dumps(told))


def test_a_sound_certificate_is_told_with_its_end_and_its_renewal(server: Path) -> None:
    knows(server)
    certificate = told()
    ends = time.time() + 30 * 86400
    assert certificate.pop("not_after") in (moment(ends), moment(ends - 60))
    assert certificate.pop("renewal") in (moment(ends - 10 * 86400), moment(ends - 10 * 86400 - 60))
    assert certificate == {
        "name": "foobar.com",
        "domains": ["foobar.com"],
        "provider": "acme",
        "issuer": "self-signed",
        "days_left": 29,
        "served": ["foobar.com"],
        "is_trusted": False,
        "not_redirected": ["foobar.com"],
        "failure": "",
    }


def test_the_switch_and_the_last_failure_are_told(server: Path) -> None:
    (server / "foobar.com.trusted").touch()
    (server / "failed/foobar.com").write_text("foobar.com: no.\n")
    knows(server, failures=2, retry_at=SOON)
    certificate = told()
    assert (certificate["is_trusted"], certificate["failure"]) == (True, "foobar.com: no.")
    assert certificate["renewal"] == moment(SOON)


def test_a_window_of_the_ca_that_is_sooner_is_the_renewal(server: Path) -> None:
    knows(server, window=[SOON, SOON], window_of="7")
    assert told()["renewal"] == moment(SOON)


@pytest.mark.parametrize(
    "state",
    [
        {"ordered": {}},
        {"window": [86400, 86400]},
        {"failures": 1, "retry_at": 86400},
        # Other names failed than are wanted now.
        {"failures": 1, "retry_at": SOON, "failed_order": ["d", "www.foobar.com"]},
    ],
)
def test_what_is_due_is_got_at_the_next_run(server: Path, state: dict[str, Any]) -> None:
    knows(server, **state)
    assert told()["renewal"] == "at the next run"


def test_nobody_but_its_owner_renews_a_certificate_of_one_s_own(server: Path) -> None:
    settings = json.loads((server / "settings").read_text())
    (server / "settings").write_text(json.dumps({**settings, "certificates": [entry("files")]}))
    assert told()["renewal"] == ""


def test_a_server_without_the_role_has_none(server: Path) -> None:
    (server / "settings").unlink()
    result = calls.module("tls_status", {})
    assert result["certificates"] == []
    assert result["lines"] == ["There are no certificates of the role tls."]


@pytest.mark.parametrize("content", [None, b"", b"\xff"])
def test_a_file_that_can_t_be_read_is_its_failure_and_hides_no_other(server: Path, content: bytes | None) -> None:
    settings = json.loads((server / "settings").read_text())
    broken = {**entry("acme"), "name": "b.example"}
    (server / "settings").write_text(json.dumps({**settings, "certificates": [broken, entry("acme")]}))
    if content is not None:
        (server / "b.example.pem").write_bytes(content)
    (server / "failed/b.example").write_text("b.example: no.\n")
    result = calls.module("tls_status", {})
    first, second = result["certificates"]
    assert first["failure"].startswith("b.example: no.\nb.example: its file can't be read: ")
    assert (second["name"], second["days_left"]) == ("foobar.com", 29)
    assert result["lines"][1].startswith("b.example   ?            ?          ?")


def test_settings_that_can_t_be_read_are_said(server: Path) -> None:
    (server / "settings").write_text("{")
    result = calls.module("tls_status", {})
    assert result["failed"]
    assert result["msg"].startswith("The certificates can't be read: ")
