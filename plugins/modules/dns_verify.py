"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: dns_verify
short_description: Ask every authoritative server of some zones until all agree
description:
  - Asks each server for each listed record, and fails with the name of each server that still differs at the end.
  - Compares values, not TTLs. A record with C(merge) may have other values, too.
author: [The foobar.webstack authors (@foobar)]
options:
  zones:
    description: Zones as the filter P(foobar.webstack.dns_zones#filter) returns them.
    type: list
    elements: dict
    required: true
  varying:
    description: Records not to ask for, as P(foobar.webstack.dns_sync#module) returns them.
    type: list
    elements: str
    default: []
  wait:
    description: Seconds to wait for all of them together.
    type: int
    default: 60
attributes:
  check_mode: {support: full, description: Asks in check mode too.}
  diff_mode: {support: none, description: Changes nothing.}
"""

EXAMPLES = r"""
- name: Wait for the name servers
  foobar.webstack.dns_verify:
    zones: "{{ dns_records_zones | foobar.webstack.dns_zones(0) }}"
"""

RETURN = r"""
msg:
  description: How many servers agree.
  type: str
  returned: success
"""
