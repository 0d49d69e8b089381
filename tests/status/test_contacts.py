"""Contacts are noted in memory, added up, and written once for many messages."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC
from datetime import datetime

import pytest

from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.moments import to_micros
from flask_ocpi.exchange.contacts import Contact
from flask_ocpi.exchange.contacts import Contacts
from flask_ocpi.exchange.contacts import Failure
from flask_ocpi.exchange.contacts import interface_of
from flask_ocpi.exchange.contacts import skew_of
from flask_ocpi.storage.memory import MemoryStorage
from tests.conftest import EVERY_STORAGE
from tests.e2e.processes import until

NOON = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()) * SECOND


@pytest.fixture
def contacts(ocpi_storage, ocpi_clock):
    return Contacts(ocpi_storage, clock=ocpi_clock, in_context=nullcontext, inline=True)


def asked(contacts, platform="ems", *, http_status=200, status_code=1000, failed=False):
    failure = Failure("IN", "receiver_put_location", http_status, status_code) if failed else None
    contacts.received(platform, "locations RECEIVER", 0, failure)


def called(contacts, platform="ems", *, http_status=200, failed=False, timestamp="2026-01-01T12:00:00.000Z"):
    contacts.sent(
        platform,
        "tokens",
        "sender_list_tokens",
        http_status,
        None if failed else 1000,
        failed=failed,
        timestamp=timestamp,
        seconds=0.5,
    )


@EVERY_STORAGE
def test_messages_of_several_processes_are_added_up(ocpi_storage, ocpi_clock, contacts):
    other = Contacts(ocpi_storage, clock=ocpi_clock, in_context=nullcontext, inline=True)
    asked(contacts)
    contacts.flush()
    ocpi_clock.advance(400)
    asked(other, http_status=404, status_code=2003, failed=True)
    called(other, timestamp="2026-01-01T12:06:40.000Z")
    other.flush()

    contact = contacts.of("ems")

    assert (contact.received, contact.answered, contact.takes_token) == (NOON + 400 * SECOND, NOON + 400 * SECOND, True)
    assert contact.uses == {"locations RECEIVER": NOON + 400 * SECOND}
    assert contact.called == {"tokens SENDER": NOON + 400 * SECOND}
    assert contact.last_hour(NOON + 400 * SECOND) == (2, 1, 1, 0)
    assert (contact.failure.operation, contact.failure.http_status) == ("receiver_put_location", 404)
    assert contact.skew == 0
    assert contacts.of("nobody") == Contact("nobody")
    assert list(contacts.all()) == ["ems"]


def test_an_hour_later_the_numbers_are_gone(contacts, ocpi_clock):
    asked(contacts)
    ocpi_clock.advance(3700)

    assert contacts.of("ems").last_hour(NOON + 3700 * SECOND) == (0, 0, 0, 0)
    called(contacts)
    assert len(contacts.of("ems").slices) == 1


def test_a_call_without_an_answer_is_no_answer(contacts):
    called(contacts, http_status=0, failed=True, timestamp="")

    contact = contacts.of("ems")
    assert (contact.answered, contact.takes_token, contact.skew) == (None, None, None)
    assert (contact.failure.direction, contact.failure.http_status) == ("OUT", 0)


def test_a_refused_token_is_not_taken_until_an_answer_shows_otherwise(contacts):
    called(contacts, http_status=401, failed=True, timestamp="")

    contact = contacts.of("ems")
    assert (contact.answered, contact.takes_token) == (NOON, False)
    called(contacts, http_status=500, failed=True, timestamp="")
    assert contacts.of("ems").takes_token is False
    called(contacts)
    assert contacts.of("ems").takes_token is True


class Counting(MemoryStorage):
    """Counts its writes."""

    writes = 0

    def save_many(self, kind, records):
        self.writes += 1
        return super().save_many(kind, records)


def test_a_thousand_messages_are_one_write(ocpi_clock):
    storage = Counting()
    contacts = Contacts(storage, clock=ocpi_clock, in_context=nullcontext, inline=True)
    for number in range(1000):
        asked(contacts, f"partner-{number % 5}")

    contacts.flush()

    assert storage.writes == 1
    assert contacts.of("partner-3").last_hour(NOON)[0] == 200


class Soon(Contacts):
    """Writes soon."""

    gather = 0.01


def test_a_thread_writes_without_a_reader(ocpi_clock):
    storage = MemoryStorage()
    contacts = Soon(storage, clock=ocpi_clock, in_context=nullcontext, inline=False)

    asked(contacts)

    written = until(lambda: storage.get(Contact.KIND, Contact("ems").key), "Nothing was written.")
    assert Contact.from_record(written).received == NOON


def test_without_a_thread_it_is_due_after_some_minutes(contacts, ocpi_clock):
    asked(contacts)
    asked(contacts)
    assert not contacts.is_due

    ocpi_clock.advance(301)
    asked(contacts)

    assert contacts.is_due
    contacts.flush()
    assert not contacts.is_due


@pytest.mark.parametrize(
    ("module", "operation", "name"),
    [
        ("locations", "receiver_put_location", "locations RECEIVER"),
        ("tokens", "sender_list_tokens", "tokens SENDER"),
        ("credentials", "get_credentials", ""),
        (None, "", ""),
    ],
)
def test_an_interface_is_named_by_module_and_side(module, operation, name):
    assert interface_of(module, operation) == name


def test_a_storage_that_fails_stops_no_message(ocpi_clock):
    class Broken(MemoryStorage):
        def save_many(self, kind, records):
            raise OSError("The disk is full.")

    contacts = Contacts(Broken(), clock=ocpi_clock, in_context=nullcontext, inline=True)
    asked(contacts)

    contacts.flush()

    assert contacts.lost == 1


@pytest.mark.parametrize(
    ("timestamp", "skew"),
    [
        ("2026-01-01T12:00:01.500Z", 0),
        ("2026-01-01T12:00:05.000Z", 3000),
        ("2026-01-01T11:59:00.000Z", -59_999),
        ("2026-01-01T11:59:59Z", 0),
        ("2026-01-01T11:59:57Z", -2000),
        ("yesterday", None),
    ],
    ids=["between", "ahead", "behind", "whole second", "behind by seconds", "unreadable"],
)
def test_the_skew_is_what_cannot_come_from_the_way(timestamp, skew):
    sent, received = to_micros("2026-01-01T12:00:00.000Z"), to_micros("2026-01-01T12:00:02.000Z")

    assert skew_of(timestamp, sent, received) == skew
