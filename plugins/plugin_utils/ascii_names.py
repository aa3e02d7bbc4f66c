"""Host names in the letters that DNS and certificates have."""

from __future__ import annotations


def ascii_name(name: str) -> str:
    """Return a name in those letters, for a sentence; where it has no such form, what one would begin with."""
    try:
        return name.lower().encode("idna").decode()
    except UnicodeError:
        return "xn--…"
