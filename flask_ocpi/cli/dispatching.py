"""Commands about what goes out by itself: what waits, and the worker that sends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager

import click
from flask.cli import with_appcontext

from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import table
from flask_ocpi.host.outbox import Undelivered
from flask_ocpi.outbox.threads import Threads
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.web.current import current_ocpi

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
    found = None if platform is None else current_ocpi.partners.find(platform)
    if module is not None:
        number = current_ocpi.objects.push_all(module, platform=found)
        return say(f"Marked {counted(number, 'object')} of {module}.")
    if found is None:
        return _show_lags(as_json=as_json)
    listed = current_ocpi.outbox.list(found, parked=True if parked else None)
    if discard:
        return say(f"Discarded: {counted(current_ocpi.outbox.discard(listed), 'mark')}.")
    if retry:
        return say(f"Marked again: {counted(current_ocpi.outbox.retry(listed), 'mark')}.")
    return _show_entries(found, listed, as_json=as_json)


def _show_lags(*, as_json: bool) -> None:
    lags = current_ocpi.outbox.lags()
    if as_json:
        return show([lag.to_dict() for lag in lags])
    if not lags:
        return say("Every platform has seen everything.")
    cells = [
        [
            lag.platform,
            str(lag.waiting),
            str(lag.parked),
            "" if lag.oldest_seconds is None else f"{lag.oldest_seconds} s",
            "" if lag.held_back_seconds is None else f"{lag.held_back_seconds} s: {lag.error}",
        ]
        for lag in lags
    ]
    return say(table(["PLATFORM", "WAITING", "PARKED", "OLDEST", "HELD BACK FOR"], cells))


def _show_entries(platform: Platform, listed: Sequence[Undelivered], *, as_json: bool) -> None:
    if as_json:
        return show([entry.to_dict() for entry in listed])
    if not listed:
        return say(f"{platform.id} has seen everything.")
    cells = [
        [
            entry.module,
            " ".join(entry.ids),
            str(entry.party or ""),
            entry.state,
            f"{entry.since_seconds} s",
            str(entry.attempts),
            entry.error,
        ]
        for entry in listed[:_SHOWN]
    ]
    say(table(["MODULE", "ID", "FOR", "STATE", "SINCE", "TRIED", "WHY"], cells))
    if len(listed) > _SHOWN:
        say(f"and {len(listed) - _SHOWN} more; --json lists them all")
    return None


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
