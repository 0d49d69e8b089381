"""A body is made once for an object in one state, for all partners of a version."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.core.converting import Conversion
from flask_ocpi.testing.documents import evse
from flask_ocpi.testing.documents import location
from flask_ocpi.testing.documents import session
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import shaping

OLD = ("one.example", "two.example", "three.example")


@pytest.fixture
def cpo(ocpi_network):
    """Return an operator with three providers that speak OCPI 2.1.1."""
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V2_1_1, V2_2_1))
    for place, host in enumerate(OLD):
        ocpi_network.connect(ocpi_network.add(host, [("DE", f"EM{place}", ["EMSP"])], versions=(V2_1_1,)), cpo)
    cpo.outbox.flush()
    return cpo


@pytest.fixture
def made(monkeypatch):
    """Return the list of conversions from the stored shape."""
    made = []
    convert = Conversion.from_store

    def noted(conversion, document, *arguments):
        if "publish" in document or "kwh" in document:
            made.append(document["id"])
        return convert(conversion, document, *arguments)

    monkeypatch.setattr(Conversion, "from_store", noted)
    return made


def copies(network, module):
    return [list(network.platforms[host].objects.documents(module, copies=True)) for host in OLD]


def test_body_is_made_once_for_all_partners_of_a_version_and_anew_for_a_new_state(cpo, ocpi_network, made):
    cpo.save("locations", location(name="First"))
    assert made == ["LOC1"]

    cpo.save("locations", location(name="Second"))
    assert made == ["LOC1", "LOC1"]

    assert [[copy["name"] for copy in found] for found in copies(ocpi_network, "locations")] == [["Second"]] * 3


def test_what_a_version_cannot_say_is_a_finding_of_each_partner(cpo, made):
    cpo.save("locations", location())

    found = [entry.finding for entry in cpo.findings.list()]
    lost = {finding.platform for finding in found if (finding.kind, finding.path) == ("not_sent", "postal_code")}
    assert lost == {platform.id for platform in cpo.partners.list()}
    assert made == ["LOC1"]


def test_body_with_another_object_in_it_has_the_present_state_of_that_one(cpo, ocpi_network):
    of_driver = {**session()["cdr_token"], "country_code": "DE", "party_id": "EM0"}
    cpo.save("locations", location(name="Before", evses=[evse()]))
    cpo.save("sessions", session(cdr_token=of_driver))
    cpo.save("locations", location(name="After", evses=[evse()]))

    cpo.push("sessions", "SES1")

    last = [request for request in ocpi_network.requests if "/sessions/" in request.url][-1]
    assert orjson.loads(last.body)["location"]["name"] == "After"


@pytest.mark.parametrize("bound", ["_MOST_KEPT", "_LONGEST_KEPT"])
def test_bodies_are_kept_in_bounds(cpo, made, monkeypatch, bound):
    monkeypatch.setattr(shaping, bound, 2)

    for number in range(5):
        cpo.save("locations", location(id=f"LOC{number}"))

    assert len(cpo.services.said) <= 2
    assert len(made) == 5 if bound == "_MOST_KEPT" else len(made) == 15
