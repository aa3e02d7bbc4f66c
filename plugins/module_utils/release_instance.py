"""Which service runs a release: its units, socket and environment are as it was written, whatever the entry says today.

An application may have changed its server since. What tells is the release's own socket unit, which nothing beside a
release has; else the template that it is an instance of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.module_utils.names import INSTANCE, UNITS

# `files` of a release, by the release's name.
Manifests = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Instance:
    """The service of a release: its name before the `@`, the release, where it listens, and its environment's file."""

    service: str
    release: str
    socket: Path
    environment: str = ""

    @property
    def unit(self) -> str:
        """Return the name of its service and its socket, without their kind."""
        return f"{self.service}@{self.release}"


def instance(app: dict[str, Any], release: str, manifests: Manifests, units: str = UNITS) -> Instance:
    """Return the instance that runs a release; one that nothing is known of is as the app's entry says."""
    own = {file["dest"]: file["content"] for file in manifests.get(release, {}).get("files", [])}
    for dest, content in own.items():
        found = re.fullmatch(rf"{re.escape(units)}/([^/@]+)@{re.escape(release)}\.socket", dest)
        if found:
            service = own.get(f"{dest.removesuffix('.socket')}.service", "")
            return _instance(app, found[1], release, content, service)
    if release not in manifests:
        for name in [app["service"], *_former(app)]:
            template = Path(units, f"{name}@.socket")
            if template.exists():
                return _instance(app, name, release, template.read_text(), "")
    return Instance(app["service"], release, Path(app["sockets"], f"{release}.sock"))


def services(app: dict[str, Any], manifests: Manifests, units: str = UNITS) -> list[str]:
    """Return the names before the `@` of all services that run, or may still run, releases of an application."""
    own = [instance(app, release, manifests, units).service for release in manifests]
    return list(dict.fromkeys([app["service"], *own, *_former(app)]))


def environment_files(own: Instance, files: Sequence[str]) -> list[str]:
    """Return environment files with the release's own in the place of one that the entry names and it does not have."""
    return [own.environment if own.environment and not Path(file).exists() else file for file in files]


def _former(app: dict[str, Any]) -> Iterator[str]:
    """Yield the services that the templates of releases without files of their own are for."""
    for pattern in app["shared_settings"]:
        name = Path(pattern).name
        if name.endswith("@.socket") and "*" not in name:
            yield name.removesuffix("@.socket")


def _instance(app: dict[str, Any], service: str, release: str, socket: str, unit: str) -> Instance:
    """Return an instance as the texts of its socket unit and of its service say."""
    # As systemd fills them in: the name before the `@`, and the release behind it.
    socket, unit = (text.replace("%p", service).replace(INSTANCE, release) for text in (socket, unit))
    listens = re.search(r"^ListenStream=(/\S+)$", socket, re.MULTILINE)
    path = listens[1] if listens else f"{app['sockets']}/{release}.sock"
    environment = re.search(r"^EnvironmentFile=(/\S+)$", unit, re.MULTILINE)
    return Instance(service, release, Path(path), environment[1] if environment else "")
