"""A CDR that is right, what is known beside it, and eight that are absurd, each in one way."""

from __future__ import annotations

from copy import deepcopy

from flask_ocpi.testing import documents

CPO = {"country_code": "DE", "party_id": "CPO"}
EMSP = {"country_code": "NL", "party_id": "ABC"}
START, END, MADE = "2026-05-04T08:00:00Z", "2026-05-04T09:00:00Z", "2026-05-04T09:05:00Z"

TOKEN = documents.token(**EMSP)
CDR_TOKEN = {name: TOKEN[name] for name in ("country_code", "party_id", "uid", "type", "contract_id")}
TARIFF = documents.tariff(**CPO, id="T1", last_updated="2026-01-01T00:00:00Z")
LOCATION = documents.location(**CPO, country="DEU", time_zone="Europe/Berlin", evses=[documents.evse()])


def session(**changes):
    """Return a session of 7 kWh in an hour, which has ended."""
    document = documents.session(
        **CPO,
        start_date_time=START,
        end_date_time=END,
        kwh=7.0,
        cdr_token=CDR_TOKEN,
        status="COMPLETED",
        total_cost={"excl_vat": 1.75, "incl_vat": 2.1175},
        last_updated=MADE,
    )
    return {**document, **changes}


def cdr(**changes):
    """Return the CDR of that session, which is right."""
    document = documents.cdr(
        **CPO,
        session_id="SES1",
        start_date_time=START,
        end_date_time=END,
        cdr_token=CDR_TOKEN,
        tariffs=[deepcopy(TARIFF)],
        charging_periods=[
            {
                "start_date_time": START,
                "tariff_id": "T1",
                "dimensions": [{"type": "ENERGY", "volume": 7.0}, {"type": "TIME", "volume": 1.0}],
            }
        ],
        total_cost={"excl_vat": 1.75, "incl_vat": 2.1175},
        total_energy_cost={"excl_vat": 1.75, "incl_vat": 2.1175},
        total_energy=7.0,
        total_time=1.0,
        last_updated=MADE,
    )
    return {**document, **changes}


def elsewhere(id):
    """Return the location of the CDR with another id."""
    return {**cdr()["cdr_location"], "id": id}


#: Each with the finding that puts it in dispute. The second CDR of the session is sent after the right one.
ABSURD = {
    "325 EUR for 7 kWh": (cdr(id="A1", total_cost={"excl_vat": 325.0, "incl_vat": 393.25}), "total_cost_differs"),
    "energy ten times the periods": (cdr(id="A2", total_energy=70.0), "energy_differs"),
    "end before start": (cdr(id="A3", start_date_time=END, end_date_time=START), "ends_before_start"),
    "unknown session": (cdr(id="A4", session_id="NONE"), "unknown_session"),
    "one session twice": (cdr(id="A5"), "session_twice"),
    "incl_vat below excl_vat": (
        cdr(id="A6", total_cost={"excl_vat": 2.1175, "incl_vat": 1.75}),
        "incl_vat_below_excl_vat",
    ),
    "other currency": (cdr(id="A7", currency="SEK"), "other_currency"),
    "unknown location": (cdr(id="A8", cdr_location=elsewhere("NOWHERE")), "unknown_location"),
}
