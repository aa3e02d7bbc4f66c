"""Measure quick and slow requests at once, with the role's workers beside those that most people take.

mixed.py [--rounds 3]   print a table of medians, and the ratios to 2n+1 sync workers
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.machines import SUBNET, Machines, machine, markdown, measurement

ADDRESS = f"{SUBNET}.3"
SECONDS = 20
# Requests a second: those that compute, those that wait for a database, and those that wait for somebody else.
RATES = {"/quick": 20, "/database": 20, "/slow": 1}
# By what a table calls them: the keys of an app, and what they are measured beside.
WAYS: dict[str, dict[str, object]] = {
    "2n+1 sync workers": {"worker_class": "sync", "workers": 5},
    "n sync workers": {"worker_class": "sync"},
    "n workers, 4 threads": {"worker_class": "gthread", "threads": 4},
    "n workers, 8 threads": {},
    "n workers, 16 threads": {"worker_class": "gthread", "threads": 16},
}
BESIDE = "2n+1 sync workers"
USUAL = "n workers, 8 threads"

# Of one round: `p50` and `p99` of quick requests and those to a database, in seconds, `failed`, and `memory` in bytes.
Round = Mapping[str, float]


def apps() -> list[dict[str, object]]:
    """Return `gunicorn_apps`, one for each way; n is 2, as many cores as are used."""
    shared = {"wsgi_app": "mixed:application", "chdir": "/opt/mixed"}
    return [{"name": f"way{number}", **shared, **keys} for number, keys in enumerate(WAYS.values())]


def table(rounds: Mapping[str, Sequence[Round]]) -> str:
    """Return medians of each way, and the median of its ratio to the one that it is measured beside, round by round."""
    head = ["", "p50", "p99", "memory", "p50, ratio", "p99, ratio", "memory, ratio"]
    rows = []
    for way, found in rounds.items():
        middle = {name: statistics.median(each[name] for each in found) for name in ("p50", "p99", "memory")}
        ratios = [
            statistics.median(own[name] / other[name] for own, other in zip(found, rounds[BESIDE], strict=True))
            for name in ("p50", "p99", "memory")
        ]
        rows.append(
            [
                way,
                f"{middle['p50'] * 1000:.0f} ms",
                f"{middle['p99'] * 1000:.0f} ms",
                f"{middle['memory'] / 2**20:.0f} MiB",
                *(f"{ratio:.2f}" for ratio in ratios),
            ]
        )
    return markdown(head, rows)


class Mixed(Machines):
    """One server with an application in each of the ways, of which one is visited at a time."""

    def round(self, number: int) -> Round:
        """Visit the application of a way, started anew, from the server itself."""
        unit = f"gunicorn-way{number}"
        asked = json.dumps([f"way{number}", RATES, SECONDS])
        code = f"systemctl start {unit} && python3 /opt/mixed/visitors.py {shlex.quote(asked)}"
        result: Round = json.loads(self.shell(ADDRESS, f"{code}; systemctl stop {unit}.socket {unit}.service"))
        return result

    def measure(self, rounds: int) -> dict[str, list[Round]]:
        """Let the ways take turns."""
        found: dict[str, list[Round]] = {way: [] for way in WAYS}
        for turn in range(rounds):
            for number, way in list(enumerate(WAYS))[:: 1 if turn % 2 else -1]:
                found[way].append(self.round(number))
        return found


def main() -> None:
    """Read the command line, measure, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 21), metavar="1..20")
    arguments = parser.parse_args()
    with measurement() as folder:
        bench = Mixed(folder, gunicorn_apps=apps())
        bench.create(["bench-mixed"], ["app"], **{"bench-mixed": ADDRESS})
        bench.playbook("bench/mixed.yml")
        rounds = bench.measure(arguments.rounds)
        failed = sum(each["failed"] for found in rounds.values() for each in found)
        print(f"{table(rounds)}\n\n{failed:.0f} requests failed. {machine()}")


if __name__ == "__main__":
    main()
