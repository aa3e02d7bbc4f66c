"""A release that the gate refuses changes nothing for the one that serves, whatever else of the site has changed.

Not for its visitors, and not when its processes are killed, systemd reads its units again or the server restarts.
"""

import copy
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import dns.resolver
import pytest

from tests.load.load import Kind
from tests.playbook import play
from tests.refused import DEPLOYED_ONLY, GROUPS, changed
from tests.visitors import Machine, Observer, Site, visitors

SOURCES = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "sources"
MACHINE = Machine("webstack-refused", "198.18.55.31")
NAMES = [("board.example", "A"), ("board.example", "TXT"), ("www.board.example", "CNAME")]
STORED = "SELECT token, COUNT(*) FROM board.board_entry WHERE name NOT LIKE 'work:%' GROUP BY token"


@pytest.fixture
def board(group):
    """Return the site; afterwards the server is as its entry and code say, with the same live release."""
    site = Site(MACHINE, "board.example", "board")
    before = site.live()
    yield site
    result = play("deploy.yml" if group in DEPLOYED_ONLY else "site.yml")
    assert result.returncode == 0, result.stdout
    assert site.live() == before


@pytest.fixture
def code():
    """Make the code one that the gate refuses, in its folder and wherever else an entry may take it from."""
    views = SOURCES / "django/board/views.py"
    before = views.read_text()
    broken = before.replace('HttpResponse("OK\\n")', 'HttpResponse("Not at all OK\\n", status=500)')
    assert broken != before
    views.write_text(broken)
    further = {"further.env": "FROM_A_FILE=one\n", "gunicorn.conf.py": "workers = 1\n"}
    for name, text in further.items():
        (SOURCES / "django" / name).write_text(text)
    for place in (SOURCES / "elsewhere", SOURCES / "board.git"):
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(SOURCES / "django", place)
    archive = shutil.make_archive(SOURCES / "board", "gztar", SOURCES, "django")
    git = ["git", "-C", SOURCES / "board.git", "-c", "user.name=a", "-c", "user.email=a@board.example"]
    for words in (["init", "-q", "-b", "refused"], ["add", "."], ["commit", "-q", "-m", "Refuse"]):
        subprocess.run([*git, *words], check=True)
    yield {
        "sources": str(SOURCES),
        "checksum": hashlib.sha256(Path(archive).read_bytes()).hexdigest(),
        **certificate(SOURCES / "board"),
    }
    views.write_text(before)
    for name in further:
        (SOURCES / "django" / name).unlink()


def certificate(place):
    """Make a certificate of the site's own, and return where it and its key are."""
    files = {"certificate": f"{place}.pem", "private_key": f"{place}.key"}
    names = ["-subj", "/CN=board.example", "-addext", "subjectAltName=DNS:board.example,DNS:www.board.example"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *names]
    subprocess.run([*command, "-out", files["certificate"], "-keyout", files["private_key"]], check=True)
    return files


def records():
    """Return what the name server knows of the site."""
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["198.18.55.32"]
    return {name: sorted(map(str, resolver.resolve(*name, raise_on_no_answer=False))) for name in NAMES}


def state(board):
    """Return all that must not change: files, processes and records."""
    live = board.live()
    return {
        "live": {"release": live},
        "files": MACHINE.digests(
            "/srv/board/current",
            "/srv/board/previous",
            f"/srv/board/releases/{live}",
            f"/etc/gunicorn/board/{live}",
            f"/var/lib/app_deploy/board/{live}.json",
            f"/etc/systemd/system/*@{live}.*",
            f"/etc/systemd/system/*.wants/*@{live}.*",
        ),
        "nginx": MACHINE.digests("/etc/nginx"),
        "processes": board.processes(),
        "records": records(),
    }


def differences(before, after):
    """Return what has changed from one state to another, each in a line."""
    return [
        f"{kind}: {name} is {after[kind].get(name)} and was {before[kind].get(name)}"
        for kind in before
        for name in before[kind].keys() | after[kind].keys()
        if before[kind].get(name) != after[kind].get(name)
    ]


@pytest.mark.parametrize("group", GROUPS)
def test_a_refused_release_changes_nothing_for_the_live_one(board, code, group):
    (entry,) = MACHINE.variables()["sites"]
    wrong = []
    style = board.page()["style"]
    pages = [("/", ""), ("/health", ""), (style, ""), ("/", "www.board.example")]
    kinds = {Kind("GET", "/"): 50, Kind("POST", "/entries"): 30, Kind("GET", style): 20}
    kinds[Kind("GET", "/slow?seconds=3", slow=True)] = 2
    with visitors(board, kinds, group, stored=STORED) as seen, Observer(board, pages) as observer:
        for playbook in ["deploy.yml"] if group in DEPLOYED_ONLY else ["deploy.yml", "site.yml"]:
            before = state(board)
            result = play(playbook, sites=[changed(copy.deepcopy(entry), GROUPS[group], **code)])
            print(f"\n{group}, {playbook}: {result.stdout[-1500:]}")
            if result.returncode == 0:
                wrong.append(f"{playbook} has succeeded")
            wrong += [f"after {playbook}, {line}" for line in differences(before, state(board))]
            board.is_fit()
    if group not in DEPLOYED_ONLY:
        MACHINE.reboot(board)
        board.is_fit()
        for path, host in pages:
            observer.answers[board.ask(path, host)] += 1
    wrong += [f"answers of {page}: {answers}" for page, answers in observer.different().items()]
    wrong += [f"{seen[name]} requests {name}" for name in ("failed", "lost", "doubled") if seen[name]]
    assert wrong == []
