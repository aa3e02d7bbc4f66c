"""Filters that find what Ansible's validation lets pass: it converts values, and accepts null, in its own copy only.

What reads a variable after it gets the value as it was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DOCUMENTATION = """
name: types
short_description: Filters that find values of a wrong type.
description: >-
  wrong_types returns one sentence for each value that is no list or no dictionary where the option of an argument spec
  wants one, that is one of them where it wants text, or that is null. Numbers and booleans may be given as text.
  wrong_role_types goes by the argument spec of a role.
author: The foobar.webstack authors
"""

# Keys that tell an entry of a list from the others, the first one that it has.
NAMES = ("domain", "name", "zone", "record")


def wrong_types(variables: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each wrong type in variables, without values that are secrets; both go by name."""
    return [
        f"{name}: {place or 'it'} {fault}"
        for name, value in variables.items()
        for place, fault in _faults(value, options[name], "")
    ]


def wrong_role_types(variables: Mapping[str, Any], role: str) -> list[str]:
    """Return the same for variables of the role in a folder, by its argument spec."""
    return wrong_types(variables, _options(role))


@cache
def _options(role: str) -> dict[str, Any]:
    """Read the options of a role's main entry point, with libyaml where PyYAML has it."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    spec = yaml.load(Path(role, "meta/argument_specs.yml").read_text(), loader)
    return dict(spec["argument_specs"]["main"]["options"])


def _faults(value: Any, option: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Return the place of each wrong type in a value, and what is wrong there."""
    kind = option.get("type")
    if value is None:
        yield place, "is empty; give it a value or leave it out."
    elif kind == "list":
        if isinstance(value, list):
            entry = {**option, "type": option.get("elements")}
            for number, item in enumerate(value, 1):
                yield from _faults(item, entry, _below(_label(item, number), place))
        else:
            yield place, f"must be a list{_example(value, option)}."
    elif kind == "dict":
        if isinstance(value, Mapping):
            for key, suboption in option.get("options", {}).items():
                if key in value:
                    yield from _faults(value[key], suboption, _below(key, place))
        else:
            yield place, "must be a dictionary, such as {key: value}."
    elif kind in ("path", "str") and isinstance(value, (list, Mapping)):
        yield place, "must be text, not a list or a dictionary."


def _below(label: str, place: str) -> str:
    """Return where something is that is found at a place."""
    return f"{label} of {place}" if place else label


def _label(item: Any, number: int) -> str:
    """Return what an entry of a list is called."""
    names = [item.get(key) for key in NAMES] if isinstance(item, Mapping) else []
    return next((str(name) for name in names if name and isinstance(name, (str, int))), f"entry {number}")


def _example(value: Any, option: Mapping[str, Any]) -> str:
    """Return how a list would be written, with the value that is there unless it is a secret or a dictionary."""
    if option.get("elements") == "dict":
        return " of dictionaries"
    lines = str(value).splitlines() if isinstance(value, (str, int, float)) and not option.get("no_log") else []
    return f", such as [{', '.join(lines)}]" if lines else ""


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by their names."""
        return {"wrong_types": wrong_types, "wrong_role_types": wrong_role_types}
