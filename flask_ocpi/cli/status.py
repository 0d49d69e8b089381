"""The command that shows the state of each partner."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator

import click

from flask_ocpi.cli.check import COLOURS
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import printable
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import wants_json
from flask_ocpi.cli.partners import NO_PARTNERS
from flask_ocpi.cli.partners import spoken
from flask_ocpi.host.status import Card
from flask_ocpi.host.status import span
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.web.current import current_ocpi

_WIDTH = 10


@command(short_help="Show the state of each partner.")
@click.argument("partner", required=False)
def status(partner: str | None) -> None:
    """Show a card about each partner, or about PARTNER: registration, last messages, what waits, what lags.

    It calls nobody: `flask ocpi check` does, and its exit code tells whether something is wrong.
    """
    cards = current_ocpi.partners.status() if partner is None else [current_ocpi.partners.card(partner)]
    if wants_json():
        return show([card.to_dict() for card in cards])
    if not cards:
        return say(NO_PARTNERS)
    for place, card in enumerate(cards):
        if place:
            click.echo()
        _say_card(card)
    return None


def _say_card(card: Card) -> None:
    outcome = click.style(f"{card.outcome:<4}", fg=COLOURS[card.outcome])
    platform = card.platform
    name = f"{platform.name} ({platform.id})" if platform.name and platform.name != platform.id else platform.id
    click.echo(f"{outcome}  {printable(name)}: {printable(_state(card))}")
    for problem in card.problems:
        _line(problem.outcome, problem.message)
        if problem.fix:
            _line("", problem.fix)
    for label, text in _lines(card):
        _line(label, text)


def _line(label: str, text: str) -> None:
    click.echo(f"      {label:<{_WIDTH}}{printable(text)}")


def _state(card: Card) -> str:
    platform = card.platform
    if platform.state is PlatformState.UNREGISTERED:
        if platform.ended is None:
            return "UNREGISTERED"
        who = "the partner ended it" if platform.ended_by == "partner" else "we ended it"
        return f"UNREGISTERED, {who} {span(card.age(platform.ended) or 0)} ago"
    state = f"{platform.state}, suspended" if platform.is_suspended else platform.state.value
    spoken_here = spoken(platform)
    return f"{state}, OCPI {spoken_here}" if spoken_here else state


def _lines(card: Card) -> Iterator[tuple[str, str]]:
    contact = card.contact
    yield "messages", f"last in {_ago(card, contact.received)}, last out {_ago(card, contact.answered)}"
    received, sent, failed_in, failed_out = contact.last_hour(card.now)
    if received or sent:
        yield "last hour", f"{received} in ({failed_in} failed), {sent} out ({failed_out} failed)"
    if contact.failure is not None:
        answer = f"HTTP {contact.failure.http_status}" if contact.failure.http_status else "no answer"
        what = f"{contact.failure.direction} {contact.failure.operation}: {answer}"
        yield "failure", f"{what}, {_ago(card, contact.failure.moment)}"
    if card.outbox.waiting or card.outbox.parked:
        oldest = "" if card.oldest_seconds is None else f", the oldest for {span(card.oldest_seconds)}"
        yield "outbox", f"{counted(card.outbox.waiting, 'change')} waiting{oldest}; {card.outbox.parked} refused"
    for each in card.syncs:
        age = "never" if each.age is None else f"{span(each.age)} ago"
        newest = "" if each.newest is None else f", up to {each.newest}"
        yield "synced", f"{each.module} for {each.receiver} {age}{newest}"
    if card.findings:
        yield "findings", f"{counted(card.findings, 'flaw')} in its data, {card.refused} of them refused"
    if card.platform.renewed is not None:
        yield "tokens", f"{span(card.age(card.platform.renewed) or 0)} old"
    if contact.skew is not None:
        yield "clock", _clock(contact.skew)
    if card.offers:
        yield "offers", _interfaces(f"{module} {side}" for module, sides in card.offers.items() for side in sides)
    for label, moments in (("uses", contact.uses), ("is used", contact.called)):
        if moments:
            yield label, _interfaces(moments)


def _ago(card: Card, moment: int | None) -> str:
    return "not known" if moment is None else f"{span(card.age(moment) or 0)} ago"


def _clock(skew: int) -> str:
    if abs(skew) < 1000:
        return "as ours, to a second"
    return f"{span(abs(skew) // 1000)} {'ahead of' if skew > 0 else 'behind'} ours"


def _interfaces(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
