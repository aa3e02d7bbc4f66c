"""The line that says why something failed, and what of a long output is shown."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.error_output import (
    LONGEST,
    error_line,
    exception_line,
    excerpt,
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


LIFE = """\
[INFO] Starting gunicorn
[ERROR] Exception in worker process
Traceback (most recent call last):
  File "gunicorn/arbiter.py", line 1, in spawn_worker
    worker.init_process()
    ~~~^^^
  File "app/main.py", line 9, in <module>
    import nothing
ModuleNotFoundError: No module named 'nothing'
[INFO] Worker exiting (pid: 7)
Traceback (most recent call last):
  File "gunicorn/arbiter.py", line 2, in run
    self.reap_workers()
gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "gunicorn/app/wsgiapp.py", line 3, in run
    sys.exit(run())
gunicorn.errors.HaltServer: <HaltServer 'Worker failed to boot.' 3>
""".splitlines()
CHAIN = """\
Traceback (most recent call last):
  File "MySQLdb/cursors.py", line 1, in execute
    raise errorclass(errno)
MySQLdb.OperationalError: (1364, "Field 'note' doesn't have a default value")

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "django/db/backends/utils.py", line 2, in execute
    raise dj_exc_value
django.db.utils.OperationalError: (1364, "Field 'note' doesn't have a default value")
""".splitlines()


def test_a_service_that_ends_again_and_again_names_what_ended_it_first() -> None:
    assert exception_line(LIFE * 20, first=True) == "ModuleNotFoundError: No module named 'nothing'"


def test_an_application_that_gunicorn_does_not_find_is_named_and_not_what_it_halts_with() -> None:
    halted = [
        "Traceback (most recent call last):",
        "  File x",
        "gunicorn.errors.HaltServer: <HaltServer 'App failed' 4>",
    ]
    said = ["Booting worker with pid: 7", "Failed to find attribute 'application' in 'app'.", "Worker exiting", *halted]
    assert exception_line(said * 3, first=True) == "Failed to find attribute 'application' in 'app'."
    assert exception_line(halted, first=True).startswith("gunicorn.errors.HaltServer")
    assert exception_line([*LIFE, *said], first=False) == "ModuleNotFoundError: No module named 'nothing'"


def test_of_exceptions_that_led_to_each_other_the_last_one_counts() -> None:
    assert (
        exception_line([*LIFE, *CHAIN], first=False)
        == "django.db.utils.OperationalError: (1364, \"Field 'note' doesn't have a default value\")"
    )


@pytest.mark.parametrize("said", [[], ["Starting"], ["Traceback (most recent call last):"]])
def test_an_output_without_an_exception_names_none_that_is_not_there(said: list[str]) -> None:
    assert exception_line(said, first=True) in ("", *said)


def test_the_end_of_an_output_is_shown_and_what_led_to_an_exception_far_before_it() -> None:
    assert excerpt(LIFE) == LIFE
    assert excerpt([str(number) for number in range(100)]) == [str(number) for number in range(60, 100)]
    shown = excerpt(LIFE * 20)
    assert len(shown) == 40
    assert "ModuleNotFoundError: No module named 'nothing'" in shown[:20]
    assert shown[-1] == LIFE[-1]
