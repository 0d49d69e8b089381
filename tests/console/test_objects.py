"""Objects in the console: lists with filters, single ones with what belongs to them, and sending them again."""

from __future__ import annotations

import pytest

from flask_ocpi import NotFoundError
from flask_ocpi import Party
from flask_ocpi.host import stored
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import token
from tests.conftest import EVERY_STORAGE

NL = Party.of("NL", "ABC")


def ids(items):
    return [" ".join(item.ids) for item in items]


@pytest.fixture
def some(ocpi):
    """A platform with five locations, of which the third one is in Ghent."""
    for number in range(5):
        ocpi.save("locations", location(id=f"L{number}", city="Ghent" if number == 2 else "Utrecht"))
    return ocpi


@EVERY_STORAGE
def test_pages_have_the_latest_created_first(some):
    first, last = some.stored.page("locations", limit=2), some.stored.page("locations", offset=4, limit=2)

    assert (ids(first.items), first.more, first.total) == (["L4", "L3"], True, 5)
    assert (ids(last.items), last.more, last.total) == (["L0"], False, 5)


@EVERY_STORAGE
@pytest.mark.parametrize("text", ["ghent", "L2"])
def test_objects_are_found_by_a_text_in_them(some, text):
    found = some.stored.page("locations", text=text)

    assert (ids(found.items), found.more, found.total, found.looked_at) == (["L2"], False, None, 5)


def test_a_search_looks_at_the_latest_objects_and_says_at_how_many(some, monkeypatch):
    monkeypatch.setattr(stored, "SEARCHED", 2)

    found = some.stored.page("locations", text="L")

    assert (ids(found.items), found.looked_at) == (["L4", "L3"], 2)


@EVERY_STORAGE
def test_an_object_is_found_by_its_id_in_every_module(some):
    some.save("tokens", token(country_code="NL", party_id="ABC", uid="L2"))

    assert [item.name for item in some.stored.with_id("l2")] == ["locations NL-ABC L2", "tokens NL-ABC L2 RFID"]
    assert some.stored.with_id("L99") == []


def test_copies_are_those_of_their_partner(filled):
    partner = filled.partners.find("DE-EMS")

    assert filled.stored.page("sessions", platform=partner).items[0].platform == partner.id
    assert filled.stored.page("sessions", platform="former").items == ()
    assert filled.stored.find("sessions", "S1", owner=Party.of("DE", "EMS"), platform=partner).ids == ("S1",)
    with pytest.raises(NotFoundError):
        filled.stored.find("sessions", "S1", owner=Party.of("DE", "EMS"))
    with pytest.raises(NotFoundError):
        filled.stored.find("sessions", "S1", owner=NL, platform=partner)


def test_an_object_is_sent_to_one_partner_or_to_all(filled, network):
    network.requests.clear()
    item = filled.stored.find("tariffs", "T1", owner=NL)

    sent = [filled.stored.send(item), filled.stored.send(item, "DE-EMS"), filled.stored.send(item, "former")]
    filled.outbox.flush()

    assert sent == [True, True, False]
    assert {request.url for request in network.requests if request.method == "PUT"} == {
        "https://ems.example/ocpi/2.3.0/receiver/tariffs/NL/ABC/T1"
    }


def test_an_object_that_the_push_filter_keeps_back_is_not_sent(visit, own, filled, network):
    own.push_filter(lambda module, document, platform: module != "tariffs")
    network.requests.clear()
    tariff, place = filled.stored.find("tariffs", "T1", owner=NL), filled.stored.find("locations", "L2", owner=NL)

    sent = [filled.stored.send(tariff), filled.stored.send(tariff, "DE-EMS"), filled.stored.send(place)]
    filled.outbox.flush()
    page = visit("operate").send("/object?module=tariffs&owner=NL-ABC&id=T1", "/object/send", to="DE-EMS")

    assert sent == [False, False, True]
    assert "the push filter keeps it back" in page.get_data(as_text=True)
    assert [request for request in network.requests if "/tariffs/" in request.url] == []


def test_a_list_is_filtered_by_module_partner_text_and_day(visit, filled):
    reader = visit("read")

    assert "1 objects." in reader.text("/objects?module=tariffs")
    assert "0 objects." in reader.text("/objects?module=tariffs&partner=former")
    assert "L2" in reader.text("/objects?module=locations&text=Changed")
    assert "0 objects." in reader.text("/objects?module=tariffs&since=2999-01-01")


@pytest.mark.parametrize(
    "query",
    [
        "module=weather",
        "module=locations&partner=nobody",
        "module=locations&since=yesterday",
        "module=locations&since=2026-02-30",
    ],
)
def test_a_filter_that_means_nothing_is_explained(visit, query):
    response = visit("read").get(f"/objects?{query}")

    assert response.status_code == 404
    assert "This did not work" in response.get_data(as_text=True)


def test_a_tariff_has_words_a_calculator_and_its_mistakes(visit, filled):
    page = visit("read").text(
        "/object?module=tariffs&owner=NL-ABC&id=T1&start=2024-07-06T12:00&kwh=10&minutes=30&zone=UTC"
    )

    assert "Fee per session: 0.50 EUR" in page
    assert "Total cost" in page
    assert "Other prices have VAT" in page


@pytest.mark.parametrize("asked", ["kwh=much", "start=noon", "zone=Mars/Base", "minutes=-5"])
def test_a_calculation_that_cannot_be_made_says_why(visit, filled, asked):
    page = visit("read").text(f"/object?module=tariffs&owner=NL-ABC&id=T1&{asked}")

    assert "Total cost" not in page


def test_a_session_has_its_running_cost_and_its_power(visit, filled):
    page = visit("read").text("/object?module=sessions&owner=NL-ABC&id=S1")

    assert 'aria-label="Power over time, in kW"' in page
    assert "<h2>Price</h2>" in page


def test_a_token_is_addressed_by_uid_and_type(visit, filled):
    assert "NL-ABC-C1" in visit("read").text("/object?module=tokens&owner=NL-ABC&id=<b>L1</b>%26amp;%20RFID")


def test_an_object_is_sent_again_from_its_page(visit, filled, network):
    network.requests.clear()

    page = (
        visit("operate").send("/object?module=tariffs&owner=NL-ABC&id=T1", "/object/send", to="").get_data(as_text=True)
    )
    filled.outbox.flush()

    assert "sent an object again" in page
    assert [request.method for request in network.requests] == ["PUT"]
    assert [action.object for action in filled.actions.list()] == ["tariffs NL-ABC T1"]


def test_an_object_that_nobody_receives_is_not_sent(visit, filled):
    page = visit("operate").send("/object?module=tariffs&owner=NL-ABC&id=T1", "/object/send", to="former")

    assert "No partner receives this object" in page.get_data(as_text=True)


def test_readers_send_nothing(visit, filled):
    assert "/object/send" not in visit("read").text("/object?module=tariffs&owner=NL-ABC&id=T1")


def test_an_unknown_object_is_not_found(visit, filled):
    assert visit("read").get("/object?module=tariffs&owner=NL-ABC&id=T9").status_code == 404
