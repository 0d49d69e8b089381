"""Lists in pages, as the client reads them: PAG-18 to PAG-21, and broken objects."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from flask_ocpi.client.client import Client
from flask_ocpi.client.transport import Response
from flask_ocpi.core.responses import next_target
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.testing.documents import location
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network

URL = "https://partner.example/ocpi/locations"


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


class Scripted:
    """A transport that answers from a list of pages, whatever is asked; ``asked`` are the URLs it was sent to."""

    def __init__(self, *pages):
        self.pages = list(pages)
        self.asked = []

    def send(self, request):
        self.asked.append(request.url)
        data, headers = self.pages.pop(0)
        body = orjson.dumps({"data": data, "status_code": 1000, "timestamp": "2026-01-01T12:00:00Z"})
        return Response(200, headers, body, request.url)

    def close(self):
        """Nothing is held open."""


def objects(*numbers):
    return [location(country_code="DE", party_id="CPO", id=str(number)) for number in numbers]


def headers(total, following=None, limit=100):
    found = {"X-Total-Count": str(total), "X-Limit": str(limit)}
    return found if following is None else {**found, "Link": f'<{following}>; rel="next"'}


def ids(documents):
    return [document["id"] for document in documents]


@pytest.fixture
def crawl(ocpi, ocpi_client):
    """Start a crawl of scripted pages: returns the listing and the transport."""
    platform = replace(ocpi_client.platform, endpoints=({"identifier": "locations", "role": "SENDER", "url": URL},))

    def start(*pages, **options):
        transport = Scripted(*pages)
        return Client(ocpi.services, platform, transport).locations.list(**options), transport

    return start


@pytest.mark.conformance("PAG-18", "PAG-21")
def test_the_client_follows_the_links_and_nothing_else(crawl):
    listing, transport = crawl(
        (objects(1, 2), headers(5, f"{URL}?offset=2&limit=2&token=abc")),
        (objects(3), headers(5, f"{URL}?page=three")),
        (objects(4, 5), headers(5)),
        limit=1000,
    )

    assert ids(listing) == ["1", "2", "3", "4", "5"]
    assert transport.asked == [f"{URL}?limit=1000", f"{URL}?offset=2&limit=2&token=abc", f"{URL}?page=three"]
    assert (listing.pages, listing.total) == (3, 5)


@pytest.mark.conformance("PAG-18")
def test_a_growing_total_does_not_start_the_crawl_again(crawl):
    listing, transport = crawl(
        (objects(1, 2), headers(3, f"{URL}?offset=2")),
        (objects(3, 4), headers(5, f"{URL}?offset=4")),
        (objects(5), headers(5)),
    )

    assert ids(listing) == ["1", "2", "3", "4", "5"]
    assert len(transport.asked) == 3
    assert listing.total == 5


@pytest.mark.conformance("PAG-19")
def test_a_shrinking_total_steps_back_by_as_much(crawl):
    # 2 vanishes after the first page: what was at offset 2 is at offset 1 now.
    listing, transport = crawl(
        (objects(1, 2), headers(5, f"{URL}?offset=2&limit=2&date_from=2024-01-01T00:00:00Z&cursor=2.x")),
        (objects(4, 5), headers(4)),
        (objects(3, 4), headers(4, f"{URL}?offset=3&limit=2")),
        (objects(5), headers(4)),
        date_from="2024-01-01T00:00:00Z",
    )

    assert ids(listing) == ["1", "2", "3", "4", "5"]
    assert transport.asked[2] == f"{URL}?date_from=2024-01-01T00:00:00Z&limit=2&offset=1"


@pytest.mark.conformance("PAG-19")
@pytest.mark.parametrize(("total", "offset"), [(3, 1), (1, 0), (0, 0)], ids=["by two", "below zero", "nothing left"])
def test_the_step_back_ends_at_the_beginning(crawl, total, offset):
    listing, transport = crawl(
        (objects(1, 2, 3), headers(5, f"{URL}?offset=3")),
        ([], headers(total)),
        (objects(3), headers(total)),
    )

    assert ids(listing) == ["1", "2", "3"]
    assert transport.asked[2] == f"{URL}?offset={offset}"


@pytest.mark.conformance("PAG-19")
def test_a_total_that_keeps_shrinking_does_not_hold_the_client_for_ever(crawl):
    shrinking = [([], headers(9_000 - index)) for index in range(1, 2_000)]
    listing, transport = crawl((objects(1), headers(9_000, f"{URL}?offset=9000")), *shrinking)

    assert ids(listing) == ["1"]
    assert len(transport.asked) < 1_010


@pytest.mark.conformance("PAG-19")
def test_an_unfiltered_pull_removes_what_vanished(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    for number in range(4):
        ocpi_other.save("locations", location(country_code="FR", party_id="OTH", id=str(number)))
    ocpi.pull("locations", platform)
    ocpi_other.objects.delete("locations", "2")

    pulled = ocpi.pull("locations", platform)

    assert (pulled.unchanged, pulled.removed) == (3, 1)
    assert ids(ocpi.objects.documents("locations", copies=True)) == ["0", "1", "3"]


@pytest.mark.conformance("PAG-20")
@pytest.mark.parametrize("dates", [{"date_from": "2024-06-01T00:00:00Z"}, {"date_to": "2024-01-01T00:00:00Z"}])
def test_a_filtered_pull_removes_nothing(ocpi_network, ocpi, ocpi_other, dates):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_other.save("locations", location(country_code="FR", party_id="OTH"))
    ocpi.pull("locations", platform)
    ocpi_other.objects.delete("locations", "LOC1")

    pulled = ocpi.pull("locations", platform, **dates)

    assert pulled.removed == 0
    assert ids(ocpi.objects.documents("locations", copies=True)) == ["LOC1"]


@pytest.mark.conformance("PAG-20", "T-37")
def test_a_pull_with_broken_objects_removes_nothing(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    for id in ("A", "B"):
        ocpi_other.save("locations", location(country_code="FR", party_id="OTH", id=id))
    ocpi.pull("locations", platform)
    ocpi_network.after_send = lambda request, response: replace(
        response, body=response.body.replace(b'"id":"A"', b'"id":7')
    )

    pulled = ocpi.pull("locations", platform)

    assert (pulled.unchanged, pulled.removed, len(pulled.broken)) == (1, 0, 1)
    assert ids(ocpi.objects.documents("locations", copies=True)) == ["A", "B"]


@pytest.mark.conformance("T-37", "TYP-17")
def test_broken_objects_are_left_out_and_noted(crawl):
    good = objects(1, 2)
    broken = [None, [], "x", {}, {**good[0], "city": None}, {**good[0], "publish": "yes"}]
    listing, _ = crawl(([good[0], *broken, good[1]], headers(8)))

    assert ids(listing) == ["1", "2"]
    assert [item.document for item in listing.broken] == broken
    assert "city must not be null" in listing.broken[4].reason


@pytest.mark.conformance("T-37")
@pytest.mark.parametrize("data", [None, {}, "x", 1], ids=["null", "object", "text", "number"])
def test_data_that_is_no_list_is_an_invalid_response(crawl, data):
    listing, _ = crawl((data, headers(1)))

    with pytest.raises(InvalidResponseError, match="did not answer with a list"):
        next(listing)


@pytest.mark.conformance("PAG-18")
def test_links_in_a_circle_are_found_out(crawl):
    listing, transport = crawl(
        (objects(1), headers(9, f"{URL}?offset=1")),
        (objects(2), headers(9, f"{URL}?offset=2")),
        (objects(3), headers(9, f"{URL}?offset=1")),
    )

    with pytest.raises(InvalidResponseError, match="circle"):
        list(listing)
    assert len(transport.asked) == 3


@pytest.mark.conformance("PAG-18")
def test_a_page_that_links_to_itself_is_found_out(crawl):
    listing, _ = crawl(*[(objects(1), headers(9, f"{URL}?offset=0"))] * 2)

    with pytest.raises(InvalidResponseError, match="circle"):
        list(listing)


@pytest.mark.conformance("PAG-18", "CLI-09")
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/ocpi/locations?offset=1&limit=1",
        "http://partner.example/ocpi/locations?offset=1&limit=1",
        "https://partner.example:8443/x?offset=1&limit=1",
        "//evil.example/?offset=1&limit=1",
        "http://10.0.0.1:8080/internal?offset=1&limit=1",
    ],
    ids=["host", "scheme", "port", "relative host", "internal"],
)
def test_the_token_goes_to_no_other_host(crawl, link):
    listing, transport = crawl((objects(1), headers(2, link)), (objects(2), headers(2)))

    assert ids(listing) == ["1", "2"]
    assert transport.asked[1] == f"{URL}?offset=1&limit=1"


@pytest.mark.conformance("PAG-18")
@pytest.mark.parametrize(
    ("link", "followed"),
    [
        ("?offset=1", f"{URL}?offset=1"),
        ("/other?offset=1", f"{URL}?offset=1"),
        ("locations?offset=1", f"{URL}?offset=1"),
    ],
)
def test_relative_links_are_resolved(crawl, link, followed):
    listing, transport = crawl((objects(1), headers(2, link)), (objects(2), headers(2)))

    assert ids(listing) == ["1", "2"]
    assert transport.asked[1] == followed


@pytest.mark.conformance("PAG-18", "PAG-21")
@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('<https://a/?x=1>; rel="next"', "https://a/?x=1"),
        ("<https://a/?x=1>;rel=next", "https://a/?x=1"),
        ('<https://a/?x=1> ; title="t" ; rel="next"', "https://a/?x=1"),
        ('<https://a/?x=1>; REL="NEXT"', "https://a/?x=1"),
        ('<https://a/p>; rel="prev", <https://a/n?a=1,2>; rel="next"', "https://a/n?a=1,2"),
        ('<https://a/n>; rel="next", <https://a/l>; rel="last"', "https://a/n"),
        ('<https://a/p>; rel="prev"', None),
        ('<https://a/p>; rel="nextish"', None),
        ("https://a/?x=1", "https://a/?x=1"),
        ("", None),
        (None, None),
    ],
    ids=["usual", "bare", "blanks", "case", "second", "first", "other", "longer", "no brackets", "empty", "absent"],
)
def test_link_headers_are_read(link, expected):
    assert next_target(link) == expected


@pytest.mark.conformance("PAG-18", "MID-08")
def test_lower_case_header_names_are_read(crawl):
    listing, _ = crawl(
        (objects(1), {"x-total-count": "2", "link": f'<{URL}?offset=1>; rel="next"'}),
        (objects(2), {"X-TOTAL-COUNT": "2"}),
    )

    assert ids(listing) == ["1", "2"]
    assert listing.total == 2


@pytest.mark.conformance("PAG-21")
@pytest.mark.parametrize("total", ["", "many", "-1", "\u00b2", "1.5"])
def test_a_total_that_is_no_number_does_no_harm(crawl, total):
    listing, _ = crawl(
        (objects(1), {"X-Total-Count": total, "Link": f'<{URL}?offset=1>; rel="next"'}), (objects(2), {})
    )

    assert ids(listing) == ["1", "2"]
    assert listing.total is None


@pytest.mark.conformance("PAG-19")
@pytest.mark.parametrize(
    "offset", ["", "x", "-1", "\u00b2", "9" * 5000], ids=["empty", "text", "minus", "square", "huge"]
)
def test_a_link_with_a_wrong_offset_does_no_harm(crawl, offset):
    listing, _ = crawl(
        (objects(1), headers(3, f"{URL}?offset={offset}")), (objects(2), headers(2)), (objects(2), headers(2))
    )

    assert ids(listing) == ["1", "2"]


@pytest.mark.conformance("PAG-18")
def test_pages_are_fetched_as_they_are_needed(crawl):
    listing, transport = crawl((objects(1), headers(2, f"{URL}?offset=1")), (objects(2), headers(2)))
    before = list(transport.asked)

    first = next(listing)

    assert (before, first["id"], transport.asked) == ([], "1", [URL])


@pytest.mark.conformance("PAG-18", "ST-06")
def test_a_refusal_in_the_middle_ends_the_crawl_with_its_reason(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    for number in range(3):
        ocpi_other.save("locations", location(country_code="FR", party_id="OTH", id=str(number)))
    ocpi.pull("locations", platform)

    def refuse_second_page(request, response):
        body = b'{"status_code":3000,"timestamp":"2026-01-01T12:00:00Z"}'
        return replace(response, body=body) if "offset=" in request.url else response

    ocpi_network.after_send = refuse_second_page
    with ocpi.client(platform) as client, pytest.raises(RefusedError, match="3000"):
        list(client.locations.list(limit=1))
    assert len(list(ocpi.objects.documents("locations", copies=True))) == 3
