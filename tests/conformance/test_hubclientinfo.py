"""The parties behind a hub: group HCI of the requirements, and sending through hubs."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.core.enums import Role
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.signals import object_received
from flask_ocpi.storage.base import Party
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import client_info
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import token
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.conformance.sharing import LATER
from tests.conformance.sharing import Network221
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import check
from tests.conformance.sharing import shared_network
from tests.conftest import EVERY_STORAGE
from tests.peers import Peer
from tests.peers import answer
from tests.roles import ROLES
from tests.urls import ocpi_url

RECEIVER = ocpi_url("receiver/hubclientinfo")
SENDER = ocpi_url("sender/hubclientinfo")
COPY = f"{RECEIVER}/DE/EMS"
ROUTING = ("OCPI-to-country-code", "OCPI-to-party-id", "OCPI-from-country-code", "OCPI-from-party-id")
EMS = Party.of("DE", "EMS")


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


@pytest.fixture
def hub(ocpi_app):
    """A hub that is registered with us."""
    return add_partner(ocpi_app, [("NL", "HUB", ["HUB"])], name="Hub")


def copies(ocpi):
    return list(ocpi.objects.documents("hubclientinfo", copies=True))


# The Receiver: what a hub tells.


@pytest.mark.conformance("HCI-04", "HCI-05", "HCI-14")
@EVERY_STORAGE
def test_hub_tells_of_a_party_and_reads_it_back(ocpi_storage):
    network = Network221(clock=Clock())
    ocpi = network.add("platform.example", [("NL", "ABC", ["CPO"])], storage=ocpi_storage)
    hub = add_partner(network.apps["platform.example"], [("NL", "HUB", ["HUB"])])
    info = client_info(vendor_note="unknown properties are kept")

    missing = hub.get(COPY)
    created, replaced = hub.put(COPY, info), hub.put(COPY, {**info, "status": "OFFLINE"})

    check(missing, 404, 2001)
    assert [(answered.http_status, answered.status_code) for answered in (created, replaced)] == [
        (201, 1000),
        (200, 1000),
    ]
    assert hub.get(COPY).data == {**info, "status": "OFFLINE"}
    assert len(copies(ocpi)) == 1


@pytest.mark.conformance("HCI-02", "ROLE-02")
def test_module_goes_by_its_id(ocpi, ocpi_app, hub):
    (module,) = [e for e in hub.get(ocpi_url()).data["endpoints"] if e["identifier"] == "hubclientinfo"]

    assert module["role"] == "RECEIVER"
    assert module["url"] == f"https://platform.example{RECEIVER}"
    assert hub.put(ocpi_url("receiver/clientinfo/DE/EMS"), client_info()).http_status == 404
    assert hub.get(ocpi_url("clientinfo/DE/EMS")).http_status == 404


@pytest.mark.conformance("HCI-01", "RT-02")
@pytest.mark.parametrize(
    "sent",
    [
        dict(zip(ROUTING, ("NL", "ABC", "NL", "HUB"), strict=True)),
        dict(zip(ROUTING, ("FR", "XXX", "FR", "YYY"), strict=True)),
        dict.fromkeys(ROUTING, "far too long"),
        {ROUTING[0]: "NL"},
    ],
    ids=["good", "foreign", "malformed", "half"],
)
def test_routing_headers_mean_nothing(hub, sent):
    answers = [hub.put(COPY, client_info(), headers=sent), hub.get(COPY, headers=sent)]

    assert [answered.status_code for answered in answers] == [1000, 1000]
    assert not [name for answered in answers for name in ROUTING if name in answered.headers]


@pytest.mark.conformance("HCI-05", "PUSH-06")
@pytest.mark.parametrize("party", ["DE-EMS", "NL-HUB", "NL-ABC", "FR-XXX"])
def test_hub_may_tell_of_anybody(ocpi, ocpi_app, hub, party):
    add_partner(ocpi_app, [("FR", "XXX", ["EMSP"])], name="Other")  # somebody who is registered here, too
    country_code, party_id = party.split("-")

    answered = hub.put(
        f"{RECEIVER}/{country_code}/{party_id}", client_info(country_code=country_code, party_id=party_id)
    )

    assert (answered.http_status, answered.status_code) == (201, 1000)


@pytest.mark.conformance("HCI-06", "PUSH-04")
@pytest.mark.parametrize("changes", [{"country_code": "NL"}, {"party_id": "CPO"}], ids=str)
def test_url_and_body_tell_of_the_same_party(ocpi, hub, changes):
    answered = hub.put(COPY, client_info(**changes))

    check(answered, 200, 2001)
    assert f"{next(iter(changes))} in the body is not " in answered.message
    assert copies(ocpi) == []


@pytest.mark.conformance("HCI-06", "TYP-01")
def test_parties_are_compared_without_regard_to_case(ocpi, hub):
    first = hub.put(f"{RECEIVER}/de/Ems", client_info())
    second = hub.put(COPY, client_info(country_code="de", party_id="ems"))

    assert (first.http_status, second.http_status) == (201, 200)
    assert copies(ocpi) == [client_info(country_code="de", party_id="ems")]


@pytest.mark.conformance("HCI-04", "HCI-09")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"last_updated": None}, "last_updated"),
        ({"role": None}, "role"),
        ({"status": None}, "status"),
        ({"status": "GONE"}, "status 'GONE' is not a ConnectionStatus"),
        ({"role": "MSP"}, "role 'MSP' is not a Role"),
    ],
    ids=["no last_updated", "no role", "no status", "other status", "other role"],
)
def test_all_of_a_client_info_is_required(ocpi, hub, body, message):
    answered = hub.put(COPY, {name: value for name, value in client_info(**body).items() if value is not None})

    check(answered, 200, 2001)
    assert message in answered.message
    assert copies(ocpi) == []


@pytest.mark.conformance("HCI-07")
def test_roles_of_a_party_are_kept_apart_and_the_latest_is_answered(ocpi, hub):
    emsp = client_info(last_updated="2024-06-02T12:00:00Z")
    cpo = client_info(role="CPO", status="PLANNED", last_updated="2024-06-01T12:00:00Z")

    created = [hub.put(COPY, emsp), hub.put(COPY, cpo)]
    latest = hub.get(COPY).data
    changed = hub.put(COPY, {**cpo, "status": "CONNECTED", "last_updated": "2024-06-03T12:00:00Z"})

    assert [answered.http_status for answered in (*created, changed)] == [201, 201, 200]
    assert latest == emsp
    assert hub.get(COPY).data == {**cpo, "status": "CONNECTED", "last_updated": "2024-06-03T12:00:00Z"}
    assert {(info["role"], info["status"]) for info in copies(ocpi)} == {("EMSP", "CONNECTED"), ("CPO", "CONNECTED")}


@pytest.mark.conformance("HCI-07", "ROLE-01")
@pytest.mark.parametrize("role", ROLES)
def test_party_may_have_any_role(hub, role):
    created = hub.put(COPY, client_info(role=str(role)))

    assert created.http_status == 201
    assert hub.get(COPY).data["role"] == role


@pytest.mark.conformance("HCI-08")
def test_party_is_suspended_and_never_deleted(ocpi, hub):
    hub.put(COPY, client_info())

    deleted = hub.delete(COPY)
    patched = hub.patch(COPY, {"status": "SUSPENDED", "last_updated": LATER})
    put = hub.put(COPY, client_info(status="SUSPENDED", last_updated=LATER))

    for refused in (deleted, patched):
        check(refused, 405, 2000)
        assert refused.headers["Allow"] == "GET, PUT"
    assert put.status_code == 1000
    assert copies(ocpi) == [client_info(status="SUSPENDED", last_updated=LATER)]


@pytest.mark.conformance("HCI-15", "ROLE-02")
@pytest.mark.parametrize("roles", [[role] for role in ROLES if role != Role.HUB] + [["CPO", "EMSP", "OTHER"]], ids=str)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_hubs_find_the_interface(ocpi, ocpi_app, hub, roles, method):
    hub.put(COPY, client_info())
    other = add_partner(ocpi_app, [("DE", "EMS", roles)], name="Other")

    answered = other.open(method, COPY, json=client_info(status="OFFLINE") if method == "PUT" else None)

    check(answered, 404, 2001)
    assert copies(ocpi) == [client_info()]


@pytest.mark.conformance("HCI-05", "HCI-14")
def test_what_one_hub_tells_is_not_for_another(ocpi, ocpi_app, hub):
    second = add_partner(ocpi_app, [("FR", "HUB", ["HUB"])], name="Second")
    hub.put(COPY, client_info(status="OFFLINE"))

    missing = second.get(COPY)
    created = second.put(COPY, client_info())

    check(missing, 404, 2001)
    assert created.http_status == 201
    assert [client.get(COPY).data["status"] for client in (hub, second)] == ["OFFLINE", "CONNECTED"]
    assert len(copies(ocpi)) == 2


@pytest.mark.conformance("HCI-01", "HCI-04")
@pytest.mark.parametrize("ocpi_parties", [[("NL", "ABC", ["CPO"]), ("NL", "ONE", ["EMSP"])]], ids=["several parties"])
def test_what_is_told_is_for_all_our_parties_and_kept_once(ocpi, hub):
    created, replaced = hub.put(COPY, client_info()), hub.put(COPY, client_info(status="OFFLINE"))

    assert (created.http_status, replaced.http_status) == (201, 200)
    assert copies(ocpi) == [client_info(status="OFFLINE")]


@pytest.mark.parametrize("ocpi_config", [{"OCPI_REJECT_STALE": True}], ids=["refuse older"])
def test_older_info_is_refused_where_the_operator_wants_it(ocpi_network, ocpi_config):
    ocpi = ocpi_network.add("strict.example", [("NL", "ABC", ["CPO"])], config=ocpi_config)
    hub = add_partner(ocpi_network.apps["strict.example"], [("NL", "HUB", ["HUB"])])
    hub.put(COPY, client_info(last_updated=LATER))

    check(hub.put(COPY, client_info(status="OFFLINE")), 200, 2001)
    assert copies(ocpi) == [client_info(last_updated=LATER)]


def test_signal_tells_what_arrived(ocpi_app, hub):
    heard = []

    def listen(app, module, key, document, created, platform):
        heard.append((module, key.owner, document, created, platform.id))

    with object_received.connected_to(listen, ocpi_app):
        hub.put(COPY, client_info())

    assert heard == [("hubclientinfo", EMS, client_info(), True, hub.platform.id)]


# The Sender: what we tell as a hub.


@pytest.fixture
def hub_app(ocpi_network):
    """A platform that is a hub."""
    return ocpi_network.add("hub.example", [("NL", "HUB", ["HUB"])])


@pytest.mark.conformance("HCI-03", "HCI-13", "PAG-01", "PAG-03")
def test_list_of_a_hub_is_paginated_and_filtered_by_date(ocpi_network, hub_app):
    client = add_partner(ocpi_network.apps["hub.example"], [("DE", "EMS", ["EMSP"])])
    for number in range(1, 6):
        hub_app.save("hubclientinfo", client_info(party_id=f"P0{number}", last_updated=f"2024-05-0{number}T12:00:00Z"))

    page = client.get(f"{SENDER}?limit=2&date_from=2024-05-02T12:00:00Z&date_to=2024-05-05T12:00:00Z")
    rest = client.get(page.headers["Link"].split(">")[0][1:].removeprefix("https://hub.example"))

    assert [[info["party_id"] for info in answered.data] for answered in (page, rest)] == [["P02", "P03"], ["P04"]]
    assert [answered.headers["X-Total-Count"] for answered in (page, rest)] == ["3", "3"]
    assert "Link" not in rest.headers
    credentials = client.get(ocpi_url("credentials")).data
    assert [(role["party_id"], role["role"]) for role in credentials["roles"]] == [("HUB", "HUB")]


@pytest.mark.conformance("HCI-03", "ROLE-02")
@pytest.mark.parametrize("role", ROLES)
def test_list_is_for_everybody_who_is_no_hub(ocpi_network, hub_app, role):
    hub_app.save("hubclientinfo", client_info())
    client = add_partner(ocpi_network.apps["hub.example"], [("DE", "PEE", [str(role)])])

    assert client.get(SENDER).http_status == (403 if role == Role.HUB else 200)


@pytest.mark.conformance("HCI-13", "ROLE-02")
def test_who_is_no_hub_has_no_list(ocpi_client):
    check(ocpi_client.get(SENDER), 404, 2001)


@pytest.mark.conformance("HCI-01", "HCI-04", "HCI-08")
def test_hub_pushes_and_is_pulled_from(ocpi_network, ocpi, hub_app):
    platform, _ = ocpi_network.connect(ocpi, hub_app)
    hub_app.save("hubclientinfo", client_info())
    hub_app.save("hubclientinfo", client_info(role="CPO"))
    first = ocpi.pull("hubclientinfo", platform)
    hub_app.save("hubclientinfo", client_info(status="SUSPENDED", last_updated=LATER))
    ocpi_network.requests.clear()

    (pushed,) = hub_app.push("hubclientinfo", "EMSP", party=EMS)
    hub_app.objects.delete("hubclientinfo", "CPO", party=EMS)
    second = ocpi.pull("hubclientinfo", platform)

    assert pushed.error is None
    assert (first.created, first.foreign) == (2, 0)
    assert (second.unchanged, second.removed) == (1, 0)
    assert [(info["role"], info["status"]) for info in copies(ocpi)] == [("EMSP", "SUSPENDED"), ("CPO", "CONNECTED")]
    assert not [name for request in ocpi_network.requests for name in ROUTING if name in request.headers]
    with hub_app.client("NL-ABC") as client:
        assert client.hubclientinfo.get_copy(owner=EMS) == client_info(status="SUSPENDED", last_updated=LATER)
        with pytest.raises(InvalidParametersError, match="Name with owner= whom the client_info describes"):
            client.hubclientinfo.get_copy()


# Sending through a hub.

MODULES = ("cdrs", "chargingprofiles", "commands", "hubclientinfo", "locations", "sessions", "tariffs", "tokens")


@pytest.fixture
def join(ocpi, ocpi_network):
    """Register with a hub that tells of some parties; returns its platform record."""

    def join(host, *infos, roles=("HUB",)):
        peer = Peer(ocpi_network, host, parties=[("NL", host[:3].upper(), roles)])
        peer.endpoints[1:] = [peer.endpoint(module, role) for module in MODULES for role in ("SENDER", "RECEIVER")]
        platform = ocpi.partners.register(peer.url, "token-a", roles=roles)
        peer.answers["GET /2.2.1/sender/hubclientinfo"] = lambda: answer(list(infos))
        assert ocpi.pull("hubclientinfo", platform).created == len(infos)
        ocpi_network.requests.clear()
        return platform

    return join


CALLS = {
    "put": lambda client: client.locations.put(location()),
    "patch": lambda client: client.locations.patch("LOC1", changes={"last_updated": LATER}),
    "post": lambda client: client.cdrs.post(cdr()),
    "list": lambda client: list(client.tokens.list()),
    "authorize": lambda client: client.tokens.authorize("1"),
    "active profile": lambda client: client.chargingprofiles.put_active("SES1", PROFILE),
}
PROFILE = {
    "start_date_time": "2024-06-01T12:00:00Z",
    "charging_profile": {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 16}]},
}


@pytest.mark.conformance("HCI-09", "CLI-13")
@pytest.mark.parametrize("status", ["OFFLINE", "PLANNED", "SUSPENDED"])
@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_sent_to_who_is_not_connected(ocpi, ocpi_network, join, status, call):
    platform = join("hub.example", client_info(status=status))

    with pytest.raises(NotConnectedError, match=f"DE-EMS is {status} at the hub hub-example"):
        CALLS[call](ocpi.client(platform, to=EMS))

    assert ocpi_network.requests == []


@pytest.mark.conformance("HCI-09", "CLI-13")
@pytest.mark.parametrize(
    ("infos", "to"),
    [
        ([client_info()], EMS),
        ([], EMS),
        ([client_info(status="OFFLINE", party_id="OTH")], EMS),
        ([client_info(status="OFFLINE", country_code="NL", party_id="HUB", role="HUB")], Party.of("NL", "HUB")),
        ([client_info(status="OFFLINE")], None),
    ],
    ids=["connected", "not told of", "another is offline", "the hub itself", "to nobody"],
)
def test_who_may_be_sent_to(ocpi, ocpi_network, join, infos, to):
    platform = join("hub.example", *infos)

    ocpi.client(platform, to=to).locations.put(location())

    assert [request.method for request in ocpi_network.requests] == ["PUT"]


@pytest.mark.conformance("HCI-07", "HCI-09")
def test_state_is_that_of_the_role_that_is_called(ocpi, ocpi_network, join):
    platform = join("hub.example", client_info(status="OFFLINE"), client_info(role="CPO"))
    client = ocpi.client(platform, to=EMS)

    client.tokens.put(token(country_code="NL", party_id="ABC"))
    with pytest.raises(NotConnectedError, match="DE-EMS is OFFLINE"):
        client.locations.put(location())

    assert len(ocpi_network.requests) == 1


@pytest.mark.conformance("HCI-07", "HCI-09")
@pytest.mark.parametrize(
    ("statuses", "connected"),
    [(("OFFLINE", "PLANNED"), False), (("OFFLINE", "CONNECTED"), True)],
    ids=["none of its roles", "another of its roles"],
)
def test_where_no_role_fits_one_that_is_connected_is_enough(ocpi, ocpi_network, join, statuses, connected):
    infos = [client_info(role=role, status=status) for role, status in zip(("OTHER", "SCSP"), statuses, strict=True)]
    client = ocpi.client(join("hub.example", *infos), to=EMS)

    if connected:
        client.locations.put(location())
    else:
        with pytest.raises(NotConnectedError, match="DE-EMS is OFFLINE"):
            client.locations.put(location())

    assert len(ocpi_network.requests) == connected


@pytest.mark.conformance("HCI-09")
def test_what_one_hub_tells_does_not_count_at_another(ocpi, ocpi_network, join):
    first = join("hub.example", client_info(status="PLANNED"))
    second = join("two.example", client_info())
    third = join("third.example", client_info(status="OFFLINE"), roles=("CPO",))  # no hub at all

    for platform in (second, third):
        ocpi.client(platform, to=EMS).locations.put(location())
    with pytest.raises(NotConnectedError):
        ocpi.client(first, to=EMS).locations.put(location())

    assert [request.url.split("/")[2] for request in ocpi_network.requests] == ["two.example", "third.example"]


@pytest.mark.conformance("HCI-01", "HCI-09")
@pytest.mark.parametrize("ocpi_parties", [[("NL", "ABC", ["CPO"]), ("NL", "ONE", ["CPO"])]], ids=["several parties"])
def test_what_a_hub_tells_counts_for_all_our_parties(ocpi, join):
    platform = join("hub.example", client_info(status="OFFLINE"))
    again = ocpi.pull("hubclientinfo", platform, receiver=Party.of("NL", "ONE"))

    assert again.unchanged == 1
    for party_id in ("ABC", "ONE"):
        with pytest.raises(NotConnectedError):
            ocpi.client(platform, to=EMS).locations.put(location(party_id=party_id))


@pytest.mark.conformance("HCI-10", "CLI-13")
def test_who_was_offline_asks_for_what_it_missed(ocpi, ocpi_app, ocpi_network, join):
    tokens = []
    ocpi_network.before_send = lambda request: tokens.extend(
        [orjson.loads(request.body)["token"]] if request.method == "POST" else []
    )
    join("hub.example", client_info(status="OFFLINE"))
    ocpi.save("sessions", session())
    hub = PartnerClient(ocpi_app, tokens[0])

    (missed,) = ocpi.push("sessions", "SES1")
    hub.put(COPY, client_info(last_updated=LATER))
    asked = hub.get(
        ocpi_url("sender/sessions?date_from=2024-01-01T00:00:00Z"),
        headers={"OCPI-from-country-code": "DE", "OCPI-from-party-id": "EMS"},
    )

    assert isinstance(missed.error, NotConnectedError)
    assert [document["id"] for document in asked.data] == ["SES1"]
    assert ocpi_network.requests == []  # nothing waited to be sent


@pytest.mark.conformance("HCI-11", "PUSH-06")
def test_party_that_a_hub_tells_of_may_push_through_it(ocpi, hub):
    hub.put(COPY, client_info())
    path = ocpi_url("receiver/tokens/DE/EMS/1")
    headers = {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "EMS"}

    pushed = hub.put(path, token(uid="1"), headers=headers)

    assert (pushed.http_status, pushed.status_code) == (201, 1000)
    assert list(ocpi.objects.documents("tokens", copies=True)) == [token(uid="1")]


@pytest.mark.conformance("HCI-12")
@pytest.mark.parametrize(
    ("response", "alive"),
    [
        (None, True),
        (lambda: answer(None, status_code=2000, http_status=401), False),
        (lambda: answer(None, status_code=3000, http_status=500), False),
    ],
    ids=["answers", "does not know us", "fails"],
)
def test_whether_a_hub_is_alive_is_asked_at_its_versions(ocpi, ocpi_network, response, alive):
    peer = Peer(ocpi_network, "hub.example", parties=[("NL", "HUB", ["HUB"])])
    client = ocpi.client(ocpi.partners.register(peer.url, "token-a"))
    if response is not None:
        peer.answers["GET /versions"] = response
    ocpi_network.requests.clear()

    assert client.is_alive() is alive

    (request,) = ocpi_network.requests
    assert (request.method, request.url) == ("GET", peer.url)
    assert not [name for name in ROUTING if name in request.headers]


@pytest.mark.conformance("HCI-12")
def test_hub_that_cannot_be_reached_is_not_alive(ocpi, ocpi_network):
    peer = Peer(ocpi_network, "hub.example", parties=[("NL", "HUB", ["HUB"])])
    client = ocpi.client(ocpi.partners.register(peer.url, "token-a"))

    def fail(request):
        raise UnreachableError("The line is cut.")

    ocpi_network.before_send = fail

    assert not client.is_alive()


@pytest.mark.conformance("HCI-12")
def test_platform_without_a_known_address_is_not_alive(ocpi, ocpi_app, ocpi_network):
    partner = add_partner(ocpi_app, [("NL", "HUB", ["HUB"])], versions_url=None)

    assert not ocpi.client(partner.platform).is_alive()
    assert ocpi_network.requests == []
