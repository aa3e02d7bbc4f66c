"""The folder of a release, made by root from a source that may hold anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.modules.release_folder import hand_over, link, write_revision


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return the folder of a release, beside which there is one that it has no business with."""
    (tmp_path / "release").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/local.py").write_text("root's")
    return tmp_path / "release"


def test_a_link_takes_the_place_of_a_file_a_link_and_an_empty_folder(release: Path) -> None:
    (release / "file").touch()
    (release / "link").symlink_to("nowhere")
    (release / "folder").mkdir()
    for name in ("file", "link", "folder", "new/deep"):
        link(release, name, "/srv/shop/shared/x")
        assert (release / name).readlink() == Path("/srv/shop/shared/x")


def test_a_link_is_not_made_where_a_link_of_the_source_leads(release: Path) -> None:
    (release / "config").symlink_to("../etc")
    for name in ("config/local.py", str(release.parent / "etc/local.py"), "../etc/local.py"):
        with pytest.raises(OSError, match="outside the release"):
            link(release, name, "/srv/shop/shared/x")
    assert (release.parent / "etc/local.py").read_text() == "root's"


def test_a_folder_of_the_source_with_something_in_it_does_not_give_way(release: Path) -> None:
    (release / "uploads").mkdir()
    (release / "uploads/kept").touch()
    with pytest.raises(OSError, match="not empty"):
        link(release, "uploads", "/srv/shop/shared/uploads")


def test_files_are_the_users_and_nobody_elses_to_write(release: Path) -> None:
    for name, mode in {"open": 0o666, "tool": 0o755, "secret": 0o400}.items():
        (release / name).touch()
        (release / name).chmod(mode)
    (release / "link").symlink_to("../etc/local.py")
    before = (release.parent / "etc/local.py").stat().st_mode
    hand_over(release, os.getuid(), os.getgid())
    modes = {name: (release / name).stat().st_mode & 0o7777 for name in ("open", "tool", "secret")}
    assert modes == {"open": 0o640, "tool": 0o750, "secret": 0o640}
    assert (release.parent / "etc/local.py").stat().st_mode == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("kind", ["nothing", "file", "link", "folder"])
def test_the_revision_is_written_whatever_the_source_has_there(release: Path, kind: str) -> None:
    place = release / "REVISION"
    match kind:
        case "file":
            place.write_text("theirs")
        case "link":
            place.symlink_to("../etc/local.py")
        case "folder":
            (place / "deep").mkdir(parents=True)
    write_revision(place, "0123", 0)
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("0123\n", 0o640)
    assert (release.parent / "etc/local.py").read_text() == "root's"
