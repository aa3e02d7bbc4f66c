"""Whether what is about to be written has room."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import disk_space
from ansible_collections.foobar.webstack.plugins.module_utils.disk_space import Need, shortage, shown
from ansible_collections.foobar.webstack.plugins.module_utils.releases import own_size
from ansible_collections.foobar.webstack.plugins.modules.release_plan import refuse_without_room

MB = 2**20


def test_what_has_room_is_not_spoken_of(tmp_path: Path) -> None:
    assert shortage([Need(tmp_path / "not/there/yet", MB, "dump")]) == ""
    assert shortage([]) == ""


def test_a_shortage_is_said_in_numbers(tmp_path: Path) -> None:
    needs = [Need(tmp_path / "a", 3 * 2**30, "release"), Need(tmp_path / "b", 200 * MB, "dump")]
    assert shortage(needs, lambda _: 3 * 2**30 + 100 * MB) == (
        f"the disk of {tmp_path}/a has 3.1 GB free, 100 MB too little for the release (3.0 GB) and the dump (200 MB)"
    )


def test_folders_on_different_disks_do_not_share_their_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stat:
        def __init__(self, folder: Path) -> None:
            self.st_dev = folder.name

    monkeypatch.setattr(disk_space.os, "stat", Stat)
    monkeypatch.setattr(disk_space, "existing", lambda folder: folder)
    needs = [Need(Path("/srv"), 60 * MB, "release"), Need(Path("/var"), 60 * MB, "dump")]
    room = {"srv": 100 * MB, "var": 50 * MB}
    assert shortage(needs, lambda folder: room[folder.name]) == (
        "the disk of /var has 50 MB free, 10 MB too little for the dump (60 MB)"
    )


def test_what_is_free_is_what_the_file_system_says(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    assert abs(disk_space.free(tmp_path / "new") - found.f_bavail * found.f_frsize) < 2**30


@pytest.mark.parametrize(("size", "words"), [(0, "0 MB"), (1024 * MB - 1, "1024 MB"), (1.5 * 2**30, "1.5 GB")])
def test_a_size_is_written_as_people_do(size: float, words: str) -> None:
    assert shown(size) == words


def release(folder: Path, name: str, own: int, shared: int = 0) -> Path:
    """Make a release with files of its own, and with some that the cache has, too; sizes in bytes."""
    path = folder / "releases" / name
    path.mkdir(parents=True)
    (path / "own").write_bytes(os.urandom(own))
    if shared:
        (folder / "cache").write_bytes(os.urandom(shared))
        (path / "shared").hardlink_to(folder / "cache")
    return path


def test_a_release_takes_what_the_cache_does_not_have(tmp_path: Path) -> None:
    assert 100_000 <= own_size(release(tmp_path, "1", 100_000, shared=500_000)) < 200_000


@pytest.mark.parametrize(("free", "lack"), [(9, "1 MB too little"), (10, "")])
def test_a_release_without_room_is_refused_before_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, lack: str
) -> None:
    monkeypatch.setattr(disk_space.shortage, "__defaults__", (lambda _: free * MB,))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    release(tmp_path, "1", 8 * MB - 4096)
    app = {"path": str(tmp_path), "archive_size": 2 * MB}
    info = {"live": "1", "complete": ["1", "0"], "removable": []}
    if lack:
        with pytest.raises(OSError, match=f"has 9 MB free, {lack} for the release .8 MB. and the archive .2 MB.: make"):
            refuse_without_room(app, info, "2")
    else:
        refuse_without_room(app, info, "2")
    # One that is there takes nothing more.
    refuse_without_room(app, info, "0")


def test_what_goes_before_the_build_begins_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_space.shortage, "__defaults__", (lambda _: 2 * MB,))
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    release(tmp_path, "1", 8 * MB - 4096)
    release(tmp_path, "broken", 5 * MB)
    app = {"path": str(tmp_path), "archive_size": 0}
    info = {"live": "1", "complete": ["1"], "removable": ["broken"]}
    with pytest.raises(OSError, match=r"has 2 MB free, 1 MB too little for the release \(8 MB\): make"):
        refuse_without_room(app, info, "2")
    release(tmp_path, "old", 1 * MB)
    refuse_without_room(app, {**info, "removable": ["broken", "old"]}, "2")


def test_a_first_release_needs_room_for_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk_space.shortage, "__defaults__", (lambda _: 100 * MB,))
    with pytest.raises(OSError, match="has 100 MB free, 50 MB too little for the release"):
        refuse_without_room(
            {"path": str(tmp_path), "archive_size": 0}, {"live": "", "complete": [], "removable": []}, "1"
        )
