"""What a sync keeps of the copies that there were before it."""

from __future__ import annotations

import sys

from flask_ocpi.storage.base import Key
from flask_ocpi.sync.known import Known

MANY = 20_000


def key(number):
    return Key("FR", "OTH", f"LOC{number}", "NL-ABC other")


def made(numbers):
    known = Known()
    known.add((key(number), number + 1) for number in numbers)
    return known


def test_each_copy_has_its_revision_and_is_unseen_until_it_is_seen():
    known = made(range(0, MANY, 2))

    known.see(key(number) for number in range(0, MANY, 4))

    assert known.unseen == MANY // 4
    for number in range(MANY):
        assert known.revision(key(number)) == (None if number % 2 else number + 1)
        assert known.is_unseen(key(number)) == (number % 4 == 2)


def test_copies_that_are_seen_twice_or_were_not_there_change_nothing():
    known = made([1, 2])

    known.see([key(1), key(1), key(3)])
    known.see([key(1)])

    assert known.unseen == 1


def test_what_is_known_and_seen_is_the_same_in_another_process():
    known, other = made(range(MANY)), Known()
    seen = known.see(map(key, range(5, 15)))

    for part in known.parts():
        other.load(part)
    other.see_again(seen)

    assert other.unseen == known.unseen == MANY - 10
    assert [n for n in range(MANY) if not other.is_unseen(key(n))] == list(range(5, 15))
    assert all(other.revision(key(number)) == number + 1 for number in range(MANY))


def test_a_copy_takes_few_bytes():
    known = made(range(10 * MANY))

    assert sum(map(sys.getsizeof, known._buckets.values())) < 10 * MANY * 20
