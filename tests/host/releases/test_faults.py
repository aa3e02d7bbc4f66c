"""Releases that are interrupted or go wrong: visitors keep the old one, and the next run completes the new one."""

import signal
import subprocess
import time

import pytest
from conftest import ADDRESS, MACHINE

from tests.playbook import command, start, wait_for

testinfra_hosts = ["ansible://webstack-releases"]


def deploy_until(app, text, count=1):
    """Deploy, kill the controller at the count-th line that holds a text, and tell whether it came to that."""
    process = start(command("deploy.yml", site=app.domain))
    for line in process.stdout:
        count -= text in line
        if count == 0:
            process.kill()
            break
    process.stdout.close()
    process.wait()
    return count == 0


def is_whole(app):
    """See to it that the live release is a complete one, and the one that answers."""
    assert app.host.file(f"{app.path}/releases/{app.live()}/.release.json").exists
    assert app.ask().json()["release"] == app.live()


def completes(app, version):
    """Run the deploy again and see to it that nothing is left of the fault."""
    result = app.deploy()
    assert result.returncode == 0, result.stdout
    assert app.version() == version
    app.is_tidy()


def test_a_controller_killed_at_any_task_leaves_a_whole_release_and_the_next_run_completes(api):
    api.renew()
    tasks = api.deploy().stdout.split("TASK [")[1:]
    numbers = [number for number, task in enumerate(tasks, 1) if "\nok: " in task or "\nchanged: " in task]
    for phase in ("plan", "lock", "build", "switch", "cleanup"):
        assert [number for number in numbers if f" : {phase} | " in tasks[number - 1].splitlines()[0]], phase
    for number in numbers:
        version, before = api.renew(), api.live()
        assert deploy_until(api, "TASK [", number)
        is_whole(api)
        if api.live() == before:
            assert api.version() != version
        completes(api, version)


@pytest.mark.parametrize(
    "task", ["migrate | Ask", "migrate | Dump", "migrate | Migrate]", "switch | Start", "cleanup | Let"]
)
def test_a_controller_killed_while_it_migrates_or_switches_what_runs_beside(board, task):
    name = f"0002_{task.replace(' | ', '_').rstrip(']').lower()}"
    file = board.source / f"board/migrations/{name}.py"
    file.write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        "    dependencies = [('board', '0001_initial')]\n    operations = [migrations.RunSQL('DO SLEEP(1)')]\n"
    )
    try:
        version = board.renew()
        assert deploy_until(board, task)
        is_whole(board)
        completes(board, version)
        assert board.works() == {board.live()}
    finally:
        file.unlink()
        board.host.run(f"mysql -e \"DELETE FROM board.django_migrations WHERE name = '{name}'\"")


def fails(app, words, **variables):
    """Deploy what must not go live, and see to it that it did not."""
    before = app.live()
    app.renew()
    result = app.deploy(**variables)
    assert result.returncode != 0, result.stdout
    assert words in " ".join(result.stdout.split()), result.stdout
    assert app.live() == before
    assert app.log()[-1]["event"] == "failure"
    is_whole(app)
    app.is_tidy()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise SystemExit(1)", "did not answer /health with 200"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("def health():\n    return nothing\n", "did not answer /health with 200"),
        (
            "import time\n@app.middleware('http')\nasync def hang(request, call):\n    time.sleep(60)\n",
            "did not answer",
        ),
    ],
    ids=["ends", "import error", "failing health page", "hanging health page"],
)
def test_a_bad_release_never_goes_live(api, code, words):
    main = api.source / "app/main.py"
    text = main.read_text()
    broken = (
        text.replace("async def health()", "async def health(none: int)")
        if "def health" in code
        else f"{text}\n{code}\n"
    )
    main.write_text(broken)
    try:
        fails(api, words)
    finally:
        main.write_text(text)
    completes(api, api.renew())


def test_a_health_page_may_be_as_slow_as_its_timeout_allows(api):
    main = api.source / "app/main.py"
    text = main.read_text()
    main.write_text(
        f"{text}\nimport asyncio\n\n@app.middleware('http')\nasync def slow(request, call):\n"
        "    await asyncio.sleep(5)\n    return await call(request)\n"
    )
    try:
        completes(api, api.renew())
    finally:
        main.write_text(text)
    completes(api, api.renew())


def test_a_failing_migration_leaves_the_old_release_and_says_where_the_dump_is(board):
    file = board.source / "board/migrations/0002_bad.py"
    file.write_text(
        "from django.db import migrations\n\n\nclass Migration(migrations.Migration):\n"
        "    dependencies = [('board', '0001_initial')]\n"
        "    operations = [migrations.RunSQL('ALTER TABLE nowhere ADD x INT')]\n"
    )
    try:
        fails(board, "How it was before is in /var/backups/board/")
    finally:
        file.unlink()
    completes(board, board.renew())


def test_a_full_disk_stops_a_release_and_not_the_site(host, api):
    host.check_output("mount -t tmpfs -o size=1m,mode=0777 none /srv/api/dependencies")
    try:
        fails(api, "api: `install requirements.txt` ended with")
    finally:
        host.check_output("umount /srv/api/dependencies")
    completes(api, api.renew())


def test_a_connection_that_is_cut_leaves_the_old_release(board):
    before, version = board.live(), board.renew()
    process = start(command("deploy.yml", site=board.domain))
    for line in process.stdout:
        if "build | Unpack" in line:
            break
    while process.poll() is None:
        subprocess.run(["docker", "exec", MACHINE, "pkill", "--full", "sshd.*root@notty"], check=False)
        time.sleep(0.1)
    output = process.stdout.read()
    process.wait()
    assert process.returncode != 0, output
    assert board.live() == before
    is_whole(board)
    completes(board, version)


def test_a_restart_of_the_machine_between_build_and_switch_keeps_the_old_release(board):
    before, version = board.live(), board.renew()
    assert deploy_until(board, "migrate | Ask")
    subprocess.run(["docker", "restart", "--time", "30", MACHINE], check=True, capture_output=True)

    def answers():
        try:
            return board.ask("/health").status_code == 200
        except OSError:
            return False

    wait_for(answers)
    assert board.live() == before
    is_whole(board)
    completes(board, version)


def ignores_sigterm(host):
    """Tell whether one of the application's processes does."""
    masks = host.run("pgrep -u api | xargs -I {} grep -h ^SigIgn: /proc/{}/status").stdout.split()[1::2]
    return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in masks)


def test_a_worker_that_ignores_sigterm_is_ended_in_bounded_time(host, api):
    main = api.source / "app/main.py"
    text = main.read_text()
    # In the event loop, so that gunicorn's own answer to the signal has no turn either.
    deaf = "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time.sleep(300)\n"
    main.write_text(f"import signal\nimport time\n{text}\n\n@app.get('/deaf')\nasync def deaf():\n{deaf}")
    try:
        api.renew()
        assert api.deploy().returncode == 0
        with subprocess.Popen(
            ["curl", "-sm", "100", "-H", f"Host: {api.domain}", f"http://{ADDRESS}/deaf"], stdout=subprocess.DEVNULL
        ) as visitor:
            wait_for(lambda: ignores_sigterm(host))
            begin = time.monotonic()
            completes(api, api.renew())
            assert time.monotonic() - begin < 240
            visitor.terminate()
    finally:
        main.write_text(text)


def test_mysql_restarted_during_the_switch_leaves_a_whole_release(host, board):
    version, restarted = board.renew(), False
    process = start(command("deploy.yml", site=board.domain))
    for line in process.stdout:
        if "switch | Start the release" in line:
            host.check_output("systemctl restart mysql")
            restarted = True
            break
    process.stdout.read()
    process.wait()
    assert restarted
    is_whole(board)
    completes(board, version)


def test_a_clock_set_back_removes_neither_the_live_release_nor_the_one_before(host, api):
    host.check_output(f"find {api.path}/releases -name .release.json -exec touch --date=2035-01-01 {{}} +")
    for _ in range(3):
        before = api.live()
        completes(api, api.renew())
        assert before in api.releases()
