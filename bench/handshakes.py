"""Measure full TLS handshakes of the role's nginx beside one that is set up by hand with the same settings.

handshakes.py [--rounds 30]   print a table of medians, and the ratios
"""

from __future__ import annotations

import argparse
import itertools
import re
import socket
import ssl
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.machines import SUBNET, BenchError, Machines, machine, markdown, measurement

NAME = "tls.example"
ADDRESS = f"{SUBNET}.3"
VISITORS = 2
SECONDS = 1.0


@dataclass(frozen=True)
class Nginx:
    """One of the two: what it is called, its unit and its port."""

    title: str
    unit: str
    port: int


ROLE = Nginx("role nginx", "nginx", 443)
BY_HAND = Nginx("by hand", "by-hand", 8443)


@dataclass(frozen=True)
class Round:
    """What a round has shown: handshakes per second, and milliseconds of nginx's CPU for each."""

    rate: float
    cpu: float


def visit(address: str, port: int, seconds: float) -> int:
    """Come anew for so many seconds, as a browser that connects ahead does, and return how often."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    deadline = time.monotonic() + seconds
    for visits in itertools.count():
        if time.monotonic() > deadline:
            return visits
        with (
            socket.create_connection((address, port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=NAME) as connection,
        ):
            if connection.session_reused:
                raise BenchError(f"{address}:{port} has taken up an old session.")
            # nginx has read all of it once it hangs up, too.
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
    raise AssertionError


def table(rounds: Mapping[Nginx, Sequence[Round]]) -> str:
    """Return medians, and the median of how the role compares in each round: above 1 it does better."""
    rows = [
        [
            nginx.title,
            f"{statistics.median(each.rate for each in found):.0f}",
            f"{statistics.median(each.cpu for each in found):.2f} ms",
        ]
        for nginx, found in rounds.items()
    ]
    pairs = list(zip(rounds[ROLE], rounds[BY_HAND], strict=True))
    rate = statistics.median(role.rate / by_hand.rate for role, by_hand in pairs)
    cpu = statistics.median(by_hand.cpu / role.cpu for role, by_hand in pairs)
    return markdown(
        ["", "full handshakes a second", "nginx's CPU for each"], [*rows, ["ratio", f"{rate:.2f}", f"{cpu:.2f}"]]
    )


class Handshakes(Machines):
    """One server with both."""

    def cpu(self, nginx: Nginx) -> float:
        """Return how many milliseconds of CPU an nginx has used until now."""
        told = self.shell(ADDRESS, f"cat /sys/fs/cgroup/system.slice/{nginx.unit}.service/cpu.stat")
        return int(re.findall(r"usage_usec (\d+)", told)[0]) / 1000

    def round(self, nginx: Nginx, visitors: ProcessPoolExecutor) -> Round:
        """Let visitors come for some seconds."""
        before, start = self.cpu(nginx), time.monotonic()
        visits = sum(visitors.map(visit, [ADDRESS] * VISITORS, [nginx.port] * VISITORS, [SECONDS] * VISITORS))
        seconds = time.monotonic() - start
        return Round(visits / seconds, (self.cpu(nginx) - before) / visits)

    def measure(self, rounds: int) -> dict[Nginx, list[Round]]:
        """Let both take turns, so that each is as often the first."""
        found: dict[Nginx, list[Round]] = {ROLE: [], BY_HAND: []}
        with ProcessPoolExecutor(VISITORS) as visitors:
            for number in range(rounds):
                for nginx in list(found)[:: 1 if number % 2 else -1]:
                    found[nginx].append(self.round(nginx, visitors))
        return found


def main() -> None:
    """Read the command line, measure, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30, choices=range(1, 101), metavar="1..100")
    arguments = parser.parse_args()
    with measurement() as folder:
        bench = Handshakes(folder)
        bench.create(["bench-tls"], ["web"], **{"bench-tls": ADDRESS})
        bench.playbook("bench/handshakes.yml")
        results, version = bench.measure(arguments.rounds), bench.shell(ADDRESS, "nginx -v 2>&1").strip()
        print(f"{table(results)}\n\n{machine()}; {version}")


if __name__ == "__main__":
    main()
