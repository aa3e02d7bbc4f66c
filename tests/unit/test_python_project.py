"""Whether an application is a package that can be built: by its pyproject.toml, and never by trying."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.lock_files import LockError, toml
from ansible_collections.foobar.webstack.plugins.plugin_utils.python_project import (
    is_package,
    of_groups,
    requirements,
)

SETUPTOOLS = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
PROJECT = '[project]\nname = "shop-site"\nversion = "1"\n'


def build(backend: str) -> str:
    """Return a table that names a build backend."""
    return f'[build-system]\nrequires = ["x"]\nbuild-backend = "{backend}"\n'


class Files:
    """The files of a source, by their paths; those that end with a slash are folders."""

    def __init__(self, paths: Sequence[str]) -> None:
        """Take them, each with a text in it where one is given after a space."""
        self.texts = dict(path.partition(" ")[::2] for path in paths)

    def has(self, path: str) -> bool:
        """Tell whether there is one."""
        return path in self.texts or self.is_folder(path)

    def is_folder(self, path: str) -> bool:
        """Tell whether there is one."""
        return any(name.startswith(f"{path}/") for name in self.texts)

    def inside(self, folder: str) -> list[str]:
        """Return what is in one."""
        start = f"{folder}/" if folder else ""
        return sorted({name[len(start) :].split("/")[0] for name in self.texts if name.startswith(start)})

    def text(self, path: str) -> str:
        """Return what is in one."""
        return self.texts.get(path, "")


@pytest.mark.parametrize(
    ("project", "paths", "is_one"),
    [
        # No build system: an application.
        (PROJECT, ["shop/__init__.py"], False),
        ("[tool.ruff]\n", ["shop.py"], False),
        # setuptools finds one package, or is told of several.
        (PROJECT + SETUPTOOLS, ["shop/__init__.py", "tests/x.py", "docs/x.md", "static/x.css"], False),
        (PROJECT + SETUPTOOLS, ["shop/__init__.py", "tests/x.py", "docs/x.md", "README.md"], True),
        (PROJECT + SETUPTOOLS, ["shop/__init__.py", "blog/__init__.py", "templates/base.html"], False),
        (PROJECT + SETUPTOOLS, ["src/shop/__init__.py", "templates/base.html", "blog/x.py"], True),
        (PROJECT + SETUPTOOLS, ["shop.py", "manage.py", "test.py"], True),
        (PROJECT + SETUPTOOLS, ["shop.py", "blog.py"], False),
        (PROJECT + SETUPTOOLS + '[tool.setuptools]\npackages = ["shop"]\n', ["shop/x.py", "blog/x.py"], True),
        (PROJECT + SETUPTOOLS + "[tool.setuptools.packages.find]\n", ["shop/x.py", "blog/x.py"], True),
        (PROJECT + SETUPTOOLS, ["setup.py setup(packages=['shop'])", "shop/x.py", "blog/x.py"], True),
        (PROJECT + SETUPTOOLS, ["setup.cfg [flake8]", "shop/x.py", "blog/x.py"], False),
        # Others look for a package of the project's name.
        ('[tool.poetry]\nname = "shop-site"\n' + build("poetry.core.masonry.api"), ["shop_site/__init__.py"], True),
        ('[tool.poetry]\nname = "shop-site"\n' + build("poetry.core.masonry.api"), ["src/shop_site/__init__.py"], True),
        ('[tool.poetry]\nname = "shop-site"\n' + build("poetry.core.masonry.api"), ["config/__init__.py"], False),
        (
            '[tool.poetry]\nname = "shop"\npackages = [{include = "config"}]\n' + build("poetry.core.masonry.api"),
            ["config/__init__.py"],
            True,
        ),
        (PROJECT + build("hatchling.build"), ["shop_site/__init__.py"], True),
        (PROJECT + build("hatchling.build"), ["config/__init__.py"], False),
        (
            PROJECT + build("hatchling.build") + '[tool.hatch.build.targets.wheel]\npackages = ["config"]\n',
            ["config/__init__.py"],
            True,
        ),
        (PROJECT + build("flit_core.buildapi"), ["shop_site.py"], True),
        (PROJECT + build("uv_build"), ["src/shop_site/__init__.py"], True),
        (PROJECT + build("uv_build"), ["shop_site/__init__.py"], False),
        (PROJECT + build("mesonpy"), ["meson.build"], True),
        # What a tool is told counts before all else.
        (PROJECT + SETUPTOOLS + "[tool.uv]\npackage = false\n", ["shop/__init__.py"], False),
        (PROJECT + "[tool.uv]\npackage = true\n", ["shop/__init__.py"], True),
        ("[tool.poetry]\npackage-mode = false\n" + build("poetry.core.masonry.api"), ["shop/__init__.py"], False),
        (PROJECT + build("pdm.backend") + "[tool.pdm]\ndistribution = false\n", ["shop/__init__.py"], False),
    ],
)
def test_what_its_build_backend_would_find_is_a_package(project: str, paths: list[str], is_one: bool) -> None:
    assert is_package(toml(project), Files(paths), "") is is_one
    below = Files([f"backend/{path}" for path in paths] + ["frontend/package.json"])
    assert is_package(toml(project), below, "backend") is is_one


def test_a_group_brings_those_that_it_includes_once() -> None:
    groups = '[dependency-groups]\na = ["x", {include-group = "B.b"}]\nb-b = ["y", {include-group = "a"}]\n'
    assert of_groups(toml(groups), ["a"]) == ["x", "y"]


def test_a_group_that_includes_one_that_is_not_there_is_refused() -> None:
    with pytest.raises(LockError, match="includes the dependency group b, which it does not have"):
        of_groups(toml('[dependency-groups]\na = [{include-group = "b"}]\n'), ["a"])


def test_an_extra_may_name_others_of_the_same_project() -> None:
    extras = '[project.optional-dependencies]\nall = ["shop_site[mysql, all]", "redis"]\nmysql = ["pymysql"]\n'
    assert requirements(toml(PROJECT + extras), ["all"], []) == ["pymysql", "redis"]
