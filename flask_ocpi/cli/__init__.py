"""The commands: flask ocpi ..."""

from __future__ import annotations

from flask_ocpi.cli import about
from flask_ocpi.cli import calls
from flask_ocpi.cli import data
from flask_ocpi.cli import dispatching
from flask_ocpi.cli import journal
from flask_ocpi.cli import platforms
from flask_ocpi.cli.authorize import authorize
from flask_ocpi.cli.check import check
from flask_ocpi.cli.output import Commands
from flask_ocpi.cli.sync import sync

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
        sync,
        data.push,
        dispatching.show_marks,
        dispatching.worker,
        authorize,
        calls.command,
        calls.profile,
        calls.result,
        journal.journal,
        journal.replay,
        about.modules,
        about.openapi,
        check,
    ],
)
