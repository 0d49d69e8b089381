"""Forking in tests: what a platform imports and computes when it first needs it, before that; and forked work."""

from __future__ import annotations

import gc
import os
import signal
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module

from flask import Flask

from flask_ocpi.extension import OCPI
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import party_settings

#: After which a forked process is taken for hung.
SECONDS = 60

NAMES = (
    "cryptography.fernet",
    "cryptography.hazmat.primitives.kdf.hkdf",
    "flask_ocpi.client.transport",
    "flask_ocpi.storage.sqlalchemy",
    "flask_sqlalchemy",
    "psycopg",
    "sqlalchemy.dialects.postgresql",
)


def warm_up() -> None:
    """Do once what each process would do anew: a tenth of a second is left of the one that a platform takes to start.

    Nothing stays open, no thread runs afterwards, and what is forked shares the memory.
    """
    for name in NAMES:
        import_module(name)
    network = Network(config={"OCPI_PUSH": False, "OCPI_DOCS": False})
    operator = network.add("cpo.example", [("NL", "CPO", ["CPO", "EMSP"])])
    provider = network.add("emsp.example", [("NL", "MSP", ["CPO", "EMSP"])])
    network.connect(provider, operator)
    operator.save("locations", location(party_id="CPO"))
    provider.pull("locations", "NL-CPO")
    _set_up_database()
    gc.collect()
    gc.freeze()


def _set_up_database() -> None:
    """Create an app's tables, in memory."""
    app = Flask("warm", root_path=".")
    app.config.update(
        SECRET_KEY="secret",
        SQLALCHEMY_DATABASE_URI="sqlite://",
        OCPI_BASE_URL="https://warm.example",
        OCPI_PARTIES=[party_settings("NL", "CPO", ["CPO", "EMSP"])],
        OCPI_CREATE_TABLES=True,
        OCPI_DISPATCHER="none",
    )
    OCPI(app).storage.check()
    with app.app_context():
        app.extensions["sqlalchemy"].engine.dispose()


def fork(work: Callable[[], object], *, by: Callable[[], int] = os.fork) -> int:
    """Call a function in a forked process, by os.fork or by another function that forks, and return its exit code.

    It is 0 when the function returned something true, 1 when not, and negative when the process hung and was ended.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads is what these tests are about
        child = by()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    signal.alarm(SECONDS)  # pragma: no cover - the child
    code = 1
    try:
        code = 0 if work() else 1
    except BaseException:
        traceback.print_exc()
    os._exit(code)
