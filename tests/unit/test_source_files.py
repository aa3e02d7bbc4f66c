"""What of a folder goes up: not what tools have made for one machine, and what is named though git ignores it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils import sources
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceError, SourceMistake

from tests import calls
from tests.playbook import ROOT
from tests.repositories import commit, content, git, repository, write


def found(folder: Path, **keys: Any) -> dict[str, str]:
    """Return the files of an app's release whose source is a folder; each call is a run of its own."""
    cache = folder.parent / "cache"
    run = f"run{len(list(cache.glob('runs/*.json')))}"
    return content(sources.source({"name": "shop", "directory": str(folder), **keys}, cache, run)["path"])


LITTER = {
    ".venv/pyvenv.cfg": "",
    ".venv/bin/python": "",
    "env of jane/pyvenv.cfg": "",
    "env of jane/lib/x.py": "",
    "shop/__pycache__/app.cpython-313.pyc": "",
    "shop/old.pyc": "",
    "frontend/node_modules/x/index.js": "",
    ".mypy_cache/x.json": "",
    ".ruff_cache/x": "",
    ".pytest_cache/x": "",
    ".tox/x": "",
    ".DS_Store": "",
}


@pytest.mark.parametrize("is_repository", [False, True])
def test_what_tools_have_made_for_one_machine_stays_at_home_without_a_gitignore(
    tmp_path: Path, is_repository: bool
) -> None:
    folder = write(tmp_path / "shop", {"manage.py": "", "shop/app.py": "", "frontend/index.js": "", **LITTER})
    if is_repository:
        git(folder, "init", "--quiet")
    assert set(found(folder)) == {"manage.py", "shop/app.py", "frontend/index.js"}


def test_a_gitignore_brings_none_of_it_back(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", {"manage.py": "", ".gitignore": "!.venv\n!node_modules\n", **LITTER})
    assert set(found(folder)) == {"manage.py", ".gitignore"}


def test_files_that_git_ignores_go_up_where_they_are_named(tmp_path: Path) -> None:
    made = {"frontend/dist/index.html": "<p>", "frontend/dist/node_modules/x": "", "frontend/x.log": "", "secret": "s"}
    folder = write(tmp_path / "shop", {"manage.py": "", ".gitignore": "dist\n*.log\nsecret\n", **made})
    (folder / "frontend/dist/latest").symlink_to("index.html")
    assert set(found(folder)) == {"manage.py", ".gitignore"}
    wanted = found(folder, include=["./frontend/dist/", "frontend/x.log"])
    assert set(wanted) == {
        *("manage.py", ".gitignore"),
        *("frontend/dist/index.html", "frontend/dist/latest", "frontend/x.log"),
    }
    # Other content is another release.
    before = sources.source({"name": "x", "directory": str(folder), "include": ["secret"]}, tmp_path / "cache", "a")
    write(folder, {"secret": "another"})
    after = sources.source({"name": "x", "directory": str(folder), "include": ["secret"]}, tmp_path / "cache", "b")
    assert before["revision"] != after["revision"]


@pytest.mark.parametrize("name", ["frontend/dist", "manage", "empty"])
def test_what_is_to_go_up_and_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "shop", {"manage.py": ""})
    (folder / "empty").mkdir()
    with pytest.raises(SourceMistake, match=f"^include: the source has no {name}, or nothing is in it"):
        found(folder, include=[name])


def test_a_submodule_that_is_there_goes_up_as_it_is(tmp_path: Path) -> None:
    theme = repository(tmp_path / "theme", {"theme.css": "red", ".gitignore": "*.log\n"})
    shop = repository(tmp_path / "shop", {"manage.py": ""})
    git(shop, "submodule", "--quiet", "add", str(theme), "static/theme")
    commit(shop)
    write(shop / "static/theme", {"x.log": "", "theme.css": "blue"})
    files = found(shop)
    assert files["static/theme/theme.css"] == "blue"
    assert set(files) == {"manage.py", ".gitmodules", "static/theme/theme.css", "static/theme/.gitignore"}


def test_a_submodule_that_was_not_fetched_is_refused_by_name(tmp_path: Path) -> None:
    theme = repository(tmp_path / "theme", {"theme.css": "red"})
    shop = repository(tmp_path / "shop", {"manage.py": ""})
    git(shop, "submodule", "--quiet", "add", str(theme), "static/theme")
    commit(shop)
    git(tmp_path, "clone", "--quiet", str(shop), "clone")
    with pytest.raises(SourceError, match="has nothing of its submodule static/theme: run git submodule update"):
        found(tmp_path / "clone")


def test_what_stands_for_a_file_of_git_lfs_never_goes_up(tmp_path: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    folder = write(tmp_path / "shop", {".gitattributes": "*.bin filter=lfs\n", "static/film.bin": pointer})
    with pytest.raises(SourceError, match=r"has static/film\.bin without its content, which Git LFS keeps"):
        found(folder)
    write(folder, {"static/film.bin": "a film"})
    assert found(folder)["static/film.bin"] == "a film"


def test_names_with_spaces_and_letters_of_any_kind_come_through(tmp_path: Path) -> None:
    folder = write(tmp_path / "a shop", {"a b/grüße.txt": "x", "new\nline": "y"})
    (folder / os.fsdecode(b"caf\xe9")).write_text("z")
    assert set(found(folder)) == {"a b/grüße.txt", "new\nline", os.fsdecode(b"caf\xe9")}


@pytest.mark.parametrize("kind", ["directory", "repo"])
def test_an_application_beside_its_frontend_is_found_in_its_folder(tmp_path: Path, kind: str) -> None:
    folder = write(tmp_path / "shop", {"README.md": "", "frontend/package.json": "{}"})
    shutil.copytree(ROOT / "tests/apps/django", folder / "backend")
    if kind == "repo":
        repository(folder, {})
    app = {"name": "shop", kind: str(folder), "subdirectory": "backend"}
    found = sources.source(app, tmp_path / "cache", "run")
    assert found["files"] == ["README.md", "backend", "frontend"]
    assert {"manage.py", "requirements.txt"} <= set(found["subdirectory_files"])
    with pytest.raises(SourceMistake, match=r"subdirectory back is no folder of the source.*backend, frontend"):
        sources.source(app | {"subdirectory": "back"}, tmp_path / "cache", "run")


@pytest.fixture
def frontend(tmp_path: Path) -> Path:
    """Return a folder with a frontend that is built on this machine."""
    return write(tmp_path / "shop", {"manage.py": "", "frontend/index.js": "1", ".gitignore": "dist\nnode_modules\n"})


BUILD = [
    "mkdir -p frontend/dist frontend/node_modules/x",
    "tr 1 2 < frontend/index.js > frontend/dist/index.js; date +%N",
]


def test_commands_on_this_machine_complete_the_source_in_a_copy(frontend: Path) -> None:
    commands = [*BUILD, "touch frontend/node_modules/x/y frontend/notes", "rm manage.py"]
    files = found(frontend, local_build_commands=commands, include=["frontend/dist"])
    assert files["frontend/dist/index.js"] == "2"
    assert set(files) == {"frontend/index.js", "frontend/dist/index.js", "frontend/notes", ".gitignore"}
    assert not (frontend / "frontend/dist").exists()


@pytest.mark.parametrize("kind", ["repo", "archive"])
def test_they_complete_a_repository_and_an_archive_too(frontend: Path, tmp_path: Path, kind: str) -> None:
    # What git ignores and has all the same stays.
    write(frontend, {"dist/kept": ""})
    repository(frontend, {})
    git(frontend, "add", "--force", "dist/kept")
    commit(frontend)
    place = str(frontend)
    if kind == "archive":
        place = str(tmp_path / "shop.tar.gz")
        git(frontend, "archive", "--prefix=shop-1.0/", f"--output={place}", "HEAD")
    app = {"name": "shop", kind: place, "local_build_commands": BUILD, "include": ["frontend/dist"]}
    made = sources.source(app, tmp_path / "cache", "run")
    plain = sources.source({"name": "shop", kind: place}, tmp_path / "cache", "run")
    assert content(made["path"])["frontend/dist/index.js"] == "2"
    assert "dist/kept" in content(made["path"])
    assert made["revision"] == plain["revision"]
    assert (made["files"], made["strip_components"]) == ([".gitignore", "dist", "frontend", "manage.py"], 0)


def test_the_same_source_is_not_built_again_and_another_one_is(frontend: Path, tmp_path: Path) -> None:
    def build(*more: str) -> None:
        found(frontend, local_build_commands=[f"echo x >> {tmp_path}/times", *more])

    build()
    build()
    assert (tmp_path / "times").read_text() == "x\n"
    build("true")
    write(frontend, {"frontend/index.js": "2"})
    build()
    assert (tmp_path / "times").read_text() == "x\n" * 3


def test_a_command_that_fails_is_named_with_its_words_and_nothing_is_kept(frontend: Path, tmp_path: Path) -> None:
    commands = ["echo one; echo 'error: no such page' >&2; exit 3"]
    for _ in range(2):
        with pytest.raises(SourceError) as error:
            found(frontend, local_build_commands=commands)
        assert str(error.value) == f"local_build_commands: `{commands[0]}` ended with 3: error: no such page."
        assert error.value.said == ["one", "error: no such page"]


def test_a_run_shows_what_a_command_said_last(
    frontend: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app = {"name": "shop", "directory": str(frontend), "local_build_commands": ["echo 'page 7'; exit 3"]}
    found = calls.action("release_sources", {"apps": [app], "cache": str(tmp_path / "cache")})["sources"]
    assert found["shop"]["error"].startswith("shop: local_build_commands: `echo 'page 7'; exit 3` ended with 3")
    assert "What it said last:\n    page 7" in capsys.readouterr().out


def test_a_tool_that_this_machine_lacks_is_named(frontend: Path) -> None:
    with pytest.raises(
        SourceError, match=r"ended with 127: .*npmx: .*not found; it has to be installed on this machine"
    ):
        found(frontend, local_build_commands=["cd frontend && npmx ci"])


def test_tools_have_caches_of_their_own_that_outlive_a_build(frontend: Path, tmp_path: Path) -> None:
    told = found(frontend, local_build_commands=['echo "$npm_config_cache $XDG_CACHE_HOME" > told'])["told"].split()
    assert told == [f"{tmp_path}/cache/tools/npm", f"{tmp_path}/cache/tools"]


def test_a_copy_does_not_take_the_repository_around_it_for_its_own(tmp_path: Path) -> None:
    repository(tmp_path, {"hosts.yml": ""})
    folder = write(tmp_path / "shop", {"manage.py": ""})
    with pytest.raises(SourceError, match="not a git repository"):
        found(folder, local_build_commands=["git describe --always"])


@pytest.mark.skipif(not shutil.which("npm"), reason="npm is not on this machine")
def test_npm_builds_a_frontend(tmp_path: Path) -> None:
    package = '{"name": "front", "scripts": {"build": "mkdir dist && cp index.js dist"}}'
    folder = write(tmp_path / "shop", {"app.py": "", "frontend/package.json": package, "frontend/index.js": "1"})
    commands = ["cd frontend && npm install --no-audit --no-fund && npm run build"]
    files = found(folder, local_build_commands=commands, subdirectory="frontend", include=["frontend/dist"])
    assert files["frontend/dist/index.js"] == "1"
