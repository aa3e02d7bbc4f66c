"""What a server holds: the live release by where the link leads, the others by whether they passed their gate."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.modules.release_info import look

EMPTY = {"live": "", "previous": "", "healthy": [], "unfinished": [], "enabled": []}


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """Return a server's folders with three good releases and a broken one, the oldest of them live."""
    for age, name in enumerate(["newest", "middle", "oldest"]):
        release = tmp_path / "srv/releases" / name
        release.mkdir(parents=True)
        (release / ".healthy").touch()
        os.utime(release / ".healthy", (1000 - age, 1000 - age))
    (tmp_path / "srv/releases/broken").mkdir()
    (tmp_path / "srv/releases/stray-file").touch()
    (tmp_path / "srv/current").symlink_to("releases/oldest")
    (tmp_path / "srv/previous").symlink_to("releases/newest")
    wants = tmp_path / "units/multi-user.target.wants"
    wants.mkdir(parents=True)
    for unit in ("shop@oldest.service", "shop@broken.service", "shop2@other.service", "shop.service"):
        (wants / unit).symlink_to("/etc/systemd/system/shop@.service")
    return tmp_path


def test_releases_are_told_apart(server: Path) -> None:
    assert look(server / "srv", server / "units", "shop") == {
        "live": "oldest",
        "previous": "newest",
        "healthy": ["newest", "middle", "oldest"],
        "unfinished": ["broken"],
        "enabled": ["broken", "oldest"],
    }


def test_a_bare_server_holds_nothing(tmp_path: Path) -> None:
    assert look(tmp_path / "srv", tmp_path / "units", "shop") == EMPTY


def test_a_link_that_leads_nowhere_is_no_live_release(server: Path) -> None:
    (server / "srv/current").unlink()
    (server / "srv/current").symlink_to("releases/gone")
    assert look(server / "srv", server / "units", "shop")["live"] == ""
