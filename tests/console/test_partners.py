"""Partners in the console: cards, invitations, registrations, grants and quirks."""

from __future__ import annotations

import re

import pytest

from flask_ocpi.contrib.console import Console
from tests.console.pages import Visitor
from tests.console.platform import visitor_of

PARTNER = "script-document-title-run-script-amp-7-7"


def test_every_partner_has_a_card_also_one_that_left(visit):
    page = visit("read").text()

    assert page.count('<li class="card">') == 2
    assert "UNREGISTERED" in page
    assert "DE-EMS EMSP" in page


def test_an_invitation_shows_url_and_token_this_once(visit, own):
    admin = visit("admin")

    page = admin.send("", "/partners/invite", name="Nova", roles="EMSP").get_data(as_text=True)

    [token] = re.findall(r"<code><bdi>([\w-]{43})</bdi></code>", page)
    assert "https://cpo.example/ocpi/versions" in page
    assert own.partners.find("nova").granted_roles == ("EMSP",)
    assert token not in admin.text("/partner?id=nova")
    assert [(a.who, a.what, a.object, a.outcome) for a in own.actions.list()] == [
        ("ann", "invited a partner", "Nova", "done")
    ]
    assert token not in str(own.actions.list())


def test_an_invitation_that_is_refused_says_why(visit, own):
    response = visit("admin").send("", "/partners/invite", name="Nova", roles="KING")

    assert response.status_code == 400
    assert "KING" in response.get_data(as_text=True)
    assert [action.is_done for action in own.actions.list()] == [False]


def test_a_registration_uses_the_url_and_token_of_the_partner(visit, own, network):
    other = network.add("other.example", [("FR", "OTH", ["EMSP"])])
    _, token = other.partners.invite(name="Abc")

    page = visit("admin").send("", "/partners/register", url=other.versions_url, token=token, name="Other")

    assert own.partners.find("FR-OTH").is_registered
    assert "registered with a partner" in page.get_data(as_text=True)
    assert token not in str(own.actions.list())


def test_a_registration_that_fails_says_why(visit, own):
    page = visit("admin").send("", "/partners/register", url="https://gone.example/v", token="x" * 20)

    assert "There is no platform at gone.example" in page.get_data(as_text=True)
    assert [action.is_done for action in own.actions.list()] == [False]


@pytest.mark.parametrize("url", ["https://ann:a-password@gone.example/v", "https://gone.example/v?token=a-password"])
def test_what_is_noted_of_a_registration_has_no_password_of_its_url(visit, own, url):
    visit("admin").send("", "/partners/register", url=url, token="x" * 20)

    noted = own.actions.list()[0].object
    assert noted.endswith("gone.example/v")
    assert "a-password" not in noted


def test_a_registration_is_renewed_and_ended(visit, own):
    admin, before = visit("admin"), own.partners.find(PARTNER).token

    admin.send(f"/partner?id={PARTNER}", "/partner/rotate")
    renewed = own.partners.find(PARTNER)
    page = admin.send(f"/partner?id={PARTNER}", "/partner/unregister").get_data(as_text=True)

    assert renewed.token != before
    assert own.partners.find(PARTNER).state == "UNREGISTERED"
    assert "ended the registration" in page
    assert [action.partner for action in own.actions.list()] == [PARTNER, PARTNER]


def test_pending_roles_are_approved_or_rejected(visit, own, network):
    other = network.add("other.example", [("FR", "OTH", ["EMSP", "CPO"])])
    _, token = own.partners.invite(name="Other", roles=["EMSP"])
    other.partners.register(own.versions_url, token)

    page = visit("read").text("/partner?id=other")
    visit("admin").send("/partner?id=other", "/partner/reject")
    rejected = own.partners.find("other")

    assert "Roles that wait for an answer" in page
    assert (len(rejected.roles), rejected.requested) == (1, ())


def test_a_quirk_is_set_and_unset(visit, own):
    admin = visit("admin")

    page = admin.send(f"/partner?id={PARTNER}", "/partner/quirk", name="no-patch", value="on").get_data(as_text=True)
    were = own.partners.quirks(PARTNER)
    admin.send(f"/partner?id={PARTNER}", "/partner/quirk", name="no-patch", value="")

    assert were == {"no-patch": True}
    assert "no-patch" in page
    assert own.partners.quirks(PARTNER) == {}


def test_a_value_that_a_quirk_does_not_take_is_explained(visit, own):
    page = visit("admin").send(f"/partner?id={PARTNER}", "/partner/quirk", name="no-patch", value="maybe")

    assert "is on or off" in page.get_data(as_text=True)
    assert own.partners.quirks(PARTNER) == {}


def test_an_unknown_partner_is_not_found(visit):
    assert visit("read").get("/partner?id=nobody").status_code == 404


def test_actions_are_listed_latest_first_page_by_page(visit, own):
    for number in range(60):
        own.actions.run("ann", f"action {number}.", lambda: None)

    first, second = visit("read").text("/actions"), visit("read").text("/actions?offset=50")

    assert "action 59." in first
    assert "action 9." not in first
    assert "action 9." in second
    assert 'rel="next"' in first
    assert 'rel="prev"' in second


def test_a_partner_is_probed_and_the_results_are_shown(visit, own):
    page = visit("operate").send(f"/partner?id={PARTNER}", "/partner/probe").get_data(as_text=True)

    assert "requests." in page
    assert "versions.url" in page
    assert [(action.what, action.outcome) for action in own.actions.list()] == [("probed a partner", "done")]


def test_a_card_says_what_is_wrong_and_what_was_heard(visit, filled):
    page = visit("read").text()

    assert "It refused changes that we sent: 1." in page
    assert "Last from it" in page


def test_a_partner_of_2_1_1_is_invited_for_one_of_our_roles(network):
    both = network.add("both.example", [("NL", "TWO", ["CPO", "EMSP"])], config={"OCPI_VERSIONS": ["2.1.1", "2.2.1"]})
    Console(both.app, authorize=visitor_of)
    admin = Visitor(both.app.test_client(), "admin")

    unsaid = admin.send("", "/partners/invite", name="Old", version="2.1.1")
    said = admin.send("", "/partners/invite", name="Old", version="2.1.1", own_role="CPO")

    assert (unsaid.status_code, said.status_code) == (400, 200)
    assert [partner.own_role for partner in both.partners.list()] == ["CPO"]


def test_a_partner_is_suspended_with_a_reason_and_resumed(visit, own):
    admin = visit("admin")

    suspended = admin.send(f"/partner?id={PARTNER}", "/partner/suspend", reason="wrong prices").get_data(as_text=True)
    reasons = own.partners.find(PARTNER).suspension
    resumed = admin.send(f"/partner?id={PARTNER}", "/partner/resume").get_data(as_text=True)

    assert reasons == "wrong prices"
    assert "(wrong prices): no messages are exchanged with it." in suspended
    assert "Resume it" in suspended
    assert "Suspend it" in resumed
    assert not own.partners.find(PARTNER).is_suspended
    assert [(a.who, a.what, a.partner, a.object) for a in own.actions.list()] == [
        ("ann", "resumed the exchange with a partner", PARTNER, ""),
        ("ann", "suspended a partner", PARTNER, "wrong prices"),
    ]


def test_only_administrators_suspend_a_partner(visit, own):
    assert "Suspend it" not in visit("operate").text(f"/partner?id={PARTNER}")
    assert visit("operate").post("/partner/suspend", {"id": PARTNER}).status_code == 403
    assert not own.partners.find(PARTNER).is_suspended
