"""A partner comes to speak another version: it speaks one at a time, and nothing between the two platforms is lost."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.outbox import circuits
from flask_ocpi.outbox import entries
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import walk
from flask_ocpi.sync.watermarks import Watermark
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions.v2_1_1 import VERSION as V2_1_1
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.conftest import EVERY_STORAGE
from tests.peers import Peer
from tests.urls import ocpi_url
from tests.versions.nine import V9_9

ALL = (V2_1_1, V2_2_1)
BOTH = (V2_2_1, V9_9)
SENDER = ocpi_url("sender")
TOKEN = documents.token()["uid"]


class Pair:
    """An operator with both versions and a provider that knew 2.2.1 only, and is restarted with both."""

    def __init__(self, network, storage):
        self.network = network
        self.cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storage, versions=BOTH)
        old = network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V2_2_1,))
        network.connect(old, self.cpo)
        self.ems = network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=BOTH, storage=old.storage)

    @property
    def here(self):
        return self.cpo.partners.find("DE-EMS")

    @property
    def there(self):
        return self.ems.partners.find("NL-ABC")

    def calls(self, token=None):
        """Return a client that calls the operator with a token, by default that of the provider now."""
        sent = token or self.ems.services.platforms.cipher.decrypt(self.there.token)
        return PartnerClient(self.network.apps["cpo.example"], sent)


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def pair(ocpi_network, ocpi_storage):
    return Pair(ocpi_network, ocpi_storage)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_functional_modules_of_another_version_are_closed(ocpi_network, method):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    app = ocpi_network.apps["cpo.example"]
    old, new = (
        add_partner(app, [("DE", party, ["EMSP"])], name=party, version=number)
        for party, number in [("OLD", "2.2.1"), ("NEW", "9.9")]
    )
    path = "sender/locations" if method == "GET" else "receiver/tokens/DE/OLD/T1"

    refused = old.open(method, f"/ocpi/9.9/{path}", json=None if method == "GET" else documents.token())

    assert (refused.http_status, refused.status_code) == (403, 2000)
    assert "registered with OCPI 2.2.1 here, and this is OCPI 9.9" in refused.message
    assert new.get("/ocpi/9.9/sender/locations").status_code == 1000
    assert new.get(ocpi_url("sender/locations")).http_status == 403
    assert list(cpo.objects.documents("tokens", copies=True)) == []


def test_versions_and_credentials_of_each_version_are_open_to_a_partner(ocpi_network):
    ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    old = add_partner(ocpi_network.apps["cpo.example"], [("DE", "OLD", ["EMSP"])])

    answers = [
        old.get(f"/ocpi/{path}") for path in ("versions", "2.2.1", "9.9", "2.2.1/credentials", "9.9/credentials")
    ]

    assert [answer.status_code for answer in answers] == [1000] * 5


@EVERY_STORAGE
def test_a_change_ends_the_version_before(pair):
    before = pair.calls()

    pair.ems.partners.rotate(pair.there, version="9.9")

    assert (pair.here.version, pair.there.version) == ("9.9", "9.9")
    assert before.get(f"{SENDER}/locations").http_status == 401
    assert pair.calls().get(f"{SENDER}/locations").http_status == 403
    assert pair.calls().get("/ocpi/9.9/sender/locations").status_code == 1000


@EVERY_STORAGE
def test_who_missed_the_answer_goes_on_in_the_version_before(pair):
    before = pair.calls()

    def lose(request, response):
        if request.method == "PUT":
            raise UnreachableError("The line is down.")
        return response

    pair.network.after_send = lose
    with pytest.raises(UnreachableError):
        pair.ems.partners.rotate(pair.there, version="9.9")
    pair.network.after_send = lambda request, response: response

    assert (pair.here.version, pair.there.version) == ("9.9", "2.2.1")
    assert before.get(f"{SENDER}/locations").status_code == 1000
    assert before.get("/ocpi/9.9/sender/locations").http_status == 403
    pair.cpo.save("locations", documents.location())
    pair.cpo.outbox.flush()
    (copy,) = pair.ems.objects.documents("locations", copies=True)  # pushed in the new version, with its new token
    assert copy["id"] == "LOC1"
    pair.ems.partners.rotate(pair.there, version="9.9")
    assert (pair.here.version, pair.there.version) == ("9.9", "9.9")
    assert before.get(f"{SENDER}/locations").http_status == 401


def test_a_refused_change_changes_nothing(pair):
    before, here, there = pair.calls(), pair.here, pair.there

    def cut(request):
        if request.url.startswith("https://ems.example/"):
            raise UnreachableError("The line is down.")

    pair.network.before_send = cut
    with pytest.raises(Exception, match="could not be used"):
        pair.ems.partners.rotate(pair.there, version="9.9")

    assert (pair.here, pair.there.version, pair.there.token) == (here, there.version, there.token)
    assert before.get(f"{SENDER}/locations").status_code == 1000


# What there is between two platforms stays.


class Move:
    """An operator and a provider that exchanged things in one version, and come to speak another one."""

    def __init__(self, network, storage, *, old, new):
        self.network, self.old, self.new = network, old, new
        self.cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storage, versions=ALL)
        self.ems = network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=ALL)
        _, token = self.cpo.partners.invite(name="Ems")
        self.ems.partners.register(self.cpo.versions_url, token, version=old)
        self.refetch()
        network.requests.clear()

    def refetch(self):
        for job in self.cpo.services.jobs:
            if job.name == "endpoints":
                job.run()

    def change(self, asks, *, to=None):
        if asks == "theirs":
            self.ems.partners.rotate("NL-ABC", version=to or self.new)
        else:
            self.cpo.partners.rotate("DE-EMS", version=to or self.new)
        self.refetch()

    def cut(self, host="ems.example"):
        def cut(request):
            if request.url.startswith(f"https://{host}/") and "/receiver/" in request.url:
                raise UnreachableError("The line is down.")

        self.network.before_send = cut

    def mend(self):
        self.network.before_send = lambda request: None

    @property
    def record(self):
        return self.cpo.partners.find("DE-EMS")

    def copies(self, ocpi, module):
        return [item.get("id", item.get("uid")) for item in ocpi.objects.documents(module, copies=True)]


MOVES = pytest.mark.parametrize(("old", "new"), [("2.1.1", "2.2.1"), ("2.2.1", "2.1.1")], ids=["up", "down"])
ASKS = pytest.mark.parametrize("asks", ["theirs", "ours"])


@pytest.fixture
def move(ocpi_network, ocpi_storage, old, new):
    return Move(ocpi_network, ocpi_storage, old=old, new=new)


@EVERY_STORAGE
@MOVES
@ASKS
@pytest.mark.conformance("V211-112", "V211-113")
def test_copies_stay_and_changes_go_on(move, asks):
    move.cpo.save("locations", documents.location())
    move.ems.save("tokens", documents.token(country_code="DE", party_id="EMS"))
    before = move.copies(move.ems, "locations"), move.copies(move.cpo, "tokens")

    move.change(asks)

    assert (move.record.version, move.ems.partners.find("NL-ABC").version) == (move.new, move.new)
    assert (move.copies(move.ems, "locations"), move.copies(move.cpo, "tokens")) == before == (["LOC1"], [TOKEN])
    move.cpo.patch("locations", "LOC1", changes={"city": "Gent"})
    (copy,) = move.ems.objects.documents("locations", copies=True)
    assert copy["city"] == "Gent"
    assert f"/ocpi/{move.new}/" in move.network.requests[-1].url


@EVERY_STORAGE
@MOVES
@ASKS
@pytest.mark.conformance("V211-113")
def test_outbox_entries_of_the_version_before_are_delivered_in_the_new_one(move, asks):
    move.cut()
    move.cpo.save("locations", documents.location())
    move.cpo.patch("locations", "LOC1", changes={"city": "Gent"})
    (waiting,) = entries.of_platform(move.cpo.services, move.record.id)
    move.mend()
    move.network.requests.clear()

    move.change(asks)
    move.cpo.outbox.flush()

    pushed = [request.url for request in move.network.requests if request.method in ("PUT", "PATCH")]
    assert waiting.ids == ("LOC1",)
    assert f"https://ems.example/ocpi/{move.new}/receiver/locations/NL/ABC/LOC1" in pushed
    assert list(entries.of_platform(move.cpo.services, move.record.id)) == []
    assert move.copies(move.ems, "locations") == ["LOC1"]


@EVERY_STORAGE
@MOVES
@pytest.mark.conformance("V211-113")
def test_watermarks_stay(move, ocpi_clock):
    move.cut()
    move.cpo.save("locations", documents.location())
    move.ems.sync()
    before = {item.module: item.moment for item in watermarks_of(move.ems)}

    move.change("theirs")

    assert {item.module: item.moment for item in watermarks_of(move.ems)} == before
    assert before["locations"] is not None
    move.network.requests.clear()
    (synced,) = move.ems.sync("NL-ABC", ["locations"])
    assert (synced.error, synced.whole, synced.pulled.total) == (None, True, 1)
    assert f"/ocpi/{move.new}/sender/locations" in move.network.requests[0].url


@EVERY_STORAGE
@MOVES
def test_there_and_back_again(move):
    move.cpo.save("locations", documents.location())

    move.change("theirs")
    move.change("ours", to=move.old)

    assert (move.record.version, move.ems.partners.find("NL-ABC").version) == (move.old, move.old)
    move.cpo.save("locations", documents.location(id="LOC2"))
    assert move.copies(move.ems, "locations") == ["LOC1", "LOC2"]


@EVERY_STORAGE
@MOVES
def test_a_party_may_unregister_and_register_in_another_version(move):
    move.cpo.save("locations", documents.location())
    id = move.record.id

    move.ems.partners.unregister("NL-ABC")
    _, token = move.cpo.partners.invite(platform=id)
    move.ems.partners.register(move.cpo.versions_url, token, version=move.new)
    move.refetch()
    move.cpo.patch("locations", "LOC1", changes={"city": "Gent"})

    assert (move.record.id, move.record.version) == (id, move.new)
    (copy,) = move.ems.objects.documents("locations", copies=True)
    assert copy["city"] == "Gent"


@MOVES
def test_a_cdr_is_read_again_in_the_version_in_which_it_was_posted(move):
    driver = {**documents.cdr()["cdr_token"], "country_code": "DE", "party_id": "EMS"}
    move.cpo.save("locations", documents.location())
    move.cpo.save("cdrs", documents.cdr(cdr_token=driver))

    def read():
        with move.cpo.client("DE-EMS") as client:
            return client.cdrs.get_copy("CDR1", owner=Party.of("NL", "ABC"))

    before = read()
    move.change("theirs")
    with pytest.raises(MissingEndpointError, match=f"gave no URL for the CDR 'CDR1' in OCPI {move.new}"):
        read()
    move.change("theirs", to=move.old)
    assert read()["id"] == before["id"] == "CDR1"


@MOVES
@pytest.mark.conformance("V211-112")
def test_tokens_go_in_the_encoding_of_the_version_from_the_change_on(move, new):
    move.cpo.save("locations", documents.location())
    before = move.network.requests[-1].headers["Authorization"]

    move.change("theirs")
    move.cpo.save("locations", documents.location(id="LOC2"))

    spelled = [before, move.network.requests[-1].headers["Authorization"]]
    assert [header.endswith("=") for header in spelled] == ([False, True] if new == "2.2.1" else [True, False])


@EVERY_STORAGE
@pytest.mark.parametrize(("old", "new"), [("2.1.1", "2.2.1")], ids=["up"])
def test_entries_wait_for_a_partner_whose_version_is_not_served_any_more(move, ocpi_clock):
    move.cut()
    move.cpo.save("locations", documents.location())
    newer = move.network.add(
        "cpo.example", [("NL", "ABC", ["CPO"])], storage=move.cpo.services.storage, versions=(V2_2_1,)
    )
    move.mend()
    ocpi_clock.advance(600)
    newer.outbox.flush()

    (waiting,) = entries.of_platform(newer.services, move.record.id)
    assert "OCPI 2.1.1, which is not served here any more" in waiting.error
    move.cpo = newer
    move.change("theirs")
    newer.outbox.flush()
    assert move.copies(move.ems, "locations") == ["LOC1"]


# While it happens.


@EVERY_STORAGE
@MOVES
def test_what_is_being_sent_while_the_version_changes_is_sent_again(move):
    """The partner refuses the token by then; that says nothing of the partner, nor of what was sent."""

    def change_first(request):
        if "/receiver/locations/" in request.url and move.record.version == move.old:
            move.change("theirs")

    move.network.before_send = change_first
    refused = []
    move.network.after_send = lambda request, response: refused.append(response.status) or response

    move.cpo.save("locations", documents.location())
    move.mend()

    assert 401 in refused
    assert circuits.circuit_of(move.cpo.services, move.record.id) is None
    assert move.copies(move.ems, "locations") == ["LOC1"]
    assert list(entries.of_platform(move.cpo.services, move.record.id)) == []


STEPS = [(step, when) for step in range(5) for when in ("before", "after")]


@ASKS
@MOVES
@pytest.mark.parametrize(("step", "when"), STEPS, ids=lambda value: str(value))
@pytest.mark.conformance("V211-116")
def test_processes_that_end_in_the_middle_leave_both_directions_working(move, asks, step, when):
    """They end before a message of the handshake arrives, or when its answer does; there are five messages."""
    requests = []

    def end(moment):
        def end(request, response=None):
            if moment == "before":
                requests.append(request)
            if when == moment and len(requests) > step and request is requests[step]:
                raise KeyboardInterrupt
            return response

        return end

    move.network.before_send, move.network.after_send = end("before"), end("after")
    with pytest.raises(KeyboardInterrupt):
        move.change(asks)
    move.mend()
    move.network.after_send = lambda request, response: response

    move.cpo.save("locations", documents.location())
    move.cpo.outbox.flush()
    move.ems.save("tokens", documents.token(country_code="DE", party_id="EMS"))
    move.ems.outbox.flush()
    assert (move.copies(move.ems, "locations"), move.copies(move.cpo, "tokens")) == (["LOC1"], [TOKEN])
    move.change(asks)
    assert (move.record.version, move.ems.partners.find("NL-ABC").version) == (move.new, move.new)
    move.cpo.patch("locations", "LOC1", changes={"city": "Gent"})
    (copy,) = move.ems.objects.documents("locations", copies=True)
    assert copy["city"] == "Gent"


# What a change does not get.


class Changing:
    """A provider at peer.example with two parties, which changes from 2.2.1 to 2.1.1 by hand."""

    def __init__(self, network, ours, *names):
        self.peer = Peer(network, versions=["2.1.1", "2.2.1"], parties=[("DE", "ONE", names), ("DE", "TWO", names)])
        self.app = network.apps["ours.example"]
        self.ours = ours
        invited, token = ours.partners.invite(name="Peer")
        answered = self.peer.post(self.app, token)
        self.id, self.token = invited.id, answered.data["token"]

    def put(self, party):
        country_code, party_id = party.split("-")
        named = {"country_code": country_code, "party_id": party_id, "business_details": {"name": party}}
        body = {"token": self.peer.token, "url": self.peer.url, **named}
        return PartnerClient(self.app, self.token).put("/ocpi/2.1.1/credentials", body)

    @property
    def record(self):
        return self.ours.partners.get(self.id)


@pytest.fixture
def ours(ocpi_network):
    return ocpi_network.add("ours.example", [("NL", "ABC", ["CPO", "EMSP"])], versions=ALL)


def test_a_change_to_2_1_1_leaves_the_one_party_that_it_names(ocpi_network, ours):
    partner = Changing(ocpi_network, ours, "EMSP")

    answered = partner.put("DE-TWO")

    assert (answered.status_code, answered.data["party_id"]) == (1000, "ABC")
    assert [(role["role"], role["party_id"]) for role in partner.record.roles] == [("EMSP", "TWO")]
    assert (partner.record.version, partner.record.own_role) == ("2.1.1", "CPO")
    assert ours.services.platforms.claims.of(Party.of("DE", "ONE")).platforms == ()


def test_a_change_to_2_1_1_brings_no_other_party(ocpi_network, ours):
    partner = Changing(ocpi_network, ours, "EMSP")
    add_partner(ocpi_network.apps["ours.example"], [("FR", "OTH", ["EMSP"])], name="Other")

    answers = [partner.put("FR-OTH"), partner.put("NL-ABC")]

    assert [answer.status_code for answer in answers] == [1000, 2001]
    assert (partner.record.roles, [role["party_id"] for role in partner.record.requested]) == ((), ["OTH"])


def test_a_change_to_2_1_1_of_a_partner_with_both_roles_is_refused_until_it_is_said_which(ocpi_network, ours):
    partner = Changing(ocpi_network, ours, "EMSP", "CPO")
    before = partner.record

    answered = partner.put("DE-ONE")

    assert answered.status_code == 2001
    assert "its operator has to say which of them it is" in answered.message
    after = partner.record
    assert (after.version, after.roles, after.token) == ("2.2.1", before.roles, before.token)
    ours.partners.invite(platform=partner.id, own_role="EMSP")
    assert partner.put("DE-ONE").status_code == 1000
    assert [(role["role"], role["party_id"]) for role in partner.record.roles] == [("CPO", "ONE")]


def watermarks_of(ocpi):
    return [Watermark.from_record(record) for record in walk(ocpi.storage, Watermark.KIND, Query())]
