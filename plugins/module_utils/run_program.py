"""The program webstack-run of a server, which the modules of releases keep as it is here."""

from __future__ import annotations

import inspect

from ansible_collections.foobar.webstack.plugins.module_utils import release_settings, webstack_run

PROGRAM = "/usr/local/sbin/webstack-run"


def manifest() -> release_settings.Manifest:
    """Return the program as a file that belongs to no release."""
    text = f"#!/usr/bin/python3\n# {release_settings.OURS}\n{inspect.getsource(webstack_run)}"
    return {
        "files": [{"dest": PROGRAM, "content": text, "owner": "root", "group": "root", "mode": "0755"}],
        "passwords": {},
    }
