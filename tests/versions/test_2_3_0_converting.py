"""OCPI 2.3.0 and the stored shape: generated documents of every class go from each to the other."""

from __future__ import annotations

import copy
from contextlib import suppress

import pytest
from hypothesis import HealthCheck
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

import flask_ocpi.versions.v2_3_0 as own
from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import Origin
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.testing import documents
from flask_ocpi.testing.strategies import documents as generated
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from flask_ocpi.versions import stored
from tests.selecting import examples

ORIGIN = Origin(("NL", "ABC"), ("DE", "EMS"))
SCHEMAS = Schemas()
OBJECTS = [
    ("locations", "put_location"),
    ("locations", "put_evse"),
    ("locations", "put_connector"),
    ("sessions", "put_session"),
    ("cdrs", "post_cdr"),
    ("tariffs", "put_tariff"),
    ("tokens", "put_token"),
    ("commands", "start_session"),
    ("commands", "reserve_now"),
    ("hubclientinfo", "put_client_info"),
]
FEW = settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
EVERY_OBJECT = pytest.mark.parametrize(("module", "name"), OBJECTS, ids=[name for _, name in OBJECTS])


def class_of(version, module, name):
    return version.operation(module, name).body


def drawn(data, cls):
    document = SCHEMAS[cls].load(data.draw(generated(cls)))
    if document.get("role") == "PTP":  # which comes with payments
        document["role"] = "OTHER"
    return document


def to_store(version, cls, document):
    conversion = version.conversion(cls)
    return document if conversion is None else conversion.to_store(copy.deepcopy(document), ORIGIN)


def from_store(version, cls, document, lose=lambda pointer, reason: None):
    conversion = version.conversion(cls)
    return document if conversion is None else conversion.from_store(copy.deepcopy(document), lose)


def said(document):
    """Return a document of 2.3.0 as it is sent: a Tariff in a CDR says whether its prices include taxes."""
    if "tariffs" not in document:
        return document
    return {**document, "tariffs": [{"tax_included": "NO", **tariff} for tariff in document["tariffs"]]}


@pytest.mark.conformance("V230-01", "V230-03", "V230-06")
@EVERY_OBJECT
@FEW
@given(data=st.data())
def test_documents_of_2_3_0_come_back_from_the_store_as_they_were(module, name, data):
    cls = class_of(V2_3_0, module, name)
    document = drawn(data, cls)
    lost = []

    again = from_store(V2_3_0, cls, to_store(V2_3_0, cls, document), lambda *loss: lost.append(loss))

    assert again == said(document)
    assert lost == []


@EVERY_OBJECT
@FEW
@given(data=st.data())
def test_what_is_stored_of_2_3_0_is_of_the_stored_shape(module, name, data):
    cls = class_of(V2_3_0, module, name)

    document = to_store(V2_3_0, cls, drawn(data, cls))

    assert SCHEMAS[V2_3_0.stored(cls)].load(document) == document


@EVERY_OBJECT
@FEW
@given(data=st.data())
def test_what_is_stored_goes_out_as_valid_2_3_0(module, name, data):
    cls = class_of(V2_3_0, module, name)
    document = drawn(data, V2_3_0.stored(cls))
    before = copy.deepcopy(document)

    with suppress(LeftOutError):  # a hub is no role there
        sent = from_store(V2_3_0, cls, document)

        assert SCHEMAS[cls].load(sent) == sent
    assert document == before


@pytest.mark.conformance("V230-07", "V230-08")
@EVERY_OBJECT
@FEW
@given(data=st.data())
def test_what_is_stored_goes_out_as_2_2_1_that_has_nothing_beyond_it(module, name, data):
    cls = class_of(V2_2_1, module, name)
    document = drawn(data, V2_2_1.stored(cls))
    lost = []

    with suppress(LeftOutError):
        sent = from_store(V2_2_1, cls, document, lambda *loss: lost.append(loss))

        assert SCHEMAS[cls].load(sent) == sent
        conversion = V2_2_1.conversion(cls)
        assert conversion is None or not conversion.says_more(sent)
    assert all(pointer.startswith("/") and reason.endswith(".") for pointer, reason in lost)


@pytest.mark.conformance("V230-07")
def test_what_needs_a_value_that_2_2_1_lacks_is_left_out_with_it():
    shown = [{"uid": "1", "type": "EMAID"}, {"uid": "2", "type": "RFID"}]
    document, lost = documents.location(publish=False, publish_allowed_to=shown), []

    sent = from_store(V2_2_1, class_of(V2_2_1, "locations", "put_location"), document, lambda *loss: lost.append(loss))

    assert sent["publish_allowed_to"] == shown[1:]
    assert [pointer for pointer, _ in lost] == ["/publish_allowed_to/0/type", "/publish_allowed_to/0"]
    assert lost[1][1] == "Without what this version lacks, type is required where there is a uid: it was left out."


@EVERY_OBJECT
@FEW
@given(data=st.data())
def test_what_2_2_1_can_say_is_the_stored_object_itself(module, name, data):
    cls = class_of(V2_2_1, module, name)
    document = drawn(data, cls)
    conversion = V2_2_1.conversion(cls)

    assert conversion is None or conversion.from_store(document) is document


def price(document, version=V2_3_0):
    return from_store(version, own.Price, document)


@pytest.mark.conformance("V230-01", "V230-02")
@pytest.mark.parametrize(
    ("stored_price", "sent"),
    [
        ({"excl_vat": 10}, {"before_taxes": 10}),
        ({"excl_vat": 10, "incl_vat": 12.1}, {"before_taxes": 10, "taxes": [{"name": "VAT", "amount": 2.1}]}),
        ({"excl_vat": 10, "incl_vat": 10}, {"before_taxes": 10, "taxes": [{"name": "VAT", "amount": 0}]}),
        ({"excl_vat": -0.3, "incl_vat": -0.363}, {"before_taxes": -0.3, "taxes": [{"name": "VAT", "amount": -0.063}]}),
        ({"excl_vat": 0.1, "incl_vat": 0.3}, {"before_taxes": 0.1, "taxes": [{"name": "VAT", "amount": 0.2}]}),
        (
            {"excl_vat": 1, "taxes": [{"name": "GST", "amount": 0.05}]},
            {"before_taxes": 1, "taxes": [{"name": "GST", "amount": 0.05}]},
        ),
        (
            {"excl_vat": 1, "incl_vat": 1.21, "taxes": [{"name": "GST", "amount": 0.05}]},
            {"before_taxes": 1, "taxes": [{"name": "VAT", "amount": 0.21}]},
        ),
    ],
    ids=["no tax", "tax", "zero tax", "credit", "exact", "taxes alone", "a total that says otherwise"],
)
def test_price_goes_out_with_its_taxes(stored_price, sent):
    assert price(stored_price) == sent


@pytest.mark.conformance("V230-01")
def test_price_is_stored_with_its_total_and_its_taxes_as_they_came():
    taxes = [
        {"name": "QST", "account_number": "1016551356", "percentage": 9.975, "amount": 0.1},
        {"name": "GST", "percentage": 5, "amount": 0.2},
    ]

    assert to_store(V2_3_0, own.Price, {"before_taxes": 2, "taxes": taxes}) == {
        "excl_vat": 2,
        "incl_vat": 2.3,
        "taxes": taxes,
    }


def test_price_with_the_names_of_2_2_1_is_understood():
    from flask_ocpi.versions.reading import read

    reading = read(SCHEMAS[own.Price], {"excl_vat": 10, "incl_vat": 12.1})

    assert to_store(V2_3_0, own.Price, reading.document) == {"excl_vat": 10, "incl_vat": 12.1}


def test_huge_prices_hold_up_nothing():
    taxes = [{"name": "VAT", "amount": 1.7e308}]

    kept = to_store(V2_3_0, own.Price, {"before_taxes": 1.7e308, "taxes": taxes})

    assert kept == {"excl_vat": 1.7e308, "taxes": taxes}
    assert price(kept) == {"before_taxes": 1.7e308, "taxes": taxes}


@pytest.mark.conformance("V230-03", "V230-04")
def test_tariff_of_2_2_1_has_limits_and_no_taxes_in_its_prices():
    tariff = documents.tariff(min_price={"excl_vat": 0.5, "incl_vat": 0.55}, max_price={"excl_vat": 10})

    sent = from_store(V2_3_0, class_of(V2_3_0, "tariffs", "put_tariff"), tariff)

    assert (sent["min_price"], sent["max_price"]) == ({"before_taxes": 0.5, "after_taxes": 0.55}, {"before_taxes": 10})
    assert sent["tax_included"] == "NO"
    assert sent["elements"] == tariff["elements"]


def gross(*components):
    return documents.tariff(tax_included="YES", elements=[{"price_components": list(components)}])


@pytest.mark.conformance("V230-05")
@pytest.mark.parametrize("version", ["2.1.1", "2.2.1"])
def test_prices_with_taxes_go_to_older_versions_without_them(version):
    from flask_ocpi.versions import select_versions

    (old,) = select_versions([version])
    cls = class_of(old, "tariffs", "put_tariff")
    tariff = gross(
        {"type": "ENERGY", "price": 0.3025, "vat": 21, "step_size": 1},
        {"type": "TIME", "price": 2, "step_size": 1},
        {"type": "FLAT", "price": 0, "step_size": 1},
    )
    lost = []

    sent = from_store(old, cls, tariff, lambda pointer, reason: lost.append(pointer))

    assert [component["price"] for component in sent["elements"][0]["price_components"]] == [0.25, 2, 0]
    assert "/elements/0/price_components/1/price" in lost
    assert "/elements/0/price_components/0/price" not in lost
    assert "tax_included" not in sent
    assert SCHEMAS[cls].load(sent) == sent


@pytest.mark.conformance("V230-05")
@pytest.mark.parametrize("tax_included", ["NO", "N/A"])
def test_tariff_without_taxes_in_its_prices_loses_nothing_in_2_2_1(tax_included):
    lost = []

    sent = from_store(
        V2_2_1,
        class_of(V2_2_1, "tariffs", "put_tariff"),
        documents.tariff(tax_included=tax_included),
        lambda *loss: lost.append(loss),
    )

    assert sent == documents.tariff()
    assert lost == []


@pytest.mark.conformance("V230-12")
def test_tariff_in_a_cdr_may_leave_out_whether_taxes_are_included():
    cls = class_of(V2_3_0, "cdrs", "post_cdr")
    cdr = from_store(V2_3_0, cls, {**documents.cdr(), "tariffs": [documents.tariff()]})
    del cdr["tariffs"][0]["tax_included"]

    kept = to_store(V2_3_0, cls, SCHEMAS[cls].load(cdr))

    assert kept["tariffs"] == [documents.tariff()]
    assert from_store(V2_3_0, cls, kept)["tariffs"][0]["tax_included"] == "NO"


@pytest.mark.conformance("V230-08")
def test_connector_of_a_type_that_2_2_1_lacks_is_left_out_with_what_it_is_in():
    cls = class_of(V2_2_1, "locations", "put_location")
    location = documents.location(
        evses=[
            documents.evse(uid="MCS", connectors=[documents.connector(standard="MCS")]),
            documents.evse(connectors=[documents.connector(), documents.connector(id="2", standard="SAE_J3400")]),
        ]
    )
    lost = []

    sent = from_store(V2_2_1, cls, location, lambda pointer, reason: lost.append(pointer))

    assert [(evse["uid"], len(evse["connectors"])) for evse in sent["evses"]] == [("EVSE1", 1)]
    assert lost == ["/evses/0/connectors/0", "/evses/0", "/evses/1/connectors/1"]


@pytest.mark.conformance("V230-09", "V230-10")
def test_open_enums_take_other_values_and_closed_ones_do_not():
    schema = SCHEMAS[class_of(V2_3_0, "locations", "put_connector")]
    connector = documents.connector(standard="NEW_PLUG", capabilities=["TELEPATHY"])

    assert schema.load(connector) == connector
    assert schema.validate({**connector, "format": "NEW_FORMAT"}).keys() == {"format"}
    closed = SCHEMAS[class_of(V2_2_1, "locations", "put_connector")]
    assert closed.validate({"standard": "NEW_PLUG"}, partial=True).keys() == {"standard"}


@pytest.mark.conformance("V230-13")
def test_there_is_no_role_hub():
    schema = SCHEMAS[own.CredentialsRole]

    assert schema.validate({"role": "HUB"}, partial=True).keys() == {"role"}
    assert schema.validate({"role": "EMSP"}, partial=True) == {}


def test_host_saves_prices_whose_taxes_add_up():
    schema = SCHEMAS[stored.Price]
    taxes = [{"name": "VAT", "amount": 0.21}]

    assert schema.validate({"excl_vat": 1, "incl_vat": 1.21, "taxes": taxes}) == {}
    assert schema.validate({"excl_vat": 1, "incl_vat": 1.2, "taxes": taxes}) == {
        "incl_vat": ["must be excl_vat with all taxes, which is 1.21"]
    }
