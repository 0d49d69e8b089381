"""The demo network keeps the tables and rules of OCPI 2.2.1, Locations."""

from __future__ import annotations

import json
import re
from datetime import UTC
from datetime import datetime
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from flask_ocpi.testing.sandbox.locations import locations
from flask_ocpi.testing.sandbox.locations import status_changes
from flask_ocpi.testing.sandbox.locations import summary
from tests.examples.location_tables import ENUMS
from tests.examples.location_tables import FIELDS
from tests.examples.location_tables import faults
from tests.examples.location_tables import parts

NOW = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)

POSTAL_CODES = {"NLD": r"\d{4} [A-Z]{2}", "BEL": r"\d{4}", "DEU": r"\d{5}"}
TIME_ZONES = {"NLD": "Europe/Amsterdam", "BEL": "Europe/Brussels", "DEU": "Europe/Berlin"}
PHASES = {"AC_1_PHASE": 1, "AC_2_PHASE": 2, "AC_2_PHASE_SPLIT": 2, "AC_3_PHASE": 3, "DC": 1}


@pytest.fixture(scope="module", params=[1, 2, 77], ids=lambda seed: f"seed {seed}")
def network(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    return list(locations(now=NOW, seed=request.param))


def every(network: list[dict[str, Any]], wanted: str) -> list[Any]:
    return [part for document in network for part in parts(document, "Location", wanted)]


def test_every_document_satisfies_the_tables(network):
    found = [fault for document in network for fault in faults(document, "Location", document["id"])]

    assert len(network) == 300
    assert found == []


def test_documents_survive_json(network):
    assert json.loads(json.dumps(network, allow_nan=False)) == network


@pytest.mark.parametrize("kind", FIELDS)
def test_every_property_is_used(network, kind):
    used = {name for part in every(network, kind) for name in part}

    assert used == FIELDS[kind].keys()


@pytest.mark.parametrize("kind", ENUMS)
def test_most_enum_values_are_used(network, kind):
    unused = set(ENUMS[kind].split()) - set(every(network, kind))

    if kind == "ConnectorType":
        assert len(set(every(network, kind))) >= 12
    else:
        assert unused == ({"AC_2_PHASE_SPLIT"} if kind == "PowerType" else set())


def test_same_seed_gives_the_same_network():
    first, second = (list(locations(count=60, seed=5, now=NOW)) for _ in range(2))

    assert first == second


def test_altering_documents_leaves_later_ones_alone():
    fresh = json.dumps(list(locations(count=60, now=NOW)))
    altered = list(locations(count=60, now=NOW))

    for kind in ("EnergySource", "EnvironmentalImpact", "EnergyMix", "PublishTokenType"):
        for part in every(altered, kind):
            part.clear()

    assert json.dumps(list(locations(count=60, now=NOW))) == fresh


def test_other_seed_gives_another_network():
    assert list(locations(count=20, seed=1, now=NOW)) != list(locations(count=20, seed=2, now=NOW))


def test_smaller_network_is_the_beginning_of_a_larger_one():
    assert list(locations(count=10, now=NOW)) == list(locations(count=40, now=NOW))[:10]


def test_ids_do_not_depend_on_the_moment():
    later = NOW + timedelta(days=400)

    def ids(now: datetime) -> list[Any]:
        return [(d["id"], [e["uid"] for e in d["evses"]]) for d in locations(now=now)]

    assert ids(NOW) == ids(later)


def test_ids_have_their_form_and_are_unique(network):
    ids = [document["id"] for document in network]
    uids = [evse["uid"] for evse in every(network, "EVSE")]
    evse_ids = [evse["evse_id"] for evse in every(network, "EVSE") if "evse_id" in evse]

    assert ids[0] == "AMS-0001"
    assert all(re.fullmatch(r"[A-Z]{3}-\d{4}", value) for value in ids)
    assert all(re.fullmatch(r"NL\*ABC\*E[A-Z]{3}\d{5,6}", value) for value in evse_ids)
    assert [len(set(values)) for values in (ids, uids, evse_ids)] == [len(ids), len(uids), len(evse_ids)]


def test_evses_and_connectors_are_numbered_within_their_parent(network):
    for document in network:
        for number, evse in enumerate(document["evses"], start=1):
            assert evse["uid"] == f"{document['id']}-{number}"
            assert [connector["id"] for connector in evse["connectors"]] == [
                str(position) for position in range(1, len(evse["connectors"]) + 1)
            ]


def test_party_is_the_one_asked_for():
    document = next(locations(country_code="BE", party_id="XYZ", count=1, now=NOW))

    assert (document["country_code"], document["party_id"]) == ("BE", "XYZ")
    assert document["evses"][0]["evse_id"] == "BE*XYZ*EAMS00011"


def test_last_updated_rises_from_connector_to_location_and_stays_before_now(network):
    for document in network:
        for evse in document["evses"]:
            assert max(connector["last_updated"] for connector in evse["connectors"]) <= evse["last_updated"]
            assert evse["last_updated"] <= document["last_updated"]
        assert document["last_updated"] < "2026-11-22T10:00:00Z"


def test_naive_now_is_refused():
    with pytest.raises(ValueError, match="aware"):
        next(locations(now=NOW.replace(tzinfo=None)))


def test_places_fit_their_country(network):
    for document in network:
        assert re.fullmatch(POSTAL_CODES[document["country"]], document["postal_code"])
        assert 50 < float(document["coordinates"]["latitude"]) < 54
        assert 3 < float(document["coordinates"]["longitude"]) < 14
        assert document["time_zone"] == TIME_ZONES[document["country"]]

    assert len({document["city"] for document in network}) >= 6
    assert {document["country"] for document in network} == POSTAL_CODES.keys()


def test_evse_stands_near_its_location(network):
    for document in network:
        for evse in document["evses"]:
            for axis, value in evse.get("coordinates", {}).items():
                assert abs(float(value) - float(document["coordinates"][axis])) < 0.002


def test_publish_allowed_to_only_where_not_published(network):
    hidden = [document for document in network if not document["publish"]]

    assert 0 < len(hidden) < 30
    assert all("publish_allowed_to" not in document for document in network if document["publish"])
    for entry in every(network, "PublishTokenType"):
        assert entry.keys() & {"uid", "visual_number", "group_id"}
        assert "type" in entry or "uid" not in entry
        assert "issuer" in entry or "visual_number" not in entry


def test_opening_times_hold_their_rules(network):
    for hours in every(network, "Hours"):
        regular = hours.get("regular_hours", [])
        assert bool(regular) is not hours["twentyfourseven"]
        assert all(1 <= entry["weekday"] <= 7 for entry in regular)
        for before, after in pairwise(regular):
            assert (before["weekday"], before["period_end"]) < (after["weekday"], after["period_begin"])
        for opening in hours.get("exceptional_openings", []):
            for closing in hours.get("exceptional_closings", []):
                assert opening["period_end"] <= closing["period_begin"]


@pytest.mark.parametrize("kind", ["RegularHours", "ExceptionalPeriod", "StatusSchedule"])
def test_periods_end_after_they_begin(network, kind):
    periods = [period for period in every(network, kind) if "period_end" in period]

    assert periods
    assert all(period["period_begin"] < period["period_end"] for period in periods)


@pytest.mark.parametrize(
    ("now", "closing"),
    [
        (datetime(2026, 12, 24, 12, tzinfo=UTC), "2026-12-24T23:00:00Z"),
        (datetime(2026, 12, 26, 12, tzinfo=UTC), "2027-12-24T23:00:00Z"),
    ],
    ids=["this year", "next year"],
)
def test_christmas_closing_is_given_in_utc(now, closing):
    garage = list(locations(count=4, now=now))[3]

    assert garage["opening_times"]["exceptional_closings"][0]["period_begin"] == closing


def test_max_electric_power_is_given_only_where_lower_than_computed(network):
    limited = [connector for connector in every(network, "Connector") if "max_electric_power" in connector]

    assert limited
    for connector in limited:
        computed = connector["max_voltage"] * connector["max_amperage"] * PHASES[connector["power_type"]]
        assert 0 < connector["max_electric_power"] < computed


def test_hubs_charge_fast_and_kerbs_slowly(network):
    def standards(parking_type: str) -> set[tuple[str, int]]:
        chosen = [document for document in network if document["parking_type"] == parking_type]
        return {(c["power_type"], c.get("max_electric_power", 0)) for c in every(chosen, "Connector")}

    assert {("DC", 150_000), ("DC", 350_000)} < standards("ALONG_MOTORWAY")
    assert {power_type for power_type, _ in standards("ON_STREET")} == {"AC_3_PHASE"}


def test_energy_sources_add_up_to_100(network):
    mixes = [mix["energy_sources"] for mix in every(network, "EnergyMix") if "energy_sources" in mix]

    assert mixes
    assert all(sum(source["percentage"] for source in sources) == 100 for sources in mixes)


def test_directions_come_in_two_languages(network):
    directed = [part["directions"] for part in network + every(network, "EVSE") if "directions" in part]

    assert directed
    assert all(len({text["language"] for text in texts}) == 2 for texts in directed)


def test_image_has_both_sizes_or_neither(network):
    assert all(("width" in image) is ("height" in image) for image in every(network, "Image"))


def test_every_location_keeps_an_evse(network):
    for document in network:
        assert any(evse["status"] != "REMOVED" for evse in document["evses"])


def test_evse_is_reserved_only_where_that_is_possible(network):
    for evse in every(network, "EVSE"):
        assert evse["status"] != "RESERVED" or "RESERVABLE" in evse["capabilities"]


def test_choice_of_connector_is_asked_where_there_are_several(network):
    for evse in every(network, "EVSE"):
        several = len(evse["connectors"]) > 1
        assert ("START_SESSION_CONNECTOR_REQUIRED" in evse["capabilities"]) is several


def test_summary_counts(network):
    expected = {
        "cities": 9,
        "locations": 300,
        "evses": len(every(network, "EVSE")),
        "connectors": len(every(network, "Connector")),
    }

    assert summary(iter(network)) == expected


def test_summary_of_nothing():
    assert summary([]) == {"cities": 0, "locations": 0, "evses": 0, "connectors": 0}


def test_status_changes_are_real_changes_in_order(network):
    evses = {evse["uid"]: evse for evse in every(network, "EVSE")}
    state = {uid: (evse["status"], evse["last_updated"]) for uid, evse in evses.items()}
    living = [uid for uid, (status, _) in state.items() if status != "REMOVED"]

    changes = list(status_changes(network, seed=3, count=3 * len(living), now=NOW))

    assert len(changes) == 3 * len(living)
    assert {evse_uid for _, evse_uid, _ in changes} == set(living)
    for location_id, evse_uid, change in changes:
        status, last_updated = state[evse_uid]
        assert change.keys() == {"status", "last_updated"}
        assert evse_uid.rpartition("-")[0] == location_id
        assert change["status"] in set(ENUMS["Status"].split()) - {status, "REMOVED", "PLANNED"}
        assert change["status"] != "RESERVED" or "RESERVABLE" in evses[evse_uid]["capabilities"]
        assert change["last_updated"] > last_updated
        state[evse_uid] = (change["status"], change["last_updated"])


def test_first_round_of_status_changes_is_stamped_now(network):
    changes = list(status_changes(network, seed=3, count=200, now=NOW))

    assert {change["last_updated"] for _, _, change in changes} == {"2026-11-22T10:00:00Z"}
    assert len({evse_uid for _, evse_uid, _ in changes}) == 200


def test_status_changes_repeat_with_their_seed_and_leave_the_documents_alone(network):
    before = json.dumps(network)

    first, second, other = (list(status_changes(network, seed=seed, count=50, now=NOW)) for seed in (3, 3, 4))

    assert first == second != other
    assert json.dumps(network) == before


def test_removed_evses_never_change():
    document = next(locations(count=1, now=NOW))
    for evse in document["evses"]:
        evse["status"] = "REMOVED"

    assert list(status_changes([document], seed=1, count=5, now=NOW)) == []
