"""The audit of a CDR: against its price, itself, and what is known beside it."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random

import pytest

from flask_ocpi.pricing import FINDINGS
from flask_ocpi.pricing import Evidence
from flask_ocpi.pricing import PricingError
from flask_ocpi.pricing import audit
from flask_ocpi.pricing import read_rules
from tests.pricing.cdrs import ABSURD
from tests.pricing.cdrs import END
from tests.pricing.cdrs import LOCATION
from tests.pricing.cdrs import START
from tests.pricing.cdrs import TARIFF
from tests.pricing.cdrs import TOKEN
from tests.pricing.cdrs import cdr
from tests.pricing.cdrs import elsewhere
from tests.pricing.cdrs import session

EVIDENCE = {"session": session(), "location": LOCATION, "token": TOKEN, "tariffs": {"t1": TARIFF}}


def found(document, rules=None, **evidence):
    """Return the verdict and the ids of the findings."""
    book = None if rules is None else read_rules(rules).general
    result = audit(document, rules=book, evidence=Evidence(**{**EVIDENCE, **evidence}))
    return result.verdict, {finding.id for finding in result.findings}


def test_right_cdr_is_ok():
    assert found(cdr()) == ("ok", set())


@pytest.mark.parametrize(("document", "reason"), ABSURD.values(), ids=ABSURD)
def test_absurd_cdr_is_in_dispute_for_its_reason(document, reason):
    known = {
        "unknown_session": {"session": {}},
        "unknown_location": {"location": {}},
        "session_twice": {"others": ["CDR1"]},
    }.get(reason, {})

    verdict, ids = found(document, **known)

    assert verdict == "dispute"
    assert reason in ids


def test_price_without_a_tariff_is_still_found_absurd():
    document = cdr(total_cost={"excl_vat": 325.0})
    del document["tariffs"], document["charging_periods"][0]["tariff_id"]

    result = audit(document)

    assert result.verdict == "dispute"
    assert [f.message for f in result.findings if f.id == "out_of_range"] == [
        "The cost of a kWh is 46.4286 EUR, which is above 10."
    ]


CHANGES = {
    "energy in Wh": (cdr(total_energy=7000.0), "energy_in_wh", "dispute"),
    "time in minutes": (cdr(total_time=60.0), "time_in_other_unit", "dispute"),
    "time in seconds": (cdr(total_time=3600.0), "time_in_other_unit", "dispute"),
    "another time": (cdr(total_time=3.0), "time_differs", "dispute"),
    "parking that was not": (cdr(total_parking_time=0.5), "parking_time_differs", "review"),
    "a part of the cost": (cdr(total_energy_cost={"excl_vat": 1.5}), "part_of_cost_differs", "review"),
    "costs less than nothing": (cdr(total_cost={"excl_vat": -1.75}), "negative_cost", "dispute"),
    "credit that costs": (cdr(credit=True, credit_reference_id="CDR1"), "credit_not_negative", "dispute"),
    "made a year late": (cdr(last_updated="2027-05-04T09:05:00Z"), "out_of_range", "review"),
    "ends after it was made": (cdr(last_updated="2026-05-01T09:05:00Z"), "ends_in_future", "review"),
    "unknown EVSE": (cdr(cdr_location={**elsewhere("LOC1"), "evse_uid": "E9"}), "unknown_evse", "review"),
    "cannot be priced": (cdr(charging_periods=[{"start_date_time": "x", "dimensions": []}]), "not_priced", "review"),
    "no number": (cdr(total_energy="many"), "energy_differs", None),
    "tariff in another currency": (cdr(tariffs=[{**TARIFF, "currency": "SEK"}]), "tariff_currency", "dispute"),
}


@pytest.mark.parametrize(("document", "id", "verdict"), CHANGES.values(), ids=CHANGES)
def test_change_is_found(document, id, verdict):
    result = audit(document, evidence=Evidence(**EVIDENCE))

    assert (id in {finding.id for finding in result.findings}) == (verdict is not None)
    if verdict is not None:
        assert result.verdict == verdict


BESIDE = {
    "session is not known": ({"session": {}}, "unknown_session", "dispute"),
    "session goes on": ({"session": session(status="ACTIVE")}, "session_not_completed", "review"),
    "session of other energy": ({"session": session(kwh=5.0)}, "session_energy_differs", "dispute"),
    "session at another time": (
        {"session": session(start_date_time="2026-05-04T07:00:00Z")},
        "session_time_differs",
        "review",
    ),
    "session of another cost": ({"session": session(total_cost={"excl_vat": 1})}, "session_cost_differs", "review"),
    "session of another token": (
        {"session": session(cdr_token={**session()["cdr_token"], "uid": "OTHER"})},
        "session_token_differs",
        "dispute",
    ),
    "session elsewhere": ({"session": session(location_id="LOC2")}, "session_location_differs", "dispute"),
    "session in another currency": ({"session": session(currency="SEK")}, "other_currency", "dispute"),
    "token is not ours": ({"token": {}}, "unknown_token", "dispute"),
    "token of another contract": ({"token": {**TOKEN, "contract_id": "X"}}, "token_contract_differs", "review"),
    "tariff was never sent": ({"tariffs": {}}, "tariff_not_pushed", "review"),
    "another CDR of the session": ({"others": ["CDR0"]}, "session_twice", "dispute"),
}


@pytest.mark.parametrize(("evidence", "id", "verdict"), BESIDE.values(), ids=BESIDE)
def test_what_is_known_beside_it_counts(evidence, id, verdict):
    assert found(cdr(), **evidence) == (verdict, {id})


@pytest.mark.parametrize("name", ["session", "location", "token", "tariffs", "original"])
def test_what_was_not_looked_up_is_no_finding(name):
    assert found(cdr(), **{name: None}) == ("ok", set())


def dearer(**changes):
    known = deepcopy(TARIFF)
    known["elements"][0]["price_components"][0]["price"] = 0.2
    return {**known, **changes}


def test_tariff_of_another_price_is_in_dispute():
    assert found(cdr(), tariffs={"t1": dearer()}) == ("dispute", {"tariff_differs"})


def test_tariff_that_changed_after_the_start_is_for_review():
    later = dearer(last_updated="2026-05-04T12:00:00Z")

    assert found(cdr(), tariffs={"t1": later}) == ("review", {"tariff_changed_since"})


def test_tariff_that_is_written_otherwise_is_the_same():
    same = deepcopy(TARIFF)
    same["elements"][0]["price_components"][0].update(price=0.250, step_size=1.0)
    same["elements"][0]["restrictions"] = {}
    same["tariff_alt_text"] = [{"language": "en", "text": "Cheap"}]

    assert found(cdr(), tariffs={"t1": same}) == ("ok", set())


def test_credit_takes_back_what_the_original_was_about():
    credit = cdr(
        id="CDR1-C", credit=True, credit_reference_id="CDR1", total_cost={"excl_vat": -1.75, "incl_vat": -2.1175}
    )

    assert found(credit, original=cdr(), others=["CDR1"]) == ("ok", set())
    assert found(credit, original={}) == ("dispute", {"credit_without_original"})
    assert found(credit, original=cdr(total_cost={"excl_vat": 1})) == ("review", {"credit_differs"})
    assert found(credit, original=cdr(currency="SEK")) == ("dispute", {"other_currency"})


def test_cdr_without_tariffs_is_priced_by_those_that_were_sent():
    document = cdr(total_cost={"excl_vat": 3.5})
    del document["tariffs"]

    assert found(document) == ("dispute", {"total_cost_differs", "session_cost_differs"})


def test_clock_is_that_of_the_location():
    tariff = deepcopy(TARIFF)
    tariff["elements"][0]["restrictions"] = {"start_time": "10:00", "end_time": "11:00"}  # 08:00 UTC is 10:00 there
    document = cdr(tariffs=[tariff])

    result = audit(document, evidence=Evidence(**{**EVIDENCE, "tariffs": {"t1": tariff}}))

    assert result.verdict == "ok"
    assert (result.report.time_zone, result.report.time_zone_source) == ("Europe/Berlin", "location")


def test_price_in_a_zone_that_was_assumed_is_no_dispute():
    tariff = deepcopy(TARIFF)
    tariff["elements"][0]["restrictions"] = {"start_time": "10:00", "end_time": "11:00"}
    place = elsewhere("LOC1")
    del place["coordinates"]

    assert audit(cdr(tariffs=[tariff], cdr_location=place)).verdict == "review"


def test_half_a_cent_is_within_the_tolerance_and_a_yen_too():
    yen = {**TARIFF, "currency": "JPY"}

    assert found(cdr(total_cost={"excl_vat": 1.76})) == ("ok", set())
    assert found(cdr(total_cost={"excl_vat": 1.7}), session=None) == ("dispute", {"total_cost_differs"})
    assert audit(cdr(currency="JPY", tariffs=[yen], total_cost={"excl_vat": 3})).verdict == "ok"


def test_minimum_that_was_not_applied_is_in_dispute():
    tariff = {**TARIFF, "min_price": {"excl_vat": 2.0, "incl_vat": 2.42}}

    assert found(cdr(tariffs=[tariff]), tariffs={"t1": tariff}) == ("dispute", {"total_cost_differs"})
    assert found(cdr(tariffs=[tariff], total_cost={"excl_vat": 2.0}), tariffs={"t1": tariff}, session=None)[0] == "ok"


RULES = {
    "energy": ({"energy": {"max": 5}}, "review"),
    "energy, gravely": ({"energy": {"max": 5, "verdict": "dispute"}}, "dispute"),
    "too little": ({"cost": {"min": 2}}, "review"),
    "duration": ({"duration": {"max": 0.5}}, "review"),
    "power": ({"power": {"max": 3.7}}, "review"),
    "cost of a kWh": ({"cost_per_kwh": {"max": 0.2}}, "review"),
    "lateness": ({"days_late": {"max": 0.001}}, "review"),
    "currencies": ({"currencies": ["sek"]}, "dispute"),
    "within": ({"energy": {"min": 7, "max": 7}, "currencies": ["eur"], "tolerance": 0}, "ok"),
}


@pytest.mark.parametrize(("rules", "verdict"), RULES.values(), ids=RULES)
def test_rules_set_ranges(rules, verdict):
    assert found(cdr(), rules)[0] == verdict


def test_rules_of_a_partner_replace_those_for_all():
    book = read_rules(
        {"energy": {"max": 5}, "ignore": ["unknown_evse"], "partners": {"de-cpo": {"energy": {"max": 9}}}}
    )

    assert audit(cdr(), rules=book.rules_for("abc", "DE-CPO")).verdict == "ok"
    assert audit(cdr(), rules=book.rules_for("abc", "DE-XYZ")).verdict == "review"
    assert book.rules_for("DE-CPO").ignore == {"unknown_evse"}


def test_what_is_to_be_ignored_is_not_found():
    assert found(cdr(), {"ignore": ["unknown_session"]}, session={}) == ("ok", set())


WRONG_RULES = {
    "no mapping": ([], "OCPI_AUDIT_RULES must be a mapping"),
    "unknown key": ({"kilowatts": {}}, "unknown key 'kilowatts'"),
    "no range": ({"energy": 5}, "OCPI_AUDIT_RULES['energy'] must look like"),
    "unknown side": ({"energy": {"most": 5}}, "must look like"),
    "reversed": ({"energy": {"min": 5, "max": 4}}, "must not be above its max"),
    "no number": ({"energy": {"max": "many"}}, "has to be a number"),
    "verdict": ({"energy": {"max": 5, "verdict": "ok"}}, "must be review or dispute"),
    "tolerance": ({"tolerance": -1}, "must not be negative"),
    "currencies": ({"currencies": "EUR"}, "must be a list of texts"),
    "finding": ({"ignore": ["nothing"]}, "names the finding 'nothing', which does not exist"),
    "partners": ({"partners": ["A"]}, "must map platforms or parties to rules"),
    "partner": ({"partners": {"A": 1}}, "OCPI_AUDIT_RULES['partners']['A'] must be a mapping"),
}


@pytest.mark.parametrize(("rules", "message"), WRONG_RULES.values(), ids=WRONG_RULES)
def test_wrong_rule_is_refused(rules, message):
    with pytest.raises(PricingError) as caught:
        read_rules(rules)

    assert message in str(caught.value)


def test_nothing_that_a_partner_sends_ends_an_audit():
    random = Random(4)
    absurd = [None, "", "x", -1, 10**40, [], {}, [None], True, "2026-13-01T00:00:00Z", {"id": None}]
    for _ in range(3000):
        document = deepcopy(cdr())
        for _ in range(random.randint(1, 3)):
            part = document
            while True:
                key = random.choice(list(part) if isinstance(part, dict) else range(len(part)))
                if isinstance(part[key], (dict, list)) and part[key] and random.random() < 0.7:
                    part = part[key]
                    continue
                part[key] = random.choice(absurd)
                break

        result = audit(document, evidence=Evidence(**EVIDENCE))

        assert result.verdict in ("ok", "review", "dispute")
        json.dumps(result.to_dict(), default=str)


def test_cdr_that_is_no_object_is_an_error():
    with pytest.raises(PricingError, match="has to be an object"):
        audit([])


def test_findings_have_a_verdict_and_a_sentence():
    for verdict, sentence in FINDINGS.values():
        assert verdict in ("review", "dispute")
        assert sentence.endswith((".", "{0}"))


def test_reservation_need_not_count_as_time():
    periods = [
        {
            "start_date_time": "2026-05-04T07:00:00Z",
            "tariff_id": "T1",
            "dimensions": [{"type": "RESERVATION_TIME", "volume": 1}],
        },
        *cdr()["charging_periods"],
    ]
    document = cdr(start_date_time="2026-05-04T07:00:00Z", charging_periods=periods)

    assert found({**document, "total_time": 1.0}, session=None) == ("ok", set())
    assert found({**document, "total_time": 2.0}, session=None) == ("ok", set())
    assert START < END
