"""What the role swap writes, and the script that makes its file, without a kernel that uses it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import render, value


@pytest.mark.parametrize(
    ("path", "unit"), [("/swapfile", "swapfile.swap"), ("/srv/swap-1", "srv-swap\\x2d1.swap"), ("/a.b", "a.b.swap")]
)
def test_the_unit_is_called_after_the_file_as_systemd_wants_it(path: str, unit: str) -> None:
    assert value("swap", "__swap_unit", swap_file_path=path) == unit
    text = render("swap", "swapfile.swap.j2", {"swap_file_path": path, "swap_file_size": "1G"})
    assert f"What={path}\n" in text
    assert "WantedBy=swap.target" in text


def make(
    folder: Path, mebibytes: str, mkswap: str = "exit 0", stop: str = "exit 0", unit: str = ""
) -> tuple[int, Path]:
    """Run the script that makes the file, with a mkswap and a systemctl; return its status and the file."""
    file = folder / "swapfile"
    for name, does in (("mkswap", mkswap), ("systemctl", stop)):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
    script = value("swap", "__swap_script")
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", script, "swap", str(file), mebibytes, unit], env=environment, check=False)
    return done.returncode, file


def test_the_file_has_no_holes_and_only_root_reads_it(tmp_path: Path) -> None:
    status, file = make(tmp_path, "2")
    found = file.stat()
    assert (status, found.st_size, found.st_mode & 0o777) == (0, 2 * 2**20, 0o600)
    assert found.st_blocks * 512 >= 2 * 2**20


@pytest.mark.parametrize("fails", ["mkswap", "stop"])
def test_a_file_that_cannot_be_made_or_replaced_leaves_the_one_before_and_no_part(tmp_path: Path, fails: str) -> None:
    (tmp_path / "swapfile").write_text("before")
    status, file = make(tmp_path, "1", **{fails: "exit 3"}, unit="swapfile.swap")
    assert (status, file.read_text()) == (3, "before")
    assert {path.name for path in tmp_path.iterdir()} == {"mkswap", "systemctl", "swapfile"}


def test_the_one_before_is_used_until_the_new_one_is_whole(tmp_path: Path) -> None:
    (tmp_path / "swapfile").write_text("before")
    says = f'echo "$@" > {tmp_path}/said; cat {tmp_path}/swapfile >> {tmp_path}/said; wc -c < {tmp_path}/swapfile.part'
    status, file = make(tmp_path, "1", stop=f"{says} >> {tmp_path}/said", unit="swapfile.swap")
    assert (status, file.stat().st_size) == (0, 2**20)
    assert (tmp_path / "said").read_text().split() == ["stop", "swapfile.swap", "before1048576"]
    make(tmp_path, "1", stop="exit 3")


@pytest.mark.parametrize(("size", "makes"), [(0, True), (2**29, True), (2**30, False)])
@pytest.mark.parametrize("wanted", ["1G", "1g", "1024M"])
def test_the_file_is_made_where_there_is_none_of_this_size(size: int, makes: bool, wanted: str) -> None:
    # A unit of other words is written, and the gigabyte is left alone.
    server: dict[str, Any] = {
        "sizes": {"/swapfile": size},
        "differing_files": ["/etc/systemd/system/swapfile.swap"],
    }
    assert value("swap", "__swap_must_make", __swap_server=server, swap_file_size=wanted) is makes
    assert value("swap", "__swap_must_write", __swap_server=server, swap_file_size=wanted) is True
