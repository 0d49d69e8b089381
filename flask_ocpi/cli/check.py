"""The command that looks for problems of this platform."""

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

from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import printable
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import show
from flask_ocpi.cli.output import wants_json
from flask_ocpi.client.discovery import discover
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange.handshake import with_roles
from flask_ocpi.host.checks import Check
from flask_ocpi.host.checks import about_partners
from flask_ocpi.host.checks import checks
from flask_ocpi.host.status import Outcome
from flask_ocpi.host.status import refuses_token
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.web.current import current_ocpi

COLOURS = {Outcome.OK: "green", Outcome.WARN: "yellow", Outcome.FAIL: "red"}


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
    outcome = click.style(f"{finding.outcome:<4}", fg=COLOURS[finding.outcome])
    click.echo(f"{outcome}  {finding.check:<{width}}  {printable(finding.message)}")
    if finding.fix:
        click.echo(f"      {'':<{width}}  {printable(finding.fix)}")
