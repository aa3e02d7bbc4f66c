"""Links, records and the log of releases: what is live, what was before, what is bad."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import releases
from ansible_collections.foobar.webstack.plugins.module_utils.releases import revert, switch


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return an application's folder with three releases, none of them finished."""
    for name in "abc":
        (tmp_path / "releases" / name).mkdir(parents=True)
    return tmp_path


def test_the_first_release_has_none_before_it(path: Path) -> None:
    switch(path, "a", [], {})
    assert releases.linked(path / "current") == "a"
    assert releases.linked(path / "previous") == ""


def test_a_release_keeps_the_one_before_for_the_way_back(path: Path) -> None:
    switch(path, "a", [], {"by": "jane"})
    switch(path, "b", [], {"by": "joe", "revision": "1"})
    assert [releases.linked(path / link) for link in ("current", "previous")] == ["b", "a"]
    records = releases.read(path)
    assert list(records) == ["b", "a"]
    assert (records["b"]["number"], records["b"]["by"], records["b"]["revision"]) == (2, "joe", "1")


def test_what_was_rolled_back_from_is_bad_until_it_is_live_again(path: Path) -> None:
    switch(path, "a", [], {"revision": "1"})
    switch(path, "b", [], {})
    switch(path, "a", ["b"], {})
    records = releases.read(path)
    assert [name for name, record in records.items() if record["bad"]] == ["b"]
    assert records["a"]["revision"] == "1"
    switch(path, "b", [], {})
    assert not releases.read(path)["b"]["bad"]


def test_a_release_that_is_taken_back_was_never_there(path: Path) -> None:
    for name in "abc":
        switch(path, name, [], {})
    revert(path, "b")
    assert [releases.linked(path / link) for link in ("current", "previous")] == ["b", "a"]
    assert list(releases.read(path)) == ["b", "a"]


def test_a_kept_release_that_was_gone_back_to_in_vain_stays_what_it_was(path: Path) -> None:
    for name in "abc":
        switch(path, name, [], {"revision": name})
    switch(path, "a", ["c"], {})
    revert(path, "c", forget=False)
    records = releases.read(path)
    assert releases.linked(path / "current") == "c"
    assert sorted(records) == ["a", "b", "c"]
    assert [name for name, record in records.items() if record["bad"]] == []
    assert records["a"]["revision"] == "a"


def test_there_is_no_way_back_from_the_first_release(path: Path) -> None:
    switch(path, "a", [], {})
    switch(path, "b", [], {})
    revert(path, "a")
    assert releases.linked(path / "previous") == ""


def test_making_the_live_release_live_again_leaves_the_way_back(path: Path) -> None:
    switch(path, "a", [], {})
    switch(path, "b", [], {})
    switch(path, "b", [], {})
    assert releases.linked(path / "previous") == "a"


def test_what_an_interrupted_switch_has_left_is_in_nobodys_way(path: Path) -> None:
    (path / "current.part").symlink_to("releases/gone")
    (path / "releases/a/.release.json.part").write_text("{")
    switch(path, "a", [], {})
    assert releases.linked(path / "current") == "a"
    assert not (path / "current.part").is_symlink()


def test_a_record_is_not_written_through_a_link_that_a_build_has_left(path: Path) -> None:
    (path / "secret").write_text("root's")
    for name in (".release.json", ".release.json.part"):
        (path / "releases/a" / name).symlink_to(path / "secret")
    assert releases.read(path) == {}
    switch(path, "a", [], {})
    assert (path / "secret").read_text() == "root's"
    assert list(releases.read(path)) == ["a"]


def test_a_record_that_a_power_cut_has_emptied_is_none(path: Path) -> None:
    switch(path, "a", [], {})
    (path / "releases/b/.release.json").touch()
    assert list(releases.read(path)) == ["a"]


def test_a_folder_in_the_place_of_a_record_gives_way(path: Path) -> None:
    for name in (".release.json", ".release.json.part"):
        (path / "releases/a" / name / "folder").mkdir(parents=True)
    switch(path, "a", [], {})
    assert list(releases.read(path)) == ["a"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_record_that_came_with_the_source_is_none(path: Path) -> None:
    file = path / "releases/a/.release.json"
    file.write_text('{"number": 1, "bad": false}')
    assert list(releases.read(path)) == ["a"]
    os.chown(file, 65534, -1)
    assert releases.read(path) == {}


def test_each_event_is_a_line_of_json_that_strangers_cannot_read(tmp_path: Path) -> None:
    for event in ("deploy", "rollback"):
        releases.log("shop", event, logs=tmp_path / "logs", release="a", by="jane")
    log = tmp_path / "logs/shop.log"
    assert [json.loads(line)["event"] for line in log.read_text().splitlines()] == ["deploy", "rollback"]
    assert log.stat().st_mode & 0o007 == 0
