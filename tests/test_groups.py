"""The groups of a platform: partners, outbox and journal, as a host application and its operator call them."""

from __future__ import annotations

import pytest

from flask_ocpi import InvalidParametersError
from flask_ocpi import NotFoundError
from flask_ocpi import Party
from flask_ocpi.errors import UnreachableError
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.testing.documents import location


@pytest.fixture
def ocpi_config():
    return {"OCPI_JOURNAL": "all"}


@pytest.fixture
def connected(ocpi, ocpi_other, ocpi_network):
    """The platform, whose partner takes locations."""
    ocpi_network.connect(ocpi, ocpi_other)
    return ocpi


@pytest.fixture
def cut(connected, ocpi_network):
    """The platform, whose partner cannot be reached."""

    def refuse(request):
        raise UnreachableError("The line is cut.")

    ocpi_network.before_send = refuse
    return connected


def test_partners_are_listed_found_and_described(connected):
    [partner] = connected.partners.list()

    status = connected.partners.card(partner.id).to_dict()

    assert connected.partners.find("FR-OTH") == partner
    assert connected.partners.get(partner.id) == partner
    assert connected.partners.get("nobody") is None
    assert (status["id"], status["state"], status["version"]) == (partner.id, "REGISTERED", "2.3.0")
    assert {role["party_id"] for role in status["roles"]} == {"OTH"}
    assert "token" not in str(status).replace("tokens", "")


def test_an_unknown_partner_is_an_error(connected):
    with pytest.raises(UnknownPlatformError):
        connected.partners.card("nobody")


def test_quirks_in_force_are_shown_by_their_names(connected):
    [partner] = connected.partners.list()

    connected.partners.set_quirks(partner, {"no-patch": True})

    assert connected.partners.quirks(partner.id) == {"no-patch": True}


class TestOutbox:
    @pytest.fixture
    def ocpi_push(self):
        return True

    def test_what_a_partner_has_not_seen_is_listed_and_sent_again(self, cut, ocpi_other, ocpi_network):
        cut.save("locations", location(id="LOC1"))
        [partner] = cut.partners.list()

        [lag] = cut.outbox.lags()
        [entry] = cut.outbox.list(partner)

        assert (lag.platform, lag.waiting, lag.parked) == (partner.id, 1, 0)
        assert (entry.module, entry.ids, entry.state, entry.attempts) == ("locations", ("LOC1",), "waiting", 1)
        assert entry.to_dict()["owner"] == "NL-ABC"
        ocpi_network.before_send = lambda request: None
        assert cut.outbox.retry([entry]) == 1
        cut.outbox.flush()
        assert cut.outbox.lags() == ()
        assert [d["id"] for d in ocpi_other.copies.documents("locations")] == ["LOC1"]

    def test_what_is_discarded_is_not_sent(self, cut, ocpi_other, ocpi_network):
        cut.save("locations", location(id="LOC1"))

        number = cut.outbox.discard(cut.outbox.list("FR-OTH"))

        ocpi_network.before_send = lambda request: None
        assert (number, cut.outbox.flush()) == (1, 0)
        assert list(ocpi_other.copies.documents("locations")) == []
        assert cut.outbox.discard([]) == 0


def test_the_journal_lists_what_was_exchanged(connected):
    connected.client("FR-OTH").is_alive()
    connected.journal.flush()

    latest = connected.journal.list(platform="FR-OTH", limit=1)
    [entry] = latest

    assert connected.journal.find(entry.number) == entry
    assert connected.journal.list(platform="FR-OTH", failed=True) == []
    assert len(connected.journal.list(correlation_id=entry.message.correlation_id)) >= 1
    with pytest.raises(NotFoundError, match="no message 4711"):
        connected.journal.find(4711)


def test_the_journal_is_followed(connected, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: connected.client("FR-OTH").is_alive())
    followed = connected.journal.follow(platform="FR-OTH")

    before, after = next(followed), next(followed)

    assert len(before) >= 1
    assert [entry.message.method for entry in after] == ["GET"]


def test_a_message_of_the_journal_is_sent_again(connected, ocpi_other):
    connected.save("locations", location(id="LOC1"))
    connected.push("locations", "LOC1")
    [sent] = [e for e in connected.journal.list() if e.message.method == "PUT"]
    [copy] = ocpi_other.copies.counts()

    answer = connected.journal.replay(sent.number)

    assert answer.status_code == 1000
    assert copy.receiver == Party.of("FR", "OTH")


def test_what_a_partner_sent_is_not_sent_again(connected):
    [came, *_] = [e for e in connected.journal.list() if e.message.direction == "IN"]

    with pytest.raises(InvalidParametersError, match="Another platform sent this message"):
        connected.journal.replay(came.number)
