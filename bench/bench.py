"""Measure site.yml beside a shell script that does the same, over SSH, on fresh containers in every round.

bench.py [--rounds 5]   print seconds, ratios and medians
bench.py --profile      print the slowest tasks of each run, too
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import secrets
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
NETWORK = "webstack-bench"
SUBNET = "198.18.54"
NAMESERVER = f"{SUBNET}.2"
LIMIT = 900


class BenchError(Exception):
    """The measurement can't go on; the text says why."""


def run(*command: str | Path, **environment: str) -> str:
    """Return what a command prints, or raise BenchError with its last words."""
    try:
        result = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={**os.environ, **environment},
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{shlex.join(map(str, command))} took longer than {LIMIT} s.") from None
    if result.returncode != 0:
        raise BenchError(f"{shlex.join(map(str, command))} failed:\n{result.stdout[-3000:]}")
    return result.stdout


def clean_up() -> None:
    """Remove the containers and the network of this measurement, or of one that was killed."""
    if machines := run("docker", "ps", "--all", "--quiet", "--filter", f"network={NETWORK}").split():
        run("docker", "rm", "--force", "--volumes", *machines)
    if NETWORK in run("docker", "network", "ls", "--format", "{{.Name}}").split():
        run("docker", "network", "rm", NETWORK)


class Bench:
    """What the rounds share: the folder for inventory, keys and secrets, and the settings."""

    def __init__(self, folder: Path, profile: bool) -> None:
        """Make up the settings, as group_vars/local has them for the demo."""
        self.folder = folder
        self.profile = profile
        self.versions = ""
        self.environment = {"ANSIBLE_SSH_CONTROL_PATH_DIR": f"{folder}/ssh", "ANSIBLE_NOCOLOR": "1"}
        if profile:
            self.environment["ANSIBLE_CALLBACKS_ENABLED"] = "ansible.posix.profile_tasks"
            self.environment["PROFILE_TASKS_TASK_OUTPUT_LIMIT"] = "15"
        key = {"key_name": "webstack", "key_secret": secrets.token_hex(16), "key_algorithm": "hmac-sha256"}
        self.settings: Mapping[str, object] = {
            "machines_network": NETWORK,
            "machines_subnet": f"{SUBNET}.0/24",
            "machines_keys": str(folder),
            "nameserver_zones": [{"zone": "foobar.com", "records": f"@ NS ns1\nns1 A {NAMESERVER}\n"}],
            "dns_provider": {"class": "octodns_bind.Rfc2136Provider", "host": NAMESERVER} | key,
            "dns_nameservers": [NAMESERVER],
            "secrets": f"{folder}/secrets",
        } | {f"nameserver_{name}": value for name, value in key.items()}

    def create(self, server: str, **addresses: str) -> None:
        """Start machines beside the name server, and write the inventory in which one of them is the server."""
        addresses = {"bench-ns01": NAMESERVER, **addresses}
        machines = [
            {"name": name, "image": "webstack-machine:trixie", "address": address}
            for name, address in addresses.items()
        ]
        ssh = {"ansible_user": "root", "ansible_ssh_private_key_file": f"{self.folder}/id_ed25519"}
        ssh |= {"ansible_ssh_common_args": f"-o UserKnownHostsFile={self.folder}/known_hosts"}
        groups: dict[str, dict[str, object]] = {name: {"hosts": {server: {}}} for name in ("web", "app", "db", "dns")}
        groups["nameservers"] = {"hosts": {"bench-ns01": {}}}
        groups["local"] = {
            "hosts": {name: {"ansible_host": address} for name, address in addresses.items()},
            "vars": ssh,
        }
        (self.folder / "hosts.json").write_text(json.dumps({"all": {"children": groups}}))
        (self.folder / "settings.json").write_text(json.dumps({**self.settings, "machines": machines}))
        self.playbook("machines/create.yml", "machines/ssh.yml", "machines/nameserver.yml")

    def playbook(self, *playbooks: str) -> str:
        """Run playbooks, and close the SSH connections that they leave open, so that the next run begins without."""
        options = ("-i", f"{self.folder}/hosts.json", "-e", f"@{self.folder}/settings.json")
        try:
            return run(BIN / "ansible-playbook", *options, *playbooks, **self.environment)
        finally:
            for control in self.folder.glob("ssh/*"):
                with contextlib.suppress(BenchError):
                    run("ssh", "-O", "exit", "-o", f"ControlPath={control}", "localhost")

    def floor(self, address: str) -> str:
        """Send the script and the application to a machine, and run it there."""
        tar = "tar --create --gzip --exclude-vcs-ignores -C bench floor.sh -C ../examples guestbook"
        ssh = f"ssh -i {self.folder}/id_ed25519 -o UserKnownHostsFile={self.folder}/known_hosts root@{address}"
        return run("sh", "-c", f"{tar} | {ssh} 'mkdir floor && cd floor && tar -xz && sh floor.sh'")

    def measure(self, number: int) -> dict[str, float]:
        """Measure one round; its machines are new ones, at addresses that no round before has had."""
        plain, ours = f"{SUBNET}.{number * 2 + 1}", f"{SUBNET}.{number * 2 + 2}"
        names = [f"bench-plain{number}", f"bench-ours{number}"]
        self.create(names[1], **dict(zip(names, (plain, ours), strict=True)))
        result: dict[str, float] = {}
        with clock(result, "floor"):
            self.floor(plain)
        visit(plain)
        with clock(result, "first run"):
            first = self.playbook("site.yml")
        visit(ours)
        with clock(result, "second run"):
            second = self.playbook("site.yml")
        visit(ours)
        result["tasks"] = sum(map(int, re.findall(r" ok=(\d+)", second)))
        if re.search(r" changed=[1-9]", second):
            raise BenchError(f"The second run has changed something:\n{second}")
        packages = run("docker", "exec", names[1], "dpkg-query", "--show", "nginx", "mysql-server", "python3")
        self.versions = ", ".join([run(BIN / "ansible", "--version").splitlines()[0], *packages.splitlines()])
        if self.profile:
            for title, output in (("first", first), ("second", second)):
                print(f"\nSlowest tasks of the {title} run")
                print("\n".join(re.findall(r"^.+ -+ +[\d.]+s$", output, re.MULTILINE)))
        run("docker", "rm", "--force", "--volumes", *names)
        return result


@contextlib.contextmanager
def clock(result: dict[str, float], name: str) -> Iterator[None]:
    """Note how long something takes, and show it."""
    print(f"{name} ... ", end="", flush=True)
    start = time.monotonic()
    yield
    result[name] = time.monotonic() - start
    print(f"{result[name]:.1f} s", flush=True)


def visit(address: str) -> None:
    """See to it that a machine serves the site, database included."""
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for path in ("/", "/health"):
        request = urllib.request.Request(f"http://{address}{path}", headers={"Host": "foobar.com"})
        try:
            browser.open(request, timeout=30).close()
        except OSError as error:
            raise BenchError(f"{address} does not serve {path}: {error}") from error


def table(results: list[dict[str, float]]) -> str:
    """Return the results as a table in Markdown."""
    medians = {name: statistics.median(result[name] for result in results) for name in results[0]}
    rows = ["| round | floor | first run | second run | its tasks | first / floor | second / floor |"]
    rows.append("|---|--:|--:|--:|--:|--:|--:|")
    for title, row in [*enumerate(results, 1), ("**median**", medians)]:
        floor, first, second = (row[name] for name in ("floor", "first run", "second run"))
        cells = f"{floor:.1f} s | {first:.1f} s | {second:.1f} s | {row['tasks']:.0f}"
        rows.append(f"| {title} | {cells} | {first / floor:.2f} | {second / floor:.2f} |")
    return "\n".join(rows)


def main() -> None:
    """Read the command line, measure, and leave nothing behind."""
    parser = argparse.ArgumentParser(description="Measure site.yml beside a shell script that does the same.")
    parser.add_argument("--rounds", type=int, default=5, choices=range(1, 101), metavar="1..100")
    parser.add_argument("--profile", action="store_true", help="print the slowest tasks of each run, too")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    try:
        clean_up()
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            bench = Bench(Path(folder), arguments.profile)
            results = [bench.measure(number) for number in range(1, arguments.rounds + 1)]
        print(f"\n{table(results)}\n\n{os.cpu_count()} cores, {memory:.0f} GiB; {bench.versions}")
        print(f"Load average: {os.getloadavg()[2]:.1f} over the last 15 minutes, this measurement's own part included")
    except (KeyboardInterrupt, BenchError) as error:
        sys.exit(f"\n{str(error) or 'Interrupted.'}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        clean_up()


if __name__ == "__main__":
    main()
