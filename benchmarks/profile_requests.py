"""Profile the requests of the comparison: how long each takes in one thread, and where that time goes.

Run with ``python -m benchmarks.profile_requests``; ``--top 12`` also prints the functions that take most. The platform
is that of ``benchmarks.http``, on a SQLite file, and the requests go through the WSGI app without a server. Printed are
the process time of a request in microseconds, its ratio to that of a Flask view that returns constant bytes, and of
whose functions it is made. Both take turns of fifty requests, and the shortest turn of each counts: so other processes
of the machine change little. The profiler makes functions that are called often look dearer than they are: shares are
rough.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import io
import itertools
import os
import pstats
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

from cryptography.fernet import Fernet
from flask import Flask
from werkzeug.test import EnvironBuilder

import flask_ocpi
from benchmarks.http import app as platform
from benchmarks.http import bare
from benchmarks.http import documents
from benchmarks.http.contestants import OURS
from benchmarks.http.contestants import Contestant
from benchmarks.http.workloads import FRESH_ID
from benchmarks.http.workloads import WORKLOADS
from benchmarks.http.workloads import Call
from flask_ocpi import OCPI
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings

LOCATIONS = 1000
ROUNDS = 400
TURNS, TURN = 60, 50
PACKAGE = str(Path(flask_ocpi.__file__).parent)
PARTS = ("Flask", "this package", "validation", "storage", "others")


class InProcess:
    """Makes requests of a WSGI app, one after the other."""

    def __init__(self, app: Flask, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = headers
        self._fresh = itertools.count()

    def environ(self, call: Call) -> tuple[dict[str, Any], bytes]:
        body = call.text.encode()
        options: dict[str, Any] = {"data": body} if body else {}
        return EnvironBuilder(path=call.path, method=call.method, headers=self._headers, **options).get_environ(), body

    def ask(self, environ: dict[str, Any], body: bytes) -> bytes:
        if FRESH_ID.encode() in body:
            body = body.replace(FRESH_ID.encode(), b"%0*d" % (len(FRESH_ID), next(self._fresh)))
        answer: Any = self._app({**environ, "wsgi.input": io.BytesIO(body)}, lambda status, headers, error=None: None)
        try:
            return b"".join(answer)
        finally:
            answer.close()

    def asking(self, calls: Sequence[Call]) -> Callable[[], bytes]:
        """Return a function that makes the next of these requests."""
        prepared = itertools.cycle([self.environ(call) for call in calls])
        return lambda: self.ask(*next(prepared))


def shortest_times(*asks: Callable[[], bytes]) -> list[float]:
    """Return the process time of a request of each, in microseconds."""
    turns = [[_of_turn(ask) for ask in asks] for _ in range(TURNS)]
    return [min(times) * 1e6 for times in zip(*turns, strict=True)]


def _of_turn(ask: Callable[[], bytes]) -> float:
    start = process_time()
    for _ in range(TURN):
        ask()
    return (process_time() - start) / TURN


def profiled(ask: Callable[[], bytes]) -> pstats.Stats:
    profiler = cProfile.Profile()
    profiler.enable()
    for _ in range(ROUNDS):
        ask()
    profiler.disable()
    return pstats.Stats(profiler)


@dataclass(frozen=True)
class Counted:
    """What a request calls. ours: functions of this package, comprehensions and validation included; all: any function.

    files: the files of this package that those are in. hops: from the view to the verb of the storage that is farthest.
    """

    ours: int
    all: int
    files: int
    hops: int


def counted(ask: Callable[[], bytes]) -> Counted:
    ours, every, hops = Counter[str](), 0, 0
    stack: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:
        nonlocal every, hops
        every += event in ("call", "c_call")
        path = frame.f_code.co_filename
        if not path.startswith((PACKAGE, "<compiled")) or event not in ("call", "return"):
            return
        if event == "return":
            if stack:
                stack.pop()
            return
        ours[path] += 1
        stack.append(frame.f_code.co_qualname)
        view = next((depth for depth, name in enumerate(stack) if name.endswith(".view")), None)
        if view is not None and path.startswith(f"{PACKAGE}/storage") and frame.f_code.co_name in ("get", "save"):
            hops = max(hops, len(stack) - 1 - view)

    gc.disable()  # what was left before would be finalised meanwhile, and counted
    sys.setprofile(note)
    try:
        ask()
    finally:
        sys.setprofile(None)
        gc.enable()
    return Counted(sum(ours.values()), every, len(ours), hops)


def count_put_of_evse(storage: Storage | None = None) -> Counted:
    """Count what the PUT of an EVSE calls, in an app with its defaults; without a storage on a SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        app = Flask("counted", instance_path=folder)
        app.config["OCPI_PARTIES"] = [party_settings("NL", "ABC", ["EMSP"])]
        ocpi = OCPI(app) if storage is None else OCPI(app, storage=storage)
        ocpi.storage.setup()
        token = add_partner(app, [("DE", "CPO", ["CPO"])]).token
        client = InProcess(app, Contestant("", OURS, "http://localhost", token, locations=0).headers())
        location = documents.their_location(1)
        path = f"/ocpi/2.2.1/receiver/locations/DE/CPO/{location['id']}"
        evse = location["evses"][0]
        client.ask(*client.environ(Call("PUT", path, location)))
        ask = client.asking([Call("PUT", f"{path}/{evse['uid']}", evse)])
        for _ in range(3):
            ask()  # what is made once only
        return counted(ask)


def part_of(path: str, name: str) -> str | None:
    """Return whose a function is; None for one in C, which counts for who calls it."""
    if "sqlite3" in name:
        return "storage"
    if path == "~":
        return None
    if path.startswith("<compiled") or path.endswith(("flask_ocpi/core/schema.py", "flask_ocpi/core/fields.py")):
        return "validation"
    if "flask_ocpi/storage" in path or "/sqlalchemy/" in path:
        return "storage"
    if "flask_ocpi/" in path:
        return "this package"
    return "Flask" if any(f"/{name}/" in path for name in ("flask", "werkzeug", "blinker")) else "others"


def shares(stats: pstats.Stats) -> dict[str, float]:
    """Return which part of the time is whose."""
    times: Counter[str] = Counter()
    known: Any = stats
    for (path, _, name), (_, _, own, _, callers) in known.stats.items():
        part = part_of(path, name)
        if part is not None:
            times[part] += own
            continue
        for (path_of_caller, _, name_of_caller), (_, _, own_there, _) in callers.items():
            times[part_of(path_of_caller, name_of_caller) or "others"] += own_there
    total = sum(times.values())
    return {part: times[part] / total for part in PARTS}


def say(name: str, time: float, base: float, parts: dict[str, float]) -> None:
    cells = " | ".join(f"{share:.0%}" for share in parts.values())
    sys.stdout.write(f"| {name} | {time:.0f} | {time / base:.1f} | {cells} |\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_requests", description=__doc__)
    parser.add_argument("--top", type=int, default=0, help="functions to print of each workload (0)")
    parser.add_argument("--calls", action="store_true", help="count the calls of the PUT of an EVSE")
    parser.add_argument("--only", nargs="+", choices=[w.name for w in WORKLOADS], help="these workloads")
    options = parser.parse_args(arguments)
    if options.calls:
        for name, storage in (("memory", MemoryStorage()), ("SQLite", None)):
            found = count_put_of_evse(storage)
            sys.stdout.write(
                f"PUT of an EVSE, {name}: {found.ours} calls of ours in {found.files} files, {found.all} in all, "
                f"{found.hops} hops from the view to the storage\n"
            )
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(BENCH_FOLDER=folder, BENCH_KEY=Fernet.generate_key().decode())
        os.environ["BENCH_DATABASE"] = f"sqlite:///{Path(folder) / 'ocpi.sqlite3'}"
        contestant = Contestant("", OURS, "http://localhost", platform.fill(LOCATIONS), locations=LOCATIONS)
        app = platform.create_app()
        constant = InProcess(bare.create_app(), contestant.headers()).asking([Call("GET", "/small")])
        base = shortest_times(constant)[0]
        sys.stdout.write(f"| workload | us | times | {' | '.join(PARTS)} |\n| --- |{' ---: |' * (len(PARTS) + 2)}\n")
        say("bare Flask", base, base, shares(profiled(constant)))
        for workload in WORKLOADS:
            if (options.only is not None and workload.name not in options.only) or workload.name == "list-middle":
                continue  # the middle page is found by asking for the one before it
            client = InProcess(app, contestant.headers(wrong_token=workload.wrong_token))
            for call in workload.before(contestant):
                client.ask(*client.environ(call))
            ask = client.asking(workload.calls(contestant))
            ask()
            base, time = shortest_times(constant, ask)
            stats = profiled(ask)
            say(workload.label, time, base, shares(stats))
            if options.top:
                stats.stream = sys.stdout  # type: ignore[attr-defined]
                stats.strip_dirs().sort_stats("tottime").print_stats(options.top)


if __name__ == "__main__":
    main(sys.argv[1:])
