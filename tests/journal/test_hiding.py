"""No credentials get into a message, and as much of the bodies as the settings allow."""

from __future__ import annotations

import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_ocpi.core.config import Settings
from flask_ocpi.errors import RefusedError
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.exchange.messages import Direction
from flask_ocpi.exchange.messages import Message
from flask_ocpi.exchange.messages import Traffic
from flask_ocpi.exchange.messages import _hidden_user
from flask_ocpi.exchange.references import References
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.testing.network import party_settings
from flask_ocpi.versions import VERSIONS
from tests.journal.conftest import kept
from tests.peers import CREDENTIALS
from tests.peers import Peer
from tests.test_secrets import assert_unreadable
from tests.test_secrets import tokens_in
from tests.urls import ocpi_url

SECRET = "gHx3kPzQ9-wLrTn7Vb2M"
ALL = {"OCPI_JOURNAL": "all"}
PROVIDER = [("NL", "ALL", ["CPO", "EMSP"])]
COPY = ocpi_url("receiver/locations/DE/CPO/LOC1")


def texts(*platforms):
    """Return all that the journals of platforms hold, as it is stored."""
    return "\n".join(r.text.decode() for ocpi in platforms for r in walk(ocpi.storage, JOURNAL, Query()))


@pytest.fixture
def told():
    """Tell of an exchange with these properties and return the message that is kept."""

    def tell(*, config=None, failed=False, **given):
        settings = Settings.from_mapping(
            {"OCPI_PARTIES": [party_settings("NL", "ABC", ["CPO"])], **ALL, **(config or {})}
        )
        made = []
        traffic = Traffic(
            settings,
            clock=None,
            emit=lambda *a, **k: None,
            journal=lambda make, size: made.append(make().message),
            references=References(VERSIONS),
            contacts=None,
        )
        values = {
            "direction": Direction.IN,
            "method": "POST",
            "url": ocpi_url("credentials"),
            "moment": 0,
            "duration": 0.0,
            **dict.fromkeys(("platform", "module", "operation", "status_code")),
            **dict.fromkeys(("request_id", "correlation_id", "error"), ""),
            "http_status": 200,
            "request_headers": {},
            "response_headers": {},
            "request_body": b"",
            "response_body": b"",
            "secrets": (),
            **given,
        }
        secrets = values.pop("secrets")
        sizes = {f"{side}_bytes": len(values[f"{side}_body"]) for side in ("request", "response")}
        traffic.tell(Message(**values, **sizes), secrets=secrets)
        (message,) = made
        return message

    return tell


@pytest.mark.conformance("A-14")
def test_no_token_of_a_registration_gets_into_the_journal(ocpi_network):
    one = ocpi_network.add("one.example", PROVIDER, config=ALL)
    other = ocpi_network.add("two.example", [("DE", "TWO", ["CPO", "EMSP"])], config=ALL)
    tokens = set()

    def collect(request, response):
        tokens.update(tokens_in(request, response.body))
        return response

    ocpi_network.after_send = collect
    there, here = ocpi_network.connect(one, other)
    one.partners.rotate(there.id)
    other.partners.rotate(here.id)
    one.partners.unregister(there.id)
    one.partners.invite(name="Somebody", token="an-invitation-token")
    with pytest.raises(RefusedError):
        one.partners.register(other.versions_url, "a-token-that-nobody-knows")

    assert len(kept(one)) + len(kept(other)) == 2 * len(ocpi_network.requests)
    assert_unreadable(texts(one, other), {*tokens, "an-invitation-token", "a-token-that-nobody-knows"})
    assert texts(one).count('\\"token\\":\\"***\\"') == 6


@pytest.mark.conformance("A-14")
@pytest.mark.parametrize("path", [CREDENTIALS, ocpi_url("sender/credentials"), COPY], ids=["there", "no", "other"])
def test_no_token_of_a_refused_request_gets_into_the_journal(ocpi_network, path):
    ocpi = ocpi_network.add("one.example", PROVIDER)
    peer = Peer(ocpi_network)
    _, token = ocpi.partners.invite(name="Peer")
    partner = add_partner(ocpi.app, [("DE", "CPO", ["CPO"])])
    body = {**peer.credentials(), "token": SECRET, "url": 5}

    PartnerClient(ocpi.app, token).post(path, body)
    partner.put(path, body, headers={"X-Api-Key": partner.token, "Cookie": f"token={partner.token}"})
    partner.put(f"{path}?token={SECRET}", {**documents.location(), "key": partner.token})
    PartnerClient(ocpi.app, SECRET).put(path, data=f'{{"token": "{SECRET}')

    assert len(kept(ocpi)) == 4
    assert_unreadable(texts(ocpi), {token, SECRET, partner.token, peer.token})


def test_token_that_an_answer_repeats_is_hidden(ocpi_network):
    ocpi = ocpi_network.add("one.example", PROVIDER)
    peer = Peer(ocpi_network)
    answer = orjson.dumps({"status_code": 2001, "status_message": f"{SECRET} is unknown", "timestamp": "x"})
    peer.answers["GET /versions"] = lambda: (answer, 401)

    with pytest.raises(RefusedError, match="is unknown") as refused:
        ocpi.partners.register(peer.url, SECRET)

    assert SECRET not in str(refused.value)

    (message,) = kept(ocpi)
    assert SECRET not in texts(ocpi)
    assert "*** is unknown" in message.error
    assert b"*** is unknown" in message.response_body


@pytest.mark.parametrize(
    "body",
    [
        b'{"token":"%s"}',
        b'{ "token" :\n "%s" , "url": 1}',
        b'{"data":{"roles":[],"token":"%s"},"status_code":1000}',
        b'{"TOKEN":"%s"}',
        b'{"\\u0074o\\u006Ben":"%s"}',
        b'{"\\u0054oken":"%s"}',
        b'{"token":"a\\"b%s"}',
        b'{"token":"%s',
        b'{"token":"%s\\',
        b'{"token":%s}',
        b'[{"token":"%s",}',
    ],
    ids=["plain", "spaced", "nested", "upper", "escaped", "escaped upper", "quote", "cut", "cut", "bare", "broken"],
)
def test_token_in_a_body_is_hidden_however_it_is_written(told, body):
    message = told(request_body=body % SECRET.encode())

    assert SECRET.encode() not in message.request_body
    assert b'"***"' in message.request_body
    assert not message.request_whole


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(max_size=6), inner, max_size=3)
            | inner.map(lambda rest: {"token": SECRET, "rest": rest})
        ),
        max_leaves=12,
    ),
    st.sampled_from([0, orjson.OPT_INDENT_2]),
)
def test_no_token_of_any_document_is_left(document, option):
    settings = Settings.from_mapping({"OCPI_PARTIES": [party_settings("NL", "ABC", ["CPO"])]})
    traffic = Traffic(settings, clock=None, emit=None, journal=None, contacts=None, references=References(VERSIONS))
    body = orjson.dumps(document, option=option)

    clean, whole = traffic._body(body, len(body), ())

    assert SECRET.encode() not in clean
    assert orjson.loads(clean) == orjson.loads(body.replace(SECRET.encode(), b"***"))
    assert whole == (SECRET.encode() not in body)


def test_object_named_token_is_no_secret(told):
    body = orjson.dumps({"token": documents.token(), "cdr_token": {"uid": "1"}})

    message = told(request_body=body)

    assert (message.request_body, message.request_whole) == (body, True)


def test_configured_properties_are_hidden_in_bodies_and_queries(told):
    body = orjson.dumps({"uid": "012345678", "contract_id": "NL-ABC-1", "nested": [{"UID": 5}], "uids": "kept"})

    message = told(
        config={"OCPI_JOURNAL_HIDDEN": ["uid", "contract_id"]},
        request_body=body,
        url="/tokens?type=RFID&uid=012345678&x=1",
    )

    assert orjson.loads(message.request_body) == {
        "uid": "***",
        "contract_id": "***",
        "nested": [{"UID": "***"}],
        "uids": "kept",
    }
    assert message.url == "/tokens?type=RFID&uid=***&x=1"


def test_only_known_headers_are_kept(told):
    sent = {"Authorization": f"Token {SECRET}", "X-Real-Key": SECRET, "OCPI-to-party-id": "ABC", "ACCEPT": "a"}
    answered = {"Set-Cookie": SECRET, "Link": f'<https://x.example/?token={SECRET}&limit=1>; rel="next"'}

    message = told(request_headers=sent, response_headers=answered)

    assert dict(message.request_headers) == {"OCPI-to-party-id": "ABC", "ACCEPT": "a"}
    assert dict(message.response_headers) == {"Link": '<https://x.example/?token=***&limit=1>; rel="next"'}


def test_spellings_of_the_token_that_was_sent_are_hidden_everywhere(told):
    coded = base64.b64encode(SECRET[:19].encode()).decode()

    message = told(
        secrets=(SECRET, f" {coded}"),
        url=f"/{SECRET}?a={coded.replace('=', '%3D')}",
        error=f"{coded}!",
        request_body=f'["{SECRET}"]'.encode(),
        response_body=f'["{coded}"]'.encode(),
        response_headers={"Location": f"/{SECRET}"},
    )

    assert coded.endswith("==")
    assert message.url == "/***?a=***%3D%3D"
    assert message.error == "***==!"
    assert (message.request_body, message.response_body) == (b'["***"]', b'["***=="]')
    assert dict(message.response_headers) == {"Location": "/***"}


def test_short_token_leaves_the_text_readable(told):
    assert told(secrets=("e",), url="/tree").url == "/tree"


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("https://user:word@host.example/a@b", "https://***@host.example/a@b"),
        ("https://host.example/a@b", "https://host.example/a@b"),
        ("/a//b@c", "/a//***@c"),
    ],
)
def test_user_in_a_url_is_hidden(url, hidden):
    assert _hidden_user(url) == hidden


def test_long_body_is_cut_and_said_to_be(told):
    body = b'{"a":"' + b"x" * 5000 + b'"}'

    message = told(config={"OCPI_JOURNAL_BODY_BYTES": 5000}, request_body=body, response_body=body[:5000])

    assert (message.request_body, message.request_whole) == (body[:2048], False)
    assert message.request_bytes == len(body)
    assert (message.response_body, message.response_whole) == (body[:5000], True)


def test_body_is_cut_between_characters(told):
    body = "é".encode() * 40

    message = told(config={"OCPI_JOURNAL_BODY_BYTES": 11}, request_body=body)

    assert message.request_body == "é".encode() * 5


@pytest.mark.parametrize(
    "body", ['{"token":"x"}'.encode("utf-16"), b"\xff\xfe{}", b'{"a\0":1}'], ids=["utf-16", "binary", "nul"]
)
def test_body_that_is_no_text_is_left_out(told, body):
    message = told(request_body=body)

    assert (message.request_body, message.request_whole) == (b"", False)
    assert message.request_bytes == len(body)


def test_no_bodies_are_kept_where_none_are_wanted(told):
    message = told(config={"OCPI_JOURNAL_BODY_BYTES": 0}, request_body=b"{}", response_body=b"{}")

    assert (message.request_body, message.request_whole) == (b"", False)
    assert (message.response_body, message.response_whole) == (b"", False)


def test_message_without_a_body_is_whole(told):
    assert told().request_whole


def test_endless_texts_are_cut(told):
    message = told(url=f"/{'x' * 99_999}", error="y" * 99_999)

    assert (len(message.url), len(message.error)) == (4096, 1000)
