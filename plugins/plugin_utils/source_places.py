"""What an entry says of places in a release, where its source has something else there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import normpath
from typing import Any, Protocol

App = Mapping[str, Any]


class Files(Protocol):
    """The files of a source, by their paths from its root."""

    files: list[str]

    def has(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""

    def is_folder(self, path: str) -> bool:
        """Tell whether something is a folder."""

    def is_link(self, path: str) -> bool:
        """Tell whether something is a symbolic link, in whose place a build puts its own."""

    def leads_out(self, path: str) -> bool:
        """Tell whether something is a link to a place outside the source."""


def place_mistakes(app: App, source: Files) -> Iterator[str]:
    """Find places of a release that a link or a file can't take, each in a sentence."""
    for path in (normpath(str(path)) for path in app.get("shared_paths", [])):
        if source.has(path) and not source.is_folder(path) and not source.is_link(path):
            yield f"{path} of shared_paths is a file of the source; shared_files of app_deploy are for files."
        code = next((name for name in source.files if name.startswith(f"{path}/") and name.endswith(".py")), "")
        if code:
            yield (
                f"{path} of shared_paths holds code ({code}), which would stay that of the first release: move it, or "
                "share another folder."
            )
    for path in filter(source.leads_out, map(str, app.get("static_paths", []))):
        yield f"{path} of static is a link out of the source, where nothing goes up with it: commit the folder itself."
    for key, paths in {
        "shared_files": map(str, app.get("shared_files", [])),
        "files": (str(file["dest"]) for file in app.get("files", [])),
    }.items():
        for path in filter(source.is_folder, paths):
            yield f"{path} of {key} is a folder of the source, and a file can't take its place."
