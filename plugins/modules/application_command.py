#!/usr/bin/python
"""Run a command beside the live release of an application."""

from __future__ import annotations

DOCUMENTATION = r"""
module: application_command
short_description: Run a command beside the live release of an application
description:
  - Runs a command once, such as C(python manage.py createsuperuser --noinput), as the user that the application runs
    as, in the folder of its live release, with its environment and in its sandbox. Its programs are first in the path.
  - What it says is shown when it has ended. It is no part of the result.
  - No lock is asked for, so it runs while a release is made, too.
options:
  app: {type: str, required: true, description: Name of the application.}
  command: {type: str, required: true, description: "Command, for a shell. It reads nothing."}
attributes:
  check_mode: {support: none, description: Is skipped.}
  diff_mode: {support: none, description: Shows no difference.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Clear what nobody asks for any more
  foobar.webstack.application_command:
    app: shop
    command: python manage.py clearsessions
  run_once: true
"""

RETURN = r"""
rc: {type: int, returned: where the command was run, description: Its status.}
"""

import subprocess
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import webstack_run


def main() -> None:
    """Run the module."""
    spec = {"app": {"type": "str", "required": True}, "command": {"type": "str", "required": True}}
    module = AnsibleModule(argument_spec=spec)
    app, text = module.params["app"], module.params["command"]
    try:
        service = webstack_run.live(app)
    except webstack_run.RunError as error:
        module.fail_json(msg=f"{app}: {error}")
    command = webstack_run.command(service, ["/bin/sh", "-c", text], terminal=False)
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    said: dict[str, Any] = {"said": ended.stdout.decode(errors="replace").splitlines(), "rc": ended.returncode}
    if ended.returncode != 0:
        module.fail_json(msg=f"{app}: the command ended with {ended.returncode}.", **said)
    module.exit_json(changed=True, **said)


if __name__ == "__main__":
    main()
