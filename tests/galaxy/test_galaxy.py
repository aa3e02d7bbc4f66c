"""The collection as Galaxy ships it: what is in it, and its roles and playbooks used by their full names elsewhere."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests import playbook
from tests.contracts import ROLES
from tests.galaxy.pipelines import Machine, Step, github, gitlab
from tests.playbook import ROOT

HERE = Path(__file__).parent
PLAYBOOKS = ("certificates", "check", "deploy", "logs", "maintenance", "releases", "rollback", "run", "site")
MACHINE = {"name": "webstack-galaxy", "image": "webstack-machine:trixie"}


def run(folder: Path, *command: str, **environment: str) -> str:
    """Run a command of the tools in a folder and return its output."""
    result = playbook.run(command, environment, folder=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def there(folder: Path) -> dict[str, str]:
    """Return what makes Ansible forget the repository: another configuration, and one place to look for collections."""
    return {"ANSIBLE_CONFIG": str(folder / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(folder)}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the collection."""
    folder = tmp_path_factory.mktemp("archive")
    run(ROOT, "ansible-galaxy", "collection", "build", f"--output-path={folder}")
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def elsewhere(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of somebody who has installed the collection, and wrote a play."""
    folder = tmp_path_factory.mktemp("elsewhere")
    install = ("ansible-galaxy", "collection", "install", "--offline", "--no-deps", f"--collections-path={folder}")
    (folder / "ansible.cfg").write_text("[connection]\npipelining = true\n")
    run(folder, *install, str(archive), **there(folder))
    shutil.copy(HERE / "play.yml", folder)
    shutil.copytree(ROOT / "tests/apps/shop", folder / "shop")
    return folder


@pytest.fixture(scope="module")
def server(elsewhere: Path) -> Iterator[str]:
    """Make a bare server that is its own name server, for the time of the tests; return its address."""
    host = {"ansible_connection": "community.docker.docker"}
    groups = {name: {"hosts": {MACHINE["name"]: host}} for name in ("server", "nameservers")}
    (elsewhere / "inventory.yml").write_text(json.dumps({"all": {"children": groups}}))
    machines = f"--extra-vars={json.dumps({'machines': [MACHINE]})}"
    play = ("ansible-playbook", f"--inventory={elsewhere / 'inventory.yml'}", machines, "machines/destroy.yml")
    run(ROOT, *play, "machines/create.yml", "tests/galaxy/nameserver.yml")
    yield run(ROOT, "docker", "exec", MACHINE["name"], "hostname", "-I").split()[0]
    run(ROOT, *play)


def test_the_archive_holds_roles_plugins_and_what_describes_them(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        names = set(tar.getnames())
    tops = {name.split("/")[0] for name in names}
    assert tops == {
        "CHANGELOG.md",
        "FILES.json",
        "LICENSE",
        "MANIFEST.json",
        "README.md",
        "changelogs",
        "meta",
        "playbooks",
        "plugins",
        "roles",
    }
    assert {name.split("/")[1] for name in names if name.startswith("roles/")} == set(ROLES)
    for role in ROLES:
        assert {f"roles/{role}/README.md", f"roles/{role}/meta/argument_specs.yml"} <= names
    assert {name for name in names if name.startswith("changelogs/")} == {"changelogs/changelog.yaml"}
    assert [name for name in names if name.endswith((".pyc", ".retry")) or "/." in name] == []

    assert {name for name in names if name.startswith("playbooks/") and name.count("/") == 1} == {
        f"playbooks/{name}"
        for name in ("group_vars", "meta", "templates", *(f"{name}.yml" for name in (*PLAYBOOKS, "check_sites", "new")))
    }


def test_modules_and_roles_are_documented_where_they_are_installed(elsewhere: Path) -> None:
    modules = [f"foobar.webstack.{path.stem}" for path in (ROOT / "plugins/modules").glob("*.py")]
    assert set(json.loads(run(elsewhere, "ansible-doc", "--json", *modules, **there(elsewhere)))) == set(modules)
    roles = [f"foobar.webstack.{role}" for role in ROLES]
    listed = run(elsewhere, "ansible-doc", "--type=role", "--json", *roles, **there(elsewhere))
    assert {name for name, role in json.loads(listed).items() if "main" in role["entry_points"]} == set(roles)


def test_each_role_works_by_its_full_name_from_a_play_elsewhere(elsewhere: Path, server: str) -> None:
    run(elsewhere, "ansible-playbook", "--inventory=inventory.yml", "play.yml", **there(elsewhere))
    connection = HTTPConnection(server, timeout=10)
    connection.request("GET", "/", headers={"Host": "shop.example"})
    assert json.loads(connection.getresponse().read())["secret"] == "from the play"
    with socket.create_connection((server, 443), timeout=10) as plain:
        unverified = ssl._create_unverified_context()
        assert unverified.wrap_socket(plain, server_hostname="shop.example").version() == "TLSv1.3"
    assert run(ROOT, "docker", "exec", MACHINE["name"], "mysql", "-Ne", "SHOW DATABASES LIKE 'shop'") == "shop\n"
    query = dns.message.make_query("www.shop.example", "A")
    answer = dns.query.udp(query, server, timeout=5)
    assert [str(item) for rrset in answer.answer for item in rrset] == ["shop.example.", server]


@pytest.fixture(scope="module")
def mine(elsewhere: Path, server: str) -> Path:
    """Return a folder with nothing in it but a user's own files: an inventory beside group_vars, and an application."""
    folder = elsewhere / "mine"
    shutil.copytree(HERE / "mine", folder)
    shutil.copytree(ROOT / "tests/apps/shop", folder / "application")
    host = {"ansible_connection": "community.docker.docker", "ansible_host": MACHINE["name"]}
    groups: dict[str, object] = {name: {"hosts": {"web01": {}}} for name in ("web", "app", "db")}
    (folder / "hosts.yml").write_text(json.dumps({"all": {"hosts": {"web01": host}, "children": groups}}))
    return folder


def page(server: str) -> dict[str, str]:
    """Return what the site says of itself to a visitor."""
    connection = HTTPConnection(server, timeout=10)
    connection.request("GET", "/", headers={"Host": "mine.example"})
    return dict(json.loads(connection.getresponse().read()))


def files(folder: Path) -> dict[str, bytes]:
    """Return what is in a folder, without what Python keeps beside its modules."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_a_folder_of_one_s_own_is_all_that_the_playbooks_need(elsewhere: Path, mine: Path, server: str) -> None:
    collection = elsewhere / "ansible_collections/foobar/webstack"
    installed = files(collection)

    def play(name: str, *options: str, folder: Path = mine) -> str:
        inventory = f"--inventory={mine / 'hosts.yml'}"
        return run(folder, "ansible-playbook", inventory, f"foobar.webstack.{name}", *options, **there(elsewhere))

    play("check")
    play("site")
    first = page(server)
    assert (first["version"], first["host"]) == ("1", "mine.example")
    assert first["secret"] == (mine / ".secrets/mine_secret").read_text().strip()
    # Where a command is typed is nobody's business.
    assert "changed=0 " in play("site", folder=Path("/"))

    (mine / "application/VERSION").write_text("2\n")
    play("deploy", folder=Path("/"))
    assert page(server)["version"] == "2"
    assert first["release"] in play("releases", folder=Path("/"))
    assert "mine.example  self-signed" in play("certificates", folder=Path("/"))
    play("maintenance", "--extra-vars=mode=on")
    connection = HTTPConnection(server, timeout=10)
    connection.request("GET", "/", headers={"Host": "mine.example"})
    assert connection.getresponse().status == 503
    play("maintenance", "--extra-vars=mode=off")
    play("rollback", folder=Path("/"))
    assert page(server)["release"] == first["release"]

    assert files(collection) == installed
    beside = {path.name for path in mine.iterdir()}
    assert beside == {"application", "group_vars", "hosts.yml", ".cache", ".secrets"}


APPLICATIONS = {
    "board.example": "tests/apps/django",
    "guestbook.example": "examples/guestbook",
    "api.example": "tests/apps/fastapi",
}


class Start:
    """A folder of sites that was started by question and answer, and its user at a shell in it."""

    def __init__(self, elsewhere: Path, server: str) -> None:
        """Let the user into the server by SSH."""
        self.elsewhere, self.server, self.keys = elsewhere, server, elsewhere / "keys"
        self.folder = elsewhere / "start"
        self.known_hosts = f"-o UserKnownHostsFile={self.keys / 'known_hosts'}"
        self.git = {"GIT_SSH_COMMAND": f"ssh -i {self.keys / 'id_ed25519'} {self.known_hosts}"}
        machines = {"machines": [{**MACHINE, "address": server}], "machines_keys": str(self.keys)}
        run(ROOT, "ansible-playbook", f"--extra-vars={json.dumps(machines)}", "machines/ssh.yml")

    def new(self, source: Path | str, **answers: str) -> str:
        """Answer the questions."""
        given = {"folder": "start", "address": self.server, "ssh_user": "root", "dns": "none", "mail": "", **answers}
        extra = f"--extra-vars={json.dumps({**given, 'source': str(source)})}"
        command = ("ansible-playbook", "--inventory=localhost,", "foobar.webstack.new", extra)
        return run(self.elsewhere, *command, **there(self.elsewhere), **self.git)

    def type(self, command: str) -> str:
        """Type a command as the folder's README shows it; what is different here comes by a file beside it."""
        environment = {
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.elsewhere),
            "ANSIBLE_PRIVATE_KEY_FILE": str(self.keys / "id_ed25519"),
            "ANSIBLE_SSH_COMMON_ARGS": self.known_hosts,
        }
        assert command in (self.folder / "README.md").read_text(), command
        return run(self.folder, *command.split(), f"--extra-vars=@{HERE / 'here.yml'}", **environment)

    def version(self, domain: str) -> str:
        """Return which code a site says it runs."""
        connection = HTTPConnection(self.server, timeout=10)
        connection.request("GET", "/", headers={"Host": domain})
        return str(json.loads(connection.getresponse().read())["version"])


@pytest.fixture(scope="module")
def started(elsewhere: Path, server: str) -> Start:
    """Return a folder with a site for each of three frameworks, whose applications lie beside it."""
    start = Start(elsewhere, server)
    for domain, source in APPLICATIONS.items():
        shutil.copytree(ROOT / source, elsewhere / domain)
        said = start.new(elsewhere / domain, domain=domain)
        assert "WARNING" not in said
    return start


def test_what_a_start_writes_goes_live_without_an_edit_and_is_released_and_rolled_back(started: Start) -> None:
    started.type("ansible-playbook check.yml")
    started.type("ansible-playbook site.yml")
    for domain in APPLICATIONS:
        connection = HTTPConnection(started.server, timeout=10)
        connection.request("GET", "/health", headers={"Host": domain})
        assert connection.getresponse().status == 200, domain
    assert "changed=0 " in started.type("ansible-playbook site.yml")

    (started.elsewhere / "board.example/VERSION").write_text("2\n")
    started.type("ansible-playbook deploy.yml")
    assert started.version("board.example") == "2"
    releases = started.type("ansible-playbook releases.yml")
    assert {"  board:", "  guestbook:", "  api:"} <= set(releases.splitlines())
    # A line for each step, as nobody watches, and no colours.
    assert "TASK [" not in releases
    assert not set("\r\x1b") & set(releases)
    started.type("ansible-playbook rollback.yml -e site=board.example")
    assert started.version("board.example") == "1"


def test_a_controller_that_keeps_nothing_runs_the_folder_as_a_project(started: Start, tmp_path: Path) -> None:
    """ansible-runner is what AWX and ansible-navigator run a playbook with."""
    project = tmp_path / "project"
    shutil.copytree(started.folder, project, ignore=shutil.ignore_patterns(".cache", ".vault_password"))
    for domain in APPLICATIONS:
        (tmp_path / domain).symlink_to(started.elsewhere / domain)
    (tmp_path / "password").write_text((started.folder / ".vault_password").read_text())
    (tmp_path / "env").mkdir()
    variables = {
        "ANSIBLE_CONFIG": "",
        "ANSIBLE_COLLECTIONS_PATH": str(started.elsewhere),
        "ANSIBLE_PRIVATE_KEY_FILE": str(started.keys / "id_ed25519"),
        "ANSIBLE_SSH_COMMON_ARGS": started.known_hosts,
        "ANSIBLE_VAULT_PASSWORD_FILE": str(tmp_path / "password"),
        "HOME": str(tmp_path),
    }
    (tmp_path / "env/envvars").write_text(json.dumps(variables))
    (tmp_path / "env/extravars").write_text((HERE / "here.yml").read_text())

    def runner(playbook: str, inventory: Path) -> str:
        return run(tmp_path, "ansible-runner", "run", str(tmp_path), "-p", playbook, "--inventory", str(inventory))

    before = started.version("board.example")
    assert "changed=0 " in runner("site.yml", project / "hosts.yml")
    assert started.version("board.example") == before
    # AWX reads the inventory beforehand, and hands all of it on in one file.
    command = ("ansible-inventory", "--inventory", str(project / "hosts.yml"), "--list", "--export", "--yaml")
    exported = tmp_path / "exported/hosts.yml"
    exported.parent.mkdir()
    exported.write_text(run(project, *command, **variables))
    assert "changed=0 " in runner("check.yml", exported)


def commit(folder: Path) -> None:
    """Commit all that is in a folder, which becomes a repository with a branch main if it is none."""
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "git", "add", "--all")
    author = ("-c", "user.name=A user", "-c", "user.email=user@pushed.example")
    run(folder, "git", *author, "commit", "--quiet", "--message=As it is now")


@pytest.fixture(scope="module")
def pushed(started: Start) -> Path:
    """Return an application's clone; its repository is on the server, and a folder beside it, `sites`, has its site."""
    application, sites = started.elsewhere / "pushed/application", started.elsewhere / "pushed/sites"
    shutil.copytree(ROOT / "tests/apps/django", application)
    commit(application)
    in_container = ("docker", "exec", MACHINE["name"], "sh", "-ec")
    install = "apt-get update; DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends git"
    run(ROOT, *in_container, f"{install}; git init --quiet --bare --initial-branch=main /srv/git/board.git")
    address = f"root@{started.server}:/srv/git/board.git"
    run(application, "git", "remote", "add", "origin", address)
    run(application, "git", "push", "--quiet", "origin", "main", **started.git)
    started.new(address, domain="pushed.example", folder=str(sites))
    shutil.copy(HERE / "here.yml", sites / "group_vars/all")
    commit(sites)
    return application


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment of Python for CI machines; what the first one installs saves the next one a minute."""
    folder = tmp_path_factory.mktemp("tools")
    run(folder, sys.executable, "-m", "venv", str(folder))
    return folder


@pytest.mark.parametrize(
    ("steps", "umask", "version"), [(github, 0o022, "2"), pytest.param(gitlab, 0, "3", marks=pytest.mark.nightly)]
)
def test_the_pipeline_that_a_start_has_written_releases_what_was_pushed(
    steps: Callable[[Path, Mapping[str, str]], list[Step]],
    umask: int,
    version: str,
    started: Start,
    pushed: Path,
    tools: Path,
    archive: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """It has a clone and three secrets; without the latter it would reach neither the server nor the code there."""
    (pushed / "VERSION").write_text(f"{version}\n")
    commit(pushed)
    run(pushed, "git", "push", "--quiet", "origin", "main", **started.git)
    secrets = {
        "VAULT_PASSWORD": (pushed.parent / "sites/.vault_password").read_text().strip(),
        "SSH_KEY": (started.keys / "id_ed25519").read_text().strip(),
        "KNOWN_HOSTS": (started.keys / "known_hosts").read_text().strip(),
    }
    machine = Machine(tmp_path_factory.mktemp("ci"), pushed.parent / "sites", tools, umask)
    machine.run(steps(machine.folder, secrets), archive)
    assert started.version("pushed.example") == version
