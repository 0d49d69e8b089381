"""SQL statements that are compiled once, and run on the driver's own cursor."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from operator import itemgetter
from typing import Any
from typing import NamedTuple

from sqlalchemy import Dialect
from sqlalchemy import Executable


class Answer(NamedTuple):
    """What a statement answered: all its rows, none of which is left to fetch, and how many it changed."""

    rows: Sequence[Any]
    changed: int


class Statement:
    """A statement and its parameters by name; its SQL is made when it is first run.

    executable: what it was made of, for those who run it by SQLAlchemy.
    """

    __slots__ = ("_constants", "_dialect", "_order", "_sql", "executable")

    def __init__(self, executable: Executable, dialect: Dialect) -> None:
        self.executable = executable
        self._dialect = dialect
        self._sql: str | None = None
        self._order: Callable[[Mapping[str, Any]], Any] | None = None
        self._constants: dict[str, Any] = {}

    @property
    def sql(self) -> str:
        """The text in the driver's own spelling of parameters."""
        if self._sql is None:
            compiled: Any = self.executable.compile(dialect=self._dialect)  # type: ignore[attr-defined]
            self._constants = {name: value for name, value in compiled.params.items() if value is not None}
            if compiled.positional:
                self._order = _order_of(compiled.positiontup)
            self._sql = str(compiled)
        return self._sql

    def run(self, driver: Any, values: Mapping[str, Any]) -> Answer:
        """Run it on the driver's connection; raises the driver's own errors."""
        cursor = driver.cursor()
        try:
            cursor.execute(*self.call(values))
            # Rows that were left would keep a read open on SQLite, and its log from being written back.
            rows = fetched(cursor, values) if cursor.description is not None else ()
            return Answer(rows, cursor.rowcount)
        finally:
            cursor.close()

    def call(self, values: Mapping[str, Any]) -> tuple[str, Any]:
        """Return SQL and parameters as the driver takes them."""
        sql = self.sql
        if self._constants:
            values = {**self._constants, **values}
        return sql, values if self._order is None else self._order(values)


def fetched(cursor: Any, values: Mapping[str, Any]) -> Sequence[Any]:
    """Fetch the rows of an answer: of records, whose documents come first, no more than have ``max_bytes`` together.

    Only SQLite makes them as they are fetched; statements for other databases look at that bound themselves.
    """
    left = values.get("max_bytes")
    if left is None:
        rows: Sequence[Any] = cursor.fetchall()
        return rows
    kept: list[Any] = []
    for row in cursor:
        left -= len(row[0] or b"")  # a row with the total alone has no document
        if left < 0 and kept:
            break
        kept.append(row)
    return kept


def _order_of(names: Sequence[str]) -> Callable[[Mapping[str, Any]], Any]:
    """Return what picks the values of these names, in their order."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda values: tuple(values[name] for name in names)
