"""The results as a table, as JSON, and as a plot."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
from datetime import UTC
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.http.contestants import BARE
from benchmarks.http.contestants import PEERS
from benchmarks.http.workloads import WORKLOADS
from benchmarks.http.workloads import Workload
from benchmarks.http.wrk import Load

ONE = "granian, SQLite"
TWO = "granian, 2 workers"
TAIL = 4.0  # times the median that the 99th percentile may be
SHARED = {"list": 1.4, "list-middle": 1.4, "list-delta": 1.4, "get": 1.4, "authorize": 1.4, "versions": 1.4}


@dataclass
class Results:
    """All loads of a run: by contestant and workload, one a round."""

    seconds: int
    locations: int
    loads: dict[str, dict[str, list[Load]]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, contestant: str, workload: str, load: Load) -> None:
        self.loads.setdefault(contestant, {}).setdefault(workload, []).append(load)

    def rates(self, contestant: str, workload: str) -> list[float]:
        return [load.rate for load in self.loads.get(contestant, {}).get(workload, [])]

    def rate(self, contestant: str, workload: str) -> float | None:
        rates = self.rates(contestant, workload)
        return median(rates) if rates else None

    def ratio(self, contestant: str, other: str, workload: str) -> float | None:
        """Return the median of the ratios of each round."""
        pairs = zip(self.rates(contestant, workload), self.rates(other, workload), strict=False)
        ratios = [a / b for a, b in pairs if b]
        return median(ratios) if ratios else None

    def best_peer(self, workload: str) -> str | None:
        known = [(rate, name) for name in PEERS if (rate := self.rate(name, workload)) is not None]
        return max(known)[1] if known else None


def write(results: Results, folder: Path) -> None:
    """Write ``results.json``, ``results.md``, ``results.png`` and ``results.svg`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine(),
        "seconds": results.seconds,
        "locations": results.locations,
        "notes": results.notes,
        "loads": {
            name: {workload: [asdict(load) for load in loads] for workload, loads in workloads.items()}
            for name, workloads in results.loads.items()
        },
    }
    (folder / "results.json").write_text(json.dumps(known, indent=1) + "\n")
    (folder / "results.md").write_text(text(results, known), encoding="utf-8")
    plot(results, folder)


def machine() -> dict[str, Any]:
    names = ("flask", "flask-smorest", "marshmallow", "sqlalchemy", "granian", "gunicorn", "orjson", "psycopg")
    return {
        "processors": os.cpu_count(),
        "model": _model(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in names},
    }


def _model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")


def text(results: Results, known: Mapping[str, Any]) -> str:
    names = list(results.loads)
    about = known["machine"]
    parts = [
        f"Measured on {known['date']} with {about['processors']} processors ({about['model']}), "
        f"Python {about['python']}, "
        + ", ".join(f"{name} {number}" for name, number in about["versions"].items())
        + f"; {results.locations} locations, {_rounds(results)} rounds of {results.seconds:g} s, 16 connections.",
        "## Goals",
        _table(["workload", "best peer", "times the peer", "goal", "share of bare Flask", "goal"], _goals(results)),
        _table(["also", "measured", "goal"], _also(results)),
        "## Requests a second",
        "The median of the rounds; in brackets the lowest and the highest.",
        _table(
            ["workload", *names], [[w.label, *(_cell(results, n, w.name) for n in names)] for w in _measured(results)]
        ),
        "## Latency",
        "Milliseconds, the median and the 99th percentile; medians of the rounds.",
        _table(
            ["workload", *names],
            [[w.label, *(_latency(results, n, w.name) for n in names)] for w in _measured(results)],
        ),
    ]
    if results.notes:
        parts += ["## Notes", "\n".join(f"- {note}" for note in results.notes)]
    return "\n\n".join(parts) + "\n"


def _measured(results: Results) -> list[Workload]:
    return [w for w in WORKLOADS if any(w.name in loads for loads in results.loads.values())]


def _rounds(results: Results) -> int:
    return max((len(loads) for known in results.loads.values() for loads in known.values()), default=0)


def _cell(results: Results, name: str, workload: str) -> str:
    rates = results.rates(name, workload)
    return f"{median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})" if rates else "-"


def _latency(results: Results, name: str, workload: str) -> str:
    loads = results.loads.get(name, {}).get(workload, [])
    return f"{median(x.median for x in loads):.1f} / {median(x.p99 for x in loads):.1f}" if loads else "-"


def _goals(results: Results) -> list[list[str]]:
    rows = []
    for workload in _measured(results):
        peer, share = workload.goals
        best = results.best_peer(workload.name)
        times = None if best is None else results.ratio(ONE, best, workload.name)
        part = results.ratio(ONE, BARE, workload.name)
        rows.append(
            [
                workload.label,
                best or "-",
                "-" if times is None else f"{times:.1f}",
                _met(times, peer, "{:g}x"),
                "-" if part is None else f"{part:.0%}",
                _met(part, share, "{:.0%}"),
            ]
        )
    return rows


def _met(value: float | None, goal: float | None, shown: str) -> str:
    if goal is None or value is None:
        return ""
    verdict = "met" if value >= goal else f"**missed by {1 - value / goal:.0%}**"
    return f"{shown.format(goal)}: {verdict}"


def _also(results: Results) -> list[list[str]]:
    rows = []
    for workload in _measured(results):
        both = results.ratio(TWO, ONE, workload.name)
        if both is not None:
            goal = SHARED.get(workload.name, 1.0)
            rows.append([f"{workload.label}: two workers, times one", f"{both:.2f}", _met(both, goal, "{:g}x")])
    for workload in _measured(results):
        loads = results.loads.get(ONE, {}).get(workload.name, [])
        if loads:
            tail = median(load.p99 / load.median for load in loads)
            verdict = "met" if tail <= TAIL else f"**missed: {tail / TAIL - 1:.0%} above**"
            rows.append(
                [f"{workload.label}: 99th percentile, times the median", f"{tail:.1f}", f"{TAIL:g}x: {verdict}"]
            )
    return rows


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plot(results: Results, folder: Path) -> None:
    """Draw how many requests a second each contestant answers, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "flask-ocpi"
    workloads = _measured(results)
    shown = [name for name in (BARE, ONE, *PEERS) if name in results.loads]
    colours = dict(zip((BARE, ONE, *PEERS), ("#b0b7c3", "#1f6feb", "#e8a33d", "#c2533f"), strict=True))
    figure, axes = pyplot.subplots(figsize=(11, 0.62 * len(workloads) + 1.6))
    height = 0.8 / max(len(shown), 1)
    for index, name in enumerate(shown):
        for row, workload in enumerate(workloads):
            rate = results.rate(name, workload.name)
            if rate is None:
                continue
            at = row + (index - (len(shown) - 1) / 2) * height
            rates = results.rates(name, workload.name)
            label = ("Flask-OCPI" if name == ONE else name) if row == 0 else None
            axes.barh(at, rate, height * 0.92, color=colours[name], label=label)
            axes.plot([min(rates), max(rates)], [at, at], color="#333333", linewidth=0.8)
            axes.text(max(rates) * 1.05, at, f"{rate:,.0f}", va="center", fontsize=7, color="#333333")
    axes.set_yticks(range(len(workloads)), [workload.label for workload in workloads])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlim(right=axes.get_xlim()[1] * 1.6)
    axes.set_xlabel("requests a second, one worker, 16 connections (logarithmic; higher is better)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, 1.06), ncols=4, frameon=False)
    figure.tight_layout()
    for suffix in ("png", "svg"):
        figure.savefig(folder / f"results.{suffix}", dpi=130, metadata={"Date": None} if suffix == "svg" else None)
    pyplot.close(figure)
