"""What a change costs, and whom it reaches, when there are very many partners that do not get it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.threads import Threads
from flask_ocpi.partners import records as partners
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import party_settings
from tests.closing import close

OWN = [party_settings("NL", "ABC", ["CPO"])]


class Counting(MemoryStorage):
    """Counts every call."""

    calls = 0

    def get(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        return super().get(*arguments, **options)

    def list(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        return super().list(*arguments, **options)

    def save(self, *arguments: Any, **options: Any) -> Any:
        self.calls += 1
        return super().save(*arguments, **options)


def platform_on(storage: Storage | None, folder: Path | None = None, **config: Any) -> OCPI:
    app = Flask("many", instance_path=str(folder) if folder else "/nowhere")
    app.config.update({"SECRET_KEY": "s", "OCPI_PARTIES": OWN, "OCPI_DISPATCHER": "none", **config})
    return OCPI(app, storage=storage)


def add(ocpi: OCPI, number: int, *modules: str, hub: bool = False) -> Platform:
    party = {"country_code": "DE", "party_id": f"{number:03X}", "business_details": {"name": "P"}}
    return ocpi.services.platforms.create(
        Platform(
            id=f"partner-{number}",
            name=f"Partner {number}",
            state=PlatformState.REGISTERED,
            roles=({"role": "HUB" if hub else "EMSP", **party},),
            endpoints=tuple(
                {"identifier": module, "role": "RECEIVER", "url": f"https://{number}.example/{module}"}
                for module in modules
            ),
            versions_url=f"https://{number}.example/versions",
            version="2.2.1",
        )
    )


def receivers(ocpi: OCPI) -> set[str]:
    return {platform.id for platform in ocpi.partners.list() if list(entries.of_platform(ocpi.services, platform.id))}


@pytest.fixture
def steps() -> Iterator[list[int]]:
    """Count the calls of functions of this package, which rise with whatever is looked at one by one."""
    count = [0]

    def note(frame: Any, event: str, argument: Any) -> None:
        count[0] += event == "call" and "flask_ocpi" in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(note)
    yield count
    sys.setprofile(before)


def cost(count: list[int], number: int, modules: tuple[str, ...], change: Any) -> tuple[int, int]:
    """Return the calls of the storage, and of the package, that a change takes with so many partners."""
    storage = Counting()
    ocpi = platform_on(storage)
    for index in range(number):
        add(ocpi, index, *modules)
    change(ocpi, "1")
    calls, steps = storage.calls, count[0]
    change(ocpi, "2")
    return storage.calls - calls, count[0] - steps


def save_location(ocpi: OCPI, id: str) -> None:
    ocpi.save("locations", location(id=id))


def save_cdr_for_one(ocpi: OCPI, id: str) -> None:
    token = {**cdr()["cdr_token"], "country_code": "DE", "party_id": "000"}
    ocpi.save("cdrs", cdr(id=id, cdr_token=token))


@pytest.mark.parametrize(
    ("modules", "change"),
    [
        ((), save_location),
        (("tokens", "commands"), save_location),
        (("cdrs",), save_cdr_for_one),
    ],
    ids=["none", "other modules", "for another"],
)
def test_a_change_costs_the_same_however_many_do_not_get_it(steps, modules, change):
    few = cost(steps, 1, modules, change)
    many = cost(steps, 120, modules, change)

    assert many == few


def test_platforms_are_decoded_again_only_after_one_changed(monkeypatch):
    ocpi = platform_on(MemoryStorage())
    for number in range(5):
        add(ocpi, number, "tokens")
    decoded = []
    from_record = Platform.from_record
    monkeypatch.setattr(Platform, "from_record", lambda record: decoded.append(1) or from_record(record))

    for id in ("1", "2", "3"):
        save_location(ocpi, id)
    before = len(decoded)
    add(ocpi, 6, "locations")
    save_location(ocpi, "4")

    assert (before, len(decoded)) == (5, 11)
    assert receivers(ocpi) == {"partner-6"}


@pytest.fixture(params=["memory", "sqlite"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[OCPI, OCPI]]:
    """Two apps on one storage, as two processes have it: neither sees what the other remembers."""
    if request.param == "memory":
        storage = MemoryStorage()
        yield platform_on(storage), platform_on(storage)
        return
    apps = [platform_on(None, tmp_path) for _ in range(2)]
    contexts = [ocpi.app.app_context() for ocpi in apps]
    for context in contexts:
        context.push()
    yield apps[0], apps[1]
    for context in reversed(contexts):
        context.pop()
    for ocpi in apps:
        close(ocpi.app)


def test_who_registered_at_another_process_gets_the_next_change(two):
    here, there = two
    save_location(here, "1")

    add(there, 1, "locations")
    save_location(here, "2")

    assert receivers(here) == {"partner-1"}


@pytest.mark.parametrize("change", ["ended", "deleted", "no endpoint", "other party"])
def test_who_is_no_receiver_any_more_gets_nothing_whatever_process_changed_it(two, change):
    here, there = two
    partner = add(there, 0, "cdrs")
    save_cdr_for_one(here, "1")
    entries.forget(here.services, partner.id)

    current = there.partners.get(partner.id)
    if change == "deleted":
        there.services.platforms.delete(current)
    elif change == "ended":
        there.services.platforms.save(replace(current, state=PlatformState.UNREGISTERED, roles=()), before=current)
    elif change == "no endpoint":
        there.services.platforms.save(replace(current, endpoints=()), before=current)
    else:
        role = {**current.roles[0], "party_id": "ZZZ"}
        there.services.platforms.save(replace(current, roles=(role,)), before=current)
    save_cdr_for_one(here, "2")

    assert list(entries.of_platform(here.services, partner.id)) == []


def test_what_was_rolled_back_is_not_remembered(two):
    here, there = two

    def fail_after_adding() -> None:
        with here.storage.transaction():
            add(here, 1, "locations")
            assert here.services.platforms.partners().receiving("locations")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_adding()

    assert not here.services.platforms.partners().receiving("locations")
    add(there, 2, "locations")
    assert [platform.id for platform in here.services.platforms.partners().receiving("locations")] == ["partner-2"]


def test_records_that_were_changed_past_the_platforms_are_noticed_after_a_while(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(partners, "monotonic", lambda: now[0])
    storage = MemoryStorage()
    ocpi = platform_on(storage)
    add(ocpi, 1, "locations")
    assert ocpi.services.platforms.partners().receiving("locations")

    storage._kinds["platforms"].clear()
    now[0] += partners.LONGEST_AGE

    assert not ocpi.services.platforms.partners().receiving("locations")


def test_a_hub_is_reached_for_who_is_behind_it_and_not_for_who_is_registered(two):
    here, there = two
    add(there, 7, "cdrs", hub=True)
    save_cdr_for_one(here, "1")
    entries.spread(here.services)
    add(there, 0)
    save_cdr_for_one(here, "2")

    found = [entry.object_key.id for entry in entries.of_platform(here.services, "partner-7")]
    assert found == ["1"]


def test_a_hint_has_only_that_platform_sent_to_and_decodes_none(monkeypatch):
    storage = Counting()
    ocpi = platform_on(storage)
    for number in range(30):
        add(ocpi, number, "tokens")
    seen = []
    ocpi.services.platforms.partners()  # which the jobs look at
    monkeypatch.setattr(Platform, "from_record", _none)
    threads = Threads(ocpi.dispatcher.deliveries)
    monkeypatch.setattr(threads, "_ensure_running", lambda: None)
    monkeypatch.setattr(threads._senders, "enqueue", lambda platforms: seen.extend(platforms))

    threads.wake({"partner-3"})

    assert seen == ["partner-3"]


def _none(record: Any) -> Platform:
    raise AssertionError("a platform was decoded")
