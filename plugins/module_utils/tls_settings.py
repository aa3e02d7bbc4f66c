"""What the role has written for the server's program, what it asks of a run, and what is known from run to run."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .tls_acme import Authority
from .tls_preflight import Verdict

HOME = Path("/var/lib/tls")
SETTINGS = Path("/etc/tls/certificates.json")
# There from when the role has changed files to the run that has read them.
PENDING = Path("/run/foobar.webstack/tls")
# There while the role waits for a run, with what it tells it: nothing that is put off is put off any longer.
REQUEST = Path("/run/foobar.webstack/tls-request")


@dataclass(frozen=True)
class Wanted:
    """A certificate as it should be."""

    name: str
    domains: list[str]
    provider: str
    key_type: str
    profile: str
    directory: str
    # Names that the web server answers for with it; it may name others, too.
    served: list[str]


@dataclass(frozen=True)
class Request:
    """What somebody who waits for a run tells it; the verdicts are the controller's, by certificate."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    prune: bool = False

    @classmethod
    def read(cls, path: Path) -> Request | None:
        """Return what the role asks for, or None where nobody waits."""
        try:
            told = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        return cls({name: Verdict(**verdict) for name, verdict in told["verdicts"].items()}, told["prune"])


@dataclass(frozen=True)
class Settings:
    """What the role has written."""

    path: Path
    group: str
    home: Path
    served_at: str
    reload_command: str
    preflight: bool
    nameservers: list[str]
    authority: Authority
    certificates: list[Wanted]

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read the settings."""
        told = json.loads(path.read_text())
        made = {
            "authority": Authority(**told["authority"]),
            "certificates": [Wanted(**entry) for entry in told["certificates"]],
        }
        return cls(**{**told, **{key: Path(told[key]) for key in ("path", "home")}, **made})


@dataclass
class State:
    """What is known of a certificate from run to run; times are seconds since the epoch, 0 being none."""

    ordered: dict[str, Any] = field(default_factory=dict)
    failures: int = 0
    retry_at: float = 0
    # What a CA itself has said.
    blocked_until: float = 0
    # The order that has failed: its CA and its names.
    failed_order: list[str] = field(default_factory=list)
    error: str = ""
    window: list[float] = field(default_factory=list)
    window_of: str = ""
    ask_at: float = 0
    # Addresses of its names at which this server was found from outside.
    reached: list[str] = field(default_factory=list)
    # Where the certificate came from that was last installed.
    installed_from: str = ""
    # Names for which the switch was set by this certificate.
    switches: list[str] = field(default_factory=list)
    # Whether the site answered over HTTP before it had any certificate; None where nobody has asked.
    was_served: bool | None = None
    # Whether one was replaced by the next without anybody's help.
    is_proven: bool = False

    @classmethod
    def read(cls, path: Path) -> State:
        """Read what the last run has left; where that is nothing or broken, begin anew."""
        known = {entry.name for entry in fields(cls)}
        try:
            return cls(**{key: value for key, value in json.loads(path.read_text()).items() if key in known})
        except (FileNotFoundError, ValueError, AttributeError):
            return cls()


def replace(path: Path, content: str, group: str | None = None) -> None:
    """Put a file in the place of another, for root and a group to read; whoever reads sees one of the two, whole."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if group is not None:
        shutil.chown(new, group=group)
        new.chmod(0o640)
    new.replace(path)
