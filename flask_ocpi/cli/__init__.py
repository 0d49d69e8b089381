"""The commands: flask ocpi ..."""

from __future__ import annotations

from flask.cli import AppGroup

ocpi = AppGroup("ocpi", help="Run an OCPI platform: register partners, move data, check the set-up.")
