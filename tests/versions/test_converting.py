"""Between the stored shape and that of a version, class by class."""

from __future__ import annotations

from enum import StrEnum

import orjson
import pytest

from flask_ocpi.core.converting import LeftOutError
from flask_ocpi.core.converting import Origin
from flask_ocpi.core.converting import conversion_of
from flask_ocpi.core.description import Dialect
from flask_ocpi.core.fields import Enum
from flask_ocpi.core.fields import ListOf
from flask_ocpi.core.fields import String
from flask_ocpi.core.schema import Schema
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.modules.cdrs_schemas import CDR
from flask_ocpi.modules.commands_schemas import CommandResponse
from flask_ocpi.modules.locations_schemas import EVSE
from flask_ocpi.modules.locations_schemas import Location
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.modules.tokens import Token
from flask_ocpi.testing import documents
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.versions.nine import V9_9
from tests.versions.nine import CDROf99

ORIGIN = Origin(("NL", "ABC"))


def own_class(version, module, name):
    operation = version.operation(module, name)
    return operation.body or operation.returns


def losses_of(conversion, document):
    lost = []
    conversion.from_store(document, lambda pointer, reason: lost.append(pointer))
    return sorted(lost)


@pytest.fixture
def location_99():
    return V9_9.conversion(own_class(V9_9, "locations", "put_location"))


@pytest.fixture
def stored():
    return documents.location(
        name="Central Station",
        parking_type="PARKING_GARAGE",
        evses=[
            documents.evse(physical_reference="P1", connectors=[documents.connector(tariff_ids=["11", "12"])]),
            documents.evse(uid="EVSE2"),
        ],
    )


def test_what_a_version_has_as_2_2_1_is_not_converted():
    assert V2_2_1.conversion(CommandResponse) is None
    assert V9_9.conversion(V9_9.operation("locations", "list_locations").query) is None
    assert V9_9.conversion(None) is None


def test_what_a_class_has_more_than_2_2_1_needs_no_conversion():
    class Roomy(Location):
        rooms = String(max=5)

    wider = V2_2_1.evolve("9.1", classes={Location: Roomy})

    assert wider.operation("locations", "put_location").body is Roomy
    text = orjson.dumps([documents.location(rooms="5")])
    assert wider.conversion(Roomy).text_from_store(text) is text


def test_a_class_is_replaced_wherever_it_is_nested():
    cdr = own_class(V9_9, "cdrs", "post_cdr")

    assert issubclass(cdr, CDROf99)
    assert set(Schemas()[cdr].load_fields["total_cost"].schema.load_fields) == {"net", "incl_vat"}
    assert own_class(V9_9, "locations", "list_locations") is own_class(V9_9, "locations", "put_location")
    assert V9_9.stored(cdr) is V2_2_1.stored(CDR)


def test_properties_are_renamed_at_every_depth(location_99, stored):
    sent = location_99.from_store(stored)

    assert (sent["title"], sent["evses"][0]["bay"]) == ("Central Station", "P1")
    assert "name" not in sent
    assert "physical_reference" not in sent["evses"][0]
    assert sent["evses"][0]["connectors"][0]["tariff_id"] == "11"


def test_what_has_no_counterpart_is_left_out_and_told(location_99, stored):
    assert "parking_type" not in location_99.from_store(stored)
    assert losses_of(location_99, stored) == ["/evses/0/connectors/0/tariff_ids/1", "/parking_type"]


def test_what_is_sent_is_valid_in_the_version(location_99, stored):
    schema = Schemas()[own_class(V9_9, "locations", "put_location")]

    assert schema.load(location_99.from_store(stored)) == location_99.from_store(stored)


def test_the_stored_object_stays_as_it_is(location_99, stored):
    before = documents.location(**stored)

    location_99.from_store(stored)

    assert stored == before


@pytest.mark.parametrize(
    ("module", "name", "document"),
    [
        ("cdrs", "post_cdr", documents.full_cdr()),
        ("sessions", "put_session", documents.full_session()),
        ("tokens", "put_token", documents.full_token()),
        ("tariffs", "put_tariff", documents.full_tariff()),
    ],
)
def test_down_and_up_again_loses_nothing_that_the_version_can_say(module, name, document):
    conversion = V9_9.conversion(own_class(V9_9, module, name))

    assert conversion.to_store(conversion.from_store(document), ORIGIN) == document


def test_a_change_in_the_shape_of_a_version_keeps_what_that_cannot_say(location_99, stored):
    before = location_99.from_store(stored)
    after = {**before, "title": "Main Station"}
    del after["city"]

    merged = location_99.merged(stored, before, after, ORIGIN)

    assert merged == {**{n: v for n, v in stored.items() if n != "city"}, "name": "Main Station"}


def test_values_that_a_version_lacks_are_left_out_of_lists_and_optional_properties():
    from enum import StrEnum

    from flask_ocpi.core.fields import Enum
    from flask_ocpi.core.fields import ListOf

    class Few(StrEnum):
        RESERVABLE = "RESERVABLE"

    class Plain(EVSE):
        capabilities = ListOf(Enum(Few))

    old = V2_2_1.evolve("1.9", classes={EVSE: Plain})
    conversion = old.conversion(Plain)
    evse = documents.evse(capabilities=["RFID_READER", "RESERVABLE"])

    assert conversion.from_store(evse)["capabilities"] == ["RESERVABLE"]
    assert losses_of(conversion, evse) == ["/capabilities/0"]
    assert "capabilities" not in conversion.from_store({**evse, "capabilities": ["RFID_READER"]})


def test_a_list_without_a_value_that_a_rule_needs_takes_its_object_with_it():
    class Sides(StrEnum):
        LEFT = "LEFT"
        RIGHT = "RIGHT"

    def names_one_of_its_sides(bay):
        if bay["best"] not in bay["sides"]:
            yield "best", "must be one of the sides"

    class Bay(Schema):
        """Made up."""

        best = String(max=5, required=True)
        sides = ListOf(Enum(Sides))

    class LeftBay(Bay):
        """Made up."""

        rules = (names_one_of_its_sides,)
        sides = ListOf(Enum(Sides, without=("RIGHT",)))

    conversion = conversion_of(LeftBay, {}, {LeftBay: Bay})

    assert conversion.from_store({"best": "LEFT", "sides": ["LEFT", "RIGHT"]}) == {"best": "LEFT", "sides": ["LEFT"]}
    with pytest.raises(LeftOutError, match="best must be one of the sides"):
        conversion.from_store({"best": "RIGHT", "sides": ["LEFT", "RIGHT"]})


def test_versions_evolve_from_versions():
    class Named(Tariff):
        title = String(max=9)

    newer = V9_9.evolve("9.10", classes={Tariff: Named}, dialect=Dialect())

    body = own_class(newer, "tariffs", "put_tariff")
    assert newer.stored(body) is V2_2_1.stored(Tariff)
    assert newer.conversion(body).from_store(documents.tariff(min_price={"excl_vat": 1}))["min_price"] == {"net": 1}
    assert newer.stored(own_class(newer, "tokens", "put_token")) is V2_2_1.stored(Token)


def test_modules_are_added_replaced_and_dropped():
    chat = V2_2_1.module("tariffs")

    version = V2_2_1.evolve("9.2", drop=("tariffs", "commands")).with_module(chat)

    assert version.module("commands") is None
    assert version.modules[-1] is chat
    assert V2_2_1.module("commands") is not None
