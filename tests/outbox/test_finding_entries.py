"""An outbox entry is found by its id, with one question to the storage."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import NotFoundError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import tariff
from tests.conftest import EVERY_STORAGE


@pytest.fixture
def down(ocpi_network, ocpi, ocpi_other):
    """A platform that cannot reach its partner."""
    ocpi_network.connect(ocpi, ocpi_other)

    def fail(request):
        raise UnreachableError("The line is cut.")

    ocpi_network.before_send = fail
    ocpi.save("locations", location(id="L/1 <&>"))
    ocpi.save("tariffs", tariff())
    return ocpi


@EVERY_STORAGE
def test_each_entry_is_found_by_its_id(down):
    listed = down.outbox.list("FR-OTH")

    assert [down.outbox.find("FR-OTH", each.id).ids for each in listed] == [each.ids for each in listed]
    assert len({each.id for each in listed}) == len(listed) == 2


def test_an_entry_is_not_looked_for_among_the_others(down, monkeypatch):
    entry = down.outbox.list("other-example")[-1]
    monkeypatch.setattr(down.storage, "list", None)

    assert down.outbox.find("other-example", entry.id).ids == entry.ids


@EVERY_STORAGE
@pytest.mark.parametrize("id", ["", "x", "AAAA", "!", "\0", "ü", "A" * 5000, "bG9jYXRpb25z"])
def test_an_id_of_no_entry_is_not_found(down, id):
    with pytest.raises(NotFoundError, match="no such entry any more"):
        down.outbox.find("FR-OTH", id)


def test_an_entry_of_another_partner_is_not_found(down, ocpi_network):
    third = ocpi_network.add("third.example", [("BE", "TRD", ["EMSP"])])
    ocpi_network.before_send = lambda request: None
    ocpi_network.connect(third, down)
    entry = down.outbox.list("FR-OTH")[0]

    with pytest.raises(NotFoundError):
        down.outbox.find("BE-TRD", entry.id)
