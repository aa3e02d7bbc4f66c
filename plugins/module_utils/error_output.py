"""What of a command's or a service's output says why it failed."""

from __future__ import annotations

import re
from collections.abc import Sequence

ERROR = re.compile(
    r"\s*(error|fatal)\b|\s*\u00d7|.*\b(error|failed|not found|denied|cannot|can't|no such)\b", re.IGNORECASE
)
# What helps nobody: advice, warnings, and npm's codes before its sentence.
NOISE = re.compile(r"\s*(hint|note|(npm )?warn(ing)?|npm (error|ERR!) (code|errno|path|syscall))\b", re.IGNORECASE)
LONGEST = 300

# What Python prints between the tracebacks of one failure.
CHAINED = re.compile(r"\s*(The above exception was|During handling of the above exception)")
# What systemd notes in the journal of a service whose process has ended by itself.
ENDED = "Main process exited"
# What gunicorn and uWSGI say without a traceback of what they can't load or don't know, and gunicorn's own exception
# after it.
NO_APPLICATION = re.compile(r"Failed to (find|parse) |unable to load app |\[strict-mode\] ")
HALTED = "gunicorn.errors.HaltServer"


def error_line(said: Sequence[str]) -> str:
    """Return the line that says what went wrong, shortened: of a traceback the exception, else the first error.

    A hint, such as uv's, does not take the place of its cause.
    """
    lines = [line.rstrip() for line in said if not NOISE.match(line)]
    errors = [number for number, line in enumerate(lines) if ERROR.match(line)]
    exceptions = [_exception(lines, number) for number, line in enumerate(lines) if "Traceback (most " in line]
    if exceptions:
        # An indented one is that of a build within the installer, which says before of what.
        is_nested = lines[exceptions[-1]].startswith(" ") and errors[:1] < exceptions[-1:]
        found = [lines[number] for number in [*(errors[:1] if is_nested else []), exceptions[-1]]]
    elif errors:
        found = [lines[errors[0]], *_belonging(lines, errors[0])]
    else:
        found = [line.rstrip() for line in said if line.strip()][-1:]
    text = " ".join(re.sub(r"^[\s│╰├─▶\u00d7]+", "", line) for line in found)
    return _shortened(text)


def _exception(lines: Sequence[str], traceback: int) -> int:
    """Return where the exception of a traceback stands: after the frames, which are indented below it."""
    indent = _indent(lines[traceback])
    after = range(traceback + 1, len(lines))
    return next((number for number in after if lines[number] and _indent(lines[number]) <= indent), len(lines) - 1)


def _belonging(lines: Sequence[str], error: int) -> list[str]:
    """Return the lines that belong to an error: its causes, drawn as a tree or named, until an empty line."""
    found: list[str] = []
    for line in lines[error + 1 :]:
        is_cause = re.match(r"\s+(Caused by|╰|├|│)", line)
        if not is_cause and not (found and line.startswith("      ")):
            break
        found.append(line)
    return found


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def exception_line(said: Sequence[str], first: bool) -> str:
    """Return the exception that the first or the last traceback ends with, shortened, or an empty text.

    A service that is started again and again says it each time, and its server adds tracebacks of its own, so that the
    first one tells why it ended.
    """
    found = _exceptions(said)
    causes = [number for number in found if not said[number].startswith(HALTED)]
    causes = causes or [number for number, line in enumerate(said) if NO_APPLICATION.match(line)] or found
    return _shortened(said[causes[0 if first else -1]].strip()) if causes else ""


def excerpt(said: Sequence[str], lines: int = 40) -> list[str]:
    """Return the last lines of an output, and before them those up to its first exception where that is further up."""
    found = _exceptions(said)
    if not found or found[0] >= len(said) - lines:
        return list(said[-lines:])
    number = found[0]
    before = said[max(0, number + 1 - lines // 2) : number + 1]
    return [*before, "…", *said[len(before) + 1 - lines :]]


def _exceptions(said: Sequence[str]) -> list[int]:
    """Return where the exceptions of tracebacks stand; of those that led to each other, the last one's."""
    found: list[int] = []
    for number in (number for number, line in enumerate(said) if "Traceback (most " in line):
        if found and any(CHAINED.match(line) for line in said[found[-1] : number]):
            found.pop()
        found.append(_exception(said, number))
    return found


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
