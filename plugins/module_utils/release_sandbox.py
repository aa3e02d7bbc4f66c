"""Commands of a release run in transient units, each of which sees no more than it needs.

A build command, a hook or a migration sees its own release: neither the cache, nor another release, nor another
application, whose files a mount namespace hides. Installing dependencies writes the cache, too. uv links its files into
every environment, so they belong to a user that runs nothing else, and a build command cannot write to them.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.environment_files import quoted
from ansible_collections.foobar.webstack.plugins.module_utils.error_output import error_line
from ansible_collections.foobar.webstack.plugins.module_utils.names import SERVERS

# What a command that only writes into a release has no need of.
CLOSED = (
    "CapabilityBoundingSet=",
    "KeyringMode=private",
    "LockPersonality=yes",
    "NoNewPrivileges=yes",
    "PrivateDevices=yes",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectProc=invisible",
    "ProtectSystem=strict",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "UMask=0027",
)
# systemd reads an environment before the command has its own view.
HIDDEN = (*(f"/etc/{server}" for server in SERVERS), "/var/backups", "/var/lib/app_deploy", "/var/log/app_deploy")


class CommandError(Exception):
    """A command ended with a status that is no success."""

    def __init__(self, command: str, status: int, said: Sequence[str]) -> None:
        """Say which command it was; `said` are the lines that it printed."""
        self.command, self.status, self.said = command, status, list(said)
        self.error = error_line(said)
        super().__init__(f"`{command}` ended with {status}" + (f": {self.error}" if self.error else ""))


@dataclass(frozen=True)
class Sandbox:
    """Where and as whom commands run, and what they see of the application's folder."""

    app: str
    path: Path
    release: str
    user: str
    group: str
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    environment_files: Sequence[str] = ()
    shared: Sequence[str] = ()
    writes_shared: bool = False
    installs: bool = False
    keeps_state: bool = False

    @property
    def folder(self) -> Path:
        """Return the folder of the release."""
        return self.path / "releases" / self.release

    def properties(self) -> list[str]:
        """Return the properties of the transient unit."""
        hidden = [f"InaccessiblePaths=-{path}" for path in HIDDEN]
        if self.installs:
            # One mount holds the cache and the release, as there are no hard links between two.
            others = [path for path in self.path.glob("releases/*") if path.name != self.release]
            hidden += [f"InaccessiblePaths=-{path}" for path in [*others, self.path / "shared"]]
            seen = [f"BindPaths={self.path}"]
        else:
            seen = [f"BindPaths={self.folder}", f"BindReadOnlyPaths=-{self.path}/python"]
            shared = [self.path / "shared" / name for name in self.shared]
            # What a build would write into a shared folder, such as a log, goes nowhere.
            seen += [
                f"BindPaths=-{path}" if self.writes_shared else f"TemporaryFileSystem={path}:mode=1777"
                for path in shared
            ]
        # What a migration writes there, the application can write, too: they share a group.
        umask = ["UMask=0007"] if self.writes_shared else []
        # Code that reads where it keeps things finds a place that ends with the command, where none is kept.
        kept = ["Environment=STATE_DIRECTORY=/tmp"]
        if self.keeps_state:
            # As the application's own units have it, whoever of them is first.
            state = Path(names.state(self.app)).relative_to("/var/lib")
            kept = [f"StateDirectory={state}", "StateDirectoryMode=0700"]
        return [*CLOSED, *umask, *kept, f"TemporaryFileSystem=/srv:ro {self._own_root()}".rstrip(), *seen, *hidden]

    def _own_root(self) -> str:
        """Return what else hides the folder of an application that is not below /srv."""
        return "" if self.path.is_relative_to("/srv") else f"{self.path}:ro"

    def run(self, command: str, success: Sequence[int] = (0,), shown: str = "", chdir: str = "") -> int:
        """Run a command in a shell and return its status; raise CommandError where that is no success.

        Its output is added to the log while it runs. `shown` is what it is called in messages, `chdir` the folder below
        the release in which it runs.
        """
        with (
            tempfile.NamedTemporaryFile("w", prefix="app_deploy-", dir="/run") as variables,
            self.log.open("ab") as log,
        ):
            # No variable stands on a command line; systemd reads them as root.
            variables.write("".join(f"{name}={quoted(value)}\n" for name, value in self.environment.items()))
            variables.flush()
            log.write(f"$ {shown or command}\n".encode())
            log.flush()
            start = log.tell()
            files = [*self.environment_files, variables.name]
            status = subprocess.run(
                [
                    "systemd-run",
                    # One at a time: what a killed controller has left running is stopped by its name.
                    f"--unit=app_deploy-{self.app}",
                    *("--quiet", "--wait", "--pipe", "--collect", f"--working-directory={self.folder / chdir}"),
                    *(f"--property={item}" for item in [f"User={self.user}", f"Group={self.group}"]),
                    *(f"--property={item}" for item in self.properties()),
                    *(f"--property=EnvironmentFile={file}" for file in files),
                    *("/bin/sh", "-euc", command.replace("$", "$$")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        with self.log.open("rb") as log:
            log.seek(start)
            said = log.read().decode(errors="replace").splitlines()
        if status not in success:
            raise CommandError(shown or command, status, said)
        return status


def open_log(folder: Path, release: str, keep: int = 10) -> Path:
    """Return the log of a release, which root alone can read; of the logs that are there as many are kept."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"), key=lambda file: file.stat().st_mtime)[:-keep]:
        old.unlink()
    path = folder / f"{release}.log"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    return path
