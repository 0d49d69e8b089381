"""A sandbox that runs until it is told to end, and what it prints."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from datetime import datetime
from typing import Any

import click
from flask import Flask

from flask_ocpi import Party
from flask_ocpi import Platform
from flask_ocpi.cli.outbox import told_to_end
from flask_ocpi.cli.output import warn
from flask_ocpi.client import AddressPolicy
from flask_ocpi.client import HTTPTransport
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.write_behind import flush_all
from flask_ocpi.extension import utc_now
from flask_ocpi.host.facade import OwnPlatform
from flask_ocpi.signals import message_exchanged
from flask_ocpi.signals import platform_registered
from flask_ocpi.testing.sandbox.app import KINDS
from flask_ocpi.testing.sandbox.app import SIMULATION_SPEED
from flask_ocpi.testing.sandbox.app import VERSIONS
from flask_ocpi.testing.sandbox.app import add_sample_data
from flask_ocpi.testing.sandbox.app import make_partner
from flask_ocpi.testing.sandbox.drivers import Drivers
from flask_ocpi.testing.sandbox.faults import Faulty
from flask_ocpi.testing.sandbox.faults import FaultyTransport
from flask_ocpi.testing.sandbox.faults import ahead_of
from flask_ocpi.testing.sandbox.faults import chosen
from flask_ocpi.testing.sandbox.serving import HOST
from flask_ocpi.testing.sandbox.serving import check_host
from flask_ocpi.testing.sandbox.serving import is_loopback
from flask_ocpi.testing.sandbox.serving import port_for
from flask_ocpi.testing.sandbox.serving import serving
from flask_ocpi.testing.sandbox.serving import url_of

ROUND_SECONDS = 5.0
LINE = "{time:%H:%M:%S}  {arrow} {method:6} {url:58} {http:>3} {code:>4}  {error}"
LONGEST_URL = 58


@dataclass(frozen=True, slots=True)
class Options:
    """How a sandbox is: its role, its versions, where it is, what it draws, and the names of its faults.

    host: the address that it listens on. url: where partners reach it, if that is another one.
    """

    role: str
    port: int
    folder: str
    party: Party | None = None
    versions: Sequence[str] = VERSIONS
    seed: int = 1
    speed: float = SIMULATION_SPEED
    faults: Sequence[str] = ()
    host: str = HOST
    url: str | None = None


def run(options: Options, *, drives: bool, register: tuple[str, str] | None) -> None:
    """Serve a sandbox until Ctrl-C or SIGTERM; print how to register with it, or register it, and each message."""
    check_host(options.host)
    if not is_loopback(options.host):
        warn(
            f"The sandbox listens on {options.host}, by http: who reaches it there and sees a token on this screen can "
            "register with it, and it calls any URL that it is given. Keep it in a network of your own."
        )
    # From here on: a shell has processes in the background ignore Ctrl-C.
    with told_to_end() as ended, port_for(options.port or None, options.host) as port:
        app = open_partner(options, options.url or url_of(options.host, port))
        with serving(app, port, options.host), printing(app, options):
            if register is not None:
                ocpi: OwnPlatform = app.extensions["ocpi"]
                platform = ocpi.partners.register(*register)
                click.echo(f"Registered with {platform.name}, over OCPI {platform.version}.")
            if drives:
                Drivers(app, seed=options.seed, every=ROUND_SECONDS).start()
            app.extensions["charge_points"].wake()
            ended.wait()
            click.echo("")
        flush_all()  # at the end of the process the database may be gone


def open_partner(options: Options, base_url: str) -> Flask:
    """Make the app of the sandbox, and print what it is and has."""
    faults = chosen(options.faults)
    transport = HTTPTransport(policy=AddressPolicy(allow_private=True))
    app = make_partner(
        options.role,
        base_url=base_url,
        folder=options.folder,
        party=options.party,
        versions=options.versions,
        speed=options.speed,
        transport=FaultyTransport(transport, faults),
        clock=ahead_of(utc_now, faults),
    )
    app.wsgi_app = Faulty(app.wsgi_app, faults)  # type: ignore[method-assign]
    ocpi: OwnPlatform = app.extensions["ocpi"]
    saved = add_sample_data(app, seed=options.seed)
    has = ", ".join(f"{count} {module}" for module, count in saved.items()) or "no objects"
    kind = KINDS[options.role]
    click.echo(f"{kind.name}: {kind.role} {ocpi.objects.parties()[0]}, OCPI {', '.join(options.versions)}, {has}.")
    for fault in faults:
        click.echo(f"Fault {fault.name}: {fault.sentence}")
    return app


@contextmanager
def printing(app: Flask, options: Options) -> Iterator[None]:
    """Print an invitation now and after each registration, and every message."""
    ocpi: OwnPlatform = app.extensions["ocpi"]
    logging.basicConfig(level=logging.WARNING, format="          %(message)s")

    def invite() -> None:
        # A version with one role asks which one it is.
        own_role = KINDS[options.role].role if tuple(options.versions) == ("2.1.1",) else None
        _, token = ocpi.partners.invite(version=own_role and options.versions[0], own_role=own_role)
        click.echo(f"\nVersions URL  {ocpi.versions_url}\nToken         {token}\n")
        click.echo(f'flask ocpi register {ocpi.versions_url} {token} --name "{KINDS[options.role].name}"\n')

    def registered(sender: Flask, platform: Platform, renewed: bool, **_: Any) -> None:
        parties = ", ".join(map(str, platform.parties)) or "no party"
        click.echo(f"          {platform.name} ({parties}) is registered, over OCPI {platform.version}.")
        if not renewed:
            click.echo("          For another partner:")
            invite()

    def exchanged(sender: Flask, message: Message, **_: Any) -> None:
        click.echo(line_of(message))

    with message_exchanged.connected_to(exchanged, app), platform_registered.connected_to(registered, app):
        invite()
        yield


def line_of(message: Message) -> str:
    """Return a message in one line: > to a partner, < from one; method, URL, HTTP and OCPI status, and what failed."""
    _, _, path = message.url.partition("/ocpi/")
    shown = path or message.url
    return LINE.format(
        time=datetime.fromtimestamp(message.moment / 1_000_000, UTC).astimezone(),
        arrow=">" if message.direction == "OUT" else "<",
        method=message.method,
        url=shown if len(shown) <= LONGEST_URL else f"{shown[: LONGEST_URL - 3]}...",
        http=message.http_status or "-",
        code=message.status_code or "-",
        error=message.error,
    ).rstrip()
