"""What `dns_records_zones` means: full names, canonical values, and mistakes put into words."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypedDict

from ansible.module_utils.parsing.convert_bool import boolean

TYPES = ("A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT")
# Of a new record, in seconds, where nothing names one.
NEW_TTL = 3600
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
CAA = re.compile(r'(\d{1,3})\s+([a-z0-9]+)\s+(?:"([^"]*)"|([^"\s]+))', re.IGNORECASE)
SERVICE = re.compile(r"(_[^.]+|\*)\._[^.]+\.")
SRV = re.compile(r"(\d{1,5})\s+(\d{1,5})\s+(\d{1,5})\s+(\S+)")
SECRET = re.compile(r"secret|token|password|credential|(^|_)key$", re.IGNORECASE)


class Record(TypedDict):
    """One name and type with its values, written as in a zone file (TXT: the bare text).

    With `keep_ttl` the TTL of a record that is there stays, with `merge` its values stay beside these, and of its
    settings at the provider those stay that `octodns` does not name.
    """

    name: str
    type: str
    ttl: int
    keep_ttl: bool
    values: list[str]
    merge: bool
    octodns: dict[str, Any]


class Zone(TypedDict):
    """One zone: its name with the final dot, how to reach its provider, and the listed records."""

    zone: str
    provider: dict[str, Any]
    nameservers: list[str]
    records: list[Record]


class Mistake(ValueError):
    """Something the user can correct, said in a few words."""


def read_zones(raw: Iterable[Mapping[str, Any]], default_ttl: int) -> tuple[list[Zone], list[str]]:
    """Return the zones, those listed twice merged, and a sentence for each mistake.

    Records without a TTL get the default one. With 0 those that are there keep theirs.
    """
    zones: dict[str, Zone] = {}
    mistakes: list[str] = []
    for item in raw:
        try:
            zone = _add_zone(zones, item)
        except Mistake as mistake:
            mistakes.append(f"dns_records_zones: {mistake}.")
            continue
        for entry in item.get("records") or []:
            label = f"{_text(entry.get('record')) or '@'} {_text(entry.get('type'))}"
            try:
                _add_record(zone, _read_record(entry, zone["zone"][:-1], default_ttl))
            except Mistake as mistake:
                mistakes.append(f"dns_records_zones, {zone['zone'][:-1]}, {label}: {mistake}.")
    for zone in zones.values():
        mistakes += [f"dns_records_zones, {zone['zone'][:-1]}, {found}." for found in _cname_conflicts(zone)]
    return list(zones.values()), mistakes


def not_public(zones: Iterable[Zone]) -> list[str]:
    """Return a sentence for each listed address that only a network of one's own, or nobody, can reach."""
    return [
        f"dns_records_zones, {zone['zone'][:-1]}, {record['name'][:-1]} {record['type']}: {value} is no public "
        "address; give the one that visitors reach (addresses of the site), or set dns_records_private_addresses: true."
        for zone in zones
        for record in zone["records"]
        if record["type"] in ("A", "AAAA")
        for value in record["values"]
        if not _is_public(ipaddress.ip_address(value))
    ]


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return address.is_global and not address.is_multicast


def secrets(provider: Mapping[str, Any]) -> list[str]:
    """Return the values among a provider's settings that nobody may see."""
    return [_text(value) for key, value in provider.items() if SECRET.search(key) and _text(value)]


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _add_zone(zones: dict[str, Zone], item: Mapping[str, Any]) -> Zone:
    name = _host(_text(item.get("zone")), "zone")
    provider = dict(item.get("provider") or {})
    nameservers = [_text(server) for server in item.get("nameservers") or []]
    if not provider.get("class"):
        raise Mistake(f"{name[:-1]}: provider needs a class, such as octodns_bind.Rfc2136Provider")
    if empty := [key for key, value in provider.items() if SECRET.search(key) and not _text(value)]:
        raise Mistake(f"{name[:-1]}: {empty[0]} of the provider is empty")
    if name not in zones:
        zones[name] = Zone(zone=name, provider=provider, nameservers=[], records=[])
    elif zones[name]["provider"] != provider:
        raise Mistake(f"{name[:-1]} is listed twice with different provider settings")
    zone = zones[name]
    zone["nameservers"] += [server for server in nameservers if server not in zone["nameservers"]]
    return zone


def _add_record(zone: Zone, new: Record) -> None:
    key = (new["name"], new["type"])
    old = next((record for record in zone["records"] if (record["name"], record["type"]) == key), None)
    if old is None:
        zone["records"].append(new)
        return
    is_same = sorted(old["values"]) == sorted(new["values"]) or old["merge"] or new["merge"]
    if not is_same or (old["ttl"], old["octodns"]) != (new["ttl"], new["octodns"]):
        raise Mistake("listed twice with different values, ttl or octodns; put all of it into one entry")
    old["values"] = list(dict.fromkeys([*old["values"], *new["values"]]))
    # One of them is all that there should be, and knows of the other.
    old["merge"] = old["merge"] and new["merge"]
    old["keep_ttl"] = old["keep_ttl"] and new["keep_ttl"]


def _read_record(entry: Mapping[str, Any], zone: str, default_ttl: int) -> Record:
    kind = _text(entry.get("type"))
    if kind not in TYPES:
        raise Mistake(f"type must be one of {', '.join(TYPES)}")
    name = _full_name(_text(entry.get("record")), zone)
    if kind == "CNAME" and name == f"{zone}.":
        raise Mistake(f"the zone itself can't be a CNAME; point {zone} at an address with A or AAAA")
    if kind == "SRV" and not SERVICE.match(name):
        raise Mistake("the name of an SRV record begins with a service and its protocol, such as _sip._tcp")
    raw = entry.get("value")
    values = [_value(kind, _text(value)) for value in ([raw] if isinstance(raw, str) else raw or [])]
    if not values:
        raise Mistake("value is empty")
    if kind == "CNAME" and len(values) > 1:
        raise Mistake("a CNAME has exactly one value")
    if kind == "CNAME" and values[0] == name:
        raise Mistake("a CNAME can't point at itself")
    merge = boolean(entry.get("merge") or False, strict=False)
    if kind == "CNAME" and merge:
        raise Mistake("merge adds to several values, and a CNAME has exactly one")
    ttl = entry.get("ttl")
    keep_ttl = ttl is None and not default_ttl
    ttl = (default_ttl or NEW_TTL) if ttl is None else ttl
    if isinstance(ttl, bool) or not str(ttl).isdigit() or not 0 < int(ttl) < 2**31:
        raise Mistake(f"ttl {ttl} is not a number of seconds")
    return Record(
        name=name,
        type=kind,
        ttl=int(ttl),
        keep_ttl=keep_ttl,
        values=list(dict.fromkeys(values)),
        merge=merge,
        octodns=dict(entry.get("octodns") or {}),
    )


def _cname_conflicts(zone: Zone) -> list[str]:
    types = defaultdict(set)
    for record in zone["records"]:
        types[record["name"]].add(record["type"])
    return [
        f"{name[:-1]}: a CNAME can't stand beside {', '.join(sorted(found - {'CNAME'}))} of the same name"
        for name, found in types.items()
        if "CNAME" in found and len(found) > 1
    ]


def _full_name(text: str, zone: str) -> str:
    """Return a record's full name; a name with dots must be in the zone, for a slip would make a new one."""
    name = _ascii(text)
    bare = name.removesuffix(".")
    if name in ("", "@") or bare == zone:
        return f"{zone}."
    if not bare.endswith(f".{zone}"):
        if name != bare or ("." in bare and not bare.rsplit(".", 1)[1].startswith("_")):
            raise Mistake(f"{text} is not in the zone {zone}; if {bare}.{zone} is meant, write that")
        bare = f"{bare}.{zone}"
    if not _is_name(bare.removeprefix("*.")):
        raise Mistake(f"{text} is not a valid name")
    return f"{bare}."


def _value(kind: str, text: str) -> str:
    """Return one value as it stands in a zone file, with full names ending in a dot."""
    if kind in ("A", "AAAA"):
        return _address(kind, text)
    if kind in ("CNAME", "NS"):
        return _host(text, "value")
    if kind == "MX":
        preference, _, host = text.partition(" ")
        if not preference.isdigit() or int(preference) > 65535:
            raise Mistake(f"{text or '(empty)'} is not a preference and a mail server, such as 10 mx.example.com")
        host = host.strip()
        return f"{int(preference)} {host if host == '.' else _host(host, 'value')}"
    if kind == "SRV":
        return _srv(text)
    if kind == "CAA":
        if not (found := CAA.fullmatch(text)) or int(found[1]) > 255:
            raise Mistake(f'{text} is not flags, tag and value, such as 0 issue "letsencrypt.org"')
        return f'{int(found[1])} {found[2].lower()} "{found[3] or found[4] or ""}"'
    return _txt(text)


def _srv(text: str) -> str:
    found = SRV.fullmatch(text)
    if not found or any(int(number) > 65535 for number in found.groups()[:3]):
        raise Mistake(
            f"{text or '(empty)'} is not priority, weight, port and target, such as 10 5 5060 sip.example.com"
        )
    target = found[4] if found[4] == "." else _host(found[4], "value")
    return f"{int(found[1])} {int(found[2])} {int(found[3])} {target}"


def _txt(text: str) -> str:
    quoted = len(text) > 1 and text.startswith('"') and text.endswith('"')
    bare = (re.sub(r'"\s+"', "", text[1:-1]) if quoted else text).replace("\\;", ";")
    if not bare or not bare.isascii() or not bare.isprintable() or "\\" in bare or bare.startswith('"'):
        raise Mistake("a TXT value is printable ASCII text without backslashes, and may stand in one pair of quotes")
    return bare


def _address(kind: str, text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text) if kind == "A" else ipaddress.IPv6Address(text))
    except ValueError:
        raise Mistake(f"{text or '(empty)'} is not an IPv{'4' if kind == 'A' else '6'} address") from None


def _host(text: str, what: str) -> str:
    name = _ascii(text).removesuffix(".")
    if re.fullmatch(r"[\d.]+|.*:.*", name):
        raise Mistake(f"{what} {text} is an address, but a name is wanted")
    if not _is_name(name) or "." not in name:
        raise Mistake(f"{what} {text or '(empty)'} is not a full name, such as www.example.com")
    return f"{name}."


def _ascii(text: str) -> str:
    """Return a name in lower case; one in other letters than ASCII's is refused with the form that DNS knows."""
    if text.isascii():
        return text.lower()
    try:
        name = text.lower().encode("idna").decode()
        is_the_only_one = name.encode().decode("idna") == text.lower()
    except UnicodeError:
        raise Mistake(f"{text} is not a valid name") from None
    if not is_the_only_one:
        raise Mistake(f"{text} can be written in two ways as a name of DNS: give it as the registry has it, with xn--")
    raise Mistake(f"DNS knows {text} as {name}; write that")


def _is_name(name: str) -> bool:
    return len(name) < 254 and all(LABEL.fullmatch(label) for label in name.split("."))
