"""The filters that find mistakes in lists of applications."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.filter import apps

PLAIN = {"name": "shop", "chdir": "/srv/shop"}
DEPLOYED = {"name": "shop", "directory": "shop", "health_path": "/health"}


def test_nothing_is_wrong_with_the_usual_apps() -> None:
    for memory in ("infinity", "512M", "1073741824", "50%"):
        assert apps.gunicorn_mistakes([PLAIN | {"memory_max": memory}], "27.0.1") == []
    assert apps.gunicorn_mistakes([PLAIN | {"environment": {"DEBUG": False, "KEY": "a=b"}}], "27.0.1") == []
    assert apps.app_deploy_mistakes([DEPLOYED, DEPLOYED | {"name": "shop_2"}]) == []


@pytest.mark.parametrize("name", ["Shop", "1shop", "my-shop", "shop\n", "", "s" * 25])
def test_a_name_that_could_not_be_a_user_is_refused(name: str) -> None:
    for mistakes in (
        apps.gunicorn_mistakes([PLAIN | {"name": name}], "27.0.1"),
        apps.app_deploy_mistakes([DEPLOYED | {"name": name}]),
    ):
        assert len(mistakes) == 1
        assert "must be lower-case letters" in mistakes[0]


def test_two_apps_of_one_name_are_refused() -> None:
    assert apps.gunicorn_mistakes([PLAIN, PLAIN], "27") == ["gunicorn_apps: the name shop must be listed once."]
    assert apps.app_deploy_mistakes([DEPLOYED] * 3) == ["app_deploy_apps: the name shop must be listed once."]


@pytest.mark.parametrize(
    ("app", "version", "words"),
    [
        ({"name": "shop"}, "27.0.1", "shop needs either chdir"),
        (PLAIN | {"releases_path": "/srv/shop/releases"}, "27.0.1", "shop needs either chdir"),
        (PLAIN | {"environment": {"A-B": "x"}}, "27.0.1", "environment has A-B:"),
        (PLAIN | {"environment": {"KEY": "secret\nsecret"}}, "27.0.1", "environment has KEY:"),
        (PLAIN | {"environment": {1: "secret"}}, "27.0.1", "environment has 1:"),
        (PLAIN | {"name": "mysql"}, "27.0.1", "mysql is that of a user of the system's"),
        (PLAIN | {"name": "shadow"}, "27.0.1", "shadow is that of a user of the system's"),
        (PLAIN | {"user": "root"}, "27.0.1", "shop can't run as root"),
        (PLAIN | {"memory_max": "512MB"}, "27.0.1", "memory_max of shop is 512MB"),
        (PLAIN, "26.3.0", "gunicorn_version: 26.3.0 is too old"),
        (PLAIN, "latest", "gunicorn_version: latest is too old"),
        (PLAIN, 26.3, "gunicorn_version: 26.3 is too old"),
    ],
)
def test_mistakes_of_gunicorn_apps_are_named_without_the_values(
    app: dict[str, Any], version: str | float, words: str
) -> None:
    mistakes = apps.gunicorn_mistakes([app], version)
    assert len(mistakes) == 1
    assert words in mistakes[0]
    assert "secret" not in mistakes[0]


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ({"name": "shop", "health_path": "/"}, "shop needs one source"),
        (DEPLOYED | {"repo": "https://git.example.com/shop"}, "shop needs one source"),
        (DEPLOYED | {"user": "root"}, "shop can't run as root"),
        (DEPLOYED | {"shared_files": ["/etc/shop.conf"]}, '"/etc/shop.conf" of shop must be a path below its release'),
        (DEPLOYED | {"shared_paths": ["a/../../b"]}, '"a/../../b" of shop must be a path below its release'),
        (DEPLOYED | {"shared_paths": ["./"]}, '"./" of shop must be a path below its release'),
        (DEPLOYED | {"health_path": "health"}, 'the health_path of shop must begin with "/"'),
    ],
)
def test_mistakes_of_app_deploy_apps_are_named(app: dict[str, Any], words: str) -> None:
    mistakes = apps.app_deploy_mistakes([app])
    assert len(mistakes) == 1
    assert words in mistakes[0]


def test_a_password_in_the_address_of_a_repository_is_refused_and_not_repeated() -> None:
    app = {"name": "shop", "repo": "https://me:secret@example.com/shop", "health_path": "/"}
    mistakes = apps.app_deploy_mistakes([app])
    assert "the repo of shop holds a password" in mistakes[0]
    assert "secret" not in mistakes[0]
    assert len(apps.app_deploy_mistakes([app | {"repo": "https://token@example.com/shop"}])) == 1
    for fine in ["git@example.com:shop.git", "ssh://git@example.com/shop", "https://example.com/shop@2"]:
        assert apps.app_deploy_mistakes([app | {"repo": fine}]) == []


def test_a_password_in_the_address_of_an_archive_is_refused_and_not_repeated() -> None:
    app = {"name": "shop", "archive": "https://me:secret@example.com/shop.tar", "health_path": "/"}
    (mistake,) = apps.app_deploy_mistakes([app])
    assert "the archive of shop holds a password or a token, which every run would show; use ~/.netrc" in mistake
    assert "secret" not in mistake
    assert len(apps.app_deploy_mistakes([app | {"archive": "https://token@example.com/shop.tar"}])) == 1
    assert len(apps.app_deploy_mistakes([app | {"archive": "https://me:sec/ret=@example.com/shop.tar"}])) == 1
    for fine in ["shop.tar", "/srv/me:x/shop@2.tar", "https://example.com:8080/shop@2.tar"]:
        assert apps.app_deploy_mistakes([app | {"archive": fine}]) == []


def test_a_variable_without_a_value_is_refused_and_an_empty_one_is_not() -> None:
    variables = {"SENTRY_DSN": None, "EMPTY": "", "KEY": "secret"}
    assert apps.gunicorn_mistakes([PLAIN | {"environment": variables}], "27.0.1") == [
        'gunicorn_apps: environment of shop has SENTRY_DSN without a value; write "" for an empty one.'
    ]
    assert apps.app_deploy_mistakes([DEPLOYED | {"migrate_environment": variables}]) == [
        'app_deploy_apps: migrate_environment of shop has SENTRY_DSN without a value; write "" for an empty one.'
    ]


def test_numbers_may_be_text_and_text_may_be_numbers() -> None:
    process = {"name": "mailer", "command": True, "replicas": "2"}
    app = {"name": "shop", "releases_path": "/srv/shop/releases", "background": [process]}
    assert apps.gunicorn_mistakes([app], 27.0) == []
    assert "shop-mailer-2@.service" in [unit["name"] for unit in apps.gunicorn_units([app])]
    assert apps.app_deploy_mistakes([DEPLOYED | {"python": 3.12, "shared_paths": [2026]}], "2") == []


def test_what_runs_beside_an_app_is_wanted_by_its_target() -> None:
    app = {
        "name": "shop",
        "background": [{"name": "mailer", "command": "work", "replicas": 2}],
        "scheduled": [{"name": "purge", "command": "purge", "on_calendar": "hourly"}],
    }
    units = {unit["name"]: unit for unit in apps.gunicorn_units([app, {"name": "plain"}])}
    assert list(units) == [
        "shop-mailer-1@.service",
        "shop-mailer-2@.service",
        "shop-purge@.service",
        "shop-purge@.timer",
        "shop@.target",
    ]
    assert units["shop@.target"]["wants"] == [
        "shop-mailer-1@%i.service",
        "shop-mailer-2@%i.service",
        "shop-purge@%i.timer",
    ]
    assert all(unit["app"] is app for unit in units.values())


def test_the_time_of_a_timer_is_judged_by_systemd() -> None:
    process = {"name": "purge", "command": "purge", "on_calendar": "Mon..Fri *-*-* 02:00:00"}
    files = apps.gunicorn_files([{"name": "shop", "releases_path": "/srv/shop/releases", "scheduled": [process]}])
    assert [file["validate"] for file in files if file["src"] == "scheduled.timer.j2"] == [
        "systemd-analyze calendar 'Mon..Fri *-*-* 02:00:00'"
    ]


@pytest.mark.parametrize("there", [True, False])
def test_a_fallback_is_installed_only_where_its_command_is_missing(there: bool, tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    if there:
        (tmp_path / ".venv/bin/gunicorn").touch()
    (command,) = apps.fallbacks(["gunicorn[gevent]==27.0.1"], "echo installing")
    output = subprocess.run(["sh", "-euc", command], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert output.returncode == 0
    assert output.stdout == ("" if there else "installing gunicorn[gevent]==27.0.1\n")


INFO: dict[str, Any] = {
    "live": "c",
    "previous": "b",
    "finished": ["c", "b", "a"],
    "bad": ["a"],
    "unfinished": ["d"],
    "records": {
        "c": {"number": 3, "at": "2026-01-03T00:00:00Z", "by": "jane@laptop", "seconds": 7.6, "revision": "f" * 40},
        "b": {"number": 2, "at": "2026-01-02T00:00:00Z"},
        "a": {"number": 1, "at": "2026-01-01T00:00:00Z", "bad": True},
    },
    "sizes": {"a": 2**20, "b": 0, "c": 2**21},
}


@pytest.mark.parametrize(
    ("release", "words"),
    [("", "no release before"), ("c", "live already"), ("d", "no finished release"), ("a", "rolled back"), ("b", "")],
)
def test_only_another_finished_and_good_release_can_be_gone_back_to(release: str, words: str) -> None:
    obstacle = apps.release_obstacle(INFO, release)
    assert words in obstacle
    assert bool(obstacle) == bool(words)


def test_the_table_shows_every_release_and_what_became_of_it() -> None:
    assert apps.release_table(INFO) == [
        "RELEASE  REVISION      AT                    BY           TOOK  SIZE",
        "c        ffffffffffff  2026-01-03T00:00:00Z  jane@laptop  8 s   2.0 MiB  live",
        "b                      2026-01-02T00:00:00Z               0 s   0.0 MiB  previous",
        "a                      2026-01-01T00:00:00Z               0 s   1.0 MiB  bad",
        "d is not finished.",
    ]


def test_the_releases_after_one_are_the_newer_ones() -> None:
    assert apps.releases_after(["c", "b", "a"], "a") == ["c", "b"]


def test_a_dump_goes_when_no_kept_release_is_older() -> None:
    files = [
        {"path": f"/b/{name}.sql.gz", "mtime": mtime} for name, mtime in [("a.1", 90), ("b.1", 95), ("bad.1", 150)]
    ]
    records = {"c": {"at": "1970-01-01T00:03:20Z"}, "b": {"at": "1970-01-01T00:01:40Z"}}
    assert [file["path"] for file in apps.old_dumps(files, records, ["c", "b"])] == ["/b/a.1.sql.gz"]
    assert [file["path"] for file in apps.old_dumps(files, records, ["c"])] == [f["path"] for f in files]
    assert apps.old_dumps(files, {}, []) == []


def test_the_dump_to_bring_back_is_the_first_one_after_the_release_went_live() -> None:
    files = [
        {"path": f"/b/{name}.sql.gz", "mtime": mtime}
        for name, mtime in (("c.3", 130.0), ("b.2", 120.0), ("a.lost.1", 110.0), ("a.1", 90.0))
    ]
    assert apps.release_dump(files, "1970-01-01T00:01:40Z") == "/b/b.2.sql.gz"
    assert apps.release_dump(files, "1970-01-01T01:00:00Z") == ""
    assert apps.minutes_since(files, "/b/b.2.sql.gz") > 60 * 24 * 365


def test_values_of_the_environment_of_migrations_stand_on_one_line_and_are_not_shown() -> None:
    (mistake,) = apps.app_deploy_mistakes([DEPLOYED | {"migrate_environment": {"KEY": "secret\nsecret"}}])
    assert "migrate_environment has KEY:" in mistake
    assert "secret" not in mistake


def test_the_folders_above_static_files_are_those_within_the_release() -> None:
    assert apps.parents(["public", "shop/static", "shop/dist/assets/"]) == ["shop", "shop/dist"]
    assert apps.parents([]) == []
    assert apps.parents([2024, "a/1"]) == ["a"]  # type: ignore[list-item]


def test_at_least_one_host_goes_live_at_a_time() -> None:
    assert "app_deploy_serial: 0" in apps.app_deploy_mistakes([], 0)[0]
