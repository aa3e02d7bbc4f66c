"""What runs beside an application as it stands in units: commands, for which there is no shell, and systemd's times."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

App = dict[str, Any]

SHELLS = {"bash", "dash", "sh", "zsh"}
QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.", re.DOTALL)
# The one variable that is filled in.
FILLED_IN = re.compile(r"\$(?:\{STATE_DIRECTORY\}|STATE_DIRECTORY\b)")
# A word that a shell would not hand on as it stands; what tells it is shown alone, as the rest may be a secret. A
# dollar sign amid letters is a password's.
OF_A_SHELL = re.compile(
    r"(\|\|?)|.*?([;&]+)|((?:\d*|&)[<>].*)|(~(?:/.*)?)|.*?(`|\$\(|\$\{[A-Za-z_]\w*\}?|(?<!\w)\$[A-Za-z_]\w*).*"
)

# Times, as systemd.time(7) has them: days of the week, a date, a time of the day, and a time zone.
_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
_ONE = r"(?:\*|\d+(?:\.\d+)?(?:\.\.\d+(?:\.\d+)?)?)(?:/\d+(?:\.\d+)?)?"
_MANY = rf"{_ONE}(?:,{_ONE})*"
# By its place, by the name of a country, or in capitals by its own, which may be that of the server's, as CEST.
_ZONE = (
    r"UTC|[A-Za-z_]+(?:/[\w+-]+)+|(?-i:[A-Z]{3,5}(?:[+-]?\d(?:[A-Z]{3})?)?)|Cuba|Egypt|Eire|Factory|GB|GB-Eire|Greenwich"
    r"|Hongkong|Iceland|Iran|Israel|Jamaica|Japan|Kwajalein|Libya|NZ|NZ-CHAT|Navajo|Poland|Portugal|Singapore|Turkey"
    r"|Universal|W-SU|Zulu"
)
TIMES = re.compile(
    rf"@\d+|(?:(?:minute|hour|dai|week|month|quarter|year|ann?ual|bi-?annual|semi-?annual)ly|(?=\S)"
    rf"(?:{_DAY}(?:(?:,|-|\.\.){_DAY})*,?)?(?:(?:^|\s+|(?<=,))(?:{_MANY}-)?(?P<month>{_MANY})[-~](?P<day>{_MANY}))?"
    rf"(?:(?:^|\s+|T)(?P<hour>{_MANY}):(?P<minute>{_MANY})(?::(?P<second>{_MANY}))?)?)"
    rf"(?:\s+(?:{_ZONE}))?",
    re.IGNORECASE,
)
LARGEST = {"month": 12, "day": 31, "hour": 23, "minute": 59, "second": 59}


def mistakes(variable: str, app: App) -> Iterator[str]:
    """Return one sentence for each mistake in what runs beside an app."""
    names = [str(process["name"]) for key in ("background", "scheduled") for process in app.get(key, [])]
    if names and "releases_path" not in app:
        yield f"{variable}: {app['name']} has background or scheduled commands, which need releases_path."
    for name in names:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or names.count(name) > 1:
            yield (
                f"{variable}: the name {json.dumps(name)} of a command of {app['name']} must be lower-case letters, "
                'digits and "_", and be listed once.'
            )
    for process in app.get("background", []) + app.get("scheduled", []):
        yield from (f"{variable}: {fault}" for fault in _faults(process))


def _faults(process: App) -> Iterator[str]:
    """Return what is wrong with one of them."""
    name, command = process["name"], str(process["command"])
    if re.search(r"[\r\n]", command):
        yield f"the command of {name} must stand on one line."
    elif fault := command_fault(command):
        yield f"the command of {name} {fault}."
    if "on_calendar" in process and not is_time(process["on_calendar"]):
        written = json.dumps(process["on_calendar"], default=str)
        yield (
            f"on_calendar of {name} is {written}, which is no time in systemd's words; write one such as hourly, "
            '"03:30" or "Mon..Fri *-*-* 08:00:00", in quotes.'
        )


def command_fault(command: str) -> str:
    """Return why a command would not do without a shell what it says, or an empty text."""
    try:
        words = shlex.split(command)
    except ValueError:
        return "has a quote or a backslash that nothing follows"
    called = next((word for word in words if not re.match(r"[A-Za-z_]\w*=", word)), "")
    if not called:
        return "is empty"
    bare = QUOTED.sub(".", FILLED_IN.sub(".", command)).split()
    found = next(filter(None, map(OF_A_SHELL.fullmatch, bare)), None)
    if not found or called.rpartition("/")[2] in SHELLS:
        return ""
    shown = found[found.lastindex or 0]
    return f"has {shown}, which only a shell understands, and there is none: write sh -c '…' around it, or leave it out"


def is_time(written: Any) -> bool:
    """Tell whether systemd understands a time; what YAML has made of 12:30 without quotes is a number."""
    found = TIMES.fullmatch(written.strip()) if isinstance(written, str) else None
    if not found:
        return False
    numbers = {name: map(int, re.findall(r"(?<![/.\d])\d+", found[name] or "")) for name in LARGEST}
    return all(number <= LARGEST[name] for name, values in numbers.items() for number in values)
