"""How the environment of a release is made: from which file, by which commands, and by what they do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.release_environment import (
    compile_command,
    install_commands,
    lock_of,
    project_command,
)

UV, PYTHON = "/opt/uv/bin/uv", "/usr/bin/python3"


@pytest.mark.parametrize(
    ("installer", "files", "lock"),
    [
        ("uv", ["pyproject.toml", "requirements.txt", "uv.lock"], "uv.lock"),
        ("uv", ["pyproject.toml", "requirements.txt"], "requirements.txt"),
        ("pip", ["pyproject.toml", "uv.lock"], "pyproject.toml"),
        ("pip", ["shop.py"], ""),
    ],
)
def test_the_best_lock_that_the_tool_reads_is_taken(installer: str, files: list[str], lock: str) -> None:
    assert lock_of(files, installer) == lock
    commands = install_commands(lock, installer, UV, PYTHON, [])
    if lock == "requirements.txt":
        assert commands[-1].endswith("--requirement requirements.txt")
    else:
        assert len(commands) == 1


def test_the_source_itself_is_installed_apart_from_what_it_depends_on() -> None:
    (dependencies,) = install_commands("uv.lock", "uv", UV, PYTHON, [])
    assert " --no-install-project" in dependencies
    project = project_command("uv.lock", "uv", UV, PYTHON)
    assert "--no-install-project" not in project
    assert " --inexact" in project  # what the lock lacks was installed before
    assert install_commands("pyproject.toml", "uv", UV, PYTHON, [])[-1].endswith(" --requirement pyproject.toml")
    assert project_command("pyproject.toml", "uv", UV, PYTHON).endswith(" --no-deps .")
    assert project_command("pyproject.toml", "pip", UV, PYTHON).endswith(" .")
    assert project_command("requirements.txt", "uv", UV, PYTHON) == ""


def test_a_lock_of_uv_is_not_resolved_anew() -> None:
    (command,) = install_commands("uv.lock", "uv", UV, PYTHON, [])
    assert command.startswith(f"{UV} sync ")
    assert " --frozen " in command


def test_an_interpreter_is_one_word_whatever_its_path_holds() -> None:
    for installer in ("uv", "pip"):
        assert "'/opt/my python'" in install_commands("", installer, UV, "/opt/my python", [])[0]


@pytest.mark.parametrize("there", [True, False])
def test_a_fallback_is_installed_only_where_its_command_is_missing(there: bool, tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    if there:
        (tmp_path / ".venv/bin/gunicorn").touch()
    command = install_commands("", "uv", "echo", PYTHON, ["gunicorn[gevent]==27.0.1"])[-1]
    output = subprocess.run(["sh", "-euc", command], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert output.returncode == 0
    assert output.stdout == ("" if there else "pip install --quiet gunicorn[gevent]==27.0.1\n")


def test_a_uwsgi_that_is_there_is_kept_whichever_package_has_brought_it() -> None:
    command = install_commands("", "uv", UV, PYTHON, ["pyuwsgi==2.0.30"])[-1]
    assert command == "test -e .venv/bin/uwsgi || /opt/uv/bin/uv pip install --quiet pyuwsgi==2.0.30"


def test_a_file_that_is_no_valid_python_fails_no_release(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(PYTHON)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/good.py").write_text("a = 1\n")
    (tmp_path / "shop/template.py").write_text("{{ no python }\n")
    output = subprocess.run(["sh", "-euc", compile_command("shop")], cwd=tmp_path, capture_output=True, text=True)
    assert output.returncode == 0
    assert [code.name.partition(".")[0] for code in (tmp_path / "shop/__pycache__").iterdir()] == ["good"]
