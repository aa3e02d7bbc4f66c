"""Documentation only: the action plugin of the same name does the work, on the controller."""

DOCUMENTATION = r"""
module: dns_sync
short_description: Bring DNS zones to what is listed, with octoDNS
description:
  - Runs octodns-sync on the controller and changes nothing but the listed pairs of name and type.
  - A record keeps its TTL and its settings at the provider, such as Cloudflare's proxy, where its entry names none.
  - A listed CNAME replaces addresses of the same name, and listed addresses replace a CNAME.
  - Check mode plans only. What changes is printed, as a diff with C(--diff).
author: [The foobar.webstack authors (@foobar)]
options:
  zones:
    description: Zones as the filter P(foobar.webstack.dns_zones#filter) returns them.
    type: list
    elements: dict
    required: true
  executable:
    description: The program octodns-sync.
    type: str
    default: octodns-sync
  force:
    description: Switch off octoDNS's thresholds against too much change.
    type: bool
    default: false
attributes:
  check_mode: {support: full, description: Shows the plan.}
  diff_mode: {support: full, description: Shows the records that go and come.}
"""

EXAMPLES = r"""
- name: Bring the zones to what is listed
  foobar.webstack.dns_sync:
    zones: "{{ dns_records_zones | foobar.webstack.dns_zones(0) }}"
"""

RETURN = r"""
msg:
  description: The records that went (-) and came (+).
  type: str
  returned: always
varying:
  description:
    - Names and types of listed records for which name servers answer with something else, such as
      C(www.example.com. A) behind Cloudflare's proxy.
  type: list
  elements: str
  returned: where there are some
"""
