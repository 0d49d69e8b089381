"""flask ocpi partners: what partners ask for, and what the operator makes of it."""

from __future__ import annotations

import json

import pytest

from flask_ocpi.storage.base import Party
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.peers import Peer

HUB = {"role": "HUB", "business_details": {"name": "Peer"}, "country_code": "DE", "party_id": "PEE"}


@pytest.fixture
def peer(ocpi, ocpi_app, ocpi_network):
    """A partner, DE-PEE, that asks to be a hub."""
    peer = Peer(ocpi_network)
    _, token_a = ocpi.partners.invite(name="Peer")
    token = peer.post(ocpi_app, token_a).data["token"]
    peer.token_c = peer.put(ocpi_app, token, roles=[HUB]).data["token"]
    return peer


def test_what_is_granted_is_said_with_the_invitation(run, ocpi, ocpi_app, ocpi_network):
    result = run(ocpi, "invite", "--name", "Peer", "--roles", "cpo, EMSP", "--parties", "NL-DEF,de-pee", "--json")

    peer = Peer(ocpi_network, parties=[("DE", "PEE", ["EMSP"]), ("DE", "TWO", ["EMSP"])])
    peer.post(ocpi_app, json.loads(result.stdout)["token"])
    platform = ocpi.partners.get("peer")
    assert (platform.granted_roles, platform.granted_parties) == (("CPO", "EMSP"), ("NL-DEF", "DE-PEE"))
    assert platform.parties == (Party.of("DE", "PEE"),)
    assert "It waits for EMSP DE-TWO" in run(ocpi, "partners", "show", "peer").stdout


def test_what_is_granted_is_said_with_a_registration(run, ocpi, ocpi_network):
    peer = Peer(ocpi_network, parties=[("DE", "PEE", ["HUB"])])

    result = run(ocpi, "register", peer.url, "token-a", "--roles", "HUB", "--parties", "DE-PEE")

    assert result.exit_code == 0
    assert ocpi.partners.get("peer-example").is_hub


@pytest.mark.parametrize(
    "command", [["invite"], ["register", "https://x.example/", "token"]], ids=["invite", "register"]
)
@pytest.mark.parametrize(
    ("option", "named"), [(["--roles", "CPO,MSP"], "'MSP' is not a role"), (["--parties", "NL-ABCD"], "is not a party")]
)
def test_what_nobody_can_be_granted_is_refused(run, ocpi, command, option, named):
    result = run(ocpi, *command, *option)

    assert result.exit_code == 2
    assert named in result.stderr
    assert ocpi.partners.list() == []


def test_requests_show_what_partners_ask_for_and_who_has_it(run, ocpi, ocpi_app, peer):
    add_partner(ocpi_app, [("DE", "EMS", ["EMSP"])])
    taken = {**HUB, "role": "EMSP", "party_id": "EMS"}
    own = {**HUB, "role": "EMSP"}
    peer.put(ocpi_app, peer.token_c, roles=[own, {**own, "role": "CPO"}, taken])

    shown, one, as_json = (run(ocpi, "partners", "requests", *more) for more in ([], ["peer"], ["--json"]))

    lines = [line.split() for line in shown.stdout.splitlines()]
    assert lines == [
        ["ID", "NAME", "ROLE", "PARTY", "HELD", "BY"],
        ["peer", "Peer", "CPO", "DE-PEE", "-"],
        ["peer", "Peer", "EMSP", "DE-EMS", "partner"],
    ]
    assert one.stdout == shown.stdout
    assert [(item["role"]["role"], item["held_by"]) for item in json.loads(as_json.stdout)] == [
        ("CPO", []),
        ("EMSP", ["partner"]),
    ]


def test_no_requests_are_said_to_be_none(run, ocpi):
    assert run(ocpi, "partners", "requests").stdout == "No partner asks for anything.\n"


def test_approved_is_what_the_operator_names(run, ocpi, peer):
    result = run(ocpi, "partners", "approve", "peer", "--roles", "HUB", "--parties", "DE-PEE")

    assert result.stdout == "Granted: HUB DE-PEE of platform peer.\n"
    assert ocpi.partners.get("peer").is_hub
    assert run(ocpi, "partners", "approve", "peer").exit_code == 1


def test_rejected_is_forgotten(run, ocpi, peer):
    result = run(ocpi, "partners", "reject", "peer", "--json")

    assert [role["role"] for role in json.loads(result.stdout)["roles"]] == ["HUB"]
    platform = ocpi.partners.get("peer")
    assert (platform.is_hub, platform.requested) == (False, ())


def test_a_party_is_moved_only_where_that_is_said(run, ocpi, ocpi_app, peer):
    other = add_partner(ocpi_app, [("DE", "EMS", ["EMSP"])], name="Other").platform
    own = {**HUB, "role": "EMSP"}
    peer.put(ocpi_app, peer.token_c, roles=[own, {**own, "party_id": "EMS"}])

    refused, moved = (run(ocpi, "partners", "approve", "peer", *more) for more in ([], ["--move"]))

    assert refused.exit_code == 1
    assert "DE-EMS is registered by platform other" in refused.stderr
    assert moved.exit_code == 0
    assert ocpi.partners.get(other.id).roles == ()


def test_how_often_a_partner_gets_what_is_for_everybody(run, ocpi, peer):
    chosen = []
    for which in ("first", "each", "default"):
        assert run(ocpi, "partners", "push", "peer", which).exit_code == 0
        chosen.append(ocpi.partners.get("peer").push_parties)

    assert chosen == ["first", "each", None]


def test_the_operator_has_a_hub_stand_for_a_party(run, ocpi, ocpi_app, peer):
    hub = add_partner(ocpi_app, [("NL", "HUB", ["HUB"])], name="Hub")

    refused = run(ocpi, "partners", "behind", "peer", "AT-FAR")
    result = run(ocpi, "partners", "behind", "hub", "AT-FAR")

    assert (refused.exit_code, result.stdout) == (1, "hub stands for AT-FAR.\n")
    assert ocpi.services.platforms.speaks_for(hub.platform, Party.of("AT", "FAR"))


def test_a_platform_without_roles_is_shown(run, ocpi, ocpi_app, ocpi_network):
    peer = Peer(ocpi_network, parties=[("DE", "PEE", ["HUB"])])
    _, token_a = ocpi.partners.invite(name="Peer")
    answered = peer.post(ocpi_app, token_a)

    shown = run(ocpi, "partners", "show", "peer").stdout

    assert PartnerClient(ocpi_app, answered.data["token"]).get("/ocpi/versions").http_status == 200
    assert "It waits for HUB DE-PEE" in shown
    assert "It speaks for nobody yet" in shown


def test_of_very_many_parties_the_first_are_shown(run, ocpi, ocpi_app):
    add_partner(ocpi_app, [("DE", f"A{number:02}", ["EMSP"]) for number in range(30)])

    assert "DE-A19 (EMSP), 10 more" in run(ocpi, "partners").stdout
