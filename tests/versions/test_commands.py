"""Commands between versions: asked, answered and finished in the shape of the one that they were made in."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.testing import documents
from flask_ocpi.versions.v2_2_1 import VERSION as V2_2_1
from tests.conftest import EVERY_STORAGE
from tests.versions.nine import V9_9

BOTH = (V2_2_1, V9_9)
TEXT = [{"language": "en", "text": "Go."}]
RESULT = {"result": "ACCEPTED", "message": TEXT}


class Asked:
    """A CPO and an eMSP, of these versions each; what the CPO was asked, and how it may answer."""

    def __init__(self, network, cpo, ems, *, storage=None, storage_of=""):
        kept = {storage_of: storage}
        self.network = network
        self.cpo = network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=cpo, storage=kept.get("cpo"))
        self.ems = network.add("ems.example", [("DE", "EMS", ["EMSP"])], versions=ems, storage=kept.get("ems"))
        network.connect(self.ems, self.cpo)
        self.cpo.save("locations", documents.location(evses=[documents.evse()]))
        self.command = {"token": documents.token(), "location_id": "LOC1", "evse_uid": "EVSE1"}
        self.requests = []
        self.replies = []
        network.requests.clear()

    def ask(self):
        with self.ems.client("NL-ABC") as client:
            return client.commands.start_session(self.command)

    def sent(self, host):
        found = [request for request in self.network.requests if request.url.startswith(f"https://{host}/")]
        return [(request.url, orjson.loads(request.body or b"null")) for request in found if request.method == "POST"]


def accepting(asked, result=None):
    @asked.cpo.command("START_SESSION")
    def start(request, reply):
        asked.requests.append(request)
        asked.replies.append(reply)
        return reply.accept(lambda: result) if result else {"result": "ACCEPTED", "timeout": 60}


@EVERY_STORAGE
@pytest.mark.parametrize("side", ["cpo", "ems"])
def test_command_and_its_result_are_in_the_shape_of_the_version(ocpi_network, ocpi_storage, side):
    versions = {"cpo": (V9_9,), "ems": (V9_9,), side: BOTH}
    asked = Asked(ocpi_network, versions["cpo"], versions["ems"], storage=ocpi_storage, storage_of=side)
    accepting(asked, RESULT)

    call = asked.ask()

    ((url, command),) = asked.sent("cpo.example")
    assert url == "https://cpo.example/ocpi/9.9/receiver/commands/START_SESSION"
    assert (command["place"], command["token"]["contract"]) == ("LOC1", documents.token()["contract_id"])
    assert command["response_url"].startswith("https://ems.example/ocpi/9.9/sender/commands/START_SESSION/")
    assert asked.requests == [asked.command]
    ((_, result),) = asked.sent("ems.example")
    assert result == {"result": "ACCEPTED", "texts": TEXT}
    kept = asked.ems.call(call.id)
    assert (kept.version, kept.result) == ("9.9", RESULT)
    assert kept.request == asked.command


def test_response_without_a_timeout_is_given_that_of_the_settings(ocpi_network, ocpi_storage):
    asked = Asked(ocpi_network, (V9_9,), BOTH, storage=ocpi_storage, storage_of="ems")
    accepting(asked)

    call = asked.ask()

    assert call.is_accepted
    assert call.response == {"result": "ACCEPTED", "timeout": asked.ems.services.settings.command_timeout}


@EVERY_STORAGE
def test_result_comes_in_the_version_of_its_command_also_when_another_is_spoken_by_then(ocpi_network, ocpi_storage):
    asked = Asked(ocpi_network, BOTH, (V2_2_1,), storage=ocpi_storage, storage_of="cpo")
    accepting(asked)
    asked.ask()
    newer = ocpi_network.add(
        "ems.example", [("DE", "EMS", ["EMSP"])], versions=BOTH, storage=asked.ems.services.storage
    )
    newer.partners.rotate("NL-ABC", version="9.9")
    assert asked.cpo.partners.find("DE-EMS").version == "9.9"
    ocpi_network.requests.clear()

    asked.replies[0].finish(RESULT)

    ((url, result),) = asked.sent("ems.example")
    assert url.startswith("https://ems.example/ocpi/2.2.1/sender/commands/START_SESSION/")
    assert result == RESULT


def test_request_of_a_version_that_is_not_served_any_more_has_no_result(ocpi_network, ocpi_storage, caplog):
    asked = Asked(ocpi_network, BOTH, (V9_9,), storage=ocpi_storage, storage_of="cpo")
    accepting(asked)
    asked.ask()
    older = ocpi_network.add("cpo.example", [("NL", "ABC", ["CPO"])], versions=(V2_2_1,), storage=ocpi_storage)

    with pytest.raises(Exception, match="is not served"):
        older.finish(asked.replies[0].id, "ACCEPTED")


def test_refused_command_has_its_data_in_the_shape_of_the_version(ocpi_network):
    asked = Asked(ocpi_network, (V9_9,), BOTH)
    accepting(asked)
    asked.command["location_id"] = "NONE"

    with pytest.raises(Exception, match="NONE") as caught:
        asked.ask()

    assert caught.value.data == {"result": "REJECTED"}


def test_charging_profile_and_its_result(ocpi_network):
    asked = Asked(ocpi_network, (V9_9,), BOTH)
    asked.cpo.save("sessions", documents.session())
    profile = documents.set_charging_profile()["charging_profile"]

    @asked.cpo.charging_profile("PUT")
    def limit(request, reply):
        asked.requests.append(request)
        return reply.accept(lambda: "ACCEPTED")

    with asked.ems.client("NL-ABC") as client:
        call = client.chargingprofiles.set("SES1", profile)

    assert asked.requests == [{"session_id": "SES1", "charging_profile": profile}]
    assert asked.ems.call(call.id).result == {"result": "ACCEPTED"}
