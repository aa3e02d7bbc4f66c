"""What the files of hosting platforms tell: the commands that run there, and the page that is asked for its health."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from posixpath import basename, dirname
from typing import Any

import yaml
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command, Place, split
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree

FILES = ("render.yaml", "railway.toml", "railway.json", "nixpacks.toml", "fly.toml", "heroku.yml", "app.yaml")
# Keys of these files that hold a command, and what it is to the application.
WEB = {"startCommand", "run_command", "entrypoint", "cmd"}
BUILD = {"buildCommand", "build_command"}
RELEASE = {"preDeployCommand", "release_command", "release", "initialDeployHook"}
HEALTH = {"healthCheckPath", "healthcheckPath", "http_path"}
# Of an image or of Compose: a client that asks a page of the application.
ASKED = re.compile(r"(?:curl|wget|http)\b.*?https?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::[\w${}:-]+)?(/[\w./~-]*)")


def platform_commands(tree: Tree) -> Iterator[Command]:
    """Return the commands that platforms run: servers and workers, what they build, and what comes before a release."""
    for path in tree.named(*FILES):
        if path.count("/") < 2:
            for key, name, text in _texts(_table(tree, path)):
                process = "build" if key in BUILD else "release" if key in RELEASE else name
                source = "image" if process == "build" else "procfile"
                yield from split(text, tree.at(path, _line(tree, path, text)), Place(source, dirname(path), process))


def health_check(tree: Tree) -> tuple[str, str]:
    """Return the page that a platform or an image asks for the application's health, and where that is told."""
    for path in tree.named(*FILES):
        for line, text in tree.lines(path):
            found = re.search(rf"\b({'|'.join(sorted(HEALTH))})[\"']?\s*[:=]\s*[\"']?(/[\w./~-]*)", text)
            if found and path.count("/") < 2:
                return found[2], tree.at(path, line)
    for path in tree.files:
        is_compose = re.search(r"(^|/)(docker-)?compose[\w.-]*\.ya?ml$", path)
        if basename(path).startswith("Dockerfile") or is_compose:
            for line, text in tree.lines(path):
                is_check = "HEALTHCHECK" in text or re.match(r"\s*test:", text)
                if is_check and (found := ASKED.search(re.sub(r"[\"',]", " ", text))):
                    return found[1].rstrip() or "/", tree.at(path, line)
    return "", ""


def _table(tree: Tree, path: str) -> Any:
    """Return what a file holds, by its suffix; one that can't be read is empty."""
    try:
        if path.endswith(".toml"):
            return tomllib.loads(tree.text(path))
        return json.loads(tree.text(path)) if path.endswith(".json") else yaml.safe_load(tree.text(path))
    except (tomllib.TOMLDecodeError, yaml.YAMLError, ValueError, RecursionError):
        return {}


def _texts(value: Any, name: str = "web", steps: int = 0) -> Iterator[tuple[str, str, str]]:
    """Return the commands in a table with their keys, and what the process is called that each is of.

    A worker of Render or of Heroku has a name or a type of its own, the processes of Fly their keys.
    """
    if isinstance(value, list) and steps < 6:
        for item in value:
            yield from _texts(item, name, steps + 1)
    elif isinstance(value, dict) and steps < 6:
        kind = str(value.get("type", ""))
        own = str(value.get("name", "worker")) if kind == "worker" else name
        for key, item in value.items():
            if isinstance(item, str):
                if name in ("processes", "run"):
                    yield key, str(key), item
                elif key in WEB | BUILD | RELEASE and kind != "cron":
                    yield key, own, item
            else:
                inner = str(key) if key in ("processes", "run") else own
                yield from _texts(item, inner, steps + 1)


def _line(tree: Tree, path: str, text: str) -> int:
    """Return the line on which a command begins."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    return next((number for number, line in tree.lines(path) if first and first in line), 0)
