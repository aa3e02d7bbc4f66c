"""Mistakes in an entry that people make, and the words of the first run that say how to mend them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.compatibility import applications
from tests.compatibility.rows import PLAIN, Entry, django, one_file
from tests.compatibility.trees import Tree


@dataclass(frozen=True)
class Mistake:
    """An entry with a mistake: the site of `right` with the keys of `wrong`, None taking one out.

    `said` are words of what the first run says of it, from which somebody knows the right value or its key.
    """

    name: str
    said: str
    tree: Tree
    right: Entry
    wrong: dict[str, Any] = field(default_factory=dict)

    def entry(self, *, mended: bool) -> Entry:
        """Return the keys of the site's entry."""
        keys = {**self.right, **({} if mended else self.wrong)}
        return {key: value for key, value in keys.items() if value is not None}


CALLING = '''"""Asks another server, as an application does that sends mail or asks an API."""
import socket

socket.socket(socket.AF_INET).close()


def application(environ, start_response):
    start_response("200 OK", [])
    return [b"called"]
'''
WRITING = '''"""Writes beside its code when it starts."""
from pathlib import Path

Path(__file__).with_name("cache").mkdir(exist_ok=True)
(Path(__file__).parent / "cache/started").write_text("now")


def application(environ, start_response):
    start_response("200 OK", [])
    return [b"written"]
'''
DJANGO_TREE = Tree("django")
WITHOUT_DRIVER = Tree("django", files={"requirements.txt": "django==5.2.19\n"}, without=["requirements.in"])

# What the controller refuses, all of it in one run.
REFUSED = [
    Mistake("misspelt", "heath_path", one_file(applications.VERSIONS), PLAIN, {"heath_path": "/"}),
    Mistake(
        "listed", "ALLOWED_HOSTS", one_file(applications.VERSIONS), PLAIN, {"environment": {"ALLOWED_HOSTS": ["a"]}}
    ),
    Mistake("aliased", "aliases", one_file(applications.VERSIONS), PLAIN, {"aliases": "www.aliased.example"}),
]
# What only a release shows, each in the first run.
FAILING = [
    Mistake("module", "config.wsg", DJANGO_TREE, django("module"), {"wsgi_app": "config.wsg:application"}),
    Mistake("page", "404", DJANGO_TREE, django("page"), {"health_path": "/healthz"}),
    Mistake("folder", "static_files", DJANGO_TREE, django("folder"), {"static": {"/static/": "static_files"}}),
    Mistake(
        "variable",
        "DATABASE_NAME",
        DJANGO_TREE,
        django("variable"),
        {"environment": {"SECRET_KEY": "a", "ALLOWED_HOSTS": "*", "DATABASE_USER": "-", "DATABASE_PASSWORD": "-"}},
    ),
    Mistake("withheld", "build_environment", DJANGO_TREE, django("withheld"), {"build_environment": None}),
    Mistake("migration", "migrat", DJANGO_TREE, django("migration"), {"migrate_command": "python manage.py migrat"}),
    Mistake(
        "driver",
        "pymysql",
        WITHOUT_DRIVER,
        django("driver", python_packages=["pymysql==1.2.4"]),
        {"python_packages": None},
    ),
    Mistake(
        "ending",
        "bad",
        one_file(applications.VERSIONS),
        PLAIN,
        {"background": [{"name": "bad", "command": "python -c 'raise SystemExit(1)'"}]},
    ),
    Mistake("calling", "network", one_file(CALLING), {**PLAIN, "gunicorn": {"network": True}}, {"gunicorn": None}),
    Mistake("writing", "shared_paths", one_file(WRITING), {**PLAIN, "shared_paths": ["cache"]}, {"shared_paths": None}),
]
