"""Commands of a release: what they see of the server, how they get their variables, and which error they end with."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import release_sandbox
from ansible_collections.foobar.webstack.plugins.module_utils.release_sandbox import (
    LONGEST,
    CommandError,
    Sandbox,
    error_line,
    open_log,
    quoted,
)

SAID = {
    "pip: unknown": (
        """
ERROR: Could not find a version that satisfies the requirement nosuchpackage==9 (from versions: none)
ERROR: No matching distribution found for nosuchpackage==9
""",
        "ERROR: Could not find a version that satisfies the requirement nosuchpackage==9 (from versions: none)",
    ),
    "pip: network": (
        """
WARNING: Retrying (Retry(total=4, connect=None)) after connection broken by 'NewConnectionError('<x>: Failed to \
establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/flask/
ERROR: Could not find a version that satisfies the requirement flask (from versions: none)
""",
        "ERROR: Could not find a version that satisfies the requirement flask (from versions: none)",
    ),
    "pip: build": (
        """
  error: subprocess-exited-with-error

  \u00d7 python setup.py egg_info did not run successfully.
  │ exit code: 1
  ╰─> [4 lines of output]
      Traceback (most recent call last):
        File "<string>", line 2, in <module>
        File "/tmp/pip-install/mysqlclient/setup.py", line 27, in <module>
          raise Exception("Can not find valid pkg-config name.\\n")
      Exception: Can not find valid pkg-config name.
      [end of output]

  note: This error originates from a subprocess, and is likely not a problem with pip.
error: metadata-generation-failed

\u00d7 Encountered error while generating package metadata.
╰─> See above for output.

note: This is an issue with the package mentioned above, not pip.
hint: See above for details.
""",
        "error: subprocess-exited-with-error Exception: Can not find valid pkg-config name.",
    ),
    "uv: unknown": (
        """
  \u00d7 No solution found when resolving dependencies:
  ╰─▶ Because nosuchpackage was not found in the package registry and you require nosuchpackage==9, we can
      conclude that your requirements are unsatisfiable.

hint: Packages were unavailable because the network was disabled. When the network is disabled, registry packages may
only be read from the cache.
""",
        "No solution found when resolving dependencies: Because nosuchpackage was not found in the package registry "
        "and you require nosuchpackage==9, we can conclude that your requirements are unsatisfiable.",
    ),
    "uv: hint within": (
        """
  \u00d7 No solution found when resolving dependencies:
  ╰─▶ Because only flask<=3.1.0 is available and you require flask==9, we can
      conclude that your requirements are unsatisfiable.

      hint: `flask` was found on https://index.example, but not at the requested version
""",
        "No solution found when resolving dependencies: Because only flask<=3.1.0 is available and you require "
        "flask==9, we can conclude that your requirements are unsatisfiable.",
    ),
    "uv: build": (
        """
  \u00d7 Failed to build `mysqlclient==2.2.7`
  ├─▶ The build backend returned an error
  ╰─▶ Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)

      [stdout]
      Trying pkg-config --exists mysqlclient

      [stderr]
      Traceback (most recent call last):
        File "<string>", line 14, in <module>
        File "/tmp/uv/setup.py", line 28, in find_package_name
          raise Exception(
      Exception: Can not find valid pkg-config name.
      Specify MYSQLCLIENT_CFLAGS and MYSQLCLIENT_LDFLAGS env vars manually

      hint: This usually indicates a problem with the package or the build environment.
""",
        "Failed to build `mysqlclient==2.2.7` Exception: Can not find valid pkg-config name.",
    ),
    "uv: lock": (
        "error: The lockfile at `uv.lock` needs to be updated, but `--frozen` was provided.\n",
        "error: The lockfile at `uv.lock` needs to be updated, but `--frozen` was provided.",
    ),
    "uv: network": (
        """
error: Request failed after 3 retries
  Caused by: Failed to fetch: `https://index.example/flask/`
  Caused by: dns error: failed to lookup address information
""",
        "error: Request failed after 3 retries Caused by: Failed to fetch: `https://index.example/flask/` Caused by: "
        "dns error: failed to lookup address information",
    ),
    "uv: python": (
        """
error: No interpreter found for Python 3.99 in managed installations or search path

hint: A managed Python download is available for Python 3.99
""",
        "error: No interpreter found for Python 3.99 in managed installations or search path",
    ),
    "django: database": (
        """
Traceback (most recent call last):
  File "/srv/shop/.venv/lib/python3.11/site-packages/django/db/backends/base/base.py", line 289, in ensure_connection
    self.connect()
MySQLdb.OperationalError: (2002, "Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock' (2)")

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/shop/releases/1/manage.py", line 22, in <module>
    main()
    ~~~~^^
  File "django/db/utils.py", line 91, in __exit__
    raise dj_exc_value.with_traceback(traceback) from exc_value
django.db.utils.OperationalError: (2002, "Can't connect to local MySQL server through socket '/run/mysqld/mysqld.sock'")
""",
        "django.db.utils.OperationalError: (2002, \"Can't connect to local MySQL server through socket "
        "'/run/mysqld/mysqld.sock'\")",
    ),
    "django: settings": (
        """
Traceback (most recent call last):
  File "manage.py", line 22, in <module>
    main()
django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.
""",
        "django.core.exceptions.ImproperlyConfigured: The SECRET_KEY setting must not be empty.",
    ),
    "django: command": (
        "CommandError: You must set settings.ALLOWED_HOSTS if DEBUG is False.\n",
        "CommandError: You must set settings.ALLOWED_HOSTS if DEBUG is False.",
    ),
    "alembic": (
        """
INFO  [alembic.runtime.migration] Running upgrade 1 -> 2
Traceback (most recent call last):
  File "x", line 1, in <module>
sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError) (1060, "Duplicate column name 'name'")
[SQL: ALTER TABLE entry ADD COLUMN name VARCHAR(80)]
(Background on this error at: https://sqlalche.me/e/20/e3q8)
""",
        "sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError) (1060, \"Duplicate column name 'name'\")",
    ),
    "an exception of any name": (
        """
Traceback (most recent call last):
  File "x", line 1, in <module>
subprocess.TimeoutExpired: Command 'x' timed out after 1 seconds
""",
        "subprocess.TimeoutExpired: Command 'x' timed out after 1 seconds",
    ),
    "npm 6": (
        """
npm WARN deprecated har-validator@5.1.5: this library is no longer supported, error prone
npm ERR! code E404
npm ERR! 404 Not Found - GET https://registry.example/nosuch - Not found
npm ERR! A complete log of this run can be found in:
npm ERR!     /tmp/.npm/_logs/2026-01-01T00_00_00_000Z-debug-0.log
""",
        "npm ERR! 404 Not Found - GET https://registry.example/nosuch - Not found",
    ),
    "npm 10": (
        """
npm warn deprecated har-validator@5.1.5: this library is no longer supported
npm error code ENOENT
npm error syscall open
npm error path /srv/shop/package.json
npm error errno -2
npm error enoent Could not read package.json: Error: ENOENT: no such file or directory, open '/srv/shop/package.json'
npm error enoent This is related to npm not being able to find a file.
""",
        "npm error enoent Could not read package.json: Error: ENOENT: no such file or directory, open "
        "'/srv/shop/package.json'",
    ),
    "make": (
        """
cc -c x.c
x.c:1:10: fatal error: mysql.h: No such file or directory
    1 | #include <mysql.h>
compilation terminated.
make: *** [Makefile:2: x.o] Error 1
""",
        "x.c:1:10: fatal error: mysql.h: No such file or directory",
    ),
    "shell": ("/bin/sh: 1: make: not found\n", "/bin/sh: 1: make: not found"),
    "flask": (
        "Usage: flask [OPTIONS] COMMAND [ARGS]...\nTry 'flask --help' for help.\n\nError: No such command 'digset'.\n",
        "Error: No such command 'digset'.",
    ),
    "no error": ("building\nthe end\n\n", "the end"),
    "only a warning": ("warning: it was all in vain\n", "warning: it was all in vain"),
    "a traceback that was cut off": ('Traceback (most recent call last):\n  File "x"\n', 'File "x"'),
    "nothing": ("", ""),
}


@pytest.mark.parametrize("tool", SAID)
def test_the_line_that_says_what_went_wrong_is_found(tool: str) -> None:
    said, line = SAID[tool]
    assert error_line(said.splitlines()) == line


def test_an_error_that_goes_on_and_on_is_cut() -> None:
    line = error_line([f"error: {'x' * 1000}"])
    assert len(line) == LONGEST + 2
    assert line.endswith("x …")


def test_a_command_that_fails_is_named_with_its_status_and_its_error() -> None:
    assert str(CommandError("make", 2, ["error: no"])) == "`make` ended with 2: error: no"
    assert str(CommandError("false", 1, [])) == "`false` ended with 1"


VALUES = [
    "plain",
    "",
    " spaces at both ends ",
    "it's",
    'say "yes"',
    "back\\slash \\n \\",
    "$HOME ${HOME} $(id) `id`",
    "# no comment ; none",
    "%i %h %%",
    "mysql+pymysql://u:p@localhost/db?unix_socket=/run/x.sock&charset=utf8mb4",
    "grüße",
    "tab\tin it",
    "!history",
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_comes_through_as_it_is(value: str, tmp_path: Path) -> None:
    r"""What systemd undoes within double quotes is what a POSIX shell does: a backslash before \, ", ` and $."""
    (tmp_path / "variables").write_text(f"VALUE={quoted(value)}\nAFTER={quoted('1')}\n")
    shell = subprocess.run(
        ["/bin/sh", "-euc", '. "$0"; printf "%s|%s" "$VALUE" "$AFTER"', tmp_path / "variables"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == f"{value}|1"


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
