"""Variables and keys that have a new name: the old one works for a while, and is then refused with the new one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

COLLECTION = Path(__file__).parents[2]


class Rename(NamedTuple):
    """A variable (`nginx_old`) or a key in its entries (`nginx_sites.old`), its new name, and when the old one goes."""

    old: str
    name: str
    removed_in: str

    @property
    def path(self) -> list[str]:
        """Return the names on the way to the key, with the variable first."""
        return self.old.split(".")

    def is_removed(self, version: str) -> bool:
        """Tell whether a version knows the new name only."""
        return not self.removed_in or numbers(version) >= numbers(self.removed_in)

    def sentence(self, version: str) -> str:
        """Say what to write."""
        what = self.path[-1] if len(self.path) == 1 else f"{self.path[0]}: the key {self.path[-1]}"
        when = "" if self.is_removed(version) else f", and goes in {self.removed_in}"
        return f"{what} is called {self.name} now{when}: rename it."


def collection_version(folder: Path = COLLECTION) -> str:
    """Return the version of the collection, from its source or from what galaxy has installed."""
    if (manifest := folder / "MANIFEST.json").exists():
        return str(json.loads(manifest.read_text())["collection_info"]["version"])
    return str(yaml.safe_load((folder / "galaxy.yml").read_text())["version"])


def numbers(version: str) -> tuple[int, ...]:
    """Return a version for comparison; what is no number counts as 0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def newer_mistake(set_up_by: str, host: str) -> str:
    """Return why a server can't be changed by this version, in a sentence, or an empty text; check.yml says the same.

    `set_up_by` is the version that has set it up, or empty where that is not known.
    """
    version = collection_version()
    if numbers(set_up_by) <= numbers(version):
        return ""
    return (
        f"{host} was set up by version {set_up_by} of foobar.webstack, and this is {version}: run ansible-galaxy "
        f"collection install foobar.webstack:{set_up_by} (and write that into requirements.yml, where it pins a "
        "version)."
    )


def renames(table: Mapping[str, Any]) -> list[Rename]:
    """Return a role's table, {old: {name: new, removed_in: version}}; {old: new} is a name that is gone already."""
    return [
        Rename(old, new["name"], str(new["removed_in"])) if isinstance(new, Mapping) else Rename(old, str(new), "")
        for old, new in table.items()
    ]


def is_used(rename: Rename, variables: Mapping[str, Any]) -> bool:
    """Tell whether the old name stands in variables or their entries."""
    *way, key = rename.path
    return any(key in entry for entry in _entries(variables, way))


def apply(rename: Rename, variables: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return variables with the new name in the place of the old one; where both are set, the new one counts.

    A variable that has its default counts as not set.
    """
    *way, key = rename.path
    if not way:
        rest = {name: value for name, value in variables.items() if name != key}
        unset = rename.name not in rest or rest[rename.name] == defaults.get(rename.name)
        return {**rest, rename.name: variables[key]} if unset else rest
    return dict(_renamed(variables, way, key, rename.name))


def _entries(value: Any, way: list[str]) -> list[Mapping[str, Any]]:
    """Return the dictionaries at the end of a way through keys and lists."""
    if isinstance(value, list):
        return [found for item in value for found in _entries(item, way)]
    if not isinstance(value, Mapping):
        return []
    if not way:
        return [value]
    return _entries(value[way[0]], way[1:]) if way[0] in value else []


def _renamed(value: Any, way: list[str], old: str, new: str) -> Any:
    """Return a copy of a value in which a key has another name at the end of a way."""
    if isinstance(value, list):
        return [_renamed(item, way, old, new) for item in value]
    if not isinstance(value, Mapping):
        return value
    if way:
        return {key: _renamed(item, way[1:], old, new) if key == way[0] else item for key, item in value.items()}
    if old not in value:
        return value
    return {new: value[old], **{key: item for key, item in value.items() if key != old}}
