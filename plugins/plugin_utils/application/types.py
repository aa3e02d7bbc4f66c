"""What is found out about how a Python web application is deployed: the answer of `inspect_application`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ApplicationError(Exception):
    """The folder holds nothing that can be deployed; the text is one sentence for the user."""


@dataclass(frozen=True)
class Finding:
    """A value of an entry of `sites`, and where it was seen.

    A nested key is dotted, such as `gunicorn.worker_class` and `environment.DEBUG`. The reason names a file of the
    folder, mostly with a line: `config/wsgi.py:12`.
    """

    key: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Question:
    """What the files do not tell, in one sentence that says what to write; the key is empty where it is no key's."""

    key: str
    text: str


@dataclass(frozen=True)
class Variable:
    """An environment variable that the application reads.

    `kind` is `secret` (any long random text), `domain` (the site's name), `origin` (its address, with the scheme),
    `debug`, `database`, `redis` (its address), `broker` (the same for Celery), or empty. `type` is `text`, `integer`,
    `boolean`, `list` (with commas), `json`, or `part` (of an address that the code puts a scheme before). Where it is
    `required` the application fails without it, and with `at_start` every command that loads the application does.
    """

    name: str
    reason: str
    kind: str = ""
    type: str = "text"
    required: bool = False
    at_start: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Database:
    """The database that the application is made for, and how it takes the address.

    `engine` is `mysql`, `postgresql`, `sqlite`, `other`, or empty where nothing tells. `url` is the variable that takes
    the whole address, `scheme` and `query` are its ends: `scheme://user:password@localhost/name?query`. `variables` are
    those that take a part of it, by `name`, `user`, `password`, `host`, `port`, `socket` and `engine`. With neither,
    the address stands in the code, or nothing tells how it is taken, and it `is_open`.
    """

    engine: str
    driver: str
    reason: str
    url: str = ""
    scheme: str = ""
    query: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    is_open: bool = False


@dataclass(frozen=True)
class UserFile:
    """A file that a release needs and the source lacks: where it goes in the source, its text, and why."""

    dest: str
    text: str
    reason: str


@dataclass(frozen=True)
class Application:
    """An application as its files show it; `framework` and `database` are empty where there is none."""

    framework: str
    findings: tuple[Finding, ...]
    questions: tuple[Question, ...]
    database: Database | None
    variables: tuple[Variable, ...]
    files: tuple[UserFile, ...] = ()


class Report:
    """Findings and questions while they are gathered, the most reliable first."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.findings: dict[str, Finding] = {}
        self.questions: list[Question] = []

    def find(self, key: str, value: Any, reason: str) -> None:
        """Note a value, unless one is known already."""
        self.findings.setdefault(key, Finding(key, value, reason))

    def add(self, key: str, items: list[Any], reason: str) -> None:
        """Note further items of a value that is a list, those that are not in it yet."""
        known = self.findings.get(key, Finding(key, [], ""))
        further = [item for item in items if item not in known.value]
        if further:
            is_new = reason not in known.reason.split(", ")
            reasons = f"{known.reason}, {reason}" if known.reason and is_new else known.reason or reason
            self.findings[key] = Finding(key, [*known.value, *further], reasons)

    def ask(self, key: str, text: str) -> None:
        """Note a question, once."""
        question = Question(key, text)
        if question not in self.questions:
            self.questions.append(question)

    def value(self, key: str) -> Any:
        """Return the value that was found for a key, or None."""
        return self.findings[key].value if key in self.findings else None
