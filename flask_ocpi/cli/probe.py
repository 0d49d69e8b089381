"""The command that checks a partner's platform against the specification."""

from __future__ import annotations

import click

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
from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.checks import Result
from flask_ocpi.client.probe.report import Report
from flask_ocpi.client.probe.report import grouped
from flask_ocpi.client.probe.report import junit
from flask_ocpi.client.probe.report import page
from flask_ocpi.core.quirks import TABLE
from flask_ocpi.core.quirks import as_text
from flask_ocpi.web.current import current_ocpi

_COLOURS = {Outcome.PASS: "green", Outcome.WARN: "yellow", Outcome.FAIL: "red", Outcome.SKIP: "bright_black"}
_AFTER_FAIL = "Send the report to the partner (--html FILE); --save notes quirks that help until then."
_QUESTION = (
    "{} gets objects named PROBE-..., of which only tariffs are removed again, commands such as START_SESSION, and new "
    "tokens. Is it a test partner?"
)
_ORDER = (Outcome.PASS, Outcome.SKIP, Outcome.WARN, Outcome.FAIL)  # what matters comes last, above the prompt


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
        _say(report, every=every)
    if save:
        _save(partner, report, yes=yes)
    if not report.ok:
        raise refusal(f"{counted(report.counts[Outcome.FAIL], 'check')} failed.", _AFTER_FAIL)


def _say(report: Report, *, every: bool) -> None:
    say(f"{report.title}\n")
    shown = _ORDER if every else (Outcome.WARN, Outcome.FAIL)
    results = [result for result in report.results if result.outcome in shown]
    for result, modules in sorted(grouped(results), key=lambda pair: _ORDER.index(pair[0].outcome)):
        _say_one(result, ", ".join(modules))
    say(("\n" if results else "") + report.summary)
    if report.proposals:
        say("\nQuirks that would help:\n")
        for proposal in report.proposals:
            say(f"  {proposal.text}  {proposal.reason}")
        if report.partner is not None:
            names = " ".join(f"--quirk {proposal.text}" for proposal in report.proposals)
            say(f"\nTo set them: flask ocpi partners set {report.partner} {names}")


def _say_one(result: Result, modules: str) -> None:
    outcome = click.style(result.outcome, fg=_COLOURS[result.outcome])
    where = f" ({modules})" if modules else ""
    click.echo(f"{outcome} {result.check.id}{where}: {printable(result.seen)}")
    if result.outcome in (Outcome.WARN, Outcome.FAIL):
        click.echo(f"     {result.check.text} [{result.check.section}]")


def _save(partner: str, report: Report, *, yes: bool) -> None:
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
