"""Error pages that look like the rest."""

from flask import Flask, current_app, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError, TimeoutError
from werkzeug.exceptions import HTTPException, ServiceUnavailable


def init_app(app: Flask) -> None:
    """Have the application show these pages."""
    app.register_error_handler(HTTPException, error_page)
    app.register_error_handler(OperationalError, database_page)
    app.register_error_handler(TimeoutError, database_page)


def error_page(error: HTTPException) -> ResponseReturnValue:
    """Show an HTTP error, with the headers that belong to it."""
    response = error.get_response()
    response.data = render_template("error.html", error=error)
    return response


def database_page(error: Exception) -> ResponseReturnValue:
    """Tell the log what is wrong with the database, and the visitor only to come back."""
    current_app.logger.error("The database can't be used: %s", getattr(error, "orig", error))
    return error_page(ServiceUnavailable("The guestbook can't be opened just now. Please try again soon."))
