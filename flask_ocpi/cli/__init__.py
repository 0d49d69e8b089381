"""The commands: flask ocpi ..."""

from __future__ import annotations

import pkgutil
from collections.abc import MutableMapping
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from click import Command

from flask_ocpi.cli.output import Commands

#: Commands that start platforms of their own. What they use is above the extension, which registers this group: so they
#: are found by name, when the commands are.
_ABOVE = ("flask_ocpi.testing.sandbox.commands:sandbox", "flask_ocpi.testing.sandbox.commands:demo")


class LateCommands(Commands):
    """Imports its commands at their first use: an app that serves requests needs none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.commands

    @cached_property
    def commands(self) -> MutableMapping[str, Command]:  # type: ignore[override]  # it may be set as well
        return {str(command.name): command for command in _commands()}


def _commands() -> Sequence[Command]:
    """Import all commands, in the order of their use."""
    from flask_ocpi.cli import about
    from flask_ocpi.cli import calls
    from flask_ocpi.cli import copies
    from flask_ocpi.cli import data
    from flask_ocpi.cli import journal
    from flask_ocpi.cli import looking
    from flask_ocpi.cli import outbox
    from flask_ocpi.cli import partners
    from flask_ocpi.cli import pricing
    from flask_ocpi.cli import registering
    from flask_ocpi.cli.actions import actions
    from flask_ocpi.cli.authorize import authorize
    from flask_ocpi.cli.check import check
    from flask_ocpi.cli.diff import diff
    from flask_ocpi.cli.examples import example
    from flask_ocpi.cli.findings import findings
    from flask_ocpi.cli.new import new
    from flask_ocpi.cli.probe import probe
    from flask_ocpi.cli.quote import quote_charge
    from flask_ocpi.cli.status import status
    from flask_ocpi.cli.story import story
    from flask_ocpi.cli.sync import sync

    return (
        about.init_db,
        registering.invite,
        registering.register,
        registering.rotate,
        registering.unregister,
        partners.partners,
        status,
        data.import_objects,
        data.export,
        data.pull,
        sync,
        data.push,
        diff,
        copies.copies,
        outbox.outbox,
        outbox.worker,
        authorize,
        calls.command_group,
        calls.profile,
        calls.result,
        story,
        journal.journal,
        journal.replay,
        findings,
        looking.find,
        looking.rates,
        actions,
        pricing.price_file,
        quote_charge,
        pricing.tariffs_group,
        pricing.cdrs_group,
        about.modules,
        about.openapi,
        about.settings,
        example,
        check,
        probe,
        new,
        *map(pkgutil.resolve_name, _ABOVE),
    )


ocpi = LateCommands(
    "ocpi",
    help="Run an OCPI platform: register partners, move data, charge, check the set-up.",
)
