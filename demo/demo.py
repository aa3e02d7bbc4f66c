"""Run the demo: two containers stand in for a server and a name server; the site is set up, and then visited.

demo.py up      create the machines, run site.yml over SSH, look at the site as a visitor
demo.py down    remove every container, network and key that the demo has made
"""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import dns.resolver
import requests
import yaml

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
SERVER, NAMESERVER = "198.18.53.10", "198.18.53.53"
NETWORK = ipaddress.ip_network("198.18.53.0/24")
NETWORK_NAME = "webstack-demo"
NAMES = ("web01", "ns01")
WORDS = "Hello from the demo"
# A line for each step; the rest is in a log file.
OUTPUT = {
    "ANSIBLE_STDOUT_CALLBACK": "foobar.webstack.steps",
    "ANSIBLE_STEPS_LOG_FOLDER": str(ROOT / ".cache" / "log"),
}


class DemoError(Exception):
    """The demo can't go on; the text is one sentence for the user."""


def run(*command: str) -> str:
    """Return what a command prints; an empty string when it fails."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""


def on_web01(command: str) -> str:
    """Return what a command prints on the server."""
    return run("docker", "exec", "web01", "sh", "-c", command)


def playbook(*arguments: str) -> None:
    """Run ansible-playbook as a user does, with a line for each step."""
    print("\n$ ansible-playbook", *arguments, flush=True)
    command = [str(BIN / "ansible-playbook"), *arguments]
    if subprocess.run(command, cwd=ROOT, env=OUTPUT | os.environ, check=False).returncode != 0:
        raise DemoError("The playbook has failed; its last lines say why. Mend that and run `make demo` again.")


def images() -> None:
    """Build the images of the machines that are missing or old, which says by itself what it does."""
    machines = yaml.safe_load((ROOT / "demo" / "machines.yml").read_text())["machines"]
    for suite in sorted({machine["image"].partition(":")[2] for machine in machines}):
        if subprocess.run([ROOT / "machines" / "build", suite], check=False).returncode != 0:
            raise DemoError("The image could not be built; why is said above. Mend that and run `make demo` again.")


def preparations(began: float, now: float) -> dict[str, float]:
    """Return the seconds that make has spent on the tools and on the engine, before it began with the demo itself.

    Both times are in seconds of the epoch. The tools come first, and leave a file behind when they are new.
    """
    complete = BIN / ".complete"
    tools = max(0.0, complete.stat().st_mtime - began) if complete.exists() else 0.0
    return {"tools": tools, "engine": max(0.0, now - began - tools)}


def networks() -> list[ipaddress.IPv4Network]:
    """Return the networks that this machine has routes to, from the kernel's table of little-endian hex words."""
    rows = [row.split() for row in Path("/proc/net/route").read_text().splitlines()[1:]]
    words = [[int.from_bytes(bytes.fromhex(row[column]), "little") for column in (1, 7)] for row in rows]
    return [ipaddress.IPv4Network((address, mask.bit_count())) for address, mask in words if mask]


def machines() -> list[str]:
    """Return the ids of the demo's containers: those with its names in its network."""
    named = [part for name in NAMES for part in ("--filter", f"name=^{name}$")]
    return run("docker", "ps", "--all", "--quiet", "--filter", f"network={NETWORK_NAME}", *named).split()


def check(ports: tuple[int, ...]) -> None:
    """Refuse a machine on which the demo could not run."""
    free = shutil.disk_usage(ROOT).free // 2**30
    if free < 3:
        raise DemoError(f"{free} GiB of disk are free and the demo needs 3: make room and run `make demo` again.")
    for name in NAMES:
        theirs = run("docker", "ps", "--all", "--quiet", "--filter", f"name=^{name}$")
        if theirs and theirs not in machines():
            raise DemoError(
                f"A container {name} that is not the demo's is there: rename it with `docker rename {name} …`."
            )
    if not run("docker", "network", "inspect", NETWORK_NAME) and any(map(NETWORK.overlaps, networks())):
        raise DemoError(f"This machine uses {NETWORK} already: change the addresses in demo/ and inventory/local/.")
    if run("docker", "inspect", "--format", "{{.State.Running}}", "web01") == "true":
        return
    for name, port in zip(("PORT", "TLS_PORT"), ports, strict=True):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                raise DemoError(
                    f"Port {port} is taken: choose another one, as in `make demo {name}={port + 1}`."
                ) from None


def secured() -> str:
    """Return what a visitor's browser that trusts the demo's CA sees of the site's certificate, without a request."""
    context = ssl.create_default_context(cafile=str(ROOT / ".demo" / "ca.pem"))
    with (
        socket.create_connection((SERVER, 443), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname="foobar.com") as session,
    ):
        certificate: dict[str, Any] = dict(session.getpeercert() or {})
        issuer = dict(pair for (pair,) in certificate["issuer"])["commonName"]
        days = (ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time()) / 86400
        return f"{session.version()}, certificate by {issuer} for {days:.0f} days"


def visit() -> dict[str, str]:
    """Look at the site as a visitor does, with the demo's own name server, and return what was seen."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = [NAMESERVER]
    answer = resolver.resolve("www.foobar.com", "A")
    dns.resolver.override_system_resolver(resolver)
    with requests.Session() as browser:
        browser.trust_env = False
        browser.verify = str(ROOT / ".demo" / "ca.pem")
        page = browser.get("http://www.foobar.com/", timeout=10)
        page.raise_for_status()
        query = f"SELECT CONCAT(name, ': ', message) FROM guestbook.entries WHERE message = '{WORDS}' LIMIT 1"
        if not on_web01(f'mysql --batch --skip-column-names --execute "{query}"'):
            fields = dict(re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', page.text))
            form = {**fields, "name": "A visitor", "message": WORDS}
            page = browser.post(page.url, data=form, headers={"Referer": page.url}, timeout=10)
            page.raise_for_status()
        stored = on_web01(f'mysql --batch --skip-column-names --execute "{query}"')
    dns.resolver.restore_system_resolver()
    if WORDS not in page.text or not stored:
        raise DemoError("The entry that the visitor left is not in MySQL: see `docker exec web01 journalctl -n 50`.")
    return {
        "DNS": f"www.foobar.com → {str(answer.canonical_name).rstrip('.')} → {answer[0]}",
        "TLS": secured(),
        "nginx": on_web01("nginx -v 2>&1").rpartition("/")[2] + f", answered {page.status_code} at {page.url}",
        "gunicorn": on_web01("/srv/guestbook/current/.venv/bin/gunicorn --version").split()[-1].strip("()")
        + f", release {on_web01('basename $(readlink /srv/guestbook/current)')}",
        "MySQL": on_web01("mysql --batch --skip-column-names --execute 'SELECT VERSION()'") + f', holds "{stored}"',
    }


def up(port: int, tls_port: int, began: float) -> None:
    """Bring the demo up and print what became of it."""
    seconds = preparations(began, time.time())
    check((port, tls_port))
    start = time.monotonic()
    images()
    built = time.monotonic()
    playbooks = ["machines/create.yml", "machines/ssh.yml", "machines/nameserver.yml", "machines/acme.yml"]
    print("Two bare servers in containers: web01 for the site, ns01 for its names and a CA", end="", flush=True)
    ports = ["-e", f"demo_port={port}", "-e", f"demo_tls_port={tls_port}"]
    playbook("-i", "inventory/local", "-e", "@demo/machines.yml", *ports, *playbooks)
    print("\nNow what you would type for a server of your own", end="", flush=True)
    setup = time.monotonic()
    playbook("-i", "inventory/local", "site.yml")
    end = time.monotonic()
    seconds |= {"images": built - start, "machines": setup - built, "site": end - setup}
    seen = visit()
    published = [run("docker", "port", "web01", f"{number}/tcp").rpartition(":")[2] for number in (80, 443)]
    print("\nThe site as a visitor sees it")
    for part, text in seen.items():
        print(f"  {part:10}{text}")
    print(f"\n  Look at it:    http://localhost:{published[0]} or, as visitors do, https://localhost:{published[1]}")
    print(f"  Trust its CA:  curl --cacert .demo/ca.pem --connect-to ::localhost:{published[1]} https://foobar.com/")
    print("  Look around:   docker exec -it web01 bash")
    print("  Remove it:     make down")
    print("\nSeconds: " + ", ".join(f"{part} {spent:.0f}" for part, spent in seconds.items()) + ".")


def down() -> None:
    """Remove what the demo has made; the images stay for the next time."""
    run("docker", "rm", "--force", "--volumes", *machines())
    run("docker", "network", "rm", NETWORK_NAME)
    for folder in (ROOT / ".demo", ROOT / ".secrets" / "local"):
        shutil.rmtree(folder, ignore_errors=True)
    if run("docker", "network", "inspect", NETWORK_NAME):
        print(f"The network {NETWORK_NAME} stays, because other containers are in it.")
    print("The demo is gone: its containers, its network and its keys.")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Set the site up on containers of this machine.")
    parser.add_argument("action", choices=["up", "down"])
    parser.add_argument("--port", type=int, default=8080, help="port of this machine that shows the site")
    parser.add_argument("--tls-port", type=int, default=8443, help="port of this machine that shows it over HTTPS")
    parser.add_argument("--began", type=float, default=time.time(), help="when make began, in seconds of the epoch")
    arguments = parser.parse_args()
    try:
        up(arguments.port, arguments.tls_port, arguments.began) if arguments.action == "up" else down()
    except (DemoError, requests.RequestException, dns.exception.DNSException) as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
