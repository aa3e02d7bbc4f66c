#!/usr/bin/python
"""Tell what a server knows of its certificates."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tls_status
short_description: Tell what a server knows of its certificates
description:
  - Reads the files that are served and what the last runs of C(tls-renew.service) have noted. It asks no CA, and not
    the web server either.
options: {}
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: Read what is known of the certificates
  foobar.webstack.tls_status: {}
  register: status

- name: Refuse to go on with one that ends within a week
  ansible.builtin.assert:
    that: item.days_left >= 7
  loop: "{{ status.certificates }}"
"""

RETURN = r"""
certificates:
  type: list
  elements: dict
  returned: success
  description: >-
    Of each certificate its C(name), C(domains), the names that the web server answers for as C(served), C(provider),
    C(issuer), when it ends as C(not_after), C(days_left), when the server gets the next one as C(renewal), whether
    browsers are sent to https for all of C(served) as C(is_trusted), the names for which they are not as
    C(not_redirected), and the C(failure) of the last run, which is empty where there was none. One whose file can't be
    read has that as its failure, and no end. A server that the role tls has not set up has none.
lines:
  type: list
  elements: str
  returned: success
  description: >-
    The same as a table of name, issuer, days left, next renewal, whether browsers are sent to https, and last error,
    for people.
"""

import re
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.tls_certificate import (
    Certificate,
    Refused,
    read_certificate,
)
from ansible_collections.foobar.webstack.plugins.module_utils.tls_renewal import Renewal
from ansible_collections.foobar.webstack.plugins.module_utils.tls_schedule import DAY, moment, renewal_time, window_time
from ansible_collections.foobar.webstack.plugins.module_utils.tls_settings import SETTINGS, Settings, State, Wanted


def renewal(wanted: Wanted, state: State, held: Certificate, put_off_until: float) -> str:
    """Return when the server orders the next certificate, or nothing where somebody else has to bring it."""
    if wanted.provider == "files":
        return ""
    times = [renewal_time(held.not_before, held.not_after)]
    times += [window_time(state.window[0], state.window[1], state.window_of)] if state.window else []
    when = min(times) if state.ordered else 0
    if state.failures:
        when = put_off_until
    return moment(when) if when > time.time() else "at the next run"


def status(settings: Settings, wanted: Wanted) -> dict[str, Any]:
    """Return what is known of one certificate."""
    failure = settings.home / "failed" / wanted.name
    failures = failure.read_text().splitlines() if failure.exists() else []
    here = Renewal(settings)
    left = [host for host in wanted.served if not here.switch(host).exists()]
    told: dict[str, Any] = {key: getattr(wanted, key) for key in ("name", "domains", "served", "provider")}
    try:
        held, state = read_certificate(here.pem(wanted).read_text()), State.read(here.state_path(wanted.name))
        told |= dates(held) | {"renewal": renewal(wanted, state, held, here.put_off_until(wanted, state))}
    except (OSError, ValueError, Refused) as error:
        told |= {"issuer": "", "not_after": "", "days_left": 0, "renewal": ""}
        failures.append(f"{wanted.name}: its file can't be read: {error}.")
    return {
        **told,
        "is_trusted": bool(wanted.served) and not left,
        "not_redirected": left,
        "failure": "\n".join(failures),
    }


def dates(held: Certificate) -> dict[str, Any]:
    """Return issuer and end of a certificate."""
    issuer = re.search(r"CN ?= ?([^,/]+)", held.issuer)
    return {
        "issuer": issuer[1].strip() if issuer else held.issuer,
        "not_after": moment(held.not_after),
        "days_left": int((held.not_after - time.time()) // DAY),
    }


def table(certificates: list[dict[str, Any]]) -> list[str]:
    """Return lines that show certificates, those first that end first."""
    if not certificates:
        return ["There are no certificates of the role tls."]
    rows = [("NAME", "ISSUER", "DAYS LEFT", "NEXT RENEWAL", "REDIRECTED", "LAST ERROR")]
    for one in sorted(certificates, key=lambda one: (one["days_left"], one["name"])):
        failure = one["failure"].replace("\n", " ").removeprefix(f"{one['name']}: ")
        ends = (one["issuer"], str(one["days_left"]), one["renewal"] or "by hand") if one["not_after"] else ("?",) * 3
        rows.append((one["name"], *ends, redirected(one), failure or "none"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def redirected(one: dict[str, Any]) -> str:
    """Return in a word or two for which names of a certificate browsers are sent to https."""
    if one["is_trusted"]:
        return "yes"
    has_some = set(one["not_redirected"]) < set(one["served"])
    return f"not {' '.join(one['not_redirected'])}" if has_some else "no"


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    try:
        settings = Settings.read(SETTINGS) if SETTINGS.exists() else None
        found = [status(settings, wanted) for wanted in settings.certificates] if settings else []
    except (OSError, ValueError, LookupError, TypeError) as error:
        module.fail_json(msg=f"The certificates can't be read: {error}.")
    module.exit_json(changed=False, certificates=found, lines=table(found))


if __name__ == "__main__":
    main()
