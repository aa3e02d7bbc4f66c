"""The folder of a release, made by root from a source that may hold anything."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.release_tree import (
    TreeError,
    fill,
    give,
    give_folders,
    link,
    link_byte_code,
    open_static,
    seal,
    write_revision,
)


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """Return the folder of a release, beside which there is one that it has no business with."""
    (tmp_path / "release").mkdir()
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/local.py").write_text("root's")
    return tmp_path / "release"


def test_a_link_takes_the_place_of_a_file_a_link_and_an_empty_folder(release: Path) -> None:
    (release / "file").touch()
    (release / "link").symlink_to("nowhere")
    (release / "folder").mkdir()
    for name in ("file", "link", "folder", "new/deep"):
        link(release, name, "/srv/shop/shared/x")
        assert (release / name).readlink() == Path("/srv/shop/shared/x")


def test_a_link_is_not_made_where_a_link_of_the_source_leads(release: Path) -> None:
    (release / "config").symlink_to("../etc")
    for name in ("config/local.py", str(release.parent / "etc/local.py"), "../etc/local.py"):
        with pytest.raises(OSError, match="outside the release"):
            link(release, name, "/srv/shop/shared/x")
    assert (release.parent / "etc/local.py").read_text() == "root's"


def test_a_folder_gives_way_to_one_that_outlives_releases_and_a_file_does_not(release: Path) -> None:
    (release / "media/photos").mkdir(parents=True)
    (release / "media/photos/cat").touch()
    (release / "link").symlink_to("../etc")
    (release / "db.sqlite3").touch()
    for name in ("media", "link", "new"):
        link(release, name, "/srv/shop/shared/x", is_folder=True)
        assert (release / name).readlink() == Path("/srv/shop/shared/x")
    assert (release.parent / "etc/local.py").read_text() == "root's"
    with pytest.raises(OSError, match="shared_files are for files"):
        link(release, "db.sqlite3", "/srv/shop/shared/x", is_folder=True)


def test_what_a_source_brings_fills_a_shared_folder_and_replaces_nothing(release: Path) -> None:
    brought, shared = release / "media", release.parent / "shared"
    (brought / "photos").mkdir(parents=True)
    (shared / "photos").mkdir(parents=True)
    for name in (".gitkeep", "photos/.gitignore", "photos/cat", "photos/dog"):
        (brought / name).write_text("the source's")
    (brought / "photos/latest").symlink_to("dog")
    (shared / "photos/cat").write_text("a visitor's")
    fill(brought, shared, os.geteuid(), os.getegid())
    found = {str(path.relative_to(shared)) for path in shared.rglob("*") if not path.is_dir()}
    assert found == {"photos/cat", "photos/dog", "photos/latest"}
    assert (shared / "photos/cat").read_text() == "a visitor's"
    assert (shared / "photos/dog").read_text() == "the source's"
    assert (shared / "photos/dog").stat().st_mode & 0o777 == 0o660


def test_a_folder_of_the_source_with_something_in_it_does_not_give_way(release: Path) -> None:
    (release / "uploads").mkdir()
    (release / "uploads/kept").touch()
    with pytest.raises(OSError, match="not empty"):
        link(release, "uploads", "/srv/shop/shared/uploads")


def test_a_folder_that_is_left_out_keeps_its_owner_and_its_mode(release: Path) -> None:
    (release / ".venv/bin").mkdir(parents=True)
    (release / ".venv/bin/python").touch(mode=0o755)
    (release / "manage.py").touch(mode=0o600)
    give(release, os.getuid(), os.getgid(), skip=release / ".venv")
    assert (release / ".venv/bin/python").stat().st_mode & 0o777 == 0o755
    assert (release / "manage.py").stat().st_mode & 0o777 == 0o640


def test_files_are_the_users_and_nobody_elses_to_write(release: Path) -> None:
    for name, mode in {"open": 0o666, "tool": 0o755, "secret": 0o400}.items():
        (release / name).touch()
        (release / name).chmod(mode)
    (release / "link").symlink_to("../etc/local.py")
    before = (release.parent / "etc/local.py").stat().st_mode
    give(release, os.getuid(), os.getgid())
    modes = {name: (release / name).stat().st_mode & 0o7777 for name in ("open", "tool", "secret")}
    assert modes == {"open": 0o640, "tool": 0o750, "secret": 0o640}
    assert (release.parent / "etc/local.py").stat().st_mode == before


@pytest.mark.parametrize("kind", ["nothing", "file", "link", "folder"])
def test_the_revision_is_written_whatever_the_source_has_there(release: Path, kind: str) -> None:
    place = release / "REVISION"
    match kind:
        case "file":
            place.write_text("theirs")
        case "link":
            place.symlink_to("../etc/local.py")
        case "folder":
            (place / "deep").mkdir(parents=True)
    write_revision(place, "0123")
    assert not place.is_symlink()
    assert place.read_text() == "0123\n"
    assert (release.parent / "etc/local.py").read_text() == "root's"


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
APP, BUILDER, INSTALLER = 60001, 60002, 60003


@pytest.fixture
def built(release: Path) -> Path:
    """Return a release as a build leaves it: the builder's, with an environment whose files are a cache's, too."""
    (release / "shop").mkdir()
    (release / "shop/app.py").write_text("app = None\n")
    (release / "manage").write_text("#!/bin/sh\n")
    (release / "manage").chmod(0o6777)
    (release / "public/img").mkdir(parents=True)
    (release / "public/style.css").write_text("a {}\n")
    (release / "public/img/logo.png").write_text("png")
    (release / "leak").symlink_to("../etc/local.py")
    (release / "public/leak").symlink_to("../../etc/local.py")
    (release / ".venv/lib").mkdir(parents=True)
    cache = release.parent / "cache"
    cache.mkdir()
    (cache / "flask.py").write_text("")
    (cache / "flask.py").chmod(0o644)
    (release / ".venv/lib/flask.py").hardlink_to(cache / "flask.py")
    (release.parent / "etc/local.py").chmod(0o600)
    return release


def owned(built: Path) -> None:
    """Give all to the builder, but for the files that the installer has linked from its cache."""
    for folder, folders, files in os.walk(built):
        for name in [*folders, *files]:
            if name != "flask.py":
                # A change of the owner would take the bits for other users with it.
                path = Path(folder, name)
                mode = path.lstat().st_mode & 0o7777
                os.chown(path, BUILDER, APP, follow_symlinks=False)
                if not path.is_symlink():
                    path.chmod(mode)
    os.chown(built, BUILDER, APP)
    os.chown(built / ".venv/lib/flask.py", INSTALLER, APP)


def status(path: Path) -> tuple[int, int, int]:
    """Return owner, group and mode of a file, or of the link itself."""
    stat = path.lstat()
    return stat.st_uid, stat.st_gid, stat.st_mode & 0o7777


@as_root
def test_a_sealed_release_is_roots_to_write_the_groups_to_read_and_nobody_elses(built: Path) -> None:
    owned(built)
    seal(built, APP, INSTALLER)
    # Others pass through to the static files and the socket.
    assert status(built) == (0, APP, 0o751)
    for name, mode in {"shop": 0o750, "shop/app.py": 0o640, ".venv/lib": 0o750, "public/style.css": 0o640}.items():
        assert status(built / name) == (0, APP, mode), name


@as_root
def test_no_program_of_a_sealed_release_runs_as_its_owner_or_group(built: Path) -> None:
    owned(built)
    assert status(built / "manage")[2] == 0o6777
    seal(built, APP, INSTALLER)
    assert status(built / "manage") == (0, APP, 0o750)


@as_root
def test_sealing_leaves_what_a_link_leads_to_as_it_is(built: Path) -> None:
    outside = built.parent / "etc/local.py"
    owned(built)
    os.chown(outside, BUILDER, BUILDER)
    seal(built, APP, INSTALLER)
    assert status(outside) == (BUILDER, BUILDER, 0o600)
    assert status(built / "leak")[:2] == (0, APP)


@as_root
def test_a_file_that_the_installer_shares_with_its_cache_stays_as_it_is(built: Path) -> None:
    owned(built)
    before = status(built / ".venv/lib/flask.py")
    seal(built, APP, INSTALLER)
    assert status(built / ".venv/lib/flask.py") == before == (INSTALLER, APP, 0o644)


@as_root
def test_a_second_name_that_a_build_has_given_its_own_file_keeps_it_from_nothing(built: Path) -> None:
    owned(built)
    (built / "again.py").hardlink_to(built / "shop/app.py")
    seal(built, APP, INSTALLER)
    assert status(built / "shop/app.py") == (0, APP, 0o640)


@as_root
def test_giving_a_release_to_its_builder_follows_no_link_and_leaves_the_environment_s_files(built: Path) -> None:
    owned(built)
    outside = built.parent / "etc/local.py"
    os.chown(outside, INSTALLER, INSTALLER)
    give(built, BUILDER, APP, skip=built / ".venv")
    give_folders(built / ".venv", BUILDER, APP)
    assert status(outside) == (INSTALLER, INSTALLER, 0o600)
    assert status(built / "manage") == (BUILDER, APP, 0o750)
    assert status(built / ".venv") == status(built / ".venv/lib") == (BUILDER, APP, 0o750)
    assert status(built / ".venv/lib/flask.py") == (INSTALLER, APP, 0o644)


def mode(path: Path) -> int:
    return path.lstat().st_mode & 0o777


def closed(built: Path) -> None:
    """Leave nothing to others, as sealing does."""
    give(built, os.getuid(), os.getgid(), skip=built / ".venv")
    built.chmod(0o751)


def test_others_read_static_files_and_nothing_else(built: Path) -> None:
    closed(built)
    open_static(built, ["public"])
    modes = {name: mode(built / name) for name in ("public", "public/img", "public/style.css", "public/img/logo.png")}
    assert modes == {"public": 0o755, "public/img": 0o755, "public/style.css": 0o644, "public/img/logo.png": 0o644}
    assert mode(built / "shop") == 0o750
    assert mode(built / "shop/app.py") == 0o640
    assert mode(built) == 0o751


def test_others_pass_through_the_folders_above_static_files_and_do_not_list_them(built: Path) -> None:
    (built / "shop/assets/dist").mkdir(parents=True)
    closed(built)
    open_static(built, ["shop/assets/dist/"])
    assert [mode(built / name) for name in ("shop", "shop/assets", "shop/assets/dist")] == [0o751, 0o751, 0o755]
    assert mode(built / "shop/app.py") == 0o640


def test_opening_static_files_leaves_what_a_link_among_them_leads_to(built: Path) -> None:
    closed(built)
    open_static(built, ["public"])
    assert mode(built.parent / "etc/local.py") == 0o600


def test_a_static_file_with_a_second_name_is_not_opened(built: Path) -> None:
    (built / "public/flask.py").hardlink_to(built.parent / "cache/flask.py")
    (built.parent / "cache/flask.py").chmod(0o600)
    open_static(built, ["public"])
    assert mode(built.parent / "cache/flask.py") == 0o600


def test_a_static_folder_that_is_not_there_or_leads_out_is_named(built: Path) -> None:
    (built / "media").symlink_to("../etc")
    (built / "out").symlink_to("..")
    for name, words in {
        "nowhere": "the static folder nowhere is not there after the build",
        "manage": "the static folder manage is not there after the build",
        "media": "the static folder media leads out of the release",
        "out/etc": "the static folder out/etc leads out of the release",
        "../etc": "the static folder ../etc leads out of the release",
    }.items():
        with pytest.raises(TreeError, match=f"^{words}$"):
            open_static(built, [name])
    assert mode(built.parent / "etc") & 0o005 == 0o005  # as mkdir has left it
    assert mode(built.parent / "etc/local.py") == 0o600


def test_byte_code_is_linked_where_two_environments_share_the_source(tmp_path: Path) -> None:
    for name in ("live", "new"):
        (tmp_path / name / "lib").mkdir(parents=True)
    (tmp_path / "live/lib/same.py").write_text("")
    (tmp_path / "new/lib/same.py").hardlink_to(tmp_path / "live/lib/same.py")
    for name in ("live", "new"):
        (tmp_path / name / "lib/other.py").write_text(name)
    (tmp_path / "live/lib/__pycache__").mkdir()
    for name in ("same", "other"):
        (tmp_path / f"live/lib/__pycache__/{name}.cpython-313.pyc").write_text("code")
    assert not link_byte_code(tmp_path / "new", tmp_path / "live")
    (code,) = (tmp_path / "new/lib/__pycache__").iterdir()
    assert code.samefile(tmp_path / "live/lib/__pycache__/same.cpython-313.pyc")
    # What it has no byte code of yet is compiled, and then nothing is missing.
    (tmp_path / "new/lib/__pycache__/other.cpython-313.pyc").write_text("own")
    assert link_byte_code(tmp_path / "new", tmp_path / "live")
    assert (tmp_path / "new/lib/__pycache__/other.cpython-313.pyc").read_text() == "own"


def test_a_link_in_the_place_of_an_environment_is_refused_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "victim/folder").mkdir(parents=True)
    (tmp_path / ".venv").symlink_to(tmp_path / "victim")
    before = (tmp_path / "victim/folder").stat()
    with pytest.raises(TreeError, match="is no folder"):
        give_folders(tmp_path / ".venv", before.st_uid, before.st_gid)
    assert (tmp_path / "victim/folder").stat() == before


@as_root
def test_a_shared_folder_is_filled_as_its_user_whom_no_link_takes_elsewhere(tmp_path: Path) -> None:
    # Where that user can pass.
    tmp_path.parent.chmod(0o755)
    tmp_path.parent.parent.chmod(0o755)
    tmp_path.chmod(0o755)
    brought, shared, secret = tmp_path / "brought", tmp_path / "shared", tmp_path / "secret"
    for folder in (brought, shared, secret):
        folder.mkdir()
    (brought / "photos").mkdir()
    (brought / "photos/cat").write_text("a cat")
    for path in (brought, brought / "photos", brought / "photos/cat"):
        os.chown(path, BUILDER, APP)
        path.chmod(0o750)
    os.chown(shared, APP, APP)
    fill(brought, shared, APP, APP)
    assert (shared / "photos/cat").stat().st_uid == APP
    assert os.geteuid() == 0
    (shared / "photos/cat").unlink()
    (shared / "photos").rmdir()
    (shared / "photos").symlink_to(secret)
    with pytest.raises(PermissionError):
        fill(brought, shared, APP, APP)
    assert list(secret.iterdir()) == []
    assert os.geteuid() == 0
