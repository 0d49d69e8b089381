"""Two platforms whose processes, and whose database, are killed at random moments while both have a lot to tell.

A :class:`Ledger` keeps what was answered with success. After the last kill nothing of that may be missing or older, and
both sides must have the same.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
import threading
import time
import urllib.error
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy import make_url
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from flask_ocpi.core.moments import format_date_time
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token
from tests.e2e.processes import Launcher
from tests.e2e.processes import Running
from tests.servers import CrashingPostgres

LOCATIONS, EVSES, TOKENS = 8, 3, 6
UPDATES_OF_A_SESSION = 12
RECOVERY_SECONDS = 180.0
DRIVER = {**cdr()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
STATUSES = ("AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER")
# What a write meets at a process, or a database, that is being killed.
FAILURES = (RuntimeError, urllib.error.URLError, ConnectionError, HTTPException, TimeoutError, ValueError)
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Platform:
    """One of the two: its process that serves, its worker, and the database they share."""

    def __init__(self, launcher: Launcher, folder: Path, database: str, party: tuple[str, str], role: str) -> None:
        folder.mkdir()
        self.name = role
        self.database = database
        settings = {"folder": str(folder), "database": database, "party": party, "roles": [role]}
        self.web = Running(launcher, kind="web", dispatcher="thread", **settings)
        settings["port"] = self.web.settings["port"]
        self.worker = Running(launcher, kind="worker", dispatcher="none", **settings)

    @property
    def processes(self) -> tuple[Running, Running]:
        return (self.web, self.worker)

    def start(self) -> None:
        for process in self.processes:
            process.start()

    def kill(self) -> None:
        for process in self.processes:
            process.kill()

    def do(self, name: str, **arguments: Any) -> Any:
        return self.web.do(name, **arguments)["done"]

    def documents(self, module: str, *, copies: bool) -> list[dict[str, Any]]:
        return list(self.do("documents", module=module, copies=copies))


@dataclass
class Ledger:
    """What was written at one platform, by the object: the number of the last write, and of the last that was answered.

    An object has one writer, which writes 1, 2, 3 ... and goes on to the next also when it got no answer.
    """

    written: Counter[tuple[str, ...]] = field(default_factory=Counter)
    answered: Counter[tuple[str, ...]] = field(default_factory=Counter)
    periods: set[tuple[str, int]] = field(default_factory=set)
    lost: list[str] = field(default_factory=list)
    writes: int = 0
    answers: int = 0

    def complaints(self, documents: Callable[[str], list[dict[str, Any]]]) -> Iterator[str]:
        """Compare the ledger with what a platform has; lost is what the writers missed on the way."""
        yield from self.lost
        found: dict[tuple[str, ...], int] = {}
        for item in documents("locations"):
            found |= {("locations", item["id"], e["uid"]): number_of(e) for e in item["evses"]}
        sessions = documents("sessions")
        found |= {("sessions", item["id"]): number_of(item) for item in sessions}
        found |= {("cdrs", item["id"]): round(item["total_energy"]) for item in documents("cdrs")}
        found |= {("tokens", item["uid"]): number_of(item) for item in documents("tokens")}
        for name, number in self.answered.items():
            if name not in found:
                yield f"{' '.join(name)} is missing: {number} was answered"
            elif not number <= found[name] <= self.written[name]:
                yield f"{' '.join(name)} is {found[name]}: {number} was answered, {self.written[name]} written last"
        yield from self._complaints_of_periods(sessions)

    def _complaints_of_periods(self, sessions: list[dict[str, Any]]) -> Iterator[str]:
        stored = Counter(
            (item["id"], round(period["dimensions"][0]["volume"]))
            for item in sessions
            for period in item.get("charging_periods", ())
        )
        yield from (f"period {period} is missing" for period in sorted(self.periods - set(stored)))
        yield from (f"period {period} is there {times} times" for period, times in stored.items() if times > 1)


class Writer(threading.Thread):
    """Writes one object after another until it is told to stop, whatever happens to the platform."""

    def __init__(self, platform: Platform, ledger: Ledger, pause: float) -> None:
        super().__init__(daemon=True)
        self.platform = platform
        self.ledger = ledger
        self.pause = pause
        self.ended = threading.Event()
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            for _ in self.work():
                if self.ended.wait(self.pause):
                    return
        except Exception as error:
            self.error = error

    def work(self) -> Iterator[None]:
        """Write one thing after another, and yield after each."""
        raise NotImplementedError

    def write(self, name: tuple[str, ...], what: str, arguments: Callable[[int], dict[str, Any]]) -> bool:
        """Write the next number of an object; True when it was answered with success."""
        number = self.ledger.written[name] + 1
        self.ledger.written[name] = number
        self.ledger.writes += 1
        try:
            before = self.platform.do(what, **arguments(number))
        except FAILURES:
            time.sleep(0.02)
            return False
        self._compare(name, before)
        self.ledger.answered[name] = number
        self.ledger.answers += 1
        return True

    def insist(self, name: tuple[str, ...], what: str, arguments: dict[str, Any]) -> None:
        """Write one thing again and again until it is answered, as a host does that must not lose it."""
        self.ledger.written[name] = 1
        while not self.ended.is_set():
            self.ledger.writes += 1
            try:
                self.platform.do(what, **arguments)
            except FAILURES:
                time.sleep(0.02)
            else:
                self.ledger.answered[name] = 1
                self.ledger.answers += 1
                return

    def _compare(self, name: tuple[str, ...], before: Any) -> None:
        """Note when an object was older, before it was written again, than what had been answered."""
        answered = self.ledger.answered[name]
        if isinstance(before, dict) and number_of(before) < answered:
            self.ledger.lost.append(f"{' '.join(name)} was {number_of(before)} after {answered} had been answered")


def number_of(document: dict[str, Any]) -> int:
    """Return the number that an EVSE, a Session or a Token was written with last."""
    return round(float(document.get("physical_reference") or document.get("visual_number") or document["kwh"]))


def now() -> str:
    return format_date_time(datetime.now(UTC))


class StatusWriter(Writer):
    """Changes the status of the EVSEs of some Locations."""

    places: tuple[int, ...] = ()

    def work(self) -> Iterator[None]:
        for place, number in itertools.cycle(itertools.product(self.places, range(EVSES))):
            self._set_status(f"LOC{place}", f"E{number}")
            yield

    def _set_status(self, id: str, uid: str) -> None:
        def arguments(number: int) -> dict[str, Any]:
            changes = {"status": STATUSES[number % 4], "physical_reference": str(number)}
            return {"module": "locations", "ids": [id, uid], "changes": changes}

        self.write(("locations", id, uid), "patch", arguments)


class SessionWriter(Writer):
    """Charges: a Session that is updated, gets charging periods and ends; then its CDR."""

    def work(self) -> Iterator[None]:
        for number in itertools.count():
            id = f"{self.name}-{number}"
            opened = session(id=id, cdr_token=DRIVER, kwh=1, last_updated=now())
            self.insist(("sessions", id), "save", {"module": "sessions", "document": opened})
            yield
            for _ in range(UPDATES_OF_A_SESSION):
                self._update(id)
                yield
            self._bill(id)
            yield

    def _update(self, id: str) -> None:
        numbers = []

        def arguments(number: int) -> dict[str, Any]:
            numbers.append(number)
            changes: dict[str, Any] = {"kwh": number}
            if number % 3 == 0:
                start = format_date_time(EPOCH + timedelta(seconds=number))
                changes["charging_periods"] = [
                    {"start_date_time": start, "dimensions": [{"type": "ENERGY", "volume": number}]}
                ]
            return {"module": "sessions", "ids": [id], "changes": changes}

        if self.write(("sessions", id), "patch", arguments) and numbers[0] % 3 == 0:
            self.ledger.periods.add((id, numbers[0]))

    def _bill(self, id: str) -> None:
        document = cdr(id=f"C-{id}", session_id=id, cdr_token=DRIVER, total_energy=1, last_updated=now())
        self.insist(("cdrs", document["id"]), "save", {"module": "cdrs", "document": document})


class TokenWriter(Writer):
    """Renews tokens, at the provider."""

    def work(self) -> Iterator[None]:
        for place in itertools.cycle(range(TOKENS)):
            self._renew(f"TOKEN{place}")
            yield

    def _renew(self, uid: str) -> None:
        def arguments(number: int) -> dict[str, Any]:
            return {"module": "tokens", "document": token(uid=uid, visual_number=str(number), last_updated=now())}

        self.write(("tokens", uid), "save", arguments)


@dataclass
class Outcome:
    """How a run went. complaints: what is wrong; nothing may be."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    recovery: float = 0.0
    writes: int = 0
    answers: int = 0
    objects: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills = ", ".join(f"{name} {number}" for name, number in sorted(self.kills.items()))
        objects = ", ".join(f"{number} {name}" for name, number in self.objects.items())
        verdict = (
            "\n".join(["FAILED:", *self.complaints])
            if self.complaints
            else "Both sides have the same; nothing is lost."
        )
        return (
            f"seed {self.seed}: {self.kills.total()} kills in {self.seconds:.0f} s ({kills}); "
            f"{self.writes} writes, {self.answers} of them answered; "
            f"{self.recovery:.1f} s until everything was delivered; {objects}\n{verdict}"
        )


class Crashes:
    """An operator (NL-ABC) and a provider (DE-EMS), their writers, and whatever kills them."""

    def __init__(self, cpo: Platform, emsp: Platform, server: CrashingPostgres | None, seed: int) -> None:
        self.cpo = cpo
        self.emsp = emsp
        self.server = server
        self.random = random.Random(seed)
        self.outcome = Outcome(seed)
        self.ledgers = {cpo.name: Ledger(), emsp.name: Ledger()}
        self.writers: list[Writer] = []

    def prepare(self) -> None:
        """Start both, register them, and save what the writers change."""
        for platform in (self.cpo, self.emsp):
            platform.start()
        invited = self.cpo.do("invite")
        assert self.emsp.do("register", versions_url=f"{self.cpo.web.url}/ocpi/versions", token=invited) == "REGISTERED"
        for place in range(LOCATIONS):
            evses = [evse(uid=f"E{number}", physical_reference="0", last_updated=now()) for number in range(EVSES)]
            document = location(id=f"LOC{place}", evses=evses, last_updated=now())
            self.cpo.do("save", module="locations", document=document)

    def run(self, kills: int, *, progress: Callable[[str], None] = lambda line: None) -> Outcome:
        """Kill so many processes while everything goes on; then look what is left."""
        began = time.monotonic()
        self._start_writers()
        for number in range(kills):
            time.sleep(self.random.uniform(0.05, 0.9))
            victim = self._kill_one()
            self.outcome.kills[victim] += 1
            progress(f"{number + 1}/{kills} {victim}; {self._answers()} writes answered")
        time.sleep(0.5)
        self._stop_writers()
        self.outcome.seconds = time.monotonic() - began
        self._recover()
        return self.outcome

    def _answers(self) -> int:
        return sum(ledger.answers for ledger in self.ledgers.values())

    def _start_writers(self) -> None:
        cpo, emsp = (self.ledgers[platform.name] for platform in (self.cpo, self.emsp))
        for first in range(2):
            writer = StatusWriter(self.cpo, cpo, 0.05)
            writer.places = tuple(range(first, LOCATIONS, 2))
            self.writers.append(writer)
        for number in range(2):
            writer = SessionWriter(self.cpo, cpo, 0.05)
            writer.name = f"S{number}"
            self.writers.append(writer)
        self.writers.append(TokenWriter(self.emsp, emsp, 0.1))
        for writer in self.writers:
            writer.start()

    def _stop_writers(self) -> None:
        for writer in self.writers:
            writer.ended.set()
        for writer in self.writers:
            writer.join(RECOVERY_SECONDS)
            if writer.error is not None:
                raise writer.error
            assert not writer.is_alive(), "a write was never answered, and never failed"

    def _kill_one(self) -> str:
        platform = self.random.choice((self.cpo, self.emsp))
        kind = self.random.choice(("web", "worker", "both") + (("database",) if self.server is not None else ()))
        if kind == "database":
            return self._kill_database()
        processes = platform.processes if kind == "both" else (getattr(platform, kind),)
        for process in processes:
            process.kill()
        for process in processes:
            # A process that serves delivers itself, or leaves all of it to the worker.
            process.start(**({"dispatcher": self.random.choice(("thread", "none"))} if process is platform.web else {}))
        return f"{platform.name} {kind}"

    def _kill_database(self) -> str:
        assert self.server is not None
        kill = self.random.choice((self.server.kill, self.server.stop_at_once))
        kill()
        self.server.start()
        return "database"

    def _recover(self) -> None:
        """Wait until all is delivered, sync once, and compare."""
        platforms = (self.cpo, self.emsp)
        began = time.monotonic()
        while (left := self._left()) and time.monotonic() < began + RECOVERY_SECONDS:
            time.sleep(0.2)
        self.outcome.recovery = time.monotonic() - began
        complaints = self.outcome.complaints
        complaints += [f"not delivered: {entry}" for entry in left]
        complaints += [f"before the sync {problem}" for problem in self._differences()]
        for platform in platforms:
            complaints += [f"sync at {platform.name}: {problem}" for problem in platform.do("sync")]
        complaints += self._differences()
        twice = [id for id, times in Counter(self.emsp.do("invoices")).items() if times > 1]
        complaints += [f"CDR {id} arrived as a new one more than once" for id in twice]
        for platform in platforms:
            ledger = self.ledgers[platform.name]
            self.outcome.writes += ledger.writes
            self.outcome.answers += ledger.answers
            complaints += ledger.complaints(lambda module, at=platform: at.documents(module, copies=False))
            platform.kill()
            complaints += [f"database of {platform.name}: {problem}" for problem in damages(platform.database)]

    def _left(self) -> list[Any]:
        return [entry for platform in (self.cpo, self.emsp) for entry in platform.do("entries")]

    def _differences(self) -> Iterator[str]:
        """Compare what one side owns with what the other has of it; everything is there once."""
        for module, owner, other in (
            *((module, self.cpo, self.emsp) for module in ("locations", "sessions", "cdrs")),
            ("tokens", self.emsp, self.cpo),
        ):
            name = "uid" if module == "tokens" else "id"
            ours, theirs = owner.documents(module, copies=False), other.documents(module, copies=True)
            self.outcome.objects[module] = len(ours)
            if not ours:
                yield f"there are no {module}"
            for side, found in ((owner.name, ours), (other.name, theirs)):
                counted = Counter(document[name] for document in found)
                yield from (f"{module} {id}: {times} at {side}" for id, times in counted.items() if times > 1)
            mine, copies = ({document[name]: document for document in found} for found in (ours, theirs))
            for id in sorted({**mine, **copies}):
                if mine.get(id) != copies.get(id):
                    yield f"{module} {id} differs: {mine.get(id)} and {copies.get(id)}"


TABLES = "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public'"
EVERY_ROW = f"SELECT c.relname, (verify_heapam(c.oid)).msg {TABLES} AND c.relkind = 'r'"
# It raises for an index that does not fit its table.
EVERY_INDEX = (
    f"SELECT bt_index_check(index => c.oid, heapallindexed => true) {TABLES} "  # noqa: S608
    "AND c.relkind = 'i' AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree')"
)


def damages(url: str) -> list[str]:
    """Return what is wrong in a database itself: by SQLite's own check, or by amcheck of every table and index."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite":
        with closing(sqlite3.connect(f"file:{parts.database}?mode=rw", uri=True)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        return [line for line in found if line != "ok"]
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text("CREATE EXTENSION amcheck"))
            wrong = [f"{row.relname}: {row.msg}" for row in connection.execute(text(EVERY_ROW))]
            indexes = connection.execute(text(EVERY_INDEX)).all()
    except SQLAlchemyError as error:
        return [str(error)]
    finally:
        engine.dispose()
    return wrong if indexes else ["there are no indexes"]


@contextmanager
def crashing_platforms(folder: Path, server: CrashingPostgres | None, seed: int) -> Iterator[Crashes]:
    """Start an operator and a provider on SQLite files, or on two databases of a PostgreSQL."""
    urls = [f"sqlite:///{folder / name / 'ocpi.sqlite3'}" for name in ("cpo", "emsp")]
    if server is not None:
        admin = create_engine(server.url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            for name in ("cpo", "emsp"):
                connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        parts = make_url(server.url)
        urls = [parts.set(database=name).render_as_string(hide_password=False) for name in ("cpo", "emsp")]
    launcher = Launcher("tests.faults.platform_process")
    cpo = Platform(launcher, folder / "cpo", urls[0], ("NL", "ABC"), "CPO")
    emsp = Platform(launcher, folder / "emsp", urls[1], ("DE", "EMS"), "EMSP")
    crashes = Crashes(cpo, emsp, server, seed)
    try:
        crashes.prepare()
        yield crashes
    finally:
        for platform in (cpo, emsp):
            platform.kill()
        launcher.close()
