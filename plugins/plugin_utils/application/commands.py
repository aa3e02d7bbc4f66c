"""The commands by which an application is run elsewhere: its Procfile, images, units and scripts."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from posixpath import basename, dirname, join, normpath
from typing import Any

import yaml
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.platforms import platform_commands
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import (
    MODULES,
    VARIABLE,
    Command,
    Place,
    split,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree import Tree

SCRIPTED = {
    *MODULES,
    "python",
    "manage.py",
    "pybabel",
    "rqscheduler",
    "huey_consumer",
    "huey_consumer.py",
    "honcho",
    "uwsgi",
}
# A variable of a script, by a constant or with one as its default.
GIVEN = re.compile(r"(?:export\s+)?([A-Z]\w*)=[\"']?(?:\$\{\1:-)?([\w./:@+-]+)\}?[\"']?$")
# Words in the paths of what is not for production.
DEVELOPMENT = re.compile(
    r"(?i)(^|[^a-z])(dev|devel|development|local|tests?|testing|debug|override|ci|demo|examples?|contrib|samples?)([^a-z]|$)"
)
# What uWSGI runs at times: five numbers, or names with numbers, and a command.
CRON = re.compile(r"\s*(?:unique-)?cron2?\s*=\s*(?:(?:-?\d+\s+){5}|\w+=[\w=,-]+\s+)(.+)")


def commands(tree: Tree) -> list[Command]:
    """Return the commands that run the application in production, the most reliable first."""
    found = [*_procfiles(tree), *platform_commands(tree), *_dockerfiles(tree), *_compose(tree), *_units(tree)]
    for path in tree.files:
        name = basename(path)
        is_script = path.endswith(".sh") or "." not in name or re.search(r"(^|/)bin/", path)
        is_other = name.startswith(("Procfile", "Dockerfile", "Makefile", "Pipfile")) or DEVELOPMENT.search(path)
        if is_script and not is_other:
            found.extend(_script(tree, path))
    return found


def _procfiles(tree: Tree) -> Iterator[Command]:
    """Return the commands of Procfiles, by the folder that each lies in."""
    paths = [path for path in tree.files if basename(path).startswith("Procfile") and path.count("/") < 3]
    for path in sorted(paths, key=lambda path: (path.count("/"), len(path))):
        if DEVELOPMENT.search(basename(path)) or basename(path).endswith(".windows"):
            continue
        for number, line in tree.lines(path):
            if found := re.match(r"([\w-]+):\s*(.+)", line):
                yield from split(found[2], tree.at(path, number), Place("procfile", dirname(path), found[1]))


def _dockerfiles(tree: Tree) -> Iterator[Command]:
    """Return what images start, those for production first, and what they run while they are built."""
    paths = [path for path in tree.files if basename(path).startswith("Dockerfile") and path.count("/") < 4]
    paths = [path for path in paths if not DEVELOPMENT.search(path)]
    for path in sorted(paths, key=lambda path: ("prod" not in path.lower(), path.count("/"), path)):
        yield from _dockerfile(tree, path)


def _dockerfile(tree: Tree, path: str) -> Iterator[Command]:
    """Return the commands of one Dockerfile; of several stages the last one, and those that it is made from, start.

    An image that gets a finished wheel has files of its own around it, and tells nothing of the source.
    """
    if re.search(r"(?mi)^\s*(COPY|ADD)\s(?!.*--from).*\.whl\b", tree.text(path)):
        return
    last: dict[str, list[Command]] = {}
    stages: dict[str, dict[str, list[Command]]] = {}
    image = _Image(tree, path)
    for number, line in tree.lines(path):
        found = re.match(r"\s*(FROM|WORKDIR|COPY|ADD|CMD|ENTRYPOINT|RUN)\s+(.+)", line, re.IGNORECASE)
        if not found:
            continue
        word, text = found[1].upper(), re.sub(r"--(mount|chown|chmod|link|from)\S*\s*", "", found[2])
        if word == "FROM":
            named = re.match(r"(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?", text, re.IGNORECASE)
            base, name = (named[1], named[2] or "") if named else ("", "")
            last = dict(stages.get(base, {}))
            stages[name] = last
        elif word == "WORKDIR":
            image.enter(text.strip())
        elif word in ("COPY", "ADD"):
            if "--from" not in found[2]:
                image.copy(text.split())
        else:
            place = Place("image", image.folder(), "build" if word == "RUN" else "web")
            made = list(split(_shell(text), tree.at(path, number), place))
            if word == "RUN":
                yield from made
            else:
                last[word] = made
    yield from (command for word in ("CMD", "ENTRYPOINT") for command in last.get(word, []))


class _Image:
    """Where the source lies in an image, to tell in which of its folders a command runs."""

    def __init__(self, tree: Tree, path: str) -> None:
        """Begin with nothing; the folder of the Dockerfile is the context where what it copies lies there."""
        self._tree = tree
        place = f"{dirname(path)}/"
        # A folder with nothing but what is made of the source is none that an image is made from.
        has_code = any(
            other.startswith(place) and other.endswith((".py", ".toml", ".lock", ".txt")) for other in tree.files
        )
        self._context = dirname(path) if has_code else ""
        self._workdir = "/"
        self._places: dict[str, str] = {}

    def enter(self, place: str) -> None:
        """Note a change of the folder."""
        self._workdir = normpath(join(self._workdir, re.sub(r"\$\{?\w+\}?", "app", place)))

    def copy(self, words: list[str]) -> None:
        """Note where a folder of the source is put."""
        given = [word.strip('",[]') for word in words if not word.startswith("--")]
        if len(given) != 2:
            return
        target = normpath(join(self._workdir, re.sub(r"\$\{?\w+\}?", "app", given[1])))
        source = normpath(given[0].lstrip("/") or ".")
        inner = normpath(join(self._context, source)) if self._context else source
        if self._context and not self._tree.has(inner) and self._tree.has(source):
            self._context = ""  # it is the root, wherever the Dockerfile lies
        if self._context and source != "." and not self._tree.has_folder(inner) and self._tree.has_folder(source):
            inner = source
        if self._tree.has_folder(inner):
            self._places[target] = "" if inner == "." else inner

    def folder(self) -> str:
        """Return the folder of the source that is the current one, or an empty string for its root."""
        for target in sorted(self._places, key=len, reverse=True):
            if self._workdir == target or self._workdir.startswith(f"{target.rstrip('/')}/"):
                inner = normpath(join(self._places[target] or ".", self._workdir.removeprefix(target).lstrip("/")))
                return inner if inner != "." and self._tree.has_folder(inner) else self._places[target]
        return self._context


def _shell(text: str) -> str:
    """Return a Dockerfile's command as a shell's; it may be a list in JSON."""
    if text.startswith("["):
        try:
            listed = json.loads(text)
        except (ValueError, RecursionError):
            return text
        parts = [str(part) for part in listed] if isinstance(listed, list) else []
        return parts[2] if len(parts) > 2 and parts[1] in ("-c", "-lc", "-ec") else shlex.join(parts)
    return text


def _compose(tree: Tree) -> Iterator[Command]:
    """Return the commands of Compose's files, those for production first and none for development."""
    paths = [path for path in tree.files if re.search(r"(^|/)(docker-)?compose[\w.-]*\.ya?ml$", path)]
    paths = [path for path in paths if path.count("/") < 3 and not DEVELOPMENT.search(path)]
    for path in sorted(paths, key=lambda path: ("prod" not in path, path.count("/"), path)):
        try:
            table = yaml.safe_load(tree.text(path))
            services = table.get("services") if isinstance(table, dict) else None
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        for name, service in services.items() if isinstance(services, dict) else []:
            command = service.get("command") if isinstance(service, dict) else None
            if isinstance(command, list) and all(isinstance(part, str | int) for part in command):
                command = _shell(json.dumps([str(part) for part in command]))
            if isinstance(command, str) and ("build" in service or not _is_foreign(service.get("image"))):
                place = Place("compose", _context(tree, path, service.get("build")), str(name))
                yield from split(command.replace("$$", "$"), tree.at(path, _line(tree, path, str(name))), place)


def _line(tree: Tree, path: str, service: str) -> int:
    """Return the line of a service's command in a file of Compose, or 0."""
    is_inside = False
    for number, line in tree.lines(path):
        is_inside = bool(re.match(rf"\s+{re.escape(service)}:\s*$", line)) or is_inside
        if is_inside and re.match(r"\s+command:", line):
            return number
    return 0


def _is_foreign(image: Any) -> bool:
    """Tell whether an image is that of a server of others, such as a database."""
    named = r"postgres|mysql|mariadb|redis|valkey|nginx|traefik|caddy|rabbitmq|mail|minio|node"
    return isinstance(image, str) and bool(re.search(named, image))


def _context(tree: Tree, path: str, build: Any) -> str:
    """Return the folder that a service is built from."""
    context = build.get("context") if isinstance(build, dict) else build
    place = normpath(join(dirname(path), context if isinstance(context, str) else "."))
    return place if place != "." and tree.has_folder(place) else ""


def _units(tree: Tree) -> Iterator[Command]:
    """Return the commands of units of systemd and programs of supervisor."""
    for path in tree.files:
        if not path.endswith((".service", ".conf", ".ini")) or DEVELOPMENT.search(basename(path)):
            continue
        name, is_chosen = basename(path).removesuffix(".service"), True
        for number, line in tree.lines(path):
            if program := re.match(r"\[program:([^\]]+)\]", line):
                name = program[1]
            elif re.match(r"\s*(if-\w+|endif|end-if)\b", line):
                is_chosen = line.strip().startswith("end")
            elif daemon := re.match(r"\s*(?:attach|legion-attach)-daemon\s*=\s*(.+)", line):
                # What uWSGI runs beside itself; under a condition it is a choice.
                for command in split(daemon[1], tree.at(path, number), Place("unit", "", "")) if is_chosen else ():
                    yield replace(command, process=_task(command.words))
            elif timer := CRON.match(line):
                yield from split(timer[1], tree.at(path, number), Place("cron")) if is_chosen else ()
            elif found := re.match(r"(?:ExecStart|command)\s*=\s*(.+)", line):
                text = re.sub(r"(^|\s)/\S*/(bin/)", r"\1", found[1])
                yield from split(text, tree.at(path, number), Place("unit", "", name))


def _task(words: tuple[str, ...]) -> str:
    """Return what a command without a name of its own is about: the last word of its program that is no option."""
    named = [word for word in words[:3] if re.fullmatch(r"[a-z][\w-]*", word) and word != "python"]
    return named[-1] if named else "worker"


def _script(tree: Tree, path: str) -> Iterator[Command]:
    """Return the commands of a shell script that have to do with an application; `cd` leads to the next one's."""
    place, given = "", dict[str, str]()
    for number, line in tree.lines(path):
        text = line.strip()
        told = VARIABLE.sub(lambda found: given.get(found[1], found[0]), text) if given else text
        if named := GIVEN.match(text) or GIVEN.match(told):
            given[named[1]] = named[2]
        text = told
        if text.startswith("#") or not re.search(r"\bcd\b|" + "|".join(map(re.escape, sorted(SCRIPTED))), text):
            continue
        for command in split(text, tree.at(path, number), Place("script", place, "script")):
            if command.words[0] == "cd":
                continue
            if basename(command.words[0]) in SCRIPTED:
                yield command
        if (moved := re.match(r"cd\s+([\w./-]+)\s*$", text)) and tree.has_folder(moved[1].lstrip("/")):
            place = normpath(moved[1])
            place = "" if place == "." or place.startswith(("/", "..")) else place
