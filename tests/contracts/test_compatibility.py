"""The table of what has been seen to work is made of its rows."""

from __future__ import annotations

import pytest

from tests.compatibility.rows import ROWS, Row
from tests.compatibility.table import DOCUMENT, table

from . import ROOT, load

KEYS = load(ROOT / "playbooks/meta/sites.yml")["sites"]["options"]


def test_the_page_is_what_the_rows_say() -> None:
    assert DOCUMENT.read_text() == table({})


def test_no_two_rows_are_one_site() -> None:
    names = [row.name for row in ROWS if row.tree]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("row", [row for row in ROWS if row.seen_by], ids=lambda row: row.what)
def test_a_row_without_a_source_is_seen_by_a_test_that_is_there(row: Row) -> None:
    assert (ROOT / row.seen_by).is_file()


@pytest.mark.parametrize("row", [row for row in ROWS if row.keys], ids=lambda row: row.name)
def test_the_keys_that_a_row_is_about_are_those_of_an_entry_and_in_its_own(row: Row) -> None:
    assert {key.partition(".")[0] for key in row.keys} <= KEYS.keys() & row.entry.keys()
