"""What runs beside the web server: workers, timers, and what comes before each release."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from posixpath import basename

from ansible_collections.foobar.webstack.plugins.plugin_utils.application_cli import WORKER, own_command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_commands import Command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_listing import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_servers import DEVELOPMENT, SERVERS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_syntax import argument
from ansible_collections.foobar.webstack.plugins.plugin_utils.application_types import Report
from ansible_collections.foobar.webstack.plugins.plugin_utils.locked_packages import canonical

MIGRATIONS = re.compile(
    r"python \S*manage\.py migrate( --no-?input)?|alembic( -c \S+)? upgrade heads?|flask( --app \S+)? db upgrade|"
    r"aerich upgrade|python -m (alembic|flask) .*upgrade( head)?"
)
# Commands that migrate by their name, where a package brings them.
OF_PACKAGES = re.compile(r"([\w.-]+) (db (upgrade|migrate)|migrate(-database|-db)?|upgrade-db|db-upgrade)")
# Programs that run beside a web server; all others, such as a proxy or a watcher of npm, are somebody else's.
WORKERS = {
    *("celery", "rq", "rqworker", "rqscheduler", "huey_consumer", "huey_consumer.py", "dramatiq", "arq", "python"),
    *("flask", "saq", "taskiq", "procrastinate", "faststream", "hupper"),
}
NO_WORKERS = re.compile(
    r"\b(flower|runserver|migrate|upgrade|collectstatic|loaddata|createsuperuser|shell|test|pytest|ptw|mailhog|watch|"
    r"tailwind|http\.server|compilemessages|create_all|init[-_]?db|seed\w*|beat_dev)\b"
)
# Where what must outlive a release is written that is no upload; systemd fills it in.
STATE = "${STATE_DIRECTORY}"


def find_processes(code: Code, run: Iterable[Command], found: Packages, report: Report) -> None:
    """Note what is run elsewhere beside the web server, and before each release."""
    beside: dict[str, tuple[str, str]] = {}
    sources = {command.source for command in run if command.source in ("procfile", "compose", "unit")}
    chosen = next((source for source in ("procfile", "unit", "compose") if source in sources), "")
    for command in run:
        if command.source == "procfile" and command.process == "release":
            _find_release(command, found, report)
        elif command.source == chosen and _is_worker(command):
            name = _name(command)
            if not command.is_plain:
                report.ask(
                    "background",
                    f"{command.reason} needs a shell for {name}: write a command without one into `background`.",
                )
            elif name not in beside:
                beside[name] = (_from_home(code, command), command.reason)
    if beside:
        listed = [{"name": name, "command": text} for name, (text, _) in beside.items()]
        report.find("background", listed, ", ".join(reason for _, reason in beside.values()))


def _is_worker(command: Command) -> bool:
    """Tell whether a command is to run all the time beside the web server."""
    program = basename(command.words[0])
    is_web = bool({basename(word) for word in command.words[:2]} & SERVERS) or command.words[:2] == ("fastapi", "run")
    is_server = command.process in ("web", "release", "nginx") or is_web or bool(DEVELOPMENT & set(command.words))
    return not is_server and program in WORKERS and not NO_WORKERS.search(command.text)


def _name(command: Command) -> str:
    """Return what a process is called: letters, digits and `_`, from a letter on."""
    name = re.sub(r"\W+", "_", command.process.lower()).strip("_")
    return name if name[:1].isalpha() else f"worker_{name}".rstrip("_")


def _from_home(code: Code, command: Command) -> str:
    """Return a command as it is run in the application's folder, and what keeps a state with a place for it."""
    start = f"{code.home}/" if code.home and command.folder != code.home else ""
    words = [word.removeprefix(start) if start else word for word in command.words]
    if start and "--workdir" in words:
        del words[words.index("--workdir") : words.index("--workdir") + 2]
    if "celery" in words[0] and "beat" in words and not any("scheduler" in word.lower() for word in words):
        words = _with_state(words)
    return replace(command, words=tuple(words)).text


def _with_state(words: list[str]) -> list[str]:
    """Return the words of celery beat with a file for its schedule that it can write."""
    for option in ("-s", "--schedule"):
        if option in words:
            place = words.index(option)
            words = [*words[:place], *words[place + 2 :]]
    words = [word for word in words if not word.startswith("--schedule=")]
    return [*words, "-s", f"{STATE}/celerybeat-schedule"]


def _find_release(command: Command, found: Packages, report: Report) -> None:
    """Note the migrations of a release's command; others may drop tables or fill them, so they are asked for."""
    if command.words[:1] == ("python",) and MIGRATIONS.fullmatch(command.text) and "manage.py" in command.text:
        return  # as for any project of Django
    named = OF_PACKAGES.fullmatch(command.text)
    is_known = bool(MIGRATIONS.fullmatch(command.text) or (named and found.has(canonical(named[1]))))
    if is_known and command.is_plain:
        report.find("migrate_command", command.text, command.reason)
    elif "collectstatic" not in command.text:
        report.ask(
            "hooks",
            f"{command.reason} runs `{command.text}` before each release: write it where it belongs, and nowhere if it "
            "fills or drops tables.",
        )


def find_workers(code: Code, files: Iterable[str], found: Packages, report: Report) -> None:
    """Note or ask for the workers of task queues that no command runs."""
    files = list(files)
    is_django = bool(found.has("django"))
    named = " ".join(str(each) for each in report.value("background") or [])
    for path, made in _made(code, files, "celery.Celery"):
        if "celery" in named:
            break
        module = code.name(path)
        name = module.removesuffix(".celery") if basename(path) == "celery.py" else f"{module}:{made[0]}"
        workers = [{"name": "worker", "command": f"celery -A {name} worker --loglevel info"}]
        if _has_schedule(code, files):
            scheduler = found.has("django-celery-beat") and "django_celery_beat.schedulers:DatabaseScheduler"
            option = f"--scheduler {scheduler}" if scheduler else f"-s {STATE}/celerybeat-schedule"
            workers.append({"name": "beat", "command": f"celery -A {name} beat --loglevel info {option}"})
        report.add("background", workers, f"{code.at(path, made[1])} makes a Celery")
        return
    if found.has("rq") and "rq" not in named and (queues := _queues(code, files)):
        place = next(iter(queues.values()))
        report.add("background", [{"name": "worker", "command": f"rq worker {' '.join(queues)}"}], place)
        return
    for package, words, line in (
        ("huey", ("huey",), "python manage.py run_huey" if is_django else "huey_consumer <module>.huey"),
        ("django-q2", ("qcluster",), "python manage.py qcluster"),
        ("django-q", ("qcluster",), "python manage.py qcluster"),
        ("django-dramatiq", ("dramatiq",), "python manage.py rundramatiq"),
        ("django-rq", ("rqworker",), "python manage.py rqworker default"),
        ("dramatiq", ("dramatiq",), "dramatiq <module>"),
        ("taskiq", ("taskiq",), "taskiq worker <module>:broker"),
        ("arq", ("arq",), "arq <module>.WorkerSettings"),
        ("django-background-tasks", ("process_tasks",), "python manage.py process_tasks"),
    ):
        if found.has(package) and not any(word in named for word in words):
            command, place = own_command(code, WORKER)
            if command and not is_django:
                report.add("background", [{"name": "worker", "command": command}], place)
                return
            report.ask(
                "background",
                f"{found.places[package]} has {package}, and nothing says how its worker is run: write "
                f"`{{name: worker, command: {line}}}` into `background` if it is used.",
            )
            return


def _queues(code: Code, files: Iterable[str]) -> dict[str, str]:
    """Return the names of the queues of rq that the code fills, and where."""
    found: dict[str, str] = {}
    for path in files:
        for call in code.calls(path):
            if code.qualified(path, call.func) in ("rq.Queue", "rq.queue.Queue"):
                name = code.value(path, argument(call, 0, "name")) if call.args or call.keywords else "default"
                found.setdefault(name if isinstance(name, str) else "default", code.at(path, call))
    return found


def find_schedulers(code: Code, files: Iterable[str], report: Report) -> None:
    """Ask about timers in the web server's own processes: each worker has one."""
    for path in files:
        for name in code.imports(path).values():
            if name.startswith(("apscheduler.schedulers", "flask_apscheduler")):
                report.ask(
                    "scheduled",
                    f"{code.at_import(path, name)} runs jobs in each process of the web server: write "
                    "`gunicorn: {workers: 1}`, or their commands into `scheduled`.",
                )
                return


def _made(code: Code, files: Iterable[str], maker: str) -> Iterator[tuple[str, tuple[str, ast.expr]]]:
    """Return the objects of a module that a class makes, with their files."""
    for path in files:
        for name, values in code.bindings(path).items():
            value = values[-1][0]
            if isinstance(value, ast.Call) and code.qualified(path, value.func) == maker:
                yield path, (name, value)


def _has_schedule(code: Code, files: Iterable[str]) -> bool:
    """Tell whether tasks are run at times."""
    return any(
        "beat_schedule" in text.lower() or "add_periodic_task" in text or "django_celery_beat" in text
        for text in map(code.tree.text, files)
    )
