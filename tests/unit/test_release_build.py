"""The folder of a release as a build makes it: what the source brings, what outlives it, files of the user's own."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import release_settings, releases
from ansible_collections.foobar.webstack.plugins.modules import release_build
from ansible_collections.foobar.webstack.plugins.plugin_utils.dependencies import Installation

from tests.repositories import write

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
USER = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that stands for a server on which all is done by one user."""
    for name in ("builder", "installer"):
        monkeypatch.setattr(release_build.names, name, lambda _: USER)
    monkeypatch.setattr(release_build.names, "logs", lambda _: str(tmp_path / "logs"))
    read, manifests = release_settings.read, tmp_path / "manifests"
    monkeypatch.setattr(release_settings, "read", lambda app: read(app, manifests))
    return tmp_path


def run(command: list[str]) -> tuple[int, str, str]:
    """Take the place of a module's run_command."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout, result.stderr


def build(server: Path, files: dict[str, str], release: str = "a", **options: Any) -> release_build.Build:
    """Return the build of a release of files, whose source is unpacked."""
    source = server / f"source-{release}"
    write(source, files)
    subprocess.run(["tar", "-cf", str(server / "source.tar"), "-C", str(source), "."], check=True)
    shared = options.get("shared", [])
    for name in shared:
        (server / "shop/shared" / name).mkdir(parents=True, exist_ok=True)
    app = {"name": "shop", "path": str(server / "shop")}
    defaults = {name: option.get("default") for name, option in release_build.SPEC.items()}
    told = {"app": app, "release": release, "archive": str(server / "source.tar"), "user": USER, "revision": "0123"}
    links = {name: f"{server}/shop/shared/{name}" for name in [*shared, *options.pop("shared_files", [])]}
    params = {**defaults, "files": [], **told, "links": links, **options}
    module: Any = SimpleNamespace(params=params, run_command=run)
    made = release_build.Build(module)
    made.source()
    return made


def test_an_environment_that_the_source_brings_is_not_the_release_s(server: Path) -> None:
    made = build(server, {"manage.py": "", ".venv/bin/python": "another machine's"})
    assert sorted(path.name for path in made.folder.iterdir()) == ["REVISION", "manage.py"]


@pytest.mark.parametrize("name", [".gitkeep", "photos/cat"])
def test_a_folder_of_the_source_fills_the_one_that_outlives_it(server: Path, name: str) -> None:
    made = build(server, {f"media/{name}": "the source's"}, shared=["media"])
    assert (made.folder / "media").readlink() == server / "shop/shared/media"
    assert [str(path) for path in (made.folder / "media").rglob("*/*")] == (
        [] if name == ".gitkeep" else [f"{made.folder}/media/photos/cat"]
    )


def test_it_does_so_the_first_time_only(server: Path) -> None:
    build(server, {"media/cat": "the source's"}, shared=["media"])
    media = server / "shop/shared/media"
    (media / "cat").write_text("a visitor's")
    releases.switch(server / "shop", "a", [], {})
    build(server, {"media/cat": "another", "media/dog": "another"}, release="b", shared=["media", "logs"])
    assert {path.name: path.read_text() for path in media.iterdir()} == {"cat": "a visitor's"}


def test_what_has_been_removed_since_does_not_come_back(server: Path) -> None:
    build(server, {"media/cat": ""}, shared=["media"])
    (server / "shop/shared/media/cat").unlink()
    releases.switch(server / "shop", "a", [], {})
    build(server, {"media/cat": ""}, release="b", shared=["media"])
    assert list((server / "shop/shared/media").iterdir()) == []


def test_a_path_that_is_shared_later_is_filled_then(server: Path) -> None:
    build(server, {"media/cat": ""})
    releases.switch(server / "shop", "a", [], {})
    build(server, {"media/cat": ""}, release="b", shared=["media"])
    assert (server / "shop/shared/media/cat").exists()


def test_a_folder_of_code_does_not_outlive_its_release(server: Path) -> None:
    with pytest.raises(
        OSError, match=r"^shop of the source .* it holds code \(shop/web/settings\.py\), which would stay"
    ):
        build(server, {"shop/web/settings.py": ""}, shared=["shop"])
    assert list((server / "shop/shared/shop").iterdir()) == []


@pytest.mark.parametrize("place", ["dependencies", "dependencies/key", "python"])
def test_a_link_in_the_place_of_a_cache_gives_nothing_away(
    server: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(release_build.release_environment, "cache_key", lambda *_: "key")
    made = build(server, {"manage.py": ""}, python="3.13", uv="/opt/uv")
    victim, link = server / "victim", server / "shop" / place
    victim.mkdir(mode=0o700)
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(victim)
    made.installer = 12345
    assert made.cache() == server / "shop/dependencies/key"
    assert (victim.stat().st_uid, victim.stat().st_mode & 0o777) == (os.geteuid(), 0o700)
    assert (link.is_symlink(), link.is_dir()) == (False, True)
    # Nobody but root puts another one there.
    assert [(server / "shop" / name).stat().st_uid for name in ("dependencies", "dependencies/key")] == [0, 12345]


def test_a_first_build_that_was_interrupted_is_made_up_for(server: Path) -> None:
    write(server / "shop/shared/media", {"cat": "the source's"})
    build(server, {"media/cat": "the source's", "media/dog": "the source's"}, shared=["media"])
    assert (server / "shop/shared/media/dog").exists()


def test_a_file_of_the_source_is_no_folder_that_outlives_it(server: Path) -> None:
    with pytest.raises(OSError, match=r"db\.sqlite3 of the source can't give way to .*shared_files are for files"):
        build(server, {"db.sqlite3": ""}, shared=["db.sqlite3"])


def own(server: Path, dest: str, content: str) -> None:
    """Have release a have a file of the user's own."""
    file = {"dest": f"{server}/shop/releases/%i/{dest}", "content": content, "mode": "0640", "in_release": True}
    manifest = release_settings.manifest_of("a", [file], {})
    release_settings.write("shop", "a", manifest, server / "manifests", is_built=False)


def test_a_file_of_the_user_s_own_takes_the_place_of_the_source_s_and_stays_what_it_is(server: Path) -> None:
    own(server, "config/local.py", "DEBUG = False\n")
    made = build(server, {"config/local.py": "DEBUG = True\n", ".venv/x": ""})
    place = made.folder / "config/local.py"
    assert place.read_text() == "DEBUG = True\n"
    made.write_files()
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("DEBUG = False\n", 0o640)
    # A command of the build's.
    place.write_text("DEBUG = None\n")
    made.seal()
    assert (place.read_text(), place.stat().st_mode & 0o777) == ("DEBUG = False\n", 0o640)
    assert release_settings.drifted(release_settings.read("shop")["a"]) == []


def test_it_is_not_written_where_a_link_of_the_source_leads(server: Path) -> None:
    (server / "elsewhere").mkdir()
    own(server, "config/local.py", "DEBUG = False\n")
    (server / "source-a").mkdir()
    (server / "source-a/config").symlink_to(server / "elsewhere")
    made = build(server, {"manage.py": ""})
    with pytest.raises(OSError, match=r"config/local\.py of files can't be written into the release: it is outside"):
        made.write_files()
    assert list((server / "elsewhere").iterdir()) == []


def test_the_source_s_own_build_gets_what_build_commands_get(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"SETUPTOOLS_SCM_PRETEND_VERSION": "1.0"}
    made = build(
        server,
        {"pyproject.toml": ""},
        installation=asdict(Installation("project", lock="pyproject.toml", is_package=True)),
        uv="/opt/uv",
        python="/usr/bin/python3",
        build_environment=told,
        build_commands=["make"],
        owner={},
    )
    (made.folder / ".venv").mkdir()
    monkeypatch.setattr(release_build.release_lock, "require", lambda *_: None)
    ran: dict[str, dict[str, str]] = {}
    monkeypatch.setattr(
        release_build.Sandbox, "run", lambda self, command, **_: ran.update({command.split()[-1]: self.environment})
    )
    made.commands()
    assert {"make", "."} <= set(ran)
    for environment in (ran["make"], ran["."]):
        assert told.items() <= environment.items()
        assert environment["SECRET_KEY"]
    # A package's build may ask git for its version.
    assert ran["."]["PDM_BUILD_SCM_VERSION"].startswith("0+")
