"""Measure site.yml beside a shell script that does the same, over SSH, on fresh containers in every round.

bench.py [--rounds 5]   print seconds, ratios and medians
bench.py --profile      print the slowest tasks of each run, too
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.machines import BIN, SUBNET, Machines, clock, machine, markdown, measurement, page, refuse_changes, run


class Bench(Machines):
    """What the rounds share."""

    def __init__(self, folder: Path, profile: bool) -> None:
        """Let Ansible tell how long its tasks take, if that is asked for."""
        super().__init__(folder)
        self.profile = profile
        self.versions = ""
        if profile:
            self.environment["ANSIBLE_CALLBACKS_ENABLED"] = "ansible.posix.profile_tasks"
            self.environment["PROFILE_TASKS_TASK_OUTPUT_LIMIT"] = "15"

    def floor(self, address: str) -> str:
        """Send the script and the application to a machine, and run it there."""
        tar = "tar --create --gzip --exclude-vcs-ignores -C bench floor.sh -C ../examples guestbook"
        return self.shell(address, "mkdir floor && cd floor && tar -xz && sh floor.sh", before=tar)

    def measure(self, number: int) -> dict[str, float]:
        """Measure one round; its machines are new ones, at addresses that no round before has had."""
        plain, ours = f"{SUBNET}.{number * 2 + 1}", f"{SUBNET}.{number * 2 + 2}"
        names = [f"bench-plain{number}", f"bench-ours{number}"]
        self.create([names[1]], **dict(zip(names, (plain, ours), strict=True)))
        result: dict[str, float] = {}
        output = {}

        def script() -> None:
            with clock(result, "floor"):
                self.floor(plain)
            visit(plain)

        def first_run() -> None:
            with clock(result, "first run"):
                output["first"] = self.playbook("site.yml")
            visit(ours)

        # Whoever comes second finds a disk that is still busy, so they take turns.
        for step in (script, first_run) if number % 2 else (first_run, script):
            step()
        with clock(result, "second run"):
            output["second"] = self.playbook("site.yml")
        visit(ours)
        result["tasks"] = sum(map(int, re.findall(r" ok=(\d+)", output["second"])))
        refuse_changes(output["second"])
        packages = run("docker", "exec", names[1], "dpkg-query", "--show", "nginx", "mysql-server", "python3")
        self.versions = ", ".join([run(BIN / "ansible", "--version").splitlines()[0], *packages.splitlines()])
        if self.profile:
            for title, text in output.items():
                print(f"\nSlowest tasks of the {title} run")
                print("\n".join(re.findall(r"^.+ -+ +[\d.]+s$", text, re.MULTILINE)))
        run("docker", "rm", "--force", "--volumes", *names)
        return result


def visit(address: str) -> None:
    """See to it that a machine serves the site, database included."""
    for path in ("/", "/health"):
        page(address, "foobar.com", path)


def table(results: list[dict[str, float]]) -> str:
    """Return the results as a table in Markdown."""
    medians = {name: statistics.median(result[name] for result in results) for name in results[0]}
    rows = []
    for title, row in [*enumerate(results, 1), ("**median**", medians)]:
        floor, first, second = (row[name] for name in ("floor", "first run", "second run"))
        ratios = [f"{first / floor:.2f}", f"{second / floor:.2f}"]
        rows.append([str(title), *(f"{time:.1f} s" for time in (floor, first, second)), f"{row['tasks']:.0f}", *ratios])
    return markdown(["round", "floor", "first run", "second run", "its tasks", "first / floor", "second / floor"], rows)


def main() -> None:
    """Read the command line, measure, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="Measure site.yml beside a shell script that does the same.")
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 101), metavar="1..100")
    parser.add_argument("--profile", action="store_true", help="print the slowest tasks of each run, too")
    arguments = parser.parse_args()
    with measurement() as folder:
        bench = Bench(folder, arguments.profile)
        results = [bench.measure(number) for number in range(1, arguments.rounds + 1)]
        print(f"\n{table(results)}\n\n{machine()}; {bench.versions}")


if __name__ == "__main__":
    main()
