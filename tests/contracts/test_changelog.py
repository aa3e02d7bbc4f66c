"""What has changed: fragments since the last release, and the changelog made of those before it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.foobar.webstack.plugins.plugin_utils.renames import numbers

from . import ROOT, load

CHANGELOGS = ROOT / "changelogs"
# Text in reStructuredText: two backticks around code, one pair and two underscores around a link.
MARKDOWN_CODE = re.compile(r"(?<!`)`(?!`)[^`]*`(?!`|__)")


def changes() -> Iterator[tuple[str, str]]:
    """Return the section and the text of each change, those of releases too."""
    released = [release["changes"] for release in load(CHANGELOGS / "changelog.yaml")["releases"].values()]
    for sections in [*map(load, sorted(CHANGELOGS.glob("fragments/*.yml"))), *released]:
        for section, texts in sections.items():
            yield from ((section, text) for text in ([texts] if isinstance(texts, str) else texts))


def test_the_collection_s_version_is_the_one_that_the_fragments_are_for_or_the_last_that_was_released() -> None:
    version = load(ROOT / "galaxy.yml")["version"]
    released = max(load(CHANGELOGS / "changelog.yaml")["releases"], key=numbers)
    if list(CHANGELOGS.glob("fragments/*.yml")):
        assert numbers(version) > numbers(released)
    else:
        assert version == released
    headings = re.findall(r"^## v(\S*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0].replace("\\", "") == released


def test_a_change_that_breaks_something_says_first_whom_it_affects() -> None:
    breaking = [text for section, text in changes() if section == "breaking_changes"]
    assert breaking != []
    assert [text for text in breaking if not text.startswith("Only affects you if ")] == []


def test_code_in_the_changelog_is_marked_as_antsibull_changelog_reads_it() -> None:
    assert MARKDOWN_CODE.search("``site.yml`` and `check.yml`")
    assert [text for _, text in changes() if MARKDOWN_CODE.search(text)] == []
