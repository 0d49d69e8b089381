"""Search, stories and messages in the console."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.console.platform import ID


def links(page, view):
    return [path.replace("&amp;", "&") for path in re.findall(rf'href="/ocpi/console(/{view}\?[^"]+)"', page)]


@pytest.fixture
def sent(visit, filled):
    """The path of the message in which a tariff was sent to the partner."""
    return links(visit("read").text("/story?kind=tariff&id=T1"), "message")[0]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("S1", ["Story of session", "sessions NL-ABC S1", "sessions DE-EMS S1"]),
        ("s1", ["Story of session"]),
        ("C1", ["Story of cdr", "cdrs DE-EMS C1"]),
        ("AUTH-0001", ["Story of authorization reference"]),
        (ID, ["Story of token", "tokens NL-ABC", "Story of location"]),
        ("DE-EMS", ["/ocpi/console/partner?id="]),
    ],
)
def test_one_box_finds_what_has_an_id(visit, filled, asked, expected):
    page = visit("read").text(f"/search?q={quote(asked)}")

    assert [text for text in expected if text not in page] == []


@pytest.mark.parametrize("asked", ["S99", "%", "x" * 500, "\x00", "4711", "🚗"])
def test_what_is_not_known_is_not_found(visit, filled, asked):
    assert "Nothing that is stored here" in visit("read").text(f"/search?q={quote(asked)}")


def test_a_message_is_found_by_its_number(visit, filled, sent):
    number = sent.partition("=")[2]

    assert links(visit("read").text(f"/search?q={number}"), "message") == [f"/message?number={number}"]


def test_a_story_has_messages_and_audits_in_the_order_of_time(visit, filled):
    page = visit("read").text("/story?kind=session&id=S1")

    assert "sent session S1" in page
    assert "CDR C1 was audited: dispute" in page
    assert page.index("sent session S1") < page.index("CDR C1 was audited")
    assert links(page, "message") != []


def test_a_story_of_one_partner_has_its_messages_only(visit, filled):
    partner = filled.partners.find("DE-EMS").id

    assert "sent session S1" in visit("read").text(f"/story?kind=session&id=S1&partner={partner}")
    assert "sent session S1" not in visit("read").text("/story?kind=session&id=S1&partner=former")


@pytest.mark.parametrize("query", ["kind=weather&id=1", "id=1", "kind=partner&id=nobody"])
def test_a_story_that_cannot_be_told_says_why(visit, query):
    assert visit("read").get(f"/story?{query}").status_code == 404


def test_a_message_has_headers_and_bodies_without_the_token(visit, filled, sent):
    page = visit("read").text(sent)

    assert "https://ems.example/ocpi/2.3.0/receiver/tariffs/NL/ABC/T1" in page
    assert "X-Request-ID" in page
    assert "Authorization: Token $OCPI_TOKEN" in page.replace("&#34;", '"')
    assert filled.services.platforms.cipher.decrypt(filled.partners.find("DE-EMS").token) not in page


def test_a_message_as_curl_quotes_what_a_shell_would_read(visit, filled):
    filled.save(
        "tariffs",
        {
            **filled.objects.get("tariffs", "T1"),
            "id": "T2",
            "tariff_alt_text": [{"language": "en", "text": "it's $(id)"}],
        },
    )
    filled.outbox.flush()
    [path] = links(visit("read").text("/story?kind=tariff&id=T2"), "message")

    page = visit("read").text(path).replace("&#39;", "'").replace("&#34;", '"')

    assert "it'\"'\"'s $(id)" in page


def test_our_message_is_sent_again(visit, filled, sent, network):
    network.requests.clear()

    page = visit("operate").send(sent, "/message/replay").get_data(as_text=True)

    assert "Done:</strong>" in page
    assert [request.method for request in network.requests] == ["PUT"]
    assert [action.what for action in filled.actions.list()] == ["sent a message again"]


def test_readers_send_nothing_again(visit, sent):
    page = visit("read").text(sent)

    assert "/message/replay" not in page
    assert "Your level does not allow sending it again." in page


def test_a_message_of_a_partner_has_no_form_to_send_it(visit, filled):
    reader = visit("admin")
    for path in links(reader.text("/story?kind=session&id=S1"), "message"):
        page = reader.text(path)
        if "<bdi>sent session S1" in page:
            assert "/message/replay" not in page


def test_what_cannot_be_sent_again_is_refused_also_without_its_page(visit, filled):
    operator = visit("operate")
    [number] = [
        e.number
        for e in filled.journal.list(limit=500)
        if e.message.direction == "IN" and "sessions/DE" in e.message.url
    ]
    key = re.search(r'name="key" value="([^"]+)"', operator.text("/object?module=tariffs&owner=NL-ABC&id=T1"))[1]

    page = operator.post("/message/replay", {"number": str(number), "key": key}, follow_redirects=True)

    assert "Another platform sent this message" in page.get_data(as_text=True)


def test_an_unknown_message_is_not_found(visit):
    assert visit("read").get("/message?number=99999").status_code == 404
