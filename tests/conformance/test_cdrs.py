"""The cdrs module over HTTP: Sender, Receiver, and the way of a CDR to who pays it (group CDR)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from flask_ocpi import Saved
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import RefusedError
from flask_ocpi.signals import object_received
from flask_ocpi.storage.base import Key
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import full_cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import add_partner
from tests.conftest import EVERY_STORAGE
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/cdrs")
RECEIVER = ocpi_url("receiver/cdrs")
COPY = f"{RECEIVER}/DE/CPO/CDR1"
LATE = "2024-06-01T12:00:00Z"
TWO_EMSPS = [("NL", "ABC", ["EMSP"]), ("NL", "XYZ", ["EMSP"])]
TO_XYZ = {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "XYZ"}


def theirs(**changes):
    """Return a CDR of the partner, DE-CPO."""
    return cdr(country_code="DE", party_id="CPO", **changes)


def copies(ocpi):
    return list(ocpi.objects.documents("cdrs", copies=True))


# Sender


@pytest.mark.conformance("CDR-01", "PAG-01")
@EVERY_STORAGE
def test_list_is_paginated(ocpi, ocpi_client):
    documents = [{**full_cdr(), "id": f"CDR{number}"} for number in range(3)]
    for document in documents:
        ocpi.save("cdrs", document)

    first = ocpi_client.get(SENDER, query_string={"limit": 2})
    second = ocpi_client.get(first.headers["Link"].split(">")[0].removeprefix("<"))

    assert (first.http_status, first.status_code, first.headers["X-Total-Count"]) == (200, 1000, "3")
    assert first.data + second.data == documents
    assert "Link" not in second.headers


@pytest.mark.conformance("CDR-01")
@EVERY_STORAGE
def test_list_has_what_was_made_between_the_dates(ocpi, ocpi_client):
    for day in (1, 2, 3):
        ocpi.save("cdrs", cdr(id=f"CDR{day}", last_updated=f"2024-06-0{day}T00:00:00Z"))

    between = {"date_from": "2024-06-02T00:00:00Z", "date_to": "2024-06-03T00:00:00Z"}

    assert [document["id"] for document in ocpi_client.get(SENDER, query_string=between).data] == ["CDR2"]


@pytest.mark.conformance("CDR-06")
@pytest.mark.parametrize("path", ["CDR1", "NL/ABC/CDR1"])
def test_sender_has_no_single_cdr(ocpi, ocpi_client, path):
    ocpi.save("cdrs", cdr())

    assert ocpi_client.get(f"{SENDER}/{path}").http_status == 404
    assert ocpi_client.get(SENDER).data == [cdr()]


@EVERY_STORAGE
def test_sender_shows_cdrs_to_the_emsp_of_their_driver_only(ocpi, ocpi_app, ocpi_client):
    stranger = add_partner(ocpi_app, [("BE", "OTH", ["EMSP"])], name="Stranger")
    ocpi.save("cdrs", cdr())

    response = stranger.get(SENDER)

    assert [document["id"] for document in ocpi_client.get(SENDER).data] == ["CDR1"]
    assert (response.data, response.headers["X-Total-Count"]) == ([], "0")


@pytest.mark.conformance("CDR-07")
@EVERY_STORAGE
def test_own_cdr_never_changes(ocpi, ocpi_client):
    ocpi.save("cdrs", cdr())

    again = ocpi.save("cdrs", cdr())
    with pytest.raises(InvalidParametersError, match="'CDR1' is stored already, with other content"):
        ocpi.save("cdrs", cdr(total_cost={"excl_vat": 1}))
    with pytest.raises(InvalidParametersError, match="never changes"):
        ocpi.patch("cdrs", "CDR1", changes={"remark": "Changed."})
    with pytest.raises(InvalidParametersError, match=r"cdrs\[1\]: .*with other content"):
        ocpi.objects.save_all({"cdrs": [cdr(id="CDR2"), cdr(remark="Changed.")]})

    assert again is Saved.UNCHANGED
    assert ocpi_client.get(SENDER).data == [cdr()]


# Receiver


@pytest.mark.conformance("CDR-02", "CDR-03", "CDR-04", "CDR-05")
@EVERY_STORAGE
def test_posted_cdr_is_read_again_where_location_says(ocpi_client):
    document = {**full_cdr(), "country_code": "DE", "party_id": "CPO"}

    posted = ocpi_client.post(RECEIVER, document)
    found = ocpi_client.get(posted.headers["Location"])

    assert (posted.http_status, posted.status_code) == (201, 1000)
    assert "data" not in posted.envelope
    assert posted.headers["Location"] == f"https://platform.example{RECEIVER}/DE/CPO/CDR1-C"
    assert (found.http_status, found.status_code, found.data) == (200, 1000, document)


@pytest.mark.conformance("CDR-02")
@pytest.mark.parametrize("path", ["DE/CPO", "DE/CPO/CDR1", "CDR1"])
def test_cdrs_are_posted_on_the_bare_endpoint_only(ocpi, ocpi_client, path):
    response = ocpi_client.post(f"{RECEIVER}/{path}", theirs())

    assert response.http_status in (404, 405)
    assert copies(ocpi) == []


@pytest.mark.conformance("CDR-02")
def test_slash_behind_the_endpoint_is_no_other_endpoint(ocpi, ocpi_client):
    response = ocpi_client.post(f"{RECEIVER}/", theirs())

    assert response.http_status == 201
    assert copies(ocpi) == [theirs()]


@pytest.mark.conformance("CDR-04")
@pytest.mark.parametrize("id", ["a/b", "50%", "A?b#c", " x ", '<">', "1;2,3", "/" * 36])
def test_url_of_a_cdr_may_hold_any_id(ocpi_client, id):
    url = ocpi_client.post(RECEIVER, theirs(id=id)).headers["Location"]

    assert (urlsplit(url).scheme, urlsplit(url).netloc) == ("https", "platform.example")
    assert len(url) <= 255
    assert set('<>" ?#').isdisjoint(url)
    assert ocpi_client.get(urlsplit(url).path).data == theirs(id=id)


@pytest.mark.conformance("CDR-04", "TYP-05")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_BASE_URL": f"https://platform.example/{'x' * 190}"}], ids=["long"])
def test_cdr_whose_url_would_be_too_long_is_not_taken(ocpi, ocpi_client):
    fits = ocpi_client.post(RECEIVER, theirs(id="1" * 7))
    exceeds = ocpi_client.post(RECEIVER, theirs(id="2" * 8))

    assert (fits.http_status, len(fits.headers["Location"])) == (201, 255)
    assert (exceeds.http_status, exceeds.status_code) == (200, 3000)
    assert "OCPI_BASE_URL is too long" in exceeds.message
    assert copies(ocpi) == [theirs(id="1" * 7)]


@pytest.mark.conformance("CDR-05")
@pytest.mark.parametrize("path", [COPY.replace("CDR1", "CDR2"), f"{RECEIVER}/CDR2", f"{RECEIVER}/DE/CPO", RECEIVER])
def test_there_is_nothing_at_other_urls(ocpi_client, path):
    ocpi_client.post(RECEIVER, theirs())

    response = ocpi_client.get(path)

    assert response.http_status == (405 if path == RECEIVER else 404)
    assert "data" not in response.envelope


@pytest.mark.conformance("CDR-05", "CDR-04", "PUSH-05")
@EVERY_STORAGE
def test_cdrs_of_others_are_hidden(ocpi_app, ocpi_client):
    other = add_partner(ocpi_app, [("FR", "CPO", ["CPO"])], name="Other")
    url = ocpi_client.post(RECEIVER, theirs()).headers["Location"]

    hidden = other.get(url)

    assert (hidden.http_status, hidden.status_code) == (404, 2001)
    assert ocpi_client.get(url).data == theirs()
    assert ocpi_client.get(SENDER).data == []  # a copy is not ours to offer


@pytest.mark.conformance("CDR-07", "T-13")
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_stored_cdr_is_never_changed_nor_removed(ocpi_client, method):
    ocpi_client.post(RECEIVER, theirs())
    body = None if method == "DELETE" else theirs(remark="Changed.", last_updated=LATE)

    single = ocpi_client.open(method, COPY, json=body)
    bare = [ocpi_client.open(verb, RECEIVER, json=body) for verb in ("PUT", "PATCH", "DELETE")]

    assert (single.http_status, single.headers["Allow"]) == (405, "GET")
    assert [(answer.http_status, answer.headers["Allow"]) for answer in bare] == [(405, "POST")] * 3
    assert ocpi_client.get(COPY).data == theirs()


@pytest.mark.conformance("CDR-08")
@pytest.mark.parametrize(
    "repeated",
    [
        theirs(),
        dict(reversed(theirs().items())),
        theirs(remark=None, tariffs=[], credit=None),
        theirs(id="cdr1"),
        {**theirs(), "country_code": "de", "party_id": "cpo"},
        theirs(start_date_time="2024-05-31T10:00:00.000+00:00", last_updated="2024-05-31T12:00:00"),
        theirs(total_energy=12.50, total_cost={"excl_vat": 3.1250}),
        theirs(cdr_token={**theirs()["cdr_token"], "contract_id": "de-ems-c12e46l89"}),
    ],
    ids=["same", "order", "null", "id", "owner", "moment", "number", "token"],
)
@EVERY_STORAGE
def test_same_cdr_again_is_answered_as_before(ocpi, ocpi_app, ocpi_client, repeated):
    heard = []

    def listen(sender, **payload):
        heard.append((payload["key"], payload["document"], payload["created"]))

    with object_received.connected_to(listen, sender=ocpi_app):
        first = ocpi_client.post(RECEIVER, theirs())
        second = ocpi_client.post(RECEIVER, repeated)

    assert (first.http_status, second.http_status, second.status_code) == (201, 200, 1000)
    assert second.headers["Location"] == first.headers["Location"]
    assert "data" not in second.envelope
    assert copies(ocpi) == [theirs()]
    assert heard == [(Key("DE", "CPO", "CDR1", "NL-ABC partner"), theirs(), True)]


@pytest.mark.conformance("CDR-08", "CDR-07", "CDR-09")
@pytest.mark.parametrize(
    "changes",
    [
        {"total_cost": {"excl_vat": 3.126}},
        {"remark": "Once more."},
        {"id": "cdr1", "total_energy": 12},
        {"last_updated": LATE},
        {"meter_id": "m1"},
        {"vendor_note": "new"},
        {"charging_periods": theirs()["charging_periods"] * 2},
        {"cdr_token": {**theirs()["cdr_token"], "uid": "OTHER"}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_other_cdr_with_the_same_id_is_refused(ocpi, ocpi_client, changes):
    document = theirs(meter_id="M1")
    ocpi_client.post(RECEIVER, document)

    response = ocpi_client.post(RECEIVER, {**document, **changes})

    assert (response.http_status, response.status_code) == (200, 2001)
    assert "CDR1" in response.message.upper()
    assert "Location" not in response.headers
    assert copies(ocpi) == [document]


@pytest.mark.conformance("CDR-09", "PUSH-08")
@EVERY_STORAGE
def test_same_id_of_another_owner_is_another_cdr(ocpi, ocpi_app):
    client = add_partner(ocpi_app, [("DE", "AAA", ["CPO"]), ("DE", "BBB", ["CPO"]), ("FR", "AAA", ["CPO"])])
    documents = [
        cdr(country_code=country_code, party_id=party_id, remark=f"{country_code}{party_id}")
        for country_code, party_id in (("DE", "AAA"), ("DE", "BBB"), ("FR", "AAA"))
    ]

    urls = [client.post(RECEIVER, document).headers["Location"] for document in documents]

    assert len(set(urls)) == 3
    assert [client.get(url).data for url in urls] == documents


@pytest.mark.conformance("CDR-31", "T-07")
@pytest.mark.parametrize("owner", [("FR", "CPO"), ("DE", "XXX"), ("NL", "ABC")], ids="-".join)
def test_owner_has_to_be_a_party_of_the_caller(ocpi, ocpi_client, owner):
    response = ocpi_client.post(RECEIVER, cdr(country_code=owner[0], party_id=owner[1]))

    assert (response.http_status, response.status_code) == (200, 2001)
    assert f"{owner[0]}-{owner[1]} is not one of your parties" in response.message
    assert "Location" not in response.headers
    assert copies(ocpi) == []


@pytest.mark.conformance("CDR-31", "PUSH-06")
def test_hub_posts_for_parties_that_nobody_else_answers_for(ocpi, ocpi_app, ocpi_client):
    hub = add_partner(ocpi_app, [("DE", "HUB", ["HUB"])], name="Hub")
    behind = cdr(country_code="FR", party_id="XXX")

    posted, posing = hub.post(RECEIVER, behind), hub.post(RECEIVER, theirs())

    assert (posted.http_status, posing.http_status, posing.status_code) == (201, 200, 2001)
    assert hub.get(posted.headers["Location"]).data == behind
    assert copies(ocpi) == [behind]


@pytest.mark.conformance("CDR-10", "CDR-11", "CDR-12", "CDR-13")
@EVERY_STORAGE
def test_correction_is_three_cdrs(ocpi, ocpi_client):
    first = theirs(total_cost={"excl_vat": 3.125, "incl_vat": 3.78}, total_energy_cost={"excl_vat": 3.125})
    negated = {"excl_vat": -3.125, "incl_vat": -3.78}
    credited = {**first, "id": f"{'1' * 36}-C2", "credit": True, "credit_reference_id": "CDR1", "total_cost": negated}
    replacement = {**first, "id": "CDR2", "total_cost": {"excl_vat": 3}}

    answers = [ocpi_client.post(RECEIVER, document) for document in (first, credited, replacement)]

    assert [answer.http_status for answer in answers] == [201, 201, 201]
    assert [ocpi_client.get(answer.headers["Location"]).data for answer in answers] == [first, credited, replacement]
    assert copies(ocpi) == [first, credited, replacement]


@pytest.mark.conformance("CDR-13")
def test_credit_cdr_names_what_it_credits_which_may_be_unknown(ocpi, ocpi_client):
    nothing = ocpi_client.post(RECEIVER, theirs(credit=True))
    unknown = ocpi_client.post(RECEIVER, theirs(credit=True, credit_reference_id="NEVER-SEEN"))

    assert (nothing.http_status, nothing.status_code, unknown.http_status) == (200, 2001, 201)
    assert "credit_reference_id is required" in nothing.message
    assert copies(ocpi) == [theirs(credit=True, credit_reference_id="NEVER-SEEN")]


@pytest.mark.conformance("CDR-14", "CDR-15", "CDR-17", "T-06")
@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"charging_periods": []}, "charging_periods"),
        ({"total_time": None}, "total_time"),
        (
            {
                "charging_periods": [
                    {"start_date_time": LATE, "dimensions": [{"type": "STATE_OF_CHARGE", "volume": 80}]}
                ]
            },
            "charging_periods[0].dimensions[0].type",
        ),
    ],
    ids=["periods", "total", "dimension"],
)
def test_cdr_that_breaks_a_rule_is_2001_and_not_stored(ocpi, ocpi_client, changes, path):
    response = ocpi_client.post(RECEIVER, theirs(**changes))

    assert (response.http_status, response.status_code) == (200, 2001)
    assert path in response.message
    assert "Location" not in response.headers
    assert copies(ocpi) == []


@pytest.mark.conformance("CDR-16", "CDR-19", "CDR-20")
@pytest.mark.parametrize(
    "place",
    [{"id": "AT-HOME"}, {"evse_uid": "#NA", "evse_id": "#NA", "connector_id": "#NA"}],
    ids=["unpublished", "unused reservation"],
)
def test_cdr_may_be_of_a_place_or_session_nobody_heard_of(ocpi, ocpi_client, place):
    document = theirs(cdr_location={**theirs()["cdr_location"], **place})

    posted = ocpi_client.post(RECEIVER, document)

    assert "session_id" not in document
    assert posted.http_status == 201
    assert copies(ocpi) == [document]


@pytest.mark.conformance("CDR-21")
def test_unknown_time_is_accepted_and_given_back_as_a_date_time(ocpi_client):
    unknown = theirs(start_date_time="1970-1-1T00:00:00Z", end_date_time="1970-1-1T00:00:00Z")

    posted, repeated = ocpi_client.post(RECEIVER, unknown), ocpi_client.post(RECEIVER, unknown)

    assert (posted.http_status, repeated.http_status) == (201, 200)
    found = ocpi_client.get(COPY).data
    assert found["start_date_time"] == found["end_date_time"] == "1970-01-01T00:00:00Z"


@pytest.mark.conformance("CDR-08", "PUSH-08")
@pytest.mark.parametrize("ocpi_parties", [TWO_EMSPS], ids=["two eMSPs"])
def test_post_says_which_of_two_emsps_it_is_for(ocpi, ocpi_client):
    unclear = ocpi_client.post(RECEIVER, theirs())
    clear = ocpi_client.post(RECEIVER, theirs(), headers=TO_XYZ)

    assert (unclear.http_status, unclear.status_code, clear.http_status) == (200, 2001, 201)
    assert "OCPI-to-party-id" in unclear.message
    assert copies(ocpi) == [theirs()]


@pytest.mark.conformance("CDR-05")
@pytest.mark.parametrize("ocpi_parties", [TWO_EMSPS], ids=["two eMSPs"])
def test_cdr_for_one_of_two_emsps_is_read_with_and_without_saying_which(ocpi_client):
    to_abc = {**TO_XYZ, "OCPI-to-party-id": "ABC"}
    url = ocpi_client.post(RECEIVER, theirs(), headers=TO_XYZ).headers["Location"]

    unsaid, said, wrong = (ocpi_client.get(url, headers=headers) for headers in ({}, TO_XYZ, to_abc))

    assert (unsaid.data, said.data, wrong.http_status) == (theirs(), theirs(), 404)


# Between an operator (NL-ABC) and an eMSP (FR-OTH)


@pytest.fixture
def emsp(ocpi, ocpi_other, ocpi_network):
    """The eMSP as the operator knows it."""
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    return there


def for_emsp(**changes):
    return cdr(cdr_token={**cdr()["cdr_token"], "country_code": "FR", "party_id": "OTH"}, **changes)


@pytest.mark.conformance("CDR-28", "CLI-11")
def test_push_goes_to_the_emsp_concerned_and_is_checked(ocpi, ocpi_other, ocpi_network, emsp):
    third = ocpi_network.add("third.example", [("BE", "EXT", ["EMSP"])])
    ocpi_network.connect(third, ocpi)
    ocpi.save("cdrs", for_emsp(tariffs=[tariff()]))
    ocpi_network.requests.clear()

    pushed = ocpi.push("cdrs", "CDR1")
    found = ocpi.client(emsp).cdrs.get_copy("CDR1")

    assert [(push.platform, push.error) for push in pushed] == [(emsp.id, None)]
    assert found == for_emsp(tariffs=[tariff()])
    assert [(request.method, request.url) for request in ocpi_network.requests] == [
        ("POST", f"https://other.example{RECEIVER}"),
        ("GET", f"https://other.example{RECEIVER}/NL/ABC/CDR1"),
    ]
    assert copies(ocpi_other) == [found]
    assert copies(third) == []


@pytest.mark.conformance("CDR-28", "CDR-08")
def test_push_may_be_repeated_when_its_answer_got_lost(ocpi, ocpi_other, emsp):
    ocpi.save("cdrs", for_emsp())

    answers = [ocpi.client(emsp).cdrs.post(for_emsp()) for _ in range(2)]

    assert [answer.http_status for answer in answers] == [201, 200]
    assert copies(ocpi_other) == [for_emsp()]


@pytest.mark.conformance("CDR-07", "CDR-08")
def test_other_cdr_is_not_sent_under_the_same_id(ocpi, ocpi_other, emsp):
    client = ocpi.client(emsp)
    client.cdrs.post(for_emsp())

    with pytest.raises(RefusedError) as caught:
        client.cdrs.post(for_emsp(remark="Changed."))

    assert caught.value.status_code == 2001
    assert client.cdrs.get_copy("CDR1") == for_emsp()


@pytest.mark.conformance("CDR-18", "CDR-24")
@EVERY_STORAGE
def test_cdr_stays_as_it_was_when_what_it_tells_of_changes(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi_other, ocpi)
    old_tariff, old_token = tariff(), token(country_code="FR", party_id="OTH")
    ocpi.save("tariffs", old_tariff)
    ocpi.save("locations", location(evses=[evse()]))
    ocpi.save("sessions", session(cdr_token=for_emsp()["cdr_token"]))
    ocpi_other.save("tokens", old_token)
    document = for_emsp(session_id="SES1", tariffs=[old_tariff])
    ocpi.save("cdrs", document)
    for module in ("locations", "tariffs", "sessions", "cdrs"):
        ocpi_other.pull(module, there)

    ocpi.save("tariffs", tariff(currency="USD"))
    ocpi.patch("locations", "LOC1", changes={"address": "Renamed Street 1", "evses": None})
    ocpi.patch("sessions", "SES1", changes={"cdr_token": {**document["cdr_token"], "uid": "OTHER"}})
    ocpi.objects.delete("tariffs", "TARIFF1")
    ocpi_other.objects.delete("tokens", old_token["uid"])
    for module in ("locations", "tariffs", "sessions", "cdrs"):
        ocpi_other.pull(module, there)

    assert list(ocpi.objects.documents("cdrs")) == [document]
    assert copies(ocpi_other) == [document]
    assert list(ocpi_other.objects.documents("tariffs", copies=True)) == []


@pytest.mark.conformance("CDR-22", "CDR-27")
def test_periods_arrive_each_with_its_tariff_in_their_order(ocpi, ocpi_other, emsp):
    periods = [
        {
            "start_date_time": "2024-05-31T10:00:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 7.5}, {"type": "TIME", "volume": 0.75}],
            "tariff_id": "DAY",
        },
        {
            "start_date_time": "2024-05-31T10:45:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 5.0}, {"type": "TIME", "volume": 0.5}],
            "tariff_id": "EVENING",
        },
        {"start_date_time": "2024-05-31T11:15:00Z", "dimensions": [{"type": "PARKING_TIME", "volume": 0.25}]},
    ]
    ocpi.save("cdrs", for_emsp(charging_periods=periods, tariffs=[tariff(id="DAY"), tariff(id="EVENING")]))

    ocpi.push("cdrs", "CDR1")

    (found,) = copies(ocpi_other)
    assert found["charging_periods"] == periods
    assert [item["id"] for item in found["tariffs"]] == ["DAY", "EVENING"]


@pytest.mark.conformance("CDR-23", "SES-28")
def test_cdr_says_how_the_driver_was_authorised_last(ocpi, ocpi_other, emsp):
    cdr_token = for_emsp()["cdr_token"]
    ocpi.save("sessions", session(cdr_token=cdr_token, status="RESERVATION", auth_method="COMMAND"))
    ocpi.patch("sessions", "SES1", changes={"status": "ACTIVE", "auth_method": "WHITELIST"})
    over = ocpi.patch("sessions", "SES1", changes={"status": "COMPLETED"})
    ocpi.save("cdrs", for_emsp(session_id=over["id"], auth_method=over["auth_method"]))

    ocpi.push("cdrs", "CDR1")

    assert [document["auth_method"] for document in copies(ocpi_other)] == ["WHITELIST"]


@pytest.mark.conformance("CDR-07", "CDR-08")
@EVERY_STORAGE
def test_pulled_cdrs_never_overwrite_what_is_here(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    owner = {"country_code": "FR", "party_id": "OTH"}
    token_of_ours = {**cdr()["cdr_token"], "country_code": "NL", "party_id": "ABC"}
    posted = cdr(**owner, cdr_token=token_of_ours)
    ocpi_other.client(ocpi_other.partners.find("NL-ABC")).cdrs.post(posted)
    ocpi_other.save("cdrs", {**posted, "remark": "Changed."})
    ocpi_other.save("cdrs", {**posted, "id": "CDR2"})

    pulled, again = ocpi.pull("cdrs", there), ocpi.pull("cdrs", there)

    assert (pulled.created, pulled.updated, pulled.removed, len(pulled.broken)) == (1, 0, 0, 1)
    assert (again.created, again.updated, again.unchanged, len(again.broken)) == (0, 0, 1, 1)
    assert "with other content" in pulled.broken[0].reason
    assert copies(ocpi) == [posted, {**posted, "id": "CDR2"}]


@pytest.mark.conformance("CDR-07")
def test_cdrs_that_are_listed_no_more_are_kept(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi_other, ocpi)
    ocpi.save("cdrs", for_emsp())
    ocpi_other.pull("cdrs", there)
    ocpi.objects.delete("cdrs", "CDR1")

    pulled = ocpi_other.pull("cdrs", there)

    assert (pulled.total, pulled.removed) == (0, 0)
    assert copies(ocpi_other) == [for_emsp()]
