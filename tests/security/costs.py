"""What something costs, so that it does not depend on what else the machine does: calls of functions, and bytes."""

from __future__ import annotations

import gc
import sys
import tracemalloc


def calls_of(work):
    """Count the functions that are called, those written in C as well."""
    calls = 0

    def count(*_):
        nonlocal calls
        calls += 1

    before = sys.getprofile()
    gc.disable()  # what other tests left would be finalised meanwhile, and counted
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls


def peak_of(work):
    """Return how many bytes are in use at the most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
