"""The module that has a server look after its certificates, with a systemctl that is a stub."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.modules import tls_renew

from tests import calls


class Server:
    """What the unit does when it is started."""

    def __init__(self, folder: Path) -> None:
        """Make its folders and commands."""
        self.folder, self.pending = folder, folder / "run/tls"
        for name in ("bin", "sites", "failed"):
            (folder / name).mkdir()
        self.starts("true")
        self.program("journalctl", "echo Traceback; echo KeyError: group")

    def program(self, name: str, script: str) -> None:
        """Make a command."""
        (self.folder / "bin" / name).write_text(f"#!/bin/sh\ncd {self.folder}\n{script}\n")
        (self.folder / "bin" / name).chmod(0o755)

    def starts(self, script: str) -> None:
        """Have the unit do something once it has taken up what is new."""
        self.program("systemctl", f'echo "$*" >> started\nrm -f {self.pending}\n{script}')

    def renew(self, **options: bool) -> calls.Result:
        """Run the module."""
        arguments = {"path": str(self.folder / "sites"), **{f"_ansible_{key}": value for key, value in options.items()}}
        return calls.module("tls_renew", arguments)

    def started(self) -> list[str]:
        """Return how systemctl was called."""
        path = self.folder / "started"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server whose unit does nothing."""
    monkeypatch.setattr(tls_renew, "PENDING", tmp_path / "run/tls")
    monkeypatch.setattr(tls_renew, "HOME", tmp_path)
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
    server.program("systemctl", f'echo "$*" >> started\n[ $(wc -l < started) = 1 ] || rm -f {server.pending}')
    assert "failed" not in server.renew()
    assert len(server.started()) == 2


def test_a_unit_that_never_looks_is_a_failure(server: Server) -> None:
    server.program("systemctl", 'echo "$*" >> started')
    assert server.renew()["failed"]
    assert len(server.started()) == 2


def test_check_mode_starts_nothing(server: Server) -> None:
    assert server.renew(check_mode=True)["changed"]
    assert server.started() == []
    assert not server.pending.exists()
