"""A guestbook: one page on which visitors leave a few words."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask, url_for
from flask_migrate import Migrate
from flask_wtf.csrf import CSRFProtect

from guestbook import errors, hooks
from guestbook.config import DEFAULTS, from_environment
from guestbook.logs import configure_logging
from guestbook.models import db
from guestbook.sessions import Sessions
from guestbook.views import blueprint

ROOT = Path(__file__).parent.parent
PUBLIC = ROOT / "public"

csrf = CSRFProtect()
migrate = Migrate(directory=str(ROOT / "migrations"))


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the application, configured from the environment unless a test says otherwise."""
    configure_logging()
    app = Flask(__name__)
    app.config.from_mapping(DEFAULTS, RELEASE=release())
    app.config.from_mapping(from_environment() if config is None else config)

    app.session_interface = Sessions()
    hooks.init_app(app)
    errors.init_app(app)
    db.init_app(app)
    migrate.init_app(app, db)
    csrf.init_app(app)
    use_compiled_static_files(app)
    app.register_blueprint(blueprint)
    return app


def release() -> str:
    """Name the deployed release, as the deployment wrote it down."""
    revision = ROOT / "REVISION"
    return revision.read_text().strip() if revision.is_file() else "development"


def use_compiled_static_files(app: Flask) -> None:
    """Point to the hashed names in public/ where `python -m guestbook.digest` has made them."""
    manifest = PUBLIC / "manifest.json"
    names: dict[str, str] = {}
    if manifest.is_file():
        app.static_folder = str(PUBLIC)
        names = json.loads(manifest.read_text())

    @app.template_global()
    def static_url(name: str) -> str:
        return url_for("static", filename=names.get(name, name))
