"""Who may call: group A of the requirements."""

from __future__ import annotations

import base64

import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.auth_tokens import candidates
from flask_ocpi.testing.documents import credentials
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.urls import ocpi_url

SENDER = ocpi_url("sender/locations")
COPY = ocpi_url("receiver/locations/DE/CPO/LOC1")
TOKEN = "A-token-with-Capitals~!"
THEIRS = location(country_code="DE", party_id="CPO")

# What is served, of each sort one: (method, path, body). All of it: test_every_operation.py.
REQUESTS = [
    ("GET", "/ocpi/versions", None),
    ("GET", ocpi_url(), None),
    ("GET", ocpi_url("credentials"), None),
    ("POST", ocpi_url("credentials"), credentials()),
    ("PUT", ocpi_url("credentials"), credentials()),
    ("DELETE", ocpi_url("credentials"), None),
    ("GET", SENDER, None),
    ("GET", f"{SENDER}/LOC1", None),
    ("GET", COPY, None),
    ("PUT", COPY, THEIRS),
    ("PATCH", COPY, {"last_updated": "2024-06-30T12:00:00Z"}),
    ("GET", f"{COPY}/EVSE1/1", None),
]
EVERY_REQUEST = pytest.mark.parametrize(("method", "path", "body"), REQUESTS, ids=[f"{m} {p}" for m, p, _ in REQUESTS])


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def invited(ocpi, ocpi_app):
    """A platform that has a registration token and nothing else."""
    platform, _ = ocpi.partners.invite(name="Invited", token=TOKEN)
    return PartnerClient(ocpi_app, TOKEN, platform=platform)


@pytest.mark.conformance("A-01", "A-06", "A-13", "A-11")
@EVERY_REQUEST
def test_every_request_needs_a_token(ocpi, ocpi_client, method, path, body):
    answer = ocpi_client.open(method, path, json=body, headers={"Authorization": None})

    assert (answer.http_status, answer.status_code) == (401, 2000)
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.headers["Content-Type"] == "application/json"
    assert list(ocpi.objects.documents("locations", copies=True)) == []


@pytest.mark.conformance("A-01", "A-02", "A-03")
def test_every_request_of_the_client_carries_the_token(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    token = ocpi.services.platforms.cipher.decrypt(platform.token)
    ocpi_network.requests.clear()

    with ocpi.client(platform) as client:
        client.locations.put(location())
        list(client.locations.list())
    ocpi.partners.rotate(platform)

    ours = [r for r in ocpi_network.requests if r.url.startswith("https://other.example/")][:5]
    assert [r.method for r in ours] == ["PUT", "GET", "GET", "GET", "PUT"]
    assert {r.headers["Authorization"] for r in ours} == {f"Token {encoded(token)}"}


@pytest.mark.conformance("A-02", "A-03")
@pytest.mark.parametrize(
    ("token", "header"),
    [
        ("example-token", "Token ZXhhbXBsZS10b2tlbg=="),
        ("fd2Vdn0c-4nXuKmR9W8eh41i.../?", "Token ZmQyVmRuMGMtNG5YdUttUjlXOGVoNDFpLi4uLz8="),
        ("~~~???", "Token fn5+Pz8/"),
    ],
    ids=["example", "long", "plus and slash"],
)
def test_the_token_is_written_as_base64_without_line_feed(token, header):
    assert authorization(token) == header


@pytest.mark.conformance("A-02", "A-04", "A-05", "A-10")
@pytest.mark.parametrize(
    "header",
    [
        f"Token {encoded(TOKEN)}",
        f"token {encoded(TOKEN)}",
        f"TOKEN {encoded(TOKEN)}",
        f"Token  {encoded(TOKEN)}",
        f"Token {encoded(TOKEN + chr(10))}",
        f"Token {encoded(TOKEN + chr(13) + chr(10))}",
        f"Token {TOKEN}",
    ],
    ids=["base64", "lower case", "upper case", "two blanks", "line feed", "return and line feed", "plain"],
)
def test_usual_spellings_of_the_header_are_understood(invited, header):
    answer = invited.get("/ocpi/versions", headers={"Authorization": header})

    assert (answer.http_status, answer.status_code) == (200, 1000)


@pytest.mark.conformance("A-05")
@pytest.mark.parametrize(("encoding", "sent"), [("base64", encoded("raw-token")), ("plain", "raw-token")])
def test_how_the_token_is_sent_is_set_per_platform(ocpi_network, ocpi, ocpi_other, encoding, sent):
    ocpi_other.partners.invite(name="Them", token="raw-token")

    ocpi.partners.register(ocpi_other.versions_url, "raw-token", encoding=encoding)

    assert ocpi_network.requests[0].headers["Authorization"] == f"Token {sent}"


@pytest.mark.conformance("A-06", "A-11")
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Token",
        "Token ",
        TOKEN,
        f"Basic {encoded(TOKEN)}",
        f"Bearer {TOKEN}",
        f"Token{encoded(TOKEN)}",
        "Token %%%",
        "Token =",
        "Token ////",
        "Token \u00e9\u00e8",
        f"Token {encoded('unknown')}",
        f"Token {encoded(TOKEN.lower())}",
        f"Token {encoded(TOKEN + 'x')}",
        f"Token {encoded(encoded(TOKEN))}",
        f"Token {'A' * 10_000}",
    ],
    ids=[
        "empty",
        "no token",
        "blank",
        "no scheme",
        "basic",
        "bearer",
        "no blank",
        "not base64",
        "padding",
        "bytes",
        "latin",
        "unknown",
        "other case",
        "longer",
        "encoded twice",
        "huge",
    ],
)
@pytest.mark.parametrize("path", ["/ocpi/versions", SENDER], ids=["versions", "locations"])
def test_headers_that_name_no_known_token_are_answered_401(ocpi_client, invited, header, path):
    answer = invited.get(path, headers={"Authorization": header})

    assert (answer.http_status, answer.status_code) == (401, 2000)
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert TOKEN.encode() not in answer.body


@pytest.mark.conformance("A-06")
def test_two_authorization_headers_do_not_open_anything_by_chance(invited):
    header = f"Token {encoded('unknown')}, Token {encoded(TOKEN)}"

    assert invited.get("/ocpi/versions", headers={"Authorization": header}).http_status == 401


@pytest.mark.conformance("A-07", "A-12")
@EVERY_REQUEST
def test_a_registration_token_opens_versions_and_credentials_only(ocpi, invited, method, path, body):
    answer = invited.open(method, path, json=body)

    if "locations" in path:
        assert (answer.http_status, answer.status_code) == (401, 2000)
        assert list(ocpi.objects.documents("locations", copies=True)) == []
    else:
        assert answer.http_status in (200, 405)  # 405: PUT and DELETE before the registration


@pytest.mark.conformance("A-08")
def test_a_token_names_one_platform(ocpi_app, ocpi):
    clients = [
        add_partner(ocpi_app, [("DE", "ONE", ["EMSP"])], name="One"),
        add_partner(ocpi_app, [("DE", "TWO", ["EMSP"])], name="Two"),
    ]
    for client in clients:
        ocpi.save("locations", location(id=client.platform.id), audience=client.platform.parties)

    seen = [[item["id"] for item in client.get(SENDER).data] for client in clients]

    assert seen == [[client.platform.id] for client in clients]


@pytest.mark.conformance("A-08")
def test_a_token_that_is_in_use_is_not_given_to_another_platform(ocpi, invited):
    with pytest.raises(InvalidParametersError, match="in use already"):
        ocpi.partners.invite(name="Second", token=TOKEN)


@pytest.mark.conformance("A-09")
@pytest.mark.parametrize("token", ["!", "~" * 64, "aB/+=:#?%"], ids=["short", "long", "signs"])
def test_tokens_of_all_allowed_characters_work(ocpi, ocpi_app, token):
    ocpi.partners.invite(name="Partner", token=token)

    assert PartnerClient(ocpi_app, token).get("/ocpi/versions").http_status == 200


@pytest.mark.conformance("A-09")
@pytest.mark.parametrize("token", ["", "a b", "\t", "é", "x" * 65], ids=["empty", "blank", "tab", "letter", "long"])
def test_other_tokens_are_refused(ocpi, token):
    with pytest.raises(InvalidParametersError, match="1 to 64"):
        ocpi.partners.invite(name="Partner", token=token)


@pytest.mark.conformance("A-12", "PUSH-05")
def test_objects_of_others_are_hidden_by_404_not_403(ocpi_client):
    answers = [
        ocpi_client.get(ocpi_url("receiver/locations/FR/XXX/LOC1")),
        ocpi_client.get(ocpi_url("receiver/locations/DE/EMS/LOC1")),
    ]

    assert [answer.http_status for answer in answers] == [404, 404]


@pytest.mark.conformance("A-14")
def test_issued_tokens_are_stored_as_hashes_only(ocpi, ocpi_client, invited):
    kinds = ocpi.services.storage._kinds

    texts = b"".join(record.text for records in kinds.values() for record in records.values())

    assert b"Invited" in texts
    for token in (TOKEN, encoded(TOKEN), ocpi_client.token, encoded(ocpi_client.token)):
        assert token.encode() not in texts


@pytest.mark.conformance("A-02")
def test_url_safe_base64_is_not_taken_for_base64():
    token = "~~~???"
    url_safe = base64.urlsafe_b64encode(token.encode()).decode()

    assert candidates(f"Token {url_safe}") == [url_safe]
    assert candidates(authorization(token))[0] == token
