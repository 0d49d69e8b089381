"""An operator and a provider without sockets, and what is to be equal at both in the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_ocpi.outbox import entries
from flask_ocpi.storage.base import Storage
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network

PUSHED = ("locations", "sessions", "cdrs", "tariffs")
DRIVER = {**cdr()["cdr_token"], "country_code": "DE", "party_id": "EMS"}


class Pair:
    """An operator, NL-ABC, whose changes go to a registered provider, DE-EMS, on a network that can be disturbed."""

    def __init__(
        self,
        *,
        storage: Storage | None = None,
        dispatcher: str = "inline",
        provider: dict[str, Any] | None = None,
    ) -> None:
        self.clock = Clock()
        self.network = Network(clock=self.clock, version="2.2.1")  # whose documents are those that are stored
        config = {"OCPI_DISPATCHER": dispatcher, "OCPI_DISPATCH_INTERVAL": 0.1}
        self.cpo = self.network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storage, config=config)
        self.emsp = self.network.add("emsp.example", [("DE", "EMS", ["EMSP"])], config=provider)
        self.network.connect(self.emsp, self.cpo)
        self.network.requests.clear()

    def waiting(self) -> list[entries.OutboxEntry]:
        """Return what the provider has not seen, as the operator knows it."""
        return [
            entry
            for platform in self.cpo.partners.list()
            for entry in entries.of_platform(self.cpo.services, platform.id)
        ]

    def settle(self) -> None:
        """Dispatch, as time goes by, until nothing waits: each entry is tried at the latest when its pause is over."""
        for _ in range(200):
            if not self.waiting():
                return
            self.clock.advance(60)
            self.cpo.outbox.flush()
        raise AssertionError(f"Still not delivered: {self.waiting()[:3]}")

    def assert_equal(self) -> None:
        """Compare all that the provider has with what the operator has; each object is there once."""
        for module in PUSHED:
            ours = list(self.cpo.objects.documents(module))
            theirs = list(self.emsp.objects.documents(module, copies=True))
            ids = [document["id"] for document in theirs]
            assert len(set(ids)) == len(ids), f"{module} are there twice"
            assert by_id(theirs) == by_id(ours)


def by_id(documents: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {document["id"]: document for document in documents}
