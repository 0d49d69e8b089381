"""The actions of people: what somebody changed in the console or by a command, when, and with what outcome."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import replace
from itertools import islice
from typing import Any

from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import now_micros
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.exchange.context import Services
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import latest_first
from flask_ocpi.storage.base import numbered

ACTIONS = "actions"
#: The most actions that are kept, and for how many seconds.
MOST = 10_000
MAX_AGE = 400 * 86400
#: The outcome of an action that was carried out.
DONE = "done"

_log = logging.getLogger("flask_ocpi.actions")
_LONGEST = 500
_REMOVED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a person changed.

    who: the name that the host application gave, or the account that ran a command. what: what was done, in words.
    partner: the id of the platform, object: the module and the ids of the object; "" if it was about none.
    outcome: "done", or why it failed; "" if it is under way or was broken off. number: identifies it for people.
    """

    time: str
    who: str
    what: str
    partner: str = ""
    object: str = ""
    outcome: str = ""
    number: int = 0

    @property
    def is_done(self) -> bool:
        return self.outcome == DONE

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class Actions:
    """Notes and lists the actions of people: ``ocpi.actions``. The console and the commands note each change."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def run(self, who: str, what: str, work: Callable[[], object], *, partner: str = "", object: str = "") -> Action:
        """Carry out an action; return it with its outcome.

        It is stored before ``work`` is called, and again after it. An error of this package is the outcome; another
        exception is one as well, and passes on.
        """
        key, action = self._begin(who, what, partner, object)
        try:
            work()
        except Exception as error:
            ended = self._end(key, action, _said(error))
            if isinstance(error, FlaskOCPIError):
                return ended
            raise
        return self._end(key, action, DONE)

    @contextmanager
    def noted(self, who: str, what: str, *, partner: str = "", object: str = "") -> Iterator[None]:
        """Note what the block does, as :meth:`run` does; any exception passes on."""
        key, action = self._begin(who, what, partner, object)
        try:
            yield
        except Exception as error:
            self._end(key, action, _said(error))
            raise
        self._end(key, action, DONE)

    def list(self, *, limit: int = 50, offset: int = 0) -> Sequence[Action]:
        """Return actions, latest first."""
        records = latest_first(self._services.storage, ACTIONS, skip=offset, at_once=limit)
        return list(map(_read, islice(records, limit)))

    def find(self, number: int) -> Action | None:
        """Return the action with a number, or None."""
        record = numbered(self._services.storage, ACTIONS, number)
        return None if record is None else _read(record)

    def _begin(self, who: str, what: str, partner: str, object: str) -> tuple[Key, Action]:
        clock = self._services.clock
        action = Action(format_date_time(clock()), _cut(who), _cut(what), _cut(partner), _cut(object))
        key = Key.of("", "", f"{now_micros(clock):016x}{secrets.token_hex(4)}")
        self._services.storage.save(ACTIONS, key, _record(action, key))
        return key, action

    def _end(self, key: Key, action: Action, outcome: str) -> Action:
        ended = replace(action, outcome=_cut(outcome))
        storage = self._services.storage
        storage.save(ACTIONS, key, _record(ended, key))
        about = " ".join(filter(None, (ended.partner, ended.object)))
        _log.info("%a: %s %a: %a", ended.who, ended.what, about, ended.outcome)
        self._remove_old()
        stored = storage.get(ACTIONS, key)
        return ended if stored is None else _read(stored)

    def _remove_old(self) -> None:
        storage = self._services.storage
        oldest = storage.list(ACTIONS, Query(limit=1))
        before = now_micros(self._services.clock) - MAX_AGE * SECOND
        if oldest.total > MOST:
            storage.delete_page(ACTIONS, Query(limit=min(oldest.total - MOST, _REMOVED_AT_ONCE)), key_of=_key_of)
        elif any(record.last_updated < before for record in oldest.records):
            storage.delete_page(ACTIONS, Query(date_to=before, limit=_REMOVED_AT_ONCE), key_of=_key_of)


def without_secrets(url: str) -> str:
    """Return a URL without what may be a secret: the user with the password, and the query."""
    return re.sub(r"//[^/?#]*@", "//***@", url, count=1).partition("?")[0]


def _record(action: Action, key: Key) -> Record:
    return Record.of({**action.to_dict(), "key": key.id}, last_updated=to_micros(action.time))


def _read(record: Record) -> Action:
    document = {**record.document, "number": record.created}
    del document["key"]
    return Action(**document)


def _key_of(record: Record) -> Key:
    return Key("", "", record.document["key"])


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, FlaskOCPIError) else type(error).__name__


def _cut(text: str) -> str:
    """Return a text of bounded length that every database stores."""
    return "".join(char if char.isprintable() else "?" for char in text[:_LONGEST])
