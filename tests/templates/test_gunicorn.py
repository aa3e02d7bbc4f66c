"""gunicorn's settings are executed, its environments read by a shell, its units taken apart."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter import gunicorn
from ansible_collections.foobar.webstack.plugins.module_utils import environment_files

from tests.environment_values import VALUES, sourced

from . import render, value

RELEASED = {"name": "shop", "wsgi_app": "shop:app", "releases_path": "/srv/shop/releases"}
PLAIN = {"name": "shop", "wsgi_app": "shop:app", "chdir": "/opt/shop"}

Unit = dict[str, dict[str, list[str]]]


def written(template: str, app: dict[str, Any], **variables: Any) -> str:
    """Return the first file that the role makes of a template for an app, with all that its filters hand to it."""
    defaults = value("gunicorn", "__gunicorn_defaults", **variables)
    files = [*gunicorn.gunicorn_files([app], defaults), *gunicorn.gunicorn_environments([app])]
    files += gunicorn.gunicorn_release_files([app], defaults)
    file = next(file for file in files if file["src"] == f"{template}.j2")
    return render("gunicorn", file["src"], {"gunicorn_apps": [app], **file["vars"], **variables})


def settings(app: dict[str, Any], version: tuple[int, ...] = (27, 0, 1), **variables: Any) -> dict[str, Any]:
    """Return what gunicorn finds in its settings."""
    text = written("gunicorn.conf.py", app, **variables)
    found: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "gunicorn", SimpleNamespace(version_info=version))
        exec(compile(text, "gunicorn.conf.py", "exec"), found)
    return found


def unit(kind: str, app: dict[str, Any], **variables: Any) -> Unit:
    """Return the settings by section of the unit that runs an app; a setting may stand there more than once."""
    return parsed(written({"socket": "socket", "service": "gunicorn.service"}[kind], app, **variables))


def parsed(text: str) -> Unit:
    """Return a unit's settings by section."""
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
    assert (found["worker_class"], found["threads"], found["timeout"]) == ("gthread", 8, 30)
    assert found["preload_app"] is False
    assert found["control_socket_disable"] is True
    assert found["secure_scheme_headers"] == {"X-FORWARDED-PROTO": "https"}


def test_an_app_s_own_values_win() -> None:
    own = {"workers": 3, "worker_class": "gthread", "threads": 4, "timeout": 60, "graceful_timeout": 5}
    own |= {"max_requests": 1000, "max_requests_jitter": 50, "preload_app": True}
    found = settings({**PLAIN, **own}, gunicorn_workers=8, gunicorn_threads=2)
    assert {name: found[name] for name in own} == own


def test_threads_are_for_a_gunicorn_that_keeps_their_requests_and_for_no_other_kind_of_worker() -> None:
    assert (settings(PLAIN, version=(26, 0, 0))["worker_class"], settings(PLAIN, version=(26,))["threads"]) == (
        "sync",
        1,
    )
    assert settings({**PLAIN, "worker_class": "gthread"}, version=(23, 0, 0))["worker_class"] == "gthread"
    for kind in ("sync", "asgi", "gevent", "uvicorn_worker.UvicornWorker"):
        assert settings({**PLAIN, "worker_class": kind})["threads"] == 1
        assert settings({**PLAIN, "worker_class": kind, "threads": 3})["threads"] == 3
        assert settings(PLAIN, gunicorn_worker_class=kind)["worker_class"] == kind


THEIRS = """
import multiprocessing

bind = "0.0.0.0:8000"
user = "root"
workers = 3
timeout = 90
threads = 2
worker_class = "gthread"


def post_fork(server, worker):
    return multiprocessing
"""


@pytest.mark.parametrize(
    ("app", "place"),
    [
        ({**RELEASED, "config": "deploy/gunicorn.conf.py"}, ""),
        ({**RELEASED, "config": "deploy/gunicorn.conf.py", "chdir": "backend/shop"}, "backend/shop"),
        ({**PLAIN, "config": "deploy/gunicorn.conf.py"}, ""),
    ],
)
def test_an_app_s_own_file_of_settings_counts_but_for_what_the_units_hold(
    app: dict[str, Any], place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is read in the folder that the app runs in."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/gunicorn.conf.py").write_text(THEIRS)
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / place)
    found = settings({**app, "timeout": 45})
    assert (found["workers"], found["threads"], found["timeout"]) == (3, 2, 45)
    assert found["post_fork"](None, None).__name__ == "multiprocessing"
    assert not {"bind", "user"} & set(found)
    assert capsys.readouterr().err == "deploy/gunicorn.conf.py is taken without bind, user\n"


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


@pytest.mark.parametrize("value", VALUES)
def test_a_value_of_the_environment_comes_through_as_it_is(value: str, tmp_path: Path) -> None:
    app = {**PLAIN, "environment": {"VALUE": value, "AFTER": "1"}}
    file = tmp_path / "environment"
    file.write_text(written("environment", app), newline="")
    assert sourced(file, "VALUE", "AFTER") == [value, "1"]
    assert environment_files.variables(file.read_bytes().decode()) == {"VALUE": value, "AFTER": "1"}


def test_a_truth_value_is_written_as_python_writes_it() -> None:
    text = written("environment", {**PLAIN, "environment": {"DEBUG": False, "COUNT": 3, "RATE": 0.1}})
    assert environment_files.variables(text) == {"DEBUG": "False", "COUNT": "3", "RATE": "0.1"}


def test_an_environment_is_that_of_its_own_app() -> None:
    mine, theirs = {**PLAIN, "environment": {"MINE": 1}}, {**PLAIN, "name": "other", "environment": {"THEIRS": 2}}
    files = gunicorn.gunicorn_environments([mine, theirs])
    texts = {file["dest"]: render("gunicorn", file["src"], file["vars"]) for file in files}
    assert 'MINE="1"\n' in texts["/etc/gunicorn/shop.env"]
    assert "THEIRS" not in texts["/etc/gunicorn/shop.env"]
    assert 'THEIRS="2"\n' in texts["/etc/gunicorn/other.env"]


def test_an_app_without_an_environment_has_an_empty_one() -> None:
    for app in (PLAIN, RELEASED):
        assert written("environment", app).strip("#\n ") == "Ansible managed"


def test_a_release_has_its_own_folder_settings_environment_and_socket() -> None:
    service, socket = unit("service", RELEASED), unit("socket", RELEASED)
    assert service["Service"]["WorkingDirectory"] == ["/srv/shop/releases/%i"]
    assert service["Service"]["ExecStart"] == [
        "/srv/shop/releases/%i/.venv/bin/gunicorn --config /etc/gunicorn/shop/%i/conf.py"
    ]
    assert service["Service"]["EnvironmentFile"] == ["/etc/gunicorn/shop/%i/env"]
    assert service["Unit"]["Requires"] == ["gunicorn-shop@%i.socket"]
    assert service["Install"]["Also"] == ["gunicorn-shop@%i.socket"]
    assert socket["Socket"]["ListenStream"] == ["/run/gunicorn-shop/%i.sock"]


def test_an_app_at_a_fixed_path_is_no_template() -> None:
    for kind in ("service", "socket"):
        assert "%i" not in str(unit(kind, PLAIN))
    assert unit("service", PLAIN)["Service"]["WorkingDirectory"] == ["/opt/shop"]
    assert unit("service", PLAIN)["Unit"]["Requires"] == ["gunicorn-shop.socket"]
    assert unit("service", PLAIN)["Service"]["EnvironmentFile"] == ["/etc/gunicorn/shop.env"]
    assert unit("socket", PLAIN)["Socket"]["ListenStream"] == ["/run/gunicorn-shop/gunicorn.sock"]
    own = {**PLAIN, "virtualenv": "/opt/venv"}
    assert unit("service", own)["Service"]["ExecStart"][0].startswith("/opt/venv/bin/gunicorn ")


def test_only_the_app_and_the_web_server_reach_the_socket() -> None:
    socket = unit("socket", {**RELEASED, "user": "seller"}, gunicorn_socket_group="nginx")["Socket"]
    assert (socket["SocketUser"], socket["SocketGroup"], socket["SocketMode"]) == (["seller"], ["nginx"], ["0660"])
    assert unit("socket", {**RELEASED, "socket_group": "web"})["Socket"]["SocketGroup"] == ["web"]


def test_aiohttp_s_worker_keeps_its_own_format_of_the_log() -> None:
    assert "access_log_format" not in settings({**RELEASED, "worker_class": "aiohttp.GunicornWebWorker"})
    assert "access_log_format" in settings({**RELEASED, "worker_class": "gevent"})


def test_a_service_comes_back_and_lets_its_workers_finish() -> None:
    told = unit("service", {**RELEASED, "graceful_timeout": 5, "options": {"graceful_timeout": 60}})
    assert told["Service"]["TimeoutStopSec"] == ["65"]
    assert unit("service", {**RELEASED, "options": {"keepalive": 5}})["Service"]["TimeoutStopSec"] == ["35"]
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


def test_nothing_but_filters_and_variables_stands_in_a_unit_twice() -> None:
    for app in (RELEASED, PLAIN):
        for kind in ("service", "socket"):
            for section in unit(kind, app).values():
                assert {name for name, values in section.items() if len(values) > 1} <= {
                    "Environment",
                    "SystemCallFilter",
                }


def test_a_list_of_addresses_opens_them_alone() -> None:
    service = unit("service", {**RELEASED, "ip_address_allow": ["192.0.2.10", "2001:db8::/32"]})["Service"]
    assert (service["IPAddressDeny"], service["IPAddressAllow"]) == (["any"], ["192.0.2.10 2001:db8::/32"])
    assert "PrivateNetwork" not in service
    assert service["RestrictAddressFamilies"] == ["AF_UNIX AF_INET AF_INET6"]


def test_an_app_s_settings_of_systemd_come_last_and_a_list_on_several_lines() -> None:
    options = {"ProcSubset": "all", "PrivateDevices": False, "SystemCallFilter": ["@resources", "@mount"], "Nice": 5}
    for kind in ("gunicorn.service", "background.service", "scheduled.service"):
        service = parsed(written(kind, {**BESIDE, "service_options": options}))["Service"]
        assert (service["ProcSubset"][-1], service["PrivateDevices"][-1], service["Nice"]) == ("all", "false", ["5"])
        assert service["SystemCallFilter"][-2:] == ["@resources", "@mount"]


def test_all_that_runs_of_an_app_has_one_folder_that_outlives_releases_and_one_tmp() -> None:
    for kind in ("gunicorn.service", "background.service", "scheduled.service"):
        found = parsed(written(kind, BESIDE))
        assert found["Service"]["StateDirectory"] == ["webstack/shop"]
        assert found["Service"]["Environment"][-1] == "HOME=/var/lib/webstack/shop"
        if kind != "gunicorn.service":
            assert found["Unit"]["JoinsNamespaceOf"] == ["gunicorn-shop@%i.service"]
    # One that is started before the application's own service would have a /tmp of its own.
    assert "gunicorn-shop@%i.service" in parsed(written("background.service", BESIDE))["Unit"]["After"][0]


def test_what_an_app_writes_where_it_may_its_migrations_can_write_too() -> None:
    assert unit("service", RELEASED)["Service"]["UMask"] == ["0077"]
    assert unit("service", {**RELEASED, "writable_paths": ["-/srv/shop/shared/logs"]})["Service"]["UMask"] == ["0007"]


BESIDE = {
    **RELEASED,
    "environment": {"SECRET_KEY": "canary"},
    "background": [{"name": "mailer", "command": "work --rate 5% $HOME", "stop_timeout": 90}],
    "scheduled": [{"name": "purge", "command": "flask purge", "on_calendar": "hourly", "timeout": 60}],
}


def test_what_runs_beside_a_release_has_its_folder_environment_user_and_sandbox() -> None:
    app = {**BESIDE, "user": "seller"}
    for kind in ("background.service", "scheduled.service"):
        beside = parsed(written(kind, app))["Service"]
        assert beside["User"] == ["seller"]
        assert beside["WorkingDirectory"] == ["/srv/shop/releases/%i"]
        assert beside["EnvironmentFile"] == ["/etc/gunicorn/shop/%i/env"]
        for name in ("PrivateNetwork", "SystemCallFilter", "MemoryMax", "UMask"):
            assert beside[name] == unit("service", app)["Service"][name]


def test_systemd_leaves_dollars_and_percent_signs_of_a_command_alone() -> None:
    background = parsed(written("background.service", BESIDE))["Service"]
    assert background["ExecStart"] == ["/usr/bin/env work --rate 5%% $$HOME"]
    assert background["TimeoutStopSec"] == ["90"]


def test_a_command_knows_the_state_folder_by_its_variable() -> None:
    command = 'celery beat --schedule "$STATE_DIRECTORY/beat" ${STATE_DIRECTORY} $STATE_DIRECTORY_TOO'
    app = {**RELEASED, "background": [{"name": "beat", "command": command}]}
    assert parsed(written("background.service", app))["Service"]["ExecStart"] == [
        '/usr/bin/env celery beat --schedule "/var/lib/webstack/shop/beat" /var/lib/webstack/shop $$STATE_DIRECTORY_TOO'
    ]


def test_the_target_of_a_release_wants_what_runs_beside_it_and_stops_with_it() -> None:
    target = parsed(written("target", BESIDE))
    assert target["Unit"]["Wants"] == ["shop-mailer-1@%i.service shop-purge@%i.timer"]
    assert target["Install"]["WantedBy"] == ["multi-user.target"]
    for kind in ("background.service", "scheduled.timer"):
        assert parsed(written(kind, BESIDE))["Unit"]["PartOf"] == ["shop@%i.target"]


def test_a_scheduled_command_waits_for_that_of_the_release_before_and_its_time_counts_from_then() -> None:
    (command,) = parsed(written("scheduled.service", BESIDE))["Service"]["ExecStart"]
    assert command == (
        "/usr/bin/flock /run/shop-purge /usr/bin/timeout --foreground --kill-after=90 60 /usr/bin/env flask purge"
    )
    assert parsed(written("scheduled.timer", BESIDE))["Timer"]["OnCalendar"] == ["hourly"]


def test_no_file_that_others_may_read_holds_the_environment() -> None:
    for file in gunicorn.gunicorn_release_files([BESIDE], value("gunicorn", "__gunicorn_defaults")):
        text = render("gunicorn", file["src"], {"gunicorn_apps": [BESIDE], **file["vars"]})
        assert ("canary" in text) is (file["mode"] == "0640" if "mode" in file else False), file["dest"]


def test_every_app_has_a_user_of_its_own_and_none_can_log_in() -> None:
    users = gunicorn.gunicorn_users([PLAIN, {**RELEASED, "user": "seller"}])
    text = render("gunicorn", "sysusers.conf.j2", {"users": users})
    lines = [line for line in text.splitlines() if line.startswith("u ")]
    assert lines == [f'u {user} - "Python applications" /nonexistent /usr/sbin/nologin' for user in ("shop", "seller")]


@pytest.mark.parametrize("role", ["gunicorn", "app_deploy"])
def test_mistakes_in_its_apps_are_found_by_the_role_s_check(role: str) -> None:
    apps = {f"{role}_apps": [{"name": "Shop", "health_path": "/"}]}
    found = value(role, f"__{role}_mistakes", **apps)
    assert any('the name "Shop" must be lower-case letters' in sentence for sentence in found)
    assert value(role, f"__{role}_mistakes", **{f"{role}_apps": []}) == []


@pytest.mark.parametrize("template", ["gunicorn.service", "background.service", "scheduled.service"])
def test_all_of_a_release_runs_in_the_folder_below_it_that_the_app_names(template: str) -> None:
    beside: dict[str, Any] = {
        "background": [{"name": "work", "command": "work"}],
        "scheduled": [{"name": "tick", "command": "tick", "on_calendar": "hourly"}],
    }
    service = parsed(written(template, {**RELEASED, **beside, "chdir": "backend"}))["Service"]
    assert service["WorkingDirectory"] == ["/srv/shop/releases/%i/backend"]
    # The environment is the release's.
    assert "/srv/shop/releases/%i/.venv/bin" in str(service)
    assert "backend/.venv" not in str(service)
