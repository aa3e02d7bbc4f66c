"""Applications of size that others have written: where they come from, what is changed in their entries, and pages."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import textwrap
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

# The beginning of a line of what was written, and the lines that stand in its place.
Change = tuple[str, str]


@dataclass(frozen=True)
class Application:
    """An application: how its source is made, what is changed in the entry that was written, and what it answers.

    `pages` are paths and a part of what is answered there with 200; `settings` are lines that are added to the
    file of settings that was written with it, `variables` lines beside the entries.
    """

    name: str
    what: str
    make: Callable[[Path], None]
    pages: Mapping[str, str]
    changes: Sequence[Change] = ()
    settings: Sequence[str] = ()
    variables: Sequence[str] = ()

    @property
    def domain(self) -> str:
        """Return its site's name."""
        return f"{self.name}.example"

    @property
    def lines(self) -> list[str]:
        """Return the lines that are not as they were written, or that were added."""
        entry = [line.strip() for begin, new in self.changes for line in new.splitlines() if line != begin]
        return [*entry, *self.settings, *self.variables]

    def changed(self, written: str) -> str:
        """Return entries with the changes in its own, which is the last one."""
        head, mark, entry = written.rpartition(f"    app: {self.name}\n")
        lines = entry.splitlines(keepends=True)
        for begin, new in self.changes:
            (at,) = (number for number, line in enumerate(lines) if line.strip().startswith(begin))
            indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
            lines[at] = textwrap.indent(f"{new}\n", indent)
        return head + mark + "".join(lines)


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
    """Return what fills a folder by the command of a package, which runs in an environment of its own.

    `{}` in its words stands for the folder's name.
    """

    def make(folder: Path) -> None:
        folder.mkdir(parents=True)
        arguments = [word.format(folder.name) for word in words]
        subprocess.run(["uvx", "--from", package, *arguments], cwd=folder.parent, check=True, stdin=subprocess.DEVNULL)

    return make


def alliance_auth(folder: Path) -> None:
    """Make a site of Alliance Auth from the template in its package, as `allianceauth start` does, with its version."""
    with tempfile.TemporaryDirectory() as place:
        sdist("allianceauth", f"allianceauth-{ALLIANCE_AUTH}.tar.gz", ALLIANCE_AUTH_SHA256)(Path(place) / "source")
        template = f"--template={place}/source/allianceauth/project_template"
        command("django==5.2.8", "django-admin", "startproject", template, "--extension=py,conf,json", "myauth", "{}")(
            folder
        )
    (folder / "requirements.txt").write_text(f"allianceauth=={ALLIANCE_AUTH}\n")


ALLIANCE_AUTH = "5.5.0"
ALLIANCE_AUTH_SHA256 = "ea77fdb360f250bc444abc35fce239e2318ebcd19e576ed598c99f84748b2629"
# Of a password that nobody has to know.
HASH = "pbkdf2:sha256:600000$saltsaltsaltsalt$3b3857c9b356603a30e6d4f419fedbaa10cf98f0fe2d64fa0cd5b853164cfad4"
APPLICATIONS = [
    Application(
        "wagtail",
        "A site of Wagtail 7.1, as `wagtail start` makes it",
        command("wagtail==7.1.1", "wagtail", "start", "website", "{}"),
        {"/": "Welcome to your new Wagtail site", "/admin/login/": "Sign in"},
    ),
    Application(
        "ihatemoney",
        "I hate money 7.2, with Flask, Flask-Migrate and its admin",
        sdist(
            "ihatemoney",
            "ihatemoney-7.2.1.tar.gz",
            "e74fc718f68e1ec400cf9c4364025a91febb86c9b523aeb33a52e5adbeaa77e1",
        ),
        {"/": "I hate money", "/static/css/main.css": "body", "/admin": "admin_password"},
        settings=("ACTIVATE_ADMIN_DASHBOARD = True", f'ADMIN_PASSWORD = "{HASH}"'),
    ),
    Application(
        "alliance",
        "Alliance Auth 5.5, with Django, mysqlclient, Celery, its beat, and Redis",
        alliance_auth,
        {"/admin/login/": "Alliance Auth"},
        changes=(("# ? health_path: No route looks like a health page", "health_path: /admin/login/"),),
        # collectstatic asks the cache, which a build does not reach; the address is checked, and was left empty.
        settings=("DJANGO_REDIS_IGNORE_EXCEPTIONS = True", 'ESI_USER_CONTACT_EMAIL = "hostmaster@alliance.example"'),
    ),
    Application(
        "zenml",
        "ZenML 0.98, with FastAPI, Alembic and a dashboard of React",
        sdist(
            "zenml",
            "zenml-0.98.0.tar.gz",
            "ed221d95f1992395081b0a4aa3fbe127b6481f9efb3d5d1070ace20da8f8075f",
        ),
        {"/": "<title>ZenML Dashboard</title>", "/health": "ok"},
        # It takes a host and no socket, so MySQL has to listen at one; without the first line its migrations make a
        # first account with an empty password.
        changes=(
            (
                "environment:",
                'environment:\n  ZENML_SERVER: "true"\n  ZENML_STORE_URL: "mysql://zenml:'
                '{{ vault_zenml_database_password }}@127.0.0.1/zenml?ssl=true"',
            ),
        ),
        variables=("mysql_bind_address: 127.0.0.1",),
    ),
    Application(
        "tips",
        "A dashboard of Shiny 1.5, as `shiny create` makes it, with WebSockets",
        command("shiny==1.5.0", "shiny", "create", "--template=dashboard-tips", "--mode=express", "--dir={}"),
        {"/": "Restaurant tipping"},
    ),
]
