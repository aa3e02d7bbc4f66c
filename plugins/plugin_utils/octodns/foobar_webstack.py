"""The parts that octoDNS loads by name: it runs in a process of its own, with this folder on its path."""

from __future__ import annotations

from json import dump
from logging import getLogger
from sys import stdout
from typing import Any

from octodns.processor.base import BaseProcessor, ProcessorException
from octodns.record import Record
from octodns.source.base import BaseSource

ADDRESSES = {"A", "AAAA"}


class ListedSource(BaseSource):
    """The listed records, straight from octoDNS's configuration."""

    SUPPORTS = frozenset({"A", "AAAA", "CAA", "CNAME", "MX", "NS", "TXT"})
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


class ListedOnly(BaseProcessor):
    """Hide everything from octoDNS but the listed pairs of name and type, and what these must replace.

    octoDNS's own allow-lists take names and types apart: with `@ A` and `www TXT` listed they would also
    select, and delete, a `@ TXT` that nobody listed.
    """

    def process_source_and_target_zones(
        self, desired: Any, existing: Any, target: Any, lenient: bool = False
    ) -> tuple[Any, Any]:
        """Remove from the existing zone what is not to be touched."""
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
        return desired, existing


def _gives_way(kind: str, listed: set[str]) -> bool:
    """Addresses and a CNAME say the same thing, where a name leads, so one replaces the other."""
    return (kind in ADDRESSES and "CNAME" in listed) or (kind == "CNAME" and bool(ADDRESSES & listed))


class PlanLines:
    """Print the plan as JSON: for each zone the lines that go and the lines that come."""

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
        dump(changes, fh)


def _lines(record: Any) -> list[str]:
    if record is None:
        return []
    data = record.data
    values = data["values"] if "values" in data else [data.get("value", "")]
    return [f"{record.fqdn} {record.ttl} {record._type} {_value_text(value)}" for value in values]


def _value_text(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value).replace("\\;", ";")
    if "tag" in value:
        return f'{value["flags"]} {value["tag"]} "{value["value"]}"'
    return " ".join(str(part) for part in value.values())
