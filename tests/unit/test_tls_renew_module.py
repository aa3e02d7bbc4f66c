"""The module that has a server look after its certificates, with a systemctl that is a stub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.foobar.webstack.plugins.action import tls_renew as action
from ansible_collections.foobar.webstack.plugins.module_utils.tls_preflight import Check, Unanswered, Verdict
from ansible_collections.foobar.webstack.plugins.modules import tls_renew

from tests import calls


class Server:
    """What the unit does when it is started."""

    def __init__(self, folder: Path) -> None:
        """Make its folders and commands."""
        self.folder, self.request = folder, folder / "run/tls-request"
        for name in ("bin", "sites", "failed"):
            (folder / name).mkdir()
        self.starts("true")
        self.wants()
        self.program("journalctl", "echo Traceback; echo KeyError: group")

    def program(self, name: str, script: str) -> None:
        """Make a command."""
        (self.folder / "bin" / name).write_text(f"#!/bin/sh\ncd {self.folder}\n{script}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def wants(self, *domains: str, preflight: bool = True) -> None:
        """Have the role want a certificate of a CA for some names, or none."""
        keys = {"provider": "acme", "key_type": "ecdsa", "profile": "", "directory": "https://127.0.0.1:9/dir"}
        authority = {"directory": keys["directory"], "ca_bundle": "", "challenge": "http-01", "environment": {}}
        authority |= {"settings": "", "other_settings": "", "webroot": str(self.folder), "home": str(self.folder)}
        told: dict[str, Any] = dict.fromkeys(("path", "home"), str(self.folder))
        told |= dict.fromkeys(("group", "served_at", "reload_command"), "")
        certificates = [{"name": "foobar.com", "domains": domains, "served": domains, **keys}] if domains else []
        told |= {"preflight": preflight, "nameservers": ["192.0.2.53"], "certificates": certificates}
        (self.folder / "settings").write_text(json.dumps({**told, "authority": authority}))

    def asked(self) -> dict[str, Any]:
        """Return what the unit was asked for at its last start."""
        return dict(json.loads((self.folder / "asked").read_text()))

    def starts(self, script: str) -> None:
        """Have the unit do something once it has taken up what is new."""
        self.program("systemctl", f'echo "$*" >> started\nmv {self.request} asked\n{script}')

    def renew(self, check: bool = False) -> calls.Result:
        """Run the action, and the module."""
        return calls.action("tls_renew", {"path": str(self.folder / "sites"), "prune": True}, check=check)

    def started(self) -> list[str]:
        """Return how systemctl was called."""
        path = self.folder / "started"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server whose unit does nothing."""
    monkeypatch.setattr(tls_renew, "REQUEST", tmp_path / "run/tls-request")
    monkeypatch.setattr(tls_renew, "HOME", tmp_path)
    monkeypatch.setattr(tls_renew, "SETTINGS", tmp_path / "settings")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    return Server(tmp_path)


def test_it_starts_the_unit_once_and_changes_nothing_where_the_files_stay(server: Server) -> None:
    result = server.renew()
    assert (result["changed"], result["failures"]) == (False, [])
    assert server.started() == ["start tls-renew.service"]


def test_a_new_file_is_a_change(server: Server) -> None:
    server.starts("echo new > sites/foobar.com.pem")
    assert server.renew()["changed"]
    assert not server.renew()["changed"]


def test_each_failure_is_returned_and_their_sentences_are_the_message(server: Server) -> None:
    server.starts("echo 'a.com: no.' > failed/a.com; echo 'b.com: no.' > failed/b.com; exit 1")
    result = server.renew()
    assert result["failures"] == ["a.com: no.", "b.com: no."]
    assert result["msg"] == "a.com: no. b.com: no."
    assert "failed" not in result


def test_a_unit_that_fails_otherwise_is_told_with_its_last_words(server: Server) -> None:
    server.starts("exit 1")
    result = server.renew()
    assert result["failed"]
    assert result["msg"] == ("tls-renew.service failed: Traceback KeyError: group See journalctl -u tls-renew.service.")


def test_a_run_that_was_under_way_with_old_settings_is_followed_by_another(server: Server) -> None:
    server.program("systemctl", f'echo "$*" >> started\n[ $(wc -l < started) = 1 ] || rm -f {server.request}')
    assert "failed" not in server.renew()
    assert len(server.started()) == 2


def test_a_unit_that_never_looks_is_a_failure(server: Server) -> None:
    server.program("systemctl", 'echo "$*" >> started')
    assert server.renew()["failed"]
    assert len(server.started()) == 2


def test_check_mode_starts_nothing(server: Server) -> None:
    assert server.renew(check=True)["changed"]
    assert server.started() == []
    assert not server.request.exists()


def test_where_nothing_is_due_there_is_one_call_and_the_unit_knows_of_no_verdict(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = looks(monkeypatch, Verdict([], []))
    server.renew()
    assert server.asked() == {"verdicts": {}, "prune": True}
    assert looked == []


def looks(monkeypatch: pytest.MonkeyPatch, verdict: Verdict | Unanswered) -> list[Check]:
    """Have the controller find something out; return what it is asked."""
    looked = list[Check]()

    def look(check: Check) -> Verdict:
        looked.append(check)
        if isinstance(verdict, Unanswered):
            raise verdict
        return verdict

    monkeypatch.setattr(action, "look", look)
    return looked


def test_before_an_order_the_controller_looks_and_tells_the_unit_what_it_has_found(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.wants("foobar.com")
    looked = looks(monkeypatch, Verdict(["foobar.com has no A or AAAA record"], ["192.0.2.1"]))
    server.renew()
    (check,) = looked
    assert (check.domains, check.challenge, check.nameservers) == (["foobar.com"], "http-01", ["192.0.2.53"])
    verdict = {"mistakes": ["foobar.com has no A or AAAA record"], "reached": ["192.0.2.1"], "is_partial": False}
    assert server.asked() == {"verdicts": {"foobar.com": verdict}, "prune": True}
    assert server.started() == ["start tls-renew.service"]
    assert list((server.folder / ".well-known/acme-challenge").iterdir()) == []


def test_no_probe_is_left_where_the_folder_that_is_served_can_t_be_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenges = server.folder / ".well-known/acme-challenge"
    (probe := challenges / "probe-1").parent.mkdir(parents=True)
    probe.write_text("probe-1")

    def fails(_: Path) -> dict[str, str]:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(tls_renew, "contents", fails)
    arguments = {"path": str(server.folder / "sites"), "verdicts": {}, "probes": ["probe-1"]}
    with patch_module_args(arguments), pytest.raises(OSError, match="Input/output error"):
        tls_renew.main()
    assert list(challenges.iterdir()) == []


@pytest.mark.parametrize("error", [OSError("no"), ValueError("no")])
def test_what_the_controller_fails_at_is_left_to_the_server(
    server: Server, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(_: Check) -> Verdict:
        raise error

    server.wants("foobar.com")
    monkeypatch.setattr(action, "look", fails)
    server.renew()
    assert server.asked()["verdicts"] == {}
    assert list((server.folder / ".well-known/acme-challenge").iterdir()) == []


def test_where_the_controller_hears_nothing_the_server_looks_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.wants("foobar.com")
    looks(monkeypatch, Unanswered("no name server of foobar.com answers"))
    server.renew()
    assert server.asked()["verdicts"] == {}
    assert server.started() == ["start tls-renew.service"]


def test_without_the_preflight_the_controller_does_not_look(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.wants("foobar.com", preflight=False)
    looked = looks(monkeypatch, Verdict([], []))
    server.renew()
    assert looked == []
    assert len(server.started()) == 1
