"""Deploys of new, bad and interrupted releases to one machine."""

import os
import time
from pathlib import Path

import pytest
import testinfra
from releases import ask, live, releases, running

from tests.playbook import command, play, start

PLAYBOOK = "molecule/app_deploy/converge.yml"
SOURCES = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "sources"
MACHINE = "webstack-app-deploy-trixie"
ATTACK = (Path(__file__).parent / "attack.sh").read_text()

testinfra_hosts = [f"ansible://{MACHINE}"]


def deploy(*arguments, **variables):
    """Deploy one application and return the finished process."""
    return play(PLAYBOOK, f"--limit={MACHINE}", *arguments, **{"only": ["directory"], **variables})


@pytest.fixture
def source():
    """Let a test change the source, and put it back afterwards."""
    folder = SOURCES / "directory"
    before = {file: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    yield folder
    for file in folder.iterdir():
        if file.is_file() and file not in before:
            file.unlink()
    for file, content in before.items():
        file.write_bytes(content)


def test_no_secret_of_the_environment_file_is_in_the_output_of_a_deploy(host, source):
    (source / "VERSION").write_text("1b\n")
    result = deploy("-vvv", "--diff")
    assert result.returncode == 0, result.stdout
    assert "canary-directory" not in result.stdout + result.stderr
    assert "canary-directory" not in host.check_output("ps -eo args")


def test_new_code_replaces_the_old_release_and_keeps_it_for_the_way_back(host, source):
    before = live(host)
    (source / "VERSION").write_text("2\n")
    result = deploy()
    assert result.returncode == 0, result.stdout
    assert ask(host, "directory")["version"] == "2"
    assert running(host) == {live(host)}
    assert host.check_output("basename $(readlink /srv/directory/previous)") == before
    again = deploy()
    assert "changed=0" in again.stdout, again.stdout


def test_a_release_shares_the_files_of_its_environment_with_the_one_before(host, source):
    (source / "VERSION").write_text("2b\n")
    # Whoever runs a command of the release as root leaves such files.
    host.check_output("chown root: $(find /srv/directory/current/.venv/lib -path '*gunicorn/__pycache__/util.*')")
    result = deploy()
    assert result.returncode == 0, result.stdout
    for name in ("six.py", "six.cpython-*.pyc"):
        find = f"find /srv/directory/{{}}/.venv/lib -name '{name}' -printf '%i '"
        assert host.check_output(find.format("current")) == host.check_output(find.format("previous")) != ""


def test_what_a_killed_run_has_left_of_uv_is_not_taken_for_uv(host, source):
    uv = host.check_output("echo /opt/uv-*")
    host.check_output(f"mv {uv} {uv}.part && echo > {uv}.part/bin/uv")
    (source / "VERSION").write_text("2c\n")
    result = deploy()
    assert result.returncode == 0, result.stdout
    assert not host.file(f"{uv}.part").exists


def test_code_that_is_named_like_a_part_of_the_compiler_is_compiled_and_not_run(host, source):
    (source / "filecmp.py").write_text("raise SystemExit('this is the application')\n")
    result = deploy()
    assert result.returncode == 0, result.stdout
    compiled = host.check_output("ls /srv/directory/current/__pycache__").split()
    assert {name.partition(".")[0] for name in compiled} == {"shop", "filecmp"}


def test_build_commands_may_call_pip_and_uv_whichever_of_them_makes_the_environment(host, source):
    commands = [
        "pip --version",
        "python -m pip check",
        "uv pip list",
        "pip download --no-index nothing || touch refused",
    ]
    result = deploy(only=["directory", "archive"], more_commands=commands, archive_commands=commands)
    assert result.returncode == 0, result.stdout
    for app in ("directory", "archive"):
        assert host.file(f"/srv/{app}/current/refused").exists


def test_no_command_runs_after_a_build_command_that_fails(host, source):
    before = live(host)
    result = deploy(only=["directory"], more_commands=["pip install --no-index nothing", "touch web/public/after"])
    assert result.returncode != 0
    assert "`pip install --no-index nothing` ended with 1" in " ".join(result.stdout.split())
    assert live(host) == before
    assert "touch" not in host.check_output("tail -n 20 $(ls -t /var/log/app_deploy/directory/*.log | head -n 1)")


def test_going_back_to_old_code_starts_the_kept_release(host, source):
    (source / "VERSION").write_text("3\n")
    assert deploy().returncode == 0
    newer = live(host)
    (source / "VERSION").write_text("1\n")
    result = deploy()
    assert result.returncode == 0, result.stdout
    assert ask(host, "directory")["version"] == "1"
    assert newer in releases(host)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("sick", "", "did not answer /health with 200"),
        ("shop.py", "import nothing_of_that_name\n", "nothing_of_that_name"),
        ("requirements.txt", "six==0.0.1\n", "six==0.0.1"),
    ],
)
def test_a_bad_release_leaves_the_old_one_serving(host, source, file, content, words):
    before = live(host)
    (source / file).write_text(content)
    result = deploy()
    assert result.returncode != 0
    assert words in result.stdout
    assert live(host) == before
    assert ask(host, "directory")["release"] == before
    assert running(host) == {before}
    assert host.check_output("systemctl list-units --failed --plain --no-legend 'directory@*'") == ""


def test_a_folder_new_in_shared_paths_is_there_for_a_release_without_the_preparations(host):
    host.check_output("rm -rf /srv/directory/shared/media")
    result = deploy(verb="deploy", shared=["uploads", "media"])
    assert result.returncode == 0, result.stdout
    folder = host.file("/srv/directory/current/media").linked_to
    assert (folder, host.file(folder).user) == ("/srv/directory/shared/media", "directory")


@pytest.fixture
def repository():
    """Let a test build the release of the repository in another way, and put it back afterwards."""
    yield
    result = deploy(only=["repository"])
    assert result.returncode == 0, result.stdout


@pytest.mark.usefixtures("repository")
def test_a_python_named_by_its_version_is_the_systems_where_that_has_it(host):
    before = live(host, "repository")
    result = deploy(only=["repository"], python="3.13")
    assert result.returncode == 0, result.stdout
    assert live(host, "repository") != before
    assert host.check_output("realpath /srv/repository/current/.venv/bin/python") == "/usr/bin/python3.13"


def test_a_python_that_is_nowhere_to_be_had_leaves_the_old_release_serving(host):
    before = live(host, "repository")
    result = deploy(only=["repository"], python="3.99")
    assert result.returncode != 0
    assert "repository: `install uv.lock` ended with" in " ".join(result.stdout.split())
    assert "3.99" in result.stdout
    assert ask(host, "repository")["release"] == live(host, "repository") == before


def test_a_failed_release_is_removed_at_once_and_the_next_one_goes_live(host, source):
    before = releases(host)
    (source / "sick").write_text("")
    assert deploy().returncode != 0
    assert releases(host) == before
    (source / "sick").unlink()
    (source / "VERSION").write_text("4\n")
    assert deploy().returncode == 0
    assert ask(host, "directory")["version"] == "4"
    finished = host.check_output("ls -d /srv/directory/releases/*/.release.json").split()
    assert len(finished) == len(releases(host))


def test_no_more_releases_are_kept_than_wanted_and_always_the_live_one_and_the_one_before(host, source):
    before = live(host)
    # A clock set back must not make the live release the oldest one.
    host.check_output(f"touch --date=2001-01-01 /srv/directory/releases/{before}/.release.json")
    (source / "VERSION").write_text("5\n")
    assert deploy(app_deploy_keep_releases=2).returncode == 0
    assert releases(host) == {before, live(host)}


@pytest.fixture
def hosts():
    """Return both machines by the names of their systems."""
    return {suite: testinfra.get_host(f"docker://webstack-app-deploy-{suite}") for suite in ("trixie", "bookworm")}


def on_both(**variables):
    """Deploy one application to both machines and return the finished process."""
    return play(PLAYBOOK, **{"only": ["directory"], **variables})


@pytest.mark.parametrize("sick", ["trixie", "bookworm"])
def test_hosts_that_have_switched_go_back_where_another_one_fails(hosts, source, sick):
    assert on_both().returncode == 0
    before = {suite: live(host) for suite, host in hosts.items()}
    (source / "VERSION").write_text(f"fleet {sick}\n")
    hosts[sick].check_output("touch /srv/directory/shared/uploads/sick")
    try:
        result = on_both()
        assert result.returncode != 0
        assert {suite: live(host) for suite, host in hosts.items()} == before
        assert "directory: another host failed." in " ".join(result.stdout.split())
        for suite, host in hosts.items():
            assert running(host) == {before[suite]}
    finally:
        hosts[sick].check_output("rm /srv/directory/shared/uploads/sick")
    assert on_both().returncode == 0
    assert {ask(host, "directory")["version"] for host in hosts.values()} == {f"fleet {sick}"}


def test_an_app_that_the_first_host_does_not_have_is_migrated_by_the_first_one_that_does(hosts, source):
    migrations = "/srv/directory/shared/uploads/migrations"
    assert on_both().returncode == 0
    before, ran = live(hosts["trixie"]), hosts["bookworm"].run(f"cat {migrations}").stdout.splitlines()
    (source / "VERSION").write_text(f"apart {time.time()}\n")
    try:
        result = on_both(only="{{ (inventory_hostname is search('trixie')) | ternary(['archive'], ['directory']) }}")
        assert result.returncode == 0, result.stdout
        assert live(hosts["trixie"]) == before != live(hosts["bookworm"])
        assert len(hosts["bookworm"].check_output(f"cat {migrations}").splitlines()) == len(ran) + 1
    finally:
        # The first host's file alone stands for the database.
        hosts["bookworm"].check_output(f"rm -f {migrations}")


def test_all_hosts_go_back_with_a_database_that_is_restored_once(hosts, source):
    database = "/srv/directory/shared/uploads/migrations"
    assert on_both().returncode == 0
    before = {suite: live(host) for suite, host in hosts.items()}
    content = {suite: host.file(database).content_string for suite, host in hosts.items() if host.file(database).exists}
    (source / "VERSION").write_text(f"database {time.time()}\n")
    assert on_both().returncode == 0
    dumps = {suite: host.run(f"ls /var/backups/directory/{live(host)}.*") for suite, host in hosts.items()}
    (first,) = [suite for suite, dump in dumps.items() if dump.rc == 0]
    hosts[first].check_output(f"echo written-since >> {database}")
    result = on_both(verb="rollback", app_deploy_restore_database=True, app_deploy_lose_writes=True)
    assert result.returncode == 0, result.stdout
    assert {suite: live(host) for suite, host in hosts.items()} == before
    for suite, host in hosts.items():
        assert running(host) == {before[suite]}
        assert not host.file(database).exists or host.file(database).content_string == content.get(suite, "")
    assert hosts[first].file(database).exists
    assert "written-since" in hosts[first].check_output("zcat /var/backups/directory/*.lost.*.sql.gz")


def test_a_changed_environment_makes_a_new_release_of_the_same_code_and_leaves_the_old_one_its_own(host):
    assert deploy().returncode == 0
    before = live(host)
    result = deploy(more_environment="NEW=1\n")
    assert result.returncode == 0, result.stdout
    after = live(host)
    assert after != before
    assert after[:8] == before[:8]
    assert "NEW=1" in host.file(f"/etc/directory/{after}.env").content_string
    assert "NEW=1" not in host.file(f"/etc/directory/{before}.env").content_string


def test_a_changed_file_that_all_releases_share_makes_a_new_release_of_the_same_code(host):
    before = live(host, "repository")
    host.check_output("echo 'NEW=1' >> /etc/repository.env")
    try:
        result = deploy(only=["repository"])
    finally:
        host.check_output("sed -i '/^NEW=1$/d' /etc/repository.env")
    assert result.returncode == 0, result.stdout
    after = live(host, "repository")
    assert after != before
    assert after[:8] == before[:8]


@pytest.mark.parametrize(
    "harm",
    [
        "echo '# by hand' >> {unit}",
        "chmod 0666 {environment}",
        "chown nobody {environment}",
        "rm {environment}",
        "systemctl disable directory@{live}",
        "systemctl stop directory@{live}.socket directory@{live}.service",
        "chown root: /srv/directory/shared/uploads",
        "rm /srv/directory/current",
    ],
)
def test_what_was_changed_by_hand_is_restored_by_the_next_run_and_the_release_stays(host, harm):
    assert deploy().returncode == 0
    names = {"live": live(host), "unit": f"/etc/systemd/system/directory@{live(host)}.service"}
    environment = f"/etc/directory/{live(host)}.env"
    state = f"stat -c '%a %U %G' {environment} {names['unit']} /srv/directory/shared/uploads; cat {names['unit']}"
    before = host.check_output(state)
    host.check_output(harm.format(**names, environment=environment))
    result = deploy()
    assert result.returncode == 0, result.stdout
    assert "changed=0" not in result.stdout
    assert host.check_output(state) == before
    assert live(host) == names["live"]
    assert ask(host, "directory")["release"] == names["live"]
    assert host.service(f"directory@{names['live']}").is_enabled
    assert "changed=0" in deploy().stdout


BESIDE = [
    {
        "dest": "/etc/systemd/system/directory@%i.target",
        "content": "[Unit]\nWants=directory-mailer-1@%i.service\n[Install]\nWantedBy=multi-user.target\n",
    },
    {
        "dest": "/etc/systemd/system/directory-mailer-1@%i.service",
        "content": (
            "[Unit]\nPartOf=directory@%i.target\nAfter=directory@%i.target\nStartLimitIntervalSec=0\n"
            "[Service]\nType=exec\nUser=directory\nRestart=always\nRestartSec=1\n"
            "ExecStart=sh -c 'test ! -e /run/no-queue || { echo no queue; sleep 2; exit 3; }; exec sleep infinity'\n"
        ),
    },
]


@pytest.fixture
def mailer(host):
    """Return the service of a worker beside the live release, which ends at its start while it finds no queue."""
    result = deploy(beside=BESIDE)
    assert result.returncode == 0, result.stdout
    yield f"directory-mailer-1@{live(host)}.service"
    host.check_output("rm -f /run/no-queue")
    assert deploy().returncode == 0


def said(result):
    """Return what a run has shown, in one line."""
    return " ".join(result.stdout.split())


def test_no_run_ends_well_until_a_worker_of_the_live_release_runs_again(host, mailer):
    before = live(host)
    host.check_output(f"touch /run/no-queue && systemctl kill --signal=KILL {mailer}")
    dry = deploy("--check", beside=BESIDE)
    assert f"directory: to repair: {mailer} ended by itself." in said(dry)
    for _ in range(2):
        result = deploy(beside=BESIDE)
        assert result.returncode != 0, result.stdout
        # On a busy machine systemd may have started it again by the time that it is looked at.
        assert f"directory: of release {before}, {mailer} ended" in said(result), result.stdout
        assert "no queue" in result.stdout
        assert ask(host, "directory")["release"] == live(host) == before
    host.check_output("rm /run/no-queue")
    assert deploy(beside=BESIDE).returncode == 0
    assert host.service(mailer).is_running
    assert "changed=0" in deploy(beside=BESIDE).stdout


@pytest.mark.nightly
def test_a_worker_that_was_stopped_is_started_by_the_next_run_and_what_serves_is_left_alone(host, mailer):
    process = host.check_output("systemctl show --property=MainPID --value 'directory@*.service'")
    host.check_output(f"systemctl stop {mailer}")
    result = deploy(beside=BESIDE)
    assert result.returncode == 0, result.stdout
    assert host.service(mailer).is_running
    assert host.check_output("systemctl show --property=MainPID --value 'directory@*.service'") == process


@pytest.mark.nightly
def test_a_live_release_whose_server_ends_again_and_again_fails_the_run_with_its_last_words(host):
    assert deploy().returncode == 0
    program = f"/srv/directory/releases/{live(host)}/.venv/bin/gunicorn"
    host.check_output(f"mv {program} {program}.kept")
    host.check_output(f"printf '#!/bin/sh\necho no such table >&2\nexit 3\n' > {program} && chmod 0755 {program}")
    host.check_output("systemctl kill --signal=KILL 'directory@*.service'")
    try:
        result = deploy()
    finally:
        host.check_output(f"mv {program}.kept {program}")
    assert result.returncode != 0, result.stdout
    assert f"directory: release {live(host)} did not answer /health with 200 (it ended with" in said(result)
    assert "no such table" in result.stdout
    assert deploy().returncode == 0
    assert ask(host, "directory")["release"] == live(host)
    assert "changed=0" in deploy().stdout


def test_a_deploy_killed_in_the_middle_leaves_the_old_release_and_is_completed_by_the_next(host, source):
    before = live(host)
    (source / "VERSION").write_text("10\n")
    with start(command(PLAYBOOK, f"--limit={MACHINE}", only=["directory"])) as process:
        for line in process.stdout:
            if "build | Unpack" in line:
                process.kill()
                break
    time.sleep(2)
    assert ask(host, "directory")["release"] == before
    result = deploy()
    assert result.returncode == 0, result.stdout
    assert ask(host, "directory")["version"] == "10"
    assert running(host) == {live(host)}


def state(host, release):
    """Return modes, owners and bytes of all that a release has, its environment included."""
    folder = f"/srv/directory/releases/{release}"
    modes = host.check_output(f"find {folder} -printf '%p %y %m %U %G\\n' | sort")
    return modes + host.check_output(f"find {folder} -type f -print0 | sort -z | xargs -0 sha256sum")


def test_no_command_of_a_release_changes_a_byte_of_the_live_one(host, source):
    (source / "VERSION").write_text(f"before {time.time()}\n")
    assert deploy().returncode == 0
    before = live(host)
    # Who builds could write it, if only it could see it.
    host.check_output("mkdir -p /srv/other && echo other > /srv/other/app.py && chown -R directory-build: /srv/other")
    bytes_before = state(host, before)
    assert "six.py" in bytes_before
    assert ".pyc" in bytes_before
    (source / "attack.sh").write_text(ATTACK)
    attack = f"sh attack.sh directory {before}"
    hooks = {
        f"{when}_{what}": [f"{attack} {when}-{what}"] for when in ("before", "after") for what in ("build", "migrate")
    }
    try:
        result = deploy(more_commands=[f"{attack} command"], hooks=hooks)
        assert result.returncode == 0, result.stdout
        after = live(host)
        assert after != before
        assert state(host, before) == bytes_before
        assert host.file("/srv/other/app.py").content_string == "other\n"
        # It was not for want of trying.
        attacked = host.check_output(f"cat /srv/directory/releases/{after}/attacked")
        assert "command as directory-build" in attacked
        assert "before-build as directory-build" in attacked
        for user in ("directory", "directory-build", "directory-deps", "nobody"):
            writable = f"find /srv/directory/releases/{after} ! -type l -perm /222 -user {user} -links 1"
            assert host.check_output(writable) == ""
        assert host.check_output(f"find /srv/directory/releases/{after} -perm /6000") == ""
    finally:
        host.check_output("rm -rf /srv/other")


def test_a_real_folder_in_the_place_of_current_is_refused(host):
    host.check_output("mv /srv/directory/current /srv/directory/kept && mkdir /srv/directory/current")
    try:
        result = deploy()
    finally:
        host.check_output("rmdir /srv/directory/current && mv /srv/directory/kept /srv/directory/current")
    assert result.returncode != 0
    assert "/srv/directory/current is a real file or folder" in result.stdout


@pytest.mark.parametrize(
    ("apps", "words"),
    [
        ([{"name": "Shop!"}], 'the name "Shop!" must be lower-case'),
        ([{"name": "shop"}], "shop needs one source"),
        ([{"name": "shop", "directory": "/x", "repo": "y"}], "shop needs one source"),
        ([{"name": "shop", "repo": "https://me:secret@example.com/x"}], "the repo of shop holds a password"),
        ([{"name": "shop", "archive": "https://me:secret@example.com/x"}], "the archive of shop holds a password"),
        (
            [{"name": "shop", "directory": "/x", "packages": "libpq5"}],
            "packages of shop must be a list, such as [libpq5]",
        ),
        ([{"name": "shop", "directory": "/x", "health_path": "health"}], "the health_path of shop must begin"),
        ([{"name": "shop", "directroy": "/x"}], "directroy"),
        ([{"name": "shop", "directory": "/nowhere"}], "/nowhere is not a folder on this machine"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(apps, words):
    usual = {"service": "shop", "sockets_path": "/run/shop", "health_path": "/health"}
    result = deploy(app_deploy_apps=[{**usual, **app} for app in apps])
    assert result.returncode != 0
    assert words in " ".join(result.stdout.split())
    assert "changed=0" in result.stdout
