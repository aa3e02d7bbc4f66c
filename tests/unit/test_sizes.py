"""Sizes as settings have them."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.foobar.webstack.plugins.filter.sizes import bytes_of, size_in_bytes


@pytest.mark.parametrize(
    ("size", "number"), [("0", 0), ("512", 512), (1073741824, 2**30), ("2g", 2 * 1024**3), ("200M", 200 * 1024**2)]
)
def test_a_size_is_counted_in_bytes(size: str | int, number: int) -> None:
    assert size_in_bytes(size) == number


@pytest.mark.parametrize("size", ["", "2 G", "G", "2GB", "-1", "1.5G"])
def test_what_is_no_size_is_refused(size: str) -> None:
    with pytest.raises(AnsibleFilterError, match="is no size"):
        size_in_bytes(size)


def test_a_unit_that_a_setting_does_not_know_is_none() -> None:
    assert (bytes_of("1T", "KMG"), bytes_of("1g", "KMG"), bytes_of(7, "KMG")) == (None, 2**30, 7)
