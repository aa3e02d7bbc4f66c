"""What an application's folder tells of how it is deployed: a value with its reason, or a question, never a crash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.inspection import (
    Application,
    inspect_application,
)

from tests.playbook import ROOT

SITES = ROOT / "molecule/releases/host_vars/webstack-releases.yml"
SOCKET = "/run/mysqld/mysqld.sock"
QUERY = f"unix_socket={SOCKET}&charset=utf8mb4"

FLASK = {
    "requirements.txt": "flask==3.1.3\n",
    "app.py": "from flask import Flask\napp = Flask(__name__)\n\n@app.get('/health')\ndef health():\n    return 'ok'\n",
}
FASTAPI = {
    "requirements.txt": "fastapi==0.165.0\n",
    "app/__init__.py": "",
    "app/main.py": "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/health')\ndef health():\n    return 1\n",
}
MANAGE = """\
import os
from django.core.management import execute_from_command_line
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
execute_from_command_line()
"""
WSGI = """\
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()
"""
SETTINGS = """\
import os
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = os.environ["SECRET_KEY"]
DEBUG = False
ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
INSTALLED_APPS = ["django.contrib.admin", "django.contrib.staticfiles"]
ROOT_URLCONF = "config.urls"
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
"""
URLS = """\
from django.http import HttpResponse
from django.urls import path

def health(request):
    return HttpResponse("ok")

urlpatterns = [path("health/", health)]
"""
DJANGO = {
    "requirements.txt": "django==5.2.19\nmysqlclient==2.2.7\n",
    "manage.py": MANAGE,
    "config/__init__.py": "",
    "config/wsgi.py": WSGI,
    "config/settings.py": SETTINGS,
    "config/urls.py": URLS,
}


def write(folder: Path, *layers: dict[str, str]) -> Path:
    """Write files into a folder; a later layer has the last word."""
    for path, text in {name: text for layer in layers for name, text in layer.items()}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def inspect(folder: Path, *layers: dict[str, str]) -> Application:
    """Write an application into a folder, and return what is found of it."""
    return inspect_application(write(folder, *layers))


def entry(found: Application) -> dict[str, Any]:
    """Return the findings as an entry of `sites` has them."""
    written: dict[str, Any] = {}
    for finding in found.findings:
        outer, _, inner = finding.key.partition(".")
        if inner:
            written.setdefault(outer, {})[inner] = finding.value
        else:
            written[outer] = finding.value
    return written


def reason(found: Application, key: str) -> str:
    """Return where the value of a key was seen."""
    return next(finding.reason for finding in found.findings if finding.key == key)


def asked(found: Application, key: str) -> str:
    """Return the questions about a key, as one text."""
    return " ".join(question.text for question in found.questions if question.key == key)


def required(found: Application) -> list[str]:
    """Return the variables that the application fails without."""
    return [variable.name for variable in found.variables if variable.required]


def kinds(found: Application) -> dict[str, str]:
    """Return the kinds of the variables by name."""
    return {variable.name: variable.kind for variable in found.variables}


def site(app: str) -> dict[str, Any]:
    """Return an entry that is known to work."""
    sites = yaml.safe_load(SITES.read_text())["sites"]
    return next(site for site in sites if site["app"] == app)


# The applications of this repository


def test_the_guestbook_gets_the_entry_that_is_known_to_work() -> None:
    found = inspect_application(ROOT / "examples/guestbook")
    (known,) = yaml.safe_load((ROOT / "group_vars/all/sites.yml").read_text())["sites"]
    keys = ("wsgi_app", "build_commands", "migrate_command", "migrate_check_command", "static", "health_path")
    assert found.framework == "Flask"
    assert entry(found) == {key: known[key] for key in keys}
    assert found.questions == ()
    assert {*required(found)} == {*known["environment"]} == {"DATABASE_URL", "SECRET_KEY"}
    assert [each.name for each in found.variables if each.kind == "secret"] == ["SECRET_KEY"]


def test_the_guestbooks_database_takes_an_address_of_pymysql() -> None:
    database = inspect_application(ROOT / "examples/guestbook").database
    assert database is not None
    known = site("guestbook")["environment"]["DATABASE_URL"]
    assert (database.engine, database.driver, database.url) == ("mysql", "pymysql", "DATABASE_URL")
    assert known == f"{database.scheme}://guestbook:one@localhost/guestbook?{database.query.partition('&')[0]}"


def test_the_board_gets_the_entry_that_is_known_to_work() -> None:
    found, known = inspect_application(ROOT / "tests/apps/django"), site("board")
    keys = ("wsgi_app", "build_commands", "build_environment", "migrate_command", "migrate_check_command")
    assert found.framework == "Django"
    assert entry(found) == {key: known[key] for key in (*keys, "static", "health_path")}
    assert {*required(found)} == {*known["environment"]}
    assert [each.name for each in found.variables if each.kind == "secret"] == ["SECRET_KEY"]
    assert kinds(found)["ALLOWED_HOSTS"] == "domain"


def test_the_boards_database_takes_its_address_in_parts() -> None:
    database = inspect_application(ROOT / "tests/apps/django").database
    assert database is not None
    assert (database.engine, database.url) == ("mysql", "")
    assert database.variables == {
        "name": "DATABASE_NAME",
        "user": "DATABASE_USER",
        "password": "DATABASE_PASSWORD",
        "host": "DATABASE_SOCKET",
    }


def test_the_boards_commands_are_asked_for_and_nothing_else() -> None:
    (question,) = inspect_application(ROOT / "tests/apps/django").questions
    assert question.key == "background"
    assert "tick, work" in question.text


def test_the_api_gets_the_entry_that_is_known_to_work() -> None:
    found, known = inspect_application(ROOT / "tests/apps/fastapi"), site("api")
    assert found.framework == "FastAPI"
    assert entry(found) == {key: known[key] for key in ("wsgi_app", "health_path", "gunicorn")}
    assert (found.questions, found.database, found.variables) == ((), None, ())


def test_a_wsgi_function_without_a_framework_is_found() -> None:
    found = inspect_application(ROOT / "tests/apps/shop")
    assert (found.framework, entry(found)["wsgi_app"]) == ("", "shop:application")


def test_each_reason_names_a_file_of_the_folder_and_a_line() -> None:
    for place in ("examples/guestbook", "tests/apps/django", "tests/apps/fastapi"):
        for finding in inspect_application(ROOT / place).findings:
            for told in finding.reason.split(", "):
                path, _, line = told.partition(":")
                assert (ROOT / place / path).is_file(), finding
                assert not line or int(line) <= len((ROOT / place / path).read_text().splitlines()), finding


# The entry point


def test_an_object_in_a_file_at_the_root_is_the_entry_point(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK)
    assert (entry(found)["wsgi_app"], reason(found, "wsgi_app")) == ("app:app", "app.py:2")


def test_an_object_that_wsgi_py_makes_by_a_factory_comes_before_the_factory(tmp_path: Path) -> None:
    factory = "from flask import Flask\ndef create_app(config):\n    app = Flask(__name__)\n    return app\n"
    files = {"shop/__init__.py": factory, "wsgi.py": "from shop import create_app\napp = create_app('production')\n"}
    assert entry(inspect(tmp_path, {"requirements.txt": "flask\n"}, files))["wsgi_app"] == "wsgi:app"


def test_a_factory_that_needs_arguments_is_a_question(tmp_path: Path) -> None:
    factory = "from flask import Flask\ndef create_app(config):\n    app = Flask(__name__)\n    return app\n"
    found = inspect(tmp_path, {"requirements.txt": "flask\n", "shop/__init__.py": factory})
    assert asked(found, "wsgi_app").startswith("shop/__init__.py:2 needs config: write the call with them, such as ")


def test_a_class_of_its_own_made_of_flasks_is_an_application(tmp_path: Path) -> None:
    files = {
        "shop.py": "from flask import Flask\nclass Shop(Flask):\n    pass\ndef create_app():\n    return Shop('shop')\n"
    }
    assert entry(inspect(tmp_path, {"requirements.txt": "flask\n"}, files))["wsgi_app"] == "shop:create_app()"


def test_an_object_under_main_is_not_what_a_server_loads(tmp_path: Path) -> None:
    factory = "from flask import Flask\ndef create_app():\n    return Flask(__name__)\n"
    run = "from shop import create_app\nif __name__ == '__main__':\n    app = create_app()\n    app.run()\n"
    found = inspect(tmp_path, {"requirements.txt": "flask\n", "shop/__init__.py": factory, "run.py": run})
    assert entry(found)["wsgi_app"] == "shop:create_app()"


def test_applications_in_tests_and_examples_are_passed_over(tmp_path: Path) -> None:
    others = {
        f"{place}/wsgi.py": FLASK["app.py"] for place in ("tests", "examples", "docs", "node_modules/x", ".venv/x")
    }
    found = inspect(tmp_path, FLASK, others, {"test_app.py": FLASK["app.py"], "conftest.py": FLASK["app.py"]})
    assert (entry(found)["wsgi_app"], asked(found, "wsgi_app")) == ("app:app", "")


def test_a_virtual_environment_is_passed_over_whatever_it_is_called(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"environment/pyvenv.cfg": "", "environment/lib/wsgi.py": FLASK["app.py"]})
    assert (entry(found)["wsgi_app"], asked(found, "wsgi_app")) == ("app:app", "")


def test_two_applications_that_are_alike_are_a_question(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "fastapi\n",
        "one/main.py": FASTAPI["app/main.py"],
        "two/main.py": FASTAPI["app/main.py"],
    }
    found = inspect(tmp_path, files)
    assert "one.main:app (one/main.py), two.main:app (two/main.py)" in asked(found, "wsgi_app")
    assert "wsgi_app" not in entry(found)


def test_a_manage_py_that_is_not_djangos_makes_no_django_of_flask(tmp_path: Path) -> None:
    found = inspect(
        tmp_path, FLASK, {"manage.py": "from flask_script import Manager\nfrom app import app\nManager(app).run()\n"}
    )
    assert (found.framework, entry(found)["wsgi_app"]) == ("Flask", "app:app")


def test_an_application_in_src_runs_there_unless_it_is_installed(tmp_path: Path) -> None:
    files = {"src/shop/__init__.py": "", "src/shop/wsgi.py": FLASK["app.py"]}
    found = inspect(tmp_path / "listed", {"requirements.txt": "flask\n"}, files)
    assert entry(found)["wsgi_app"] == "shop.wsgi:app"
    assert (entry(found)["subdirectory"], reason(found, "subdirectory")) == ("src", "src/shop/wsgi.py:2")
    project = '[project]\nname = "shop"\ndependencies = ["flask"]\n[build-system]\nrequires = ["hatchling"]\n'
    installed = inspect(tmp_path / "installed", {"pyproject.toml": project}, files)
    assert entry(installed)["wsgi_app"] == "shop.wsgi:app"
    assert not {"gunicorn", "subdirectory"} & {*entry(installed)}


@pytest.mark.parametrize(
    "project",
    [
        # Hatch looks for a package of the project's name.
        '[project]\nname = "my-shop"\ndependencies = ["flask"]\n[build-system]\nbuild-backend = "hatchling.build"\n',
        '[project]\nname = "shop"\ndependencies = ["flask"]\n[build-system]\nbuild-backend = "pdm.backend"\n'
        "[tool.pdm]\ndistribution = false\n",
    ],
)
def test_what_a_release_would_not_install_is_imported_from_its_folder(project: str, tmp_path: Path) -> None:
    files = {"pyproject.toml": project, "src/shop/__init__.py": "", "src/shop/wsgi.py": FLASK["app.py"]}
    found = entry(inspect(tmp_path, files))
    assert (found["wsgi_app"], found["subdirectory"]) == ("shop.wsgi:app", "src")


@pytest.mark.parametrize(
    ("files", "question"),
    [
        ({"Pipfile": '[packages]\ndjango = "*"\nmysqlclient = "*"\n'}, "Pipfile is no list that pip or uv could"),
        ({"setup.cfg": "[options]\ninstall_requires =\n    django\n    mysqlclient\n"}, ""),
        (
            {
                "setup.py": "from setuptools import setup\nsetup()\n",
                "setup.cfg": "[options]\ninstall_requires = django; mysqlclient\n",
            },
            "",
        ),
    ],
)
def test_a_driver_that_is_listed_in_any_file_is_not_added(files: dict[str, str], question: str, tmp_path: Path) -> None:
    django = {path: text for path, text in DJANGO.items() if path != "requirements.txt"}
    mysql = SETTINGS + 'DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "NAME": "shop"}}\n'
    found = inspect(tmp_path, django, files, {"config/settings.py": mysql})
    assert "python_packages" not in entry(found)
    assert "libmysqlclient-dev" in entry(found)["packages"]
    assert question in asked(found, "")
    assert "Nothing lists" not in asked(found, "")


def test_a_setup_cfg_of_tools_lists_nothing(tmp_path: Path) -> None:
    found = inspect(tmp_path, {"app.py": FLASK["app.py"], "setup.cfg": "[flake8]\nmax-line-length = 100\n"})
    assert "Nothing lists the packages" in asked(found, "")


def test_files_that_import_their_neighbours_are_imported_from_their_folder(tmp_path: Path) -> None:
    main = "from fastapi import FastAPI\nfrom db import engine\napp = FastAPI()\n"
    found = inspect(tmp_path, {"requirements.txt": "fastapi\n", "api/main.py": main, "api/db.py": "engine = None\n"})
    assert entry(found)["wsgi_app"] == "main:app"
    assert entry(found)["subdirectory"] == "api"


def test_an_application_in_a_folder_of_its_own_is_that_folder(tmp_path: Path) -> None:
    files = {f"backend/{path}": text for path, text in DJANGO.items()}
    found = inspect(tmp_path, files, {"frontend/package.json": "{}"})
    assert entry(found)["subdirectory"] == "backend"
    assert entry(found)["wsgi_app"] == "config.wsgi:application"
    assert reason(found, "wsgi_app") == "backend/config/wsgi.py:4"
    assert entry(found)["build_commands"] == ["python manage.py collectstatic --noinput"]
    assert entry(found)["static"] == {"/static/": "backend/staticfiles"}


def test_an_application_that_names_its_files_by_the_root_runs_there(tmp_path: Path) -> None:
    main = "from fastapi import FastAPI\nfrom db import engine\napp = FastAPI()\nopen('api/names.txt')\n"
    files = {"requirements.txt": "fastapi\n", "api/main.py": main, "api/db.py": "engine = None\n", "api/names.txt": ""}
    found = inspect(tmp_path, files)
    assert "subdirectory" not in entry(found)
    assert entry(found)["gunicorn"]["options"] == {"pythonpath": "api"}


def test_a_manage_py_below_the_root_is_called_there(tmp_path: Path) -> None:
    files = {f"web/{path}": text for path, text in DJANGO.items() if path != "requirements.txt"}
    found = inspect(tmp_path, files, {"requirements.txt": "django\nmysqlclient\n"})
    assert entry(found)["wsgi_app"] == "config.wsgi:application"
    assert (entry(found)["subdirectory"], reason(found, "subdirectory")) == ("web", "web/manage.py")
    assert entry(found)["build_commands"] == ["python manage.py collectstatic --noinput"]
    assert entry(found)["static"] == {"/static/": "web/staticfiles"}


# Commands that run it elsewhere


def test_a_procfile_tells_entry_point_options_migrations_and_workers(tmp_path: Path) -> None:
    procfile = (
        "web: gunicorn --workers=4 --threads 8 -k gthread --timeout 60 --bind 0.0.0.0:$PORT app:app --log-file -\n"
        "release: flask --app app db upgrade\n"
        "worker: celery -A app.tasks worker --loglevel info\n"
        "clock: python -m app.clock | tee log\n"
    )
    found = inspect(tmp_path, FLASK, {"Procfile": procfile})
    assert (entry(found)["wsgi_app"], reason(found, "wsgi_app")) == ("app:app", "Procfile:1")
    assert entry(found)["gunicorn"] == {"threads": 8, "timeout": 60, "worker_class": "gthread"}
    assert entry(found)["migrate_command"] == "flask --app app db upgrade"
    assert entry(found)["background"] == [{"name": "worker", "command": "celery -A app.tasks worker --loglevel info"}]
    assert asked(found, "background").startswith("Procfile:4 needs a shell for clock")


def test_a_single_worker_is_kept_for_it_may_be_all_that_the_application_can_bear(tmp_path: Path) -> None:
    assert entry(inspect(tmp_path, FLASK, {"Procfile": "web: gunicorn -w1 app:app\n"}))["gunicorn"] == {"workers": 1}


@pytest.mark.parametrize(
    ("dockerfile", "wsgi_app"),
    [
        ('CMD ["gunicorn", "--bind", "0.0.0.0:80", "shop.main:application"]', "shop.main:application"),
        ("CMD exec gunicorn --bind :$PORT \\\n  shop.main:application", "shop.main:application"),
        ('ENTRYPOINT ["sh", "-c", "cd shop && gunicorn main:application"]', "main:application"),
        ("CMD poetry run gunicorn shop.main:application", "shop.main:application"),
        ("CMD python -m gunicorn shop.main", "shop.main:application"),
    ],
)
def test_a_dockerfile_tells_the_entry_point(tmp_path: Path, dockerfile: str, wsgi_app: str) -> None:
    files = {"requirements.txt": "flask\n", "shop/main.py": FLASK["app.py"].replace("app =", "application =")}
    found = inspect(tmp_path, FLASK, files, {"Dockerfile": f"FROM python:3.13\n{dockerfile}\n"})
    assert entry(found)["wsgi_app"] == wsgi_app
    assert reason(found, "wsgi_app") == "Dockerfile:2"


def test_a_script_that_an_image_starts_tells_the_entry_point(tmp_path: Path) -> None:
    files = {"Dockerfile": 'ENTRYPOINT ["./start.sh"]\n', "start.sh": "#!/bin/sh\nset -e\nexec gunicorn shop:app\n"}
    found = inspect(tmp_path, FLASK, files, {"shop.py": FLASK["app.py"]})
    assert (entry(found)["wsgi_app"], reason(found, "wsgi_app")) == ("shop:app", "start.sh:3")


def test_commands_for_development_are_passed_over(tmp_path: Path) -> None:
    files = {"Dockerfile.dev": "CMD gunicorn other:app\n", "run.sh": "uvicorn other:app --reload\n"}
    found = inspect(tmp_path, FLASK, files, {"other.py": FLASK["app.py"]})
    assert entry(found)["wsgi_app"] == "app:app"


def test_uvicorn_and_its_factories_become_asgi(tmp_path: Path) -> None:
    main = "from fastapi import FastAPI\ndef create_app():\n    return FastAPI()\n"
    files = {"requirements.txt": "fastapi\n", "shop.py": main, "Procfile": "web: uvicorn --factory shop:create_app\n"}
    found = inspect(tmp_path, files)
    assert entry(found)["wsgi_app"] == "shop:create_app()"
    assert entry(found)["gunicorn"]["worker_class"] == "asgi"


def test_uvicorns_worker_becomes_asgi(tmp_path: Path) -> None:
    found = inspect(tmp_path, FASTAPI, {"Procfile": "web: gunicorn -k uvicorn.workers.UvicornWorker app.main:app\n"})
    assert entry(found)["gunicorn"]["worker_class"] == "asgi"


def test_a_worker_that_gunicorn_no_longer_has_is_a_question(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"Procfile": "web: gunicorn -k eventlet app:app\n"})
    assert "the worker eventlet, which gunicorn has given up" in asked(found, "gunicorn.worker_class")


def test_a_command_for_a_module_that_is_not_there_is_a_question(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"Procfile": "web: gunicorn shop.wsgi\n"})
    assert asked(found, "wsgi_app").startswith("Procfile:1 starts shop.wsgi:application, which is not in the folder")
    assert entry(found)["wsgi_app"] == "app:app"


def test_settings_of_gunicorn_that_a_release_would_pass_over_are_taken(tmp_path: Path) -> None:
    conf = "import os\nwsgi_app = 'shop:app'\nthreads = 4\nworkers = os.cpu_count()\n"
    found = inspect(tmp_path, FLASK, {"gunicorn.conf.py": conf, "shop.py": FLASK["app.py"]})
    assert (entry(found)["wsgi_app"], entry(found)["gunicorn"]) == ("shop:app", {"threads": 4})


# Packages and Python


def test_packages_of_included_lists_count(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "-r requirements/base.txt\n-r requirements.txt\n",
        "requirements/base.txt": "Flask-SQLAlchemy==3.1\n--requirement=db.txt\n",
        "requirements/db.txt": "mysqlclient==2.2.7 ; sys_platform == 'linux'  # the driver\n",
    }
    found = inspect(tmp_path, FLASK, files)
    assert "libmysqlclient-dev" in entry(found)["packages"]
    assert reason(found, "packages") == "requirements/db.txt:1 has mysqlclient"


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "Nothing lists the packages to install"),
        (
            {"requirements.txt": "flask\n", "Pipfile.lock": "{}"},
            "is made from Pipfile.lock and not from requirements.txt, which has flask",
        ),
    ],
)
def test_packages_that_a_release_would_pass_over_are_a_question(
    tmp_path: Path, files: dict[str, str], words: str
) -> None:
    assert words in asked(inspect(tmp_path, {"app.py": FLASK["app.py"]}, files), "")


def test_a_pyproject_that_only_holds_settings_of_tools_is_no_list_of_packages(tmp_path: Path) -> None:
    found = inspect(tmp_path, {"app.py": FLASK["app.py"], "pyproject.toml": "[tool.ruff]\nline-length = 120\n"})
    assert "Nothing lists the packages" in asked(found, "")


def test_a_gunicorn_that_drops_requests_is_named(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"requirements.txt": "flask\ngunicorn==20.1.0\n"})
    assert asked(found, "").startswith("requirements.txt:2 pins gunicorn 20.1.0: take 27 or later")


@pytest.mark.parametrize(
    ("files", "version"),
    [
        ({"pyproject.toml": '[project]\nname = "a"\nrequires-python = ">=3.11"\n', ".python-version": "3.12\n"}, None),
        ({"pyproject.toml": '[project]\nname = "a"\nrequires-python = ">=3.9,<3.11"\n'}, "3.10"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.12"\n', ".python-version": "3.12.4"}, "3.12"),
        ({"runtime.txt": "python-3.10.13\n"}, "3.10"),
        ({"Dockerfile": "FROM docker.io/library/python:3.12-slim\n"}, None),
        ({"Dockerfile": "FROM docker.io/library/python:3.14-slim\n"}, "3.14"),
        ({"Pipfile": '[requires]\npython_version = "3.9"\n'}, "3.9"),
        ({}, None),
    ],
)
def test_a_python_is_written_where_the_distributions_would_not_do(
    tmp_path: Path, files: dict[str, str], version: str | None
) -> None:
    assert entry(inspect(tmp_path, FLASK, files)).get("app_deploy") == ({"python": version} if version else None)


def test_pythons_that_exclude_each_other_are_a_question(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"runtime.txt": "python-3.10.1\n", ".python-version": "3.12\n"})
    assert asked(found, "app_deploy.python").startswith(
        "No Python suits all of runtime.txt (==3.10.*), .python-version"
    )


# Variables


def variables_of(folder: Path, code: str, requirements: str = "") -> Application:
    """Return what is found of a Flask application whose configuration is this code."""
    files = {"config.py": code, "app.py": f"import config\n{FLASK['app.py']}"}
    return inspect(folder, FLASK, files, {"requirements.txt": f"flask\n{requirements}"})


def test_a_class_that_makes_nothing_of_the_environment_has_no_variables(tmp_path: Path) -> None:
    code = (
        "import os\nPREFIX = 'SHOP_'\nclass Settings:\n    mailer: str\n"
        "    def shown(self):\n        return [name[len(PREFIX):] for name in os.environ]\n"
    )
    assert variables_of(tmp_path, code).variables == ()


@pytest.mark.parametrize(
    ("code", "name", "is_required"),
    [
        ("import os\nX = os.environ['MAILER']\n", "MAILER", True),
        ("from os import environ\nX = environ['MAILER']\n", "MAILER", True),
        ("import os\nX = os.getenv('MAILER')\n", "MAILER", False),
        ("import os\nX = os.environ.get('MAILER', 'x')\n", "MAILER", False),
        ("import os\nif 'MAILER' in os.environ:\n    X = os.environ['MAILER']\n", "MAILER", False),
        ("import os\ntry:\n    X = os.environ['MAILER']\nexcept KeyError:\n    X = ''\n", "MAILER", False),
        ("import os\ntry:\n    X = os.environ['MAILER']\nexcept KeyError:\n    raise SystemExit(1)\n", "MAILER", True),
        ("from decouple import config\nX = config('MAILER')\n", "MAILER", True),
        ("from decouple import config\nX = config('MAILER', default='x')\n", "MAILER", False),
        ("from decouple import AutoConfig\nread = AutoConfig()\nX = read('MAILER')\n", "MAILER", True),
        ("from starlette.config import Config\nread = Config('.env')\nX = read('MAILER', cast=str)\n", "MAILER", True),
        ("import environ\nenv = environ.Env()\nX = env('MAILER')\n", "MAILER", True),
        ("import environ\nenv = environ.Env(MAILER=(str, 'x'))\nX = env('MAILER')\n", "MAILER", False),
        ("import environ\nenv = environ.Env()\nX = env.str('MAILER', 'x')\n", "MAILER", False),
        ("import environ\nenv = environ.Env()\nX = env('MAILER', str, 'x')\n", "MAILER", False),
        ("from environs import Env\nenv = Env()\nX = env.str('MAILER', 'x')\n", "MAILER", False),
        ("from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    mailer: str\n", "MAILER", True),
        ("from pydantic_settings import BaseSettings\nclass S(BaseSettings):\n    mailer: str = ''\n", "MAILER", False),
        (
            "from pydantic_settings import BaseSettings, SettingsConfigDict\nclass Base(BaseSettings):\n    pass\n"
            "class S(Base):\n    model_config = SettingsConfigDict(env_prefix='SHOP_')\n    mailer: str\n",
            "SHOP_MAILER",
            True,
        ),
        (
            "from pydantic import Field\nfrom pydantic_settings import BaseSettings\n"
            "class S(BaseSettings):\n    x: str = Field(..., validation_alias='MAILER')\n",
            "MAILER",
            True,
        ),
        (
            "import os\nPREFIX = 'SHOP_'\nclass Settings(Base):\n    mailer: str\n    @classmethod\n"
            "    def read(cls):\n        found = {}\n        for name, value in os.environ.items():\n"
            "            if name.startswith(PREFIX):\n                found[name[len(PREFIX):].lower()] = value\n"
            "        return cls(**found)\n",
            "SHOP_MAILER",
            False,
        ),
        (
            "import os\ndef need(name, default=None):\n    value = os.environ.get(name, default)\n"
            "    if value is None:\n        raise SystemExit(name)\n    return value\nX = need('MAILER')\n",
            "MAILER",
            True,
        ),
        (
            "import os\ndef need(name, default=None):\n    value = os.environ.get(name, default)\n"
            "    if value is None:\n        raise SystemExit(name)\n    return value\nX = need('MAILER', 'x')\n",
            "MAILER",
            False,
        ),
    ],
)
def test_a_variable_is_required_where_the_code_fails_without_it(
    tmp_path: Path, code: str, name: str, is_required: bool
) -> None:
    found = variables_of(tmp_path, code)
    assert [(variable.name, variable.required) for variable in found.variables] == [(name, is_required)]
    assert bool(asked(found, f"environment.{name}")) is is_required


def test_a_variable_that_is_required_names_its_line(tmp_path: Path) -> None:
    found = variables_of(tmp_path, "import os\n\nKEY = os.environ['MAILER_KEY']\n")
    assert asked(found, "environment.MAILER_KEY") == "config.py:3 needs MAILER_KEY: write its value."


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SECRET_KEY", "secret"),
        ("DJANGO_SECRET_KEY", "secret"),
        ("JWT_SECRET", "secret"),
        ("SECURITY_PASSWORD_SALT", "secret"),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("STRIPE_SECRET_KEY", ""),
        ("GITHUB_CLIENT_SECRET", ""),
        ("PAYSTACK_SECRET_KEY", ""),
        ("SUPABASE_JWT_SECRET", ""),
        ("LDAP_SECRET", ""),
        ("DJANGO_ALLOWED_HOSTS", "domain"),
        ("CSRF_TRUSTED_ORIGINS", "origin"),
        ("FLASK_DEBUG", "debug"),
        ("DATABASE_URL", ""),
    ],
)
def test_a_secret_is_made_up_where_nobody_else_gives_it_out(tmp_path: Path, name: str, kind: str) -> None:
    assert kinds(variables_of(tmp_path, f"import os\nX = os.environ['{name}']\n")) == {name: kind}


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("SECRET_KEY = os.environ.get('CRM_SECRET_KEY', 'dev')\n", "secret"),
        ("SECRET_KEY: str = os.environ.get('CRM_KEY') or 'dev'\n", "secret"),
        ("app = object()\napp.secret_key = os.environ['CRM_KEY']\n", "secret"),
        ("app.config['JWT_SECRET_KEY'] = os.environ['CRM_KEY']\n", "secret"),
        ("app.config.from_mapping(SECRET_KEY=os.environ['CRM_KEY'])\n", "secret"),
        ("SECRET_KEY = os.environ['AUTH0_CLIENT_SECRET']\n", ""),
        ("client = Client(secret_key=os.environ['CLERK_SECRET_KEY'])\n", ""),
        ("CLERK = {'SECRET_KEY': os.environ['CLERK_SECRET_KEY']}\n", ""),
    ],
)
def test_a_variable_that_becomes_the_secret_of_the_application_is_one(tmp_path: Path, code: str, kind: str) -> None:
    assert [*kinds(variables_of(tmp_path, f"import os\n{code}")).values()] == [kind]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("SERVER_NAME = os.environ['SERVER_NAME']\n", "domain"),
        ("SERVER_NAME = os.environ.get('SERVER_NAME')\n", ""),
        ("SITE_URL = os.environ.get('SITE_URL', 'http://localhost:8000')\n", "origin"),
        ("BASE_URL = os.environ.get('BASE_URL', 'https://api.elsewhere.com')\n", ""),
        ("BASE_URL = os.environ.get('APP_BASE_URL')\n", "origin"),
        ("BASE_URL = os.environ.get('OPENAI_BASE_URL')\n", ""),
        ("BASE_URL = os.environ.get('OLLAMA_BASE_URL', 'http://localhost:11434')\n", ""),
    ],
)
def test_the_sites_name_is_given_only_where_it_is_asked_for(tmp_path: Path, code: str, kind: str) -> None:
    assert [*kinds(variables_of(tmp_path, f"import os\n{code}")).values()] == [kind]


def test_variables_of_development_and_tests_are_left_out(tmp_path: Path) -> None:
    code = "import os\nclass TestConfig:\n    X = os.environ['ONE']\nclass Config:\n    Y = os.environ['DEV_MAILER']\n"
    assert variables_of(tmp_path, code).variables == ()


@pytest.mark.parametrize("name", ["_SHOP_PARENT_ADDRESS", "USERPROFILE"])
def test_what_a_process_hands_to_its_own_children_and_what_windows_sets_is_left_out(tmp_path: Path, name: str) -> None:
    assert variables_of(tmp_path, f"import os\nX = os.environ['{name}']\n").variables == ()


def test_variables_of_files_that_nothing_imports_are_left_out(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"scripts/seed.py": "import os\nX = os.environ['SEED']\n"})
    assert found.variables == ()


def test_variables_of_files_that_are_named_in_a_text_are_found(tmp_path: Path) -> None:
    app = f"{FLASK['app.py']}\napp.config.from_object('shop.config.Production')\n"
    files = {"shop/__init__.py": "", "shop/config.py": "import os\nclass Production:\n    X = os.environ['MAILER']\n"}
    assert required(inspect(tmp_path, FLASK, files, {"app.py": app})) == ["MAILER"]


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("import os\nDEBUG = os.environ.get('DEBUG', 'True') == 'True'\n", "False"),
        ("import os\nDEBUG = int(os.environ.get('DEBUG', 1))\n", "0"),
        ("from decouple import config\nDEBUG = config('DEBUG', default=True, cast=bool)\n", "False"),
        ("import os\nDEBUG = int(os.environ['DEBUG'])\n", "0"),
        ("import os\nDEBUG = os.environ.get('DEBUG', 'false')\n", None),
    ],
)
def test_debug_is_turned_off_where_it_is_on_by_default(tmp_path: Path, code: str, value: str | None) -> None:
    assert entry(variables_of(tmp_path, code)).get("environment") == ({"DEBUG": value} if value else None)


def test_a_configuration_that_is_chosen_by_name_is_that_of_production(tmp_path: Path) -> None:
    code = "import os\nX = {'development': 1, 'production': 2}[os.getenv('FLASK_CONFIG', 'development')]\n"
    assert entry(variables_of(tmp_path, code))["environment"] == {"FLASK_CONFIG": "production"}


# The database


@pytest.mark.parametrize(
    ("driver", "scheme"),
    [
        ("pymysql", "mysql+pymysql"),
        ("mysqlclient", "mysql+mysqldb"),
        ("mysql-connector-python", "mysql+mysqlconnector"),
    ],
)
def test_the_scheme_of_an_address_is_the_drivers(tmp_path: Path, driver: str, scheme: str) -> None:
    found = variables_of(tmp_path, "import os\nX = os.environ['DATABASE_URL']\n", f"sqlalchemy\n{driver}\n").database
    assert found is not None
    assert (found.engine, found.url, found.scheme, found.query) == ("mysql", "DATABASE_URL", scheme, QUERY)


def test_an_asynchronous_engine_takes_its_own_driver(tmp_path: Path) -> None:
    code = (
        "import os\nfrom sqlalchemy.ext.asyncio import create_async_engine\n"
        "engine = create_async_engine(os.environ['DATABASE_URL'])\n"
    )
    found = variables_of(tmp_path, code, "sqlalchemy\naiomysql\npymysql\n").database
    assert found is not None
    assert found.scheme == "mysql+aiomysql"


def test_postgresql_alone_is_said_to_be_no_mysql(tmp_path: Path) -> None:
    found = variables_of(tmp_path, "import os\nX = os.environ['DATABASE_URL']\n", "sqlalchemy\npsycopg2-binary\n")
    assert found.database is not None
    assert found.database.engine == "postgresql"
    assert asked(found, "database").startswith(
        "requirements.txt:3 has psycopg2-binary, so the application needs PostgreSQL and does not run on MySQL"
    )


def test_code_for_postgresql_is_said_to_be_no_mysql_whatever_the_driver(tmp_path: Path) -> None:
    code = "import os\nfrom sqlalchemy.dialects.postgresql import JSONB\nX = os.environ['DATABASE_URL']\n"
    found = variables_of(tmp_path, code, "sqlalchemy\npymysql\n")
    assert "config.py:2 imports sqlalchemy.dialects.postgresql.JSONB" in asked(found, "database")


@pytest.mark.parametrize(
    ("code", "added", "scheme"),
    [
        ("", ["PyMySQL"], "mysql+pymysql"),
        ("from sqlalchemy.ext.asyncio import create_async_engine\n", ["aiomysql", "greenlet"], "mysql+aiomysql"),
    ],
)
def test_a_driver_that_the_packages_lack_is_added(tmp_path: Path, code: str, added: list[str], scheme: str) -> None:
    found = variables_of(tmp_path, f"import os\n{code}X = os.environ['DATABASE_URL']\n", "sqlalchemy\n")
    assert entry(found)["python_packages"] == added
    assert (found.database and found.database.scheme, asked(found, "database")) == (scheme, "")


def test_addresses_of_redis_in_django_s_settings_are_read_by_the_overlay(tmp_path: Path) -> None:
    more = 'BROKER_URL = "redis://localhost/0"\nCACHES = {"default": {"BACKEND": "a", "LOCATION": "redis://localhost/1"}}\n'
    found = inspect(tmp_path, DJANGO, {"config/settings.py": SETTINGS + more})
    (file,) = found.files
    assert 'BROKER_URL = os.environ["CELERY_BROKER_URL"]\n' in file.text
    assert 'CACHES["default"]["LOCATION"] = os.environ["REDIS_URL"]\n' in file.text
    assert (entry(found)["redis"], asked(found, "redis")) == ({}, "")
    build = entry(found)["build_environment"]
    assert (build["CELERY_BROKER_URL"], build["REDIS_URL"]) == ("redis://localhost", "redis://localhost")


def test_settings_in_the_code_are_read_by_a_file_where_the_environment_names_one(tmp_path: Path) -> None:
    code = (
        "from flask import Flask\n"
        "app = Flask(__name__)\n"
        "app.config['DEBUG'] = False\n"
        "SECRET_KEY = 'tralala'\n"
        "SQLALCHEMY_DATABASE_URI = 'sqlite:////tmp/shop.db'\n"
        "app.config.from_object(__name__)\n"
        "app.config.from_envvar('SHOP_SETTINGS', silent=True)\n"
    )
    found = inspect(tmp_path, {"requirements.txt": "flask==3.1.3\nflask-sqlalchemy==3.1.1\n", "app.py": code})
    (file,) = found.files
    assert file.dest == "webstack_settings.cfg"
    assert file.text.splitlines()[1:] == [
        "import os",
        "",
        'SECRET_KEY = os.environ["SECRET_KEY"]',
        'SQLALCHEMY_DATABASE_URI = os.environ["DATABASE_URL"]',
    ]
    assert entry(found)["environment"] == {"SHOP_SETTINGS": "/proc/self/cwd/webstack_settings.cfg"}
    assert asked(found, "database") == asked(found, "environment.SECRET_KEY") == ""


def test_an_argument_that_only_sqlite_takes_is_a_question_unless_a_condition_asks_for_it(tmp_path: Path) -> None:
    code = "import os\nfrom sqlalchemy import create_engine\nURL = os.environ['DATABASE_URL']\n"
    always = f"{code}create_engine(URL, connect_args={{'check_same_thread': False}})\n"
    assert "config.py:4 passes check_same_thread" in asked(variables_of(tmp_path, always, "sqlalchemy\n"), "database")
    asks = f"{code}create_engine(URL, connect_args={{'check_same_thread': False}} if 'sqlite' in URL else {{}})\n"
    assert asked(variables_of(tmp_path, asks, "sqlalchemy\n"), "database") == ""


def test_an_address_of_postgresql_has_no_scheme_of_mysql(tmp_path: Path) -> None:
    found = variables_of(tmp_path, "import os\nX = os.environ['DATABASE_URL']\n", "sqlalchemy\npsycopg\n").database
    assert found is not None
    assert (found.url, found.scheme, found.query) == ("DATABASE_URL", "", "")


def test_the_database_of_development_does_not_count(tmp_path: Path) -> None:
    code = "class DevConfig:\n    SQLALCHEMY_DATABASE_URI = 'sqlite:///dev.db'\n"
    assert variables_of(tmp_path, code, "flask-sqlalchemy\n").database is None


def test_an_sqlite_file_in_the_code_is_a_question(tmp_path: Path) -> None:
    found = variables_of(tmp_path, "SQLALCHEMY_DATABASE_URI = 'sqlite:///shop.db'\n", "flask-sqlalchemy\n")
    assert asked(found, "database").startswith("config.py:1 keeps the data in SQLite")


def test_an_address_of_host_and_port_would_miss_mysqls_socket(tmp_path: Path) -> None:
    code = (
        "import os\nURI = 'mysql+pymysql://%s:%s@%s/%s' % (os.environ['DB_USER'], os.environ['DB_PASSWORD'], "
        "os.environ['DB_HOST'], os.environ['DB_NAME'])\n"
    )
    found = variables_of(tmp_path, code, "sqlalchemy\npymysql\n")
    assert found.database is not None
    assert found.database.variables == {
        "host": "DB_HOST", "name": "DB_NAME", "password": "DB_PASSWORD", "user": "DB_USER",
    }  # fmt: skip
    assert f"unix_socket={SOCKET}" in asked(found, "database")


def test_an_application_without_a_database_has_none(tmp_path: Path) -> None:
    assert inspect(tmp_path, FLASK).database is None


# Migrations


MIGRATE = (
    "from flask import Flask\nfrom flask_migrate import Migrate\nmigrate = Migrate()\n"
    "def create_app():\n    app = Flask(__name__)\n    migrate.init_app(app)\n    return app\n"
)


def test_flask_migrate_takes_the_application_by_its_module(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": MIGRATE,
        "migrations/versions/1.py": "",
        "requirements.txt": "flask\nflask-migrate==4.1\n",
    }
    found = inspect(tmp_path, files)
    assert entry(found)["migrate_command"] == "flask --app shop db upgrade"
    assert entry(found)["migrate_check_command"] == "flask --app shop db check"
    assert asked(found, "migrate_command") == ""


def test_a_flask_migrate_without_check_has_none(tmp_path: Path) -> None:
    files = {"shop/__init__.py": MIGRATE, "migrations/versions/1.py": "", "requirements.txt": "flask-migrate==3.1.0\n"}
    assert "migrate_check_command" not in entry(inspect(tmp_path, files))


def test_migrations_without_revisions_are_a_question(tmp_path: Path) -> None:
    found = inspect(tmp_path, {"shop/__init__.py": MIGRATE, "requirements.txt": "flask-migrate\n"})
    assert "no revisions are in the folder" in asked(found, "migrate_command")


def test_alembic_has_no_check_for_it_ends_with_another_code(tmp_path: Path) -> None:
    found = inspect(
        tmp_path, FASTAPI, {"alembic.ini": "[alembic]\n", "alembic/versions/1.py": "", "alembic/env.py": ""}
    )
    assert entry(found)["migrate_command"] == "alembic upgrade head"
    assert "migrate_check_command" not in entry(found)


# Static files, uploads, builds


def test_flasks_static_folder_is_served_where_there_is_one(tmp_path: Path) -> None:
    assert "static" not in entry(inspect(tmp_path / "without", FLASK))
    assert entry(inspect(tmp_path / "with", FLASK, {"static/a.css": ""}))["static"] == {"/static/": "static"}


def test_a_static_folder_of_another_place_and_name_is_taken(tmp_path: Path) -> None:
    app = "from flask import Flask\napp = Flask(__name__, static_folder='../assets', static_url_path='/files')\n"
    files = {"shop/__init__.py": app, "requirements.txt": "flask\n", "assets/a.css": ""}
    assert entry(inspect(tmp_path, files))["static"] == {"/files/": "assets"}


def test_what_an_asgi_application_mounts_is_served(tmp_path: Path) -> None:
    main = (
        "from fastapi import FastAPI\nfrom fastapi.staticfiles import StaticFiles\napp = FastAPI()\n"
        "app.mount('/static', StaticFiles(directory='app/static'), name='static')\n"
    )
    found = inspect(tmp_path, FASTAPI, {"app/main.py": main, "app/static/a.css": ""})
    assert entry(found)["static"] == {"/static/": "app/static"}


def test_a_static_folder_that_nothing_fills_is_a_question(tmp_path: Path) -> None:
    app = FLASK["app.py"].replace("Flask(__name__)", "Flask(__name__, static_folder='public')")
    found = inspect(tmp_path, FLASK, {"app.py": app, ".gitignore": "/public/\n", "public/a.css": ""})
    assert asked(found, "build_commands").startswith("public/ is not in the folder")


def test_a_build_of_the_image_is_a_build_of_the_release(tmp_path: Path) -> None:
    dockerfile = (
        "RUN pip install -r requirements.txt && python manage.py compilemessages\n"
        "RUN python manage.py collectstatic --noinput && python manage.py migrate\n"
    )
    commands = entry(inspect(tmp_path, DJANGO, {"Dockerfile": dockerfile}))["build_commands"]
    assert commands == ["python manage.py collectstatic --noinput", "python manage.py compilemessages"]


def test_a_command_of_flask_that_the_image_has_a_variable_for_is_told_the_application(tmp_path: Path) -> None:
    dockerfile = "ENV FLASK_APP shop.py\nRUN flask translate compile\nCMD gunicorn shop:app\n"
    found = inspect(tmp_path, FLASK, {"Dockerfile": dockerfile, "shop.py": FLASK["app.py"]})
    assert entry(found)["build_commands"] == ["flask --app shop translate compile"]


def test_uploads_outlive_a_release(tmp_path: Path) -> None:
    code = (
        "import os\nBASE = os.path.abspath(os.path.dirname(__file__))\nUPLOAD_FOLDER = os.path.join(BASE, 'uploads')\n"
    )
    assert entry(variables_of(tmp_path, code))["shared_paths"] == ["uploads"]


@pytest.mark.parametrize("place", ["'/var/uploads'", "Path(__file__).parent.parent / 'uploads'"])
def test_uploads_outside_the_release_are_a_question(tmp_path: Path, place: str) -> None:
    found = variables_of(tmp_path, f"from pathlib import Path\nUPLOAD_FOLDER = {place}\n")
    assert "which is no folder of the release" in asked(found, "shared_paths")


# The health page


def flask_routes(code: str) -> dict[str, str]:
    """Return a Flask application with these routes."""
    return {
        "requirements.txt": "flask\n",
        "app.py": f"from flask import Blueprint, Flask, redirect\napp = Flask(__name__)\n{code}",
    }


@pytest.mark.parametrize(
    ("code", "path"),
    [
        ("@app.route('/healthz')\ndef f():\n    return 'ok'\n", "/healthz"),
        ("@app.route('/healthz/')\ndef f():\n    return 'ok'\n", "/healthz/"),
        ("@app.get('/status')\ndef f():\n    return 'ok'\n@app.get('/health')\ndef g():\n    return 'ok'\n", "/health"),
        ("bp = Blueprint('b', __name__, url_prefix='/api')\n@bp.get('/ping')\ndef f():\n    return 'ok'\n"
         "app.register_blueprint(bp)\n", "/api/ping"),
        ("bp = Blueprint('b', __name__, url_prefix='/api')\n@bp.get('/ping')\ndef f():\n    return 'ok'\n"
         "app.register_blueprint(bp, url_prefix='/v2')\n", "/v2/ping"),
        ("def f():\n    return 'ok'\napp.add_url_rule('/health', 'f', f)\n", "/health"),
    ],
)  # fmt: skip
def test_a_health_page_is_found_with_what_stands_before_it(tmp_path: Path, code: str, path: str) -> None:
    found = inspect(tmp_path, flask_routes(code))
    assert (entry(found)["health_path"], asked(found, "health_path")) == (path, "")


@pytest.mark.parametrize(
    "code",
    [
        "@app.route('/health', methods=['POST'])\ndef f():\n    return 'ok'\n",
        "@app.get('/health')\n@login_required\ndef f():\n    return 'ok'\n",
        "@app.get('/health')\ndef f():\n    return redirect('/login')\n",
        "@app.get('/<path>/health')\ndef f():\n    return 'ok'\n",
        "@app.before_request\ndef gate():\n    if not user.is_authenticated:\n        return redirect('/login')\n"
        "@app.get('/health')\ndef f():\n    return 'ok'\n",
    ],
)
def test_a_page_that_does_not_answer_everyone_with_200_is_no_health_page(tmp_path: Path, code: str) -> None:
    found = inspect(tmp_path, flask_routes(code))
    assert "health_path" not in entry(found)
    assert "write the path of a page that answers 200 without a login" in asked(found, "health_path")


def test_the_start_page_is_asked_where_there_is_no_health_page(tmp_path: Path) -> None:
    found = inspect(tmp_path, flask_routes("@app.get('/')\ndef f():\n    return 'ok'\n"))
    assert entry(found)["health_path"] == "/"
    assert asked(found, "health_path").startswith("No route looks like a health page, so / is asked: write the path")


def test_the_prefixes_of_fastapis_routers_add_up(tmp_path: Path) -> None:
    files = {
        "app/settings.py": "class Settings:\n    api: str = '/api/v1'\nsettings = Settings()\n",
        "app/inner.py": "from fastapi import APIRouter\nrouter = APIRouter(prefix='/utils')\n\n"
        "@router.get('/health-check/')\nasync def check():\n    return True\n",
        "app/outer.py": "from fastapi import APIRouter\nfrom app import inner\nrouter = APIRouter()\n"
        "router.include_router(inner.router)\n",
        "app/main.py": "from fastapi import FastAPI\nfrom app.outer import router\nfrom app.settings import settings\n"
        "app = FastAPI()\napp.include_router(router, prefix=settings.api)\n",
    }
    assert entry(inspect(tmp_path, FASTAPI, files))["health_path"] == "/api/v1/utils/health-check/"


def test_a_page_that_depends_on_a_user_is_no_health_page(tmp_path: Path) -> None:
    main = FASTAPI["app/main.py"].replace("def health():", "def health(user=Depends(get_current_user)):")
    assert "health_path" not in entry(inspect(tmp_path, FASTAPI, {"app/main.py": main}))


# Django


def settings(text: str) -> dict[str, str]:
    """Return a Django project whose settings end with these."""
    return {**DJANGO, "config/settings.py": SETTINGS + text}


def test_a_small_django_project_is_told_completely(tmp_path: Path) -> None:
    found = inspect(tmp_path, DJANGO)
    assert entry(found) == {
        "wsgi_app": "config.wsgi:application",
        "packages": ["gcc", "libmysqlclient-dev", "pkg-config", "python3-dev"],
        "build_commands": ["python manage.py collectstatic --noinput"],
        "build_environment": {"ALLOWED_HOSTS": "none"},
        "static": {"/static/": "staticfiles"},
        "health_path": "/health/",
    }


def test_the_settings_for_production_are_chosen_beside_those_for_development(tmp_path: Path) -> None:
    files = {
        "manage.py": MANAGE.replace("config.settings", "config.settings.dev"),
        "config/wsgi.py": WSGI.replace("config.settings", "config.settings.dev"),
        "config/settings/__init__.py": "",
        "config/settings/base.py": SETTINGS.replace("parent.parent", "parent.parent.parent"),
        "config/settings/dev.py": "import os\nfrom .base import *\nX = os.environ['ONLY_DEV']\n",
        "config/settings/production.py": "import os\nfrom .base import *\nX = os.environ['ONLY_PRODUCTION']\n",
    }
    project = {path: text for path, text in DJANGO.items() if path != "config/settings.py"}
    found = inspect(tmp_path, project, files)
    assert entry(found)["environment"] == {"DJANGO_SETTINGS_MODULE": "config.settings.production"}
    assert entry(found)["build_environment"]["DJANGO_SETTINGS_MODULE"] == "config.settings.production"
    assert required(found) == ["ALLOWED_HOSTS", "ONLY_PRODUCTION", "SECRET_KEY"]
    assert entry(found)["static"] == {"/static/": "staticfiles"}


def test_commands_get_the_settings_of_wsgi_py_where_manage_py_has_others(tmp_path: Path) -> None:
    files = {
        "manage.py": MANAGE.replace("config.settings", "config.local"),
        "config/local.py": "from .settings import *\n",
    }
    assert entry(inspect(tmp_path, DJANGO, files))["environment"] == {"DJANGO_SETTINGS_MODULE": "config.settings"}


def test_settings_that_git_ignores_are_a_question(tmp_path: Path) -> None:
    found = inspect(tmp_path, DJANGO, {".gitignore": "settings.py\n"})
    assert asked(found, "environment.DJANGO_SETTINGS_MODULE").startswith(
        "The settings config.settings are not in the folder"
    )


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("STATIC_ROOT = find_it()\n", "static", "config/settings.py:11 has a STATIC_ROOT elsewhere"),
        ("STATIC_URL = 'https://cdn.example.com/'\n", "static", "on another server"),
    ],
)
def test_what_no_overlay_can_set_is_a_question(tmp_path: Path, text: str, key: str, words: str) -> None:
    assert words in asked(inspect(tmp_path, settings(text)), key)


def test_a_project_without_static_files_gathers_none(tmp_path: Path) -> None:
    found = inspect(tmp_path, settings("INSTALLED_APPS = []\n"))
    assert not {"static", "build_commands"} & {*entry(found)}


def test_apps_that_are_added_later_count(tmp_path: Path) -> None:
    found = inspect(tmp_path, settings("INSTALLED_APPS = []\nINSTALLED_APPS += ['django.contrib.staticfiles']\n"))
    assert entry(found)["static"] == {"/static/": "staticfiles"}


OVERLAID = [
    ("DEBUG = True\n", "DEBUG = False"),
    ("DEBUG = 'RENDER' not in os.environ\n", "DEBUG = False"),
    ("DEBUG = os.environ.get('MODE', 'dev') == 'dev'\n", "DEBUG = False"),
    ("DEBUG = False if os.getenv('PROD') else True\n", "DEBUG = False"),
    ("DEBUG = os.environ.get('DEBUG') != 'False'\n", "DEBUG = False"),
    ("DEBUG = False if os.environ.get('DEBUG') == 'no' else True\n", "DEBUG = False"),
    ("DEBUG = os.environ.get('DEBUG', 'False')\n", "DEBUG = False"),
    ("DEBUG = bool(os.environ.get('DEBUG', True))\n", "DEBUG = False"),
    ("from decouple import config\nDEBUG = not config('PRODUCTION', cast=bool)\n", "DEBUG = False"),
    ("import socket\nDEBUG = socket.gethostname() != 'web1'\n", "DEBUG = False"),
    ("SECURE_SSL_REDIRECT = not DEBUG\n", "SECURE_SSL_REDIRECT = False"),
    ("SECRET_KEY = 'insecure'\n", 'SECRET_KEY = os.environ["SECRET_KEY"]'),
    ("ALLOWED_HOSTS = []\n", 'ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")'),
    ("SECURE_SSL_REDIRECT = True\n", "SECURE_SSL_REDIRECT = False"),
    ("STATIC_ROOT = '/var/www/static'\n", 'STATIC_ROOT = BASE / "staticfiles"'),
    ("MEDIA_ROOT = '/var/media'\n", 'MEDIA_ROOT = BASE / "media"'),
    ("del STATIC_ROOT\n", 'STATIC_ROOT = BASE / "staticfiles"'),
    ("DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db'}}\n", "DATABASES = {"),
]


@pytest.mark.parametrize(("text", "line"), OVERLAID)
def test_what_settings_have_in_the_code_is_set_by_an_overlay(tmp_path: Path, text: str, line: str) -> None:
    text = SETTINGS.replace("STATIC_ROOT", "OTHER") if text.startswith("del") else SETTINGS + text
    found = inspect(tmp_path, DJANGO, {"config/settings.py": text})
    (file,) = found.files
    assert file.dest == "config/webstack_settings.py"
    assert {"from config.settings import *", line} <= set(file.text.splitlines())
    assert entry(found)["environment"]["DJANGO_SETTINGS_MODULE"] == "config.webstack_settings"
    assert file.reason.startswith("config/settings.py")


@pytest.mark.parametrize(("text", "line"), OVERLAID)
def test_settings_that_the_environment_cannot_select_are_a_question_each(tmp_path: Path, text: str, line: str) -> None:
    fixed = (
        WSGI.replace("os.environ.setdefault(", "os.environ[")
        .replace('", "config', '"] = "config')
        .replace('gs")', 'gs"')
    )
    text = SETTINGS.replace("STATIC_ROOT", "OTHER") if text.startswith("del") else SETTINGS + text
    found = inspect(tmp_path, DJANGO, {"config/settings.py": text, "config/wsgi.py": fixed})
    assert found.files == ()
    assert [question.text for question in found.questions if "config/settings.py" in question.text], line


@pytest.mark.parametrize(
    "text",
    [
        "DEBUG = False\n",
        "DEBUG = os.environ.get('DEBUG') == '1'\n",
        "DEBUG = 'DEBUG' in os.environ\n",
        "DEBUG = bool(os.environ.get('DEBUG'))\n",
        "DEBUG = os.environ.get('SHOP_DEBUG', '').lower() in ('1', 'true')\n",
        "DEBUG = True if os.environ.get('DEBUG') else False\n",
        "DEBUG = os.environ.get('ENVIRONMENT', 'production') == 'development'\n",
        "from decouple import config\nDEBUG = config('DEV_MODE', default=False, cast=bool)\n",
        "import environ\nenv = environ.Env(DEBUG=(bool, False))\nDEBUG = env('DEBUG')\n",
    ],
)
def test_a_debug_that_is_off_stays_as_it_is(tmp_path: Path, text: str) -> None:
    assert inspect(tmp_path, DJANGO, {"config/settings.py": SETTINGS + text}).files == ()


def test_an_overlay_runs_and_has_the_last_word(tmp_path: Path) -> None:
    text = SETTINGS.replace("SECRET_KEY = ", "SECRET_KEY = 'insecure'  # ") + "DEBUG = True\nSTATIC_ROOT = '/var/www'\n"
    found = inspect(tmp_path, DJANGO, {"config/settings.py": text})
    (file,) = found.files
    write(tmp_path, {file.dest: file.text})
    code = "from config.webstack_settings import *; print(DEBUG, SECRET_KEY, ALLOWED_HOSTS, STATIC_ROOT, ROOT_URLCONF)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"SECRET_KEY": "long", "ALLOWED_HOSTS": "a.example,b.example"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == f"False long ['a.example', 'b.example'] {tmp_path}/staticfiles config.urls\n"


def test_settings_that_are_not_seen_in_full_are_left_alone(tmp_path: Path) -> None:
    text = "from others.settings import *\nINSTALLED_APPS = []\nSTATIC_ROOT = 'static'\n"
    assert inspect(tmp_path, DJANGO, {"config/settings.py": text}).files == ()


def test_uploads_of_django_are_kept_and_served(tmp_path: Path) -> None:
    found = inspect(tmp_path, settings("MEDIA_ROOT = BASE_DIR / 'media'\nMEDIA_URL = '/media/'\n"))
    assert entry(found)["shared_paths"] == ["media"]
    assert entry(found)["static"] == {"/static/": "staticfiles", "/media/": "media"}


@pytest.mark.parametrize(
    ("text", "engine", "url"),
    [
        ("import dj_database_url\nDATABASES = {'default': dj_database_url.config()}\n", "mysql", "DATABASE_URL"),
        ("import environ\nenv = environ.Env()\nDATABASES = {'default': env.db()}\n", "mysql", "DATABASE_URL"),
        ("DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql'}}\n", "postgresql", ""),
        ("DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'db'}}\n", "mysql", ""),
        ("DATABASES = {'default': {'ENGINE': os.environ['SQL_ENGINE'], 'NAME': os.environ['SQL_DATABASE'], "
         "'PASSWORD': os.environ['SQL_PASSWORD']}}\n", "mysql", ""),
    ],
)  # fmt: skip
def test_djangos_databases_tell_engine_and_address(tmp_path: Path, text: str, engine: str, url: str) -> None:
    database = inspect(tmp_path, settings(text)).database
    assert database is not None
    assert (database.engine, database.url, database.scheme) == (engine, url, "mysql" if url else "")


def test_a_host_of_django_is_mysqls_socket_and_an_engine_that_is_read_is_mysqls(tmp_path: Path) -> None:
    text = (
        "DATABASES = {'default': {'ENGINE': os.environ.get('SQL_ENGINE', 'django.db.backends.sqlite3'), "
        "'NAME': os.environ['SQL_DATABASE'], 'HOST': os.environ.get('SQL_HOST', 'localhost')}}\n"
    )
    assert entry(inspect(tmp_path, settings(text)))["environment"] == {
        "SQL_ENGINE": "django.db.backends.mysql",
        "SQL_HOST": SOCKET,
    }


def test_a_redirect_to_https_is_turned_off_where_it_is_read(tmp_path: Path) -> None:
    text = "import environ\nenv = environ.Env()\nSECURE_SSL_REDIRECT = env.bool('SSL_REDIRECT', True)\n"
    assert entry(inspect(tmp_path, settings(text)))["environment"] == {"SSL_REDIRECT": "False"}


def test_commands_work_without_a_manage_py(tmp_path: Path) -> None:
    project = {path: text for path, text in DJANGO.items() if path != "manage.py"}
    found = inspect(tmp_path, project)
    assert entry(found)["build_commands"] == ["python -m django collectstatic --noinput"]
    assert entry(found)["build_environment"]["DJANGO_SETTINGS_MODULE"] == "config.settings"


def test_a_release_that_a_procfile_migrates_waits_for_no_answer(tmp_path: Path) -> None:
    text = "DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql', 'PASSWORD': os.environ['DB_PASSWORD']}}\n"
    found = inspect(tmp_path, settings(text), {"Procfile": "release: python manage.py migrate\n"})
    assert entry(found)["migrate_command"] == "python manage.py migrate --noinput"


def test_builds_get_an_address_that_can_be_read(tmp_path: Path) -> None:
    text = "import environ\nenv = environ.Env()\nDATABASES = {'default': env.db()}\n"
    found = inspect(tmp_path, settings(text))
    assert entry(found)["build_environment"]["DATABASE_URL"] == "mysql://none:none@localhost/none"


def test_pymysql_needs_to_stand_in_for_mysqlclient(tmp_path: Path) -> None:
    text = "DATABASES = {'default': {'ENGINE': 'django.db.backends.mysql', 'PASSWORD': os.environ['DB_PASSWORD']}}\n"
    found = inspect(tmp_path, settings(text), {"requirements.txt": "django\npymysql\n"})
    assert "install_as_MySQLdb" in asked(found, "database")
    mended = inspect(tmp_path, {"config/__init__.py": "import pymysql\npymysql.install_as_MySQLdb()\n"})
    assert asked(mended, "database") == ""


def test_models_without_migrations_are_a_question(tmp_path: Path) -> None:
    models = "from django.db import models\nclass Entry(models.Model):\n    pass\n"
    text = "INSTALLED_APPS += ['shop']\nDATABASES = {'default': {'ENGINE': 'django.db.backends.mysql'}}\n"
    found = inspect(tmp_path, settings(text), {"shop/__init__.py": "", "shop/models.py": models})
    assert asked(found, "migrate_command").startswith("shop/models.py has models without migrations")


@pytest.mark.parametrize(
    ("urls", "path"),
    [
        ("urlpatterns = [path('x/', include('shop.urls'))]\n", "/x/healthz"),
        ("urlpatterns = [path('ht/', include('health_check.urls'))]\n", "/ht/"),
        ("urlpatterns = [re_path(r'^health/$', view)]\n", "/health/"),
        ("urlpatterns = []\nurlpatterns += [path('health', view)]\n", "/health"),
        ("urlpatterns = [path('health', login_required(view)), path('admin/', admin.site.urls)]\n", "/admin/login/"),
        ("urlpatterns = [path('health', Private.as_view()), path('ping', Public.as_view())]\n", "/ping"),
    ],
)
def test_django_health_pages_are_found_through_what_includes_them(tmp_path: Path, urls: str, path: str) -> None:
    start = (
        "from django.contrib import admin\nfrom django.contrib.auth.decorators import login_required\n"
        "from django.contrib.auth.mixins import LoginRequiredMixin\nfrom django.urls import include, path, re_path\n"
        "from django.views import View\nfrom shop.urls import view\n"
        "class Private(LoginRequiredMixin, View):\n    pass\nclass Public(View):\n    pass\n"
    )
    shop = "from django.urls import path\ndef view(request):\n    return 1\nurlpatterns = [path('healthz', view)]\n"
    files = {"config/urls.py": start + urls, "shop/__init__.py": "", "shop/urls.py": shop}
    assert entry(inspect(tmp_path, DJANGO, files))["health_path"] == path


def test_a_login_for_all_pages_leaves_none_but_those_that_are_exempt(tmp_path: Path) -> None:
    middleware = settings("MIDDLEWARE = ['django.contrib.auth.middleware.LoginRequiredMiddleware']\n")
    assert "health_path" not in entry(inspect(tmp_path / "one", middleware))
    urls = URLS.replace("def health", "@login_not_required\ndef health")
    assert entry(inspect(tmp_path / "two", middleware, {"config/urls.py": urls}))["health_path"] == "/health/"


# Others


def test_an_application_that_calls_others_needs_the_network(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"app.py": f"import requests\n{FLASK['app.py']}"})
    assert entry(found)["gunicorn"] == {"network": True}
    assert reason(found, "gunicorn.network") == "app.py:1 imports requests"


def test_a_redis_that_is_imported_is_set_up(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"app.py": f"from redis import Redis\n{FLASK['app.py']}"})
    assert (entry(found)["redis"], reason(found, "redis")) == ({}, "app.py:1 imports redis")


def test_a_server_that_is_not_set_up_is_a_question(tmp_path: Path) -> None:
    found = inspect(tmp_path, FLASK, {"app.py": f"import pymongo\n{FLASK['app.py']}"})
    assert asked(found, "") == "app.py:1 imports pymongo: no MongoDB is set up here, so bring one."


def test_a_committed_env_file_is_named(tmp_path: Path) -> None:
    assert ".env is in git" in asked(inspect(tmp_path / "one", FLASK, {".env": "DEBUG=1\n"}), "")
    assert asked(inspect(tmp_path / "two", FLASK, {".env": "DEBUG=1\n", ".gitignore": ".env\n"}), "") == ""
