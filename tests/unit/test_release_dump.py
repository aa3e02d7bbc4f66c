"""Dumps of a database, made, pruned, chosen and read by commands that a shell runs."""

from __future__ import annotations

import gzip
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import disk_space
from ansible_collections.foobar.webstack.plugins.modules import release_dump
from ansible_collections.foobar.webstack.plugins.modules.release_dump import (
    DumpError,
    choose,
    dump,
    dumps,
    expected_size,
    make_room,
    moment,
    prune,
    restore,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups/shop"


def put(folder: Path, name: str, made: float, content: bytes = b"-- dump\n") -> Path:
    """Make a dump that was made at some time, in seconds since the epoch."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.sql.gz"
    path.write_bytes(gzip.compress(content))
    os.utime(path, (made, made))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_dump_is_what_the_command_wrote_and_for_the_eyes_of_its_owner_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        path = dump(folder, "1a-2b", "printf 'INSERT %s' 1 | cat; echo said >&2")
    finally:
        os.umask(before)
    assert gzip.decompress(path.read_bytes()) == b"INSERT 1"
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert path.name.startswith("1a-2b.2")
    assert names(folder) == [path.name]


@pytest.mark.parametrize(
    "command", ["echo half; echo why >&2; exit 2", "echo why >&2; false | cat", "echo half; nosuch"]
)
def test_a_dump_that_fails_leaves_no_file_and_says_why(folder: Path, command: str) -> None:
    with pytest.raises(DumpError, match=r"^the database could not be dumped, echo ended with \d+: .*(why|not found)"):
        dump(folder, "1a-2b", command)
    assert names(folder) == []


def test_a_dump_on_a_full_disk_leaves_no_file_and_no_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    popen = release_dump.subprocess.Popen

    def remembered(*arguments: Any, **options: Any) -> Any:
        started.append(popen(*arguments, **options))
        return started[-1]

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(release_dump.subprocess, "Popen", remembered)
    monkeypatch.setattr(release_dump.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space left"):
        dump(folder, "1a-2b", "exec sleep 60")
    assert names(folder) == []
    assert [process.returncode for process in started] == [-9]


def test_a_command_that_says_a_lot_is_not_stopped_by_it(folder: Path, tmp_path: Path) -> None:
    talk = "head --bytes=300000 /dev/zero | tr '\\0' x >&2"
    path = dump(folder, "1a-2b", f"{talk}; echo end")
    assert gzip.decompress(path.read_bytes()) == b"end\n"
    big = put(folder, "big", 1, os.urandom(300_000))
    restore(big, f"{talk}; cat > {tmp_path}/restored")
    assert (tmp_path / "restored").stat().st_size == 300_000


def test_what_an_interrupted_dump_has_left_is_no_dump(folder: Path) -> None:
    finished = put(folder, "a.1", 1)
    (folder / "b.1.sql.gz.part").touch()
    assert [path for _, path in dumps(folder)] == [finished]


def test_a_dump_goes_when_no_kept_release_is_older(folder: Path) -> None:
    records = {"c": {"at": "1970-01-01T00:03:20Z"}, "b": {"at": "1970-01-01T00:01:40Z"}}
    every = [("a.1", 90), ("b.1", 95), ("bad.1", 150)]
    for name, made in every:
        put(folder, name, made)
    prune(folder, {}, [])
    assert len(names(folder)) == 3
    prune(folder, records, ["c", "b"])
    assert names(folder) == ["b.1.sql.gz", "bad.1.sql.gz"]
    prune(folder, records, ["c"])
    assert names(folder) == []


def chosen(folder: Path, since: str, lose_writes: bool = True) -> str:
    """Return the name of the dump that is chosen for a release that went live at a moment."""
    options = {"release": "b", "since": since, "lose_writes": lose_writes}
    return choose(folder, options).name


def test_the_dump_to_bring_back_is_the_first_one_after_the_release_went_live(folder: Path) -> None:
    for name, made in (("c.3", 130.0), ("b.2", 120.0), ("a.lost.1", 110.0), ("a.1", 90.0)):
        put(folder, name, made)
    assert chosen(folder, "1970-01-01T00:01:40Z") == "b.2.sql.gz"


def test_without_a_dump_since_then_the_database_cannot_be_brought_back(folder: Path) -> None:
    put(folder, "a.1", 90.0)
    with pytest.raises(DumpError, match=r"^no dump was taken after release b went live"):
        chosen(folder, "1970-01-01T01:00:00Z")


def test_what_would_be_lost_is_said_before_somebody_agrees(folder: Path) -> None:
    put(folder, "b.2", time.time() - 3600)
    with pytest.raises(DumpError, match=r"as it was 60 minutes ago, .* set app_deploy_lose_writes"):
        chosen(folder, "1970-01-01T00:01:40Z", lose_writes=False)


def test_a_moment_does_not_depend_on_the_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert moment("1970-01-01T00:01:40Z") == 100
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_dump_is_read_as_it_was_written(folder: Path, tmp_path: Path) -> None:
    content = os.urandom(3 * 2**20)
    restore(put(folder, "a.1", 1, content), f"cat > {tmp_path}/database")
    assert (tmp_path / "database").read_bytes() == content


@pytest.mark.parametrize("kind", ["truncated", "changed", "no archive", "empty", "nothing in it"])
def test_a_broken_dump_is_refused_before_the_database_reads_any_of_it(folder: Path, tmp_path: Path, kind: str) -> None:
    path = put(folder, "a.1", 1, os.urandom(3 * 2**20))
    whole = path.read_bytes()
    half = len(whole) // 2
    changes = {"truncated": whole[:half], "no archive": b"INSERT", "empty": b"", "nothing in it": gzip.compress(b"")}
    changes["changed"] = whole[:half] + bytes(byte ^ 255 for byte in whole[half : half + 64]) + whole[half + 64 :]
    path.write_bytes(changes[kind])
    with pytest.raises(
        DumpError, match=r"^the dump .*/a\.1\.sql\.gz is (broken|empty), so the database stays as it is"
    ):
        restore(path, f"cat > {tmp_path}/database")
    assert not (tmp_path / "database").exists()


def test_a_database_that_does_not_take_a_dump_says_why(folder: Path) -> None:
    path = put(folder, "a.1", 1, os.urandom(3 * 2**20))
    with pytest.raises(DumpError, match=r"^the database did not take .*a\.1\.sql\.gz, echo ended with 3: ERROR 1064$"):
        restore(path, "echo ERROR 1064 >&2; exit 3")


@pytest.mark.parametrize("command", ["echo 800000", "echo 800000; exit 1", "echo 800000 >&2", "nosuch", ""])
def test_a_first_dump_takes_a_part_of_what_the_database_has_and_nobody_knows_how_much_without(
    folder: Path, command: str
) -> None:
    assert expected_size(folder, command) == (200_000 if command.startswith("echo") and ">&2" not in command else 0)


def test_a_dump_takes_more_than_the_last_one(folder: Path) -> None:
    put(folder, "a.2", 2, os.urandom(4000))
    put(folder, "a.1", 1, os.urandom(9000))
    size = (folder / "a.2.sql.gz").stat().st_size
    assert expected_size(folder, "echo 8") == round(size * 1.25)
    assert expected_size(folder, f"echo {size * 100}") == size * 25


def test_a_dump_without_room_is_refused_with_the_numbers_before_it_begins(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir(parents=True)
    monkeypatch.setattr(disk_space.shortage, "__defaults__", (lambda _: 50 * 2**20,))
    make_room(folder, f"echo {200 * 2**20}")
    with pytest.raises(DumpError, match=r"has 50 MB free, 25 MB too little for the dump \(75 MB\): make"):
        make_room(folder, f"echo {300 * 2**20}")


def test_what_a_killed_dump_has_left_goes_before_the_next_one(folder: Path) -> None:
    finished = put(folder, "a.1", 1)
    (folder / "b.1.sql.gz.part").write_bytes(b"half")
    make_room(folder)
    assert names(folder) == [finished.name]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_dump_whose_controller_goes_away_leaves_no_part_and_no_process(folder: Path, number: signal.Signals) -> None:
    before = signal.signal(number, release_dump.leave)
    try:
        with pytest.raises(SystemExit):
            dump(folder, "1a-2b", f"echo half; kill -{number.value} {os.getpid()}; exec sleep 60")
    finally:
        signal.signal(number, before)
    assert names(folder) == []
