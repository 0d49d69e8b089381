"""The partners' platforms: their records, the tokens that they may send, and the parties that they speak for."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
from functools import partial
from hashlib import blake2b
from time import monotonic

from flask_ocpi.core.advice import did_you_mean
from flask_ocpi.core.moments import format_date_time
from flask_ocpi.core.moments import now_micros
from flask_ocpi.errors import ClientError
from flask_ocpi.errors import ConflictError
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.partners.auth_tokens import TokenCipher
from flask_ocpi.partners.auth_tokens import candidates
from flask_ocpi.partners.auth_tokens import hash_token
from flask_ocpi.partners.auth_tokens import is_token
from flask_ocpi.partners.auth_tokens import new_token
from flask_ocpi.partners.auth_tokens import same_hash
from flask_ocpi.partners.claims import PARTIES as PARTIES
from flask_ocpi.partners.claims import Claims
from flask_ocpi.partners.records import NO_TERMS as NO_TERMS
from flask_ocpi.partners.records import IssuedToken as IssuedToken
from flask_ocpi.partners.records import Partners
from flask_ocpi.partners.records import Platform as Platform
from flask_ocpi.partners.records import PlatformState as PlatformState
from flask_ocpi.partners.records import RememberedPartners
from flask_ocpi.partners.records import Terms as Terms
from flask_ocpi.partners.records import TokenUse as TokenUse
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Query
from flask_ocpi.storage.base import Record
from flask_ocpi.storage.base import Storage
from flask_ocpi.storage.base import walk

_MOST = 1000


class Callers:
    """The callers of Authorization headers that were looked up less than ``seconds`` ago; 0 remembers none.

    A header is kept as its hash. A change of a platform makes this process forget all callers: here a revoked token
    opens nothing from then on, in other processes after at most ``seconds``.
    changes: how often all were forgotten; a caller that was read before the last time is not remembered.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self.changes = 0

    def get(self, header: str) -> Caller | None:
        found = self._known.get(blake2b(header.encode("utf-8", "surrogateescape")).digest())
        return found[1] if found is not None and monotonic() < found[0] else None

    def remember(self, header: str, caller: Caller, *, changes: int) -> None:
        """Remember a caller. changes: the value of :attr:`changes` before the caller was read."""
        if not self._seconds or changes != self.changes:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        hashed = blake2b(header.encode("utf-8", "surrogateescape")).digest()
        self._known[hashed] = (monotonic() + self._seconds, caller)

    def forget(self) -> None:
        """Forget all: a platform changed."""
        self.changes += 1
        self._known = {}


PLATFORMS = Platform.KIND
TOKENS = "credential_tokens"
KINDS = (PLATFORMS, TOKENS, PARTIES)

_ATTEMPTS = 20  # to change a record that others change
_PARTY = re.compile(r"[A-Z]{2}-[A-Z0-9]{3}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The platform that sent a request, and the token that it sent."""

    platform: Platform
    issued: IssuedToken
    token: str = field(repr=False)

    @property
    def is_registered(self) -> bool:
        if self.issued.use is TokenUse.PENDING:
            return self.platform.is_registered
        return self.issued.use in (TokenUse.ACTIVE, TokenUse.REPLACED)

    @property
    def version(self) -> str | None:
        """The number of the version whose functional modules the token opens."""
        return self.issued.version or self.platform.version


class UnknownPlatformError(FlaskOCPIError):
    """No platform has this id, name or party."""


class Platforms:
    """Reads and changes the records of platforms; each change is made as a whole or not at all."""

    def __init__(
        self,
        storage: Storage,
        *,
        cipher: TokenCipher,
        clock: Callable[[], datetime],
        grace: int,
        allow_shared_parties: bool,
        own_parties: Iterable[Party],
        remembered_seconds: float = 0,
    ) -> None:
        self.storage = storage
        self.cipher = cipher
        self.clock = clock
        self.grace = grace
        self.claims = Claims(storage, own=own_parties, shared=allow_shared_parties, is_hub=self._is_hub)
        self.callers = Callers(remembered_seconds)
        self._partners = RememberedPartners(storage, PARTIES, self.all)

    def get(self, id: str) -> Platform | None:
        record = self.storage.get(PLATFORMS, Key.of("", "", id))
        return None if record is None else Platform.from_record(record)

    def all(self) -> Iterator[Platform]:
        """Walk all platforms in the order in which they were added."""
        return map(Platform.from_record, walk(self.storage, PLATFORMS, Query()))

    def partners(self) -> Partners:
        """Return the registered platforms as they are now; they are decoded again only after any platform changed."""
        return self._partners.get()

    def find(self, text: Platform | str) -> Platform:
        """Return the platform with this id, name or party (``NL-ABC``); raise UnknownPlatformError if there is none.

        A Platform is returned as it is.
        """
        if not isinstance(text, str):
            return text
        found = self.get(text)
        if found is not None:
            return found
        known = list(self.all())
        wanted = text.upper()
        # A partner chooses its name itself: a name must not hide the platform that has the party of that name.
        matching = [p for p in known if wanted in map(str, p.parties)]
        if not matching and not _PARTY.fullmatch(wanted):
            matching = [p for p in known if p.name.upper() == wanted]
        matching = [p for p in matching if p.is_registered] or matching
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise UnknownPlatformError(
                f"{text!r} fits several platforms: use one of the ids {', '.join(p.id for p in matching)}."
            )
        if not known:
            raise UnknownPlatformError(f"There is no platform {text!r}. There is none yet: invite one, or register.")
        near = did_you_mean(text, [name for p in known for name in (p.id, p.name, *map(str, p.parties))])
        raise UnknownPlatformError(
            f"There is no platform {text!r}. Known platforms: {', '.join(p.id for p in known)}.{near}"
        )

    def caller(self, tokens: Iterable[str]) -> Caller | None:
        """Return the platform that one of these tokens belongs to, or None if none of them is in use."""
        now = self.now()
        for token in tokens:
            hashed = hash_token(token)
            index = self.storage.get(TOKENS, Key.of("", "", hashed))
            platform = None if index is None else self.get(index.document["platform"])
            for issued in platform.issued if platform is not None else ():
                if same_hash(issued.hash, hashed) and (issued.expires is None or issued.expires > now):
                    return Caller(platform, issued, token)  # type: ignore[arg-type]
        return None

    def caller_by(self, header: str) -> Caller | None:
        """Return the platform that sent an Authorization header, or None if its token is not in use.

        The result may be OCPI_TOKEN_CACHE seconds old.
        """
        caller = self.callers.get(header)
        if caller is None:
            changes = self.callers.changes
            caller = self.caller(candidates(header))
            if caller is not None and caller.issued.use is TokenUse.ACTIVE and caller.issued.used:
                self.callers.remember(header, caller, changes=changes)
        return caller

    def invite(
        self, *, name: str, token: str | None, known: Platform | None, terms: Terms = NO_TERMS
    ) -> tuple[Platform, str]:
        """Issue a registration token to a new platform, or to a known one that must register again (CRED-32).

        terms: they replace all terms of an earlier invitation; a registered platform keeps the terms that it has.
        """
        issued, text = self.issue(TokenUse.REGISTRATION, token)
        if known is None:
            platform = Platform(id=slug(name), name=name, state=PlatformState.INVITED, issued=(issued,))
            return self.create(terms.on(platform)), text

        def invited(current: Platform) -> Platform:
            kept = tuple(t for t in current.issued if t.use not in (TokenUse.REGISTRATION, TokenUse.SPENT))
            state = current.state if current.is_registered else PlatformState.INVITED
            return terms.on(replace(current, state=state, issued=(*kept, issued)))

        return self.change(known, invited), text

    def create(self, platform: Platform) -> Platform:
        """Store a new platform; its id is made unique."""
        for _ in range(20):
            try:
                return self.save(platform, before=None)
            except ConflictError:
                platform = replace(platform, id=f"{platform.id.rsplit('~', 1)[0]}~{secrets.token_hex(2)}")
        raise ClientError("No free id was found for the platform; give it another name.")

    def save(self, platform: Platform, *, before: Platform | None) -> Platform:
        """Store a platform with its tokens and parties, or raise an error and change nothing.

        ``before`` is the record that was read. Raises ConflictError if it was changed since, InvalidParametersError if
        another platform has one of the parties.
        """
        now = self.now()
        issued = tuple(token for token in platform.issued if token.expires is None or token.expires > now)
        platform = replace(platform, issued=issued, last_updated=format_date_time(self.clock()))
        key = platform.key
        record = platform.to_record(last_updated=now)
        try:
            with self.storage.transaction():
                self.storage.save(PLATFORMS, key, record, expected=before.revision if before else 0)
                self._index_tokens(platform, before)
                self.claims.change(
                    platform.id,
                    before=before.parties if before else (),
                    after=platform.parties,
                    beside=partial(self._is_other_side, platform),
                )
                if before is not None and before.is_hub and not platform.is_hub:
                    self.claims.forget(platform.id)
                self._partners.note_change()
        finally:
            self.callers.forget()
        return replace(platform, revision=(before.revision if before else 0) + 1)

    def change(self, platform: Platform, make: Callable[[Platform], Platform]) -> Platform:
        """Save what ``make`` returns for a record that was read, and return it; what others changed since is kept.

        If the record changed, ``make`` is called again with the new one. Nothing is locked meanwhile. Raises
        UnknownPlatformError if the record was removed.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return self.save(make(platform), before=platform)
            except ConflictError:
                current = self.get(platform.id)
            if current is None:
                raise UnknownPlatformError(f"The platform {platform.id} was removed.")
            platform = current
        return self.save(make(platform), before=platform)

    def delete(self, platform: Platform) -> None:
        """Remove a platform, its tokens and its claims.

        Its copies stay under its id, which a new platform may get: remove them before (``ocpi.copies.remove``).
        """
        try:
            with self.storage.transaction():
                self.save(replace(platform, issued=(), roles=()), before=platform)
                self.storage.delete(PLATFORMS, Key.of("", "", platform.id))
        finally:
            self.callers.forget()

    def issue(self, use: TokenUse, token: str | None = None) -> tuple[IssuedToken, str]:
        """Make a token, or take the given one; return it as it is stored and as it is sent."""
        text = new_token() if token is None else token
        if not is_token(text):
            raise InvalidParametersError("A token must have 1 to 64 printable ASCII characters and no blanks.")
        return IssuedToken(hash_token(text), use), text

    def speaks_for(self, platform: Platform, party: Party) -> bool:
        """Tell whether a platform may act for a party: for its own, and as a hub for those that it represents.

        A hub does not list the parties behind it (PUSH-06): its ClientInfos name them. A hub that never sent any
        represents each free party that it speaks for first. A hub never acts for our parties, for parties of platforms
        that are registered here, or for parties that another hub represents.
        """
        return platform.has(party) or (platform.is_hub and self.claims.speaks(platform.id, party))

    def _is_other_side(self, platform: Platform, id: str) -> bool:
        """Tell whether a platform and the one with this id are registered for different roles of ours."""
        other = self.get(id)
        roles = {None if other is None else other.own_role, platform.own_role}
        return None not in roles and len(roles) == 2

    def _is_hub(self, id: str) -> bool:
        platform = self.get(id)
        return platform is not None and platform.is_registered and platform.is_hub

    def now(self) -> int:
        """Return the time in microseconds since 1970 UTC, in whole milliseconds."""
        return now_micros(self.clock)

    def _index_tokens(self, platform: Platform, before: Platform | None) -> None:
        old = {token.hash for token in before.issued} if before else set()
        new = {token.hash for token in platform.issued}
        for hashed in old - new:
            self.storage.delete(TOKENS, Key.of("", "", hashed))
        for hashed in new - old:
            try:
                index = Record.of({"platform": platform.id})
                self.storage.save(TOKENS, Key.of("", "", hashed), index, expected=0)
            except ConflictError:
                raise InvalidParametersError("This token is in use already; choose another one.") from None


def slug(name: str) -> str:
    """Make an id from a name: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "platform"
