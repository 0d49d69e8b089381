"""An operator and a provider, each of any version, exchange a charging session through a platform that speaks both.

Everything is compared in the stored shape, so what a version cannot carry would be missing at the other end.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from flask_ocpi.testing import documents
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import VERSIONS
from tests.e2e.processes import until
from tests.e2e.relaying import MIDDLE
from tests.e2e.relaying import OPERATOR
from tests.e2e.relaying import PROVIDER
from tests.e2e.relaying import Relay
from tests.e2e.relaying import relay
from tests.versions.nine import V9_9

PAIRS = [*itertools.product(VERSIONS, repeat=2), (V9_9, V2_2_1), (V2_2_1, V9_9)]

TARIFF = documents.tariff(
    **OPERATOR,
    elements=[
        {
            "price_components": [
                {"type": "ENERGY", "price": 0.25, "step_size": 1},
                {"type": "TIME", "price": 2, "step_size": 60},
            ],
            "restrictions": {"start_time": "08:00", "end_time": "20:00"},
        },
        {"price_components": [{"type": "ENERGY", "price": 0.2, "step_size": 1}]},
    ],
)
LOCATION = documents.location(
    **OPERATOR,
    name="Central Station",
    postal_code="3511 ED",
    evses=[documents.evse(evse_id="NL*CPO*E1", connectors=[documents.connector(tariff_ids=["TARIFF1"])])],
)
TOKEN = documents.token(**PROVIDER)
#: The driver as the operator knows it: one of the platform between.
DRIVER = {**documents.cdr()["cdr_token"], **MIDDLE}
PERIODS = [
    {"start_date_time": "2024-05-31T10:00:00Z", "dimensions": [{"type": "ENERGY", "volume": 10.5}]},
    {
        "start_date_time": "2024-05-31T11:00:00Z",
        "dimensions": [{"type": "ENERGY", "volume": 2}, {"type": "PARKING_TIME", "volume": 0.5}],
    },
]
SESSION = documents.session(
    **OPERATOR, cdr_token=DRIVER, charging_periods=PERIODS, total_cost={"excl_vat": 3.125}, kwh=12.5
)
CDR = documents.cdr(
    **OPERATOR,
    cdr_token=DRIVER,
    cdr_location={**documents.cdr()["cdr_location"], "name": "Central Station", "postal_code": "3511 ED"},
    tariffs=[TARIFF],
    charging_periods=PERIODS,
    total_cost={"excl_vat": 3.1251},
    total_parking_time=0.5,
)


@pytest.fixture(scope="module", params=PAIRS, ids=lambda pair: "-".join(version.number for version in pair))
def three(request):
    with relay(*request.param) as three:
        for ocpi, module, document in (
            (three.provider, "tokens", TOKEN),
            (three.operator, "tariffs", TARIFF),
            (three.operator, "locations", LOCATION),
        ):
            ocpi.save(module, document)
        until(lambda: received(three, "locations"), "The provider was sent no location.")
        three.operator.save("sessions", {**SESSION, "id": "STARTED"})
        until(lambda: received(three, "sessions"), "The provider was sent no session.")
        yield three


def received(three: Relay, module: str) -> list[dict[str, Any]]:
    """Return what the provider has of a module, as the operator's."""
    return [as_of(OPERATOR, document) for document in three.provider.copies.documents(module)]


def as_of(party: dict[str, str], document: dict[str, Any]) -> dict[str, Any]:
    """Return an object that came through the platform between as it was at its owner's."""
    made = {**document, **party}
    if "cdr_token" in document:
        made["cdr_token"] = {**document["cdr_token"], **MIDDLE}
    if "tariffs" in document:
        made["tariffs"] = [{**tariff, **party} for tariff in document["tariffs"]]
    return made


def lost(sent: Any, arrived: Any, path: str = "") -> list[str]:
    """Return the paths at which something that was sent did not arrive. What a version says beyond it is no loss."""
    if isinstance(sent, dict) and isinstance(arrived, dict):
        return [at for name in sent for at in lost(sent[name], arrived.get(name), f"{path}.{name}")]
    if isinstance(sent, list) and isinstance(arrived, list) and len(sent) == len(arrived):
        return [
            at for index, pair in enumerate(zip(sent, arrived, strict=True)) for at in lost(*pair, f"{path}[{index}]")
        ]
    return [] if sent == arrived else [f"{path}: {sent!r} became {arrived!r}"]


def arrives(three: Relay, module: str, document: dict[str, Any]) -> None:
    """Wait until the provider has an object as it is at the operator."""
    try:
        until(lambda: [found for found in received(three, module) if not lost(document, found)], "")
    except AssertionError:
        found = [lost(document, found) for found in received(three, module)]
        pytest.fail(f"It did not arrive as it was sent: {found or 'not at all'}.")


@pytest.mark.parametrize(("module", "document"), [("locations", LOCATION), ("tariffs", TARIFF)])
def test_locations_and_tariffs_arrive(three, module, document):
    arrives(three, module, document)


def test_the_status_of_an_evse_arrives(three):
    three.operator.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})

    arrives(three, "locations", three.operator.objects.get("locations", "LOC1"))


def test_tokens_arrive(three):
    def at_the_operator():
        return [as_of(PROVIDER, document) for document in three.operator.copies.documents("tokens")]

    until(at_the_operator, "The operator was sent no token.")

    assert [lost(TOKEN, document) for document in at_the_operator()] == [[]]


@pytest.mark.parametrize("allowed", ["ALLOWED", "NO_CREDIT"])
def test_the_provider_decides_who_may_charge(three, allowed):
    asked = []
    three.provider.authorizer(lambda token, location: asked.append((token, location)) or allowed)
    until(lambda: list(three.operator.copies.documents("tokens")), "The operator was sent no token.")

    with three.operator.client("FR-MID") as client:
        location = {"location_id": "LOC1", "evse_uids": ["EVSE1"]}
        answer = client.tokens.authorize(TOKEN["uid"], location=location, ask=True)

    assert answer.realtime
    assert answer.info["allowed"] == allowed
    assert [(token["uid"], where) for token, where in asked] == [(TOKEN["uid"], location)]


@pytest.mark.parametrize("result", ["ACCEPTED", "REJECTED", "EVSE_OCCUPIED"])
def test_commands_reach_the_operator_and_their_results_the_provider(three, result):
    asked = []
    for name in ("START_SESSION", "STOP_SESSION"):
        three.operator.command(name)(
            lambda request, reply, name=name: asked.append((name, request)) or reply.accept(lambda: result)
        )

    with three.provider.client("FR-MID") as client:
        start = client.commands.start_session({"token": TOKEN, "location_id": "LOC1", "evse_uid": "EVSE1"})
        started = three.provider.wait(start.id)
        stop = client.commands.stop_session("STARTED")
        stopped = three.provider.wait(stop.id)

    assert [(name, request.get("session_id"), request.get("evse_uid")) for name, request in asked] == [
        ("START_SESSION", None, "EVSE1"),
        ("STOP_SESSION", "STARTED", None),
    ]
    assert not lost({**TOKEN, **MIDDLE}, asked[0][1]["token"])
    told = "REJECTED" if result == "EVSE_OCCUPIED" and three.speaks("2.1.1") else result  # which does not say why
    assert [started.result["result"], stopped.result["result"]] == [told, told]


def test_sessions_arrive_with_their_periods_and_costs(three):
    three.operator.save("sessions", SESSION)
    arrives(three, "sessions", SESSION)

    added = {"start_date_time": "2024-05-31T12:00:00Z", "dimensions": [{"type": "TIME", "volume": 0.25}]}
    three.operator.patch("sessions", "SES1", changes={"charging_periods": [added], "status": "COMPLETED"})

    whole = three.operator.objects.get("sessions", "SES1")
    assert whole["charging_periods"] == [*PERIODS, added]
    arrives(three, "sessions", whole)


def test_cdrs_arrive_with_their_prices(three):
    three.operator.save("cdrs", CDR)

    arrives(three, "cdrs", CDR)
