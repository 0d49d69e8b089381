"""A request for each operation of every module, and a platform on which it succeeds: what generic tests start from."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import pytest

from flask_ocpi.core.description import OWNER_KEY
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.pending import Call
from flask_ocpi.extension import OCPI
from flask_ocpi.modules.enums import CommandType
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import TestResponse
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions import V2_2_1
from tests.conformance.sharing import Network221
from tests.peers import dump

LATER = "2024-06-30T12:00:00Z"
RESPONSE_URL = "https://partner.example/results/1?a=b&c=d"
MODULES = sorted({str(module.id) for module in V2_2_1.modules if not module.single})

PLACE = {"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}
RESERVATION = {"token": documents.token(), "reservation_id": "RES1", "expiry_date": "2026-12-31T12:00:00Z", **PLACE}
PROFILE = documents.set_charging_profile()["charging_profile"]
ACTIVE_PROFILE = {"start_date_time": LATER, "charging_profile": PROFILE}

# What the platform has, of its own and as copies, by the name of the object or part.
THEIRS = {"country_code": "DE", "party_id": "CPO"}
OBJECTS: Mapping[str, Document] = {
    "location": documents.location(evses=[documents.evse(capabilities=["CHARGING_PREFERENCES_CAPABLE"])]),
    "evse": documents.evse(),
    "connector": documents.connector(),
    "session": documents.session(),
    "cdr": documents.cdr(),
    "tariff": documents.tariff(),
    "token": documents.token(),
    "client_info": documents.client_info(),
}
# The bodies of what is no object.
BODIES: Mapping[str, Document] = {
    "post_credentials": documents.credentials(),
    "put_credentials": documents.credentials(),
    "authorize": {"location_id": "LOC1", "evse_uids": ["EVSE1"]},
    "put_charging_preferences": {"profile_type": "GREEN", "departure_time": LATER, "energy_need": 20},
    "cancel_reservation": {"reservation_id": "RES1"},
    "reserve_now": {name: value for name, value in RESERVATION.items() if name != "connector_id"},
    "start_session": {"token": documents.token(), **PLACE},
    "stop_session": {"session_id": "SES1"},
    "unlock_connector": PLACE,
    "post_command_result": {"result": "ACCEPTED", "message": [{"language": "en", "text": "Done."}]},
    "post_active_profile_result": {"result": "ACCEPTED", "profile": ACTIVE_PROFILE},
    "post_set_profile_result": {"result": "ACCEPTED"},
    "post_clear_profile_result": {"result": "ACCEPTED"},
    "put_active_profile": ACTIVE_PROFILE,
    "set_profile": {"charging_profile": PROFILE},
}
IDS = {
    **PLACE,
    "session_id": "SES1",
    "cdr_id": "CDR1",
    "tariff_id": "TARIFF1",
    "token_uid": documents.token()["uid"],
    "command": CommandType.START_SESSION.value,
}
# The operations of ours whose results the partner sends, by the operation that takes them.
ASKED = {
    "post_command_result": ("commands", "start_session"),
    "post_active_profile_result": ("chargingprofiles", "get_active_profile"),
    "post_set_profile_result": ("chargingprofiles", "set_profile"),
    "post_clear_profile_result": ("chargingprofiles", "clear_profile"),
}


@dataclass(frozen=True)
class Example:
    """A request that is right in every way."""

    module: Module
    interface: Interface
    operation: Operation
    base: str
    ids: Mapping[str, str]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Document | None = None

    @property
    def id(self) -> str:
        side = "" if self.module.single else f"{self.interface.role.lower()} "
        return f"{self.module.id} {side}{self.operation.name}"

    @property
    def method(self) -> str:
        return self.operation.method

    @property
    def path(self) -> str:
        return self.path_with({})

    def path_with(self, segments: Mapping[str, str]) -> str:
        """Return the path with other segments, as they are sent, for some of its parameters."""
        return f"{self.base}{self.operation.path.format(**{**self.ids, **segments})}"


def owner_of(operation: Operation) -> dict[str, str]:
    """Return the owner of what an operation receives: the partner's CPO or eMSP; of a ClientInfo, who it tells of."""
    name = operation.object.name if operation.object is not None else ""
    if name in ("token", "client_info"):
        return {key: OBJECTS[name][key] for key in ("country_code", "party_id")}
    return THEIRS


def _example(number: str, module: Module, interface: Interface, operation: Operation) -> Example:
    ids = {**IDS, **owner_of(operation), "id": operation.name}
    base = "/ocpi" if operation.rooted else f"/ocpi/{number}{module.path_of(interface)}"
    query: dict[str, str] = {}
    if operation.result is not None and operation.body is None:
        query["response_url"] = RESPONSE_URL
    if operation.query is not None and "duration" in operation.query().load_fields:
        query["duration"] = "900"
    return Example(module, interface, operation, base, ids, query, _body(operation))


def _body(operation: Operation) -> Document | None:
    if operation.body is None:
        return None
    if operation.partial:
        return {"last_updated": LATER}
    if operation.name in BODIES:
        body = BODIES[operation.name]
        return {**body, "response_url": RESPONSE_URL} if operation.result is not None else body
    assert operation.object is not None
    if operation.part:
        return OBJECTS[operation.object.parts[operation.part - 1].name]
    return {**OBJECTS[operation.object.name], **owner_of(operation)}


def as_new(example: Example) -> tuple[str, Document]:
    """Return path and body of a request that creates something, for an object that is not there yet."""
    assert example.body is not None
    new = {"id": "NEW", "uid": "NEW", "role": "NSP"}
    body = {name: new.get(name, value) for name, value in example.body.items()}
    names = [parameter.name for parameter in example.operation.parameters if parameter.name not in OWNER_KEY]
    return example.path_with({names[-1]: "NEW"} if names else {}), body


EXAMPLES = [_example(V2_2_1.number, *item) for item in V2_2_1.operations()]
# A handshake needs more than one request: tests/conformance/test_credentials.py.
HANDSHAKE = [example for example in EXAMPLES if example.module.id == "credentials" and example.method != "GET"]


def every(examples: list[Example]) -> Any:
    """Parametrise a test with requests."""
    return pytest.mark.parametrize("example", examples, ids=[example.id for example in examples])


@dataclass(frozen=True)
class Everything:
    """A platform that serves both interfaces of every module, with an object of each class, own and copied.

    partner: DE-EMS and DE-CPO; hub: DE-HUB; newcomer: has a registration token.
    """

    ocpi: OCPI
    partner: PartnerClient
    hub: PartnerClient
    newcomer: PartnerClient

    def client(self, example: Example) -> PartnerClient:
        """Return who may send a request."""
        if example.interface.hidden:
            return self.hub
        is_post_of_credentials = example.module.id == "credentials" and example.method == "POST"
        return self.newcomer if is_post_of_credentials else self.partner

    def send(self, example: Example, *, client: PartnerClient | None = None, **options: Any) -> TestResponse:
        """Send a request, as it is or with other options of :meth:`PartnerClient.open`."""
        given = {"query_string": dict(example.query)}
        if "data" not in options and example.body is not None:
            given["json"] = example.body
        return (client or self.client(example)).open(example.method, example.path, **{**given, **options})

    def stored(self) -> dict[str, list[bytes]]:
        """Return all that is stored."""
        return dump(self.ocpi)


@functools.cache
def _everything() -> tuple[Everything, dict[str, Any]]:
    """Return the platform of this process, and what was in its storage at first."""
    everything = make_everything(Network221(config={"OCPI_RECEIVE": "strict"}))
    kinds: dict[str, Any] = everything.ocpi.storage._kinds
    return everything, {kind: dict(records) for kind, records in kinds.items()}


def everything_anew() -> Everything:
    """Return the platform of this process as it was at first."""
    everything, kinds = _everything()
    _accept_everything(everything.ocpi)
    everything.ocpi.storage._kinds = {kind: dict(records) for kind, records in kinds.items()}
    return everything


def make_everything(network: Network) -> Everything:
    """Make the platform, in a network; the host application accepts whatever it is asked."""
    ocpi = network.add(
        "everything.example", [("NL", "ABC", ["CPO", "EMSP"])], config={"OCPI_MODULES": MODULES, "OCPI_DOCS": False}
    )
    app = network.apps["everything.example"]
    _accept_everything(ocpi)
    partner = add_partner(app, [("DE", "EMS", ["EMSP"]), ("DE", "CPO", ["CPO"])])
    hub = add_partner(app, [("DE", "HUB", ["HUB"])], name="Hub")
    newcomer = PartnerClient(app, ocpi.partners.invite(name="newcomer")[1])
    everything = Everything(ocpi, partner, hub, newcomer)
    _store(everything)
    return everything


def _accept_everything(ocpi: OCPI) -> None:
    ocpi.authorizer(lambda token, location: "ALLOWED")
    ocpi.charging_preferences(lambda session, preferences: "ACCEPTED")
    for command in CommandType:
        ocpi.command(command)(lambda request, reply: "ACCEPTED")
    for method in ("GET", "PUT", "DELETE"):
        ocpi.charging_profile(method)(lambda request, reply: "ACCEPTED")


def _store(everything: Everything) -> None:
    ocpi = everything.ocpi
    for kind, document in (("locations", "location"), ("sessions", "session"), ("cdrs", "cdr"), ("tariffs", "tariff")):
        ocpi.save(kind, OBJECTS[document])
    ocpi.save("tokens", documents.token(country_code="NL", party_id="ABC"))
    ocpi.save("hubclientinfo", OBJECTS["client_info"])
    for example in EXAMPLES:
        operation = example.operation
        if operation.name in ASKED:
            module, name = ASKED[operation.name]
            platform = everything.partner.platform.id
            pending.start_call(ocpi.services, Call(operation.name, module, name, platform, {}))
        elif (operation.created and not operation.part) or operation.name == "reserve_now":
            assert everything.send(example).status_code == 1000, example.id
    for client in (everything.partner, everything.hub, everything.newcomer):
        assert client.get("/ocpi/versions").status_code == 1000
