"""Whether a server is one that a role knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def numbers(version: str) -> list[int]:
    """Return a version for comparison; one without a number, such as `sid`, is newer than all."""
    return [int(part) for part in re.findall(r"\d+", version)] or [9999]


def unsupported(host: str, role: str, facts: Mapping[str, Any], systems: Mapping[str, Any], python: str) -> list[str]:
    """Return one sentence for each thing that keeps a role from running on a host: its facts, its system, its Python.

    `systems` has the first version of each system, by the name that is the fact `distribution`.
    """
    wanted = ["distribution", "distribution_version"] if systems else []
    wanted += ["python_version"] if python else []
    if absent := [name for name in wanted if name not in facts]:
        return [
            f"{host}: the role {role} needs the facts {', '.join(absent)}, which were not gathered: give the play "
            "gather_facts: true, or gather them before."
        ]
    sentences = []
    needed = " or ".join(f"{name} {version}" for name, version in systems.items())
    if systems and not _is_known(str(facts["distribution"]), str(facts["distribution_version"]), systems):
        running = f"{facts['distribution']} {facts['distribution_version']}"
        sentences.append(f"{host} runs {running}: the role {role} needs {needed}, or a later version of them.")
    if python and numbers(str(facts["python_version"])) < numbers(python):
        came = f", which came with {needed.replace(' or ', ' and ')}" if systems else ""
        sentences.append(f"{host} has Python {facts['python_version']}: the role {role} needs {python} or later{came}.")
    return sentences


def _is_known(name: str, version: str, systems: Mapping[str, Any]) -> bool:
    """Tell whether a system is among those, and new enough."""
    return name in systems and numbers(version) >= numbers(str(systems[name]))


def without_packages(host: str, release: Mapping[str, Any], repository: str) -> str:
    """Return the beginning of a sentence where a repository has nothing for a host's architecture, or an empty text.

    `release` is what the module apt_repository has returned. A repository that has not told is not refused.
    """
    own, offered = release["architecture"], release["architectures"]
    if not offered or own in offered:
        return ""
    return f"{host} is {own}, and {repository} has packages for {', '.join(offered)} only"
