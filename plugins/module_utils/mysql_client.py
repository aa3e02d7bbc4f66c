"""Talk to the MySQL server of this machine as root, by its socket and its own client."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

Row = dict[str, Any]

# The arguments that every module which talks to the server has.
LOGIN: dict[str, dict[str, Any]] = {
    "login_unix_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
    "login_password": {"type": "str", "default": "", "no_log": True},
}


class MysqlError(Exception):
    """The server does not answer, or refuses a statement; the text is its own."""


class Client:
    """Runs SQL; neither the SQL nor the password is in the list of processes."""

    def __init__(self, run: Callable[..., tuple[int, str, str]], socket: str, password: str) -> None:
        """Take AnsibleModule.run_command, and how root logs in."""
        self.run = run
        self.command = [
            "mysql",
            "--no-defaults",
            "--user=root",
            f"--socket={socket}",
            "--default-character-set=utf8mb4",
            # Quotes in what the server prints depend on it.
            "--init-command=SET sql_mode = ''",
            "--batch",
            "--raw",
            "--skip-column-names",
        ]
        self.environment = {"MYSQL_PWD": password} if password else {}

    def lines(self, *statements: str) -> list[str]:
        """Run statements up to the first that fails, and return what the server prints."""
        code, output, error = self.run(
            self.command, data="".join(f"{statement};\n" for statement in statements), environ_update=self.environment
        )
        if code != 0:
            raise MysqlError(_last_words(error))
        return output.splitlines()

    def script(self, text: str) -> None:
        """Run a text of SQL up to the first statement that fails."""
        code, _, error = self.run(self.command, data=text, environ_update=self.environment)
        if code != 0:
            raise MysqlError(_last_words(error))

    def rows(self, *statements: str) -> list[Row]:
        """Run statements that give one JSON object for each row, and return the rows."""
        return [json.loads(line) for line in self.lines(*statements)]

    def errors(self, statements: list[str]) -> dict[int, tuple[int, str]]:
        """Run all statements, each on one line, and return code and text of each that fails, by its position."""
        code, _, error = self.run(
            [*self.command, "--force"],
            data="".join(f"{statement};\n" for statement in statements),
            environ_update=self.environment,
        )
        found = re.findall(r"^ERROR (\d+) \(\w+\) at line (\d+): (.*)$", error, re.MULTILINE)
        if code != 0 and not found:
            raise MysqlError(_last_words(error))
        return {int(line) - 1: (int(number), text) for number, line, text in found}


def _last_words(error: str) -> str:
    """Return the last line of what the client has printed, without its position."""
    lines = [line for line in error.splitlines() if "[Warning]" not in line] or ["it said nothing"]
    text = re.sub(r"^ERROR \d+ \(\w+\)( at line \d+)?: ", "", lines[-1]).strip().rstrip(".")
    return f"{text}; set mysql_root_password to root's password" if "Access denied" in text else text


def pending_options(marker: Path, started: float) -> list[str]:
    """Return what was noted as pending since the server was started, in seconds since the epoch."""
    try:
        if marker.stat().st_mtime <= started:
            return []
        return [str(name) for name in json.loads(marker.read_text())]
    except FileNotFoundError:
        return []


def note_pending(marker: Path, names: list[str]) -> None:
    """Write down, in one rename, what waits for a restart; where nothing does, take the file away."""
    if not names:
        marker.unlink(missing_ok=True)
        return
    marker.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    part = marker.with_name(f"{marker.name}.part")
    part.write_text(json.dumps(names))
    part.replace(marker)
