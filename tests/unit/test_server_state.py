"""What a server is like, asked in one call that changes nothing."""

from __future__ import annotations

import fcntl
import grp
import inspect
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import dpkg, reach_itself, sandbox_probe
from ansible_collections.foobar.webstack.plugins.module_utils.dpkg import (
    DpkgError,
    broken_packages,
    is_interrupted,
    known_packages,
    lock_holder,
    wanted_package,
)
from ansible_collections.foobar.webstack.plugins.module_utils.systemd_units import (
    PROPERTIES,
    SystemdError,
    timestamp,
    unit_states,
)

from tests import calls

USER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name
DPKG = """\
nginx	amd64	1.26.3-3	hold	ok	installed
gone	amd64	1.0	deinstall	ok	config-files
half	all	1	install	ok	half-configured
torn	amd64	1	install	reinstreq	installed
libc6	i386	2.41	deinstall	ok	config-files
libc6	amd64	2.41	install	ok	installed
"""
UNITS = """\
LoadState=loaded
ActiveState=active
SubState=running
UnitFileState=enabled
NeedDaemonReload=yes
Result=success
ReloadResult=protocol
MainPID=58
FragmentPath=/usr/lib/systemd/system/ssh.service
ActiveEnterTimestamp=Sun 2026-11-29 16:10:27.500000 UTC
ExecMainStartTimestamp=Sun 2026-11-29 16:10:26.302003 UTC

LoadState=not-found
ActiveState=inactive
MainPID=0
ActiveEnterTimestamp=

LoadState=loaded
ActiveState=active
SubState=waiting
ActiveEnterTimestamp=Sun 2026-11-29 16:10:26 UTC
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a server whose dpkg and systemd give the answers above."""
    for name, said in (("dpkg-query", DPKG), ("systemctl", UNITS)):
        (tmp_path / f"{name}.txt").write_text(said)
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f"#!/bin/sh\necho $0 >> {tmp_path}/calls\nexec cat {tmp_path}/{name}.txt\n")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return tmp_path


def state(folder: Path, **asked: Any) -> dict[str, Any]:
    """Ask for the state of this machine, for files below a folder."""
    files = [file | {"dest": str(folder / file["dest"])} for file in asked.pop("files", [])]
    common = {"owner": USER, "group": GROUP, "mode": "0640"}
    return calls.action("server_state", {**common, **asked, "files": files}, {"word": "canary"}, folder=folder)


def answers(code: int, output: str, error: str = "") -> dpkg.Run:
    """Return a way to run commands that always end like this."""
    return lambda command: (code, output, error)


def test_packages_are_asked_for_once_and_told_by_name(server: Path) -> None:
    names = ["nginx", "gone", "half", "nowhere", "libc6", "libc6:i386", "nginx=1.26*", "nginx=1.24*", "nginx>=1.2"]
    result = state(server, packages=names)
    assert {name: package["status"] for name, package in result["packages"].items()} == {
        "nginx": "installed",
        "gone": "missing",
        "half": "half-configured",
        "nowhere": "missing",
        "libc6": "installed",
        "libc6:i386": "missing",
        "nginx=1.26*": "installed",
        "nginx=1.24*": "missing",
        "nginx>=1.2": "missing",
    }
    assert result["packages"]["nginx"] == {"status": "installed", "version": "1.26.3-3", "held": True}
    assert result["missing_packages"] == [name for name in names if name not in ("nginx", "libc6", "nginx=1.26*")]
    assert result["dpkg"]["broken"] == ["half", "torn"]
    assert len((server / "calls").read_text().splitlines()) == 1


def test_a_machine_without_dpkg_has_no_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert known_packages(answers(0, DPKG)) == []
    assert wanted_package("nginx", []).status == "missing"


def test_a_database_that_dpkg_cannot_read_is_a_failure_and_not_an_empty_one(server: Path) -> None:
    with pytest.raises(DpkgError, match="dpkg-query failed: dpkg-query: error: parsing file"):
        known_packages(answers(2, "", "dpkg-query: error: parsing file '/var/lib/dpkg/status'"))


def test_units_are_told_in_the_order_in_which_they_were_asked_for(server: Path) -> None:
    units = state(server, units=["ssh", "nginx", "clean.timer"])["units"]
    assert units["ssh"] == {
        "load_state": "loaded",
        "active_state": "active",
        "sub_state": "running",
        "unit_file_state": "enabled",
        "need_daemon_reload": True,
        "result": "success",
        "reload_result": "protocol",
        "main_pid": 58,
        "fragment_path": "/usr/lib/systemd/system/ssh.service",
        # What counts is when the process was started that reads the files, to a part of a second.
        "started": pytest.approx(1795968626.302003),
    }
    assert (units["nginx"]["load_state"], units["nginx"]["started"]) == ("not-found", 0)
    assert units["clean.timer"]["started"] == 1795968626
    assert set(units["nginx"]) == {*PROPERTIES, "started"}


def test_a_service_that_has_ended_was_not_started() -> None:
    ended = UNITS.split("\n\n")[0].replace("=active", "=failed").replace("MainPID=58", "MainPID=0")
    assert unit_states(["ssh"], answers(0, ended))["ssh"]["started"] == 0


def test_a_time_is_utc_and_none_is_0() -> None:
    assert timestamp("Thu 1970-01-01 00:00:01.250000 UTC") == 1.25
    assert [timestamp(""), timestamp("n/a")] == [0, 0]


def test_a_machine_without_systemd_is_told_from_one_without_the_unit() -> None:
    with pytest.raises(SystemdError, match="systemctl show ssh failed: System has not been booted with systemd"):
        unit_states(["ssh"], answers(1, "", "System has not been booted with systemd as init system (PID 1).\n"))


def test_users_are_told_and_those_that_are_not_there_too(server: Path) -> None:
    users = state(server, users=["root", "nobody_has_it_yet"])["users"]
    assert users["root"] == {"uid": 0, "gid": 0, "home": "/root", "shell": pwd.getpwnam("root").pw_shell}
    assert users["nobody_has_it_yet"] is None


def test_paths_are_found_by_pattern_and_sorted(server: Path) -> None:
    for name in ("b.conf", "a.conf", "c.conf.bak"):
        (server / name).touch()
    (server / "d.conf").symlink_to("nowhere")
    found = state(server, paths=[f"{server}/*.conf", "/nowhere/*"])["paths"]
    assert found == {f"{server}/*.conf": [f"{server}/{name}.conf" for name in "abd"], "/nowhere/*": []}


def test_a_file_differs_until_it_is_as_the_module_templates_writes_it(server: Path) -> None:
    (server / "word.j2").write_text("{{ word }}\n")
    files: list[dict[str, Any]] = [
        {"src": "word.j2", "dest": "one", "validate": "grep --quiet canary %s"},
        {"src": "word.j2", "dest": "deep/two", "vars": {"word": "other"}, "mode": "0600"},
        {"content": "fixed\n", "dest": "three"},
    ]
    dests = [str(server / file["dest"]) for file in files]
    assert state(server, files=files)["differing_files"] == dests
    assert not (server / "one").exists()
    written = [file | {"dest": dest} for file, dest in zip(files, dests, strict=True)]
    arguments = {"files": written, "owner": USER, "group": GROUP, "mode": "0640"}
    assert calls.action("templates", arguments, {"word": "canary"}, folder=server)["dests"] == dests
    assert (server / "deep/two").stat().st_mode & 0o777 == 0o600
    result = state(server, files=files)
    assert (result["differing_files"], result["changed"]) == ([], False)

    (server / "one").chmod(0o644)
    (server / "deep/two").write_text("by hand\n")
    (server / "three").rename(server / "elsewhere")
    (server / "three").symlink_to("elsewhere")
    assert state(server, files=files)["differing_files"] == dests
    assert (server / "one").stat().st_mode & 0o777 == 0o644


def test_a_file_of_a_user_who_is_not_there_yet_differs(server: Path) -> None:
    (server / "one").write_text("")
    for unknown in ({"owner": "nobody_has_it_yet"}, {"group": "nobody_has_it_yet"}):
        files = [{"content": "", "dest": "one", **unknown}]
        assert state(server, files=files)["differing_files"] == [str(server / "one")]


def test_no_content_is_told_nor_sent(server: Path) -> None:
    entry = {"dest": str(server / "one"), "checksum": "0", "mode": "0640", "owner": USER, "group": GROUP}
    assert "canary" not in json.dumps(state(server, files=[{"content": "canary", "dest": "one"}]))
    assert calls.module("server_state", {"files": [entry]})["differing_files"] == [entry["dest"]]
    refused = calls.module("server_state", {"files": [{**entry, "content": "canary"}]})
    assert "files.content. Supported parameters include: checksum, dest" in refused["msg"]


def test_a_file_without_an_owner_is_refused_by_its_path(server: Path) -> None:
    result = calls.action("server_state", {"files": [{"content": "", "dest": "/one", "mode": "0640"}]}, folder=server)
    assert (result["failed"], result["msg"]) == (True, "/one has no owner, no group.")


HOLDER = """
import fcntl, sys, time
file = open(sys.argv[1], "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("locked", flush=True)
time.sleep(60)
"""


def test_whoever_holds_a_lock_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.touch()
    paths = [tmp_path / "nowhere", lock]
    assert lock_holder(paths) is None
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout
            assert holder.stdout.readline() == b"locked\n"
            found = lock_holder(paths)
        finally:
            holder.kill()
    assert found
    assert (found["pid"], str(found["command"])[:6]) == (holder.pid, "python")
    assert lock_holder(paths) is None


def test_our_own_lock_keeps_nobody_waiting(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert lock_holder([tmp_path / "lock"]) is None


def test_an_interrupted_dpkg_is_known_by_the_numbers_in_its_journal(tmp_path: Path) -> None:
    (tmp_path / "tmp.i").touch()
    assert not is_interrupted(tmp_path)
    (tmp_path / "0001").touch()
    assert is_interrupted(tmp_path)


def test_a_package_that_awaits_a_trigger_is_not_broken() -> None:
    line = dpkg.Package("man-db", "amd64", "2.13", "install", "ok", "triggers-pending")
    assert broken_packages([line]) == []


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (0, {"works": True, "reason": ""}),
        (226, {"works": False, "reason": "226/NAMESPACE"}),
        (228, {"works": False, "reason": "228/SECCOMP"}),
        # systemd-run itself has failed: that says nothing of sandboxes.
        (1, {"works": True, "reason": ""}),
    ],
)
def test_a_sandbox_is_tried_by_a_unit_with_all_that_the_collection_s_units_have(
    server: Path, status: int, expected: dict[str, Any]
) -> None:
    command = server / "bin/systemd-run"
    command.write_text(f'#!/bin/sh\necho "$@" > {server}/asked\nexit {status}\n')
    command.chmod(0o755)
    assert state(server, sandbox=True)["sandbox"] == expected
    asked = (server / "asked").read_text()
    for sandboxed in ("PrivateTmp=yes", "ProtectSystem=strict", "PrivateNetwork=yes", "TemporaryFileSystem=/srv:ro"):
        assert f"--property={sandboxed}" in asked


@pytest.mark.parametrize(
    ("broken", "status"),
    [("", 0), ("create_connection", reach_itself.FILTERED), ("create_server", 1)],
)
def test_a_firewall_is_told_from_none_and_from_another_failure(broken: str, status: int) -> None:
    replaced = f"socket.{broken} = refuse" if broken else ""
    text = inspect.getsource(reach_itself).partition("annotations\n")[2]
    code = f"import socket\n\ndef refuse(*_, **__):\n    raise OSError('no lo')\n\n{replaced}\n{text}"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == status


@pytest.mark.parametrize(("status", "is_there"), [(0, False), (reach_itself.FILTERED, True)])
def test_a_firewall_is_tried_by_a_unit_that_may_reach_nothing(server: Path, status: int, is_there: bool) -> None:
    command = server / "bin/systemd-run"
    command.write_text(f'#!/bin/sh\necho "$@" > {server}/asked\nexit {status}\n')
    command.chmod(0o755)
    assert state(server, firewall=True)["firewall"] == is_there
    assert "--property=IPAddressDeny=any" in (server / "asked").read_text()


@pytest.mark.parametrize("status", [1, 226])
def test_a_failure_of_the_trial_is_no_firewall(status: int) -> None:
    with pytest.raises(
        sandbox_probe.ProbeError, match=r"a firewall for units can't be told: Interactive auth.* required$"
    ):
        sandbox_probe.has_firewall(lambda _: (status, "", "Failed to start\nInteractive authentication required."))


def test_no_unit_is_started_unless_it_is_asked_for(server: Path) -> None:
    assert not {"sandbox", "firewall"} & state(server).keys()


def test_the_size_of_a_file_is_told_and_is_none_where_there_is_no_file(server: Path) -> None:
    (server / "swapfile").write_bytes(b"four")
    sizes = state(server, sizes=[str(server / "swapfile"), str(server), "/nowhere"])["sizes"]
    assert sizes == {str(server / "swapfile"): 4, str(server): 0, "/nowhere": 0}


def test_what_is_free_is_told_for_folders_that_are_not_there_yet(server: Path) -> None:
    disks = state(server, disks=[str(server), str(server / "not/yet")])["disks"]
    assert list(disks) == [str(server), str(server / "not/yet")]
    assert all(size > 0 for size in disks.values())
