"""The packages that an image installs beside those that an application lists."""

from __future__ import annotations

import re
from collections.abc import Iterable
from posixpath import basename

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Listing
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

# A package as pip takes it, and options of pip that have no value.
REQUIREMENT = re.compile(r"[A-Za-z][\w.-]*(\[[\w,-]+\])?([=<>!~]=?=?[\w.*,<>=!~]+)?")
SWITCHES = {
    *(
        "--no-cache-dir",
        "--no-cache",
        "--upgrade",
        "-U",
        "-q",
        "--quiet",
        "-v",
        "--system",
        "--user",
        "--pre",
        "--no-deps",
    ),
    *("--no-input", "--disable-pip-version-check", "--force-reinstall", "--prefer-binary", "--break-system-packages"),
    *("--no-binary=:all:", "--ignore-installed", "-I", "--no-build-isolation", "--compile-bytecode", "-qq", "-vv"),
}
# What an image has for its own sake: servers and tools, and drivers of other databases.
OF_IMAGES = re.compile(
    r"(pip(-\S+)?|setuptools|cython|wheel|uv|poetry\S*|pipenv|pdm|hatch|virtualenv|build|twine|gunicorn|uvicorn\S*|(py)?uwsgi\S*|daphne|"
    r"hypercorn|waitress|granian|supervisor|honcho|circus|psycopg\S*|asyncpg|pytest\S*|tox|nox|coverage|black|ruff|mypy|"
    r"flake8|isort|debugpy|ipython|ipdb|pre-commit|watchdog|watchfiles|pip-tools|pyinstaller|awscli|ansible\S*)$"
)


def find_image_packages(run: Iterable[Command], listing: Listing, report: Report) -> None:
    """Note what an image installs beside the listed packages, such as the driver of a database."""
    known = set(listing.versions)
    for command in run if known else ():
        words = list(command.words[2:] if command.words[:2] == ("uv", "pip") else command.words)
        words = words[2:] if words[:2] == ["python", "-m"] else words
        verb = words[0] if command.words[:2] == ("uv", "pip") else words[1] if len(words) > 1 else ""
        is_pip = basename(words[0] if words else "") in ("pip", "pip3") or command.words[:2] == ("uv", "pip")
        if command.process != "build" or not is_pip or verb not in ("install", "wheel"):
            continue
        for word in _operands(words):
            name = re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", word)[0]).lower()
            if name and name not in known and not OF_IMAGES.match(name):
                listing.add(name, "", command.reason)
                report.add("python_packages", [word], command.reason)


def _operands(words: list[str]) -> list[str]:
    """Return the packages that a command of pip names, without files and what belongs to options."""
    found: list[str] = []
    before = ""
    for word in words:
        is_value = before.startswith("-") and "=" not in before and before not in SWITCHES
        if not is_value and REQUIREMENT.fullmatch(word) and not re.search(r"\.(txt|whl|gz|zip)$", word):
            found.append(word)
        before = word
    return [word for word in found if word not in ("pip", "pip3", "install", "wheel")]
