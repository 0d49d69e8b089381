"""Two platforms speak the newest version that both have, whichever asks, unless another one is said."""

from __future__ import annotations

from itertools import product

import pytest

from flask_ocpi.errors import UnsupportedVersionError
from flask_ocpi.testing import documents
from flask_ocpi.versions import VERSIONS
from tests.peers import dump

NUMBERS = [version.number for version in VERSIONS]
#: What platforms may serve: one version, or this one and all after it.
SERVED = [*((version,) for version in VERSIONS), *(VERSIONS[index:] for index in range(len(VERSIONS) - 1))]


def names(versions):
    return "+".join(version.number for version in versions)


@pytest.fixture
def ocpi_push():
    return True


@pytest.mark.parametrize(("ours", "theirs"), list(product(SERVED, SERVED)), ids=lambda versions: names(versions))
def test_the_newest_common_version_is_spoken(ocpi_network, ours, theirs):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=ours)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=theirs)
    common = [version.number for version in VERSIONS if version in ours and version in theirs]
    _, token = cpo.partners.invite(name="Ems")
    before = dump(ems)

    if not common:
        with pytest.raises(UnsupportedVersionError, match=r"offers the versions .*; needed is"):
            ems.partners.register(cpo.versions_url, token)
        assert dump(ems) == before
        return
    there = ems.partners.register(cpo.versions_url, token)
    cpo.save("locations", documents.location())

    assert there.version == cpo.partners.find("DE-EMS").version == common[-1]
    assert [item["id"] for item in ems.objects.documents("locations", copies=True)] == ["LOC1"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("said_by", ["who invites", "who registers"])
def test_another_version_is_spoken_where_it_is_said(ocpi_network, number, said_by):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=VERSIONS)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=VERSIONS)
    inviting, registering = (number, None) if said_by == "who invites" else (None, number)
    _, token = cpo.partners.invite(name="Ems", version=inviting)

    there = ems.partners.register(cpo.versions_url, token, version=registering)

    assert there.version == cpo.partners.find("DE-EMS").version == number


@pytest.mark.parametrize(("first", "second"), list(product(NUMBERS, NUMBERS)), ids=str)
def test_each_version_is_changed_to_from_each(ocpi_network, first, second):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=VERSIONS)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=VERSIONS)
    _, token = cpo.partners.invite(name="Ems")
    ems.partners.register(cpo.versions_url, token, version=first)
    cpo.save("locations", documents.location())

    ems.partners.rotate("NL-ABC", version=second)
    cpo.patch("locations", "LOC1", changes={"city": "Gent"})

    assert cpo.partners.find("DE-EMS").version == ems.partners.find("NL-ABC").version == second
    assert [item["city"] for item in ems.objects.documents("locations", copies=True)] == ["Gent"]


def test_a_version_that_a_partner_lacks_is_not_changed_to(ocpi_network):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=VERSIONS)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=VERSIONS[:1])
    ocpi_network.connect(ems, cpo)
    before = dump(cpo), dump(ems)

    with pytest.raises(UnsupportedVersionError, match=f"offers the versions {NUMBERS[0]}; needed is {NUMBERS[1]}"):
        cpo.partners.rotate("DE-EMS", version=NUMBERS[1])

    assert (dump(cpo), dump(ems)) == before


def test_a_version_that_one_side_lost_is_left_for_the_newest_of_both(ocpi_network):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=VERSIONS)
    ems = ocpi_network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=VERSIONS)
    _, token = cpo.partners.invite(name="Ems")
    ems.partners.register(cpo.versions_url, token, version=NUMBERS[0])
    newer = ocpi_network.add(
        "ems.example", [("DE", "EMS", ["EMSP"])], versions=VERSIONS[1:], storage=ems.services.storage
    )

    newer.partners.rotate("NL-ABC")

    assert cpo.partners.find("DE-EMS").version == NUMBERS[-1]
