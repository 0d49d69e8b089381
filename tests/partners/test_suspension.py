"""An operator suspends a partner: messages stop in both directions, and nothing is lost."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.host.status import Outcome
from flask_ocpi.testing import documents
from tests.conftest import EVERY_STORAGE

REASON = "its prices are wrong"
SENT = {"country_code": "FR", "party_id": "OTH"}


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def pair(ocpi_network, ocpi, ocpi_other):
    """The platform and its partner, which knows it as NL-ABC; both send what they save."""
    ocpi_network.connect(ocpi, ocpi_other)
    ocpi_network.requests.clear()
    return ocpi, ocpi_other


def copies(ocpi, module="locations"):
    return sorted(document["id"] for document in ocpi.objects.documents(module, copies=True))


@EVERY_STORAGE
def test_changes_for_a_suspended_partner_wait_until_it_is_resumed(ocpi_network, pair):
    own, partner = pair
    own.partners.suspend("FR-OTH")

    own.save("locations", documents.location(name="First"))
    own.save("locations", documents.location(name="Second"))
    own.outbox.flush()
    assert ocpi_network.requests == []
    assert [(lag.waiting, lag.parked, lag.held_back_seconds) for lag in own.outbox.lags()] == [(1, 0, None)]

    own.partners.resume("FR-OTH")

    assert own.outbox.lags() == ()
    assert [document["name"] for document in partner.copies.documents("locations")] == ["Second"]


@EVERY_STORAGE
def test_a_worker_that_found_work_before_the_suspension_does_not_try_to_send_it(ocpi_network, ocpi_clock, pair):
    own, _ = pair

    def fail(request):
        raise UnreachableError("The line is cut.")

    ocpi_network.before_send = fail
    own.save("locations", documents.location())
    ocpi_network.before_send = None
    ocpi_network.requests.clear()
    ocpi_clock.advance(86_400)
    own.partners.suspend("FR-OTH")

    waiting = own.outbox.list("FR-OTH")

    batch = own.dispatcher.deliveries.deliver_some("other-example")

    assert (batch.delivered, ocpi_network.requests) == (0, [])
    assert len(waiting) == 1
    assert own.outbox.list("FR-OTH") == waiting  # without a failed attempt


@EVERY_STORAGE
def test_requests_of_a_suspended_partner_are_refused_and_store_nothing(pair):
    own, partner = pair
    own.save("locations", documents.location())
    own.partners.suspend("FR-OTH", reason=REASON)

    with pytest.raises(RefusedError) as refused, partner.client("NL-ABC") as client:
        list(client.locations.list())

    assert refused.value.http_status == 403
    assert "stopped the exchange" in str(refused.value)
    assert REASON not in str(refused.value)
    partner.save("locations", documents.location(**SENT, id="THEIRS"))
    assert copies(own) == []


@EVERY_STORAGE
def test_what_a_partner_could_not_send_meanwhile_arrives_after_it(ocpi_clock, pair):
    own, partner = pair
    own.partners.suspend("FR-OTH")
    partner.save("locations", documents.location(**SENT, id="THEIRS"))

    own.partners.resume("FR-OTH")
    ocpi_clock.advance(3600)
    partner.outbox.flush()

    assert copies(own) == ["THEIRS"]


def test_versions_and_credentials_stay_open_so_that_the_registration_can_be_renewed_and_ended(pair):
    own, partner = pair
    own.partners.suspend("FR-OTH")

    partner.partners.rotate("NL-ABC")
    assert own.partners.find("FR-OTH").is_suspended
    partner.partners.unregister("NL-ABC")

    (record,) = own.partners.list()
    assert (record.is_registered, record.is_suspended) == (False, True)


@pytest.mark.parametrize(
    "call",
    [
        lambda own: own.client("FR-OTH").locations,
        lambda own: own.pull("locations", "FR-OTH"),
        lambda own: own.sync("FR-OTH"),
        lambda own: own.partners.diff("FR-OTH", "locations"),
    ],
    ids=["client", "pull", "sync", "diff"],
)
def test_a_suspended_partner_is_not_called_and_the_error_says_what_to_do(ocpi_network, pair, call):
    own, _ = pair
    own.partners.suspend("FR-OTH")

    with pytest.raises(NotConnectedError, match="is suspended: `flask ocpi partners resume other-example`"):
        call(own)

    assert ocpi_network.requests == []


def test_a_sync_of_all_partners_leaves_out_a_suspended_one(ocpi_network, pair):
    own, _ = pair
    own.partners.suspend("FR-OTH")

    assert own.sync() == []
    assert ocpi_network.requests == []

    own.partners.resume("FR-OTH")
    assert {synced.platform for synced in own.sync()} == {"other-example"}


@EVERY_STORAGE
def test_a_sync_that_is_under_way_stores_nothing_more_and_asks_for_no_other_list(ocpi_network, pair):
    own, partner = pair
    own.partners.suspend("FR-OTH")
    partner.save("locations", documents.location(**SENT, id="THEIRS"))
    own.partners.resume("FR-OTH")
    ocpi_network.requests.clear()
    ocpi_network.before_send = lambda request: own.partners.suspend("FR-OTH")

    outcomes = own.sync("FR-OTH")

    assert len(outcomes) > 1
    assert {type(synced.error) for synced in outcomes} == {NotConnectedError}
    assert len(ocpi_network.requests) == 1
    assert copies(own) == []
    ocpi_network.before_send = lambda request: None
    own.partners.resume("FR-OTH")
    assert [synced.error for synced in own.sync("FR-OTH")] == [None] * len(outcomes)
    assert copies(own) == ["THEIRS"]


def test_a_push_to_all_leaves_out_a_suspended_partner_with_an_error(ocpi_network, pair):
    own, _ = pair
    own.partners.suspend("FR-OTH")
    own.save("locations", documents.location())

    (pushed,) = own.push("locations", "LOC1")

    assert isinstance(pushed.error, NotConnectedError)
    assert ocpi_network.requests == []


@EVERY_STORAGE
def test_results_of_commands_that_were_sent_before_still_pass(pair):
    own, partner = pair
    asked = []
    own.command("UNLOCK_CONNECTOR")(lambda command, reply: asked.append(reply.id) or "ACCEPTED")
    own.save("locations", documents.location(evses=[documents.evse()]))
    command = {"location_id": "LOC1", "evse_uid": "EVSE1", "connector_id": "1"}
    call = partner.client("NL-ABC").commands.unlock_connector(command)

    own.partners.suspend("FR-OTH")
    partner.partners.suspend("NL-ABC")
    own.finish(asked[0], "ACCEPTED")

    assert partner.call(call.id).result == {"result": "ACCEPTED"}


def test_a_card_says_that_and_why_a_partner_is_suspended_and_raises_no_other_alarm(ocpi_clock, pair):
    own, _ = pair
    own.partners.suspend("FR-OTH", reason=REASON)
    own.save("locations", documents.location())
    ocpi_clock.advance(3 * 86_400)

    card = own.partners.card("FR-OTH")

    assert [(problem.outcome, problem.message) for problem in card.problems] == [
        (Outcome.WARN, f"It is suspended for 3 days ({REASON}): no messages are exchanged with it.")
    ]
    assert card.to_dict()["suspended"] == "2026-01-01T12:00:00.000Z"
    own.partners.resume("FR-OTH")
    assert own.partners.card("FR-OTH").to_dict()["suspended"] is None


def test_suspending_again_keeps_the_time_and_takes_the_new_reason(ocpi_clock, pair):
    own, _ = pair
    before = own.partners.suspend("FR-OTH").suspended
    ocpi_clock.advance(60)

    again = own.partners.suspend("FR-OTH", reason=REASON)

    assert (again.suspended, again.suspension) == (before, REASON)


def test_other_partners_are_served_meanwhile(ocpi_network, pair):
    own, _ = pair
    third = ocpi_network.add("third.example", [("BE", "TRD", ["EMSP"])])
    ocpi_network.connect(third, own)
    own.partners.suspend("FR-OTH")

    own.save("locations", documents.location())

    assert copies(third) == ["LOC1"]


def test_no_worker_waits_for_a_suspended_partner(pair):
    own, _ = pair
    own.partners.suspend("FR-OTH")
    own.save("locations", documents.location())
    deliveries = own.dispatcher.deliveries

    assert deliveries.waiting_platforms() == deliveries.due_platforms() == []
    assert deliveries.deliver("other-example") == 0

    own.partners.resume("FR-OTH")
    own.partners.suspend("FR-OTH")
    assert own.outbox.lags() == ()


def test_a_suspended_partner_may_be_probed(pair):
    own, _ = pair
    own.partners.suspend("FR-OTH")

    assert own.partners.probe("FR-OTH").ok
