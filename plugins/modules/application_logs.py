#!/usr/bin/python
"""Show what an application, its workers, its web server and its builds have said last."""

from __future__ import annotations

DOCUMENTATION = r"""
module: application_logs
short_description: Show what an application has logged last, and how to follow it
description:
  - Reads the last lines of an application's web processes, of its background and scheduled commands, of what nginx says
    of its names, and of its last build with its migrations. Shows them with a heading each, and the command that
    follows the journal from this controller.
  - What is not on the server is left out. What an application logs is its own; it is shown as it is.
options:
  app: {type: str, required: true, description: Name of the application.}
  names:
    type: list
    elements: str
    default: []
    description: >-
      Host names of its site, by which its requests are told from others in nginx's journal. A C(*) stands for any part
      of one.
  lines: {type: int, default: 50, description: Lines of each.}
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Look at the shop
  foobar.webstack.application_logs:
    app: shop
    names: [shop.example.com]
    lines: 100
"""

RETURN = r"""
follow: {type: str, returned: success, description: Command that follows the journal of the application.}
"""

import re
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import names, webstack_run
from ansible_collections.foobar.webstack.plugins.module_utils.release_units import Run

SPEC: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "names": {"type": "list", "elements": "str", "default": []},
    "lines": {"type": "int", "default": 50},
}
# Journals by what they are of, each with the patterns of its units.
Journals = dict[str, list[str]]


def journals(app: str) -> Journals:
    """Return the journals of an application; without a live release there is none of its web processes."""
    try:
        service = webstack_run.live(app).unit.partition("@")[0]
    except webstack_run.RunError:
        return {"Workers": [f"{app}-*@*"]}
    return {"Web": [f"{service}@*"], "Workers": [f"{app}-*@*"]}


def journal(run: Run, lines: int, *options: str) -> list[str]:
    """Return the last lines of a journal; one without any has none."""
    _, said, _ = run(["journalctl", "--quiet", "--no-pager", "--no-hostname", f"--lines={lines}", *options])
    return said.splitlines()


def nginx(run: Run, hosts: list[str], lines: int) -> list[str]:
    """Return what nginx has said last of some host names, in its lines of requests and in those of errors."""
    if not hosts:
        return []
    either = "|".join(re.escape(host).replace(r"\*", r"[\w.-]+") for host in hosts)
    # A longer name, such as example.com.au, is another one.
    pattern = rf'(host=|host: "|server: )({either})(?![\w.-])'
    return journal(run, lines, "--unit=nginx", "--case-sensitive=no", f"--grep={pattern}")


def build(app: str, lines: int) -> tuple[str, list[str]]:
    """Return the log of the last build, migrations included, and its last lines; both are empty where there is none."""
    logs = sorted(Path(names.logs(app)).glob("*.log"), key=lambda file: file.stat().st_mtime)
    return (str(logs[-1]), logs[-1].read_text(errors="replace").splitlines()[-lines:]) if logs else ("", [])


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    app, hosts, lines = (module.params[name] for name in ("app", "names", "lines"))
    found = journals(app)
    parts = {
        title: journal(module.run_command, lines, *(f"--unit={unit}" for unit in units))
        for title, units in found.items()
    }
    parts["nginx"] = nginx(module.run_command, hosts, lines)
    log, parts["Last build"] = build(app, lines)
    units = [f"-u '{unit}'" for patterns in found.values() for unit in patterns]
    module.exit_json(changed=False, parts=parts, log=log, follow=" ".join(["journalctl", "-f", *units]))


if __name__ == "__main__":
    main()
