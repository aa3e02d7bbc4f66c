#!/usr/bin/python
"""Compare the secrets of a controller with those that a server has, and remember those that went live."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_fingerprints
short_description: Refuse secrets that are others than a server's
description:
  - Each C(vault_) variable that the entries of O(sites) use, however indirectly, is a secret. The server keeps a
    fingerprint of each, salted and slow to compute, in a file for root alone; no secret is in the output.
  - A server that a newer version of the collection has set up is refused, unless the sites use no secret.
  - A secret without a fingerprint is compared with the environment of the site's live release. It is another than the
    server's when a variable that it is a part of is there, and it stands in none.
  - A server that has neither takes every secret.
  - A fingerprint is written by O(state=recorded) alone, and only when the release that uses the secret is live, so
    call it after the release; whoever was interrupted before is known by what is live.
options:
  state:
    type: str
    choices: [verified, recorded]
    default: verified
    description: Refuse other secrets, and change nothing; or write the fingerprints of those that are live.
  sites:
    type: list
    elements: dict
    required: true
    description: All entries of sites, as in C(group_vars/all/sites.yml).
  domains:
    type: list
    elements: str
    description: The sites that the play is about; others' secrets are refused by none. All of them unless set.
  new_secrets:
    type: raw
    default: []
    description: Names of secrets that are meant to replace the server's; a list, or a text with commas.
  root: {type: path, default: /, description: Folder that stands for the server's C(/).}
attributes:
  check_mode: {support: full, description: Compares in check mode too; says what O(state=recorded) would write.}
  diff_mode: {support: none, description: Shows no secret and no fingerprint.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Refuse secrets that are not the server's
  foobar.webstack.secret_fingerprints:
    sites: "{{ sites }}"
    new_secrets: "{{ new_secrets | default([]) }}"
  become: true
  register: compared

- name: Release
  ansible.builtin.import_role:
    name: foobar.webstack.app_deploy

- name: Remember the secrets that are live
  foobar.webstack.secret_fingerprints:
    state: recorded
    sites: "{{ sites }}"
  become: true
  when: compared.unrecorded
"""

RETURN = r"""
unrecorded: {type: bool, returned: success, description: Whether O(state=recorded) has something to write.}
"""

import json
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils import environment_files
from ansible_collections.foobar.webstack.plugins.module_utils.secret_fingerprints import (
    STORE,
    Fingerprints,
    stands_in,
)
from ansible_collections.foobar.webstack.plugins.module_utils.set_up import set_up_by

# {name, value, matters: bool, new: bool, places: [{app, variable, migrations: bool}]}
Secret = dict[str, Any]
Environment = dict[str, str]


def read_environment(file: Path) -> Environment | None:
    """Return the variables of an environment file as the roles write it, if it is there."""
    # Not as text: a line break of a value is none of the file's.
    return environment_files.variables(file.read_bytes().decode()) if file.is_file() else None


class Server:
    """What a server has: its live releases' environments and its fingerprints."""

    def __init__(self, root: Path) -> None:
        """Read the fingerprints."""
        self.root = root
        self.fingerprints = Fingerprints(root / STORE)
        self._environments: dict[tuple[str, bool], Environment | None] = {}

    def environment(self, app: str, migrations: bool) -> Environment | None:
        """Return the environment of an app's live release, or of its migrations; None where there is none."""
        if (app, migrations) not in self._environments:
            self._environments[app, migrations] = self._read(app, migrations)
        return self._environments[app, migrations]

    def _read(self, app: str, migrations: bool) -> Environment | None:
        home, settings = self.root / "srv" / app, self.root / "etc/gunicorn"
        if not (home / "current").is_symlink():
            return None
        if migrations:
            return read_environment(home / "migrate.env")
        own = settings / app / (home / "current").readlink().name / "env"
        # Up to 0.1.0 all releases of an app shared one file.
        return read_environment(own if own.exists() else settings / f"{app}.env")

    def is_live(self, secret: Secret) -> bool:
        """Tell whether a secret stands in a live environment of an app that uses it.

        The environment of migrations is that of the last ones, which may be long ago, so a fingerprint is better.
        """
        return any(
            stands_in(secret["value"], text)
            for place in secret["places"]
            if not (place["migrations"] and secret["name"] in self.fingerprints.secrets)
            for text in (self.environment(place["app"], place["migrations"]) or {}).values()
        )

    def has_another(self, secret: Secret) -> bool:
        """Tell whether a variable that the secret is a part of has a live value; it is known to stand in none."""
        return any(
            place["variable"] in (self.environment(place["app"], place["migrations"]) or {})
            for place in secret["places"]
        )

    def has_gone_live(self, secret: Secret) -> bool:
        """Tell whether all live releases that use a secret know it.

        Migrations get theirs when there are some, so that what they had before says nothing. Neither does a server
        without any of the releases, such as that of the database.
        """
        environments = [
            environment
            for app in {place["app"] for place in secret["places"] if not place["migrations"]}
            if (environment := self.environment(app, migrations=False)) is not None
        ]
        return all(
            any(stands_in(secret["value"], text) for text in environment.values()) for environment in environments
        )


def verified(server: Server, secrets: list[Secret]) -> dict[str, Any]:
    """Return the numbers of the secrets that are others than the server's, and whether one is not recorded yet."""
    fingerprints = server.fingerprints
    known = fingerprints.known({secret["name"]: secret["value"] for secret in secrets})
    unknown = [secret for secret in secrets if secret["name"] not in known]
    foreign = [
        secret
        for secret in unknown
        if secret["matters"]
        and not secret["new"]
        and not server.is_live(secret)
        and (secret["name"] in fingerprints.secrets or server.has_another(secret))
    ]
    return {
        "foreign": [secrets.index(secret) for secret in foreign],
        "unrecorded": any(secret["matters"] for secret in unknown) or not (unknown or fingerprints.is_complete(known)),
    }


def recorded(server: Server, secrets: list[Secret], is_check: bool) -> dict[str, Any]:
    """Write the fingerprints of the secrets that are live."""
    fingerprints = server.fingerprints
    known = fingerprints.known({secret["name"]: secret["value"] for secret in secrets})
    live = {
        secret["name"]: secret["value"]
        for secret in secrets
        if secret["name"] in known or (secret["matters"] and server.has_gone_live(secret))
    }
    # Who has others than the server's has no say in which of them one slow hash is over.
    changed = set(live) != known or (len(live) == len(secrets) and not fingerprints.is_complete(live))
    if changed and not is_check:
        fingerprints.replace(live, known)
        fingerprints.write()
    return {"changed": changed, "unrecorded": False}


def main() -> None:
    """Run the module; the action of the same name makes the list of the secrets from the sites."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["verified", "recorded"], "default": "verified"},
            "root": {"type": "path", "default": "/"},
            # As one text, so that hiding it hides no part of a name that happens to be a secret, too.
            "secrets": {"type": "json", "required": True, "no_log": True},
        },
        supports_check_mode=True,
    )
    secrets: list[Secret] = json.loads(module.params["secrets"])
    root = Path(module.params["root"])
    # A newer version may keep fingerprints in another way, so that this one can't read them.
    version = set_up_by(root)
    try:
        server = Server(root)
        if module.params["state"] == "verified":
            module.exit_json(changed=False, set_up_by=version, **verified(server, secrets))
        module.exit_json(set_up_by=version, **recorded(server, secrets, module.check_mode))
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error), set_up_by=version)


if __name__ == "__main__":
    main()
