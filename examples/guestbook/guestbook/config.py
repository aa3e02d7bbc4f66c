"""Configuration, from the environment only."""

import os
from typing import Any

from click import ClickException
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

DEFAULTS: dict[str, Any] = {
    "MAX_CONTENT_LENGTH": 16 * 1024,
    "SESSION_COOKIE_SAMESITE": "Lax",
    # A page may stay open for days before its form is sent; the session bounds the token's life.
    "WTF_CSRF_TIME_LIMIT": None,
}

MYSQL_OPTIONS: dict[str, Any] = {
    "connect_args": {"connect_timeout": 3},
    "pool_pre_ping": True,  # a restarted server costs a reconnect, not an error page
    "pool_recycle": 1800,
    "pool_timeout": 5,
}


class ConfigurationError(ClickException):
    """Stops gunicorn at its start, and the flask command with this one sentence."""


def from_environment() -> dict[str, Any]:
    """Read the settings, or say which one is missing."""
    url = required("DATABASE_URL", "such as mysql+pymysql://user:password@host/database")
    try:
        backend = make_url(url).get_backend_name()
    except ArgumentError:
        # The reason would quote the address, password included.
        raise ConfigurationError("DATABASE_URL is not a database address.") from None
    return {
        "SECRET_KEY": required("SECRET_KEY", "a long random text that signs the sessions"),
        "SQLALCHEMY_DATABASE_URI": url,
        "SQLALCHEMY_ENGINE_OPTIONS": MYSQL_OPTIONS if backend == "mysql" else {},
    }


def required(name: str, example: str) -> str:
    """Return an environment variable that the application can't do without."""
    if value := os.environ.get(name):
        return value
    raise ConfigurationError(f"{name} is not set in the environment: {example}.")
