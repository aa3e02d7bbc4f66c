"""How the virtual environment of a release is made, by the tool that makes it and the lock that the source holds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

# The first one that the source has is what an environment is made from.
LOCKS = {
    "uv": ("uv.lock", "requirements.txt", "pyproject.toml"),
    "pip": ("requirements.txt", "pyproject.toml"),
}
# The command of a package that is not called like it, and that another package may bring, too.
COMMANDS = {"pyuwsgi": "uwsgi"}
PIP = ".venv/bin/pip install --quiet --disable-pip-version-check"


def lock_of(files: Sequence[str], installer: str) -> str:
    """Return the file that an environment is made from, or an empty string where the source has none."""
    return next((lock for lock in LOCKS[installer] if lock in files), "")


def install_commands(lock: str, installer: str, uv: str, python: str, fallbacks: Sequence[str]) -> list[str]:
    """Return the shell commands that make `.venv` in the current folder and install what the source depends on.

    The source itself is not among it: what its own code does while it is installed is a build's business.
    `fallbacks` are requirements that are installed where the lock brings no command of their name.
    """
    if installer == "uv":
        make, install = f"{uv} venv --quiet --python {shlex.quote(python)}", f"{uv} pip install --quiet"
        commands = {
            "uv.lock": [f"{_sync(uv, python)} --no-install-project --no-install-workspace"],
            "requirements.txt": [make, f"{install} --requirement requirements.txt"],
            "pyproject.toml": [make, f"{install} --requirement pyproject.toml"],
            "": [make],
        }
    else:
        make, install = f"{shlex.quote(python)} -m venv .venv", PIP
        commands = {
            "requirements.txt": [make, f"{install} --requirement requirements.txt"],
            "pyproject.toml": [make],
            "": [make],
        }
    names = [re.split(r"[^A-Za-z0-9_.-]", requirement, maxsplit=1)[0] for requirement in fallbacks]
    return [
        *commands[lock],
        *(
            f"test -e .venv/bin/{COMMANDS.get(name, name)} || {install} {shlex.quote(requirement)}"
            for name, requirement in zip(names, fallbacks, strict=True)
        ),
    ]


def project_command(lock: str, installer: str, uv: str, python: str) -> str:
    """Return the command that installs the source itself where it is a package, or an empty string."""
    if installer == "pip":
        return f"{PIP} --no-cache-dir ." if lock == "pyproject.toml" else ""
    commands = {"uv.lock": f"{_sync(uv, python)} --inexact", "pyproject.toml": f"{uv} pip install --quiet --no-deps ."}
    return commands.get(lock, "")


def _sync(uv: str, python: str) -> str:
    """Return the command that installs exactly what uv.lock says."""
    return f"{uv} sync --quiet --frozen --no-dev --no-editable --python {shlex.quote(python)}"


def compile_command(*places: str) -> str:
    """Return the command that compiles what is in folders.

    The user that runs the app may not write beside its code: what is not compiled here, each process compiles anew. It
    is a cache: nothing fails for want of it, neither for a file that is no valid Python nor for what root has left.
    """
    return f".venv/bin/python -I -W ignore -m compileall -qq -j 0 {' '.join(places)} || true"
