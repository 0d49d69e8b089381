"""Compare: start every contestant, check what it answers, load all in turns, and write the results.

Run with ``python -m benchmarks.http``; ``--help`` lists what can be chosen. It needs wrk, and for the peers their
environments, both of which ``python -m scripts.setup_benchmarks`` installs. What is missing is left out, and said.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from benchmarks.http import report
from benchmarks.http.contestants import BARE
from benchmarks.http.contestants import PEER
from benchmarks.http.contestants import PEERS
from benchmarks.http.contestants import ROOT
from benchmarks.http.contestants import Contestant
from benchmarks.http.contestants import Setting
from benchmarks.http.contestants import bare
from benchmarks.http.contestants import can_pin
from benchmarks.http.contestants import ours
from benchmarks.http.contestants import peer
from benchmarks.http.contestants import python_of
from benchmarks.http.contestants import version_of
from benchmarks.http.workloads import WORKLOADS
from benchmarks.http.workloads import Workload
from benchmarks.http.workloads import answer_of
from benchmarks.http.workloads import check
from benchmarks.http.wrk import load
from tests.servers import crashing_postgres

GRANIAN = (
    *(sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", "{port}"),
    *("--log-level", "error", "--blocking-threads", "4", "--factory"),
)
GUNICORN = (
    *(sys.executable, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--worker-class", "gthread"),
    *("--workers", "1", "--threads", "4", "--log-level", "error", "benchmarks.http.app:create_app()"),
)
APP = "benchmarks.http.app:create_app"
POSTGRESQL = "granian, PostgreSQL"
GUNICORN_NAME = "gunicorn, SQLite"
ALL = (BARE, report.ONE, report.TWO, GUNICORN_NAME, POSTGRESQL, *PEERS)
WARM = 1  # seconds


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="loads of each workload and contestant (3)")
    parser.add_argument("--seconds", type=int, default=2, help="of each load (2)")
    parser.add_argument("--locations", type=int, default=1000, help="of our own that each contestant holds (1000)")
    parser.add_argument("--only", nargs="+", choices=[w.name for w in WORKLOADS], help="these workloads")
    parser.add_argument("--contestants", nargs="+", choices=ALL, help="these contestants", default=ALL)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks", help="the folder of the results")
    parser.add_argument("--check", action="store_true", help="check the answers, and load nothing")
    return parser.parse_args(arguments)


def start(stack: ExitStack, setting: Setting, chosen: list[str]) -> list[Contestant]:
    """Start the chosen contestants, and note which are left out."""
    started = []
    for name in (report.ONE, report.TWO, GUNICORN_NAME, POSTGRESQL, BARE, *PEERS):
        if name not in chosen:
            continue
        if name in PEERS:
            if not python_of(name).exists():
                setting.notes.append(f"Left out: {name}, whose environment is not there (scripts/setup_benchmarks.py).")
                continue
            found = stack.enter_context(peer(setting, name))
            setting.notes.append(
                f"{name} {version_of(name)} {found.note}; the platform on it is ours, on SQLite, served by uvicorn."
            )
        elif name == BARE:
            found = stack.enter_context(bare(setting, (*GRANIAN, "benchmarks.http.bare:create_app")))
        elif name == GUNICORN_NAME:
            found = stack.enter_context(ours(setting, name, "", GUNICORN))
        elif name == report.TWO:
            server = (*GRANIAN, "--workers", "2", APP)
            found = stack.enter_context(ours(setting, name, "", server, workers=2))
        elif name == POSTGRESQL:
            database = stack.enter_context(crashing_postgres())
            if database is None:
                setting.notes.append("Left out: PostgreSQL, which is not installed.")
                continue
            setting.notes.append("PostgreSQL runs with fsync off: its commits do not wait for the disk.")
            found = stack.enter_context(ours(setting, name, database.url, (*GRANIAN, APP)))
        else:
            found = stack.enter_context(ours(setting, name, "", (*GRANIAN, APP)))
            page = WORKLOADS[0].calls(found)[0]
            setting.list_bytes = len(answer_of(found, page).content)
        started.append(found)
    return started


def takes_part(contestant: Contestant, workload: Workload) -> bool:
    """Leave out what a contestant has no notion of, or no rate.

    py-ocpi asks for no token; after a command, even a rejected one, it looks for a result for minutes, and comes to a
    standstill over it. The bare app refuses nothing.
    """
    if contestant.kind == BARE:
        return not workload.wrong_token
    return not (contestant.name == "py-ocpi" and (workload.wrong_token or workload.name == "start-session"))


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    chosen = [w for w in WORKLOADS if options.only is None or w.name in options.only]
    if not options.check and shutil.which("wrk") is None:
        sys.stdout.write("Left out: the comparison, since wrk is not installed (python -m scripts.setup_benchmarks).\n")
        return 0
    with ExitStack() as stack, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        setting = Setting(folder, options.locations, pinned=can_pin())
        contestants = start(stack, setting, options.contestants)
        for contestant in contestants:
            for workload in filter(lambda w: takes_part(contestant, w), chosen):
                check(contestant, workload)
        sys.stdout.write(f"All answers of {', '.join(c.name for c in contestants)} are right.\n")
        if options.check:
            return 0
        results = report.Results(options.seconds, options.locations, notes=setting.notes)
        if setting.pinned:
            results.notes.append("One worker has one processor and wrk the other; two workers share both with wrk.")
        for number in range(options.rounds):
            for workload in chosen:
                for contestant in filter(lambda c: takes_part(c, workload), contestants):
                    measure(results, contestant, workload, number, folder, setting, options.seconds)
                say(results, workload, number)
        report.write(results, options.output)
        sys.stdout.write(f"Written to {options.output}\n")
    return 0


def expected_status(contestant: Contestant, workload: Workload) -> int | None:
    """Return the OCPI status code in answers under load; None where peers have no envelope around an error."""
    if workload.refused is None or contestant.kind == BARE:
        return 1000
    return None if contestant.kind == PEER else workload.refused


def measure(
    results: report.Results,
    contestant: Contestant,
    workload: Workload,
    number: int,
    folder: Path,
    setting: Setting,
    seconds: int,
) -> None:
    for call in workload.before(contestant):
        answer_of(contestant, call).raise_for_status()
    looked_for = expected_status(contestant, workload)
    for stage, length in (("W", WARM), ("R", seconds)) if number == 0 else (("R", seconds),):
        run = f"{stage}{number:04}{contestant.name[:6]:-<6}".replace(" ", "-").replace(",", "-")
        found = load(
            contestant,
            workload,
            seconds=length,
            folder=folder,
            run=run,
            pinned=setting.pinned,
            expected=looked_for if stage == "W" else None,
        )
        if found.wrong:
            raise RuntimeError(
                f"{contestant.name}, {workload.name}: {found.wrong} of {found.requests} answers without {looked_for}"
            )
    refused = workload.wrong_token or (workload.refused is not None and contestant.kind == PEER)
    expected = found.requests if refused else 0
    if found.lost or found.not_ok != expected:
        raise RuntimeError(
            f"{contestant.name}, {workload.name}: {found.lost} lost, {found.not_ok} of {found.requests} refused"
        )
    results.add(contestant.name, workload.name, found)


def say(results: report.Results, workload: Workload, number: int) -> None:
    rates = {name: results.rates(name, workload.name) for name in results.loads}
    shown = ", ".join(f"{name} {median(known):,.0f}" for name, known in rates.items() if known)
    sys.stdout.write(f"{number + 1}. {workload.label}: {shown}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
