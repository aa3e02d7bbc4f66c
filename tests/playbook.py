"""Run playbooks as all tests do: with the repository's settings and collection, and without colours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Molecule asks for colours, which would stand between the words that the tests look for.
ENVIRONMENT = {
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    "ANSIBLE_FORCE_COLOR": "0",
    "ANSIBLE_NOCOLOR": "1",
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
}

Finished = subprocess.CompletedProcess[str]


def command(
    playbook: str | Path, /, *options: str, inventory: str | Path | None = None, **variables: object
) -> list[str]:
    """Return the command that runs a playbook with extra variables, on Molecule's machines unless told otherwise."""
    extra = [f"--extra-vars={json.dumps(variables)}"] if variables else []
    named = inventory or os.environ["MOLECULE_INVENTORY_FILE"]
    return ["ansible-playbook", f"--inventory={named}", *options, *extra, str(ROOT / playbook)]


def run(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    *,
    folder: Path = ROOT,
    timeout: float | None = None,
) -> Finished:
    """Run one of Ansible's commands, with further environment variables, and return the finished process.

    `timeout` is in seconds; subprocess.TimeoutExpired tells that it has passed.
    """
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **ENVIRONMENT, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def play(playbook: str | Path, /, *options: str, inventory: str | Path | None = None, **variables: object) -> Finished:
    """Run a playbook with extra variables and return the finished process."""
    return run(command(playbook, *options, inventory=inventory, **variables))


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    """Begin to run one of Ansible's commands, and return the process; what it says can be read as it says it."""
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(condition: Callable[[], object], seconds: float = 300, pause: float = 0.2) -> None:
    """Wait until something that the test has begun is so; the limit is for a machine that is ten times slower."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"nothing came of it in {seconds} seconds"
        time.sleep(pause)


def said(finished: Finished) -> str:
    """Return all that a run has said, on one line: where Ansible breaks lines is nobody's business."""
    return " ".join((finished.stdout + finished.stderr).split())


def refusal(finished: Finished) -> str:
    """Return what a run has said that must have failed before it reached or changed anything."""
    assert finished.returncode == 2, finished.stdout + finished.stderr
    for count in ("changed", "unreachable"):
        assert set(re.findall(rf"\b{count}=(\d+)", finished.stdout)) == {"0"}, finished.stdout
    return said(finished)


def refusals(finished: Finished) -> dict[str, str]:
    """Return what a run that must have failed on some hosts, and reached and changed none, has said of each of them."""
    refusal(finished)
    found = re.findall(r"^fatal: \[([^] ]+).*?\]: FAILED! =>(.*\n(?:[ \t].*\n|\n)*)", finished.stdout, re.MULTILINE)
    return {host: " ".join(words.split()) for host, words in found}
