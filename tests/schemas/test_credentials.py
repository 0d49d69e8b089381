"""Tests of the conditions that the classes of the credentials module carry."""

from __future__ import annotations

import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.credentials import Credentials
from flask_ocpi.testing.documents import credentials


def role(**changes):
    document = {
        "role": "CPO",
        "business_details": {"name": "Abc Charging"},
        "party_id": "ABC",
        "country_code": "NL",
    }
    return {**document, **changes}


def accept(document):
    assert load(Credentials(), document) == document


def refusal(document):
    with pytest.raises(InvalidParametersError) as caught:
        load(Credentials(), document)
    return caught.value.message.removeprefix("Invalid body: ").removesuffix(".")


@pytest.mark.conformance("CRED-24")
@pytest.mark.parametrize("token", ["!", "~", "a" * 64, "ebf3b399-779f-4497-9b9d-ac6ad3cc44d2", "a/+==", "#NA"])
def test_token_is_printable_ascii_without_blanks(token):
    accept(credentials(token=token))


@pytest.mark.conformance("CRED-24")
@pytest.mark.parametrize(
    ("token", "message"),
    [
        ("", "token must not be empty"),
        ("a" * 65, "token is longer than 64 characters (it has 65)"),
        ("secret value", "token must be printable ASCII without blanks"),
        ("secret\n", "token must not contain control characters or line breaks"),
        ("secrét", "token must be printable ASCII without blanks"),
        ("secret\u00a0", "token must be printable ASCII without blanks"),
        (5, "token must be a string, not a number"),
        (None, "token must not be null"),
    ],
    ids=["empty", "long", "blank", "line-feed", "accent", "no-break-space", "number", "null"],
)
def test_token_in_another_form_is_refused_without_repeating_it(token, message):
    assert refusal(credentials(token=token)) == message


@pytest.mark.conformance("CRED-24")
@pytest.mark.parametrize("url", ["", "/ocpi/versions", "cpo.example.com/ocpi/versions"])
def test_url_is_absolute(url):
    assert refusal(credentials(url=url)) == "url must be an absolute http or https URL"


@pytest.mark.conformance("CRED-25")
@pytest.mark.parametrize("roles", [[], None], ids=repr)
def test_there_is_a_role(roles):
    assert refusal(credentials(roles=roles)).startswith("roles must ")


@pytest.mark.conformance("CRED-25")
def test_role_may_come_back_with_other_ids():
    accept(credentials(roles=[role(), role(party_id="ABD"), role(country_code="BE"), role(role="EMSP")]))


@pytest.mark.conformance("CRED-25", "TYP-01")
@pytest.mark.parametrize(
    "again", [role(), role(party_id="abc"), role(country_code="nl")], ids=["same", "id", "country"]
)
def test_role_does_not_come_back_with_the_same_ids(again):
    document = credentials(roles=[role(), role(role="EMSP"), again])

    assert refusal(document) == "roles[2] repeats role, country_code and party_id of roles[0]"


@pytest.mark.conformance("CRED-26")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"party_id": "AB"}, "roles[0].party_id is shorter than 3 characters (it has 2)"),
        ({"party_id": "ABCD"}, "roles[0].party_id is longer than 3 characters (it has 4)"),
        ({"country_code": "NLD"}, "roles[0].country_code is longer than 2 characters (it has 3)"),
        ({"business_details": {}}, "roles[0].business_details.name is required"),
        ({"business_details": None}, "roles[0].business_details must not be null"),
    ],
    ids=["short-party", "long-party", "alpha-3", "no-name", "no-details"],
)
def test_role_needs_its_ids_and_a_name(changes, message):
    assert refusal(credentials(roles=[role(**changes)])) == message


@pytest.mark.conformance("CRED-26")
def test_role_is_one_of_ocpi():
    assert refusal(credentials(roles=[role(role="MSP")])).startswith("roles[0].role 'MSP' is not a Role: use CPO, EMSP")


@pytest.mark.conformance("CRED-27")
def test_hub_has_role_hub_only():
    accept(credentials(roles=[role(role="HUB"), role(role="HUB", party_id="HUB")]))


@pytest.mark.conformance("CRED-27")
def test_hub_does_not_list_the_parties_behind_it():
    document = credentials(roles=[role(role="HUB"), role(party_id="XYZ")])

    message = "roles[1].role must be HUB as well: a Hub does not list the parties behind it"
    assert refusal(document) == message


@pytest.mark.conformance("CRED-28")
def test_ids_need_not_be_those_of_an_emi3_operator():
    accept(credentials(roles=[role(party_id="0_9", country_code="ZZ")]))
