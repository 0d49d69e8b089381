"""Measure what the journal costs a request: its time with it, as a ratio to that without it.

Run with ``python -m benchmarks.journal``. Platforms in one process, on a SQLite file each, answer the same requests in
turns, one with ``OCPI_JOURNAL`` at "off", the others with "compact" and "all". Time is that of the processor, so what
else the machine does counts less: that of the thread that answers, and that of all threads, in which the thread that
writes the journal counts. The journals are full, and each round is long enough for one removal of old messages: what is
written is also removed. Printed are the median of the ratios of all rounds, and the least and the greatest.
"""

from __future__ import annotations

import gc
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC
from datetime import datetime
from itertools import cycle
from pathlib import Path
from statistics import median
from time import process_time
from time import thread_time
from time import time
from typing import Any
from uuid import uuid4

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.core.moments import SECOND
from flask_ocpi.exchange.journal_groups import write
from flask_ocpi.exchange.journal_writer import AT_ONCE
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Kept
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.references import Reference
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.testing.sandbox.locations import locations

ROUNDS = 7
REQUESTS = 1000  # as many messages as are written between two removals of old ones, at this size of the journal
FULL = 20_000  # messages
MODES = ("off", "compact", "all")

Burst = Callable[[], None]
#: Seconds of the thread that answers, and of all threads.
Times = tuple[float, float]


def make_partner(folder: Path, journal: str) -> tuple[OCPI, PartnerClient]:
    """Return a platform with 200 locations and a token, and a partner that calls it."""
    app = Flask("measured", instance_path=str(folder))
    app.testing = True
    app.config.update(
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])],
        OCPI_DOCS=False,
        OCPI_JOURNAL=journal,
        OCPI_JOURNAL_MAX_COUNT=FULL,
    )
    ocpi = OCPI(app)
    ocpi.objects.save_all({"locations": list(locations(now=datetime.now(UTC)))[:200]})
    ocpi.save("tokens", documents.token(country_code="NL", party_id="ABC", uid="TOKEN1"))
    if journal != "off":
        fill(ocpi)
    return ocpi, add_partner(app, [("DE", "EMS", ["EMSP"]), ("DE", "CPO", ["CPO"])])


def fill(ocpi: OCPI) -> None:
    """Write as many messages as the journal keeps."""
    now = int(time() * SECOND)
    for begin in range(0, FULL, AT_ONCE):
        write(ocpi.storage, [_message(now, number) for number in range(begin, begin + AT_ONCE)])


def _message(now: int, number: int) -> Kept:
    name = f"LOC{number % 200}"
    url = f"/ocpi/2.2.1/sender/locations/{name}"
    moment = now - (FULL - number) * 1000
    message = Message(Direction.IN, "GET", url, moment, 0.01, "ems", correlation_id=str(uuid4()), http_status=200)
    return Kept(message, (Reference.of("location", name),), f"asked for location {name}")


def bursts(ocpi: OCPI, partner: PartnerClient) -> dict[str, Burst]:
    """Return what is measured: some requests of a kind."""
    stored = [{**each, "country_code": "DE", "party_id": "CPO"} for each in ocpi.objects.documents("locations")]
    copies = "/ocpi/2.2.1/receiver/locations/DE/CPO"
    for document in stored:
        assert partner.put(f"{copies}/{document['id']}", document).status_code == 1000
    turn = cycle(stored)
    statuses = cycle(("AVAILABLE", "CHARGING"))

    def get() -> Any:
        return partner.get(f"/ocpi/2.2.1/sender/locations/{next(turn)['id']}")

    def put_evse() -> Any:
        document = next(turn)
        evse = {**document["evses"][0], "status": next(statuses)}
        return partner.put(f"{copies}/{document['id']}/{evse['uid']}", evse)

    def authorize() -> Any:
        document = next(turn)
        place = {"location_id": document["id"], "evse_uids": [document["evses"][0]["uid"]]}
        return partner.post("/ocpi/2.2.1/sender/tokens/TOKEN1/authorize", place)

    def burst(call: Callable[[], Any]) -> Burst:
        def run() -> None:
            for _ in range(REQUESTS):
                answer = call()
                assert answer.status_code == 1000, answer.message

        return run

    return {
        "GET a location": burst(get),
        "PUT an EVSE": burst(put_evse),
        "authorize a token": burst(authorize),
    }


def times_of(burst: Burst, ocpi: OCPI) -> Times:
    """Return the time until all is answered, and until everything that the requests caused is done."""
    whole, own = process_time(), thread_time()
    burst()
    answered = thread_time() - own
    assert ocpi.journal.flush()
    return answered, process_time() - whole


def ratios(platforms: dict[str, tuple[OCPI, Burst]]) -> dict[str, list[Times]]:
    """Return, by mode, the ratios to the times without a journal in each round; the modes change places every time."""
    found: dict[str, list[Times]] = {mode: [] for mode in MODES[1:]}
    first = 1  # statements are compiled
    for number in range(first + ROUNDS):
        order = MODES[number % len(MODES) :] + MODES[: number % len(MODES)]
        times = {mode: times_of(platforms[mode][1], platforms[mode][0]) for mode in order}
        for mode, ratio in found.items():
            if number >= first:
                ratio.append((times[mode][0] / times["off"][0], times[mode][1] / times["off"][1]))
    return found


def main() -> None:
    gc.disable()  # it would run now here, now there
    with tempfile.TemporaryDirectory() as folder:
        made = {mode: make_partner(Path(folder) / mode, mode) for mode in MODES}
        calls = {mode: bursts(*each) for mode, each in made.items()}
        for name in calls["off"]:
            measured = ratios({mode: (made[mode][0], calls[mode][name]) for mode in MODES})
            for mode, pairs in measured.items():
                texts = []
                for column in zip(*pairs, strict=True):
                    texts.append(f"{median(column):.3f} ({min(column):.3f} to {max(column):.3f})")
                sys.stdout.write(f"{name}, {mode}: answered in {texts[0]}, all threads {texts[1]} times the time\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()
