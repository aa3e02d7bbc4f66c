"""Links in the repository's pages lead to files and headings that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from . import ROOT

FOLDERS = ("", "bench", "docs", "docs/**", "examples/guestbook", "roles/*")
PAGES = sorted({page for folder in FOLDERS for page in ROOT.glob(f"{folder}/*.md".lstrip("/"))})
CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Images, too.
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", CODE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(CODE.sub("", page.read_text())):
        path, _, heading = link.partition("#")
        if re.match(r"\w+:", path):
            continue
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (heading and heading not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_there_are_pages() -> None:
    assert {"README.md", "docs/upgrading.md", "docs/applications/flask.md", "roles/nginx/README.md"} <= {
        str(page.relative_to(ROOT)) for page in PAGES
    }
