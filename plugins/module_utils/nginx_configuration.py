"""Read an nginx configuration as nginx does: which servers it has, and in which files they stand."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# What only a configuration written by the role nginx has, in each of its versions.
OURS = "map $http_host $visited_port {"

_TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*\s*)*(?:
        (?P<end>[{};])
      | "(?P<double>(?:\\.|[^"\\])*)"
      | '(?P<single>(?:\\.|[^'\\])*)'
      | (?P<word>(?:\\.|\$\{[^}]*\}|[^\s{};])+)
    )""",
    re.VERBOSE | re.DOTALL,
)
# In Lua a brace counts that is in no text and no comment.
_LUA = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|--[^\n]*|[{}]""")


@dataclass
class Server:
    """A server block: the files from nginx.conf to the one that it stands in, and its directives of interest."""

    files: tuple[str, ...]
    names: list[str] = field(default_factory=list)
    listen: list[str] = field(default_factory=list)

    @property
    def file(self) -> str:
        """Return the path of the file that the block stands in."""
        return self.files[-1]


@dataclass
class Configuration:
    """What nginx reads from a file and from those that it includes: their paths, and the server blocks in them."""

    files: list[str] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)


def read_configuration(path: str) -> Configuration:
    """Read a configuration; files that are missing or can't be read have nothing in them."""
    found = Configuration()
    _read_file((path,), None, found)
    return found


def included_files(pattern: str, folder: str) -> list[str]:
    """Return the paths that an include directive names, in nginx's order; relative ones are below the folder."""
    return sorted(map(os.path.normpath, glob.glob(os.path.join(folder, pattern))))


def directives(text: str) -> Iterator[tuple[list[str], str]]:
    """Return the words of each directive and what ends it: `;`, `{` of its block, or `}`, which has no words.

    Code in Lua blocks is passed over. What nginx would refuse is read as far as it makes sense.
    """
    position, words = 0, []
    while match := _TOKEN.match(text, position):
        position = match.end()
        end = match["end"]
        if not end:
            words.append(next((word for word in match.group("double", "single", "word") if word is not None), ""))
            continue
        if end == "{" and words and words[0].endswith("_by_lua_block"):
            position = _end_of_block(text, position)
            end = ";"
        yield words, end
        words = []


def _end_of_block(text: str, position: int) -> int:
    """Return the position after the brace that closes a block of which the opening brace has just been read."""
    depth = 1
    for part in _LUA.finditer(text, position):
        depth += {"{": 1, "}": -1}.get(part[0], 0)
        if depth == 0:
            return part.end()
    return len(text)


def _read_file(files: tuple[str, ...], server: Server | None, found: Configuration) -> None:
    """Add what a file has; `files` leads to it, and `server` is the block that includes it, if any."""
    try:
        text = Path(files[-1]).read_text(errors="replace")
    except OSError:
        return
    found.files.append(files[-1])
    # The server that was open before each block that is open now.
    outer: list[Server | None] = []
    for words, end in directives(text):
        name, arguments = (words[0], words[1:]) if words else ("", [])
        if end == "}":
            server = outer.pop() if outer else server
        elif end == "{":
            outer.append(server)
            if name == "server":
                server = Server(files)
                found.servers.append(server)
        elif name == "include":
            _include(files, arguments, server, found)
        elif server and name == "server_name":
            server.names += [argument for argument in arguments if argument not in ("", "_")]
        elif server and name == "listen":
            server.listen.append(" ".join(arguments))


def _include(files: tuple[str, ...], patterns: list[str], server: Server | None, found: Configuration) -> None:
    """Add what the files have that a file includes; one that includes itself is read once."""
    for pattern in patterns:
        for path in included_files(pattern, os.path.dirname(files[0])):
            if path not in files:
                _read_file((*files, path), server, found)
