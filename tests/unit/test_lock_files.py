"""What the locks of Poetry, PDM, Pipenv and uv, and a pylock.toml, have installed: exactly that, and by its hashes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils import lock_files
from ansible_collections.foobar.webstack.plugins.plugin_utils.lock_files import LockError, toml
from ansible_collections.foobar.webstack.plugins.plugin_utils.locked_packages import Locked
from packaging.requirements import Requirement

ONE, TWO = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

# Poetry 2: which group a package is for, and when, stands with it.
POETRY = f"""
[[package]]
name = "flask"
version = "3.1.0"
optional = false
groups = ["main"]
files = [{{file = "flask.whl", hash = "{ONE}"}}, {{file = "flask.tar.gz", hash = "{TWO}"}}]

[[package]]
name = "colorama"
version = "0.4.6"
optional = false
groups = ["main", "dev"]
markers = {{main = "platform_system == \\"Windows\\"", dev = "sys_platform == \\"win32\\""}}
files = [{{file = "colorama.whl", hash = "{ONE}"}}]

[[package]]
name = "PyMySQL"
version = "1.1.1"
optional = true
groups = ["main"]
markers = "extra == \\"mysql\\""
files = [{{file = "pymysql.whl", hash = "{ONE}"}}]

[[package]]
name = "sentry-sdk"
version = "2.0"
optional = false
groups = ["prod"]
markers = "python_version < \\"4\\""
files = [{{file = "sentry.whl", hash = "{ONE}"}}]

[[package]]
name = "pytest"
version = "9.0"
optional = false
groups = ["dev"]
files = [{{file = "pytest.whl", hash = "{ONE}"}}]

[[package]]
name = "shop-lib"
version = "1.0"
groups = ["main"]
files = []

[package.source]
type = "git"
url = "git@git.example.com:shop/lib.git"
reference = "main"
resolved_reference = "{COMMIT}"
subdirectory = "python"

[[package]]
name = "shop-forms"
version = "1.0"
groups = ["main"]
files = []

[package.source]
type = "directory"
url = "libs/forms"

[[package]]
name = "inner"
version = "1.0"
groups = ["main"]
files = [{{file = "inner.whl", hash = "{ONE}"}}]

[package.source]
type = "legacy"
url = "https://robot:canary@packages.example.com/simple"
reference = "inner"

[extras]
mysql = ["pymysql"]

[metadata]
lock-version = "2.1"
"""

# Poetry 1.5 to 1.8: what is needed is found from the pyproject.toml on.
OLD_POETRY = f"""
[[package]]
name = "flask"
version = "3.1.0"
optional = false
python-versions = ">=3.9"
files = [{{file = "flask.whl", hash = "{ONE}"}}]

[package.dependencies]
click = ">=8"
importlib-metadata = {{version = ">=3.6", markers = "python_version < \\"3.10\\""}}
asgiref = {{version = ">=3.2", optional = true, markers = "extra == \\"async\\""}}

[package.extras]
async = ["asgiref (>=3.2)"]

[[package]]
name = "click"
version = "8.1.0"
optional = false
files = [{{file = "click.whl", hash = "{ONE}"}}]

[package.dependencies]
colorama = {{version = "*", markers = "platform_system == \\"Windows\\""}}

[[package]]
name = "colorama"
version = "0.4.6"
optional = false
files = [{{file = "colorama.whl", hash = "{ONE}"}}]

[[package]]
name = "importlib-metadata"
version = "6.0"
optional = false
files = [{{file = "im.whl", hash = "{ONE}"}}]

[[package]]
name = "asgiref"
version = "3.8"
optional = true
files = [{{file = "asgiref.whl", hash = "{ONE}"}}]

[[package]]
name = "pymysql"
version = "1.1.1"
optional = true
files = [{{file = "pymysql.whl", hash = "{ONE}"}}]

[[package]]
name = "pytest"
version = "8.0"
optional = false
files = [{{file = "pytest.whl", hash = "{ONE}"}}]

[package.dependencies]
colorama = "*"

[extras]
mysql = ["pymysql"]

[metadata]
lock-version = "2.0"
"""
OLD_PROJECT = """
[tool.poetry.dependencies]
python = "^3.8"
flask = "^3"
pymysql = {version = "^1", optional = true}

[tool.poetry.group.dev.dependencies]
pytest = "^8"
"""


def names(found: Locked) -> list[str]:
    """Return the names of what is installed from an index or an address."""
    return [Requirement(line.partition(" --hash")[0]).name for line in (*found.hashed, *found.direct)]


def is_installed(line: str) -> bool:
    """Tell whether a line is one for this interpreter."""
    marker = Requirement(line.partition(" --hash")[0]).marker
    return marker is None or marker.evaluate()


def poetry(
    text: str, project: str = "", extras: Sequence[str] = (), groups: Sequence[str] = (), folder: str = ""
) -> Locked:
    """Return what a poetry.lock installs."""
    return lock_files.poetry(text, toml(project), folder, extras, groups)


def test_a_lock_of_poetry_installs_what_it_names_with_all_hashes() -> None:
    found = poetry(POETRY)
    assert f"flask==3.1.0 --hash={ONE} --hash={TWO}" in found.hashed
    assert names(found) == ["colorama", "flask", "inner", "shop-lib"]
    assert f'colorama==0.4.6 ; platform_system == "Windows" --hash={ONE}' in found.hashed
    assert found.direct == (f"shop-lib @ git+ssh://git@git.example.com/shop/lib.git@{COMMIT}#subdirectory=python",)
    assert found.local == ("./libs/forms",)


def test_an_index_of_a_lock_is_asked_and_a_login_in_its_address_is_left_out() -> None:
    assert poetry(POETRY).indexes == ("https://packages.example.com/simple",)


def test_extras_and_groups_of_a_lock_of_poetry_are_added_by_their_names() -> None:
    assert "PyMySQL" in names(poetry(POETRY, extras=["MySQL"]))
    assert "extra" not in str(poetry(POETRY, extras=["mysql"]).hashed)
    assert "sentry-sdk" in names(poetry(POETRY, groups=["prod"]))
    both = poetry(POETRY, groups=["dev"]).hashed
    assert any('platform_system == "Windows"' in line and 'sys_platform == "win32"' in line for line in both)


def test_an_older_lock_of_poetry_installs_what_the_application_needs_and_nothing_for_development() -> None:
    found = poetry(OLD_POETRY, OLD_PROJECT)
    assert names(found) == ["click", "colorama", "flask", "importlib-metadata"]
    assert f'colorama==0.4.6 ; platform_system == "Windows" --hash={ONE}' in found.hashed
    assert f'importlib-metadata==6.0 ; python_version < "3.10" --hash={ONE}' in found.hashed
    assert "pymysql" in names(poetry(OLD_POETRY, OLD_PROJECT, extras=["mysql"]))
    with_dev = poetry(OLD_POETRY, OLD_PROJECT, groups=["dev"])
    assert f"colorama==0.4.6 --hash={ONE}" in with_dev.hashed  # one way to it has no condition


def test_what_an_extra_of_a_package_brings_comes_with_it() -> None:
    project = OLD_PROJECT.replace('flask = "^3"', 'flask = {version = "^3", extras = ["async"]}')
    assert f"asgiref==3.8 --hash={ONE}" in poetry(OLD_POETRY, project).hashed


def test_the_oldest_locks_of_poetry_have_their_hashes_at_the_end() -> None:
    lock = (
        '[[package]]\nname = "flask"\nversion = "2"\ncategory = "main"\noptional = false\n'
        f'[metadata]\nlock-version = "1.1"\n[metadata.files]\nflask = [{{file = "f.whl", hash = "{ONE}"}}]\n'
    )
    assert poetry(lock, '[tool.poetry.dependencies]\nflask = "*"\n').hashed == (f"flask==2 --hash={ONE}",)


def test_an_older_lock_with_several_versions_of_a_package_is_refused() -> None:
    lock = OLD_POETRY + f'[[package]]\nname = "click"\nversion = "7"\nfiles = [{{file = "x", hash = "{ONE}"}}]\n'
    lock = lock.replace("[extras]", "[unused]").replace("[metadata]", "[unused2]")
    with pytest.raises(LockError, match="several versions of click: write it anew with Poetry 2"):
        poetry(lock, OLD_PROJECT)


@pytest.mark.parametrize(
    ("written", "marker"),
    [
        ("^3.8", "python_version >= '3.8' and python_version < '4'"),
        ("~3.11", "python_version == '3.11'"),
        (">=3.8,<3.12", "python_version >= '3.8' and python_version < '3.12'"),
        ("<3.11", "python_version < '3.11'"),
        ("3.11.*", "python_version == '3.11'"),
        ("*", ""),
    ],
)
def test_poetry_s_range_of_pythons_is_a_condition(written: str, marker: str) -> None:
    project = f'[tool.poetry.dependencies]\nclick = {{version = "*", python = "{written}"}}\n'
    line = next(line for line in poetry(OLD_POETRY, project).hashed if line.startswith("click"))
    assert line == f"click==8.1.0{' ; ' if marker else ''}{marker} --hash={ONE}"
    Requirement(line.partition(" --hash")[0])


def test_a_range_of_pythons_that_can_t_be_read_is_refused() -> None:
    project = '[tool.poetry.dependencies]\nclick = {version = "*", python = "<3.9 || >=3.11"}\n'
    with pytest.raises(LockError, match=r"for the Python <3.9 \|\| >=3.11, which this collection can't read"):
        poetry(OLD_POETRY, project)


PDM = f"""
[metadata]
groups = ["default", "mysql", "prod", "dev"]
strategy = ["inherit_metadata"]
lock_version = "4.5.0"

[[package]]
name = "flask"
version = "3.1.0"
groups = ["default"]
marker = "python_version >= \\"3.9\\""
files = [{{file = "flask.whl", hash = "{ONE}"}}]

[[package]]
name = "pymysql"
version = "1.1.1"
extras = ["rsa"]
groups = ["mysql"]

[[package]]
name = "pymysql"
version = "1.1.1"
groups = ["mysql"]
files = [{{file = "pymysql.whl", hash = "{ONE}"}}]

[[package]]
name = "shop-lib"
version = "1.0"
groups = ["default"]
git = "https://git.example.com/lib.git"
ref = "main"
revision = "{COMMIT}"

[[package]]
name = "pytest"
version = "9.0"
groups = ["dev"]
files = [{{file = "pytest.whl", hash = "{ONE}"}}]
"""


def test_a_lock_of_pdm_installs_its_default_group_and_those_that_are_asked_for() -> None:
    found = lock_files.pdm(PDM, "", [], [])
    assert found.hashed == (f'flask==3.1.0 ; python_version >= "3.9" --hash={ONE}',)
    assert found.direct == (f"shop-lib @ git+https://git.example.com/lib.git@{COMMIT}",)
    assert names(lock_files.pdm(PDM, "", ["mysql"], [])) == ["flask", "pymysql", "shop-lib"]
    assert "pytest" in names(lock_files.pdm(PDM, "", [], ["dev"]))


def test_a_lock_of_pdm_that_does_not_tell_its_groups_is_refused() -> None:
    with pytest.raises(LockError, match="run pdm lock --strategy inherit_metadata"):
        lock_files.pdm(PDM.replace("inherit_metadata", "cross_platform"), "", [], [])


def pipfile() -> str:
    """Return a Pipfile.lock."""
    package = {"hashes": [ONE], "version": "==3.1.0"}
    return json.dumps(
        {
            "_meta": {"sources": [{"name": "inner", "url": "https://$USER:$TOKEN@packages.example.com/simple"}]},
            "default": {
                "flask": {**package, "markers": "python_version >= '3.9'", "index": "inner"},
                "shop-lib": {"git": "https://git.example.com/lib.git", "ref": COMMIT, "markers": "os_name == 'posix'"},
                "forms": {"path": "./libs/forms", "editable": True},
            },
            "prod": {"sentry-sdk": package},
            "develop": {"pytest": package},
        }
    )


def test_a_lock_of_pipenv_installs_its_default_packages_and_the_categories_that_are_asked_for() -> None:
    found = lock_files.pipenv(pipfile(), "backend", [])
    assert found.hashed == (f"flask==3.1.0 ; python_version >= '3.9' --hash={ONE}",)
    assert found.direct == (f"shop-lib @ git+https://git.example.com/lib.git@{COMMIT} ; os_name == 'posix'",)
    assert found.local == ("./backend/libs/forms",)
    assert found.indexes == ("https://packages.example.com/simple",)
    assert "sentry-sdk" in names(lock_files.pipenv(pipfile(), "", ["prod"]))


def test_a_package_that_a_lock_of_pipenv_does_not_pin_is_refused() -> None:
    lock = json.dumps({"default": {"flask": {"version": "*"}}})
    with pytest.raises(LockError, match="does not pin flask"):
        lock_files.pipenv(lock, "", [])


PYLOCK = f"""
lock-version = "1.0"
created-by = "uv"
extras = ["mysql"]
dependency-groups = ["prod", "default"]
default-groups = ["default"]

[[packages]]
name = "flask"
version = "3.1.0"
index = "https://pypi.org/simple"
sdist = {{url = "https://files.example.com/flask.tar.gz", hashes = {{sha256 = "{"1" * 64}"}}}}
wheels = [{{url = "https://files.example.com/flask.whl", hashes = {{sha256 = "{"2" * 64}"}}}}]

[[packages]]
name = "pymysql"
version = "1.1.1"
marker = "'mysql' in extras and python_version >= '3.8'"
wheels = [{{url = "https://files.example.com/pymysql.whl", hashes = {{sha256 = "{"1" * 64}"}}}}]

[[packages]]
name = "sentry-sdk"
version = "2.0"
marker = "'prod' in dependency_groups"
wheels = [{{url = "https://files.example.com/sentry.whl", hashes = {{sha256 = "{"1" * 64}"}}}}]

[[packages]]
name = "click"
version = "8.1.0"
marker = "'default' in dependency_groups"
wheels = [{{url = "https://files.example.com/click.whl", hashes = {{sha256 = "{"1" * 64}"}}}}]

[[packages]]
name = "shop-lib"
vcs = {{type = "git", url = "https://git.example.com/lib.git", commit-id = "{COMMIT}"}}
"""


def test_a_pylock_installs_its_default_groups_and_what_is_asked_for() -> None:
    found = lock_files.pylock(PYLOCK, "", [], [])
    assert [line for line in found.hashed if is_installed(line)] == [
        f"click==8.1.0 --hash={ONE}",
        f"flask==3.1.0 --hash={ONE} --hash={TWO}",
    ]
    assert found.direct == (f"shop-lib @ git+https://git.example.com/lib.git@{COMMIT}",)
    assert "sentry-sdk" in names(lock_files.pylock(PYLOCK, "", [], ["prod"]))
    (line,) = [line for line in lock_files.pylock(PYLOCK, "", ["mysql"], []).hashed if "pymysql" in line]
    assert is_installed(line)
    assert "extras" not in line


UV = f"""
version = 1

[[package]]
name = "shop"
version = "1"
source = {{ virtual = "." }}
dependencies = [{{ name = "flask", extra = ["async"] }}, {{ name = "forms" }}]

[package.optional-dependencies]
mysql = [{{ name = "pymysql", marker = "sys_platform == 'linux'" }}]

[package.dev-dependencies]
prod = [{{ name = "click", version = "7.0", source = {{ registry = "https://pypi.org/simple" }} }}]
dev = [{{ name = "pytest" }}]

[[package]]
name = "flask"
version = "3.1.0"
source = {{ registry = "https://pypi.org/simple" }}
dependencies = [
    {{ name = "click", version = "8.1.0" }},
    {{ name = "click", version = "7.0", marker = "python_full_version < '3.9'" }},
]
sdist = {{ url = "https://files.example.com/flask.tar.gz", hash = "{ONE}" }}
wheels = [{{ url = "https://files.example.com/flask.whl", hash = "{TWO}" }}]

[package.optional-dependencies]
async = [{{ name = "asgiref" }}]

[[package]]
name = "click"
version = "8.1.0"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ url = "https://files.example.com/click8.whl", hash = "{ONE}" }}]

[[package]]
name = "click"
version = "7.0"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ url = "https://files.example.com/click7.whl", hash = "{ONE}" }}]

[[package]]
name = "asgiref"
version = "3.8"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ url = "https://files.example.com/asgiref.whl", hash = "{ONE}" }}]

[[package]]
name = "pymysql"
version = "1.1.1"
source = {{ git = "https://git.example.com/pymysql?subdirectory=lib&rev=v1#{COMMIT}" }}

[[package]]
name = "forms"
version = "1"
source = {{ editable = "libs/forms" }}

[[package]]
name = "pytest"
version = "9.0"
source = {{ registry = "https://pypi.org/simple" }}
wheels = [{{ url = "https://files.example.com/pytest.whl", hash = "{ONE}" }}]
"""


def test_pip_installs_what_a_lock_of_uv_says() -> None:
    found = lock_files.uv(UV, "", "", [], [])
    assert found.hashed == (
        f"asgiref==3.8 --hash={ONE}",
        f"click==7.0 ; python_full_version < '3.9' --hash={ONE}",
        f"click==8.1.0 --hash={ONE}",
        f"flask==3.1.0 --hash={ONE} --hash={TWO}",
    )
    assert found.local == ("./libs/forms",)
    with_mysql = lock_files.uv(UV, "", "", ["mysql"], [])
    address = f"git+https://git.example.com/pymysql@{COMMIT}#subdirectory=lib"
    assert with_mysql.direct == (f"pymysql @ {address} ; sys_platform == 'linux'",)
    assert f"click==7.0 --hash={ONE}" in lock_files.uv(UV, "", "", [], ["prod"]).hashed


def test_conflicting_versions_in_a_lock_of_uv_are_left_to_uv() -> None:
    lock = UV.replace("marker = \"sys_platform == 'linux'\"", "marker = \"extra == 'extra-4-shop-cpu'\"")
    with pytest.raises(LockError, match="conflicting versions of pymysql, which uv alone can install"):
        lock_files.uv(lock, "", "", ["mysql"], [])


@pytest.mark.parametrize("path", ["../elsewhere", "/opt/lib"])
def test_what_lies_outside_the_source_is_refused(path: str) -> None:
    with pytest.raises(LockError, match="which is not in the source"):
        poetry(POETRY.replace("libs/forms", path))


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("git@git.example.com:shop/lib.git", "git+ssh://git@git.example.com/shop/lib.git@1"),
        ("ssh://git@git.example.com:2222/lib.git", "git+ssh://git@git.example.com:2222/lib.git@1"),
        ("https://git.example.com/lib.git", "git+https://git.example.com/lib.git@1"),
        ("git+https://git.example.com/lib.git", "git+https://git.example.com/lib.git@1"),
    ],
)
def test_a_repository_is_named_as_pip_takes_it(repository: str, url: str) -> None:
    assert lock_files.git_url(repository, "1") == url
