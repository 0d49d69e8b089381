"""Log records with the ids of their message, and a formatter that writes records as JSON.

The host's logging is unchanged: the attributes are set on the records of this package's own loggers, and on those of
others if the host gives its handlers a :class:`ContextFilter`.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC
from datetime import datetime
from typing import Any

import orjson

from flask_ocpi.exchange.logs import LOGGERS
from flask_ocpi.exchange.logs import TidyFilter
from flask_ocpi.exchange.logs import current

ATTRIBUTES = ("request_id", "correlation_id", "platform", "operation")

_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


class ContextFilter(logging.Filter):
    """Gives each record ``request_id``, ``correlation_id``, ``platform`` and ``operation``; "" without a value.

    They come from the OCPI request or the outgoing message of the same thread. It lets every record pass, and keeps the
    attributes that a record has.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        about = current()
        for name in ATTRIBUTES:
            if not hasattr(record, name):
                setattr(record, name, "" if about is None else getattr(about, name))
        return True


class JSONFormatter(logging.Formatter):
    """Writes a record as one line of JSON, with all its attributes; empty ones are left out.

    ``time`` is in UTC, with milliseconds; ``exception`` is the traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update((name, value) for name, value in vars(record).items() if name not in _STANDARD and _says(value))
        if record.exc_info and not record.exc_text:
            record.exc_text = self.formatException(record.exc_info)
        if record.exc_text:
            line["exception"] = record.exc_text
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return _json(line)


def attach_filters() -> None:
    """Add the filters that give the records of this package's own loggers their message and keep them tidy."""
    for own in (ContextFilter(), TidyFilter()):
        for name in LOGGERS:
            logger = logging.getLogger(name)
            if not any(type(known) is type(own) for known in logger.filters):
                logger.addFilter(own)


def _says(value: object) -> bool:
    return value is not None and not (isinstance(value, str) and not value)


def _json(line: dict[str, Any]) -> str:
    try:
        return orjson.dumps(line, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a number of more than 64 bits, half a surrogate pair: rare, and no reason to lose the record
        return json.dumps(line, default=str, skipkeys=True)
