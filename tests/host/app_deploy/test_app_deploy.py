"""Releases, asked over the socket that a web server would use."""

import os
import subprocess
from pathlib import Path

import pytest
import testinfra
from releases import ask, live, path

SOURCES = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "sources"
APPS = ["directory", "repository", "archive"]


@pytest.mark.parametrize("app", APPS)
def test_a_release_answers_with_what_its_lock_says(host, app):
    answer = ask(host, app)
    assert (answer["release"], answer["six"]) == (live(host, app), "1.17.0")


@pytest.mark.parametrize("app", APPS)
def test_an_application_cannot_write_its_own_code(host, app):
    assert ask(host, app)["code"] == "PermissionError"


@pytest.mark.parametrize("app", APPS)
def test_a_process_that_starts_has_nothing_left_to_compile(host, app):
    current = f"{path(app)}/current"
    found = host.check_output(f"cd {current}/ && runuser -u {app} -- .venv/bin/python -m compileall shop.py .venv/lib")
    assert "six.py" in host.check_output(f"find {current}/.venv/lib -name six.py")
    assert "Compiling" not in found


def test_shared_folders_can_be_written_to(host):
    assert ask(host, "directory")["uploads"] == "written"
    assert host.file("/srv/directory/shared/uploads/written").user == "directory"


def test_what_git_ignores_stays_at_home(host):
    assert not host.file(f"{path('directory')}/current/secret.txt").exists
    assert host.file(f"{path('directory')}/current/shop.py").exists


def test_a_stranger_can_read_static_files_but_neither_code_nor_folders(host):
    current = f"{path('directory')}/current"
    assert host.run(f"runuser -u nobody -- cat {current}/web/public/built.txt").stdout == "built by directory-build\n"
    assert host.run(f"runuser -u nobody -- cat {current}/shop.py").rc != 0
    assert host.run(f"runuser -u nobody -- ls {current}/web").rc != 0
    assert host.run(f"runuser -u nobody -- ls {path('directory')}/releases").rc != 0


def test_what_root_makes_lets_the_user_that_builds_and_the_app_in_whatever_the_umask_of_root(host):
    assert host.check_output("find /opt/uv-* ! -type l ! -perm -o=r -o -type d ! -perm -o=x") == ""
    for app in APPS:
        assert host.run(f"runuser -u nobody -- test -e {path(app)}/shared").rc == 0


def test_the_migration_ran_once_for_all_hosts_with_the_applications_environment():
    hosts = [testinfra.get_host(f"docker://webstack-app-deploy-{suite}") for suite in ("trixie", "bookworm")]
    assert sorted(ask(host, "directory")["migrations"][:1] for host in hosts) == [
        [],
        ["directory-canary-directory_with_a_space"],
    ]


def test_the_revision_of_a_repository_is_its_commit(host):
    commit = subprocess.check_output(["git", "rev-parse", "v1"], cwd=SOURCES / "repository", text=True)
    assert host.file(f"{path('repository')}/current/REVISION").content_string == commit


def test_the_live_release_comes_up_at_boot(host):
    assert host.service(f"directory@{live(host)}").is_enabled
    enabled = host.check_output("ls /etc/systemd/system/multi-user.target.wants").split()
    assert [unit for unit in enabled if unit.startswith("directory@")] == [f"directory@{live(host)}.service"]
