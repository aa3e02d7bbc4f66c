"""What the tests of the mysql role share: SQL as some user of the machine, and the role with other variables."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from functools import partial

import pytest
from testinfra.host import Host

from tests.playbook import Finished, play, run


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


@pytest.fixture
def converge() -> Callable[..., Finished]:
    """Run the scenario's play once more, with other variables."""
    return partial(play, "molecule/mysql/converge.yml")


@pytest.fixture
def discard() -> Callable[..., Finished]:
    """Run the role's entry point of that name alone."""
    role = "--args=name=foobar.webstack.mysql tasks_from=discard"
    command = ["ansible", "all", f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}"]
    command += ["--module-name=ansible.builtin.import_role", role]
    return lambda *options, **variables: run([*command, *options, f"--extra-vars={json.dumps(variables)}"])
