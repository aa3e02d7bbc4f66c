"""Broken, hostile and very large folders: a look at an application comes to its end, and says what it passed over."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.inspection import (
    ApplicationError,
    inspect_application,
)

from tests.unit.test_application import DJANGO, FLASK, asked, entry, inspect, required, variables_of, write


def test_a_folder_without_an_application_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write(tmp_path, {"README.md": "Nothing\n", "script.py": "print(1)\n"})
    with pytest.raises(ApplicationError) as error:
        inspect_application(tmp_path)
    assert str(error.value).startswith(f"{tmp_path} holds no Python web application: looked for a manage.py of Django")
    assert str(error.value).count(".\n") == 0


def test_a_framework_with_a_server_of_its_own_is_named(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import tornado.web\napp = tornado.web.Application([])\n")
    with pytest.raises(ApplicationError) as error:
        inspect_application(tmp_path)
    assert "is made with Tornado (main.py:1), which has a server of its own" in str(error.value)


def test_what_is_no_folder_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ApplicationError, match=r"^.*/nowhere is not a folder on this machine[.]$"):
        inspect_application(tmp_path / "nowhere")


def test_the_only_file_being_broken_is_said_where_nothing_is_found(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": "from flask import Flask\napp = Flask(\n"})
    with pytest.raises(ApplicationError, match=r"app\.py:2 is no Python that can be read here"):
        inspect_application(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"from flask import Flask\ndef broken(:\n",
        b"from flask import Flask\nprint 'Python 2'\n",
        b"from flask import Flask\n\x00",
        b"# -*- coding: nonsense -*-\nfrom flask import Flask\n",
        b"from flask import Flask\nx = '\xff\xfe'\n",
        b"from flask import Flask\nx = " + b"(" * 5000 + b")" * 5000,
        b"from flask import Flask\nx = " + b"1 + " * 5000 + b"1\n",
        b"from flask import Flask\n#" + b" " * 2_000_000,
    ],
)
def test_a_python_file_that_cannot_be_read_is_a_question(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, FLASK)
    (tmp_path / "broken.py").write_bytes(content)
    found = inspect_application(tmp_path)
    assert entry(found)["wsgi_app"] == "app:app"
    assert [text.text for text in found.questions if "broken.py" in text.text and "look there yourself" in text.text]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pyproject.toml", b"[project\n"),
        ("pyproject.toml", b"project = 1\n[tool]\npoetry = 2\nuv = 3\n"),
        ("pyproject.toml", b'[project]\nrequires-python = "soon"\ndependencies = {a = 1}\n'),
        ("uv.lock", b"package = 1\n"),
        ("uv.lock", b"[[package]]\nname = 1\n"),
        ("Pipfile.lock", b'{"default": {"flask": 1}, "default": ['),
        ("Pipfile.lock", b"[" * 10_000),
        ("requirements.txt", "flask\n".encode("utf-16")),
        ("requirements.txt", b"-r requirements.txt\n-r ../../../etc/passwd\n-e .\n\xff\n"),
        ("Procfile", b"web: gunicorn 'app:app\nworker\n:\n"),
        ("Procfile", b"web: gunicorn\nweb: gunicorn --bind\n"),
        ("Dockerfile", b'CMD ["gunicorn", \nRUN\nFROM python:\nENTRYPOINT [1, {}]\n'),
        ("docker-compose.prod.yml", b"services: !!python/object:x {}\n"),
        ("docker-compose.prod.yml", b"services: {web: {command: 1}, x: 2, y: {command: [1]}}\n"),
        (
            "docker-compose.prod.yml",
            b"a: &a [x,x]\n"
            + b"".join(
                b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 9))
                for letter in range(98, 106)
            )
            + b"services: {web: {build: ., command: *i}}\n",
        ),
        ("compose.yml", b"services: {web: {build: [1], command: {a: b}}}\n"),
        ("uwsgi.ini", b"[uwsgi]\nmodule =\nmodule = :\nchdir = %(\n"),
        ("supervisor.conf", b"[program:]\ncommand=\n[program:x\ncommand='\n"),
        ("package.json", b'{"scripts": [1], "dependencies": 2}'),
        ("package.json", b'{"scripts": {"build": {"a": 1}}, "devDependencies": {"vite": {}}}'),
        ("package.json", b"[" * 10_000),
        ("setup.py", b"from setuptools import setup\nsetup(install_requires=1)\n"),
        ("Procfile", b"web: cd ../../.. && gunicorn --chdir /etc app:app\n"),
        (
            "Dockerfile",
            b"FROM x AS\nCOPY\nWORKDIR\nWORKDIR ${X}\nCOPY --from=x / /\nCMD cd / && gunicorn app:app\n",
        ),
        (".flaskenv", b"FLASK_APP=\nFLASK_APP=..:\xff\n"),
        ("start", b"\x7fELF\x00gunicorn app:app\n"),
        ("poetry.lock", b"[[package]]\nname = 'a'\ngroups = 1\n[[package]]\ngroups = ['main']\n"),
        ("uv.lock", b"[[package]]\nname = 'a'\nsource = {virtual = '.'}\ndependencies = [{name = 'a'}, 1, {}]\n"),
        ("package.json", b"\x00"),
        ("gunicorn.conf.py", b"threads = 'many'\nwsgi_app = 1\n"),
        (".gitignore", b"[z-a]\n!\n/\n\xff\n*a*a*a*a*a*a*a*a*a*b\n"),
        (".python-version", b"\n\n"),
    ],
)
def test_no_broken_file_stops_the_look_at_the_others(tmp_path: Path, name: str, content: bytes) -> None:
    write(tmp_path, FLASK)
    (tmp_path / name).write_bytes(content)
    assert entry(inspect_application(tmp_path))["health_path"] == "/health"


def test_links_are_followed_neither_in_circles_nor_out_of_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"wsgi.py": FLASK["app.py"], "secret.py": "import os\nX = os.environ['OUTSIDE']\n"})
    folder = write(tmp_path / "app", FLASK, {"app.py": f"import secret, inside\n{FLASK['app.py']}"})
    (folder / "loop").symlink_to(folder)
    (folder / "itself").symlink_to("itself")
    (folder / "itself.py").symlink_to("itself.py")
    (folder / "other").symlink_to(tmp_path / "outside")
    (folder / "secret.py").symlink_to(tmp_path / "outside/secret.py")
    write(folder, {"real/settings.py": "import os\nX = os.environ['INSIDE']\n"})
    (folder / "inside.py").symlink_to("real/settings.py")
    found = inspect_application(folder)
    assert entry(found)["wsgi_app"] == "app:app"
    assert required(found) == ["INSIDE"]


def test_pipes_and_files_that_may_not_be_read_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, FLASK)
    os.mkfifo(tmp_path / "requirements.lock")
    os.mkfifo(tmp_path / "pipe.py")
    assert entry(inspect_application(tmp_path))["wsgi_app"] == "app:app"


def test_names_that_stand_for_each_other_come_to_an_end(tmp_path: Path) -> None:
    circles = (
        "UPLOAD_FOLDER = A\nA = B\nB = A\nclass C(C):\n    pass\nfrom config import *\nfrom config import X as X\n"
    )
    doubles = "".join(f"D{number} = D{number + 1} + D{number + 1}\n" for number in range(40)) + "D40 = 'x' * 2\n"
    found = variables_of(tmp_path, f"{circles}{doubles}MEDIA_ROOT = D0\n")
    assert entry(found)["wsgi_app"] == "app:app"


def test_names_without_end_do_not_keep_the_reader(tmp_path: Path) -> None:
    name = "get_mail_" * 20_000
    code = f"import os\n{name} = os.environ['{name.upper()}']\ndef {name}app():\n    return 1\nclass {name}: pass\n"
    started = time.process_time()
    found = variables_of(tmp_path, code)
    assert found.variables == ()
    assert time.process_time() - started < 5


def test_more_files_than_are_read_are_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.foobar.webstack.plugins.plugin_utils.application.tree.MAX_FILES", 5)
    found = inspect(tmp_path, FLASK, {f"many/{number}.py": "" for number in range(10)})
    assert "more files than are read" in asked(found, "")
    assert entry(found)["wsgi_app"] == "app:app"


def test_nothing_of_the_application_is_run(tmp_path: Path) -> None:
    bomb = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    inspect(tmp_path, FLASK, {"app.py": bomb + FLASK["app.py"], "setup.py": bomb, "conftest.py": bomb})
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_marks_and_line_ends_of_other_systems_are_read(tmp_path: Path, mark: bytes, ending: bytes) -> None:
    write(tmp_path, DJANGO)
    for path in tmp_path.rglob("*.*"):
        path.write_bytes(mark + path.read_bytes().replace(b"\n", ending))
    found = inspect_application(tmp_path)
    assert entry(found)["health_path"] == "/health/"
    assert entry(found)["static"] == {"/static/": "staticfiles"}
    assert found.questions == ()


def test_ten_thousand_files_are_looked_through_within_seconds(tmp_path: Path) -> None:
    write(tmp_path, DJANGO, {"config/settings.py": f"{DJANGO['config/settings.py']}from config.part0 import *\n"})
    for number in range(10_000):
        place = tmp_path / f"data/{number % 100}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number}.json").touch()
    for number in range(1000):
        (tmp_path / f"config/part{number}.py").write_text(
            f"from config.part{number + 1} import *\nX{number} = {number}\n"
        )
    started = time.process_time()
    found = inspect_application(tmp_path)
    assert time.process_time() - started < 20
    assert entry(found)["static"] == {"/static/": "staticfiles"}


def test_a_project_for_python_2_is_still_known_for_django_s(tmp_path: Path) -> None:
    manage = "import os\nfrom django.core.management import execute_from_command_line\nprint 'old'\n"
    found = inspect(tmp_path, DJANGO, {"manage.py": manage})
    assert found.framework == "Django"
    assert "manage.py:3 is no Python that can be read here" in asked(found, "")


def test_a_binary_file_by_the_name_of_a_text_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, FLASK)
    for name in ("data.txt", "start", "index.html", "x.conf", "y.lock", "requirements-big.txt"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 100)
    found = inspect_application(tmp_path)
    assert (entry(found)["wsgi_app"], found.questions) == ("app:app", ())
