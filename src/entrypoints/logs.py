"""Logs: one line an entry, JSON for machines or text for a terminal, each with the ids of the request it belongs
to.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

ACCESS: Final = logging.getLogger("holdwater.access")
"""One entry a request; its fields come in the record's attribute `fields`."""

request_fields: Final[ContextVar[Mapping[str, Any]]] = ContextVar("request_fields", default={})  # noqa: B039
"""What every entry of the present request bears: request_id and traceparent."""

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class JsonLines(logging.Formatter):
    """An object a line: at, level, logger, message, the request's ids, the entry's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        entry: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **request_fields.get(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = "".join(traceback.format_exception(*record.exc_info))
        return _encode(entry).decode()


class TextLines(logging.Formatter):
    """Time, level, message, then the fields as name=value; an exception follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """The text, without its end."""
        at = datetime.fromtimestamp(record.created, UTC).astimezone()
        fields = {**request_fields.get(), **getattr(record, "fields", {})}
        shown = "".join(f" {name}={value}" for name, value in fields.items() if name != "traceparent")
        line = f"{at:%H:%M:%S}.{int(record.msecs):03d} {record.levelname:<7} {record.getMessage()}{shown}"
        if record.exc_info:
            line += "\n" + "".join(traceback.format_exception(*record.exc_info)).rstrip()
        return line


def configure(log_format: Literal["auto", "json", "text"], log_level: str) -> None:
    """Send all logs of this process to stderr in that format, replacing what was configured before."""
    is_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextLines() if is_text else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(log_level)
    # What no entry shows is not found out for each (Python's logging how-to, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    # Django writes a line of its own for every 4xx; the access entry has said it already.
    logging.getLogger("django.request").setLevel(logging.ERROR)


def log_access(message: str, fields: Mapping[str, Any], level: int = logging.INFO) -> None:
    """Write the one entry of a request."""
    if ACCESS.isEnabledFor(level):
        ACCESS.log(level, message, extra={"fields": fields})
