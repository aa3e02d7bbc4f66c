"""What GitHub and GitLab make of the files that a start has written for them: commands, on a machine of their own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template

import yaml

INSTALL = "ansible-galaxy collection install --requirements-file requirements.yml"
# What these do is done by Machine.
ACTIONS = {"actions/checkout", "actions/setup-python"}
# ssh looks for its files in the home that the system knows of, whatever HOME says.
SSH = """\
#!/bin/sh
sed "s|~|$HOME|" "$HOME/.ssh/config" > "$HOME/.ssh/config.$$"
exec {ssh} -F "$HOME/.ssh/config.$$" -o UserKnownHostsFile="$HOME/.ssh/known_hosts" "$@"
"""


@dataclass(frozen=True)
class Step:
    """Lines that one shell runs: its command, the script, and the variables that it has beside the machine's."""

    shell: tuple[str, ...]
    script: str
    variables: dict[str, str]


def github(folder: Path, secrets: Mapping[str, str]) -> list[Step]:
    """Return the steps of the workflow in a folder; an action or an expression that is not known fails the test."""

    def filled_in(text: str) -> str:
        return re.sub(r"\$\{\{ secrets\.(\w+) \}\}", lambda found: secrets[found[1]], text)

    (job,) = yaml.safe_load((folder / ".github/workflows/deploy.yml").read_text())["jobs"].values()
    assert {step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step} == ACTIONS
    steps = [
        Step(
            ("bash", "-e"),
            filled_in(step["run"]),
            {name: filled_in(text) for name, text in step.get("env", {}).items()},
        )
        for step in job["steps"]
        if "run" in step
    ]
    assert "${{" not in str(steps)
    return steps


def gitlab(folder: Path, secrets: Mapping[str, str]) -> list[Step]:
    """Return the one step of the pipeline in a folder: GitLab hands all lines of a job to one shell."""
    job = yaml.safe_load((folder / ".gitlab-ci.yml").read_text())["deploy"]
    given = {**secrets, "CI_PROJECT_DIR": str(folder)}
    own = {name: Template(text).substitute(given) for name, text in job["variables"].items()}
    return [Step(("bash", "-eo", "pipefail"), "\n".join([*job["before_script"], *job["script"]]), {**given, **own})]


class Machine:
    """A machine that is new for each pipeline: an empty home, and a clone of the repository of a folder of sites."""

    def __init__(self, place: Path, repository: Path, tools: Path, umask: int) -> None:
        """Clone it with the mode that GitHub or GitLab give to files; `tools` is an environment of Python."""
        self.home, self.folder = place / "home", place / "project"
        commands = place / "bin"
        for folder in (self.home, commands):
            folder.mkdir()
        (commands / "ssh").write_text(SSH.format(ssh=shutil.which("ssh")))
        (commands / "ssh").chmod(0o755)
        # Neither the tests' tools nor their settings are there.
        own = str(Path(sys.executable).parent)
        paths = [str(commands), str(tools / "bin"), *(path for path in os.environ["PATH"].split(":") if path != own)]
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("ANSIBLE_", "GIT_", "SSH_"))}
        self.environment = {**kept, "HOME": str(self.home), "PATH": ":".join(paths)}
        clone = ("git", "clone", "--quiet", "--depth=1", f"file://{repository}", str(self.folder))
        subprocess.run(clone, env=self.environment, umask=umask, check=True)

    def run(self, steps: list[Step], archive: Path) -> None:
        """Run each step; Galaxy, which has no version that is not released yet, is replaced by the built archive."""
        assert sum(step.script.count(INSTALL) for step in steps) == 1
        install = f"ansible-galaxy collection install --offline --no-deps {shlex.quote(str(archive))}"
        for step in steps:
            script = step.script.replace(INSTALL, install)
            finished = subprocess.run(
                [*step.shell, "-c", script],
                cwd=self.folder,
                env={**self.environment, **step.variables},
                capture_output=True,
                text=True,
                check=False,
            )
            assert finished.returncode == 0, f"{script}\n{finished.stdout}{finished.stderr}"
