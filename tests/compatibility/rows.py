"""The table's rows: what people bring, what an entry says of it, and what a visitor sees then."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.compatibility import applications, trees
from tests.compatibility.trees import Tree

Entry = dict[str, Any]

DJANGO: Entry = {
    "wsgi_app": "config.wsgi:application",
    "build_commands": ["python manage.py collectstatic --noinput"],
    # The settings want them, whatever they are; the build connects to no database.
    "build_environment": {"ALLOWED_HOSTS": "-", "DATABASE_NAME": "-", "DATABASE_USER": "-", "DATABASE_PASSWORD": "-"},
    "migrate_command": "python manage.py migrate --noinput",
    "static": {"/static/": "staticfiles"},
    "health_path": "/health",
}
PLAIN: Entry = {"wsgi_app": "versions:application", "health_path": "/"}
LOCKED = "idna=3.7 iniconfig=none"
SINGLE_PAGE = {"dist/index.html": "<div id=app></div>\n", "dist/worker.mjs": "export {}\n"}
FLAT = {"templates/base.html": "base\n", "blog/__init__.py": ""}


@dataclass(frozen=True)
class Row:
    """A row of the table.

    `part` is its heading, `keys` are those of `entry` that are its point. `pages` are paths of the site and a part of
    what is answered with 200; in place of it, `refused` are words of the refusal that check.yml ends with, and
    `untested` says why nobody has seen it. A row without a `tree` is seen by the test that `seen_by` names.
    """

    part: str
    what: str
    name: str = ""
    tree: Tree | None = None
    entry: Entry = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    refused: str = ""
    untested: str = ""
    seen_by: str = ""
    keys: Sequence[str] = ()

    @property
    def needs_mysql(self) -> bool:
        """Tell whether the application keeps data in MySQL."""
        return "database" in self.entry

    def site(self, sources: str, address: str) -> Entry:
        """Return the entry of `sites`, whose source is a folder below `sources` that is called after the row."""
        source = "repo" if self.tree and (self.tree.is_repository or "version" in self.entry) else "directory"
        return {
            "domain": f"{self.name}.example",
            "addresses": [address],
            "app": self.name,
            source: f"{sources}/{self.name}",
            "gunicorn": {"workers": 1},
            **self.entry,
        }


def django(name: str, **keys: Any) -> Entry:
    """Return an entry for an application that is made of tests/apps/django, with its own database."""
    environment = {
        "SECRET_KEY": "one",
        "ALLOWED_HOSTS": f"{name}.example",
        "DATABASE_NAME": name,
        "DATABASE_USER": name,
        "DATABASE_PASSWORD": "two",
        **keys.pop("environment", {}),
    }
    database = {"name": name, "user": name, "password": "two"}
    return {**DJANGO, "environment": environment, "database": database, **keys}


def view(code: str) -> Tree:
    """Return tests/apps/django with one view more, at a path that is called like it."""
    (name,) = re.findall(r"^def (\w+)", code, re.MULTILINE)
    health = '    path("health", views.health),'
    urls = {"config/urls.py": (health, f'{health}\n    path("{name}", views.{name}),')}
    return Tree("django", appended={"board/views.py": code}, replaced=urls)


def one_file(code: str, package: str = "", **files: str) -> Tree:
    """Return an application in one file, which needs one package at most."""
    return Tree(files={"versions.py": code, **({"requirements.txt": f"{package}\n"} if package else {}), **files})


def framework(what: str, package: str, code: str, worker_class: str = "") -> Row:
    """Return the row of a framework, whose application answers with the framework's name."""
    name = re.split(r"\W", what)[0]
    worker: Entry = {"gunicorn": {"workers": 1, "worker_class": worker_class}} if worker_class else {}
    keys = ["gunicorn.worker_class"] if worker_class else []
    return Row("Frameworks", what, name.lower(), one_file(code, package), {**PLAIN, **worker}, {"/": name}, keys=keys)


PACKAGE = f"""{trees.PROJECT.replace("idna>=3", "idna==3.7")}
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
"""
LAYOUTS = [
    Row(
        "Layouts",
        "`requirements/production.txt` and a `pyproject.toml` with settings of tools",
        "production",
        Tree(
            "django",
            moved={"requirements.txt": "requirements/production.txt"},
            without=["requirements.in"],
            files={"pyproject.toml": "[tool.ruff]\nline-length = 100\n"},
            is_repository=True,
        ),
        django("production", requirements=["requirements/production.txt"]),
        {"/": '"version"', "/static/board/board.css": ""},
        keys=["requirements"],
    ),
    Row(
        "Layouts",
        "the same, and no word of it in the entry",
        "unnamed",
        Tree("django", moved={"requirements.txt": "requirements/production.txt"}, without=["requirements.in"]),
        django("unnamed"),
        refused="requirements/production.txt",
    ),
    Row(
        "Layouts",
        "`backend/` beside `frontend/`",
        "backend",
        Tree(
            files={"frontend/package.json": '{"name": "front"}', "README.md": "# Shop\n"},
            more=lambda folder: Tree("django").make(folder / "backend"),
            is_repository=True,
        ),
        django("backend", subdirectory="backend", static={"/static/": "backend/staticfiles"}),
        {"/": '"version"', "/static/board/board.css": ""},
        keys=["subdirectory"],
    ),
    Row(
        "Layouts",
        "`[project] dependencies` beside folders that are no package",
        "flat",
        Tree(
            files={
                "versions.py": applications.VERSIONS,
                "pyproject.toml": trees.PROJECT.replace(">=3", "==3.7"),
                **FLAT,
            }
        ),
        PLAIN,
        {"/": LOCKED},
    ),
    Row(
        "Layouts",
        "a package below `src/`",
        "srclayout",
        Tree(files={"src/versions/__init__.py": applications.VERSIONS, "pyproject.toml": PACKAGE}),
        PLAIN,
        {"/": LOCKED},
    ),
    Row(
        "Layouts",
        "dependency groups and extras",
        "groups",
        Tree(
            files={
                "versions.py": applications.VERSIONS,
                "pyproject.toml": trees.PROJECT.replace('["idna>=3"]', "[]")
                + '\n[project.optional-dependencies]\nnames = ["idna==3.7"]\n\n'
                '[dependency-groups]\nprod = ["iniconfig==2.0.0"]\n',
            }
        ),
        {**PLAIN, "dependency_groups": ["prod"], "extras": ["names"]},
        {"/": "idna=3.7 iniconfig=2.0.0"},
        keys=["dependency_groups", "extras"],
    ),
    Row(
        "Layouts",
        "constraints",
        "constraints",
        Tree(
            files={
                "versions.py": applications.VERSIONS,
                "requirements.in": "idna\n",
                "constraints.txt": "idna==3.7\n",
            }
        ),
        {**PLAIN, "requirements": ["requirements.in"], "constraints": ["constraints.txt"]},
        {"/": LOCKED},
        keys=["requirements", "constraints"],
    ),
    Row(
        "Layouts",
        "a package that the lock lacks",
        "lacking",
        Tree(files={"versions.py": applications.VERSIONS, "requirements.txt": trees.HASHED}),
        {**PLAIN, "python_packages": ["iniconfig==2.0.0"]},
        {"/": "idna=3.7 iniconfig=2.0.0"},
        keys=["python_packages"],
    ),
    *(
        Row("Layouts", what, untested="what a server would run was run by hand, with uv itself")
        for what in (
            "a member of a uv workspace, by the lock at its root",
            "a package whose build asks git for its version: setuptools-scm, hatch-vcs, pdm-backend and others",
        )
    ),
]
POETRY = """[tool.poetry]
package-mode = false

[tool.poetry.dependencies]
python = "^3.11"
idna = ">=3"

[tool.poetry.group.dev.dependencies]
iniconfig = "2.0.0"

[build-system]
requires = ["poetry-core"]
build-backend = "poetry.core.masonry.api"
"""
PDM = f"""{trees.PROJECT}
[dependency-groups]
dev = ["iniconfig==2.0.0"]

[tool.pdm]
distribution = false
"""
PIPFILE = """[packages]
idna = ">=3"

[dev-packages]
iniconfig = "==2.0.0"
"""
UV = trees.PROJECT.replace("idna>=3", "idna==3.7") + "\n[tool.uv]\npackage = false\n"
CODE = {"versions.py": applications.VERSIONS}
# By a name of the site's own: what the lock is, and a source that has it. All of them pin idna 3.7.
LOCKED_TREES = {
    "hashed": ("`requirements.txt` with hashes", Tree(files={**CODE, "requirements.txt": trees.HASHED})),
    "uvlock": ("`uv.lock`", Tree(files={**CODE, "pyproject.toml": UV}, more=trees.with_uv_lock)),
    "pylock": ("`pylock.toml`", Tree(files=CODE, more=trees.pylock)),
    "poetry": (
        "`poetry.lock`, `package-mode = false`",
        Tree(files={**CODE, "poetry.lock": trees.poetry_lock(), "pyproject.toml": POETRY}),
    ),
    "pdm": ("`pdm.lock`", Tree(files={**CODE, "pdm.lock": trees.pdm_lock(), "pyproject.toml": PDM})),
    "pipenv": ("`Pipfile.lock`", Tree(files={**CODE, "Pipfile.lock": trees.pipfile_lock(), "Pipfile": PIPFILE})),
}
LOCKS = [
    Row(
        "Locks",
        f"{what}, installed by {installer}",
        f"{name}{installer}",
        tree,
        {**PLAIN, "app_deploy": {"installer": installer}},
        {"/": LOCKED},
        keys=["app_deploy.installer"] if installer == "pip" else [],
    )
    for name, (what, tree) in LOCKED_TREES.items()
    for installer in ("uv", "pip")
]
SOURCES = [
    Row(
        "Sources",
        "a submodule",
        "submodule",
        Tree("plain", more=trees.with_submodule),
        {"wsgi_app": "plain:application", "health_path": "/", "static": {"/theme/": "theme"}, "version": "main"},
        {"/theme/theme.css": "color: red"},
    ),
    Row(
        "Sources",
        "a tag that looks like a number",
        "tag",
        Tree(files={"versions.py": applications.VERSIONS}, more=trees.with_number_tag),
        {**PLAIN, "version": "1.10"},
        {"/": "idna=none"},
        keys=["version"],
    ),
    Row(
        "Sources",
        "such a tag without quotes, which YAML makes a number",
        "number",
        Tree(files={"versions.py": applications.VERSIONS}, more=trees.with_number_tag),
        {**PLAIN, "version": 1.1},
        refused="quote",
        keys=["version"],
    ),
    Row(
        "Sources",
        "a folder with an environment, byte code and Node's modules",
        "folder",
        Tree(
            files={
                "versions.py": applications.VERSIONS,
                ".venv/pyvenv.cfg": "home = /usr/bin\n",
                "__pycache__/versions.cpython-311.pyc": "old",
                "node_modules/left-pad/index.js": "x\n",
            }
        ),
        PLAIN,
        {"/": "idna=none"},
    ),
    Row(
        "Sources",
        "what a build on the controller has made, though git ignores it",
        "included",
        Tree(
            files={"versions.py": applications.VERSIONS, "dist/app.js": "1\n", ".gitignore": "dist/\n"},
        ),
        {**PLAIN, "include": ["dist"], "static": {"/dist/": "dist"}},
        {"/dist/app.js": "1"},
        keys=["include"],
    ),
    Row(
        "Sources",
        "a frontend that is built on the controller",
        "frontend",
        Tree(files={"versions.py": applications.VERSIONS, "src/app.js": "2\n"}),
        {
            **PLAIN,
            "local_build_commands": ["mkdir dist", "sed s/2/built/ src/app.js > dist/app.js"],
            "static": {"/dist/": "dist"},
        },
        {"/dist/app.js": "built"},
        keys=["local_build_commands"],
    ),
    Row(
        "Sources",
        "a shared folder that the source brings with a `.gitkeep`",
        "gitkeep",
        Tree(files={"versions.py": applications.VERSIONS, "media/.gitkeep": "", "media/cat.txt": "a cat\n"}),
        {**PLAIN, "shared_paths": ["media"], "static": {"/media/": "media"}},
        {"/media/cat.txt": "a cat"},
        keys=["shared_paths"],
    ),
    *(
        Row(
            "Sources",
            f"a build command that runs {' '.join(command.split()[:-1])}",
            f"build{command.split()[0]}",
            LOCKED_TREES["hashed"][1],
            {**PLAIN, "build_commands": [command]},
            {"/": "idna=3.7 iniconfig=2.0.0"},
            keys=["build_commands"],
        )
        for command in ("pip install iniconfig==2.0.0", "uv pip install iniconfig==2.0.0")
    ),
    Row("Sources", "files in Git LFS", untested="needs git-lfs, and a server of its own"),
]
RUN_TIME = [
    Row(
        "Run time",
        "uploads that nginx serves",
        "uploads",
        view(applications.UPLOAD).with_settings(applications.MEDIA),
        django("uploads", shared_paths=["media"], static={"/static/": "staticfiles", "/media/": "media"}),
        {"/upload": "photos/cat.txt", "/media/photos/cat.txt": "a cat"},
        keys=["static", "shared_paths"],
    ),
    Row(
        "Run time",
        "private files by `X-Accel-Redirect`",
        "accel",
        view(applications.PRIVATE),
        django("accel", shared_paths=["private"], internal={"/protected/": "private"}),
        {"/private": "a dog"},
        keys=["internal"],
    ),
    Row(
        "Run time",
        "a log file that Django writes itself",
        "logfile",
        Tree("django").with_settings(applications.LOG_FILE),
        django("logfile", shared_paths=["logs"]),
        {"/": '"version"'},
        keys=["shared_paths"],
    ),
    Row(
        "Run time",
        "dates by MySQL in a time zone, `TIME_ZONE = 'Europe/Berlin'`",
        "zone",
        view(applications.DAYS).with_settings('TIME_ZONE = "Europe/Berlin"\n'),
        django("zone"),
        {"/days": "+0"},
    ),
    Row(
        "Run time",
        "a migration that makes a trigger",
        "trigger",
        Tree("django", files={"board/migrations/0002_trigger.py": applications.TRIGGER}),
        django("trigger"),
        {"/": '"version"'},
    ),
    Row("Run time", "a page that needs five seconds", "warm", one_file(applications.WARMING), PLAIN, {"/": "warm"}),
    Row(
        "Run time",
        "Django with `SECURE_SSL_REDIRECT`, over HTTP behind a proxy that ends TLS",
        seen_by="tests/host/default/test_site_behind_a_proxy.py",
    ),
    Row(
        "Run time",
        "a variable of several lines",
        "pem",
        one_file(applications.LINES),
        {**PLAIN, "environment": {"KEY": "-----BEGIN KEY-----\nc2VjcmV0\n-----END KEY-----\n"}},
        {"/": "lines=3"},
        keys=["environment"],
    ),
    Row(
        "Run time",
        "a file of variables, such as `.env`",
        "dotenv",
        one_file(applications.LINES),
        {**PLAIN, "environment_file": "files/dotenv.env"},
        {"/": "lines=1"},
        keys=["environment_file"],
    ),
    Row(
        "Run time",
        "a list as a variable's value",
        "list",
        one_file(applications.VERSIONS),
        {**PLAIN, "environment": {"HOSTS": ["a", "b"]}},
        refused="HOSTS",
        keys=["environment"],
    ),
    Row(
        "Run time",
        "settings as literals, and a settings module of one's own that imports them",
        "overlay",
        Tree("django").with_settings('ALLOWED_HOSTS = ["localhost"]\nDEBUG = True\n'),
        django(
            "overlay",
            files=[{"src": "files/overlay.py.j2", "dest": "config/overlay.py"}],
            environment={"DJANGO_SETTINGS_MODULE": "config.overlay"},
        ),
        {"/": '"version"'},
        keys=["files"],
    ),
    Row(
        "Run time",
        "names of tenants",
        "tenants",
        one_file(applications.VERSIONS),
        {**PLAIN, "server_names": ["*.tenants.example"]},
        {"/": "idna=none"},
        keys=["server_names"],
    ),
    Row(
        "Run time",
        "a single-page application at `/`, with the API behind it",
        "spa",
        one_file(applications.VERSIONS, **SINGLE_PAGE),
        {**PLAIN, "static": {"/": "dist"}, "app_paths": ["/api/"], "health_path": "/api/"},
        {"/": "id=app", "/deep/link": "id=app", "/api/": "idna=none", "/worker.mjs": "export"},
        keys=["static", "app_paths"],
    ),
    Row(
        "Run time",
        "the same without a word of which paths are the application's",
        "spaless",
        one_file(applications.VERSIONS, **SINGLE_PAGE),
        {**PLAIN, "static": {"/": "dist"}},
        refused="app_paths",
        keys=["static"],
    ),
    Row(
        "Run time",
        "WebSockets and server-sent events",
        seen_by="tests/host/nightly_serving/test_serving.py",
    ),
    Row("Run time", "mail by a relay", seen_by="tests/unit/test_site_services.py"),
    Row(
        "Run time",
        "Redis",
        "cached",
        one_file(applications.COUNTING, "redis==6.4.0"),
        {**PLAIN, "redis": {}},
        {"/": "visitor"},
        keys=["redis"],
    ),
    Row(
        "Run time",
        "Celery with its beat, and Redis between them",
        "beat",
        one_file(applications.TICKING, "celery==5.5.3\nredis==5.2.1"),
        {
            **PLAIN,
            "redis": {},
            "environment": {"CELERY_BROKER_URL": "redis+socket:///run/redis-beat/redis.sock?virtual_host=0"},
            "background": [
                {"name": "work", "command": "celery -A versions worker --concurrency 1"},
                {"name": "beat", "command": "celery -A versions beat --schedule ${STATE_DIRECTORY}/beat"},
            ],
        },
        {"/": "ticked"},
        keys=["redis", "background"],
    ),
]
FRAMEWORKS = [
    Row("Frameworks", "Django", "plaindjango", Tree("django"), django("plaindjango"), {"/": '"version"'}),
    framework("Flask", "flask==3.1.2", applications.FLASK),
    framework("Bottle", "bottle==0.13.4", applications.BOTTLE),
    framework("Falcon", "falcon==4.1.0", applications.FALCON),
    framework("Pyramid", "pyramid==2.0.2\nsetuptools==80.9.0", applications.PYRAMID),
    framework("FastAPI", "fastapi==0.116.1", applications.FASTAPI, "asgi"),
    framework(
        "Starlette, with uvicorn's worker",
        "starlette==0.47.2\nuvicorn==0.36.0\nuvicorn-worker==0.4.0",
        applications.STARLETTE,
        "uvicorn_worker.UvicornWorker",
    ),
    framework("Litestar", "litestar==2.16.0\nsniffio==1.3.1", applications.LITESTAR, "asgi"),
    framework("Quart", "quart==0.20.0", applications.QUART, "asgi"),
    framework("aiohttp, with its own worker", "aiohttp==3.12.15", applications.AIOHTTP, "aiohttp.GunicornWebWorker"),
]
SERVERS = [
    *(
        Row(
            "Servers",
            f"gunicorn, `worker_class: {worker}`",
            f"{worker}worker",
            one_file(applications.NAMED.format(name=worker), package),
            {**PLAIN, "gunicorn": {"workers": 1, "worker_class": worker}},
            {"/": worker},
            keys=["gunicorn.worker_class"],
        )
        for worker, package in {
            "sync": "",
            "gthread": "",
            "gevent": "gevent==25.9.1\npackaging==25.0",
            "tornado": "tornado==6.5.2",
        }.items()
    ),
    Row(
        "Servers",
        "gunicorn, with the repository's own `gunicorn.conf.py`",
        "config",
        one_file(applications.HOOKED, **{"gunicorn.conf.py": applications.HOOK}),
        {**PLAIN, "gunicorn": {"workers": 1, "config": "gunicorn.conf.py"}},
        {"/": "hooked"},
        keys=["gunicorn.config"],
    ),
    Row(
        "Servers",
        "uWSGI",
        "uwsgiserver",
        one_file(applications.NAMED.format(name="uWSGI")),
        {**PLAIN, "server": "uwsgi"},
        {"/": "uWSGI"},
        keys=["server"],
    ),
    Row("Servers", "from gunicorn to uWSGI and back", seen_by="tests/host/releases/test_uwsgi.py"),
    Row("Servers", "Daphne, Hypercorn or Waitress", untested="no role runs them"),
]
DRIVERS = [
    Row("Drivers of MySQL", "PyMySQL", "pymysql", Tree("django"), django("pymysql"), {"/": '"version"'}),
    Row(
        "Drivers of MySQL",
        "mysqlclient, which the lock lacks",
        "mysqlclient",
        Tree(
            "django",
            files={"requirements.txt": "django==5.2.19\n", "config/__init__.py": ""},
            without=["requirements.in"],
        ),
        django(
            "mysqlclient",
            python_packages=["mysqlclient==2.2.7"],
            packages=["gcc", "libmysqlclient-dev", "pkg-config", "python3-dev"],
        ),
        {"/": '"version"'},
        keys=["python_packages", "packages"],
    ),
    Row("Drivers of MySQL", "MySQL Connector/Python, aiomysql, asyncmy", untested="nobody has tried them"),
]
ROWS = [*LAYOUTS, *LOCKS, *SOURCES, *DRIVERS, *RUN_TIME, *FRAMEWORKS, *SERVERS]
