"""Argument specs, and what is wrong with variables by them.

Ansible's own validation converts values, and accepts null, in its own copy only. What reads a variable after it gets
the value as it was written, so that is what is judged here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from difflib import SequenceMatcher, get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common import validation

Options = dict[str, Any]

# Keys that tell an entry of a list from the others, the first one that it has.
NAMES = ("domain", "name", "zone", "record", "server_name")
# Keys whose empty text says something: a record of the zone itself.
MAY_BE_EMPTY = {"record"}
# A slip of the pen shares this part of its letters with the name that was meant, and differs in so many at most.
LIKENESS = 0.8
SLIPS = 2
# What Ansible converts text to, and how that is called.
CONVERSIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "bool": (validation.check_type_bool, "must be true or false"),
    "float": (validation.check_type_float, "must be a number"),
    "int": (validation.check_type_int, "must be a whole number"),
}
# What a dictionary's spec demands of its keys among each other, and who judges it.
RULES: dict[str, Callable[..., Any]] = {
    "mutually_exclusive": validation.check_mutually_exclusive,
    "required_one_of": validation.check_required_one_of,
    "required_together": validation.check_required_together,
    "required_by": validation.check_required_by,
    "required_if": validation.check_required_if,
}


@cache
def entry_points(path: Path) -> dict[str, Options]:
    """Return the options of each entry point of a role's spec; those of a file without entry points are `main`."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml, where PyYAML has it
    spec = yaml.load(path.read_text(), loader)
    if "argument_specs" not in spec:
        return {"main": spec}
    return {name: entry.get("options", {}) for name, entry in spec["argument_specs"].items()}


def all_options(path: Path) -> Options:
    """Return the options of all entry points together."""
    return {name: option for options in entry_points(path).values() for name, option in options.items()}


def faults(variables: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each fault in variables, without values that are secrets; both go by name."""
    return [
        f"{name}: {place or 'it'} {fault}"
        for name, value in variables.items()
        for place, fault in _faults(value, options[name], "")
    ]


def missing(names: Iterable[str], options: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each required option that is not among names."""
    wanted = [name for name, option in options.items() if option.get("required")]
    return [
        f"{name} is not set: {options[name].get('description', 'it is required.')}"
        for name in wanted
        if name not in set(names)
    ]


def _faults(value: Any, option: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Return the place of each fault in a value, and what is wrong there."""
    kind = option.get("type", "str")
    if value is None:
        yield place, "is empty; give it a value or leave it out."
    elif isinstance(value, date):
        yield place, f"is {value}, which YAML has made a date of; put it in quotes."
    elif kind == "list":
        if isinstance(value, list):
            entry = {**option, "type": option.get("elements", "raw")}
            for number, item in enumerate(value, 1):
                yield from _faults(item, entry, _below(_label(item, number), place))
        else:
            yield place, f"must be a list{_example(value, option)}."
    elif kind == "dict":
        if isinstance(value, Mapping):
            yield from _faults_of_keys(value, option, place)
        else:
            yield place, "must be a dictionary, such as {key: value}."
    elif kind in ("path", "str") and isinstance(value, (list, Mapping)):
        yield place, "must be text, not a list or a dictionary."
    elif kind in ("path", "str") and isinstance(value, float):
        yield place, f"is {value}, which YAML has made of what you wrote, as it makes 1.1 of 1.10; put it in quotes."
    elif kind in CONVERSIONS and not _converts(value, kind):
        yield place, f"{CONVERSIONS[kind][1]}{_instead(value, option)}."
    elif "choices" in option and str(value) not in map(str, option["choices"]):
        yield place, f"must be one of {', '.join(map(str, option['choices']))}{_instead(value, option)}."


def _faults_of_keys(value: Mapping[str, Any], option: Mapping[str, Any], place: str) -> Iterator[tuple[str, str]]:
    """Return what is wrong with a dictionary's keys; one whose spec names none may have any."""
    options = option.get("options")
    if not options:
        for key, item in value.items():
            if isinstance(item, date):
                yield from _faults(item, {}, _below(key, place))
        return
    for key in value:
        if key not in options:
            near = near_miss(str(key), options)
            known = f"did you mean {near}?" if near else f"it may have {', '.join(sorted(options))}."
            yield place, f"has the unknown key {key}: {known}"
    for key, suboption in options.items():
        if key in value and suboption.get("required") and value[key] == "" and key not in MAY_BE_EMPTY:
            yield _below(key, place), "is empty; give it a value."
        elif key in value:
            yield from _faults(value[key], suboption, _below(key, place))
        elif suboption.get("required"):
            yield place, f"lacks the key {key}."
    for rule, check in RULES.items():
        try:
            check(option.get(rule), dict(value))
        except TypeError as error:
            yield place, f"breaks a rule: {error}."


def _converts(value: Any, kind: str) -> bool:
    """Tell whether Ansible would take a value as a number or as true or false."""
    if isinstance(value, bool) and kind != "bool":
        return False
    try:
        CONVERSIONS[kind][0](value)
    except (TypeError, ValueError):
        return False
    return True


def converted(value: Any, option: Mapping[str, Any]) -> Any:
    """Return a faultless value with its numbers and its true and false as such, and with no key that it had not."""
    kind = option.get("type", "str")
    if kind == "list":
        return [converted(item, {**option, "type": option.get("elements", "raw")}) for item in value]
    if kind == "dict":
        options = option.get("options") or {}
        return {key: converted(item, options[key]) if key in options else item for key, item in value.items()}
    return CONVERSIONS[kind][0](value) if kind in CONVERSIONS else value


def near_miss(name: str, names: Iterable[str]) -> str:
    """Return the name that was meant, if this one is a slip of the pen: some letters, or the order of its words."""
    words = {"_".join(sorted(other.split("_"))): other for other in names}
    shuffled = words.get("_".join(sorted(name.split("_"))))
    close = get_close_matches(name, words.values(), 3, LIKENESS)
    return shuffled or next((other for other in close if _slips(name, other) <= SLIPS), "")


def _slips(name: str, other: str) -> int:
    """Return how many letters stand in other places, are missing, or are too many."""
    steps = SequenceMatcher(None, name, other, autojunk=False).get_opcodes()
    return sum(max(end - start, end2 - start2) for kind, start, end, start2, end2 in steps if kind != "equal")


def unknown_variables(names: Iterable[str], known: Iterable[str], role: str, foreign: list[str] | None) -> list[str]:
    """Return one sentence for each variable with a role's prefix that the role does not know.

    Other roles may share the prefix: `foreign` has the patterns of their names. Where there is no such list, only what
    looks like a slip of the pen is refused.
    """
    prefix = f"{role}_"
    short = {name.removeprefix(prefix): name for name in known}
    sentences = []
    for name in sorted(names):
        if not name.startswith(prefix) or name in short.values() or _matches(name, foreign or []):
            continue
        if near := near_miss(name.removeprefix(prefix), short):
            sentences.append(f"{name} is no variable of the role {role}: did you mean {short[near]}?")
        elif foreign is not None:
            sentences.append(
                f"{name} is no variable of the role {role}: correct it, or, if it is another role's, add it or a "
                f"pattern such as {prefix}exporter_* to foreign_variables."
            )
    return sentences


def _matches(name: str, patterns: list[str]) -> bool:
    """Tell whether a name is like one of some patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _below(label: str, place: str) -> str:
    """Return where something is that is found at a place."""
    return f"{label} of {place}" if place else label


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Return what lists and dictionaries hold in the end, each with its place, the innermost key first."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, _below(str(key), place))
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from leaves(item, _below(_label(item, number), place))
    else:
        yield place, value


def _label(item: Any, number: int) -> str:
    """Return what an entry of a list is called."""
    names = [item.get(key) for key in NAMES] if isinstance(item, Mapping) else []
    return next((str(name) for name in names if name and isinstance(name, (str, int))), f"entry {number}")


def _example(value: Any, option: Mapping[str, Any]) -> str:
    """Return how a list would be written, with the value that is there unless it is a secret or a dictionary."""
    if option.get("elements") == "dict":
        return " of dictionaries"
    lines = str(value).splitlines() if isinstance(value, (str, int, float)) and not option.get("no_log") else []
    return f", such as [{', '.join(lines)}]" if lines else ""


def _instead(value: Any, option: Mapping[str, Any]) -> str:
    """Return what stands in the place of the right value, unless it is a secret or long."""
    if option.get("no_log") or isinstance(value, (list, Mapping)) or not 0 < len(str(value)) <= 40:
        return ""
    return f", not {str(value).lower() if isinstance(value, bool) else value}"
