"""What the role of a platform lets it do, and for which parties: group ROLE of the requirements, and ownership."""

from __future__ import annotations

import pytest

from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from tests.conformance.operations import EXAMPLES
from tests.conformance.operations import every
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import dump
from tests.roles import ROLES
from tests.roles import calls
from tests.roles import has
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
BY_ROLE = [example for example in EXAMPLES if not example.module.single]
DOCUMENT = location(country_code="DE", party_id="PEE", id="LOC1")
CHANGES = {"last_updated": "2030-01-01T00:00:00Z"}


def copy_url(country_code="DE", party_id="PEE"):
    return ocpi_url(f"receiver/locations/{country_code}/{party_id}/LOC1")


def headers(*, to=None, sender=None):
    pairs = {}
    if to is not None:
        pairs |= {"OCPI-to-country-code": to[0], "OCPI-to-party-id": to[1]}
    if sender is not None:
        pairs |= {"OCPI-from-country-code": sender[0], "OCPI-from-party-id": sender[1]}
    return pairs


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def partner(ocpi_app):
    """Make a partner DE-PEE with some roles."""
    return lambda *roles: add_partner(ocpi_app, [("DE", "PEE", roles)])


@pytest.fixture
def party(everything):
    """Make a partner FR-PEE of the platform with everything, with some roles."""

    def make(*roles):
        client = add_partner(everything.partner.app, [("FR", "PEE", roles)], name="Pee")
        assert client.get("/ocpi/versions").http_status == 200
        return client

    return make


@pytest.mark.conformance("ROLE-01", "ROLE-02", "ROLE-05", "ROLE-07", "HCI-15")
@every(BY_ROLE)
@pytest.mark.parametrize("role", ROLES)
def test_an_interface_is_for_the_roles_that_have_the_other_side_of_it(everything, party, role, example):
    client = party(role)
    before = everything.stored()

    answer = everything.send(example, client=client)

    refusal = refused(example, role)
    if calls([role], example.module.id, example.interface.role):
        assert answer.http_status in (200, 201, 404)
        assert answer.message != refusal
    else:
        hidden = example.module.id == "hubclientinfo" and example.interface.role == "RECEIVER"
        assert (answer.http_status, answer.status_code) == ((404, 2001) if hidden else (403, 2000))
        assert answer.message == refusal
        assert everything.stored() == before


def refused(example, role):
    name = f"{example.module.id} {example.interface.role}"
    if name == "hubclientinfo RECEIVER":
        return "There is no hubclientinfo RECEIVER here for you."
    return f"Platforms with the roles {role} may not call {name}."


@pytest.mark.conformance("ROLE-04", "ROLE-05")
def test_every_class_has_the_owner_that_ocpi_names():
    pushing = {
        example.operation.object.name: [role for role in ("CPO", "EMSP", "HUB") if has([role], example.module.id, "S")]
        for example in BY_ROLE
        if example.operation.created and not example.operation.part
    }

    assert pushing == {
        "location": ["CPO", "HUB"],
        "session": ["CPO", "HUB"],
        "cdr": ["CPO", "HUB"],
        "tariff": ["CPO", "HUB"],
        "token": ["EMSP", "HUB"],
        "client_info": ["HUB"],
    }
    assert [e.id for e in BY_ROLE if e.module.id in ("commands", "chargingprofiles") and e.operation.object] == []


@pytest.mark.conformance("ROLE-03")
@every(BY_ROLE)
def test_several_roles_add_up(party, everything, example):
    client = party("CPO", "EMSP")

    answer = everything.send(example, client=client)

    assert (answer.message == "There is no hubclientinfo RECEIVER here for you.") == example.interface.hidden
    assert answer.http_status in (200, 201, 404)


@pytest.mark.conformance("ROLE-02", "ROLE-07")
def test_operator_may_change_the_matrix(ocpi_network):
    permissions = {"OTHER": {"locations": ["RECEIVER"]}, "EMSP": {"locations": []}}
    ocpi_network.add("own.example", [("NL", "ABC", ["CPO"])], config={"OCPI_ROLE_PERMISSIONS": permissions})
    app = ocpi_network.apps["own.example"]
    other = add_partner(app, [("DE", "OTH", ["OTHER"])], name="Other")
    emsp = add_partner(app, [("DE", "EMS", ["EMSP"])], name="Emsp")

    assert (other.get(SENDER).http_status, emsp.get(SENDER).http_status) == (200, 403)


@pytest.mark.conformance("ROLE-02", "T-13")
def test_interface_of_a_role_that_we_do_not_have_is_404(ocpi_network):
    ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])])
    client = add_partner(ocpi_network.apps["cpo.example"], [("DE", "PEE", ["CPO", "EMSP"])])

    assert client.put(copy_url(), DOCUMENT).http_status == 404


@pytest.mark.conformance("ROLE-04", "PUSH-05")
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
@pytest.mark.parametrize("suffix", ["", "/E1", "/E1/C1"], ids=["location", "evse", "connector"])
def test_other_parties_objects_are_hidden(ocpi, ocpi_app, partner, method, suffix):
    owner = add_partner(ocpi_app, [("DE", "OWN", ["CPO"])], name="Owner")
    owner.put(copy_url("DE", "OWN"), location(country_code="DE", party_id="OWN", id="LOC1"))
    before = dump(ocpi)["locations"]
    body = {"GET": None, "PUT": location(country_code="DE", party_id="OWN", id="LOC1"), "PATCH": CHANGES}[method]

    response = partner("CPO").open(method, copy_url("DE", "OWN") + suffix, json=body)

    assert (response.http_status, response.status_code) == (404, 2001)
    assert "DE-OWN in the URL is not one of your parties, which are DE-PEE" in response.message
    assert dump(ocpi)["locations"] == before


@pytest.mark.conformance("PUSH-04", "PUSH-05", "TYP-01")
@pytest.mark.parametrize("party", [("de", "PEE"), ("DE", "pee"), ("dE", "Pee")], ids="-".join)
def test_ownership_knows_no_case(partner, party):
    response = partner("CPO").put(copy_url(*party), DOCUMENT)

    assert (response.http_status, response.status_code) == (201, 1000)


@pytest.mark.conformance("PUSH-04")
@pytest.mark.parametrize("changes", [{"party_id": "OWN"}, {"country_code": "FR"}], ids=str)
def test_owner_in_the_body_is_that_in_the_url(ocpi, partner, changes):
    response = partner("CPO").put(copy_url(), {**DOCUMENT, **changes})

    assert (response.http_status, response.status_code) == (200, 2001)
    assert dump(ocpi)["locations"] == []


@pytest.mark.conformance("PUSH-06")
def test_hub_pushes_for_any_party(partner):
    hub = partner("HUB")
    document = location(country_code="FR", party_id="FAR", id="LOC1")

    created = hub.put(copy_url("FR", "FAR"), document, headers=headers(sender=("FR", "FAR")))
    fetched = hub.get(copy_url("FR", "FAR"))

    assert (created.http_status, fetched.http_status) == (201, 200)


@pytest.mark.conformance("PUSH-06", "PUSH-04")
def test_hub_has_to_name_the_same_owner_in_url_and_body(ocpi, partner):
    response = partner("HUB").put(copy_url("FR", "FAR"), DOCUMENT)

    assert (response.http_status, response.status_code) == (200, 2001)
    assert dump(ocpi)["locations"] == []


@pytest.mark.conformance("RT-23", "ROLE-04")
@pytest.mark.parametrize(
    ("sender", "status_code"),
    [(("DE", "PEE"), 1000), (("de", "pee"), 1000), (("DE", "OWN"), 2001), (("FR", "PEE"), 2001), (None, 1000)],
    ids=["own party", "other case", "other party", "other country", "none"],
)
def test_from_header_names_a_party_of_the_caller(ocpi, partner, sender, status_code):
    response = partner("CPO").put(copy_url(), DOCUMENT, headers=headers(sender=sender))

    assert response.status_code == status_code
    assert len(dump(ocpi)["locations"]) == (status_code == 1000)


@pytest.mark.conformance("RT-23", "PUSH-06")
def test_from_header_of_a_hub_names_any_party(partner):
    response = partner("HUB").get(SENDER, headers=headers(sender=("FR", "FAR")))

    assert (response.http_status, response.status_code) == (200, 1000)


@pytest.mark.conformance("RT-23")
def test_from_header_is_checked_on_every_functional_request(partner):
    response = partner("EMSP").get(SENDER, headers=headers(sender=("FR", "FAR")))

    assert (response.http_status, response.status_code) == (200, 2001)
    assert response.message == "OCPI-from: FR-FAR is not one of your parties, which are DE-PEE."


@pytest.mark.conformance("ROLE-02", "A-07")
def test_role_is_looked_at_before_headers_and_body(partner):
    response = partner("EMSP").put(copy_url(), data="{", headers=headers(sender=("FR", "FAR")))

    assert response.http_status == 403
