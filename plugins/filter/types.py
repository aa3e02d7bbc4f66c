"""Filters that find values of a wrong type; the action preflight does it for a role now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.argument_specs import entry_points, faults


def wrong_types(variables: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each wrong value in variables, without values that are secrets; both go by name."""
    return faults(variables, options)


def wrong_role_types(variables: Mapping[str, Any], role: str) -> list[str]:
    """Return the same for variables of the role in a folder, by its argument spec."""
    return faults(variables, entry_points(Path(role, "meta/argument_specs.yml"))["main"])


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return them by their names."""
        return {"wrong_types": wrong_types, "wrong_role_types": wrong_role_types}
