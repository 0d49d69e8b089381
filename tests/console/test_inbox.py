"""The inbox: what was refused by us and by partners, other findings and audits, and what is done about them."""

from __future__ import annotations

import re

import pytest

from flask_ocpi import NotFoundError
from flask_ocpi.errors import StorageError
from flask_ocpi.outbox.entries import OutboxEntry
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import tariff
from tests.conftest import EVERY_STORAGE
from tests.console.platform import refuse


def link(page, view):
    """Return the first link of a page to a view."""
    return re.search(rf'href="/ocpi/console({view}\?[^"]+)"', page)[1].replace("&amp;", "&")


@pytest.fixture
def entry(visit, filled):
    """The path of the page of the refused change."""
    return link(visit("read").text("/inbox?tab=parked"), "/parked")


@pytest.mark.parametrize("tab", ["refused", "parked", "findings", "audits"])
def test_each_list_is_empty_without_trouble(visit, tab):
    assert "Nothing here." in visit("read").text(f"/inbox?tab={tab}")


def test_a_refused_object_is_shown_with_the_place_marked(visit, filled):
    page = visit("read").text(link(visit("read").text("/inbox"), "/finding"))

    [marked] = re.findall(r"<mark>(.*?)</mark>", page)
    assert "&#34;status&#34;:" in marked
    assert "Mark as done" not in page


def test_a_finding_that_is_done_leaves_the_list(visit, filled):
    operator = visit("operate")

    page = operator.send(link(operator.text("/inbox"), "/finding"), "/finding/done").get_data(as_text=True)

    assert "Nothing here." in page
    assert "marked a finding as done" in page
    assert len(filled.findings.list(refused=False)) == 1
    assert [action.what for action in filled.actions.list()] == ["marked a finding as done"]


def test_a_finding_leads_to_the_object_as_it_is_stored(visit, filled):
    reader = visit("read")

    page = reader.text(link(reader.text("/inbox?tab=findings"), "/finding"))

    assert "&lt;b&gt;L1&lt;/b&gt;" in reader.text(link(page, "/object"))


def test_an_unknown_finding_is_not_found(visit):
    assert visit("read").get("/finding?number=4711").status_code == 404


def test_what_a_partner_refused_is_shown_beside_its_reason(visit, entry):
    page = visit("read").text(entry)

    [marked] = re.findall(r"<mark>(.*?)</mark>", page)
    assert "&#34;status&#34;: &#34;AVAILABLE&#34;" in marked
    assert "evses[0].status is wrong." in page
    assert "Retry now" not in page


def test_a_refused_change_is_sent_again(visit, filled, entry, network):
    page = visit("operate").send(entry, "/parked/retry").get_data(as_text=True)

    assert "sent a refused object again" in page
    assert filled.outbox.lags() == ()
    assert filled.outbox.flush() == 0


def test_all_that_a_partner_refused_is_sent_again(visit, filled, network):
    filled.save("tariffs", {**filled.objects.get("tariffs", "T1"), "id": "T2"})
    refuse(network, "Not now.")
    filled.save("tariffs", {**filled.objects.get("tariffs", "T1"), "id": "T3"})
    filled.outbox.flush()
    [before] = filled.outbox.lags()
    network.after_send = lambda request, response: response

    page = visit("operate").send("/inbox?tab=parked", "/parked/retry-all").get_data(as_text=True)

    assert before.parked == 2
    assert "sent all refused objects again" in page
    assert filled.outbox.lags() == ()


def test_a_change_that_is_refused_again_comes_back(visit, filled, entry, network):
    refuse(network, "Not today either.")

    visit("operate").send(entry, "/parked/retry")
    filled.outbox.flush()

    assert "Not today either." in visit("read").text("/inbox?tab=parked")


def test_a_refused_change_is_discarded(visit, filled, entry, network):
    network.requests.clear()

    visit("operate").send(entry, "/parked/discard")
    filled.outbox.flush()

    assert filled.outbox.lags() == ()
    assert network.requests == []
    assert visit("read").get(entry).status_code == 404


def test_what_was_removed_meanwhile_is_shown_without_a_document(visit, filled, entry):
    filled.delete("locations", "L2")

    assert "It was removed here meanwhile." in visit("read").text(entry)


def test_an_audit_that_is_dealt_with_leaves_the_list(visit, filled):
    operator = visit("operate")
    paths = re.findall(r'href="/ocpi/console(/object\?[^"]+)"', operator.text("/inbox?tab=audits"))

    page = operator.send(paths[0].replace("&amp;", "&"), "/object/settle").get_data(as_text=True)

    assert "dealt with by <bdi>ann</bdi>" in page
    assert len(filled.pricing.unsettled()) == len(paths) - 1


def test_a_new_audit_is_not_dealt_with(visit, filled):
    before = filled.pricing.unsettled()
    operator = visit("operate")
    path = link(operator.text("/inbox?tab=audits"), "/object")
    operator.send(path, "/object/settle")

    operator.send(path, "/object/audit")

    assert len(filled.pricing.unsettled()) == len(before)
    assert [action.what for action in filled.actions.list()] == ["audited a CDR", "dealt with an audit"]


@EVERY_STORAGE
def test_results_of_audits_are_listed_until_they_are_settled(ocpi):
    for number in range(3):
        ocpi.save("cdrs", cdr(id=f"C{number}", total_energy=999))
    list(ocpi.pricing.audit_all())

    ocpi.pricing.settle(ocpi.objects.get("cdrs", "C1"), "ann")

    assert [result["cdr_id"] for result in ocpi.pricing.unsettled()] == ["C2", "C0"]
    assert [result["cdr_id"] for result in ocpi.pricing.unsettled(offset=1)] == ["C0"]
    assert ocpi.pricing.result(ocpi.objects.get("cdrs", "C1"))["settled"]["who"] == "ann"


def test_an_audit_of_an_unknown_cdr_is_not_settled(ocpi):
    with pytest.raises(NotFoundError):
        ocpi.pricing.settle(cdr(id="C9"), "ann")
    ocpi.save("cdrs", cdr(id="C8"))
    with pytest.raises(NotFoundError, match="was not audited"):
        ocpi.pricing.settle(cdr(id="C8"), "ann")


def test_a_page_of_what_partners_refused_reads_no_more_than_it_shows(visit, own, network, monkeypatch):
    refuse(network, "Never.")
    for number in range(60):
        own.save("tariffs", tariff(id=f"T{number}"))
    own.outbox.flush()
    original, read = OutboxEntry.from_record, []

    def from_record(record):
        read.append(record)
        return original(record)

    monkeypatch.setattr(OutboxEntry, "from_record", from_record)

    pages = [visit("read").text(f"/inbox?tab=parked&offset={offset}") for offset in (0, 50, 60)]

    assert [len(set(re.findall(r"entry=([A-Za-z0-9_-]+)", page))) for page in pages] == [50, 10, 0]
    assert len(read) <= 51 + 10


def test_a_storage_that_does_not_answer_is_no_missing_page(visit, own, monkeypatch):
    def fail(*args, **options):
        raise StorageError("The database refused.")

    monkeypatch.setattr(own.storage, "list", fail)

    assert visit("read").get("/actions").status_code == 503
