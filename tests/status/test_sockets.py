"""Two platforms on loopback sockets: fresh registrations raise no alarm, and diffs see through each version."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from flask_ocpi import Party
from flask_ocpi.testing import documents
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import V2_2_1
from flask_ocpi.versions import V2_3_0
from tests.e2e.processes import until
from tests.e2e.relaying import serving_platform

OPERATOR = {"country_code": "NL", "party_id": "CPO"}
PROVIDER = {"country_code": "DE", "party_id": "EMS"}
BOTH = {"country_code": "FR", "party_id": "MID"}
CPO, EMSP = (OPERATOR, ["CPO"]), (PROVIDER, ["EMSP"])
PAIRS = {
    "operator invites in 2.2.1": (V2_2_1, CPO, EMSP),
    "provider invites in 2.2.1": (V2_2_1, EMSP, CPO),
    "operator invites in 2.1.1": (V2_1_1, CPO, EMSP),
    "provider invites in 2.3.0": (V2_3_0, EMSP, CPO),
    "platform with both roles invites": (V2_2_1, (BOTH, ["CPO", "EMSP"]), CPO),
}


def made(stack, version, inviting, joining):
    """Serve two platforms and register the one with the other; return both with their apps."""
    inviter = serving_platform(stack, *inviting, (version,))
    joiner = serving_platform(stack, *joining, (version,))
    _, token = inviter[0].partners.invite(name="Partner")
    joiner[0].partners.register(inviter[0].versions_url, token)
    return inviter, joiner


def check(app):
    """Run `flask ocpi check` and return what it says about platforms: outcome and message."""
    output = app.test_cli_runner().invoke(args=["ocpi", "check", "--json"]).stdout
    found = json.loads(output)["checks"]
    return [(each["outcome"], each["message"]) for each in found if each["check"].startswith("platform ")]


@pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))
def test_a_fresh_registration_raises_no_alarm(pair):
    with ExitStack() as stack:
        (inviter, app), (joiner, other_app) = made(stack, *pair)

        at_once = [check(app), check(other_app)]
        until(lambda: not inviter.services.platforms.partners().awaiting_endpoints, "The endpoints were not fetched.")
        later = [check(app), check(other_app)]

        for found in (*at_once, *later):
            assert [outcome for outcome, _ in found] == ["OK"], found
        for ocpi in (inviter, joiner):
            [card] = ocpi.partners.status()
            assert (card.outcome, card.problems) == ("OK", ())
            assert None not in (card.contact.received, card.contact.answered, card.contact.skew)


@pytest.mark.parametrize("version", [V2_1_1, V2_2_1, V2_3_0], ids=lambda version: version.number)
def test_a_location_that_got_lost_is_found_and_sent_again(version):
    with ExitStack() as stack:
        (operator, _), (provider, _) = made(stack, version, CPO, EMSP)
        owner = Party.of("NL", "CPO")
        for id in ("LOC1", "LOC2"):
            operator.save("locations", documents.location(**OPERATOR, id=id, evses=[documents.evse()]))
        until(lambda: len(list(provider.copies.documents("locations"))) == 2, "The locations were not sent.")
        operator.outbox.flush()
        provider.storage.delete("locations", provider.copies.find("locations", "LOC2", owner=owner)[0])
        [partner], [back] = operator.partners.list(), provider.partners.list()

        theirs = operator.partners.diff(partner, "locations", repair=True)
        until(lambda: len(list(provider.copies.documents("locations"))) == 2, "The location was not sent again.")
        operator.outbox.flush()

        assert [(each.state, each.ids) for each in theirs.listed] == [("MISSING", ("LOC2",))]
        assert operator.partners.diff(partner, "locations").is_equal
        assert provider.partners.diff(back, "locations").is_equal
