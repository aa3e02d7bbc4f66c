"""The entry of a site that is written down from what an application's files tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.foobar.webstack.plugins.plugin_utils.application.types import (
    Application,
    Database,
    Finding,
    Question,
    UserFile,
    Variable,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.new_entry import ORDER, Entry, inline, new_entry

SPEC = yaml.safe_load((Path(__file__).parents[2] / "playbooks/meta/sites.yml").read_text())
SOCKET = "/run/mysqld/mysqld.sock"
SOURCE = [Finding("directory", "../shop", "")]
FOUND = (
    Finding("wsgi_app", "shop.wsgi:application", "shop/wsgi.py:5"),
    Finding("build_commands", ["python manage.py collectstatic --noinput"], "STATIC_ROOT in shop/settings.py:9"),
    Finding("static", {"/static/": "staticfiles"}, "shop/settings.py:9"),
    Finding("health_path", "/health", "shop/urls.py:4"),
    Finding("gunicorn.worker_class", "gthread", "Procfile"),
)
VARIABLES = (
    Variable("SECRET_KEY", "shop/settings.py:3", kind="secret", required=True, at_start=True),
    Variable("ALLOWED_HOSTS", "shop/settings.py:4", kind="domain", type="list", required=True, at_start=True),
    Variable("SENTRY_DSN", "shop/settings.py:20"),
    Variable("DATABASE_URL", "shop/settings.py:6", kind="database", required=True, at_start=True),
)
URL = Database("mysql", "PyMySQL", "shop/settings.py:6", "DATABASE_URL", "mysql+pymysql", "charset=utf8mb4")


def written(application: Application) -> tuple[Entry, dict[str, Any]]:
    """Return an entry, and what YAML reads in its text."""
    entry = new_entry(application, "shop", SOURCE)
    (site,) = yaml.safe_load(f"sites:\n{entry.text()}")["sites"]
    return entry, site


def application(**parts: Any) -> Application:
    """Return an application of which some parts are known."""
    known = {"framework": "Django", "findings": FOUND, "questions": (), "database": URL, "variables": VARIABLES}
    return Application(**{**known, **parts})


def test_what_was_found_stands_in_the_entry_with_its_reason() -> None:
    entry, site = written(application())
    assert site["wsgi_app"] == "shop.wsgi:application"
    assert site["static"] == {"/static/": "staticfiles"}
    assert site["gunicorn"] == {"worker_class": "gthread"}
    assert site["directory"] == "../shop"
    assert "wsgi_app: shop.wsgi:application  # shop/wsgi.py:5\n" in entry.text()
    assert "  worker_class: gthread  # Procfile\n" in entry.text()


def test_the_entry_is_as_the_spec_of_sites_wants_it() -> None:
    _, site = written(application())
    assert ArgumentSpecValidator(SPEC).validate({"sites": [site]}).error_messages == []


def test_secrets_come_from_the_vault_and_the_database_s_address_holds_its_password() -> None:
    entry, site = written(application())
    assert entry.secrets == ["vault_shop_secret_key", "vault_shop_database_password"]
    assert site["environment"] == {
        "SECRET_KEY": "{{ vault_shop_secret_key }}",
        "ALLOWED_HOSTS": "{{ shop_domain }}",
        "DATABASE_URL": ("mysql+pymysql://shop:{{ vault_shop_database_password }}@localhost/shop?charset=utf8mb4"),
    }
    assert site["database"] == {"name": "shop", "user": "shop", "password": "{{ vault_shop_database_password }}"}


def test_a_build_gets_what_every_command_fails_without_and_no_secret() -> None:
    _, site = written(application())
    address = "mysql+pymysql://none:none@localhost/none"
    assert site["build_environment"] == {"ALLOWED_HOSTS": "none", "DATABASE_URL": address}


def test_a_database_in_parts_fills_the_variables_of_its_parts() -> None:
    parts = {"name": "DB_NAME", "user": "DB_USER", "password": "DB_PASSWORD", "socket": "DB_SOCKET"}
    _, site = written(application(variables=(), database=Database("mysql", "mysqlclient", "s.py:1", variables=parts)))
    assert site["environment"] == {
        "DB_NAME": "shop",
        "DB_USER": "shop",
        "DB_PASSWORD": "{{ vault_shop_database_password }}",
        "DB_SOCKET": "/run/mysqld/mysqld.sock",
    }


def test_a_database_whose_variable_is_not_known_has_its_account_and_its_password() -> None:
    entry, site = written(application(database=Database("mysql", "pymysql", "uv.lock", is_open=True), variables=()))
    assert site["database"] == {"name": "shop", "user": "shop", "password": "{{ vault_shop_database_password }}"}
    assert entry.secrets == ["vault_shop_database_password"]
    assert "environment" not in site


def test_a_build_gets_an_address_of_redis_that_a_library_can_read() -> None:
    found = application(variables=[Variable("CELERY_BROKER_URL", "s.py:1", "broker", required=True, at_start=True)])
    _, site = written(found)
    assert site["build_environment"]["CELERY_BROKER_URL"] == "redis://localhost"


def test_redis_is_reached_by_its_socket_in_the_words_of_each_library() -> None:
    read = [
        Variable("REDIS_URL", "s.py:1", kind="redis"),
        Variable("CACHE_URL", "s.py:2", kind="redis"),
        Variable("CELERY_BROKER_URL", "s.py:3", kind="broker"),
        Variable("CELERY_RESULT_BACKEND", "s.py:4", kind="broker"),
    ]
    _, site = written(application(variables=tuple(read), database=None))
    assert site["environment"] == {
        "CACHE_URL": "unix:///run/redis-shop/redis.sock?db=0",
        "CELERY_BROKER_URL": "redis+socket:///run/redis-shop/redis.sock?virtual_host=0",
        "CELERY_RESULT_BACKEND": "redis+socket:///run/redis-shop/redis.sock?virtual_host=1",
    }


def test_a_file_that_the_application_lacks_lies_in_the_folder_of_sites() -> None:
    file = UserFile("shop/webstack_settings.py", "DEBUG = False\n", "shop/settings.py:1")
    entry, site = written(application(files=(file,)))
    assert site["files"] == [{"src": "files/shop/webstack_settings.py", "dest": "shop/webstack_settings.py"}]
    assert entry.files == {"files/shop/webstack_settings.py": "DEBUG = False\n"}


def test_every_key_of_an_entry_has_its_place() -> None:
    known = set(SPEC["sites"]["options"])
    assert known - set(ORDER) <= {
        "addresses",
        "archive",
        "checksum",
        "hooks",
        "records",
        "tls",
        "trusted_proxies",
        "zone",
        "zones",
    }


@pytest.mark.parametrize(
    ("framework", "default", "values"),
    [
        ("Django", "django.db.backends.sqlite3", {"DB_ENGINE": "django.db.backends.mysql", "DB_HOST": SOCKET}),
        ("Django", "django.db.backends.mysql", {"DB_HOST": SOCKET}),
        ("Django", "sqlite3", {"DB_ENGINE": "mysql", "DB_HOST": SOCKET}),
        ("FastAPI", "sqlite", {"DB_ENGINE": "mysql", "DB_HOST": "localhost"}),
    ],
)
def test_engine_and_host_are_written_in_the_words_of_the_framework(
    framework: str, default: str, values: dict[str, str]
) -> None:
    read = (Variable("DB_ENGINE", "s.py:1", kind="database", default=default),)
    parts = {"engine": "DB_ENGINE", "host": "DB_HOST"}
    database = Database("mysql", "mysqlclient", "s.py:1", variables=parts)
    _, site = written(application(framework=framework, variables=read, database=database))
    assert site["environment"] == values


def test_a_value_with_braces_is_asked_for_and_never_written() -> None:
    braces = Finding("health_path", "/{{ lookup('pipe', 'id') }}", "urls.py:1")
    entry, site = written(application(findings=(*FOUND[:3], braces)))
    assert "health_path" not in site
    assert entry.questions == ["health_path: urls.py:1 has braces, which Ansible reads; write it yourself."]


def test_a_reason_or_a_question_cannot_leave_its_comment() -> None:
    asked = Question("static", "Is it a\n    gunicorn: {network: true}\n    #?")
    found = (Finding("health_path", "/", "x\n    nginx: {a: b}"), *FOUND[:1])
    _, site = written(application(findings=found, questions=(asked,)))
    assert {"gunicorn", "nginx"} & set(site) == set()


@pytest.mark.parametrize("database", [None, Database("sqlite", "", "s.py:1"), Database("postgresql", "psycopg", "x")])
def test_without_mysql_there_is_no_database(database: Database | None) -> None:
    entry, site = written(application(variables=(), database=database))
    assert "database" not in site
    assert entry.secrets == []


def test_what_could_not_be_told_stands_as_a_question_that_yaml_passes_over() -> None:
    asked = Question("health_path", "which page answers 200 without a login?")
    entry, site = written(application(questions=(asked, Question("", "Is it for MySQL?"))))
    assert "# ? health_path: which page answers 200 without a login?\n" in entry.text()
    assert "# ? Is it for MySQL?\n" in entry.text()
    assert site["health_path"] == "/health"


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "a: b",
        "{{ x }}",
        "yes",
        "1.10",
        "",
        "a, b",
        "# no comment",
        ["a", "b: c"],
        {"/static/": "x y"},
        True,
        5,
    ],
)
def test_a_value_in_one_line_is_what_it_was(value: Any) -> None:
    assert yaml.safe_load(f"a: {inline(value)}") == {"a": value}
