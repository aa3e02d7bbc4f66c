"""Whether a source can be installed with the Python of a site."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.app_python import mistake


def how(wanted: str) -> dict[str, Any]:
    """Return an installation that insists on a Python."""
    return {"lock": "uv.lock", "requires_python": wanted}


@pytest.mark.parametrize(
    ("python", "wanted"),
    [
        ("", ">=3.11"),
        ("", ">=3.11.4,<3.14"),
        ("/usr/bin/python3", "~=3.13"),
        ("3.12", "==3.12.*"),
        ("", "==3.13.5"),
        ("", "<=3.13.7"),
        ("", ">=3.10,<3.13.6"),
        ("3.12.3", "==3.12.3"),
        ("3.14t", ">=3.14"),
        ("/opt/python/bin/python", ">=3.99"),
        (">=3.11", ">=3.99"),
        ("", "^3.11"),
        ("", ""),
    ],
)
def test_a_python_that_fits_or_that_nobody_knows_is_no_mistake(python: str, wanted: str) -> None:
    assert mistake({"python": python}, how(wanted), "3.13.5") == ""
    assert mistake({}, how(">=3.99"), "") == ""


@pytest.mark.parametrize(
    ("python", "wanted", "words"),
    [
        ("", ">=3.14", 'uv.lock is for Python >=3.14, and the site has 3.13: give it python: "3.14" in app_deploy'),
        ("", "<3.13,>=3.10", 'uv.lock is for Python <3.13,>=3.10, and the site has 3.13: give it python: "3.12" in'),
        # uv fetches the newest patch.
        ("", ">=3.11,<3.12.5", 'and the site has 3.13: give it python: "3.11" in app_deploy'),
        ("/usr/bin/python3.11", ">=3.12", 'and the site has 3.11: give it python: "3.14" in app_deploy'),
        ("3.11", "==3.9.*", "uv.lock is for Python ==3.9.*, and the site has 3.11: correct one of them."),
    ],
)
def test_a_python_that_does_not_fit_is_refused_with_one_that_does(python: str, wanted: str, words: str) -> None:
    assert words in mistake({"python": python}, how(wanted), "3.13.5")
