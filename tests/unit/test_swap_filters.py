"""Why a server can't have a swap file."""

from __future__ import annotations

import pytest
from ansible_collections.foobar.webstack.plugins.filter import swap

GB = 2**30


@pytest.mark.parametrize("size", ["", "64M", "512m", "1G", "16G"])
def test_a_size_with_its_unit_is_no_mistake(size: str) -> None:
    assert swap.swap_mistakes(size, "web01", "/swapfile", {"virtualization_tech_guest": ["kvm"]}) == []


@pytest.mark.parametrize("size", ["1", 2**30, "1 GB", "63M", "0G", "-1G", "1T", "1.5G"])
def test_another_size_is_refused(size: str | int) -> None:
    (sentence,) = swap.swap_mistakes(size, "web01", "/swapfile", {})
    assert sentence.startswith(f"swap_file_size is {size!r}: write a number with M or G, at least 64M")


@pytest.mark.parametrize("path", ["swapfile", "/my swap", "/", "/swap;file"])
def test_another_path_is_refused(path: str) -> None:
    (sentence,) = swap.swap_mistakes("1G", "web01", path, {})
    assert sentence.startswith(f"swap_file_path is {path!r}: write an absolute path")


def test_a_container_has_no_swap_of_its_own() -> None:
    facts = {"virtualization_tech_guest": ["container", "lxc"]}
    (sentence,) = swap.swap_mistakes("1G", "web01", "/swapfile", facts)
    assert sentence.startswith("swap_file_size: web01 is a container")
    assert swap.swap_mistakes("", "web01", "/swapfile", facts) == []


def test_a_swap_file_leaves_a_part_of_the_disk() -> None:
    assert swap.swap_refusal(GB + 500 * 2**20, "web01", "/swapfile", GB) == ""
    assert "100 MB too little for a swap file of 1.0 GB that leaves 500 MB" in swap.swap_refusal(
        GB + 400 * 2**20, "web01", "/swapfile", GB
    )
