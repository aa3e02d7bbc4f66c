"""Visit an application over its socket, at times that do not depend on its answers, and tell how long they took.

visitors.py '["shop", {"/quick": 20, "/slow": 1}, 30]'   the app, requests a second by path, and seconds
"""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path


class Connection(HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str) -> None:
        """Connect to a socket, and wait a minute at most."""
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Visit(threading.Thread):
    """One request, at its time."""

    def __init__(self, socket_path: str, page: str, at: float) -> None:
        """Note which page and when."""
        super().__init__()
        self.socket_path, self.page, self.at, self.took = socket_path, page, at, 0.0
        self.is_well = False

    def run(self) -> None:
        """Ask, and note how long it took from the time at which somebody wanted it."""
        connection = Connection(self.socket_path)
        try:
            connection.request("GET", self.page)
            self.is_well = connection.getresponse().status == 200
        except OSError:
            pass
        finally:
            connection.close()
        self.took = time.monotonic() - self.at


def memory(unit: str) -> int:
    """Return the bytes of a unit's processes; what they share is divided among them."""
    asked = ["systemctl", "show", "--property=ControlGroup", "--value", unit]
    group = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    pids = Path(f"/sys/fs/cgroup{group}/cgroup.procs").read_text().split()
    sizes = [re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE) for pid in pids]
    return sum(int(size[1]) * 1024 for size in sizes if size)


def main() -> None:
    """Come at the times, and print what was found as JSON."""
    app, rates, seconds = json.loads(sys.argv[1])
    path, start = f"/run/gunicorn-{app}/gunicorn.sock", time.monotonic() + 5
    plan = [(start + number / rate, page) for page, rate in rates.items() for number in range(rate * seconds)]
    warm = Visit(path, "/quick", start)
    warm.run()
    visits = []
    for at, page in sorted(plan):
        time.sleep(max(0, at - time.monotonic()))
        visits.append(Visit(path, page, at))
        visits[-1].start()
    used = memory(f"gunicorn-{app}.service")
    for visit in visits:
        visit.join()
    quick = sorted(visit.took for visit in visits if visit.page != "/slow")
    result = {"p50": quick[len(quick) // 2], "p99": quick[int(len(quick) * 0.99)], "memory": used}
    print(json.dumps({**result, "failed": sum(not visit.is_well for visit in visits)}))


if __name__ == "__main__":
    main()
