"""Which release is made, and what builds it."""

from __future__ import annotations

from typing import Any

import pytest

from . import value

APP = {
    "name": "shop",
    "directory": "/src/shop",
    "service": "gunicorn-shop",
    "sockets_path": "/run/gunicorn-shop",
    "health_path": "/health",
}
SOURCE = {"revision": "0123456789abcdef", "files": ["shop.py"]}


def told(name: str, app: dict[str, Any] | None = None, **variables: Any) -> Any:
    """Return one of the role's own variables, for an app with some further keys."""
    entry = {**APP, **(app or {})}
    known = {
        "__app_deploy_name": "shop",
        "__app_deploy_app": entry,
        "__app_deploy_source": SOURCE,
        "__app_deploy_info": {"settings": "1"},
    }
    return value("app_deploy", name, **{**known, **variables})


def test_the_same_source_and_settings_are_the_same_release() -> None:
    assert told("__app_deploy_id").startswith("01234567-")
    assert told("__app_deploy_id") == told("__app_deploy_id")
    assert told("__app_deploy_id", {"directory": "/elsewhere", "health_timeout": 5}) == told("__app_deploy_id")


@pytest.mark.parametrize(
    "app",
    [{"build_commands": ["make"]}, {"python": "/usr/bin/python3.13"}, {"installer": "pip"}, {"settings_files": ["/x"]}],
)
def test_what_is_built_or_run_differently_is_another_release(app: dict[str, Any]) -> None:
    assert told("__app_deploy_id", app) != told("__app_deploy_id")


@pytest.mark.parametrize(
    ("live", "bad", "retry", "stays"),
    [
        ("11111111-aaaaaaaa", [], False, False),
        ("11111111-aaaaaaaa", ["01234567-aaaaaaaa"], False, True),  # the same code with other settings
        ("11111111-aaaaaaaa", ["01234567-aaaaaaaa"], True, False),
        ("01234567-bbbbbbbb", ["01234567-aaaaaaaa"], False, False),  # the code is live, so its settings were bad
        ("11111111-aaaaaaaa", ["22222222-aaaaaaaa"], False, False),
    ],
)
def test_bad_code_does_not_come_back_with_other_settings(live: str, bad: list[str], retry: bool, stays: bool) -> None:
    info = {"settings": "1", "live": live, "bad": bad}
    assert told("__app_deploy_stays_back", __app_deploy_info=info, app_deploy_retry_bad=retry) is stays


@pytest.mark.parametrize(
    ("installer", "files", "lock"),
    [
        ("uv", ["pyproject.toml", "requirements.txt", "uv.lock"], "uv.lock"),
        ("uv", ["pyproject.toml", "requirements.txt"], "requirements.txt"),
        ("pip", ["pyproject.toml", "uv.lock"], "pyproject.toml"),
        ("pip", ["shop.py"], "none"),
    ],
)
def test_the_best_lock_that_the_tool_reads_is_taken(installer: str, files: list[str], lock: str) -> None:
    app, source = {"installer": installer}, {**SOURCE, "files": files}
    assert told("__app_deploy_lock", app, __app_deploy_source=source) == lock
    assert lock in told("__app_deploy_environment_commands", app, __app_deploy_source=source)


def test_the_build_runs_without_the_app_s_rights_and_the_migration_without_the_builder_s() -> None:
    builder = told("__app_deploy_as_builder", app_deploy_build_environment={"NODE_ENV": "a b"})
    assert "--property=User=shop-build" in builder
    assert "--setenv=NODE_ENV=a b" in builder
    assert "--property=User=shop" in told("__app_deploy_as_user")
    assert "--property=User=shop-build" not in told("__app_deploy_as_user")
