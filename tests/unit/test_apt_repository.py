"""For which machines a repository has packages, asked by an apt that gives prepared answers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.modules import apt_repository

from tests import calls

RELEASE = "-----BEGIN PGP SIGNED MESSAGE-----\nSuite: trixie\nArchitectures: all amd64 arm64\nComponents: main\n"


def ask(folder: Path, monkeypatch: pytest.MonkeyPatch, release: str | None) -> dict[str, Any]:
    """Ask a repository with a release file, or one that does not answer, from an arm64 machine."""
    helper, dpkg = folder / "apt-helper", folder / "dpkg"
    download = f"cat > \"$3\" <<'EOF'\n{release}EOF\n" if release is not None else "exit 100\n"
    helper.write_text(f'#!/bin/sh\necho "$2" > {folder}/asked\n{download}')
    dpkg.write_text("#!/bin/sh\necho arm64\n")
    for file in (helper, dpkg):
        file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(apt_repository, "HELPER", str(helper))
    return calls.module("apt_repository", {"uris": "https://repo.example/debian/", "suites": "trixie"})


def test_a_repository_says_for_which_machines_it_has_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = ask(tmp_path, monkeypatch, RELEASE)
    assert (found["architecture"], found["architectures"]) == ("arm64", ["amd64", "arm64"])
    assert (tmp_path / "asked").read_text() == "https://repo.example/debian/dists/trixie/InRelease\n"


@pytest.mark.parametrize("release", [None, "", "Suite: trixie\n"])
def test_a_repository_that_does_not_say_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str | None
) -> None:
    assert ask(tmp_path, monkeypatch, release)["architectures"] == []
