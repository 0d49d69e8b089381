"""A charge over sockets, from START_SESSION to the CDR, is one story on both sides."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest

from flask_ocpi.exchange.journal_groups import REFERENCES
from flask_ocpi.exchange.journal_records import JOURNAL
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.testing import documents
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from tests.charging import SESSION
from tests.charging import TOKEN
from tests.e2e.processes import until
from tests.e2e.relaying import serving_platform

CPO = {"country_code": "NL", "party_id": "ABC"}
EMSP = {"country_code": "DE", "party_id": "EMS"}
KEYS = [("session", "S2"), ("token", "Tok1"), ("evse", "EVSE1"), ("reference", "A1"), ("cdr", "C1")]
#: The messages of the charge, as the side that sends each of them says.
CHARGE = {
    ("CPO", "asked whether token Tok1 may charge at EVSE EVSE1: ALLOWED"),
    ("EMSP", "asked for START_SESSION for token Tok1 at EVSE EVSE1: ACCEPTED"),
    ("CPO", "sent the result of START_SESSION: ACCEPTED"),
    ("CPO", "sent session S2: status ACTIVE, 0 kWh"),
    ("CPO", "changed EVSE EVSE1: status CHARGING"),
    ("CPO", "changed session S2: status COMPLETED, 12.4 kWh"),
    ("CPO", "sent CDR C1: 12.4 kWh, 3.12 EUR"),
}


@pytest.fixture(scope="module", params=[V2_2_1, V2_3_0], ids=lambda version: version.number)
def charged(request):
    """An operator and a provider after one charge; a location and a token were exchanged before."""
    with ExitStack() as stack:
        cpo, cpo_app = serving_platform(stack, CPO, ["CPO"], [request.param])
        emsp, emsp_app = serving_platform(stack, EMSP, ["EMSP"], [request.param])
        _, token = cpo.partners.invite(name="Provider", roles=["EMSP"], parties=[Party.of("DE", "EMS")])
        emsp.partners.register(cpo.versions_url, token)
        for job in cpo.services.jobs:
            if job.name == "endpoints":
                job.run()
        charge(cpo, emsp)
        assert cpo.journal.flush()
        assert emsp.journal.flush()
        yield {"CPO": (cpo, cpo_app), "EMSP": (emsp, emsp_app)}


def charge(cpo: Any, emsp: Any) -> None:
    emsp.authorizer(lambda token, place: {"allowed": "ALLOWED", "authorization_reference": "A1"})
    cpo.command("START_SESSION")(lambda command, reply: reply.accept(lambda: "ACCEPTED"))
    cpo.save("locations", documents.location(evses=[documents.evse()]))
    emsp.save("tokens", documents.token(**TOKEN))
    until(lambda: pushed(cpo) and emsp.copies.documents("locations"), "The location was not pushed.")
    until(lambda: pushed(emsp) and cpo.copies.documents("tokens"), "The token was not pushed.")

    place = {"location_id": "LOC1", "evse_uids": ["EVSE1"]}
    cpo.client("DE-EMS").tokens.authorize("Tok1", location=place, ask=True)
    command = {"token": documents.token(**TOKEN), "location_id": "LOC1", "evse_uid": "EVSE1"}
    call = emsp.client("NL-ABC").commands.start_session({**command, "authorization_reference": "A1"})
    until(lambda: emsp.call(call.id).result, "There is no result of the command.")
    session = documents.session(**{**SESSION, "status": "ACTIVE", "kwh": 0})
    cpo.save("sessions", session)
    until(lambda: pushed(cpo) and emsp.copies.documents("sessions"), "The session was not pushed.")
    cpo.patch("locations", "LOC1", "EVSE1", changes={"status": "CHARGING"})
    until(lambda: pushed(cpo) and copy_of(emsp, "locations")["evses"][0]["status"] == "CHARGING", "No EVSE was pushed.")
    cpo.patch("sessions", "S2", changes={"status": "COMPLETED", "kwh": 12.4})
    until(lambda: pushed(cpo) and copy_of(emsp, "sessions")["status"] == "COMPLETED", "The change was not pushed.")
    there = {**documents.cdr()["cdr_location"], "id": "LOC1", "evse_uid": "EVSE1"}
    about = {"session_id": "S2", "cdr_token": TOKEN, "cdr_location": there, "authorization_reference": "A1"}
    cpo.save("cdrs", documents.cdr(**{"id": "C1", **about, "total_energy": 12.4}))
    until(lambda: pushed(cpo) and emsp.copies.documents("cdrs"), "The CDR was not pushed.")


def pushed(ocpi: Any) -> bool:
    """Tell whether nothing waits any more: a later change of the object is then a message of its own."""
    return not ocpi.outbox.lags()


def copy_of(emsp: Any, module: str) -> Any:
    (document,) = emsp.copies.documents(module)
    return document


def told(story: Any, side: str) -> set[tuple[str, str]]:
    """Return the messages of the charge in a story, with the side that sent each."""
    other = {"CPO": "EMSP", "EMSP": "CPO"}[side]
    found = [(side if event.direction == "OUT" else other, event.said) for event in story.events]
    return {each for each in found if each in CHARGE}


@pytest.mark.parametrize("side", ["CPO", "EMSP"])
@pytest.mark.parametrize(("kind", "id"), KEYS, ids=[kind for kind, _ in KEYS])
def test_charge_is_one_story_of_all_its_messages(charged, side, kind, id):
    ocpi, app = charged[side]

    story = ocpi.journal.story({"reference": "authorization_reference"}.get(kind, kind), id)
    printed = app.test_cli_runner().invoke(args=["ocpi", "story", kind, id])

    assert told(story, side) == CHARGE
    assert printed.exit_code == 0
    assert all(said in printed.stdout for _, said in CHARGE)


@pytest.mark.parametrize("side", ["CPO", "EMSP"])
def test_no_token_of_the_registration_is_in_the_journal(charged, side):
    ocpi, _ = charged[side]
    (partner,) = ocpi.partners.list()

    stored = [record.text for kind in (JOURNAL, REFERENCES) for record in walk(ocpi.storage, kind, Query())]
    ours = ocpi.services.platforms.cipher.decrypt(partner.token)

    assert not any(ours.encode() in text or ours.upper().encode() in text for text in stored)
