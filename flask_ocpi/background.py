"""Work that goes on after a request was answered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

_log = logging.getLogger("flask_ocpi")


def run_in_thread(work: Callable[[], object]) -> None:
    """Run in a thread of its own that does not keep the process alive; a failure is logged."""
    threading.Thread(target=run_inline, args=(work,), name="ocpi-background", daemon=True).start()


def run_inline(work: Callable[[], object]) -> None:
    """Run here and now; a failure is logged."""
    try:
        work()
    except Exception:
        _log.exception("Work in the background failed.")
