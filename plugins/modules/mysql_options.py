#!/usr/bin/python
"""Set a running MySQL server's options, and note those that only a restart takes up."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_options
short_description: Set a running MySQL server's options, and note those that only a restart takes up
description:
  - Sets what a running server can change, and leaves alone what it runs with already. It never restarts the server.
  - What only a restart takes up is noted in a file, which counts until the server is started again by whomever.
options:
  options:
    type: dict
    required: true
    description: Wanted values by name, as SQL writes them; DEFAULT for an option that was taken out.
  files:
    type: list
    elements: path
    default: []
    description: >-
      Files that the options are in. A server that was started after the last of them was written has read them, so
      nothing is pending.
  units:
    type: list
    elements: path
    default: []
    description: Drop-ins of the unit that have changed; one that is newer than the server's start waits for a restart.
  pending: {type: path, default: /run/foobar.webstack/mysql.restart, description: File of what waits for a restart.}
  login_unix_socket: {type: path, default: /run/mysqld/mysqld.sock, description: The server's socket.}
  login_password: {type: str, default: "", description: "Root's password, where root has one."}
attributes:
  check_mode:
    support: partial
    description: Says which options would be set.
    details: Which of them only a restart takes up is not known before.
  diff_mode: {support: none, description: Shows no difference.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Set what a running server can change
  foobar.webstack.mysql_options:
    options: {max_connections: "200", innodb_flush_method: "'O_DIRECT'"}
    files: [/etc/mysql/mysql.conf.d/zz-webstack.cnf]
"""

RETURN = r"""
set: {type: list, elements: str, returned: success, description: Options that the server has taken over.}
pending: {type: list, elements: str, returned: success, description: Options and files that wait for a restart.}
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.mysql_client import (
    LOGIN,
    Client,
    MysqlError,
    note_pending,
    pending_options,
)
from ansible_collections.foobar.webstack.plugins.module_utils.systemd_units import SystemdError, unit_states

UNKNOWN = 1193
# Options that nothing and nobody has set.
DEFAULTS = "SELECT variable_name FROM performance_schema.variables_info WHERE variable_source = 'COMPILED'"


def normalized(value: str) -> str:
    """Return a value in the one form in which SQL's and the server's own words for it are the same."""
    text = value.strip("'").replace("''", "'").replace("\\\\", "\\").rstrip("/").upper()
    if text in ("ON", "OFF"):
        return str(int(text == "ON"))
    try:
        return f"{float(text):g}" if "." in text else text
    except ValueError:
        return text


def runs_with(name: str, value: str, running: dict[str, str]) -> bool:
    """Tell whether a server runs with a value; an unknown option that is to be off is off, as of a plugin left out."""
    if name in running:
        return normalized(running[name]) == normalized(value)
    return normalized(value) == "0" and not any(known.startswith(f"{name}_") for known in running)


def modified(paths: list[str]) -> float:
    """Return when the last of some files was written, in seconds since the epoch, or 0 if none is there."""
    return max((Path(path).stat().st_mtime for path in paths if Path(path).exists()), default=0)


def main() -> None:
    """Run the module."""
    paths = {"type": "list", "elements": "path", "default": []}
    module = AnsibleModule(
        argument_spec={
            "options": {"type": "dict", "required": True},
            "files": paths,
            "units": paths,
            "pending": {"type": "path", "default": "/run/foobar.webstack/mysql.restart"},
            **LOGIN,
        },
        supports_check_mode=True,
    )
    wanted = {name.removeprefix("loose_"): str(value) for name, value in module.params["options"].items()}
    loose = {name.removeprefix("loose_") for name in module.params["options"] if name.startswith("loose_")}
    marker = Path(module.params["pending"])
    client = Client(module.run_command, module.params["login_unix_socket"], module.params["login_password"])
    try:
        started = unit_states(["mysql"], module.run_command)["mysql"]["started"]
        running = dict(line.partition("\t")[::2] for line in client.lines("SHOW GLOBAL VARIABLES"))
        defaults = client.lines(DEFAULTS)
        same = [
            name
            for name, value in wanted.items()
            if (name in defaults if value == "DEFAULT" else runs_with(name, value, running))
        ]
        differing = sorted(set(wanted) - set(same))
        # One that waits for a restart, and has gone back to what the server runs with, waits no more.
        pending = [name for name in pending_options(marker, started) if name not in same]
        if module.check_mode:
            module.exit_json(changed=bool(differing), set=differing, pending=pending)
        errors = client.errors([f"SET GLOBAL {name} = {wanted[name]}" for name in differing])
    except MysqlError as error:
        module.fail_json(msg=f"MySQL does not answer root: {error}.")
    except SystemdError as error:
        module.fail_json(msg=f"{error}.")
    refused = {differing[position]: code for position, (code, _) in errors.items()}
    waiting = [name for name, code in refused.items() if not (code == UNKNOWN and name in loose)]
    if modified(module.params["files"]) <= started:
        waiting = []
    waiting += [path for path in module.params["units"] if modified([path]) > started]
    names = sorted({*pending, *waiting} - (set(differing) - set(refused)))
    note_pending(marker, names)
    done = [name for name in differing if name not in refused]
    module.exit_json(changed=bool(done), set=done, pending=names)


if __name__ == "__main__":
    main()
