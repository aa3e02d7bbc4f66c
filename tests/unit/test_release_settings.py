"""The files that a release runs with: its own, written from a manifest, restored from it, and gone with it."""

from __future__ import annotations

import grp
import json
import os
import pwd
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils import release_settings
from ansible_collections.foobar.webstack.plugins.module_utils.release_settings import (
    Manifest,
    drifted,
    in_release,
    manifest_of,
    read,
    remove,
    remove_shared,
    renewed,
    restore,
    shared,
    write,
)

USER, GROUP = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that stands for the root of a server."""
    monkeypatch.setattr(release_settings, "UNITS", str(tmp_path / "units"))
    if os.geteuid() != 0:
        monkeypatch.setattr(release_settings.os, "fchown", lambda *_: None)
    return tmp_path


def settings(server: Path, release: str = "a", word: str = "one", **passwords: str) -> Manifest:
    """Return the manifest of a release with a unit and an environment of its own."""
    own = {"owner": USER, "group": GROUP}
    files = [
        {"dest": f"{server}/units/shop@%i.service", "content": f"[Service]\nEnvironment=W={word}\n", **own},
        {"dest": f"{server}/etc/shop/%i/env", "content": f'WORD="{word}"\n', "mode": "0640", **own},
    ]
    return manifest_of(release, files, passwords)


def install(server: Path, release: str = "a", **more: str) -> Manifest:
    """Write what a release runs with, and return its manifest."""
    manifest = settings(server, release, **more)
    write("shop", release, manifest, manifests=server / "manifests")
    return manifest


def units(server: Path) -> list[str]:
    """Return the units of all releases."""
    return sorted(str(path.relative_to(server)) for path in (server / "units").iterdir())


def test_the_release_stands_in_the_paths_and_systemd_puts_it_into_the_units(server: Path) -> None:
    file = {"dest": "/etc/systemd/system/shop@%i.service", "content": "WorkingDirectory=/srv/shop/releases/%i\n"}
    assert manifest_of("1a-2b", [file], {})["files"] == [
        {
            "dest": "/etc/systemd/system/shop@1a-2b.service",
            "content": "WorkingDirectory=/srv/shop/releases/%i\n",
            "owner": "root",
            "group": "root",
            "mode": "0644",
        }
    ]


def test_the_files_are_written_with_their_modes_into_folders_that_their_users_can_pass(server: Path) -> None:
    before = os.umask(0o077)
    try:
        install(server)
    finally:
        os.umask(before)
    unit, environment = server / "units/shop@a.service", server / "etc/shop/a/env"
    assert (unit.read_text(), unit.stat().st_mode & 0o777) == ("[Service]\nEnvironment=W=one\n", 0o644)
    assert (environment.read_text(), environment.stat().st_mode & 0o777) == ('WORD="one"\n', 0o640)
    assert [(server / path).stat().st_mode & 0o777 for path in ("etc", "etc/shop", "etc/shop/a")] == [0o755] * 3


def test_the_manifest_is_for_the_eyes_of_root_alone(server: Path) -> None:
    install(server, database="canary")
    (file,) = (server / "manifests/shop").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_manifest_is_written_before_its_files(server: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed in between leaves files that are known and can be removed."""
    replace = release_settings._replace

    def killed(path: Path, *arguments: Any) -> None:
        if path.suffix != ".json":
            raise KeyboardInterrupt
        replace(path, *arguments)

    monkeypatch.setattr(release_settings, "_replace", killed)
    with pytest.raises(KeyboardInterrupt):
        install(server)
    monkeypatch.undo()
    manifest = read("shop", server / "manifests")["a"]
    assert manifest == settings(server)
    assert drifted(manifest) == [f"{server}/units/shop@a.service", f"{server}/etc/shop/a/env"]


def test_only_a_change_of_a_unit_asks_systemd_to_read_its_units(server: Path) -> None:
    manifest = settings(server)
    assert write("shop", "a", manifest, manifests=server / "manifests") is True
    assert restore(manifest) is False
    (server / "etc/shop/a/env").write_text("")
    assert restore(manifest) is False
    (server / "units/shop@a.service").unlink()
    assert restore(manifest) is True


@pytest.mark.parametrize("change", ["content", "newlines", "no text", "mode", "missing", "link", "folder missing"])
def test_a_file_that_was_changed_is_found_and_restored(server: Path, change: str) -> None:
    manifest = install(server)
    file, other = server / "etc/shop/a/env", server / "other"
    other.write_text('WORD="one"\n')
    assert drifted(manifest) == []
    match change:
        case "content":
            file.write_text('WORD="two"\n')
        case "newlines":
            file.write_bytes(b'WORD="one"\r\n')
        case "no text":
            file.write_bytes(b"\xff\xfe")
        case "mode":
            file.chmod(0o644)
        case "link":
            file.unlink()
            file.symlink_to(other)
        case "missing":
            file.unlink()
        case _:
            file.unlink()
            file.parent.rmdir()
    assert drifted(manifest) == [str(file)]
    restore(manifest)
    assert drifted(manifest) == []
    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b'WORD="one"\n', 0o640)
    assert not file.is_symlink()
    assert other.read_text() == 'WORD="one"\n'


@as_root
@pytest.mark.parametrize(("uid", "gid"), [(65534, 0), (0, 65534)])
def test_a_file_that_was_given_away_is_found_and_restored(server: Path, uid: int, gid: int) -> None:
    manifest = install(server)
    file = server / "etc/shop/a/env"
    os.chown(file, uid, gid)
    assert drifted(manifest) == [str(file)]
    restore(manifest)
    assert (file.stat().st_uid, file.stat().st_gid) == (0, 0)


def test_a_content_with_any_letters_and_line_ends_is_no_change(server: Path) -> None:
    file = {"dest": f"{server}/etc/x", "content": "grüße\r\n\n", "owner": USER, "group": GROUP}
    manifest = manifest_of("a", [file], {})
    restore(manifest)
    assert drifted(manifest) == []
    assert (server / "etc/x").read_bytes() == "grüße\r\n\n".encode()


def test_a_file_of_an_unknown_user_is_named_and_nothing_is_left_half_written(server: Path) -> None:
    manifest = settings(server)
    manifest["files"][1]["group"] = "nosuchgroup"
    with pytest.raises(OSError, match=r"etc/shop/a/env can't be written: .*nosuchgroup"):
        restore(manifest)
    assert not (server / "etc/shop/a/env").exists()
    assert f"{server}/etc/shop/a/env" in drifted(manifest)


def test_what_an_interrupted_write_has_left_is_in_nobodys_way(server: Path) -> None:
    (server / "units").mkdir()
    (server / "units/shop@a.service.part").symlink_to(server / "elsewhere")
    install(server)
    assert units(server) == ["units/shop@a.service"]
    assert not (server / "elsewhere").exists()


def test_files_go_with_their_release_and_only_those(server: Path) -> None:
    for release in ("a", "ab", "b"):
        install(server, release)
    (server / "etc/shop/b.conf").write_text("shared")
    assert remove("shop", ["a", "unknown"], manifests=server / "manifests") is True
    assert list(read("shop", server / "manifests")) == ["ab", "b"]
    assert sorted(path.name for path in (server / "etc/shop").iterdir()) == ["ab", "b", "b.conf"]
    assert sorted(path.name for path in (server / "units").iterdir()) == ["shop@ab.service", "shop@b.service"]
    assert remove("shop", ["a"], manifests=server / "manifests") is False


def test_what_somebody_has_put_into_the_folder_of_a_release_goes_with_it(server: Path) -> None:
    install(server)
    (server / "etc/shop/a/env.bak").write_text("canary")
    remove("shop", ["a"], manifests=server / "manifests")
    assert not (server / "etc/shop/a").exists()


def test_a_folder_that_others_share_stays_when_a_release_goes(server: Path) -> None:
    manifest = {"files": [{"dest": f"{server}/etc/a.env", "content": "", "mode": "0644"}], "passwords": {}}
    (server / "etc").mkdir()
    (server / "etc/a.env").touch()
    (server / "etc/hosts").touch()
    (server / "manifests/shop").mkdir(parents=True)
    (server / "manifests/shop/a.json").write_text(json.dumps(manifest))
    remove("shop", ["a"], manifests=server / "manifests")
    assert [path.name for path in (server / "etc").iterdir()] == ["hosts"]


def test_two_releases_of_one_code_with_other_settings_stand_side_by_side(server: Path) -> None:
    first, second = install(server, "1-a", word="one"), install(server, "1-b", word="two")
    assert drifted(first) == drifted(second) == []
    assert (server / "etc/shop/1-a/env").read_text() == 'WORD="one"\n'
    assert (server / "etc/shop/1-b/env").read_text() == 'WORD="two"\n'


def test_files_that_releases_shared_are_found_by_their_patterns_and_removed(server: Path) -> None:
    (server / "etc").mkdir()
    for name in ("shop.env", "shop@.service", "shop-mailer@.service", "shop2@.service"):
        (server / "etc" / name).write_text("#\n# Ansible managed\n#\n")
    # Somebody else's unit of a like name is none of ours.
    (server / "etc/shop-import@.service").write_text("[Service]\n")
    (server / "etc/shop-folder@.service").mkdir()
    patterns = [f"{server}/etc/{name}" for name in ("shop.env", "shop-*@.service", "shop@.service", "none")]
    assert [path.name for path in shared(patterns)] == ["shop.env", "shop-mailer@.service", "shop@.service"]
    assert remove_shared(patterns) is True
    assert remove_shared(patterns) is False
    assert sorted(path.name for path in (server / "etc").iterdir()) == [
        "shop-folder@.service",
        "shop-import@.service",
        "shop2@.service",
    ]


def environment(content: str, mode: str = "0640", **passwords: str) -> Manifest:
    """Return the manifest of a release with one file."""
    return manifest_of("a", [{"dest": "/etc/env", "content": content, "mode": mode}], passwords)


def renewed_text(content: str, old: str, new: str, mode: str = "0640") -> str:
    """Return the content of a file after a change of the password."""
    return str(renewed(environment(content, mode, database=old), {"database": new})["files"][0]["content"])


def test_a_changed_password_is_replaced_in_a_manifest_which_then_knows_it() -> None:
    manifest = environment('URL="mysql://u:old@db/x"\nP="old"\n', database="old", other="same")
    after = renewed(manifest, {"database": "new", "other": "same", "unknown": "x"})
    assert after["files"][0]["content"] == 'URL="mysql://u:new@db/x"\nP="new"\n'
    assert after["passwords"] == {"database": "new", "other": "same"}
    assert renewed(after, {"database": "new", "other": "same"}) == after


def test_a_password_that_is_the_same_an_empty_one_and_one_that_is_not_known_today_change_nothing() -> None:
    for old, today in [("same", {"database": "same"}), ("", {"database": "new"}), ("old", {})]:
        manifest = environment('P="same old"\n', database=old)
        assert renewed(manifest, today)["files"] == manifest["files"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("abc", "abc123"), ("abc", "xabcx"), ("abc", "a/b@c:d e"), ("a/b@c d", "abc"), ("p$w", 'q"$`\\'), ("ä b", "ö+c")],
)
def test_a_password_comes_through_in_quotes_and_in_an_address(old: str, new: str) -> None:
    def text(password: str) -> str:
        escaped = "".join(f"\\{letter}" if letter in '\\"`$' else letter for letter in password)
        return f'A="{escaped}"\nURL="mysql://u:{quote_plus(password)}@db/x"\n'

    after = renewed_text(text(old), old, new).splitlines()
    # A shell undoes what systemd undoes.
    shell = subprocess.run(
        ["/bin/sh", "-euc", f'{after[0]}\nprintf %s "$A"'], capture_output=True, text=True, check=True
    )
    assert shell.stdout == new
    address = after[1].removeprefix('URL="mysql://u:').removesuffix('@db/x"')
    assert address in (quote_plus(new), quote_plus(new).replace("+", "%20"))


def test_two_passwords_that_change_places_are_both_replaced() -> None:
    manifest = environment('A="one"\nB="two"\n', a="one", b="two")
    assert renewed(manifest, {"a": "two", "b": "one"})["files"][0]["content"] == 'A="two"\nB="one"\n'


def test_a_password_like_the_name_of_its_database_is_replaced_in_its_place_alone() -> None:
    text = 'URL="mysql://shop:shop@localhost/shop?unix_socket=/run/shop/x"\nSHOP="shop_a myshop"\n'
    assert renewed_text(text, "shop", "new") == text.replace(":shop@", ":new@")


def test_a_password_like_a_user_s_name_is_replaced_in_no_variable_that_holds_names() -> None:
    text = 'DATABASE_USER="shop"\nDATABASE_NAME="shop"\nMYSQL_DATABASE="shop"\nDATABASE_PASSWORD="shop"\n'
    assert renewed_text(text, "shop", "new") == text.replace('PASSWORD="shop"', 'PASSWORD="new"')


def test_what_everybody_may_read_holds_no_password_and_stays() -> None:
    unit = "[Service]\nWorkingDirectory=/srv/shop\nUser=shop\n"
    assert renewed_text(unit, "shop", "new", mode="0644") == unit


def own(server: Path, content: str) -> Manifest:
    """Return the manifest of a release with a file in its own folder."""
    file = {"dest": f"{server}/releases/%i/config/local.py", "content": content, "owner": USER, "group": GROUP}
    return manifest_of("a", [{**file, "mode": "0640", "in_release": True}], {"database": "one"})


def test_a_file_in_a_release_is_left_to_the_build_and_then_like_others(server: Path) -> None:
    manifest, manifests = own(server, "DEBUG = False\n"), server / "manifests"
    write("shop", "a", manifest, manifests=manifests, is_built=False)
    place = server / "releases/a/config/local.py"
    assert not (server / "releases").exists()
    assert [file["dest"] for file in in_release(read("shop", manifests)["a"])] == [str(place)]
    restore(manifest)
    assert place.read_text() == "DEBUG = False\n"
    assert place.stat().st_mode & 0o777 == 0o640
    place.write_text("DEBUG = True\n")
    assert drifted(manifest) == [str(place)]
    write("shop", "a", manifest, manifests=manifests)
    assert drifted(manifest) == []


def test_a_file_in_a_release_goes_and_leaves_the_release_to_who_removes_it(server: Path) -> None:
    manifest, manifests = own(server, ""), server / "manifests"
    manifest["files"][0]["dest"] = f"{server}/releases/a/local.py"
    write("shop", "a", manifest, manifests=manifests)
    remove("shop", ["a"], manifests=manifests)
    assert list((server / "releases/a").iterdir()) == []


def test_a_password_is_replaced_in_a_file_in_a_release_without_what_systemd_wants_escaped(server: Path) -> None:
    text = 'PASSWORD="one"\nDATABASES = {"default": {"PASSWORD": "one"}}\nURL = "mysql://shop:one@db/shop"\n'
    (file,) = renewed(own(server, text), {"database": "t$o"})["files"]
    assert file["content"] == (
        'PASSWORD="t$o"\nDATABASES = {"default": {"PASSWORD": "t$o"}}\nURL = "mysql://shop:t%24o@db/shop"\n'
    )
    assert file["in_release"]
