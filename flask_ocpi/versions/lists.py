"""Lists in the shape of a version: an object is converted again only after a change."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from threading import Lock

import orjson

from flask_ocpi.core import forks
from flask_ocpi.core.converting import MORE
from flask_ocpi.core.converting import Conversion
from flask_ocpi.core.converting import Find
from flask_ocpi.core.converting import Lose
from flask_ocpi.core.schema import Document

#: The most objects of a list that are converted anew for each page, to count those that the version can express.
MOST_ANEW = 200

#: For one list, with the texts before and after.
_MOST_BYTES = 8_000_000
_AROUND = 500  # bytes of an entry besides its texts


@dataclass(frozen=True, slots=True)
class _Said:
    """A converted object. text: None if the version cannot express it.

    losses: its losses, by JSON pointer. told: the ids of the platforms for which they were noted.
    """

    text: bytes | None
    losses: tuple[tuple[str, str], ...]
    told: set[str] = field(default_factory=set)


class SaidList:
    """Converts the objects of one list to the shape of a version.

    Objects that need related objects are converted each time. A loss is noted once for each platform, until the object
    changes or is forgotten.
    """

    def __init__(self, conversion: Conversion) -> None:
        self._conversion = conversion
        self._kept: dict[bytes, _Said] = {}
        self._size = 0
        forks.begin(self._begin)

    def _begin(self) -> None:
        self._lock = Lock()

    def most_whole(self, cap: int) -> int:
        """Return the most objects of a list that is converted as a whole for a page; ``cap`` is the largest page."""
        return min(cap, MOST_ANEW) if self._conversion.needs_others else cap

    def texts(self, texts: Sequence[bytes], lose: Callable[[Document], Lose], find: Find, platform: str) -> list[bytes]:
        """Return, in order, the JSON of the objects that the version can express.

        lose: makes the function that notes the losses of an object. platform: the id of the caller.
        """
        if self._conversion.needs_others:
            documents = [orjson.loads(text) for text in texts]
            made = self._conversion.each_from_store(documents, lose, find)
            return [orjson.dumps(document) for document in made if document is not None]
        said = []
        for text in texts:
            if self._conversion.is_marked and MORE not in text:
                said.append(text)
                continue
            entry = self._kept.get(text) or self._convert(text)
            if entry.losses and platform not in entry.told:
                tell = lose(orjson.loads(text))
                for pointer, reason in entry.losses:
                    tell(pointer, reason)
                entry.told.add(platform)
            if entry.text is not None:
                said.append(entry.text)
        return said

    def _convert(self, text: bytes) -> _Said:
        losses: list[tuple[str, str]] = []

        def lose(document: Document) -> Lose:
            return lambda pointer, reason: losses.append((pointer, reason))

        (made,) = self._conversion.each_from_store([orjson.loads(text)], lose)
        entry = _Said(None if made is None else orjson.dumps(made), tuple(losses))
        with self._lock:
            self._kept[text] = entry
            self._size += self._size_of(text, entry)
            while self._size > _MOST_BYTES:
                oldest = next(iter(self._kept))
                self._size -= self._size_of(oldest, self._kept.pop(oldest))
        return entry

    def _size_of(self, text: bytes, entry: _Said) -> int:
        return len(text) + len(entry.text or b"") + _AROUND * (1 + len(entry.losses))
