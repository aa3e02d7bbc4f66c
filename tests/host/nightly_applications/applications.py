"""Applications of size that others have written: where they come from, what is changed in their entries, and pages."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin

# A line of the entry as it was written, and what stands in its place, of one line or several.
Change = tuple[str, str]


@dataclass(frozen=True)
class Application:
    """An application: how its source is made, what is changed in the entry that was written, and what it answers.

    `pages` are paths and a part of what is answered there with 200.
    """

    name: str
    make: Callable[[Path], None]
    pages: Mapping[str, str]
    changes: Sequence[Change] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def domain(self) -> str:
        """Return its site's name."""
        return f"{self.name}.example"


def sdist(project: str, file: str, sha256: str) -> Callable[[Path], None]:
    """Return what unpacks a source distribution from PyPI into a folder."""

    def make(folder: Path) -> None:
        index = f"https://pypi.org/simple/{project}/"
        with urllib.request.urlopen(index, timeout=60) as page:
            at, text = page.geturl(), page.read().decode()
        (link,) = {link for link in re.findall(r'href="([^"#]+)', text) if link.endswith(f"/{file}")}
        with urllib.request.urlopen(urljoin(at, link), timeout=300) as answer:
            content = answer.read()
        assert hashlib.sha256(content).hexdigest() == sha256, file
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / file).write_bytes(content)
            with tarfile.open(Path(place) / file) as tar:
                tar.extractall(place, filter="data")
            (top,) = (path for path in Path(place).iterdir() if path.is_dir())
            shutil.move(top, folder)

    return make


def command(package: str, *words: str) -> Callable[[Path], None]:
    """Return what makes a folder by the command of a package, which runs in an environment of its own.

    `{}` in its words stands for the folder's name.
    """

    def make(folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        arguments = [word.format(folder.name) for word in words]
        subprocess.run(["uvx", "--from", package, *arguments], cwd=folder.parent, check=True, stdin=subprocess.DEVNULL)

    return make


APPLICATIONS = [
    Application(
        "wagtail",
        command("wagtail==7.1.1", "wagtail", "start", "website", "{}"),
        {"/": "Welcome to your new Wagtail site", "/admin/login/": "Sign in"},
    ),
    Application(
        "flaskbb",
        sdist("flaskbb", "flaskbb-3.0.0rc5.tar.gz", "0" * 64),
        {"/": "FlaskBB"},
    ),
    Application(
        "fief",
        sdist("fief-server", "fief_server-0.27.0.tar.gz", "0" * 64),
        {"/admin/api/": ""},
    ),
    Application(
        "ihatemoney",
        sdist("ihatemoney", "ihatemoney-7.2.1.tar.gz", "0" * 64),
        {"/": "I hate money", "/dashboard": ""},
    ),
    Application(
        "tips",
        command("shiny==1.5.0", "shiny", "create", "--template=dashboard-tips", "--mode=express", "--dir={}"),
        {"/": "tips"},
    ),
]
