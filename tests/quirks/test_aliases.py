"""URLs that some software calls instead of OCPI's: what they open is what OCPI's open."""

from __future__ import annotations

from typing import Any

import pytest

from flask_ocpi import OCPI
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.urls import ocpi_url

CDRS = ocpi_url("receiver/cdrs")
TOKENS = ocpi_url("sender/tokens")


@pytest.fixture
def ocpi(ocpi_network: Any) -> OCPI:
    parties = [("NL", "ABC", ["CPO", "EMSP"]), ("NL", "DEF", ["EMSP"])]
    ocpi: OCPI = ocpi_network.add("own.example", parties)
    return ocpi


@pytest.fixture
def partner(ocpi: OCPI) -> PartnerClient:
    return add_partner(ocpi.app, [("DE", "CPO", ["CPO"]), ("DE", "CP2", ["CPO"])])


@pytest.mark.parametrize("owner", ["ABC", "abc", "DEF"])
def test_authorization_with_the_party_in_the_url(ocpi, partner, owner):
    for party in ("ABC", "DEF"):
        ocpi.save("tokens", token(country_code="NL", party_id=party, uid="U1", contract_id=f"NL-{party}"))

    response = partner.post(f"{TOKENS}/NL/{owner}/U1/authorize", {})

    assert response.data["token"]["party_id"] == owner.upper()
    assert partner.post(f"{TOKENS}/U1/authorize", {}).http_status == 404  # whose is it?


@pytest.mark.parametrize("owner", ["DE/ABC", "NL/XYZ", "DE/CPO"])
def test_authorization_of_a_token_that_the_party_does_not_have(ocpi, partner, owner):
    ocpi.save("tokens", token(country_code="NL", party_id="ABC", uid="U1"))

    response = partner.post(f"{TOKENS}/{owner}/U1/authorize", {})

    assert (response.http_status, response.status_code) == (404, 2004)


@pytest.mark.parametrize("path", ["NLD/ABC/U1", "NL/ABCD/U1", f"NL/ABC/{'u' * 37}"])
def test_ids_in_the_url_are_checked(ocpi, partner, path):
    response = partner.post(f"{TOKENS}/{path}/authorize", {})

    assert response.status_code == 2001


@pytest.fixture
def posted(ocpi: OCPI, partner: PartnerClient) -> dict[str, Any]:
    document = cdr(country_code="DE", party_id="CP2")
    document["cdr_token"] |= {"country_code": "NL", "party_id": "DEF"}
    to = {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "DEF"}
    assert partner.post(CDRS, document, headers=to).http_status == 201
    return document


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_cdr_by_its_id(partner, posted, method):
    response = partner.open(method, f"{CDRS}/{posted['id']}")

    assert response.http_status == 200
    if method == "GET":
        assert response.data["party_id"] == "CP2"


def test_cdr_by_its_id_of_another_party_in_from(partner, posted):
    sender = {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "CPO"}

    assert partner.get(f"{CDRS}/{posted['id']}", headers=sender).http_status == 404


def test_cdr_of_somebody_else_is_not_found_by_its_id(ocpi, posted):
    other = add_partner(ocpi.app, [("FR", "CPO", ["CPO"])], name="Other")

    assert other.get(f"{CDRS}/{posted['id']}").http_status == 404


def test_aliases_open_to_registered_partners_only(ocpi, posted):
    stranger = PartnerClient(ocpi.app, "token-of-nobody")
    emsp = add_partner(ocpi.app, [("FR", "EMS", ["EMSP"])], name="EMSP")

    assert stranger.get(f"{CDRS}/{posted['id']}").http_status == 401
    assert emsp.get(f"{CDRS}/{posted['id']}").http_status == 403


@pytest.mark.parametrize(("method", "path"), [("POST", f"{CDRS}/CDR1"), ("GET", f"{TOKENS}/NL/ABC/U1/authorize")])
def test_other_methods_are_405(partner, method, path):
    assert partner.open(method, path).http_status == 405


def test_no_partner_is_told_of_aliases(ocpi):
    paths = ocpi.specs["2.2.1"]["paths"]

    assert f"{CDRS}/{{cdr_id}}" not in paths
    assert not [path for path in paths if path.endswith("{party_id}/{token_uid}/authorize")]
