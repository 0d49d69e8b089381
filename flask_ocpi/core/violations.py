"""What is wrong with a document: collected up to a bound, so that a refusal costs no more than the request did."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

import marshmallow as ma

#: Of so many violations no more are looked for: by then the sender knows enough.
MOST = 30


class Violations:
    """The violations in the parts of one value, such as the elements of a list.

    All that may be many in a document is checked by way of one of these: who adds to it stops when it is full.
    """

    __slots__ = ("_messages", "_number")

    def __init__(self) -> None:
        self._messages: dict[Any, Any] = {}
        self._number = 0

    def add(self, part: str | int, messages: Any) -> bool:
        """Note what is wrong with a part: a message, or messages by its own parts. True when there are enough."""
        if isinstance(messages, str):
            self._messages.setdefault(part, []).append(messages)
        else:
            self._messages[part] = messages
        self._number += number_of(messages)
        return self._number >= MOST

    def raise_any(self, valid: Any = None) -> None:
        """Raise marshmallow's ValidationError if there are any; ``valid`` are the parts that have none."""
        if self._messages:
            raise ma.ValidationError(self._messages, valid_data=valid)


def number_of(messages: Any) -> int:
    """Count marshmallow's error messages."""
    return sum(1 for _ in walk(messages))


def walk(messages: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Walk marshmallow's error messages, each with the names and indexes that lead to it."""
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from walk(inner, path if name == "_schema" else (*path, name))
    elif isinstance(messages, list):
        for message in messages:
            yield path, str(message)
    else:
        yield path, str(messages)
