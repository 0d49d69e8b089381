"""Objects that their owner pushes: group PUSH of the requirements."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.modules.locations import LOCATION
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import connector
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import V2_2_1
from tests.conformance.operations import EXAMPLES
from tests.conformance.operations import every
from tests.conformance.sharing import COPY
from tests.conformance.sharing import LATER
from tests.conformance.sharing import RECEIVER
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.conformance.sharing import theirs
from tests.urls import ocpi_url

OWNED = [example for example in EXAMPLES if example.operation.owned]
PUT = [example for example in OWNED if example.method == "PUT" and not example.operation.part]


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


def copies(ocpi):
    return list(ocpi.objects.documents("locations", copies=True))


@pytest.mark.conformance("PUSH-01")
def test_urls_of_pushed_objects_name_the_owner_and_the_object():
    owned = [o for _, _, o in V2_2_1.operations() if o.owned]

    assert {o.object.name for o in owned} == {"location", "session", "cdr", "tariff", "token"}
    for operation in owned:
        levels = "".join(f"/{{{part.parameter.name}}}" for part in operation.object.parts[: operation.part])
        name = operation.object.parameter.name
        assert operation.path == f"/{{country_code}}/{{party_id}}/{{{name}}}{levels}"


@pytest.mark.conformance("PUSH-02", "T-13")
def test_put_creates_and_replaces_and_post_does_not(ocpi, ocpi_client):
    posted = ocpi_client.post(COPY, theirs())
    created = ocpi_client.put(COPY, theirs())
    replaced = ocpi_client.put(COPY, theirs(city="Bonn"))

    assert (posted.http_status, posted.headers["Allow"]) == (405, "GET, PUT, PATCH")
    assert (created.http_status, replaced.http_status) == (201, 200)
    assert copies(ocpi) == [theirs(city="Bonn")]


@pytest.mark.conformance("PUSH-03", "PUSH-04")
@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (COPY, theirs(id="LOC2"), "id in the body is not location_id in the URL ('LOC1')"),
        (COPY, theirs(country_code="NL"), "country_code in the body is not country_code in the URL ('DE')"),
        (COPY, theirs(party_id="EMS"), "party_id in the body is not party_id in the URL ('CPO')"),
        (f"{COPY}/EVSE1", evse(uid="EVSE2"), "uid in the body is not evse_uid in the URL ('EVSE1')"),
        (f"{COPY}/EVSE1/1", connector(id="2"), "id in the body is not connector_id in the URL ('1')"),
    ],
    ids=["id", "country_code", "party_id", "evse uid", "connector id"],
)
def test_url_and_body_have_to_name_the_same_object(ocpi, ocpi_client, path, body, message):
    ocpi_client.put(COPY, theirs(evses=[evse()]))

    answer = ocpi_client.put(path, body)

    assert (answer.http_status, answer.status_code) == (200, 2001)
    assert message in answer.message
    assert copies(ocpi) == [theirs(evses=[evse()])]


@pytest.mark.conformance("PUSH-03", "PUSH-08", "TYP-01", "TYP-02")
def test_identifiers_are_compared_without_regard_to_case_and_kept_as_sent(ocpi, ocpi_client):
    first = theirs(id="LoC1", country_code="de", evses=[evse(uid="eVsE1", connectors=[connector(id="A")])])
    put = ocpi_client.put(f"{RECEIVER}/De/cPo/lOc1", first)
    again = ocpi_client.put(f"{COPY}/EVSE1/a", connector(id="a"))

    found = ocpi_client.get(f"{RECEIVER}/DE/cpo/LOC1")

    assert (put.http_status, again.http_status) == (201, 200)
    assert found.data == {**first, "evses": [evse(uid="eVsE1", connectors=[connector(id="a")])]}
    assert len(copies(ocpi)) == 1


@pytest.mark.conformance("PUSH-05")
@pytest.mark.parametrize("owner", ["FR/XXX", "DE/XXX", "FR/CPO", "NL/ABC"])
@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [
        ("GET", "LOC1", None),
        ("PUT", "LOC1", theirs()),
        ("PATCH", "LOC1", {"last_updated": LATER}),
        ("PUT", "LOC1/EVSE1", evse()),
        ("PATCH", "LOC1/EVSE1/1", {"last_updated": LATER}),
    ],
    ids=["get", "put", "patch", "put evse", "patch connector"],
)
def test_urls_of_foreign_owners_are_answered_404(ocpi, ocpi_client, method, rest, body, owner):
    country_code, party_id = owner.split("/")
    body = None if body is None else {**body, "country_code": country_code, "party_id": party_id}

    answer = ocpi_client.open(method, f"{RECEIVER}/{owner}/{rest}", json=body)

    assert (answer.http_status, answer.status_code) == (404, 2001)
    assert "is not one of your parties" in answer.message
    assert copies(ocpi) == []


@pytest.mark.conformance("PUSH-05")
def test_one_partner_does_not_reach_the_objects_of_another(ocpi, ocpi_app, ocpi_client):
    ocpi_client.put(COPY, theirs())
    other = add_partner(ocpi_app, [("FR", "CPO", ["CPO"])], name="Other")

    answers = [other.get(COPY), other.put(COPY, theirs(city="Paris")), other.patch(COPY, {"last_updated": LATER})]

    assert [answer.http_status for answer in answers] == [404, 404, 404]
    assert copies(ocpi) == [theirs()]


@pytest.mark.conformance("PUSH-06", "RT-23")
def test_a_hub_pushes_for_any_party(ocpi, ocpi_app):
    hub = add_partner(ocpi_app, [("DE", "HUB", ["HUB"])])

    answers = [hub.put(f"{RECEIVER}/FR/XXX/LOC1", location(country_code="FR", party_id="XXX")), hub.put(COPY, theirs())]

    assert [answer.http_status for answer in answers] == [201, 201]
    assert len(copies(ocpi)) == 2


@pytest.mark.conformance("PUSH-07")
def test_pulled_objects_of_foreign_owners_are_ignored(ocpi_network, ocpi, ocpi_other):
    platform, _ = ocpi_network.connect(ocpi, ocpi_other)
    ocpi_other.save("locations", location(country_code="FR", party_id="OTH"))
    foreign = location(country_code="FR", party_id="XXX", id="FOREIGN")

    def add_foreign(request, response):
        body = response.body.replace(b'"data":[{', b'"data":[' + orjson.dumps(foreign) + b",{")
        return type(response)(response.status, response.headers, body, response.url)

    ocpi_network.after_send = add_foreign
    pulled = ocpi.pull("locations", platform)

    assert (pulled.created, pulled.foreign) == (1, 1)
    assert [document["party_id"] for document in copies(ocpi)] == ["OTH"]


@pytest.mark.conformance("PUSH-08")
def test_objects_of_two_owners_with_one_id_are_two_objects(ocpi, ocpi_app):
    client = add_partner(ocpi_app, [("DE", "AAA", ["CPO"]), ("DE", "BBB", ["CPO"]), ("FR", "AAA", ["CPO"])])
    owners = [("DE", "AAA"), ("DE", "BBB"), ("FR", "AAA")]

    for country_code, party_id in owners:
        document = location(country_code=country_code, party_id=party_id, city=f"{country_code}{party_id}")
        assert client.put(f"{RECEIVER}/{country_code}/{party_id}/LOC1", document).http_status == 201

    cities = [client.get(f"{RECEIVER}/{country}/{party}/LOC1").data["city"] for country, party in owners]
    assert cities == ["DEAAA", "DEBBB", "FRAAA"]
    assert LOCATION.key == ("country_code", "party_id", "id")


@pytest.mark.conformance("PUSH-08")
def test_an_evse_uid_and_a_connector_id_occur_once_in_a_location(ocpi, ocpi_client):
    twice = [evse(), evse(uid="evse1")]
    connectors = [evse(connectors=[connector(id="a"), connector(id="A")])]

    answers = [ocpi_client.put(COPY, theirs(evses=evses)) for evses in (twice, connectors)]

    assert [answer.status_code for answer in answers] == [2001, 2001]
    assert "evses[1].uid is the same as that of element 0" in answers[0].message
    assert "evses[0].connectors[1].id is the same" in answers[1].message
    assert copies(ocpi) == []


@pytest.mark.conformance("PUSH-09")
def test_the_owner_reads_back_what_it_pushed(ocpi, ocpi_client):
    document = theirs(evses=[evse(evse_id="DE*CPO*E1")], name="\u00dcberlingen \u26a1", gireve_id="G1")
    ocpi_client.put(COPY, document)

    assert ocpi_client.get(COPY).data == document
    assert ocpi_client.get(f"{COPY}/EVSE1").data == document["evses"][0]
    assert ocpi_client.get(f"{COPY}/EVSE1/1").data == connector()
    assert ocpi_client.get(ocpi_url("sender/locations")).data == []  # a copy is not ours to offer
    assert list(ocpi.objects.documents("locations")) == []


@pytest.mark.conformance("PUSH-10")
@pytest.mark.parametrize("path", ["", "/", "/DE", "/DE/CPO", "/DE/CPO/"])
def test_there_is_no_list_on_a_receiver_interface(ocpi_client, path):
    answer = ocpi_client.get(f"{RECEIVER}{path}")

    assert (answer.http_status, answer.status_code) == (404, 2001)


@pytest.mark.conformance("PUSH-06", "RT-23")
def test_a_hub_cannot_act_for_parties_that_somebody_else_answers_for(ocpi_app, ocpi_client):
    hub = add_partner(ocpi_app, [("DE", "HUB", ["HUB"])], name="Hub")
    sender = ocpi_url("sender/locations")
    for country_code, party_id in (("DE", "CPO"), ("NL", "ABC")):  # another partner's party, and our own
        url = ocpi_url(f"receiver/locations/{country_code}/{party_id}/LOC1")
        headers = {"OCPI-from-country-code": country_code, "OCPI-from-party-id": party_id}

        pushed = hub.put(url, location(country_code=country_code, party_id=party_id))
        posing = hub.get(sender, headers=headers)

        assert (pushed.http_status, pushed.status_code) == (404, 2001)
        assert (posing.http_status, posing.status_code) == (200, 2001)
    assert ocpi_client.get(ocpi_url("receiver/locations/DE/CPO/LOC1")).http_status == 404


@pytest.mark.conformance("PUSH-06")
@pytest.mark.parametrize("ocpi_config", [{"OCPI_ALLOW_SHARED_PARTIES": True}], ids=["shared"])
def test_a_hub_may_share_parties_where_the_operator_allows_it(ocpi_app, ocpi_client):
    hub = add_partner(ocpi_app, [("DE", "HUB", ["HUB"])], name="Hub")
    url = ocpi_url("receiver/locations/DE/CPO/LOC1")

    assert hub.put(url, location(country_code="DE", party_id="CPO")).http_status == 201


# Every class of objects that its owner pushes


@pytest.mark.conformance("PUSH-02", "T-13")
@every(PUT)
def test_objects_are_not_posted(everything, example):
    before = everything.stored()

    answer = everything.client(example).post(example.path, example.body)

    assert answer.http_status == 405
    assert "PUT" in answer.headers["Allow"].split(", ")
    assert everything.stored() == before


@pytest.mark.conformance("PUSH-03", "PUSH-04", "T-20", "SES-13", "TAR-02", "TOK-05")
@every([example for example in OWNED if example.body is not None and not example.operation.part])
def test_body_has_to_name_what_the_url_names(everything, example):
    before = everything.stored()
    key = example.operation.object.key
    changes = {"country_code": "FR", "party_id": "XXX", key[2]: "OTHER"}

    for name, value in changes.items():
        answer = everything.send(example, json={**example.body, name: value})

        assert (answer.http_status, answer.status_code) == (200, 2001)
        assert answer.message.startswith(f"{name} in the body is not ")
    assert everything.stored() == before


@pytest.mark.conformance("PUSH-05", "CDR-05")
@every(OWNED)
@pytest.mark.parametrize("owner", ["FR/XXX", "DE/XXX", "FR/CPO", "NL/ABC"])
def test_nobody_reaches_objects_of_others(everything, example, owner):
    before = everything.stored()
    named = dict(zip(("country_code", "party_id"), owner.split("/"), strict=True))

    answer = everything.client(example).open(example.method, example.path_with(named), json=example.body)

    assert (answer.http_status, answer.status_code) == (404, 2001)
    assert f"{owner.replace('/', '-')} in the URL is not one of your parties" in answer.message
    assert everything.stored() == before


@pytest.mark.conformance("PUSH-06", "HCI-05", "HCI-11")
@every([example for example in EXAMPLES if example in PUT or example.operation.name == "put_client_info"])
def test_a_hub_pushes_for_parties_behind_it(everything, example):
    named = {"country_code": "FR", "party_id": "XXX"}
    everything.hub.put(ocpi_url("receiver/hubclientinfo/FR/XXX"), client_info(**named, role="OTHER"))

    answer = everything.hub.put(example.path_with(named), {**example.body, **named})

    assert (answer.http_status, answer.status_code) == (201, 1000)


@pytest.mark.conformance("PUSH-03", "PUSH-08", "TYP-01", "TYP-02")
@every(PUT)
def test_identity_knows_no_case(everything, example):
    name = example.operation.object.key[2]
    body = {**example.body, "country_code": "de", name: example.body[name].lower()}
    counts = {kind: len(texts) for kind, texts in everything.stored().items()}
    path = example.path_with({key: value.swapcase() for key, value in example.ids.items()})

    put = everything.client(example).put(path, body)
    found = everything.client(example).get(example.path)

    assert (put.http_status, put.status_code) == (200, 1000)
    assert found.data == body
    assert {kind: len(texts) for kind, texts in everything.stored().items()} == counts


@pytest.mark.conformance("PUSH-09", "LOC-06", "SES-10")
@every(PUT)
def test_a_copy_is_read_back_as_it_was_sent(everything, example):
    body = {**example.body, "last_updated": LATER, "x_future": {"a": [1, None]}}

    everything.send(example, json=body)

    assert everything.client(example).get(example.path).data == body


@pytest.mark.conformance("PUSH-10")
@every(PUT)
def test_a_receiver_lists_nothing(everything, example):
    owner = "/".join(example.ids[name] for name in ("country_code", "party_id"))

    answers = [everything.client(example).get(f"{example.base}{rest}") for rest in ("", "/", f"/{owner}", "/DE")]

    assert [(answer.http_status, answer.status_code) for answer in answers] == [(404, 2001)] * 4
