"""Which version of the collection has set a server up: a file of facts says so, which site.yml writes at its end."""

from __future__ import annotations

import json
from pathlib import Path

# Below the server's root.
FACT = "etc/ansible/facts.d/webstack.fact"


def set_up_by(root: Path) -> str:
    """Return the version; an empty text where no file says it, as up to version 0.1.0."""
    try:
        return str(json.loads((root / FACT).read_text())["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
