#!/usr/bin/python
"""Ask a package repository for which machines it has packages."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_repository
short_description: Ask a package repository for which machines it has packages
description:
  - Fetches the file C(InRelease) of one suite, by apt's own means, so that apt's proxies, certificates and methods
    count. Nothing is added to the server's sources, and nothing is installed.
  - What the file says is not verified, since the repository's key need not be there yet; apt verifies what it installs.
  - Where the file can't be had, nothing is known, and apt will say why.
options:
  uris: {type: str, required: true, description: Address of the repository.}
  suites: {type: str, required: true, description: "Suite, such as trixie."}
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Ask the repository
  foobar.webstack.apt_repository:
    uris: https://repo.mysql.com/apt/debian
    suites: trixie
  register: repository

- name: Refuse a repository without packages for this machine
  ansible.builtin.assert:
    that: repository.architectures == [] or repository.architecture in repository.architectures
"""

RETURN = r"""
architecture: {type: str, returned: success, description: "What dpkg calls this machine, such as arm64."}
architectures:
  type: list
  elements: str
  returned: success
  description: For which machines the repository has packages; empty if that is not known.
"""

import re
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule

HELPER = "/usr/lib/apt/apt-helper"


def architectures(release: str) -> list[str]:
    """Return the architectures that an InRelease file names, without `all`, which every machine takes."""
    named = re.search(r"^Architectures:(.*)$", release, re.MULTILINE)
    return [name for name in named[1].split() if name != "all"] if named else []


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"uris": {"type": "str", "required": True}, "suites": {"type": "str", "required": True}},
        supports_check_mode=True,
    )
    address = f"{module.params['uris'].rstrip('/')}/dists/{module.params['suites']}/InRelease"
    _, own, _ = module.run_command(["dpkg", "--print-architecture"], check_rc=True)
    # apt's own user writes the file.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "InRelease")
        code, _, _ = module.run_command([HELPER, "download-file", address, str(file)])
        text = file.read_text(errors="replace") if code == 0 and file.exists() else ""
    module.exit_json(changed=False, architecture=own.strip(), architectures=architectures(text))


if __name__ == "__main__":
    main()
