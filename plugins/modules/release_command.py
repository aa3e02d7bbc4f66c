#!/usr/bin/python
"""Run a command of a release, such as a migration, in a sandbox."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_command
short_description: Run a command of a release, such as a migration, in a sandbox
description:
  - Runs a command in the folder of a release, with its environment first in the path. It sees the release and the
    folders that outlive it, no other release and no other application.
  - Where it runs as the application's own user, C($STATE_DIRECTORY) is the application's; else it is a folder that ends
    with the command.
  - What it says is added to a log on the server, which root alone can read. Where it fails, its last 40 lines are
    shown, too.
options:
  release: {type: str, required: true, description: Release in whose folder it runs.}
  command: {type: str, required: true, description: "Command, for a shell."}
  chdir: {type: str, default: "", description: Folder below the release in which it runs.}
  user: {type: str, required: true, description: User that it runs as.}
  group: {type: str, description: Its group; the application's user's unless set.}
  shared: {type: list, elements: str, default: [], description: "Paths below C(shared) that it may write to."}
  environment_files:
    type: list
    elements: str
    default: []
    description: "Files with its variables, in the format of systemd's C(EnvironmentFile)."
  environment: {type: dict, default: {}, description: Further variables.}
  success: {type: list, elements: int, default: [0], description: Its status when it succeeds.}
attributes:
  check_mode: {support: none, description: Is skipped.}
  diff_mode: {support: none, description: Shows no difference.}
extends_documentation_fragment: [foobar.webstack.application]
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Migrate
  foobar.webstack.release_command:
    app: {name: shop, path: /srv/shop, service: gunicorn-shop, target: shop, sockets: /run/gunicorn-shop}
    release: 1a2b3c4d-5e6f7a8b
    command: flask db upgrade
    user: shop
    environment_files: [/etc/gunicorn/shop/1a2b3c4d-5e6f7a8b/env]
"""

RETURN = r"""
status: {type: int, returned: success, description: "The command's status, one of O(success)."}
log: {type: str, returned: always, description: File on the server with all that it said.}
rc: {type: int, returned: where the command failed, description: Its status.}
error: {type: str, returned: where the command failed, description: The line of its output that says what went wrong.}
"""

import grp
import pwd
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import (
    names,
    release_lock,
    release_settings,
    release_state,
    sandbox_hints,
)
from ansible_collections.foobar.webstack.plugins.module_utils.release_instance import environment_files, instance
from ansible_collections.foobar.webstack.plugins.module_utils.release_sandbox import CommandError, Sandbox, open_log

SPEC: dict[str, Any] = {
    "app": {"type": "dict", "required": True, "options": release_state.APP},
    "release": {"type": "str", "required": True},
    "command": {"type": "str", "required": True},
    "chdir": {"type": "str", "default": ""},
    "user": {"type": "str", "required": True},
    "group": {"type": "str"},
    "shared": {"type": "list", "elements": "str", "default": []},
    "environment_files": {"type": "list", "elements": "str", "default": []},
    "environment": {"type": "dict", "default": {}},
    "success": {"type": "list", "elements": "int", "default": [0]},
    "owner": {"type": "dict", "required": True},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC)
    options, app = module.params, module.params["app"]
    shown = {name: value for name, value in options.items() if name != "environment"}
    invocation: dict[str, Any] = {"invocation": {"module_args": shown}}
    group = options["group"] or grp.getgrgid(pwd.getpwnam(options["user"]).pw_gid).gr_name
    log = open_log(Path(names.logs(app["name"])), options["release"])
    folder = Path(app["path"], "releases", options["release"])
    own = instance(app, options["release"], release_settings.read(app["name"]))
    sandbox = Sandbox(
        app["name"],
        Path(app["path"]),
        options["release"],
        options["user"],
        group,
        log,
        environment={
            "PATH": f"{folder}/.venv/bin:/usr/local/bin:/usr/bin:/bin",
            "VIRTUAL_ENV": f"{folder}/.venv",
            "HOME": "/tmp",
            **{name: str(value) for name, value in options["environment"].items()},
        },
        environment_files=environment_files(own, options["environment_files"]),
        shared=options["shared"],
        writes_shared=True,
        # systemd gives the folder to whoever runs, and it is the application's own.
        keeps_state=options["user"] == app["user"] and group == app["user"],
    )
    try:
        release_lock.require(app["name"], options["owner"])
        status = sandbox.run(options["command"], options["success"], chdir=options["chdir"])
    except CommandError as error:
        module.fail_json(
            msg=f"{app['name']}: {error}.{sandbox_hints.hint(error.said, str(folder))}",
            rc=error.status,
            error=error.error,
            last_lines=error.said[-40:],
            log=str(log),
            **invocation,
        )
    except OSError as error:
        module.fail_json(msg=f"{app['name']}: {error}.", **invocation)
    module.exit_json(changed=True, status=status, log=str(log), **invocation)


if __name__ == "__main__":
    main()
