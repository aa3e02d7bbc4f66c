"""A command for a background worker."""

import signal
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand

from board.models import Entry


class Command(BaseCommand):
    """Do jobs until SIGTERM, and finish the one that was begun.

    A job takes three seconds and writes an entry in each of them, called work:<release>. They share a token, so a job
    that was not finished has left fewer than three.
    """

    help = __doc__
    stopping = False

    def stop(self, *_: object) -> None:
        """Let the job that was begun be the last."""
        self.stopping = True

    def handle(self, *args: Any, **options: Any) -> None:
        """Do jobs."""
        signal.signal(signal.SIGTERM, self.stop)
        while not self.stopping:
            token = uuid4()
            for _ in range(3):
                Entry.objects.create(token=token, name=f"work:{Path.cwd().name}")
                time.sleep(1)
