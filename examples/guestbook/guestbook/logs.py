"""Logs for machines: one JSON object per line on standard output."""

import json
import logging
import sys
from datetime import UTC, datetime

from flask import g, has_request_context, request


class JsonFormatter(logging.Formatter):
    """Turn a record, and the request it was written in, into JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            line |= {"request_id": g.get("request_id"), "method": request.method, "path": request.path}
        line |= {key: getattr(record, key) for key in ("status", "duration_ms") if hasattr(record, key)}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure_logging() -> None:
    """Send every log of this process, except gunicorn's own, to standard output."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO)
