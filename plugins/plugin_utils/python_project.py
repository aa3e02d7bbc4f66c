"""What a pyproject.toml says of an application: what it depends on, and whether it is a package that can be built."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from configparser import ConfigParser
from configparser import Error as ConfigError
from fnmatch import fnmatchcase
from posixpath import basename, dirname, join
from typing import Any, Protocol

from ansible_collections.foobar.webstack.plugins.plugin_utils.lock_files import (
    LockError,
    refuse_unknown,
    table,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.locked_packages import canonical

Table = dict[str, Any]

# Where setuptools was told of packages before pyproject.toml.
OLD_SETTINGS = ("setup.py", "setup.cfg")
# Folders and modules that setuptools takes for no part of a package when it looks for one beside pyproject.toml.
NO_PACKAGES = (
    *("ci", "bin", "debian", "doc", "docs", "documentation", "manpages", "news", "newsfragments", "changelog", "test"),
    *("tests", "unit_test", "unit_tests", "example", "examples", "scripts", "tools", "util", "utils", "python"),
    *("build", "dist", "venv", "env", "requirements", "tasks", "fabfile", "site_scons", "benchmark", "benchmarks"),
    *("exercise", "exercises", "htmlcov", "[._]*"),
)
NO_MODULES = (
    *("setup", "conftest", "test", "tests", "example", "examples", "build", "toxfile", "noxfile", "pavement", "dodo"),
    *("tasks", "fabfile", "[Ss][Cc]onstruct", "conanfile", "manage", "benchmark", "benchmarks", "exercise"),
    *("exercises", "[._]*"),
)


class Files(Protocol):
    """The files of a source, by their paths from its root."""

    def has(self, path: str) -> bool:
        """Tell whether there is such a file or folder."""

    def text(self, path: str) -> str:
        """Return what is in a file, or an empty text."""

    def inside(self, folder: str) -> Iterable[str]:
        """Return the names of what is in a folder."""

    def is_folder(self, path: str) -> bool:
        """Tell whether something is a folder."""


def lists_packages(path: str, files: Files, project: Callable[[str], Table], has_names: bool = False) -> bool:
    """Tell whether an installation can be made from a file: some may only hold the settings of tools.

    `project` returns what a pyproject.toml holds; `has_names` is whether groups or extras are asked for.
    """
    if basename(path) == "setup.cfg":
        return bool(of_setup_cfg(files.text(path)))
    if basename(path) == "setup.py":
        beside = files.text(join(dirname(path), "setup.cfg"))
        return has_names or "install_requires" in files.text(path) or bool(of_setup_cfg(beside))
    return basename(path) != "pyproject.toml" or has_dependencies(project(path), has_names)


def has_dependencies(project: Table, has_names: bool = False) -> bool:
    """Tell whether a pyproject.toml says what an application depends on, or that its build finds out."""
    own = table(project, "project")
    dynamic = own.get("dynamic")
    return bool(
        own.get("dependencies")
        or (isinstance(dynamic, list) and "dependencies" in dynamic)
        or set(table(project, "tool", "poetry", "dependencies")) - {"python"}
        or (has_names and (own or table(project, "dependency-groups")))
    )


def of_setup_cfg(text: str) -> Table:
    """Return what a setup.cfg says an application depends on, as a pyproject.toml has it; empty without such.

    What is read from other files stands there as `file: name`.
    """
    parser = ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except ConfigError:
        return {}
    needed = _setup_cfg_list(parser.get("options", "install_requires", fallback=""))
    if not needed:
        return {}
    section = "options.extras_require"
    extras = dict(parser[section]) if parser.has_section(section) else {}
    return {
        "project": {
            "name": parser.get("metadata", "name", fallback=""),
            "dependencies": needed,
            "optional-dependencies": {name: _setup_cfg_list(value) for name, value in extras.items()},
        }
    }


def _setup_cfg_list(value: str) -> list[str]:
    """Return the items of a list in a setup.cfg: one on each line, or all on one with semicolons."""
    items = value.splitlines() if "\n" in value else [value] if value.startswith("file:") else value.split(";")
    return [item.strip() for item in items if item.strip()]


def dynamic_files(project: Table) -> list[str]:
    """Return the lists that setuptools is told to read an application's dependencies from."""
    files = table(project, "tool", "setuptools", "dynamic", "dependencies").get("file", [])
    return [str(file) for file in (files if isinstance(files, list) else [files])]


def is_static(project: Table) -> bool:
    """Tell whether what an application depends on stands in its pyproject.toml, so that nothing need be run for it."""
    own = table(project, "project")
    dynamic = own.get("dynamic", [])
    return bool(own) and not {"dependencies", "optional-dependencies"} & set(
        dynamic if isinstance(dynamic, list) else []
    )


def installs_itself(path: str, project: Table, files: Files) -> bool:
    """Tell whether an application is installed beside its packages, by the file that these are taken from.

    `project` is the pyproject.toml in the same folder. A list of requirements has a line for the application, or none.
    """
    name = basename(path)
    if name == "setup.py":
        return True
    if name == "Pipfile.lock" or not name.endswith((".lock", ".toml", ".cfg")):
        return False
    return is_package(project, files, dirname(path))


def is_package(project: Table, files: Files, folder: str) -> bool:
    """Tell whether an application is a package that is to be installed.

    It is one by its `[build-system]`, unless its tool is told otherwise, or would find nothing to build: what is
    deployed lies beside its modules anyway.
    """
    told = [
        table(project, "tool", "uv").get("package"),
        table(project, "tool", "poetry").get("package-mode"),
        table(project, "tool", "pdm").get("distribution"),
    ]
    if False in told:
        return False
    backend = str(table(project, "build-system").get("build-backend", "setuptools"))
    if "build-system" not in project and True not in told and not files.has(join(folder, "setup.py")):
        return False
    return _finds_a_package(backend.partition(".")[0], project, files, folder)


def _finds_a_package(backend: str, project: Table, files: Files, folder: str) -> bool:
    """Tell whether a build backend, by the first word of its name, would find what it is to build."""
    if backend == "setuptools":
        return _setuptools_does(project, files, folder)
    poetry = table(project, "tool", "poetry")
    name = re.sub(r"[-.]+", "_", str(table(project, "project").get("name") or poetry.get("name") or ""))
    if backend == "poetry" and not poetry.get("packages") and not poetry.get("include"):
        return _has_module(name, files, folder, "src")
    if backend in ("hatchling", "flit_core", "flit") and not _tells_files(project, backend):
        named = table(project, "tool", "flit", "module").get("name", name)
        return _has_module(str(named), files, folder, "src")
    if backend == "uv_build":
        own = table(project, "tool", "uv", "build-backend")
        module, root = own.get("module-name", name.lower()), str(own.get("module-root", "src"))
        return isinstance(module, list) or files.has(join(folder, root, str(module).replace(".", "/"), "__init__.py"))
    return True


def _tells_files(project: Table, backend: str) -> bool:
    """Tell whether Hatch is told itself what belongs to the package; Flit can't be."""
    build = table(project, "tool", "hatch", "build")
    told = (build, table(build, "targets", "wheel"))
    keys = {"packages", "include", "only-include", "force-include", "sources", "bypass-selection", "hooks"}
    return backend == "hatchling" and any(keys & set(values) for values in told)


def _has_module(name: str, files: Files, folder: str, *roots: str) -> bool:
    """Tell whether there is a package or a module of a name, as it is or in lower-case letters."""
    return any(
        files.has(join(folder, root, place))
        for root in ("", *roots)
        for word in dict.fromkeys([name, name.lower()])
        for place in (
            f"{word}/__init__.py",
            f"{word}.py",
            *([word] if root and files.is_folder(join(folder, root)) else []),
        )
        if word
    )


def _setuptools_does(project: Table, files: Files, folder: str) -> bool:
    """Tell whether setuptools would build: without settings it refuses several packages side by side."""
    own = table(project, "tool", "setuptools")
    if {"packages", "py-modules", "package-dir", "ext-modules"} & set(own):
        return True
    # In a file of its own the packages may be told, or only the settings of other tools.
    if any(
        re.search(r"\b(packages|py_modules|ext_modules)\b", files.text(join(folder, name))) for name in OLD_SETTINGS
    ):
        return True
    if files.is_folder(join(folder, "src")):
        return True
    names = sorted(files.inside(folder))
    folders = [name for name in names if name.isidentifier() and files.is_folder(join(folder, name))]
    packages = [name for name in folders if not _is_like(name, NO_PACKAGES)]
    if packages:
        return len(packages) == 1
    modules = [name.removesuffix(".py") for name in names if name.endswith(".py")]
    return len([name for name in modules if name.isidentifier() and not _is_like(name, NO_MODULES)]) == 1


def _is_like(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a name is like one of some patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def default_groups(project: Table) -> list[str]:
    """Return the dependency groups that uv installs of itself, by `default-groups`, without that for development."""
    told = table(project, "tool", "uv").get("default-groups", [])
    names = table(project, "dependency-groups") if told == "all" else told
    return [str(name) for name in names if canonical(str(name)) != "dev"] if isinstance(names, list | dict) else []


def requirements(project: Table, extras: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Return what an application depends on by its pyproject.toml, with the extras and groups that are asked for.

    Raise LockError.
    """
    own = table(project, "project")
    found = [str(item) for item in own.get("dependencies", [])]
    refuse_unknown("extra", extras, table(own, "optional-dependencies"))
    for extra in extras:
        found += of_extra(own, extra)
    return [*found, *of_groups(project, groups)]


def of_extra(own: Table, extra: str) -> list[str]:
    """Return the requirements of an extra of a project, and those of its other extras that it names."""
    return _of_extra(own, extra, set())


def _of_extra(own: Table, extra: str, seen: set[str]) -> list[str]:
    """Return the requirements of an extra without those of extras that have been seen."""
    listed = {canonical(name): value for name, value in table(own, "optional-dependencies").items()}
    if canonical(extra) in seen:
        return []
    seen.add(canonical(extra))
    found, given = [], listed.get(canonical(extra))
    for item in map(str, given if isinstance(given, list) else []):
        inner = re.fullmatch(r"\s*([\w.-]+)\s*\[([^]]*)\]\s*", item)
        if inner and canonical(inner[1]) == canonical(str(own.get("name", ""))):
            found += [line for name in inner[2].split(",") for line in _of_extra(own, name.strip(), seen)]
        else:
            found.append(item)
    return found


def of_groups(project: Table, groups: Sequence[str]) -> list[str]:
    """Return the requirements of dependency groups, and of those that they include. Raise LockError."""
    listed = {canonical(name): value for name, value in table(project, "dependency-groups").items()}
    refuse_unknown("dependency group", groups, listed)
    found: list[str] = []
    todo, seen = [canonical(name) for name in groups], set()
    while todo:
        name = todo.pop(0)
        if name in seen:
            continue
        seen.add(name)
        for item in listed.get(name, []):
            if isinstance(item, dict):
                included = canonical(str(item.get("include-group", "")))
                if included not in listed:
                    raise LockError(f"includes the dependency group {included}, which it does not have.")
                todo.append(included)
            else:
                found.append(str(item))
    return found
