"""One exchange between our platform and a peer: each message that both know, and whether something was lost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from flask_ocpi import OCPI
from flask_ocpi.client.client import Client
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.outbox.entries import of_platform
from flask_ocpi.storage.base import Party
from flask_ocpi.testing import documents as made
from flask_ocpi.versions.reading.values import read_instant
from tests.interop.servers import TOKEN_A
from tests.interop.servers import Peer

MODULES = ("locations", "sessions", "cdrs", "tariffs", "tokens")
NUMBER = 137
THEIRS = Party.of("DE", "PEE")
RESULT_SECONDS = 20
LATER = "2024-06-01T12:00:00Z"
#: What the models of both libraries refuse in any valid form: lists declared as one object, a name that is misspelt.
REFUSED = ("status_schedule", "environ_impact", "signed_data")
_MAKERS: dict[str, Callable[[], dict[str, Any]]] = {
    "locations": made.full_location,
    "sessions": made.full_session,
    "cdrs": made.full_cdr,
    "tariffs": made.full_tariff,
    "tokens": made.full_token,
}


#: What a peer cannot do, by its own fault: a message, what its failure says, and why.
THEIR_FAULTS = (
    ("its result", "offers no commands RECEIVER endpoint", "it does not announce the commands that it serves as CPO"),
    ("PUT a charging profile", "min_charge_rate", "its model needs an optional property, and one period for the list"),
    ("rotate", "HTTP 500", "it reads the version details that it fetches as a list; the old registration goes on"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """What became of a message. lost: something that the peer stores or sends did not arrive. fault: why it cannot."""

    message: str
    outcome: str
    lost: bool = False
    fault: str = ""


def identifier(module: str, number: int) -> str:
    return f"{module[:-1].upper()}{number}"


def takeable(value: Any) -> Any:
    """Return a document without what the models of the peers refuse."""
    if isinstance(value, dict):
        return {name: takeable(inner) for name, inner in value.items() if name not in REFUSED}
    return [takeable(inner) for inner in value] if isinstance(value, list) else value


def objects_of_the_peer() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return what the peer owns: NUMBER objects of each module, with all properties."""
    rows = []
    for module in MODULES:
        role = "EMSP" if module == "tokens" else "CPO"
        for number in range(NUMBER):
            id = identifier(module, number)
            changes = {"country_code": "DE", "party_id": "PEE", "uid" if module == "tokens" else "id": id}
            if module == "tokens":
                changes["whitelist"] = "NEVER"  # so that the peer is asked
            moment = f"2024-05-31T{number // 60:02}:{number % 60:02}:00Z"
            rows.append((module, role, id, _changed({**takeable(_MAKERS[module]()), **changes}, moment)))
    return rows


def _changed(document: dict[str, Any], moment: str) -> dict[str, Any]:
    """Return an object that changed at a moment, with all its parts."""
    parts = {
        name: [_changed(part, moment) for part in document[name]]
        for name in ("evses", "connectors")
        if name in document
    }
    return {**document, **parts, "last_updated": moment}


def differences(sent: Any, kept: Any, path: str = "") -> Iterator[str]:
    """Walk the paths of what was sent and is not kept; nulls, empty lists and the case of texts do not count."""
    if isinstance(sent, dict):
        for name, value in sent.items():
            if value is None or value == []:
                continue
            place = f"{path}.{name}" if path else name
            if not isinstance(kept, dict) or kept.get(name) is None:
                yield place
            else:
                yield from differences(value, kept[name], place)
    elif isinstance(sent, list):
        if not isinstance(kept, list) or len(kept) != len(sent):
            yield path
        else:
            for one, other in zip(_ordered(sent), _ordered(kept), strict=True):
                yield from differences(one, other, f"{path}[]")
    elif _plain(sent) != _plain(kept):
        yield path


def _ordered(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: str(item.get("uid") or "").casefold() if isinstance(item, dict) else "")


def _plain(value: Any) -> Any:
    instant = read_instant(value) if isinstance(value, str) else None
    return instant or (value.casefold() if isinstance(value, str) else value)


class Exchange:
    """Goes through all messages, in the order in which platforms come to know each other."""

    def __init__(self, ocpi: OCPI, peer: Peer) -> None:
        self.ocpi = ocpi
        self.peer = peer
        self.platform: Any = None
        self.rows: list[Row] = []

    def all(self) -> list[Row]:
        self.step("register (POST credentials)", self.register)
        if self.platform is None:
            return self.rows
        for module in MODULES:
            self.step(f"GET the list of {NUMBER} {module}", lambda module=module: self.fetch(module))
        for module in MODULES:
            self.step(f"their push of one of {module}", lambda module=module: self.take(module))
        for module in ("locations", "sessions", "tariffs", "tokens", "cdrs"):
            verb = "POST" if module == "cdrs" else "PUT"
            self.step(f"{verb} {module}", lambda module=module: self.put(module))
        self.step("PATCH of an EVSE", lambda: self.patch("locations", ("LOC1", "EVSE1"), {"status": "CHARGING"}))
        self.step("PATCH sessions", lambda: self.patch("sessions", ("SES1",), {"kwh": 15.5}))
        self.step("PATCH tokens", lambda: self.patch("tokens", ("OWN1",), {"valid": False}))
        self.step("DELETE tariffs", self.delete)
        self.step("POST authorize", self.authorize)
        self.step("PUT charging preferences", self.prefer)
        self.commands()
        self.profiles()
        self.step("entries that wait or are parked after all this", self.outbox)
        self.step("rotate (PUT credentials)", self.rotate)
        self.step("GET the list of tariffs after it", lambda: self.fetch("tariffs"))
        self.step("unregister (DELETE credentials)", self.unregister)
        return self.rows

    def step(self, message: str, do: Callable[[], tuple[str, bool]]) -> None:
        self.ocpi.findings.remove_all()
        try:
            outcome, ok = do()
        except (FlaskOCPIError, AssertionError, LookupError) as error:
            outcome, ok = f"{type(error).__name__}: {error}"[:300], False
        fault = next((why for step, said, why in THEIR_FAULTS if step in message and said in outcome), "")
        found = sorted({f"{e.finding.kind} {e.finding.path}".strip() for e in self.ocpi.findings.list()})
        outcome += f"; found: {', '.join(found)}" if found else ""
        self.rows.append(Row(message, fault or outcome, not ok and not fault, fault))

    def register(self) -> tuple[str, bool]:
        self.platform = self.ocpi.partners.register(
            f"{self.peer.url}/ocpi/versions", TOKEN_A, roles=["CPO", "EMSP"], parties=[THEIRS]
        )
        return f"{len(self.platform.endpoints)} endpoints", str(self.platform.state) == "REGISTERED"

    def client(self) -> Client:
        return self.ocpi.client(self.platform)

    def fetch(self, module: str) -> tuple[str, bool]:
        errors = [str(synced.error) for synced in self.ocpi.sync(self.platform, [module]) if synced.error]
        kept = {str(d.get("id") or d.get("uid")).lower(): d for d in self.ocpi.copies.documents(module)}
        lost: Counter[str] = Counter()
        for document in self.peer.listed(module):
            lost.update(differences(document, kept.get(str(document.get("id") or document["uid"]).lower(), {})))
        said = f"{len(kept)} of {NUMBER} stored"
        if lost:
            said += f"; lost: {dict(lost)}"
        return "; ".join([said, *errors]), len(kept) == NUMBER and not errors and not lost

    def take(self, module: str) -> tuple[str, bool]:
        id = identifier(module, 7)
        status, body = self.peer.push(module, id)
        code = orjson.loads(body)["status_code"] if body.startswith("{") else body[:200]
        kept = self.ocpi.copies.get(module, id, owner=THEIRS)
        return f"HTTP {status}, {code}", status in (200, 201) and code == 1000 and bool(kept)

    def put(self, module: str) -> tuple[str, bool]:
        document = {**takeable(_MAKERS[module]()), "country_code": "NL", "party_id": "ABC", "last_updated": LATER}
        if module == "tokens":
            document["uid"] = "OWN1"
        if "cdr_token" in document:
            document["cdr_token"] = {**document["cdr_token"], "country_code": "DE", "party_id": "PEE"}
        self.ocpi.save(module, document)
        return self.arrived(module, document)

    def arrived(self, module: str, document: dict[str, Any], *needed: str) -> tuple[str, bool]:
        self.ocpi.outbox.flush()
        role = "CPO" if module == "tokens" else "EMSP"
        id = str(document.get("id") or document["uid"]).lower()
        there = self.peer.stored().get((module, role, id))
        if there is None:
            return f"not there: {self.waiting()}", False
        left_out = sorted(set(differences(document, there)))
        return f"there{f', without {left_out}' if left_out else ''}", not set(needed) & set(left_out)

    def patch(self, module: str, ids: tuple[str, ...], changes: dict[str, Any]) -> tuple[str, bool]:
        self.ocpi.patch(module, *ids, changes={**changes, "last_updated": "2024-06-02T12:00:00Z"})
        needed = [f"evses[].{name}" if module == "locations" else name for name in (*changes, "last_updated")]
        return self.arrived(module, self.ocpi.objects.record(module, ids[0]).document, *needed)

    def delete(self) -> tuple[str, bool]:
        id = made.full_tariff()["id"]
        self.ocpi.delete("tariffs", id)
        self.ocpi.outbox.flush()
        gone = ("tariffs", "EMSP", id.lower()) not in self.peer.stored()
        return "gone" if gone else f"still there: {self.waiting()}", gone

    def authorize(self) -> tuple[str, bool]:
        with self.client() as client:
            answer = client.tokens.authorize(identifier("tokens", 3), type="RFID", location={"location_id": "LOC1"})
        return f"{answer.info['allowed']}, realtime: {answer.realtime}", answer.is_allowed and answer.realtime

    def prefer(self) -> tuple[str, bool]:
        with self.client() as client:
            answer = client.sessions.put_charging_preferences(identifier("sessions", 3), {"profile_type": "GREEN"})
        there = ("preferences", "CPO", identifier("sessions", 3).lower()) in self.peer.stored()
        return f"{answer}, {'there' if there else 'not there'}", there

    def commands(self) -> None:
        token = {**made.full_token(), "country_code": "NL", "party_id": "ABC", "uid": "OWN1", "last_updated": LATER}
        place = {"location_id": identifier("locations", 3), "evse_uid": "EVSE1", "connector_id": "1"}
        reservation = {"token": token, "reservation_id": "R1", "expiry_date": "2034-05-31T12:00:00Z"}
        reservation |= {"location_id": place["location_id"], "evse_uid": "EVSE1"}
        asked: dict[str, Callable[[Client], Any]] = {
            "START_SESSION": lambda client: client.commands.start_session({"token": token, **place}),
            "STOP_SESSION": lambda client: client.commands.stop_session(identifier("sessions", 3)),
            "RESERVE_NOW": lambda client: client.commands.reserve_now(reservation),
            "CANCEL_RESERVATION": lambda client: client.commands.cancel_reservation("R1"),
            "UNLOCK_CONNECTOR": lambda client: client.commands.unlock_connector(place),
        }
        for name, ask in asked.items():
            self.step(f"{name} and its result", lambda ask=ask: self.call(ask))

    def profiles(self) -> None:
        if not any(endpoint["identifier"] == "chargingprofiles" for endpoint in self.platform.endpoints):
            return
        id = identifier("sessions", 3)
        profile = made.set_charging_profile()["charging_profile"]
        self.step(
            "GET a charging profile and its result",
            lambda: self.call(lambda client: client.chargingprofiles.get_active(id, duration=900)),
        )
        self.step(
            "PUT a charging profile and its result",
            lambda: self.call(lambda client: client.chargingprofiles.set(id, profile)),
        )

    def call(self, ask: Callable[[Client], Any]) -> tuple[str, bool]:
        with self.client() as client:
            call = ask(client)
        ends = time.monotonic() + RESULT_SECONDS
        while time.monotonic() < ends and call.result is None:
            time.sleep(0.05)
            call = self.ocpi.call(call.id)
        response = None if call.response is None else call.response["result"]
        result = None if call.result is None else call.result["result"]
        return f"answer {response}, result {result}", response == "ACCEPTED" and result is not None

    def outbox(self) -> tuple[str, bool]:
        self.ocpi.outbox.flush()
        waiting = self.waiting()
        return waiting or "none", not waiting

    def waiting(self) -> str:
        found = of_platform(self.ocpi.services, self.platform.id)
        return "; ".join(
            f"{entry.module} {'parked' if entry.is_parked else 'waits'}: {entry.error}"[:200] for entry in found
        )

    def rotate(self) -> tuple[str, bool]:
        self.platform = self.ocpi.partners.rotate(self.platform)
        return str(self.platform.state), str(self.platform.state) == "REGISTERED"

    def unregister(self) -> tuple[str, bool]:
        platform = self.ocpi.partners.unregister(self.platform)
        return str(platform.state), str(platform.state) == "UNREGISTERED"
