"""The commands: flask ocpi ..."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from collections.abc import MutableMapping
from functools import cached_property
from typing import Any

from click import Command

from flask_ocpi.cli.output import Commands

#: The modules here with their commands, in the order of use.
_PLACES = """
    about:init_db registering:invite registering:register registering:rotate registering:unregister
    partners:partners check:status data:import_objects data:export data:pull copies:sync data:push copies:diff
    copies:copies outbox:outbox outbox:worker authorize:authorize calls:command_group calls:profile calls:result
    journal:story journal:journal journal:replay looking:findings looking:find looking:rates looking:actions
    pricing:price_file pricing:quote_charge pricing:tariffs_group pricing:cdrs_group about:modules about:openapi
    about:settings new:example check:check check:probe new:new
"""
#: Commands that start platforms of their own. What they use is above the extension, which registers this group.
_ABOVE = "flask_ocpi.testing.sandbox.commands"


class LateCommands(Commands):
    """Imports its commands at their first use: an app that serves requests needs none."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.commands

    @cached_property
    def commands(self) -> MutableMapping[str, Command]:  # type: ignore[override]  # it may be set as well
        places = [f"{__name__}.{place}" for place in _PLACES.split()] + [f"{_ABOVE}:sandbox", f"{_ABOVE}:demo"]
        found: Iterator[Command] = map(pkgutil.resolve_name, places)
        return {str(command.name): command for command in found}


ocpi = LateCommands(
    "ocpi",
    help="Run an OCPI platform: register partners, move data, charge, check the set-up.",
)
