"""The commands that start platforms of their own; they need no app."""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from typing import Any

import click

from flask_ocpi.cli.arguments import party_given
from flask_ocpi.cli.output import refusal
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.storage.base import Party

PORT = 5020
ROLES = ("cpo", "emsp", "hub")


@click.command(short_help="Run a simulated partner.")
@click.option("--role", type=click.Choice(ROLES), default="cpo", show_default=True, help="What the partner is.")
@click.option("--version", "versions", multiple=True, help="A version that it speaks; by default all. May be repeated.")
@click.option("--host", help="The address that it listens on, such as 0.0.0.0 in a container. [default: 127.0.0.1]")
@click.option("--url", help="The address at which partners reach it, such as http://sandbox:5020.")
@click.option("--port", type=click.IntRange(0, 65535), help=f"Its TCP port, by default {PORT} if free.")
@click.option("--party", callback=party_given, help="Its party, such as NL-ABC, instead of NL-SBX, DE-SBX or BE-SBX.")
@click.option("--folder", type=click.Path(file_okay=False), help="Where to keep its data; by default it is not kept.")
@click.option("--seed", type=int, default=1, show_default=True, help="The seed of locations and drivers.")
@click.option("--speed", type=click.FloatRange(min=1), help="How much faster than in reality sessions go.")
@click.option("--idle", is_flag=True, help="Let no driver charge unless asked.")
@click.option("--fault", "faults", multiple=True, help="A way to misbehave, see --list-faults. May be repeated.")
@click.option("--list-faults", is_flag=True, help="List the faults, and end.")
@click.option("--register", nargs=2, metavar="URL TOKEN", help="Register with the platform that gave these.")
def sandbox(
    role: str,
    versions: tuple[str, ...],
    host: str | None,
    url: str | None,
    port: int | None,
    party: Party | None,
    folder: str | None,
    seed: int,
    speed: float | None,
    idle: bool,
    faults: tuple[str, ...],
    list_faults: bool,
    register: tuple[str, str] | None,
) -> None:
    """Run a simulated partner, to try your platform against. It needs no app; Ctrl-C or SIGTERM ends it.

    It has locations and tariffs, or drivers with cards; it registers, charges on a fast clock, carries out commands,
    and sends sessions and CDRs. Every message is printed. With --fault it misbehaves as software of partners does.
    """
    from flask_ocpi.testing.sandbox.faults import FAULTS
    from flask_ocpi.testing.sandbox.running import Options
    from flask_ocpi.testing.sandbox.running import run

    if list_faults:
        for fault in FAULTS.values():
            click.echo(f"{fault.name:24} {fault.sentence}")
        return
    options: dict[str, Any] = {"faults": faults, "port": PORT if port is None else port, "party": party, "seed": seed}
    given = {"host": host, "url": url, "versions": versions, "speed": speed}
    options |= {name: value for name, value in given.items() if value}
    with ExitStack() as stack:
        where = folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="flask-ocpi-sandbox-"))
        chosen = Options(role=role, folder=where, **options)
        try:
            run(chosen, drives=not idle, register=register)
        except FlaskOCPIError as error:
            raise refusal(str(error), "") from error


@click.command(short_help="Play a roaming day between five platforms.")
@click.option("--once", is_flag=True, envvar="DEMO_ONCE", help="End after the last step, instead of at Ctrl-C.")
def demo(once: bool) -> None:
    """Play a day between an operator, a provider with systems of three versions, and a hub. It needs no app.

    Each is a server of its own on this machine. Every message is one line, and each step is checked: the exit code is 1
    when something is not as it should be.
    """
    from flask_ocpi.testing.sandbox.demo.play import main

    sys.exit(main(once=once))
