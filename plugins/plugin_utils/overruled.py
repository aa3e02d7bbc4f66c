"""Variables of a user's group_vars that would be passed over in silence, as what the playbooks set comes first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.vars.hostvars import HostVars
from ansible.vars.plugins import get_vars_from_inventory_sources

OTHERWISE = "use the keys of an entry of sites or set it for a host"
# What no key of an entry sets.
WAYS = {
    "gunicorn_socket_group": "set web_server_user",
    "mysql_restart": "say -e restart=true",
    "nginx_restart": "say -e restart=true",
    "nginx_user": "set web_server_user",
    "tls_acme_email": "set certificate_email",
    "tls_certificates": "use tls of an entry of sites, or default_tls",
    "tls_group": "set web_server_user",
    "tls_nameservers": "set dns_nameservers",
    "uwsgi_socket_group": "set web_server_user",
}


def overruled(hostvars: HostVars, wiring: Path) -> list[str]:
    """Return a sentence for each variable of an inventory's groups that a folder of group_vars beside a playbook sets.

    Ansible's order is: inventory's group_vars, playbook's group_vars, a host's own variables, the command line.
    """
    wired = set[str]().union(*(yaml.safe_load(path.read_text()) for path in wiring.glob("*/*.yml")))
    inventory, loader = hostvars._inventory, hostvars._loader
    return [
        f"{name}: the playbooks set it themselves, so group_vars/{group.name} can't; {WAYS.get(name, OTHERWISE)}."
        for group in inventory.groups.values()
        for name in sorted(wired & _variables(group, inventory, loader))
    ]


def _variables(group: Any, inventory: Any, loader: Any) -> set[str]:
    """Return the names of the variables that an inventory gives to a group, in its files and in group_vars."""
    beside = get_vars_from_inventory_sources(loader, inventory._sources, [group], "task")
    return {*group.get_vars(), *beside}
