"""Fill in the templates of the files that the module of the same name compares."""

from __future__ import annotations

import hashlib
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.templated_files import TemplatedFilesAction


class ActionModule(TemplatedFilesAction):
    """Have the module compare checksums, for which no secret has to leave the controller."""

    module_name = "foobar.webstack.server_state"

    def entry(self, file: dict[str, Any]) -> dict[str, Any]:
        """Return a file with the checksum of its content; what only matters to the module templates is left out."""
        rest = {key: value for key, value in file.items() if key not in ("content", "validate")}
        return {**rest, "checksum": hashlib.sha256(str(file["content"]).encode()).hexdigest()}
