#!/usr/bin/python
"""See what apt would do before it is asked to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_simulation
short_description: See what apt would do before it is asked to
description:
  - Simulates the installation of packages and fails where it would remove others, where a package is unknown or held,
    or where dpkg has been left half done. It says what asks, what would go, and what to write instead where it finds
    that.
  - Only reads, and takes no lock. Fetch the package lists before, with O(ansible.builtin.apt#module:update_cache).
  - Have M(ansible.builtin.apt) install with O(ansible.builtin.apt#module:fail_on_autoremove) then, so that apt itself
    removes nothing either.
  - In check mode an unknown package is returned and not refused, since its source may not have been added yet.
options:
  name: {type: list, elements: str, required: true, description: "Packages, as M(ansible.builtin.apt) takes them."}
  removes: {type: list, elements: str, default: [], description: "Packages that may be removed, as these replace them."}
  asked_by: {type: dict, default: {}, description: "Variable that asks for a package, for the sentences."}
  install_recommends: {type: bool, default: false, description: As for M(ansible.builtin.apt).}
  environment: {type: dict, default: {}, description: "Environment variables for apt, such as C(APT_CONFIG)."}
attributes:
  check_mode: {support: full, description: Changes nothing.}
  diff_mode: {support: none, description: Changes nothing.}
author: [The foobar.webstack authors (@foobar)]
"""

EXAMPLES = r"""
- name: See what apt would do
  foobar.webstack.apt_simulation:
    name: [default-libmysqlclient-dev]
    asked_by: {default-libmysqlclient-dev: packages of shop}
  register: simulation

- name: Say for whom apt waits
  ansible.builtin.debug:
    msg: "{{ inventory_hostname }}: waiting until {{ simulation.lock.command }} has released dpkg's lock."
  when: simulation.lock is not none
"""

RETURN = r"""
installs: {type: list, elements: str, returned: success, description: Packages that would come or change.}
removes: {type: list, elements: str, returned: success, description: "Packages that would go, all of them allowed to."}
unknown: {type: list, elements: str, returned: success, description: "In check mode, the names that no source has."}
lock:
  type: dict
  returned: always
  description: >-
    C(pid), C(command) and systemd C(unit) of the process that holds dpkg's lock, or null. While somebody holds it,
    nothing is said of packages that are half done.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.foobar.webstack.plugins.module_utils.apt import Apt, Simulation, has_lists
from ansible_collections.foobar.webstack.plugins.module_utils.dpkg import (
    DpkgError,
    Package,
    broken_packages,
    is_interrupted,
    known_packages,
    lock_holder,
    wanted_package,
)


class Refusals:
    """The sentences that a simulation ends in."""

    def __init__(self, apt: Apt, known: list[Package], asked_by: dict[str, str], removes: set[str]) -> None:
        """Take what is known before the simulation."""
        self.apt, self.known, self.asked_by, self.allowed = apt, known, asked_by, removes

    def asker(self, name: str) -> str:
        """Return a package's name, after the variable that asks for it."""
        return f"{self.asked_by[name]}: {name}" if name in self.asked_by else name

    def half_done(self, names: list[str]) -> str:
        """Refuse to work on what dpkg was kept from finishing; apt itself finishes what it is asked for."""
        if is_interrupted():
            return "dpkg was interrupted on this server: run `dpkg --configure -a` there, and repeat."
        broken = broken_packages(self.known)
        if not set(broken) - (self.apt.dependencies(names) if broken else set()):
            return ""
        return (
            f"dpkg has left {', '.join(broken)} half-configured on this server: run `dpkg --configure -a` there (or "
            "remove what cannot be configured), and repeat."
        )

    def unknown(self, name: str) -> str:
        """Refuse a package that no source has."""
        if not has_lists():
            return f"{self.asker(name)}: this server has fetched no package lists yet; run `apt-get update` there."
        what, own = "version" if "=" in name else "name", self.apt.architecture()
        return (
            f"{self.asker(name)} is in none of this server's package sources for {own}: check its {what}, or add its "
            "source."
        )

    def removal(self, names: list[str], removed: list[str], simulation: Simulation) -> str:
        """Refuse packages that would make others go."""
        name = self.apt.culprit(names, removed[0])
        instead = self.apt.alternative(name, simulation, self.allowed) if name in names else ""
        way_out = f"write {instead} instead" if instead else "leave it out, or remove them by hand first"
        return f"{self.asker(name)} would make apt remove {', '.join(removed)} from this server: {way_out}."

    def impossible(self, names: list[str], simulation: Simulation) -> str:
        """Refuse what apt can't do."""
        held = sorted({package.name for package in self.known if package.is_held} & simulation.mentioned)
        if held:
            asking = ", ".join(map(self.asker, names))
            return (
                f"{asking} can't be installed while {', '.join(held)} {'is' if len(held) == 1 else 'are'} held on this "
                f"server: run `apt-mark unhold {' '.join(held)}` there, or leave {asking} out."
            )
        name = (
            names[0]
            if len(names) == 1
            else next((name for name in names if self.apt.simulate([name]).code != 0), ", ".join(names))
        )
        instead = self.apt.alternative(name, simulation, self.allowed) if name in names else ""
        way_out = f"; write {instead} instead" if instead else ""
        return f"{self.asker(name)} can't be installed on this server ({simulation.reason}){way_out}."

    def of(self, names: list[str], simulation: Simulation) -> list[str]:
        """Return one sentence for each thing that keeps apt from installing packages."""
        if removed := [name for name in simulation.removes if name not in self.allowed]:
            return [self.removal(names, removed, simulation)]
        found = [self.unknown(name) for name in simulation.unknown]
        for name, providers in simulation.virtual.items():
            found.append(f"{self.asker(name)} is a virtual package: name one of {', '.join(providers)}.")
        if simulation.code != 0 and not found:
            found.append(self.impossible(names, simulation))
        return found


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "removes": {"type": "list", "elements": "str", "default": []},
            "asked_by": {"type": "dict", "default": {}},
            "install_recommends": {"type": "bool", "default": False},
            "environment": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    environment = {name: str(value) for name, value in module.params["environment"].items()}
    module.run_command_environ_update = {**environment, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    apt = Apt(module.run_command, module.params["install_recommends"])
    lock = lock_holder()
    try:
        known = known_packages(module.run_command)
    except DpkgError as error:
        module.fail_json(msg=f"{error}.", lock=lock)
    # What is there, apt is not asked for: it would upgrade it.
    names = [name for name in module.params["name"] if wanted_package(name, known).status != "installed"]
    refusals = Refusals(apt, known, module.params["asked_by"], set(module.params["removes"]))
    unknown: list[str] = []
    if lock is None and (sentence := refusals.half_done(names)):
        module.fail_json(msg=sentence, lock=lock)
    simulation = apt.simulate(names) if names else Simulation(0, "", "")
    if module.check_mode and (unknown := simulation.unknown):
        names = [name for name in names if name not in unknown]
        simulation = apt.simulate(names) if names else Simulation(0, "", "")
    if sentences := refusals.of(names, simulation):
        module.fail_json(msg=" ".join(sentences), lock=lock)
    module.exit_json(
        changed=False, installs=simulation.installs, removes=simulation.removes, unknown=unknown, lock=lock
    )


if __name__ == "__main__":
    main()
