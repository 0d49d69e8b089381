"""Cards say how it stands with each partner, and what is wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi import Party
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import UnreachableError
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.testing.documents import location
from tests.conftest import EVERY_STORAGE

DAY = 86_400


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def connected(ocpi, ocpi_other, ocpi_network):
    """The platform, registered with another one."""
    ocpi_network.connect(ocpi, ocpi_other)
    return ocpi


def card(ocpi):
    """Return the only card as plain data."""
    [found] = ocpi.partners.status()
    return found.to_dict()


def problems(ocpi):
    """Return the problems of the only card: outcome and message."""
    return [(problem["outcome"], problem["message"]) for problem in card(ocpi)["problems"]]


def cut(network):
    def refuse(request):
        raise UnreachableError("The line is cut.")

    network.before_send = refuse


@EVERY_STORAGE
def test_a_fresh_registration_is_well_on_both_sides(connected, ocpi_other, ocpi_storage):
    for ocpi, partner in ((connected, "other-example"), (ocpi_other, "nl-abc")):
        found = card(ocpi)

        assert (found["outcome"], found["problems"], found["state"]) == ("OK", [], "REGISTERED")
        assert found["version"] == "2.3.0"
        assert found["tokens_since"] == found["last_out"] == "2026-01-01T12:00:00.000Z"
        assert found["outbox"] == {
            "waiting": 0, "parked": 0, "oldest_seconds": None, "held_back_seconds": None, "error": "",
        }  # fmt: skip
        assert {each["module"] for each in found["sync"]} >= {"locations", "tokens"}
        assert partner in (found["id"], "nl-abc")


def test_messages_are_on_the_card_of_their_partner(connected, ocpi_other, ocpi_network, ocpi_clock):
    ocpi_clock.advance(60)
    connected.save("locations", location(id="LOC1"))

    there, here = card(ocpi_other), card(connected)

    assert here["last_out"] == there["last_in"] == "2026-01-01T12:01:00.000Z"
    assert there["uses"]["locations RECEIVER"] == here["called"]["locations RECEIVER"] == "2026-01-01T12:01:00.000Z"
    assert here["last_hour"]["failed_out"] == 0
    assert here["clock_ahead_seconds"] == 0


def test_a_partner_that_cannot_be_reached_fails_with_what_waits(connected, ocpi_network, ocpi_clock):
    cut(ocpi_network)
    connected.save("locations", location(id="LOC1"))
    ocpi_clock.advance(120)

    found = card(connected)

    assert found["outcome"] == "FAIL"
    assert ("FAIL", "Sending to it is held back for 2 minutes: The line is cut.") in problems(connected)
    assert (found["outbox"]["waiting"], found["outbox"]["oldest_seconds"]) == (1, 120)
    assert found["last_failure"]["operation"] == "receiver_put_location"


def test_what_waits_although_nothing_holds_it_back_is_a_warning(connected, ocpi_network, ocpi_clock):
    cut(ocpi_network)
    connected.save("locations", location(id="LOC1"))
    [circuit] = [each.circuit for each in connected.partners.status()]
    connected.storage.delete(circuit.KIND, circuit.key)
    ocpi_clock.advance(3600)

    assert ("WARN", "A change waits for 60 minutes to be sent, and nothing holds it back.") in problems(connected)


def test_a_change_that_the_partner_refuses_is_a_warning(connected, ocpi_network):
    ocpi_network.after_send = lambda request, response: (
        replace(response, status=400, body=b'{"status_code": 2001, "timestamp": "2026-01-01T12:00:00Z"}')
        if request.method in ("PUT", "PATCH")
        else response
    )
    connected.save("locations", location(id="LOC1"))

    assert ("WARN", "It refused changes that we sent: 1.") in problems(connected)


def test_a_partner_that_left_is_shown_with_when_and_who(connected, ocpi_other, ocpi_clock):
    [theirs] = ocpi_other.partners.list()
    ocpi_clock.advance(60)
    ocpi_other.partners.unregister(theirs)
    ocpi_clock.advance(2 * 3600)

    here, there = card(connected), card(ocpi_other)

    assert (here["state"], here["ended"], here["ended_by"]) == ("UNREGISTERED", "2026-01-01T12:01:00.000Z", "partner")
    assert problems(connected) == [("WARN", "It ended the registration 2 hours ago.")]
    assert (there["state"], there["ended_by"], there["outcome"]) == ("UNREGISTERED", "us", "OK")
    ocpi_clock.advance(7 * DAY)
    assert card(connected)["outcome"] == "OK"


def test_a_partner_that_came_back_did_not_leave(connected, ocpi_other, ocpi_network):
    [theirs] = ocpi_other.partners.list()
    ocpi_other.partners.unregister(theirs)
    [here] = connected.partners.list()
    _, token = connected.partners.invite(platform=here.id)

    ocpi_other.partners.register(connected.versions_url, token)

    assert (card(connected)["state"], card(connected)["ended"], card(connected)["outcome"]) == (
        "REGISTERED",
        None,
        "OK",
    )


def test_a_silent_partner_is_a_warning(connected, ocpi_clock):
    ocpi_clock.advance(DAY)
    assert card(connected)["outcome"] == "OK"

    ocpi_clock.advance(2 * DAY)

    assert problems(connected) == [("WARN", "Nothing was heard from it for 3 days.")]


def test_a_partner_that_forgot_our_token_fails(connected, ocpi_other, ocpi_network):
    [theirs] = ocpi_other.partners.list()
    ocpi_other.services.platforms.delete(theirs)
    connected.save("locations", location(id="LOC1"))

    assert ("FAIL", "It does not accept our token any more.") in problems(connected)


def test_a_wrong_clock_is_a_warning(connected, ocpi_network):
    [partner] = connected.partners.list()
    ocpi_network.after_send = lambda request, response: replace(
        response, body=response.body.replace(b"2026-01-01T12:00:00", b"2026-01-01T14:00:00")
    )
    list(connected.client(partner).tokens.list())

    assert problems(connected) == [("WARN", "Its clock is at least 2 hours ahead of ours.")]
    assert card(connected)["clock_ahead_seconds"] == 7200


def test_many_failures_are_a_warning_and_few_are_none(connected, ocpi_network):
    [partner] = connected.partners.list()
    client = connected.client(partner)

    def ask(times):
        for _ in range(times):
            with pytest.raises(Exception, match="2003"):
                client.module("locations").get("NOWHERE")

    ask(2)
    assert card(connected)["outcome"] == "OK"
    ask(1)

    [(outcome, message)] = problems(connected)
    assert outcome == "WARN"
    assert message.endswith("of our requests to it in the last hour 3 failed.")


def test_refused_objects_are_counted_and_a_warning(connected):
    [partner] = connected.partners.list()
    connected.services.findings.add(Finding(partner.id, "mended", "locations", "NL ABC LOC1"))
    connected.services.findings.add(Finding(partner.id, "refused", "locations", "NL ABC LOC2", refused=True))

    assert card(connected)["findings"] == {"number": 2, "refused": 1}
    assert problems(connected) == [("WARN", "Objects that it sent were refused: 1.")]


def test_roles_that_wait_for_an_answer_are_a_warning(ocpi, ocpi_other):
    _, token = ocpi.partners.invite(roles=["CPO"], parties=[Party.of("FR", "OTH")])
    ocpi_other.partners.register(ocpi.versions_url, token)

    assert ("WARN", "It asks for more than it was granted: EMSP FR-OTH.") in problems(ocpi)


class TestSync:
    @pytest.fixture
    def ocpi_config(self):
        return {"OCPI_SYNC_INTERVAL": 600}

    def test_the_age_and_the_newest_change_of_each_list_are_shown(self, connected, ocpi_other, ocpi_clock):
        ocpi_other.save("locations", location(id="LOC1", last_updated="2026-01-01T10:00:00Z", **party(ocpi_other)))
        connected.sync()
        ocpi_clock.advance(90)

        [found] = [each for each in card(connected)["sync"] if each["module"] == "locations"]

        assert (found["age_seconds"], found["newest"]) == (90, "2026-01-01T10:00:00.000Z")
        assert (found["failures"], found["error"], found["receiver"]) == (0, "", "NL-ABC")
        assert card(connected)["outcome"] == "OK"

    def test_a_list_that_was_not_synced_for_long_is_a_warning(self, connected, ocpi_clock):
        ocpi_clock.advance(3 * 3600)

        assert ("WARN", "locations was not synced for NL-ABC for 3 hours.") in problems(connected)

    def test_a_sync_that_fails_is_a_warning(self, connected, ocpi_network):
        cut(ocpi_network)
        connected.sync(modules=["locations"])

        assert ("WARN", "locations could not be synced for NL-ABC: The line is cut.") in problems(connected)


def party(ocpi):
    own = ocpi.services.own_parties("locations", InterfaceRole.SENDER)[0]
    return {"country_code": own.country_code, "party_id": own.party_id}


def test_an_invited_partner_is_well_and_a_broken_registration_is_not(ocpi):
    ocpi.partners.invite(name="Invited")
    broken, _ = ocpi.partners.invite(name="Broken")
    ocpi.services.platforms.save(replace(broken, state=PlatformState.PENDING), before=broken)

    found = {each.platform.name: each for each in ocpi.partners.status()}

    assert found["Invited"].outcome == "OK"
    assert [problem.outcome for problem in found["Broken"].problems] == ["WARN"]


def test_a_card_has_no_token(connected):
    [partner] = connected.partners.list()

    text = str(card(connected))

    assert partner.token not in text
    assert all(token.hash not in text for token in partner.issued)
