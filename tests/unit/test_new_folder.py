"""A folder of sites on the way from a few answers to its files, without a server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleActionFail
from ansible_collections.foobar.webstack.plugins.action.check_sites import open_questions
from ansible_collections.foobar.webstack.plugins.plugin_utils.vaults import Vaults

from tests.calls import action
from tests.playbook import ROOT

ANSWERS = {
    "folder": "site",
    "domain": "shop.example.com",
    "address": "203.0.113.7",
    "ssh_user": "root",
    "source": str(ROOT / "tests/apps/django"),
    "dns": "none",
    "mail": "",
    "env": "production",
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer from another folder than the repository's."""
    monkeypatch.chdir(tmp_path)


def answered(*, check: bool = False, **answers: Any) -> dict[str, Any]:
    """Return what becomes of answers."""
    return action("new_site", {**ANSWERS, **answers}, check=check)


def sites(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of a folder."""
    return list(yaml.safe_load((folder / "group_vars/all/sites.yml").read_text())["sites"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one site and the file of its domain."""
    assert answered()["changed"]
    (tmp_path / "site/group_vars/production/shop.yml").write_text("shop_domain: shop.example.com\n")
    return tmp_path / "site"


def test_a_dry_run_says_what_would_be_written_and_writes_nothing(tmp_path: Path) -> None:
    result = answered(check=True)
    assert result["changed"]
    assert {"hosts.yml", "site.yml", "README.md"} <= {Path(file["dest"]).name for file in result["files"]}
    assert result["secrets"] == ["vault_shop_secret_key", "vault_shop_database_password"]
    assert list(tmp_path.iterdir()) == []


def test_the_password_is_made_first_and_git_is_to_ignore_it_whatever_its_file_says_already(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/.gitignore").write_text("*.pyc")
    subprocess.run(["git", "init", "--quiet", tmp_path / "site"], check=True)
    answered()
    assert (tmp_path / "site/.vault_password").stat().st_mode & 0o777 == 0o600
    listed = subprocess.run(
        ["git", "-C", tmp_path / "site", "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True
    )
    assert ".vault_password" not in listed.stdout
    assert "group_vars/production/vault.yml" in listed.stdout
    assert (tmp_path / "site/.gitignore").read_text().startswith("*.pyc\n/.vault_password\n")


def test_an_application_without_secrets_has_a_password_and_a_vault_for_later_ones(tmp_path: Path) -> None:
    answered(source=str(ROOT / "tests/apps/fastapi"))
    vault = (tmp_path / "site/group_vars/production/vault.yml").read_text()
    assert vault.startswith("$ANSIBLE_VAULT;")
    assert Vaults(tmp_path / "site").contents


def test_the_secrets_are_encrypted_and_made_once(tmp_path: Path) -> None:
    assert answered()["secrets"] == ["vault_shop_secret_key", "vault_shop_database_password"]
    (text,) = Vaults(tmp_path / "site").contents.values()
    assert re.fullmatch("[0-9a-f]{48}", yaml.safe_load(text)["vault_shop_secret_key"])
    assert answered()["secrets"] == []


def test_a_vault_of_another_password_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    answered()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    password = tmp_path / "site/.vault_password"
    for change, words in (
        (lambda: password.write_text("other"), "can't be decrypted"),
        (password.unlink, "is missing"),
    ):
        change()
        with pytest.raises(AnsibleActionFail, match=words):
            answered(domain="api.example.com", source=str(ROOT / "tests/apps/fastapi"))
    password.write_bytes(before[password])
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_inventory_without_the_environment_s_group_is_refused(tmp_path: Path) -> None:
    answered()
    (tmp_path / "site/hosts.yml").write_text("all: {children: {web: {hosts: {web01: {}}}}}\n")
    with pytest.raises(AnsibleActionFail, match=r"hosts.yml has no group production; put the server into one"):
        answered(domain="api.example.com", source=str(ROOT / "tests/apps/fastapi"))


def test_the_same_answers_again_change_nothing(folder: Path) -> None:
    before = (folder / "group_vars/all/sites.yml").read_text()
    again = answered()
    assert (again["changed"], again["secrets"]) == (False, [])
    assert (folder / "group_vars/all/sites.yml").read_text() == before


def test_a_second_start_adds_a_site_after_what_is_there(folder: Path) -> None:
    before = (folder / "group_vars/all/sites.yml").read_text()
    added = answered(domain="api.example.com", source=str(ROOT / "tests/apps/fastapi"))
    assert added["changed"]
    assert (folder / "group_vars/all/sites.yml").read_text().startswith(before)
    assert [site["app"] for site in sites(folder)] == ["shop", "api"]
    with_secrets = answered(domain="board.example.com", source=str(ROOT / "examples/guestbook"))
    assert with_secrets["secrets"]
    assert (folder / "group_vars/production/vault_board.yml").exists()


def test_another_environment_of_a_site_gets_hosts_domain_and_secrets_of_its_own_and_no_second_entry(
    folder: Path,
) -> None:
    before = {path: path.read_text() for path in folder.rglob("*.yml")}
    staging = answered(domain="staging.example.com", address="203.0.113.8", env="staging")
    assert {path: path.read_text() for path in before} == before
    assert staging["site"]["app"] == "shop"
    written = {str(Path(file["dest"]).relative_to(folder)) for file in staging["files"]}
    assert {"staging.yml", "group_vars/staging/shop.yml"} <= written
    assert (folder / "group_vars/staging/vault.yml").exists()
    assert set(staging["secrets"]) == {"vault_shop_secret_key", "vault_shop_database_password"}


def test_a_new_environment_names_the_other_sites_that_it_lacks(folder: Path) -> None:
    source = str(ROOT / "tests/apps/fastapi")
    answered(domain="api.example.com", source=source)
    for app in ("shop", "api"):
        (folder / f"group_vars/production/{app}.yml").write_text(f"{app}_domain: {app}.example.com\n")
    staging = answered(domain="api.staging.example.com", source=source, env="staging")
    assert [step for step in staging["next"] if "lacks" in step] == [
        "staging lacks shop as yet: start that with -e env=staging, too."
    ]


def test_a_repository_is_cloned_and_named_with_its_branch(tmp_path: Path) -> None:
    repository = tmp_path / "shop.git"
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
    subprocess.run(["cp", "--recursive", ROOT / "tests/apps/fastapi", repository], check=True)
    for command in (["init", "-qb", "trunk"], ["add", "."], [*identity, "commit", "-qm", "All"]):
        subprocess.run(["git", "-C", repository, *command], check=True)
    assert answered(source=f"file://{repository}")["changed"]
    (site,) = sites(tmp_path / "site")
    assert (site["repo"], site["version"]) == (f"file://{repository}", "trunk")


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"domain": "shop"}, "domain: 'shop' is no domain"),
        ({"address": "web01"}, "address: 'web01' is no IP address"),
        ({"folder": "full"}, "full holds other files (theirs)"),
        ({"source": "nowhere"}, "source: nowhere is not a folder on this machine"),
        ({"source": "file:///nowhere/shop.git"}, "source: git clone failed: "),
        ({"source": "full"}, "source: "),
        ({"source": "https://me:token@git.example.com/shop.git"}, "source: the address holds a password"),
        ({"folder": "full/site", "source": "full"}, "is in the application's own; name one beside it"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_leaves_nothing_behind(
    answers: dict[str, Any], words: str, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/theirs").write_text("text")
    with pytest.raises(AnsibleActionFail) as refused:
        answered(**answers)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value).strip()
    assert {path.name for path in tmp_path.rglob("*")} == {"full", "theirs"}


def test_a_file_of_sites_that_an_entry_can_t_be_added_to_stays_as_it_is(folder: Path) -> None:
    path = folder / "group_vars/all/sites.yml"
    path.write_text(path.read_text() + "\nlast: of all\n")
    before = path.read_text()
    with pytest.raises(AnsibleActionFail, match="add this entry by hand"):
        answered(domain="api.example.com", source=str(ROOT / "tests/apps/fastapi"))
    assert path.read_text() == before


def test_the_questions_that_are_open_are_named_by_file_and_line(folder: Path) -> None:
    (question,) = open_questions(str(folder))
    assert question.startswith("group_vars/all/sites.yml:")
    assert "has the commands tick, work" in question
    assert open_questions(None) == []


def test_an_application_below_the_source_is_known_again(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/apps/fastapi", tmp_path / "mono/backend")
    answered(source="mono")
    (site,) = sites(tmp_path / "site")
    assert (site["directory"], site["subdirectory"]) == ("../mono", "backend")
    assert not answered(source="mono")["changed"]
    assert answered(source="mono", domain="staging.example.com", env="staging")["site"]["app"] == site["app"]
    assert len(sites(tmp_path / "site")) == 1


def test_settings_of_one_s_own_are_written_once_and_left_alone_after_that(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "tests/apps/django", tmp_path / "app")
    with (tmp_path / "app/config/settings.py").open("a") as file:
        file.write("DEBUG = True\n")
    answered(source="app")
    (site,) = sites(tmp_path / "site")
    (listed,) = site["files"]
    place = tmp_path / "site" / listed["src"]
    assert "DEBUG = False" in place.read_text()
    place.write_text("mine\n")
    answered(source="app", domain="other.example.com", env="staging")
    assert place.read_text() == "mine\n"


def test_what_an_application_s_files_say_is_no_template_of_ansible_s(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app/requirements.txt").write_text("flask==3.1.0\n")
    (tmp_path / "app/app.py").write_text(
        "from flask import Flask\n"
        "app = Flask(__name__, static_folder="
        "\"s{{ lookup('pipe', 'touch pwned') }}\\n    gunicorn: {network: true}\\n#\")\n"
        "@app.get('/health')\n"
        "def health():\n    return 'OK'\n"
    )
    answered(source="app")
    text = (tmp_path / "site/group_vars/all/sites.yml").read_text()
    assert [line for line in text.splitlines() if "lookup" in line and not line.strip().startswith("# ?")] == []
    (site,) = sites(tmp_path / "site")
    assert "gunicorn" not in site


def test_an_editor_s_lock_is_no_file_of_questions(folder: Path) -> None:
    (folder / "group_vars/all/.#sites.yml").symlink_to("nobody@nowhere")
    assert len(open_questions(str(folder))) == 1
