"""Terminals and financial advice confirmations between a PTP and a CPO. OCPI 2.3.0, Payments."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import RefusedError
from flask_ocpi.signals import object_received
from flask_ocpi.signals import object_saved
from flask_ocpi.storage.base import Party
from tests.conftest import EVERY_STORAGE
from tests.paybook.sharing import CPO
from tests.paybook.sharing import LATER
from tests.paybook.sharing import NOW
from tests.paybook.sharing import PTP
from tests.paybook.sharing import House
from tests.paybook.sharing import confirmation
from tests.paybook.sharing import on_the_wire
from tests.paybook.sharing import terminal

SENDER = "/ocpi/2.3.0/sender/payments"
RECEIVER = "/ocpi/2.3.0/receiver/payments"
OTHER = Party.of("DE", "OTH")


@pytest.fixture
def ptp_house(ocpi_network, ocpi_storage):
    """As ``house``, with the PTP's objects in the storage that the test wants."""
    return House(ocpi_network, ocpi_storage, storage_of="ptp")


@pytest.fixture
def cpo_client(ptp_house):
    """The CPO, as it calls the PTP by hand."""
    return ptp_house.partner("ptp", "OTH", "CPO")


@pytest.fixture
def ptp_client(house):
    """A PTP, as it calls the CPO by hand."""
    return house.partner("cpo", "OTH", "PTP")


@pytest.mark.conformance("PAY-01", "PAY-03")
def test_details_list_one_endpoint_for_terminals_and_confirmations(house):
    offered = {
        name: [(e["role"], e["url"]) for e in platform.endpoints if e["identifier"] == "payments"]
        for name, platform in (("ptp", house.cpo.partners.find(str(PTP))), ("cpo", house.ptp.partners.find(str(CPO))))
    }

    assert offered == {
        "ptp": [("SENDER", f"https://ptp.example{SENDER}")],
        "cpo": [("RECEIVER", f"https://cpo.example{RECEIVER}")],
    }


@pytest.mark.conformance("PAY-02")
@pytest.mark.parametrize("ending", ["", "/", "/terminals", "/financial-advice-confirmations/"])
def test_endpoint_may_end_in_the_name_of_one_of_them(ocpi_network, ending):
    url = f"https://ptp.example{SENDER}".encode()
    ocpi_network.after_send = lambda request, response: replace(
        response, body=response.body.replace(url + b'"', url + ending.encode() + b'"')
    )
    house = House(ocpi_network)
    assert (
        house.cpo.partners.find(str(PTP)).endpoint("payments", InterfaceRole.SENDER) == (url + ending.encode()).decode()
    )
    house.ptp.save("terminals", terminal(), audience=[CPO])
    house.ptp.save("financial-advice-confirmations", confirmation(), audience=[CPO])

    with house.cpo.client(str(PTP)) as client:
        assert list(client.payments.terminals.list()) == [terminal()]
        assert list(client.payments.confirmations.list()) == [confirmation()]
        assert client.payments.terminals.get("TERM1") == terminal()


@pytest.mark.conformance("PAY-04", "PAY-20")
@EVERY_STORAGE
def test_objects_of_the_ptp_are_pushed_listed_and_synced(house):
    for module, document, changes in (
        ("terminals", terminal(), {"address": "Main Street 2"}),
        ("financial-advice-confirmations", confirmation(), {"capture_status_code": "PARTIAL_SUCCESS"}),
    ):
        id = document.get("terminal_id") or document["id"]
        house.ptp.save(module, document, audience=[CPO])
        changed = house.ptp.patch(module, id, changes=changes)

        sent = [document, changed] if module == "terminals" else [on_the_wire(document), on_the_wire(changed)]
        assert house.sent("cpo")[-2:] == [("POST", f"/receiver/payments/{module}", body) for body in sent]
        assert list(house.cpo.copies.documents(module)) == [changed]
        assert house.cpo.copies.get(module, id, owner=PTP) == changed
        with house.ptp.client(str(CPO)) as client:
            assert client.module(module).get_copy(id) == changed

    house.network.config["OCPI_PUSH"] = False
    late = house.network.add("late.example", [("FR", "LTE", ["CPO"])], versions=house.cpo.services.versions)
    house.network.connect(late, house.ptp)
    house.ptp.save("terminals", terminal("TERM2"), audience=[Party.of("FR", "LTE")])
    late.sync(str(PTP), ["terminals", "financial-advice-confirmations"])

    assert list(late.copies.documents("terminals")) == [terminal("TERM2")]
    assert list(late.copies.documents("financial-advice-confirmations")) == []


@pytest.mark.conformance("PAY-04")
def test_lists_have_pages_and_dates(ptp_house, cpo_client):
    for number in range(3):
        ptp_house.ptp.save(
            "terminals", terminal(f"T{number}", last_updated=f"2026-01-0{number + 1}T00:00:00Z"), audience=[OTHER]
        )

    page = cpo_client.get(f"{SENDER}/terminals", query_string={"limit": 2})
    dates = {"date_from": "2026-01-02T00:00:00Z", "date_to": "2026-01-03T00:00:00Z"}
    dated = cpo_client.get(f"{SENDER}/terminals", query_string=dates)

    assert [item["terminal_id"] for item in page.data] == ["T0", "T1"]
    assert page.headers["X-Total-Count"] == "3"
    assert f"{SENDER}/terminals?" in page.headers["Link"]
    assert [item["terminal_id"] for item in dated.data] == ["T1"]


@pytest.mark.conformance("PAY-05")
@EVERY_STORAGE
def test_terminals_and_confirmations_are_seen_by_their_cpo_alone(ptp_house, cpo_client):
    ptp_house.ptp.save("terminals", terminal(), audience=[CPO])
    ptp_house.ptp.save("terminals", terminal("TERM2", country_code="DE", party_id="OTH"))
    ptp_house.ptp.save("financial-advice-confirmations", confirmation(), audience=[CPO])

    assert [item["terminal_id"] for item in cpo_client.get(f"{SENDER}/terminals").data] == ["TERM2"]
    assert cpo_client.get(f"{SENDER}/financial-advice-confirmations").data == []
    for method, path in (
        ("GET", "/terminals/TERM1"),
        ("PATCH", "/terminals/TERM1"),
        ("PUT", "/terminals/TERM1"),
        ("POST", "/terminals/TERM1/deactivate"),
        ("GET", "/financial-advice-confirmations/FAC1"),
    ):
        ptp_house.ptp.terminal("deactivate")(lambda terminal, request: None)
        body = {"address": "Elsewhere", "last_updated": LATER} if method in ("PATCH", "PUT") else None
        assert cpo_client.open(method, f"{SENDER}{path}", json=body).http_status == 404
    assert ptp_house.ptp.objects.get("terminals", "TERM1") == terminal()


@pytest.mark.conformance("PAY-05")
@pytest.mark.parametrize(
    ("module", "document"), [("terminals", terminal()), ("financial-advice-confirmations", confirmation())]
)
def test_what_is_for_nobody_in_particular_is_refused(house, module, document):
    with pytest.raises(InvalidParametersError, match="certain partners only"):
        house.ptp.save(module, document)
    with pytest.raises(InvalidParametersError, match=rf"{module}\[0\].*certain partners only"):
        house.ptp.objects.save_all({module: [document]})

    assert list(house.ptp.objects.documents(module)) == []
    house.ptp.save(module, document, audience=[CPO])
    house.ptp.save(module, {**document, "last_updated": LATER})  # it stays for whom it was for


@pytest.mark.conformance("PAY-06")
@EVERY_STORAGE
def test_terminal_is_activated_and_posted_to_the_cpo(ptp_house):
    asked = []

    @ptp_house.ptp.terminal("activate")
    def activate(terminal, request):
        asked.append((terminal, request.sender, request.receiver, request.terminal))
        return {"terminal_id": "TERM1"}

    with ptp_house.cpo.client(str(PTP)) as client:
        answer = client.payments.terminals.activate({"reference": "SERIAL-1", "location_ids": ["LOC1"]})

    sent = {"last_updated": NOW, "reference": "SERIAL-1", "location_ids": ["LOC1"]}
    assert (answer.http_status, answer.data) == (200, None)
    assert asked == [(sent, CPO, PTP, None)]
    assert list(ptp_house.cpo.copies.documents("terminals")) == [{"terminal_id": "TERM1", **sent}]
    assert ptp_house.ptp.objects.record("terminals", "TERM1").audience == (CPO,)


@pytest.mark.conformance("PAY-06")
def test_host_may_make_the_terminal_later(ptp_house):
    ptp_house.ptp.terminal("activate")(lambda terminal, request: None)

    with ptp_house.cpo.client(str(PTP)) as client:
        client.payments.terminals.activate({"reference": "SERIAL-1"})

    assert list(ptp_house.ptp.objects.documents("terminals")) == []


@pytest.mark.conformance("PAY-06")
def test_terminal_that_is_not_valid_is_the_fault_of_the_host(ptp_house, cpo_client):
    ptp_house.ptp.terminal("activate")(lambda terminal, request: {"terminal_id": ""})

    response = cpo_client.post(f"{SENDER}/terminals/activate", {"reference": "SERIAL-1"})

    assert response.status_code == 3000


@pytest.mark.conformance("PAY-07")
def test_nothing_is_activated_without_a_hook(ptp_house, cpo_client):
    ptp_house.ptp.save("terminals", terminal(), audience=[OTHER])

    for path in ("activate", "TERM1/deactivate"):
        response = cpo_client.post(f"{SENDER}/terminals/{path}", terminal())
        assert (response.http_status, response.status_code) == (200, ClientError.status_code)


def test_hooks_of_terminals_have_their_names(house):
    with pytest.raises(ConfigurationError, match=r"'ACTIVATE'.*activate, deactivate, update\. Did you mean activate"):
        house.ptp.terminal("ACTIVATE")
    with pytest.raises(ConfigurationError, match=r"terminal\(\"update\"\).*\(terminal, request\)"):
        house.ptp.terminal("update")(lambda terminal: None)


@pytest.mark.conformance("PAY-08")
def test_terminal_is_deactivated(ptp_house):
    ptp_house.ptp.save("terminals", terminal(), audience=[CPO])

    @ptp_house.ptp.terminal("deactivate")
    def deactivate(terminal, request):
        ptp_house.ptp.delete("terminals", terminal["terminal_id"])

    with ptp_house.cpo.client(str(PTP)) as client:
        client.payments.terminals.deactivate("TERM1")
        with pytest.raises(RefusedError, match="TERM1"):
            client.payments.terminals.deactivate("TERM1")

    assert list(ptp_house.ptp.objects.documents("terminals")) == []


@pytest.mark.conformance("PAY-09")
@EVERY_STORAGE
def test_cpo_assigns_a_terminal_to_locations_and_evses(ptp_house):
    saved = []
    ptp_house.ptp.save("terminals", terminal(), audience=[CPO])
    ptp_house.network.requests.clear()

    def note(app, *, module, document, created, **rest):
        saved.append((module, document["location_ids"], created))

    told = object_saved.connected_to(note, ptp_house.network.apps["ptp.example"])
    with told, ptp_house.cpo.client(str(PTP)) as client:
        client.payments.terminals.assign("TERM1", location_ids=["LOC1", "LOC2"], evse_uids=["3256"])

    expected = terminal(location_ids=["LOC1", "LOC2"], evse_uids=["3256"], last_updated=NOW)
    changes = {"last_updated": NOW, "location_ids": ["LOC1", "LOC2"], "evse_uids": ["3256"]}
    assert ptp_house.sent("ptp") == [("PATCH", "/sender/payments/terminals/TERM1", changes)]
    assert ptp_house.sent("cpo") == []  # who made the change knows it
    assert ptp_house.ptp.objects.get("terminals", "TERM1") == expected
    assert list(ptp_house.cpo.copies.documents("terminals")) == [expected]
    assert saved == [("terminals", ["LOC1", "LOC2"], False)]


def test_host_posts_the_change_of_one_cpo_to_the_other_ones(ptp_house, cpo_client):
    ptp_house.ptp.save("terminals", terminal(), audience=[CPO, OTHER])
    ptp_house.network.requests.clear()

    def post(app, *, module, key, **rest):
        ptp_house.ptp.objects.changed(module, key.id)

    with object_saved.connected_to(post, ptp_house.network.apps["ptp.example"]):
        cpo_client.patch(f"{SENDER}/terminals/TERM1", {"location_ids": ["LOC2"]})

    changed = terminal(location_ids=["LOC2"], last_updated=NOW)
    assert ptp_house.sent("cpo") == [("POST", "/receiver/payments/terminals", changed)]


@pytest.mark.conformance("PAY-10")
def test_assignment_needs_no_last_updated(ptp_house, cpo_client):
    ptp_house.ptp.save("terminals", terminal(), audience=[OTHER])

    response = cpo_client.patch(f"{SENDER}/terminals/term1", {"location_ids": ["LOC2"]})

    assert response.status_code == 1000
    assert ptp_house.ptp.objects.get("terminals", "TERM1") == terminal(location_ids=["LOC2"], last_updated=NOW)


def test_assignment_of_another_terminal_changes_nothing(ptp_house, cpo_client):
    ptp_house.ptp.save("terminals", terminal(), audience=[OTHER])

    response = cpo_client.patch(f"{SENDER}/terminals/TERM1", {"terminal_id": "TERM2", "last_updated": LATER})

    assert (response.status_code, "terminal_id" in response.message) == (2001, True)
    assert ptp_house.ptp.objects.get("terminals", "TERM1") == terminal()


@pytest.mark.conformance("PAY-11")
def test_put_replaces_a_terminal_that_it_names_and_changes_one_that_it_does_not(ptp_house, cpo_client):
    ptp_house.ptp.save("terminals", terminal(), audience=[OTHER])

    cpo_client.put(f"{SENDER}/terminals/TERM1", {"customer_reference": "OMV", "last_updated": LATER})
    changed = ptp_house.ptp.objects.get("terminals", "TERM1")
    cpo_client.put(f"{SENDER}/terminals/TERM1", {"terminal_id": "TERM1", "city": "Vienna", "last_updated": LATER})
    replaced = ptp_house.ptp.objects.get("terminals", "TERM1")
    wrong = cpo_client.put(f"{SENDER}/terminals/TERM1", terminal("TERM2"))

    assert changed == terminal(customer_reference="OMV", last_updated=LATER)
    assert replaced == {"terminal_id": "TERM1", "city": "Vienna", "last_updated": LATER}
    assert (wrong.status_code, "terminal_id" in wrong.message) == (2001, True)


@pytest.mark.conformance("PAY-11")
def test_client_replaces_a_terminal_and_its_copy(ptp_house):
    ptp_house.ptp.save("terminals", terminal(), audience=[CPO])

    with ptp_house.cpo.client(str(PTP)) as client:
        client.payments.terminals.replace(terminal(city="Vienna", last_updated=LATER))
        client.payments.terminals.change("TERM1", {"customer_reference": None})

    expected = {**terminal(city="Vienna", last_updated=NOW)}
    del expected["customer_reference"]
    assert ptp_house.ptp.objects.get("terminals", "TERM1") == expected
    assert list(ptp_house.cpo.copies.documents("terminals")) == [expected]


@pytest.mark.conformance("PAY-19")
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_terminal_stays_with_its_cpo(ptp_house, cpo_client, method):
    ptp_house.ptp.save("terminals", terminal(), audience=[OTHER])

    taken = cpo_client.open(
        method, f"{SENDER}/terminals/TERM1", json={"country_code": "NL", "party_id": "ABC", "last_updated": LATER}
    )
    kept = cpo_client.open(
        method, f"{SENDER}/terminals/TERM1", json={"country_code": "DE", "party_id": "OTH", "last_updated": LATER}
    )

    assert (taken.status_code, "NL-ABC" in taken.message) == (2001, True)
    assert kept.status_code == 1000
    assert ptp_house.ptp.objects.record("terminals", "TERM1").audience == (OTHER,)


def test_hook_refuses_a_change(ptp_house, cpo_client):
    ptp_house.ptp.save("terminals", terminal(), audience=[OTHER])

    @ptp_house.ptp.terminal("update")
    def update(terminal, request):
        assert request.terminal["location_ids"] == ["LOC1"]
        raise ClientError(f"{terminal['terminal_id']} does not go to {terminal['location_ids'][0]}.")

    response = cpo_client.patch(f"{SENDER}/terminals/TERM1", {"location_ids": ["LOC2"]})

    assert (response.status_code, response.message) == (2000, "TERM1 does not go to LOC2.")
    assert ptp_house.ptp.objects.get("terminals", "TERM1") == terminal()


@pytest.mark.conformance("PAY-12")
@EVERY_STORAGE
def test_posted_terminal_is_a_copy_that_the_ptp_reads_again(house, ptp_client):
    received = []
    with object_received.connected_to(lambda app, *, module, created, **rest: received.append((module, created))):
        created = ptp_client.post(f"{RECEIVER}/terminals", terminal())
        replaced = ptp_client.post(f"{RECEIVER}/terminals/", terminal(address="Elsewhere", last_updated=LATER))

    assert (created.http_status, replaced.http_status) == (201, 200)
    assert ptp_client.get(f"{RECEIVER}/terminals/term1").data == terminal(address="Elsewhere", last_updated=LATER)
    assert ptp_client.get(f"{RECEIVER}/terminals/TERM2").http_status == 404
    assert received == [("terminals", True), ("terminals", False)]


@pytest.mark.conformance("PAY-12", "PAY-14")
@EVERY_STORAGE
def test_terminals_of_two_ptps_may_have_one_id(house, ptp_client):
    second = house.partner("cpo", "TWO", "PTP")
    ptp_client.post(f"{RECEIVER}/terminals", terminal())
    second.post(f"{RECEIVER}/terminals", terminal(address="Of the second"))
    second.post(f"{RECEIVER}/financial-advice-confirmations", confirmation())

    assert ptp_client.get(f"{RECEIVER}/terminals/TERM1").data == terminal()
    assert ptp_client.get(f"{RECEIVER}/financial-advice-confirmations/FAC1").http_status == 404
    assert len(list(house.cpo.copies.documents("terminals"))) == 2
    assert house.cpo.copies.get("terminals", "TERM1", owner=Party.of("DE", "TWO")) == terminal(address="Of the second")


@pytest.mark.conformance("PAY-13")
def test_terminal_may_be_nothing_but_an_id(house, ptp_client):
    created = ptp_client.post(f"{RECEIVER}/terminals", {"terminal_id": "TERM1"})
    ptp_client.post(f"{RECEIVER}/terminals", terminal())
    again = ptp_client.post(f"{RECEIVER}/terminals", {"terminal_id": "TERM1"})

    assert (created.http_status, again.http_status) == (201, 200)
    assert ptp_client.get(f"{RECEIVER}/terminals/TERM1").data == terminal(last_updated=NOW)


@pytest.mark.conformance("PAY-14")
@EVERY_STORAGE
def test_posted_confirmation_is_a_copy_that_the_ptp_reads_again(house, ptp_client):
    url = f"{RECEIVER}/financial-advice-confirmations"
    created = ptp_client.post(url, on_the_wire(confirmation()))
    refused = ptp_client.post(url, on_the_wire(confirmation(capture_status_code="MAYBE")))

    assert created.http_status == 201
    assert (refused.status_code, "capture_status_code" in refused.message) == (2001, True)
    assert ptp_client.get(f"{url}/FAC1").data == on_the_wire(confirmation())
    assert list(house.cpo.copies.documents("financial-advice-confirmations")) == [confirmation()]


@pytest.mark.conformance("PAY-15")
def test_costs_may_have_the_properties_of_2_2_1(house, ptp_client):
    url = f"{RECEIVER}/financial-advice-confirmations"

    created = ptp_client.post(url, confirmation(total_costs={"excl_vat": 4, "incl_vat": 4.4}))

    assert created.http_status == 201
    assert ptp_client.get(f"{url}/FAC1").data == on_the_wire(confirmation())


@pytest.mark.conformance("PAY-16")
def test_confirmation_of_a_failure_needs_no_lines_of_a_payment(house, ptp_client):
    failed = confirmation(capture_status_code="FAILED", capture_status_message="Capture unsuccessful at PSP")
    del failed["eft_data"]

    response = ptp_client.post(f"{RECEIVER}/financial-advice-confirmations", on_the_wire(failed))

    assert response.http_status == 201
    assert ptp_client.get(f"{RECEIVER}/financial-advice-confirmations/FAC1").data == on_the_wire(failed)


@pytest.mark.conformance("PAY-17")
@pytest.mark.parametrize(
    "changes", [{"eft_data": [""]}, {"eft_data": ["x" * 256]}, {"capture_status_message": ""}], ids=str
)
def test_texts_of_a_payment_have_1_to_255_characters(house, changes):
    house.ptp.save("financial-advice-confirmations", confirmation(eft_data=["x" * 255]), audience=[CPO])

    with pytest.raises(InvalidParametersError, match=next(iter(changes))):
        house.ptp.save("financial-advice-confirmations", confirmation(**changes), audience=[CPO])


@pytest.mark.conformance("PAY-18")
def test_invoice_url_that_is_none_is_left_out(house, ptp_client):
    response = ptp_client.post(f"{RECEIVER}/terminals", terminal(invoice_base_url="someNewURL"))

    assert response.http_status == 201
    assert ptp_client.get(f"{RECEIVER}/terminals/TERM1").data == terminal()
    assert [(f.finding.kind, f.finding.path) for f in house.cpo.findings.list()] == [("left_out", "invoice_base_url")]


def test_partners_without_the_role_are_refused(house):
    emsp = house.partner("cpo", "OTH", "EMSP")

    assert emsp.post(f"{RECEIVER}/terminals", terminal()).http_status == 403


def test_export_and_import_have_them(house, tmp_path):
    runner = house.network.apps["ptp.example"].test_cli_runner()
    house.ptp.save("terminals", terminal(), audience=[CPO])
    house.ptp.save("financial-advice-confirmations", confirmation(), audience=[CPO])
    file = tmp_path / "objects.json"

    assert runner.invoke(args=["ocpi", "export", "--output", str(file)]).exit_code == 0
    exported = orjson.loads(file.read_bytes())
    house.ptp.delete("terminals", "TERM1")
    imported = runner.invoke(args=["ocpi", "import", str(file)])

    assert exported["terminals"] == [{**terminal(), "_audience": ["NL-ABC"]}]
    assert exported["financial-advice-confirmations"] == [{**confirmation(), "_audience": ["NL-ABC"]}]
    assert imported.exit_code == 0, imported.output
    assert house.ptp.objects.record("terminals", "TERM1").audience == (CPO,)
    copies = (
        house.network.apps["cpo.example"].test_cli_runner().invoke(args=["ocpi", "export", "terminals", "--copies"])
    )
    assert orjson.loads(copies.output)["terminals"] == [terminal()]


def test_taxes_of_a_payment_are_kept_where_unknown_properties_are_dropped(ocpi_network):
    ocpi_network.config["OCPI_UNKNOWN_FIELDS"] = "drop"
    house = House(ocpi_network)
    taxes = [{"name": "GST", "amount": 0.1}, {"name": "QST", "amount": 0.3}]
    paid = confirmation(total_costs={"excl_vat": 4, "incl_vat": 4.4, "taxes": taxes})

    house.ptp.save("financial-advice-confirmations", paid, audience=[CPO])

    assert list(house.ptp.objects.documents("financial-advice-confirmations")) == [paid]
    assert list(house.cpo.copies.documents("financial-advice-confirmations")) == [paid]
