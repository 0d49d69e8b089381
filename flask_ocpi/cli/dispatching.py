"""Commands about what goes out by itself: what waits, and the worker that sends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from flask.cli import with_appcontext

from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.outbox.threads import Threads
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.web.current import current_ocpi

_MICROS = 1_000_000
_SHOWN = 50


@click.command("worker", short_help="Deliver changes and keep times, as a process of its own.")
@click.option("--once", is_flag=True, help="Do what is due now, and exit.")
@click.option(
    "--drain", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds to finish in at the end."
)
@with_appcontext
def worker(once: bool, drain: float) -> None:
    """Deliver what is in the outbox, time commands out and sync as scheduled, until SIGTERM or Ctrl-C.

    Any number of workers may run on one storage, on any number of machines. With OCPI_DISPATCHER=none they do all of
    it; otherwise they help.
    """
    dispatcher = current_ocpi.dispatcher
    if once:
        return say(f"Delivered {counted(dispatcher.deliveries.run_due(), 'message')}.")
    if not isinstance(dispatcher, Threads):
        dispatcher = Threads(dispatcher.deliveries)
    with _told_to_end() as told:
        dispatcher.start()
        say(f"Working for {current_ocpi.storage}; SIGTERM or Ctrl-C ends it.")
        told.wait()
        in_time = dispatcher.stop(drain)
    return say("Ended." if in_time else "Ended; what was not delivered stays in the outbox.")


@click.command("marks", short_help="Show which platforms have not seen which changes.")
@click.option("--platform", metavar="PLATFORM", help="List the marks of one platform, by id, name or party.")
@click.option("--parked", is_flag=True, help="Only those that were refused.")
@click.option("--retry", is_flag=True, help="Send those listed again, at once.")
@click.option("--discard", is_flag=True, help="Forget those listed: the platform is not sent these changes.")
@click.option("--all", "module", metavar="MODULE", help="Mark all own objects of a module first.")
@json_option
@with_appcontext
def show_marks(
    platform: str | None, parked: bool, retry: bool, discard: bool, module: str | None, as_json: bool
) -> None:
    """Show what is to be pushed: how much waits for each platform, or (--platform) what and why.

    A mark says that a platform has not seen the current state of an own object. It is parked when the platform refused
    that state, and gets a new chance when the object changes, or with --retry.
    """
    if platform is None and (retry or discard or parked):
        raise click.UsageError("Say with --platform whose marks it is about.")
    if retry and discard:
        raise click.UsageError("Either --retry or --discard.")
    found = None if platform is None else current_ocpi.platforms.find(platform)
    if module is not None:
        number = current_ocpi.objects.push_all(module, platform=found)
        return say(f"Marked {counted(number, 'object')} of {module}.")
    if found is None:
        return _show_summary(as_json=as_json)
    listed = list(entries.of_platform(current_ocpi.services, found.id, parked=True if parked else None))
    if retry or discard:
        return _act(listed, discard=discard)
    return _show_marks(found, listed, as_json=as_json)


def _act(listed: list[OutboxEntry], *, discard: bool) -> None:
    services = current_ocpi.services
    for mark in listed:
        if discard:
            entries.remove(services, mark)
        else:
            entries.retry(services, mark)
    if not discard:
        for platform in {mark.platform for mark in listed}:
            circuits.close_circuit(services, platform)
            current_ocpi.dispatcher.wake((platform,))
    say(f"{'Discarded' if discard else 'Marked again'}: {counted(len(listed), 'mark')}.")


def _show_summary(*, as_json: bool) -> None:
    services = current_ocpi.services
    rows: list[dict[str, Any]] = []
    for summary in entries.summary(services):
        circuit = circuits.circuit_of(services, summary.platform)
        rows.append(
            {
                "platform": summary.platform,
                "waiting": summary.waiting,
                "parked": summary.parked,
                "oldest_seconds": None if summary.oldest is None else _age(summary.oldest),
                "held_back_seconds": None if circuit is None else max(0, -_age(circuit.due)),
                "error": "" if circuit is None else circuit.error,
            }
        )
    if as_json:
        return show(rows)
    if not rows:
        return say("Every platform has seen everything.")
    cells = [
        [
            row["platform"],
            str(row["waiting"]),
            str(row["parked"]),
            "" if row["oldest_seconds"] is None else f"{row['oldest_seconds']} s",
            "" if row["held_back_seconds"] is None else f"{row['held_back_seconds']} s: {row['error']}",
        ]
        for row in rows
    ]
    return say(table(["PLATFORM", "WAITING", "PARKED", "OLDEST", "HELD BACK FOR"], cells))


def _show_marks(platform: Platform, listed: list[OutboxEntry], *, as_json: bool) -> None:
    if as_json:
        return show([_document(mark) for mark in listed])
    if not listed:
        return say(f"{platform.id} has seen everything.")
    cells = [
        [
            mark.module,
            " ".join(mark.ids),
            str(mark.party or ""),
            "parked" if mark.is_parked else "waiting",
            f"{_age(mark.since)} s",
            str(mark.attempts),
            mark.error,
        ]
        for mark in listed[:_SHOWN]
    ]
    say(table(["MODULE", "ID", "FOR", "STATE", "SINCE", "TRIED", "WHY"], cells))
    if len(listed) > _SHOWN:
        say(f"and {len(listed) - _SHOWN} more; --json lists them all")
    return None


def _document(mark: OutboxEntry) -> dict[str, Any]:
    return {
        "module": mark.module,
        "owner": str(mark.owner),
        "ids": list(mark.ids),
        "party": None if mark.party is None else str(mark.party),
        "state": "parked" if mark.is_parked else "waiting",
        "since_seconds": _age(mark.since),
        "attempts": mark.attempts,
        "status_code": mark.status_code,
        "error": mark.error,
    }


def _age(moment: int) -> int:
    return (current_ocpi.services.now() - moment) // _MICROS


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set, as long as the block runs."""
    told = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: told.set()) for number in numbers}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
