"""Whether uWSGI can be installed is told by the site's Python, before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.foobar.webstack.plugins.plugin_utils.pyuwsgi_wheels import mistake

from tests import calls

APP: dict[str, Any] = {"name": "shop", "fallback_requirements": ["pyuwsgi==2.0.30"]}


@pytest.mark.parametrize(
    ("python", "system", "which"),
    [
        ("3.14", "3.13.5", "3.14"),
        ("3.15.1", "", "3.15"),
        ("/opt/python/bin/python3.14", "3.13.5", "3.14"),
        ("/usr/bin/python3", "3.14.0", "3.14"),
        ("", "3.14.0", "3.14"),
        ("3.13t", "3.13.5", "3.13 without the GIL"),
        ("3.14+freethreaded", "3.13.5", "3.14 without the GIL"),
        ("/usr/bin/python3.14t", "3.13.5", "3.14 without the GIL"),
    ],
)
def test_a_python_that_pyuwsgi_has_no_wheel_for_is_refused_with_the_ways_out(
    python: str, system: str, which: str
) -> None:
    assert mistake({**APP, **({"python": python} if python else {})}, {}, system) == (
        f'pyuwsgi 2.0.30 has no wheel for Python {which}: give it python: "3.13", which uv fetches where the server '
        "does not have it, or packages: [build-essential, python3-dev] to build it with the server's."
    )


@pytest.mark.parametrize("python", ["3.10", "3.13", "/usr/bin/python3.13", "pypy", "/opt/own/bin/python"])
def test_a_python_with_a_wheel_and_one_that_nobody_knows_are_no_mistake(python: str) -> None:
    assert mistake({**APP, "python": python}, {}, "3.14.0") == ""
    assert mistake(APP, {}, "3.13.5") == mistake(APP, {}, "") == ""


def test_a_server_other_than_pyuwsgi_or_a_compiler_is_no_mistake() -> None:
    new = {**APP, "python": "3.14"}
    assert mistake({**new, "fallback_requirements": ["gunicorn==27.0.1"]}, {}, "") == ""
    assert mistake({**new, "fallback_requirements": ["pyuwsgi==2.0.31"]}, {}, "") == ""
    assert mistake({**new, "packages": ["build-essential", "python3-dev"]}, {}, "") == ""
    for compiler in ("gcc-12", "g++", "gcc=4:12", "clang", "clang-16", "gcc:amd64", "g++-12"):
        assert mistake({**new, "packages": [compiler]}, {}, "") == "", compiler
    assert mistake({**new, "packages": ["gccgo", "libgcc-s1"]}, {}, "") != ""
    # Of the source's own: uWSGI is built anyway, and a version that is not pinned may have a wheel.
    assert mistake(new, {"uwsgi": ("2.0.30", "uv.lock")}, "") == ""
    assert mistake(new, {"pyuwsgi": ("", "requirements.txt")}, "") == ""
    assert mistake(new, {"pyuwsgi": ("2.0.29", "uv.lock")}, "").startswith("pyuwsgi 2.0.29 has no wheel")


def test_check_refuses_a_site_whose_uwsgi_can_not_be_installed_on_its_server(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/requirements.txt").write_text("flask\n")
    apps = [{**APP, "directory": str(tmp_path / "shop")}]
    arguments = {"apps": apps, "cache": str(tmp_path / "cache"), "refuse": True}
    calls.action("release_sources", arguments, {"ansible_facts": {"python_version": "3.13.5"}})
    with pytest.raises(AnsibleActionFail, match=r"^shop: pyuwsgi 2\.0\.30 has no wheel for Python 3\.14: give it"):
        calls.action("release_sources", arguments, {"ansible_facts": {"python_version": "3.14.0"}})
