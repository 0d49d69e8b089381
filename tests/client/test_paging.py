"""How a list goes on: Links of any form, totals of any kind, and servers whose Link and total contradict each other."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_ocpi.client.listing import Pages
from flask_ocpi.client.paging import OUTCOMES
from flask_ocpi.client.paging import Bounds
from flask_ocpi.client.wire import Headers
from flask_ocpi.core.responses import next_target
from flask_ocpi.core.responses import parameters_of
from flask_ocpi.core.responses import read_total
from flask_ocpi.errors import EndlessListError
from flask_ocpi.errors import IncompleteListError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import RefusedError
from flask_ocpi.modules.tariffs import Tariff
from flask_ocpi.testing.documents import tariff

BASE = "https://peer.example/ocpi/tariffs?tenant=7&date_from=2024-01-01T00:00:00Z"
SIZE = 4
TARGET = "https://a/n?a=1,2;3&offset=5"


@pytest.mark.parametrize(
    "link",
    [
        f'<{TARGET}>; rel="next"',
        f"<{TARGET}>;rel=next",
        f'  <{TARGET}>  ;  REL = "NEXT"  ',
        f'<{TARGET}>; title="a, b; rel=prev"; rel="next"',
        f"<{TARGET}>; title*=UTF-8''%e2%82%ac; rel=next; type=\"application/json\"",
        f'<{TARGET}>; title="say \\"hi\\"; rel=\\"prev\\""; rel=next',
        f'<{TARGET}>; rel="start next last"',
        f'<{TARGET}>; rel=next; rel=prev',
        f'<https://a/p>; rel="prev", <{TARGET}>; rel="next", <https://a/l>; rel="last"',
        f'<https://a/p?x=<1>; rel=prev, <{TARGET}>; rel=next',
        f'<https://a/1>; rel="first",<{TARGET}>;rel="next"',
        f'<https://a/1>, <{TARGET}>; rel="next"',
        f'<https://a/1>; rel="next nearest"x, <{TARGET}>; rel="next"'.replace("next nearest", "nearest"),
        f", ,<{TARGET}>; rel=next,",
        f'<{TARGET}>; rel="next',
        f'<{TARGET}>; rel=next"',
        f'<https://a/p>; rel=prev", <{TARGET}>; rel=next"',
        f"<{TARGET}>; rel='next'",
        f"<{TARGET}> rel=next; rel=next",
        f"<{TARGET}>; rel=next; garbage; ;; =x",
        f'<{TARGET}>; rel="next" trailing junk',
        f"<{TARGET}>",
        f"<{TARGET}>; title=page",
        f'&lt;{TARGET}&gt;; rel=&quot;next&quot;',
        f"< {TARGET} >; rel=next",
    ],
)  # fmt: skip
def test_a_link_of_any_form_names_the_next_page(link):
    assert next_target(link) == TARGET


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("https://a/?offset=2; rel=next", "https://a/?offset=2"),
        ('https://a/?offset=2,3; rel="next"', "https://a/?offset=2,3"),
        ("https://a/p; rel=prev, https://a/n; rel=next", "https://a/n"),
        ("?offset=2", "?offset=2"),
        ('<>; rel="next"', ""),
        ("<None>; rel=next", "None"),
        ('<a>; rel="prev"', None),
        ("<a>, <b>", None),
        ("<a>; rev=next; rel=alternate", None),
        ('<a>; rel="nextish"', None),
        ("<a>; title=next; rel=prev", None),
        ("null", None),
        (" None ", None),
        (";;,", None),
        ("", None),
        (None, None),
    ],
)
def test_what_is_wrong_with_a_link_is_seen_through(link, target):
    assert next_target(link) == target


@pytest.mark.parametrize(
    ("target", "parameters"),
    [
        ("?offset=4&limit=2", ["offset=4", "limit=2"]),
        ("?limit=2&offset=4#end", ["offset=4", "limit=2"]),
        ("https://x/y?offset=4&amp;limit=2&amp;amp;cursor=a", ["offset=4", "limit=2", "cursor=a"]),
        ("?offset=4&&=&x", ["offset=4"]),
        ("?page=3", ["page=3"]),
        ("?cursor=a%2Bb%3D%3D&after=%ff", ["cursor=a%2Bb%3D%3D", "after=%ff"]),
        ("?cursor=a b\x00c", ["cursor=a%20b%00c"]),
        ("?date_from=None&date_to=2030-01-01T00:00:00Z&offset=4", ["offset=4"]),
        ("?Date_From=x&tenant=8&Tenant=9&offset=4", ["offset=4"]),
        ("?offset=None&limit=50", []),
        ("?offset=-1", []),
        ("?offset=4&limit=0", ["offset=4"]),
        ("?offset=4&limit=ten", ["offset=4"]),
        ("?offset=4&offset=6", ["offset=6"]),
        ("?cursor=None&next=&page=null", []),
        ("?limit=2", []),
        ("https://x/tariffs", []),
        ("", []),
    ],
)
def test_a_link_gives_offset_limit_and_what_is_not_ours(target, parameters):
    assert parameters_of(target, {"date_from", "date_to", "tenant"}) == parameters


@pytest.mark.parametrize(
    ("text", "total"),
    [
        ("137", 137), (" 137 ", 137), ("137.0", 137), ('"137"', 137), ("+137", 137), ("137, 137", 137), ("0", 0),
        ("137, 138", None), ("1,370", None), ("-1", None), ("1.5", None), ("many", None), ("", None), ("NaN", None),
        ("٣", None), ("9" * 19, None), ("9" * 5000, None), ("null", None),
    ],
)  # fmt: skip
def test_a_total_is_read_where_it_is_a_number(text, total):
    assert read_total(text) == total


def offset_in(url):
    return int(dict(parse_qsl(urlsplit(url).query)).get("offset", 0))


class Server:
    """A list of so many tariffs. total, link: the headers of a page, by its offset and how many there are.

    by_offset: whether it heeds the offset. beyond: what it answers to one beyond the end: "empty" or "refused".
    """

    def __init__(self, number=10, *, total=None, link=None, by_offset=True, beyond="empty"):
        self.number = number
        self.total = total or (lambda at, number: str(number))
        self.link = link or (lambda at, number: None)
        self.by_offset = by_offset
        self.beyond = beyond
        self.asked = []
        self.found = []

    def fetch(self, url):
        self.asked.append(url)
        assert len(self.asked) < 200
        at = offset_in(url) if self.by_offset else 0
        if at >= self.number and self.beyond == "refused":
            raise RefusedError("There is no such page.", status_code=2001, http_status=404)
        ids = range(at, min(at + SIZE, self.number))
        data = [tariff(country_code="FR", party_id="OTH", id=str(number)) for number in ids]
        headers = {"X-Total-Count": self.total(at, self.number), "Link": self.link(at, self.number)}
        headers = Headers({name: value for name, value in headers.items() if value is not None})
        return SimpleNamespace(data=data, headers=headers, timestamp="2026-01-01T12:00:00Z")

    def pages(self, base=BASE, **options):
        bounds = Bounds(found=lambda kind, reason: self.found.append(kind))
        return Pages(self.fetch, base, Tariff(), endpoint=base, bounds=bounds, **options)

    def read(self, **options):
        """Return the numbers of the objects that were read, and the doubt that there is in the end."""
        pages = list(self.pages(**options))
        return [int(document["id"]) for page in pages for document in page.documents], pages[-1].doubt


def usual(at, number):
    return f'<https://peer.example/elsewhere?offset={at + SIZE}>; rel="next"' if at + SIZE < number else None


def always(at, number):
    return f'<{BASE}&offset={at + SIZE}>; rel="next"'


LINKS = {
    "usual": usual,
    "none": lambda at, number: None,
    "always": always,
    "unreadable": lambda at, number: "<None>; rel=next",
    "not the last but one": lambda at, number: usual(at, number - SIZE),
    "offset None": lambda at, number: '<https://x/?offset=None&date_from=None>; rel="next"',
}
TOTALS = {
    "right": lambda at, number: str(number),
    "too large": lambda at, number: str(number + 7),
    "too small": lambda at, number: str(number // 2),
    "zero": lambda at, number: "0",
    "of the page": lambda at, number: str(min(SIZE, max(0, number - at))),
    "up and down": lambda at, number: str(number if at % 8 else number - 3),
    "no number": lambda at, number: "many",
}


NEVER_ENDING = {(LINKS["always"], TOTALS["no number"])}
CANNOT_BE_TOLD = {"of the page", "up and down", "too small"}  # where the last page that is served has no Link


@pytest.mark.parametrize("beyond", ["empty", "refused"])
@pytest.mark.parametrize("total", TOTALS.values(), ids=TOTALS)
@pytest.mark.parametrize("link", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("number", [10, 12])
def test_everything_is_read_whatever_total_and_link_say(number, link, total, beyond):
    if link in (LINKS["none"], LINKS["not the last but one"]) and total in map(TOTALS.get, CANNOT_BE_TOLD):
        total = TOTALS["right"]
    server = Server(number, total=total, link=link, beyond=beyond)
    read, doubt, error = [], "", None

    try:
        for page in server.pages():
            read += [int(document["id"]) for document in page.documents]
            doubt = page.doubt
    except (EndlessListError, RefusedError) as raised:
        error = raised

    assert sorted(read) == list(range(number))
    if total is TOTALS["too large"] or (link, total) in NEVER_ENDING:
        assert doubt or error
    elif total is not TOTALS["of the page"]:
        assert (doubt, error) == ("", None)
    assert all(url.startswith(BASE) for url in server.asked)
    assert set(server.found) <= set(OUTCOMES)


def test_a_list_as_it_should_be_costs_no_request_more():
    server = Server(10, link=usual)

    assert server.read() == (list(range(10)), "")
    assert server.asked == [BASE, f"{BASE}&offset=4", f"{BASE}&offset=8"]
    assert server.found == []


@pytest.mark.parametrize("total", [None, "10", "7"], ids=["none", "right", "too small"])
def test_where_neither_says_more_nothing_more_is_asked_for(total):
    server = Server(SIZE if total is None else int(total), total=lambda at, number: total, link=usual)

    server.read()

    assert len(server.asked) == -(-server.number // SIZE)


@pytest.mark.parametrize(
    ("link", "total"),
    [
        (LINKS["none"], TOTALS["right"]),
        (LINKS["unreadable"], TOTALS["right"]),
        (LINKS["unreadable"], TOTALS["no number"]),
        (LINKS["unreadable"], lambda at, number: None),
    ],
    ids=["total says more", "total and link", "nothing readable", "no total"],
)
def test_a_list_that_cannot_be_read_on_is_not_complete(link, total):
    server = Server(10, link=link, total=total, by_offset=False)
    pages = server.pages()

    first = next(pages)

    with pytest.raises(IncompleteListError, match="could not be read to its end: it has"):
        next(pages)
    assert (len(first.documents), len(server.asked)) == (SIZE, 2)
    assert server.found[-1] == "incomplete_list"


@pytest.mark.parametrize("total", ["3", "no number"], ids=["right", "unreadable"])
def test_a_list_without_pages_is_complete_once_it_repeats(total):
    server = Server(3, total=lambda at, number: total, by_offset=False)

    assert server.read() == ([0, 1, 2], "")
    assert len(server.asked) == (1 if total == "3" else 2)


@pytest.mark.parametrize("query", ["", "?date_from=1970-01-01T00:00:00Z"], ids=["no dates", "from the beginning"])
def test_a_whole_list_that_is_empty_and_has_objects_by_its_total_is_not_complete(query):
    with pytest.raises(IncompleteListError, match="it has 5 objects, of which 0 could be read"):
        Server(0, total=lambda at, number: "5").read(base=BASE.partition("?")[0] + query)


def test_no_changes_are_complete_but_for_a_doubt_where_the_total_counts_more():
    server = Server(0, total=lambda at, number: "5")

    assert server.read() == ([], "it names 5 objects and has 0")
    assert (len(server.asked), server.found) == (1, ["wrong_total"])


@pytest.mark.parametrize("link", [LINKS["none"], always, LINKS["unreadable"]], ids=["no link", "link", "unreadable"])
def test_an_empty_list_is_complete(link):
    assert Server(0, link=link).read() == ([], "")


def test_a_link_that_skips_objects_leaves_a_doubt():
    server = Server(12, link=lambda at, number: '<?offset=8>; rel="next"' if not at else None)

    read, doubt = server.read()

    assert sorted(read) == [0, 1, 2, 3, 8, 9, 10, 11]
    assert doubt == "it names 12 objects and has 8"
    assert server.found == ["wrong_total"]


def test_a_total_that_only_the_first_page_has_is_remembered():
    server = Server(12, total=lambda at, number: None if at else "12", link=lambda at, number: usual(at, 8))

    assert server.read() == (list(range(8)), "it names 12 objects and has 8")


def test_a_total_that_keeps_going_up_and_down_costs_few_requests():
    totals = iter(("10", "5") * 200)
    server = Server(10, link=usual, total=lambda at, number: next(totals))

    read, doubt = server.read()

    assert sorted(read) == list(range(10))
    assert "up and down" in doubt
    assert len(server.asked) < 60
    assert "unsteady_total" in server.found


def test_the_size_of_the_pages_is_kept_where_no_link_names_it():
    server = Server(10)
    bounds = Bounds()
    pages = Pages(server.fetch, f"{BASE}&limit=4", Tariff(), endpoint=BASE, bounds=bounds)

    assert sum(len(page.documents) for page in pages) == 10
    assert server.asked[1] == f"{BASE}&limit=4&offset=4"


def test_a_refusal_of_a_page_that_was_named_is_an_error():
    server = Server(
        10, link=lambda at, number: usual(at + 100, 1000) if at == 4 else usual(at, number), beyond="refused"
    )

    with pytest.raises(RefusedError):
        server.read()


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_refusal_that_is_about_the_moment_ends_no_list(status):
    server = Server(10, total=TOTALS["too large"], link=usual)
    fetch = server.fetch

    def refuse(url):
        if offset_in(url) >= 10:
            raise RefusedError("Not now.", status_code=2001, http_status=status)
        return fetch(url)

    server.fetch = refuse

    with pytest.raises(RefusedError):
        server.read()


def test_a_list_that_is_gone_on_with_knows_how_much_was_read():
    server = Server(10, link=usual)
    pages = Pages(server.fetch, f"{BASE}&offset=8", Tariff(), endpoint=BASE, total=10, objects=8)

    (page,) = pages

    assert (len(page.documents), page.doubt, len(server.asked)) == (2, "", 1)


@pytest.mark.parametrize(("data", "read"), [(None, 0), ({"id": "1"}, 1)], ids=["null", "object"])
@pytest.mark.parametrize("strict", [False, True], ids=["tolerant", "strict"])
def test_data_that_is_no_list_is_one_unless_that_is_refused(data, read, strict):
    found = []

    def fetch(url):
        return SimpleNamespace(data=data, headers=Headers({}), timestamp="")

    pages = Pages(
        fetch,
        BASE,
        Tariff(),
        endpoint=BASE,
        strict=strict,
        bounds=Bounds(found=lambda kind, reason: found.append((kind, reason))),
    )

    if strict:
        with pytest.raises(InvalidResponseError, match="did not answer with a list"):
            next(pages)
    else:
        (page,) = pages
        assert len(page.documents) + len(page.broken) == read
        assert found == [("no_list", "an object" if read else "null")]


@pytest.mark.parametrize("data", ["x", 1, True, 1.5])
def test_data_that_is_nothing_like_a_list_is_refused(data):
    def fetch(url):
        return SimpleNamespace(data=data, headers=Headers({}), timestamp="")

    with pytest.raises(InvalidResponseError, match="did not answer with a list"):
        list(Pages(fetch, BASE, Tariff(), endpoint=BASE))


HEADERS = st.one_of(st.none(), st.sampled_from(["<", ">", '"', "next"]), st.text(max_size=40))
ANY_LINK = st.one_of(
    HEADERS,
    st.builds(
        lambda url, between, rel: f"<{url}>{between}rel={rel}",
        st.one_of(st.text(max_size=30), st.integers(0, 20).map(lambda at: f"?offset={at}")),
        st.sampled_from([";", "; ", ",", "", ' ; title="x"; ']),
        st.sampled_from(["next", '"next"', '"prev next"', "NEXT", "prev", ""]),
    ),
)
ANY_TOTAL = st.one_of(st.none(), st.integers(0, 30).map(str), st.text(max_size=5))


@given(links=st.lists(ANY_LINK, min_size=1, max_size=6), totals=st.lists(ANY_TOTAL, min_size=1, max_size=6))
def test_whatever_the_headers_are_reading_ends_and_goes_nowhere_else(links, totals):
    count = iter(range(1000))

    def pick(values):
        return lambda at, number: values[next(count) % len(values)]

    server = Server(10, link=pick(links), total=pick(totals))

    try:
        read, _ = server.read()
    except (EndlessListError, IncompleteListError):
        read = []

    assert len(set(read)) == len(read)
    assert all(urlsplit(url)._replace(query="") == urlsplit(BASE)._replace(query="") for url in server.asked)
    assert all(url.startswith(BASE) for url in server.asked)
