"""Jobs: what a dispatcher sees to besides pushing, such as the time-outs of commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due at certain times. ``run`` may be called in several processes at once, and does it once.

    seconds_left: how long until it is due, 0 or less when it is; None when there is nothing to wait for.
    """

    name: str
    seconds_left: Callable[[], float | None]
    run: Callable[[], object]
