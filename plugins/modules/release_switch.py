#!/usr/bin/python
"""Make a release the live one, or note that it could not be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import releases

DOCUMENTATION = r"""
module: release_switch
short_description: Make a release the live one
description:
  - Writes the release's record, lets C(previous) point to the release that was live, and replaces C(current) in one
    rename, so that code, static files and socket change for the web server in the same instant.
  - Adds a line to /var/log/app_deploy/<app>.log. Who does it, and for how long, the application's lock tells.
options:
  app: {type: str, required: true, description: Name of the application.}
  path: {type: path, required: true, description: "Folder that holds C(releases), C(current) and C(previous)."}
  release: {type: str, required: true, description: Release to make live.}
  event:
    type: str
    required: true
    choices: [deploy, rollback, revert, failure]
    description: >-
      What the log says of it. With C(revert) the release that was live is no finished one any more, as if it had never
      been live. With C(failure) nothing is switched.
  revision: {type: str, default: "", description: What the source's revision is; kept from the record unless set.}
  bad: {type: list, elements: str, default: [], description: Releases that are bad from now on.}
  reason: {type: str, default: "", description: Why it failed.}
author: [The foobar.webstack authors]
"""

EXAMPLES = r"""
- name: Make the release live
  foobar.webstack.release_switch:
    app: shop
    path: /srv/shop
    release: 1a2b3c4d-5e6f7a8b
    event: deploy
"""

RETURN = r"""
previous: {type: str, returned: success, description: "Release that was live before, or an empty string."}
"""


def switch(path: Path, release: str, bad: list[str], details: dict[str, Any]) -> str:
    """Make a release live, note those that are bad, and return the one that was live."""
    records = releases.read(path)
    live = releases.linked(path / "current")
    old = records.get(release, {})
    number = max((int(record["number"]) for record in records.values()), default=0) + 1
    record = {**old, **details, "number": number, "at": releases.now(), "bad": False}
    releases.write(path / "releases" / release / releases.RECORD, record)
    for name in bad:
        if name in records and name != release:
            releases.write(path / "releases" / name / releases.RECORD, records[name] | {"bad": True})
    if live not in ("", release):
        releases.link(path / "previous", f"releases/{live}")
    releases.link(path / "current", f"releases/{release}")
    return live


def revert(path: Path, release: str) -> str:
    """Make the release before live again, as if the one that is had never been, and return that one."""
    live = releases.linked(path / "current")
    releases.link(path / "current", f"releases/{release}")
    (path / "releases" / live / releases.RECORD).unlink(missing_ok=True)
    before = [name for name, record in releases.read(path).items() if name != release and not record["bad"]]
    if before:
        releases.link(path / "previous", f"releases/{before[0]}")
    else:
        (path / "previous").unlink(missing_ok=True)
    return live


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "app": {"type": "str", "required": True},
            "path": {"type": "path", "required": True},
            "release": {"type": "str", "required": True},
            "event": {"type": "str", "required": True, "choices": ["deploy", "rollback", "revert", "failure"]},
            "revision": {"type": "str", "default": ""},
            "bad": {"type": "list", "elements": "str", "default": []},
            "reason": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    options = module.params
    path, release, event = Path(options["path"]), options["release"], options["event"]
    live = releases.linked(path / "current")
    if not module.check_mode:
        details = releases.held(options["app"]) | {name: options[name] for name in ("revision",) if options[name]}
        if event == "revert":
            live = revert(path, release)
        elif event != "failure":
            live = switch(path, release, options["bad"], details)
        if options["reason"]:
            details["reason"] = options["reason"]
        releases.log(options["app"], event, release=release, before=live, **details)
    module.exit_json(changed=True, previous=live)


if __name__ == "__main__":
    main()
