"""The processes of :mod:`benchmarks.push_latency`: those of the crash test, which also note when something happened.

Run with ``python -m benchmarks.push_process``; see :mod:`tests.faults.platform_process`.
"""

from __future__ import annotations

import time
from typing import Any

from flask import Flask

from flask_ocpi import OCPI
from flask_ocpi.signals import object_received
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from tests.faults.platform_process import create_app as create_platform
from tests.faults.platform_process import launch


class Clock:
    """Notes at what time changes were committed, and at what time they were stored at the partner."""

    def __init__(self, ocpi: OCPI) -> None:
        self.ocpi = ocpi
        self.arrived: dict[str, float] = {}

    def note(self, app: Flask, *, document: dict[str, Any], **payload: Any) -> None:
        self.arrived[document["name"]] = time.time()

    def change(self, numbers: list[int], pause: float) -> dict[str, float]:
        """Change as many of 20 Locations, with a pause after each; return when each change was committed."""
        committed = {}
        for number in numbers:
            name = f"Name {number}"
            self.ocpi.patch("locations", f"LOC{number % 20}", changes={"name": name})
            committed[name] = time.time()
            time.sleep(pause)
        return committed

    def save(self, numbers: list[int]) -> float:
        """Save so many Locations at once; return when they were committed."""
        documents = [location(id=f"LOC{n}", name=f"Name {n}", evses=[evse(uid="E1")]) for n in numbers]
        self.ocpi.objects.save_all({"locations": documents})
        return time.time()

    def arrivals(self) -> dict[str, float]:
        return self.arrived


def create_app(settings: dict[str, Any]) -> Flask:
    """Return a platform that can be told to change something: /do/change, /do/save, /do/arrivals."""
    app = create_platform(settings)
    clock = Clock(app.extensions["ocpi"])
    object_received.connect(clock.note, app)
    host = app.extensions["host"]
    for name in ("change", "save", "arrivals"):
        setattr(host, f"_{name}", getattr(clock, name))
    app.extensions["clock"] = clock  # signals hold their listeners by a weak reference
    return app


if __name__ == "__main__":
    launch(create_app)
