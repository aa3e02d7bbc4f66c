"""The lock of an application's releases: one run at a time, and none that is gone."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.release_lock import (
    clock,
    give_back,
    held,
    hold,
    is_held_by,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils import controller
from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import (
    Owner,
    is_gone,
    ourselves,
    run_id,
    started,
)

from tests.playbook import wait_for

JANE = {"by": "jane@laptop", "machine": "laptop", "pids": "1", "pid": 1}
JOE = {"by": "joe@desk", "machine": "desk", "pids": "1", "pid": 2}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "locks/shop.lock"


def test_a_free_lock_is_taken_and_a_held_one_is_not(file: Path) -> None:
    assert hold(file, JANE, {}, 3600)["owner"] == JANE
    holder = hold(file, JOE, {}, 3600)
    assert holder["owner"] == JANE
    assert holder["since"].endswith("Z")


def test_who_holds_the_lock_may_ask_again_and_keeps_the_time(file: Path) -> None:
    assert hold(file, JANE, {}, 3600) == hold(file, JANE, {}, 3600)


def test_only_who_holds_the_lock_gives_it_back(file: Path) -> None:
    give_back(file, JANE)
    hold(file, JANE, {}, 3600)
    give_back(file, JOE)
    assert hold(file, JOE, {}, 3600)["owner"] == JANE
    give_back(file, JANE)
    assert hold(file, JOE, {}, 3600)["owner"] == JOE


def test_the_lock_of_a_run_that_is_gone_or_too_old_is_taken_over(file: Path) -> None:
    hold(file, JANE, {}, 3600)
    assert hold(file, JOE, JANE, 3600)["owner"] == JOE
    assert hold(file, JANE, {}, 0)["owner"] == JANE


def test_whoever_was_told_of_another_owner_takes_nothing_over(file: Path) -> None:
    hold(file, JANE, {}, 3600)
    assert hold(file, JOE, {"by": "somebody"}, 3600)["owner"] == JANE


@pytest.fixture
def owner() -> Owner:
    """Return an owner whose process has ended and was waited for."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = {**ourselves(), "pid": process.pid, "started": started(process.pid)}
    assert not is_gone(owner, ourselves())
    process.kill()
    process.wait()
    return owner


def test_a_run_that_was_killed_is_gone(owner: Owner) -> None:
    assert is_gone(owner, ourselves())


def test_a_killed_run_is_gone_before_its_parent_has_noticed() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        owner = {**ourselves(), "pid": process.pid, "started": started(process.pid)}
        process.kill()
        while started(process.pid):
            pass
        assert is_gone(owner, ourselves())


def test_a_run_of_a_machine_that_was_restarted_is_gone(owner: Owner) -> None:
    assert is_gone({**owner, "boot": "before"}, ourselves())


@pytest.mark.parametrize("name", ["by", "machine", "pids"])
def test_of_another_controller_nobody_knows(owner: Owner, name: str) -> None:
    assert not is_gone({**owner, name: "another"}, ourselves())


def test_a_long_run_on_the_same_machine_keeps_its_lock(file: Path) -> None:
    hold(file, JANE, {}, 3600)
    assert hold(file, {**JANE, "pid": 3}, {}, 0)["owner"] == JANE


def test_another_users_run_on_the_same_machine_is_waited_for_and_then_taken_over(file: Path) -> None:
    hold(file, JANE, {}, 3600)
    assert hold(file, {**JANE, "by": "joe@laptop"}, {}, 3600)["owner"] == JANE
    assert hold(file, {**JANE, "by": "joe@laptop"}, {}, 0)["owner"] != JANE


def test_a_run_on_a_system_that_shows_no_processes_is_taken_over_in_time(file: Path) -> None:
    blind = {**JANE, "pids": ""}
    hold(file, blind, {}, 3600)
    assert hold(file, {**blind, "pid": 3}, {}, 0)["owner"] != blind


def test_who_holds_the_lock_is_known_with_the_time_it_took(tmp_path: Path) -> None:
    file = tmp_path / "shop.lock"
    assert held(file) == {}
    file.write_text(json.dumps({"owner": {"by": "jane"}, "clock": clock() - 5}))
    assert held(file)["by"] == "jane"
    assert 5 <= held(file)["seconds"] < 60
    file.write_text("")
    assert held(file) == {}


def test_only_the_run_that_took_the_lock_holds_it(file: Path) -> None:
    assert not is_held_by(file, JANE)
    hold(file, JANE, {}, 3600)
    assert is_held_by(file, JANE)
    assert not is_held_by(file, JOE)
    give_back(file, JANE)
    assert not is_held_by(file, JANE)


def test_all_tasks_of_a_run_have_one_name_for_it_and_another_process_has_another() -> None:
    assert run_id() == run_id()
    code = "from ansible_collections.foobar.webstack.plugins.plugin_utils.controller import run_id\nprint(run_id())"
    collections = Path(__file__).parents[2] / "collections"
    other = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(collections)}, capture_output=True, text=True, check=True
    )
    assert other.stdout.strip() != run_id()


def test_a_run_on_a_system_without_proc_is_known_by_what_ps_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(controller, "PROC", tmp_path / "none")
    us = ourselves()
    assert us["pids"] == platform.system()
    assert re.fullmatch(r"[A-Z][a-z]{2}-[A-Z][a-z]{2}-\d+-\d\d:\d\d:\d\d-\d{4}", us["started"])
    assert " " not in run_id()
    with subprocess.Popen(["sleep", "60"]) as other:
        theirs = {**us, "pid": other.pid, "started": controller.started(other.pid)}
        assert not is_gone(theirs, us)
        other.kill()
        # What has ended, and nobody has asked for yet, has ended.
        wait_for(lambda: is_gone(theirs, us), 10)
    assert is_gone(theirs, us)
