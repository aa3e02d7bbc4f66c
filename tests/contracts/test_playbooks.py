"""What the playbooks promise each other: all begin with the same checks, and say which one they are."""

from __future__ import annotations

from typing import Any

import pytest

from . import PLAYBOOKS, load

FINGERPRINTS = "foobar.webstack.secret_fingerprints"


def plays(name: str) -> list[dict[str, Any]]:
    """Return the plays of a playbook, those that it imports included."""
    return [
        play
        for item in load(PLAYBOOKS / f"{name}.yml")
        for play in [item, *(plays(item["ansible.builtin.import_playbook"][:-4]) if is_import(item) else [])]
    ]


def is_import(play: dict[str, Any]) -> bool:
    return "ansible.builtin.import_playbook" in play


@pytest.mark.parametrize("name", ["certificates", "deploy", "logs", "maintenance", "releases", "rollback", "run"])
def test_a_playbook_with_arguments_begins_with_their_check_and_says_which_one_it_is(name: str) -> None:
    first = load(PLAYBOOKS / f"{name}.yml")[0]
    assert first["ansible.builtin.import_playbook"] == "check_sites.yml"
    assert first["vars"] == {"playbook": name}


@pytest.mark.parametrize("name", ["site", "deploy"])
def test_secrets_are_compared_before_a_role_changes_anything_and_recorded_after_the_last_one(name: str) -> None:
    roles = ("ansible.builtin.import_role", "ansible.builtin.include_role")
    steps = list[str]()
    for play in plays(name):
        steps += ["role"] * len(play.get("roles", []))
        for task in play.get("tasks", []):
            if FINGERPRINTS in task:
                steps.append(task[FINGERPRINTS].get("state", "verified"))
            elif any(role in task and task[role].get("tasks_from") not in ("check", "result") for role in roles):
                steps.append("role")
    assert steps[0] == "verified"
    assert steps[-1] == "recorded"
    assert set(steps[1:-1]) == {"role"}
