"""Work that goes on after a request was answered."""

from __future__ import annotations

import logging
from collections.abc import Callable

from flask_ocpi import forks

_log = logging.getLogger("flask_ocpi")


def run_in_thread(work: Callable[[], object]) -> None:
    """Run in a thread of its own that does not keep the process alive; a failure is logged."""
    forks.thread(lambda: run_inline(work), "ocpi-background").start()


def run_inline(work: Callable[[], object]) -> None:
    """Run here and now; a failure is logged."""
    try:
        work()
    except Exception:
        _log.exception("Work in the background failed.")
