"""What ansible-doc shows of the collection's modules can be read, and says something of each of their options."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

MODULES = sorted(path.stem for path in (Path(__file__).parents[2] / "plugins/modules").glob("*.py"))


def undescribed(options: dict[str, Any]) -> Iterator[str]:
    """Name the options, and those in them, that have no type or no description."""
    for name, option in options.items():
        if not {"type", "description"} <= set(option):
            yield name
        yield from undescribed(option.get("suboptions", {}))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_s_documentation_can_be_read(name: str) -> None:
    module = import_module(f"ansible_collections.foobar.webstack.plugins.modules.{name}")
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert documentation["module"] == name
    assert list(undescribed(documentation["options"])) == []
    (example, *_) = yaml.safe_load(module.EXAMPLES)
    assert set(example.get(f"foobar.webstack.{name}", {})) <= set(documentation["options"])
    yaml.safe_load(module.RETURN)
