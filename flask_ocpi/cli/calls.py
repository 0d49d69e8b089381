"""Commands that send a request to a partner and wait for the result, which comes later."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from functools import wraps
from typing import IO
from typing import Any

import click

from flask_ocpi.cli.arguments import connect
from flask_ocpi.cli.arguments import json_object
from flask_ocpi.cli.arguments import moment_ahead
from flask_ocpi.cli.arguments import party_option
from flask_ocpi.cli.arguments import token_given
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.output import Countdown
from flask_ocpi.cli.output import Function
from flask_ocpi.cli.output import command
from flask_ocpi.cli.output import refusal
from flask_ocpi.cli.output import tell
from flask_ocpi.cli.output import wants_json
from flask_ocpi.cli.output import with_options
from flask_ocpi.client.client import Client
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import to_micros
from flask_ocpi.errors import NoResultError
from flask_ocpi.errors import RemoteError
from flask_ocpi.exchange.pending import Call
from flask_ocpi.exchange.pending import CallState
from flask_ocpi.modules.enums import ChargingRateUnit
from flask_ocpi.modules.enums import CommandType
from flask_ocpi.storage.base import Party
from flask_ocpi.web.current import current_ocpi

_ACCEPTED = "ACCEPTED"
_PROFILE_CALLS = {
    "set_profile": "Setting the profile",
    "clear_profile": "Clearing the profile",
    "get_active_profile": "Asking for the profile",
}


@dataclass(frozen=True, slots=True)
class _Ask:
    """The common options of these commands: the partner to ask, and the time to wait."""

    platform: str
    to_party: Party | None
    party: Party | None
    no_wait: bool
    wait: float | None

    def connect(self, module: str) -> Client:
        return connect(self.platform, module, InterfaceRole.RECEIVER, party=self.party, to=self.to_party)

    def finish(self, call: Call) -> None:
        _finish(call, no_wait=self.no_wait, wait=self.wait)


def _asking(function: Function) -> Function:
    """Give a command the options of an :class:`_Ask`, which becomes its first parameter; goes with _waiting below."""

    @wraps(function)
    def asked(**given: Any) -> None:
        ask = _Ask(**{field.name: given.pop(field.name) for field in fields(_Ask)})
        try:
            function(ask, **given)
        except RemoteError as error:
            if error.call_id is None:
                raise
            raise refusal(str(error), _hint(error.call_id)) from error

    return with_options(
        click.option("--partner", "platform", required=True, help="The partner to ask, by id, name or party."),
        party_option("The addressed party, if the partner has several.", name="--to-party"),
        party_option("The own party that asks, if there are several.", such_as="DE-EMS"),
    )(asked)


_waiting = with_options(
    click.option("--no-wait", is_flag=True, help="Do not wait for the result; `flask ocpi result` shows it later."),
    click.option(
        "--wait",
        metavar="SECONDS",
        type=click.FloatRange(min=0),
        help="Seconds to wait; by default the time-out of the partner.",
    ),
)


class AnyCase(Commands):
    """A group that finds its commands in any case: some have names of OCPI."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        names = {name.upper(): name for name in self.commands}
        return super().get_command(ctx, names.get(cmd_name.upper(), cmd_name))


@click.group("command", cls=AnyCase, short_help="Ask a charge point to do something.")
def command_group() -> None:
    """Send a command to a CPO and wait for its result.

    The CPO posts the result to this app, which must run at OCPI_BASE_URL with the same storage. The exit code is 0 only
    if the result is ACCEPTED.
    """


@dataclass(frozen=True, slots=True)
class _Property:
    """A property of a command's body, and the option that gives it."""

    name: str
    flag: str
    metavar: str
    help: str
    callback: Callable[[click.Context, click.Parameter, str | None], Any] | None = None

    def option(self, *, needed: bool) -> Callable[[Function], Function]:
        text = f"{self.help}  [required]" if needed else self.help
        return click.option(self.flag, self.name, metavar=self.metavar, help=text, callback=self.callback)


_TOKEN = _Property("token", "--token", "UID[:TYPE]", "The driver's token, one of our own.", token_given)
_LOCATION = _Property("location_id", "--location", "ID", "The location.")
_EVSE = _Property("evse_uid", "--evse", "UID", "The EVSE at the location.")
_CONNECTOR = _Property("connector_id", "--connector", "ID", "The connector of the EVSE.")
_SESSION = _Property("session_id", "--session", "ID", "The session, by the CPO's id.")
_RESERVATION = _Property("reservation_id", "--reservation", "ID", "The reservation, by an id of our own.")
_EXPIRY = _Property(
    "expiry_date",
    "--expiry",
    "WHEN",
    "When it ends: a DateTime in UTC, or in a while, such as 30m.",
    moment_ahead,
)
_REFERENCE = _Property(
    "authorization_reference", "--reference", "TEXT", "What is to come back in the Session and the CDR."
)


def _add(name: CommandType, summary: str, needed: Sequence[_Property], others: Sequence[_Property] = ()) -> None:
    """Add a command of OCPI to the group."""
    body = click.option(
        "--body",
        type=click.File("rb"),
        metavar="FILE",
        help="JSON with the command, or the rest of it; - is stdin.",
    )

    def send(ask: _Ask, body: IO[bytes] | None, **given: Any) -> None:
        options = {name: value for name, value in given.items() if value is not None}
        asked = ({} if body is None else json_object(body)) | options
        for each in needed:
            if each.name not in asked:
                raise click.UsageError(f"Missing option '{each.flag}' (or {each.name} in --body).")
        client = ask.connect(ModuleID.COMMANDS)
        if "token" in options:
            asked["token"] = current_ocpi.objects.get(ModuleID.TOKENS, *options["token"], party=ask.party)
        ask.finish(client.commands.start(name.lower(), asked=asked))

    send.__doc__ = f"{summary}\n\nThe result of {name} is waited for; the exit code is 0 only when it is ACCEPTED."
    properties = [*(p.option(needed=True) for p in needed), *(p.option(needed=False) for p in others)]
    decorated = _asking(with_options(*properties, body)(_waiting(send)))
    command_group.command(name.value, short_help=summary)(decorated)


_add(
    CommandType.START_SESSION,
    "Start a session.",
    needed=(_TOKEN, _LOCATION),
    others=(_EVSE, _CONNECTOR, _REFERENCE),
)
_add(CommandType.STOP_SESSION, "Stop a session.", needed=(_SESSION,))
_add(
    CommandType.RESERVE_NOW,
    "Reserve an EVSE, or change a reservation.",
    needed=(_TOKEN, _LOCATION, _RESERVATION, _EXPIRY),
    others=(_EVSE, _REFERENCE),
)
_add(CommandType.CANCEL_RESERVATION, "Give up a reservation.", needed=(_RESERVATION,))
_add(
    CommandType.UNLOCK_CONNECTOR,
    "Unlock a connector; for the help desk only.",
    needed=(_LOCATION, _EVSE, _CONNECTOR),
)


@click.group(cls=AnyCase, short_help="Set, clear or ask for a charging profile.")
def profile() -> None:
    """Limit the charging speed of a session, and ask for its active profile.

    SESSION is the CPO's id of the session. The CPO posts the result to this app, which must run at OCPI_BASE_URL with
    the same storage. The exit code is 0 only if the result is ACCEPTED.
    """


@profile.command("set", short_help="Limit a session.")
@click.argument("session")
@_asking
@click.option(
    "--limit", type=click.FloatRange(min=0), metavar="NUMBER", help="A limit from now on, with at most one decimal."
)
@click.option(
    "--unit",
    type=click.Choice([unit.value for unit in ChargingRateUnit], case_sensitive=False),
    metavar="UNIT",
    default="A",
    show_default=True,
    help="The unit of the limit: A on each phase, or W.",
)
@click.option("--duration", type=click.IntRange(min=1), metavar="SECONDS", help="How long the limit holds.")
@click.option("--body", type=click.File("rb"), metavar="FILE", help="JSON with a whole ChargingProfile; - is stdin.")
@_waiting
def set_profile(
    ask: _Ask, session: str, limit: float | None, unit: str, duration: int | None, body: IO[bytes] | None
) -> None:
    """Set a charging profile for SESSION: a limit, or a whole profile from a file."""
    if (limit is None) == (body is None):
        raise click.UsageError("Give either --limit or --body.")
    wanted = _limit(limit, unit, duration) if body is None else json_object(body)
    ask.finish(ask.connect(ModuleID.CHARGINGPROFILES).chargingprofiles.set(session, wanted))


@profile.command("clear", short_help="Remove the profile of a session.")
@click.argument("session")
@_asking
@_waiting
def clear_profile(ask: _Ask, session: str) -> None:
    """Remove the charging profile of SESSION."""
    ask.finish(ask.connect(ModuleID.CHARGINGPROFILES).chargingprofiles.clear(session))


@profile.command("get", short_help="Show the active profile of a session.")
@click.argument("session")
@_asking
@click.option(
    "--duration",
    type=click.IntRange(min=0),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How far to look ahead.",
)
@_waiting
def get_profile(ask: _Ask, session: str, duration: int) -> None:
    """Ask for the charging profile that is active for SESSION."""
    ask.finish(ask.connect(ModuleID.CHARGINGPROFILES).chargingprofiles.get_active(session, duration=duration))


@command(short_help="Show the result of a command or profile.")
@click.argument("id")
@_waiting
def result(id: str, no_wait: bool, wait: float | None) -> None:
    """Show the result of the command or charging profile with that ID, and wait for it if necessary."""
    _finish(current_ocpi.call(id), no_wait=no_wait, wait=wait)


def _hint(call_id: str) -> str:
    """Return a hint with the id of a call that ended in an error: whether its result may still come."""
    if current_ocpi.call(call_id).state is CallState.REFUSED:
        return f"It was call {call_id}; no result will come."
    return f"It may have arrived: `flask ocpi result {call_id}` shows the result if it comes."


def _limit(limit: float | None, unit: str, duration: int | None) -> Document:
    profile: Document = {
        "charging_rate_unit": unit,
        "charging_profile_period": [{"start_period": 0, "limit": limit}],
    }
    if duration is not None:
        profile |= {"start_date_time": format_date_time(current_ocpi.services.clock()), "duration": duration}
    return profile


def _finish(call: Call, *, no_wait: bool, wait: float | None) -> None:
    """Wait for the result of a request, print it, and end with 1 unless it is ACCEPTED."""
    if not no_wait and call.state in (CallState.SENT, CallState.ACCEPTED):
        call = _waited(call, _seconds_left(call) if wait is None else wait, visible=not wants_json())
    answer = call.result or call.response or {}
    about = {"id": call.id, "operation": _operation(call), "platform": call.platform}
    tell({**about, "response": call.response, "result": call.result}, _text(call, answer))
    if answer.get("result") != _ACCEPTED:
        raise click.exceptions.Exit(1)


def _waited(call: Call, seconds: float, *, visible: bool) -> Call:
    """Wait with a countdown for the result, which another process, the one that serves this app, stores."""
    ends = time.monotonic() + seconds
    with Countdown(f"Waiting for the result of {_name(call)} at {_platform(call)}", visible=visible) as countdown:
        while True:
            left = max(0.0, ends - time.monotonic())
            countdown.show(left)
            try:
                return current_ocpi.wait(call.id, min(left, 0.5))
            except NoResultError as error:
                if left == 0:
                    raise _no_result(call, seconds) from error


def _no_result(call: Call, seconds: float) -> click.ClickException:
    base_url = current_ocpi.services.settings.base_url
    return refusal(
        f"{_name(call)}: no result came in {seconds:.0f} s.",
        f"It is posted to {base_url}: is this app running there, with this storage?\n"
        f"If it comes later, `flask ocpi result {call.id}` shows it.",
    )


def _seconds_left(call: Call) -> float:
    now = to_micros(format_date_time(current_ocpi.services.clock()))
    return max(0.0, (call.expires - now) / 1_000_000)


def _text(call: Call, answer: Document) -> str:
    where = f"{_name(call)} at {_platform(call)}"
    if call.result is not None:
        lines = [f"{where}: {answer['result']}"]
    elif call.is_accepted:
        lines = [f"{where} is accepted; its result is to come.", "", f"  flask ocpi result {call.id}"]
    elif call.response is not None:
        lines = [f"{where} is refused: {answer['result']}"]
    elif call.state is CallState.REFUSED:
        lines = [f"{where} is refused, with an error."]
    else:
        lines = [f"{where} is not answered, but may have arrived."]
    lines += [f"  {text['text']} ({text['language']})" for text in answer.get("message", [])]
    lines += _profile_lines(answer["profile"]["charging_profile"]) if "profile" in answer else []
    return "\n".join(lines)


def _profile_lines(charging_profile: Document) -> list[str]:
    unit = charging_profile["charging_rate_unit"]
    periods = charging_profile.get("charging_profile_period", [])
    return [f"  from {period['start_period']:>6} s  {period['limit']:g} {unit}" for period in periods]


def _operation(call: Call) -> str:
    """Return the name of the request: of a command in OCPI, or else of the operation."""
    return call.operation.upper() if call.module == ModuleID.COMMANDS else call.operation


def _name(call: Call) -> str:
    return _PROFILE_CALLS.get(call.operation, _operation(call))


def _platform(call: Call) -> str:
    found = current_ocpi.partners.get(call.platform)
    return call.platform if found is None else f"{found.name} ({found.id})"
