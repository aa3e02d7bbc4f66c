"""The workers of task queues that no process of a Procfile or its like runs: told elsewhere, or seen in the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from posixpath import basename

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.cli import WORKER, own_command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Packages
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.names import PATTERNS
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command, Place, split
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import FUNCTIONS, argument
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

# Where what must outlive a release is written that is no upload; systemd fills it in.
STATE = "${STATE_DIRECTORY}"
# Apps of Django whose tasks one command runs, by their names in INSTALLED_APPS.
APPS = {
    **{"huey.contrib.djhuey": "run_huey", "django_q": "qcluster", "django_dramatiq": "rundramatiq"},
    **{"background_task": "process_tasks", "django_tasks.backends.database": "db_worker"},
    **{"django_tasks_db": "db_worker", "procrastinate.contrib.django": "procrastinate worker"},
}
# Packages of queues with the word that their commands have, and how such a command looks.
PACKAGES = (
    ("huey", "huey", "huey_consumer <module>.huey"),
    ("django-q2", "qcluster", "python manage.py qcluster"),
    ("django-q", "qcluster", "python manage.py qcluster"),
    ("django-dramatiq", "dramatiq", "python manage.py rundramatiq"),
    ("django-rq", "rqworker", "python manage.py rqworker default"),
    ("dramatiq", "dramatiq", "dramatiq <module>"),
    ("taskiq", "taskiq", "taskiq worker <module>:broker"),
    ("arq", "arq", "arq <module>.WorkerSettings"),
    ("saq", "saq", "saq <module>.settings"),
    ("django-background-tasks", "process_tasks", "python manage.py process_tasks"),
)
# A worker's or a scheduler's command in a text, such as a README's.
TOLD = re.compile(
    r"\b(celery .*?\b(?:worker|beat)\b|rq worker|huey_consumer(?:\.py)? |dramatiq |arq |taskiq (?:worker|scheduler) |"
    r"saq |python3? \S*manage\.py (?:qcluster|run_huey|rundramatiq|rqworker|process_tasks|db_worker))[^`'\"#|]*"
)
# A worker that watches files or logs all is somebody's at a desk.
DEVELOPMENT = re.compile(
    r"\s(--reload|--watch|-r|-P solo|--pool[= ]solo|watchfiles|-l debug|--loglevel[= ]debug)\b", re.I
)


@dataclass(frozen=True)
class Queues:
    """What tells of an application's queues: its code, its files in production, packages, and Django's settings."""

    code: Code
    files: Iterable[str]
    packages: Packages
    settings: str

    @cached_property
    def modules(self) -> list[str]:
        """Return the files of the application, those that the web server loads first; a worker may have its own."""
        others = [path for path in self.code.tree.python() if not PATTERNS & set(path.split("/")[:-1])]
        return list(dict.fromkeys([*self.files, *others]))


def find_workers(queues: Queues, run: Iterable[Command], report: Report) -> tuple[str, ...]:
    """Note or ask for the workers that no process runs yet; return the files in production, those of workers too."""
    _find(queues, run, report)
    code = queues.code
    words = {word for process in report.value("background") or [] for word in re.split(r"[\s:]", process["command"])}
    own = {path for word in words for path in (code.path(word), code.path(word.rpartition(".")[0])) if path}
    files = tuple(queues.files)
    return files if own <= set(files) else tuple(sorted({*files, *code.closure(own)}))


def _find(queues: Queues, run: Iterable[Command], report: Report) -> None:
    """Note or ask for the workers of task queues that no process runs yet."""
    named = " ".join(process["command"] for process in report.value("background") or [])
    told = list(_told(queues.code, run))
    for kind, found in (
        ("celery", _celery),
        ("rq", _rq),
        ("manage.py", _django),
        ("taskiq", _taskiq),
        ("arq", _arq),
        ("dramatiq", _dramatiq),
        ("huey", _huey),
    ):
        if kind in named:
            continue
        commands = [item for item in told if kind in item[1]] or list(found(queues))
        if commands:
            listed = [{"name": name, "command": command} for name, command, _ in commands]
            report.add("background", listed, ", ".join(dict.fromkeys(reason for *_, reason in commands)))
            return
    _ask(queues, named, report)


Workers = Iterator[tuple[str, str, str]]


def _ask(queues: Queues, named: str, report: Report) -> None:
    """Note the application's own command of a queue that is among the packages, or ask for one."""
    is_django = bool(queues.packages.has("django"))
    for package, word, line in PACKAGES:
        if queues.packages.has(package) and word not in named:
            command, place = own_command(queues.code, WORKER)
            if command and not is_django:
                report.add("background", [{"name": "worker", "command": command}], place)
                return
            shown = "python manage.py run_huey" if package == "huey" and is_django else line
            report.ask(
                "background",
                f"{queues.packages.places[package]} has {package}, and nothing says how its worker is run: write "
                f"`{{name: worker, command: {shown}}}` into `background` if it is used.",
            )
            return


def _told(code: Code, run: Iterable[Command]) -> Workers:
    """Return the workers' commands that scripts, images and texts tell, if what they name is there."""
    commands = [command for command in run if command.source in ("script", "image") and command.process != "build"]
    for path in code.tree.files:
        if basename(path).lower().startswith(("readme", "makefile", "justfile")):
            for number, line in code.tree.lines(path):
                if found := TOLD.search(line):
                    commands += split(found[0].strip(), code.tree.at(path, number), Place("text"))
    names: set[str] = set()
    for command in commands:
        found = TOLD.match(command.text)
        name = "beat" if re.search(r"\b(beat|scheduler)\b", command.text) else "worker"
        is_usable = command.is_plain and not DEVELOPMENT.search(command.text) and _is_there(code, command)
        if found and is_usable and name not in names:
            names.add(name)
            yield name, _with_state(command.text), command.reason


def _with_state(text: str) -> str:
    """Return a command of celery beat with a place for its schedule that it can write."""
    is_beat = text.startswith("celery") and " beat" in text and "scheduler" not in text.lower()
    kept = re.sub(r" (-s|--schedule)[= ]\S+", "", text)
    return f"{kept} -s {STATE}/celerybeat-schedule" if is_beat else text


def _is_there(code: Code, command: Command) -> bool:
    """Tell whether a command names a module of the application, or needs none."""
    if command.words[0] in ("python", "rq"):
        return "manage.py" not in command.text or any(code.tree.named("manage.py"))
    modules = (word.partition(":")[0] for word in command.words[1:])
    return any(code.path(module) or code.path(module.rpartition(".")[0]) for module in modules)


def _celery(queues: Queues) -> Workers:
    """Return the worker and the schedule of an object of Celery."""
    code, files = queues.code, list(queues.files)
    for path, name, value in _made(code, files, re.compile(r"celery\.Celery$")):
        module = code.name(path)
        app = module.removesuffix(".celery") if basename(path) == "celery.py" else f"{module}:{name}"
        reason = code.at(path, value)
        yield "worker", f"celery -A {app} worker --loglevel info", reason
        if _has_schedule(code, files):
            scheduler = queues.packages.has("django-celery-beat") and "django_celery_beat.schedulers:DatabaseScheduler"
            option = f"--scheduler {scheduler}" if scheduler else f"-s {STATE}/celerybeat-schedule"
            yield "beat", f"celery -A {app} beat --loglevel info {option}", reason
        return


def _rq(queues: Queues) -> Workers:
    """Return the worker of the queues of rq that the code fills."""
    code, found = queues.code, dict[str, str]()
    for path in queues.files if queues.packages.has("rq") else ():
        for call in code.calls(path):
            if code.qualified(path, call.func) in ("rq.Queue", "rq.queue.Queue"):
                name = code.value(path, argument(call, 0, "name")) if call.args or call.keywords else "default"
                found.setdefault(name if isinstance(name, str) else "default", code.at(path, call))
    reasons = [*found.values()]
    if reasons:
        yield "worker", f"rq worker {' '.join(found)}", reasons[0]


def _django(queues: Queues) -> Workers:
    """Return the worker of an app of Django that has a command for it."""
    code, settings = queues.code, queues.settings
    apps = code.setting(settings, "INSTALLED_APPS") if settings else None
    if not isinstance(apps, list):
        return
    manage = next((path for path in code.tree.named("manage.py")), "manage.py")
    start, place = f"python {code.from_home(manage)}", code.at(*code.setting_node(settings, "INSTALLED_APPS"))
    for app, command in APPS.items():
        if app in apps:
            yield "worker", f"{start} {command}", place
            return
    names = code.setting(settings, "RQ_QUEUES")
    if "django_rq" in apps and isinstance(names, dict) and names:
        yield "worker", f"{start} rqworker {' '.join(map(str, names))}", place


def _taskiq(queues: Queues) -> Workers:
    """Return the worker and the scheduler of a broker of taskiq, with the modules that have tasks of it."""
    code = queues.code
    made = _made(code, queues.modules, re.compile(r"taskiq(_\w+)?\.(\w+\.)*(?!InMemory)\w*Broker$"))
    for path, name, value in made:
        further = [module for module in _decorated(queues, f"{code.name(path)}.{name}", {"task"}) if module != path]
        modules = "".join(f" {code.name(module)}" for module in further)
        yield "worker", f"taskiq worker {code.name(path)}:{name}{modules}", code.at(path, value)
        schedulers = _made(code, queues.modules, re.compile(r"taskiq\.(\w+\.)*TaskiqScheduler$"))
        for place, scheduler, node in schedulers:
            text = f"taskiq scheduler {code.name(place)}:{scheduler}{modules}"
            yield "scheduler", text, code.at(place, node)
            return
        return


def _arq(queues: Queues) -> Workers:
    """Return the worker of a class of settings of arq: one that lists functions or jobs."""
    code = queues.code
    for path in queues.modules if queues.packages.has("arq") else ():
        for name, definition in code.definitions(path).items():
            body = definition.body if isinstance(definition, ast.ClassDef) else []
            fields = {target.id for node in body for target in _targets(node)}
            if fields & {"functions", "cron_jobs"} and (name.endswith("WorkerSettings") or "redis_settings" in fields):
                yield "worker", f"arq {code.name(path)}.{name}", code.at(path, definition)
                return


def _dramatiq(queues: Queues) -> Workers:
    """Return the worker of the actors of dramatiq, where the code sets a broker for them."""
    code = queues.code
    setters = [
        (path, call)
        for path in (queues.modules if queues.packages.has("dramatiq") else ())
        for call in code.calls(path)
        if code.qualified(path, call.func) == "dramatiq.set_broker"
    ]
    actors = list(_decorated(queues, "dramatiq", {"actor"}))
    if setters and actors:
        path, call = setters[0]
        modules = " ".join(dict.fromkeys(code.name(module) for module in (path, *actors)))
        yield "worker", f"dramatiq {modules}", code.at(path, call)


def _huey(queues: Queues) -> Workers:
    """Return the consumer of an object of huey, by a module that has it and loads all of its tasks."""
    code = queues.code
    for path, name, value in _made(code, queues.modules, re.compile(r"huey\.(\w+\.)*\w*(?<!Memory)Huey$")):
        full = f"{code.name(path)}.{name}"
        tasks = {*_decorated(queues, full, {"task", "periodic_task"})}
        for place in (path, *sorted(tasks), *queues.modules):
            has_object = place == path or code.imports(place).get(name) == full
            if has_object and tasks <= set(code.closure([place])):
                yield "worker", f"huey_consumer {code.name(place)}.{name}", code.at(path, value)
                return


def _decorated(queues: Queues, maker: str, names: set[str]) -> Iterator[str]:
    """Return the files with functions that a decorator of an object turns into tasks."""
    code = queues.code
    for path in queues.modules:
        for node in code.nodes(path):
            for item in node.decorator_list if isinstance(node, FUNCTIONS) else ():
                name = code.qualified(path, item.func if isinstance(item, ast.Call) else item)
                start, _, last = name.rpartition(".")
                where, inner = code.resolve(start)
                if last in names and (start == maker or (where and f"{code.name(where)}.{inner}" == maker)):
                    yield path
                    break
            else:
                continue
            break


def _targets(node: ast.stmt) -> Iterator[ast.Name]:
    """Return the names that a statement gives a value."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    yield from (target for target in targets if isinstance(target, ast.Name))


def _made(code: Code, files: Iterable[str], maker: re.Pattern[str]) -> Iterator[tuple[str, str, ast.expr]]:
    """Return the objects of modules that a class makes, with their files; methods behind it return the same object."""
    for path in files:
        for name, values in code.bindings(path).items():
            value = values[-1][0]
            inner: ast.AST = value
            while isinstance(inner, ast.Call):
                if maker.search(code.qualified(path, inner.func)):
                    yield path, name, value
                    break
                inner = inner.func.value if isinstance(inner.func, ast.Attribute) else inner.func


def _has_schedule(code: Code, files: Iterable[str]) -> bool:
    """Tell whether tasks are run at times."""
    return any(
        "beat_schedule" in text.lower() or "add_periodic_task" in text or "django_celery_beat" in text
        for text in map(code.tree.text, files)
    )
