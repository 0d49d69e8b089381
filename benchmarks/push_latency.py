"""Measure pushing on loopback: how long a change takes, how many go through, what a hanging partner costs.

Run with ``python -m benchmarks.push_latency``. Operator and partners are processes of their own, on a SQLite file each.
Latency is the time from the commit of a change at the operator to its commit at the partner, of one change after
another. What goes through is measured for many at once. The other nine partners are timed before the tenth hangs, and
while it does.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from statistics import median
from statistics import quantiles
from typing import Any

from tests.e2e.processes import Launcher
from tests.e2e.processes import Running
from tests.faults.sockets import Line

CHANGES = 100
WORKER_CHANGES = 20
WORKER_INTERVAL = 1.0
BATCH = 150  # Locations, divided by the number of partners
ROUNDS = 6
PATIENCE = 120.0

_numbers = count()


class Operator:
    """The process of an operator, and of its partners."""

    def __init__(self, folder: Path, launcher: Launcher, stack: ExitStack) -> None:
        self._folder = folder
        self._launcher = launcher
        self._stack = stack
        self.partners: list[Running] = []
        self.web = self._start("cpo", ("NL", "ABC"), "CPO", {"OCPI_HTTP_TIMEOUT": PATIENCE})

    def add_partner(self, *, line: bool = False) -> Line | None:
        """Register one more partner, behind a line that can be made to hang."""
        number = len(self.partners)
        partner = self._start(f"emsp{number}", ("DE", f"E{number:02}"), "EMSP", {})
        found = None
        if line:
            found = Line(partner.settings["port"])
            self._stack.callback(found.close)
            partner.start(config={"OCPI_BASE_URL": f"http://127.0.0.1:{found.port}"})
        invited = do(self.web, "invite")
        do(partner, "register", versions_url=f"{self.web.url}/ocpi/versions", token=invited)
        self.partners.append(partner)
        return found

    def start_worker(self, interval: float) -> None:
        """Have a worker process do what the operator's process did."""
        config = {"OCPI_DISPATCH_INTERVAL": interval}
        self.web.start(dispatcher="none")
        worker = Running(self._launcher, **{**self.web.settings, "kind": "worker", "config": config})
        worker.start()
        self._stack.callback(worker.kill)

    def change(self, number: int, pause: float) -> dict[str, float]:
        return dict(do(self.web, "change", numbers=[next(_numbers) for _ in range(number)], pause=pause))

    def save(self, number: int) -> tuple[list[str], float]:
        """Save so many new Locations; return their names, and when they were committed."""
        numbers = [next(_numbers) for _ in range(number)]
        return [f"Name {number}" for number in numbers], do(self.web, "save", numbers=numbers)

    def _start(self, name: str, party: tuple[str, str], role: str, config: dict[str, Any]) -> Running:
        folder = self._folder / name
        folder.mkdir()
        process = Running(
            self._launcher,
            **{"kind": "web", "dispatcher": "thread", "party": party, "roles": [role], "folder": str(folder)},
            database=f"sqlite:///{folder / 'ocpi.sqlite3'}",
            config=config,
        )
        process.start()
        self._stack.callback(process.kill)
        return process


@contextmanager
def operator() -> Iterator[Operator]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        launcher = Launcher("benchmarks.push_process")
        stack.callback(launcher.close)
        made = Operator(Path(folder), launcher, stack)
        yield made


def do(process: Running, name: str, **arguments: Any) -> Any:
    return process.do(name, **arguments)["done"]


def arrivals(partner: Running, names: list[str]) -> dict[str, float]:
    """Wait until all has arrived at a partner; return when it was stored there."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        found = do(partner, "arrivals")
        if set(names) <= set(found):
            return {name: found[name] for name in names}
        time.sleep(0.02)
    raise SystemExit("A partner did not get everything.")


def latencies(operator: Operator, changes: int, pause: float) -> list[float]:
    """Return how long changes took, in milliseconds."""
    found = []
    for _ in range(changes):
        committed = operator.change(1, 0)
        stored = arrivals(operator.partners[0], list(committed))
        found += [1000 * (stored[name] - committed[name]) for name in committed]
        time.sleep(pause * random.uniform(0.5, 1.5))
    return found


def throughput(operator: Operator, partners: list[Running]) -> float:
    """Return how many pushes a second go through when there is a lot to push."""
    names, committed = operator.save(BATCH // len(partners) + 15)
    last = max(max(arrivals(partner, names).values()) for partner in partners)
    return len(names) * len(partners) / (last - committed)


def say(name: str, text: str) -> None:
    sys.stdout.write(f"{name:<52} {text}\n")
    sys.stdout.flush()


def spread(values: list[float], unit: str, digits: int = 0) -> str:
    low, middle, high = quantiles(values, n=4)
    return f"{middle:.{digits}f} {unit} (middle half {low:.{digits}f} to {high:.{digits}f})"


def measure_latency(operator: Operator) -> None:
    found = latencies(operator, CHANGES, 0.01)
    percentile = quantiles(found, n=20)[-1]
    say("Latency of a push, thread dispatcher", f"median {median(found):.0f} ms, 95th percentile {percentile:.0f} ms")


def measure_worker(operator: Operator) -> None:
    operator.start_worker(WORKER_INTERVAL)
    found = latencies(operator, WORKER_CHANGES, WORKER_INTERVAL / 2)
    percentile = quantiles(found, n=20)[-1]
    text = f"median {median(found):.0f} ms, 95th percentile {percentile:.0f} ms"
    say(f"Latency, worker that looks every {1000 * WORKER_INTERVAL:.0f} ms", text)


def measure_throughput(operator: Operator) -> None:
    one = [throughput(operator, operator.partners[:1]) for _ in range(ROUNDS)]
    for _ in range(8):
        operator.add_partner()
    line = operator.add_partner(line=True)
    assert line is not None
    *nine, _ = operator.partners
    ten = [throughput(operator, operator.partners) for _ in range(ROUNDS)]
    say("Pushes a second, 1 partner", spread(one, "/s"))
    say("Pushes a second, 10 partners", spread(ten, "/s"))
    before = [throughput(operator, nine) for _ in range(ROUNDS)]
    line.hang()
    after = [throughput(operator, nine) for _ in range(ROUNDS)]
    ratios = [hanging / fine for hanging, fine in zip(after, before, strict=True)]
    say("Pushes to nine while the tenth hangs, to without", spread(ratios, "times as many", 2))


def main() -> None:
    with operator() as made:
        made.add_partner()
        do(made.web, "save", numbers=[next(_numbers) for _ in range(20)])
        latencies(made, 10, 0.01)  # statements are compiled, connections are made
        measure_latency(made)
        measure_throughput(made)
    with operator() as made:
        made.add_partner()
        do(made.web, "save", numbers=list(range(20)))
        measure_worker(made)


if __name__ == "__main__":
    main()
