"""A command for a schedule."""

from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand

from board.models import Entry


class Command(BaseCommand):
    """Write an entry called tick."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it."""
        Entry.objects.create(token=uuid4(), name="tick")
