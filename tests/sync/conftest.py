"""A provider, NL-ABC, that is registered with an operator, FR-OTH, whose lists have two objects a page."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from flask_ocpi import OCPI
from flask_ocpi import Party
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartySpec

ABC = Party.of("NL", "ABC")
PAGE = 2


@pytest.fixture
def ocpi_parties() -> list[PartySpec]:
    return [("NL", "ABC", ["EMSP"])]


@pytest.fixture
def ocpi_other(ocpi_network: Network) -> OCPI:
    """The operator, which pushes nothing."""
    config = {"OCPI_PUSH": False, "OCPI_PAGE_LIMIT": PAGE}
    return ocpi_network.add("other.example", [("FR", "OTH", ["CPO"])], config=config)


@pytest.fixture
def cpo(ocpi: OCPI, ocpi_other: OCPI, ocpi_network: Network) -> OCPI:
    """The operator at other.example, registered with the platform."""
    ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.requests.clear()
    return ocpi_other


@pytest.fixture
def save(cpo: OCPI, ocpi_clock: Clock) -> Callable[..., dict[str, Any]]:
    """Save a Location of the operator, changed now unless ``last_updated`` says otherwise."""

    def save(id: str, **changes: Any) -> dict[str, Any]:
        document = location(
            **{"country_code": "FR", "party_id": "OTH", "id": id, "last_updated": now(ocpi_clock), **changes}
        )
        cpo.save("locations", document)
        return document

    return save


def now(clock: Clock) -> str:
    return format_date_time(clock())


def copies(ocpi: OCPI, module: str = "locations") -> dict[str, dict[str, Any]]:
    """Return what is here of others, by id."""
    return {document["id"]: document for document in ocpi.objects.documents(module, copies=True)}


def own(ocpi: OCPI, module: str = "locations") -> dict[str, dict[str, Any]]:
    return {document["id"]: document for document in ocpi.objects.documents(module)}


def asked(network: Network) -> list[str]:
    """Return the queries of the pages that were asked for."""
    return [request.url.partition("?")[2] for request in network.requests if request.method == "GET"]


class Line:
    """The line to the operator: it may be cut after some requests, and something may happen between them."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.count = 0
        self.cut_after: int | None = None
        self.error: BaseException = UnreachableError("The line is cut.")
        self.between: Callable[[int], None] = lambda count: None
        network.before_send = self.send

    def send(self, request: Any) -> None:
        self.between(self.count)
        if self.cut_after is not None and self.count >= self.cut_after:
            raise self.error
        self.count += 1

    def cut(self, after: int, error: BaseException | None = None) -> None:
        self.count, self.cut_after = 0, after
        self.error = error or self.error

    def mend(self) -> None:
        self.cut_after = None


@pytest.fixture
def line(ocpi_network: Network, cpo: OCPI) -> Iterator[Line]:
    yield Line(ocpi_network)
    ocpi_network.before_send = lambda request: None


def spoil(network: Network, *ids: str, name: str = "coordinates") -> None:
    """Let lists have some objects without a property."""

    def after_send(request: Any, response: Any) -> Any:
        body = orjson.loads(response.body)
        data = body.get("data")
        for item in data if isinstance(data, list) else [data]:
            if isinstance(item, dict) and item.get("id") in ids:
                del item[name]
        return type(response)(response.status, response.headers, orjson.dumps(body), response.url)

    network.after_send = after_send
