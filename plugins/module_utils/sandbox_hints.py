"""What of an application's last words is its sandbox's doing, and which key opens it: a sentence for a message."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ansible_collections.foobar.webstack.plugins.module_utils import names
from ansible_collections.foobar.webstack.plugins.module_utils.release_tree import code_in

PLACE = re.compile(r"(?:\[Errno (?:13|30)\] [\w -]+|Read-only file system|cannot create [\w ]+): ['\"]?(/[^'\":]+)")
NETWORK = re.compile(
    r"\[Errno (101|97|-2|-3)\]|Network is unreachable|Address family not supported|failure in name resolution"
    r"|Name or service not known"
)
# What becomes of a packet that systemd's firewall lets through no door.
FILTERED = re.compile(r"TimeoutError|timed out|(connect|send|socket).*(\[Errno 1\]|not permitted)", re.DOTALL)
NOT_PERMITTED = re.compile(r"\[Errno 1\]|Operation not permitted|Bad system call|status=31/SYS|SIGSYS")
# Where the database is looked for in vain: what is said, in one line, and what to do about it.
DATABASE = [
    (
        re.compile(
            r"Can't connect to (local )?(MySQL )?server (on|through socket) "
            r"'((localhost|127\.0\.0\.1|::1)(:\d+)?|/(?!(var/)?run/mysqld/mysqld\.sock')[^']*)'"
        ),
        f"MySQL answers at {names.DATABASE_SOCKET}, so have the database's address name that socket: a port needs "
        "mysql_bind_address, and the application network: true for it.",
    ),
    (
        re.compile(r"Connections using insecure transport are prohibited"),
        "By a port MySQL takes encrypted connections only: have the database's address ask for TLS or name the socket.",
    ),
]
# What is said, and what to do about it; the first one that fits counts.
OTHERS = [
    (
        re.compile(
            r"cannot enable executable stack|failed to map segment.*not permitted|LLVM ERROR.*(memory|allocat)"
            r"|allocate section memory|ffi.*MemoryError"
        ),
        "It makes code while it runs, which memory_deny_write_execute: false lets it do.",
    ),
    (
        re.compile(r"(No such file or directory|not permitted|Permission denied): ['\"]?(?P<place>/dev/[\w/]+)"),
        "Its sandbox has no {place}, which service_options: {PrivateDevices: false, DeviceAllow: {place} rw} opens.",
    ),
    (
        re.compile(r"No such file or directory: ['\"]?(?P<place>/proc/[\w/]+)"),
        "Its sandbox has no {place}, which service_options: {ProcSubset: all} opens.",
    ),
    (
        re.compile(r"can't start new thread|\[Errno 11\] Resource temporarily unavailable"),
        "It has no more processes and threads than tasks_max says.",
    ),
]


def hint(said: Sequence[str], release: str, units: str = "") -> str:
    """Return which key opens what a release's sandbox has kept it from, in a sentence after a space, or an empty text.

    `release` is the folder of the release, and `units` the text of its units.
    """
    text = "\n".join(said)
    # Command lines with frames and colours break what they say to the width of a terminal.
    line = " ".join(text.split())
    for pattern, sentence in DATABASE:
        if pattern.search(line):
            return f" {sentence}"
    for pattern, sentence in OTHERS:
        if match := pattern.search(text):
            return f" {sentence.replace('{place}', match.groupdict().get('place', ''))}"
    if match := PLACE.search(text):
        return f" {_writable(match[1], release)}"
    if "IPAddressAllow=" in units and FILTERED.search(text):
        return " It reaches no address that is not in ip_address_allow."
    if "PrivateNetwork=true" in units and NETWORK.search(text):
        return " It has no network, which network: true opens, and ip_address_allow in part."
    if NOT_PERMITTED.search(text):
        return ' Its sandbox may refuse this; service_options opens more, such as {SystemCallFilter: "@resources"}.'
    return ""


def _writable(place: str, release: str) -> str:
    """Return what lets an application write to a place, in a sentence."""
    folder = PurePosixPath(place).parent
    if not PurePosixPath(place).is_relative_to(release):
        return f"It may not write to {place}, which writable_paths: [{folder}] opens where the folder is the app's."
    # What is to be made at the root and has no ending is a folder.
    if str(folder) == release and not PurePosixPath(place).suffix and not Path(place).is_file():
        folder = PurePosixPath(place)
    below = folder.relative_to(release)
    # A shared folder with code in it would keep that of the first release.
    if below == PurePosixPath() or code_in(Path(folder)):
        return f"It may not write to {place}, as a release stays as it is; $STATE_DIRECTORY is a folder of its own."
    return (
        f"It may not write to {place}, as a release stays as it is; shared_paths: [{below}] keeps a folder beside it."
    )
