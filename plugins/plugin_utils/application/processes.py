"""What runs beside the web server: workers, timers, and what comes before each release."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from posixpath import basename

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.servers import DEVELOPMENT, SERVERS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.workers import STATE
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


# Commands of a start script that fill tables.
FILLS = re.compile(
    r"^flask (--app \S+ )?(deploy|init[-_]?db|seed\w*|create[-_]\w+)\b|"
    r"^python (-m )?\S*(init|seed|initial|populate|fixture|superuser|demo)\w*(\.py)?$|"
    r"manage\.py (loaddata|createsuperuser|seed\w*|init_?\w*|load_?\w*|populate_?\w*|create_?\w*|ensure_?\w*)\b"
)


def find_processes(code: Code, run: Iterable[Command], found: Packages, report: Report) -> None:
    """Note what is run elsewhere beside the web server, and before each release."""
    beside: dict[str, tuple[str, str]] = {}
    sources = {command.source for command in run if command.source in ("procfile", "compose", "unit")}
    chosen = next((source for source in ("procfile", "unit", "compose") if source in sources), "")
    for command in run:
        if command.source == "procfile" and command.process == "release":
            _find_release(command, found, report)
        elif command.source == "script" and FILLS.search(command.text) and command.is_plain:
            _ask_about_filling(command, report)
        elif command.source == "cron":
            report.ask(
                "scheduled",
                f"{command.reason} runs `{command.text}` at times: write it and its `on_calendar` into `scheduled`.",
            )
        elif command.source == chosen and _is_worker(command):
            name = _name(command)
            if not command.is_plain:
                report.ask(
                    "background",
                    f"{command.reason} needs a shell for {name}: write a command without one into `background`.",
                )
            elif name not in beside:
                beside[name] = (_from_home(code, command), command.reason)
                if "REDIS_URL" in command.text:
                    report.find("redis", {}, command.reason)
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
    words = [_in_tree(code, word.removeprefix(start) if start else word) for word in command.words]
    if start and "--workdir" in words:
        del words[words.index("--workdir") : words.index("--workdir") + 2]
    has_beat = bool({"beat", "-B", "--beat"} & set(words))
    if "celery" in words[0] and has_beat and not any("scheduler" in word.lower() for word in words):
        words = _with_state(words)
    return replace(command, words=tuple(words)).text


def _in_tree(code: Code, word: str) -> str:
    """Return a path as it is from the application's folder, where it names a file by the root of another machine."""
    parts = word.split("/")
    inner = ["/".join(parts[start:]) for start in range(2, len(parts))] if word.startswith("/") else []
    return next((code.from_home(path) for path in inner if code.tree.has(path)), word)


def _with_state(words: list[str]) -> list[str]:
    """Return the words of celery beat with a file for its schedule that it can write."""
    for option in ("-s", "--schedule"):
        if option in words:
            place = words.index(option)
            words = [*words[:place], *words[place + 2 :]]
    words = [word for word in words if not word.startswith("--schedule=")]
    return [*words, "-s", f"{STATE}/celerybeat-schedule"]


def _ask_about_filling(command: Command, report: Report) -> None:
    """Ask about a command that fills tables: an administrator of the application, or data that it begins with."""
    report.ask(
        "hooks",
        f"{command.reason} runs `{command.text}` before each release: write it where it belongs, and nowhere if it "
        "fills or drops tables.",
    )


def _find_release(command: Command, found: Packages, report: Report) -> None:
    """Note the migrations of a release's command; others may drop tables or fill them, so they are asked for."""
    if command.words[:1] == ("python",) and MIGRATIONS.fullmatch(command.text) and "manage.py" in command.text:
        return  # as for any project of Django
    named = OF_PACKAGES.fullmatch(command.text)
    is_known = bool(MIGRATIONS.fullmatch(command.text) or (named and found.has(canonical(named[1]))))
    if is_known and command.is_plain:
        report.find("migrate_command", command.text, command.reason)
    elif "collectstatic" not in command.text:
        _ask_about_filling(command, report)


def find_schedulers(code: Code, files: Iterable[str], report: Report) -> None:
    """Ask about timers in the web server's own processes: each worker has one."""
    for path in files:
        for name in code.imports(path).values():
            if name.startswith(("apscheduler.schedulers", "flask_apscheduler")) and "blocking" not in name:
                report.ask(
                    "scheduled",
                    f"{code.at_import(path, name)} runs jobs in each process of the web server: write "
                    "`gunicorn: {workers: 1}`, or their commands into `scheduled`.",
                )
                return
