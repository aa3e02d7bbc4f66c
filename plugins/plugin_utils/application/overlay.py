"""An overlay of Django's settings: a module of the user's own that imports them and sets what they lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from posixpath import dirname, join

from ansible_collections.foobar.webstack.plugins.module_utils.names import DATABASE_SOCKET
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.settings import SELECTOR, Project
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report, UserFile, Variable

NAME = "webstack_settings"
DATABASE_NAMES = {"name": "DATABASE_NAME", "user": "DATABASE_USER", "password": "DATABASE_PASSWORD"}
DATABASE_LINES = (
    "DATABASES = {",
    '    "default": {',
    '        "ENGINE": "django.db.backends.mysql",',
    '        "NAME": os.environ["DATABASE_NAME"],',
    '        "USER": os.environ["DATABASE_USER"],',
    '        "PASSWORD": os.environ["DATABASE_PASSWORD"],',
    f'        "HOST": "{DATABASE_SOCKET}",',
    '        "OPTIONS": {"charset": "utf8mb4"},',
    "    }",
    "}",
)


@dataclass
class Overlay:
    """The lines of an overlay, with the reason for each; what it reads from the environment are its variables."""

    project: Project
    lines: dict[str, Sequence[str]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    variables: list[Variable] = field(default_factory=list)
    # Whether the project's settings are seen in full.
    is_whole: bool = False

    @property
    def is_possible(self) -> bool:
        """Tell whether the environment can select it in the place of the project's own settings."""
        return bool(self.project.module and self.project.settings and self.project.can_select)

    @property
    def path(self) -> str:
        """Return where it lies: beside the project's settings."""
        return join(dirname(self.project.settings), f"{NAME}.py")

    @property
    def module(self) -> str:
        """Return the name of its module."""
        is_package = self.project.settings.endswith("/__init__.py")
        package = self.project.module if is_package else self.project.module.rpartition(".")[0]
        return f"{package}.{NAME}" if package else NAME

    def set(self, name: str, reason: str, *lines: str) -> None:
        """Set a setting by some lines of Python."""
        self.lines[name] = lines
        if reason not in self.reasons:
            self.reasons.append(reason)

    def read(self, name: str, reason: str, kind: str = "", type_: str = "text") -> None:
        """Note a variable that its lines read."""
        self.variables.append(Variable(name, reason, kind, type_, required=True, at_start=True))

    def set_database(self, reason: str) -> dict[str, str]:
        """Set MySQL as the database; return the variables that take the parts of its address."""
        self.set("DATABASES", reason, *DATABASE_LINES)
        for name in DATABASE_NAMES.values():
            self.read(name, reason, "database")
        return DATABASE_NAMES

    def files(self, report: Report) -> tuple[UserFile, ...]:
        """Return the overlay as a file of the user's, and note that it is the one that is selected."""
        if not self.lines:
            return ()
        reason = ", ".join(self.reasons)
        report.findings.pop(f"environment.{SELECTOR}", None)
        report.find(f"environment.{SELECTOR}", self.module, f"sets what {self.project.settings} has in the code")
        return (UserFile(self.path, self.text(), reason),)

    def text(self) -> str:
        """Return its text."""
        depth = self.path.count("/") - (self.project.home.count("/") + 1 if self.project.home else 0)
        uses_path = any("BASE /" in line for lines in self.lines.values() for line in lines)
        head = [
            '"""Settings of this site: those of the application, and in their place what the server tells."""',
            "",
            "import os",
            *(["from pathlib import Path"] if uses_path else []),
            "",
            f"from {self.project.module} import *",
            "",
            *([f"BASE = Path(__file__).resolve().parents[{depth}]"] if uses_path else []),
        ]
        return "\n".join([*head, *(line for lines in self.lines.values() for line in lines), ""])
