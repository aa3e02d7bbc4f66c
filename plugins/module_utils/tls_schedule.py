"""When a certificate is renewed, and when an order that failed is tried again.

Times are seconds since the epoch, durations seconds.
"""

from __future__ import annotations

import base64
import hashlib
import time

HOUR = 3600
DAY = 24 * HOUR
# Below this life half of it may pass, above it two thirds, as Let's Encrypt advises.
SHORT_LIFE = 10 * DAY


def renewal_time(not_before: float, not_after: float) -> float:
    """Return when a certificate is to be renewed, by its life alone."""
    life = not_after - not_before
    return not_after - life / (2 if life < SHORT_LIFE else 3)


def window_time(start: float, end: float, serial: str) -> float:
    """Return a moment in the window that a CA suggests: the same at each run, another one for each certificate."""
    share = int.from_bytes(hashlib.sha256(serial.encode()).digest()[:4], "big") / 2**32
    return start + (end - start) * share


def retry_time(now: float, failures: int, not_after: float) -> float:
    """Return when to try again after a number of failures in a row: 1, 2, 4 … 24 hours later.

    While the certificate lives, it is at the latest when a tenth of its remaining life has passed.
    """
    wait = min(HOUR << min(failures - 1, 5), DAY)
    left = not_after - now
    return now + (min(wait, left / 10) if left > 0 else wait)


def moment(seconds: float) -> str:
    """Return a time for people, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))


def renewal_id(authority_key_id: str, serial: str) -> str:
    """Return how a certificate is called where a CA tells its window (RFC 9773), from two numbers in hexadecimal."""
    number = int(serial, 16)
    # One bit more, as DER's numbers have a sign.
    parts = bytes.fromhex(authority_key_id), number.to_bytes(number.bit_length() // 8 + 1, "big")
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
