"""Measure the outbound side on loopback: saving by number of partners, deliveries, latency, memory.

Run with ``python -m benchmarks.outward``, or with the names of some parts after it: saving, delivering, journal,
latency, workers, celery. The last two are one and four processes on PostgreSQL, celery with Redis as the broker; they
are left out where these are not installed.
This process runs on one core, the partners on the other: they answer at once, without looking. The limit is a bare loop
that sends the same body over kept urllib3 connections, to the same partners in turns; it takes turns with what is
compared to it, so that the load of the machine meets both alike.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import AbstractContextManager
from contextlib import ExitStack
from contextlib import contextmanager
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from statistics import quantiles
from time import perf_counter
from time import process_time
from typing import NamedTuple

import orjson
import urllib3
from celery import Celery
from flask import Flask

from benchmarks.sink import Sink
from benchmarks.sink import sink
from flask_ocpi import OCPI
from flask_ocpi.outbox.celery import DISPATCH
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from tests.servers import postgres
from tests.servers import redis

ROUNDS = 5
OBJECTS = 200  # for each partner in a round
JOURNALED = 1000
PATCHES = 200
SAVED = 1000
WORKERS = 4
SLOW = 1.0  # seconds of an answer to a worker
SLOW_OBJECTS = 60
CELERY_PARTNERS = 12  # a Celery worker sends to one of them at a time, one message at a time
CELERY_OBJECTS = 3
ROOT = Path(__file__).parents[1]

_rounds = count(1)


def say(name: str, text: str) -> None:
    sys.stdout.write(f"{name:<56} {text}\n")
    sys.stdout.flush()


def spread(values: Sequence[float], unit: str, digits: int = 0) -> str:
    low, middle, high = quantiles(values, n=4)
    return f"{middle:.{digits}f} {unit} (middle half {low:.{digits}f} to {high:.{digits}f})"


def platform(
    folder: Path, url: str | None, *, dispatcher: str = "none", timeout: float = 30.0, **settings: object
) -> OCPI:
    """Return a platform on a SQLite file in a folder, or on the database of ``url``."""
    folder.mkdir(exist_ok=True)
    app = Flask("platform", instance_path=str(folder))
    app.config.update(
        SECRET_KEY="a secret",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO"])],
        OCPI_BASE_URL="http://127.0.0.1:1",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_HTTP_TIMEOUT=timeout,
        OCPI_DISPATCHER=dispatcher,
        OCPI_CREATE_TABLES=True,
        SQLALCHEMY_DATABASE_URI=url or f"sqlite:///{folder / 'ocpi.sqlite3'}",
        **settings,
    )
    return OCPI(app)


def add_partners(ocpi: OCPI, ports: Sequence[int], *, receiving: str = "locations") -> None:
    """Register a partner for each port, which receives one module."""
    country_code = "DE" if receiving == "locations" else "FR"
    for place, port in enumerate(ports):
        party = f"{chr(65 + place // 676 % 26)}{chr(65 + place // 26 % 26)}{chr(65 + place % 26)}"
        found = add_partner(ocpi.app, [(country_code, party, ["EMSP"])], name=f"{receiving} {port} {place}").platform
        assert found is not None
        endpoint = {"identifier": receiving, "role": "RECEIVER", "url": f"http://127.0.0.1:{port}/{receiving}"}
        ocpi.services.platforms.save(replace(found, endpoints=(endpoint,)), before=found)


def measure_saving(folder: Path) -> None:
    """Time ocpi.patch and save_all on platforms with more or fewer partners, in turns."""
    kinds = {"1": (1, 0), "10": (10, 0), "100": (100, 0), "1 of 1,001": (1, 1000)}
    platforms = {}
    for name, (receiving, others) in kinds.items():
        made = platforms[name] = platform(folder / f"saving {receiving} {others}", None)
        add_partners(made, [1] * receiving)
        add_partners(made, [2] * others, receiving="tariffs")
        made.objects.save_all({"locations": [location(id=f"L{n}", evses=[evse(uid="E1")]) for n in range(20)]})
    times: dict[str, list[float]] = {name: [] for name in kinds}
    all_times: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(2 * ROUNDS):
        for name, made in platforms.items():
            began = perf_counter()
            for number in range(20):
                changes = {"status": "CHARGING" if turn % 2 else "BLOCKED"}
                made.patch("locations", f"L{number}", "E1", changes=changes)
            times[name].append((perf_counter() - began) / 20)
    for turn in range(3):
        for name, made in platforms.items():
            documents = [location(id=f"M{n}", name=f"{turn}") for n in range(SAVED // 5)]
            began = perf_counter()
            made.objects.save_all({"locations": documents})
            all_times[name].append((perf_counter() - began) / len(documents))
    for what, found in (("ocpi.patch", times), ("save_all, each object", all_times)):
        for name, values in found.items():
            ratio = median(a / b for a, b in zip(values, found["1"], strict=True))
            say(f"{what}, {name} receiving", f"{1e6 * median(values):.0f} us, {ratio:.2f} times one")


class Speed(NamedTuple):
    """Messages a second, and seconds of this process's processor time a message."""

    rate: float
    used: float


class Rig:
    """One process that saves, and delivers when it is told to, and the partners."""

    def __init__(self, folder: Path, url: str | None, partners: Sink, answering: int) -> None:
        self.partners = partners
        self.saving = platform(folder, url)
        add_partners(self.saving, partners.ports)
        self.answering = answering
        self._pool = urllib3.PoolManager(num_pools=64, retries=False)

    def save(self, objects: int) -> int:
        """Save so many Locations; return how many messages will come."""
        documents = [location(id=f"L{n}", name=f"{next(_rounds)}") for n in range(objects)]
        self.saving.objects.save_all({"locations": documents})
        return objects * self.answering

    def deliver(
        self,
        start: Callable[[], Callable[[], None]],
        objects: int = OBJECTS,
        *,
        finish: Callable[[], object] = lambda: None,
    ) -> Speed:
        """Tell how quickly messages come once ``start`` was called; it returns what ends it.

        finish: does what the messages caused; its processor time counts, too.
        """
        before = self.partners.number
        expected = self.save(objects)
        began, used = perf_counter(), process_time()
        stop = start()
        ended = self.partners.wait_for(before + expected)
        finish()
        used = process_time() - used
        stop()
        assert not self.saving.outbox.lags() or self.partners.number == before + expected
        return Speed(expected / (ended - began), used / expected)

    def bare(self) -> Speed:
        """Tell how quickly a bare loop sends messages to the same partners in turns."""
        body = orjson.dumps(location(id="L1"))
        headers = {"Content-Type": "application/json", "Authorization": "Token " + "t" * 40}
        urls = [f"http://127.0.0.1:{port}/locations/NL/ABC/L1" for port in self.partners.ports[: self.answering]]
        began, used = perf_counter(), process_time()
        for _ in range(OBJECTS):
            for url in urls:
                self._pool.request("PUT", url, body=body, headers=headers)
        number = OBJECTS * len(urls)
        return Speed(number / (perf_counter() - began), (process_time() - used) / number)


def measure_delivering(folder: Path) -> None:
    for answering in (1, 10):
        with sink(answering) as partners, delivering(folder / f"delivering {answering}", partners) as (rig, deliver):
            pairs = [(rig.bare(), deliver()) for _ in range(ROUNDS + 1)][1:]
        many = f"{answering} partner{'s' * (answering > 1)}"
        for name, found in zip(("Bare loop", "Deliveries"), zip(*pairs, strict=True), strict=True):
            used = median(1e6 * each.used for each in found)
            say(f"{name}, {many}", f"{spread([each.rate for each in found], '/s')}, {used:.0f} us of the processor")
        ratios = [found.rate / limit.rate for limit, found in pairs]
        say(f"Deliveries, to the bare loop, {many}", spread(ratios, "times", 2))
        ratios = [limit.used / found.used for limit, found in pairs]
        say(f"The same by processor time, {many}", spread(ratios, "times", 2))


def measure_journal(folder: Path) -> None:
    """Compare deliveries with the journal at its default, and with that of whole messages, to those without."""
    kept = ("off", "compact", "all")
    found: dict[str, list[Speed]] = {which: [] for which in kept}
    with ExitStack() as stack:
        works = {}
        for which in kept:
            partners = stack.enter_context(sink(1))
            journal = folder / f"journal {which}"
            _, works[which] = stack.enter_context(delivering(journal, partners, JOURNALED, OCPI_JOURNAL=which))
        for turn in range(ROUNDS + 1):
            for which in (*kept[turn % 3 :], *kept[: turn % 3]):
                found[which].append(works[which]())
    for which in kept[1:]:
        pairs = list(zip(found["off"], found[which], strict=True))[1:]
        say(f"Deliveries, journal {which}, to none", spread([a.rate / b.rate for b, a in pairs], "times as many", 2))
        used = [without.used / each.used for without, each in pairs]
        say("The same by processor time", spread(used, "times as many", 2))


@contextmanager
def delivering(
    folder: Path, partners: Sink, objects: int = OBJECTS, **settings: object
) -> Iterator[tuple[Rig, Callable[[], Speed]]]:
    """Prepare a process that saves and delivers by its threads; give also what does both once."""
    rig = Rig(folder, None, partners, len(partners.ports))
    threads = platform(folder, None, dispatcher="thread", **settings)

    def start() -> Callable[[], None]:
        threads.start()
        return lambda: None if threads.outbox.stop(30.0) else sys.exit("The threads did not end.")

    yield rig, lambda: rig.deliver(start, objects, finish=threads.journal.flush)


def _work(folder: Path, url: str, pipe: object, stop: object) -> None:
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    worker = platform(folder, url, dispatcher="thread", OCPI_DISPATCH_INTERVAL=0.2)
    pipe.send(True)  # type: ignore[attr-defined]
    stop.recv()  # type: ignore[attr-defined]
    worker.start()
    stop.recv()  # type: ignore[attr-defined]
    worker.outbox.stop(30.0)


@contextmanager
def workers(number: int, folder: Path, url: str) -> Iterator[Callable[[], Callable[[], None]]]:
    """Prepare so many processes that deliver; give what has them begin, and returns what has them end."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Pipe()
    pipes = [context.Pipe() for _ in range(number)]
    processes = [context.Process(target=_work, args=(folder, url, done, pipe[1]), daemon=True) for pipe in pipes]
    for process in processes:
        process.start()
    for _ in processes:
        ready.recv()

    def tell() -> None:
        for ours, _ in pipes:
            ours.send(True)

    def end() -> None:
        tell()
        for process in processes:
            process.join(60)

    def start() -> Callable[[], None]:
        tell()
        return end

    try:
        yield start
    finally:
        for process in processes:
            process.kill()


def measure_workers(folder: Path, url: str) -> None:
    """Compare four processes with one, where they wait for slow partners: the machine has no core for each."""
    at = folder / "workers"
    compare("PostgreSQL", at, url, partial(workers, folder=at, url=url), 10, SLOW_OBJECTS)


def compare(
    what: str,
    folder: Path,
    url: str,
    begin: Callable[[int], AbstractContextManager[Callable[[], Callable[[], None]]]],
    answering: int,
    objects: int,
) -> None:
    """Compare four processes with one in turns; ``begin`` prepares so many, as :func:`workers` does."""
    rates: dict[int, list[float]] = {1: [], WORKERS: []}
    with sink(answering, delay=SLOW) as partners:
        rig = Rig(folder, url, partners, answering)
        for _ in range(3):
            for number, found in rates.items():
                with begin(number) as start:
                    before = partners.number
                    found.append(rig.deliver(start, objects).rate)
                    assert partners.number == before + objects * answering, "a message came twice"
    for number, found in rates.items():
        many = f"{number} process{'es' * (number > 1)}"
        say(f"{what}: deliveries, {many}, {1000 * SLOW:.0f} ms an answer", f"{median(found):.1f} /s")
    ratios = [four / one for one, four in zip(rates[1], rates[WORKERS], strict=True)]
    say(f"{what}: four processes, to one", spread(ratios, "times as many", 2))


@contextmanager
def celery_workers(number: int, folder: Path, url: str, broker: str) -> Iterator[Callable[[], Callable[[], None]]]:
    """Prepare so many workers of Celery, each with one process; give what sends the task that has them begin."""
    variables = {"OUTWARD_FOLDER": str(folder), "OUTWARD_DATABASE": url, "OUTWARD_BROKER": broker}
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    command = [sys.executable, "-m", "celery", "--app", "benchmarks.celery_app", "worker", "--pool", "solo", *quiet]
    processes, logs = [], [folder / f"celery {place}.log" for place in range(number)]
    try:
        for place, log in enumerate(logs):
            with log.open("wb") as output:
                options = ["--loglevel", "INFO", "--hostname", f"worker{place}@outward"]
                processes.append(
                    subprocess.Popen(
                        [*command, *options], cwd=ROOT, env={**os.environ, **variables}, stdout=output, stderr=output
                    )
                )
        while not all(b" ready." in log.read_bytes() for log in logs):
            if any(process.poll() is not None for process in processes):
                raise SystemExit(logs[0].read_text())
            time.sleep(0.1)

        def start() -> Callable[[], None]:
            with Celery(broker=broker) as celery_app:
                celery_app.send_task(DISPATCH)
            return end

        def end() -> None:  # a killed worker would leave leases
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)

        yield start
    finally:
        for process in processes:
            process.kill()
            process.wait()


def measure_celery(folder: Path, url: str, broker: str) -> None:
    """Compare four workers of Celery with one, as :func:`measure_workers` does with the processes of the package."""
    at = folder / "celery"
    begin = partial(celery_workers, folder=at, url=url, broker=broker)
    compare("Celery", at, url, begin, CELERY_PARTNERS, CELERY_OBJECTS)


def measure_latency(folder: Path, answering: int, hanging: int, changes: float) -> None:
    """Save some changes a second; the time is from before each was saved until it came."""
    with sink(answering, hanging) as partners:
        made = platform(folder / f"latency {answering} {hanging}", None, dispatcher="thread", timeout=10.0)
        add_partners(made, partners.ports)
        made.objects.save_all({"locations": [location(id=f"L{n}") for n in range(100)]})
        partners.wait_for(100 * answering)
        time.sleep(1.0)
        first, expected = partners.number, int(changes * 10)
        began = perf_counter()
        for number in range(expected):
            made.patch("locations", f"L{number % 100}", changes={"name": f"sent {time.time():.6f}"})
            time.sleep(max(0.0, began + (number + 1) / changes - perf_counter()))
        partners.wait_for(first + expected * answering)
        delays = [1000 * delay for delay in partners.delays(first)]
        made.outbox.stop(0.1)
    name = f"Latency, {changes:.0f} changes a second to {answering} partners"
    name += f", {hanging} more hang" if hanging else ""
    say(name, f"median {median(delays):.1f} ms, 99th percentile {quantiles(delays, n=100)[-1]:.1f} ms")


PARTS = ("saving", "delivering", "journal", "latency", "workers", "celery")


def main() -> None:
    wanted = sys.argv[1:] or PARTS
    with (
        tempfile.TemporaryDirectory() as name,
        postgres() if {"workers", "celery"} & {*wanted} else nullcontext() as url,
        redis() if "celery" in wanted else nullcontext() as broker,
    ):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # not the database
        folder = Path(name)
        if "saving" in wanted:
            measure_saving(folder)
        if "delivering" in wanted:
            measure_delivering(folder)
        if "journal" in wanted:
            measure_journal(folder)
        if "latency" in wanted:
            measure_latency(folder, 1, 0, 100.0)
            measure_latency(folder, 10, 0, 10.0)
            measure_latency(folder, 20, 10, 10.0)
        if "workers" in wanted and url is not None:
            measure_workers(folder, url)
        if url is not None and broker is not None:
            measure_celery(folder, url, broker)
        say("Memory of this process, at most", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
