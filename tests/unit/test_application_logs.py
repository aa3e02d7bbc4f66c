"""Which lines of nginx's journal are of a site."""

from __future__ import annotations

import re

import pytest
from ansible_collections.foobar.webstack.plugins.modules import application_logs

NAMES = ["example.com", "*.example.org"]


@pytest.mark.parametrize(
    ("line", "is_shown"),
    [
        ("host=example.com status=200", True),
        ("host=Example.COM status=200", True),
        ('connect() failed, server: example.com, request: "GET /"', True),
        ('upstream timed out, host: "example.com:8080"', True),
        ("host=tenant.example.org status=200", True),
        ("host=a.b.example.org", True),
        ("host=example.com.au status=200", False),
        ("host=example.com-old.net", False),
        ("host=other.example.com", False),
        ("host=example.org", False),
        ("host=exampleXcom", False),
    ],
)
def test_a_line_is_a_site_s_by_the_whole_name_of_its_host(line: str, is_shown: bool) -> None:
    asked = list[str]()

    def run(command: list[str]) -> tuple[int, str, str]:
        asked.extend(command)
        return 0, "", ""

    application_logs.nginx(run, NAMES, 50)
    (pattern,) = [word.removeprefix("--grep=") for word in asked if word.startswith("--grep=")]
    assert bool(re.search(pattern, line, re.IGNORECASE)) == is_shown
