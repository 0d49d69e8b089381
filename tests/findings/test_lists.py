"""Lists of partners are read tolerantly: what can be understood is stored, and each flaw is a finding."""

from __future__ import annotations

import random
from dataclasses import replace

import orjson
import pytest

from flask_ocpi.client.listing import _MOST_SAID
from flask_ocpi.testing.documents import cdr
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.testing.documents import tariff
from flask_ocpi.testing.documents import token
from tests.conftest import EVERY_STORAGE

OTHER = {"country_code": "FR", "party_id": "OTH"}
NEEDED = {"locations": "coordinates", "tariffs": "elements", "cdrs": "start_date_time"}
MADE = {"locations": location, "sessions": session, "cdrs": cdr, "tariffs": tariff, "tokens": token}


@pytest.fixture
def ocpi_parties():
    return [("NL", "ABC", ["EMSP", "CPO"])]


@pytest.fixture
def partner(ocpi, ocpi_other, ocpi_network):
    """Let the lists of a partner have these items; return the id of the platform."""
    there, _ = ocpi_network.connect(ocpi, ocpi_other)

    def listing(items):
        def after_send(request, response):
            if request.method != "GET":
                return response
            return replace(response, body=orjson.dumps({**orjson.loads(response.body), "data": items}))

        ocpi_network.after_send = after_send
        return there.id

    return listing


def flaws(ocpi, **filters):
    return {(e.finding.object, e.finding.path, e.finding.kind) for e in ocpi.findings.list(**filters)}


@EVERY_STORAGE
def test_objects_whose_meaning_is_certain_are_stored_and_their_flaws_found(ocpi, partner):
    items = [
        location(**OTHER, id="A"),
        {**location(**OTHER, id="B"), "publish": "true", "time_zone": None},
        {name: value for name, value in location(id="C").items() if name not in OTHER},
        {**location(**OTHER, id="D"), "coordinates": {"latitude": 52.1, "longitude": 5}},
    ]
    id = partner(items)

    (synced,) = ocpi.sync(id, ["locations"])

    assert {document["id"] for document in ocpi.objects.documents("locations", copies=True)} == set("ABCD")
    assert synced.pulled.left_out.number == 0
    found = flaws(ocpi)
    assert found >= {("FR OTH B", "publish", "mended"), ("FR OTH C", "country_code", "derived")}
    assert {object for object, _, _ in found} == {"FR OTH B", "FR OTH C", "FR OTH D"}


@EVERY_STORAGE
@pytest.mark.parametrize("module", ["locations", "tariffs", "cdrs"])
def test_object_without_its_owner_leaves_the_list_when_it_can_be_stored(ocpi, partner, module):
    whole = MADE[module](**OTHER, id="X")
    bare = {name: value for name, value in whole.items() if name not in OTHER}
    id = partner([{**bare, NEEDED[module]: None}])
    ocpi.sync(id, [module])
    before = flaws(ocpi, refused=True)
    partner([bare])

    ocpi.sync(id, [module], full=True)

    assert before == {("FR OTH X", "", "refused")}
    assert flaws(ocpi, refused=True) == set()
    assert len(list(ocpi.objects.documents(module, copies=True))) == 1


@pytest.mark.parametrize("ocpi_parties", [[("NL", "ABC", ["EMSP"]), ("NL", "DEF", ["EMSP"])]], ids=["two parties"])
def test_cdr_without_a_receiver_is_for_who_pulls_it(ocpi, partner):
    document = cdr(**OTHER, id="X")
    document["cdr_token"] = {n: v for n, v in document["cdr_token"].items() if n not in OTHER}
    id = partner([document])

    ocpi.sync(id, ["cdrs"])

    found = list(ocpi.objects.documents("cdrs", copies=True))
    assert {(d["cdr_token"]["country_code"], d["cdr_token"]["party_id"]) for d in found} == {
        ("NL", "ABC"),
        ("NL", "DEF"),
    }


def test_what_one_own_party_could_store_stays_refused_for_the_other(ocpi_network, ocpi_other):
    ocpi = ocpi_network.add("two.example", [("NL", "ABC", ["EMSP"]), ("NL", "DEF", ["EMSP"])])
    there, _ = ocpi_network.connect(ocpi, ocpi_other)
    broken = {n: v for n, v in location(**OTHER, id="A").items() if n != "coordinates"}
    answers = {"NL-ABC": broken, "NL-DEF": broken}

    def after_send(request, response):
        party = "-".join(request.headers[f"OCPI-from-{name}"] for name in ("country-code", "party-id"))
        return replace(response, body=orjson.dumps({**orjson.loads(response.body), "data": [answers[party]]}))

    ocpi_network.after_send = after_send
    ocpi.sync(there.id, ["locations"])
    before = sorted(entry.finding.receiver for entry in ocpi.findings.list(refused=True))
    answers["NL-DEF"] = location(**OTHER, id="A")

    ocpi.sync(there.id, ["locations"], full=True)

    assert before == ["NL-ABC", "NL-DEF"]
    assert [entry.finding.receiver for entry in ocpi.findings.list(refused=True)] == ["NL-ABC"]


def test_object_that_is_broken_and_then_valid_in_one_list_is_no_finding(ocpi, partner):
    whole = location(**OTHER, id="A")
    id = partner([{n: v for n, v in whole.items() if n != "coordinates"}, whole])

    ocpi.sync(id, ["locations"])

    assert flaws(ocpi, refused=True) == set()


def test_mended_objects_are_kept_beside_as_many_broken_ones(ocpi, partner):
    number = 3 * _MOST_SAID
    items = [{**location(**OTHER, id=f"L{n}"), "publish": "true"} for n in range(number)]
    items += [{"id": f"B{n}"} for n in range(number)]
    random.Random(7).shuffle(items)
    id = partner(items)

    (synced,) = ocpi.sync(id, ["locations"])

    assert (synced.pulled.created, synced.pulled.left_out.number) == (number, number)


def test_list_of_junk_is_looked_at_a_hundred_times_only(ocpi, partner, monkeypatch):
    id = partner([{"id": f"B{n}"} for n in range(900)] + [location(**OTHER, id="A")])
    looked = []
    monkeypatch.setattr(type(ocpi.services.read), "__call__", _counting(type(ocpi.services.read).__call__, looked))

    (synced,) = ocpi.sync(id, ["locations"])

    assert len(looked) == _MOST_SAID
    assert (synced.pulled.created, synced.pulled.left_out.number) == (1, 900)
    assert sum(entry.count for entry in ocpi.findings.list(refused=True)) == 900


def _counting(function, calls):
    def counting(self, *args, **options):
        calls.append(args)
        return function(self, *args, **options)

    return counting


def test_host_that_lists_is_given_what_was_mended(ocpi, partner):
    id = partner([{**location(**OTHER, id="A"), "publish": "true"}, {"id": "B"}])

    listing = ocpi.client(id).locations.list()

    assert [document["publish"] for document in listing] == [True]
    assert len(listing.broken) == 1
    assert flaws(ocpi) == {("FR OTH A", "publish", "mended"), ("FR OTH B", "", "refused")}


@pytest.mark.parametrize("ocpi_config", [{"OCPI_RECEIVE": "strict"}], ids=["strict"])
def test_strict_platform_keeps_valid_objects_only(ocpi, partner):
    id = partner([{**location(**OTHER, id="A"), "publish": "true"}, location(**OTHER, id="B")])

    ocpi.sync(id, ["locations"])

    assert [document["id"] for document in ocpi.objects.documents("locations", copies=True)] == ["B"]
    assert flaws(ocpi) == {("FR OTH A", "", "refused")}


def test_nothing_is_removed_for_objects_that_could_not_be_read(ocpi, partner):
    id = partner([location(**OTHER, id="A"), location(**OTHER, id="B")])
    ocpi.sync(id, ["locations"])
    partner([location(**OTHER, id="A"), {"id": "B"}])

    ocpi.sync(id, ["locations"], full=True)

    assert len(list(ocpi.objects.documents("locations", copies=True))) == 2
