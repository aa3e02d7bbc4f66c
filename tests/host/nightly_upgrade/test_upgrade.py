"""A server that version 0.1.0 has set up, on its way to this version; its visitors notice nothing.

Its user had a clone of that version, and from here on the archive of this one and a folder of files of their own, as
docs/upgrading.md tells. The tests go on from each other, in their order.
"""

import copy
import json
import os
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests import playbook as ansible
from tests.load.load import Kind
from tests.playbook import ROOT, said
from tests.visitors import Machine, Observer, Site, visitors

EPHEMERAL = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
SOURCES, MINE = EPHEMERAL / "sources", EPHEMERAL / "mine"
MACHINE = Machine("webstack-upgrade", "198.18.55.30")
GUESTBOOK = Site(MACHINE, "foobar.com", "guestbook")
BOARD = Site(MACHINE, "board.example", "board")
API = Site(MACHINE, "api.example", "api")
SITES = [GUESTBOOK, BOARD, API]
FOLDERS = {"guestbook": "guestbook", "board": "django", "api": "fastapi"}
# Where 0.1.0 has put what all releases of an app share.
SHARED = {
    site.app: {
        f"/etc/gunicorn/{site.app}.conf.py",
        f"/etc/gunicorn/{site.app}.env",
        f"/etc/systemd/system/gunicorn-{site.app}@.service",
        f"/etc/systemd/system/gunicorn-{site.app}@.socket",
    }
    for site in SITES
}
SHARED["board"] |= {
    f"/etc/systemd/system/board{unit}"
    for unit in ("@.target", "-work-1@.service", "-work-2@.service", "-tick@.service", "-tick@.timer")
}
KINDS = {
    GUESTBOOK: {Kind("GET", "/"): 1},
    BOARD: {
        Kind("GET", "/"): 60,
        Kind("POST", "/entries"): 37,
        Kind("GET", "/slow?seconds=5", slow=True): 2,
        Kind("POST", "/slow?seconds=5", slow=True): 1,
    },
    API: {Kind("GET", "/"): 1},
}
STORED = "SELECT token, COUNT(*) FROM board.board_entry WHERE name NOT LIKE 'work:%' GROUP BY token"
# What makes the gate refuse an app's code: a text of a file in its folder, and another one in its place.
BROKEN = {
    "guestbook": ("guestbook/views.py", '"release": current_app.config["RELEASE"]}', "}, 500"),
    "board": ("board/views.py", 'HttpResponse("OK\\n")', 'HttpResponse("Not at all OK\\n", status=500)'),
    "api": ("app/main.py", '@app.get("/health")', '@app.get("/health", status_code=500)'),
}


def sites():
    """Return the sites as this version takes them: build commands don't get the app's environment any more."""
    found = copy.deepcopy(MACHINE.variables()["sites"])
    for site in found:
        # A path that goes by the user's folder.
        site["directory"] = site["directory"].replace("{{ ephemeral }}", "..")
        del site["addresses"]
    names = ("ALLOWED_HOSTS", "DATABASE_NAME", "DATABASE_USER", "DATABASE_PASSWORD")
    found[1]["build_environment"] = dict.fromkeys(names, "none")
    return found


def run(playbook, *options, **variables):
    """Run one of the archive's playbooks from the user's folder, and return the finished process."""
    extra = [f"--extra-vars={json.dumps(variables)}"] if variables else []
    name = f"foobar.webstack.{playbook.removesuffix('.yml')}"
    return ansible.run(["ansible-playbook", name, *options, *extra], MOVED, folder=MINE)


MOVED = {"ANSIBLE_CONFIG": str(MINE / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(EPHEMERAL / "installed")}


@pytest.fixture(scope="session", autouse=True)
def _moved():
    """Install this version's archive, and move what is the user's into a folder, as docs/upgrading.md tells."""
    archive, galaxy = EPHEMERAL / "archive", ["ansible-galaxy", "collection"]
    install = [*galaxy, "install", "--offline", "--no-deps", "--force", f"--collections-path={EPHEMERAL / 'installed'}"]
    done = ansible.run([*galaxy, "build", "--force", f"--output-path={archive}"])
    assert done.returncode == 0, done.stdout + done.stderr
    done = ansible.run([*install, *map(str, archive.glob("*.tar.gz"))])
    assert done.returncode == 0, done.stdout + done.stderr
    variables = MACHINE.variables()
    connection = {name: value for name, value in variables.items() if name.startswith(("ansible_", "ephemeral"))}
    hosts = {"hosts": {MACHINE.name: {}}}
    groups = {**dict.fromkeys(("web", "app", "db"), hosts), "production": hosts}
    files = {
        "hosts.yml": {"all": {"hosts": {MACHINE.name: connection}, "children": groups}},
        "group_vars/all/sites.yml": {"sites": sites()},
        "group_vars/all/vault.yml": {name: value for name, value in variables.items() if name.startswith("vault_")},
        # No CA knows these names.
        "group_vars/production/tls.yml": {"default_tls": variables["default_tls"]},
        "group_vars/production/mysql.yml": yaml.safe_load((ROOT / "group_vars/local/mysql.yml").read_text()),
    }
    for name, content in files.items():
        (MINE / name).parent.mkdir(parents=True, exist_ok=True)
        (MINE / name).write_text(yaml.safe_dump(content))
    (MINE / "ansible.cfg").write_text("[defaults]\ninventory = hosts.yml\n[connection]\npipelining = true\n")


def renew():
    """Change all applications, and return the version that they have now."""
    files = [SOURCES / folder / "VERSION" for folder in FOLDERS.values()]
    version = int(files[1].read_text()) + 1
    for file in files:
        file.write_text(f"{version}\n")
    return str(version)


@contextmanager
def load(title):
    """Let visitors come to all sites for a while, and see that none of them saw an error, and each row is stored."""
    with ExitStack() as stack:
        seen = {
            site: stack.enter_context(
                visitors(site, kinds, title, rate=20 if site is BOARD else 5, stored=STORED if site is BOARD else "")
            )
            for site, kinds in KINDS.items()
        }
        yield
    wrong = {
        (site.domain, name): found[name]
        for site, found in seen.items()
        for name in ("failed", "lost", "doubled")
        if found.get(name)
    }
    assert wrong == {}
    # As many as a busy machine makes; that there are none is no proof of anything.
    assert seen[BOARD]["posts_acknowledged"] > 20


def shared():
    """Return what the shared files are, by path."""
    return MACHINE.digests(*(path for paths in SHARED.values() for path in sorted(paths)))


def old_releases():
    """Return the releases that version 0.1.0 has made, by app: those without settings of their own."""
    return {
        site.app: {
            release
            for release in site.releases()
            if not MACHINE.is_so(f"test -e /var/lib/app_deploy/{site.app}/{release}.json")
        }
        for site in SITES
    }


@pytest.fixture
def refused():
    """Make all applications' code one that the gate refuses."""
    before = {}
    for app, (name, text, instead) in BROKEN.items():
        file = SOURCES / FOLDERS[app] / name
        before[file] = file.read_text()
        assert text in before[file]
        file.write_text(before[file].replace(text, instead))
    yield
    for file, text in before.items():
        file.write_text(text)


def test_the_server_is_one_of_version_0_1_0_with_two_releases_of_each_site():
    assert {app: len(found) for app, found in old_releases().items()} == {"guestbook": 2, "board": 2, "api": 2}
    assert shared().keys() == set().union(*SHARED.values())


def test_this_version_takes_the_server_for_one_that_it_may_set_up():
    result = run("check.yml")
    assert result.returncode == 0, result.stdout
    assert "changed=0" in result.stdout


@pytest.mark.parametrize("playbook", ["deploy.yml", "site.yml"])
def test_a_first_run_whose_releases_are_refused_leaves_the_live_ones_all_they_share(refused, playbook):
    files, live = shared(), {site: site.live() for site in SITES}
    with load(f"{playbook} with refused code"):
        result = run(playbook)
        assert result.returncode != 0, result.stdout
        for site in SITES:
            assert f"{site.app}: release " in said(result)
        assert {site: site.live() for site in SITES} == live
        assert shared() == files
        for site in SITES:
            site.is_fit()
    assert shared() == files


def test_the_live_releases_come_back_after_a_restart_of_the_server():
    live = {site: site.live() for site in SITES}
    MACHINE.reboot(BOARD)
    for site in SITES:
        site.is_fit()
    assert {site: site.live() for site in SITES} == live


def test_a_first_run_loses_no_request():
    files, live, version = shared(), {site: site.live() for site in SITES}, renew()
    with load("site.yml of this version"), Observer(API, [("/health", "")]) as observer:
        result = run("site.yml")
        assert result.returncode == 0, result.stdout
        assert (BOARD.page()["version"], API.page()["version"]) == (version, version)
        for site in SITES:
            assert site.live() != live[site]
            site.is_fit()
    assert observer.different() == {}
    assert shared() == files


def test_a_rollback_reaches_a_release_of_version_0_1_0_and_the_next_release_leads_on():
    old, version = old_releases(), renew()
    with load("rollbacks and the next releases"):
        for site in SITES:
            result = run("rollback.yml", site=site.domain)
            assert result.returncode == 0, result.stdout
            assert site.live() in old[site.app]
            site.is_fit()
        result = run("deploy.yml")
        assert result.returncode == 0, result.stdout
        for site in SITES:
            assert site.live() not in old[site.app]
            site.is_fit()
    assert (BOARD.page()["version"], API.page()["version"]) == (version, version)


def test_an_older_release_of_version_0_1_0_can_be_named_and_goes_on_after_a_restart_of_the_server():
    releases = [release for release in old_releases()["board"] if release != BOARD.live()]
    with load("a rollback to a named release"):
        result = run("rollback.yml", site="board.example", release=releases[0])
        assert result.returncode == 0, result.stdout
        assert BOARD.live() == releases[0]
        BOARD.is_fit()
    MACHINE.reboot(BOARD)
    BOARD.is_fit()
    with load("the release after that"):
        version = renew()
        result = run("deploy.yml")
        assert result.returncode == 0, result.stdout
    assert BOARD.page()["version"] == version


def test_the_shared_files_go_with_the_last_release_that_needs_them_and_nothing_else_does():
    before = MACHINE.digests("/etc/gunicorn/*.*", "/etc/systemd/system/*@.*", "/etc/sysusers.d", "/etc/tmpfiles.d")
    with load("releases until those of version 0.1.0 are gone"):
        for site in SITES:
            for _ in range(4):
                left = old_releases()
                for app, paths in SHARED.items():
                    assert paths <= shared().keys() if left[app] else not paths & shared().keys()
                if not left[site.app]:
                    break
                renew()
                result = run("deploy.yml", site=site.domain)
                assert result.returncode == 0, result.stdout
            site.is_fit()
    assert old_releases() == {"guestbook": set(), "board": set(), "api": set()}
    after = MACHINE.digests("/etc/gunicorn/*.*", "/etc/systemd/system/*@.*", "/etc/sysusers.d", "/etc/tmpfiles.d")
    assert before.keys() - after.keys() == set().union(*SHARED.values())
    assert {path: digest for path, digest in before.items() if path in after} == after


def test_another_run_changes_nothing_and_would_change_nothing():
    assert run("site.yml").returncode == 0
    for options in ([], ["--check"]):
        result = run("site.yml", *options)
        assert result.returncode == 0, result.stdout
        assert "changed=0" in result.stdout, result.stdout


def test_all_sites_come_back_after_a_restart_of_the_server():
    MACHINE.reboot(BOARD)
    for site in SITES:
        site.is_fit()
