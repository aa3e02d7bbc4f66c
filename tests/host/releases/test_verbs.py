"""Releases, as an operator makes them: three frameworks side by side, back and forth, and what runs beside them."""

import json
import os
import time

import pytest
import requests
import yaml
from conftest import ADDRESS, APPS, MACHINE, sql

from tests.playbook import command, play, run, start, wait_for

testinfra_hosts = ["ansible://webstack-releases"]


def test_flask_django_and_fastapi_share_a_server_each_with_its_own_user_socket_and_history(host, board, api):
    with requests.Session() as session:
        session.trust_env = False
        page = session.get(f"http://{ADDRESS}/", headers={"Host": "foobar.com"}, timeout=20)
    assert "Guestbook" in page.text
    style = board.ask().json()["style"]
    assert board.ask(style).headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert api.ask("/items/7?q=x").json() == {"item_id": 7, "q": "x"}
    users = host.check_output("ps -C gunicorn -o user= | sort -u").split()
    assert users == ["api", "board", "guestbook"]


def test_the_application_may_not_change_tables_and_its_migrations_may(host):
    grants = {user: sql(host, f"SHOW GRANTS FOR {user}@localhost") for user in ("board", "board_migrations")}
    assert "ALTER" not in grants["board"]
    assert "GRANT ALL PRIVILEGES ON `board`.*" in grants["board_migrations"]


def test_a_release_of_one_site_leaves_the_others_alone(host, board, api):
    before = api.live()
    version = board.renew()
    result = board.deploy()
    assert result.returncode == 0, result.stdout
    assert board.version() == version
    assert api.live() == before
    assert "changed=0" in board.deploy().stdout


def test_pages_of_the_release_before_keep_their_static_files(board):
    sheet = board.source / "board/static/board/board.css"
    old = board.ask().json()["style"]
    before = sheet.read_text()
    # Another sheet at each run of the tests, so that none of those that a release has kept has its name.
    sheet.write_text(f"{before}\nbody {{ color: black; order: {board.renew()} }}\n")
    try:
        assert board.deploy().returncode == 0
    finally:
        sheet.write_text(before)
    new = board.ask().json()["style"]
    assert new != old
    assert board.ask(old).status_code == board.ask(new).status_code == 200


def test_background_commands_switch_with_the_release_and_finish_their_job(host, board):
    before = board.live()
    assert board.works() == {before}
    board.renew()
    assert board.deploy().returncode == 0
    assert board.works() == {board.live()}
    # Of the release before alone: earlier ones have met with restarts of MySQL and of the machine.
    jobs = sql(
        host, f"SELECT COUNT(*) FROM board.board_entry WHERE name = 'work:{before}' GROUP BY token ORDER BY MIN(id)"
    )
    assert set(jobs.split()) == {"3"}


def test_scheduled_commands_are_those_of_the_live_release(host, board):
    assert board.running("board-tick@*.timer") == {board.live()}
    before = int(sql(host, "SELECT COUNT(*) FROM board.board_entry WHERE name = 'tick'"))
    time.sleep(11)
    ticks = int(sql(host, "SELECT COUNT(*) FROM board.board_entry WHERE name = 'tick'")) - before
    assert 1 <= ticks <= 3
    assert host.check_output("systemctl list-units --failed --no-legend --plain 'board-*'") == ""


def test_a_hook_that_fails_after_the_switch_brings_the_release_before_back_and_its_schedule(board):
    before = board.live()
    site = "sites | foobar.webstack.chosen_sites('board.example')"
    mine = f"{site} | foobar.webstack.app_deploy_apps(groups['db'])"
    result = board.deploy(
        app_deploy_apps=f"{{{{ {mine} | map('combine', {{'hooks': {{'after_switch': ['false']}}}}) }}}}"
    )
    assert result.returncode != 0
    assert "board: `false` ended with 1" in " ".join(result.stdout.split())
    assert board.live() == before
    assert board.running("board-tick@*.timer") == {before}
    assert board.works() == {before}
    board.is_tidy()


def test_a_scheduled_command_of_the_release_before_that_runs_on_is_known(host, board):
    previous = host.check_output("basename $(readlink /srv/board/previous)")
    unit = f"board-slow@{previous}.service"
    host.check_output(f"systemd-run --no-block --property=Type=oneshot --unit={unit} sleep 60")
    wait_for(lambda: host.check_output(f"systemctl show --property=ActiveState --value {unit}") == "activating")
    names = {"name": "board", "path": "/srv/board", "service": "gunicorn-board", "target": "board"}
    arguments = json.dumps({"app": {**names, "sockets": "/run/gunicorn-board"}, "state": "unlocked"})
    look = [
        "ansible",
        MACHINE,
        f"--inventory={os.environ['MOLECULE_INVENTORY_FILE']}",
        "--module-name=foobar.webstack.release",
        f"--args={arguments}",
    ]
    try:
        result = run(look)
    finally:
        host.check_output(f"systemctl stop {unit}")
    assert result.returncode == 0, result.stdout + result.stderr
    assert yaml.safe_load(result.stdout.partition("=>")[2])["busy"] == [previous]


def list_of(app):
    """Return the lines of the list of releases."""
    return play("releases.yml", site=app.domain).stdout.splitlines()


def test_a_rollback_goes_back_at_once_and_marks_what_was_bad(board):
    good, version = board.live(), board.version()
    board.renew()
    assert board.deploy().returncode == 0
    bad = board.live()
    result = board.rollback()
    assert result.returncode == 0, result.stdout
    assert (board.live(), board.version()) == (good, version)
    assert board.works() == {good}
    event = board.log()[-1]
    assert (event["event"], event["release"], event["before"]) == ("rollback", good, bad)
    (line,) = [line for line in list_of(board) if bad in line]
    assert line.endswith("  previous bad")
    again = board.deploy()
    assert again.returncode != 0
    assert "was rolled back as a bad one" in " ".join(again.stdout.split())
    assert board.live() == good
    whole = play("site.yml")
    assert whole.returncode == 0, whole.stdout
    assert f"so {good} stays live until another version is deployed" in " ".join(whole.stdout.split())
    assert board.live() == good


@pytest.mark.parametrize(
    ("release", "words"),
    [
        (None, "was rolled back as a bad one"),
        ("", "release: it is empty"),
        ("nonsense", "nonsense is no finished release"),
        ("LIVE", "is live already"),
    ],
)
def test_a_rollback_to_nowhere_is_refused_in_a_sentence(board, release, words):
    if release is None and not any(line.endswith("  previous bad") for line in list_of(board)):
        board.renew()
        assert board.deploy().returncode == 0
        assert board.rollback().returncode == 0
    before = board.live()
    named = {} if release is None else {"release": before if release == "LIVE" else release}
    result = board.rollback(**named)
    assert result.returncode != 0
    assert words in " ".join(result.stdout.split())
    assert board.live() == before


def test_a_rollback_with_the_database_asks_first_and_then_brings_it_back(host, board):
    migrations = board.source / "board/migrations"
    operations = "[migrations.AddField('entry', 'note', models.CharField(max_length=9, null=True))]"
    (migrations / "0002_entry_note.py").write_text(
        "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
        f"    dependencies = [('board', '0001_initial')]\n    operations = {operations}\n"
    )
    board.renew()
    good = board.live()
    try:
        result = board.deploy()
        assert result.returncode == 0, result.stdout
        assert "note" in sql(host, "SHOW COLUMNS FROM board.board_entry")
        bad = board.live()
        assert host.check_output(f"stat --format=%a /var/backups/board/{bad}.*.sql.gz") == "600"
        refused = board.rollback(database="restore")
        assert refused.returncode != 0
        assert "minutes ago, and what was written since would be lost" in " ".join(refused.stdout.split())
        assert board.live() == bad
        result = board.rollback(database="restore", lose_writes=True)
        assert result.returncode == 0, result.stdout
    finally:
        (migrations / "0002_entry_note.py").unlink()
    assert board.live() == good
    assert board.ask("/health").status_code == 200
    assert "note" not in sql(host, "SHOW COLUMNS FROM board.board_entry")
    # What ran beside the bad release had begun after the dump, and had ended before it was brought back.
    assert board.works() == {good}
    assert sql(host, f"SELECT COUNT(*) FROM board.board_entry WHERE name = 'work:{bad}'") == "0"


def test_the_list_of_releases_tells_what_each_one_is(board):
    result = play("releases.yml", site="board.example")
    assert result.returncode == 0
    (line,) = [line for line in result.stdout.splitlines() if line.endswith("live")]
    assert board.live() in line
    assert "MiB" in line


def test_a_log_that_cannot_be_written_warns_and_keeps_no_release_from_going_live(host, board):
    log = "/var/log/app_deploy/board.log"
    host.check_output(f"mv {log} {log}.kept && ln -s /dev/full {log}")
    try:
        version = board.renew()
        result = board.deploy()
    finally:
        host.check_output(f"rm {log} && mv {log}.kept {log}")
    assert result.returncode == 0, result.stdout
    assert "board: the event deploy is not in the log: " in " ".join((result.stdout + result.stderr).split())
    assert board.version() == version


def test_a_second_deploy_at_the_same_time_is_refused_and_says_who_is_at_it(board):
    board.renew()
    with start(command("deploy.yml", site=board.domain)) as first:
        for line in first.stdout:
            if "build | Unpack" in line:
                break
        second = board.deploy()
        assert first.stdout.read()
    assert first.returncode == 0
    assert second.returncode != 0
    assert f"(process {first.pid}) has been changing its releases since 20" in " ".join(second.stdout.split())
    board.is_tidy()


def test_one_failing_site_does_not_keep_the_others_from_their_release(board, api):
    (api.source / "app/broken.py").write_text("import nothing_of_that_name\n")
    main = api.source / "app/main.py"
    text = main.read_text()
    main.write_text(text + "\nimport app.broken\n")
    version, before = board.renew(), api.live()
    try:
        result = play("deploy.yml")
    finally:
        main.write_text(text)
        (api.source / "app/broken.py").unlink()
    assert result.returncode != 0
    assert "api: release " in result.stdout
    assert board.version() == version
    assert api.live() == before
    api.is_tidy()


def test_hooks_run_around_the_phases(host, api):
    api.renew()
    phases = [f"{when}_{phase}" for phase in ("build", "migrate", "switch", "cleanup") for when in ("before", "after")]
    apps = [
        {
            "name": "api",
            "directory": str(APPS["api"][1]),
            "service": "gunicorn-api",
            "sockets_path": "/run/gunicorn-api",
            "health_path": "/health",
            "migrate_command": "true",
            "fallback_requirements": ["gunicorn==27.0.1"],
            "hooks": {phase: [f"echo {phase}"] for phase in phases},
        }
    ]
    result = play("deploy.yml", app_deploy_apps=apps)
    assert result.returncode == 0, result.stdout
    said = host.check_output(f"cat /var/log/app_deploy/api/{api.live()}.log").splitlines()
    assert [line for line in said if line in phases] == phases


@pytest.mark.parametrize(
    ("playbook", "variables", "words"),
    [
        ("deploy.yml", {"site": "foobar.con"}, "site: foobar.con is none of foobar.com, board.example, api.example."),
        ("deploy.yml", {"sites": [{"domain": "foobar.com", "migrate_comand": "true"}]}, "migrate_comand"),
        ("rollback.yml", {"sites": [{"domain": "foobar.com"}]}, "lacks the key app"),
        ("deploy.yml", {"version": "v1"}, "version: only a site whose source is a repo has versions"),
        ("releases.yml", {"site": "foobar.con"}, "site: foobar.con is none of foobar.com, board.example, api.example."),
        ("rollback.yml", {}, "site: there are several"),
        ("rollback.yml", {"site": "board.example", "database": "yes"}, "database: the one value is restore"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(playbook, variables, words):
    result = play(playbook, **variables)
    assert result.returncode != 0
    assert words in " ".join(result.stdout.split())
    assert "changed=0" in result.stdout
