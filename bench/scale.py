"""Measure what further sites and further servers cost a run.

scale.py [--rounds 3]   print two tables of medians, one of sites and one of servers
"""

from __future__ import annotations

import argparse
import os
import secrets
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.machines import (
    BIN,
    GROUPS,
    NAMESERVER,
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

PLAYBOOKS = ("site.yml", "deploy.yml")
# Where the sources of the sites are, by the key of an entry.
SOURCES = {"directory": "folders", "repo": "repositories"}
# What the one server is made to hold, one after the other: the sites' sources, and how many sites.
SITES = (("directory", 1), ("repo", 1), ("repo", 10), ("directory", 10), ("directory", 30))
SERVERS = (1, 2, 4)
FILES = 100
APPLICATION = '''\
"""A WSGI application without dependencies, which answers each page with its version."""

from pathlib import Path

VERSION = Path(__file__).with_name("VERSION").read_bytes()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [VERSION]
'''

# Medians in seconds: by how many sites or servers there are, and by playbook.
Times = Mapping[int, Mapping[str, float]]


def cells(times: Times, count: int, cost: Callable[[float, float], str]) -> list[str]:
    """Return the seconds of each playbook, and what each but the first adds: its cost, told from that and the first."""
    result = []
    for playbook in PLAYBOOKS:
        first, total = times[1][playbook], times[count][playbook]
        result += [f"{total:.1f} s", "-" if count == 1 else cost((total - first) / (count - 1), first)]
    return result


def sites_table(times: Mapping[str, Times]) -> str:
    """Return what further sites add, in seconds, by where their sources are."""
    head = ["sites, sources", "site.yml, unchanged", "each further site", "deploy.yml, unchanged", "each further site"]
    return markdown(
        head,
        [
            [f"{count}, {title}", *cells(times[source], count, lambda added, _: f"{added:.2f} s")]
            for source, title in SOURCES.items()
            for count in sorted(times[source])
        ],
    )


def servers_table(times: Times) -> str:
    """Return what further servers add, as a share of what the first one takes."""
    head = ["servers", "site.yml, unchanged", "each further server", "deploy.yml, new code", "each further server"]
    return markdown(
        head, [[str(count), *cells(times, count, lambda added, first: f"{added / first:.0%}")] for count in times]
    )


def make_source(folder: Path) -> None:
    """Make an application of small files, no two of which are alike, in a git repository."""
    for name in ("pages", "static"):
        (folder / name).mkdir(parents=True)
    (folder / "app.py").write_text(APPLICATION)
    (folder / "VERSION").write_text("1\n")
    for number in range(FILES // 2 - 1):
        (folder / f"pages/page{number}.py").write_text(f'"""Page {number} of {folder.name}."""\n')
        (folder / f"static/{number}.txt").write_text(f"Text {number} of {folder.name}.\n")
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@foobar.com")
    for command in (["init"], ["add", "--all"], [*identity, "commit", "--message=All of it"]):
        run("git", "-C", folder, *command, GIT_CONFIG_GLOBAL=os.devnull)


class Scale(Machines):
    """Like sites, as many as wanted, on as many servers as wanted."""

    def __init__(self, folder: Path, rounds: int, sites: int) -> None:
        """Make the sources of so many sites, and a zone of each for the name server."""
        self.rounds = rounds
        self.keys = {f"site{number}": secrets.token_hex(16) for number in range(1, sites + 1)}
        super().__init__(
            folder,
            app_deploy_cache=f"{folder}/cache",
            nameserver_zones=[
                {"zone": f"{name}.example", "records": f"@ NS ns1\nns1 A {NAMESERVER}\n"} for name in self.keys
            ],
        )
        for name in self.keys:
            make_source(self.source(name))

    def source(self, name: str) -> Path:
        """Return the folder with the source of a site."""
        return self.folder / "sources" / name

    def site(self, name: str, source: str, groups: Sequence[str]) -> dict[str, object]:
        """Return the entry of a site; the first one has a database, where there is a server for it."""
        address = self.source(name)
        entry: dict[str, object] = {
            "domain": f"{name}.example",
            "aliases": [f"www.{name}.example"],
            "app": name,
            source: f"file://{address}" if source == "repo" else str(address),
            "wsgi_app": "app:application",
            "static": {"/static/": "static"},
            "health_path": "/",
            "environment": {"SECRET_KEY": f"{{{{ vault_keys.{name} }}}}"},
            "gunicorn": {"workers": 1},
        }
        if name == "site1" and "db" in groups:
            entry["database"] = {"name": name, "user": name, "password": "{{ vault_keys.site1 }}"}
        return entry

    def set_up(self, names: Sequence[str], source: str, groups: Sequence[str], servers: Mapping[str, str]) -> None:
        """Bring servers, new ones or those from before, to so many sites."""
        self.settings |= {
            "sites": [self.site(name, source, groups) for name in names],
            "vault_keys": {name: self.keys[name] for name in names},
            "app_deploy_serial": len(servers),
        }
        with clock({}, f"set-up: sites {len(names)}, sources {SOURCES[source]}, servers {len(servers)}"):
            self.create(list(servers), groups, **servers)
            self.playbook("site.yml")
        self.visit(names, servers)

    def visit(self, names: Sequence[str], servers: Mapping[str, str]) -> None:
        """See to it that each server serves the sites as their sources are now."""
        for address in servers.values():
            for name in names:
                if page(address, f"{name}.example") != (self.source(name) / "VERSION").read_text():
                    raise BenchError(f"{address} serves another version of {name}.example than the newest.")

    def unchanged(self, playbook: str) -> float:
        """Return how many seconds a playbook takes that has nothing to do."""
        times: dict[str, float] = {}
        for number in range(1, self.rounds + 1):
            with clock(times, f"{playbook}, unchanged, round {number}"):
                output = self.playbook(playbook)
            refuse_changes(output)
        return statistics.median(times.values())

    def released(self, name: str, servers: Mapping[str, str]) -> float:
        """Return how many seconds it takes to release new code of a site on all servers."""
        times: dict[str, float] = {}
        for number in range(1, self.rounds + 1):
            (self.source(name) / "VERSION").write_text(f"{secrets.token_hex(4)}\n")
            with clock(times, f"deploy.yml, new code, round {number}"):
                self.playbook("deploy.yml")
            self.visit([name], servers)
        return statistics.median(times.values())

    def sites(self, steps: Sequence[tuple[str, int]]) -> dict[str, Times]:
        """Return how long unchanged sites take, by where their sources are and how many there are."""
        results: dict[str, dict[int, dict[str, float]]] = {source: {} for source, _ in steps}
        server = "bench-sites"
        for source, count in steps:
            self.set_up(list(self.keys)[:count], source, GROUPS, {server: f"{SUBNET}.3"})
            results[source][count] = {playbook: self.unchanged(playbook) for playbook in PLAYBOOKS}
        run("docker", "rm", "--force", "--volumes", server)
        return dict(results)

    def servers(self, counts: Sequence[int]) -> Times:
        """Return how long an unchanged site and new code of it take, by how many servers have it."""
        results = {}
        for count in counts:
            servers = {f"bench-server{number}": f"{SUBNET}.{10 + number}" for number in range(1, count + 1)}
            self.set_up(["site1"], "directory", ("web", "app"), servers)
            results[count] = {"site.yml": self.unchanged("site.yml"), "deploy.yml": self.released("site1", servers)}
        return results


def main() -> None:
    """Read the command line, measure, and leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, choices=range(1, 101), metavar="1..100")
    arguments = parser.parse_args()
    with measurement() as folder:
        bench = Scale(folder, arguments.rounds, max(count for _, count in SITES))
        sites, servers = bench.sites(SITES), bench.servers(SERVERS)
        version = run(BIN / "ansible", "--version").splitlines()[0]
        print(f"\n{sites_table(sites)}\n\n{servers_table(servers)}\n\n{machine()}; {version}")


if __name__ == "__main__":
    main()
