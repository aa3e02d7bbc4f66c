"""What the measurements share: fresh containers, playbooks over SSH to them, and nothing left behind."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
NETWORK = "webstack-bench"
SUBNET = "198.18.54"
NAMESERVER = f"{SUBNET}.2"
LIMIT = 900
# Of the inventory: those of one server that is all of the site.
GROUPS = ("web", "app", "db", "dns")


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


def refuse_changes(output: str) -> None:
    """See to it that playbooks, by what they have printed, have changed nothing."""
    if re.search(r" changed=[1-9]", output):
        raise BenchError(f"This run should have changed nothing:\n{output}")


def clean_up() -> None:
    """Remove the containers and the network of this measurement, or of one that was killed."""
    if machines := run("docker", "ps", "--all", "--quiet", "--filter", f"network={NETWORK}").split():
        run("docker", "rm", "--force", "--volumes", *machines)
    if NETWORK in run("docker", "network", "ls", "--format", "{{.Name}}").split():
        run("docker", "network", "rm", NETWORK)


@contextlib.contextmanager
def measurement() -> Iterator[Path]:
    """Give a folder to measure in, say what went wrong, and leave nothing behind."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        clean_up()
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield Path(folder)
    except (KeyboardInterrupt, BenchError) as error:
        sys.exit(f"\n{str(error) or 'Interrupted.'}")
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        clean_up()


def page(address: str, domain: str, path: str = "/") -> str:
    """Return what a machine answers to a visitor of a site, or raise BenchError if that is an error."""
    browser = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    request = urllib.request.Request(f"http://{address}{path}", headers={"Host": domain})
    try:
        with browser.open(request, timeout=30) as answer:
            return str(answer.read().decode())
    except OSError as error:
        raise BenchError(f"{address} does not serve {path} of {domain}: {error}") from error


@contextlib.contextmanager
def clock(result: dict[str, float], name: str) -> Iterator[None]:
    """Note how long something takes, and show it."""
    print(f"{name} ... ", end="", flush=True)
    start = time.monotonic()
    yield
    result[name] = time.monotonic() - start
    print(f"{result[name]:.1f} s", flush=True)


def machine() -> str:
    """Say in a line what machine this is, and how loaded."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = f"load average {os.getloadavg()[2]:.1f} over the last 15 minutes, this measurement's own part included"
    return f"{os.cpu_count()} cores, {memory:.0f} GiB; {load}"


class Machines:
    """The machines of a measurement, with the folder for inventory, keys and secrets, and the settings."""

    def __init__(self, folder: Path, **settings: object) -> None:
        """Make up the settings beside those of the group local."""
        self.folder = folder
        (folder / "group_vars").symlink_to(ROOT / "group_vars")
        self.environment = {"ANSIBLE_SSH_CONTROL_PATH_DIR": f"{folder}/ssh", "ANSIBLE_NOCOLOR": "1"}
        key = {"key_name": "webstack", "key_secret": secrets.token_hex(16), "key_algorithm": "hmac-sha256"}
        self.settings: dict[str, object] = {
            "machines_network": NETWORK,
            "machines_subnet": f"{SUBNET}.0/24",
            "machines_keys": str(folder),
            "nameserver_zones": [{"zone": "foobar.com", "records": f"@ NS ns1\nns1 A {NAMESERVER}\n"}],
            "dns_provider": {"class": "octodns_bind.Rfc2136Provider", "host": NAMESERVER} | key,
            "dns_nameservers": [NAMESERVER],
            "dns_records_private_addresses": True,
            # None of those that it is measured beside gets certificates.
            "default_tls": {"provider": "none"},
            "secrets": f"{folder}/secrets",
            **{f"nameserver_{name}": value for name, value in key.items()},
            **settings,
        }

    def create(self, servers: Sequence[str], groups: Sequence[str] = GROUPS, **addresses: str) -> None:
        """Start machines beside the name server, and write the inventory in which some of them are the servers."""
        addresses = {"bench-ns01": NAMESERVER, **addresses}
        machines = [
            {"name": name, "image": "webstack-machine:trixie", "address": address}
            for name, address in addresses.items()
        ]
        ssh = {"ansible_user": "root", "ansible_ssh_private_key_file": f"{self.folder}/id_ed25519"}
        ssh |= {"ansible_ssh_common_args": f"-o UserKnownHostsFile={self.folder}/known_hosts"}
        hosts: dict[str, object] = {server: {} for server in servers}
        children: dict[str, dict[str, object]] = {name: {"hosts": hosts} for name in groups}
        children["nameservers"] = {"hosts": {"bench-ns01": {}}}
        children["local"] = {
            "hosts": {name: {"ansible_host": address} for name, address in addresses.items()},
            "vars": ssh,
        }
        (self.folder / "hosts.json").write_text(json.dumps({"all": {"children": children}}))
        (self.folder / "settings.json").write_text(json.dumps({**self.settings, "machines": machines}))
        self.playbook("machines/create.yml", "machines/ssh.yml", "machines/nameserver.yml")

    def playbook(self, *arguments: str) -> str:
        """Run playbooks, and close the SSH connections that they leave open, so that the next run begins without."""
        options = ("-i", f"{self.folder}/hosts.json", "-e", f"@{self.folder}/settings.json")
        try:
            return run(BIN / "ansible-playbook", *options, *arguments, **self.environment)
        finally:
            for control in self.folder.glob("ssh/*"):
                with contextlib.suppress(BenchError):
                    run("ssh", "-O", "exit", "-o", f"ControlPath={control}", "localhost")

    def shell(self, address: str, command: str, before: str = "") -> str:
        """Run a shell command on a machine; what a command of this machine's shell prints may be piped into it."""
        ssh = f"ssh -i {self.folder}/id_ed25519 -o UserKnownHostsFile={self.folder}/known_hosts root@{address}"
        return run("sh", "-c", f"{before and f'{before} | '}{ssh} {shlex.quote(command)}")


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; its first column is text, the others are numbers."""
    rule = "|---|" + "--:|" * (len(head) - 1)
    return "\n".join([f"| {' | '.join(head)} |", rule, *(f"| {' | '.join(row)} |" for row in rows)])
