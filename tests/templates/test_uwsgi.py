"""uWSGI's settings are read and its units taken apart; what both servers share is compared with gunicorn's."""

from __future__ import annotations

from typing import Any

from ansible_collections.foobar.webstack.plugins.filter import gunicorn, uwsgi

from . import ROLES, render, value
from .test_gunicorn import Unit, parsed

RELEASED = {"name": "shop", "module": "shop:app", "releases_path": "/srv/shop/releases"}
PLAIN = {"name": "shop", "module": "shop:app", "chdir": "/opt/shop"}
BESIDE = {
    **RELEASED,
    "wsgi_app": "shop:app",
    "environment": {"SECRET_KEY": "canary"},
    "background": [{"name": "mailer", "command": "work", "stop_timeout": 90}],
    "scheduled": [{"name": "purge", "command": "flask purge", "on_calendar": "hourly", "timeout": 60}],
}


def texts(app: dict[str, Any], role: str = "uwsgi", **variables: Any) -> dict[str, str]:
    """Return all files that the role makes for an app, by the names of their templates."""
    filters = {"gunicorn": gunicorn, "uwsgi": uwsgi}[role].FilterModule().filters()
    defaults = value(role, f"__{role}_defaults", **variables)
    files = [*filters[f"{role}_files"]([app], defaults), *filters[f"{role}_environments"]([app])]
    files += filters[f"{role}_release_files"]([app], defaults)
    return {file["src"]: render(role, file["src"], {**variables, **file["vars"]}) for file in files}


def service(app: dict[str, Any], **variables: Any) -> Unit:
    """Return the settings by section of the service that runs an app."""
    return parsed(texts(app, **variables)["uwsgi.service.j2"])


def test_an_app_gets_the_defaults_of_all_apps_and_its_own_values_win() -> None:
    lines = texts(PLAIN, uwsgi_threads=3, uwsgi_processes=5)["uwsgi.ini.j2"].splitlines()
    assert lines[lines.index("[uwsgi]") + 1] == "strict = true"
    assert {"threads = 3", "processes = 5"} < set(lines)
    assert "threads = 1" in texts(PLAIN | {"threads": 1}, uwsgi_threads=3)["uwsgi.ini.j2"].splitlines()


def test_a_release_has_its_own_folder_settings_environment_and_socket() -> None:
    unit = service(RELEASED)
    (command,) = unit["Service"]["ExecStart"]
    assert command.endswith(" /srv/shop/releases/%i/.venv/bin/uwsgi --ini /etc/uwsgi/shop/%i/uwsgi.ini")
    assert unit["Service"]["WorkingDirectory"] == ["/srv/shop/releases/%i"]
    assert unit["Service"]["EnvironmentFile"] == ["/etc/uwsgi/shop/%i/env"]
    assert unit["Unit"]["Requires"] == unit["Install"]["Also"] == ["uwsgi-shop@%i.socket"]
    assert parsed(texts(RELEASED)["socket.j2"])["Socket"]["ListenStream"] == ["/run/uwsgi-shop/%i.sock"]


def test_an_app_at_a_fixed_path_is_no_template() -> None:
    assert not [text for text in texts(PLAIN).values() if "%i" in text]
    assert service({**PLAIN, "virtualenv": "/opt/venv"})["Service"]["ExecStart"][0].endswith(
        " /opt/venv/bin/uwsgi --ini /etc/uwsgi/shop.ini"
    )


def test_uwsgi_is_stopped_by_the_signal_at_which_requests_are_finished() -> None:
    told = service({**RELEASED, "options": {"worker-reload-mercy": 60}})["Service"]
    assert told["TimeoutStopSec"] == ["65"]
    unit = service({**RELEASED, "worker_reload_mercy": 90})["Service"]
    assert unit["KillSignal"] == ["SIGHUP"]
    assert unit["KillMode"] == ["control-group"]
    assert unit["TimeoutStopSec"] == ["95"]
    lines = texts(RELEASED)["uwsgi.ini.j2"].splitlines()
    assert "hook-master-start = unix_signal:1 gracefully_kill_them_all" in lines


def test_what_runs_beside_a_release_is_the_same_whichever_server_runs_it() -> None:
    theirs, ours = texts(BESIDE, "gunicorn"), texts(BESIDE)
    shared = {path.name for path in (ROLES / "uwsgi/templates").iterdir() if path.is_symlink()} & ours.keys()
    assert {"background.service.j2", "scheduled.service.j2", "scheduled.timer.j2", "target.j2"} < shared
    for name in shared:
        assert ours[name].replace("uwsgi", "gunicorn") == theirs[name], name


def test_the_sandbox_is_that_of_gunicorn() -> None:
    own = {"Type", "ExecStart", "KillSignal", "EnvironmentFile"}
    theirs, ours = parsed(texts(BESIDE, "gunicorn")["gunicorn.service.j2"])["Service"], service(BESIDE)["Service"]
    assert {key: item for key, item in ours.items() if key not in own} == {
        key: item for key, item in theirs.items() if key not in own
    }


def test_no_file_that_others_may_read_holds_the_environment() -> None:
    assert [name for name, text in texts(BESIDE).items() if "canary" in text] == ["environment.j2"]
