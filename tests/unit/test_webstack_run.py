"""A command beside a release: found by what the server holds, and run in a unit like the release's own service."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import names, webstack_run
from ansible_collections.foobar.webstack.plugins.module_utils.webstack_run import RunError, command, live, main
from ansible_collections.foobar.webstack.plugins.plugin_utils.ssh_command import ssh_command

from tests import calls

RELEASE, OTHER = "1a2b3c4d-5e6f7a8b", "0a2b3c4d-5e6f7a8b"
SERVICE = """# Ansible managed
[Unit]
Description=gunicorn for shop, release %i
[Service]
Type=notify
User=shop
WorkingDirectory={srv}/shop/releases/%i
Environment=PYTHONUNBUFFERED=1
# The one with its secrets.
EnvironmentFile=/etc/gunicorn/shop/%i/env
ExecStart={srv}/shop/releases/%i/.venv/bin/gunicorn --config /etc/gunicorn/shop/%i/conf.py
Restart=always
KillMode=control-group
TimeoutStopSec=35
CapabilityBoundingSet=
RuntimeDirectory=shop
StateDirectory=shop-100%%
SystemCallFilter=@system-service
SystemCallFilter=~@privileged \\
 @resources
[Install]
WantedBy=multi-user.target
"""


def write(folder: Path, app: str, release: str) -> None:
    """Write the manifest of a release of an application."""
    text = SERVICE.replace("{srv}", str(folder / "srv")).replace("shop", app)
    contents = {"env": 'KEY="canary"\n', f"{app}-mailer-1@{release}.service": "[Service]\nUser=mailer\n"}
    contents |= {f"gunicorn-{app}@{release}.socket": "[Socket]\n", f"gunicorn-{app}@{release}.service": text}
    files = [{"dest": f"/etc/{name}", "content": content} for name, content in contents.items()]
    (folder / "manifests" / app).mkdir(parents=True, exist_ok=True)
    (folder / "manifests" / app / f"{release}.json").write_text(json.dumps({"files": files, "passwords": {}}))
    (folder / "srv" / app / "releases" / release).mkdir(parents=True)


@pytest.fixture(autouse=True)
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a server with two applications, one of which has a live release and an older one."""
    monkeypatch.setattr(webstack_run, "MANIFESTS", tmp_path / "manifests")
    for app, release in (("shop", OTHER), ("shop", RELEASE), ("board", RELEASE)):
        write(tmp_path, app, release)
    (tmp_path / "srv/shop/current").symlink_to(f"releases/{RELEASE}")
    return tmp_path


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return a list that gets each command that is run, which then ends with 3 and a word."""
    commands: list[list[str]] = []

    def run(argv: list[str], **_: Any) -> subprocess.CompletedProcess[bytes]:
        commands.append(argv)
        return subprocess.CompletedProcess(argv, 3, b"said\n")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def properties(argv: list[str]) -> list[str]:
    return [word.removeprefix("--property=") for word in argv if word.startswith("--property=")]


def test_the_live_release_is_the_one_that_the_link_leads_to() -> None:
    assert live("shop").unit == f"gunicorn-shop@{RELEASE}.service"


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("shpo", "there is no shpo on this server; there are board, shop."),
        ("board", "board has no live release; deploy one first."),
    ],
)
def test_what_cannot_be_run_beside_is_named(app: str, said: str) -> None:
    with pytest.raises(RunError, match=f"^{said}$"):
        live(app)


def test_a_server_without_applications_says_so(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webstack_run, "MANIFESTS", server / "nothing")
    with pytest.raises(RunError, match="no application has a release here"):
        live("shop")


def test_a_release_without_settings_of_its_own_is_not_taken_for_none(
    server: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webstack_run, "RELEASES", server / "srv")
    (server / "srv/old/releases/1").mkdir(parents=True)
    (server / "srv/old/current").symlink_to("releases/1")
    with pytest.raises(RunError, match=r"^the live release of old is of a version before 0\.2, .*; deploy once\.$"):
        live("old")


def test_a_command_has_the_service_s_user_environment_and_sandbox_and_is_no_service() -> None:
    found = properties(command(live("shop"), ["python"], terminal=False))
    assert found[0] == f"JoinsNamespaceOf=gunicorn-shop@{RELEASE}.service"
    assert found[2:] == [
        "User=shop",
        f"WorkingDirectory={webstack_run.MANIFESTS.parent}/srv/shop/releases/{RELEASE}",
        "Environment=PYTHONUNBUFFERED=1",
        f"EnvironmentFile=/etc/gunicorn/shop/{RELEASE}/env",
        "CapabilityBoundingSet=",
        "StateDirectory=shop-100%",
        "SystemCallFilter=@system-service",
        "SystemCallFilter=~@privileged   @resources",
    ]


def test_the_programs_of_the_release_come_first_in_the_path(server: Path) -> None:
    (path,) = [value for value in properties(command(live("shop"), ["x"], False)) if "PATH=" in value]
    assert path.startswith(f"Environment=HOME=/tmp PATH={server}/srv/shop/releases/{RELEASE}/.venv/bin:/usr/local")


def test_the_programs_of_the_release_are_found_behind_others_and_outside_its_folder() -> None:
    text = "[Service]\nExecStart=/usr/bin/env -u LISTEN_FDS {venv}/bin/uwsgi --ini /etc/uwsgi/shop/%i/uwsgi.ini\n"
    text += "WorkingDirectory=/srv/shop/releases/%i/backend\nKillSignal=SIGHUP\nReadWritePaths=%S/shop %t/shop 5%%\n"
    settings = list(webstack_run.settings_of(text.replace("{venv}", "/srv/shop/releases/%i/.venv"), "1"))
    service = webstack_run.Service("shop", "uwsgi-shop@1.service", settings)
    assert service.path() == "/srv/shop/releases/1/.venv/bin:/usr/local/bin:/usr/bin:/bin"
    assert service.properties()[2:] == [
        "WorkingDirectory=/srv/shop/releases/1/backend",
        "ReadWritePaths=/var/lib/shop /run/shop 5%",
    ]


@pytest.mark.parametrize(("terminal", "option"), [(True, "--pty"), (False, "--pipe")])
def test_a_command_gets_a_terminal_where_there_is_one(terminal: bool, option: str) -> None:
    argv = command(live("shop"), ["x"], terminal)
    assert [word for word in argv if word in ("--pty", "--pipe")] == [option]


def test_a_word_reaches_the_command_as_it_was_typed_and_no_secret_stands_beside_it() -> None:
    argv = command(live("shop"), ["sh", "-c", 'echo "$HOME" 100%'], terminal=False)
    assert argv[argv.index("--") + 1 :] == ["/usr/bin/env", "sh", "-c", 'echo "$$HOME" 100%']
    assert "canary" not in " ".join(argv)


def test_the_program_ends_as_its_command_does(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert main(["shop", "flask", "digest"]) == 3
    assert ran[0][-2:] == ["flask", "digest"]


@pytest.mark.parametrize(
    ("arguments", "uid", "said"),
    [
        ([], 0, "usage: webstack-run APP COMMAND [ARGUMENT ...]\nApplications of this server: board, shop."),
        (["shop"], 0, "usage: webstack-run APP COMMAND [ARGUMENT ...]\nApplications of this server: board, shop."),
        ([], 1000, "webstack-run starts a unit of the application's user: run it as root, or with sudo."),
    ],
)
def test_what_the_program_cannot_do_it_says(
    arguments: list[str], uid: int, said: str, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: uid)
    with pytest.raises(RunError) as error:
        main(arguments)
    assert str(error.value) == said
    assert ran == []


def test_a_command_that_is_interrupted_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []

    def run(argv: list[str], **_: Any) -> None:
        commands.append(argv)
        if argv[0] == "systemd-run":
            raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert main(["shop", "flask", "digest"]) == 130
    (unit,) = [word.removeprefix("--unit=") for word in commands[0] if word.startswith("--unit=")]
    assert commands[1] == ["systemctl", "stop", unit]


def test_the_playbook_s_command_fails_with_its_status_and_what_it_said(ran: list[list[str]]) -> None:
    result = calls.module("application_command", {"app": "shop", "command": "flask digest | sort"})
    assert (result["failed"], result["rc"], result["said"]) == (True, 3, ["said"])
    assert result["msg"] == "shop: the command ended with 3."
    assert ran[0][-3:] == ["/bin/sh", "-c", "flask digest | sort"]


def test_the_playbook_s_output_is_shown_and_no_part_of_the_result(
    ran: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    result = calls.action("application_command", {"app": "shop", "command": "x"})
    assert "said" not in result
    assert "said" in capsys.readouterr().out
    assert ran


def options(**given: Any) -> Callable[[str], Any]:
    """Return what stands for the options of a connection."""
    return {"host": "192.0.2.7", **given}.get


@pytest.mark.parametrize(
    ("given", "becomes", "wanted"),
    [
        ({}, True, "ssh -t 192.0.2.7 'sudo journalctl -f'"),
        ({"remote_user": "root", "port": 22}, True, "ssh root@192.0.2.7 'journalctl -f'"),
        ({"remote_user": "jane", "port": 2222}, False, "ssh -p 2222 jane@192.0.2.7 'journalctl -f'"),
        (
            {"remote_user": "root", "ssh_common_args": "-o ProxyJump=jane@bastion", "private_key_file": "/home/my key"},
            True,
            "ssh -i '/home/my key' -o ProxyJump=jane@bastion root@192.0.2.7 'journalctl -f'",
        ),
    ],
)
def test_a_log_is_followed_the_way_that_ansible_reaches_the_server(
    given: dict[str, Any], becomes: bool, wanted: str
) -> None:
    assert ssh_command(options(**given), "journalctl -f", becomes) == wanted


def test_the_last_lines_of_each_part_are_shown_and_what_says_nothing_is_left_out(
    server: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def run_command(_: AnsibleModule, argv: list[str], **__: Any) -> tuple[int, str, str]:
        asked.append(argv)
        return 0, "" if "--unit=shop-*@*" in argv else "a line\n", ""

    monkeypatch.setattr(AnsibleModule, "run_command", run_command)
    monkeypatch.setattr(names, "logs", lambda app: str(server / app))
    (server / "shop").mkdir()
    (server / "shop/1.log").write_text("$ first\n$ second\n")
    options = {"app": "shop", "names": ["shop.example", "*.shop.example"], "lines": 1}
    result = calls.action("application_logs", options, {"inventory_hostname": "web01"})
    assert result["follow"] == "journalctl -f -u 'gunicorn-shop@*' -u 'shop-*@*'"
    assert capsys.readouterr().out == (
        "\n== web01: Web\na line\n\n== web01: nginx\na line\n"
        f"\n== web01: Last build ({server}/shop/1.log)\n$ second\n\n== web01: follow it\n{result['follow']}\n"
    )
    assert not {"parts", "log"} & set(result)
    (pattern,) = [word for argv in asked for word in argv if word.startswith("--grep=")]
    line = "GET / host=shop.example request_id=1"
    assert re.search(pattern.removeprefix("--grep="), line)
    assert not re.search(pattern.removeprefix("--grep="), line.replace("shop.", "my-shop."))


def test_an_application_without_a_release_has_the_logs_of_its_builds(
    server: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(AnsibleModule, "run_command", lambda *_, **__: (0, "", ""))
    monkeypatch.setattr(names, "logs", lambda app: str(server / app))
    (server / "new").mkdir()
    (server / "new/1.log").write_text("$ failed\n")
    calls.action("application_logs", {"app": "new"})
    assert f"Last build ({server}/new/1.log)\n$ failed\n" in capsys.readouterr().out


def test_programs_of_the_environment_come_first_whatever_starts_the_server() -> None:
    start = "/usr/bin/env -u LISTEN_FDS /srv/shop/releases/1/.venv/bin/uwsgi --ini /etc/uwsgi/shop/1/uwsgi.ini"
    folder = "/srv/shop/releases/1/backend"
    service = webstack_run.Service("shop", "uwsgi-shop@1", [("WorkingDirectory", folder), ("ExecStart", start)])
    assert service.path().split(":")[0] == "/srv/shop/releases/1/.venv/bin"
