"""A partner that has lost our token: nothing is given up, and all goes out when there is a token that it knows."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox import circuits
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE
from tests.outbox.test_pushing import Partner

ENVELOPE = orjson.dumps({"status_code": 2000, "status_message": "Forbidden", "timestamp": "2026-01-01T00:00:00Z"})
REFUSALS = pytest.mark.parametrize(
    ("http_status", "body"),
    [(403, b"<h1>Forbidden</h1>"), (403, b""), (403, ENVELOPE), (401, ENVELOPE), (401, b"")],
    ids=["403 page", "403 empty", "403 envelope", "401 envelope", "401 empty"],
)


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["CPO"])]


@pytest.fixture
def partner(ocpi, ocpi_network):
    return Partner(ocpi_network, ocpi)


@REFUSALS
@pytest.mark.parametrize("renew", ["theirs", "ours"])
def test_what_is_held_back_goes_out_as_soon_as_the_token_is_mended(
    ocpi, partner, ocpi_network, ocpi_clock, http_status, body, renew
):
    ocpi.save("locations", location(id="OLD", evses=[evse(uid="E1")]))
    old = ocpi.partners.get(partner.id).token

    def forbid(request, response):
        is_lost = partner.host in request.url and ocpi.partners.get(partner.id).token == old
        return replace(response, status=http_status, body=body) if is_lost and "/receiver/" in request.url else response

    ocpi_network.after_send = forbid
    for number in range(12):
        ocpi.save("locations", location(id=f"LOC{number}"))
    ocpi.patch("locations", "OLD", "E1", changes={"status": "CHARGING"})
    for _ in range(8):
        ocpi_clock.advance(400)
        ocpi.outbox.flush()
    held = partner.entries()
    assert len(held) == 13
    assert not any(entry.is_parked for entry in held)

    if renew == "theirs":
        partner.ocpi.partners.rotate(partner.ocpi.partners.find("NL-ABC"))
    else:
        ocpi.partners.rotate(ocpi.partners.get(partner.id))

    assert partner.entries() == []
    assert circuits.circuit_of(ocpi.services, partner.id) is None
    assert partner.has_all("locations")


@EVERY_STORAGE
def test_registration_of_another_process_is_enough(ocpi, partner, ocpi_network, ocpi_clock):
    partner.failing = UnreachableError("down")
    ocpi.save("locations", location())
    partner.failing = None
    config = {"OCPI_DISPATCHER": "none", "OCPI_BASE_URL": "https://platform.example"}
    other_process = ocpi_network.add("console.example", [("NL", "ABC", ["CPO"])], storage=ocpi.storage, config=config)
    other_process.services.platforms.cipher = ocpi.services.platforms.cipher

    other_process.partners.rotate(other_process.partners.get(partner.id))

    assert ocpi.outbox.flush() == 1
    assert partner.has_all("locations")


def test_what_was_refused_for_what_it_is_stays_parked(ocpi, partner, ocpi_network):
    def refuse(request, response):
        body = orjson.dumps({"status_code": 2001, "timestamp": "2026-01-01T00:00:00Z"})
        return replace(response, status=400, body=body) if "/locations/" in request.url else response

    ocpi_network.after_send = refuse
    ocpi.save("locations", location())

    ocpi.partners.rotate(ocpi.partners.get(partner.id))

    (entry,) = partner.entries()
    assert entry.is_parked


def test_entry_that_is_being_sent_for_the_first_time_is_left_to_who_sends_it(ocpi, partner):
    partner.failing = KeyboardInterrupt()  # the process ends in the middle
    with pytest.raises(KeyboardInterrupt):
        ocpi.save("locations", location())
    partner.failing = None
    (before,) = partner.entries()

    ocpi.partners.rotate(ocpi.partners.get(partner.id))

    (after,) = partner.entries()
    assert after.due == before.due > ocpi.services.now()


def test_client_infos_are_pushed_by_hubs_only(ocpi, partner, ocpi_network):
    hub = ocpi_network.add("hub.example", [("NL", "HUB", ["HUB"])])
    ocpi_network.connect(partner.ocpi, hub)
    info = client_info(country_code="FR", party_id="FAR")
    ocpi_network.requests.clear()

    ocpi.save("hubclientinfo", info)
    assert ocpi.push("hubclientinfo", "EMSP", party=Party("FR", "FAR")) == [] == partner.entries() == partner.sent
    hub.save("hubclientinfo", info)

    assert [method for method, path in partner.sent if "FAR" in path] == ["PUT"]
