"""Values of variables that systemd and a shell each have words for, and how a shell reads them from a file."""

from __future__ import annotations

import subprocess
from pathlib import Path

VALUES = [
    "plain",
    "",
    " spaces at both ends ",
    "it's",
    'say "yes"',
    "back\\slash \\n \\",
    "$HOME ${HOME} $(id) `id`",
    "# no comment ; none",
    "%i %h %%",
    "mysql+pymysql://u:p@localhost/db?unix_socket=/run/x.sock&charset=utf8mb4",
    "grüße",
    "tab\tin it",
    "!history",
    "-----BEGIN KEY-----\nMIIB=\n\n-----END KEY-----\n",
    "\n",
    "one\\\ntwo\n  AFTER=3\n",
    "carriage\r\nreturn",
]


def sourced(file: Path, *names: str) -> list[str]:
    r"""Return the values of variables in a file of systemd's kind.

    What systemd undoes within double quotes is what a POSIX shell does: a backslash before \, ", ` and $.
    """
    show = " ".join(f'"${name}"' for name in names)
    shell = subprocess.run(
        ["/bin/sh", "-euc", f'. "$0"; printf "%s\\000" {show}', file],
        capture_output=True,
        check=True,
    )
    return shell.stdout.decode().split("\0")[:-1]
