"""Forking in tests: what a platform imports when it first needs it, before that; and work in a forked process."""

from __future__ import annotations

import os
import signal
import traceback
import warnings
from collections.abc import Callable
from importlib import import_module

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


def import_all() -> None:
    for name in NAMES:
        import_module(name)


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
