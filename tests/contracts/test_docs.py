"""The documentation: its pages are those of its navigation, and an entry that one shows is what a test deploys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.foobar.webstack.plugins.action.new_site import entry_of, looked_at
from ansible_collections.foobar.webstack.plugins.plugin_utils.new_site import Answers

from docs import reference
from tests.galaxy.test_galaxy import APPLICATIONS

from . import PLAYBOOKS, ROOT, load

SITE = load(ROOT / "mkdocs.yml")
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.MULTILINE | re.DOTALL)
FRAMEWORKS = {"board.example": "django", "guestbook.example": "flask", "api.example": "fastapi"}


def blocks(page: Path) -> list[str]:
    """Return the YAML that a page shows."""
    return BLOCK.findall(page.read_text())


def in_navigation(entries: list[Any]) -> Iterator[str]:
    """Yield the pages of the site's navigation."""
    for entry in entries:
        (target,) = entry.values() if isinstance(entry, dict) else [entry]
        yield from in_navigation(target) if isinstance(target, list) else [target]


def test_the_parts_that_can_be_run_alone_are_the_roles_of_site_yml() -> None:
    tasks = [task for play in load(PLAYBOOKS / "site.yml") for task in play.get("tasks", [])]
    roles = {tag for task in tasks for tag in task.get("tags", [])} - {"always"}
    (row,) = re.findall(r"^\| One part only \| (.*) \|$", (DOCS / "day-two.md").read_text(), re.MULTILINE)
    assert set(re.findall(r"`(?:--tags )?(\w+)`", row)) == roles


def test_each_page_is_in_the_navigation_once() -> None:
    pages = [str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md")]
    generated = [*reference.PAGES.values(), "reference/sites.md", *reference.PLUGINS]
    assert sorted(in_navigation(SITE["nav"])) == sorted([*pages, *generated])


def test_a_reader_s_browser_asks_nobody_but_the_site() -> None:
    assert SITE["theme"]["font"] is False
    assert {"repo_url", "analytics", "extra_css", "extra_javascript"} & {*SITE, *SITE["extra"]} == set()


def test_each_application_that_a_start_deploys_has_a_page() -> None:
    assert set(FRAMEWORKS) == set(APPLICATIONS)


@pytest.mark.parametrize(("domain", "framework"), FRAMEWORKS.items())
def test_the_entry_of_a_framework_s_page_is_what_a_start_writes_and_a_test_deploys(domain: str, framework: str) -> None:
    answers = Answers("start", domain, "192.0.2.1", "root", str(ROOT / APPLICATIONS[domain]), "none", "", "production")
    application, branch = looked_at(answers.source)
    entry = entry_of(application, answers, branch, ROOT / "start", [])
    # There the application lies in a folder that is called after its domain, beside the one of the sites.
    entry.values["directory"] = f"../{domain}"

    def without_lines(text: str) -> str:
        return re.sub(r"(\.\w+):\d+", r"\1", text)

    shown = blocks(DOCS / f"applications/{framework}.md")[0]
    assert without_lines(shown) == without_lines(entry.text())


def test_the_entry_for_an_application_without_a_framework_is_what_a_test_deploys() -> None:
    (shown,) = blocks(DOCS / "applications/other.md")
    assert yaml.safe_load(shown)["sites"] == load(ROOT / "tests/galaxy/mine/group_vars/all/sites.yml")["sites"]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_an_entry_of_sites_on_a_page_is_one_that_the_playbooks_take(page: Path) -> None:
    for block in blocks(page):
        if "\n  - domain:" in f"\n{block}":
            sites = yaml.safe_load(block if block.startswith("sites:") else f"sites:\n{block}")
            assert ArgumentSpecValidator(load(PLAYBOOKS / "meta/sites.yml")).validate(sites).error_messages == []


def test_the_pages_name_the_versions_of_ansible_core_that_the_collection_takes() -> None:
    needed = load(ROOT / "meta/runtime.yml")["requires_ansible"]
    first, beyond = map(int, re.findall(r"2\.(\d+)\.0", needed))
    for page in ("README.md", "docs/getting-started.md", "docs/supported-systems.md"):
        assert f"ansible-core 2.{first} to 2.{beyond - 1}" in (ROOT / page).read_text()


def test_the_example_of_the_readme_is_that_of_the_page_of_applications() -> None:
    (entry,) = [yaml.safe_load(block)["sites"][0] for block in blocks(ROOT / "README.md")]
    shown = yaml.safe_load(blocks(DOCS / "applications/index.md")[0])["sites"][0]
    assert entry == {key: value for key, value in shown.items() if key != "packages"}
