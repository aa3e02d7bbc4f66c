"""What the tests of the mysql role share: SQL as some user of the machine, and the role with other variables."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from testinfra.host import Host

ROOT = Path(__file__).parents[3]


def listening(host: Host) -> list[tuple[str, str]]:
    """Return where the server's user listens, as protocol and address."""
    sockets = host.check_output("ss --listening --tcp --udp --numeric --extended --no-header").splitlines()
    owner = f"uid:{host.user('mysql').uid} "
    return [(line.split()[0], line.split()[4]) for line in sockets if owner in line]


@pytest.fixture
def sql(host: Host) -> Callable[..., str]:
    """Run SQL on the machine, as the system's root unless told otherwise, and return what it answers."""

    def run(
        statement: str, options: str = "", password: str = "", user: str = "root", fails: bool | None = False
    ) -> str:
        command = (
            f"runuser -u {user} -- env MYSQL_PWD={shlex.quote(password)} "
            f"mysql --default-character-set=utf8mb4 --batch --skip-column-names {options} "
            f"--execute {shlex.quote(statement)} 2>&1"
        )
        result = host.run(command)
        assert fails in (result.failed, None), result.stdout
        return str(result.stdout).strip()

    return run


def ansible(*command: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run a command of Ansible's on the scenario's machine."""
    return subprocess.run(
        [*command, "--inventory", os.environ["MOLECULE_INVENTORY_FILE"], "--extra-vars", json.dumps(variables)],
        env=os.environ
        | {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_FORCE_COLOR": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def converge() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the scenario's play once more, with other variables."""
    return partial(ansible, "ansible-playbook", str(ROOT / "molecule" / "mysql" / "converge.yml"))


@pytest.fixture
def discard() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the role's entry point of that name alone."""
    role = "name=foobar.webstack.mysql tasks_from=discard"
    return partial(ansible, *("ansible", "all", "--module-name", "ansible.builtin.import_role", "--args", role))
