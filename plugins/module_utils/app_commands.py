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

# The shapes of times in systemd.time(7), which tell them from a crontab's; their numbers are for systemd to judge.
_DAY = r"(?i:mon|tue|wed|thu|fri|sat|sun)(?i:[a-z]*day)?"
_DAYS = rf"{_DAY}(?:(?:,|-|\.\.){_DAY})*,?"
_DATE = r"[\d*.,/]+(?:[-~][\d*.,/]+){1,2}"
_CLOCK = r"[\d*.,/]+(?::[\d*.,/]+){1,2}"
_ZONE = r"(?: +[A-Z][\w+-]*(?:/[\w+-]+)*)?"
TIMES = re.compile(
    rf"(?:(?i:minute|hour|dai|week|month|quarter|year|ann?ual|bi-?annual|semi-?annual)ly|@\d+"
    rf"|{_DAYS}|(?:{_DAYS} *)?(?:{_DATE}(?:(?:T| +){_CLOCK})?|{_CLOCK})){_ZONE}"
)


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
    """Tell whether a time is one in systemd's words; what YAML has made of 12:30 without quotes is a number."""
    return isinstance(written, str) and bool(TIMES.fullmatch(written.strip()))
