"""The price calculator: what a charge would cost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from datetime import datetime
from typing import IO

import click
from flask.cli import with_appcontext

from flask_ocpi.cli.arguments import json_object
from flask_ocpi.cli.arguments import moment_ahead
from flask_ocpi.cli.arguments import stored_item
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import say
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import wants_json
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import Parking
from flask_ocpi.pricing import Report
from flask_ocpi.pricing import quote
from flask_ocpi.pricing.report import digits
from flask_ocpi.web.current import current_ocpi


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
