"""What visitors and operators can rely on."""

import gzip
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import guestbook
import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import check
from guestbook import create_app
from guestbook.config import ConfigurationError
from guestbook.digest import STATIC, compile_static_files
from guestbook.logs import JsonFormatter
from werkzeug.test import TestResponse


def sign(client: FlaskClient, name: str, message: str) -> TestResponse:
    """Fill in the form and send it, as a browser does."""
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/").text)
    assert token
    return client.post("/", data={"csrf_token": token[1], "name": name, "message": message})


def test_an_entry_appears_on_the_page(client: FlaskClient) -> None:
    """Redirecting keeps a reload from sending the entry again."""
    response = sign(client, " Zoë ", "Hello 🎉\r\nand thanks")
    assert (response.status_code, response.location) == (303, "/")
    page = client.get("/").text
    assert "<strong>Zoë</strong>" in page
    assert "Hello 🎉\nand thanks" in page
    assert "Thank you!" in page


def test_only_the_last_twenty_entries_are_shown(client: FlaskClient) -> None:
    """The newest comes first."""
    for number in range(21):
        sign(client, "visitor", f"entry {number};")
    assert re.findall(r"entry (\d+);", client.get("/").text) == [str(n) for n in range(20, 0, -1)]


@pytest.mark.parametrize(
    ("name", "message", "error"),
    [
        (" ", "Hello", "Please tell us your name."),
        ("Zoë", "", "Please write a few words."),
        ("Z" * 81, "Hello", "A name has 80 characters at most."),
        ("Zoë", "é" * 501, "A message has 500 characters at most."),
    ],
)
def test_a_bad_entry_is_refused_with_a_reason(client: FlaskClient, name: str, message: str, error: str) -> None:
    """What was typed stays in the form."""
    response = sign(client, name, message)
    assert response.status_code == 422
    assert error in response.text
    assert "<article" not in response.text


def test_an_entry_of_full_length_fits(client: FlaskClient) -> None:
    """A line break counts as one character, though browsers send two."""
    assert sign(client, "é" * 80, "\r\n".join("🎉" * 250) + "!").status_code == 303


def test_markup_is_shown_and_not_run(client: FlaskClient) -> None:
    """Every field is escaped."""
    sign(client, "<b>Eve</b>", "<script>alert(1)</script>")
    page = client.get("/").text
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_forged_post_is_refused(client: FlaskClient) -> None:
    """A foreign page doesn't know the token."""
    response = client.post("/", data={"name": "Eve", "message": "Hello"})
    assert response.status_code == 400
    assert "<article" not in client.get("/").text


def test_a_huge_post_is_refused(client: FlaskClient) -> None:
    """The limit leaves room for a full entry."""
    assert client.post("/", data={"message": "x" * 20_000}).status_code == 413


@pytest.mark.parametrize("path", ["/", "/health", "/missing"])
def test_every_answer_has_the_security_headers(client: FlaskClient, path: str) -> None:
    """Error pages too."""
    headers = client.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(client: FlaskClient) -> None:
    """Over http it has to be sent over http, too."""
    cookie = client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_over_https_the_session_cookie_is_for_https_alone(client: FlaskClient) -> None:
    """No page over http can have set one of this name."""
    cookie = client.get("/", base_url="https://localhost").headers["Set-Cookie"]
    assert cookie.startswith("__Host-session=")
    for word in ("HttpOnly", "SameSite=Lax", "Secure", "Path=/"):
        assert word in cookie


def test_the_page_names_who_answered(client: FlaskClient) -> None:
    """That is what this application is for."""
    page = client.get("/", headers={"X-Request-ID": "abc123"}, environ_base={"SERVER_SOFTWARE": "gunicorn/27.0.1"}).text
    for part in ("nginx", "abc123", "gunicorn 27.0.1", "development", "SQLite"):
        assert part in page


def test_health_names_the_release(client: FlaskClient) -> None:
    """A deployment compares it with what it deployed."""
    assert client.get("/health").json == {"status": "ok", "database": "ok", "release": "development"}


def test_health_is_red_before_the_migrations(empty_app: Flask) -> None:
    """The answer tells no details; the log does."""
    response = empty_app.test_client().get("/health")
    assert (response.status_code, response.json) == (503, {"status": "error"})


def test_without_a_database_the_page_says_come_back() -> None:
    """Neither the page nor the health page breaks."""
    url = "mysql+pymysql://guestbook:secret@localhost/guestbook?unix_socket=/nonexistent.sock"
    client = create_app({"SECRET_KEY": "test", "SQLALCHEMY_DATABASE_URI": url}).test_client()
    assert client.get("/health").status_code == 503
    response = client.get("/")
    assert response.status_code == 503
    assert "try again soon" in response.text


def test_the_migrations_make_what_the_models_describe(app: Flask) -> None:
    """Alembic finds nothing left to do."""
    check()


@pytest.mark.parametrize("missing", ["DATABASE_URL", "SECRET_KEY"])
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    """One sentence."""
    monkeypatch.setenv("DATABASE_URL", "sqlite://")
    monkeypatch.setenv("SECRET_KEY", "test")
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigurationError, match=f"^{missing} is not set"):
        create_app()


def test_a_bad_database_address_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a password."""
    monkeypatch.setenv("DATABASE_URL", "mysql//guestbook:secret@localhost")
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL is not a database address\.$"):
        create_app()


def test_compiled_static_files_have_hashed_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page points at them, and a compressed copy is beside each."""
    name = compile_static_files(STATIC, tmp_path)["style.css"]
    assert re.fullmatch(r"style-[0-9a-f]{32}\.css", name)
    assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()) == (STATIC / "style.css").read_bytes()

    monkeypatch.setattr(guestbook, "PUBLIC", tmp_path)
    client = create_app({"SECRET_KEY": "test", "SQLALCHEMY_DATABASE_URI": "sqlite://"}).test_client()
    assert f'href="/static/{name}"' in client.get("/missing").text
    assert client.get(f"/static/{name}").status_code == 200


def test_static_files_compile_without_a_setting(tmp_path: Path) -> None:
    """Releases are built where neither a database nor a secret is."""
    command = "import guestbook, pathlib, runpy, sys; guestbook.PUBLIC = pathlib.Path(sys.argv[1]); "
    command += "runpy.run_module('guestbook.digest', run_name='__main__')"
    subprocess.run(
        [sys.executable, "-c", command, tmp_path],
        check=True,
        cwd=guestbook.ROOT,
        env={"PATH": os.environ["PATH"]},
    )
    assert (tmp_path / "manifest.json").is_file()


def test_a_log_line_is_json_with_the_request(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    """The id is nginx's, so that both logs can be joined."""
    caplog.set_level(logging.INFO)
    caplog.handler.setFormatter(JsonFormatter())
    app.test_client().get("/health", headers={"X-Request-ID": "abc123"})
    line = json.loads(caplog.text.splitlines()[-1])
    assert line.pop("time")
    assert line.pop("duration_ms") >= 0
    assert line == {
        "level": "info",
        "logger": "guestbook.access",
        "message": "answered",
        "request_id": "abc123",
        "method": "GET",
        "path": "/health",
        "status": 200,
    }
