#!/usr/bin/python
"""Have a server look after its certificates now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_renew
short_description: Have a server look after its certificates now
description:
  - Starts C(tls-renew.service), which the role tls has written and its timer starts every hour, and waits for it.
    An order that was put off after a failure is tried at once, unless the CA itself has named a time.
  - What failed is returned and is no failure of the module, as every certificate has had its turn.
options:
  path: {type: path, required: true, description: Folder of the files that the web server reads.}
attributes:
  check_mode: {support: full, description: "Says that it would run, and does not."}
  diff_mode: {support: none, description: Keys are nothing to be shown.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Have certificates ordered whose last order has failed
  foobar.webstack.tls_renew:
    path: /etc/ssl/sites
  register: renewed
  failed_when: renewed.failures | length > 0
"""

RETURN = r"""
failures: {type: list, elements: str, returned: success, description: A sentence for each certificate's failure.}
"""

import hashlib
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.tls_renewal import HOME, PENDING

UNIT = "tls-renew.service"
# One run may be under way that has read the settings of before; a second one has not.
ATTEMPTS = 2


def contents(path: Path) -> dict[str, str]:
    """Return the checksum of each file in the folder that is served, by its name."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.glob("*") if file.is_file()}


def failures() -> list[str]:
    """Return the sentences that the last run has left."""
    return [line for file in sorted((HOME / "failed").glob("*")) for line in file.read_text().splitlines()]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"path": {"type": "path", "required": True}}, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=True, failures=[])
    path = Path(module.params["path"])
    before, code = contents(path), 0
    PENDING.parent.mkdir(exist_ok=True)
    PENDING.touch()
    for _ in range(ATTEMPTS):
        code, _, _ = module.run_command(["systemctl", "start", UNIT])
        if not PENDING.exists():
            break
    found = failures()
    if PENDING.exists() or (code != 0 and not found):
        _, words, _ = module.run_command(["journalctl", f"--unit={UNIT}", "--output=cat", "--lines=5"])
        module.fail_json(msg=f"{UNIT} failed: {' '.join(words.split())} See journalctl -u {UNIT}.")
    module.exit_json(changed=contents(path) != before, failures=found, **({"msg": " ".join(found)} if found else {}))


if __name__ == "__main__":
    main()
