#!/usr/bin/python
"""Have a server look after its certificates now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_renew
short_description: Have a server look after its certificates now
description:
  - Starts C(tls-renew.service), which the role tls has written and its timer starts every hour, and waits for it.
    An order that was put off after a failure is tried at once, unless the CA itself has named a time.
  - Before an order, the controller asks the names' own name servers and each address that they give, as the CA will;
    where it gets no answer, the server does. Nothing is ordered where the CA would not find what it looks for.
  - What failed is returned and is no failure of the module, as every certificate has had its turn.
options:
  path: {type: path, required: true, description: Folder of the files that the web server reads.}
  prune:
    type: bool
    default: false
    description:
      - Remove the files of certificates that the role no longer lists. The web server is reloaded without them; where
        it fails, they come back.
  verdicts: {type: dict, description: Set by the action; what the controller has found out.}
  probes: {type: list, elements: str, default: [], description: Set by the action; files that it has asked for.}
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
due: {type: dict, returned: before an order, description: For the action; what has to be looked at before.}
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.tls_preflight import remove_probe
from ansible_collections.foobar.webstack.plugins.module_utils.tls_renewal import Renewal
from ansible_collections.foobar.webstack.plugins.module_utils.tls_settings import (
    HOME,
    REQUEST,
    SETTINGS,
    Request,
    Settings,
    replace,
)

UNIT = "tls-renew.service"
# One run may be under way that has read the settings of before; a second one has not.
ATTEMPTS = 2


def contents(path: Path) -> dict[str, str]:
    """Return the checksum of each file in the folder that is served, by its name."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in path.glob("*") if file.is_file()}


def failures() -> list[str]:
    """Return the sentences that the last run has left."""
    return [line for file in sorted((HOME / "failed").glob("*")) for line in file.read_text().splitlines()]


def start(module: AnsibleModule) -> int:
    """Have the unit run with what this run asks for; return its code."""
    code = 0
    REQUEST.parent.mkdir(exist_ok=True)
    replace(REQUEST, json.dumps({"verdicts": module.params["verdicts"] or {}, "prune": module.params["prune"]}))
    for _ in range(ATTEMPTS):
        code, _, _ = module.run_command(["systemctl", "start", UNIT])
        if not REQUEST.exists():
            break
    return code


def main() -> None:
    """Run the module."""
    options = {
        "path": {"type": "path", "required": True},
        "prune": {"type": "bool", "default": False},
        "verdicts": {"type": "dict"},
        "probes": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    if module.check_mode:
        module.exit_json(changed=True, failures=[])
    settings = Settings.read(SETTINGS)
    if module.params["verdicts"] is None and (checks := Renewal(settings, Request()).checks()):
        module.exit_json(changed=False, failures=[], due={name: asdict(check) for name, check in checks.items()})
    path = Path(module.params["path"])
    try:
        before = contents(path)
        code = start(module)
    finally:
        for probe in module.params["probes"]:
            remove_probe(settings.authority.webroot, probe)
    found = failures()
    if REQUEST.exists() or (code != 0 and not found):
        _, words, _ = module.run_command(["journalctl", f"--unit={UNIT}", "--output=cat", "--lines=5"])
        module.fail_json(msg=f"{UNIT} failed: {' '.join(words.split())} See journalctl -u {UNIT}.")
    module.exit_json(changed=contents(path) != before, failures=found, **({"msg": " ".join(found)} if found else {}))


if __name__ == "__main__":
    main()
