"""The records of the other platforms: changed as a whole or not at all, each token and party belonging to one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.exchange.handshake import confirm
from flask_ocpi.exchange.handshake import retire
from flask_ocpi.partners.auth_tokens import TokenCipher
from flask_ocpi.partners.auth_tokens import hash_token
from flask_ocpi.partners.claims import PARTIES
from flask_ocpi.partners.platforms import KINDS
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import Platforms
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.partners.platforms import UnknownPlatformError
from flask_ocpi.partners.platforms import slug
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.memory import MemoryStorage
from flask_ocpi.testing.network import Clock
from tests.conftest import EVERY_STORAGE


def role(party_id, name="CPO", country_code="DE"):
    return {"role": name, "business_details": {"name": "Partner"}, "party_id": party_id, "country_code": country_code}


def make(storage, *, clock=None, grace=600, shared=False):
    return Platforms(
        storage,
        cipher=TokenCipher([], secret_key="secret"),
        clock=clock or Clock(),
        grace=grace,
        allow_shared_parties=shared,
        own_parties=[Party.of("NL", "ABC")],
    )


def stored(platforms):
    found = {kind: [record.text for record in platforms.storage.list(kind, Query()).records] for kind in KINDS}
    found[PARTIES] = [text for text in found[PARTIES] if b'"change"' not in text]  # when one was last written
    return found


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def platforms(ocpi_storage, clock):
    return make(ocpi_storage, clock=clock)


def registered_as(id):
    return Platform(id=id, name=id, state=PlatformState.REGISTERED)


def registered(platforms, id, *party_ids, name=None):
    """Store a registered platform; return it and its token."""
    issued, token = platforms.issue(TokenUse.ACTIVE)
    platform = Platform(
        id=id,
        name=name or id,
        state=PlatformState.REGISTERED,
        roles=tuple(role(party_id) for party_id in party_ids),
        issued=(issued,),
    )
    return platforms.create(platform), token


@EVERY_STORAGE
def test_platform_comes_back_as_it_was_stored(platforms):
    issued, _ = platforms.issue(TokenUse.ACTIVE)
    platform = Platform(
        id="partner",
        name="Partner",
        state=PlatformState.REGISTERED,
        roles=(role("AAA"), role("BBB", "EMSP", "FR")),
        versions_url="https://partner.example/versions",
        version="2.2.1",
        endpoints=({"identifier": "locations", "role": "SENDER", "url": "https://partner.example/l"},),
        token=platforms.cipher.encrypt("token"),
        token_encoding="plain",
        issued=(replace(issued, expires=2**52, used=True),),
    )

    saved = platforms.create(platform)

    assert platforms.get("partner") == saved
    assert platforms.get("PARTNER") == saved
    assert saved == replace(platform, revision=1, last_updated="2026-01-01T12:00:00.000Z")


def test_endpoint_is_found_by_module_and_role():
    endpoints = tuple(
        {"identifier": module, "role": side, "url": f"https://x.example/{side}/{module}"}
        for module, side in (("credentials", "RECEIVER"), ("locations", "SENDER"), ("locations", "RECEIVER"))
    )
    platform = Platform(id="x", name="X", state=PlatformState.REGISTERED, endpoints=endpoints)

    assert platform.endpoint("locations", InterfaceRole.RECEIVER) == "https://x.example/RECEIVER/locations"
    assert platform.endpoint("credentials", None) == "https://x.example/RECEIVER/credentials"
    assert platform.endpoint("tokens", InterfaceRole.SENDER) is None


@pytest.mark.conformance("A-08", "A-14")
@EVERY_STORAGE
def test_caller_is_found_by_its_token(platforms):
    first, token = registered(platforms, "first", "AAA")
    registered(platforms, "second", "BBB")

    caller = platforms.caller(["unknown", token])

    assert (caller.platform, caller.token) == (first, token)
    assert platforms.caller(["unknown"]) is None
    assert platforms.caller([]) is None


@pytest.mark.conformance("A-09")
def test_tokens_differ_by_case(platforms):
    platforms.invite(name="Partner", token="Token", known=None)

    assert platforms.caller(["token"]) is None
    assert platforms.caller(["Token"]).platform.name == "Partner"


@EVERY_STORAGE
def test_expired_token_finds_nobody_and_is_dropped_by_the_next_change(platforms, clock):
    platform, token = registered(platforms, "partner", "AAA")
    soon = int(clock().timestamp() + 60) * 1_000_000
    platform = platforms.save(replace(platform, issued=(replace(platform.issued[0], expires=soon),)), before=platform)
    clock.advance(60)

    found = platforms.caller([token])
    platforms.save(platform, before=platform)

    assert found is None
    assert platforms.get("partner").issued == ()
    assert stored(platforms)["credential_tokens"] == []


@pytest.mark.conformance("A-08")
@EVERY_STORAGE
def test_token_of_another_platform_cannot_be_issued_again(platforms):
    registered(platforms, "first", "AAA")
    platforms.invite(name="Second", token="same-token", known=None)
    before = stored(platforms)

    with pytest.raises(InvalidParametersError, match="in use already"):
        platforms.invite(name="Third", token="same-token", known=None)

    assert stored(platforms) == before


@pytest.mark.parametrize("token", ["", "a b", "x" * 65, "tökén"])
def test_impossible_token_is_refused_and_not_repeated(platforms, token):
    with pytest.raises(InvalidParametersError, match="1 to 64 printable ASCII") as caught:
        platforms.issue(TokenUse.REGISTRATION, token)

    assert not token or token not in str(caught.value)


@EVERY_STORAGE
def test_ids_are_made_unique(platforms):
    ids = [registered(platforms, "partner")[0].id for _ in range(3)]

    assert len(set(ids)) == 3
    assert all(id.startswith("partner") for id in ids)
    assert [platform.id for platform in platforms.all()] == ids


def test_no_free_id_is_an_error(platforms, monkeypatch):
    monkeypatch.setattr("flask_ocpi.partners.platforms.secrets.token_hex", lambda size: "0000")
    registered(platforms, "partner")
    registered(platforms, "partner")

    with pytest.raises(ClientError, match="No free id"):
        registered(platforms, "partner")


@EVERY_STORAGE
def test_stale_change_is_refused_and_changes_nothing(platforms):
    platform, _ = registered(platforms, "partner", "AAA")
    platforms.save(replace(platform, name="Renamed"), before=platform)
    before = stored(platforms)

    with pytest.raises(ConflictError):
        platforms.save(replace(platform, name="Too late", roles=(role("BBB"),), issued=()), before=platform)

    assert stored(platforms) == before


@EVERY_STORAGE
def test_taken_party_is_refused_and_changes_nothing(platforms):
    registered(platforms, "first", "AAA", "BBB")
    second, _ = registered(platforms, "second", "CCC")
    before = stored(platforms)
    issued, _ = platforms.issue(TokenUse.ACTIVE)

    with pytest.raises(InvalidParametersError, match="DE-BBB is registered by another platform"):
        platforms.save(replace(second, roles=(role("CCC"), role("BBB")), issued=(issued,)), before=second)

    assert stored(platforms) == before


@EVERY_STORAGE
def test_party_that_was_free_a_moment_ago_is_refused(platforms, monkeypatch):
    registered(platforms, "first", "AAA")
    get = platforms.storage.get

    def look_before_it_was_taken(kind, key, *, for_update=False):
        return None if kind == PARTIES and not for_update else get(kind, key, for_update=for_update)

    monkeypatch.setattr(platforms.storage, "get", look_before_it_was_taken)
    with pytest.raises(InvalidParametersError, match="DE-AAA is registered by another platform"):
        registered(platforms, "second", "AAA")


@EVERY_STORAGE
def test_party_is_free_when_its_platform_gave_it_up(platforms):
    first, _ = registered(platforms, "first", "AAA", "BBB")
    platforms.save(replace(first, roles=(role("AAA"),)), before=first)

    second, _ = registered(platforms, "second", "BBB")

    assert [str(party) for party in second.parties] == ["DE-BBB"]


def test_own_party_is_refused(platforms):
    with pytest.raises(InvalidParametersError, match="NL-ABC is a party of this platform"):
        platforms.create(replace(registered_as("partner"), roles=(role("abc", country_code="nl"),)))


@EVERY_STORAGE
def test_shared_party_is_held_by_each_until_the_last_one_leaves(ocpi_storage):
    platforms = make(ocpi_storage, shared=True)
    first, _ = registered(platforms, "first", "AAA")
    second, _ = registered(platforms, "second", "AAA")

    platforms.delete(first)
    left = stored(platforms)[PARTIES]
    platforms.delete(second)

    assert left == [b'{"platforms":["second"]}']
    assert stored(platforms) == {kind: [] for kind in KINDS}


class LateStorage(MemoryStorage):
    """Shows a claim only to whoever asks for the second time, as when another transaction commits in between."""

    hidden = False

    def get(self, kind, key, *, for_update=False):
        if kind == PARTIES and self.hidden:
            if for_update:
                self.hidden = False
            return None
        return super().get(kind, key, for_update=for_update)


def test_party_taken_at_the_same_moment_is_refused_with_2001():
    storage = LateStorage()
    platforms = make(storage)
    registered(platforms, "first", "AAA")
    before = stored(platforms)
    storage.hidden = True

    with pytest.raises(InvalidParametersError, match="DE-AAA is registered by another platform"):
        registered(platforms, "second", "AAA")

    assert stored(platforms) == before


def test_party_shared_at_the_same_moment_is_held_by_both():
    storage = LateStorage()
    platforms = make(storage, shared=True)
    registered(platforms, "first", "AAA")
    storage.hidden = True

    registered(platforms, "second", "AAA")

    assert stored(platforms)[PARTIES] == [b'{"platforms":["first","second"]}']


# Finding one by what an operator types.


@pytest.mark.parametrize("text", ["charging-co", "CHARGING-CO", "Charging Co", "charging co", "DE-AAA", "de-bbb"])
def test_platform_is_found_by_id_name_or_party(platforms, text):
    platform, _ = registered(platforms, "charging-co", "AAA", "BBB", name="Charging Co")

    assert platforms.find(text) == platform


def test_unknown_platform_is_named_with_the_known_ones(platforms):
    registered(platforms, "first", "AAA")
    registered(platforms, "second", "BBB")

    with pytest.raises(UnknownPlatformError, match=r"no platform 'third'\. Known platforms: first, second\."):
        platforms.find("third")


def test_unknown_platform_when_there_are_none(platforms):
    with pytest.raises(UnknownPlatformError, match="There is none yet: invite one, or register"):
        platforms.find("DE-AAA")


def test_ambiguous_name_lists_the_ids(platforms):
    registered(platforms, "first", "AAA", name="Partner")
    registered(platforms, "second", "BBB", name="Partner")

    with pytest.raises(UnknownPlatformError, match="fits several platforms: use one of the ids first, second"):
        platforms.find("Partner")


def test_registered_platform_goes_before_others_of_its_name(platforms):
    old, _ = registered(platforms, "old", "AAA", name="Partner")
    platforms.save(replace(old, state=PlatformState.UNREGISTERED, roles=()), before=old)
    new, _ = registered(platforms, "new", "AAA", name="Partner")

    assert platforms.find("Partner") == new


@pytest.mark.parametrize(
    ("name", "id"),
    [("Charging & Co. KG", "charging-co-kg"), ("", "platform"), ("Ölüm", "l-m"), ("x" * 60, "x" * 40)],
)
def test_ids_are_made_from_names(name, id):
    assert slug(name) == id


# Tokens and their ends.


@pytest.mark.conformance("CRED-32")
@EVERY_STORAGE
def test_invitation_of_a_known_platform_replaces_an_earlier_one(platforms):
    platform, first = platforms.invite(name="Partner", token=None, known=None)

    again, second = platforms.invite(name="", token=None, known=platform)

    assert again.id == platform.id
    assert platforms.caller([first]) is None
    assert platforms.caller([second]).platform.state is PlatformState.INVITED


@pytest.mark.conformance("CRED-32")
def test_invitation_of_a_registered_platform_leaves_its_registration(platforms):
    platform, active = registered(platforms, "partner", "AAA")

    again, token = platforms.invite(name="", token=None, known=platform)

    assert again.is_registered
    assert platforms.caller([active]).is_registered
    assert not platforms.caller([token]).is_registered


@pytest.mark.conformance("CRED-15")
@pytest.mark.parametrize(
    ("use", "state", "opens"),
    [
        (TokenUse.REGISTRATION, PlatformState.INVITED, False),
        (TokenUse.REGISTRATION, PlatformState.REGISTERED, False),
        (TokenUse.PENDING, PlatformState.PENDING, False),
        (TokenUse.PENDING, PlatformState.REGISTERED, True),
        (TokenUse.ACTIVE, PlatformState.REGISTERED, True),
        (TokenUse.REPLACED, PlatformState.REGISTERED, True),
        (TokenUse.SPENT, PlatformState.REGISTERED, False),
    ],
)
def test_what_counts_as_registered(platforms, use, state, opens):
    issued, token = platforms.issue(use)
    platforms.create(Platform(id="partner", name="Partner", state=state, issued=(issued,)))

    assert platforms.caller([token]).is_registered is opens


@pytest.mark.conformance("CRED-31")
@pytest.mark.parametrize(
    ("use", "becomes"),
    [
        (TokenUse.ACTIVE, TokenUse.REPLACED),
        (TokenUse.PENDING, TokenUse.REPLACED),
        (TokenUse.REGISTRATION, TokenUse.SPENT),
    ],
)
def test_retired_tokens_end_with_the_grace_time(platforms, clock, use, becomes):
    issued, _ = platforms.issue(use)

    (retired,) = retire(platforms, [issued])

    ends = int(clock().timestamp() + 600) * 1_000_000
    assert retired == replace(issued, use=becomes, expires=ends)
    assert retire(platforms, [replace(retired, expires=1)]) == (replace(retired, expires=1),)


def test_retired_tokens_end_at_once_without_grace(ocpi_storage):
    platforms = make(ocpi_storage, grace=0)
    issued, _ = platforms.issue(TokenUse.ACTIVE)

    assert retire(platforms, [issued]) == ()


@pytest.mark.conformance("CRED-31")
@EVERY_STORAGE
def test_first_use_of_a_token_ends_those_it_replaces(platforms):
    platform, old = registered(platforms, "partner", "AAA")
    issued, new = platforms.issue(TokenUse.ACTIVE)
    platforms.save(replace(platform, issued=(*retire(platforms, platform.issued), issued)), before=platform)

    confirmed = confirm(platforms, platforms.caller([new]))

    assert confirmed.issued.used
    assert platforms.get("partner") == confirmed.platform
    assert platforms.caller([old]) is None
    assert platforms.caller([new]).issued.used


def test_first_use_beside_another_change_is_left_to_that(platforms):
    platform, token = registered(platforms, "partner", "AAA")
    caller = platforms.caller([token])
    platforms.save(replace(platform, name="Renamed"), before=platform)

    confirmed = confirm(platforms, caller)

    assert confirmed.platform.name == "Renamed"


@EVERY_STORAGE
def test_deleted_platform_leaves_nothing(platforms):
    platform, token = registered(platforms, "partner", "AAA")

    platforms.delete(platform)

    assert stored(platforms) == {kind: [] for kind in KINDS}
    assert platforms.caller([token]) is None
    assert platforms.storage.get(PARTIES, Key.of("DE", "AAA", "")) is None


@pytest.mark.conformance("A-14")
def test_no_repr_shows_a_token_or_its_hash(platforms):
    platform, token = registered(platforms, "partner", "AAA")
    platform = platforms.save(replace(platform, token=platforms.cipher.encrypt("their-token")), before=platform)

    shown = repr([platform, platform.issued, platforms.caller([token]), platforms])

    for secret in (token, hash_token(token), platform.token, "their-token"):
        assert secret not in shown
