"""Lists in pages, as the server answers them: group PAG of the requirements. The client's side: test_crawling.py."""

from __future__ import annotations

from urllib.parse import parse_qs
from urllib.parse import urlsplit

import pytest

from flask_ocpi.core.responses import page_link
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import VERSIONS
from tests.conformance.operations import EXAMPLES
from tests.conformance.operations import every
from tests.conformance.sharing import Network221
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
URL = f"https://platform.example{SENDER}"
LISTS = [example for example in EXAMPLES if example.operation.returns_list and example.operation.object]
LIMITS = pytest.mark.parametrize("ocpi_config", [{"OCPI_PAGE_LIMIT": 3, "OCPI_PAGE_MAX_LIMIT": 5}], ids=[""])


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


def save(ocpi, number, **changes):
    for index in range(number):
        ocpi.save("locations", location(id=f"LOC{index}", **changes))


def ids(answer):
    return [item["id"] for item in answer.data]


def parameters(link):
    """Return the parameters of the next page; check what a Link has to look like."""
    if link is None:
        return None
    assert link.startswith(f"<{URL}?")
    assert link.endswith('>; rel="next"')
    found = {name: values[0] for name, values in parse_qs(urlsplit(link[1:-13]).query).items()}
    found.pop("cursor", None)
    return found


def crawl(client, url):
    """Follow the Links from a page to the last one; return all pages."""
    pages = []
    while url is not None:
        pages.append(
            client.get(url.removeprefix("https://platform.example").removeprefix("https://everything.example"))
        )
        link = pages[-1].headers.get("Link")
        url = link and link[1 : link.index(">")]
    return pages


@pytest.mark.conformance("PAG-01", "PAG-02")
def test_every_list_takes_the_parameters_of_a_page():
    lists = [o for v in VERSIONS for m, _, o in v.operations() if o.returns_list and m.id != "versions"]

    assert lists
    for operation in lists:
        assert {"date_from", "date_to", "offset", "limit"} <= set(operation.query._declared_fields)
        assert not any(field.required for field in operation.query._declared_fields.values())


@pytest.mark.conformance("PAG-01", "PAG-03", "PAG-06", "PAG-09", "PAG-10", "PAG-12", "PAG-13")
@every(LISTS)
def test_every_list_is_paged_and_filtered(everything, example):
    object_type = example.operation.object
    key = object_type.id_key[0]
    (first,) = everything.send(example).data
    others = [{**first, key: id, "last_updated": f"203{id[-1]}-01-01T00:00:00Z"} for id in ("NSP1", "NAP2")]
    if object_type.name == "client_info":
        others = [{**other, "role": other["role"][:3]} for other in others]
    for other in others:
        everything.ocpi.save(example.module.id, other)

    pages = crawl(everything.partner, f"{example.path}?limit=2")
    later = everything.partner.get(example.path, query_string={"date_from": others[1]["last_updated"]})
    earlier = everything.partner.get(example.path, query_string={"date_to": others[0]["last_updated"]})

    assert [page.data for page in pages] == [[first, others[0]], [others[1]]]
    assert {(page.headers["X-Total-Count"], page.headers["X-Limit"]) for page in pages} == {("3", "1000")}
    assert (later.data, later.headers["X-Total-Count"]) == ([others[1]], "1")
    assert (earlier.data, earlier.headers["X-Total-Count"]) == ([first], "1")


@pytest.mark.conformance("PAG-01")
def test_the_list_of_versions_has_no_pages(ocpi_client):
    answer = ocpi_client.get("/ocpi/versions", query_string={"limit": 0, "offset": "x"})

    assert answer.status_code == 1000
    assert {"Link", "X-Limit", "X-Total-Count"} & set(answer.headers.keys()) == set()


@pytest.mark.conformance("PAG-03", "PAG-09", "PAG-17", "TYP-07")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["LOC1", "LOC2", "LOC3"]),
        ({"date_from": "2024-02-01T00:00:00Z"}, ["LOC2", "LOC3"]),
        ({"date_from": "2024-02-01T00:00:00.001Z"}, ["LOC3"]),
        ({"date_to": "2024-02-01T00:00:00Z"}, ["LOC1"]),
        ({"date_to": "2024-02-01T00:00:00.0001Z"}, ["LOC1", "LOC2"]),
        ({"date_from": "2024-01-01T00:00:00Z", "date_to": "2024-03-01T00:00:00Z"}, ["LOC1", "LOC2"]),
        ({"date_from": "2024-02-01T00:00:00Z", "date_to": "2024-02-01T00:00:00Z"}, []),
        ({"date_from": "2024-02-01T00:00:00"}, ["LOC2", "LOC3"]),
        ({"date_from": "2024-02-01T00:00:00.5"}, ["LOC3"]),
        ({"date_from": "2024-02-01T00:00:00+00:00"}, ["LOC2", "LOC3"]),
        ({"date_from": "0001-01-01T00:00:00Z", "date_to": "9999-12-31T23:59:59Z"}, ["LOC1", "LOC2", "LOC3"]),
    ],
    ids=[
        "all",
        "from is inclusive",
        "from with fraction",
        "to is exclusive",
        "to with fraction",
        "range",
        "empty range",
        "no zone",
        "no zone, fraction",
        "zero offset",
        "all of time",
    ],
)
def test_dates_filter_by_last_updated(ocpi, ocpi_client, query, expected):
    for month in (1, 2, 3):
        ocpi.save("locations", location(id=f"LOC{month}", last_updated=f"2024-0{month}-01T00:00:00Z"))

    answer = ocpi_client.get(SENDER, query_string=query)

    assert ids(answer) == expected
    assert answer.headers["X-Total-Count"] == str(len(expected))


@pytest.mark.conformance("PAG-17")
def test_a_plus_sign_that_was_not_encoded_is_refused_not_misread(ocpi_client):
    answer = ocpi_client.get(f"{SENDER}?date_from=2024-02-01T00:00:00+00:00")

    assert (answer.http_status, answer.status_code) == (200, 2001)


@pytest.mark.conformance("PAG-04", "PAG-05", "PAG-06", "PAG-08", "PAG-09", "PAG-10", "PAG-11", "PAG-12", "PAG-15")
@LIMITS
@pytest.mark.parametrize(
    ("total", "query", "served", "following"),
    [
        (0, {}, 0, None),
        (2, {}, 2, None),
        (3, {}, 3, None),
        (4, {}, 3, {"offset": "3", "limit": "3"}),
        (9, {"limit": 4}, 4, {"offset": "4", "limit": "4"}),
        (9, {"limit": 4, "offset": 4}, 4, {"offset": "8", "limit": "4"}),
        (9, {"limit": 4, "offset": 8}, 1, None),
        (8, {"limit": 4, "offset": 4}, 4, None),
        (9, {"limit": 2000}, 5, {"offset": "5", "limit": "5"}),
        (5, {"limit": 2000}, 5, None),
        (9, {"offset": 5}, 3, {"offset": "8", "limit": "3"}),
        (9, {"offset": 9}, 0, None),
        (9, {"offset": 10**17}, 0, None),
        (9, {"limit": 1}, 1, {"offset": "1", "limit": "1"}),
    ],
    ids=[
        "nothing",
        "short",
        "exact",
        "one more",
        "first",
        "middle",
        "last",
        "exact multiple",
        "capped",
        "capped, exact",
        "offset",
        "at the end",
        "past the end",
        "one",
    ],
)
def test_pages(ocpi, ocpi_client, total, query, served, following):
    save(ocpi, total)

    answer = ocpi_client.get(SENDER, query_string=query)

    offset = query.get("offset", 0)
    assert (answer.http_status, answer.status_code) == (200, 1000)
    assert ids(answer) == [f"LOC{index}" for index in range(offset, offset + served)]
    assert parameters(answer.headers.get("Link")) == following
    assert answer.headers["X-Total-Count"] == str(total)
    assert answer.headers["X-Limit"] == "5"


@pytest.mark.conformance("PAG-05", "PAG-10")
@pytest.mark.parametrize(
    ("ocpi_config", "limit", "served"),
    [
        ({}, None, 50),
        ({}, 60, 60),
        ({"OCPI_PAGE_MODULE_LIMITS": {"locations": 20}}, None, 20),
        ({"OCPI_PAGE_MODULE_LIMITS": {"locations": 20}}, 60, 20),
        ({"OCPI_PAGE_MODULE_LIMITS": {"credentials": 20}}, 60, 60),
        ({"OCPI_PAGE_MODULE_LIMITS": {"locations": 70}, "OCPI_PAGE_MAX_LIMIT": 10}, 60, 60),
    ],
    ids=["default", "asked", "module default", "module cap", "other module", "module over the general"],
)
def test_the_cap_is_set_per_module(ocpi, ocpi_client, limit, served):
    save(ocpi, 61)

    answer = ocpi_client.get(SENDER, query_string={} if limit is None else {"limit": limit})

    assert len(answer.data) == served
    assert answer.headers["X-Limit"] == str(ocpi.services.settings.limit_of("locations"))
    assert parameters(answer.headers["Link"]) == {"offset": str(served), "limit": str(served)}


@pytest.mark.conformance("PAG-07")
def test_the_link_keeps_the_filters(ocpi, ocpi_client):
    save(ocpi, 3, last_updated="2024-05-31T12:00:00.25Z")
    filters = {"date_from": "2024-05-31T12:00:00.2Z", "date_to": "2024-06-01T00:00:00Z"}

    answer = ocpi_client.get(SENDER, query_string={**filters, "limit": "2"})

    assert parameters(answer.headers["Link"]) == {**filters, "offset": "2", "limit": "2"}


@pytest.mark.conformance("PAG-07")
@pytest.mark.parametrize("path", [f"{SENDER}/", SENDER], ids=["slash", "bare"])
def test_the_link_leads_to_the_public_address(ocpi, ocpi_client, path):
    save(ocpi, 2)

    link = ocpi_client.get(path, query_string={"limit": 1}).headers["Link"]

    assert link.startswith(f"<{URL}?offset=1&limit=1")


@pytest.mark.conformance("PAG-07")
def test_the_link_has_no_character_that_would_end_it():
    link = page_link("https://a.example/l", {"date_from": "2024-01-01T00:00:00Z"}, offset=1, limit=1, cursor='1.>;" x')

    assert link[1:-13].count(">") == 0
    assert "date_from=2024-01-01T00:00:00Z" in link


@pytest.mark.conformance("PAG-13", "PAG-14")
def test_the_order_is_that_of_creation_whatever_changes(ocpi, ocpi_client):
    for id, moment in (("C", "2024-03-01"), ("A", "2024-01-01"), ("B", "2024-02-01")):
        ocpi.save("locations", location(id=id, last_updated=f"{moment}T00:00:00Z"))
    first = ids(ocpi_client.get(SENDER))

    ocpi.save("locations", location(id="C", last_updated="2025-01-01T00:00:00Z"))
    ocpi.patch("locations", "A", changes={"name": "Renamed"})

    assert first == ["C", "A", "B"]
    assert ids(ocpi_client.get(SENDER)) == first


@pytest.mark.conformance("PAG-06", "PAG-13")
@pytest.mark.parametrize("ocpi_storage", ["memory", "sqlite"], indirect=True)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 8])
def test_following_the_links_gives_every_object_once(ocpi_storage, size):
    network = Network221()
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO"])], storage=ocpi_storage)
    client = add_partner(network.apps["platform.example"], [("DE", "EMS", ["EMSP"])])
    save(ocpi, 7)

    pages = crawl(client, f"{SENDER}?limit={size}")

    assert [len(page.data) for page in pages] == [min(size, 7 - start) for start in range(0, 7, size)]
    assert [id for page in pages for id in ids(page)] == [f"LOC{index}" for index in range(7)]


@pytest.mark.conformance("PAG-06", "PAG-04")
def test_a_link_goes_on_where_the_page_ended_although_objects_vanished(ocpi, ocpi_client):
    save(ocpi, 6)
    first = ocpi_client.get(SENDER, query_string={"limit": 2})
    ocpi.objects.delete("locations", "LOC0")

    second = ocpi_client.get(first.headers["Link"][1:].split(">")[0].removeprefix("https://platform.example"))

    assert ids(second) == ["LOC2", "LOC3"]
    assert second.headers["X-Total-Count"] == "5"


@pytest.mark.conformance("PAG-04", "PAG-19")
def test_a_client_that_moves_the_offset_gets_that_offset(ocpi, ocpi_client):
    save(ocpi, 6)
    link = ocpi_client.get(SENDER, query_string={"limit": 2}).headers["Link"]
    query = {name: values[0] for name, values in parse_qs(urlsplit(link[1:-13]).query).items()}

    moved = ocpi_client.get(SENDER, query_string={**query, "offset": 1})

    assert ids(moved) == ["LOC1", "LOC2"]


@pytest.mark.conformance("PAG-04", "PAG-16")
@pytest.mark.parametrize(
    "cursor", ["x", "1", "0.", "0.x", "0.-1", "99.1", "0.99999999999999999999", "\u00e9", "a" * 255]
)
def test_a_made_up_cursor_does_no_harm(ocpi, ocpi_client, cursor):
    save(ocpi, 3)

    answer = ocpi_client.get(SENDER, query_string={"cursor": cursor})

    assert (answer.http_status, answer.status_code) == (200, 1000)
    assert ids(answer) == ["LOC0", "LOC1", "LOC2"]


@pytest.mark.conformance("PAG-16", "TYP-08")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit must be at least 1"),
        ("limit=-1", "limit must be at least 1"),
        ("limit=ten", "limit must be a whole number"),
        ("limit=1.0", "limit must be a whole number"),
        ("limit=1e3", "limit must be a whole number"),
        ("limit=", "limit must be a whole number"),
        ("limit=%201", "limit must be a whole number"),
        ("limit=\u0663", "limit must be a whole number"),
        ("limit=99999999999999999999", "limit must be a whole number"),
        ("offset=-1", "offset must be at least 0"),
        ("offset=x", "offset must be a whole number"),
        ("offset=0x10", "offset must be a whole number"),
        ("date_from=", "date_from must be a UTC date and time"),
        ("date_from=2024-01-01", "date_from must be a UTC date and time"),
        ("date_from=2024-01-01T00:00", "date_from must be a UTC date and time"),
        ("date_from=2024-01-01%2000:00:00", "date_from must be a UTC date and time"),
        ("date_from=2024-01-01T00:00:00%2B02:00", "date_from must be a UTC date and time"),
        ("date_from=2024-02-30T00:00:00Z", "date_from is not a date and time that exists"),
        ("date_from=2024-01-01T25:00:00Z", "date_from is not a date and time that exists"),
        ("date_from=20240101T000000Z", "date_from must be a UTC date and time"),
        ("date_from=2024-01-01T00:00:00.1234567Z", "date_from is longer than 25 characters"),
        ("date_to=yesterday", "date_to must be a UTC date and time"),
        ("date_to=1704067200", "date_to must be a UTC date and time"),
        ("date_from=2024-02-01T00:00:00Z&date_to=2024-01-01T00:00:00Z", "date_from must not be later than date_to"),
    ],
    ids=lambda value: value if "=" in value else "",
)
def test_wrong_parameters_are_answered_2001(ocpi_client, query, message):
    answer = ocpi_client.get(f"{SENDER}?{query}")

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert message in answer.message
    assert "Link" not in answer.headers


@pytest.mark.parametrize("query", ["limit=1&limit=3", "\u00e9=1&limit=1", "a=%C3%A9&limit=1&limit="])
def test_first_value_of_a_query_parameter_counts(ocpi, ocpi_client, query):
    for number in range(3):
        ocpi.save("locations", location(id=f"LOC{number}"))

    answer = ocpi_client.get(f"{SENDER}?{query}")

    assert (answer.status_code, len(answer.data)) == (1000, 1)


@pytest.mark.conformance("PAG-16")
def test_unknown_and_malformed_query_strings_are_ignored(ocpi, ocpi_client):
    save(ocpi, 1)

    answers = [ocpi_client.get(f"{SENDER}?{query}") for query in ("from=x&x[]=1", "&&=&", "%FF%FE=%00", "a" * 5000)]

    assert [ids(answer) for answer in answers] == [["LOC0"]] * 4


@pytest.mark.conformance("PAG-09", "PAG-22", "T-36")
def test_totals_and_pages_are_those_of_the_caller(ocpi, ocpi_app):
    parties = [("DE", "AAA"), ("FR", "BBB"), ("BE", "CCC")]
    clients = [add_partner(ocpi_app, [(c, p, ["EMSP"])], name=p) for c, p in parties]
    audiences = [(), parties[:1], parties[1:2], parties[:2]]
    for index in range(12):
        audience = [Party.of(*party) for party in audiences[index % 4]]
        ocpi.save("locations", location(id=f"LOC{index}"), audience=audience)

    crawled = [crawl(client, f"{SENDER}?limit=2") for client in clients]

    seen = [[id for page in pages for id in ids(page)] for pages in crawled]
    assert seen == [
        [f"LOC{index}" for index in range(12) if index % 4 in (0, 1, 3)],
        [f"LOC{index}" for index in range(12) if index % 4 in (0, 2, 3)],
        ["LOC0", "LOC4", "LOC8"],
    ]
    totals = [{page.headers["X-Total-Count"] for page in pages} for pages in crawled]
    assert totals == [{"9"}, {"9"}, {"3"}]
    assert [len(pages) for pages in crawled] == [5, 5, 2]
