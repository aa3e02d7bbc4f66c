"""Repositories that only the controller opens, as requirements and locks name them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils import git_packages

from tests.wheels import repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ADDRESS = "ssh://git@git.example.com/shop/lib.git"


@pytest.mark.parametrize(
    "line",
    [
        f"lib @ git+{ADDRESS}@{COMMIT} ; python_version >= '3.8'",
        f"-e git+{ADDRESS}@{COMMIT}#egg=lib",
        f'source = {{ git = "{ADDRESS}#{COMMIT}" }}',
        f'source = {{ git = "{ADDRESS}?subdirectory=python&rev=v1#{COMMIT}" }}',
        f'vcs = {{ type = "git", url = "{ADDRESS}", commit-id = "{COMMIT}" }}',
    ],
)
def test_an_address_by_ssh_is_found_with_the_commit_that_is_pinned(line: str) -> None:
    assert git_packages.wanted([line]) == {ADDRESS: {COMMIT}}


@pytest.mark.parametrize(
    ("line", "addresses"),
    [
        (f"lib @ git+{ADDRESS}@v1.0", [ADDRESS]),
        ("lib @ git+ssh://git@git.example.com:2222/lib.git", ["ssh://git@git.example.com:2222/lib.git"]),
        (f"# lib @ git+{ADDRESS}", []),
        ("lib @ git+https://git.example.com/lib.git", []),
    ],
)
def test_only_addresses_by_ssh_are_the_controller_s(line: str, addresses: list[str]) -> None:
    assert list(git_packages.wanted([line])) == addresses


def test_a_bundle_is_made_anew_only_for_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = repository(tmp_path / "lib.git", "lib")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{tmp_path}/lib.git.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", ADDRESS)
    cache = tmp_path / "cache"
    cache.mkdir()
    first = git_packages.bundles({ADDRESS: {commit}}, cache)
    made = Path(first[ADDRESS]).stat().st_mtime_ns
    assert git_packages.bundles({ADDRESS: {commit}}, cache) == first
    assert Path(first[ADDRESS]).stat().st_mtime_ns == made
