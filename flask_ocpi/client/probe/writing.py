"""Checks that write objects to Receiver interfaces: for test partners only."""

from __future__ import annotations

from functools import partial

from flask_ocpi.client.probe import checks
from flask_ocpi.client.probe.checks import DoubtError
from flask_ocpi.client.probe.checks import Each
from flask_ocpi.client.probe.checks import FlawError
from flask_ocpi.client.probe.checks import NotApplicableError
from flask_ocpi.client.probe.checks import SkippedError
from flask_ocpi.client.probe.checks import declared
from flask_ocpi.client.probe.receivers import Receiver
from flask_ocpi.client.probe.receivers import differences
from flask_ocpi.client.probe.seen import Seen
from flask_ocpi.client.probe.seen import cut
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.errors import StatusCode
from flask_ocpi.storage.base import Party
from flask_ocpi.versions.reading.reader import shown

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
    differing = differences(receiver.document, seen.data)
    if differing == ["last_updated"]:
        raise DoubtError("It has another last_updated.")
    if differing:
        raise FlawError(cut(f"It differs in {', '.join(map(shown, differing))}."))
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
    seen = receiver.get()
    _demand_object(seen)
    wanted = {**receiver.document, **receiver.changes}
    differing = [path for path in differences(wanted, seen.data) if path != "last_updated"]
    if differing:
        raise FlawError(cut(f"It differs in {', '.join(map(shown, differing))}."))
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
    seen = receiver.get()
    _demand_object(seen)
    differing = [path for path in differences(receiver.document, seen.data) if path != "last_updated"]
    if differing:
        raise FlawError(cut(f"The object differs in {', '.join(map(shown, differing))}."))
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


def _refused(seen: Seen) -> str:
    """Demand a refusal with a reason, which the caller can mend; not an error of the server."""
    if seen.done:
        raise FlawError(f"It was taken: {seen.summary}")
    if not seen.status:
        raise SkippedError(seen.summary)
    if seen.status >= 500 or (seen.code or 0) >= StatusCode.SERVER_ERROR:
        raise FlawError(seen.summary)
    return seen.summary
