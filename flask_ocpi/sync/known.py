"""The copies before a whole list was requested, and which of them the list had: 15 bytes for each."""

from __future__ import annotations

import hashlib
import struct
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Iterator

from flask_ocpi.storage.base import Key

_DIGEST = 10  # bytes of a hash, 76 bits of which tell keys apart
_BUCKETS = 0xFFF
_ENTRY = struct.Struct("<8sIB")  # of a bucket: the digest behind its number, the revision, whether the list had it
_KEPT = struct.Struct(f"<{_DIGEST}sI")
_AT_ONCE = 1000


class Known:
    """The revision of each copy, and whether the list had it."""

    def __init__(self) -> None:
        self.unseen = 0
        self._buckets: defaultdict[int, bytearray] = defaultdict(bytearray)

    def add(self, copies: Iterable[tuple[Key, int]]) -> None:
        """Add copies with their revisions, not seen in the list yet."""
        for key, revision in copies:
            self._add(_digest(key), revision)

    def revision(self, key: Key) -> int | None:
        """Return the revision that a copy had; None if there was none."""
        bucket, place = self._find(_digest(key))
        return None if bucket is None else int(_ENTRY.unpack_from(bucket, place)[1])

    def is_unseen(self, key: Key) -> bool:
        """Tell whether there was such a copy and the list did not have it."""
        bucket, place = self._find(_digest(key))
        return bucket is not None and not bucket[place + _ENTRY.size - 1]

    def see(self, keys: Iterable[Key]) -> bytes:
        """Note that the list had these; return bytes for :meth:`see_again`."""
        digests = b"".join(map(_digest, keys)) if self._buckets else b""
        self.see_again(digests)
        return digests

    def see_again(self, digests: bytes) -> None:
        for start in range(0, len(digests), _DIGEST):
            bucket, place = self._find(digests[start : start + _DIGEST])
            if bucket is not None and not bucket[place + _ENTRY.size - 1]:
                bucket[place + _ENTRY.size - 1] = 1
                self.unseen -= 1

    def parts(self) -> Iterator[bytes]:
        """Return all copies and revisions in parts, for :meth:`load`."""
        part = bytearray()
        for number, bucket in self._buckets.items():
            for digest, revision, _ in _ENTRY.iter_unpack(bucket):
                part += _KEPT.pack(number.to_bytes(2, "big") + digest, revision)
            if len(part) >= _AT_ONCE * _KEPT.size:
                yield bytes(part)
                part.clear()
        if part:
            yield bytes(part)

    def load(self, part: bytes) -> None:
        for digest, revision in _KEPT.iter_unpack(part):
            self._add(digest, revision)

    def _add(self, digest: bytes, revision: int) -> None:
        self._buckets[_number(digest)] += _ENTRY.pack(digest[2:], revision, 0)
        self.unseen += 1

    def _find(self, digest: bytes) -> tuple[bytearray | None, int]:
        """Return the bucket of a copy and its place there; a bucket of None if there is no such copy."""
        bucket = self._buckets.get(_number(digest))
        place = -1 if bucket is None else bucket.find(digest[2:])
        while bucket is not None and place > 0 and place % _ENTRY.size:  # bytes of two entries
            place = bucket.find(digest[2:], place + 1)
        return (None if place < 0 else bucket), place


def _digest(key: Key) -> bytes:
    text = "\n".join(key[:3]).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=_DIGEST).digest()


def _number(digest: bytes) -> int:
    return (digest[0] << 8 | digest[1]) & _BUCKETS
