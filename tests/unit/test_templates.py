"""Several files in one call: all of them or none, and nothing at all in check mode."""

from __future__ import annotations

import grp
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from tests import calls, playbook

GREETING = {"src": "greeting.j2", "dest": "deep/er/greeting", "vars": {"name": "world"}}
SECRET = {"src": "secret.j2", "dest": "secret", "validate": "grep --quiet canary %s"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two templates."""
    (tmp_path / "greeting.j2").write_text(
        "#jinja2: lstrip_blocks: True\n  {% if true %}\nhello {{ name }}\n  {% endif %}\n"
    )
    (tmp_path / "secret.j2").write_text("{{ word }}\n")
    return tmp_path


def arguments(folder: Path, files: tuple[dict[str, Any], ...], more: dict[str, Any]) -> dict[str, Any]:
    """Return what the module is asked for: files below a folder."""
    return {
        "files": [file | {"dest": str(folder / file["dest"])} for file in files],
        "owner": pwd.getpwuid(os.getuid()).pw_name,
        "group": grp.getgrgid(os.getgid()).gr_name,
        "mode": "0640",
        **more,
    }


def write(folder: Path, *files: dict[str, Any], word: str = "canary", **more: Any) -> dict[str, Any]:
    """Write files below a folder and return what the module says."""
    return calls.action("templates", arguments(folder, files, more), {"word": word}, folder=folder)


def check(folder: Path, *files: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return what the module says in check mode, with the difference."""
    asked = arguments(folder, files, more)
    return calls.action("templates", asked, {"word": "canary"}, folder=folder, check=True, diff=True)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Write a file with a play on this machine; return its path, and all that -vvv says of the task."""
    folder = tmp_path_factory.mktemp("played")
    (folder / "secret.j2").write_text("{{ word }}\n")
    # A server may have any locale.
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    task = {"foobar.webstack.templates": arguments(folder, (SECRET,), {}), "environment": locale}
    play = {"hosts": "localhost", "gather_facts": False, "vars": {"word": "“schön” canary"}, "tasks": [task]}
    (folder / "play.yml").write_text(json.dumps([play]))
    command = playbook.command(folder / "play.yml", "-vvv", inventory="inventory/production")
    said = playbook.run(command, {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}).stdout
    result: dict[str, Any] = json.loads(said[said.index("{\n") :])["plays"][0]["tasks"][0]["hosts"]["localhost"]
    return folder / "secret", result


def test_files_get_content_mode_and_folders_and_a_second_run_changes_nothing(folder: Path) -> None:
    first = write(folder, GREETING, SECRET)
    assert first["dests"] == [str(folder / "deep/er/greeting"), str(folder / "secret")]
    assert (folder / "deep/er/greeting").read_text() == "hello world\n"
    assert (folder / "secret").stat().st_mode & 0o777 == 0o640
    assert (folder / "deep").stat().st_mode & 0o777 == 0o755
    second = write(folder, GREETING, SECRET)
    assert (second["changed"], second["dests"]) == (False, [])


def test_users_that_are_not_there_are_named(folder: Path) -> None:
    assert write(folder, GREETING, users=["root", "nobody-has-this-name"])["missing_users"] == ["nobody-has-this-name"]
    assert write(folder, GREETING)["missing_users"] == []


def test_no_file_is_written_when_one_is_refused(folder: Path) -> None:
    result = write(folder, GREETING, SECRET, word="other")
    assert result["failed"]
    assert result["msg"].startswith(f"{folder / 'secret'} stays as it was, failed to validate")
    assert not (folder / "deep").exists()
    assert not (folder / "secret").exists()


def test_another_mode_is_a_change(folder: Path) -> None:
    write(folder, SECRET)
    (folder / "secret").chmod(0o644)
    assert write(folder, SECRET)["dests"] == [str(folder / "secret")]
    assert (folder / "secret").stat().st_mode & 0o777 == 0o640


def test_check_mode_shows_the_difference_and_writes_nothing(folder: Path) -> None:
    result = check(folder, {**GREETING, "group": "nobody_has_it_yet"})
    assert result["changed"]
    assert [diff["after"] for diff in result["diff"]] == ["hello world\n"]
    assert not (folder / "deep").exists()


def test_a_link_gives_way_to_a_file_even_with_the_same_content(folder: Path) -> None:
    (folder / "elsewhere").write_text("canary\n")
    (folder / "secret").symlink_to("elsewhere")
    assert write(folder, SECRET)["changed"]
    assert not (folder / "secret").is_symlink()


def test_what_is_no_ascii_is_written_as_utf_8_whatever_the_server_s_locale(
    played: tuple[Path, dict[str, Any]],
) -> None:
    assert played[0].read_bytes() == "“schön” canary\n".encode()


def test_contents_are_shown_only_as_the_difference(played: tuple[Path, dict[str, Any]]) -> None:
    path, result = played
    assert result["invocation"]["module_args"]["files"] == [str(path)]
    assert "canary" not in json.dumps(result)


def test_an_unknown_group_is_refused(folder: Path) -> None:
    assert write(folder, {**GREETING, "group": "nobody_has_it_yet"})["failed"]


def test_what_changed_stays_so_until_nothing_is_pending_any_more(folder: Path) -> None:
    pending = folder / "run/pending"
    both = [str(folder / "secret"), str(folder / "deep/er/greeting")]
    assert write(folder, SECRET, pending=str(pending))["dests"] == both[:1]
    assert write(folder, GREETING, SECRET, pending=str(pending))["dests"] == both
    # Whoever was killed now has told nobody what changed.
    again = write(folder, GREETING, SECRET, pending=str(pending))
    assert (again["changed"], again["dests"]) == (True, both)
    pending.unlink()
    assert not write(folder, GREETING, SECRET, pending=str(pending))["changed"]


def test_nothing_is_pending_where_nothing_was_written(folder: Path) -> None:
    pending = folder / "pending"
    assert write(folder, SECRET, word="other", pending=str(pending))["failed"]
    assert check(folder, SECRET, pending=str(pending))["changed"]
    assert not pending.exists()
