"""Reading a JSON object of lists item by item: a file of any size takes no more memory than its largest item."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO
from typing import Any
from typing import NoReturn

import orjson

_READ_AT_ONCE = 256 * 1024
_BOM = b"\xef\xbb\xbf"
_SPACE = re.compile(rb"[ \t\n\r]*")
_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*+"', re.DOTALL)
#: A number, true, false or null, or what somebody took for one.
_WORD = re.compile(rb'[^ \t\n\r,:"\[\]{}]+')
#: All up to the next bracket that is not in a string.
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_OPENING = b"[{"
_QUOTE = b'"'


class JSONError(Exception):
    """A file does not hold JSON. line, column: where, both from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.column = column


class NoObjectError(Exception):
    """A file holds something else than a JSON object."""


def read_lists(file: IO[bytes]) -> Iterator[tuple[str, Any]]:
    """Walk the names of the JSON object in a file, each with what belongs to it: an iterator in place of a list.

    The iterator has to be read to its end before the next name is asked for. Raises JSONError and NoObjectError, when
    what is wrong is come to.
    """
    return _Reader(file).members()


class _Reader:
    """A part of a file, and where in it we are."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._text = file.read(len(_BOM)).removeprefix(_BOM)
        self._at = 0
        self._is_all = False
        # Where the part begins in the file, both from 0.
        self._line = 0
        self._column = 0

    def members(self) -> Iterator[tuple[str, Any]]:
        if self._next() not in (b"{", b""):
            raise NoObjectError
        self._expect(b"{", "unexpected end of data")
        if self._next() == b"}":
            self._at += 1
        else:
            while True:
                if self._next() != b'"':
                    self._fail("object key must be a string")
                name = self._value()
                self._expect(b":", "unexpected character, expected a colon")
                yield name, (self._items() if self._next() == b"[" else self._value())
                if self._expect(b",}", "unexpected character, expected a comma or the end of the object") == b"}":
                    break
        if self._next():
            self._fail("unexpected content after document")

    def _items(self) -> Iterator[Any]:
        self._expect(b"[", "")
        if self._next() == b"]":
            self._at += 1
            return
        while True:
            yield self._value()
            if self._expect(b",]", "unexpected character, expected a comma or the end of the array") == b"]":
                return

    def _value(self) -> Any:
        """Read the value that begins next."""
        if not self._next():
            self._fail("unexpected end of data")
        while (end := self._end_of_value()) is None:
            if self._is_all:
                end = len(self._text)
                break
            # As much as there is: a large value is not gone through more than a few times.
            self._more(max(_READ_AT_ONCE, len(self._text) - self._at))
        try:
            value = orjson.loads(self._text[self._at : end])
        except orjson.JSONDecodeError as error:
            self._fail(error.msg, line=error.lineno, column=error.colno)
        self._at = end
        return value

    def _end_of_value(self) -> int | None:
        """Return where the value ends that begins here, as far as brackets tell; None: not in what was read."""
        text, at = self._text, self._at
        if text[at] in _OPENING:
            return self._end_of_brackets()
        if text[at] in _QUOTE:
            string = _STRING.match(text, at)
            return None if string is None else string.end()
        word = _WORD.match(text, at)
        end = at + 1 if word is None else word.end()
        return end if end < len(text) else None

    def _end_of_brackets(self) -> int | None:
        text, at = self._text, self._at
        depth = 0
        while (found := _TO_BRACKET.match(text, at)) is not None:
            at = found.end()
            if at == len(text) or text[at] in _QUOTE:
                break
            depth += 1 if text[at] in _OPENING else -1
            at += 1
            if not depth:
                return at
        return None

    def _next(self) -> bytes:
        """Go to what comes after white space, and return its first byte, b"" at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text) or self._is_all:
                return self._text[self._at : self._at + 1]
            self._more(_READ_AT_ONCE)

    def _expect(self, wanted: bytes, message: str) -> bytes:
        """Go past one of the wanted bytes, and return it."""
        found = self._next()
        if not found:
            self._fail("unexpected end of data")
        if found not in wanted:
            self._fail(message)
        self._at += 1
        return found

    def _more(self, size: int) -> None:
        """Read more, and forget what we are past."""
        self._forget()
        read = self._file.read(size)
        self._is_all = not read
        self._text += read

    def _forget(self) -> None:
        past = self._text[: self._at]
        last = past[past.rfind(b"\n") + 1 :]
        lines = past.count(b"\n")
        self._line += lines
        self._column = len(last.decode(errors="replace")) + (0 if lines else self._column)
        self._text, self._at = self._text[self._at :], 0

    def _fail(self, message: str, *, line: int = 1, column: int = 1) -> NoReturn:
        """Raise that something is wrong at a line and column, from 1, of what begins here."""
        self._forget()
        raise JSONError(message, self._line + line, column + (self._column if line == 1 else 0))
