"""What happens around every request: its id, its log line, the headers of its answer."""

import logging
import time
import uuid

from flask import Flask, Response, g, request

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: behind https the protection against forged posts looks at the referrer.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

logger = logging.getLogger("guestbook.access")


def init_app(app: Flask) -> None:
    """Have the application call what stands below."""
    app.before_request(begin)
    app.after_request(protect)
    app.after_request(log)


def begin() -> None:
    """Note when the request came, and the id that nginx knows it by."""
    g.started = time.monotonic()
    g.via_nginx = "X-Request-ID" in request.headers
    g.request_id = request.headers.get("X-Request-ID", uuid.uuid4().hex)[:64]


def protect(response: Response) -> Response:
    """Forbid foreign scripts, frames and guesses; pages are for one visitor, so no cache keeps them."""
    response.headers.update(HEADERS)
    if request.endpoint != "static":
        response.cache_control.no_store = True
    return response


def log(response: Response) -> Response:
    """Write one line about the answer."""
    duration_ms = round((time.monotonic() - g.started) * 1000, 1)
    logger.info("answered", extra={"status": response.status_code, "duration_ms": duration_ms})
    return response
