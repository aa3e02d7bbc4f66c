"""What a server holds: the live release by where the link leads, the others by their records."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.releases import gather, leftovers, remove, sizes

BROKEN = "1a2b3c4d-5e6f7a8b"
EMPTY = {
    "live": "",
    "previous": "",
    "complete": [],
    "bad": [],
    "incomplete": [],
    "enabled": [],
    "beside": [],
    "records": {},
}


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """Return a server's folders with three good releases and a broken one, the oldest of them live."""
    for age, name in enumerate(["newest", "middle", "oldest"]):
        release = tmp_path / "srv/releases" / name
        release.mkdir(parents=True)
        (release / ".release.json").write_text(json.dumps({"number": 11 - age, "bad": name == "middle"}))
        # A clock that was set back must not make the newest the oldest.
        os.utime(release / ".release.json", (1000 + age, 1000 + age))
    (tmp_path / "srv/releases" / BROKEN).mkdir()
    (tmp_path / "srv/releases/stray-file").touch()
    (tmp_path / "srv/current").symlink_to("releases/oldest")
    (tmp_path / "srv/previous").symlink_to("releases/newest")
    wants = tmp_path / "units/multi-user.target.wants"
    wants.mkdir(parents=True)
    for unit in (
        "shop@oldest.service",
        f"shop@{BROKEN}.service",
        "shop2@other.service",
        "shop.service",
        "shop@oldest.target",
    ):
        (wants / unit).symlink_to("/etc/systemd/system/shop@.service")
    return tmp_path


def test_releases_are_told_apart(server: Path) -> None:
    assert gather(server / "srv", server / "units", ["shop"], "shop") == {
        "live": "oldest",
        "previous": "newest",
        "complete": ["newest", "middle", "oldest"],
        "bad": ["middle"],
        "incomplete": [BROKEN],
        "enabled": [BROKEN, "oldest"],
        "beside": ["oldest"],
        "records": {
            "newest": {"number": 11, "bad": False},
            "middle": {"number": 10, "bad": True},
            "oldest": {"number": 9, "bad": False},
        },
    }


def test_a_bare_server_holds_nothing(tmp_path: Path) -> None:
    assert gather(tmp_path / "srv", tmp_path / "units", ["shop"], "shop") == EMPTY


def test_a_link_that_leads_nowhere_is_no_live_release(server: Path) -> None:
    (server / "srv/current").unlink()
    (server / "srv/current").symlink_to("releases/gone")
    assert gather(server / "srv", server / "units", ["shop"], "shop")["live"] == ""


def found(**differences: object) -> dict[str, object]:
    """Return what gather finds of five finished releases, with some differences."""
    return {**EMPTY, "complete": ["e", "d", "c", "b", "a"], **differences}


@pytest.mark.parametrize(
    ("live", "previous", "keep", "removable"),
    [
        ("e", "d", 5, []),
        ("e", "d", 3, ["b", "a"]),
        ("a", "e", 2, ["d", "c", "b"]),  # after a rollback the live one is the oldest
        ("a", "b", 0, ["e", "d", "c"]),
        ("", "", 2, ["c", "b", "a"]),
    ],
)
def test_the_live_release_is_never_too_old_to_keep(live: str, previous: str, keep: int, removable: list[str]) -> None:
    assert leftovers(found(live=live, previous=previous), keep)["removable"] == removable


def test_what_never_was_live_is_removed_and_what_is_live_never() -> None:
    info = found(live="x", incomplete=["x", "y"], enabled=["d", "x"], beside=["d", "x"])
    assert leftovers(info, 9) == {
        "kept": ["x", "e", "d", "c", "b", "a"],
        "stale_instances": ["d"],
        "stale_targets": ["d"],
        "removable": ["y"],
    }


def test_a_removed_release_is_gone_and_what_its_links_lead_to_is_not(server: Path) -> None:
    (server / "srv/releases" / BROKEN / "link").symlink_to(server / "srv/releases/oldest")
    remove(server / "srv", [BROKEN])
    assert not (server / "srv/releases" / BROKEN).exists()
    assert (server / "srv/releases/oldest/.release.json").exists()


def test_what_releases_share_counts_once(server: Path) -> None:
    oldest, newest = server / "srv/releases/oldest", server / "srv/releases/newest"
    (oldest / "shared").write_bytes(b"x" * 100_000)
    (newest / "shared").hardlink_to(oldest / "shared")
    (newest / "own").write_bytes(b"x" * 50_000)
    found = sizes(server / "srv", ["oldest", "newest"])
    assert found["oldest"] >= 100_000
    assert 50_000 <= found["newest"] < 100_000
