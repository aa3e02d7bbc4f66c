"""The packages that an application's files list: lists of requirements, projects and locks of each tool."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from posixpath import basename, dirname, join, normpath
from typing import Any

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import assigned, constants
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree
from ansible_collections.foobar.webstack.plugins.plugin_utils.python_project import of_extra, of_setup_cfg
from packaging.version import InvalidVersion, Version

REQUIREMENT = re.compile(r"([A-Za-z0-9][\w.-]*)\s*(?:\[([^]]*)\])?\s*(?:={2,3}\s*([^\s;,#]+))?")
# What a package and an extra bring that tells of a server beside the application; locks list it themselves.
BROUGHT = {"flask-mysqldb": "mysqlclient", "flask-mysql": "pymysql"}
EXTRAS = {
    **{"redis": "redis", "hiredis": "redis", "pymysql": "pymysql", "aiomysql": "aiomysql", "asyncmy": "asyncmy"},
    **{"asyncpg": "asyncpg", "psycopg": "psycopg", "psycopg2": "psycopg2", "psycopg2binary": "psycopg2-binary"},
    **{"sqlalchemy[mysql]": "mysqlclient", "databases[mysql]": "aiomysql", "databases[postgresql]": "asyncpg"},
}


@dataclass(frozen=True)
class Packages:
    """Names of packages, with the version that is pinned or an empty string, and where each is listed.

    `lock` is the file that a release is made from, or an empty string where there is none.
    """

    versions: Mapping[str, str]
    places: Mapping[str, str]
    lock: str

    def has(self, *names: str) -> str:
        """Return the first of these that is among the packages, or an empty string."""
        return next((name for name in names if name in self.versions), "")

    def is_older(self, name: str, than: str) -> bool:
        """Tell whether a package is pinned to a version before another."""
        try:
            return Version(self.versions.get(name) or than) < Version(than)
        except InvalidVersion:
            return False


class Listing:
    """Packages while they are gathered from the files that list them."""

    def __init__(self, tree: Tree) -> None:
        """Begin with none."""
        self.tree = tree
        self.versions: dict[str, str] = {}
        self.places: dict[str, str] = {}
        self._read: set[str] = set()

    def add(self, name: str, version: str, place: str) -> None:
        """Note a package by the name that PyPI gives it."""
        name = re.sub(r"[-_.]+", "-", name).lower()
        self.versions[name] = self.versions.get(name) or version
        self.places.setdefault(name, place)

    def require(self, text: str, place: str) -> None:
        """Note a requirement as pip takes it, and what its extras bring."""
        if found := REQUIREMENT.match(text):
            self.add(found[1], found[3] or "", place)
            if brought := BROUGHT.get(re.sub(r"[-_.]+", "-", found[1]).lower()):
                self.add(brought, "", place)
            for extra in re.split(r"[\s,]+", (found[2] or "").strip().lower()):
                if brought := EXTRAS.get(extra) or EXTRAS.get(f"{found[1].lower()}[{extra}]"):
                    self.add(brought, "", place)

    def read(self, path: str, chosen: list[str] | None = None) -> None:
        """Note what a file lists, by what it is called; groups and extras count that are chosen."""
        name = basename(path)
        if name.startswith("Pipfile"):
            self.pipfile(path)
        elif name in ("setup.py", "setup.cfg"):
            self.setup(path)
        elif name == "pyproject.toml":
            self.project(path, chosen)
        elif name.endswith((".lock", ".toml")):
            self.toml_lock(path, chosen)
        else:
            self.requirements(path)

    def requirements(self, path: str) -> None:
        """Note what a requirements file lists, and the files that it includes."""
        if path in self._read:
            return
        self._read.add(path)
        for number, line in self.tree.lines(path):
            text = re.sub(r"(^|\s)#.*", "", line).strip()
            included = re.match(r"(?:-r|--requirement)[\s=]*(\S+)", text)
            itself = re.match(r"(?:-e|--editable)?[\s=]*\.(?:\[(.*)\])?$", text)
            named = re.match(r"(?:-e|--editable)?[\s=]*\S+#egg=([\w.-]+)", text)
            if included:
                self.requirements(normpath(join(dirname(path), included[1])))
            elif itself:
                extras = [extra.strip() for extra in (itself[1] or "").split(",") if extra.strip()]
                self.project(normpath(join(dirname(path), "pyproject.toml")), extras)
            elif named:
                self.add(named[1], "", self.tree.at(path, number))
            elif not text.startswith("-"):
                self.require(text, self.tree.at(path, number))

    def project(self, path: str, chosen: list[str] | None = None) -> None:
        """Note what a pyproject.toml depends on, with the groups and extras that are chosen."""
        table = toml(self.tree, path)
        poetry = section(table, "tool", "poetry")
        self._requirements(section(table, "project").get("dependencies"), path)
        self._named(section(poetry, "dependencies"), path)
        for name in chosen or []:
            self._requirements(of_extra(section(table, "project"), name), path)
            self._requirements(section(table, "dependency-groups").get(name), path)
            self._named(section(poetry, "group", name, "dependencies"), path)

    def setup(self, path: str) -> None:
        """Note what a setup.py lists by its constants, and the setup.cfg beside it."""
        settings = join(dirname(path), "setup.cfg")
        own = section(of_setup_cfg(self.tree.text(settings)), "project")
        self._requirements(own.get("dependencies"), settings)
        nodes = list(ast.walk(self.tree.module(path))) if path.endswith(".py") else []
        lists = {name: value for node in nodes for name, value in assigned(node)}
        for node in nodes:
            if isinstance(node, ast.keyword) and node.arg == "install_requires":
                value = lists.get(node.value.id, node.value) if isinstance(node.value, ast.Name) else node.value
                self._requirements(sorted(constants(value)), path)

    def _requirements(self, listed: Any, path: str) -> None:
        """Note the requirements of a list."""
        for requirement in listed if isinstance(listed, list) else []:
            self.require(str(requirement), self.tree.at(path))

    def _named(self, listed: Mapping[str, Any], path: str) -> None:
        """Note the packages of a table of Poetry; those that are optional belong to an extra."""
        for name, pin in listed.items():
            is_optional = isinstance(pin, dict) and pin.get("optional") is True
            if name != "python" and not is_optional:
                version = pin if isinstance(pin, str) and re.match(r"\d[\w.]*$", pin) else ""
                extras = ",".join(map(str, pin.get("extras") or [])) if isinstance(pin, dict) else ""
                self.require(f"{name}[{extras}]" + (f"=={version}" if version else ""), self.tree.at(path))

    def toml_lock(self, path: str, chosen: list[str] | None = None) -> None:
        """Note the packages of a uv.lock, poetry.lock, pdm.lock or pylock.toml, without those of groups not chosen.

        What installs a lock refuses one that it can't take whole; here its names count all the same, with their places.
        """
        table = toml(self.tree, path)
        given = table.get("package") or table.get("packages")
        listed = [
            package
            for package in (given if isinstance(given, list) else [])
            if isinstance(package, dict) and isinstance(package.get("name"), str)
        ]
        reached = _reached(listed, chosen or [])
        for package in listed:
            groups = package.get("groups")
            is_other = isinstance(groups, list) and not {"main", "default", *(chosen or [])} & set(map(str, groups))
            if not is_other and (not reached or package["name"] in reached):
                self.add(package["name"], str(package.get("version", "")), self.tree.at(path))

    def pipfile(self, path: str) -> None:
        """Note the packages of a Pipfile or its lock, without those for development."""
        if path.endswith(".lock"):
            try:
                listed = section(json.loads(self.tree.text(path)), "default")
            except (ValueError, RecursionError):
                return
        else:
            listed = section(toml(self.tree, path), "packages")
        for name, pin in listed.items():
            version = str(pin.get("version", "")) if isinstance(pin, dict) else str(pin)
            self.add(name, version.removeprefix("==") if version.startswith("==") else "", self.tree.at(path))

    def found(self, lock: str) -> Packages:
        """Return what was gathered."""
        return Packages(self.versions, self.places, lock)


def _reached(listed: list[dict[str, Any]], chosen: list[str]) -> set[str]:
    """Return the names that the project itself leads to in a uv.lock, or nothing where no project stands in it."""
    by_name = {package["name"]: package for package in listed}
    waiting = [package["name"] for package in listed if {"virtual", "editable"} & set(section(package, "source"))]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in reached or name not in by_name:
            continue
        reached.add(name)
        package = by_name[name]
        lists = [package.get("dependencies")]
        for table in ("optional-dependencies", "dev-dependencies"):
            lists += [section(package, table).get(group) for group in chosen]
        for needed in (needed for each in lists if isinstance(each, list) for needed in each):
            if isinstance(needed, dict) and isinstance(needed.get("name"), str):
                waiting.append(needed["name"])
    return reached


def toml(tree: Tree, path: str) -> dict[str, Any]:
    """Return what a TOML file holds; one that is broken or not there is empty."""
    try:
        return tomllib.loads(tree.text(path))
    except (tomllib.TOMLDecodeError, RecursionError):
        problem = f"{tree.at(path)} is no valid TOML, so look there yourself."
        if problem not in tree.problems:
            tree.problems.append(problem)
        return {}


def section(table: Any, *names: str) -> dict[str, Any]:
    """Return a table within tables; it is empty where there is none."""
    for name in names:
        table = table.get(name) if isinstance(table, dict) else None
    return table if isinstance(table, dict) else {}
