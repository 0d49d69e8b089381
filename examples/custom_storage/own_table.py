"""What serving a table has in common, whatever is in it: whose objects they are, dates, pages and totals."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Engine
from sqlalchemy import Row
from sqlalchemy import Select
from sqlalchemy import func
from sqlalchemy.orm import Session

from flask_ocpi import Key
from flask_ocpi import Page
from flask_ocpi import Party
from flask_ocpi import Query
from flask_ocpi import ReadOnlyStorage
from flask_ocpi import Record
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OwnTable(ReadOnlyStorage):
    """Serves the objects of one party; they are changed where they always were, in the company's own software."""

    def __init__(self, engine: Engine, party: Party) -> None:
        self.engine = engine
        self.party = party

    @abc.abstractmethod
    def rows(self) -> Select[Any]:
        """Select all there are, oldest first, with what :meth:`documents` needs of each."""

    @abc.abstractmethod
    def last_updated(self) -> ColumnElement[datetime]:
        """What the filters for dates compare."""

    @abc.abstractmethod
    def has_id(self, id: str) -> ColumnElement[bool]:
        """Find the row of an id, which comes in capital letters: OCPI's identifiers compare without regard to case."""

    @abc.abstractmethod
    def documents(self, session: Session, rows: Sequence[Row[Any]]) -> list[dict[str, Any]]:
        """Make OCPI's objects of rows."""

    def get(self, kind: str, key: Key, *, for_update: bool = False) -> Record | None:
        if key.owner != self.party or key.receiver:  # a receiver would make it a copy of somebody else's
            return None
        with Session(self.engine) as session:
            records = self._records(session, self.rows().where(self.has_id(key.id)))
        return records[0] if records else None

    def list(self, kind: str, query: Query) -> Page:
        if query.receiver or (query.owners is not None and self.party not in query.owners):
            return Page()
        found = self.rows()
        if query.date_from is not None:
            found = found.where(self.last_updated() >= _moment(query.date_from))
        if query.date_to is not None:
            found = found.where(self.last_updated() < _moment(query.date_to))
        with Session(self.engine) as session:
            total = session.scalar(found.with_only_columns(func.count(), maintain_column_froms=True).order_by(None))
            return Page(self._records(session, found.offset(query.offset).limit(query.limit)), total or 0)

    def _records(self, session: Session, found: Select[Any]) -> list[Record]:
        documents = self.documents(session, session.execute(found).all())
        return [Record.of(document, last_updated=to_micros(document["last_updated"])) for document in documents]


def filled(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what there is nothing of, as OCPI does."""
    return {name: value for name, value in document.items() if value not in (None, [])}


def text(changed: datetime) -> str:
    """Write what the columns hold, UTC without an offset, as OCPI does."""
    return format_date_time(changed.replace(tzinfo=UTC))


def _moment(micros: int) -> datetime:
    """Turn the microseconds of a Query into what the columns hold."""
    return (EPOCH + timedelta(microseconds=micros)).replace(tzinfo=None)
