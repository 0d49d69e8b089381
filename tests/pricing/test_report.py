"""The report as data and as text."""

from __future__ import annotations

import json
from datetime import UTC
from datetime import datetime

import pytest

import flask_ocpi.pricing
from flask_ocpi.pricing import FINDINGS
from flask_ocpi.pricing import NOTES
from flask_ocpi.pricing import RULES
from flask_ocpi.pricing import Charging
from flask_ocpi.pricing import Parking
from flask_ocpi.pricing import Reserved
from flask_ocpi.pricing import price
from flask_ocpi.pricing import quote
from flask_ocpi.pricing import read_rules
from flask_ocpi.pricing.rules import RANGES
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import Clock
from flask_ocpi.testing.network import Network
from tests.pricing.cases import element
from tests.pricing.cases import energy
from tests.pricing.cases import flat
from tests.pricing.cases import parking
from tests.pricing.cases import tariff
from tests.pricing.cases import time
from tests.pricing.cases import used
from tests.snippets import ROOT
from tests.snippets import Page

NIGHT = tariff(
    element(flat("0.50", 21)),
    element(energy("0.28", 21), start_time="23:00", end_time="07:00"),
    element(energy("0.45", 21)),
    element(parking(3, 21, 900), start_time="07:00", end_time="23:00"),
    max_price={"excl_vat": 25, "incl_vat": "30.25"},
    id="night",
)


def bill():
    phases = [Charging(minutes=180, kwh=33), Parking(minutes=560)]
    return quote(NIGHT, start="2026-05-04T21:30:00+02:00", phases=phases, time_zone="Europe/Amsterdam")


def test_bill_of_the_night_tariff_is_the_one_on_the_page():
    page = (ROOT / "docs" / "pricing.md").read_text(encoding="utf-8")

    assert bill().explain() in page


def test_data_of_the_report():
    data = json.loads(bill().to_json())

    assert data["total_cost"] == {"excl_vat": 21.545, "incl_vat": 26.0695}
    assert data["limit_applied"] is None
    assert data["billed"]["PARKING_TIME"] == {"volume": 9.3333, "billed": 3.0}
    assert data["taxes"] == [{"percentage": 21.0, "base": 21.545, "amount": 4.5245}]
    assert (data["time_zone"], data["time_zone_source"]) == ("Europe/Amsterdam", "argument")
    assert [each["volumes"] for each in data["periods"]] == [{"TIME": 3.0, "ENERGY": 33.0}, {"PARKING_TIME": 9.3333}]
    assert data["periods"][0]["segments"][1] == {
        "dimension": "ENERGY",
        "cost_type": "energy",
        "start_date_time": "2026-05-04T19:30:00Z",
        "end_date_time": "2026-05-04T21:00:00Z",
        "volume": 16.5,
        "billed": 16.5,
        "tariff_id": "night",
        "element": 2,
        "component": {"type": "ENERGY", "price": 0.45, "vat": 21.0, "step_size": 1},
        "cost": {"excl_vat": 7.425, "incl_vat": 8.9843},
        "because": "elements[2] has no restrictions; "
        "elements[1] only from 23:00 to 07:00 (it is Monday 2026-05-04 21:30).",
    }


def test_data_of_a_report_with_a_limit_and_notes():
    document = used("2026-05-04T08:00:00+00:00", (60, {"ENERGY": 100}), tariff_id=None)

    data = json.loads(price(document, [NIGHT | {"end_date_time": "2026-01-01T00:00:00Z"}], time_zone="UTC").to_json())

    assert data["limit_applied"] == {"excl_vat": "max_price", "incl_vat": "max_price"}
    assert data["cost_before_limits"] == {"excl_vat": 45.5, "incl_vat": 55.055}
    assert data["notes"] == [
        {
            "id": "tariff_not_valid_then",
            "message": "The tariff 'night' is not valid when the session starts: it ends at 2026-01-01T00:00:00Z.",
            "path": "tariffs[0]",
            "weighs": True,
        }
    ]
    assert [each["option"] for each in data["decisions"]] == ["period_without_tariff", "lookup"]


def test_text_shows_limits_reservations_notes_and_what_is_free():
    data = tariff(
        element(flat(2, 21), time(3, 21, 1800), reservation="RESERVATION"),
        element(energy(1, 21), time("0.5"), min_kwh=5),
        max_price={"excl_vat": 6, "incl_vat": 9},
    )
    phases = [Reserved(minutes=10), Charging(minutes="30.5", kwh=10, current=16)]

    text = quote(data, start="2026-05-04T08:00:00Z", phases=phases).explain()

    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "1 Mon 08:00 Fee (reservation) 1 2 21 % 2.0000 2.4200" in lines
    assert "2 Mon 08:00 - 08:10 Reservation 30 min (used 10 min) 3 / h 21 % 1.5000 1.8150" in lines
    assert "3 Mon 08:10 - 08:25:15 Energy 5 kWh free - -" in lines
    assert "6 Mon 08:25:15 - 08:40:30 Charging time 15 min 15 s 0.5 / h 0.1271 ?" in lines
    assert "Sum 8.6271 ?" in lines
    assert "Total cost max_price 6.0000 ?" in lines
    assert any("unpriced_dimension at $.charging_periods[1]: ENERGY is priced elsewhere" in line for line in lines)
    assert any(line.startswith("missing_vat=unknown: ") for line in lines)


def test_text_shows_an_unknown_price_without_tax_and_negative_times():
    data = tariff(element(time(1), energy(1, 10)), tax_included="YES")

    text = price(used("2026-05-04T08:00:00+00:00", (60, {"TIME": -1, "ENERGY": 11})), [data]).explain()

    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "2 Mon 08:00 - 09:00 Charging time -1 h 1 / h ? -1.0000" in lines
    assert "1 Mon 08:00 - 09:00 Energy 11 kWh 1 / kWh 10 % 10.0000 11.0000" in lines


@pytest.mark.parametrize("name", flask_ocpi.pricing.__all__)
def test_what_is_exported_is_there(name):
    assert getattr(flask_ocpi.pricing, name) is not None


def platform(night):
    """Return a CPO that has a tariff at a location in Amsterdam, and a session there of which 10 kWh are reported."""
    clock = Clock()
    ocpi = Network(clock=clock).add("cpo.example", [("NL", "ABC", ["CPO"])])
    clock.now = datetime(2026, 5, 4, 21, 1, tzinfo=UTC)
    ocpi.save("tariffs", documents.tariff(id="night", elements=night["elements"]))
    evse = documents.evse(connectors=[documents.connector(tariff_ids=["night"])])
    ocpi.save("locations", documents.location(evses=[evse]))
    period = {
        "start_date_time": "2026-05-04T20:30:00Z",
        "tariff_id": "night",
        "dimensions": [{"type": "ENERGY", "volume": 10}],
    }
    times = {"start_date_time": "2026-05-04T20:30:00Z", "last_updated": "2026-05-04T21:00:00Z"}
    return {"ocpi": ocpi, "session": documents.session(charging_periods=[period], kwh=10, **times)}


def test_pricing_page_runs(capsys):
    page = Page("docs/pricing.md")

    page.run(count=2)
    assert capsys.readouterr().out == bill().explain() + "\n"
    page.run()
    page.run(**platform(page.names["tariff"]))
    page.run()
    page.run()
    assert read_rules(page.names["rules"]).rules_for("NL-ABC").ranges["days_late"].high == 14
    page.run(count=2)
    assert capsys.readouterr().out.strip() in page_text()
    assert page.rest == []


def page_text():
    return (ROOT / "docs" / "pricing.md").read_text(encoding="utf-8")


def test_each_rule_and_finding_is_on_the_page():
    for rule in RULES:
        assert f"| `{rule.id}` | {rule.level} |" in page_text()
    for id, (verdict, _) in FINDINGS.items():
        assert f"| `{id}` | {verdict} |" in page_text()
    for quantity in RANGES:
        assert f"| `{quantity}` |" in page_text()


def test_each_note_is_on_the_page():
    page = (ROOT / "docs" / "pricing.md").read_text(encoding="utf-8")

    for note_id, (weighs, _) in NOTES.items():
        assert f"| `{note_id}` | {'yes' if weighs else 'no'} |" in page
