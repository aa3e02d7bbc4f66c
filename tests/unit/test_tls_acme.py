"""What is asked of an ACME CA, and what is made of its answers."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import tls_acme
from ansible_collections.foobar.webstack.plugins.module_utils.tls_acme import Authority, RateLimited, refusal
from ansible_collections.foobar.webstack.plugins.module_utils.tls_certificate import Certificate, Refused

HELD = Certificate(b"", "87654321", "CN=CA", 0, 100, ("foobar.com",), "69885B6B87464041E1B37B847BA0AE2CDE01C8D4")
DIRECTORY = "https://ca.example/directory"
FAILED = """\
Saving debug log to /var/lib/tls/acme/log/letsencrypt.log
Requesting a certificate for foobar.com and www.foobar.com

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority reported these problems:
  Domain: www.foobar.com
  Type:   dns
  Detail: DNS problem: NXDOMAIN looking up A for www.foobar.com

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.

Some challenges have failed.
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile for more details.
"""
UNEXPECTED = """\
Saving debug log to /var/lib/tls/acme/log/letsencrypt.log
An unexpected error occurred:
{}
Ask for help or search for solutions at https://community.letsencrypt.org. See the logfile for more details.
"""
LOG = """\
2026-11-30 03:55:46,614:DEBUG:acme.client:Received response:
HTTP {}
Content-Length: 123
Retry-After: 3600
{{
  "type": "urn:ietf:params:acme:error:{}",
  "detail": "no"
}}
"""


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Return a CA whose certbot is a script that notes how it was called and does what the file `next` says."""
    program = tmp_path / "bin/certbot"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/calls\nenv >> {tmp_path}/environment\n. {tmp_path}/next\n')
    program.chmod(0o755)
    (tmp_path / "next").write_text("exit 0\n")
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    settings = {"settings": "/etc/tls/certbot.ini", "other_settings": "/etc/tls/certbot-other.ini"}
    folders = {"webroot": str(tmp_path / "webroot"), "home": str(tmp_path / "acme")}
    return Authority(directory=DIRECTORY, ca_bundle="", challenge="http-01", environment={}, **settings, **folders)


def fails_with(folder: Path, said: str, log: str = "") -> None:
    """Have certbot say something, write a log, and fail."""
    (folder / "said").write_text(said)
    (folder / "log").write_text(log)
    copy = f"mkdir -p {folder}/acme/log; cp {folder}/log {folder}/acme/log/letsencrypt.log"
    (folder / "next").write_text(f"cat {folder}/said >&2\n{copy}\nexit 1\n")


def test_certbot_is_told_all_but_secrets_and_has_folders_of_its_own(authority: Authority, tmp_path: Path) -> None:
    authority.order("foobar.com", ["foobar.com", "www.foobar.com"], "ecdsa", "shortlived")
    call = (tmp_path / "calls").read_text()
    for words in (
        "certonly --non-interactive --config /etc/tls/certbot.ini",
        f"--server {DIRECTORY}",
        f"--config-dir {tmp_path}/acme --work-dir {tmp_path}/acme/work --logs-dir {tmp_path}/acme/log",
        "--cert-name foobar.com --key-type ecdsa --required-profile shortlived",
        "--domain=foobar.com --domain=www.foobar.com",
    ):
        assert words in call
    assert "LC_ALL=C\n" in (tmp_path / "environment").read_text()
    assert (tmp_path / "acme").stat().st_mode & 0o777 == 0o700


def test_a_ca_of_one_s_own_is_trusted_by_certbot_by_its_bundle(authority: Authority, tmp_path: Path) -> None:
    own = Authority(**{**vars(authority), "ca_bundle": "/etc/ca.pem", "environment": {"AWS_PROFILE": "dns"}})
    own.order("foobar.com", ["foobar.com"], "ecdsa", "")
    environment = (tmp_path / "environment").read_text()
    assert "REQUESTS_CA_BUNDLE=/etc/ca.pem\n" in environment
    assert "AWS_PROFILE=dns\n" in environment
    assert "--required-profile" not in (tmp_path / "calls").read_text()


def test_another_ca_gets_neither_the_account_nor_the_bundle_of_the_usual_one(
    authority: Authority, tmp_path: Path
) -> None:
    own = Authority(**{**vars(authority), "ca_bundle": "/etc/ca.pem"})
    assert own.at(DIRECTORY) == own
    own.at("https://staging.example/dir").order("foobar.com", ["foobar.com"], "ecdsa", "")
    call = (tmp_path / "calls").read_text()
    assert "--config /etc/tls/certbot-other.ini " in call
    assert "--server https://staging.example/dir " in call
    assert "REQUESTS_CA_BUNDLE" not in (tmp_path / "environment").read_text()


def test_the_ca_s_words_are_the_sentence(authority: Authority, tmp_path: Path) -> None:
    fails_with(tmp_path, FAILED)
    with pytest.raises(Refused) as refused:
        authority.order("foobar.com", ["foobar.com"], "ecdsa", "")
    assert str(refused.value) == (
        "no certificate was issued: www.foobar.com: DNS problem: NXDOMAIN looking up A for www.foobar.com"
    )
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (
            UNEXPECTED.format("requests.exceptions.ConnectionError: Connection refused."),
            "ConnectionError: Connection refused",
        ),
        ("Saving debug log to /x\nThe requested plugin is not installed\n", ": The requested plugin is not installed"),
        ("", ": nothing"),
    ],
)
def test_other_complaints_are_found_among_certbot_s_lines(said: str, sentence: str) -> None:
    assert str(refusal(said, "")).endswith(sentence)
    assert str(refusal(said, "")).startswith("no certificate was issued: ")


def test_a_ca_s_error_that_certbot_stumbles_over_is_found_in_its_log() -> None:
    error = "acme.messages.Error: urn:ietf:params:acme:error:caa :: CAA record :: CAA of foobar.com forbids it"
    said = UNEXPECTED.format("AttributeError: can't set attribute")
    assert str(refusal(said, f"Traceback\n{error}\n")) == "no certificate was issued: CAA of foobar.com forbids it"


def test_a_time_that_the_ca_names_is_understood(authority: Authority, tmp_path: Path) -> None:
    fails_with(tmp_path, UNEXPECTED.format("too many certificates"), LOG.format(429, "rateLimited"))
    with pytest.raises(RateLimited, match="too many certificates") as refused:
        authority.order("foobar.com", ["foobar.com"], "ecdsa", "")
    assert 3500 < refused.value.until - time.time() <= 3600


def test_a_time_in_another_answer_is_none_to_wait_for(authority: Authority, tmp_path: Path) -> None:
    fails_with(tmp_path, UNEXPECTED.format("no"), LOG.format(200, "rateLimited"))
    with pytest.raises(Refused) as refused:
        authority.order("foobar.com", ["foobar.com"], "ecdsa", "")
    assert type(refused.value) is Refused


def test_an_account_that_the_ca_does_not_know_is_registered_anew_once(authority: Authority, tmp_path: Path) -> None:
    kept, lost = tmp_path / "acme/accounts/other.example", tmp_path / "acme/accounts/ca.example"
    kept.mkdir(parents=True)
    lost.mkdir()
    fails_with(tmp_path, UNEXPECTED.format("Account 7 not found"), LOG.format(400, "accountDoesNotExist"))
    with pytest.raises(Refused, match="Account 7 not found"):
        authority.order("foobar.com", ["foobar.com"], "ecdsa", "")
    assert len((tmp_path / "calls").read_text().splitlines()) == 2
    assert kept.exists()
    assert not lost.exists()


def test_the_log_of_another_run_says_nothing_of_one_that_failed_before_it_began(
    authority: Authority, tmp_path: Path
) -> None:
    fails_with(tmp_path, "The requested plugin is not installed")
    (tmp_path / "next").write_text(f"cat {tmp_path}/said >&2\nexit 1\n")
    (tmp_path / "acme/log").mkdir(parents=True)
    (tmp_path / "acme/log/letsencrypt.log").write_text(LOG.format(400, "accountDoesNotExist"))
    with pytest.raises(Refused, match="plugin is not installed"):
        authority.order("foobar.com", ["foobar.com"], "ecdsa", "")
    assert len((tmp_path / "calls").read_text().splitlines()) == 1


def test_an_order_has_a_limit_of_time(authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_acme, "ORDER_TIMEOUT", 0.2)
    (tmp_path / "next").write_text("exec sleep 30\n")
    with pytest.raises(Refused, match=r"certbot got nothing from https://ca\.example/directory within"):
        authority.order("foobar.com", ["foobar.com"], "ecdsa", "")


def test_a_server_without_certbot_says_so(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "bin/certbot").unlink()
    with pytest.raises(Refused, match="certbot is not installed"):
        authority.order("foobar.com", ["foobar.com"], "ecdsa", "")


def test_a_lineage_is_certificate_chain_and_key_in_one(authority: Authority, tmp_path: Path) -> None:
    assert authority.lineage("foobar.com") == ""
    for name, content in (("live/foobar.com/fullchain.pem", "C\n"), ("live/foobar.com/privkey.pem", "K\n")):
        (tmp_path / "acme" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "acme" / name).write_text(content)
    assert authority.lineage("foobar.com") == "C\nK\n"
    authority.forget("foobar.com")
    assert authority.lineage("foobar.com") == ""


class Answer(BytesIO):
    """An answer of a CA."""

    def __init__(self, told: Any, retry_after: str) -> None:
        """Take what is told, as JSON."""
        super().__init__(json.dumps(told).encode())
        self.headers = {"Retry-After": retry_after}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Have a CA answer; return the addresses that it was asked for."""

    def answer(window: Any, retry_after: str = "21600", directory: Any = None) -> list[str]:
        asked = list[str]()

        def urlopen(url: str, **_: Any) -> Answer:
            asked.append(url)
            listed = {"renewalInfo": "https://ca.example/renewal-info"} if directory is None else directory
            return Answer(listed if url == DIRECTORY else {"suggestedWindow": window}, retry_after)

        monkeypatch.setattr(urllib.request, "urlopen", urlopen)
        return asked

    return answer


def test_the_ca_is_asked_for_its_window(authority: Authority, answers: Callable[..., list[str]]) -> None:
    asked = answers({"start": "1970-01-02T00:00:00Z", "end": "1970-01-03T00:00:00.123456789Z"})
    assert authority.renewal_window(HELD) == ((86400, 2 * 86400), 21600)
    assert asked == [DIRECTORY, "https://ca.example/renewal-info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"]


@pytest.mark.parametrize(("said", "seconds"), [("5", 60), ("", 21600), ("9999999", 86400), ("soon", 21600)])
def test_the_ca_is_asked_again_when_it_says_so_within_reason(
    authority: Authority, answers: Callable[..., list[str]], said: str, seconds: int
) -> None:
    answers({"start": "1970-01-02T00:00:00Z", "end": "1970-01-03T00:00:00Z"}, said)
    assert authority.renewal_window(HELD)[1] == seconds


@pytest.mark.parametrize("window", [None, {}, {"start": "soon", "end": "later"}])
def test_a_ca_that_tells_no_window_is_asked_again_later(
    authority: Authority, answers: Callable[..., list[str]], window: Any
) -> None:
    answers(window)
    assert authority.renewal_window(HELD) == (None, 21600)


def test_a_ca_without_windows_is_asked_for_none(authority: Authority, answers: Callable[..., list[str]]) -> None:
    asked = answers(None, directory={"newOrder": "https://ca.example/order"})
    assert authority.renewal_window(HELD) == (None, 86400)
    assert asked == [DIRECTORY]


def test_only_https_is_asked(authority: Authority, answers: Callable[..., list[str]]) -> None:
    asked = answers(None, directory={"renewalInfo": "file:///etc/tls/"})
    assert authority.renewal_window(HELD) == (None, 21600)
    assert asked == [DIRECTORY]


@pytest.mark.parametrize(
    ("meta", "identities"),
    [
        ({"meta": {"caaIdentities": ["LetsEncrypt.org"]}}, ["letsencrypt.org"]),
        ({"meta": {}}, []),
        ({}, []),
        ({"meta": {"caaIdentities": "letsencrypt.org"}}, []),
        ({"meta": None}, []),
        ([], []),
    ],
)
def test_a_ca_says_by_which_names_caa_records_let_it_issue(
    authority: Authority, answers: Callable[..., list[str]], meta: Any, identities: list[str]
) -> None:
    asked = answers(None, directory=meta)
    assert authority.identities() == identities
    assert asked == [DIRECTORY]


def test_a_ca_that_is_down_is_no_failure(authority: Authority) -> None:
    down = Authority(**{**vars(authority), "directory": "https://127.0.0.1:9/directory"})
    assert down.renewal_window(HELD) == (None, 21600)
    assert down.identities() == []
