"""Commands of a shell: their words, and where they are written and run."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import basename, join, normpath

# Words before a command that start it in its environment.
WRAPPERS = {
    *("exec", "env", "time", "nice", "tini", "dumb-init", "newrelic-admin", "run-program", "ddtrace-run", "--", "gosu"),
    *("opentelemetry-instrument", "wait-for-it", "then", "do", "else"),
}
RUNNERS = {"poetry", "pipenv", "uv", "pdm", "hatch", "rye"}
# Programs that are run by `python -m`, too.
MODULES = {
    *("gunicorn", "uvicorn", "hypercorn", "daphne", "waitress-serve", "granian", "uwsgi", "celery", "flask", "alembic"),
    *("rq", "huey", "dramatiq", "arq", "taskiq", "saq", "procrastinate", "fastapi", "django", "aerich"),
}
# A variable of the shell with a default, and any one; how many workers there are is left to the machine.
FREE = r"(?<!--workers )(?<!--workers=)(?<!-w )(?<!--workers \")(?<!-w \")(?<!--workers=\")"
DEFAULTS = re.compile(FREE + r"\$\{[A-Z]\w*:[-=]([\w./:@+-]+)\}")
VARIABLE = re.compile(FREE + r"\$\{?([A-Z]\w*)\}?")


@dataclass(frozen=True)
class Command:
    """A command that is run somewhere, without a shell: its words, the folder it runs in, and where it is written.

    `source` is what it stands in: procfile, image, compose, unit, cron or script; `process` is what it is called there,
    and `build` for what an image runs while it is built.
    """

    words: tuple[str, ...]
    reason: str
    process: str = ""
    folder: str = ""
    is_plain: bool = True
    source: str = ""

    @property
    def text(self) -> str:
        """Return the command as it is written; what systemd fills in has no quotes."""
        return " ".join(word if re.fullmatch(r"[\w./:=${}@%+,-]+", word) else shlex.quote(word) for word in self.words)


@dataclass(frozen=True)
class Place:
    """Where commands are read: the source's kind, the folder that they run in, and what each process is called."""

    source: str
    folder: str = ""
    process: str = ""


def split(text: str, reason: str, where: Place) -> Iterator[Command]:
    """Return the commands of a line of a shell, without what only starts them; `cd` leads to the folder of the next."""
    text = DEFAULTS.sub(r"\1", text)
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="&|;<>")
        lexer.whitespace_split = True
        lexer.commenters = ""
        tokens = list(lexer)
    except ValueError:
        return
    place, parts = where.folder, list[list[str]]([[]])
    for token in tokens:
        if token in ("&&", ";", "||", "|", "&"):
            parts.append([])
        else:
            parts[-1].append(token)
    # systemd fills in variables, too, and these are the ones that an entry always has.
    is_plain = not re.search(r"[|<>`]|%\(\w+\)|\$(?!\{?(PORT|REDIS_URL)\b)", text.replace("||", ""))
    is_loop = False
    for part in parts:
        # A loop's commands run by turns, not all the time.
        is_loop = (is_loop or part[:1] == ["do"]) and part[:1] != ["done"]
        words = _unwrapped(part)
        if (
            len(words) > 2
            and basename(words[0]) in ("sh", "bash")
            and words[1] in ("-c", "-lc", "-ec")
            and " " in words[2]
        ):
            yield from split(words[2], reason, where)
        elif words[:1] == ["cd"] and len(words) > 1:
            place = normpath(join(place, words[1]))
        elif words:
            folder = "" if place == "." or place.startswith(("/", "..")) else place
            yield Command(tuple(words), reason, where.process, folder, is_plain and not is_loop, where.source)


def _unwrapped(part: list[str]) -> list[str]:
    """Return the words of a command without variables and programs before it that only start it."""
    words = list(part)
    while words:
        if re.match(r"[A-Za-z_]\w*=", words[0]) or basename(words[0]) in WRAPPERS:
            words = words[1:]
        elif re.match(r"wait[-_]?for", basename(words[0])) and "--" in words:
            words = words[words.index("--") + 1 :]
        elif basename(words[0]) in RUNNERS and words[1:2] == ["run"]:
            words = words[2:]
        elif basename(words[0]) == "manage.py":
            words = ["python", "manage.py" if words[0].startswith("/") else normpath(words[0]), *words[1:]]
        elif re.fullmatch(r"python3?(\.\d+)?", basename(words[0])):
            options = 1
            while words[options : options + 1] in (["-u"], ["-O"], ["-B"]):
                options += 1
            words = ["python", *words[options:]]
            if words[1:2] == ["-m"] and words[2:3] and words[2] in MODULES:
                words = words[2:]
            return words
        else:
            return words
    return words
