"""Compare what a user may do, as SHOW GRANTS prints it, with what it is to be allowed to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# What `GRANT SELECT ON shop.* TO ... WITH GRANT OPTION` says: each target's privileges, and GRANT for the option.
Grants = dict[str, frozenset[str]]

_LINE = re.compile(r"GRANT (?P<words>[A-Z_, ]+) ON (?P<target>\S+) TO `[^`]*`@`[^`]*`(?P<option> WITH GRANT OPTION)?")


def printed(lines: Iterable[str]) -> Grants | None:
    """Return what the lines of SHOW GRANTS say, or None if one is of another kind (columns, routines, roles ...)."""
    found: dict[str, set[str]] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        target = found.setdefault(match["target"].replace("`", ""), set())
        target |= {word.strip() for word in match["words"].split(",")} | ({"GRANT"} if match["option"] else set())
    return _without_nothing(found)


def wanted(priv: Mapping[str, str]) -> Grants | None:
    """Return what the privileges of `mysql_priv` say, or None if it can't be compared with what a server prints."""
    found: dict[str, set[str]] = {}
    for target, words in priv.items():
        privileges = {word.strip().upper() for word in words.split(",")}
        # On the server's level, ALL is printed as a list that depends on its version.
        if "(" in words or (target == "*.*" and privileges & {"ALL", "ALL PRIVILEGES"}):
            return None
        names = {"ALL": "ALL PRIVILEGES", "GRANT OPTION": "GRANT"}
        found.setdefault(target, set()).update(names.get(word, word) for word in privileges)
    return _without_nothing(found)


def _without_nothing(grants: Mapping[str, set[str]]) -> Grants:
    """Leave out USAGE, the word for no privilege."""
    cleaned = {target: frozenset(words - {"USAGE"}) for target, words in grants.items()}
    return {target: words for target, words in cleaned.items() if words}


def is_surely_same(lines: Iterable[str], priv: Mapping[str, str]) -> bool:
    """Tell whether a user may do exactly what it is to be allowed to; what can't be compared is not the same."""
    asked = wanted(priv)
    return asked is not None and asked == printed(lines)
