"""What apt would do is known before it does it: nothing goes that is not named to go."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.foobar.webstack.plugins.module_utils.apt import Simulation
from ansible_collections.foobar.webstack.plugins.modules import apt_simulation

from tests import calls

# As apt 3 of Debian 13 says it on a server with MySQL from sid, shortened.
REMOVAL = """\
The following packages will be REMOVED:
  mysql-server
Remv mysql-server [9.7.4-2]
Inst libmariadb-dev (1:11.8.9+ds-0+deb13u1 Debian:13.8/stable [amd64])
Inst libmariadb-dev-compat (1:11.8.9+ds-0+deb13u1 Debian:13.8/stable [amd64])
Inst default-libmysqlclient-dev (1.1.1 Debian:13.8/stable [amd64])
Conf default-libmysqlclient-dev (1.1.1 Debian:13.8/stable [amd64])
"""
SOCAT = "Inst socat (1.8.0.3-1+deb13u1 Debian:13.8/stable [amd64])\nConf socat (1.8.0.3-1+deb13u1)\n"
LIBRARY = "Inst libmysqlclient-dev (9.7.4-2 Debian:unstable [amd64])\n"
# apt's newer solver removes nothing that it was not asked to remove.
CONFLICT = """\
E: Unable to satisfy dependencies. Reached two conflicting decisions:
   1. libmariadb-dev-compat:amd64 is selected for install because:
      1. default-libmysqlclient-dev:amd64=1.1.1 is selected for install
   2. libmariadb-dev-compat:amd64 is available in versions 1:11.8.9+ds-0+deb13u1, 1:11.8.9+ds-4
      but none of the choices are installable:
                  1. mysql-server:amd64 is selected for install
                  2. mysql-server:amd64 Conflicts mariadb-common
                     [selected mysql-server:amd64]
"""
UNKNOWN = "E: Unable to locate package nosuch\nE: Version '99' for 'gawk' was not found\n"
VIRTUAL_OUTPUT = """\
Package mail-transport-agent is a virtual package provided by:
  postfix 3.10.13-0+deb13u1
  exim4-daemon-light 4.98.2-1+deb13u6

"""
UNMET = """\
The following packages have unmet dependencies:
 nginx : Depends: nginx-common (= 1.26.3-3+deb13u10) but 1.26.3-3+deb13u11 is to be installed
"""
CACHE = """\
Package: default-libmysqlclient-dev
Depends: libmariadb-dev-compat

Package: libmariadb-dev-compat
Replaces: libmariadb-client-lgpl-dev-compat, libmariadbclient-dev (<< 1:10.3), libmysqlclient-dev
Conflicts: libmysqlclient-dev
"""
Answer = tuple[int, str, str]
TRANSACTIONS: dict[str, Answer] = {
    "default-libmysqlclient-dev": (0, REMOVAL, ""),
    "socat default-libmysqlclient-dev": (0, SOCAT + REMOVAL, ""),
    "socat": (0, SOCAT, ""),
    "socat nosuch": (100, "", UNKNOWN.splitlines()[0]),
    "libmysqlclient-dev": (0, LIBRARY, ""),
    "nosuch gawk=99": (100, "", UNKNOWN),
    "mail-transport-agent": (100, VIRTUAL_OUTPUT, "E: Package 'mail-transport-agent' has no installation candidate\n"),
    "nginx=1.26.3-3+deb13u10": (100, UNMET, "E: Unable to correct problems, you have held broken packages.\n"),
}
# Stands in for apt-get, apt-cache, dpkg and dpkg-query.
COMMAND = """#!/usr/bin/env python3
import json, sys
from pathlib import Path
name = Path(sys.argv[0]).name
answers = json.loads(Path(__file__).with_name("answers.json").read_text())
if name == "apt-get":
    assert "--simulate" in sys.argv, "that would have been for real"
    code, output, error = answers["transactions"][" ".join(sys.argv[sys.argv.index("install") + 1 :])]
else:
    code, output, error = 0, answers[name if name.startswith("dpkg") else sys.argv[1]], ""
sys.stdout.write(output)
sys.stderr.write(error)
sys.exit(code)
"""


class Server:
    """A server whose apt and dpkg give prepared answers."""

    def __init__(self, folder: Path) -> None:
        """Put the commands into a folder."""
        self.folder = folder
        self.transactions = dict(TRANSACTIONS)
        self.packages = ["bash amd64 5.2 install ok installed", "nginx amd64 1.26.3-3+deb13u11 hold ok installed"]
        self.dependencies = "socat\n  Depends: libc6\nlibc6\n"
        for name in ("apt-get", "apt-cache", "dpkg", "dpkg-query"):
            (folder / name).write_text(COMMAND)
            (folder / name).chmod(0o755)

    def simulate(self, *names: str, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run the module."""
        answers = {
            "transactions": self.transactions,
            "show": CACHE,
            "depends": self.dependencies,
            "dpkg": "arm64\n",
            "dpkg-query": "".join(line.replace(" ", "\t") + "\n" for line in self.packages),
        }
        (self.folder / "answers.json").write_text(json.dumps(answers))
        return calls.module("apt_simulation", {"name": names, "_ansible_check_mode": check, **options})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Return a server on which nobody holds dpkg's lock."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, value in (("lock_holder", None), ("is_interrupted", False), ("has_lists", True)):
        monkeypatch.setattr(apt_simulation, name, lambda value=value: value)
    return Server(tmp_path)


def test_a_package_that_would_remove_another_is_refused_with_what_to_write_instead(server: Server) -> None:
    names = ("socat", "default-libmysqlclient-dev")
    result = server.simulate(*names, asked_by={"default-libmysqlclient-dev": "packages of shop"})
    assert result["failed"]
    assert result["msg"] == (
        "packages of shop: default-libmysqlclient-dev would make apt remove mysql-server from this server: "
        "write libmysqlclient-dev instead."
    )


def test_what_would_remove_another_itself_is_not_proposed(server: Server) -> None:
    server.transactions["libmysqlclient-dev"] = (0, LIBRARY + "Remv libmariadb-dev [11]\n", "")
    assert server.simulate("default-libmysqlclient-dev")["msg"] == (
        "default-libmysqlclient-dev would make apt remove mysql-server from this server: leave it out, or remove them "
        "by hand first."
    )


def test_what_is_named_to_go_may_go_and_nothing_else(server: Server) -> None:
    result = server.simulate("default-libmysqlclient-dev", removes=["mysql-server"])
    assert (result["changed"], result["removes"]) == (False, ["mysql-server"])
    assert server.simulate("default-libmysqlclient-dev", removes=["mysql-client"])["failed"]


def test_an_apt_that_would_rather_fail_than_remove_gets_the_same_advice(server: Server) -> None:
    server.transactions["default-libmysqlclient-dev"] = (100, "", CONFLICT)
    assert server.simulate("default-libmysqlclient-dev")["msg"] == (
        "default-libmysqlclient-dev can't be installed on this server (mysql-server Conflicts mariadb-common); "
        "write libmysqlclient-dev instead."
    )


def test_what_is_installed_is_not_asked_for(server: Server) -> None:
    result = server.simulate("bash", "socat")
    assert result["installs"] == ["socat"]
    assert server.simulate("bash")["installs"] == []


def test_all_unknown_packages_are_said_at_once(server: Server) -> None:
    assert server.simulate("nosuch", "gawk=99", asked_by={"nosuch": "app_deploy_packages"})["msg"] == (
        "app_deploy_packages: nosuch is in none of this server's package sources for arm64: check its name, or add its "
        "source. gawk=99 is in none of this server's package sources for arm64: check its version, or add its source."
    )


def test_in_check_mode_the_source_of_an_unknown_package_may_not_be_there_yet(server: Server) -> None:
    result = server.simulate("socat", "nosuch", check=True)
    assert (result["unknown"], result["installs"]) == (["nosuch"], ["socat"])
    assert server.simulate("socat", "nosuch")["failed"]


def test_a_package_that_is_only_heard_of_is_unknown(server: Server) -> None:
    server.transactions["python3-pip"] = (100, "", "E: Package 'python3-pip' has no installation candidate\n")
    assert server.simulate("python3-pip", check=True)["unknown"] == ["python3-pip"]
    assert server.simulate("python3-pip")["msg"].startswith("python3-pip is in none of this server's package sources")


def test_without_package_lists_no_package_is_called_misspelt(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_simulation, "has_lists", lambda: False)
    said = server.simulate("socat", "nosuch")["msg"]
    assert said == "nosuch: this server has fetched no package lists yet; run `apt-get update` there."


def test_a_virtual_package_is_refused_with_those_that_provide_it(server: Server) -> None:
    assert server.simulate("mail-transport-agent")["msg"] == (
        "mail-transport-agent is a virtual package: name one of exim4-daemon-light, postfix."
    )


def test_a_held_package_is_named_with_what_lets_go_of_it(server: Server) -> None:
    said = server.simulate("nginx=1.26.3-3+deb13u10")["msg"]
    assert "while nginx is held on this server: run `apt-mark unhold nginx` there" in said


def test_apt_s_own_reason_is_told_where_nothing_is_held(server: Server) -> None:
    server.packages = []
    assert server.simulate("nginx=1.26.3-3+deb13u10")["msg"] == (
        "nginx=1.26.3-3+deb13u10 can't be installed on this server (nginx : Depends: nginx-common "
        "(= 1.26.3-3+deb13u10) but 1.26.3-3+deb13u11 is to be installed)."
    )


def test_what_dpkg_has_left_half_done_is_refused_unless_it_is_asked_for(server: Server) -> None:
    server.packages.append("gitlab amd64 1 install ok half-configured")
    said = server.simulate("socat")["msg"]
    assert said.startswith("dpkg has left gitlab half-configured on this server: run `dpkg --configure -a` there")
    server.dependencies += "gitlab\n"
    assert server.simulate("socat")["installs"] == ["socat"]


def test_a_dpkg_that_was_killed_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apt_simulation, "is_interrupted", lambda: True)
    assert "run `dpkg --configure -a` there" in server.simulate("socat")["msg"]


def test_while_somebody_holds_the_lock_that_is_told_and_no_half_done_package_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = {"pid": 7, "command": "unattended-upgr", "unit": "apt-daily-upgrade.service"}
    monkeypatch.setattr(apt_simulation, "lock_holder", lambda: holder)
    monkeypatch.setattr(apt_simulation, "is_interrupted", lambda: True)
    server.packages.append("gitlab amd64 1 install ok unpacked")
    result = server.simulate("socat")
    assert (result["lock"], result["installs"]) == (holder, ["socat"])
    # A removal is none that waiting would change.
    assert server.simulate("default-libmysqlclient-dev")["failed"]


def test_a_reason_of_several_lines_becomes_one() -> None:
    assert Simulation(100, "", "E: The list of sources could not be read.\nE: more\n").reason == (
        "The list of sources could not be read"
    )
    assert Simulation(100, "", "").reason == "apt-get printed no error"
