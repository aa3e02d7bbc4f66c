"""Measure releases: what visitors notice of four ways to make one, and how long ours takes beside a shell script.

deploy.py [--rounds 3] [--json FILE] [--plot FILE]   print tables, write the figures and a plot of them

One server on this machine holds the site of sites.yml and the same application three times more, each released in
another way. All of it goes over SSH, and nothing of it is left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import html
import json
import re
import secrets
import shlex
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.machines import ROOT, SUBNET, BenchError, Machines, clock, machine, markdown, measurement, run

SERVER = f"{SUBNET}.3"
OURS = "ours"
# How the ways beside ours make new code live.
COMMANDS = {
    "restart": "systemctl restart bench@restart",
    "hup": "systemctl reload-or-restart bench@hup",
    "socket": "systemctl restart bench@socket",
}
TITLES = {
    "none": "no release",
    "look": "no release, but releases.yml",
    "restart": "systemctl restart",
    "hup": "HUP to the master",
    "socket": "socket activation, restart",
    OURS: "deploy.yml",
}
RELEASES = 3
# Seconds until somebody has noticed a bad release and puts the code from before back.
NOTICED = 10
# Steps of a release, by the names of the tasks; the first that fits has it. Ours uploads, makes the environment and
# builds in one call, and starts and switches in another.
STEPS = {
    "environment": r"prepare \|",
    "upload": r"lock \|",
    "build": r"build \|",
    "migrate": r"migrate \|",
    "start": r"switch \| Start",
    "switch": r"switch \|",
}
# Versions of a small package that the application can do with; a round takes two of them.
VERSIONS = ("0.6.0", "0.5.5", "0.5.4", "0.5.3", "0.5.2", "0.5.1", "0.5.0", "0.4.4", "0.4.3", "0.4.2")
KINDS = {"code": "code", "dependency": "one dependency", "everything": "everything, no cache"}

Figures = dict[str, float]


def split_tasks(output: str, total: float) -> Figures:
    """Return the seconds of each step of a release, from what profile_tasks prints at the end of a run."""
    steps = dict.fromkeys([*STEPS, "rest"], 0.0)
    for task, seconds in re.findall(r"^(\S.*?) -+ +([\d.]+)s$", output, re.MULTILINE):
        step = next((step for step, pattern in STEPS.items() if re.search(pattern, task)), "rest")
        steps[step] += float(seconds)
    # What Ansible does beside the tasks that it counts is in the rest, too.
    return {**steps, "rest": total - sum(steps.values()) + steps["rest"], "total": total}


def split_marks(output: str, total: float) -> Figures:
    """Return the seconds of each step of a release, from the marks that release.sh prints."""
    marks = [(name, float(moment)) for name, moment in re.findall(r"^(\w+) (\d+\.\d+)$", output, re.MULTILINE)]
    steps = dict.fromkeys([*STEPS, "rest"], 0.0)
    for (_, before), (name, after) in pairwise(marks):
        steps[name] = after - before
    # Before the first mark there was the connection.
    return {**steps, "upload": total - sum(steps.values()), "total": total}


def medians(rounds: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}


def seconds(value: float | None) -> str:
    """Return seconds as a table has them; None if there was nothing to measure."""
    return "-" if value is None else f"{value:.2f} s"


def losses(summary: Mapping[str, Any]) -> str:
    """Return how many requests failed, and their share."""
    failed, requests = summary["failed"], summary["requests"]
    return f"{failed} ({failed / requests:.1%})" if failed else "0"


def ways_table(ways: Mapping[str, Mapping[str, Any]], first: str) -> str:
    """Return what visitors noticed of each way."""
    rows = [
        [TITLES[way], str(summary["requests"]), losses(summary)]
        + [seconds(summary[name]) for name in ("worst", "p99", "longest_pause")]
        for way, summary in ways.items()
    ]
    return markdown([first, "requests", "failed", "worst latency", "p99", "longest pause"], rows)


def times_table(times: Mapping[str, Mapping[str, Sequence[Figures]]]) -> str:
    """Return how long releases take, and what each adds to the disk; medians."""
    rows = []
    for kind, by in times.items():
        ours, script = medians(by[OURS]), medians(by["script"])
        work = statistics.median(figures["total"] - figures["environment"] for figures in by["script"])
        rows.append(
            [KINDS[kind], *(f"{value:.1f} s" for value in (ours["live"], ours["total"], script["total"], work))]
            + [f"{ours['total'] / script['total']:.2f}", f"{ours['total'] / work:.2f}"]
            + [f"{figures['disk']:.1f} MiB" for figures in (ours, script)]
        )
    head = ["new is", "deploy.yml: live after", "done after", "script", "script without venv, pip"]
    return markdown([*head, "ratio", "ratio without", "disk: deploy.yml", "disk: script"], rows)


def steps_table(times: Mapping[str, Mapping[str, Sequence[Figures]]]) -> str:
    """Return what the time goes into; medians of each step, so they don't add up."""
    names = ["upload", "environment", "build", "migrate", "start", "switch", "rest"]
    rows = [
        [
            f"{KINDS[kind]}: {'deploy.yml' if who == OURS else who}",
            *(f"{medians(rounds)[name]:.1f} s" for name in names),
        ]
        for kind, by in times.items()
        for who, rounds in by.items()
    ]
    return markdown(["new is", *names], rows)


def plot(ways: Mapping[str, Mapping[str, Any]]) -> str:
    """Return an SVG with the worst latency and the failed requests of each way, for light and dark pages."""
    left, width, space, height = 200, 170, 290, 30
    panels = {
        "Worst latency": {way: (summary["worst"] or 0.0, seconds(summary["worst"])) for way, summary in ways.items()},
        "Failed requests": {way: (float(summary["failed"]), losses(summary)) for way, summary in ways.items()},
    }
    shapes = [
        f'<text class="way" x="{left - 12}" y="{60 + height * row}">{html.escape(TITLES[way])}</text>'
        for row, way in enumerate(ways)
    ]
    for column, (title, bars) in enumerate(panels.items()):
        x, most = left + space * column, max(value for value, _ in bars.values()) or 1.0
        shapes.append(f'<text class="title" x="{x}" y="24">{title}</text>')
        shapes.append(f'<path class="axis" d="M{x} 38V{46 + height * len(bars)}"/>')
        for row, (way, (value, label)) in enumerate(bars.items()):
            y, length = 45 + height * row, value / most * width
            kind = "ours" if way == OURS else "bar"
            shapes.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{length:.1f}" height="20"/>')
            shapes.append(f'<text x="{x + length + 8:.1f}" y="{y + 15}">{html.escape(label)}</text>')
    style = (
        "text{font:14px system-ui,sans-serif;fill:#1f2328}.way{text-anchor:end}.title{font-weight:600}"
        ".axis{stroke:#7a828c}.bar{fill:#8c959f}.ours{fill:#1a7f37}"
        "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7681}.ours{fill:#3fb950}}"
    )
    size = f"{left + space * 2} {54 + height * len(ways)}"
    spoken = "; ".join(f"{TITLES[way]}: {', '.join(bars[way][1] for bars in panels.values())}" for way in ways)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" width="{size.split()[0]}" role="img">',
            f"<title>Worst latency and failed requests of each way to release. {html.escape(spoken)}</title>",
            f"<style>{style}</style>",
            *shapes,
            "</svg>\n",
        ]
    )


def host(way: str) -> str:
    """Return the name at which nginx passes to what a way releases."""
    return f"{way}.foobar.com" if way in COMMANDS else "foobar.com"


def version(way: str) -> str:
    """Ask which code serves; an empty string if none does."""
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"http://{SERVER}/", headers={"Host": host(way)})
    with contextlib.suppress(OSError, ValueError), browser.open(request, timeout=10) as page:
        return str(json.load(page)["version"])
    return ""


def await_version(way: str, wanted: int) -> float:
    """Wait until a release serves, and return how many seconds that took."""
    start = time.monotonic()
    while version(way) != str(wanted):
        if time.monotonic() > start + 60:
            raise BenchError(f"{TITLES[way]}: release {wanted} does not serve.")
        time.sleep(0.1)
    return time.monotonic() - start


def timed(way: str, wanted: int, release: Callable[[], Figures]) -> Figures:
    """Release, and add to the figures after how many seconds visitors have met the release that is wanted."""
    with ThreadPoolExecutor(1) as pool:
        live = pool.submit(await_version, way, wanted)
        figures = release()
        return {**figures, "live": live.result()}


@contextlib.contextmanager
def load(way: str) -> Iterator[dict[str, Any]]:
    """Visit a site meanwhile, and fill in the summary of it."""
    kinds = ["--get", "/", "--post", "/entries", "--slow", "/slow?seconds=1", "--slow-post", "/slow?seconds=1"]
    command = [sys.executable, str(ROOT / "tests/load/load.py"), f"http://{SERVER}/", "--host", host(way), *kinds]
    summary: dict[str, Any] = {}
    start = time.monotonic()
    with subprocess.Popen([*command, "--failures", "/dev/null"], stdout=subprocess.PIPE, text=True) as process:
        try:
            time.sleep(3)
            yield summary
            time.sleep(3)
        finally:
            process.terminate()
            output = process.communicate(timeout=60)[0]
    summary |= {"seconds": time.monotonic() - start, **json.loads(output)}


class Deploys(Machines):
    """The server, and the source that changes from release to release."""

    def __init__(self, folder: Path) -> None:
        """Copy the application, so that it can be changed."""
        self.source = folder / "board"
        shutil.copytree(ROOT / "tests/apps/django", self.source)
        super().__init__(folder, bench_source=str(self.source), bench_password=secrets.token_hex(16))
        self.environment["ANSIBLE_CALLBACKS_ENABLED"] = "ansible.posix.profile_tasks"
        self.environment["PROFILE_TASKS_TASK_OUTPUT_LIMIT"] = "all"
        self.requirements = (self.source / "requirements.txt").read_text()
        self.number = 1

    def playbook(self, *arguments: str) -> str:
        """Run playbooks on the site of sites.yml."""
        return super().playbook("-e", "@bench/sites.yml", *arguments)

    def prepare(self) -> str:
        """Set up the site and, beside it, what the other ways release; return the versions in use."""
        self.create(["bench-deploy"], **{"bench-deploy": SERVER})
        self.playbook("site.yml")
        install = (
            "mkdir /srv/bench && cd /srv/bench && tar -xz && mv bench@.* /etc/systemd/system && "
            "apt-get install -qq --yes --no-install-recommends python3-venv >/dev/null && python3 -m venv venv && "
            "venv/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt && "
            "cp /etc/gunicorn/board/*/env board.env && cp /etc/gunicorn/board/*/conf.py board.conf.py && "
            "systemctl daemon-reload && systemctl start bench@socket.socket"
        )
        files = f"-C {ROOT}/bench bench@.service bench@.socket release.sh -C {self.source} requirements.txt"
        self.shell(SERVER, install, before=f"tar -cz {files}")
        for way in COMMANDS:
            self.release(way)
        await_version(OURS, self.number)
        packages = run("docker", "exec", "bench-deploy", "dpkg-query", "--show", "nginx", "mysql-server", "python3")
        gunicorn = re.findall(r"^gunicorn==(\S+)", self.requirements, re.MULTILINE)
        return ", ".join([f"gunicorn {gunicorn[0]}", *packages.replace("\t", " ").splitlines()])

    def change(self, sqlparse: str = "") -> None:
        """Make up new code, and other requirements if a version is given."""
        self.number += 1
        (self.source / "VERSION").write_text(f"{self.number}\n")
        if sqlparse:
            wanted = re.sub(r"sqlparse==\S+", f"sqlparse=={sqlparse}", self.requirements)
            (self.source / "requirements.txt").write_text(wanted)

    def release(self, way: str, environment: str = "/srv/bench/venv") -> Figures:
        """Release the source in one of the ways, and return how long each step took."""
        if way != OURS:
            # release.sh reads it where version 0.1.0 kept it; a release of ours removes it again.
            self.shell(SERVER, "cp /srv/bench/board.env /etc/gunicorn/board.env")
        start = time.monotonic()
        if way == OURS:
            output = self.playbook("deploy.yml")
            return split_tasks(output, time.monotonic() - start)
        script = ["sh", "/srv/bench/release.sh", way, str(self.number), environment, COMMANDS[way]]
        output = self.shell(SERVER, shlex.join(script), before=f"tar -cz --exclude-vcs-ignores -C {self.source} .")
        return split_marks(output, time.monotonic() - start)

    def releases_under_load(self, way: str, slot: float) -> dict[str, Any]:
        """Release new code several times, one a slot of so many seconds, and return what visitors noticed."""
        self.shell(SERVER, "mysql board --execute 'TRUNCATE board_entry'")
        with load(way) as summary:
            for _ in range(RELEASES):
                end = time.monotonic() + slot
                self.change()
                self.release(way)
                await_version(way, self.number)
                time.sleep(max(2.0, end - time.monotonic()))
        return summary

    def bad_release_under_load(self, way: str) -> dict[str, Any]:
        """Release code that can't be imported, put the code from before back, and return what visitors noticed."""
        self.shell(SERVER, "mysql board --execute 'TRUNCATE board_entry'")
        before = int(version(way))
        entry = self.source / "config/wsgi.py"
        good = entry.read_text()
        self.change()
        entry.write_text(f"import nothing_of_this_name\n\n{good}")
        try:
            with load(way) as summary:
                with contextlib.suppress(BenchError):
                    self.release(way)
                if way != OURS:
                    time.sleep(NOTICED)
                    back = f"cd /srv/bench/{way} && ln -s {before} next && mv -T next current && {COMMANDS[way]}"
                    self.shell(SERVER, back)
                await_version(way, before)
        finally:
            entry.write_text(good)
        return summary

    def ways(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what visitors notice of each way, good releases and a bad one; all of them last as long as ours."""
        good: dict[str, Any] = {}
        bad: dict[str, Any] = {}
        took: Figures = {}
        with clock(took, TITLES[OURS]):
            good[OURS] = self.releases_under_load(OURS, 0.0)
        slot = (good[OURS]["seconds"] - 6) / RELEASES
        with clock(took, TITLES["none"]), load("none") as good["none"]:
            time.sleep(slot * RELEASES)
        # Ansible, the server and the visitors share this machine: so much is due to that, whatever is released.
        with clock(took, TITLES["look"]), load("look") as good["look"]:
            end = time.monotonic() + slot * RELEASES
            while time.monotonic() < end:
                self.playbook("releases.yml")
        for way in COMMANDS:
            with clock(took, TITLES[way]):
                good[way] = self.releases_under_load(way, slot)
        for way in (*COMMANDS, OURS):
            with clock(took, f"{TITLES[way]}, a bad release"):
                bad[way] = self.bad_release_under_load(way)
        return {way: good[way] for way in TITLES}, bad

    def times(self, rounds: int) -> dict[str, dict[str, list[Figures]]]:
        """Return how long releases of ours and of the script take, by what is new."""
        times: dict[str, dict[str, list[Figures]]] = {kind: {OURS: [], "script": []} for kind in KINDS}
        folders = {OURS: "/srv/board", "script": "/srv/bench/restart /root/.cache"}
        versions = iter(VERSIONS)
        # Clears away what is left of the bad release.
        self.change()
        self.release(OURS)
        for kind, by in times.items():
            for number in range(1, rounds + 1):
                self.change("" if kind == "code" else next(versions))
                if kind == "everything":
                    self.shell(SERVER, "rm -rf /srv/board/dependencies/* /root/.cache/*")
                for who, results in by.items():
                    before = self.disk(folders[who])
                    way = OURS if who == OURS else "restart"
                    with clock({}, f"{KINDS[kind]}, {who}, round {number}"):
                        results.append(timed(way, self.number, functools.partial(self.release, way, "")))
                    results[-1]["disk"] = self.disk(folders[who]) - before
        return times

    def rollbacks(self, rounds: int) -> list[Figures]:
        """Return how long it takes to go back to the release before."""
        results: list[Figures] = []

        def back() -> Figures:
            total: Figures = {}
            with clock(total, f"rollback.yml, round {len(results) + 1}"):
                self.playbook("rollback.yml")
            return {"total": total.popitem()[1]}

        for _ in range(rounds):
            before = int(version(OURS))
            self.change()
            self.release(OURS)
            results.append(timed(OURS, before, back))
        return results

    def disk(self, folders: str) -> float:
        """Return how many MiB folders of the server take; what is linked hard counts once."""
        return int(self.shell(SERVER, f"mkdir -p {folders} && du -sck {folders}").split()[-2]) / 1024


def main() -> None:
    """Read the command line, measure, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, len(VERSIONS) // 2 + 1), metavar="1..5")
    parser.add_argument("--json", type=Path, default=ROOT / ".cache/bench-deploy.json", metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="an SVG")
    arguments = parser.parse_args()
    with measurement() as folder:
        bench = Deploys(folder)
        with clock({}, "site.yml"):
            versions = bench.prepare()
        ways, bad = bench.ways()
        print(f"\n{ways_table(ways, f'{RELEASES} releases by')}\n\n{ways_table(bad, 'a bad release by')}\n")
        if arguments.plot:
            arguments.plot.write_text(plot({way: ways[way] for way in (*COMMANDS, OURS)}))
        times = bench.times(arguments.rounds)
        rollbacks = bench.rollbacks(arguments.rounds)
        back = medians(rollbacks)
        print(f"\n{times_table(times)}\n\n{steps_table(times)}")
        print(f"\nrollback.yml: live after {back['live']:.1f} s, done after {back['total']:.1f} s")
        print(f"\n{machine()}; {versions}")
        figures: dict[str, Any] = {"machine": machine(), "versions": versions, "ways": ways, "bad": bad}
        figures |= {"times": times, "rollbacks": rollbacks}
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(f"{json.dumps(figures, indent=2)}\n")


if __name__ == "__main__":
    main()
