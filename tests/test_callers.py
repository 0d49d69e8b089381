"""Who calls is remembered for a moment: no reads for a token in steady use, and none that outlives a revocation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi.partners import platforms as callers
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.partners.auth_tokens import candidates
from flask_ocpi.partners.platforms import KINDS
from flask_ocpi.partners.platforms import Callers
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.testing.network import add_partner
from tests.urls import ocpi_url

VERSIONS = "/ocpi/versions"
LIST = ocpi_url("sender/locations")


class Counting(MemoryStorage):
    """Counts how often records of platforms and tokens are read."""

    reads = 0

    def get(self, kind, key, **options):
        self.reads += kind in KINDS
        return super().get(kind, key, **options)


@pytest.fixture
def ocpi_storage():
    return Counting()


@pytest.fixture
def ticks(monkeypatch):
    """The clock of the remembered callers, in seconds; it stands still until it is moved."""
    now = [1000.0]
    monkeypatch.setattr(callers, "monotonic", lambda: now[0])
    return now


def test_a_token_in_steady_use_is_looked_up_once_in_a_while(ocpi_client, ocpi_storage, ticks):
    ocpi_client.get(LIST)  # its first use is noted
    ocpi_client.get(LIST)
    before = ocpi_storage.reads

    for _ in range(5):
        assert ocpi_client.get(LIST).status_code == 1000
    assert ocpi_storage.reads == before

    ticks[0] += 2
    assert ocpi_client.get(LIST).status_code == 1000
    assert ocpi_storage.reads > before


@pytest.mark.conformance("A-06")
def test_a_revoked_token_opens_nothing_in_the_same_process(ocpi, ocpi_client):
    for _ in range(3):
        assert ocpi_client.get(LIST).status_code == 1000

    platform = ocpi.partners.get(ocpi_client.platform.id)
    ocpi.services.platforms.save(replace(platform, issued=()), before=platform)

    assert ocpi_client.get(LIST).http_status == 401


@pytest.mark.conformance("A-06")
def test_a_platform_that_was_deleted_is_refused_at_once(ocpi, ocpi_client):
    for _ in range(3):
        assert ocpi_client.get(LIST).status_code == 1000

    ocpi.services.platforms.delete(ocpi.partners.get(ocpi_client.platform.id))

    assert ocpi_client.get(LIST).http_status == 401


def test_roles_that_change_count_with_the_next_request(ocpi, ocpi_app):
    partner = add_partner(ocpi_app, [("DE", "EMS", ["EMSP"])])
    for _ in range(3):
        assert partner.get(LIST).status_code == 1000

    platform = ocpi.partners.get(partner.platform.id)
    nothing = [{**role, "role": "OTHER"} for role in platform.roles]
    ocpi.services.platforms.save(replace(platform, roles=tuple(nothing)), before=platform)

    assert partner.get(LIST).http_status == 403


def test_what_another_process_revokes_counts_when_the_time_is_over(
    ocpi, ocpi_client, ocpi_network, ocpi_storage, ticks
):
    other = ocpi_network.add("second.example", [("NL", "ABC", ["CPO", "EMSP"])], storage=ocpi_storage)
    for _ in range(3):
        assert ocpi_client.get(LIST).status_code == 1000

    platform = other.partners.get(ocpi_client.platform.id)
    other.services.platforms.save(replace(platform, issued=()), before=platform)

    assert ocpi_client.get(LIST).status_code == 1000
    ticks[0] += 2
    assert ocpi_client.get(LIST).http_status == 401


@pytest.mark.parametrize("ocpi_config", [{"OCPI_TOKEN_CACHE": 0}], ids=["0 seconds"])
def test_nothing_is_remembered_where_the_operator_wants_none(ocpi_client, ocpi_storage, ticks):
    ocpi_client.get(LIST)
    ocpi_client.get(LIST)
    before = ocpi_storage.reads

    ocpi_client.get(LIST)

    assert ocpi_storage.reads > before


@pytest.mark.parametrize("use", [TokenUse.REGISTRATION, TokenUse.PENDING, TokenUse.REPLACED, TokenUse.SPENT])
def test_tokens_that_come_and_go_are_looked_up_each_time(ocpi, ocpi_app, ocpi_client, ocpi_storage, use):
    issued, token = ocpi.services.platforms.issue(use)
    platform = ocpi.partners.get(ocpi_client.platform.id)
    ocpi.services.platforms.save(replace(platform, issued=(*platform.issued, issued)), before=platform)
    client = PartnerClient(ocpi_app, token, platform=platform)
    client.get(VERSIONS)
    before = ocpi_storage.reads

    client.get(VERSIONS)

    assert ocpi_storage.reads > before


def test_another_token_of_the_same_beginning_opens_nothing(ocpi_app, ocpi_client):
    for _ in range(3):
        assert ocpi_client.get(LIST).status_code == 1000

    assert PartnerClient(ocpi_app, f"{ocpi_client.token}x", platform=None).get(LIST).http_status == 401
    assert PartnerClient(ocpi_app, ocpi_client.token[:-1], platform=None).get(LIST).http_status == 401


def test_what_was_read_before_a_change_is_not_remembered_after_it(ocpi, ocpi_client):
    header = authorization(ocpi_client.token)
    ocpi_client.get(LIST)
    platforms = ocpi.services.platforms
    platform = platforms.get(ocpi_client.platform.id)

    before = platforms.callers.changes
    stale = platforms.caller(candidates(header))
    platforms.save(replace(platform, name="Changed"), before=platform)
    platforms.callers.remember(header, stale, changes=before)

    assert platforms.callers.get(header) is None


def test_no_more_callers_are_remembered_than_is_bounded(ocpi, ocpi_client):
    ocpi_client.get(LIST)
    caller = ocpi.services.platforms.caller([ocpi_client.token])
    known = Callers(60)

    for number in range(2500):
        known.remember(f"Token {number}", caller, changes=known.changes)

    assert known.get("Token 2499") is caller
    assert len(known._known) <= 1000


def test_no_token_is_kept_as_the_key(ocpi, ocpi_client):
    ocpi_client.get(LIST)
    ocpi_client.get(LIST)

    assert ocpi.services.platforms.callers._known
    assert not any(ocpi_client.token.encode() in key for key in ocpi.services.platforms.callers._known)
