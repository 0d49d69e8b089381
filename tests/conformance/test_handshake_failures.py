"""A handshake that breaks off at any step leaves both sides as they were, and can be repeated."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from flask_ocpi.client.transport import Request
from flask_ocpi.client.transport import Response
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import UnreachableError
from flask_ocpi.extension import OCPI
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.testing.network import Network
from tests.conformance.sharing import SharedNetwork
from tests.conformance.sharing import shared_network
from tests.peers import dump

pytestmark = pytest.mark.conformance("CRED-12", "CRED-31")

STEPS = {
    1: "GET versions",
    2: "GET details",
    3: "send credentials",
    4: "called back for versions",
    5: "called back for details",
}
CUTS = [(step, moment) for step in STEPS for moment in ("before", "after")]
CUT_IDS = [f"{STEPS[step]}-{moment}" for step, moment in CUTS]
EVERY_CUT = pytest.mark.parametrize(("step", "moment"), CUTS, ids=CUT_IDS)
FROM_BOTH_SIDES = pytest.mark.parametrize("initiator", ["client", "server"])


@pytest.fixture
def ocpi_network() -> SharedNetwork:
    return shared_network()


class Line:
    """Cuts the line at the n-th request from now on, before it arrives or before its answer does."""

    def __init__(self, network: Network, step: int, moment: str) -> None:
        self.network = network
        self.step = len(network.requests) + step
        self.moment = moment
        network.before_send = self.before
        network.after_send = self.after
        self._cut: Request | None = None

    def before(self, request: Request) -> None:
        if len(self.network.requests) == self.step:
            self._cut = request
            if self.moment == "before":
                raise UnreachableError("The line was cut.")

    def after(self, request: Request, response: Response) -> Response:
        if request is self._cut and self.moment == "after":
            raise UnreachableError("The line was cut.")
        return response

    def mend(self) -> None:
        self.network.before_send = lambda request: None
        self.network.after_send = lambda request, response: response


def calls_work(caller: OCPI, called: OCPI) -> bool:
    """Tell whether one platform can use the other one's locations."""
    (platform,) = [p for p in caller.partners.list() if p.versions_url == called.versions_url]
    return list(caller.client(platform).locations.list()) == []


def without_pending(dumped: dict[str, list[bytes]]) -> dict[str, Any]:
    """Leave out tokens that only wait for the end of a handshake, and where they are looked up."""
    platforms = [orjson.loads(text) for text in dumped["platforms"]]
    for platform in platforms:
        platform["issued"] = [token for token in platform["issued"] if token["use"] != "PENDING"]
    return {"platforms": platforms, "platform_parties": dumped["platform_parties"]}


@EVERY_CUT
def test_registration_cut_at_any_step(ocpi, ocpi_other, ocpi_network, step, moment):
    client, server = ocpi_other, ocpi
    _, token = server.partners.invite(name="Other")
    before = dump(client), dump(server)
    line = Line(ocpi_network, step, moment)

    with pytest.raises(RemoteError):
        client.partners.register(server.versions_url, token)

    line.mend()
    assert dump(client) == before[0]
    if (step, moment) != (3, "after"):  # there the server cannot know that its answer got lost
        assert dump(server) == before[1]
    client.partners.register(server.versions_url, token)
    assert calls_work(client, server)
    assert calls_work(server, client)


@EVERY_CUT
def test_registration_of_a_known_platform_cut_at_any_step(ocpi, ocpi_other, ocpi_network, step, moment):
    client, server = ocpi_other, ocpi
    there, here = ocpi_network.connect(client, server)
    client.partners.unregister(there)
    _, token = server.partners.invite(platform=here.id)
    before = dump(client), dump(server)
    line = Line(ocpi_network, step, moment)

    with pytest.raises(RemoteError):
        client.partners.register(server.versions_url, token)

    line.mend()
    assert dump(client) == before[0]
    if (step, moment) != (3, "after"):
        assert dump(server) == before[1]
    client.partners.register(server.versions_url, token)
    assert calls_work(client, server)
    assert calls_work(server, client)
    assert len(client.partners.list()) == len(server.partners.list()) == 1


@pytest.mark.parametrize("step", [6, 7], ids=["versions", "details"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_registration_stands_when_only_the_endpoints_are_not_fetched_again(
    ocpi, ocpi_other, ocpi_network, step, moment
):
    _, token = ocpi.partners.invite(name="Other")
    Line(ocpi_network, step, moment)

    platform = ocpi_other.partners.register(ocpi.versions_url, token, version="2.2.1")

    assert platform.state is PlatformState.REGISTERED
    assert platform.endpoint("credentials", None) == "https://platform.example/ocpi/2.2.1/credentials"


@FROM_BOTH_SIDES
@EVERY_CUT
def test_renewal_cut_at_any_step(ocpi, ocpi_other, ocpi_network, initiator, step, moment):
    there, here = ocpi_network.connect(ocpi_other, ocpi)
    client, server, platform = (ocpi_other, ocpi, there) if initiator == "client" else (ocpi, ocpi_other, here)
    before = dump(client), dump(server)
    line = Line(ocpi_network, step, moment)

    with pytest.raises(RemoteError):
        client.partners.rotate(platform)

    line.mend()
    if step == 3:  # the client cannot know whether its new token arrived, so it accepts that one too
        assert without_pending(dump(client)) == without_pending(before[0])
    else:
        assert dump(client) == before[0]
    if (step, moment) != (3, "after"):
        assert dump(server) == before[1]
    assert calls_work(client, server)
    assert calls_work(server, client)
    client.partners.rotate(platform)
    assert calls_work(client, server)
    assert calls_work(server, client)
    assert [token.use for token in client.partners.get(platform.id).issued] == ["ACTIVE"]


def test_renewal_can_be_repeated_by_the_other_side_after_a_lost_answer(ocpi, ocpi_other, ocpi_network):
    there, here = ocpi_network.connect(ocpi_other, ocpi)
    line = Line(ocpi_network, 3, "after")
    with pytest.raises(UnreachableError):
        ocpi_other.partners.rotate(there)
    line.mend()

    ocpi.partners.rotate(here)

    assert calls_work(ocpi, ocpi_other)
    assert calls_work(ocpi_other, ocpi)


@FROM_BOTH_SIDES
@pytest.mark.parametrize("moment", ["before", "after"])
def test_unregistration_cut(ocpi, ocpi_other, ocpi_network, initiator, moment):
    there, here = ocpi_network.connect(ocpi_other, ocpi)
    client, server, platform = (ocpi_other, ocpi, there) if initiator == "client" else (ocpi, ocpi_other, here)
    before = dump(client), dump(server)
    line = Line(ocpi_network, 1, moment)

    with pytest.raises(UnreachableError):
        client.partners.unregister(platform)

    line.mend()
    assert dump(client) == before[0]
    if moment == "before":
        assert dump(server) == before[1]
    assert client.partners.unregister(platform).state is PlatformState.UNREGISTERED
    assert [p.state for p in server.partners.list()] == [PlatformState.UNREGISTERED]


@pytest.mark.parametrize("http_status", [500, 502, 503])
def test_crash_while_renewing_keeps_the_new_token_usable(ocpi, ocpi_other, ocpi_network, http_status):
    there, _ = ocpi_network.connect(ocpi_other, ocpi)

    def crash(request: Request, response: Response) -> Response:
        if request.method == "PUT":
            return Response(http_status, {}, b"<html>Bad gateway</html>", request.url)
        return response

    ocpi_network.after_send = crash
    with pytest.raises(RefusedError):
        ocpi_other.partners.rotate(there)

    assert calls_work(ocpi, ocpi_other)
    assert calls_work(ocpi_other, ocpi)


def without_roles(request: Request, response: Response) -> Response:
    if request.method not in ("POST", "PUT"):
        return response
    return Response(200, {}, response.body.replace(b'"roles":[', b'"rules":['), request.url)


def test_registration_with_broken_credentials_in_the_answer_ends_on_both_sides(ocpi, ocpi_other, ocpi_network):
    invited, token = ocpi.partners.invite(name="Other")
    before = dump(ocpi_other)
    ocpi_network.after_send = without_roles

    with pytest.raises(RemoteError, match=r"broken credentials.*roles"):
        ocpi_other.partners.register(ocpi.versions_url, token)

    assert dump(ocpi_other) == before
    assert ocpi.partners.get(invited.id).state is PlatformState.UNREGISTERED
    ocpi_network.after_send = lambda request, response: response
    _, token = ocpi.partners.invite(platform=invited.id)
    ocpi_other.partners.register(ocpi.versions_url, token)
    assert calls_work(ocpi, ocpi_other)
    assert calls_work(ocpi_other, ocpi)


def test_renewal_with_broken_credentials_in_the_answer_takes_the_token(ocpi, ocpi_other, ocpi_network):
    there, _ = ocpi_network.connect(ocpi_other, ocpi)
    ocpi_network.after_send = without_roles

    renewed = ocpi_other.partners.rotate(there)

    assert renewed.token != there.token
    assert renewed.roles == there.roles
    assert calls_work(ocpi, ocpi_other)
    assert calls_work(ocpi_other, ocpi)


def test_renewals_from_both_sides_that_cross_leave_a_working_connection(ocpi, ocpi_other, ocpi_network):
    there, here = ocpi_network.connect(ocpi_other, ocpi)
    crossed = []

    def cross(request: Request) -> None:
        # The other side renews at the moment at which our own renewal is answered by a call back.
        if not crossed and urlsplit(request.url).netloc == "other.example":
            crossed.append(True)
            ocpi.partners.rotate(here)

    ocpi_network.before_send = cross
    with pytest.raises(RefusedError, match="Another handshake of this platform was faster"):
        ocpi_other.partners.rotate(there)

    assert calls_work(ocpi, ocpi_other)
    assert calls_work(ocpi_other, ocpi)


def test_renewal_by_the_other_side_while_our_answer_travels_leaves_a_working_connection(ocpi, ocpi_other, ocpi_network):
    there, here = ocpi_network.connect(ocpi_other, ocpi)

    def cross(request: Request, response: Response) -> Response:
        if request.method == "PUT" and "platform.example" in request.url:
            ocpi_network.after_send = lambda request, response: response
            ocpi.partners.rotate(here)
        return response

    ocpi_network.after_send = cross
    ocpi_other.partners.rotate(there)

    assert calls_work(ocpi, ocpi_other)
    assert calls_work(ocpi_other, ocpi)
