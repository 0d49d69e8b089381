"""What is saved reaches everybody entitled to it: once, in its current state, and only them."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import UnansweredError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.signals import object_pushed
from flask_ocpi.signals import push_parked
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from tests.conftest import EVERY_STORAGE

EMS = Party("DE", "EMS")
DRIVER = {**cdr()["cdr_token"], "country_code": "DE", "party_id": "EMS"}


class Partner:
    """An eMSP next to the CPO under test; the line between them can be cut."""

    def __init__(self, network, cpo, host="emsp.example", party=("DE", "EMS", ["EMSP"])):
        self.network = network
        self.cpo = cpo
        self.ocpi = network.add(host, [party])
        self.record, _ = network.connect(self.ocpi, cpo)
        self.id = cpo.partners.find(f"{party[0]}-{party[1]}").id
        self.host = host
        self.failing = None
        before = network.before_send
        cpo.outbox.flush()  # fetches its endpoints again, as is due once it is registered
        network.requests.clear()

        def fail(request):
            before(request)
            if self.failing is not None and self.host in request.url:
                raise self.failing

        network.before_send = fail

    @property
    def sent(self):
        """Return the method and path of what was sent to it since the last look."""
        found = [(r.method, r.url.split("/receiver")[-1]) for r in self.network.requests if self.host in r.url]
        self.network.requests.clear()
        return found

    def copies(self, module):
        return list(self.ocpi.objects.documents(module, copies=True))

    def entries(self):
        return list(entries.of_platform(self.cpo.services, self.id))

    def has_all(self, module):
        return self.copies(module) == list(self.cpo.objects.documents(module))


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["CPO"])]


@pytest.fixture
def partner(ocpi, ocpi_network):
    return Partner(ocpi_network, ocpi)


@pytest.fixture
def other(ocpi, ocpi_network, partner):
    return Partner(ocpi_network, ocpi, "second.example", ("BE", "TWO", ["EMSP"]))


@EVERY_STORAGE
@pytest.mark.conformance("LOC-10", "T-38")
def test_new_object_is_put_and_a_changed_status_is_patched(ocpi, partner):
    ocpi.save("locations", location(evses=[evse(uid="E1")]))
    assert partner.sent == [("PUT", "/locations/NL/ABC/LOC1")]

    ocpi.patch("locations", "LOC1", "E1", changes={"status": "CHARGING"})

    assert partner.sent == [("PATCH", "/locations/NL/ABC/LOC1/E1")]
    assert partner.has_all("locations")
    assert partner.entries() == []


def test_saving_the_same_again_sends_nothing(ocpi, partner):
    ocpi.save("locations", location())
    partner.network.requests.clear()

    ocpi.save("locations", location())

    assert partner.sent == []


@pytest.mark.conformance("LOC-41", "T-38")
def test_object_that_the_partner_turns_out_not_to_have_is_put(ocpi, ocpi_network):
    ocpi.save("locations", location(evses=[evse(uid="E1")]))
    partner = Partner(ocpi_network, ocpi)  # registered only now, and did not pull

    ocpi.patch("locations", "LOC1", "E1", changes={"status": "CHARGING"})

    assert partner.sent == [("PATCH", "/locations/NL/ABC/LOC1/E1"), ("PUT", "/locations/NL/ABC/LOC1")]
    assert partner.has_all("locations")


@EVERY_STORAGE
def test_hundred_changes_while_a_partner_is_down_are_one_message_when_it_is_back(ocpi, partner, ocpi_clock):
    ocpi.save("locations", location(evses=[evse(uid="E1"), evse(uid="E2")]))
    partner.failing = UnreachableError("down")
    for number in range(100):
        ocpi_clock.advance(1)
        ocpi.patch(
            "locations", "LOC1", f"E{number % 2 + 1}", changes={"status": "CHARGING" if number % 3 else "AVAILABLE"}
        )
    assert len(partner.entries()) == 1
    assert len(partner.sent) < 30, "a partner that is down is left alone for longer and longer"
    partner.failing = None
    ocpi_clock.advance(400)

    assert ocpi.outbox.flush() == 1

    assert partner.sent == [("PUT", "/locations/NL/ABC/LOC1")]
    assert partner.has_all("locations")
    assert circuits.circuit_of(ocpi.services, partner.id) is None


@pytest.mark.conformance("CDR-06")
def test_cdr_is_posted_to_whom_it_is_for_and_to_nobody_else(ocpi, partner, other):
    ocpi.save("cdrs", cdr(cdr_token=DRIVER))
    ocpi.save("sessions", session(cdr_token=DRIVER))

    assert [r.method for r in partner.network.requests] == ["POST", "PUT"]
    assert len(partner.copies("cdrs")) == len(partner.copies("sessions")) == 1
    assert other.copies("cdrs") == other.copies("sessions") == []


def test_object_that_is_for_another_party_by_the_time_it_is_sent_is_not_sent(ocpi, partner, other, ocpi_clock):
    partner.failing = UnreachableError("down")
    ocpi.save("sessions", session(cdr_token=DRIVER))
    assert len(partner.entries()) == 1
    ocpi.save("sessions", session(cdr_token={**DRIVER, "country_code": "BE", "party_id": "TWO"}))
    partner.failing = None
    partner.network.requests.clear()
    ocpi_clock.advance(400)

    ocpi.outbox.flush()

    assert partner.sent == [] == partner.copies("sessions") == partner.entries()
    assert len(other.copies("sessions")) == 1


@pytest.mark.conformance("TAR-05")
def test_removed_tariff_is_deleted_there_also_when_it_never_arrived(ocpi, partner, ocpi_clock):
    ocpi.save("tariffs", tariff())
    partner.network.requests.clear()
    ocpi.delete("tariffs", "TARIFF1")
    assert partner.sent == [("DELETE", "/tariffs/NL/ABC/TARIFF1")]
    assert partner.copies("tariffs") == []
    partner.failing = UnreachableError("down")
    ocpi.save("tariffs", tariff(id="T2"))
    ocpi.delete("tariffs", "T2")
    partner.failing = None
    ocpi_clock.advance(400)
    partner.network.requests.clear()

    ocpi.outbox.flush()

    assert partner.sent == [("DELETE", "/tariffs/NL/ABC/T2")]
    assert partner.entries() == []


def test_removed_location_has_no_message_since_ocpi_knows_none(ocpi, partner):
    ocpi.save("locations", location())
    partner.network.requests.clear()

    ocpi.delete("locations", "LOC1")

    assert partner.sent == [] == partner.entries()


def refuse_with(network, status_code, http_status=200, headers=None, path="locations"):
    def answer(request, response):
        if path not in request.url or request.method == "GET":
            return response
        body = orjson.dumps({"status_code": status_code, "status_message": "No.", "timestamp": "2026-01-01T00:00:00Z"})
        return type(response)(http_status, headers or {}, body, response.url)

    network.after_send = answer


def test_refused_object_is_parked_with_the_reason_until_it_changes(ocpi, partner, ocpi_network, ocpi_clock):
    refuse_with(ocpi_network, 2001)
    parked = []
    app = ocpi_network.apps["platform.example"]
    push_parked.connect(lambda sender, **payload: parked.append(payload), app, weak=False)
    ocpi.save("locations", location())
    ocpi_clock.advance(100_000)
    assert ocpi.outbox.flush() == 0

    (entry,) = partner.entries()
    assert entry.is_parked
    assert entry.status_code == 2001
    assert "No." in entry.error
    assert [payload["key"].id for payload in parked] == ["LOC1"]
    assert circuits.circuit_of(ocpi.services, partner.id) is None
    ocpi_network.after_send = lambda request, response: response
    ocpi.save("locations", location(name="Other"))
    assert partner.entries() == []
    assert partner.has_all("locations")


def test_log_and_mark_tell_which_side_refused_which_object(ocpi, partner, ocpi_network, caplog):
    refuse_with(ocpi_network, 2001, path="LOC1")
    ocpi.save("locations", location())
    key = Key.of("NL", "ABC", "BAD")
    record = Record.of({**location(id="BAD"), "coordinates": None}, last_updated=0)
    ocpi.storage.save("locations", key, record)  # as another program may do

    ocpi.objects.changed("locations", "BAD")

    errors = {entry.ids: entry.error for entry in partner.entries()}
    assert "locations/NL/ABC/LOC1 answered 2001 (HTTP 200): No." in errors["LOC1",]
    assert errors["BAD",] == "It was not sent: Invalid Location BAD: coordinates must not be null."
    said = [line for line in caplog.messages if "is not sent to" in line]
    assert [line.split(". ")[0] for line in said] == [
        f"locations NL-ABC '{id}' is not sent to {partner.id} again as it is" for id in ("LOC1", "BAD")
    ]


def test_after_a_refusal_the_whole_object_is_sent_since_the_partner_may_lack_all_of_it(ocpi, partner, ocpi_network):
    ocpi.save("locations", location(evses=[evse(uid="E1")]))
    refuse_with(ocpi_network, 2001)
    ocpi.save("locations", location(name="Refused", evses=[evse(uid="E1")]))
    ocpi_network.after_send = lambda request, response: response
    partner.network.requests.clear()

    ocpi.patch("locations", "LOC1", "E1", changes={"status": "CHARGING"})

    assert partner.sent == [("PUT", "/locations/NL/ABC/LOC1")]


@pytest.mark.parametrize(
    ("status_code", "http_status"), [(3000, 200), (3001, 500), (4002, 200)], ids=["3000", "HTTP 500", "4002"]
)
def test_failing_object_is_tried_again_later_and_holds_up_no_other(
    ocpi, partner, ocpi_network, ocpi_clock, status_code, http_status
):
    refuse_with(ocpi_network, status_code, http_status, path="LOC1")
    ocpi.save("locations", location())
    ocpi.save("locations", location(id="LOC2"))
    assert [entry.ids for entry in partner.entries()] == [("LOC1",)]
    ocpi_network.after_send = lambda request, response: response
    ocpi_clock.advance(2)

    assert ocpi.outbox.flush() == 1
    assert partner.entries() == []


def test_many_failures_in_a_row_open_the_circuit(ocpi, partner, ocpi_network, ocpi_clock):
    refuse_with(ocpi_network, 3000)
    for number in range(8):
        ocpi.save("locations", location(id=f"LOC{number}"))
    assert len(partner.sent) == 5
    circuit = circuits.circuit_of(ocpi.services, partner.id)
    assert circuit.failures == 1
    ocpi_network.after_send = lambda request, response: response
    ocpi_clock.advance(100)

    assert ocpi.outbox.flush() == 8
    assert partner.has_all("locations")


@pytest.mark.parametrize("http_status", [429, 503])
def test_retry_after_is_honoured(ocpi, partner, ocpi_network, ocpi_clock, http_status):
    refuse_with(ocpi_network, 2000, http_status, {"Retry-After": "120"})
    ocpi.save("locations", location())
    ocpi_network.after_send = lambda request, response: response
    partner.network.requests.clear()
    ocpi_clock.advance(119)
    assert ocpi.outbox.flush() == 0
    assert partner.sent == []
    ocpi_clock.advance(10)

    assert ocpi.outbox.flush() == 1
    assert partner.has_all("locations")


def test_after_an_outage_one_message_tries_and_its_success_lets_all_through(ocpi, partner, ocpi_clock):
    partner.failing = UnreachableError("down")
    for number in range(10):
        ocpi.save("locations", location(id=f"LOC{number}"))
    assert len(partner.sent) == 1, "the first failure holds the others back"
    ocpi_clock.advance(5)
    ocpi.outbox.flush()
    assert len(partner.sent) == 1, "one tries"
    partner.failing = None
    ocpi_clock.advance(5)

    assert ocpi.outbox.flush() == 10 - len(partner.entries())
    ocpi_clock.advance(5)
    ocpi.outbox.flush()
    assert partner.has_all("locations")


def test_object_that_always_times_out_keeps_none_of_the_others_back_for_good(ocpi, partner, ocpi_network, ocpi_clock):
    def hang(request):
        if "/POISON" in request.url:
            raise UnansweredError("did not answer")

    ocpi_network.before_send = hang
    for id in ("POISON", "LOC1", "LOC2"):
        ocpi.save("locations", location(id=id))
    for _ in range(10):
        ocpi_clock.advance(3)
        ocpi.outbox.flush()

    assert sorted(document["id"] for document in partner.copies("locations")) == ["LOC1", "LOC2"]
    assert [entry.ids for entry in partner.entries()] == [("POISON",)]


def test_filter_narrows_who_is_sent_what(ocpi, partner, other):
    @ocpi.push_filter
    def only_some(module, document, platform):
        return module != "locations" or platform.id == other.id or document["id"] == "OPEN"

    for id in ("OPEN", "SECRET"):
        ocpi.save("locations", location(id=id))

    assert [document["id"] for document in partner.copies("locations")] == ["OPEN"]
    assert len(other.copies("locations")) == 2


def test_filter_that_fails_keeps_the_object_from_being_sent_and_no_other_one(ocpi, partner, ocpi_clock):
    @ocpi.push_filter
    def broken(module, document, platform):
        return document["id"] == "FINE" or 1 / 0

    ocpi.save("locations", location())
    ocpi.save("locations", location(id="FINE"))

    assert [document["id"] for document in partner.copies("locations")] == ["FINE"]
    (entry,) = partner.entries()
    assert (entry.ids, entry.error) == (("LOC1",), "ZeroDivisionError: division by zero")


def test_removal_is_told_to_nobody_whom_the_filter_hid_the_object_from(ocpi, partner, other, ocpi_clock):
    @ocpi.push_filter
    def only_some(module, document, platform):
        return platform.id == other.id

    partner.failing = other.failing = UnreachableError("down")
    ocpi.save("tariffs", tariff())
    ocpi.delete("tariffs", "TARIFF1")
    partner.failing = other.failing = None
    partner.network.requests.clear()
    ocpi_clock.advance(400)

    ocpi.outbox.flush()

    assert [(r.method, "second.example" in r.url) for r in partner.network.requests] == [("DELETE", True)]
    assert partner.entries() == [] == other.entries()


def saved_in_vain(ocpi):
    with ocpi.storage.transaction():
        ocpi.save("locations", location())
        raise ZeroDivisionError


@EVERY_STORAGE
def test_nothing_is_marked_when_saving_fails(ocpi, partner):
    with pytest.raises(InvalidParametersError):
        ocpi.objects.save_all({"locations": [location(), location(id="")]})
    partner.failing = UnreachableError("down")
    with pytest.raises(ZeroDivisionError):
        saved_in_vain(ocpi)

    assert partner.entries() == []
    assert list(ocpi.objects.documents("locations")) == []


def test_import_entries_and_sends_all(ocpi, partner):
    ocpi.objects.save_all(
        {"locations": [location(id=f"L{number}") for number in range(20)], "tariffs": [tariff(tax_included="NO")]}
    )

    assert partner.has_all("locations")
    assert partner.has_all("tariffs")


def test_with_push_off_nothing_is_marked_and_push_all_still_sends(ocpi, partner):
    object.__setattr__(ocpi.services.settings, "push", False)
    ocpi.save("locations", location())
    assert partner.sent == []

    assert ocpi.objects.push_all("locations", platform=ocpi.partners.find(partner.id)) == 1

    assert partner.has_all("locations")


def test_object_changed_in_a_table_of_the_host_is_sent_when_told(ocpi, partner, other):
    object.__setattr__(ocpi.services.settings, "push", False)
    ocpi.save("locations", location())
    object.__setattr__(ocpi.services.settings, "push", True)

    ocpi.objects.changed("locations", "LOC1")

    assert partner.has_all("locations")
    assert other.has_all("locations")


def test_entries_of_a_platform_that_ended_its_registration_are_forgotten(ocpi, partner, ocpi_clock):
    partner.failing = UnreachableError("down")
    ocpi.save("locations", location())
    partner.failing = None
    partner.ocpi.partners.unregister(partner.record)
    ocpi_clock.advance(400)
    partner.network.requests.clear()

    ocpi.outbox.flush()

    assert partner.sent == [] == partner.entries()


@EVERY_STORAGE
def test_entry_of_a_sender_that_died_is_sent_by_another_when_its_lease_is_over(ocpi, partner, ocpi_clock):
    partner.failing = KeyboardInterrupt()  # the process ends in the middle
    with pytest.raises(KeyboardInterrupt):
        ocpi.save("locations", location())
    partner.failing = None
    assert ocpi.outbox.flush() == 0, "it may still be on its way"
    ocpi_clock.advance(ocpi.dispatcher.deliveries.lease + 1)

    assert ocpi.outbox.flush() == 1
    assert partner.has_all("locations")


@EVERY_STORAGE
def test_change_during_a_delivery_is_delivered_after_it(ocpi, partner, ocpi_network):
    during = []

    def change(request):
        if request.method == "PUT" and not during:
            during.append(request)
            ocpi.save("locations", location(name="Newer"))

    ocpi_network.before_send = change

    ocpi.save("locations", location())

    assert [method for method, _ in partner.sent] == ["PUT", "PUT"]
    assert partner.has_all("locations")
    assert partner.entries() == []


def test_answer_that_was_lost_leads_to_the_same_cdr_once(ocpi, partner, ocpi_network, ocpi_clock):
    lost = []

    def lose(request, response):
        if request.method == "POST" and not lost:
            lost.append(request)
            raise UnansweredError("the answer was lost")
        return response

    ocpi_network.after_send = lose
    ocpi.save("cdrs", cdr(cdr_token=DRIVER))
    ocpi_clock.advance(400)
    ocpi.outbox.flush()

    assert lost
    assert len(partner.copies("cdrs")) == 1
    assert partner.entries() == []


def test_signal_tells_what_arrived_and_how(ocpi, partner, ocpi_network):
    told = []
    app = ocpi_network.apps["platform.example"]
    object_pushed.connect(lambda sender, **payload: told.append(payload), app, weak=False)

    ocpi.save("locations", location())

    (payload,) = told
    assert (payload["module"], payload["key"].id, payload["method"]) == ("locations", "LOC1", "PUT")
    assert (payload["platform"].id, payload["party"]) == (partner.id, EMS)


def test_tokens_of_an_emsp_reach_the_cpos(ocpi, partner):
    partner.ocpi.save("tokens", token(country_code="DE", party_id="EMS"))

    assert len(list(ocpi.objects.documents("tokens", copies=True))) == 1
