"""Ask every authoritative server of some zones until all answer with what is listed."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.foobar.webstack.plugins.plugin_utils.name_servers import HAS_DNS, MISSING, Server, addresses
from ansible_collections.foobar.webstack.plugins.plugin_utils.zones import Record, Zone

if HAS_DNS:
    import dns.exception
    import dns.flags
    import dns.message
    import dns.query
    import dns.rcode
    import dns.rdata
    import dns.rdatatype
    import dns.resolver

QUERY_TIMEOUT = 3.0
PAUSE = 0.5


class ActionModule(ActionBase):
    """Wait, within bounds, for the zones' servers; change nothing."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask, and fail with the name of each server that does not agree."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        _, args = self.validate_argument_spec(
            {
                "zones": {"type": "list", "elements": "dict", "required": True},
                "varying": {"type": "list", "elements": "str", "default": []},
                "wait": {"type": "int", "default": 60},
            }
        )
        if not HAS_DNS:
            raise AnsibleActionFail(MISSING)
        comparable = [without(zone, args["varying"]) for zone in args["zones"]]
        zones = [zone for zone in comparable if zone["records"]]
        deadline = time.monotonic() + args["wait"]
        with ThreadPoolExecutor(max_workers=16) as pool:
            by_zone = zip(zones, pool.map(servers, zones), strict=True)
            questions = [(server, zone["records"]) for zone, asked in by_zone for server in asked]
            found = list(pool.map(lambda asked: disagreement(asked[0], asked[1], deadline), questions))
        if wrong := [sentence for sentence in found if sentence]:
            raise AnsibleActionFail(f"After {args['wait']} seconds (dns_records_wait) " + "; ".join(wrong) + ".")
        result.update(changed=False, msg=f"{len(questions)} name servers agree.")
        return result


def without(zone: Zone, varying: list[str]) -> Zone:
    """Return a zone without the records of these names and types."""
    records = [record for record in zone["records"] if f"{record['name']} {record['type']}" not in varying]
    return Zone(zone=zone["zone"], provider={}, nameservers=zone["nameservers"], records=records)


def servers(zone: Zone) -> list[Server]:
    """Return name, address and port of the zone's servers: the listed ones, or those of its NS records."""
    names = zone["nameservers"]
    try:
        if not names:
            names = sorted(str(ns.target).rstrip(".") for ns in dns.resolver.resolve(zone["zone"], "NS"))
        return [server for name in names for server in addresses(name)]
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise AnsibleActionFail(
            f"The name servers of {zone['zone']} can't be found ({error}): name them in its nameservers "
            "(dns_records_zones), or set dns_records_wait to 0 not to ask them."
        ) from None


def disagreement(server: Server, records: list[Record], deadline: float) -> str:
    """Ask one server until it gives what is listed; return a sentence if it still does not at the deadline."""
    waiting = list(records)
    while True:
        while waiting:
            if answer := _wrong_answer(server, waiting[0], deadline):
                break
            waiting.pop(0)
        else:
            return ""
        if time.monotonic() + PAUSE > deadline:
            name, address, _ = server
            return f"{name if address in name else f'{name} ({address})'} still {answer}"
        time.sleep(PAUSE)


def _wrong_answer(server: Server, record: Record, deadline: float) -> str:
    """Ask one question once; return what is wrong with the answer."""
    kind = dns.rdatatype.from_text(record["type"])
    query = dns.message.make_query(record["name"], kind)
    query.flags &= ~dns.flags.RD
    timeout = max(0.2, min(QUERY_TIMEOUT, deadline - time.monotonic()))
    subject = f"{record['name']} {record['type']}"
    try:
        reply, _ = dns.query.udp_with_fallback(query, server[1], timeout=timeout, port=server[2])
    except (dns.exception.DNSException, OSError) as error:
        return f"does not answer for {subject} ({error or type(error).__name__})"
    if reply.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return f"answers {dns.rcode.to_text(reply.rcode())} for {subject}"
    # A delegation's NS records stand in the authority section.
    sets = [rrset for rrset in [*reply.answer, *reply.authority] if str(rrset.name).lower() == record["name"]]
    given = {_canonical(rdata) for rrset in sets if rrset.rdtype == kind for rdata in rrset}
    wanted = {_canonical(dns.rdata.from_text("IN", kind, _presentation(record, value))) for value in record["values"]}
    if wanted <= given if record["merge"] else wanted == given:
        return ""
    texts = sorted(f"{dns.rdatatype.to_text(rrset.rdtype)} {rdata}" for rrset in sets for rdata in rrset)
    return f"answers {', '.join(texts) or 'nothing'} for {subject}, not {', '.join(record['values'])}"


def _presentation(record: Record, value: str) -> str:
    if record["type"] != "TXT":
        return value
    chunks = [value[start : start + 255].replace('"', '\\"') for start in range(0, len(value), 255)]
    return " ".join(f'"{chunk}"' for chunk in chunks)


def _canonical(rdata: Any) -> bytes:
    """Return what makes two values equal: names regardless of case, texts regardless of how they are cut."""
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings)
    digest: bytes = rdata.to_digestable()
    return digest
