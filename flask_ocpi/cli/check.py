"""Commands that look for problems: of this platform, between it and each partner, and of a partner's platform."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import ScriptInfo

from flask_ocpi.cli.arguments import secret_of
from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import confirm
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import printable
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import wants_json
from flask_ocpi.cli.output import written_whole
from flask_ocpi.cli.output import yes_option
from flask_ocpi.cli.partners import NO_PARTNERS
from flask_ocpi.cli.partners import spoken
from flask_ocpi.client.discovery import discover
from flask_ocpi.client.probe.checks import Outcome as Seen
from flask_ocpi.client.probe.checks import Result
from flask_ocpi.client.probe.report import Report
from flask_ocpi.client.probe.report import grouped
from flask_ocpi.client.probe.report import junit
from flask_ocpi.client.probe.report import page
from flask_ocpi.core.quirks import TABLE
from flask_ocpi.core.quirks import as_text
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange.handshake import with_roles
from flask_ocpi.host.checks import Check
from flask_ocpi.host.checks import about_partners
from flask_ocpi.host.checks import checks
from flask_ocpi.host.status import Card
from flask_ocpi.host.status import Outcome
from flask_ocpi.host.status import refuses_token
from flask_ocpi.host.status import span
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.web.current import current_ocpi

_COLOURS = {Outcome.OK: "green", Outcome.WARN: "yellow", Outcome.FAIL: "red"}


@command(short_help="Check configuration, storage and partners.", app=False)
@click.option("--offline", is_flag=True, help="Do not call the registered partners.")
@click.pass_context
def check(ctx: click.Context, offline: bool) -> None:
    """Check configuration, storage and encryption, and whether the registered partners answer.

    Each line says OK, WARN or FAIL, and what to do. With a FAIL the exit code is 1.
    """
    findings = list(_findings(ctx, offline=offline))
    counts = {outcome: sum(finding.outcome is outcome for finding in findings) for outcome in Outcome}
    if wants_json():
        show({"ok": not counts[Outcome.FAIL], "checks": [finding.to_dict() for finding in findings]})
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            _say(finding, width)
    if counts[Outcome.FAIL]:
        raise refusal(
            f"{counted(counts[Outcome.FAIL], 'check')} failed.",
            "Correct what the lines with FAIL say, and check again.",
        )
    if not wants_json():
        click.echo(f"\nNothing failed, {counted(counts[Outcome.WARN], 'warning')}.")


def _findings(ctx: click.Context, *, offline: bool) -> Iterator[Check]:
    try:
        app = ctx.ensure_object(ScriptInfo).load_app()
    except StorageError as error:
        yield Check("storage", Outcome.FAIL, str(error))
        return
    except ConfigurationError as error:
        yield Check("configuration", Outcome.FAIL, str(error))
        return
    with app.app_context():
        found = list(checks(current_ocpi, current_app.config, Path(current_app.instance_path)))
        yield from found
        if all(finding.outcome is not Outcome.FAIL for finding in found):
            yield from _platforms(offline=offline)


def _platforms(*, offline: bool) -> Iterator[Check]:
    called = [] if offline else [p for p in current_ocpi.partners.list() if p.is_registered and not p.is_suspended]
    names = {f"platform {platform.id}": platform for platform in called}
    answered = {name: _reachability(name, platform) for name, platform in names.items()}
    for name, known in groupby(
        about_partners(current_ocpi), key=lambda found: found.check
    ):  # the calls are on the cards
        first = answered.get(name)
        if first is None:
            yield from known
        else:
            problems = (found for found in known if found.outcome is not Outcome.OK and found.message != first.message)
            yield from (first, *problems)


def _reachability(name: str, platform: Platform) -> Check:
    url = platform.versions_url or ""
    try:
        caller = current_ocpi.client(platform)
        found = discover(caller, current_ocpi.services, url, versions=[caller.version.number])
    except FlaskOCPIError as error:
        if isinstance(error, RefusedError) and error.http_status == 401:
            problem = refuses_token(platform)
            return Check(name, problem.outcome, problem.message, problem.fix)
        return Check(name, Outcome.FAIL, str(error), _fix(error, platform))
    offered = with_roles(current_ocpi.services, platform, found.endpoints)
    if _addresses_of(offered) != _addresses_of(platform.endpoints) and not _is_fetched_again(platform):
        text = "Offers other endpoints than when they were fetched."
        return Check(name, Outcome.WARN, text, f"Fetch them again with `flask ocpi rotate {platform.id}`.")
    return Check(name, Outcome.OK, f"Answers at {url} and accepts our token.")


def _is_fetched_again(platform: Platform) -> bool:
    """Tell whether the endpoints are those of the handshake, which are fetched again after it."""
    unused = any(token.use is TokenUse.ACTIVE and not token.used for token in platform.issued)
    return unused or platform.endpoints_due is not None


def _addresses_of(endpoints: Iterable[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
    return {(endpoint["identifier"], endpoint["role"], endpoint["url"]) for endpoint in endpoints}


def _fix(error: FlaskOCPIError, platform: Platform) -> str | None:
    if isinstance(error, RefusedError) and error.http_status in (401, 403):
        return (
            f"It does not accept our token any more: `flask ocpi unregister {platform.id} --force`, "
            "then register with a new registration token."
        )
    if isinstance(error, BlockedAddressError | StorageError):
        return None  # the message says it
    return "Its operator has to look into it; try again later."


def _say(finding: Check, width: int) -> None:
    outcome = click.style(f"{finding.outcome:<4}", fg=_COLOURS[finding.outcome])
    click.echo(f"{outcome}  {finding.check:<{width}}  {printable(finding.message)}")
    if finding.fix:
        click.echo(f"      {'':<{width}}  {printable(finding.fix)}")


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
    outcome = click.style(f"{card.outcome:<4}", fg=_COLOURS[card.outcome])
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
        age = "never" if each.age_seconds is None else f"{span(each.age_seconds)} ago"
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


_PROBE_COLOURS = {Seen.PASS: "green", Seen.WARN: "yellow", Seen.FAIL: "red", Seen.SKIP: "bright_black"}
_AFTER_FAIL = "Send the report to the partner (--html FILE); --save notes quirks that help until then."
_QUESTION = (
    "{} gets objects named PROBE-..., of which only tariffs are removed again, commands such as START_SESSION, and new "
    "tokens. Is it a test partner?"
)
_ORDER = (Seen.PASS, Seen.SKIP, Seen.WARN, Seen.FAIL)  # what matters comes last, above the prompt


@command(short_help="Check a partner's platform.")
@click.argument("partner")
@click.option("--token", help="The token that the platform at a versions URL accepts; - reads it from stdin.")
@click.option("--encoding", type=click.Choice(["base64", "plain"]), help="The encoding of that token.")
@click.option("--version", help="The version of OCPI to look at, instead of the partner's or the newest common one.")
@click.option(
    "--write",
    is_flag=True,
    help="For test partners only: write objects named PROBE-..., send commands and renew the registration, too.",
)
@click.option("--all", "every", is_flag=True, help="Show the checks that passed or were skipped, too.")
@click.option("--junit", "junit_file", type=click.Path(dir_okay=False), help="Write the results as JUnit XML.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False), help="Write the results as an HTML page.")
@click.option("--save", is_flag=True, help="Set the quirks that would help, after a question.")
@yes_option
def probe(
    partner: str,
    token: str | None,
    encoding: str | None,
    version: str | None,
    write: bool,
    every: bool,
    junit_file: str | None,
    html_file: str | None,
    save: bool,
    yes: bool,
) -> None:
    """Check the platform of PARTNER, or the one at a versions URL, against the specification.

    PARTNER is an id, a name, or a party such as NL-ABC. Each check says PASS, WARN, FAIL or SKIP, and what was seen.
    With a FAIL the exit code is 1. At most 80 requests are sent; without --write they change nothing at the partner.
    """
    if save and "://" in partner:
        raise click.UsageError("Give --save only with the id of a partner: an address has no quirks.")
    if write:
        confirm(_QUESTION.format(partner), yes=yes)
    secret = None if token is None else secret_of(token, "Token")
    report = current_ocpi.partners.probe(partner, token=secret, encoding=encoding, version=version, write=write)
    for name, text in ((junit_file, junit), (html_file, page)):
        if name is not None:
            with written_whole(name) as file:
                file.write(text(report).encode())
    if wants_json():
        show(report.to_dict())
    else:
        _say_report(report, every=every)
    if save:
        _save_quirks(partner, report, yes=yes)
    if not report.ok:
        raise refusal(f"{counted(report.counts[Seen.FAIL], 'check')} failed.", _AFTER_FAIL)


def _say_report(report: Report, *, every: bool) -> None:
    say(f"{report.title}\n")
    shown = _ORDER if every else (Seen.WARN, Seen.FAIL)
    results = [result for result in report.results if result.outcome in shown]
    for result, modules in sorted(grouped(results), key=lambda pair: _ORDER.index(pair[0].outcome)):
        _say_result(result, ", ".join(modules))
    say(("\n" if results else "") + report.summary)
    if report.proposals:
        say("\nQuirks that would help:\n")
        for proposal in report.proposals:
            say(f"  {proposal.text}  {proposal.reason}")
        if report.partner is not None:
            names = " ".join(f"--quirk {proposal.text}" for proposal in report.proposals)
            say(f"\nTo set them: flask ocpi partners set {report.partner} {names}")


def _say_result(result: Result, modules: str) -> None:
    outcome = click.style(result.outcome, fg=_PROBE_COLOURS[result.outcome])
    where = f" ({modules})" if modules else ""
    click.echo(f"{outcome} {result.check.id}{where}: {printable(result.seen)}")
    if result.outcome in (Seen.WARN, Seen.FAIL):
        click.echo(f"     {result.check.text} [{result.check.section}]")


def _save_quirks(partner: str, report: Report, *, yes: bool) -> None:
    """Set the proposed quirks, after a question that says what changes."""
    if not report.proposals:
        click.echo("No quirk is proposed.", err=True)
        return
    known = current_ocpi.partners.quirks(partner)
    changes = "\n".join(
        f"  {proposal.quirk}: {as_text(known.get(proposal.quirk, False))} -> {as_text(proposal.value)}. "
        f"{TABLE[proposal.quirk].metadata['doc']}"
        for proposal in report.proposals
    )
    confirm(f"Set these quirks of {report.partner}?\n{changes}\n", yes=yes)
    names = ", ".join(proposal.text for proposal in report.proposals)
    with noted(partner=report.partner or "", object=names):
        current_ocpi.partners.set_quirks(partner, {proposal.quirk: proposal.value for proposal in report.proposals})
    click.echo(f"Set for {report.partner}: {names}.", err=True)
