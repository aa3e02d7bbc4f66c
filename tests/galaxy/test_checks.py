"""The collection as it is built, looked at as those do who publish it: too slow for every day."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.playbook import run

HERE = Path(__file__).parent
pytestmark = pytest.mark.nightly


def test_ansible_test_finds_nothing_beside_what_is_known() -> None:
    result = run([sys.executable, "tests/sanity/run.py"])
    assert result.returncode == 0, result.stdout + result.stderr


def test_galaxy_takes_the_archive(tmp_path: Path) -> None:
    built = run(["ansible-galaxy", "collection", "build", f"--output-path={tmp_path}"])
    assert built.returncode == 0, built.stdout + built.stderr
    (archive,) = tmp_path.iterdir()
    alone = ["uv", "run", "--quiet", "--no-project", "--isolated", f"--with-requirements={HERE / 'requirements.txt'}"]
    result = run([*alone, "python", "-m", "galaxy_importer.main", str(archive)], folder=tmp_path)
    said = result.stdout + result.stderr
    assert result.returncode == 0, said
    assert "Importer processing completed successfully" in said
    assert [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR"))] == []
