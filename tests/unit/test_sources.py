"""The source of a release: the same content is the same revision, and what can't be had is said in a sentence."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils import source_archive, sources
from ansible_collections.foobar.webstack.plugins.plugin_utils.git_commands import (
    SourceError,
    SourceMistake,
    git_reason,
    host_of,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.source_archive import contents

from tests import calls

IDENTITY = {name: "x" for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder as a developer has it."""
    folder = tmp_path / "source"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop/__init__.py").write_text("app = None\n")
    (folder / "manage").write_text("#!/bin/sh\n")
    (folder / "manage").chmod(0o755)
    (folder / "link").symlink_to("manage")
    (folder / ".gitignore").write_text(".env\n__pycache__/\n")
    (folder / ".env").write_text("SECRET=canary\n")
    (folder / "shop/__pycache__").mkdir()
    (folder / "shop/__pycache__/x.pyc").write_text("")
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "init.defaultBranch=main", *arguments]
    result = subprocess.run(command, env={**os.environ, **IDENTITY}, capture_output=True, text=True, check=True)
    return result.stdout.strip()


@pytest.fixture
def repository(source: Path) -> Path:
    """Return the same folder as a repository with a tag and a branch."""
    git(source, "init", "--quiet")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "--message=one")
    git(source, "tag", "--annotate", "v1", "--message=v1")
    git(source, "checkout", "--quiet", "-b", "next")
    (source / "NEW").write_text("")
    git(source, "add", "--all")
    git(source, "commit", "--quiet", "--message=two")
    git(source, "checkout", "--quiet", "main")
    return source


def modes(archive: Path) -> dict[str, str]:
    """Return the files of an archive with their modes, or where links lead."""
    with tarfile.open(archive) as tar:
        return {m.name: m.linkname or oct(m.mode & 0o111) for m in tar if not m.isdir()}


def test_a_folder_goes_without_what_git_ignores_and_keeps_modes_and_links(source: Path, cache: Path) -> None:
    _, archive = sources.from_directory(source, cache)
    assert modes(archive) == {".gitignore": "0o0", "link": "manage", "manage": "0o111", "shop/__init__.py": "0o0"}


def test_a_folder_in_a_repository_is_taken_as_it_is_and_the_repository_left_alone(
    repository: Path, cache: Path
) -> None:
    (repository / "manage").write_text("#!/bin/sh\nexit\n")
    (repository / "untracked").write_text("")
    before = git(repository, "status", "--porcelain")
    _, archive = sources.from_directory(repository, cache)
    assert "untracked" in modes(archive)
    assert not [name for name in modes(archive) if name.startswith(".git/")]
    assert git(repository, "status", "--porcelain") == before


def test_the_same_content_has_the_same_revision_wherever_and_whenever(
    source: Path, cache: Path, tmp_path: Path
) -> None:
    revision, archive = sources.from_directory(source, cache)
    made = archive.stat().st_mtime_ns
    copy = tmp_path / "copy"
    shutil.copytree(source, copy, symlinks=True)
    os.utime(copy / "manage", (0, 0))
    (copy / ".env").write_text("SECRET=other\n")
    assert sources.from_directory(copy, cache) == (revision, archive)
    assert archive.stat().st_mtime_ns == made


@pytest.mark.parametrize("change", ["content", "mode", "name", "removal"])
def test_other_content_has_another_revision(source: Path, cache: Path, change: str) -> None:
    revision, _ = sources.from_directory(source, cache)
    if change == "content":
        (source / "manage").write_text("#!/bin/bash\n")
    elif change == "mode":
        (source / "manage").chmod(0o644)
    elif change == "name":
        (source / "manage").rename(source / "run")
    else:
        (source / "link").unlink()
    assert sources.from_directory(source, cache)[0] != revision


@pytest.mark.parametrize("version", ["main", "origin/main", "v1", "HEAD", "commit"])
def test_a_branch_a_tag_and_a_commit_lead_to_the_commit(repository: Path, cache: Path, version: str) -> None:
    commit = git(repository, "rev-parse", "main")
    version = commit if version == "commit" else version
    assert sources.from_repository(str(repository), version, cache)[0] == commit
    assert "NEW" not in modes(cache / f"{commit}.tar.gz")


def test_a_branch_that_has_moved_is_followed(repository: Path, cache: Path) -> None:
    before, _ = sources.from_repository(str(repository), "next", cache)
    git(repository, "checkout", "--quiet", "next")
    git(repository, "commit", "--quiet", "--amend", "--message=rewritten")
    after, _ = sources.from_repository(str(repository), "next", cache)
    assert (before, after) == (git(repository, "rev-parse", "next@{1}"), git(repository, "rev-parse", "next"))


def test_a_known_commit_is_had_without_the_repository(repository: Path, cache: Path) -> None:
    commit, archive = sources.from_repository(str(repository), "main", cache)
    shutil.rmtree(repository)
    assert sources.from_repository(str(repository), commit, cache) == (commit, archive)


@pytest.mark.parametrize("version", ["v9", "origin/v9", "", "0" * 40, "--output=/tmp/x", "main:manage"])
def test_an_unknown_version_is_named(repository: Path, cache: Path, version: str) -> None:
    with pytest.raises(SourceMistake) as error:
        sources.from_repository(str(repository), version, cache)
    assert str(error.value) == f"version {version} is neither a branch, a tag nor a commit of the repository."


def test_a_repository_that_is_not_there_leaves_nothing_behind(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(SourceError, match="git fetch failed: "):
        sources.from_repository(str(tmp_path / "nowhere"), "main", cache)
    assert [path.suffix for path in cache.iterdir()] == [".lock"]


def test_a_password_in_an_address_is_not_shown(cache: Path) -> None:
    with pytest.raises(SourceError) as error:
        sources.from_repository("http://user:canary@127.0.0.1:9/shop.git", "main", cache)
    assert "127.0.0.1" in str(error.value)
    assert "canary" not in str(error.value)


@pytest.fixture
def archive(source: Path, tmp_path: Path) -> Path:
    """Return an archive as a forge makes it, with all in one folder."""
    path = tmp_path / "shop-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.add(source, arcname="shop-1.0")
    return path


def test_an_archive_s_revision_is_its_checksum(archive: Path, cache: Path) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    for checksum in (None, digest, f"sha256:{digest.upper()}"):
        revision, path = sources.from_archive(str(archive), checksum, cache)
        assert revision == digest
        assert path.read_bytes() == archive.read_bytes()


def test_an_archive_with_another_checksum_is_refused_and_not_kept(archive: Path, cache: Path) -> None:
    with pytest.raises(SourceError, match="not the one in checksum"):
        sources.from_archive(str(archive), "0" * 64, cache)
    assert list(cache.iterdir()) == []


def test_an_archive_from_an_address_needs_a_checksum(cache: Path) -> None:
    with pytest.raises(SourceError, match="checksum is needed"):
        sources.from_archive("https://example.com/shop.tar.gz", None, cache)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://user:canary@127.0.0.1:9/shop.tar", "http://127.0.0.1:9/shop.tar"),
        ("http://user:can/canary@127.0.0.1:9/shop.tar", "http://127.0.0.1:9/shop.tar"),
        ("http://127.0.0.1:9/shop@2.tar?token=canary", "http://127.0.0.1:9/shop@2.tar"),
        ("http://127.0.0.1:9/shop.tar#canary", "http://127.0.0.1:9/shop.tar"),
        ("http://user:canary@127.0.0.1:9/a shop.tar?token=canary", "http://127.0.0.1:9/a shop.tar"),
    ],
)
def test_what_may_be_a_secret_in_the_address_of_an_archive_is_not_shown(address: str, shown: str, cache: Path) -> None:
    with pytest.raises(SourceError) as error:
        sources.from_archive(address, "0" * 64, cache)
    assert f"archive {shown} can't be read: " in str(error.value)
    assert "canary" not in str(error.value)


def test_an_archive_that_is_not_there_is_named(cache: Path) -> None:
    with pytest.raises(SourceError, match=r"archive /nowhere\.tar can't be read: "):
        sources.from_archive("/nowhere.tar", None, cache)


def test_one_folder_around_all_is_stripped(archive: Path) -> None:
    found = layout(archive)
    assert found["files"] == [".env", ".gitignore", "link", "manage", "shop"]
    assert found["strip_components"] == 1


def layout(archive: Path, subdirectory: str = "") -> dict[str, Any]:
    """Return the layout of an archive."""
    paths = contents(archive)
    return source_archive.layout(paths, source_archive.strip(paths, subdirectory), subdirectory)


def make(path: Path, *names: str) -> Path:
    """Make an archive of empty files and, where the name ends in a slash, folders."""
    with tarfile.open(path, "w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            tar.addfile(member)
    return path


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["app.py"], (["app.py"], 0)),
        (["shop/", "shop/app.py", "README"], (["README", "shop"], 0)),
        (["./", "./shop/", "./shop/app.py", "./shop/lib/x"], (["app.py", "lib"], 1)),
        # A package is imported by its name.
        (["shop/", "shop/app.py", "shop/__init__.py"], (["shop"], 0)),
        (["shop/__init__.py", "shop/lib/requirements.txt", "shop/lib/manage.py"], (["shop"], 0)),
        # A project may have an __init__.py beside its packages.
        (["shop/__init__.py", "shop/manage.py"], (["__init__.py", "manage.py"], 1)),
        (["shop/__init__.py", "shop/requirements.txt"], (["__init__.py", "requirements.txt"], 1)),
        (["shop/__init__.py", "shop/uv.lock"], (["__init__.py", "uv.lock"], 1)),
        (["shop/__init__.py", "shop/requirements-prod.txt"], (["__init__.py", "requirements-prod.txt"], 1)),
        (["shop-1.0/", "shop-1.0/app.py", "shop-1.0/__init__.py"], (["__init__.py", "app.py"], 1)),
    ],
)
def test_the_root_of_a_release_is_found(tmp_path: Path, names: list[str], found: tuple[list[str], int]) -> None:
    layout_of = layout(make(tmp_path / "a.tar", *names))
    assert (layout_of["files"], layout_of["strip_components"]) == found


@pytest.mark.parametrize(
    ("names", "subdirectory", "found"),
    [
        (
            ["README", "backend/manage.py", "backend/requirements.txt"],
            "backend",
            (["manage.py", "requirements.txt"], 0),
        ),
        (["README", "a/b/", "a/b/manage.py"], "a/b", (["manage.py"], 0)),
        # The one folder of the source is the subdirectory, or is a forge's.
        (["backend/manage.py"], "backend", (["manage.py"], 0)),
        (["shop-1.0/backend/manage.py"], "backend", (["manage.py"], 1)),
    ],
)
def test_the_files_of_a_subdirectory_are_found(
    tmp_path: Path, names: list[str], subdirectory: str, found: tuple[list[str], int]
) -> None:
    layout_of = layout(make(tmp_path / "a.tar", *names), subdirectory)
    assert (layout_of["subdirectory_files"], layout_of["strip_components"]) == found


@pytest.mark.parametrize(
    ("subdirectory", "there"),
    [
        ("back", "it has the folders backend, frontend"),
        ("backend/src", "backend has the folders shop"),
        ("README", "it"),
    ],
)
def test_a_subdirectory_that_is_not_there_is_refused_with_what_is(
    tmp_path: Path, subdirectory: str, there: str
) -> None:
    archive = make(tmp_path / "a.tar", "README", "backend/manage.py", "backend/shop/x.py", "frontend/package.json")
    with pytest.raises(SourceError) as error:
        layout(archive, subdirectory)
    assert f"subdirectory {subdirectory} is no folder of the source, or an empty one; {there}" in str(error.value)


@pytest.mark.parametrize("names", [[], ["./"]])
def test_an_empty_source_is_refused(tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(SourceError, match="the source is empty"):
        contents(make(tmp_path / "a.tar", *names))


def test_a_folder_with_nothing_but_ignored_files_is_refused(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "empty").mkdir()
    _, archive = sources.from_directory(tmp_path / "empty", cache)
    with pytest.raises(SourceError, match="the source is empty"):
        contents(archive)


def test_a_file_that_is_no_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<html>not found</html>")
    with pytest.raises(SourceError, match=r"page\.html is not a tar archive"):
        contents(tmp_path / "page.html")


def test_a_folder_that_is_not_there_is_named(cache: Path) -> None:
    with pytest.raises(SourceError, match="/nowhere is not a folder on this machine"):
        sources.from_directory(Path("/nowhere"), cache)


def test_an_archive_with_more_than_files_folders_and_links_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "shop.tar"
    device = tarfile.TarInfo("shop/disk")
    device.type = tarfile.BLKTYPE
    with tarfile.open(archive, "w") as tar:
        tar.addfile(device)
    with pytest.raises(SourceError, match="shop/disk, which is neither a file, a folder nor a link"):
        contents(archive)


def deployed(repository: Path, **keys: str) -> dict[str, Any]:
    """Return an app whose source is a repository."""
    return {"name": "shop", "repo": str(repository), **keys}


def commit(repository: Path, name: str) -> str:
    """Make a commit on the branch that is checked out, and return it."""
    (repository / name).touch()
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", f"--message={name}")
    return git(repository, "rev-parse", "HEAD")


def test_all_hosts_of_a_run_get_the_same_commit_when_the_branch_moves_in_between(repository: Path, cache: Path) -> None:
    first = sources.source(deployed(repository, version="main"), cache, "run1")
    moved = commit(repository, "three")
    assert sources.source(deployed(repository, version="main"), cache, "run1") == first
    assert sources.source(deployed(repository, version="main"), cache, "run2")["revision"] == moved
    # Another version of the same repository is another question.
    assert sources.source(deployed(repository, version="next"), cache, "run1")["revision"] not in (
        first["revision"],
        moved,
    )


def test_all_hosts_of_a_run_get_the_same_folder_when_it_changes_in_between(source: Path, cache: Path) -> None:
    app = {"name": "shop", "directory": str(source)}
    first = sources.source(app, cache, "run1")
    (source / "new").touch()
    assert sources.source(app, cache, "run1") == first
    assert "new" not in first["files"]
    assert "new" in sources.source(app, cache, "run2")["files"]


def test_an_error_is_not_kept_for_the_next_host(repository: Path, cache: Path) -> None:
    with pytest.raises(SourceError):
        sources.source(deployed(repository, version="v9"), cache, "run1")
    git(repository, "tag", "v9")
    assert sources.source(deployed(repository, version="v9"), cache, "run1")["strip_components"] == 0


def test_many_sources_are_asked_for_at_the_same_time_and_share_a_store(repository: Path, cache: Path) -> None:
    source = repository
    versions = ["main", "next", "v1", "HEAD"] * 4
    apps = [deployed(repository, version=version) for version in versions]
    apps += [{"name": "folder", "directory": str(source / name)} for name in ("shop", ".")] * 4
    with ThreadPoolExecutor(max_workers=len(apps)) as pool:
        found = list(pool.map(lambda app: sources.source(app, cache, "run1"), apps))
    assert [each["revision"] for each in found[:4]] == [
        git(repository, "rev-parse", f"{v}^{{commit}}") for v in versions[:4]
    ]
    assert len({each["revision"] for each in found}) == 4
    assert len(list(cache.glob("*.git"))) == 2
    assert all(Path(each["path"]).exists() for each in found)


def test_what_runs_have_noted_is_forgotten_after_a_day(source: Path, cache: Path) -> None:
    app = {"name": "shop", "directory": str(source)}
    for run in ("old", "older", "recent", "now"):
        sources.source(app, cache, run)
    for run in ("old", "older", "now"):
        for pin in cache.glob(f"runs/{run}-*.json"):
            os.utime(pin, (0, 0))
    sources.forget(cache, "now")
    assert sorted(pin.name.partition("-")[0] for pin in cache.glob("runs/*.json")) == ["now", "recent"]


def test_a_cache_that_cannot_be_used_is_named(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match=f"^cache {tmp_path}/file can't be used: "):
        sources.source({"name": "shop", "directory": str(source)}, tmp_path / "file", "run1")


ADVICE = """
Please make sure you have the correct access rights
and the repository exists.
"""


@pytest.mark.parametrize(
    ("errors", "reason"),
    [
        (
            "Cloning into bare repository '/tmp/x/clone'...\n"
            "No ED25519 host key is known for git.example.com and you have requested strict checking.\n"
            f"Host key verification failed.\nfatal: Could not read from remote repository.\n{ADVICE}",
            "No ED25519 host key is known for git.example.com and you have requested strict checking. "
            "Host key verification failed. Could not read from remote repository. To do: compare the host's key with "
            "what its owner publishes, and add it on this machine: ssh-keyscan git.example.com >> ~/.ssh/known_hosts.",
        ),
        (
            "Warning: Permanently added 'git.example.com' (ED25519) to the list of known hosts.\n"
            "git@git.example.com: Permission denied (publickey).\n"
            f"fatal: Could not read from remote repository.\n{ADVICE}",
            "git@git.example.com: Permission denied (publickey). Could not read from remote repository. To do: load a "
            "key that may read the repository into ssh-agent, or name its file as key_file.",
        ),
        # As OpenSSH 9.2 says it of a host whose key is another one, and of a key that others may read.
        (
            "@@@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@@@@@@@\n"
            "IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!\r\nIt is also possible that it was changed.\r\n"
            "The fingerprint for the ED25519 key sent by the remote host is\nSHA256:yTbG5cfZ.\r\n"
            f"Host key verification failed.\r\nfatal: Could not read from remote repository.\n{ADVICE}",
            "The fingerprint for the ED25519 key sent by the remote host is SHA256:yTbG5cfZ. Host key verification "
            "failed. Could not read from remote repository. To do: if its owner has renewed it, remove the old one: "
            "ssh-keygen -R git.example.com.",
        ),
        (
            "@@@@@@@@@@\n@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @\n@@@@@@@@@@\n"
            'This private key will be ignored.\r\nLoad key "key": bad permissions\r\n'
            f"git@git.example.com: Permission denied (publickey).\r\nfatal: Could not read.\n{ADVICE}",
            'WARNING: UNPROTECTED PRIVATE KEY FILE! This private key will be ignored. Load key "key": bad permissions '
            "git@git.example.com: Permission denied (publickey). Could not read. To do: load a key that may read the "
            "repository into ssh-agent, or name its file as key_file.",
        ),
        (
            "remote: Repository not found.\nfatal: repository 'https://token@example.com/shop.git/' not found\n",
            "remote: Repository not found. repository 'https://example.com/shop.git/' not found",
        ),
        ("", ""),
    ],
)
def test_what_ssh_or_the_server_said_comes_through_and_git_s_advice_does_not(errors: str, reason: str) -> None:
    assert git_reason(errors, "git.example.com") == reason


@pytest.mark.parametrize(
    ("repo", "host"),
    [
        ("git@git.example.com:shop.git", "git.example.com"),
        ("ssh://git@git.example.com/shop.git", "git.example.com"),
        ("ssh://git@git.example.com:2222/shop.git", "-p 2222 git.example.com"),
        ("/srv/git/shop", "<host>"),
    ],
)
def test_the_host_whose_key_is_to_be_known_is_that_of_the_repository(repo: str, host: str) -> None:
    assert host_of(repo) == host


def test_a_host_key_that_is_unknown_or_has_changed_is_said_by_ssh_s_own_words_and_with_its_host(
    repository: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh, app = tmp_path / "ssh", {"name": "shop", "repo": f"ssh://git@git.example.com{repository}"}
    refuses = "#!/bin/sh\necho 'Host key verification failed.' >&2\nexit 255\n"
    # The host's key is known, and then another one.
    for script in (refuses, '#!/bin/sh\nfor last; do :; done\neval "$last"\n', refuses):
        ssh.write_text(script)
        ssh.chmod(0o755)
        monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
        monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
        if script != refuses:
            sources.source(app, cache, "run1")
            continue
        with pytest.raises(SourceError) as error:
            sources.source(app, cache, "run2")
        assert str(error.value).startswith("git fetch failed: Host key verification failed. Could not read from remote")
        assert "ssh-keyscan git.example.com >>" in str(error.value)
        assert "access rights" not in str(error.value)


def test_the_sources_of_a_run_have_an_error_each_and_one_keeps_no_other_from_its_own(
    source: Path, repository: Path, cache: Path
) -> None:
    apps = [
        {"name": "shop", "directory": str(source)},
        {"name": "lost", "directory": "/nowhere"},
        {"name": "blog", "repo": str(repository), "version": "v1"},
    ]
    found = calls.action("release_sources", {"apps": apps, "cache": str(cache)})["sources"]
    assert found["lost"] == {"error": "lost: directory /nowhere is not a folder on this machine."}
    assert found["blog"]["revision"] == git(repository, "rev-parse", "v1^{commit}")
    assert "manage" in found["shop"]["files"]


def test_without_an_inventory_s_folder_they_go_by_the_one_that_the_run_is_in(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    apps = [{"name": "shop", "directory": source.name, "local_build_commands": ["touch made"]}]
    found = calls.action("release_sources", {"apps": apps, "cache": "kept"})["sources"]
    assert Path(found["shop"]["path"]).parent == tmp_path / "kept"
    assert "made" in found["shop"]["files"]


def test_a_relative_source_and_a_relative_cache_go_by_the_inventory_s_folder(source: Path, tmp_path: Path) -> None:
    folder = source.parent
    apps = [{"name": "shop", "directory": source.name}]
    found = calls.action("release_sources", {"apps": apps, "cache": "kept"}, {"inventory_dir": str(folder)})["sources"]
    assert Path(found["shop"]["path"]).parent == folder / "kept"
