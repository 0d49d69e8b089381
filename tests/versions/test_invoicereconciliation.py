"""Invoice reconciliation of OCPI 2.3.0: either side issues invoices, and tells which CDRs are on them."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.client.wire import Response
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotFoundError
from flask_ocpi.signals import object_received
from flask_ocpi.signals import object_removed
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from tests.conftest import EVERY_STORAGE

MODULE = "invoicereconciliation"
BOTH = (V2_2_1, V2_3_0)
CPO, EMS = Party.of("NL", "ABC"), Party.of("DE", "EMS")
THEIRS = "/ocpi/2.3.0/receiver/invoicereconciliation"


def record(owner=CPO, **changes):
    return {
        "country_code": owner.country_code,
        "party_id": owner.party_id,
        "id": "IRR1",
        "invoice_id": "INV-2024-05",
        "cdrs": ["CDR1", "CDR2"],
        "last_updated": "2024-06-01T12:00:00Z",
        **changes,
    }


class House:
    """A CPO and an eMSP of 2.3.0, and an eMSP of 2.2.1."""

    def __init__(self, network, storage):
        self.network = network
        self.cpo = network.add("cpo.example", [(*CPO, ["CPO"])], storage=storage, versions=BOTH)
        self.ems = network.add("ems.example", [(*EMS, ["EMSP"])], versions=BOTH)
        self.old = network.add("old.example", [("NL", "OLD", ["EMSP"])], versions=(V2_2_1,))
        network.connect(self.ems, self.cpo)
        network.connect(self.old, self.cpo)
        network.requests.clear()

    def sent(self):
        """Return what was sent since the beginning: method, path and body."""
        return [
            (request.method, request.url.partition("/ocpi/2.3.0")[2], orjson.loads(request.body or b"null"))
            for request in self.network.requests
        ]


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def house(ocpi_network, ocpi_storage):
    return House(ocpi_network, ocpi_storage)


@pytest.fixture
def partner(house):
    """A CPO that calls the eMSP by hand."""
    return add_partner(house.network.apps["ems.example"], [("FR", "CPO", ["CPO"])], name="Theirs", version="2.3.0")


@pytest.fixture
def theirs():
    return record(Party.of("FR", "CPO"))


def copies(ocpi):
    return list(ocpi.copies.documents(MODULE))


@pytest.mark.conformance("INV-01")
def test_both_sides_are_served_by_operators_and_providers(house):
    for found in (house.cpo.partners.find("DE-EMS"), house.ems.partners.find("NL-ABC")):
        assert found.endpoint(MODULE, InterfaceRole.SENDER)
        assert found.endpoint(MODULE, InterfaceRole.RECEIVER)


@pytest.mark.conformance("INV-03", "INV-04", "INV-05")
@EVERY_STORAGE
@pytest.mark.parametrize("sender", ["cpo", "ems"])
def test_record_is_posted_changed_and_deleted_at_the_other_side(house, sender):
    ours, other = (house.cpo, house.ems) if sender == "cpo" else (house.ems, house.cpo)
    owner, receiver = (CPO, EMS) if sender == "cpo" else (EMS, CPO)
    path = f"/receiver/invoicereconciliation/{owner.country_code}/{owner.party_id}/IRR1"

    ours.save(MODULE, record(owner), audience=[receiver])
    assert copies(other) == [record(owner)]
    ours.patch(MODULE, "IRR1", changes={"cdrs": ["CDR1"], "last_updated": "2024-06-02T12:00:00Z"})
    changed = record(owner, cdrs=["CDR1"], last_updated="2024-06-02T12:00:00Z")
    assert copies(other) == [changed]
    ours.delete(MODULE, "IRR1")

    assert copies(other) == []
    assert house.sent() == [
        ("POST", "/receiver/invoicereconciliation", record(owner)),
        ("PUT", path, changed),
        ("DELETE", path, None),
    ]


@pytest.mark.conformance("INV-02")
@EVERY_STORAGE
def test_records_are_listed_by_dates_and_pages_and_synced(house):
    for number in (1, 2, 3):
        moment = f"2024-06-0{number}T12:00:00Z"
        house.cpo.save(MODULE, record(id=f"IRR{number}", last_updated=moment), audience=[EMS])

    with house.ems.client("NL-ABC") as client:
        assert [each["id"] for each in client.invoicereconciliation.list(limit=2)] == ["IRR1", "IRR2", "IRR3"]
        since = client.invoicereconciliation.list(date_from="2024-06-02T12:00:00Z", date_to="2024-06-03T12:00:00Z")
        assert [each["id"] for each in since] == ["IRR2"]
    house.ems.sync("NL-ABC", [MODULE])
    assert [each["id"] for each in copies(house.ems)] == ["IRR1", "IRR2", "IRR3"]


@pytest.mark.conformance("INV-08")
@EVERY_STORAGE
def test_record_is_for_those_that_are_named_and_never_for_all(house):
    third = house.network.add("third.example", [("FR", "EMS", ["EMSP"])], versions=BOTH)
    house.network.connect(third, house.cpo)
    with pytest.raises(InvalidParametersError, match="audience"):
        house.cpo.save(MODULE, record())
    with pytest.raises(InvalidParametersError, match="audience"):
        house.cpo.objects.save_all({MODULE: [record()]})

    house.cpo.save(MODULE, record(), audience=[EMS])
    house.cpo.save(MODULE, record(cdrs=["CDR3"]))

    assert copies(house.ems) == [record(cdrs=["CDR3"])]
    assert copies(third) == []
    with third.client("NL-ABC") as client:
        assert list(client.invoicereconciliation.list()) == []


@pytest.mark.conformance("INV-12")
def test_partner_of_a_version_without_it_is_not_told(house):
    house.cpo.save(MODULE, record(), audience=[EMS, Party.of("NL", "OLD")])

    assert {request.url.split("/")[2] for request in house.network.requests} == {"ems.example"}
    with house.old.client("NL-ABC") as client, pytest.raises(InvalidParametersError, match="no module"):
        client.module(MODULE)


@pytest.mark.conformance("INV-06")
@EVERY_STORAGE
def test_receiver_takes_reads_and_removes_records(house, partner, theirs):
    url = f"{THEIRS}/FR/CPO/IRR1"

    assert partner.post(THEIRS, theirs).http_status == 201
    assert partner.get(url).data == theirs
    assert partner.put(url, {**theirs, "cdrs": ["CDR9"]}).http_status == 200
    assert copies(house.ems) == [{**theirs, "cdrs": ["CDR9"]}]
    assert partner.delete(url).status_code == 1000

    assert partner.get(url).http_status == 404
    assert copies(house.ems) == []


@pytest.mark.conformance("INV-09")
def test_record_that_is_posted_again_replaces_the_first(house, partner, theirs):
    partner.post(THEIRS, theirs)

    response = partner.post(THEIRS, {**theirs, "cdrs": ["CDR9"]})

    assert (response.http_status, response.status_code) == (200, 1000)
    assert copies(house.ems) == [{**theirs, "cdrs": ["CDR9"]}]


@pytest.mark.conformance("INV-07", "INV-11")
@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"party_id": "XYZ"}, "party_id"),
        ({"cdrs": []}, "cdrs"),
        ({"cdrs": None}, "cdrs"),
        ({"invoice_id": None}, "invoice_id"),
        ({"invoice_id": "x" * 256}, "invoice_id"),
        ({"last_updated": "yesterday"}, "last_updated"),
    ],
    ids=["another's", "empty", "no cdrs", "no invoice", "long", "time"],
)
def test_what_is_no_record_of_the_caller_is_refused(house, partner, theirs, changes, named):
    response = partner.post(THEIRS, {**theirs, **changes})

    assert response.status_code == 2001
    assert named in response.message
    assert copies(house.ems) == []


@pytest.mark.conformance("INV-10")
@pytest.mark.parametrize(
    ("refused", "then"), [("POST", ["POST", "PUT"]), ("PUT", ["PUT", "POST"])], ids=["not new", "not there"]
)
def test_record_is_sent_in_the_other_way_where_the_partner_sees_it_otherwise(house, refused, then):
    house.cpo.save(MODULE, record(), audience=[EMS])
    house.network.requests.clear()

    def answer(request, response):
        if request.method != refused:
            return response
        body = {"status_code": 2003, "status_message": "No.", "timestamp": "2024-01-01T00:00:00Z"}
        return Response(404 if refused == "PUT" else 409, {}, orjson.dumps(body), request.url)

    house.network.after_send = answer
    if refused == "POST":
        house.cpo.push(MODULE, "IRR1")
    else:
        house.cpo.patch(MODULE, "IRR1", changes={"cdrs": ["CDR1"]})

    assert [method for method, _, _ in house.sent()] == then


def test_listeners_hear_of_records(house):
    heard = []

    def received(sender, **told):
        heard.append((told["module"], told["created"], told["document"]["id"]))

    def removed(sender, **told):
        heard.append((told["module"], "removed", told["key"].id))

    app = house.network.apps["ems.example"]
    with object_received.connected_to(received, app), object_removed.connected_to(removed, app):
        house.cpo.save(MODULE, record(), audience=[EMS])
        house.cpo.delete(MODULE, "IRR1")

    assert heard == [(MODULE, True, "IRR1"), (MODULE, "removed", "IRR1")]


def test_roles_may_be_given_one_side_only(ocpi_network):
    cpo = ocpi_network.add(
        "cpo.example",
        [(*CPO, ["CPO"])],
        versions=BOTH,
        config={"OCPI_ROLE_PERMISSIONS": {"CPO": {MODULE: ["SENDER"]}}},
    )
    partner = add_partner(ocpi_network.apps["cpo.example"], [(*EMS, ["EMSP"])], version="2.3.0")

    assert partner.get("/ocpi/2.3.0/sender/invoicereconciliation").data == []
    assert partner.post("/ocpi/2.3.0/receiver/invoicereconciliation", record(EMS)).http_status == 404
    assert cpo.services.own_parties(MODULE, InterfaceRole.SENDER) == (CPO,)


def test_record_that_is_not_there_cannot_be_changed(house):
    with pytest.raises(NotFoundError):
        house.cpo.patch(MODULE, "IRR1", changes={"cdrs": ["CDR1"]})
