"""The guestbook's page, and the health page for whoever runs it."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from guestbook.forms import EntryForm
from guestbook.models import Entry, db

ENTRIES_SHOWN = 20
DATABASES = {"mysql": ("MySQL", func.version()), "sqlite": ("SQLite", func.sqlite_version())}

blueprint = Blueprint("guestbook", __name__)


@blueprint.route("/", methods=["GET", "POST"])
def index() -> ResponseReturnValue:
    """Show the latest entries, and take a new one."""
    form = EntryForm()
    if form.validate_on_submit():
        db.session.add(Entry(name=form.name.data, message=form.message.data))
        db.session.commit()
        flash("Thank you! Your entry is in the book.")
        return redirect(url_for(".index"), 303)

    database, version = DATABASES[db.engine.dialect.name]
    page = render_template(
        "index.html",
        form=form,
        entries=db.session.scalars(select(Entry).order_by(Entry.id.desc()).limit(ENTRIES_SHOWN)).all(),
        database=database,
        database_version=db.session.scalar(select(version)),
        server=request.environ.get("SERVER_SOFTWARE", "unknown").replace("/", " "),
        release=current_app.config["RELEASE"],
    )
    return page, 422 if form.errors else 200


@blueprint.get("/health")
def health() -> ResponseReturnValue:
    """Say whether this release can serve: the database answers and has the tables."""
    try:
        db.session.execute(select(Entry).limit(1))
    except SQLAlchemyError as error:
        current_app.logger.error("The database can't be used: %s", getattr(error, "orig", error))
        return {"status": "error"}, 503
    return {"status": "ok", "database": "ok", "release": current_app.config["RELEASE"]}
