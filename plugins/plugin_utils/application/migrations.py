"""The commands by which Flask and its like bring a database to a release's schema."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import replace
from posixpath import dirname, join, normpath

from ansible_collections.foobar.webstack.plugins.plugin_utils.application.cli import MIGRATE, own_command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.code import Code
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.entry_point import EntryPoint, root
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.listing import Packages, section, toml
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.shell import Command
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.syntax import argument
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import Report

# An address of a database that an ini file has, and what shows that an env.py takes it from elsewhere.
WRITTEN = re.compile(r"(?m)^sqlalchemy\.url\s*=\s*(?!driver:)\w+[\w+]*:")
ADDRESSED = re.compile(
    r"""environ|getenv|set_(main|section)_option|\[["']sqlalchemy\.url["']\]|create_(async_)?engine|"""
    r"import .*\b(engine|settings|config)\b"
)
# Names that `flask --app` finds without being told.
USUAL = ("app", "application", "create_app()", "make_app()")


def find_migrations(
    code: Code, files: Iterable[str], entry: EntryPoint | None, found: Packages, report: Report
) -> None:
    """Note the commands of Flask-Migrate or Alembic, and ask for revisions that are not in the folder."""
    migrate = next((path for path in files if "flask_migrate.Migrate" in code.imports(path).values()), "")
    revisions = [path for path in code.tree.files if re.search(r"(^|/)versions/[^/]+\.py$", path)]
    is_alembic = any("down_revision" in code.tree.text(path) for path in revisions[:1])
    ini = next((path for path in code.tree.named("alembic.ini") if not path.startswith("migrations/")), "")
    if migrate and entry and entry.framework == "Flask":
        application, place = flask_app(code, entry), code.at_import(migrate, "flask_migrate.Migrate")
        folder = _directory(code, files)
        report.find("migrate_command", f"flask --app {application} db upgrade{folder}", place)
        if not found.is_older("flask-migrate", "4"):
            report.find("migrate_check_command", f"flask --app {application} db check{folder}", place)
    elif "aerich" in section(toml(code.tree, project := join(code.home, "pyproject.toml")), "tool"):
        place = code.tree.at(project)
        report.find("migrate_command", "aerich upgrade", place)
        folder = section(toml(code.tree, project), "tool", "aerich").get("location", "migrations")
        revisions = [path for path in code.tree.files if path.startswith(normpath(join(code.home, str(folder))))]
    elif (ini or is_alembic) and (own := own_command(code, MIGRATE))[0]:
        place = own[1]
        report.find("migrate_command", *own)
    elif ini:
        path, place = code.from_home(ini), code.tree.at(ini)
        chosen = "" if path == "alembic.ini" else f"-c {path} "
        # `alembic check` ends with 255 where something is pending, so there is no command to ask with.
        report.find("migrate_command", f"alembic {chosen}upgrade head", place)
        scripts = [text for path in code.tree.named("env.py") if "alembic" in (text := code.tree.text(path))]
        if scripts and WRITTEN.search(code.tree.text(ini)) and not any(map(ADDRESSED.search, scripts)):
            report.ask(
                "migrate_command",
                f"{place} has the address of the database that it migrates: let its env.py read that from os.environ.",
            )
    elif is_alembic and not migrate:
        report.ask(
            "migrate_command",
            f"{code.tree.at(revisions[0])} is a revision of Alembic, and nothing tells how the database is migrated: "
            "write the command that does it.",
        )
        return
    else:
        return
    if not revisions:
        report.ask(
            "migrate_command", f"{place} migrates the database, and no revisions are in the folder: commit them."
        )


def _directory(code: Code, files: Iterable[str]) -> str:
    """Return the option that names the folder of the migrations, where it is not the one that Flask-Migrate takes."""
    is_given = any(
        argument(call, 2, "directory") is not None
        for path in files
        for call in code.calls(path)
        if "flask_migrate.Migrate" in (code.qualified(path, call.func), code.maker(path, call.func))
    )
    places = [
        dirname(path) for path in code.tree.named("env.py") if code.tree.has_folder(join(dirname(path), "versions"))
    ]
    here = [code.from_home(place) for place in places]
    return f" --directory {here[0]}" if len(here) == 1 and here[0] != "migrations" and not is_given else ""


def flask_app(code: Code, entry: EntryPoint) -> str:
    """Return an entry point as `flask --app` takes it: a module, or a file where the module is not in the path."""
    name = code.from_home(entry.path) if root(code, entry) != code.home else code.name(entry.path)
    return name if entry.attribute in USUAL else f"'{name}:{entry.attribute}'"


def with_app(code: Code, entry: EntryPoint | None, command: Command) -> Command:
    """Return a command of Flask's with the application, which it has elsewhere from a FLASK_APP of the image."""
    is_bare = command.words[0] == "flask" and not {"--app", "-A"} & set(command.words)
    if entry is None or entry.framework != "Flask" or not is_bare:
        return command
    return replace(command, words=("flask", "--app", *shlex.split(flask_app(code, entry)), *command.words[1:]))
