"""A repository as people use it: submodules, Git LFS, a default branch that is renamed, and keys that are not known."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils import source_repository
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import SourceError
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_repository import from_repository, resolved

from tests.repositories import commit, content, git, repository, write


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def submodule(folder: Path, address: str, path: str) -> str:
    """Add a submodule and return the commit that records it."""
    git(folder, "submodule", "--quiet", "add", address, path)
    return commit(folder)


@pytest.mark.parametrize("address", ["../theme", "{tmp_path}/theme", "file://{tmp_path}/theme"])
def test_a_submodule_is_part_of_the_release_by_the_commit_that_is_recorded(
    tmp_path: Path, cache: Path, address: str
) -> None:
    theme = repository(tmp_path / "theme", {"theme.css": "red"})
    shop = repository(tmp_path / "shop", {"manage.py": ""})
    git(shop, "remote", "add", "origin", str(shop))
    recorded = submodule(shop, address.format(tmp_path=tmp_path), "static/theme")
    write(theme, {"theme.css": "blue"})
    commit(theme)
    revision, archive = from_repository(str(shop), "main", cache)
    assert revision == recorded
    found = content(archive)
    assert (found["manage.py"], found["static/theme/theme.css"]) == ("", "red")


def test_a_submodule_of_a_submodule_is_there_too_and_one_that_moves_on_is_another_release(
    tmp_path: Path, cache: Path
) -> None:
    icons = repository(tmp_path / "icons", {"x.svg": "one"})
    theme = repository(tmp_path / "theme", {"theme.css": "red"})
    submodule(theme, str(icons), "icons")
    shop = repository(tmp_path / "shop", {"manage.py": ""})
    submodule(shop, str(theme), "theme")
    _, before = from_repository(str(shop), "main", cache)
    assert content(before)["theme/icons/x.svg"] == "one"
    write(theme, {"theme.css": "blue"})
    commit(theme)
    git(shop / "theme", "pull", "--quiet")
    commit(shop)
    _, after = from_repository(str(shop), "main", cache)
    assert content(after)["theme/theme.css"] == "blue"
    # Both are in the cache, and need no repository any more.
    assert content(before)["theme/theme.css"] == "red"


def test_a_commit_of_a_submodule_that_was_not_pushed_is_named(tmp_path: Path, cache: Path) -> None:
    theme = repository(tmp_path / "theme", {"theme.css": "red"})
    shop = repository(tmp_path / "shop", {"manage.py": ""})
    submodule(shop, str(theme), "theme")
    write(shop / "theme", {"theme.css": "blue"})
    commit(shop / "theme")
    commit(shop)
    with pytest.raises(SourceError, match=rf"the submodule theme can't be had from {theme}: git fetch failed: "):
        from_repository(str(shop), "main", cache)


def test_a_repository_from_elsewhere_names_no_folder_of_this_machine(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = repository(tmp_path / "private", {"key": "secret"})
    shop = repository(tmp_path / "shop", {"manage.py": ""})
    submodule(shop, str(private), "theme")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{shop}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://git.example.com/shop.git")
    with pytest.raises(SourceError, match=r"the submodule theme can't be had from .*transport 'file' not allowed"):
        from_repository("https://git.example.com/shop.git", "main", cache)


def test_a_folder_that_is_a_repository_without_an_address_is_refused_by_name(tmp_path: Path, cache: Path) -> None:
    shop = repository(tmp_path / "shop", {"manage.py": ""})
    repository(shop / "theme", {"theme.css": "red"})
    commit(shop)
    with pytest.raises(SourceError, match=r"the submodule theme has no address in \.gitmodules"):
        from_repository(str(shop), "main", cache)


@pytest.mark.parametrize(
    ("address", "base", "whole"),
    [
        ("https://example.com/theme.git", "git@example.com:shop.git", "https://example.com/theme.git"),
        ("../theme.git", "https://example.com/group/shop.git", "https://example.com/group/theme.git"),
        ("../../other/theme.git", "https://example.com/group/shop.git/", "https://example.com/other/theme.git"),
        ("../theme.git", "git@example.com:group/shop.git", "git@example.com:group/theme.git"),
        ("../theme.git", "git@example.com:shop.git", "git@example.com:theme.git"),
        ("./theme", "/srv/git/shop", "/srv/git/shop/theme"),
    ],
)
def test_a_relative_address_goes_by_that_of_the_repository(address: str, base: str, whole: str) -> None:
    assert resolved(address, base) == whole


def test_the_default_branch_is_the_one_that_the_repository_has_now(tmp_path: Path, cache: Path) -> None:
    shop = repository(tmp_path / "shop", {"one": ""})
    from_repository(str(shop), "HEAD", cache)
    git(shop, "branch", "--move", "main", "trunk")
    renamed = commit(write(shop, {"two": ""}))
    assert from_repository(str(shop), "HEAD", cache)[0] == renamed
    git(shop, "checkout", "--quiet", "-b", "next")
    following = commit(write(shop, {"three": ""}))
    assert from_repository(str(shop), "HEAD", cache)[0] == following
    assert from_repository(str(shop), "trunk", cache)[0] == renamed


def test_a_repository_without_a_default_branch_asks_for_a_version(tmp_path: Path, cache: Path) -> None:
    shop = repository(tmp_path / "shop", {"one": ""})
    git(shop, "symbolic-ref", "HEAD", "refs/heads/gone")
    with pytest.raises(SourceError, match="version is needed"):
        from_repository(str(shop), "HEAD", cache)
    assert content(from_repository(str(shop), "main", cache)[1]) == {"one": ""}


def test_a_tag_that_looks_like_a_number_is_that_tag(tmp_path: Path, cache: Path) -> None:
    shop = repository(tmp_path / "shop", {"one": ""})
    git(shop, "tag", "1.10")
    commit(write(shop, {"two": ""}))
    git(shop, "tag", "1.1")
    assert content(from_repository(str(shop), "1.10", cache)[1]) == {"one": ""}


BIG = "what is too big for git\n"
DIGEST = hashlib.sha256(BIG.encode()).hexdigest()
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize {len(BIG)}\n"
# As git-lfs answers; what it fetches goes where it keeps it.
GIT_LFS = f"""#!/bin/sh
case $1 in
    version) echo git-lfs/3.3.0 ;;
    fetch) mkdir -p "$GIT_DIR/lfs/objects/{DIGEST[:2]}/{DIGEST[2:4]}"
           printf '{BIG.strip()}\\n' > "$GIT_DIR/lfs/objects/{DIGEST[:2]}/{DIGEST[2:4]}/{DIGEST}" ;;
    ls-files) echo "{DIGEST} - static/a film.bin" ;;
esac
"""


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """Return a repository with a file that Git LFS keeps."""
    files = {".gitattributes": "*.bin filter=lfs diff=lfs -text\n", "static/a film.bin": POINTER, "manage.py": ""}
    return repository(tmp_path / "shop", files)


def test_a_file_of_git_lfs_goes_up_itself(
    tmp_path: Path, cache: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "bin", {"git-lfs": GIT_LFS})
    (tmp_path / "bin/git-lfs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    found = content(from_repository(str(large), "main", cache)[1])
    assert (found["static/a film.bin"], found["manage.py"]) == (BIG, "")


def test_git_lfs_is_asked_for_where_it_is_needed_and_missing(
    cache: Path, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_repository.shutil, "which", lambda _: None)
    with pytest.raises(SourceError, match="install git-lfs on this machine"):
        from_repository(str(large), "main", cache)


def test_a_repository_that_only_speaks_of_git_lfs_needs_none(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = repository(tmp_path / "small", {".gitattributes": "*.psd filter=lfs -text\n", "manage.py": ""})
    monkeypatch.setattr(source_repository.shutil, "which", lambda _: None)
    assert "manage.py" in content(from_repository(str(folder), "main", cache)[1])


@pytest.mark.parametrize(
    "key", ["ssh-ed25519 AAAA me@host\n", "sk-ssh-ed25519@openssh.com AAAA\n", "ecdsa-sha2-nistp256 A\n"]
)
def test_a_public_key_opens_no_repository(tmp_path: Path, cache: Path, key: str) -> None:
    (tmp_path / "key.pub").write_text(key)
    with pytest.raises(SourceError, match=r"key\.pub is a public key: name the private one"):
        from_repository("git@git.example.com:shop.git", "main", cache, f"{tmp_path}/key.pub")


def test_a_key_that_is_not_there_is_named(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(SourceError, match=f"^key_file {tmp_path}/deploy_key is not a file on this machine"):
        from_repository("git@git.example.com:shop.git", "main", cache, f"{tmp_path}/deploy_key")


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which an ssh that reaches nobody notes its arguments."""
    write(tmp_path / "bin", {"ssh": f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\nexit 255\n'})
    (tmp_path / "bin/ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    for name in ("GIT_SSH", "GIT_SSH_COMMAND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    return tmp_path / "asked"


@pytest.mark.parametrize("name", ["", "a key"])
def test_ssh_asks_nobody_and_knows_no_key_but_the_one_that_is_named(
    tmp_path: Path, cache: Path, asked: Path, name: str
) -> None:
    key_file = ""
    if name:
        write(tmp_path, {name: "a key"})
        key_file = f"{tmp_path}/{name}"
    with pytest.raises(SourceError):
        from_repository("git@git.example.com:shop.git", "main", cache, key_file)
    arguments = asked.read_text().splitlines()
    assert "BatchMode=yes" in arguments
    assert ("IdentitiesOnly=yes" in arguments) == bool(name)
    assert (key_file in arguments) == bool(name)
