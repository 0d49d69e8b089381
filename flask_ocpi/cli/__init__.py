"""The commands: flask ocpi ..."""

from __future__ import annotations

from flask_ocpi.cli import about
from flask_ocpi.cli import calls
from flask_ocpi.cli import data
from flask_ocpi.cli import platforms
from flask_ocpi.cli.authorize import authorize
from flask_ocpi.cli.check import check
from flask_ocpi.cli.output import Commands

ocpi = Commands(
    "ocpi",
    help="Run an OCPI platform: register partners, move data, charge, check the set-up.",
    commands=[
        about.init_db,
        platforms.invite,
        platforms.register,
        platforms.rotate,
        platforms.unregister,
        platforms.platforms,
        data.import_objects,
        data.export,
        data.pull,
        data.push,
        authorize,
        calls.command,
        calls.profile,
        calls.result,
        about.modules,
        about.openapi,
        check,
    ],
)
