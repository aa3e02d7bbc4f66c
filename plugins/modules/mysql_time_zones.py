#!/usr/bin/python
"""Load the system's time zones into a MySQL server."""

from __future__ import annotations

DOCUMENTATION = r"""
module: mysql_time_zones
short_description: Load the system's time zones into a MySQL server
description:
  - Without them C(CONVERT_TZ) is NULL for every zone by name, which is what Django's date filters ask for.
  - All of them are replaced in one transaction, so that no connection is without them in between. Nothing of it goes
    into the binary log.
  - A server keeps each zone that it has used until it is started again. Where there were time zones before, that is
    noted in the file O(pending).
options:
  record:
    type: path
    default: /etc/mysql/webstack-time-zones
    description: File that says which time zones were loaded last, for M(foobar.webstack.mysql_state).
  pending: {type: path, default: /run/foobar.webstack/mysql.restart, description: File of what waits for a restart.}
  login_unix_socket: {type: path, default: /run/mysqld/mysqld.sock, description: The server's socket.}
  login_password: {type: str, default: "", description: "Root's password, where root has one."}
attributes:
  check_mode: {support: full, description: Loads nothing.}
  diff_mode: {support: none, description: Shows no difference.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Load the time zones
  foobar.webstack.mysql_time_zones:
    record: /etc/mysql/time-zones
"""

RETURN = r"""
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
from ansible_collections.foobar.webstack.plugins.module_utils.time_zones import (
    ZONES,
    TimeZoneError,
    digest,
    statements,
)

HAS_ANY = "SELECT EXISTS (SELECT 1 FROM mysql.time_zone_name)"


def sql(module: AnsibleModule) -> str:
    """Return what loads the system's time zones, by the server's own program."""
    code, output, error = module.run_command(["mysql_tzinfo_to_sql", str(ZONES)], handle_exceptions=False)
    if code != 0:
        last = (error.strip() or "it printed nothing").splitlines()[-1]
        raise TimeZoneError(f"mysql_tzinfo_to_sql ended with {code}: {last}")
    return statements(output)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "record": {"type": "path", "default": "/etc/mysql/webstack-time-zones"},
            "pending": {"type": "path", "default": "/run/foobar.webstack/mysql.restart"},
            **LOGIN,
        },
        supports_check_mode=True,
    )
    marker, record = Path(module.params["pending"]), Path(module.params["record"])
    client = Client(module.run_command, module.params["login_unix_socket"], module.params["login_password"])
    try:
        pending = pending_options(marker, unit_states(["mysql"], module.run_command)["mysql"]["started"])
        if module.check_mode:
            module.exit_json(changed=True, pending=pending)
        had_any = client.lines(HAS_ANY) == ["1"]
        # Should they change while they are read, the next run loads them once more.
        found = digest()
        client.script(sql(module))
    except MysqlError as error:
        module.fail_json(msg=f"MySQL does not answer root: {error}.")
    except (OSError, SystemdError, TimeZoneError) as error:
        module.fail_json(msg=f"The time zones can't be loaded: {error}.")
    if had_any:
        pending = sorted({*pending, str(ZONES)})
        note_pending(marker, pending)
    record.write_text(f"{found}\n")
    record.chmod(0o644)
    module.exit_json(changed=True, pending=pending)


if __name__ == "__main__":
    main()
