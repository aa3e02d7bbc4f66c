"""What of a list of requirements no server could install: lines that mean something on the machine they come from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from posixpath import dirname, join, normpath
from typing import Protocol

from ansible_collections.foobar.webstack.plugins.plugin_utils.installed_packages import joined
from packaging.requirements import InvalidRequirement, Requirement

COMMENT = re.compile(r"(?:^|\s)#.*")
# `-e ./lib`, `./lib[extra] ; marker`, `lib @ file:///home/me/lib`: what stands there of a folder or a file.
EDITABLE = re.compile(r"(?:-e|--editable)[\s=]+")
DIRECT = re.compile(r"[\w.-]+(?:\[[^]]*\])?\s*@\s*(?=file:)")
PLACE = re.compile(
    r"(?:file:)?(?P<path>\.{0,2}/\S*?|\.{1,2}|[A-Za-z]:[\\/]\S*|(?!\S+://)\S+?\.(?:whl|zip|tar\.gz))(?:\[[^]]*\])?(?:\s.*)?"
)
# `libs/lib` is a folder where there is one, and a slip of the pen otherwise.
FOLDER = re.compile(r"(?P<path>[^\s;\[]+/[^\s;\[]*)")
# What uv takes for the root of the source: a variable of its own, and an address of a file without a third slash.
ROOT = re.compile(r"(?:file:/*)?\$\{PROJECT_ROOT\}/?|(?<![\w+])file://(?!/|localhost/|[A-Za-z]:|\$)")
FIND_LINKS = re.compile(r"(?:-f|--find-links)[\s=]+(?:file:(?!//))?(?P<path>\S+)")
ABSOLUTE = re.compile(r"/|[A-Za-z]:[\\/]")
# An installation sees neither homes nor what is temporary, and no server has the folders of Windows, macOS and Conda's
# builds. What lies elsewhere, such as /opt/wheels, may be there.
LEFT_BEHIND = re.compile(
    r"(?:/(?:home|root|run/user|tmp|var/tmp|Users|Volumes|private/(?:tmp|var)|b/abs_\w+)(?:/|$)|[A-Za-z]:[\\/])"
    r"|.*/(?:croot|conda-bld|feedstock_root)(?:/|$)"
)
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Packages without a wheel for any other system, and without a source.
WINDOWS = {"pypiwin32", "pywin32"}
PROJECTS = ("pyproject.toml", "setup.py")


class Files(Protocol):
    """The files of a source, by their paths from its root."""

    def has(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""

    def is_folder(self, path: str) -> bool:
        """Tell whether something is a folder."""

    def leads_nowhere(self, path: str) -> bool:
        """Tell whether something is a link to what is not in the source."""

    def is_readable(self, path: str) -> bool:
        """Tell whether a file is a text as uv and pip read it."""

    def text(self, path: str) -> str:
        """Return what is in a file, or an empty text."""


def is_empty(text: str) -> bool:
    """Tell whether a list has no line that says something."""
    return not any(COMMENT.sub("", line).strip() for line in joined(text))


def faults(path: str, files: Files) -> Iterator[str]:
    """Return why a list can't be installed from as it is, each as a sentence that begins with its path."""
    if found := list(text_faults(path, files)):
        yield from found
    else:
        for line in joined(files.text(path)):
            yield from (f"{path} {fault}" for fault in line_faults(COMMENT.sub("", line).strip(), dirname(path), files))


def text_faults(path: str, files: Files) -> Iterator[str]:
    """Return why a list can't be read, whatever it lists, as a sentence that begins with its path."""
    if files.leads_nowhere(path):
        yield f"{path} is a link to what is not in the source: commit the file itself."
    elif not files.is_readable(path):
        yield f"{path} is not in UTF-8, in which uv and pip read it: write it anew."


def shown(word: str) -> str:
    """Return what a message shows of a path or an address: neither a login, which may be a secret, nor a query."""
    before, at, behind = word.rpartition("@")
    return re.sub(r"\?.*", "", f"…@{behind}" if at and before else word, flags=re.DOTALL)


def line_faults(line: str, folder: str, files: Files) -> Iterator[str]:
    """Return what is wrong with one line of a list in a folder, as the end of a sentence."""
    line = ROOT.sub("file:./", line)
    if "${" in line:
        # A variable of the environment, which the server alone has.
        return
    if re.match(r"pkg[-_]resources\s*==\s*0\.0\.0\b", line, re.IGNORECASE):
        yield "has pkg-resources==0.0.0, which Debian's pip freeze adds and nobody can install: take the line out."
    elif found := re.search(r"git\+(?!ssh:)([\w.-]+@[\w.-]+):(?!//)([^\s@#]*)", line):
        host = found[1] if found[1].startswith("git@") else shown(found[1])
        yield f"has git+{host}:{shown(found[2])}, which pip and uv can't read: write git+ssh://{host}/{shown(found[2])}."
    elif found := FIND_LINKS.match(line):
        if "://" not in found["path"] and not _is_there(found["path"], folder, files):
            yield f"looks for packages in {shown(found['path'])}, which is not in the source."
    elif place := _place(line, files):
        yield from place_faults(place, files)
    elif line and not line.startswith("-") and not ADDRESS.match(line):
        yield from _requirement_faults(line)


def place_faults(place: str, files: Files) -> Iterator[str]:
    """Return why a folder or a file can't be installed, as the end of a sentence; a path goes by the source's root."""
    if LEFT_BEHIND.match(place):
        yield (
            f"installs {shown(place)}, a path of the machine that it was written on: write a version in its place, as "
            "pip list --format=freeze does."
        )
    elif not _is_there(place, "", files):
        yield f"installs {shown(place)}, which is not in the source; a path goes by the source's root."
    elif (
        not ABSOLUTE.match(place)
        and (normpath(place) == "." or files.is_folder(place))
        and not any(files.has(join(place, name)) for name in PROJECTS)
    ):
        yield f"installs {shown(place)}, which has no pyproject.toml and no setup.py."


def _requirement_faults(line: str) -> Iterator[str]:
    """Return what is wrong with a line that is to name a package."""
    try:
        requirement = Requirement(re.split(r"\s--", line, maxsplit=1)[0])
    except InvalidRequirement:
        begun = json.dumps(_begun(line), ensure_ascii=False)
        yield f"has {begun}, which is no requirement of pip's: write name==version, or take it out."
        return
    if requirement.name.lower() in WINDOWS and not requirement.marker:
        yield (
            f"has {requirement.name}, which is for Windows alone: take it out, or write ; sys_platform == 'win32' "
            "behind it."
        )


def _begun(line: str) -> str:
    """Return how a line begins, up to what may be an address, and of one at its beginning the host alone."""
    before = re.split(r"\S*[@:/?]", line, maxsplit=1)[0]
    word = line.split()[0]
    address = word.rpartition("@")[2]
    return (before or ("…@" if "@" in word else "") + re.split("[:/?]", address, maxsplit=1)[0] or line[:1])[:60]


def _place(line: str, files: Files) -> str:
    """Return the folder or file that a line installs, or an empty text; three slashes of an address are one."""
    written = DIRECT.sub("", EDITABLE.sub("", line))
    found = PLACE.fullmatch(written)
    if not found and (folder := FOLDER.match(written)) and files.is_folder(folder["path"]):
        return folder["path"]
    return re.sub(r"^/+(?=[A-Za-z]:)|^/{2,}(?:localhost)?(?=/)", "", found["path"]) if found else ""


def _is_there(path: str, folder: str, files: Files) -> bool:
    """Tell whether a path, by the root of the source or by a folder, is something in it."""
    if ABSOLUTE.match(path):
        return True
    return any(place == "." or files.has(place) for place in (normpath(path), normpath(join(folder, path))))
