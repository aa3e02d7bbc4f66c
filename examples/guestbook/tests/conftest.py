"""An application on an empty SQLite database in memory, its tables made by the migrations."""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade
from guestbook import create_app

SETTINGS = {"SECRET_KEY": "test", "SQLALCHEMY_DATABASE_URI": "sqlite://", "TESTING": True}


@pytest.fixture
def empty_app() -> Flask:
    """Return the application before its first migration."""
    return create_app(SETTINGS)


@pytest.fixture
def app(empty_app: Flask) -> Iterator[Flask]:
    """Return the application, ready to serve."""
    with empty_app.app_context():
        upgrade()
        yield empty_app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """Return a visitor."""
    return app.test_client()
