"""Audits of stored CDRs: on arrival, by command, and what is looked up for them."""

from __future__ import annotations

import logging

import pytest

from flask_ocpi import OCPI
from flask_ocpi import ConfigurationError
from flask_ocpi import Party
from flask_ocpi.host.audits import Audits
from flask_ocpi.signals import cdr_audited
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Network
from flask_ocpi.testing.network import add_partner
from tests.pricing.cdrs import ABSURD
from tests.pricing.cdrs import CPO
from tests.pricing.cdrs import EMSP
from tests.pricing.cdrs import LOCATION
from tests.pricing.cdrs import TARIFF
from tests.pricing.cdrs import TOKEN
from tests.pricing.cdrs import cdr
from tests.pricing.cdrs import session
from tests.urls import ocpi_url

BASE = ocpi_url("receiver")
FOR_ABC = {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "ABC"}


class BrokenStorage(MemoryStorage):
    """A storage that cannot keep what audits find."""

    def save_many(self, kind, records):
        if kind == "cdr_audits":
            raise RuntimeError("The disk is full.")
        return super().save_many(kind, records)


def make(storage=None, parties=(("NL", "ABC", ["EMSP"]),), **config):
    """Return an eMSP and its partner, a CPO that has sent tariff, location and session."""
    network = Network()
    ocpi = network.add("emsp.example", parties, storage=storage, config={"OCPI_AUDIT": True, **config})
    ocpi.save("tokens", TOKEN)
    partner = add_partner(network.apps["emsp.example"], [("DE", "CPO", ["CPO"])], name="Cpo")
    for path, document in (
        ("tariffs/DE/CPO/T1", TARIFF),
        ("locations/DE/CPO/LOC1", LOCATION),
        ("sessions/DE/CPO/SES1", session()),
    ):
        assert partner.put(f"{BASE}/{path}", document, headers=FOR_ABC).http_status == 201
    return ocpi, partner


@pytest.fixture
def emsp():
    return make()


def heard(ocpi):
    """Collect what the signal tells."""
    told = []

    def listen(app, *, key, document, audit, platform, **_):
        told.append((document["id"], audit.verdict, platform.id))

    cdr_audited.connect(listen, ocpi.app, weak=False)
    return told


def ids(result):
    return {finding["id"] for finding in result["findings"]}


def test_right_cdr_is_audited_when_it_arrives(emsp):
    ocpi, partner = emsp
    told = heard(ocpi)

    answer = partner.post(f"{BASE}/cdrs", cdr())

    assert answer.http_status == 201
    assert told == [("CDR1", "ok", "cpo")]
    result = ocpi.pricing.result(cdr())
    assert (result["verdict"], result["findings"]) == ("ok", [])
    assert result["total_cost"] == {"excl_vat": 1.75, "incl_vat": 2.1175}
    assert result["platform"] == "cpo"


def test_absurd_cdrs_are_all_in_dispute_each_for_its_reason(emsp, caplog):
    ocpi, partner = emsp
    partner.post(f"{BASE}/cdrs", cdr())
    for number in range(1, 9):
        if number not in (4, 5):  # a session of its own for each but the one that has none, and the one that is shared
            own = session(id=f"SES-A{number}")
            partner.put(f"{BASE}/sessions/DE/CPO/{own['id']}", own)

    for document, reason in ABSURD.values():
        if document["id"] not in ("A4", "A5"):
            document = {**document, "session_id": f"SES-{document['id']}"}
        answer = partner.post(f"{BASE}/cdrs", document)

        assert answer.http_status == 201  # an audit is no reason to refuse
        result = ocpi.pricing.result(document)
        assert result["verdict"] == "dispute"
        assert reason in ids(result)

    assert ocpi.pricing.result(cdr())["verdict"] == "ok"
    disputed = [record for record in caplog.records if "cdr_disputed" in record.getMessage()]
    assert len(disputed) == 8


def test_the_same_cdr_again_is_no_second_one(emsp):
    ocpi, partner = emsp

    partner.post(f"{BASE}/cdrs", cdr())
    partner.post(f"{BASE}/cdrs", cdr())

    assert [ocpi.pricing.audit(cdr()).verdict for _ in range(2)] == ["ok", "ok"]


def test_session_may_be_billed_anew_once_it_was_credited(emsp):
    ocpi, partner = emsp
    credit = cdr(
        id="CDR1-C", credit=True, credit_reference_id="CDR1", total_cost={"excl_vat": -1.75, "incl_vat": -2.1175}
    )

    for document in (cdr(), credit, cdr(id="CDR2"), cdr(id="CDR3")):
        partner.post(f"{BASE}/cdrs", document)

    results = {id: ocpi.pricing.result(cdr(id=id)) for id in ("CDR1", "CDR1-C", "CDR2", "CDR3")}
    assert {id: result["verdict"] for id, result in results.items()} == {
        "CDR1": "ok",
        "CDR1-C": "ok",
        "CDR2": "ok",
        "CDR3": "dispute",
    }
    assert ids(results["CDR3"]) == {"session_twice"}


def test_credit_without_original_is_in_dispute(emsp):
    ocpi, partner = emsp
    credit = cdr(id="C-C", credit=True, credit_reference_id="C", total_cost={"excl_vat": -1.75, "incl_vat": -2.1175})

    partner.post(f"{BASE}/cdrs", credit)

    assert ids(ocpi.pricing.result(credit)) == {"credit_without_original"}


def test_token_that_we_never_issued_is_in_dispute(emsp):
    ocpi, partner = emsp
    strange = cdr(cdr_token={**cdr()["cdr_token"], "uid": "STRANGE"})

    partner.post(f"{BASE}/cdrs", strange)

    assert ids(ocpi.pricing.result(strange)) == {"unknown_token", "session_token_differs"}


def test_token_of_another_party_is_not_looked_up(emsp):
    ocpi, partner = emsp
    roaming = cdr(cdr_token={**cdr()["cdr_token"], "party_id": "XYZ"})

    partner.post(f"{BASE}/cdrs", roaming)

    assert ocpi.pricing.result(roaming)["verdict"] == "ok"


def test_tariff_that_was_sent_is_compared(emsp):
    ocpi, partner = emsp
    dearer = documents.tariff(**CPO, id="T1", last_updated="2026-01-01T00:00:00Z")
    dearer["elements"][0]["price_components"][0]["price"] = 0.5

    document = cdr(tariffs=[dearer], total_cost={"excl_vat": 3.5, "incl_vat": 4.235})
    partner.post(f"{BASE}/cdrs", document)

    assert "tariff_differs" in ids(ocpi.pricing.result(document))


def test_partner_that_sends_no_tariffs_is_not_asked_for_them():
    ocpi, partner = make()
    partner.delete(f"{BASE}/tariffs/DE/CPO/T1")

    partner.post(f"{BASE}/cdrs", cdr())

    assert ocpi.pricing.result(cdr())["verdict"] == "ok"


def test_nothing_is_audited_unless_it_is_on():
    ocpi, partner = make(OCPI_AUDIT=False)

    partner.post(f"{BASE}/cdrs", cdr())

    assert ocpi.pricing.result(cdr()) is None
    assert ocpi.pricing.audit(cdr()).verdict == "ok"
    assert ocpi.pricing.result(cdr())["verdict"] == "ok"


def test_audit_that_fails_is_no_reason_to_refuse(caplog):
    _, partner = make(BrokenStorage())

    answer = partner.post(f"{BASE}/cdrs", cdr())

    assert answer.http_status == 201
    assert "1 CDRs could not be audited." in caplog.text


def test_crowd_is_left_to_the_command(emsp, monkeypatch, caplog):
    ocpi, partner = emsp
    monkeypatch.setattr("flask_ocpi.host.audits.WAITING", 0)

    partner.post(f"{BASE}/cdrs", cdr())

    assert ocpi.pricing.result(cdr()) is None
    assert "too many wait" in caplog.text


def test_background_audits_what_came_meanwhile(emsp):
    """While one audit runs, further CDRs wait for it instead of starting threads of their own."""
    ocpi, partner = emsp
    waiting = []
    audits = Audits(lambda: services, ocpi.state.audits._rules)
    services = _replaced(ocpi.services, background=waiting.append)
    for id in ("CDR1", "CDR2", "CDR3"):
        partner.post(f"{BASE}/cdrs", cdr(id=id))
        ocpi.storage.delete("cdr_audits", Key.of("DE", "CPO", id, Party("NL", "ABC"), "cpo"))
        audits.arrived(None, module="cdrs", key=Key.of("DE", "CPO", id, Party("NL", "ABC"), "cpo"), created=True)
    audits.arrived(None, module="tariffs", key=Key.of("DE", "CPO", "T1"), created=True)

    assert len(waiting) == 1
    waiting[0]()

    assert all(ocpi.pricing.result(cdr(id=id)) for id in ("CDR1", "CDR2", "CDR3"))


def _replaced(services, **changes):
    from dataclasses import fields

    from flask_ocpi.exchange.context import Services

    values = {each.name: getattr(services, each.name) for each in fields(Services) if each.init}
    return Services(**{**values, **changes})


def test_pulled_cdrs_are_audited_too():
    network = Network()
    emsp = network.add("emsp.example", [("NL", "ABC", ["EMSP"])], config={"OCPI_AUDIT": True})
    cpo = network.add("cpo.example", [("DE", "CPO", ["CPO"])], config={"OCPI_PUSH": False})
    network.connect(emsp, cpo)
    cpo.save("cdrs", cdr())

    emsp.pull("cdrs", "DE-CPO")

    assert ids(emsp.pricing.result(cdr())) >= {"unknown_session", "unknown_location"}


def test_result_goes_with_its_cdr(emsp):
    ocpi, partner = emsp
    partner.post(f"{BASE}/cdrs", cdr())
    partner.delete(ocpi_url("credentials"))

    ocpi.copies.remove("cpo", ["tariffs"])
    assert ocpi.storage.list("cdr_audits", Query()).total == 1
    ocpi.copies.remove("cpo", ["cdrs"])

    assert ocpi.storage.list("cdr_audits", Query()).total == 0


def test_rules_of_a_partner_apply_to_it():
    ocpi, partner = make(OCPI_AUDIT_RULES={"partners": {"cpo": {"energy": {"max": 5}}}})

    partner.post(f"{BASE}/cdrs", cdr())

    assert ids(ocpi.pricing.result(cdr())) == {"out_of_range"}


def test_wrong_rules_are_told_of_at_the_start():
    with pytest.raises(ConfigurationError, match="OCPI_AUDIT_RULES has an unknown key 'kilowatts'"):
        make(OCPI_AUDIT_RULES={"kilowatts": {}})
    with pytest.raises(ConfigurationError, match="OCPI_AUDIT_RULES must be a mapping"):
        make(OCPI_AUDIT_RULES=["energy"])


def test_run_audits_all_or_those_of_a_platform_since_a_time(emsp):
    ocpi, partner = emsp
    partner.put(f"{BASE}/sessions/DE/CPO/SES2", session(id="SES2"))
    later = cdr(id="CDR2", session_id="SES2", last_updated="2026-05-05T09:05:00Z")
    for document in (cdr(), later):
        partner.post(f"{BASE}/cdrs", document)

    assert [item.document["id"] for item in ocpi.pricing.audit_all()] == ["CDR1", "CDR2"]
    assert [item.document["id"] for item in ocpi.pricing.audit_all(platform="cpo")] == ["CDR1", "CDR2"]
    assert [item.document["id"] for item in ocpi.pricing.audit_all(since="2026-05-05T00:00:00Z")] == ["CDR2"]
    assert {item.audit.verdict for item in ocpi.pricing.audit_all()} == {"ok"}


def test_own_cdrs_are_audited_as_well():
    network = Network()
    cpo = network.add("cpo.example", [("DE", "CPO", ["CPO"])])
    cpo.save("locations", LOCATION)
    cpo.save("sessions", session())
    cpo.save("tariffs", TARIFF)
    cpo.save("cdrs", cdr())
    cpo.save("cdrs", cdr(id="CDR2"))

    results = {item.document["id"]: item for item in cpo.pricing.audit_all()}

    assert results["CDR1"].audit.verdict == "ok"
    assert {finding.id for finding in results["CDR2"].audit.findings} == {"session_twice"}
    assert results["CDR1"].key.source == ""


def test_cdr_that_is_not_stored_is_compared_with_what_is(emsp):
    ocpi, partner = emsp
    partner.post(f"{BASE}/cdrs", cdr())

    assert {f.id for f in ocpi.pricing.audit(cdr(id="OTHER")).findings} == {"session_twice"}
    assert ocpi.pricing.result(cdr(id="OTHER")) is None
    assert ocpi.pricing.audit(cdr(id="OTHER", session_id="NONE")).verdict == "dispute"
    assert ocpi.pricing.audit(cdr()).verdict == "ok"


def test_what_came_for_another_own_party_counts():
    ocpi, partner = make(parties=[("NL", "ABC", ["EMSP"]), ("NL", "DEF", ["EMSP"])])

    headers = {"OCPI-to-country-code": "NL", "OCPI-to-party-id": "DEF"}
    partner.post(f"{BASE}/cdrs", cdr(), headers=headers)

    assert ocpi.pricing.result(cdr())["verdict"] == "ok"


def test_emsp_without_sessions_module_knows_no_unknown_sessions():
    network = Network()
    ocpi = network.add(
        "emsp.example", [("NL", "ABC", ["EMSP"])], config={"OCPI_AUDIT": True, "OCPI_MODULES": ["cdrs:RECEIVER"]}
    )
    partner = add_partner(network.apps["emsp.example"], [("DE", "CPO", ["CPO"])], name="Cpo")

    partner.post(f"{BASE}/cdrs", cdr())

    assert ocpi.pricing.result(cdr())["verdict"] == "ok"


def test_a_partner_cannot_make_the_list_of_a_session_long(emsp):
    ocpi, partner = emsp
    for number in range(60):
        partner.post(f"{BASE}/cdrs", cdr(id=f"N{number}"))

    listed = ocpi.storage.get("session_cdrs", Key.of("DE", "CPO", "SES1", Party("NL", "ABC"), "cpo"))

    assert len(listed.document["cdrs"]) == 50
    assert ocpi.pricing.result(cdr(id="N59"))["verdict"] == "dispute"


def test_tariff_with_a_mistake_is_logged_or_refused_when_it_is_saved(caplog):
    wrong = documents.tariff()
    wrong["elements"][0]["price_components"][0]["vat"] = 0.21
    with caplog.at_level(logging.WARNING):
        for what, number in (("off", 0), ("warn", 1)):
            caplog.clear()
            cpo = Network().add("cpo.example", [("NL", "ABC", ["CPO"])], config={"OCPI_TARIFF_LINT": what})
            cpo.save("tariffs", wrong)
            assert caplog.text.count("vat_fraction") == number
    refusing = Network().add("cpo.example", [("NL", "ABC", ["CPO"])], config={"OCPI_TARIFF_LINT": "refuse"})

    with pytest.raises(Exception, match=r"TARIFF1.*price_components\[0\].vat.*0.21 is a percentage"):
        refusing.save("tariffs", wrong)

    refusing.save("tariffs", documents.tariff())
    with pytest.raises(Exception, match="vat_fraction"):
        refusing.patch("tariffs", "TARIFF1", changes={"elements": wrong["elements"]})
    assert refusing.objects.get("tariffs", "TARIFF1")["elements"] == documents.tariff()["elements"]


def test_tariffs_of_partners_are_never_refused():
    _, partner = make(OCPI_TARIFF_LINT="refuse")
    wrong = documents.tariff(**CPO, id="T2")
    wrong["elements"][0]["price_components"][0]["vat"] = 0.21

    assert partner.put(f"{BASE}/tariffs/DE/CPO/T2", wrong).http_status == 201


def test_group_needs_an_app():
    with pytest.raises(RuntimeError, match="init_app"):
        _ = OCPI().pricing


def test_documents_say_whose_they_are(emsp):
    ocpi, _ = emsp

    with pytest.raises(Exception, match="country_code and party_id are needed"):
        ocpi.pricing.audit({"id": "X"})
    assert EMSP["party_id"] == "ABC"
