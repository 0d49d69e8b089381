"""What the tests share: a partner's location, and platforms that are built once and emptied for each test."""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from flask_ocpi.core.description import Version
from flask_ocpi.extension import OCPI
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartySpec
from flask_ocpi.testing.network import TestResponse
from flask_ocpi.versions import VERSIONS
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
RECEIVER = ocpi_url("receiver/locations")
COPY = f"{RECEIVER}/DE/CPO/LOC1"
LATER = "2024-06-30T12:00:00Z"
#: What the platforms of this suite serve. They register with each other in 2.2.1, whose conformance is tested.
EVERY_VERSION = [version.number for version in VERSIONS]
#: What the versions endpoint of platform.example answers.
VERSION_LIST = [{"version": number, "url": f"https://platform.example/ocpi/{number}"} for number in EVERY_VERSION]


def theirs(**changes: Any) -> dict[str, Any]:
    """Return a Location of the partner."""
    return location(**{"country_code": "DE", "party_id": "CPO", **changes})


def copies(ocpi: OCPI) -> list[dict[str, Any]]:
    """Return what is stored of partners."""
    return list(ocpi.objects.documents("locations", copies=True))


def check(answer: TestResponse, http_status: int, status_code: int) -> None:
    """Check codes and form of an answer that refuses."""
    assert (answer.http_status, answer.status_code) == (http_status, status_code)
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.envelope) == {"status_code", "status_message", "timestamp"}
    assert answer.message
    assert len(answer.body) < 5_000
    assert answer.headers["X-Request-ID"]


class Network221(Network):
    """Platforms that serve every version, and register with each other in 2.2.1."""

    def __init__(self, *, clock: Callable[[], Any] | None = None, config: Mapping[str, Any] | None = None) -> None:
        super().__init__(clock=clock, config={"OCPI_VERSIONS": EVERY_VERSION, **(config or {})}, version="2.2.1")

    def add(
        self,
        host: str,
        parties: Sequence[PartySpec],
        *,
        config: Mapping[str, Any] | None = None,
        versions: Sequence[Version] | None = None,
        **options: Any,
    ) -> OCPI:
        if versions is not None:
            config = {"OCPI_VERSIONS": [version.number for version in versions], **(config or {})}
        return super().add(host, parties, config=config, versions=versions, **options)


class SharedNetwork(Network221):
    """A network that keeps its apps from test to test; each is handed out with nothing stored."""

    def __init__(self, receive: str) -> None:
        config = {"OCPI_PUSH": False, "OCPI_MAX_UNKNOWN_TOKENS": 0, "OCPI_RECEIVE": receive}
        super().__init__(clock=Clock(), config=config)
        self._built: dict[str, OCPI] = {}

    def reset(self) -> SharedNetwork:
        """Forget what was stored, sent and set."""
        fresh = Network(clock=self.clock)
        self.clock.now = Clock().now
        self.apps, self.platforms, self.requests = fresh.apps, fresh.platforms, fresh.requests
        self.before_send, self.after_send = fresh.before_send, fresh.after_send
        for ocpi in self._built.values():
            ocpi.services.storage.clear()
            hooks = ocpi.services.hooks
            hooks.authorizer = hooks.charging_preferences = None
            hooks.calls.clear()
        return self

    def add(
        self,
        host: str,
        parties: Sequence[PartySpec],
        *,
        config: Mapping[str, Any] | None = None,
        versions: Sequence[Version] | None = None,
        **options: Any,
    ) -> OCPI:
        name = repr((host, parties, config, [id(version) for version in versions or ()]))
        if name not in self._built:
            storage = EmptyableStorage()
            self._built[name] = super().add(host, parties, config=config, storage=storage, versions=versions)
        ocpi = self._built[name]
        self.apps[host], self.platforms[host] = ocpi.app, ocpi
        return ocpi


class EmptyableStorage(MemoryStorage):
    """Keeps records in memory, until they are dropped all at once."""

    def clear(self) -> None:
        self._kinds, self._created, self._undo, self._work = {}, 0, None, []


@functools.cache
def _network(receive: str) -> SharedNetwork:
    return SharedNetwork(receive)


def shared_network(receive: str = "strict") -> SharedNetwork:
    """Return the network of this process that reads so what others send, with nothing in it."""
    return _network(receive).reset()
