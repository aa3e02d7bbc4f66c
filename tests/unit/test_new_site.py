"""What a new folder of sites is made of."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils import new_site
from ansible_collections.foobar.webstack.plugins.plugin_utils.new_site import Answers

ROOT = Path(__file__).parents[2]
ANSWERS = Answers(
    folder="site",
    domain="shop.example.com",
    address="203.0.113.7",
    ssh_user="root",
    source="../shop",
    dns="none",
    mail="",
    env="production",
)


def test_good_answers_are_no_mistake() -> None:
    assert ANSWERS.mistakes() == []
    assert replace(ANSWERS, address="2001:db8::7", mail="me@example.com", dns="rfc2136", env="staging").mistakes() == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("folder", "", "it is empty"),
        ("domain", "shop", "'shop' is no domain"),
        ("domain", "https://shop.example.com", "is no domain"),
        ("domain", "203.0.113.7", "is no domain"),
        ("domain", "-shop.example.com", "is no domain"),
        ("address", "web01.example.com", "is no IP address"),
        ("address", "203.0.113", "is no IP address"),
        ("address", "fe80::1%eth0", "is no IP address"),
        ("address", "::", "is no IP address"),
        ("domain", "\u017fhop.example.com", "is no domain"),
        ("ssh_user", "Root User", "is no user"),
        ("source", "", "it is empty"),
        ("dns", "bind", "'bind' is not known; it is none, rfc2136,"),
        ("mail", "me", "is no mail address"),
        ("env", "Staging!", "is no name of an environment"),
        ("env", "web", "is no name of an environment"),
        ("env", "site", "is no name of an environment"),
        ("source", "https://me:secret@git.example.com/x", "holds a password"),
    ],
)
def test_a_wrong_answer_is_named_in_one_sentence(name: str, value: str, words: str) -> None:
    (mistake,) = replace(ANSWERS, **{name: value}).mistakes()
    assert mistake.startswith(f"{name}: ")
    assert words in mistake
    assert mistake.endswith(".")


@pytest.mark.parametrize(
    ("domain", "name"),
    [
        ("shop.example.com", "shop"),
        ("foobar.com", "foobar"),
        ("my-shop.example", "my_shop"),
        ("24h.example", "site_24h"),
        (f"{'long' * 10}.example", ("long" * 10)[:24]),
        ("admin.example.com", "admin_example"),
        ("taken.example.com", "taken_example"),
    ],
)
def test_the_app_is_called_after_the_domain(domain: str, name: str) -> None:
    assert new_site.app_name(domain, ["taken"]) == name
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,23}", name)


def test_case_and_www_are_nothing_in_a_domain() -> None:
    assert Answers.of({**vars(ANSWERS), "domain": " WWW.Shop.Example.com "}).domain == "shop.example.com"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://git.example.com/shop.git", True),
        ("git@git.example.com:shop.git", True),
        ("ssh://git@git.example.com/shop", True),
        ("/srv/git/shop.git", True),
        ("../shop", False),
        ("/home/me/shop", False),
    ],
)
def test_a_repository_is_told_from_a_folder(source: str, expected: bool) -> None:
    assert new_site.is_repository(source) == expected


def refused(folder: Path) -> str:
    """Return why a folder is none for the sites of an application elsewhere."""
    return new_site.folder_mistake(folder, "/nowhere/shop")


def test_a_folder_with_other_files_is_left_alone_by_name(tmp_path: Path) -> None:
    assert refused(tmp_path) == refused(tmp_path / "new") == ""
    (tmp_path / ".git").mkdir()
    assert refused(tmp_path) == ""
    for name in "dcba":
        (tmp_path / name).touch()
    assert f"{tmp_path} holds other files (a, b, c, …)" in refused(tmp_path)
    assert "is a file" in refused(tmp_path / "a")
    (tmp_path / "group_vars/all").mkdir(parents=True)
    (tmp_path / "group_vars/all/sites.yml").touch()
    assert refused(tmp_path) == ""


def test_what_is_there_already_is_not_written_again(tmp_path: Path) -> None:
    first = {Path(file["dest"]).name for file in new_site.files(ANSWERS, "shop", tmp_path)}
    assert {"hosts.yml", "shop.yml", "site.yml", "README.md", ".gitlab-ci.yml"} <= first
    (tmp_path / "hosts.yml").touch()
    assert {Path(file["dest"]).name for file in new_site.files(ANSWERS, "shop", tmp_path)} == first - {"hosts.yml"}


def test_every_file_has_its_template(tmp_path: Path) -> None:
    wanted = new_site.files(replace(ANSWERS, dns="route53", mail="me@example.com"), "shop", tmp_path)
    templates = {f"new/{path.name}" for path in (ROOT / "playbooks/templates/new").iterdir()}
    assert {file["src"] for file in wanted} == templates


def test_the_packages_are_pinned_as_the_tests_have_them() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    pins = [*new_site.ANSIBLE, new_site.OCTODNS]
    pins += [new_site.PROVIDERS[name].package for name in ("rfc2136", "route53")]
    for pin in pins:
        assert re.search(rf"^{re.escape(pin.split(' ')[0])}\b", lock, re.MULTILINE), pin


def test_a_provider_s_secrets_come_from_the_vault() -> None:
    settings = new_site.provider_settings(new_site.PROVIDERS["rfc2136"], "example.com", "production")
    assert (settings["class"], settings["host"]) == ("octodns_bind.Rfc2136Provider", "ns1.example.com")
    assert "vault_dns_key_secret is not set" in settings["key_secret"]
    assert "ansible-vault edit group_vars/production/vault.yml" in settings["key_secret"]
