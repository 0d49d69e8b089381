"""The command that looks for problems of this platform."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from flask import current_app
from flask.cli import ScriptInfo

from flask_ocpi.cli.output import counted
from flask_ocpi.cli.output import json_option
from flask_ocpi.cli.output import printable
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import show
from flask_ocpi.client.discovery import discover
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import StorageError
from flask_ocpi.exchange.copies import UNKNOWN
from flask_ocpi.exchange.handshake import with_roles
from flask_ocpi.host.status import Card
from flask_ocpi.host.status import Outcome
from flask_ocpi.host.status import refuses_token
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.storage.sqlalchemy import is_open_to_others
from flask_ocpi.web.current import current_ocpi
from flask_ocpi.web.setup import KEY_FILE

_SHORT_SECRET = 16


COLOURS = {Outcome.OK: "green", Outcome.WARN: "yellow", Outcome.FAIL: "red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check, with the fix unless the message has it."""

    check: str
    outcome: Outcome
    message: str
    fix: str | None = None


@click.command(short_help="Check configuration, storage and partners.")
@click.option("--offline", is_flag=True, help="Do not call the registered partners.")
@json_option
@click.pass_context
def check(ctx: click.Context, offline: bool, as_json: bool) -> None:
    """Check configuration, storage and encryption, and whether the registered partners answer.

    Each line says OK, WARN or FAIL, and what to do. With a FAIL the exit code is 1.
    """
    findings = list(_findings(ctx, offline=offline))
    counts = {outcome: sum(finding.outcome is outcome for finding in findings) for outcome in Outcome}
    if as_json:
        show({"ok": not counts[Outcome.FAIL], "checks": [asdict(finding) for finding in findings]})
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            _say(finding, width)
    if counts[Outcome.FAIL]:
        raise refusal(f"{counted(counts[Outcome.FAIL], 'check')} failed.")
    if not as_json:
        click.echo(f"\nNothing failed, {counted(counts[Outcome.WARN], 'warning')}.")


def _findings(ctx: click.Context, *, offline: bool) -> Iterator[Finding]:
    try:
        app = ctx.ensure_object(ScriptInfo).load_app()
    except StorageError as error:
        yield Finding("storage", Outcome.FAIL, str(error))
        return
    except ConfigurationError as error:
        yield Finding("configuration", Outcome.FAIL, str(error))
        return
    with app.app_context():
        yield _configuration()
        yield _base_url()
        yield _addresses()
        yield _encryption()
        storage = _storage()
        yield storage
        if storage.outcome is not Outcome.FAIL:
            yield from _copies()
            yield from _platforms(offline=offline)


def _configuration() -> Finding:
    settings = current_ocpi.services.settings
    parties = ", ".join(f"{p.country_code}-{p.party_id} ({', '.join(p.roles)})" for p in settings.parties)
    versions = ", ".join(settings.versions)
    return Finding("configuration", Outcome.OK, f"Serves {parties} at {settings.url_prefix}, OCPI {versions}.")


def _base_url() -> Finding:
    url = current_ocpi.services.settings.base_url
    fix = 'Set OCPI_BASE_URL to the public address of this app, such as "https://ocpi.example.com".'
    if url is None:
        text = "OCPI_BASE_URL is missing: URLs follow each request, and invite, register and rotate are refused."
        return Finding("base URL", Outcome.WARN, text, fix)
    if not url.startswith("https://"):
        text = f"{url} is not https: tokens travel readable, and most platforms will refuse it."
        return Finding("base URL", Outcome.WARN, text, fix)
    return Finding("base URL", Outcome.OK, f"Partners are given {current_ocpi.versions_url}.")


def _addresses() -> Finding:
    if current_ocpi.services.settings.http_allow_private:
        text = "OCPI_HTTP_ALLOW_PRIVATE is on: partners can make this app call http and internal addresses."
        fix = "Unset it in production; OCPI_HTTP_ALLOWED_HOSTS names single hosts instead."
        return Finding("addresses", Outcome.WARN, text, fix)
    return Finding("addresses", Outcome.OK, "Other platforms are called over https only, at public addresses.")


def _encryption() -> Finding:
    secret = current_app.config.get("SECRET_KEY")
    file = Path(current_app.instance_path) / KEY_FILE
    if current_ocpi.services.settings.encryption_keys:
        return Finding("encryption", Outcome.OK, "Stored tokens are encrypted with OCPI_ENCRYPTION_KEYS.")
    if not secret and is_open_to_others(file):
        text = f"{file} is open to every user of this machine: with it the stored tokens can be read."
        return Finding("encryption", Outcome.WARN, text, f"chmod o= {file}")
    if not secret:
        text = "The key for stored tokens is a file in the instance folder: without the file they cannot be read."
        fix = "Set OCPI_ENCRYPTION_KEYS or SECRET_KEY where several machines share the storage, and keep a copy."
        return Finding("encryption", Outcome.WARN, text, fix)
    if len(secret) < _SHORT_SECRET:
        text = "The key for stored tokens derives from SECRET_KEY, which is short enough to be guessed."
        fix = 'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'
        return Finding("encryption", Outcome.WARN, text, fix)
    return Finding("encryption", Outcome.OK, "Stored tokens are encrypted with a key derived from SECRET_KEY.")


def _storage() -> Finding:
    storage = current_ocpi.storage
    try:
        storage.check()
    except StorageError as error:
        return Finding("storage", Outcome.FAIL, str(error))
    if isinstance(storage, MemoryStorage):
        text = "MemoryStorage forgets everything when the process ends, and commands do not see what the server has."
        return Finding("storage", Outcome.WARN, text, "Use the default storage, or one of your own.")
    file = getattr(storage, "file", None)
    if file is not None and is_open_to_others(file):
        text = f"{file} is open to every user of this machine: it holds what partners sent, drivers' tokens included."
        return Finding("storage", Outcome.WARN, text, f"chmod o= {file}*")
    return Finding("storage", Outcome.OK, f"{storage} is ready.")


def _copies() -> Iterator[Finding]:
    number = sum(kept.number for kept in current_ocpi.copies.counts(UNKNOWN))
    if number:
        text = f"Who sent {number} of the copies is not known, so no platform can read them."
        fix = "Run `flask ocpi init-db`; what is left then is given away by `flask ocpi copies move - PLATFORM`."
        yield Finding("copies", Outcome.WARN, text, fix)


def _platforms(*, offline: bool) -> Iterator[Finding]:
    called = [] if offline else [platform for platform in current_ocpi.partners.list() if platform.is_registered]
    answered = {platform.id: _reachability(f"platform {platform.id}", platform) for platform in called}
    for card in current_ocpi.partners.status():  # the calls are on the cards
        name = f"platform {card.platform.id}"
        first = answered.get(card.platform.id)
        known = [Finding(name, problem.outcome, problem.message, problem.fix) for problem in card.problems]
        if first is not None:
            known = [first, *(finding for finding in known if finding.message != first.message)]
        yield from known or [Finding(name, Outcome.OK, _state(card))]


def _state(card: Card) -> str:
    if card.platform.state is PlatformState.INVITED:
        return "Is invited, and has not registered yet."
    if card.platform.state is PlatformState.UNREGISTERED:
        return "Is not registered any more."
    return "Is registered; not called because of --offline."


def _reachability(name: str, platform: Platform) -> Finding:
    url = platform.versions_url or ""
    try:
        caller = current_ocpi.client(platform)
        found = discover(caller, current_ocpi.services, url, versions=[caller.version.number])
    except FlaskOCPIError as error:
        if isinstance(error, RefusedError) and error.http_status == 401:
            problem = refuses_token(platform)
            return Finding(name, problem.outcome, problem.message, problem.fix)
        return Finding(name, Outcome.FAIL, str(error), _fix(error, platform))
    offered = with_roles(current_ocpi.services, platform, found.endpoints)
    if _addresses_of(offered) != _addresses_of(platform.endpoints) and not _is_fetched_again(platform):
        text = "Offers other endpoints than when they were fetched."
        return Finding(name, Outcome.WARN, text, f"Fetch them again with `flask ocpi rotate {platform.id}`.")
    return Finding(name, Outcome.OK, f"Answers at {url} and accepts our token.")


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


def _say(finding: Finding, width: int) -> None:
    outcome = click.style(f"{finding.outcome:<4}", fg=COLOURS[finding.outcome])
    click.echo(f"{outcome}  {finding.check:<{width}}  {printable(finding.message)}")
    if finding.fix:
        click.echo(f"      {'':<{width}}  {printable(finding.fix)}")
