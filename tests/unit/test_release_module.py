"""The module release and what it finds: on a folder that stands for a server, with a systemd that only remembers."""

from __future__ import annotations

import grp
import json
import os
import pwd
import time
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import (
    release_lock,
    release_settings,
    release_state,
    release_units,
    releases,
    run_program,
)
from ansible_collections.foobar.webstack.plugins.module_utils.release_state import State
from ansible_collections.foobar.webstack.plugins.module_utils.secret_fingerprints import Fingerprints

from tests import calls

USER, GROUP = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
OWNER = {"by": "jane@laptop", "machine": "laptop", "pids": "1", "pid": 1, "boot": "1", "started": "1"}

HEALTH = {"path": "/health"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


class Server:
    """A server with one app: its folders, and systemd's commands."""

    def __init__(self, root: Path) -> None:
        """Begin with nothing."""
        self.root, self.path, self.units = root, root / "srv/shop", root / "units"
        self.commands: list[list[str]] = []
        self.listed = self.restarts = ""
        self.app: dict[str, Any] = {
            "name": "shop",
            "path": str(self.path),
            "service": "gunicorn-shop",
            "target": "shop",
            "sockets": str(root / "run"),
            "keep": 5,
            "watch": 5,
            "user": USER,
            "shared_settings": [f"{root}/etc/gunicorn/shop.env", f"{self.units}/gunicorn-shop@.service"],
        }

    def run_command(self, command: list[str], **_: Any) -> tuple[int, str, str]:
        """Take the place of a module's run_command; only those units are loaded that are `listed`."""
        self.commands.append(command)
        output = {"list-units": self.listed, "show": self.restarts}.get(command[1], "")
        return (1 if "is-active" in command else 0), output, ""

    def serves(self, name: str) -> None:
        """Let a release's service run, now and at boot."""
        self.listed += f"gunicorn-shop@{name}.service loaded active running gunicorn\n"
        wants = self.units / "multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / f"gunicorn-shop@{name}.service").symlink_to(f"{self.units}/gunicorn-shop@{name}.service")

    def finished(self, *names: str) -> None:
        """Make releases live, one after the other."""
        for name in names:
            (self.path / "releases" / name).mkdir(parents=True)
            releases.switch(self.path, name, [], {})

    def settings(self, word: str = "one") -> list[dict[str, str]]:
        """Return what a release is to run with."""
        own = {"owner": USER, "group": GROUP}
        return [
            {"dest": f"{self.units}/gunicorn-shop@%i.service", "content": f"# {word}\n", **own},
            {"dest": f"{self.root}/etc/gunicorn/shop/%i/env", "content": f'P="{word}"\n', "mode": "0640", **own},
        ]

    def own(self, name: str, word: str = "one") -> None:
        """Give a release settings of its own, with a password."""
        manifest = release_settings.manifest_of(name, self.settings(word), {"database": word})
        release_settings.write("shop", name, manifest)

    def shared(self) -> None:
        """Write the files that all releases shared in version 0.1.0."""
        for file in self.app["shared_settings"]:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text("#\n# Ansible managed\n#\n")

    def text(self, name: str) -> str:
        """Return the environment of a release."""
        return (self.root / "etc/gunicorn/shop" / name / "env").read_text()

    def do(self, state: str, **options: Any) -> dict[str, Any]:
        """Run the module; fail where it fails."""
        result = self.fail(state, **options)
        assert not result.get("failed"), result["msg"]
        return result

    def fail(self, state: str, **options: Any) -> dict[str, Any]:
        """Run the module."""
        return calls.module("release", {"app": self.app, "state": state, "owner": OWNER, **options})

    def found(self) -> dict[str, Any]:
        """Return what the server holds."""
        app = {"shared_paths": [], **self.app}
        return release_state.gather(app, {})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server in a folder."""
    server = Server(tmp_path)
    for module in (release_settings, release_state):
        monkeypatch.setattr(module, "UNITS", str(server.units))
    for function in (release_settings.read, release_settings.write, release_settings.remove):
        monkeypatch.setattr(function, "__defaults__", (tmp_path / "manifests",))
    monkeypatch.setattr(run_program, "PROGRAM", str(tmp_path / "webstack-run"))
    release_settings.restore(run_program.manifest())
    monkeypatch.setattr(release_lock, "LOCKS", tmp_path / "locks")
    monkeypatch.setattr(releases.log, "__defaults__", (tmp_path / "logs",))
    monkeypatch.setattr(AnsibleModule, "run_command", lambda _, command, **more: server.run_command(command, **more))
    release_lock.hold(tmp_path / "locks/shop.lock", OWNER, {}, 3600)
    return server


def test_with_the_lock_comes_what_a_new_release_runs_with(server: Server) -> None:
    server.do("locked", release="a", settings=server.settings())
    assert server.text("a") == 'P="one"\n'
    assert (server.units / "gunicorn-shop@a.service").exists()
    assert ["systemctl", "daemon-reload"] in server.commands


def test_what_a_finished_release_runs_with_is_not_changed(server: Server) -> None:
    server.finished("a")
    server.own("a")
    server.do("locked", release="a", settings=server.settings("two"))
    assert server.text("a") == 'P="one"\n'


def test_no_output_shows_what_a_release_runs_with(server: Server) -> None:
    options = {"release": "a", "settings": server.settings("canary"), "passwords": {"database": "canary"}}
    assert "canary" not in json.dumps(server.do("locked", **options))
    assert "canary" not in json.dumps(server.do("pruned", passwords={"database": "canary"}))


def test_settings_that_their_program_refuses_are_not_written_and_give_the_lock_back(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = (1, "", "Failed to parse calendar")
    run = server.run_command
    monkeypatch.setattr(server, "run_command", lambda command, **_: refused if command == "no" else run(command))
    (file, *_) = server.settings()
    result = server.fail("locked", release="a", settings=[{**file, "validate": "no"}])
    assert result["msg"].endswith("is refused: Failed to parse calendar")
    assert not server.units.exists()
    assert release_lock.held(release_lock.LOCKS / "shop.lock") == {}


def test_settings_of_a_release_that_never_came_go_with_the_next_cleanup(server: Server) -> None:
    server.finished("live")
    server.own("live")
    server.do("locked", release="a", settings=server.settings())
    assert server.found()["orphans"] == ["a"]
    assert server.do("pruned")["unused"] == []
    assert not (server.units / "gunicorn-shop@a.service").exists()
    assert server.text("live") == 'P="one"\n'


def test_files_of_a_release_that_is_not_kept_go_with_it(server: Server) -> None:
    server.app["keep"] = 2
    for name in "abc":
        server.finished(name)
        server.own(name)
    server.do("pruned")
    assert not (server.path / "releases/a").exists()
    assert not (server.root / "etc/gunicorn/shop/a").exists()
    assert [server.text(name) for name in "bc"] == ['P="one"\n'] * 2


def test_a_kept_release_that_is_wanted_again_is_not_removed_where_fewer_are_kept_now(server: Server) -> None:
    for name in "abcd":
        server.finished(name)
        server.own(name)
    server.app["keep"] = 2
    result = server.do("locked", release="a", settings=server.settings("two"))
    assert "a" in result["complete"]
    assert server.text("a") == 'P="one"\n'
    assert "b" not in result["complete"]


def test_a_release_that_is_gone_back_to_is_not_removed_where_fewer_are_kept_now(server: Server) -> None:
    for name in "abcd":
        server.finished(name)
        server.own(name)
    server.app["keep"] = 2
    result = server.do("locked", release="a", event="rollback")
    assert result["goal"] == "a"
    assert "a" in result["complete"]


def test_what_an_interrupted_build_has_left_is_removed_with_the_lock(server: Server) -> None:
    server.finished("live")
    release = "1a2b3c4d-5e6f7a8b"
    (server.path / "releases" / release).mkdir()
    server.do("locked", release=release, settings=server.settings())
    assert not (server.path / "releases" / release).exists()
    assert server.text(release) == 'P="one"\n'


def test_folders_of_another_tool_beside_the_releases_are_left_alone(server: Server) -> None:
    server.finished("live")
    for name in ("20260102030405", "keep", "1a2b3c4d-5e6f7a8b.bak"):
        (server.path / "releases" / name).mkdir()
    (server.path / "releases/1a2b3c4d-5e6f7a8c").symlink_to("live")
    assert server.do("locked", release="a")["changed"] is False
    server.do("pruned")
    assert len(list((server.path / "releases").iterdir())) == 5


@pytest.mark.parametrize("link", ["current", "previous"])
def test_a_link_to_a_release_of_another_tool_is_refused_and_stays(server: Server, link: str) -> None:
    (server.path / "releases/20260102030405").mkdir(parents=True)
    (server.path / link).symlink_to("releases/20260102030405")
    refused = server.fail("locked", release="a")["msg"]
    assert f"{link} leads to {server.path}/releases/20260102030405, which is no release of this role" in refused
    assert (server.path / link).readlink() == Path("releases/20260102030405")


def test_files_that_releases_share_stay_as_long_as_one_of_these_is_kept_and_go_with_the_last(server: Server) -> None:
    server.shared()
    server.app["keep"] = 2
    server.finished("old")
    server.do("pruned")
    server.finished("b")
    server.own("b")
    result = server.do("pruned")
    assert result["unused"] == []
    assert all(Path(file).exists() for file in server.app["shared_settings"])
    server.finished("c")
    server.own("c")
    server.do("pruned")
    assert not any(Path(file).exists() for file in server.app["shared_settings"])


def test_files_that_releases_share_stay_where_nothing_is_live(server: Server) -> None:
    server.shared()
    assert server.found()["unused"] == []


def test_a_changed_password_reaches_kept_releases_and_never_the_live_one(server: Server) -> None:
    for name in "ab":
        server.finished(name)
        server.own(name, "old")
    result = server.do("pruned", passwords={"database": "new"})
    assert result["changed"] is True
    assert server.text("a") == 'P="new"\n'
    assert server.text("b") == 'P="old"\n'
    assert server.do("pruned", passwords={"database": "new"})["changed"] is False


def test_a_kept_release_that_goes_live_again_knows_the_password_of_today(server: Server) -> None:
    """Back to an old password, the kept release of that time is the wanted one, and knows the one in between."""
    server.finished("old", "new")
    for name in ("old", "new"):
        server.own(name)
    before = server.text("old")
    server.do("pruned", passwords={"database": "between"})
    assert server.text("old") != before
    server.do("locked", release="old", passwords={"database": "one"})
    assert server.text("old") == before


def fingerprints(server: Server, monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    """Let the server know passwords."""
    store = server.root / "secrets.json"
    monkeypatch.setattr("ansible_collections.foobar.webstack.plugins.modules.release.STORE", str(store))
    kept = Fingerprints(store)
    kept.replace({f"vault_{number}": value for number, value in enumerate(values)}, set())
    kept.write()


def test_a_rollback_of_a_controller_without_the_server_s_secrets_renews_no_password(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprints(server, monkeypatch, "of the server")
    server.finished("old", "new")
    server.own("old", "of the server")
    for state in ("pruned", "locked"):
        server.do(state, event="rollback", passwords={"database": "made up elsewhere"})
        assert server.text("old") == 'P="of the server"\n'


def test_a_rollback_renews_a_password_that_the_server_knows(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    fingerprints(server, monkeypatch, "of the server")
    server.finished("old", "new")
    # By its fingerprint; as one that the live release runs with; and as none of the secrets, but a part of the entry.
    for before, live, today in [
        ("before", "before", "of the server"),
        ("of the server", "meant to be new", "meant to be new"),
        ("literal", "literal", "another literal"),
    ]:
        server.own("old", before)
        server.own("new", live)
        server.do("locked", event="rollback", passwords={"database": today})
        assert server.text("old") == f'P="{today}"\n'


def test_a_deploy_renews_a_password_before_the_server_knows_it(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Back to the password before, a kept release that knows the one in between goes live with the one of today."""
    fingerprints(server, monkeypatch, "between")
    server.finished("old", "new")
    server.own("old", "between")
    server.own("new", "between")
    server.do("locked", release="old", passwords={"database": "before"})
    assert server.text("old") == 'P="before"\n'
    server.do("pruned", passwords={"database": "after"})
    assert server.text("old") == 'P="after"\n'


def test_a_file_that_was_changed_is_found_and_a_repair_restores_it(server: Server) -> None:
    server.finished("a")
    server.own("a")
    file = server.root / "etc/gunicorn/shop/a/env"
    file.write_text("edited")
    assert server.found()["drifted"] == [str(file)]
    server.serves("a")
    assert server.do("repaired", health=HEALTH)["drifted"] == []
    assert server.text("a") == 'P="one"\n'


@pytest.mark.parametrize("state", ["locked", "repaired"])
def test_the_program_for_single_commands_is_missed_and_written(server: Server, state: str) -> None:
    program = server.root / "webstack-run"
    before = program.read_text()
    assert before.startswith("#!/usr/bin/python3\n")
    server.finished("a")
    program.write_text("of another version")
    assert server.found()["drifted"] == [str(program)]
    server.serves("a")
    assert server.do(state, health=HEALTH)["drifted"] == []
    assert program.read_text() == before
    assert program.stat().st_mode & 0o777 == 0o755


def test_the_target_of_a_release_is_its_own_and_a_template_counts_where_it_has_no_files(server: Server) -> None:
    server.units.mkdir()
    (server.units / "shop@.target").touch()
    server.finished("old")
    assert server.found()["has_target"] is True
    server.finished("new")
    server.own("new")
    assert server.found()["has_target"] is False


def test_a_release_that_was_rolled_back_is_refused_by_a_deploy_which_gives_the_lock_back(server: Server) -> None:
    server.finished("11111111-a", "22222222-a")
    releases.switch(server.path, "11111111-a", ["22222222-a"], {})
    result = server.fail("locked", release="22222222-b", refuse_bad=True)
    assert result["msg"].startswith("shop: release 22222222-b, or its code, was rolled back as a bad one;")
    assert release_lock.held(release_lock.LOCKS / "shop.lock") == {}


def test_a_rollback_without_a_name_goes_to_the_release_before_and_one_to_nowhere_is_refused(server: Server) -> None:
    server.finished("a")
    result = server.fail("locked", event="rollback")
    assert result["msg"] == "shop: there is no release before the live one to go back to."
    server.finished("b")
    assert server.do("locked", event="rollback")["goal"] == "a"


@pytest.mark.parametrize("state", ["live", "reverted", "stopped", "repaired", "pruned"])
def test_a_run_whose_lock_another_one_has_taken_over_changes_nothing(server: Server, state: str) -> None:
    server.finished("a", "b")
    lock = release_lock.LOCKS / "shop.lock"
    release_lock.hold(lock, {**OWNER, "by": "joe@ci"}, OWNER, 3600)
    before = server.found()
    refused = server.fail(state, release="b", health={"path": "/"})
    assert refused["msg"] == ("shop: this run does not hold the lock any more: joe@ci has taken it over; run it again.")
    lock.unlink()
    refused = server.fail(state, release="b", health={"path": "/"})
    assert "another run has had it since, or the server was restarted; run it again." in refused["msg"]
    assert server.found() == before
    assert server.commands == []


def test_all_that_runs_of_an_app_is_stopped_and_no_unit_of_somebody_else(server: Server) -> None:
    server.finished("a", "b")
    removed = "1a2b3c4d-5e6f7a8b"
    ours = ["gunicorn-shop@b.service", "gunicorn-shop@b.socket", "shop@b.target", f"shop-purge@{removed}.service"]
    others = ["shop-backup@daily.service", "shop-backup.service", "shop2@b.target", "gunicorn-shop2@b.service"]
    server.listed = "".join(f"{unit} loaded active running\n" for unit in ours + others)
    server.listed += "shop-mailer-1@b.service not-found inactive dead\n"
    server.do("stopped")
    stopped = [command[2:] for command in server.commands if command[:2] == ["systemctl", "stop"]]
    assert stopped == [
        ["shop@b.target", f"shop-purge@{removed}.service"],
        ["gunicorn-shop@b.socket", "gunicorn-shop@b.service"],
    ]


def test_a_failure_is_noted_as_that_of_the_run_that_failed(server: Server) -> None:
    release_lock.hold(release_lock.LOCKS / "shop.lock", {**OWNER, "by": "joe@ci"}, OWNER, 3600)
    server.do("failed", reason="migrate: no")
    (line,) = (server.root / "logs/shop.log").read_text().splitlines()
    assert json.loads(line)["by"] == "jane@laptop"


def test_a_folder_in_the_place_of_a_link_is_refused(server: Server) -> None:
    (server.path / "current").mkdir(parents=True)
    assert "is a real file or folder, not a link to a release" in server.fail("locked", release="a")["msg"]


def test_only_a_scheduled_command_of_another_release_is_busy(server: Server) -> None:
    server.finished("a", "b")
    states = {
        "shop-backup@daily.service": State("activating", "start"),
        "shop-purge@a.service": State("activating", "start"),
        "shop-purge@b.service": State("activating", "start"),
        "shop-mailer-1@a.service": State("activating", "auto-restart"),
        "gunicorn-shop@a.service": State("active", "running"),
    }
    assert release_state.gather({"shared_paths": [], **server.app}, states)["busy"] == ["a"]


def test_apps_whose_scheduled_commands_still_run_after_cleanup_are_named_together(server: Server) -> None:
    server.finished("a", "b")
    assert server.do("pruned", busy_apps=["api"])["busy_apps"] == ["api"]
    server.listed = "shop-purge@a.service loaded activating start Purge\n"
    assert server.do("pruned", busy_apps=["api"])["busy_apps"] == ["api", "shop"]


def test_logs_in_a_shared_folder_are_rotated_and_no_longer_when_it_is_none_any_more(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = server.root / "etc/logrotate.d/webstack-shop"
    monkeypatch.setattr(release_state.log_rotation.names, "rotation", lambda _: str(file))
    server.app["shared_paths"] = ["logs"]
    server.path.mkdir(parents=True)
    server.do("locked", release="a")
    assert f"{server.path}/shared/logs/*.log" in file.read_text()
    server.finished("a")
    file.write_text("edited")
    assert server.found()["drifted"] == [str(file)]
    server.serves("a")
    server.do("repaired", health=HEALTH)
    assert server.found()["drifted"] == []
    server.app["shared_paths"] = []
    assert server.found()["unused"] == [str(file)]
    server.do("pruned")
    assert not file.exists()


def test_a_release_that_its_sandbox_has_kept_from_something_is_told_the_key(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.finished("a")
    unit = {"dest": f"{server.units}/gunicorn-shop@%i.service", "content": "[Service]\nPrivateNetwork=true\n"}
    server.do("locked", release="b", settings=[{**unit, "owner": USER, "group": GROUP}])
    said = "OSError: [Errno 101] Network is unreachable\n"
    run = server.run_command

    def fails(command: list[str], **more: Any) -> tuple[int, str, str]:
        if command[0] == "journalctl":
            return 0, said, ""
        if command[:2] == ["systemctl", "show"]:
            return 0, "InvocationID=one\nActiveState=activating\nSubState=auto-restart\nResult=exit-code\n", ""
        return (1, "", "no") if "enable" in command else run(command, **more)

    monkeypatch.setattr(server, "run_command", fails)
    refused = server.fail("live", release="b", health={"path": "/", "timeout": 1})
    assert refused["msg"].endswith(
        "; release a serves on. It has no network, which network: true opens, and ip_address_allow in part."
    )


def test_shared_folders_are_made_for_the_app_and_no_link_in_their_place_is_followed(server: Server) -> None:
    server.app |= {"shared_paths": ["up/loads"], "user": "nobody"}
    assert server.found()["unshared"] == [f"{server.path}/shared/up/loads"]
    server.path.mkdir(parents=True)
    server.do("locked", release="a")
    made = server.path / "shared/up/loads"
    assert (made.stat().st_uid, made.stat().st_mode & 0o777) == (pwd.getpwnam("nobody").pw_uid, 0o770)
    assert server.found()["unshared"] == []
    made.rmdir()
    made.symlink_to(server.root)
    assert "is no folder: move it away" in server.fail("repaired", health=HEALTH)["msg"]
    assert server.root.stat().st_uid == 0


@pytest.mark.parametrize("state", ["locked", "repaired"])
def test_a_folder_that_nginx_reads_as_up_to_0_1_0_is_closed_when_a_whole_run_has_set_the_server_up(
    server: Server, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    server.app["shared_paths"] = ["uploads"]
    server.finished("live")
    server.serves("live")
    uploads = server.path / "shared/uploads"
    uploads.mkdir(parents=True)
    for by, unshared, mode in [("", [], 0o751), ("0.2.0", [str(uploads)], 0o770)]:
        uploads.chmod(0o751)
        monkeypatch.setattr(release_state, "set_up_by", lambda _, by=by: by)
        assert server.found()["unshared"] == unshared
        server.do(state, release="next", health=HEALTH)
        assert uploads.stat().st_mode & 0o777 == mode


def test_a_folder_that_everybody_may_write_to_is_closed_on_any_server(server: Server) -> None:
    server.app["shared_paths"] = ["uploads"]
    uploads = server.path / "shared/uploads"
    uploads.mkdir(parents=True)
    uploads.chmod(0o757)
    server.do("locked", release="a")
    assert uploads.stat().st_mode & 0o777 == 0o770


def served_by(server: Server, service: str) -> list[dict[str, str]]:
    """Return what a release is to run with whose requests a service answers."""
    own = {"owner": USER, "group": GROUP}
    return [
        {"dest": f"{server.units}/{service}@%i.{kind}", "content": f"ListenStream=/run/{service}/%i.sock\n", **own}
        for kind in ("socket", "service")
    ]


def test_each_release_is_started_drained_and_gone_back_to_by_the_server_it_was_written_for(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that changes from gunicorn to uWSGI leaves the releases of before theirs."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(release_units, "start", lambda _, unit, path, __: asked.append((unit, str(path))))
    monkeypatch.setattr(release_units, "drain", lambda _, unit, path: asked.append((f"drain {unit}", str(path))))
    old, new = "11111111-11111111", "22222222-22222222"
    wants = server.units / "multi-user.target.wants"
    wants.mkdir(parents=True)
    for name, service in ((old, "gunicorn-shop"), (new, "uwsgi-shop")):
        server.app |= {"service": service, "sockets": f"/run/{service}"}
        server.do("locked", release=name, settings=served_by(server, service))
        (server.path / "releases" / name).mkdir(parents=True)
        server.do("live", release=name, health={"path": "/"})
        (wants / f"{service}@{name}.service").symlink_to(server.units / f"{service}@{name}.service")
        server.do("pruned")
    assert asked == [
        (f"gunicorn-shop@{old}", f"/run/gunicorn-shop/{old}.sock"),
        (f"uwsgi-shop@{new}", f"/run/uwsgi-shop/{new}.sock"),
        (f"drain gunicorn-shop@{old}", f"/run/gunicorn-shop/{old}.sock"),
    ]
    server.do("live", release=old, health={"path": "/"}, event="rollback")
    assert asked[-1] == (f"gunicorn-shop@{old}", f"/run/gunicorn-shop/{old}.sock")
    assert f"gunicorn-shop@{old}.service" in server.found()["missing"]


RELEASE = "11111111-aaaaaaaa"
WORKER, WEB, TARGET = f"shop-mailer-1@{RELEASE}.service", f"gunicorn-shop@{RELEASE}.service", f"shop@{RELEASE}.target"
TIMER = f"shop-purge@{RELEASE}.timer"


@pytest.fixture
def live(server: Server) -> Server:
    """Return a server with a live release that runs, and a worker and a timer beside it."""
    server.finished(RELEASE)
    target = {"dest": f"{server.units}/shop@%i.target", "content": f"Wants={WORKER} {TIMER}\n"}
    own = {"owner": USER, "group": GROUP}
    settings = [*server.settings(), target | own]
    release_settings.write("shop", RELEASE, release_settings.manifest_of(RELEASE, settings, {}))
    server.serves(RELEASE)
    (server.units / "multi-user.target.wants" / TARGET).symlink_to(server.units / TARGET)
    server.listed += f"{TARGET} loaded active active\n{TIMER} loaded active waiting\n"
    return server


def states(server: Server) -> dict[str, Any]:
    """Return what the plan knows of a server."""
    app = {"shared_paths": [], **server.app}
    return release_state.gather(app, release_state.unit_states(lambda command: server.run_command(command)))


def restarts(count: int, lives: float, state: str = "active") -> str:
    """Return what systemd says of a worker that it has restarted some times, the last time before some seconds."""
    since = round((time.monotonic() - lives) * 1_000_000)
    return f"NRestarts=0\nId={WEB}\nActiveState=active\nActiveEnterTimestampMonotonic=1\n\n" + (
        f"NRestarts={count}\nId={WORKER}\nActiveState={state}\nActiveEnterTimestampMonotonic={since}\n"
    )


@pytest.mark.parametrize(
    ("state", "count", "lives", "has_ended"),
    [
        ("failed failed", 0, 0, True),
        ("activating auto-restart", 0, 0, True),
        # Between two of its ends.
        ("active running", 52, 2, True),
        ("activating start", 52, 3600, True),
        # It has come to itself, or a run has just started it.
        ("active running", 1, 3600, False),
        ("active running", 0, 2, False),
    ],
)
def test_a_worker_of_the_live_release_has_ended_until_it_runs_for_as_long_as_it_is_watched(
    live: Server, state: str, count: int, lives: float, has_ended: bool
) -> None:
    live.listed += f"{WORKER} loaded {state} mailer\n"
    live.restarts = restarts(count, lives, state.split()[0])
    found = states(live)
    assert (found["ended"], found["missing"]) == ([WORKER] if has_ended else [], [])


def test_what_does_not_run_beside_the_live_release_is_missing_and_a_failed_job_of_a_timer_is_not(live: Server) -> None:
    live.listed = live.listed.replace(f"{TIMER} loaded active waiting", f"{TIMER} loaded inactive dead")
    live.listed += f"shop-purge@{RELEASE}.service loaded failed failed purge\n"
    found = states(live)
    assert (found["ended"], found["missing"]) == ([], [WORKER, TIMER])


def test_the_server_of_a_live_release_that_ends_is_found_as_one_that_ended(live: Server) -> None:
    live.listed = live.listed.replace(f"{WEB} loaded active running", f"{WEB} loaded activating auto-restart")
    live.listed += f"{WORKER} loaded active running mailer\n"
    found = states(live)
    assert (found["ended"], found["missing"]) == ([WEB], [])


def test_what_has_ended_is_started_afresh_and_nothing_else_is_touched(
    live: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[Any] = []
    monkeypatch.setattr(
        release_units, "watch", lambda _, units, seconds, since: watched.append((units, seconds, since))
    )
    live.listed += f"{WORKER} loaded activating auto-restart mailer\n"
    assert live.do("repaired", health=HEALTH)["changed"] is True
    asked = [command[1:] for command in live.commands if command[1] not in ("list-units", "show")]
    assert asked == [["stop", WORKER], ["reset-failed", WORKER], ["enable", "--now", TARGET]]
    assert watched == [([WORKER], 5, 0)]


def test_one_that_runs_between_two_of_its_ends_is_watched_and_not_stopped(
    live: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_units, "watch", lambda *_, **__: None)
    live.listed += f"{WORKER} loaded active running mailer\n"
    live.restarts = restarts(52, 2)
    live.do("repaired", health=HEALTH)
    assert ["systemctl", "reset-failed", WORKER] in live.commands
    assert not [command for command in live.commands if command[1] == "stop"]


def test_a_worker_that_ends_again_fails_the_run_with_its_last_words_and_its_release_stays_live(
    live: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: Any, **__: Any) -> None:
        reason = f"{WORKER} ended with status 1 (activating, exit-code): KeyError: 'QUEUE'"
        raise release_units.UnhealthyError(reason, "KeyError: 'QUEUE'")

    monkeypatch.setattr(release_units, "watch", end)
    live.listed += f"{WORKER} loaded failed failed mailer\n"
    result = live.fail("repaired", health=HEALTH)
    assert result["msg"] == (
        f"shop: of release {RELEASE}, {WORKER} ended with status 1 (activating, exit-code): KeyError: 'QUEUE'; "
        "it stays live."
    )
    assert result["last_lines"] == ["KeyError: 'QUEUE'"]
    assert states(live)["live"] == RELEASE


def test_a_server_of_a_live_release_that_ends_again_fails_the_run_and_is_not_stopped_for_good(
    live: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*_: Any) -> None:
        raise release_units.UnhealthyError("it ended with status 3 (activating, exit-code)", "no such table")

    monkeypatch.setattr(release_units, "start_again", end)
    live.listed = live.listed.replace(f"{WEB} loaded active running", f"{WEB} loaded failed failed")
    live.listed += f"{WORKER} loaded activating auto-restart mailer\n"
    assert live.fail("repaired", health=HEALTH)["msg"] == (
        f"shop: release {RELEASE} did not answer /health with 200 (it ended with status 3 (activating, exit-code)); "
        "it stays live."
    )
    assert not [command for command in live.commands if "disable" in command]
    # Its worker, which waited for the same, tries again, too.
    assert live.commands[-1] == ["systemctl", "--no-block", "enable", "--now", TARGET]


def test_how_often_a_worker_was_restarted_before_somebody_stopped_it_counts_no_more(
    live: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_units, "watch", lambda *_, **__: None)
    live.listed += f"{WORKER} loaded inactive dead mailer\n"
    live.do("repaired", health=HEALTH)
    assert ["systemctl", "reset-failed", WORKER] in live.commands
