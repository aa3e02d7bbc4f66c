"""Ask name servers whether the zones of the role dns_records are zones."""

from __future__ import annotations

DOCUMENTATION = r"""
name: dns_zone_mistakes
short_description: Find zones that are only a part of another zone
description:
  - >-
    Asks the configured name servers of each zone, or the public tree where none is configured, for the zone's SOA
    record, and returns a sentence for each zone that lies in another one, such as C(shop.example.com) in
    C(example.com).
  - A zone of which nobody tells anything is no mistake. It is named in the output.
options:
  _terms:
    type: list
    elements: dict
    required: true
    description: Zones as the filter P(foobar.webstack.dns_zones#filter) returns them.
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
dns_records_zones:
  - zone: shop.example.com
    provider: {class: octodns_bind.Rfc2136Provider, host: 192.0.2.53}
    nameservers: [192.0.2.53]
    records: [{record: "@", type: A, value: 192.0.2.10}]
mistakes: "{{ query('foobar.webstack.dns_zone_mistakes', dns_records_zones | foobar.webstack.dns_zones(0)) }}"
"""

RETURN = r"""
_raw:
  type: list
  elements: str
  description: One sentence for each zone that is none.
  sample:
    - >-
      dns_records_zones: shop.example.com is no zone of its own, as its name servers say, but lies in example.com;
      write zone: example.com.
"""

from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible.utils.display import Display
from ansible_collections.foobar.webstack.plugins.plugin_utils import name_servers
from ansible_collections.foobar.webstack.plugins.plugin_utils.zones import Zone


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms: list[list[Zone]], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the sentences, and show a line for each zone that nobody tells anything of."""
        listed = [zone for zones in terms for zone in zones]
        if listed and not name_servers.HAS_DNS:
            return [name_servers.MISSING]
        found = name_servers.cuts(listed)
        for cut in found:
            if cut.why:
                Display().display(f"Whether {cut.zone} is a zone could not be found out ({cut.why}).")
        return [
            f"dns_records_zones: {cut.zone} is no zone of its own, as its name servers say, but lies in {cut.real}; "
            f"write zone: {cut.real}."
            for cut in found
            if cut.real not in ("", cut.zone)
        ]
