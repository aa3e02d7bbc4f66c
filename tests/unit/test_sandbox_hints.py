"""What a sandbox has kept an application from is named with the key that opens it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.sandbox_hints import hint

RELEASE = "/srv/shop/releases/1a2b3c4d-5e6f7a8b"
CLOSED, SOME = "PrivateNetwork=true", "IPAddressAllow=192.0.2.1"


@pytest.mark.parametrize(
    ("said", "units", "key"),
    [
        ("OSError: [Errno 101] Network is unreachable", CLOSED, "network: true"),
        ("OSError: [Errno 97] Address family not supported by protocol", CLOSED, "network: true"),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", CLOSED, "network: true"),
        ("psycopg.OperationalError: connect: Network is unreachable", CLOSED, "ip_address_allow"),
        ("connect\nPermissionError: [Errno 1] Operation not permitted", SOME, "not in ip_address_allow"),
        ("TimeoutError: timed out", SOME, "not in ip_address_allow"),
        (f"OSError: [Errno 30] Read-only file system: '{RELEASE}/logs/django.log'", "", "shared_paths: [logs]"),
        (f"PermissionError: [Errno 13] Permission denied: '{RELEASE}/var/log/x.log'", "", "shared_paths: [var/log]"),
        (f"OSError: [Errno 30] Read-only file system: '{RELEASE}/db.sqlite3'", "", "$STATE_DIRECTORY"),
        (f"OSError: [Errno 30] Read-only file system: '{RELEASE}/cache'", "", "shared_paths: [cache]"),
        ("mkdir: cannot create directory: '/var/log/shop': Read-only file system", "", "writable_paths: [/var/log]"),
        ("OSError: [Errno 30] Read-only file system: '/opt/data/x'", "", "writable_paths: [/opt/data]"),
        ("PermissionError: [Errno 1] Operation not permitted", CLOSED, "service_options"),
        ("shop.service: Main process exited, code=killed, status=31/SYS", CLOSED, "SystemCallFilter"),
        (
            "ImportError: x.so: cannot enable executable stack as shared object requires",
            "",
            "memory_deny_write_execute",
        ),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/proc/meminfo'", "", "ProcSubset: all"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/dev/fuse'", "", "DeviceAllow: /dev/fuse rw"),
        ("RuntimeError: can't start new thread", "", "tasks_max"),
        (
            "(2003, \"Can't connect to MySQL server on '127.0.0.1' ([Errno 97] Address family not supported)\")",
            CLOSED,
            "/run/mysqld/mysqld.sock",
        ),
        ("(2003, \"Can't connect to MySQL server on 'localhost:3306' (111)\")", SOME, "mysql_bind_address"),
        (
            "(2002, \"Can't connect to local MySQL server through socket '/tmp/mysql.sock' (2)\")",
            "",
            "name that socket",
        ),
        (
            "(2003, \"Can't connect to MySQL \nserver on '127.0.0.1' ([Errno 111] Connection refused)\")",
            "",
            "a port needs",
        ),
        ("(3159, 'Connections using insecure transport are prohibited while', …)", "", "ask for TLS"),
    ],
)
def test_a_failure_by_the_sandbox_names_the_key_that_opens_it(said: str, units: str, key: str) -> None:
    sentence = hint(["Traceback (most recent call last):", *said.splitlines()], RELEASE, units)
    assert key in sentence
    assert sentence.startswith(" ")
    assert sentence.endswith(".")


def test_a_folder_with_code_is_not_to_outlive_its_release(tmp_path: Path) -> None:
    said = [f"PermissionError: [Errno 13] Permission denied: '{tmp_path}/shop/db.sqlite3'"]
    (tmp_path / "shop").mkdir()
    assert "shared_paths: [shop]" in hint(said, str(tmp_path))
    (tmp_path / "shop/__init__.py").touch()
    assert "shared_paths" not in hint(said, str(tmp_path))
    assert "$STATE_DIRECTORY" in hint(said, str(tmp_path))


@pytest.mark.parametrize(
    ("said", "units"),
    [
        ("ModuleNotFoundError: No module named 'nothing'", CLOSED),
        ("(2003, \"Can't connect to MySQL server on 'db.example.com' (111)\")", ""),
        ("(2002, \"Can't connect to local server through socket '/run/mysqld/mysqld.sock' (2)\")", CLOSED),
        ("ConnectionRefusedError: [Errno 111] Connection refused", CLOSED),
        ("OSError: [Errno 101] Network is unreachable", ""),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'local.cfg'", CLOSED),
        ("", CLOSED),
    ],
)
def test_what_is_not_the_sandbox_s_doing_is_not_put_down_to_it(said: str, units: str) -> None:
    assert hint(said.splitlines(), RELEASE, units) == ""
