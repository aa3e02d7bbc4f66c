"""gunicorn's settings are executed, its environments read by a shell, its units taken apart."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from . import render, value

RELEASED = {"name": "shop", "wsgi_app": "shop:app", "releases_path": "/srv/shop/releases"}
PLAIN = {"name": "shop", "wsgi_app": "shop:app", "chdir": "/opt/shop"}

Unit = dict[str, dict[str, list[str]]]


def settings(app: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """Return what gunicorn finds in its settings."""
    text = render("gunicorn", "gunicorn.conf.py.j2", {"item": app, "gunicorn_apps": [app], **variables})
    found: dict[str, Any] = {}
    exec(compile(text, "gunicorn.conf.py", "exec"), found)
    return found


def unit(kind: str, app: dict[str, Any], **variables: Any) -> Unit:
    """Return a unit's settings by section; a setting may stand there more than once."""
    text = render("gunicorn", f"gunicorn.{kind}.j2", {"item": app, "gunicorn_apps": [app], **variables})
    found: Unit = {}
    section: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert equals, line
            assert value == value.strip(), line
            section.setdefault(name, []).append(value)
    return found


def test_an_app_gets_the_defaults_of_all_apps() -> None:
    found = settings(PLAIN)
    assert found["wsgi_app"] == "shop:app"
    assert found["workers"] == len(os.sched_getaffinity(0))
    assert (found["worker_class"], found["threads"], found["timeout"]) == ("sync", 1, 30)
    assert found["preload_app"] is False
    assert found["control_socket_disable"] is True
    assert found["secure_scheme_headers"] == {"X-FORWARDED-PROTO": "https"}


def test_an_app_s_own_values_win() -> None:
    own = {"workers": 3, "worker_class": "gthread", "threads": 4, "timeout": 60, "graceful_timeout": 5}
    own |= {"max_requests": 1000, "max_requests_jitter": 50, "preload_app": True}
    found = settings({**PLAIN, **own}, gunicorn_workers=8, gunicorn_threads=2)
    assert {name: found[name] for name in own} == own


def test_values_for_all_apps_are_heeded() -> None:
    found = settings(PLAIN, gunicorn_workers=8, gunicorn_worker_class="asgi", gunicorn_max_requests=10)
    assert (found["workers"], found["worker_class"], found["max_requests"]) == (8, "asgi", 10)


@pytest.mark.parametrize("entry", ["shop:create_app()", "shop:create_app('it\\'s \"x\"')"])
def test_an_entry_point_may_hold_quotes(entry: str) -> None:
    assert settings({**PLAIN, "wsgi_app": entry})["wsgi_app"] == entry


def test_further_settings_keep_their_type_and_replace_the_role_s() -> None:
    options = {
        "accesslog": None,
        "keepalive": 5,
        "proc_name": "it's \"a\" \\ 'name'",
        "forwarded_allow_ips": "*",
        "limit_request_line": 0,
        "reuse_port": True,
        "raw_env": ["A=1 2", "LONG=" + "x " * 90],
        "logconfig_dict": {"version": 1, "loggers": {"gunicorn.error": {"level": "INFO"}}},
    }
    found = settings({**PLAIN, "options": options})
    assert {name: found[name] for name in options} == options


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
def test_a_value_of_the_environment_comes_through_as_it_is(value: str, tmp_path: Path) -> None:
    r"""What systemd undoes within double quotes is what a POSIX shell does: a backslash before \, ", ` and $."""
    app = {**PLAIN, "environment": {"VALUE": value, "AFTER": "1"}}
    file = tmp_path / "environment"
    file.write_text(render("gunicorn", "environment.j2", {"item": app, "gunicorn_apps": [app]}))
    shell = subprocess.run(
        ["/bin/sh", "-euc", '. "$0"; printf "%s|%s" "$VALUE" "$AFTER"', file],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == f"{value}|1"


def test_an_environment_is_that_of_its_own_app() -> None:
    apps = [{**PLAIN, "environment": {"MINE": 1}}, {**PLAIN, "name": "other", "environment": {"THEIRS": 2}}]
    item = {name: value for name, value in apps[0].items() if name != "environment"}
    text = render("gunicorn", "environment.j2", {"item": item, "gunicorn_apps": apps})
    assert 'MINE="1"\n' in text
    assert "THEIRS" not in text


def test_an_app_without_an_environment_has_an_empty_one() -> None:
    assert (
        render("gunicorn", "environment.j2", {"item": PLAIN, "gunicorn_apps": [PLAIN]}).strip("#\n ")
        == "Ansible managed"
    )


def test_a_release_is_an_instance_with_its_own_folder_environment_and_socket() -> None:
    service, socket = unit("service", RELEASED), unit("socket", RELEASED)
    assert service["Service"]["WorkingDirectory"] == ["/srv/shop/releases/%i"]
    assert service["Service"]["ExecStart"] == [
        "/srv/shop/releases/%i/.venv/bin/gunicorn --config /etc/gunicorn/shop.conf.py"
    ]
    assert service["Unit"]["Requires"] == ["gunicorn-shop@%i.socket"]
    assert service["Install"]["Also"] == ["gunicorn-shop@%i.socket"]
    assert socket["Socket"]["ListenStream"] == ["/run/gunicorn-shop/%i.sock"]


def test_an_app_at_a_fixed_path_is_no_template() -> None:
    for kind in ("service", "socket"):
        assert "%i" not in render("gunicorn", f"gunicorn.{kind}.j2", {"item": PLAIN, "gunicorn_apps": [PLAIN]})
    assert unit("service", PLAIN)["Service"]["WorkingDirectory"] == ["/opt/shop"]
    assert unit("service", PLAIN)["Unit"]["Requires"] == ["gunicorn-shop.socket"]
    assert unit("socket", PLAIN)["Socket"]["ListenStream"] == ["/run/gunicorn-shop/gunicorn.sock"]
    own = {**PLAIN, "virtualenv": "/opt/venv"}
    assert unit("service", own)["Service"]["ExecStart"][0].startswith("/opt/venv/bin/gunicorn ")


def test_only_the_app_and_the_web_server_reach_the_socket() -> None:
    socket = unit("socket", {**RELEASED, "user": "seller"}, gunicorn_socket_group="nginx")["Socket"]
    assert (socket["SocketUser"], socket["SocketGroup"], socket["SocketMode"]) == (["seller"], ["nginx"], ["0660"])
    assert unit("socket", {**RELEASED, "socket_group": "web"})["Socket"]["SocketGroup"] == ["web"]


def test_a_service_comes_back_and_lets_its_workers_finish() -> None:
    service = unit("service", {**RELEASED, "graceful_timeout": 90, "after": ["mysql.service", "redis.service"]})
    assert service["Service"]["Restart"] == ["always"]
    assert service["Service"]["KillMode"] == ["control-group"]
    assert service["Service"]["TimeoutStopSec"] == ["95"]
    assert service["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert service["Unit"]["After"][0].endswith(" mysql.service redis.service")


def test_the_sandbox_is_closed_unless_an_app_opens_it() -> None:
    closed = unit("service", RELEASED)["Service"]
    assert closed["PrivateNetwork"] == ["true"]
    assert closed["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert closed["MemoryDenyWriteExecute"] == ["true"]
    assert "ReadWritePaths" not in closed
    assert (closed["MemoryMax"], closed["TasksMax"]) == (["infinity"], ["512"])

    keys = {"network": True, "memory_deny_write_execute": False, "writable_paths": ["/srv/a", "/srv/b"]}
    opened = unit("service", {**RELEASED, **keys, "memory_max": "1G", "tasks_max": 64})["Service"]
    assert not {"PrivateNetwork", "IPAddressDeny"} & set(opened)
    assert opened["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]
    assert opened["MemoryDenyWriteExecute"] == ["false"]
    assert opened["ReadWritePaths"] == ["/srv/a /srv/b"]
    assert (opened["MemoryMax"], opened["TasksMax"]) == (["1G"], ["64"])


def test_numbers_and_booleans_may_be_given_as_text() -> None:
    closed = unit("service", {**RELEASED, "network": "false", "memory_deny_write_execute": "yes"})["Service"]
    assert closed["PrivateNetwork"] == ["true"]
    assert closed["RestrictAddressFamilies"] == ["AF_UNIX"]
    assert closed["MemoryDenyWriteExecute"] == ["true"]
    assert unit("service", {**RELEASED, "network": "true"})["Service"]["RestrictAddressFamilies"] != ["AF_UNIX"]
    assert unit("service", {**RELEASED, "graceful_timeout": "60"})["Service"]["TimeoutStopSec"] == ["65"]
    assert unit("service", RELEASED, gunicorn_graceful_timeout="60")["Service"]["TimeoutStopSec"] == ["65"]
    assert settings(PLAIN, gunicorn_workers="0")["workers"] == len(os.sched_getaffinity(0))


def test_nothing_but_filters_stands_in_a_unit_twice() -> None:
    for app in (RELEASED, PLAIN):
        for kind in ("service", "socket"):
            for section in unit(kind, app).values():
                assert {name for name, values in section.items() if len(values) > 1} <= {"SystemCallFilter"}


@pytest.mark.parametrize("role", ["gunicorn", "app_deploy"])
@pytest.mark.parametrize(
    ("system", "python", "words"),
    [
        ("Debian", "3.10.0", None),
        ("Ubuntu", "3.13.5", None),
        ("Fedora", "3.13.5", "web01 runs Fedora: the {} role needs Debian or Ubuntu."),
        ("Debian", "3.9.2", "web01 has Python 3.9.2: the {} role needs 3.10 or later"),
    ],
)
def test_a_system_that_will_not_do_is_named(role: str, system: str, python: str, words: str | None) -> None:
    facts = {"distribution": system, "python_version": python}
    sentences = value(role, f"__{role}_mistakes", inventory_hostname="web01", ansible_facts=facts)
    if words is None:
        assert sentences == []
    else:
        assert [sentence.startswith(words.format(role)) for sentence in sentences] == [True]
