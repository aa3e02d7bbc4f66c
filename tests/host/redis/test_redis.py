"""Instances as an application reaches them, and as nobody else does."""

from __future__ import annotations

import pytest

from tests import playbook

CONVERGE = "molecule/redis/converge.yml"
PROGRAMS = {"webstack-redis-trixie": "valkey", "webstack-redis-bookworm": "redis"}
testinfra_hosts = [f"ansible://{name}" for name in PROGRAMS]


@pytest.fixture
def machine(host):
    return host.check_output("hostname")


@pytest.fixture
def program(machine):
    return PROGRAMS[machine]


@pytest.fixture
def ask(host, program):
    """Return what sends a command to an instance as a member of a group, and returns what comes back."""

    def ask(command, instance="shop", group="shop"):
        who = f"setpriv --reuid=nobody --regid={group} --clear-groups"
        said = host.run(f"{who} {program}-cli -s /run/redis-{instance}/redis.sock {command}")
        return (said.stdout + said.stderr).strip()

    return ask


def test_an_instance_answers_its_group_and_nobody_else(ask):
    assert ask("ping") == "PONG"
    assert ask("ping", "queue", "board") == "PONG"
    assert "Permission denied" in ask("ping", "queue", "shop")
    assert "Permission denied" in ask("ping", "shop", "nogroup")


def test_nothing_listens_on_tcp_now_or_after_a_restart_of_the_server(host, program):
    assert "-server" not in host.check_output("ss --listening --numeric --tcp --processes")
    assert host.run(f"systemctl is-enabled {program}-server").stdout.strip() == "masked"
    assert host.check_output(f"systemctl is-enabled {program}-server@shop {program}-server@queue").split() == [
        "enabled",
        "enabled",
    ]


def test_what_is_one_application_s_is_not_another_s(ask):
    ask("set secret canary")
    assert ask("get secret") == "canary"
    assert ask("get secret", "queue", "board") == ""
    ask("flushall", "queue", "board")
    assert ask("get secret") == "canary"


@pytest.mark.parametrize(
    "command",
    ["config get dir", "config set dir /tmp", "shutdown", "replicaof h 1", "module list", "acl list"],
)
def test_an_application_cannot_change_the_server(ask, command):
    assert "NOPERM" in ask(command)


def test_memory_is_bounded_and_what_gives_way_is_as_it_was_asked_for(ask):
    lines = {**dict(line.strip().split(":", 1) for line in ask("info memory").splitlines() if ":" in line)}
    assert (lines["maxmemory"], lines["maxmemory_policy"]) == (str(128 * 2**20), "volatile-lru")
    queue = ask("info memory", "queue", "board")
    assert f"maxmemory:{16 * 2**20}" in queue
    assert "maxmemory_policy:noeviction" in queue
    assert "aof_enabled:1" in ask("info persistence", "queue", "board")


def test_the_distribution_s_sandbox_is_kept(host, program):
    shown = host.check_output(
        f"systemctl show {program}-server@shop --property=ProtectSystem,NoNewPrivileges,User,Group"
    )
    assert set(shown.split()) == {"ProtectSystem=strict", "NoNewPrivileges=yes", f"User={program}", "Group=shop"}


def test_a_changed_setting_waits_for_a_restart_that_somebody_asks_for(host, machine, program, ask):
    ask("set kept canary")
    changed = {"redis_maxmemory": "64mb"}
    before = host.check_output(f"systemctl show --property=MainPID --value {program}-server@shop")
    waits = f"{program} of shop on {machine} runs with older settings until it is restarted"

    def play(**variables):
        return playbook.play(CONVERGE, f"--limit={machine}", **changed, **variables)

    assert waits in playbook.said(play())
    again = play()
    assert waits in playbook.said(again)
    assert "changed=0" in again.stdout
    assert host.check_output(f"systemctl show --property=MainPID --value {program}-server@shop") == before
    assert f"maxmemory:{128 * 2**20}" in ask("info memory")
    assert "older settings" not in playbook.said(play(redis_restart=True))
    assert f"maxmemory:{64 * 2**20}" in ask("info memory")
    assert ask("get kept") == "canary"
    assert not host.file("/run/foobar.webstack/redis/shop").exists


def test_bad_input_is_refused_in_a_sentence_before_anything_is_changed(machine):
    said = playbook.refusal(
        playbook.play(CONVERGE, f"--limit={machine}", redis_maxmemory="much", redis_package="redis")
    )
    assert (
        "redis_maxmemory is much; write bytes, or a number with kb, mb or gb, such as 128mb; 1mb at the least." in said
    )
    assert "redis_package: redis is none that the role knows; write valkey-server or redis-server." in said
