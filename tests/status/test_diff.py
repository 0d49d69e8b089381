"""What a partner has of our objects, and what we have of its objects, is compared property by property."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi import InvalidParametersError
from flask_ocpi import Party
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.host.comparing import differences
from flask_ocpi.modules.locations import LOCATION
from flask_ocpi.storage.base import Key
from flask_ocpi.testing import documents
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from tests.conftest import EVERY_STORAGE

OPERATOR = {"country_code": "FR", "party_id": "OTH"}
FULL_LOCATION = {**documents.full_location(), **OPERATOR, "publish": True}
FULL_CDR = {**documents.full_cdr(), **OPERATOR, "credit": False}
del FULL_CDR["credit_reference_id"], FULL_LOCATION["publish_allowed_to"]
IN_EACH_VERSION = pytest.mark.parametrize("version", [V2_1_1, V2_2_1, V2_3_0], ids=lambda version: version.number)


@pytest.fixture
def version():
    return V2_2_1


@pytest.fixture
def provider(ocpi_network, ocpi_storage, version):
    """A provider, NL-ABC."""
    return ocpi_network.add("provider.example", [("NL", "ABC", ["EMSP"])], storage=ocpi_storage, versions=(version,))


@pytest.fixture
def operator(ocpi_network, version, provider):
    """An operator, FR-OTH, with three Locations, registered with the provider; nothing was pushed or pulled."""
    versions = tuple(dict.fromkeys((version, V2_3_0)))
    operator = ocpi_network.add("operator.example", [("FR", "OTH", ["CPO"])], versions=versions)
    ocpi_network.connect(operator, provider)
    for id in ("LOC1", "LOC2", "LOC3"):
        operator.save("locations", location(id=id))
    return operator


def location(**values):
    evses = [
        documents.evse(uid="E1", evse_id="FR*OTH*E1", last_updated="2026-01-01T08:00:00Z"),
        documents.evse(uid="E2", evse_id="FR*OTH*E2", last_updated="2026-01-01T08:00:00Z"),
    ]
    return documents.location(**{"last_updated": "2026-01-01T08:00:00Z", "evses": evses, **OPERATOR, **values})


def states(diff):
    return {difference.ids[0]: difference.state.value for difference in diff.listed}


def changes(diff):
    [difference] = diff.listed
    return {change.path: (change.ours, change.theirs) for change in difference.changes}


def copy_of(provider, id):
    """Return the key and the record of the provider's copy of a Location."""
    return provider.copies.find("locations", id, owner=Party.of("FR", "OTH"))


def alter(provider, id, **values):
    """Change the provider's copy of a Location behind everybody's back."""
    key, record = copy_of(provider, id)
    document = {**record.document, **values}
    provider.storage.save("locations", key, replace(type(record).of(document), last_updated=record.last_updated))


class TestTheirs:
    @EVERY_STORAGE
    @IN_EACH_VERSION
    def test_what_was_pushed_is_equal_in_each_version(self, operator, provider):
        for id in ("LOC1", "LOC2", "LOC3"):
            operator.push("locations", id)

        diff = operator.partners.diff("NL-ABC", "locations")

        assert (diff.direction, diff.same, diff.listed, diff.left, diff.notes) == ("theirs", 3, [], 0, [])
        assert diff.is_equal

    @IN_EACH_VERSION
    def test_missing_older_and_different_objects_are_named_with_their_properties(self, operator, provider):
        operator.push("locations", "LOC2")
        operator.push("locations", "LOC3")
        operator.patch("locations", "LOC2", changes={"name": "New", "last_updated": "2026-01-01T09:00:00Z"})
        alter(provider, "LOC3", city="Elsewhere")

        diff = operator.partners.diff("NL-ABC", "locations")

        assert states(diff) == {"LOC1": "MISSING", "LOC2": "OLDER", "LOC3": "DIFFERENT"}
        by_id = {each.ids[0]: {change.path for change in each.changes} for each in diff.listed}
        assert by_id["LOC2"] == {"/name", "/last_updated"}
        assert by_id["LOC3"] == {"/city"}
        [city] = next(each for each in diff.listed if each.ids == ("LOC3",)).changes
        assert (city.ours, city.theirs) == (location()["city"], "Elsewhere")

    def test_a_change_in_an_evse_has_the_path_of_the_evse(self, operator, provider):
        operator.push("locations", "LOC1")
        evses = copy_of(provider, "LOC1")[1].document["evses"]
        alter(provider, "LOC1", evses=[{**evses[1], "status": "BLOCKED"}, evses[0]])

        diff = operator.partners.diff("NL-ABC", "locations", "LOC1")

        assert changes(diff) == {"/evses/1/status": (evses[1]["status"], "BLOCKED")}

    @EVERY_STORAGE
    def test_what_differs_is_sent_through_the_outbox_to_this_partner_alone(self, operator, provider, ocpi_network):
        other = ocpi_network.add("third.example", [("DE", "EMS", ["EMSP"])], versions=(V2_2_1,))
        ocpi_network.connect(operator, other)
        operator.push("locations", "LOC1")
        other.copies.get("locations", "LOC1", owner=Party.of("FR", "OTH"))
        before = len(ocpi_network.requests)

        diff = operator.partners.diff("NL-ABC", "locations", repair=True)

        operator.outbox.flush()
        assert diff.repaired == 2
        assert operator.partners.diff("NL-ABC", "locations").is_equal
        sent = [request.url for request in ocpi_network.requests[before:] if request.method == "PUT"]
        assert [url.split("/")[2] for url in sent] == ["provider.example"] * 2

    def test_the_limit_says_how_many_were_not_compared(self, operator):
        diff = operator.partners.diff("NL-ABC", "locations", limit=1)

        assert (diff.compared, diff.left, diff.is_complete) == (1, 2, False)

    def test_a_partner_that_cannot_be_reached_ends_the_comparison(self, operator, ocpi_network):
        calls = []

        def refuse(request):
            calls.append(request)
            if len(calls) == 2:
                raise UnreachableError("The line is cut.")

        ocpi_network.before_send = refuse

        diff = operator.partners.diff("NL-ABC", "locations")

        assert (diff.error, diff.compared, diff.left, len(calls)) == ("The line is cut.", 1, 2, 2)
        assert not diff.is_equal

    def test_objects_for_others_are_not_asked_for(self, operator, ocpi_network):
        operator.save("locations", location(id="LOC2"), audience=(Party.of("DE", "XYZ"),))

        assert "LOC2" not in states(operator.partners.diff("NL-ABC", "locations"))

    def test_a_cdr_is_compared_at_the_url_that_the_partner_gave(self, operator, provider):
        cdr = documents.cdr(**OPERATOR)
        cdr["cdr_token"] = {**cdr["cdr_token"], "country_code": "NL", "party_id": "ABC"}
        operator.save("cdrs", cdr)

        before = operator.partners.diff("NL-ABC", "cdrs")
        operator.push("cdrs", cdr["id"])

        assert states(before) == {cdr["id"]: "UNKNOWN"}
        assert "gave no URL for the CDR" in before.listed[0].reason
        assert operator.partners.diff("NL-ABC", "cdrs").is_equal

    def test_quirks_of_the_partner_are_no_difference(self, operator, provider):
        operator.partners.set_quirks("NL-ABC", {"always-incl-vat": True})
        operator.save("tariffs", documents.tariff(**OPERATOR))
        operator.push("tariffs", documents.tariff()["id"])

        assert operator.partners.diff("NL-ABC", "tariffs").is_equal

    @IN_EACH_VERSION
    @pytest.mark.parametrize(
        ("module", "document"),
        [
            ("locations", FULL_LOCATION),
            ("tariffs", {**documents.full_tariff(), **OPERATOR}),
            ("sessions", {**documents.full_session(), **OPERATOR}),
            ("cdrs", FULL_CDR),
        ],
        ids=["locations", "tariffs", "sessions", "cdrs"],
    )
    def test_what_a_version_cannot_say_is_no_difference(self, operator, provider, module, document):
        if "cdr_token" in document:
            document = {**document, "cdr_token": {**document["cdr_token"], "country_code": "NL", "party_id": "ABC"}}
        operator.save("locations", FULL_LOCATION)  # the Session is at its EVSE
        operator.save(module, document)
        pushed = operator.push(module, document["id"])

        diff = operator.partners.diff("NL-ABC", module, document["id"])

        assert [each.error for each in pushed] == [None]
        assert ([(each.state, each.changes, each.reason) for each in diff.listed], diff.same) == ([], 1)

    @pytest.mark.parametrize("version", [V2_1_1])
    def test_an_object_that_a_version_cannot_say_is_not_missing(self, operator):
        operator.save("locations", location(id="LOC1", publish=False))

        diff = operator.partners.diff("NL-ABC", "locations", "LOC1")

        assert (diff.listed, diff.notes) == ([], ["Not sent, because OCPI 2.1.1 cannot say it: 1 of the objects."])

    def test_what_2_3_0_adds_is_not_missed_in_2_2_1(self, operator, provider):
        operator.save("locations", {**location(id="LOC1"), "help_phone": "+31201234567"}, version="2.3.0")
        operator.push("locations", "LOC1")

        assert operator.partners.diff("NL-ABC", "locations", "LOC1").is_equal

    @IN_EACH_VERSION
    def test_tokens_of_a_provider_are_compared_at_the_operator(self, operator, provider):
        own = {"country_code": "NL", "party_id": "ABC"}
        for uid in ("T1", "T2"):
            provider.save("tokens", {**documents.full_token(), **own, "uid": uid})
        provider.push("tokens", "T1", documents.full_token()["type"])

        assert states(provider.partners.diff("FR-OTH", "tokens")) == {"T2": "MISSING"}

    def test_an_unknown_object_module_or_direction_is_an_error(self, operator):
        with pytest.raises(InvalidParametersError, match="LOC9"):
            operator.partners.diff("NL-ABC", "locations", "LOC9")
        with pytest.raises(InvalidParametersError, match="parkings"):
            operator.partners.diff("NL-ABC", "parkings")
        with pytest.raises(InvalidParametersError, match="theirs or copies"):
            operator.partners.diff("NL-ABC", "locations", direction="both")
        with pytest.raises(MissingEndpointError):
            operator.partners.diff("NL-ABC", "locations", direction="copies")


class TestCopies:
    @EVERY_STORAGE
    @IN_EACH_VERSION
    def test_what_was_pulled_is_equal_in_each_version(self, operator, provider):
        provider.pull("locations", "FR-OTH")

        diff = provider.partners.diff("FR-OTH", "locations")

        assert (diff.direction, diff.same, diff.listed, diff.left, diff.notes) == ("copies", 3, [], 0, [])

    @EVERY_STORAGE
    def test_missing_older_different_and_extra_copies_are_named(self, operator, provider):
        provider.pull("locations", "FR-OTH")
        operator.patch("locations", "LOC1", changes={"name": "New", "last_updated": "2026-01-01T09:00:00Z"})
        alter(provider, "LOC2", city="Elsewhere")
        provider.storage.delete("locations", copy_of(provider, "LOC3")[0])
        key, record = copy_of(provider, "LOC1")
        extra = Key(key.country_code, key.party_id, "LOC9", key.receiver)
        provider.storage.save("locations", extra, type(record).of({**record.document, "id": "loc9"}))

        diff = provider.partners.diff("FR-OTH", "locations")

        assert states(diff) == {"LOC1": "OLDER", "LOC2": "DIFFERENT", "LOC3": "MISSING", "loc9": "EXTRA"}
        [city] = next(each for each in diff.listed if each.ids == ("LOC2",)).changes
        assert (city.path, city.ours, city.theirs) == ("/city", "Elsewhere", location()["city"])

    @EVERY_STORAGE
    @IN_EACH_VERSION
    def test_what_differs_is_stored_as_it_is_in_the_list(self, operator, provider):
        provider.pull("locations", "FR-OTH")
        alter(provider, "LOC2", city="Elsewhere")
        provider.storage.delete("locations", copy_of(provider, "LOC3")[0])

        diff = provider.partners.diff("FR-OTH", "locations", repair=True)

        assert (diff.repaired, sorted(states(diff))) == (2, ["LOC2", "LOC3"])
        assert provider.partners.diff("FR-OTH", "locations").is_equal

    def test_one_copy_is_compared_with_the_object_that_the_partner_answers(self, operator, provider, ocpi_network):
        provider.pull("locations", "FR-OTH")
        alter(provider, "LOC2", city="Elsewhere")
        before = len(ocpi_network.requests)

        diff = provider.partners.diff("FR-OTH", "locations", "LOC2", repair=True)

        assert list(changes(diff)) == ["/city"]
        assert len(ocpi_network.requests) == before + 1
        assert copy_of(provider, "LOC2")[1].document["city"] == location()["city"]

    def test_the_limit_leaves_the_rest_of_the_list_and_looks_for_no_extra(self, operator, provider):
        provider.pull("locations", "FR-OTH")

        diff = provider.partners.diff("FR-OTH", "locations", limit=2)

        assert (diff.compared, diff.left, diff.is_complete) == (2, 1, False)
        assert diff.notes == ["Only the first 2 objects of the list were compared."]

    def test_a_list_that_cannot_be_read_ends_the_comparison(self, operator, provider, ocpi_network):
        def refuse(request):
            raise UnreachableError("The line is cut.")

        ocpi_network.before_send = refuse

        diff = provider.partners.diff("FR-OTH", "locations")

        assert (diff.error, diff.left) == ("The line is cut.", None)

    def test_an_object_of_another_party_is_ignored(self, operator, provider, ocpi_network):
        provider.pull("locations", "FR-OTH")
        ocpi_network.after_send = lambda request, response: replace(
            response, body=response.body.replace(b'"party_id":"OTH","id":"LOC2"', b'"party_id":"XXX","id":"LOC2"')
        )

        diff = provider.partners.diff("FR-OTH", "locations")

        assert (diff.same, states(diff)) == (2, {"LOC2": "EXTRA"})
        assert diff.notes == ["1 objects of other parties in its list were ignored."]


def test_what_a_hub_told_of_a_party_is_compared_at_the_partner(ocpi_network):
    hub = ocpi_network.add("hub.example", [("NL", "HUB", ["HUB"])])
    provider = ocpi_network.add("provider.example", [("DE", "EMS", ["EMSP"])])
    ocpi_network.connect(provider, hub)
    info = documents.client_info(country_code="FR", party_id="OTH", role="CPO")
    hub.save("hubclientinfo", info)

    before = hub.partners.diff("DE-EMS", "hubclientinfo")
    hub.push("hubclientinfo", "CPO", party=Party.of("FR", "OTH"))

    assert [(each.state.value, str(each.owner)) for each in before.listed] == [("MISSING", "FR-OTH")]
    assert hub.partners.diff("DE-EMS", "hubclientinfo").is_equal


class TestComparing:
    @pytest.mark.parametrize(
        ("ours", "theirs", "paths"),
        [
            ({"name": "A"}, {"name": "A"}, []),
            ({"name": "A"}, {"name": "B"}, ["/name"]),
            ({"name": None, "images": []}, {}, []),
            ({}, {"x/y~z": 1}, ["/x~1y~0z"]),
            ({"facilities": ["HOTEL", "BIKE"]}, {"facilities": ["BIKE", "HOTEL"]}, []),
            ({"facilities": ["HOTEL", "HOTEL"]}, {"facilities": ["HOTEL"]}, ["/facilities"]),
            ({"coordinates": {"latitude": "1"}}, {"coordinates": {"latitude": "2"}}, ["/coordinates/latitude"]),
            ({"directions": [{"text": "a"}]}, {"directions": [{"text": "b"}]}, ["/directions/0/text"]),
            ({"directions": [{"text": "a"}]}, {"directions": []}, ["/directions"]),
            ({"last_updated": "2026-01-01T08:00:00.5Z"}, {"last_updated": "2026-01-01T08:00:00Z"}, []),
            ({"last_updated": "2026-01-01T08:00:00.5Z"}, {"last_updated": "2026-01-01T08:00:00.6Z"}, ["/last_updated"]),
            ({"last_updated": "2026-01-01T08:00:00Z"}, {"last_updated": "2026-01-01T08:00:01Z"}, ["/last_updated"]),
            ({"evses": [{"uid": "A"}, {"uid": "B"}]}, {"evses": [{"uid": "b"}]}, ["/evses/0"]),
            (
                {"evses": [{"uid": "A", "connectors": [{"id": "1", "amperage": 16}]}]},
                {"evses": [{"uid": "Z"}, {"uid": "A", "connectors": [{"id": "1", "amperage": 32}]}]},
                ["/evses/0/connectors/0/amperage", "/evses/0"],
            ),
        ],
    )
    def test_properties_are_compared_by_their_meaning(self, ours, theirs, paths):
        assert [change.path for change in differences(LOCATION, ours, theirs)] == paths
