"""Whether a process reaches a socket of its own, for a unit whose firewall is to keep it from that.

It is run by its text, so it needs nothing but Python's standard library.
"""

from __future__ import annotations

import socket
import sys

# The status where it can't by any protocol. That of a failure beside it is a traceback's.
FILTERED = 42


def reaches(family: socket.AddressFamily, address: str) -> bool:
    """Tell whether a socket of this process answers at an address."""
    server = socket.create_server((address, 0), family=family)
    try:
        socket.create_connection(server.getsockname()[:2], timeout=1)
    except OSError:
        return False
    return True


def reaches_by_ipv6() -> bool:
    """Tell whether a socket of this process answers by IPv6, which not every server has."""
    try:
        return reaches(socket.AF_INET6, "::1")
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(0 if reaches(socket.AF_INET, "127.0.0.1") or reaches_by_ipv6() else FILTERED)
