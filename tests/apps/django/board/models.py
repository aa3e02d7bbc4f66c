"""What the board holds."""

from django.db import models


class Entry(models.Model):
    """An entry. Its token isn't unique: one that was sent twice must be seen twice."""

    token = models.CharField(max_length=36, db_index=True)
    name = models.CharField(max_length=100, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        """Return what tells the entry from others."""
        return f"{self.name} {self.token}"
