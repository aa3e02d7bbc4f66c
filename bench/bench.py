"""Measure site.yml beside a shell script and popular roles that do the same, over SSH, on fresh containers.

bench.py [--rounds 6]         print seconds, ratios and medians
bench.py --profile            print the slowest tasks of each run, too
bench.py --popular-roles DIR  take the popular roles from a folder, where Galaxy can't be reached
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.machines import (
    BIN,
    ROOT,
    SUBNET,
    BenchError,
    Machines,
    clock,
    machine,
    markdown,
    measurement,
    page,
    refuse_changes,
    run,
)

REQUIREMENTS = ROOT / "bench/popular/requirements.yml"
PLAYBOOKS = {"ours": "site.yml", "popular": "bench/popular/site.yml"}


class Bench(Machines):
    """What the rounds share."""

    def __init__(self, folder: Path, profile: bool, popular: Path | None) -> None:
        """Let Ansible find the popular roles, and tell how long its tasks take, if that is asked for."""
        super().__init__(folder)
        self.profile = profile
        self.played = ["ours", "popular"] if popular else ["ours"]
        self.versions = ""
        if popular:
            self.environment["ANSIBLE_ROLES_PATH"] = str(popular)
            archive = ["--create", "--gzip", "--exclude-vcs-ignores", f"--file={folder}/guestbook.tar.gz"]
            run("tar", *archive, "--directory=examples", "guestbook")
        if profile:
            self.environment["ANSIBLE_CALLBACKS_ENABLED"] = "ansible.posix.profile_tasks"
            self.environment["PROFILE_TASKS_TASK_OUTPUT_LIMIT"] = "15"

    def floor(self, address: str) -> str:
        """Send the script and the application to a machine, and run it there."""
        tar = "tar --create --gzip --exclude-vcs-ignores -C bench floor.sh -C ../examples guestbook"
        return self.shell(address, "mkdir floor && cd floor && tar -xz && sh floor.sh", before=tar)

    def measure(self, number: int) -> dict[str, float]:
        """Measure one round; its machines are new ones, at addresses that no round before has had."""
        sides = ["plain", *self.played]
        addresses = {side: f"{SUBNET}.{number * 3 + index}" for index, side in enumerate(sides)}
        names = {side: f"bench-{side}{number}" for side in sides}
        self.create([names["ours"]], **{names[side]: addresses[side] for side in sides})
        result: dict[str, float] = {}
        output: dict[str, str] = {}

        def script() -> None:
            with clock(result, "floor"):
                self.floor(addresses["plain"])
            visit(addresses["plain"])

        def play(side: str, which: str) -> None:
            limit = ["--limit", names[side]] if side == "popular" else []
            with clock(result, f"{side} {which}"):
                output[f"{side} {which}"] = self.playbook(PLAYBOOKS[side], *limit)
            visit(addresses[side])

        # Whoever comes later finds a disk that is still busy, so they take turns.
        for side in in_turn(sides, number):
            if side == "plain":
                script()
            else:
                play(side, "first run")
        for side in in_turn(self.played, number):
            play(side, "second run")
        second = output["ours second run"]
        result["tasks"] = sum(map(int, re.findall(r" ok=(\d+)", second)))
        refuse_changes(second)
        packages = run("docker", "exec", names["ours"], "dpkg-query", "--show", "nginx", "mysql-server", "python3")
        if "popular" in names:
            packages += run("docker", "exec", names["popular"], "dpkg-query", "--show", "mariadb-server")
        self.versions = ", ".join([run(BIN / "ansible", "--version").splitlines()[0], *packages.splitlines()])
        if self.profile:
            for title, text in output.items():
                print(f"\nSlowest tasks of the {title}")
                print("\n".join(re.findall(r"^.+ -+ +[\d.]+s$", text, re.MULTILINE)))
        run("docker", "rm", "--force", "--volumes", *names.values())
        return result


def in_turn(sides: Sequence[str], number: int) -> list[str]:
    """Return the sides in the order of a round: each round, another one is the first."""
    first = number % len(sides)
    return [*sides[first:], *sides[:first]]


def popular_roles(folder: Path, given: Path | None) -> Path | None:
    """Return the folder that has the popular roles, or say why there is none."""
    roles = given or folder / "roles"
    try:
        if not given:
            run(BIN / "ansible-galaxy", "role", "install", "-r", REQUIREMENTS, "-p", roles)
        wanted = [role["name"] for role in yaml.safe_load(REQUIREMENTS.read_text())["roles"]]
        if missing := [name for name in wanted if not (roles / name).is_dir()]:
            raise BenchError(f"{roles} has no {', '.join(missing)}")
    except BenchError as error:
        print("The popular roles are left out:", " ".join(str(error).split()))
        return None
    return roles.resolve()


def visit(address: str) -> None:
    """See to it that a machine serves the site, database included."""
    for path in ("/", "/health"):
        page(address, "foobar.com", path)


def table(results: list[dict[str, float]]) -> str:
    """Return the results as a table in Markdown; what was not measured is a dash."""
    medians = {name: statistics.median(result[name] for result in results) for name in results[0]}
    head = ["round", "floor", "first run", "second run", "its tasks", "first / floor", "second / floor"]
    head += ["popular first run", "popular second run", "popular first / floor", "popular second / floor"]
    rows = []
    for title, row in [*enumerate(results, 1), ("**median**", medians)]:
        times, ratios = {}, {}
        for side in PLAYBOOKS:
            seconds = [row.get(f"{side} {which} run") for which in ("first", "second")]
            times[side] = ["-" if time is None else f"{time:.1f} s" for time in seconds]
            ratios[side] = ["-" if time is None else f"{time / row['floor']:.2f}" for time in seconds]
        ours = [*times["ours"], f"{row['tasks']:.0f}", *ratios["ours"]]
        rows.append([str(title), f"{row['floor']:.1f} s", *ours, *times["popular"], *ratios["popular"]])
    return markdown(head, rows)


def main() -> None:
    """Read the command line, measure, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="Measure site.yml beside a script and popular roles that do the same.")
    parser.add_argument("--rounds", type=int, default=6, choices=range(1, 85), metavar="1..84")
    parser.add_argument("--profile", action="store_true", help="print the slowest tasks of each run, too")
    parser.add_argument("--popular-roles", type=Path, metavar="DIR", help="a folder with them, instead of Galaxy")
    arguments = parser.parse_args()
    with measurement() as folder:
        bench = Bench(folder, arguments.profile, popular_roles(folder, arguments.popular_roles))
        results = [bench.measure(number) for number in range(1, arguments.rounds + 1)]
        print(f"\n{table(results)}\n\n{machine()}; {bench.versions}")


if __name__ == "__main__":
    main()
