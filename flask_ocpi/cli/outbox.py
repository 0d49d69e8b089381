"""Commands about automatic deliveries: the outbox, and the worker that delivers it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager

import click

from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import confirm
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import table
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import tell_rows
from flask_ocpi.cli.output import wants_json
from flask_ocpi.cli.output import yes_option
from flask_ocpi.core.moments import SECOND
from flask_ocpi.host.outbox import Undelivered
from flask_ocpi.host.status import date_time
from flask_ocpi.host.status import span
from flask_ocpi.outbox.threads import Threads
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.web.current import current_ocpi

_SHOWN = 50
_AGO = (*(f"-{minutes}" for minutes in range(55, 0, -5)), "NOW")


@command("worker", short_help="Deliver changes, send time-outs and sync, as a separate process.", json=False)
@click.option("--once", is_flag=True, help="Do what is due now, and exit.")
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Seconds to finish work at the end.",
)
def worker(once: bool, drain: float) -> None:
    """Deliver the outbox, send time-outs of commands and sync as scheduled, until SIGTERM or Ctrl-C.

    Any number of workers may run on one storage, on any number of machines. With OCPI_DISPATCHER=none they do all this
    work; otherwise they share it.
    """
    dispatcher = current_ocpi.dispatcher
    if once:
        return say(f"Delivered {counted(dispatcher.deliveries.run_due(), 'message')}.")
    if not isinstance(dispatcher, Threads):
        dispatcher = Threads(dispatcher.deliveries)
    with told_to_end() as told:
        dispatcher.start()
        say(f"Working for {current_ocpi.storage}; SIGTERM or Ctrl-C ends it.")
        told.wait()
        in_time = dispatcher.stop(drain)
    return say("Ended." if in_time else "Ended; what was not delivered stays in the outbox.")


_partner = click.option("--partner", required=True, help="The partner that they are for, by id, name or party.")
_parked = click.option("--parked", is_flag=True, help="Only those that the partner refused.")


@click.group("outbox", cls=Commands, short_help="List, retry and discard what partners have not seen yet.")
def outbox() -> None:
    """List, retry and discard what partners have not seen yet.

    An outbox entry says that a partner has not seen the current state of an own object. It is parked when the partner
    refused that state: then it is sent again when the object changes, or by `retry`.
    """


@outbox.command("list")
@click.option("--partner", help="List the entries of this partner, by id, name or party.")
@_parked
def list_entries(partner: str | None, parked: bool) -> None:
    """Show how much waits for each partner, or (--partner) what and why."""
    if partner is None and parked:
        raise click.UsageError("Name with --partner whose entries to list.")
    if partner is None:
        return _show_lags()
    found = current_ocpi.partners.find(partner)
    return _show_entries(found, _listed(found, parked=parked))


@outbox.command("processes")
def list_processes() -> None:
    """Show which processes deliver, and how long changes have waited in the last hour.

    Each process that looks for work notes that once a minute. One that ended in order is not listed, one that was
    killed is listed for a day.
    """
    now, found = current_ocpi.services.now(), current_ocpi.outbox.processes()
    ages = current_ocpi.journal.rates.ages()
    text, rows, listed = "No process has looked for work within a day: nothing is delivered.", [], []
    for each in found:
        alive, about = each.is_alive(now), {"host": each.host, "pid": each.pid, "program": each.program}
        listed.append({**about, "began": date_time(each.began), "seen": date_time(each.seen), "alive": alive})
        ago = f"{span((now - each.seen) // SECOND)} ago"
        rows.append((*about.values(), date_time(each.began), ago, "alive" if alive else "silent"))
    if rows:
        text = table(("HOST", "PID", "PROGRAM", "BEGAN", "LOOKED FOR WORK", "STATE"), rows)
    if ages:
        by_partner = table(("PARTNER", *_AGO), [(id, *values) for id, values in ages.items()])
        text += f"\n\nAge of the oldest waiting change in seconds, by five minutes:\n{by_partner}"
    tell({"processes": listed, "oldest_seconds": {id: list(values) for id, values in ages.items()}}, text)


@outbox.command("retry", json=False)
@_partner
@_parked
def retry_entries(partner: str, parked: bool) -> None:
    """Send the entries of a partner again, at once."""
    found = current_ocpi.partners.find(partner)
    found.check_open()
    with noted(partner=found.id):
        number = current_ocpi.outbox.retry(_listed(found, parked=parked))
    say(f"Retried {counted(number, 'entry', 'entries')}.")


@outbox.command("discard", json=False)
@_partner
@_parked
@yes_option
def discard_entries(partner: str, parked: bool, yes: bool) -> None:
    """Remove the entries of a partner: it is not sent these changes."""
    found = current_ocpi.partners.find(partner)
    listed = _listed(found, parked=parked)
    if listed:
        these = "this change" if len(listed) == 1 else f"these {len(listed)} changes"
        confirm(f"Never send {found.name or found.id} {these}?", yes=yes)
    with noted(partner=found.id):
        number = current_ocpi.outbox.discard(listed)
    say(f"Discarded {counted(number, 'entry', 'entries')}.")


def _listed(platform: Platform, *, parked: bool) -> Sequence[Undelivered]:
    return current_ocpi.outbox.list(platform, parked=True if parked else None)


def _show_lags() -> None:
    lags = current_ocpi.outbox.lags()
    rows = []
    for lag in lags:
        oldest = "" if lag.oldest_seconds is None else f"{lag.oldest_seconds} s"
        held_back = "" if lag.held_back_seconds is None else f"{lag.held_back_seconds} s: {lag.error}"
        rows.append((lag.platform, lag.waiting, lag.parked, oldest, held_back))
    header = ("PARTNER", "WAITING", "PARKED", "OLDEST", "HELD BACK FOR")
    tell_rows([lag.to_dict() for lag in lags], header, rows, none="Every partner has seen everything.")


def _show_entries(platform: Platform, listed: Sequence[Undelivered]) -> None:
    rows = [
        (e.module, " ".join(e.ids), e.party or "", e.state, f"{e.since_seconds} s", e.attempts, e.error)
        for e in listed[:_SHOWN]
    ]
    header = ("MODULE", "ID", "FOR", "STATE", "SINCE", "TRIED", "WHY")
    tell_rows([entry.to_dict() for entry in listed], header, rows, none=f"{platform.id} has seen everything.")
    if len(listed) > _SHOWN and not wants_json():
        say(f"and {len(listed) - _SHOWN} more; --json lists them all")


@contextmanager
def told_to_end() -> Iterator[threading.Event]:
    """Return an event that SIGTERM and SIGINT set during the block."""
    told = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: told.set()) for number in numbers}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
