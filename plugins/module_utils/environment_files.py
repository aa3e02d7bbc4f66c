r"""systemd's format of environments (`EnvironmentFile`), as the roles write it: a `NAME="value"` after the other.

A value may have several lines, such as a key in PEM. Within double quotes systemd undoes a backslash before one of `\`,
`"`, a backtick and `$`, and takes all else as it is.
"""

from __future__ import annotations

import re

VARIABLE = re.compile(r'^([A-Za-z_]\w*)=(?:"((?:[^"\\]|\\.)*)"|([^\n]*))$', re.MULTILINE | re.DOTALL)
# A value that goes on where a text ends.
OPEN = re.compile(r'^[A-Za-z_]\w*="(?:[^"\\]|\\.)*\Z', re.MULTILINE | re.DOTALL)


def quoted(value: str) -> str:
    """Return a value as systemd's EnvironmentFile takes it."""
    return '"' + re.sub(r'([\\"`$])', r"\\\1", value) + '"'


def variables(text: str) -> dict[str, str]:
    """Return the variables of an environment file by their names."""
    return {
        match[1]: match[3] if match[2] is None else re.sub(r"\\(.)", r"\1", match[2], flags=re.DOTALL)
        for match in VARIABLE.finditer(text)
    }


def beginning(text: str) -> str:
    """Return what stands before a place in an environment file of the variable in whose value it is.

    `text` is all before the place. Outside a value it is what stands before the place on its line.
    """
    is_open = OPEN.search(text)
    return is_open[0] if is_open else text.rpartition("\n")[2]
