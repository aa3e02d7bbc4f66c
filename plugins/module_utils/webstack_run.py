"""Run a command beside the live release of an application, in a transient unit that is like the release's own service.

On a server this file is the program webstack-run as well, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# By application a file for each release, which has all files that it runs with.
MANIFESTS = Path("/var/lib/app_deploy")
# Where an application has its releases unless its entry names another place.
RELEASES = Path("/srv")
USAGE = "usage: webstack-run APP COMMAND [ARGUMENT ...]"
# What makes a service of the command; all else of the service is who it is, and its sandbox.
NOT_OURS = re.compile(
    r"Exec.*|Kill.*|Restart.*|RuntimeDirectory.*|Standard.*|Timeout.*|Watchdog.*"
    r"|FileDescriptorStoreMax|NotifyAccess|PIDFile|Sockets|Type"
)
# What systemd fills in, beside the name of the instance.
SPECIFIERS = {"%%": "%", "%C": "/var/cache", "%L": "/var/log", "%S": "/var/lib", "%t": "/run"}


class RunError(Exception):
    """Nothing was run; the text says why."""


@dataclass(frozen=True)
class Service:
    """The service that runs the live release of an application."""

    app: str
    unit: str
    settings: list[tuple[str, str]]

    def folder(self) -> str:
        """Return the folder in which it runs."""
        return dict(self.settings).get("WorkingDirectory", "/")

    def path(self) -> str:
        """Return a PATH that begins with the programs of the release's environment."""
        commands = " ".join(value for key, value in self.settings if key == "ExecStart")
        own = [place for place in re.findall(r"(?<!\S)(/\S+/bin)/\w", commands) if not place.startswith("/usr/")]
        return ":".join([*(own or [f"{self.folder()}/.venv/bin"]), "/usr/local/bin", "/usr/bin", "/bin"])

    def properties(self) -> list[str]:
        """Return the properties of a transient unit that is like it; of one variable, the last value counts."""
        own = [f"{key}={value}" for key, value in self.settings if not NOT_OURS.fullmatch(key)]
        # Where both have a /tmp or a network of their own, it is the same one.
        return [f"JoinsNamespaceOf={self.unit}", f"Environment=HOME=/tmp PATH={self.path()}", *own]


def apps() -> list[str]:
    """Return the names of the applications that have releases on this server."""
    return sorted({file.parent.name for file in MANIFESTS.glob("*/*.json")})


def live(app: str) -> Service:
    """Return the service of an application's live release; raise RunError where there is none."""
    if app not in apps():
        if (RELEASES / app / "current").exists():
            raise RunError(
                f"the live release of {app} is of a version before 0.2, and its settings are not known; deploy once."
            )
        there = f"there are {', '.join(apps())}" if apps() else "no application has a release here"
        raise RunError(f"there is no {app} on this server; {there}.")
    for file in MANIFESTS.glob(f"{app}/*.json"):
        service = service_of(app, file.stem, json.loads(file.read_text())["files"])
        if service and is_live(service, file.stem):
            return service
    raise RunError(f"{app} has no live release; deploy one first.")


def service_of(app: str, release: str, files: Sequence[dict[str, str]]) -> Service | None:
    """Return the service of a release from the files that it runs with: the one that has a socket beside it."""
    contents = {Path(file["dest"]).name: file["content"] for file in files}
    for name, text in contents.items():
        unit, _, kind = name.rpartition(".")
        if kind == "service" and f"{unit}.socket" in contents:
            return Service(app, name, list(settings_of(text, release)))
    return None


def settings_of(text: str, instance: str) -> Iterator[tuple[str, str]]:
    """Yield the settings of the section [Service] of a unit's file, in its order, for one instance of the unit."""
    section, known = "", {**SPECIFIERS, "%i": instance}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        if line.startswith("["):
            section = line.strip()
        elif section == "[Service]" and "=" in line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            yield key.strip(), re.sub("%.", lambda found: known.get(found[0], found[0]), value.strip())


def is_live(service: Service, release: str) -> bool:
    """Tell whether the link `current` beside the releases leads to the one in which a service runs."""
    for folder in (Path(service.folder()), *Path(service.folder()).parents):
        if folder.name == release:
            return (folder.parent.parent / "current").resolve() == folder.resolve()
    return False


def command(service: Service, argv: Sequence[str], terminal: bool) -> list[str]:
    """Return the command that runs another one beside a release, with or without a terminal of its own."""
    return [
        "systemd-run",
        # Not the command itself, which may hold a secret, and would stand in the journal.
        f"--description=A command of {service.app}",
        f"--unit={unit(service)}",
        *("--quiet", "--collect", "--wait", "--pty" if terminal else "--pipe"),
        *(f"--property={item}" for item in service.properties()),
        *("--", "/usr/bin/env", *(word.replace("$", "$$") for word in argv)),
    ]


def unit(service: Service) -> str:
    """Return the name of the unit in which this process runs a command."""
    return f"webstack-run-{service.app}-{os.getpid()}"


def main(arguments: Sequence[str]) -> int:
    """Run the command of a command line and return its status."""
    if os.geteuid() != 0:
        raise RunError("webstack-run starts a unit of the application's user: run it as root, or with sudo.")
    if len(arguments) < 2:
        raise RunError(f"{USAGE}\nApplications of this server: {', '.join(apps()) or 'none'}.")
    service = live(arguments[0])
    terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout))
    try:
        return subprocess.run(command(service, arguments[1:], terminal), check=False).returncode
    except KeyboardInterrupt:
        # Without a terminal of its own the command has not got the key that ended this process.
        subprocess.run(["systemctl", "stop", unit(service)], check=False)
        return 130


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except RunError as reason:
        sys.exit(f"{reason}")
