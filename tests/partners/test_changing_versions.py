"""A partner comes to speak another version: it speaks one at a time, and nothing between the two platforms is lost."""

from __future__ import annotations

import pytest

from flask_ocpi.errors import UnreachableError
from flask_ocpi.testing import documents
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.conftest import EVERY_STORAGE
from tests.versions.nine import V9_9

BOTH = (V2_2_1, V9_9)
RECEIVER = "/ocpi/2.2.1/receiver"
SENDER = "/ocpi/2.2.1/sender"


class Pair:
    """An operator with both versions and a provider that knew 2.2.1 only, and is restarted with both."""

    def __init__(self, network, storage):
        self.network = network
        self.cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], storage=storage, versions=BOTH)
        old = network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=(V2_2_1,))
        network.connect(old, self.cpo)
        self.ems = network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=BOTH, storage=old.storage)

    @property
    def here(self):
        return self.cpo.partners.find("DE-EMS")

    @property
    def there(self):
        return self.ems.partners.find("NL-ABC")

    def calls(self, token=None):
        """Return a client that calls the operator with a token, by default that of the provider now."""
        sent = token or self.ems.services.platforms.cipher.decrypt(self.there.token)
        return PartnerClient(self.network.apps["cpo.example"], sent)


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def pair(ocpi_network, ocpi_storage):
    return Pair(ocpi_network, ocpi_storage)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_functional_modules_of_another_version_are_closed(ocpi_network, method):
    cpo = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    app = ocpi_network.apps["cpo.example"]
    old, new = (
        add_partner(app, [("DE", party, ["EMSP"])], name=party, version=number)
        for party, number in [("OLD", "2.2.1"), ("NEW", "9.9")]
    )
    path = "sender/locations" if method == "GET" else "receiver/tokens/DE/OLD/T1"

    refused = old.open(method, f"/ocpi/9.9/{path}", json=None if method == "GET" else documents.token())

    assert (refused.http_status, refused.status_code) == (403, 2000)
    assert "registered with OCPI 2.2.1 here, and this is OCPI 9.9" in refused.message
    assert new.get("/ocpi/9.9/sender/locations").status_code == 1000
    assert new.get("/ocpi/2.2.1/sender/locations").http_status == 403
    assert list(cpo.objects.documents("tokens", copies=True)) == []


def test_versions_and_credentials_of_each_version_are_open_to_a_partner(ocpi_network):
    ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=BOTH)
    old = add_partner(ocpi_network.apps["cpo.example"], [("DE", "OLD", ["EMSP"])])

    answers = [
        old.get(f"/ocpi/{path}") for path in ("versions", "2.2.1", "9.9", "2.2.1/credentials", "9.9/credentials")
    ]

    assert [answer.status_code for answer in answers] == [1000] * 5


@EVERY_STORAGE
def test_a_change_ends_the_version_before(pair):
    before = pair.calls()

    pair.ems.partners.rotate(pair.there, version="9.9")

    assert (pair.here.version, pair.there.version) == ("9.9", "9.9")
    assert before.get(f"{SENDER}/locations").http_status == 401
    assert pair.calls().get(f"{SENDER}/locations").http_status == 403
    assert pair.calls().get("/ocpi/9.9/sender/locations").status_code == 1000


@EVERY_STORAGE
def test_who_missed_the_answer_goes_on_in_the_version_before(pair):
    before = pair.calls()

    def lose(request, response):
        if request.method == "PUT":
            raise UnreachableError("The line is down.")
        return response

    pair.network.after_send = lose
    with pytest.raises(UnreachableError):
        pair.ems.partners.rotate(pair.there, version="9.9")
    pair.network.after_send = lambda request, response: response

    assert (pair.here.version, pair.there.version) == ("9.9", "2.2.1")
    assert before.get(f"{SENDER}/locations").status_code == 1000
    assert before.get("/ocpi/9.9/sender/locations").http_status == 403
    pair.cpo.save("locations", documents.location())
    pair.cpo.outbox.flush()
    (copy,) = pair.ems.objects.documents("locations", copies=True)  # pushed in the new version, with its new token
    assert copy["id"] == "LOC1"
    pair.ems.partners.rotate(pair.there, version="9.9")
    assert (pair.here.version, pair.there.version) == ("9.9", "9.9")
    assert before.get(f"{SENDER}/locations").http_status == 401


def test_a_refused_change_changes_nothing(pair):
    before, here, there = pair.calls(), pair.here, pair.there

    def cut(request):
        if request.url.startswith("https://ems.example/"):
            raise UnreachableError("The line is down.")

    pair.network.before_send = cut
    with pytest.raises(Exception, match="could not be used"):
        pair.ems.partners.rotate(pair.there, version="9.9")

    assert (pair.here, pair.there.version, pair.there.token) == (here, there.version, there.token)
    assert before.get(f"{SENDER}/locations").status_code == 1000
