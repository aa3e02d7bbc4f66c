#!/usr/bin/python
"""Tell which servers nginx is configured to answer for, and who has written them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_configuration
short_description: Tell which servers nginx is configured to answer for
description:
  - Reads C(nginx.conf) and all that it includes, without nginx, and tells which server blocks stand in which files.
  - Knows the files that a package has brought and nobody has changed, and what the role P(foobar.webstack.nginx#role)
    wrote.
  - Only reads, in check mode and without it.
options:
  path: {type: path, default: /etc/nginx/nginx.conf, description: The configuration.}
  kept:
    type: list
    elements: str
    default: []
    description: Patterns of included files that stay included, as the include directive takes them.
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Read nginx's configuration
  foobar.webstack.nginx_configuration:
    kept: [/etc/nginx/conf.d/*.conf]
  register: found

- name: Show sites that nobody keeps
  ansible.builtin.debug:
    msg: "{{ found.servers | rejectattr('kept') | map(attribute='file') | unique }}"
"""

RETURN = r"""
ours: {type: bool, returned: success, description: Whether the role nginx has written the configuration.}
modified:
  type: bool
  returned: success
  description: Whether it is somebody else's, who is neither the role nor a package.
servers:
  type: list
  elements: dict
  returned: success
  description: >-
    For each server block its C(file), its C(names), what it listens on (C(listen), as written), whether its file stays
    included (C(kept)), and whether the role or an unchanged file of a package has it (C(ours), C(packaged)).
serves:
  type: bool
  returned: success
  description: Whether any server is somebody's site, the role's among them.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.nginx_configuration import (
    OURS,
    Server,
    included_files,
    read_configuration,
)

# As dpkg-query prints one: its path and MD5 sum.
CONFFILE = r"^ (/etc/\S+) ([0-9a-f]{32})"


def packaged_files(module: AnsibleModule) -> dict[str, str]:
    """Return the MD5 sums of the configuration files that packages have brought, by their paths."""
    code, output, error = module.run_command(["dpkg-query", "--show", "--showformat=${Conffiles}\\n"])
    if code != 0:
        module.fail_json(msg=f"dpkg-query failed: {(error or output).strip()}")
    return dict(re.findall(CONFFILE, output, re.MULTILINE))


def is_packaged(module: AnsibleModule, path: str, packaged: dict[str, str]) -> bool:
    """Tell whether a file, or the one that a link leads to, is a package's and unchanged."""
    real = os.path.realpath(path)
    if real.startswith("/usr/") and not real.startswith("/usr/local/"):
        code, _, _ = module.run_command(["dpkg-query", "--search", real])
        return bool(code == 0)
    # MD5 is what dpkg keeps; systems that forbid it for security allow it for this.
    return (
        real in packaged and packaged[real] == hashlib.md5(Path(real).read_bytes(), usedforsecurity=False).hexdigest()
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "default": "/etc/nginx/nginx.conf"},
            "kept": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    path = module.params["path"]
    configuration = read_configuration(path)
    packaged = packaged_files(module)
    untouched = {file for file in configuration.files if is_packaged(module, file, packaged)}
    kept = {file for pattern in module.params["kept"] for file in included_files(pattern, os.path.dirname(path))}
    ours = bool(configuration.files) and OURS in Path(path).read_text(errors="replace")

    def described(server: Server) -> dict[str, Any]:
        return {
            "file": server.file,
            "names": server.names,
            "listen": server.listen,
            "kept": not kept.isdisjoint(server.files),
            "ours": ours and server.file == path,
            "packaged": server.file in untouched,
        }

    servers = [described(server) for server in configuration.servers]
    module.exit_json(
        changed=False,
        ours=ours,
        modified=bool(configuration.files) and not ours and path not in untouched,
        servers=servers,
        # The role's own server without a name is the one that drops unknown hosts.
        serves=any(server["names"] if server["ours"] else not server["packaged"] for server in servers),
    )


if __name__ == "__main__":
    main()
