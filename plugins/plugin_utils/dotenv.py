"""Files of environment variables as people keep them beside an application (.env): one NAME=value a line."""

from __future__ import annotations

import re
from pathlib import Path

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

# Empty lines, comments, and what stands before a name.
BLANK = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*(?:#[^\n]*\Z)?")
START = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
SINGLE = re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)
DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
BARE = re.compile(r"(?<=[ \t])(?=#)|[^\n]*?(?=[ \t]+#|[ \t]*$)", re.MULTILINE)
REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
REFERENCE = re.compile(r"(?<!\\)\$\{")
ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class DotenvError(AnsibleError):
    """A line of a file can't be read; the text names file and line, and never the value."""


def read(loader: DataLoader, folder: Path, path: str) -> dict[str, str]:
    """Return the variables of a file, which may be encrypted; a relative path goes by a folder."""
    file = folder / Path(path).expanduser()
    if not file.is_file():
        raise DotenvError(f"environment_file: there is no file {file}.")
    return variables(str(loader.get_text_file_contents(str(file.absolute()))), path)


def variables(text: str, shown: str) -> dict[str, str]:
    r"""Return the variables of a file by their names; `shown` is what messages call the file.

    A value may stand in quotes, and then go on over several lines. In double quotes \n, \r and \t are what they are in
    most languages, and a backslash before any other character stands for that one; in single quotes only \\ and \' are
    special. Without quotes a value ends before a space and a "#", and is empty where these come first. Nothing is
    filled in for ${NAME}: it is refused.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    # In the place of what could not be read.
    if re.search("[\udc80-\udcff]", text):
        raise DotenvError(f"{shown}: it is not in UTF-8; write it anew.")
    found: dict[str, str] = {}
    place = 0
    while blank := BLANK.match(text, place):
        place = blank.end()
        if place == len(text):
            break
        where = f"{shown}:{text.count(chr(10), 0, place) + 1}"
        name, value, place = _variable(text, place, where)
        if name in found:
            raise DotenvError(f"{where}: {name} stands there a second time; leave it once.")
        found[name] = value
    return found


def _variable(text: str, place: int, where: str) -> tuple[str, str, int]:
    """Return name and value of the variable that begins at a place, and where the next line begins."""
    start = START.match(text, place)
    if not start:
        raise DotenvError(f"{where}: this is no NAME=value; begin a comment with #.")
    name, kind = start[1], text[start.end() : start.end() + 1]
    match = {"'": SINGLE, '"': DOUBLE}.get(kind, BARE).match(text, start.end())
    if not match:
        raise DotenvError(f"{where}: the quote that {name} begins with is not closed.")
    rest = REST.match(text, match.end())
    if not rest:
        raise DotenvError(
            f"{where}: after the closing quote of {name} there is more; put a backslash before its quotes."
        )
    if kind != "'" and REFERENCE.search(match[0]):
        raise DotenvError(
            f"{where}: {name} has ${{…}}, for which nothing is filled in; write it out, or put it in single quotes."
        )
    if kind == "'":
        value = re.sub(r"\\(['\\])", r"\1", match[1])
    elif kind == '"':
        value = re.sub(r"\\(.)", lambda found: ESCAPES.get(found[1], found[1]), match[1], flags=re.DOTALL)
    else:
        value = match[0]
    if "\0" in value:
        raise DotenvError(f"{where}: {name} has a NUL character, which no environment can hold.")
    return name, value, rest.end()
