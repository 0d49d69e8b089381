"""Two platforms with objects of each module; one is probed by the other."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from flask_ocpi import OCPI
from flask_ocpi.client.probe.checks import Outcome
from flask_ocpi.client.probe.report import Report
from flask_ocpi.client.wire import Request
from flask_ocpi.client.wire import Response
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network

VERSIONS = ["2.1.1", "2.2.1", "2.3.0"]
OURS, THEIRS = ("NL", "ABC"), ("DE", "PEE")
NUMBER = 12


@dataclass
class Pair:
    """Our platform, and a partner that is probed. ``change`` may change each answer that our platform gets."""

    network: Network
    ours: OCPI
    theirs: OCPI

    def probe(self, **options: Any) -> Report:
        with self.network.apps["ours.example"].app_context():
            return self.ours.partners.probe("theirs-example", **options)

    def change(self, change: Callable[[Request, Response], Response]) -> None:
        self.network.after_send = lambda request, response: (
            change(request, response) if "theirs.example" in request.url else response
        )


@pytest.fixture
def version() -> str:
    """The version that both speak."""
    return "2.2.1"


@pytest.fixture
def pair(ocpi_network: Network, version: str) -> Pair:
    """Two platforms that are CPO and eMSP, and speak one version."""
    ocpi_network.config["OCPI_VERSIONS"] = [version]
    ours = ocpi_network.add("ours.example", [(*OURS, ["CPO", "EMSP"])])
    theirs = ocpi_network.add("theirs.example", [(*THEIRS, ["CPO", "EMSP"])])
    register(ours, theirs, version=version)
    fill(ocpi_network, "theirs.example", THEIRS, audience=OURS)
    return Pair(ocpi_network, ours, theirs)


def register(ours: OCPI, theirs: OCPI, *, version: str, own_role: str | None = None) -> None:
    """Register our platform with the other one, in a version; own_role: ours in 2.1.1."""
    other = {"CPO": "EMSP", "EMSP": "CPO", None: None}[own_role]
    roles = ["CPO", "EMSP"] if own_role is None else [own_role]
    sides = (own_role, other) if version == "2.1.1" else (None, None)
    _, token = theirs.partners.invite(name="ours-example", roles=roles, version=version, own_role=sides[1])
    ours.partners.register(theirs.versions_url, token, name="theirs-example", version=version, own_role=sides[0])
    for platform in (ours, theirs):
        for job in platform.services.jobs:
            if job.name == "endpoints":
                job.run()


def fill(
    network: Network, host: str, owner: tuple[str, str], *, audience: tuple[str, str], modules: Collection[str] = ()
) -> None:
    """Save objects at a platform, of each module or of some."""
    platform, (country, party) = network.apps[host].extensions["ocpi"], owner
    own = {"country_code": country, "party_id": party}
    token = {**documents.session()["cdr_token"], "country_code": audience[0], "party_id": audience[1]}
    with network.apps[host].app_context():
        for number in range(1, NUMBER + 1):
            moment = f"2025-01-01T00:00:{number:02}Z"
            evse = documents.evse(last_updated=moment, connectors=[documents.connector(last_updated=moment)])
            made = {
                "locations": documents.location(id=f"LOC{number}", evses=[evse]),
                "tariffs": documents.tariff(id=f"TARIFF{number}"),
                "sessions": documents.session(id=f"SESSION{number}", cdr_token=token),
                "cdrs": documents.cdr(id=f"CDR{number}", cdr_token=token),
                "tokens": documents.token(uid=f"TOKEN{number}"),
            }
            for module, document in made.items():
                if modules and module not in modules:
                    continue
                platform.save(module, {**document, **own, "last_updated": moment})


def outcomes(report: Report, check: str) -> dict[str, Outcome]:
    """Return the outcomes of one check by module."""
    return {result.subject: result.outcome for result in report.results if result.check.id == check}


def told(report: Report, *wanted: Outcome) -> list[str]:
    """Return the results with these outcomes as lines."""
    return [f"{r.check.id} {r.subject}: {r.seen}" for r in report.results if r.outcome in wanted]


def body_of(response: Response) -> dict[str, Any]:
    """Return the envelope of an answer."""
    document: dict[str, Any] = orjson.loads(response.body)
    return document


def with_body(response: Response, body: Any, *, status: int | None = None) -> Response:
    """Return an answer with another body."""
    text = body if isinstance(body, bytes) else orjson.dumps(body)
    return Response(response.status if status is None else status, dict(response.headers), text, response.url)


def with_headers(response: Response, **headers: str | None) -> Response:
    """Return an answer with other headers; None leaves one out. Underscores stand for hyphens."""
    given = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    kept = {name: value for name, value in dict(response.headers).items() if name.lower() not in given}
    new = {name: value for name, value in given.items() if value is not None}
    return Response(response.status, {**kept, **new}, response.body, response.url)
