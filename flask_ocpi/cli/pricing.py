"""Commands about money: price a document or a charge, look for mistakes in tariffs, audit CDRs."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from typing import IO
from typing import Any

import click
import orjson
from flask.cli import NoAppException
from flask.cli import with_appcontext

from flask_ocpi.cli.arguments import json_in
from flask_ocpi.cli.arguments import json_object
from flask_ocpi.cli.arguments import moment_ahead
from flask_ocpi.cli.arguments import moment_back
from flask_ocpi.cli.arguments import name_of
from flask_ocpi.cli.arguments import stored_item
from flask_ocpi.cli.noting import account
from flask_ocpi.cli.noting import noted
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import limit_option
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import wants_json
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.pricing import Audit
from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import Parking
from flask_ocpi.pricing import Report
from flask_ocpi.pricing import audit
from flask_ocpi.pricing import differences
from flask_ocpi.pricing import lint
from flask_ocpi.pricing import price
from flask_ocpi.pricing import quote
from flask_ocpi.pricing.report import digits
from flask_ocpi.web.current import current_ocpi

Document = dict[str, Any]

_CSV = ("platform", "country_code", "party_id", "cdr_id", "verdict", "finding", "weight", "path", "message")


@command("price", short_help="Price a CDR or a session, and explain it.", app=False)
@click.argument("file", type=click.File("rb"))
@click.option("--tariff", "tariffs", type=click.File("rb"), multiple=True, help="Price by the tariffs in this file.")
@click.option("--time-zone", help="The time zone of the location, such as Europe/Berlin.")
@click.pass_context
def price_file(ctx: click.Context, file: IO[bytes], tariffs: Sequence[IO[bytes]], time_zone: str | None) -> None:
    """Price the CDR or the session in FILE (- reads stdin), and explain each line of the bill.

    The tariffs of --tariff apply, or else those in FILE. With an app, missing tariffs and the time zone are looked up
    there. The exit code is 1 if the CDR has another cost, or if a note asks for a check by a person.
    """
    document, *others = _documents(file, ("cdrs", "sessions"))
    if others:
        raise refusal(f"{name_of(file)} holds {1 + len(others)} objects. Give one of them.")
    known = [tariff for each in tariffs for tariff in _documents(each, ("tariffs",))]
    ocpi = _platform(ctx)
    if ocpi is not None and {"country_code", "party_id"} <= document.keys():
        report = ocpi.pricing.price(document, known, time_zone=time_zone)
    else:
        report = price(document, known, time_zone=time_zone)
    differing = differences(document, report)
    if wants_json():
        show({**report.to_dict(), "differences": [finding.to_dict() for finding in differing]}, default=digits)
    else:
        say(report.explain().rstrip("\n"))
        if "total_cost" in document:
            lines = [f"  {finding.message} ({finding.path})" for finding in differing]
            say("\n".join(["\nDifferences", *lines]) if lines else "\nThe document says the same.")
    if differing or report.weighs:
        ctx.exit(1)


@click.group("tariffs", cls=Commands, short_help="Find mistakes in tariffs.")
def tariffs_group() -> None:
    """Look for mistakes in tariffs."""


@tariffs_group.command("lint", short_help="Find mistakes in a file, or in stored tariffs.", app=False)
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--partner", help="Check the tariffs of this partner, by id, name or party.")
@click.pass_context
def lint_tariffs(ctx: click.Context, file: IO[bytes] | None, partner: str | None) -> None:
    """Look for mistakes in the tariffs in FILE, in those that a partner sent, or in all that are stored.

    Stored tariffs are also compared with the connectors that offer them. The exit code is 1 for errors and warnings,
    not for hints.
    """
    _one_of(file, partner)
    if file is not None:
        looked_at = ((tariff, "", lint(tariff)) for tariff in _documents(file, ("tariffs",)))
    else:
        looked_at = (
            (each.document, each.source, each.findings) for each in _here(ctx).pricing.lint_all(platform=partner)
        )
    number, found = 0, 0
    shown = []
    for tariff, source, findings in looked_at:
        number += 1
        found += sum(finding.weighs for finding in findings)
        if wants_json():
            about = _identity(tariff, source, "tariff_id")
            shown.append({**about, "findings": [finding.to_dict() for finding in findings]})
        elif findings:
            say(_name(tariff, source))
            for each in findings:
                say(f"  {each.level:8}{each.rule} at {each.path}: {each.message}")
    if wants_json():
        show(shown, default=digits)
    else:
        say(f"Looked at {counted(number, 'tariff')}: {counted(found, 'mistake')}.")
    if found:
        ctx.exit(1)


@click.group("cdrs", cls=Commands, short_help="Audit CDRs before they are paid.")
def cdrs_group() -> None:
    """Audit CDRs before they are paid."""


@cdrs_group.command("audit", short_help="Audit the CDRs in a file, or the stored ones.", app=False)
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--partner", help="Audit the CDRs of this partner, by id, name or party.")
@click.option("--since", callback=moment_back, help="Only CDRs since then: a date, a DateTime, or 7d.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a line for each finding, as comma-separated values.")
@click.pass_context
def audit_cdrs(
    ctx: click.Context, file: IO[bytes] | None, partner: str | None, since: str | None, as_csv: bool
) -> None:
    """Audit the CDRs in FILE, of a partner, or all stored ones. Results for stored CDRs are kept.

    With an app, a CDR in FILE is compared with stored tariffs, sessions and CDRs. The exit code is 1 unless all CDRs
    are ok.
    """
    _one_of(file, partner)
    if wants_json() and as_csv:
        raise click.UsageError("Use --json or --csv, not both.")
    if file is not None:
        audited = _audited_file(ctx, file, since)
    else:
        audited = (
            (item.document, item.key.source, item.audit)
            for item in _here(ctx).pricing.audit_all(platform=partner, since=since)
        )
    counts = {"ok": 0, "review": 0, "dispute": 0}

    def counting() -> Iterator[tuple[Document, str, Audit]]:
        for item in audited:
            counts[item[2].verdict] += 1
            yield item

    (_print_json if wants_json() else _print_csv if as_csv else _print_text)(counting())
    if not wants_json() and not as_csv:
        of = f"{counts['ok']} ok, {counts['review']} for review, {counts['dispute']} in dispute"
        say(f"Audited {counted(sum(counts.values()), 'CDR')}: {of}.")
    if counts["review"] or counts["dispute"]:
        ctx.exit(1)


@cdrs_group.command("unsettled", short_help="List audits that nobody has dealt with.")
@limit_option()
def unsettled(limit: int) -> None:
    """List the stored CDRs that an audit found to be in dispute, or for review, and that nobody has dealt with.

    `flask ocpi cdrs settle`, or the console, marks them as dealt with.
    """
    found = current_ocpi.pricing.unsettled(limit=limit)
    if wants_json():
        return show(found, default=digits)
    for result in found:
        say(f"{result['verdict']:8} {_name({**result, 'id': result['cdr_id']}, result['platform'] or '')}")
        for fault in result["findings"]:
            say(f"  {fault['id']} at {fault['path']}: {fault['message']}")
    return say(f"{counted(len(found), 'CDR')} not settled.")


@cdrs_group.command("settle", short_help="Mark the audit of a CDR as dealt with.", json=False)
@click.argument("cdr_id")
@click.option("--partner", help="The partner that sent the CDR, by id, name or party, if several have this id.")
def settle(cdr_id: str, partner: str | None) -> None:
    """Mark the audit of the stored CDR with CDR_ID as dealt with, until the CDR is audited again."""
    item = stored_item("cdrs", cdr_id, partner)
    with noted(partner=item.platform, object=item.name):
        current_ocpi.pricing.settle(item.document, account())
    say(f"The audit of CDR {' '.join(item.ids)} is dealt with.")


def _audited_file(ctx: click.Context, file: IO[bytes], since: str | None) -> Iterator[tuple[Document, str, Audit]]:
    ocpi = _platform(ctx)
    for cdr in _documents(file, ("cdrs",)):
        if since is not None and str(cdr.get("last_updated")) < since:
            continue
        has_owner = {"country_code", "party_id", "id"} <= cdr.keys()
        yield cdr, "", ocpi.pricing.audit(cdr) if ocpi is not None and has_owner else audit(cdr)


def _print_text(audited: Iterable[tuple[Document, str, Audit]]) -> None:
    for cdr, source, result in audited:
        if result.findings:
            say(f"{result.verdict:8} {_name(cdr, source)}")
            for finding in result.findings:
                say(f"  {finding.id} at {finding.path}: {finding.message}")


def _print_json(audited: Iterable[tuple[Document, str, Audit]]) -> None:
    """Print one array, CDR by CDR, for any number of CDRs."""
    before = "["
    for cdr, source, result in audited:
        text = orjson.dumps({**_identity(cdr, source, "cdr_id"), **result.to_dict()}, default=digits).decode()
        click.echo(f"{before}\n{text}", nl=False)
        before = ","
    click.echo("[]" if before == "[" else "\n]")


def _print_csv(audited: Iterable[tuple[Document, str, Audit]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_CSV)
    for cdr, source, result in audited:
        head = [_cell(value) for value in _identity(cdr, source, "cdr_id").values()] + [result.verdict]
        for finding in result.findings:
            writer.writerow([*head, finding.id, finding.verdict, finding.path, _cell(finding.message)])
        if not result.findings:
            writer.writerow([*head, "", "", "", ""])


def _cell(value: Any) -> str:
    """Return a text that no spreadsheet reads as a formula: ids and messages contain texts of partners."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _identity(document: Mapping[str, Any], source: str, id: str) -> Document:
    owner = {name: document.get(name) for name in ("country_code", "party_id")}
    return {"platform": source or None, **owner, id: document.get("id")}


def _name(document: Mapping[str, Any], source: str) -> str:
    owner = "-".join(str(document[name]) for name in ("country_code", "party_id") if name in document)
    return " ".join(filter(None, (owner, str(document.get("id", "-")), f"({source})" if source else "")))


def _documents(file: IO[bytes], modules: Sequence[str]) -> list[Document]:
    """Read the objects in a file: one, a list of them, what `export` prints, or an answer of OCPI."""
    found = json_in(file)
    if isinstance(found, dict) and "id" not in found:
        found = next((found[key] for key in (*modules, "data") if key in found), found)
    documents = found if isinstance(found, list) else [found]
    if not documents or not all(isinstance(each, dict) for each in documents):
        raise refusal(f"{name_of(file)} must hold an object, or a list of them.")
    return documents


def _one_of(file: IO[bytes] | None, partner: str | None) -> None:
    if file is not None and partner is not None:
        raise click.UsageError("Give FILE or --partner, not both.")


def _platform(ctx: click.Context) -> OwnPlatform | None:
    """Return the platform of the app, None without an app: files need none."""
    try:
        return _here(ctx)
    except NoAppException:
        return None


def _here(ctx: click.Context) -> OwnPlatform:
    ocpi: OwnPlatform = ctx.invoke(with_appcontext(lambda: current_ocpi._get_current_object()))  # type: ignore[attr-defined]
    return ocpi


@command("quote", short_help="Say what a charge would cost.", app=False)
@click.argument("file", type=click.File("rb"), required=False)
@click.option("--tariff", help="The id of a stored tariff, instead of FILE.")
@click.option("--connector", nargs=3, metavar="LOCATION EVSE CONNECTOR", help="A stored connector, instead of FILE.")
@click.option("--partner", help="The partner that sent the tariff, by id, name or party, if several have this id.")
@click.option(
    "--start", callback=moment_ahead, help="When it begins: a DateTime, a date, or 2h from now. [default: now]"
)
@click.option("--kwh", default="0", show_default=True, help="The energy.")
@click.option("--minutes", default="60", show_default=True, help="The minutes of charging.")
@click.option("--parking", default="0", show_default=True, help="The minutes of parking after it.")
@click.option("--time-zone", help="The time zone of the place, such as Europe/Berlin; a connector has its own.")
@click.pass_context
def quote_charge(
    ctx: click.Context,
    file: IO[bytes] | None,
    tariff: str | None,
    connector: tuple[str, str, str] | None,
    partner: str | None,
    start: str | None,
    kwh: str,
    minutes: str,
    parking: str,
    time_zone: str | None,
) -> None:
    """Say what a charge would cost by the tariff in FILE (- reads stdin), by a stored one, or at a connector.

    The bill has a reason for each price. A connector has the tariff that is valid then. FILE needs no app.
    """
    if sum(given is not None for given in (file, tariff, connector)) != 1:
        raise click.UsageError("Give one of FILE, --tariff and --connector.")
    phases: list[Charging | Parking] = [Charging(minutes=minutes, kwh=kwh)]
    if parking != "0":
        phases.append(Parking(minutes=parking))
    begin = start or format_date_time(datetime.now(UTC))
    if file is not None:
        report = quote(json_object(file), start=begin, phases=phases, time_zone=time_zone)
    else:
        report = ctx.invoke(_stored, tariff, connector, partner, begin, phases, time_zone)
    return show(report.to_dict(), default=digits) if wants_json() else say(report.explain().rstrip("\n"))


@with_appcontext
def _stored(
    tariff: str | None,
    connector: tuple[str, str, str] | None,
    partner: str | None,
    begin: str,
    phases: Sequence[Charging | Parking],
    time_zone: str | None,
) -> Report:
    if connector is not None:
        return current_ocpi.pricing.quote(*connector, start=begin, phases=phases)
    document = stored_item("tariffs", str(tariff), partner).document
    return quote(document, start=begin, phases=phases, time_zone=time_zone)
