"""From which file of a source its packages are installed: the rule, and what is refused before a server is touched."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.foobar.webstack.plugins.plugin_utils.dependencies import (
    Tree,
    decoded,
    installation,
    installed,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceMistake
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_places import place_mistakes

from tests import calls

HASH = f"sha256:{'1' * 64}"
UV_LOCK = 'version = 1\n[[package]]\nname = "shop"\nversion = "1"\nsource = { virtual = "." }\n'
PYLOCK = 'lock-version = "1.0"\ncreated-by = "x"\npackages = []\n'
POETRY = '[metadata]\nlock-version = "2.1"\n'
PROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["flask==3.1.0"]\n'
EMPTY = '[project]\nname = "shop"\nversion = "1"\n'
TOOLS = "[tool.ruff]\nline-length = 100\n"
PIPFILE = '{"_meta": {"sources": []}, "default": {}, "develop": {}}'
PDM = '[metadata]\ngroups = ["default"]\nstrategy = ["inherit_metadata"]\nlock_version = "4.5.0"\n'

Files = Mapping[str, str]
Found = Callable[..., dict[str, Any]]


def tree(folder: Path, files: Files) -> Tree:
    """Return the tree of an archive with these files, all below one folder, as a forge makes it.

    A surrogate in a text is a byte that is no UTF-8.
    """
    archive = folder / "source.tar"
    with tarfile.open(archive, "w") as tar:
        for path, text in files.items():
            content = text.encode(errors="surrogateescape")
            member = tarfile.TarInfo(f"shop-1.0/{path}")
            member.size = len(content)
            tar.addfile(member, BytesIO(content))
    return Tree(archive, 1)


@pytest.fixture
def found(tmp_path: Path) -> Found:
    """Return what finds out how the packages of some files are installed, with the keys of an entry."""

    def of(files: Files, installer: str = "uv", **keys: Any) -> dict[str, Any]:
        return installation({"name": "shop", **keys}, installer, tree(tmp_path, files))

    return of


@pytest.fixture
def mistake(tmp_path: Path) -> Callable[..., str]:
    """Return what says why the packages of some files can't be told."""

    def of(files: Files, installer: str = "uv", **keys: Any) -> str:
        with pytest.raises(SourceMistake) as error:
            installation({"name": "shop", **keys}, installer, tree(tmp_path, files))
        return str(error.value)

    return of


@pytest.mark.parametrize(
    ("files", "lock", "method", "passed_over"),
    [
        (
            {"uv.lock": UV_LOCK, "pyproject.toml": EMPTY, "requirements.txt": "flask\n"},
            "uv.lock",
            "sync",
            ["requirements.txt"],
        ),
        ({"pylock.toml": PYLOCK, "poetry.lock": POETRY}, "pylock.toml", "pylock", ["poetry.lock"]),
        ({"poetry.lock": POETRY, "requirements.txt": "flask\n"}, "poetry.lock", "locked", ["requirements.txt"]),
        ({"pdm.lock": PDM, "Pipfile.lock": PIPFILE}, "pdm.lock", "locked", ["Pipfile.lock"]),
        ({"Pipfile": "", "Pipfile.lock": PIPFILE}, "Pipfile.lock", "locked", []),
        ({"requirements.txt": "flask\n", "pyproject.toml": PROJECT}, "requirements.txt", "listed", []),
        ({"requirements.txt": "flask\n", "requirements.in": "flask\n"}, "requirements.txt", "listed", []),
        ({"pyproject.toml": PROJECT}, "pyproject.toml", "project", []),
        ({"pyproject.toml": TOOLS, "setup.py": "setup(packages=['shop'])"}, "setup.py", "project", []),
        ({"pyproject.toml": TOOLS, "shop.py": ""}, "", "none", []),
        ({"shop.py": ""}, "", "none", []),
        ({"shop.py": "", "docs/requirements.txt": "mkdocs\n", "requirements-dev.txt": "ruff\n"}, "", "none", []),
    ],
)
def test_one_file_is_taken_and_the_others_are_named(
    found: Found, files: Files, lock: str, method: str, passed_over: list[str]
) -> None:
    how = found(files)
    assert (how["lock"], how["method"], how["passed_over"]) == (lock, method, passed_over)


@pytest.mark.parametrize("lock", ["uv.lock", "pylock.toml", "poetry.lock", "pdm.lock", "Pipfile.lock"])
def test_pip_passes_over_no_lock(found: Found, lock: str) -> None:
    texts = {"uv.lock": UV_LOCK, "pylock.toml": PYLOCK, "poetry.lock": POETRY, "pdm.lock": PDM, "Pipfile.lock": PIPFILE}
    how = found({lock: texts[lock], "requirements.txt": "flask\n", "pyproject.toml": EMPTY}, "pip")
    assert (how["lock"], how["method"]) == (lock, "locked")


def test_the_folder_of_an_application_comes_before_the_root(found: Found) -> None:
    files = {"requirements.txt": "a\n", "backend/requirements.txt": "b\n", "backend/manage.py": ""}
    assert found(files)["requirements"] == ["requirements.txt"]
    assert found(files, subdirectory="backend")["requirements"] == ["backend/requirements.txt"]
    del files["backend/requirements.txt"]
    assert found(files, subdirectory="backend")["requirements"] == ["requirements.txt"]


def test_a_member_of_a_workspace_is_installed_by_the_lock_at_its_root(found: Found) -> None:
    member = '[[package]]\nname = "api"\nversion = "1"\nsource = { editable = "services/api" }\n'
    files = {
        "uv.lock": UV_LOCK + member,
        "pyproject.toml": '[tool.uv.workspace]\nmembers = ["services/*"]\n',
        "services/api/pyproject.toml": PROJECT.replace("shop", "api"),
        "services/api/app.py": "",
    }
    # In its own folder there is no lock, and what is there pins nothing.
    files["services/api/pyproject.toml"] = '[project]\nname = "api"\nversion = "1"\n'
    how = found(files, subdirectory="services/api", requirements=["uv.lock"])
    assert (how["method"], how["member"], how["folder"]) == ("sync", "api", "")


@pytest.mark.parametrize("app", ["services/api", "services/api/app"])
@pytest.mark.parametrize("root", ["", "python/"])
def test_a_member_with_dependencies_of_its_own_has_them_from_the_workspace_s_lock(
    found: Found, root: str, app: str
) -> None:
    member = (
        '[[package]]\nname = "api"\nversion = "1"\nsource = { editable = "services/api" }\n'
        'dependencies = [{ name = "flask" }]\n[[package]]\nname = "flask"\nversion = "3.1.0"\n'
        'source = { registry = "https://pypi.org/simple" }\n'
    )
    files = {
        f"{root}uv.lock": UV_LOCK + member,
        f"{root}pyproject.toml": '[tool.uv.workspace]\nmembers = ["services/*"]\n',
        f"{root}services/api/pyproject.toml": PROJECT.replace("shop", "api"),
        f"{root}services/api/app/main.py": "",
        "README": "",
    }
    how = found(files, subdirectory=f"{root}{app}")
    assert (how["method"], how["lock"], how["member"]) == ("sync", f"{root}uv.lock", "api")
    assert not how["is_package"]
    built = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    files[f"{root}services/api/pyproject.toml"] += built
    files[f"{root}services/api/src/api/__init__.py"] = ""
    assert found(files, subdirectory=f"{root}{app}")["is_package"]


def test_an_application_deep_in_the_source_has_the_list_above_it(found: Found) -> None:
    files = {"backend/requirements.txt": "a\n", "requirements.txt": "b\n", "backend/app/main.py": ""}
    assert found(files, subdirectory="backend/app")["requirements"] == ["backend/requirements.txt"]


def test_a_project_that_is_no_member_has_no_part_in_a_lock_above_it(found: Found) -> None:
    files = {"uv.lock": UV_LOCK, "pyproject.toml": EMPTY, "api/pyproject.toml": PROJECT.replace("shop", "api")}
    how = found(files, subdirectory="api")
    assert (how["method"], how["lock"]) == ("project", "api/pyproject.toml")


def test_named_files_are_taken_in_the_place_of_a_lock(found: Found) -> None:
    files = {"poetry.lock": POETRY, "requirements/production.txt": "-r base.txt\n", "requirements/base.txt": "flask\n"}
    how = found(files, requirements=["requirements/production.txt"], constraints=["requirements/base.txt"])
    assert (how["method"], how["requirements"]) == ("listed", ["requirements/production.txt"])
    assert how["constraints"] == ["requirements/base.txt"]
    assert found(files, requirements=["./requirements/base.txt"])["requirements"] == ["requirements/base.txt"]


def test_a_lock_can_be_named(found: Found) -> None:
    files = {"uv.lock": UV_LOCK, "locks/pylock.prod.toml": PYLOCK, "poetry.lock": POETRY, "pyproject.toml": EMPTY}
    assert found(files, requirements=["poetry.lock"])["lock"] == "poetry.lock"
    assert found(files, requirements=["locks/pylock.prod.toml"])["method"] == "pylock"


def test_an_empty_list_says_that_there_is_nothing_to_install(found: Found) -> None:
    how = found(
        {"requirements/dev.txt": "x\n", "requirements/base.txt": "x\n"}, requirements=[], python_packages=["x==1"]
    )
    assert (how["method"], how["packages"]) == ("none", ["x==1"])


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            ["requirements/base.txt", "requirements/production.txt", "requirements/dev.txt"],
            "there is requirements/production.txt, requirements/base.txt: name what is to be installed in "
            "requirements, such as requirements: [requirements/production.txt], or write requirements: [] if",
        ),
        (["requirements-prod.txt"], "there is requirements-prod.txt: "),
        (["prod-requirements.txt"], "there is prod-requirements.txt: "),
        (["requirements.in"], "there is requirements.in: "),
        (
            ["environment.yml"],
            "environment.yml is no list that pip or uv could install from: list what a server needs in",
        ),
        (["backend/uv.lock"], "requirements: [backend/uv.lock], or backend in subdirectory, or"),
        (["backend/requirements.txt", "frontend/package.json"], "there is backend/requirements.txt: "),
        (["Pipfile", "environment.yml"], "Pipfile is no list that pip or uv could install from: run pipenv lock, and"),
        (["environment.yml", "requirements-web.txt"], "such as requirements: [requirements-web.txt], or"),
    ],
)
def test_where_nothing_says_which_packages_all_that_lists_some_is_named(
    mistake: Callable[..., str], files: list[str], words: str
) -> None:
    said = mistake(dict.fromkeys([*files, "manage.py"], "flask\n"))
    assert words in said
    assert "dev.txt" not in said


@pytest.mark.parametrize("count", [6, 9])
def test_many_lists_are_counted(mistake: Callable[..., str], count: int) -> None:
    said = mistake({f"requirements/{number}.txt": "x\n" for number in range(count)})
    assert ("and 3 more" in said) is (count == 9)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"requirements": ["prod.txt"]}, "prod.txt of requirements is not in its source, which has requirements.txt."),
        ({"constraints": ["c.txt"]}, "c.txt of constraints is not in its source, which has requirements.txt."),
        (
            {"requirements": ["broken.txt"]},
            "broken.txt includes more/base.txt, which is not in its sour",
        ),
        (
            {"requirements": ["requirements.txt"], "extras": ["mysql"]},
            "extras needs a pyproject.toml or a lock, and re",
        ),
        ({"dependency_groups": ["prod"]}, "requirements.txt has no dependency group prod; it has none."),
    ],
)
def test_keys_that_do_not_fit_the_source_are_refused(
    mistake: Callable[..., str], keys: dict[str, Any], words: str
) -> None:
    assert words in mistake({"requirements.txt": "flask\n", "broken.txt": "--requirement more/base.txt\n"}, **keys)


@pytest.mark.parametrize(
    ("files", "keys", "words"),
    [
        ({"uv.lock": UV_LOCK}, {"constraints": ["c.txt"]}, "constraints are for lists that pin nothing, and uv.lock"),
        (
            {"uv.lock": UV_LOCK, "pyproject.toml": EMPTY},
            {"extras": ["mysql"]},
            "uv.lock has no extra mysql; it has none.",
        ),
        ({"pyproject.toml": PROJECT}, {"extras": ["mysql"]}, "pyproject.toml has no extra mysql; it has none."),
        (
            {"pyproject.toml": PROJECT},
            {"dependency_groups": ["prod"]},
            "pyproject.toml has no dependency group prod; i",
        ),
        ({"pyproject.toml": "[project\n"}, {}, "pyproject.toml is no valid TOML: "),
        ({"poetry.lock": "[[package]\n"}, {}, "poetry.lock is no valid TOML: "),
        ({"Pipfile.lock": "{"}, {}, "Pipfile.lock is no valid JSON: "),
        ({"poetry.lock": "[[package]]\ngroups = ['main']\n"}, {}, "poetry.lock is not as its tool writes it: KeyError"),
        ({"pylock.toml": 'lock-version = "2.0"\n'}, {}, "pylock.toml has the format 2.0; 1.0 is known."),
        (
            {"pyproject.toml": "[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\nflask = '*'\n"},
            {},
            "pyproject.toml lists no dependencies that can be read, as the application is no package: commit poetry.lo",
        ),
    ],
)
def test_what_can_t_be_honoured_is_refused(
    mistake: Callable[..., str], files: dict[str, str], keys: dict[str, Any], words: str
) -> None:
    assert words in mistake({**files, "c.txt": ""}, "uv", **keys)


def test_pip_gets_the_dependencies_extras_and_groups_of_an_application_as_a_list(found: Found) -> None:
    more = '[project.optional-dependencies]\nmysql = ["pymysql==1"]\nall = ["shop[mysql]"]\n'
    groups = '[dependency-groups]\nprod = ["sentry==2", {include-group = "base"}]\nbase = ["redis==5"]\n'
    files = {"pyproject.toml": PROJECT + more + groups, "shop.py": ""}
    how = found(files, "pip", extras=["all"], dependency_groups=["prod"])
    assert how["locked"] == {"listed": "flask==3.1.0\npymysql==1\nsentry==2\nredis==5\n"}
    assert found(files, "uv", extras=["all"], dependency_groups=["prod"])["method"] == "project"


@pytest.mark.parametrize(
    ("line", "needs"),
    [
        ("shop-lib @ git+https://git.example.com/lib.git@abc", True),
        ("-e git+ssh://git@git.example.com/lib.git@abc#egg=lib", True),
        ("GitPython==3.1", False),
        ("# git+https://git.example.com/lib.git", False),
    ],
)
def test_git_is_needed_on_the_server_for_packages_out_of_repositories_alone(
    found: Found, line: str, needs: bool
) -> None:
    assert found({"requirements.txt": "-r base.txt\n", "base.txt": f"{line}\n"})["needs_git"] is needs


def test_the_lines_of_a_lock_stand_in_the_cache_under_a_name_of_their_own(tmp_path: Path) -> None:
    lock = f'[[package]]\nname = "flask"\nversion = "3"\ngroups = ["main"]\nfiles = [{{file = "f", hash = "{HASH}"}}]\n'
    tree(tmp_path, {"poetry.lock": lock + POETRY})
    source = {"path": str(tmp_path / "source.tar"), "strip_components": 1}
    how = installed({"name": "shop", "installer": "uv"}, source, tmp_path)
    assert Path(how["locked"]["hashed"]).read_text() == f"flask==3 --hash={HASH}\n"
    assert installed({"name": "shop", "installer": "uv"}, source, tmp_path)["locked"] == how["locked"]


def test_check_refuses_a_source_whose_packages_can_t_be_told_and_not_one_that_can_t_be_had(tmp_path: Path) -> None:
    (tmp_path / "shop/requirements").mkdir(parents=True)
    (tmp_path / "shop/manage.py").touch()
    (tmp_path / "shop/requirements/production.txt").write_text("django\n")
    shop: dict[str, Any] = {"name": "shop", "directory": str(tmp_path / "shop")}
    arguments = {"apps": [shop, {"name": "lost", "directory": "/nowhere"}], "cache": str(tmp_path / "cache")}
    sources = calls.action("release_sources", arguments)["sources"]
    assert "shop: nothing at the root of its source says which packages it needs" in sources["shop"]["error"]
    with pytest.raises(AnsibleActionFail, match=r"there is requirements/production\.txt") as error:
        calls.action("release_sources", {**arguments, "refuse": True})
    assert "nowhere" not in str(error.value)
    shop["requirements"] = ["requirements/production.txt"]
    sources = calls.action("release_sources", {**arguments, "refuse": True})["sources"]
    assert sources["shop"]["installation"]["requirements"] == ["requirements/production.txt"]


GUNICORN_IN_DEV = (
    'version = 1\n[[package]]\nname = "shop"\nversion = "1"\nsource = { virtual = "." }\n'
    '[package.dev-dependencies]\ndev = [{ name = "gunicorn" }]\n'
    '[[package]]\nname = "gunicorn"\nversion = "23.0.0"\nsource = { registry = "https://pypi.org/simple" }\n'
    f'sdist = {{ url = "https://x/g.tar.gz", hash = "{HASH}" }}\n'
)
POETRY_WITH = (
    '[[package]]\nname = "gunicorn"\nversion = "22.0.0"\ngroups = ["main"]\n'
    f'files = [{{file = "g", hash = "{HASH}"}}]\n{POETRY}'
)
PYLOCK_WITH = PYLOCK.replace(
    "packages = []",
    f'[[packages]]\nname = "gunicorn"\nversion = "22.0.0"\nwheels = [{{hashes = {{sha256 = "{"1" * 64}"}}}}]',
)


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize(
    ("files", "keys", "pins"),
    [
        # What is not installed says nothing.
        ({"poetry.lock": POETRY, "requirements-old.txt": "gunicorn==20.0.4"}, {}, {}),
        ({"requirements.txt": "django", "requirements-dev.txt": "gunicorn==20.1.0"}, {}, {}),
        ({"uv.lock": GUNICORN_IN_DEV, "pyproject.toml": EMPTY}, {}, {}),
        (
            {"uv.lock": GUNICORN_IN_DEV, "pyproject.toml": EMPTY},
            {"dependency_groups": ["dev"]},
            {"gunicorn": ("23.0.0", "uv.lock")},
        ),
        ({"poetry.lock": POETRY_WITH}, {}, {"gunicorn": ("22.0.0", "poetry.lock")}),
        ({"pylock.toml": PYLOCK_WITH}, {}, {"gunicorn": ("22.0.0", "pylock.toml")}),
        (
            {"pyproject.toml": PROJECT.replace("flask==3.1.0", "gunicorn==22.0.0")},
            {},
            {"gunicorn": ("22.0.0", "pyproject.toml")},
        ),
        # Any setuptools is one, pinned or not, and from wherever it is.
        (
            {"requirements.txt": "gunicorn==20.1.0\nsetuptools<81"},
            {},
            {"gunicorn": ("20.1.0", "requirements.txt"), "setuptools": ("", "requirements.txt")},
        ),
        (
            {"requirements.txt": "Gunicorn[gevent] == 20.1.0 \\\n    --hash=sha256:00"},
            {"python_packages": ["setuptools==80.9.0"]},
            {"gunicorn": ("20.1.0", "requirements.txt"), "setuptools": ("80.9.0", "python_packages")},
        ),
        ({}, {"python_packages": ["gunicorn==23.0.0"]}, {"gunicorn": ("23.0.0", "python_packages")}),
        # The server's Python decides.
        (
            {
                "requirements.txt": 'gunicorn==20.1.0; python_version<"3.8"\ngunicorn==27.0.0; python_version>="3.8"\n',
            },
            {},
            {"gunicorn": ("27.0.0", "requirements.txt")},
        ),
        (
            {
                "requirements.txt": 'gunicorn==20.1.0; python_version<"3.8"\ngunicorn==27.0.0; python_version>="3.8"\n',
            },
            {"python": "3.7"},
            {"gunicorn": ("20.1.0", "requirements.txt")},
        ),
        # A list includes others, and constraints pin what they list.
        (
            {"requirements.txt": "-r deploy/web.txt", "deploy/web.txt": "gunicorn==22.0.0  # old"},
            {},
            {"gunicorn": ("22.0.0", "deploy/web.txt")},
        ),
        (
            {"requirements.txt": "gunicorn\n-c pins.txt", "pins.txt": "gunicorn==22.0.0\nsetuptools==80.0"},
            {},
            {"gunicorn": ("22.0.0", "pins.txt")},
        ),
        (
            {"requirements.txt": "gunicorn>=20", "pins.txt": "gunicorn==22.0.0"},
            {"constraints": ["pins.txt"]},
            {"gunicorn": ("22.0.0", "pins.txt")},
        ),
    ],
)
def test_what_is_installed_of_gunicorn_is_told_by_the_installation(
    found: Found, files: Files, keys: dict[str, Any], pins: dict[str, tuple[str, str]], installer: str
) -> None:
    assert found(files, installer, **keys)["pins"] == pins


BARE = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.11"\n\n[tool.ruff]\nline-length = 100\n'
BUILT = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'


@pytest.mark.parametrize("project", [BARE, BARE + BUILT, '[tool.poetry.dependencies]\npython = "^3.11"\n', TOOLS])
def test_a_project_that_lists_no_packages_hides_no_list_that_does(mistake: Callable[..., str], project: str) -> None:
    files = {"pyproject.toml": project, "requirements/production.txt": "django", "src/shop/__init__.py": ""}
    assert "there is requirements/production.txt: name what is to be installed" in mistake(files)


@pytest.mark.parametrize("installer", ["uv", "pip"])
def test_a_project_that_lists_no_packages_counts_where_nothing_else_does(found: Found, installer: str) -> None:
    package = found({"pyproject.toml": BARE + BUILT, "shop/__init__.py": ""}, installer)
    assert (package["lock"], package["is_package"]) == ("pyproject.toml", True)
    assert found({"pyproject.toml": BARE, "shop/__init__.py": ""}, installer)["method"] == "none"
    dynamic = found(
        {"pyproject.toml": BARE.replace("\n\n", '\ndynamic = ["dependencies"]\n\n') + BUILT, "src/x.py": ""}
    )
    assert dynamic["method"] == "project"


def test_groups_that_are_asked_for_make_a_project_count(found: Found, mistake: Callable[..., str]) -> None:
    groups = '[dependency-groups]\nprod = ["django"]\n'
    files = {"pyproject.toml": groups, "requirements/dev.txt": "pytest"}
    assert found(files, dependency_groups=["prod"])["locked"] == {"listed": "django\n"}
    assert "has no dependency group live" in mistake({"pyproject.toml": BARE}, dependency_groups=["live"])


SETUP_CFG = (
    "[metadata]\nname = shop\n[options]\ninstall_requires =\n    django\n    # with a comment\n    redis>=5\n"
    "[options.extras_require]\nmysql = mysqlclient; x\n"
)


@pytest.mark.parametrize("installer", ["uv", "pip"])
@pytest.mark.parametrize("project", ["", BUILT])
def test_what_a_setup_cfg_lists_is_installed(found: Found, project: str, installer: str) -> None:
    files = {"setup.cfg": SETUP_CFG, "src/shop/__init__.py": "", **({"pyproject.toml": project} if project else {})}
    how = found(files, installer, extras=["mysql"])
    assert how["locked"] == {"listed": "django\nredis>=5\nmysqlclient\nx\n"}
    assert (how["lock"], how["is_package"]) == ("setup.cfg", bool(project))


def test_a_setup_cfg_of_tools_or_beside_a_setup_py_counts_for_nothing(found: Found) -> None:
    assert found({"setup.cfg": "[flake8]\nmax-line-length = 100\n"})["method"] == "none"
    assert found({"setup.cfg": "no section\n"})["method"] == "none"
    assert found({"setup.cfg": SETUP_CFG, "setup.py": "setup()"})["lock"] == "setup.py"


def test_a_setup_cfg_that_reads_another_file_says_what_to_write(mistake: Callable[..., str]) -> None:
    files = {"setup.cfg": "[options]\ninstall_requires = file: pins/web.txt\n", "pins/web.txt": "django"}
    assert mistake(files) == "setup.cfg takes what it depends on from pins/web.txt: write requirements: [pins/web.txt]."


def test_what_a_list_that_is_found_includes_has_to_be_there(mistake: Callable[..., str]) -> None:
    said = "requirements.txt includes base.txt, which is not in its source."
    assert mistake({"requirements.txt": "-r base.txt\n"}) == said
    assert "includes ../base.txt" in mistake({"requirements.txt": "-r ../base.txt\n"})


@pytest.mark.parametrize("path", ["Pipfile", "environment.yml", "deploy/environment.yaml"])
def test_what_neither_pip_nor_uv_reads_can_t_be_named(mistake: Callable[..., str], path: str) -> None:
    assert mistake({path: ""}, requirements=[path]).startswith(f"{path} is no list that pip or uv could install from: ")


OLD_POETRY = "[tool.poetry.dependencies]\npython = '^3.11'\nflask = '*'\nextra = {version = '1', optional = true}\n"
OUTSIDE = UV_LOCK + 'dependencies = [{ name = "lib" }]\n[[package]]\nname = "lib"\nversion = "1"\n'


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"requirements.txt": "./wheels/lib.whl\n"}, "installs ./wheels/lib.whl, which is not in the source"),
        ({"requirements.txt": "-e ../lib\n"}, "requirements.txt installs ../lib, which is not in the source"),
        ({"requirements.txt": "-e .\n"}, "requirements.txt installs ., which has no pyproject.toml and no setup.py."),
        ({"requirements.txt": "--editable=./lib[x]\n", "lib/x.py": ""}, "installs ./lib, which has no pyproject.toml"),
        ({"requirements.txt": "-r a.txt\n", "a.txt": "/home/lib.whl\n"}, "a.txt installs /home/lib.whl, a path of"),
        ({"requirements.txt": "file:///tmp/build/lib.zip\n"}, "installs /tmp/build/lib.zip, a path of the machine"),
        ({"requirements.txt": "lib @ file:///opt/conda/conda-bld/lib/work\n"}, "conda-bld/lib/work, a path of the"),
        ({"requirements.txt": "lib @ file:///b/abs_1a/lib/work\n"}, "installs /b/abs_1a/lib/work, a path of the"),
        ({"requirements.txt": "-e /Users/me/lib\n"}, "installs /Users/me/lib, a path of the machine"),
        ({"requirements.txt": "libs/lib\n", "libs/lib/x.py": ""}, "installs libs/lib, which has no pyproject.toml"),
        ({"requirements.txt": "libs/lib\n"}, 'has "libs", which is no requirement of pip\'s'),
        ({"requirements.txt": "file://libs/lib\n"}, "installs ./libs/lib, which is not in the source"),
        ({"requirements.txt": "-e file:///${PROJECT_ROOT}/lib\n"}, "installs ./lib, which is not in the source"),
        ({"requirements.txt": "-r ${PROJECT_ROOT}/base.txt\n"}, "requirements.txt includes base.txt, which is not in"),
        ({"requirements.txt": "-c pins.txt\n"}, "requirements.txt includes pins.txt, which is not in its source"),
        # What stands before an @ may be a secret, and so may be a query.
        ({"requirements.txt": "git+canary@host:me/lib.git\n"}, "git+…@host:me/lib.git, which pip and uv can't read: "),
        ({"requirements.txt": "git+canary:canary@host:me/lib.git\n"}, 'has "…@host", which is no requirement'),
        ({"requirements.txt": "canary:canary@host/me/lib\n"}, 'has "…@host", which is no requirement'),
        ({"requirements.txt": "lib canary@host/me/lib\n"}, 'has "lib ", which is no requirement'),
        ({"requirements.txt": "https:/canary:canary@host/x.tar.gz\n"}, "installs …@host/x.tar.gz, which is not in"),
        ({"requirements.txt": "canary:canary@host/x.whl\n"}, "installs …@host/x.whl, which is not in the source"),
        ({"requirements.txt": "lib.tar.gz?token=canary\n"}, 'has "lib.tar.gz", which is no requirement'),
        ({"requirements.txt": "--find-links ftp//canary:canary@h/x?canary\n"}, "looks for packages in …@h/x, which"),
        ({"requirements.txt": "-r https:/canary:canary@h/x.txt\n"}, "requirements.txt includes …@h/x.txt, which is"),
        ({"requirements.txt": "lib @ file:///croot/lib/work\n"}, "installs /croot/lib/work, a path of the machine"),
        ({"requirements.txt": "lib @ file:///C:/ci/lib\n"}, "installs C:/ci/lib, a path of the machine"),
        ({"requirements.txt": "pkg_resources==0.0.0\n"}, "has pkg-resources==0.0.0, which Debian's pip freeze adds"),
        ({"requirements.txt": "git+git@host:me/lib.git@v1\n"}, "write git+ssh://git@host/me/lib.git."),
        ({"requirements.txt": "-f wheels\nlib\n"}, "requirements.txt looks for packages in wheels, which is not in"),
        (
            {"requirements.txt": "flask=3.0.0=pyhd8ed1ab_0\n"},
            'has "flask=3.0.0=pyhd8ed1ab_0", which is no requirement of',
        ),
        ({"requirements.txt": "<<<<<<< HEAD\nflask\n"}, 'requirements.txt has "<<<<<<< HEAD", which is no requirement'),
        ({"requirements.txt": "lib# @ http//robot:canary@host\n"}, 'has "lib# ", which is no requirement of pip\'s'),
        (
            {"requirements.txt": "pywin32==306\n"},
            "has pywin32, which is for Windows alone: take it out, or write ; sys_",
        ),
        (
            {"pyproject.toml": PROJECT.replace("==", "=")},
            'pyproject.toml has "flask=3.1.0", which is no requirement of',
        ),
        ({"pyproject.toml": EMPTY + "[project.dependencies]\nflask = '3'\n"}, "has dependencies of [project] that are"),
        (
            {"pyproject.toml": PROJECT.replace("flask==3.1.0", "lib @ file:///home/me/lib")},
            "pyproject.toml installs /home/me/lib, a path of the machine that it was written on",
        ),
        (
            {"pyproject.toml": PROJECT + '[tool.uv.sources]\nflask = { path = "../flask" }\n'},
            "pyproject.toml installs ../flask, which is not in the source",
        ),
        (
            {"Pipfile.lock": PIPFILE.replace('"default": {}', '"default": {"shop": {"path": "."}}')},
            "Pipfile.lock installs ., which has no pyproject.toml and no setup.py.",
        ),
        ({"requirements.txt": "# gr\udcfc\udcdfe\nflask\n"}, "requirements.txt is not in UTF-8"),
        ({"requirements.txt": "f\0l\0a\0s\0k\0\n\0"}, "requirements.txt is not in UTF-8"),
        ({"requirements.txt": "", "requirements/prod.txt": "flask\n"}, "there is requirements/prod.txt: name what"),
        ({"Requirements.txt": "flask\n"}, "there is Requirements.txt: name what is to be installed"),
        ({"requirments.txt": "flask\n"}, "there is requirments.txt: name what is to be installed"),
        ({"setup.py": "setup()", "requirements/prod.txt": "flask\n"}, "there is requirements/prod.txt: name what is"),
        ({"requirements.lock": "flask==3.1.0\n"}, "there is requirements.lock: name what is to be installed"),
        ({"pixi.toml": "", "pixi.lock": "version: 6\n"}, "pixi.lock is no list that pip or uv could install from"),
        ({"uv.lock": "<<<<<<< HEAD\n", "pyproject.toml": EMPTY}, "uv.lock is no valid TOML"),
        ({"uv.lock": UV_LOCK}, "uv.lock has no pyproject.toml beside it, which uv needs: commit it, too."),
        (
            {"uv.lock": UV_LOCK, "pyproject.toml": PROJECT},
            "uv.lock lacks flask, which pyproject.toml lists: run uv lock",
        ),
        ({"poetry.lock": POETRY, "pyproject.toml": OLD_POETRY}, "poetry.lock lacks flask, which pyproject.toml lists"),
        (
            {"pdm.lock": PDM, "pyproject.toml": PROJECT},
            "pdm.lock lacks flask, which pyproject.toml lists: run pdm lock",
        ),
        ({"Pipfile.lock": PIPFILE, "Pipfile": "[packages]\nflask = '*'\n"}, "Pipfile.lock lacks flask, which Pipfile"),
        ({"Pipfile.lock": PIPFILE, "Pipfile": "<<<<<<< HEAD\n"}, "Pipfile is no valid TOML: "),
        (
            {"pdm.lock": PDM, "pyproject.toml": PROJECT + '[tool.pdm.resolution]\nexcludes = ["click"]\n'},
            "pdm.lock lacks flask, which pyproject.toml lists: run pdm lock",
        ),
        (
            {"uv.lock": OUTSIDE + 'source = { directory = "../lib" }\n', "pyproject.toml": EMPTY},
            "uv.lock installs ../lib, which is not in the source.",
        ),
        (
            {"uv.lock": OUTSIDE + 'source = { editable = "lib" }\n', "pyproject.toml": EMPTY},
            "uv.lock installs ./lib, which is not in the source; a path goes by",
        ),
        (
            {
                "pyproject.toml": EMPTY + "dynamic = ['dependencies']\n[tool.setuptools.dynamic]\n"
                "dependencies = {file = ['reqs/prod.txt']}\n",
                "reqs/prod.txt": "flask\n",
            },
            "pyproject.toml takes what it depends on from reqs/prod.txt: write requirements: [reqs/prod.txt].",
        ),
    ],
)
def test_what_no_server_could_install_is_refused_on_the_controller(
    mistake: Callable[..., str], files: Files, words: str
) -> None:
    said = mistake(files)
    assert words in said
    assert "canary" not in said
    assert "Pipfile.lock Pipfile" not in said


@pytest.mark.parametrize("beside", [{}, {"setup.cfg": "[options]\ninstall_requires = flask\n"}])
def test_a_setup_py_counts_where_it_lists_packages_or_nothing_else_does(found: Found, beside: Files) -> None:
    listed = {"setup.py": "setup()" if beside else "setup(install_requires=['flask'])"}
    assert found({**listed, **beside, "requirements/prod.txt": "flask\n"})["lock"] == "setup.py"
    assert found({"setup.py": "setup()", "requirements-dev.txt": "flask\n"})["lock"] == "setup.py"


def test_a_static_folder_that_is_a_link_out_of_the_source_is_refused(tmp_path: Path) -> None:
    for name, to in {"static": "/var/www/static", "up": "../static", "built": "dist/static"}.items():
        (tmp_path / name).symlink_to(to)
    with tarfile.open(tmp_path / "source.tar", "w") as tar:
        for name in ("static", "up", "built"):
            tar.add(tmp_path / name, name)
    mistakes = list(place_mistakes({"static_paths": ["static", "up", "built"]}, Tree(tmp_path / "source.tar", 0)))
    assert [mistake.partition(" of static is a link out of the source")[0] for mistake in mistakes] == ["static", "up"]


@pytest.mark.parametrize(
    ("files", "insists"),
    [({"uv.lock": UV_LOCK}, True), ({"shop.py": ""}, False), ({"shop/__init__.py": "", "setup.py": ""}, True)],
)
def test_what_is_synchronised_or_built_insists_on_its_python(found: Found, files: Files, insists: bool) -> None:
    project = PROJECT.replace("flask==3.1.0", "shop") + 'requires-python = ">=3.14"\n'
    assert found({"pyproject.toml": project, **files})["requires_python"] == (">=3.14" if insists else "")


def test_a_lock_among_lists_is_refused(mistake: Callable[..., str]) -> None:
    files = {"uv.lock": UV_LOCK, "requirements.txt": "flask\n"}
    words = "requirements names uv.lock beside requirements.txt: a lock or a project is named alone."
    assert words in mistake(files, requirements=["requirements.txt", "uv.lock"])


@pytest.mark.parametrize(
    ("files", "requirements"),
    [
        ({"requirements.txt": "-e .\n", "setup.py": ""}, "requirements.txt"),
        ({"requirements.txt": "-e file:.\n", "pyproject.toml": EMPTY}, "requirements.txt"),
        ({"requirements.txt": "./lib[x] ; python_version > '3'\n", "lib/setup.py": ""}, "requirements.txt"),
        ({"requirements.txt": "lib @ file:./wheels/lib.whl\n", "wheels/lib.whl": ""}, "requirements.txt"),
        ({"requirements.txt": "-f ./wheels\nlib\n", "wheels/lib.whl": ""}, "requirements.txt"),
        ({"requirements.txt": "-r 'my list.txt'\n", "my list.txt": "flask\n"}, "requirements.txt"),
        ({"requirements.txt": "lib @ https://host/lib.tar.gz\nhttps://host/x.whl\n"}, "requirements.txt"),
        ({"requirements.txt": "-i https://host/simple\n--pre\nzope.interface==7.2 # ./x\n"}, "requirements.txt"),
        ({"requirements.txt": "pytz (==2020.1)\nA.b[c] >= 1,<2 ; python_version<'4' --hash=x\n"}, "requirements.txt"),
        ({"requirements.txt": "pywin32==306 ; sys_platform == 'win32'\n"}, "requirements.txt"),
        ({"requirements.txt": "lib @ git+ssh://git@host:22/me/lib.git@v1\n"}, "requirements.txt"),
        ({"requirements.txt": "libs/lib\n-e libs/lib\n", "libs/lib/setup.py": ""}, "requirements.txt"),
        ({"requirements.txt": "libs/lib[x] ; python_version > '3'\n", "libs/lib/setup.py": ""}, "requirements.txt"),
        ({"requirements.txt": "file://libs/lib\n", "libs/lib/setup.py": ""}, "requirements.txt"),
        ({"requirements.txt": "file:///${PROJECT_ROOT}/lib\n", "lib/setup.py": ""}, "requirements.txt"),
        ({"requirements.txt": "-e file:///${PROJECT_ROOT}/lib\n", "lib/setup.py": ""}, "requirements.txt"),
        ({"requirements.txt": "lib @ file:///${PROJECT_ROOT}/lib\n", "lib/setup.py": ""}, "requirements.txt"),
        ({"requirements.txt": "-f ${PROJECT_ROOT}/wheels\nlib\n", "wheels/lib.whl": ""}, "requirements.txt"),
        ({"requirements.txt": "-r ${PROJECT_ROOT}/a/b.txt\n", "a/b.txt": "flask\n"}, "requirements.txt"),
        ({"requirements.txt": "${WHEELS}/lib-1-py3-none-any.whl\n-r ${LISTS}/a.txt\n"}, "requirements.txt"),
        ({"requirements.txt": "lib @ https://${TOKEN}@host/lib.tar.gz\n"}, "requirements.txt"),
        # What an administrator has put on the server.
        ({"requirements.txt": "/opt/wheels/lib.whl\nlib @ file:///usr/share/lib\n"}, "requirements.txt"),
        ({"requirements.txt": "# \ufffd is a character\nflask\n"}, "requirements.txt"),
        # Constraints install nothing.
        (
            {
                "requirements.txt": "flask\n-c pins.txt\n",
                "pins.txt": "pywin32==306\npkg-resources==0.0.0\nlib @ file:///home/me/lib\n",
            },
            "requirements.txt",
        ),
    ],
)
def test_a_list_that_can_be_installed_from_is_taken(found: Found, files: Files, requirements: str) -> None:
    assert found(files)["requirements"] == [requirements]


def test_constraints_install_nothing_and_have_to_be_there_and_to_be_read(
    found: Found, mistake: Callable[..., str]
) -> None:
    pins = "pywin32==306\npkg-resources==0.0.0\nlib @ file:///home/me/lib\n-r more.txt\n"
    files = {"requirements.txt": "flask\n", "pins.txt": pins, "more.txt": "./lib.whl\n"}
    assert found(files, constraints=["pins.txt"])["constraints"] == ["pins.txt"]
    files["more.txt"] = "# gr\udcfc\n"
    assert mistake(files, constraints=["pins.txt"]).startswith("more.txt is not in UTF-8")
    del files["more.txt"]
    assert "pins.txt includes more.txt, which is not in its source." in mistake(files, constraints=["pins.txt"])


@pytest.mark.parametrize(
    ("listed", "source"),
    [
        ('dependencies = ["flask"]\n[dependency-groups]\ndev = ["lib"]', 'path = "../lib"'),
        ('dependencies = ["flask"]\n[project.optional-dependencies]\nold = ["lib"]', 'path = "../lib"'),
        ("dependencies = [\"lib ; sys_platform == 'win32'\"]", 'path = "../lib"'),
        ('dependencies = ["lib"]\n[dependency-groups]\ndev = ["lib"]', 'path = "../lib", group = "dev"'),
        ('dependencies = ["lib"]', 'path = "/opt/lib"'),
        ('dependencies = ["lib"]', 'index = "inner"'),
    ],
)
def test_where_a_package_comes_from_counts_where_it_is_installed(
    found: Found, mistake: Callable[..., str], listed: str, source: str
) -> None:
    sources = f"{EMPTY}{listed}\n[tool.uv.sources]\nlib = {{ {source} }}\n"
    assert found({"pyproject.toml": sources})["method"] == "project"
    needed = f'{EMPTY}dependencies = ["Lib"]\n[tool.uv.sources]\nlib = {{ path = "../lib" }}\n'
    assert "installs ../lib, which is not in the source" in mistake({"pyproject.toml": needed})


# As `uv lock` writes it of a workspace whose root is no project.
VIRTUAL = (
    'version = 1\n[manifest]\nmembers = ["api"]\n[manifest.dependency-groups]\nprod = [{ name = "flask" }]\n'
    '[[package]]\nname = "api"\nversion = "1"\nsource = { virtual = "api" }\n'
    '[package.optional-dependencies]\nmysql = [{ name = "flask" }]\n'
    '[package.dev-dependencies]\njobs = [{ name = "flask" }]\n'
    '[[package]]\nname = "flask"\nversion = "3.1.0"\nsource = { registry = "https://pypi.org/simple" }\n'
)


def test_a_workspace_whose_root_is_no_project_has_groups_all_the_same(
    found: Found, mistake: Callable[..., str]
) -> None:
    root = (
        '[tool.uv.workspace]\nmembers = ["api"]\n[tool.uv]\ndefault-groups = ["prod"]\n'
        '[dependency-groups]\nprod = ["flask"]\n'
    )
    files = {"uv.lock": VIRTUAL, "pyproject.toml": root, "api/pyproject.toml": EMPTY.replace("shop", "api")}
    assert found(files)["groups"] == ["prod"]
    assert found(files, extras=["mysql"], dependency_groups=["jobs"])["groups"] == ["jobs"]
    assert mistake(files, dependency_groups=["live"]) == "uv.lock has no group live; it has jobs, prod."


def test_a_list_that_lists_nothing_hides_no_project(found: Found) -> None:
    how = found({"requirements.txt": "# see pyproject.toml\n", "pyproject.toml": PROJECT})
    assert (how["lock"], how["passed_over"]) == ("pyproject.toml", [])
    assert found({"requirements.txt": "\n", "app.py": ""})["method"] == "none"


def test_what_a_condition_or_an_extra_brings_may_be_missing_in_a_lock(found: Found) -> None:
    listed = EMPTY + "dependencies = [\"tomli; python_version < '3.11'\", 'shop[more]']\n"
    assert found({"uv.lock": UV_LOCK, "pyproject.toml": listed})["method"] == "sync"
    left_out = '[tool.uv]\nexclude-dependencies = ["Flask"]\n', '[tool.uv]\noverride-dependencies = ["flask ; a"]\n'
    for told in left_out:
        assert found({"uv.lock": UV_LOCK, "pyproject.toml": PROJECT + told})["method"] == "sync"
    excludes = PROJECT + '[tool.pdm.resolution]\nexcludes = ["flask"]\n'
    assert found({"pdm.lock": PDM, "pyproject.toml": excludes})["method"] == "locked"
    listed = OLD_POETRY.replace("flask = '*'", "flask = {version = '*', python = '<3.11'}")
    assert found({"poetry.lock": POETRY, "pyproject.toml": listed})["method"] == "locked"


@pytest.mark.parametrize(
    "written",
    [
        'e1839a8 = {path = ".", editable = true}',
        'e1839a8 = {file = "https://host/lib.whl"}',
        'lib = {git = "https://host/lib.git"}',
        "lib = {version = '*', platform_machine = \"== 'x86_64'\"}",
    ],
)
def test_what_pipenv_locks_by_another_name_or_under_a_condition_may_be_missing(found: Found, written: str) -> None:
    assert found({"Pipfile.lock": PIPFILE, "Pipfile": f"[packages]\n{written}\n"})["method"] == "locked"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_list_is_read_as_powershell_writes_it(encoding: str) -> None:
    assert decoded("gunicorn==20.1.0\r\n".encode(encoding)) == "gunicorn==20.1.0\r\n"


@pytest.mark.parametrize("to", ["../../etc/requirements.txt", "requirements.txt", "nowhere"])
def test_a_link_to_what_is_not_in_the_source_is_no_list(tmp_path: Path, to: str) -> None:
    (tmp_path / "prod.txt").write_text("flask\n")
    for name, target in {"requirements.txt": to, "there.txt": "prod.txt"}.items():
        (tmp_path / name).symlink_to(target)
    with tarfile.open(tmp_path / "source.tar", "w") as tar:
        for name in ("prod.txt", "requirements.txt", "there.txt"):
            tar.add(tmp_path / name, name)
    source = Tree(tmp_path / "source.tar", 0)
    with pytest.raises(SourceMistake, match=r"^requirements\.txt is a link to what is not in the source"):
        installation({"name": "shop"}, "uv", source)
    assert installation({"name": "shop", "requirements": ["there.txt"]}, "uv", source)["method"] == "listed"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"shared_paths": ["data.txt"]}, "data.txt of shared_paths is a file of the source; shared_files of"),
        ({"shared_paths": ["./media/"]}, "media of shared_paths holds code (media/a/b.py), which would stay that of"),
        ({"shared_files": ["media"]}, "media of shared_files is a folder of the source, and a file can't take its"),
        ({"files": [{"src": "x", "dest": "media/a"}]}, "media/a of files is a folder of the source, and a file can't"),
    ],
)
def test_a_place_where_the_source_has_something_else_is_refused(
    tmp_path: Path, keys: dict[str, Any], words: str
) -> None:
    archive = tree(tmp_path, {"media/a/b.py": "", "data.txt": "", "pictures/a.png": "", "media2/x.py": ""})
    source = {"path": str(tmp_path / "source.tar"), "strip_components": 1}
    with pytest.raises(SourceMistake) as error:
        installed({"name": "shop", "installer": "uv", **keys}, source, tmp_path)
    assert words in str(error.value)
    fine = {"shared_paths": ["pictures", "uploads"], "files": [{"src": "x", "dest": "data.txt"}]}
    assert list(place_mistakes(fine, archive)) == []


def test_a_link_of_the_source_gives_its_place_to_a_shared_folder(tmp_path: Path) -> None:
    (tmp_path / "media").symlink_to("/srv/media")
    with tarfile.open(tmp_path / "source.tar", "w") as tar:
        tar.add(tmp_path / "media", "media")
    assert list(place_mistakes({"shared_paths": ["./media/"]}, Tree(tmp_path / "source.tar", 0))) == []


# Made by `uv lock` of uv 0.13.9.
DEFAULTS = Path(__file__).parent / "locks/default_groups"


@pytest.mark.parametrize(
    ("told", "keys", "groups", "names"),
    [
        ('["dev", "none", "prod"]', {}, ["none", "prod"], ["blinker", "pluggy"]),
        ('"all"', {}, ["docs", "none", "prod"], ["blinker", "itsdangerous", "pluggy"]),
        ('["dev"]', {}, [], ["blinker"]),
        ('["prod"]', {"dependency_groups": ["docs"]}, ["docs"], ["blinker", "itsdangerous"]),
        ('["prod"]', {"dependency_groups": []}, [], ["blinker"]),
        ('["prod"]', {"dependency_groups": ["dev", "none"]}, ["dev", "none"], ["blinker", "iniconfig"]),
    ],
)
def test_the_default_groups_of_uv_are_installed_but_for_dev_unless_the_entry_names_others(
    told: str, keys: dict[str, Any], groups: list[str], names: list[str], found: Found
) -> None:
    project = (DEFAULTS / "pyproject.toml").read_text().replace('["dev", "none", "prod"]', told)
    files = {"uv.lock": (DEFAULTS / "uv.lock").read_text(), "pyproject.toml": project}
    by_pip = found(files, "pip", **keys)["locked"]["hashed"]
    assert [line.partition("==")[0] for line in by_pip.splitlines()] == names
    by_uv = found(files, "uv", **keys)
    assert (by_uv["method"], by_uv["groups"]) == ("sync", groups)


def test_the_default_groups_are_those_of_the_member_of_a_workspace(found: Found) -> None:
    member = '[[package]]\nname = "api"\nversion = "1"\nsource = { virtual = "services/api" }\n'
    member += "[package.dev-dependencies]\nprod = []\n"
    files = {
        "uv.lock": UV_LOCK + member,
        "pyproject.toml": EMPTY + '[tool.uv]\ndefault-groups = ["docs"]\n',
        "services/api/pyproject.toml": '[project]\nname = "api"\nversion = "1"\n[tool.uv]\ndefault-groups = ["prod"]\n',
    }
    assert found(files, subdirectory="services/api", requirements=["uv.lock"])["groups"] == ["prod"]
