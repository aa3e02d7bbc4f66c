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


def make(folder: Path, mebibytes: str, mkswap: str = "exit 0") -> tuple[int, Path]:
    """Run the script that makes the file, with a mkswap; return its status and the file."""
    program, file = folder / "mkswap", folder / "swapfile"
    program.write_text(f"#!/bin/sh\n{mkswap}\n")
    program.chmod(0o755)
    script = value("swap", "__swap_script")
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", script, "swap", str(file), mebibytes], env=environment, check=False)
    return done.returncode, file


def test_the_file_has_no_holes_and_only_root_reads_it(tmp_path: Path) -> None:
    status, file = make(tmp_path, "2")
    found = file.stat()
    assert (status, found.st_size, found.st_mode & 0o777) == (0, 2 * 2**20, 0o600)
    assert found.st_blocks * 512 >= 2 * 2**20


def test_a_file_that_cannot_be_made_leaves_the_one_before_and_no_part(tmp_path: Path) -> None:
    (tmp_path / "swapfile").write_text("before")
    status, file = make(tmp_path, "1", "exit 3")
    assert (status, file.read_text()) == (3, "before")
    assert {path.name for path in tmp_path.iterdir()} == {"mkswap", "swapfile"}


@pytest.mark.parametrize(
    ("found", "differing", "makes"),
    [([], [], True), (["/swapfile"], ["/etc/systemd/system/swapfile.swap"], True), (["/swapfile"], [], False)],
)
def test_the_file_is_made_where_there_is_none_of_this_size(found: list[str], differing: list[str], makes: bool) -> None:
    server: dict[str, Any] = {"paths": {"/swapfile": found}, "differing_files": differing}
    assert value("swap", "__swap_must_make", __swap_server=server) is makes
