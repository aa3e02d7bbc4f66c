"""What apt would do if it were asked for packages, from a simulation that takes no lock."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

# As AnsibleModule.run_command: a command's status, output and errors.
Run = Callable[[list[str]], tuple[int, str, str]]

LISTS = Path("/var/lib/apt/lists")
# apt's words for a name that no source has; the groups are the name.
UNKNOWN = re.compile(r"^E: (?:Unable to locate package|Couldn't find any package by (?:glob|regex)) '?([^\s']+)", re.M)
NO_VERSION = re.compile(r"^E: Version '([^']+)' for '([^']+)' was not found", re.M)
NO_CANDIDATE = re.compile(r"^E: Package '?([^\s']+)'? has no installation candidate", re.M)
# How much of its name a package must share with another to be proposed in its place.
LIKENESS = 0.6
# Each proposal costs a simulation of half a second, on the way to a failure.
PROPOSALS = 4
PROVIDERS = 5


@dataclass(frozen=True)
class Simulation:
    """A transaction as apt would make it."""

    code: int
    output: str
    error: str

    @property
    def installs(self) -> list[str]:
        """Return the packages that would come or change."""
        return re.findall(r"^Inst (\S+)", self.output, re.M)

    @property
    def removes(self) -> list[str]:
        """Return the packages that would go."""
        return re.findall(r"^(?:Remv|Purg) ([^\s:]+)", self.output, re.M)

    @property
    def unknown(self) -> list[str]:
        """Return the names that no source has, and those that it has in other versions only (name=version)."""
        unavailable = [name for name in NO_CANDIDATE.findall(self.error) if name not in self.virtual]
        return UNKNOWN.findall(self.error) + unavailable + [f"{n}={v}" for v, n in NO_VERSION.findall(self.error)]

    @property
    def virtual(self) -> dict[str, list[str]]:
        """Return the names of virtual packages, and some packages that provide each."""
        found = {}
        for name in NO_CANDIDATE.findall(self.error):
            after = self.output.partition(f"Package {name} is a virtual package provided by:\n")[2]
            lines = after.partition("\n\n")[0].splitlines()
            if providers := sorted({words[0] for line in lines if (words := line.split())}):
                found[name] = providers[:PROVIDERS]
        return found

    @property
    def mentioned(self) -> set[str]:
        """Return the words that may be names of packages."""
        return set(re.findall(r"[a-z0-9][a-z0-9+.-]+", self.output + self.error))

    @property
    def reason(self) -> str:
        """Return the line that says most about why apt refuses."""
        unmet = re.findall(r"^ (\S+ : .+)", self.output, re.M)
        conflicts = re.findall(r"^\s*(?:[-\d.]+ )?(\S+ (?:Conflicts|Breaks) .+)", self.error, re.M)
        errors = re.findall(r"^E: (.+)", self.error, re.M)
        lines = unmet or conflicts or errors or [self.error.strip() or "apt-get printed no error"]
        return re.sub(r":\w+(?=[ =])", "", lines[0]).strip().rstrip(".")


class Apt:
    """apt on this machine, with the commands that only read."""

    def __init__(self, run: Run, install_recommends: bool) -> None:
        """Take how commands are run, and what `ansible.builtin.apt` is going to be told."""
        self.run = run
        self.recommends = "yes" if install_recommends else "no"

    def simulate(self, names: Iterable[str]) -> Simulation:
        """Return what installing packages would do."""
        options = ["--simulate", "--quiet", "--yes", f"--option=APT::Install-Recommends={self.recommends}"]
        return Simulation(*self.run(["apt-get", *options, "install", *names]))

    def architecture(self) -> str:
        """Return what dpkg calls this machine, such as arm64."""
        return self.run(["dpkg", "--print-architecture"])[1].strip()

    def culprit(self, names: list[str], removed: str) -> str:
        """Return the name that alone makes apt remove a package, or all of them where only together they do."""
        return next((name for name in names if removed in self.simulate([name]).removes), ", ".join(names))

    def alternative(self, name: str, simulation: Simulation, allowed: set[str]) -> str:
        """Return a package to write instead of one that apt can't install without removing others, or nothing.

        What stands in a package's place conflicts with it, or with what it brings along.
        """
        related = [name, *simulation.installs, *re.findall(r"([a-z0-9][a-z0-9+.-]+):\w+[ =]", simulation.error)]
        fields = self.fields(related, ("Breaks", "Conflicts", "Provides", "Replaces"))
        proposed = [other for other in dict.fromkeys(fields) if other not in related]
        for other in difflib.get_close_matches(name, proposed, PROPOSALS, LIKENESS):
            tried = self.simulate([other])
            if tried.code == 0 and set(tried.removes) <= allowed:
                return other
        return ""

    def fields(self, names: Iterable[str], fields: tuple[str, ...]) -> list[str]:
        """Return the packages that some fields of packages name."""
        _, output, _ = self.run(["apt-cache", "show", *dict.fromkeys(names)])
        lines = re.findall(rf"^(?:{'|'.join(fields)}): (.+)", output, re.M)
        return [re.split(r"[\s:(]", part.strip())[0] for line in lines for part in re.split(r"[,|]", line)]

    def dependencies(self, names: Iterable[str]) -> set[str]:
        """Return packages and all that they depend on."""
        relations = ("suggests", "conflicts", "breaks", "replaces", "enhances")
        plain = [re.split("[=:]", name)[0] for name in names]
        _, output, _ = self.run(["apt-cache", "depends", "--recurse", *(f"--no-{name}" for name in relations), *plain])
        return set(re.findall(r"^(\S+)", output, re.M)) | set(plain)


def has_lists(folder: Path = LISTS) -> bool:
    """Tell whether the server has fetched apt's package lists."""
    return any(folder.glob("*_Packages*"))
