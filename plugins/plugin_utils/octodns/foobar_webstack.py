"""The parts that octoDNS loads by name: it runs in a process of its own, with this folder on its path."""

from __future__ import annotations

from copy import deepcopy
from json import dump, dumps
from logging import getLogger
from sys import stdout
from typing import Any

from octodns.processor.base import BaseProcessor, ProcessorException
from octodns.record import Record
from octodns.source.base import BaseSource

ADDRESSES = {"A", "AAAA"}
LEADS = {*ADDRESSES, "CNAME"}
# Names and types for which a name server does not answer with the record's values.
VARYING: list[str] = []


class ListedSource(BaseSource):
    """The listed records, straight from octoDNS's configuration."""

    SUPPORTS = frozenset({"A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT"})
    SUPPORTS_GEO = False
    SUPPORTS_ROOT_NS = True

    def __init__(self, id: str, zones: dict[str, list[dict[str, Any]]]) -> None:
        """Take the records by zone."""
        self.log = getLogger(f"ListedSource[{id}]")
        super().__init__(id)
        self.zones = zones

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> None:
        """Put the records into octoDNS's zone."""
        for data in self.zones[zone.name]:
            name = zone.hostname_from_fqdn(data["name"])
            zone.add_record(Record.new(zone, name, data, source=self, lenient=lenient), lenient=lenient)

    def entry(self, record: Any) -> dict[str, Any]:
        """Return what is listed for one of octoDNS's records."""
        entries = self.zones[record.zone.name]
        return next(entry for entry in entries if (entry["name"], entry["type"]) == (record.fqdn, record._type))


class ListedOnly(BaseProcessor):
    """Hide everything from octoDNS but the listed pairs of name and type, and what these must replace.

    octoDNS's own allow-lists take names and types apart: with `@ A` and `www TXT` listed they would also
    select, and delete, a `@ TXT` that nobody listed.
    """

    def process_source_and_target_zones(
        self, desired: Any, existing: Any, target: Any, lenient: bool = False
    ) -> tuple[Any, Any]:
        """Remove from the existing zone what is not to be touched, and keep what the list does not name."""
        listed: dict[str, set[str]] = {}
        for record in desired.records:
            listed.setdefault(record.name, set()).add(record._type)
        for record in list(existing.records):
            types = listed.get(record.name, set())
            if record._type in types or _gives_way(record._type, types):
                continue
            if types and "CNAME" in types | {record._type}:
                raise ProcessorException(
                    f"{record.fqdn} has {record._type}, which is not listed and can't stand beside "
                    f"{', '.join(sorted(types))}: list it or remove it"
                )
            existing.remove_record(record)
        there = list(existing.records)
        for record in list(desired.records):
            _settle(record, there, desired, existing)
        return desired, existing


def _gives_way(kind: str, listed: set[str]) -> bool:
    """Addresses and a CNAME say the same thing, where a name leads, so one replaces the other."""
    return (kind in ADDRESSES and "CNAME" in listed) or (kind == "CNAME" and bool(ADDRESSES & listed))


def _settle(listed: Any, there: list[Any], desired: Any, existing: Any) -> None:
    """Put a listed record into the desired zone with what stays of the one that it meets, replaces or stands beside."""
    same = [record for record in there if record.name == listed.name]
    types = {listed._type} | (LEADS if listed._type in LEADS else set())
    # Its own type first, and an A before an AAAA.
    found = sorted(
        (record for record in same if record._type in types),
        key=lambda record: (record._type != listed._type, record._type),
    )
    for record in found:
        if _has_rules(record) and (record._type == listed._type or _gives_way(record._type, {listed._type})):
            _leave(listed, record, desired, existing)
            return
    new = _kept(listed, found[0]) if found else listed
    desired.add_record(new, replace=True, lenient=True)
    # Cloudflare's proxy answers with addresses of its own.
    if new.octodns.get("cloudflare", {}).get("proxied"):
        VARYING.append(_title(new))


def _has_rules(record: Any) -> bool:
    """Tell whether a record answers by place or health."""
    return bool(getattr(record, "dynamic", None) or getattr(record, "geo", None))


def _leave(listed: Any, found: Any, desired: Any, existing: Any) -> None:
    """Leave alone a record that answers by place or health, as the list has no words for that."""
    entry = listed.source.entry(listed)
    is_same = _values(listed) == _values(found) and (entry["keep_ttl"] or listed.ttl == found.ttl)
    if listed._type != found._type or not is_same:
        raise ProcessorException(
            f"{_title(found)} answers by place or health at the provider, which dns_records_zones can't say: change it "
            "there, and list it with its default values or not at all"
        )
    # Health checks are no part of what octoDNS reads, so even an unchanged record would get its default ones.
    desired.remove_record(listed)
    existing.remove_record(found)
    VARYING.append(_title(found))


def _kept(listed: Any, found: Any) -> Any:
    """Return a listed record with the TTL, the values and the provider's settings that the list lets stay."""
    entry = listed.source.entry(listed)
    values = None
    if entry["merge"]:
        _refuse_forbidden(listed, found)
        values = [*found.values, *(value for value in listed.values if value not in found.values)]
    record = listed.copy(values=values)
    settings = deepcopy(found.octodns)
    if entry["keep_ttl"]:
        record.ttl = found.ttl
    else:
        # Cloudflare's automatic TTL would go before the one that is listed.
        settings.get("cloudflare", {}).pop("auto-ttl", None)
    record.octodns = _merged(settings, entry["octodns"])
    return record


def _merged(kept: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    """Return settings at any depth, those that are named before those that are kept."""
    result = kept | named
    for key in kept.keys() & named.keys():
        if isinstance(kept[key], dict) and isinstance(named[key], dict):
            result[key] = _merged(kept[key], named[key])
    return result


def _refuse_forbidden(listed: Any, found: Any) -> None:
    """Refuse to let a CA in where CAA records say that none may issue."""
    if listed._type != "CAA":
        return
    for tag in ("issue", "issuewild"):
        theirs, ours = ([value for value in record.values if value.tag == tag] for record in (found, listed))
        new = [value for value in ours if _issuer(value)]
        if theirs and new and not any(map(_issuer, theirs)):
            raise ProcessorException(
                f"{_title(listed)} forbids every CA ({theirs[0]}), and merge would add {new[0]}: take the first out at "
                "the provider, or the other out of dns_records_zones"
            )


def _issuer(value: Any) -> str:
    """Return the CA that a CAA value lets issue; none in `;`."""
    return str(value.value).replace("\\;", ";").partition(";")[0].strip()


def _title(record: Any) -> str:
    return f"{record.fqdn} {record._type}"


def _values(record: Any) -> list[str]:
    return sorted(map(str, record.values if hasattr(record, "values") else [record.value]))


class PlanLines:
    """Print the plan as JSON: for each zone the lines that go and the lines that come; and what can't be compared."""

    def __init__(self, name: str) -> None:
        """Take the name that octoDNS gives."""
        self.name = name

    def run(self, plans: list[Any], fh: Any = stdout, **_: Any) -> None:
        """Print it."""
        changes = [
            {
                "zone": plan.desired.name,
                "new_zone": plan.exists is False,
                "before": [line for change in plan.changes for line in _lines(change.existing)],
                "after": [line for change in plan.changes for line in _lines(change.new)],
            }
            for _target, plan in plans
        ]
        dump({"plans": changes, "varying": sorted(set(VARYING))}, fh)


def _lines(record: Any) -> list[str]:
    if record is None:
        return []
    data = record.data
    values = data["values"] if "values" in data else [data.get("value", "")]
    settings = f" {dumps(data['octodns'], sort_keys=True)}" if data.get("octodns") else ""
    return [f"{record.fqdn} {record.ttl} {record._type} {_value_text(value)}{settings}" for value in values]


def _value_text(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value).replace("\\;", ";")
    if "tag" in value:
        return f'{value["flags"]} {value["tag"]} "{value["value"]}"'
    return " ".join(str(part) for part in value.values())
