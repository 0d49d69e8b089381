"""Checks that write objects to Receiver interfaces: for test partners only."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from functools import partial
from typing import Any

import orjson

from flask_ocpi.client.addresses import joined
from flask_ocpi.client.operations import body_of
from flask_ocpi.client.operations import object_of
from flask_ocpi.client.operations import operations_of
from flask_ocpi.client.operations import path_of
from flask_ocpi.client.probe import checks
from flask_ocpi.client.probe.checks import DoubtError
from flask_ocpi.client.probe.checks import Each
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import NotApplicableError
from flask_ocpi.client.probe.checks import Seen
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import cut
from flask_ocpi.client.probe.checks import declared
from flask_ocpi.client.probe.checks import instant
from flask_ocpi.client.probe.session import Session
from flask_ocpi.core.converting import class_in
from flask_ocpi.core.converting import fields_of
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.quirks import NO_QUIRKS
from flask_ocpi.core.quirks import Quirks
from flask_ocpi.core.schema import example_of
from flask_ocpi.errors import StatusCode
from flask_ocpi.storage.base import Party
from flask_ocpi.versions.reading.reader import shown
from flask_ocpi.versions.shaping import shaped

_UNKNOWN = "PROBE-UNKNOWN"
#: Values with which an object of the probe harms nobody: it is not shown, not valid, over.
_HARMLESS: Mapping[str, Document] = {
    ModuleID.LOCATIONS: {"publish": False},
    ModuleID.SESSIONS: {"status": "INVALID"},
    ModuleID.TOKENS: {"valid": False},
}
_CHANGES: Mapping[str, Document] = {
    ModuleID.LOCATIONS: {"name": "Probe"},
    ModuleID.SESSIONS: {"kwh": 1.5},
    ModuleID.TARIFFS: {"currency": "USD"},
    ModuleID.TOKENS: {"visual_number": "PROBE"},
}
#: The quirks that change the shape of an object, tried in this order if it is refused.
_SHAPES: Sequence[tuple[str, ...]] = (
    ("always-incl-vat",),
    ("offset-in-dates",),
    ("always-incl-vat", "offset-in-dates"),
    ("send-nulls",),
)
_REASONS = {
    "always-incl-vat": "It takes our objects only if prices have incl_vat.",
    "offset-in-dates": "It takes our objects only with +00:00 in dates.",
    "send-nulls": "It takes our objects only with optional properties as null.",
}


@dataclass(eq=False)
class Receiver:
    """One Receiver interface with objects of ours. read: its GET of a whole object."""

    session: Session
    module: Module
    url: str
    read: Operation
    refused_usual: Seen | None = None
    refused_once: Seen | None = None

    def __post_init__(self) -> None:
        self.name, self.id = self.module.id, f"PROBE-{uuid.uuid4().hex[:12]}"
        self._told = 0

    @property
    def party(self) -> Party:
        """Our party that owns the objects; raises SkippedError if there is none."""
        found = self.session.own_party(self.module, InterfaceRole.SENDER)
        if found is None:
            raise SkippedError("No party of ours has such objects.")
        return found

    def operation(self, method: str) -> Operation:
        """Return an operation on whole objects; raises NotApplicableError if the module has none."""
        operations = operations_of(self.module, InterfaceRole.RECEIVER)
        found = next((o for o in operations if o.owned and o.method == method and not o.part), None)
        if found is None or self.module.id not in (*_HARMLESS, ModuleID.TARIFFS):
            raise NotApplicableError("The probe writes no such objects.")
        return found

    def ask(self, operation: Operation, id: str, *, body: bytes | None = None, party: Party | None = None) -> Seen:
        """Call an operation on an object of ours, or of another party."""
        owner = party or self.party
        path = path_of(operation, [owner.country_code, owner.party_id, *[id] * (len(operation.parameters) - 2)])
        return self.session.ask(
            operation.method,
            joined(self.url, path),
            module=self.module,
            operation=self.module.view_name(InterfaceRole.RECEIVER, operation),
            headers=self.session.routing(self.module, InterfaceRole.RECEIVER),
            body=body,
        )

    def send(self, method: str, document: Document, *, id: str | None = None, party: Party | None = None) -> Seen:
        """PUT or PATCH an object, under the id of the probe unless another one is given."""
        return self.ask(self.operation(method), id or self.id, body=orjson.dumps(document), party=party)

    def get(self) -> Seen:
        return self.ask(self.read, self.id)

    @cached_property
    def unknown(self) -> Seen:
        """The answer to the request of an object that it never got."""
        return self.ask(self.read, _UNKNOWN)

    @property
    def now(self) -> str:
        """The time, as last_updated has it; each call tells a later one."""
        self._told += 1
        moment = self.session.services.clock().replace(microsecond=0) + timedelta(seconds=self._told)
        return format_date_time(moment).replace(".000Z", "Z")

    @cached_property
    def document(self) -> Document:
        """The object of the probe: the required properties of its class, and values that harm nobody."""
        cls = body_of(self.operation("PUT"))
        fields, key = fields_of(cls), object_of(self.read).id_key[0]
        given = {"country_code": self.party.country_code, "party_id": self.party.party_id, key: self.id}
        given |= {**_HARMLESS.get(self.module.id, {}), "last_updated": self.now}
        made: Document = {**example_of(cls), **{name: value for name, value in given.items() if name in fields}}
        price = class_in(fields["total_cost"]) if "total_cost" in fields else None
        if price is not None:
            made["total_cost"] = example_of(price)  # prices are taken in several forms
        theirs = next(iter(sorted(self.session.parties, key=str)), None)
        if "cdr_token" in made and theirs is not None:
            made["cdr_token"] = {**made["cdr_token"], "country_code": theirs.country_code, "party_id": theirs.party_id}
        return self.shaped(made, self._quirks())

    def shaped(self, document: Document, quirks: Quirks) -> Document:
        """Return an object as a partner with these quirks gets it."""
        made: Document = shaped(self.session.services.schemas[body_of(self.operation("PUT"))], document, quirks)
        return made

    def _quirks(self, *more: str) -> Quirks:
        platform = self.session.platform
        known = NO_QUIRKS if platform is None else self.session.services.quirks(platform)
        shape: dict[str, Any] = {name.replace("-", "_"): True for name in more}
        return replace(known, **shape)

    @cached_property
    def created(self) -> Seen:
        """The answer to the PUT of a new object, in another shape if the usual one is refused."""
        seen = self.send("PUT", self.document)
        if seen.done or seen.status in (401, 403, 404, 405):
            return seen
        again = self.send("PUT", self.document)
        if again.done:
            self.refused_once = seen
            return again
        for names in _SHAPES:
            document = self.shaped(self.document, self._quirks(*names))
            if document == self.document:
                continue
            again = self.send("PUT", document)
            if again.done:
                self.refused_usual, self.document = seen, document
                for name in names:
                    self.session.propose(name, True, _REASONS[name])
                return again
        return seen

    @cached_property
    def stored(self) -> Seen:
        self.need_created()
        return self.get()

    @property
    def changes(self) -> Document:
        """What the probe changes; raises NotApplicableError if the module has no PATCH."""
        self.operation("PATCH")
        return _CHANGES[self.module.id]

    @cached_property
    def patched(self) -> Seen:
        changes = self.changes
        self.need_created()
        return self.send("PATCH", {**changes, "last_updated": self.now})

    def need_created(self) -> None:
        """Raise SkippedError if the object could not be written."""
        if not self.created.done:
            raise SkippedError("The object could not be written.")


def receivers_of(session: Session) -> Sequence[Receiver]:
    found = []
    for module in session.modules(InterfaceRole.RECEIVER):
        operations = operations_of(module, InterfaceRole.RECEIVER)
        read = next((o for o in operations if o.owned and o.method == "GET" and not o.part), None)
        url, certain = session.endpoint(module, InterfaceRole.RECEIVER)
        if read is not None and url is not None and certain and not module.single:
            found.append(Receiver(session, module, url, read))
    return found


def differences(sent: Any, kept: Any, path: str = "") -> list[str]:
    """Return the paths of what was sent and is not kept; nulls, and the form of moments and numbers, do not count."""
    if isinstance(sent, dict):
        if not isinstance(kept, dict):
            return [path]
        pairs = [(f"{path}.{name}".lstrip("."), value, kept.get(name)) for name, value in sent.items() if value]
        return [found for name, value, other in pairs for found in differences(value, other, name)]
    if isinstance(sent, list):
        if not isinstance(kept, list) or len(kept) != len(sent):
            return [path]
        places = enumerate(zip(sent, kept, strict=True))
        return [found for number, pair in places for found in differences(*pair, f"{path}[{number}]")]
    return [] if sent == kept or _same_moment(sent, kept) else [path]


def _same_moment(sent: Any, kept: Any) -> bool:
    if not isinstance(sent, str) or not isinstance(kept, str):
        return False
    moment = instant(sent)
    return moment is not None and moment == instant(kept)


_PUSH = "Transport and format: Client owned object push"
_ERRORS = "Transport and format: Errors"
_PUT, _PATCH, _GET = "Transport and format: PUT", "Transport and format: PATCH", "Transport and format: GET"
_CODES = "Status codes"
#: A property that each class requires, and that the URL does not replace; its name may differ between versions.
_REQUIRED = {
    ModuleID.LOCATIONS: ("coordinates",),
    ModuleID.SESSIONS: ("start_date_time", "start_datetime"),
    ModuleID.TARIFFS: ("currency",),
    ModuleID.TOKENS: ("whitelist",),
}
#: The modules where the probe changes an optional property.
_OPTIONAL = (ModuleID.LOCATIONS, ModuleID.TOKENS)
_NO_METHOD = (405, 501)
_NOBODY = Party.of("ZZ", "ZZZ")

check = partial(checks.check, each=Each.RECEIVER, writes=True)


@check("write.put", "A PUT of a valid new object is taken.", _PUT)
def write_put(receiver: Receiver) -> str:
    seen = receiver.created
    if receiver.refused_usual is not None:
        raise FlawError(f"It is taken in another shape only: {receiver.refused_usual.summary}")
    if receiver.refused_once is not None:
        raise FlawError(f"It is taken at the second attempt: {receiver.refused_once.summary}")
    return _done(seen)


@check("write.created", "A PUT of a new object is answered with HTTP 201.", _CODES, advised=True)
def write_created(receiver: Receiver) -> str:
    receiver.need_created()
    if receiver.refused_once is not None:
        raise SkippedError("It was not taken at the first attempt.")
    if receiver.created.status != 201:
        raise FlawError(receiver.created.summary)
    return receiver.created.summary


@check("write.get", "The object that was put can be read.", _GET)
def write_get(receiver: Receiver) -> str:
    seen = receiver.stored
    _demand_object(seen)
    if differences(receiver.document, seen.data) == ["last_updated"]:
        raise DoubtError("It has another last_updated.")
    _demand_same(receiver.document, seen)
    return f"{len(receiver.document)} properties"


@check("write.patch", "A PATCH of the object is taken.", _PATCH)
def write_patch(receiver: Receiver) -> str:
    seen = receiver.patched
    if seen.status in _NO_METHOD:
        receiver.session.propose("no-patch", True, "It takes no PATCH.")
    return _done(seen)


@check("write.patched", "After the PATCH the object has the change, and is otherwise as before.", _PATCH)
def write_patched(receiver: Receiver) -> str:
    if not receiver.patched.done:
        raise SkippedError("The PATCH was not taken.")
    _demand_same({**receiver.document, **receiver.changes}, receiver.get(), but="last_updated")
    return ", ".join(receiver.changes)


@check("write.replace", "A PUT of a known object replaces it.", _PUT)
def write_replace(receiver: Receiver) -> str:
    receiver.need_created()
    _done(receiver.send("PUT", {**receiver.document, "last_updated": receiver.now}))
    seen = receiver.get()
    _demand_object(seen)
    optional = receiver.changes if receiver.module.id in _OPTIONAL else {}
    left = [name for name in optional if seen.data.get(name) is not None]
    if left:
        raise FlawError(f"It still has {', '.join(left)}, which the PUT left out.")
    return "replaced"


@check("write.patch_time", "A PATCH without last_updated is refused with 2001.", _PATCH, advised=True)
def write_patch_time(receiver: Receiver) -> str:
    if not receiver.session.version.dialect.patch_has_last_updated:
        raise NotApplicableError("In this version a PATCH needs none.")
    changes = receiver.changes
    receiver.need_created()
    return _refused(receiver.send("PATCH", dict(changes)))


@check("write.patch_unknown", "A PATCH of an object that it never got is refused.", _ERRORS)
def write_patch_unknown(receiver: Receiver) -> str:
    changes = receiver.changes
    receiver.need_created()
    return _refused(receiver.send("PATCH", {**changes, "last_updated": receiver.now}, id="PROBE-UNKNOWN"))


@check("write.other_id", "An object whose id differs from that in the URL is refused with 2001.", _ERRORS, advised=True)
def write_other_id(receiver: Receiver) -> str:
    receiver.need_created()
    return _refused(receiver.send("PUT", {**receiver.document, "last_updated": receiver.now}, id="PROBE-OTHER"))


@check("write.other_party", "An object of a party that is not ours is refused.", _ERRORS, advised=True)
def write_other_party(receiver: Receiver) -> str:
    receiver.need_created()
    document = {**receiver.document, "last_updated": receiver.now}
    if "party_id" in document:
        document |= {"country_code": _NOBODY.country_code, "party_id": _NOBODY.party_id}
    return _refused(receiver.send("PUT", document, party=_NOBODY))


@check("write.incomplete", "An object without a required property is refused with 2001.", _CODES)
def write_incomplete(receiver: Receiver) -> str:
    receiver.need_created()
    missing = _REQUIRED[ModuleID(receiver.module.id)]
    document = {name: value for name, value in receiver.document.items() if name not in missing}
    return _refused(receiver.send("PUT", {**document, "last_updated": receiver.now}))


@check("write.text", "A body that is no JSON is answered with HTTP 400.", _CODES)
def write_text(receiver: Receiver) -> str:
    receiver.need_created()
    seen = receiver.ask(receiver.operation("PUT"), receiver.id, body=b"{")
    if seen.status != 400 and not seen.done and seen.status:
        raise DoubtError(seen.summary)
    return _refused(seen)


@check("write.kept", "What was refused changed nothing.", _ERRORS)
def write_kept(receiver: Receiver) -> str:
    receiver.need_created()
    _demand_same(receiver.document, receiver.get(), but="last_updated")
    return "as it was put last"


@check("write.delete", "After a DELETE the object is gone.", "Tariffs: DELETE method")
def write_delete(receiver: Receiver) -> str:
    operation = receiver.operation("DELETE")
    receiver.need_created()
    _done(receiver.ask(operation, receiver.id))
    seen = receiver.get()
    if seen.succeeded:
        raise FlawError(f"It is still there: {seen.name}")
    return seen.summary


CHECKS = declared(globals())


def _done(seen: Seen) -> str:
    if not seen.done:
        raise FlawError(f"{seen.name}: {seen.summary}")
    return seen.summary


def _demand_object(seen: Seen) -> None:
    """Demand success, and an object in ``data``."""
    seen.demand_success()
    if not isinstance(seen.data, dict):
        raise FlawError(f"{seen.name} has no object in data.")


def _demand_same(wanted: Document, seen: Seen, *, but: str = "") -> None:
    """Demand an object with all properties of another one, except for one."""
    _demand_object(seen)
    differing = [path for path in differences(wanted, seen.data) if path != but]
    if differing:
        raise FlawError(cut(f"It differs in {', '.join(map(shown, differing))}."))


def _refused(seen: Seen) -> str:
    """Demand a refusal with a reason, which the caller can mend; not an error of the server."""
    if seen.done:
        raise FlawError(f"It was taken: {seen.summary}")
    if not seen.status:
        raise SkippedError(seen.summary)
    if seen.status >= 500 or (seen.code or 0) >= StatusCode.SERVER_ERROR:
        raise FlawError(seen.summary)
    return seen.summary
