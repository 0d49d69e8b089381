"""Tests of the conditions that the classes of the tokens module carry."""

from __future__ import annotations

import pytest

from flask_ocpi.core.fields import Policy
from flask_ocpi.core.schema import load
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.modules.enums import AllowedType
from flask_ocpi.modules.enums import TokenType
from flask_ocpi.modules.enums import WhitelistType
from flask_ocpi.modules.tokens import AuthorizationInfo
from flask_ocpi.modules.tokens import EnergyContract
from flask_ocpi.modules.tokens import LocationReferences
from flask_ocpi.modules.tokens import Token
from flask_ocpi.modules.tokens import TokenTypeQuery
from flask_ocpi.testing.documents import full_token
from flask_ocpi.testing.documents import token


def accept(schema, document):
    assert load(schema(), document) == document


def refuse(schema, document, message):
    with pytest.raises(InvalidParametersError) as caught:
        load(schema(), document)
    assert caught.value.message == f"Invalid body: {message}."


@pytest.mark.parametrize("name", list(token()))
def test_token_needs(name):
    document = {key: value for key, value in token().items() if key != name}

    refuse(Token, document, f"{name} is required")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"country_code": "DEU"}, "country_code is longer than 2 characters (it has 3)"),
        ({"party_id": "XY"}, "party_id is shorter than 3 characters (it has 2)"),
        ({"uid": "x" * 37}, "uid is longer than 36 characters (it has 37)"),
        ({"uid": ""}, "uid must not be empty"),
        ({"uid": "é"}, "uid must contain printable ASCII characters only"),
        ({"contract_id": ""}, "contract_id must not be empty"),
        ({"visual_number": "x" * 65}, "visual_number is longer than 64 characters (it has 65)"),
        ({"valid": "true"}, "valid must be true or false, not a string"),
        ({"language": "eng"}, "language is longer than 2 characters (it has 3)"),
        ({"energy_contract": {"contract_id": "1"}}, "energy_contract.supplier_name is required"),
    ],
    ids=[
        "alpha-3",
        "short-party",
        "long-uid",
        "no-uid",
        "accent",
        "no-contract",
        "long-number",
        "text",
        "three-letters",
        "no-supplier",
    ],
)
def test_token_that_does_not_fit_is_refused(changes, message):
    refuse(Token, token(**changes), message)


@pytest.mark.conformance("TYP-21")
@pytest.mark.parametrize("changes", [{"country_code": "ZZ"}, {"language": "zz"}], ids=["country", "language"])
def test_codes_are_compared_with_the_iso_lists_when_strict(changes):
    accept(Token, token(**changes))
    with pytest.raises(InvalidParametersError, match="is not a code of the ISO list"):
        load(Token(policy=Policy(strict_codes=True)), token(**changes))


@pytest.mark.parametrize("type", list(TokenType))
def test_token_may_be_of_any_type(type):
    accept(Token, token(type=str(type)))


@pytest.mark.conformance("TOK-18")
@pytest.mark.parametrize("valid", [True, False], ids=["valid", "invalid"])
@pytest.mark.parametrize("whitelist", list(WhitelistType))
def test_whitelist_is_independent_of_valid(whitelist, valid):
    accept(Token, token(whitelist=str(whitelist), valid=valid))


@pytest.mark.conformance("TOK-18")
@pytest.mark.parametrize("whitelist", ["never", "ALWAYS_OFFLINE", True])
def test_whitelist_is_nothing_else(whitelist):
    with pytest.raises(InvalidParametersError, match=r"^Invalid body: whitelist "):
        load(Token(), token(whitelist=whitelist))


@pytest.mark.conformance("TOK-20")
@pytest.mark.parametrize("type", ["APP_USER", "AD_HOC_USER"])
def test_tokens_of_apps_should_but_need_not_be_asked_about(type):
    accept(Token, token(type=type, whitelist="NEVER"))
    accept(Token, token(type=type, whitelist="ALLOWED"))


@pytest.mark.conformance("TOK-22")
def test_group_id_should_but_need_not_suit_ocpp_1():
    accept(Token, token(group_id="x" * 20))
    accept(Token, token(group_id="x" * 36))
    refuse(Token, token(group_id="x" * 37), "group_id is longer than 36 characters (it has 37)")


def test_token_has_all_that_ocpi_allows():
    accept(Token, full_token())


def test_ids_with_suppliers_are_theirs_to_choose():
    accept(EnergyContract, {"supplier_name": "Example Energy", "contract_id": ""})
    refuse(EnergyContract, {"supplier_name": None}, "supplier_name must not be null")


def test_location_references_name_a_location_and_maybe_evses():
    accept(LocationReferences, {"location_id": "LOC1"})
    accept(LocationReferences, {"location_id": "LOC1", "evse_uids": ["3256", "3257"]})
    assert load(LocationReferences(), {"location_id": "LOC1", "evse_uids": []}) == {"location_id": "LOC1"}
    refuse(LocationReferences, {"evse_uids": ["3256"]}, "location_id is required")
    refuse(LocationReferences, {"location_id": "LOC1", "evse_uids": [""]}, "evse_uids[0] must not be empty")


@pytest.mark.conformance("TOK-13")
@pytest.mark.parametrize("allowed", list(AllowedType))
def test_every_answer_about_a_token_has_the_token(allowed):
    accept(AuthorizationInfo, {"allowed": str(allowed), "token": token()})
    refuse(AuthorizationInfo, {"allowed": str(allowed)}, "token is required")


@pytest.mark.conformance("TOK-13")
def test_token_in_an_answer_is_complete():
    reference = {name: token()[name] for name in ("uid", "type")}

    with pytest.raises(InvalidParametersError, match=r"token\.country_code is required"):
        load(AuthorizationInfo(), {"allowed": "ALLOWED", "token": reference})


def test_answer_has_one_text_and_a_reference():
    info = {"language": "en", "text": "Your credit is low."}
    answer = {"allowed": "ALLOWED", "token": token(), "authorization_reference": "AUTH-0001", "info": info}

    accept(AuthorizationInfo, {**answer, "location": {"location_id": "LOC1", "evse_uids": ["3256"]}})
    refuse(AuthorizationInfo, {**answer, "info": [info]}, "info must be a JSON object, not an array")


@pytest.mark.conformance("TOK-01")
def test_type_in_a_query_may_be_left_out_and_stays_so():
    accept(TokenTypeQuery, {})
    accept(TokenTypeQuery, {"type": "APP_USER"})


@pytest.mark.conformance("TOK-01")
@pytest.mark.parametrize("type", ["", "rfid", "CARD"])
def test_type_in_a_query_is_one_of_ocpi(type):
    refuse(
        TokenTypeQuery,
        {"type": type},
        f"type {type!r} is not a TokenType: use AD_HOC_USER, APP_USER, OTHER, RFID",
    )
