"""The application's configuration."""

from django.apps import AppConfig


class BoardConfig(AppConfig):
    """The board."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "board"
