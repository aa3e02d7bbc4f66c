"""The version of the collection that a folder's requirements.yml asks for."""

from __future__ import annotations

from pathlib import Path

import yaml

NAME = "foobar.webstack"


def version_mistake(folder: Path, version: str) -> str:
    """Return why another version runs than the folder's requirements.yml pins, or an empty text.

    Ranges, such as `>=0.2.0`, and files that Ansible itself cannot read are left to ansible-galaxy.
    """
    path = folder / "requirements.yml"
    try:
        entries = [entry for entry in yaml.safe_load(path.read_text())["collections"] if isinstance(entry, dict)]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return ""
    pinned = next((str(entry.get("version", "")) for entry in entries if entry.get("name") == NAME), "")
    wanted = pinned.strip().lstrip("=").strip()
    if not wanted[:1].isdecimal() or "," in wanted or wanted == version:
        return ""
    return (
        f"requirements.yml asks for {NAME} {wanted}, and {version} is installed: run ansible-galaxy collection install "
        f"--force --requirements-file {path}, or write {version} there."
    )
