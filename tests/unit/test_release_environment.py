"""How the environment of a release is made: by which commands, and by what they do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.release_environment import (
    advice,
    bundle,
    cache_key,
    calls,
    compile_command,
    git_commands,
    index_environment,
    install_commands,
    lines_file,
    logins,
    project_command,
    scm_versions,
    with_logins,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils import git_packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.dependencies import Installation
from packaging.version import Version

from tests.wheels import index, python_mirror, repository, served, wheel

UV, PYTHON = "/opt/uv/bin/uv", "/usr/bin/python3"
REAL_UV = shutil.which("uv") or "uv"
TOOLS = pytest.mark.parametrize("installer", ["uv", "pip"])


def how(method: str, **keys: Any) -> dict[str, Any]:
    """Return how packages are installed."""
    return asdict(Installation(method, **keys))


class Release:
    """A folder in which commands run as in a release: with a `/tmp` of its own in the place of the real one."""

    def __init__(self, folder: Path, links: Path, python: str) -> None:
        """Make it; `links` is a folder of wheels, the only place of packages, `python` makes environments of pip."""
        self.python = python
        self.folder, self.tmp, self.wheels = folder / "release", folder / "tmp", links
        self.folder.mkdir()
        self.tmp.mkdir()
        self.environment = {
            "PATH": f"{self.folder}/.venv/bin:/usr/bin:/bin",
            "HOME": str(self.tmp),
            "VIRTUAL_ENV": f"{self.folder}/.venv",
            "UV_CACHE_DIR": str(folder / "cache"),
            "UV_PYTHON_DOWNLOADS": "never",
            "UV_NO_CONFIG": "1",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_CACHE_DIR": str(folder / "cache/pip"),
            "LOGINS": "",
        }
        self.offline = {
            "UV_OFFLINE": "1",
            "UV_FIND_LINKS": str(links),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(links),
        }

    def run(self, command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a build does."""
        for name in (".netrc", "installed.txt", "git/"):
            command = command.replace(f"/tmp/{name}", f"{self.tmp}/{name}")
        return subprocess.run(
            ["sh", "-euc", command],
            cwd=self.folder,
            env={**self.environment, **(environment or self.offline)},
            capture_output=True,
            text=True,
            check=False,
        )

    def install(self, found: Mapping[str, Any], installer: str, *fallbacks: str, **environment: str) -> str:
        """Install packages, and return what a tool has said where that failed, else an empty text."""
        for name, text in found["locked"].items():
            (self.folder / lines_file(name)).write_text(text)
        commands = git_commands(list(found["git"]))
        for number, path in enumerate(found["git"].values()):
            (self.folder / bundle(number)).write_bytes(Path(path).read_bytes())
        commands += install_commands(
            found, installer, REAL_UV, self.python if installer == "pip" else sys.executable, fallbacks
        )
        result = self.run(with_logins(" && ".join(f"{{ {command}; }}" for command in commands)), **environment)
        return result.stdout + result.stderr if result.returncode else ""

    def versions(self) -> dict[str, str]:
        """Return what is installed."""
        listed = self.run(f"{REAL_UV} pip list --format json").stdout
        return {row["name"]: row["version"] for row in json.loads(listed) if row["name"] not in ("pip", "setuptools")}


@pytest.fixture(scope="session")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return what makes an environment with pip as `python -m venv` does, and in a tenth of the time: by a copy."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    (folder / "venv/bin/pip").write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n')
    (folder / "python").write_text(f'#!/bin/sh\nexec cp -a {folder}/venv "$3"\n')
    (folder / "python").chmod(0o755)
    return str(folder / "python")


@pytest.fixture
def release(tmp_path: Path, python: str) -> Release:
    """Return a release, and wheels of two packages in two versions, the first of which needs the other."""
    wheels = tmp_path / "wheels"
    for version in ("1.0", "2.0"):
        wheel(wheels, "shop_lib", version, ["shop_base"])
        wheel(wheels, "shop_base", version)
        wheel(wheels, "further", version, ["shop_base"])
    return Release(tmp_path, wheels, python)


def test_the_source_itself_is_installed_apart_from_what_it_depends_on() -> None:
    found = how("sync", lock="uv.lock", is_package=True)
    (dependencies,) = install_commands(found, "uv", UV, PYTHON, [])
    assert " --no-install-project" in dependencies
    project = project_command(found, "uv", UV, PYTHON)
    assert "--no-install-project" not in project
    assert " --inexact" in project  # what the lock lacks was installed before
    found = how("project", lock="pyproject.toml", is_package=True)
    assert install_commands(found, "uv", UV, PYTHON, [])[-1].endswith(" --requirement pyproject.toml")
    assert project_command(found, "uv", UV, PYTHON).endswith(" --no-deps .")
    assert project_command(found, "pip", UV, PYTHON).endswith(" .")
    assert project_command(how("listed", requirements=["requirements.txt"]), "uv", UV, PYTHON) == ""


@TOOLS
def test_what_is_no_package_is_not_built(installer: str) -> None:
    assert project_command(how("project", lock="pyproject.toml"), installer, UV, PYTHON) == ""
    assert project_command(how("locked", lock="poetry.lock"), installer, UV, PYTHON) == ""
    assert " --no-install-project" in project_command(how("sync", lock="uv.lock"), "uv", UV, PYTHON)


@TOOLS
def test_folders_that_a_lock_names_are_built_without_what_they_depend_on(installer: str) -> None:
    command = project_command(how("locked", lock="poetry.lock", local=["./libs/shop"]), installer, UV, PYTHON)
    assert command.endswith(" --no-deps ./libs/shop")


def test_a_lock_of_uv_is_not_resolved_anew() -> None:
    (command,) = install_commands(how("sync", lock="uv.lock"), "uv", UV, PYTHON, [])
    assert command.startswith(f"{UV} sync ")
    assert " --frozen " in command


def test_a_lock_of_uv_in_a_folder_makes_the_environment_of_the_release() -> None:
    found = how("sync", lock="backend/uv.lock", folder="backend", extras=["mysql"], groups=["prod"])
    (command,) = install_commands(found, "uv", UV, PYTHON, [])
    assert command.startswith('UV_PROJECT_ENVIRONMENT="$VIRTUAL_ENV" ')
    for words in ("--project backend", "--extra mysql", "--group prod", "--no-default-groups"):
        assert f" {words} " in f"{command} "


def test_the_development_group_is_installed_where_it_is_asked_for() -> None:
    (command,) = install_commands(how("sync", lock="uv.lock", groups=["dev"]), "uv", UV, PYTHON, [])
    assert " --no-default-groups --group dev" in command


def test_uv_installs_no_group_that_is_not_told() -> None:
    (command,) = install_commands(how("sync", lock="uv.lock"), "uv", UV, PYTHON, [])
    assert " --no-default-groups" in command
    assert " --group" not in command


@TOOLS
def test_an_interpreter_is_one_word_whatever_its_path_holds(installer: str) -> None:
    assert "'/opt/my python'" in install_commands({}, installer, UV, "/opt/my python", [])[0]


@pytest.mark.parametrize("there", [True, False])
def test_a_fallback_is_installed_only_where_its_command_is_missing(there: bool, tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    if there:
        (tmp_path / ".venv/bin/gunicorn").touch()
    command = install_commands({}, "uv", "echo", PYTHON, ["gunicorn[gevent]==27.0.1"])[-1]
    output = subprocess.run(["sh", "-euc", command], cwd=tmp_path, env=os.environ, capture_output=True, text=True)
    assert output.returncode == 0
    assert output.stdout == ("" if there else "pip install --quiet gunicorn[gevent]==27.0.1\n")


def test_a_uwsgi_that_is_there_is_kept_whichever_package_has_brought_it() -> None:
    command = install_commands({}, "uv", UV, PYTHON, ["pyuwsgi==2.0.30"])[-1]
    assert command == "test -e .venv/bin/uwsgi || /opt/uv/bin/uv pip install --quiet pyuwsgi==2.0.30"


@TOOLS
def test_several_lists_are_installed_by_their_constraints(release: Release, installer: str) -> None:
    folder = release.folder / "requirements"
    folder.mkdir()
    (folder / "base.txt").write_text("shop_lib\n")
    (folder / "production.txt").write_text("-r base.txt\nfurther\n")
    (folder / "constraints.txt").write_text("shop_base==1.0\nfurther==1.0\nshop_lib<2\n")
    found = how("listed", requirements=["requirements/production.txt"], constraints=["requirements/constraints.txt"])
    assert release.install(found, installer) == ""
    assert release.versions() == {"shop-lib": "1.0", "shop-base": "1.0", "further": "1.0"}


@TOOLS
def test_what_a_lock_lacks_is_added_and_nothing_of_it_is_changed(release: Release, installer: str) -> None:
    digest = wheel(release.wheels, "shop_base", "1.0")
    found = how("locked", locked={"hashed": f"shop_base==1.0 --hash={digest}\n"}, packages=["further==2.0"])
    assert release.install(found, installer) == ""
    assert release.versions() == {"shop-base": "1.0", "further": "2.0"}
    wheel(release.wheels, "further", "3.0", ["shop_base>=2"])
    found["packages"] = ["further==3.0"]
    shutil.rmtree(release.folder / ".venv")
    assert "further" in release.install(found, installer)
    assert release.versions() == {"shop-base": "1.0"}


@TOOLS
def test_a_package_with_another_hash_than_the_lock_s_is_not_installed(release: Release, installer: str) -> None:
    found = how("locked", locked={"hashed": f"shop_base==1.0 --hash=sha256:{'0' * 64}\n"})
    assert "hash" in release.install(found, installer).lower()
    assert "shop-base" not in release.versions()


@TOOLS
def test_nothing_but_what_a_lock_names_is_installed(release: Release, installer: str) -> None:
    digest = wheel(release.wheels, "shop_lib", "1.0", ["shop_base"])
    assert release.install(how("locked", locked={"hashed": f"shop_lib==1.0 --hash={digest}\n"}), installer) == ""
    assert release.versions() == {"shop-lib": "1.0"}


def test_uv_reads_a_pylock_with_its_groups_and_extras_itself(release: Release) -> None:
    entries = ""
    for name, marker in (("shop_lib", ""), ("shop_base", "'prod' in dependency_groups"), ("further", "'x' in extras")):
        digest = wheel(release.wheels, name, "1.0").partition(":")[2]
        path = f"{release.wheels}/{name}-1.0-py3-none-any.whl"
        entries += (
            f'[[packages]]\nname = "{name.replace("_", "-")}"\nversion = "1.0"\nmarker = "{marker or "1 == 1"}"\n'
            f'wheels = [{{path = "{path}", hashes = {{sha256 = "{digest}"}}}}]\n'
        ).replace('marker = "1 == 1"\n', "")
    head = 'lock-version = "1.0"\ncreated-by = "test"\nextras = ["x"]\ndependency-groups = ["prod"]\n'
    (release.folder / "pylock.toml").write_text(head + entries)
    assert release.install(how("pylock", lock="pylock.toml", groups=["prod"]), "uv") == ""
    assert release.versions() == {"shop-lib": "1.0", "shop-base": "1.0"}


def test_an_application_that_is_no_package_gets_its_dependencies_extras_and_groups(release: Release) -> None:
    for name in ("shop", "blog", "templates"):
        (release.folder / name).mkdir()
    (release.folder / "pyproject.toml").write_text(
        '[project]\nname = "site"\nversion = "1"\ndependencies = ["shop_lib==1.0"]\n'
        '[project.optional-dependencies]\nmysql = ["further==1.0"]\n[dependency-groups]\nprod = ["shop_base==1.0"]\n'
    )
    found = how("project", lock="pyproject.toml", extras=["mysql"], groups=["prod"])
    assert release.install(found, "uv") == ""
    assert release.versions() == {"shop-lib": "1.0", "shop-base": "1.0", "further": "1.0"}


@TOOLS
def test_a_private_index_is_opened_and_its_login_is_nowhere(release: Release, installer: str, tmp_path: Path) -> None:
    index(tmp_path / "index", release.wheels)
    with served(tmp_path / "index", "robot", "canary-password") as address:
        indexes = [{"url": address, "username": "robot", "password": "canary-password", "default": True}]
        environment = {**index_environment(indexes, installer), "UV_HTTP_TIMEOUT": "10"}
        (release.folder / "requirements.txt").write_text("shop_lib==2.0\n")
        found = how("listed", requirements=["requirements.txt"])
        refused = release.install(found, installer, **environment, LOGINS="")
        assert "shop" in refused
        shutil.rmtree(release.folder / ".venv")
        assert release.install(found, installer, **environment, LOGINS=logins(indexes)) == ""
    assert release.versions() == {"shop-lib": "2.0", "shop-base": "2.0"}
    netrc = release.tmp / ".netrc"
    assert netrc.stat().st_mode & 0o077 == 0
    netrc.unlink()  # the /tmp of an installation goes with it
    kept = subprocess.run(["grep", "-rla", "canary-password", str(tmp_path)], capture_output=True, text=True)
    assert kept.stdout == ""


@TOOLS
def test_a_package_out_of_a_repository_that_only_the_controller_opens_is_installed(
    release: Release, installer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = repository(tmp_path / "lib.git", "shop_lib")
    address = "ssh://git@git.example.com/lib.git"
    # The controller's key, as it were: without this line there is no such host.
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{tmp_path}/lib.git.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", address)
    (tmp_path / "kept").mkdir()
    line = f"shop-lib @ git+{address}@{commit}"
    bundles = git_packages.bundles(git_packages.wanted([line]), tmp_path / "kept")
    assert list(bundles) == [address]
    shutil.rmtree(tmp_path / "lib.git")
    found = how("locked", locked={"direct": f"{line}\n"}, git=bundles)
    assert release.install(found, installer) == ""
    assert release.versions() == {"shop-lib": "1.0"}


def test_the_addresses_of_indexes_are_told_and_their_logins_are_not() -> None:
    indexes: list[dict[str, Any]] = [
        {"url": "https://one.example/simple", "username": "robot", "password": "canary"},
        {"url": "https://two.example/simple", "default": True},
    ]
    for installer in ("uv", "pip"):
        assert "canary" not in str(index_environment(indexes, installer))
    assert index_environment(indexes, "uv")["UV_INDEX"] == "https://one.example/simple"
    assert index_environment(indexes, "pip")["PIP_INDEX_URL"] == "https://two.example/simple"
    assert "LOGINS" not in install_commands(how("listed", requirements=["r.txt"]), "uv", UV, PYTHON, [])[-1]
    assert logins(indexes) == "machine one.example login robot password canary"


@pytest.mark.parametrize(
    ("command", "does"),
    [
        ("pip install -r requirements/production.txt", True),
        ("python -m pip install x", True),
        ("npm ci && pip install x", True),
        ("pip3.11 install x", True),
        ("bash -c 'pip install x'", True),
        ('"$VIRTUAL_ENV/bin/pip" install x', True),
        ("(pip3 install x)", True),
        ("uv pip install x", False),
        ("./tools/pip-compile", False),
        ("cat pip.conf", False),
        ("PIP_INDEX_URL=x pip_sync", False),
        ("python manage.py pipeline", False),
        ("python manage.py collectstatic --noinput", False),
    ],
)
def test_a_command_that_calls_pip_is_known(command: str, does: bool) -> None:
    assert calls(command, "pip") is does


def test_a_command_that_calls_uv_is_known() -> None:
    assert calls("bash -c 'uv pip install x'", "uv", "uvx")
    assert calls("uvx ruff", "uv", "uvx")
    assert not calls("cat uv.lock", "uv", "uvx")


def test_an_environment_of_uv_s_gets_a_pip_from_the_distribution_where_a_command_calls_it() -> None:
    assert "--no-index" in install_commands({}, "uv", UV, PYTHON, [], seeds_pip=True)[-1]
    assert len(install_commands({}, "pip", UV, PYTHON, [], seeds_pip=True)) == 1


def test_a_built_wheel_is_known_by_the_interpreter_and_the_headers_it_was_built_with() -> None:
    def run(python: str, packages: str) -> str:
        return cache_key(lambda command: (0, packages if command[0] == "dpkg-query" else python, ""), PYTHON)

    first = run("3.13.5 /usr", "ii libmariadb-dev 1:11.8.3\nii linux-libc-dev 6.12.1\n")
    assert run("3.13.5 /usr", "ii linux-libc-dev 6.12.2\nii libmariadb-dev 1:11.8.3\n") == first
    assert run("3.13.5 /usr", "ii libmysqlclient-dev 9.7.0\n") != first
    assert run("3.13.5 /usr", "rc libmariadb-dev 1:11.8.3\n") != first
    assert run("3.14.0 /usr", "ii libmariadb-dev 1:11.8.3\n") != first


def test_an_interpreter_that_uv_finds_is_known_by_its_version() -> None:
    asked: list[str] = []

    def run(command: list[str]) -> tuple[int, str, str]:
        asked.append(command[0])
        return 0, "", ""

    assert cache_key(run, "3.11") != cache_key(run, "3.12")
    assert set(asked) == {"dpkg-query"}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            ["Failed to build `mysqlclient==2.2.7`", "Exception: Can not find valid pkg-config name."],
            "packages: [gcc, libmysqlclient-dev, ",
        ),
        (
            ["  error: subprocess-exited-with-error", "OSError: mysql_config not found"],
            "libmysqlclient-dev, pkg-config",
        ),
        (
            ["  Failed to build `pandas==1.5.3`", "The build backend returned an error"],
            'python of app_deploy, such as "3.11"',
        ),
        (["ERROR: Failed building wheel for lxml"], "goes into packages"),
        (["error: No solution found when resolving dependencies"], ""),
    ],
)
def test_what_helps_a_package_to_be_built_is_said(said: list[str], words: str) -> None:
    assert words in advice(said)
    assert bool(advice(said)) == bool(words)


def test_a_python_that_the_distribution_lacks_comes_from_a_mirror(release: Release, tmp_path: Path) -> None:
    version, environment = python_mirror(tmp_path / "mirror")
    place = tmp_path / "pythons"
    commands = install_commands(how("listed", requirements=["r.txt"]), "uv", REAL_UV, version, [])
    (release.folder / "r.txt").write_text("shop_lib==1.0\n")
    more = {**release.offline, **environment, "UV_OFFLINE": "0", "UV_PYTHON_INSTALL_DIR": str(place)}
    more |= {"UV_DEFAULT_INDEX": release.wheels.as_uri()}
    result = release.run(" && ".join(commands), **more)
    assert result.returncode == 0, result.stderr
    interpreter = (release.folder / ".venv/bin/python").resolve()
    assert interpreter.is_relative_to(place)
    asked = release.run(".venv/bin/python -c 'import shop_lib, sys; print(sys.base_prefix)'", **more)
    assert Path(asked.stdout.strip()).is_relative_to(place), asked.stderr


def test_a_file_that_is_no_valid_python_fails_no_release(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/python").symlink_to(PYTHON)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/good.py").write_text("a = 1\n")
    (tmp_path / "shop/template.py").write_text("{{ no python }\n")
    output = subprocess.run(["sh", "-euc", compile_command("shop")], cwd=tmp_path, capture_output=True, text=True)
    assert output.returncode == 0
    assert [code.name.partition(".")[0] for code in (tmp_path / "shop/__pycache__").iterdir()] == ["good"]


@pytest.mark.parametrize("revision", ["5e1f" * 10, "0" * 64])
def test_a_build_that_asks_git_for_a_version_gets_one_of_the_revision(revision: str) -> None:
    version = Version(scm_versions(revision)["SETUPTOOLS_SCM_PRETEND_VERSION"])
    assert (str(version.public), version.local) == ("0", str(Version(f"0+{revision[:12]}").local))
