"""Commands of a release: what they see of the server, how they get their variables, and which error they end with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import release_sandbox
from ansible_collections.foobar.webstack.plugins.module_utils.environment_files import quoted
from ansible_collections.foobar.webstack.plugins.module_utils.release_sandbox import (
    CommandError,
    Sandbox,
    open_log,
)

from tests.environment_values import VALUES, sourced


def test_a_command_that_fails_is_named_with_its_status_and_its_error() -> None:
    assert str(CommandError("make", 2, ["error: no"])) == "`make` ended with 2: error: no"
    assert str(CommandError("false", 1, [])) == "`false` ended with 1"


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_through_as_it_is(value: str, tmp_path: Path) -> None:
    file = tmp_path / "variables"
    file.write_text(f"VALUE={quoted(value)}\nAFTER={quoted('1')}\n", newline="")
    assert sourced(file, "VALUE", "AFTER") == [value, "1"]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Return the folder of an app with two releases."""
    for name in ("a", "b"):
        (tmp_path / "shop/releases" / name).mkdir(parents=True)
    return tmp_path / "shop"


def sandbox(app: Path, **more: Any) -> Sandbox:
    """Return the sandbox of release b."""
    log = open_log(app / "logs", "b")
    return Sandbox("shop", app, "b", "shop-build", "shop", log, **more)


def seen(sandbox: Sandbox) -> set[str]:
    """Return the paths that a command sees of what is hidden else, and can write to."""
    binds = ("BindPaths=", "BindReadOnlyPaths=")
    return {item.partition("=")[2].lstrip("-") for item in sandbox.properties() if item.startswith(binds)}


def hidden(sandbox: Sandbox) -> set[str]:
    """Return what a command does not see."""
    return {item.partition("=-")[2] for item in sandbox.properties() if item.startswith("InaccessiblePaths=")}


def test_a_command_sees_its_own_release_and_neither_another_one_nor_the_cache(app: Path) -> None:
    box = sandbox(app)
    assert seen(box) == {f"{app}/releases/b", f"{app}/python"}
    assert f"BindReadOnlyPaths=-{app}/python" in box.properties()
    # The folders of all apps are hidden by one that is empty; what is bound into it is all that there is.
    (mounts,) = [item for item in box.properties() if item.startswith("TemporaryFileSystem=/srv")]
    assert mounts == f"TemporaryFileSystem=/srv:ro {app}:ro"


def test_only_what_installs_sees_the_cache_and_still_no_other_release(app: Path) -> None:
    box = sandbox(app, installs=True)
    assert seen(box) == {str(app)}
    assert {f"{app}/releases/a", f"{app}/shared"} <= hidden(box)
    assert f"{app}/releases/b" not in hidden(box)


def test_no_command_sees_dumps_manifests_or_logs(app: Path) -> None:
    for box in (sandbox(app), sandbox(app, installs=True), sandbox(app, shared=["up"], writes_shared=True)):
        assert {"/var/backups", "/var/lib/app_deploy", "/var/log/app_deploy"} <= hidden(box)
        assert {"NoNewPrivileges=yes", "PrivateTmp=yes", "ProtectSystem=strict", "ProtectHome=yes"} <= set(
            box.properties()
        )


def test_a_migration_writes_to_shared_folders_and_a_build_to_empty_ones_in_their_place(app: Path) -> None:
    assert f"{app}/shared/up" in seen(sandbox(app, shared=["up"], writes_shared=True))
    build = sandbox(app, shared=["up"])
    assert f"{app}/shared/up" not in seen(build)
    assert f"TemporaryFileSystem={app}/shared/up:mode=1777" in build.properties()


def test_code_that_asks_for_a_state_folder_finds_the_application_s_or_one_that_ends_with_it(app: Path) -> None:
    def states(box: Sandbox) -> list[str]:
        return [item for item in box.properties() if item.startswith(("StateDirectory=", "Environment="))]

    assert states(sandbox(app, keeps_state=True)) == ["StateDirectory=webstack/shop"]
    for box in (sandbox(app), sandbox(app, installs=True), sandbox(app, shared=["up"], writes_shared=True)):
        assert states(box) == ["Environment=STATE_DIRECTORY=/tmp"]


class Systemd:
    """A systemd-run that runs nothing, remembers how it was called, and says some words."""

    def __init__(self, said: str = "", status: int = 0) -> None:
        """Remember what is to happen."""
        self.said, self.status = said, status
        self.command: list[str] = []
        self.variables = ""
        self.mode = 0

    def run(self, command: list[str], stdout: Any, **_: Any) -> subprocess.CompletedProcess[bytes]:
        """Take the place of subprocess.run."""
        self.command = command
        files = [item.partition("EnvironmentFile=")[2] for item in command if "EnvironmentFile=" in item]
        self.variables, self.mode = Path(files[-1]).read_text(), Path(files[-1]).stat().st_mode & 0o777
        stdout.write(self.said.encode())
        stdout.flush()
        return subprocess.CompletedProcess(command, self.status)


@pytest.fixture
def systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Systemd:
    """Return what takes the place of systemd-run."""
    systemd = Systemd()
    monkeypatch.setattr(release_sandbox.subprocess, "run", systemd.run)
    named: Any = release_sandbox.tempfile.NamedTemporaryFile
    monkeypatch.setattr(
        release_sandbox.tempfile, "NamedTemporaryFile", lambda *arguments, **_: named(*arguments, dir=tmp_path)
    )
    return systemd


def test_variables_stand_in_a_file_for_the_eyes_of_root_and_on_no_command_line(app: Path, systemd: Systemd) -> None:
    box = sandbox(app, environment={"TOKEN": "canary"}, environment_files=["/etc/gunicorn/shop/b/env"])
    box.run("make")
    assert "canary" not in " ".join(systemd.command)
    assert systemd.variables == 'TOKEN="canary"\n'
    assert systemd.mode == 0o600
    files = [item.partition("EnvironmentFile=")[2] for item in systemd.command if "EnvironmentFile=" in item]
    # What is set for the command wins over the app's environment.
    assert files[0] == "/etc/gunicorn/shop/b/env"
    assert not Path(files[-1]).exists()
    assert "canary" not in box.log.read_text()


def test_a_command_runs_as_its_user_in_its_release_and_systemd_leaves_its_dollars_alone(
    app: Path, systemd: Systemd
) -> None:
    sandbox(app).run("echo $HOME")
    assert {"--property=User=shop-build", "--property=Group=shop", f"--working-directory={app}/releases/b"} <= set(
        systemd.command
    )
    assert systemd.command[-3:] == ["/bin/sh", "-euc", "echo $$HOME"]
    assert "--unit=app_deploy-shop" in systemd.command


def test_a_command_may_run_in_a_folder_below_its_release(app: Path, systemd: Systemd) -> None:
    sandbox(app).run("python manage.py check", chdir="backend")
    assert f"--working-directory={app}/releases/b/backend" in systemd.command


def test_all_that_commands_say_is_in_the_log_and_an_error_has_the_words_of_its_own(app: Path, systemd: Systemd) -> None:
    box = sandbox(app)
    systemd.said = "error: of the first one\n"
    assert box.run("first") == 0
    systemd.said, systemd.status = "error: of the second one\n", 3
    with pytest.raises(CommandError, match=r"^`install nothing` ended with 3: error: of the second one$") as caught:
        box.run("second", shown="install nothing")
    assert caught.value.said == ["error: of the second one"]
    assert box.log.read_text() == "$ first\nerror: of the first one\n$ install nothing\nerror: of the second one\n"


def test_a_status_that_is_expected_is_no_error(app: Path, systemd: Systemd) -> None:
    systemd.status = 1
    assert sandbox(app).run("flask db check", success=(0, 1)) == 1


def test_a_log_is_for_the_eyes_of_root_and_old_ones_go(tmp_path: Path) -> None:
    for number in range(14):
        path = open_log(tmp_path / "logs", f"r{number:02}", keep=10)
        path.write_text("x")
        assert path.stat().st_mode & 0o777 == 0o600
    kept = sorted(path.name for path in (tmp_path / "logs").iterdir())
    assert "r13.log" in kept
    assert len(kept) <= 11
    assert open_log(tmp_path / "logs", "r13").read_text() == "x"
