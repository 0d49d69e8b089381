"""The handshake as a client: register with a platform, renew a registration, end it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from flask_ocpi.client.connection import Connection
from flask_ocpi.client.discovery import discover
from flask_ocpi.client.discovery import own_credentials
from flask_ocpi.client.discovery import read_credentials
from flask_ocpi.client.discovery import token_in
from flask_ocpi.client.operations import answer_of
from flask_ocpi.client.wire import Answer
from flask_ocpi.client.wire import Transport
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Version
from flask_ocpi.core.enums import ModuleID
from flask_ocpi.core.moments import SECOND
from flask_ocpi.core.schema import load
from flask_ocpi.errors import FlaskOCPIError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NoMatchingEndpointsError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.errors import StorageError
from flask_ocpi.errors import UnsupportedVersionError
from flask_ocpi.exchange import grants
from flask_ocpi.exchange import handshake
from flask_ocpi.exchange import sides
from flask_ocpi.exchange.context import Discovery
from flask_ocpi.exchange.context import Services
from flask_ocpi.exchange.copies import registration_ended
from flask_ocpi.exchange.grants import Decision
from flask_ocpi.partners.auth_tokens import same_hash
from flask_ocpi.partners.platforms import NO_TERMS
from flask_ocpi.partners.platforms import IssuedToken
from flask_ocpi.partners.platforms import Platform
from flask_ocpi.partners.platforms import PlatformState
from flask_ocpi.partners.platforms import Terms
from flask_ocpi.partners.platforms import TokenUse
from flask_ocpi.partners.platforms import slug
from flask_ocpi.signals import platform_registered
from flask_ocpi.signals import platform_unregistered

_log = logging.getLogger("flask_ocpi.client")
_HANDSHAKE_SECONDS = 600
_TRIES = 3  # to store the partner's answer


class Registrar:
    """Registers this platform with partners. ``own_versions_url`` is the URL that they call."""

    def __init__(self, services: Services, transport: Transport, own_versions_url: str) -> None:
        self.services = services
        self.transport = transport
        self.own_versions_url = own_versions_url

    def register(
        self,
        versions_url: str,
        token: str,
        *,
        name: str | None = None,
        version: str | None = None,
        terms: Terms = NO_TERMS,
    ) -> Platform:
        """Register with a platform, by its versions URL and the registration token that it issued (CLI-01).

        version: the only version to register in; by default the newest that both sides have. terms: the grant for the
        partner, and our role and party for it.

        Afterwards both sides are registered, or an error is raised and this side is as it was before. If only the
        answer was lost, the partner is registered: then another call completes the registration. If the answer cannot
        be used, the registration is ended at the partner, too.
        """
        if terms.token_encoding is None and self.services.quirks.of_host(versions_url).plain_token:
            terms = replace(terms, token_encoding="plain")  # noqa: S106
        known = self._known(versions_url, terms)
        discovery = self._first_discovery(versions_url, token, terms.token_encoding, self._numbers(version))
        pending, own_token = self._prepare(versions_url, name, known, terms, self._version(discovery))
        connection = self._connection_with(token, pending, self._version(discovery))
        try:
            answer = self._send(connection, "POST", discovery, own_token, pending)
            try:
                given = read_credentials(self.services, answer, pending, self._version(discovery))
                registered = self._complete(pending, given, discovery, own_token)
            except FlaskOCPIError as error:
                self._call_off(pending, token_in(answer) or token, discovery, error)
                raise
        except BaseException:
            self._restore(pending, known)
            raise
        return self._refresh(registered, before=pending)

    def rotate(self, platform: Platform, *, version: str | None = None, terms: Terms = NO_TERMS) -> Platform:
        """Renew a registration with new tokens in both directions, and fetch the endpoints again (CLI-03).

        version: the version to change to; by default it stays, if both sides still have it. terms: our role and party
        for the partner in that version.

        After a failure the old tokens stay in use. If it is not known whether the partner took the new token, that one
        is accepted too, for the grace time and at least ten minutes; another call settles it. Only the token of the
        answer is required: the rest stays as it was if it cannot be read.
        """
        platform = self._reread(platform)
        caller, numbers = self._connection(platform), self._numbers(version)
        discovery = self._discover(caller, self._versions_url(platform), numbers, preferred=platform.version)
        connection = self._connection(platform, self._version(discovery))
        issued, own_token = self._pending_token(discovery.version)

        def renewing(current: Platform) -> Platform:
            meant = sides.meant(self.services, replace(current, issued=(*current.issued, issued)), terms)
            sides.side_of(self.services, meant, self._version(discovery))  # raises before any request
            return meant

        before = self.services.platforms.change(platform, renewing)
        try:
            answer = self._send(connection, "PUT", discovery, own_token, before)
        except RefusedError as error:
            if error.http_status < 500:  # it took nothing; after a crash that is not known
                self._take_back(before)
            raise
        renewed = self._complete(before, self._renewed_by(answer, before, discovery), discovery, own_token)
        return self._refresh(renewed, before=before)

    def unregister(self, platform: Platform, *, force: bool = False) -> Platform:
        """End a registration on both sides; ``force`` ends it here even if the partner cannot be reached (CLI-04).

        A platform that was only invited loses its registration token.
        """
        platform = self._reread(platform)
        if not platform.is_registered:
            return self._end(platform)
        try:
            self._send_delete(platform)
        except (RemoteError, StorageError):
            if not force:
                raise
        ended = self._end(platform)
        self.services.emit(platform_unregistered, platform=platform)
        registration_ended(self.services, ended)
        return ended

    def _end(self, platform: Platform) -> Platform:
        ended = partial(handshake.unregistered, now=self.services.now(), by="us")
        return self.services.platforms.change(platform, ended)

    def _send_delete(self, platform: Platform) -> None:
        connection = self._connection(platform)
        url = platform.endpoint(ModuleID.CREDENTIALS, None)
        if url is None:
            raise MissingEndpointError(f"Platform {platform.id} offers no credentials endpoint.")
        try:
            _delete(connection, url)
        except RefusedError as error:
            if error.http_status not in (401, 405):  # these mean that it no longer knows us
                raise

    def _first_discovery(
        self, versions_url: str, token: str, encoding: str | None, numbers: Sequence[str]
    ) -> Discovery:
        """Fetch the endpoints of an unknown platform, trying the token encodings of these versions."""
        by_version = (version.dialect.token_encoding for version in self.services.versions if version.number in numbers)
        encodings = (encoding,) if encoding else (self.services.settings.token_encoding, *by_version)
        tried = list(dict.fromkeys(filter(None, encodings)))
        for spelling in tried:
            try:
                return self._discover(self._new_connection(token, spelling), versions_url, numbers)
            except RefusedError as error:
                if error.http_status != 401 or error.data is not None or spelling == tried[-1]:
                    return self._resume(error)
        raise AssertionError("There is at least one spelling of a token.")

    def _version(self, discovery: Discovery) -> Version:
        return handshake.served(self.services, discovery.version)

    def _numbers(self, version: str | None) -> Sequence[str]:
        """Return the numbers of the versions to choose from: the given one, or all served ones."""
        if version is None:
            return [each.number for each in self.services.versions]
        return [handshake.served(self.services, version).number]

    def _discover(
        self, connection: Connection, versions_url: str, numbers: Sequence[str], *, preferred: str | None = None
    ) -> Discovery:
        discovery = discover(connection, self.services, versions_url, versions=numbers, preferred=preferred)
        try:
            handshake.check_endpoints(discovery, self.services.settings.required_endpoints)
        except NoMatchingEndpointsError as error:
            _log.error("Not registering with %s: %s", versions_url, error)
            raise
        return discovery

    def _resume(self, error: RefusedError) -> Discovery:
        """Return the discovery to repeat the POST with, from the refusal of a spent registration token; else raise it.

        A partner with this package refuses so if it registered us but its answer was lost (CRED-31).
        """
        if error.http_status != 401:
            raise error
        schema = self.services.schemas[answer_of(self.services.own, "versions", "get_version_details")]
        try:
            details = load(schema, error.data, where="data")
        except InvalidParametersError:
            raise error from None
        endpoints = tuple(details["endpoints"])
        served = [version.number for version in self.services.versions]
        if details["version"] not in served or not any(e["identifier"] == ModuleID.CREDENTIALS for e in endpoints):
            raise error
        return Discovery(details["version"], endpoints)

    def _prepare(
        self, versions_url: str, name: str | None, known: Platform | None, terms: Terms, version: Version
    ) -> tuple[Platform, str]:
        """Commit our token before the partner gets it (CRED-14)."""
        issued, token = self._pending_token(None)
        platform = known or Platform(
            id=slug(name or versions_url.split("//", 1)[-1].split("/", 1)[0]),
            name="",
            state=PlatformState.PENDING,
            versions_url=versions_url,
        )
        pending = terms.on(replace(platform, name=name or platform.name, state=PlatformState.PENDING, issued=(issued,)))
        sides.side_of(self.services, pending, version)  # raises before any request
        if known is not None:
            return self.services.platforms.save(pending, before=known), token
        return self.services.platforms.create(pending), token

    def _restore(self, pending: Platform, known: Platform | None) -> None:
        """Restore the record from before an attempt to register, unless another attempt took it over."""
        current = self.services.platforms.get(pending.id)
        if current is None or pending.issued[0] not in current.issued:
            return
        if known is None:
            self.services.platforms.delete(current)
        else:
            self.services.platforms.save(known, before=current)

    def _take_back(self, platform: Platform) -> None:
        refused = platform.issued[-1].hash

        def without(current: Platform) -> Platform:
            kept = (token for token in current.issued if not same_hash(token.hash, refused))
            return replace(current, issued=tuple(kept))

        self.services.platforms.change(platform, without)

    def _pending_token(self, version: str | None) -> tuple[IssuedToken, str]:
        issued, token = self.services.platforms.issue(TokenUse.PENDING)
        seconds = max(_HANDSHAKE_SECONDS, self.services.settings.token_grace)
        return replace(issued, expires=self.services.now() + seconds * SECOND, version=version), token

    def _accept_both(self, platform: Platform) -> None:
        """Accept both the new and the old token of a renewal: the partner uses one of them.

        The old one ends with the first use of the new one. Without a token in its answer, it is unknown which one it
        uses.
        """
        new = platform.issued[-1].hash

        def both(current: Platform) -> Platform:
            issued = (
                replace(token, use=TokenUse.ACTIVE, expires=None)
                if same_hash(token.hash, new)
                else replace(token, use=TokenUse.REPLACED)
                if token.use is TokenUse.ACTIVE
                else token
                for token in current.issued
            )
            return replace(current, issued=tuple(issued))

        self.services.platforms.change(platform, both)

    def _send(
        self, connection: Connection, method: str, discovery: Discovery, own_token: str, platform: Platform
    ) -> Answer:
        url, version = _credentials_url(discovery), self._version(discovery)
        body = own_credentials(self.services, platform, version, token=own_token, url=self.own_versions_url)
        operation = f"{method.lower()}_credentials"
        return connection.request(method, url, body=body, module=ModuleID.CREDENTIALS, operation=operation)

    def _renewed_by(self, answer: Answer, before: Platform, discovery: Discovery) -> Document:
        """Return the Credentials in the answer to a PUT; if they are broken, their token with the known rest.

        The partner has changed its token: without the new one, it could not be called any more.
        """
        try:
            return read_credentials(self.services, answer, before, self._version(discovery))
        except InvalidResponseError as error:
            token = token_in(answer)
            if token is None:
                self._accept_both(before)
                raise
            _log.warning("%s Its new token is used; its roles and its URL stay as they were.", error)
            roles = [dict(role) for role in (*before.roles, *before.requested)]
            return {"token": token, "url": before.versions_url, "roles": roles}

    def _complete(self, before: Platform, given: Document, discovery: Discovery, own_token: str) -> Platform:
        """Store the result of the handshake, also if the record changes at the same time."""
        for _ in range(_TRIES - 1):
            try:
                return self._take_over(before, given, discovery, own_token)
            except StorageError as error:
                _log.warning("What %s answered could not be stored, and is tried again: %s", before.id, error)
        return self._take_over(before, given, discovery, own_token)

    def _take_over(self, before: Platform, given: Document, discovery: Discovery, own_token: str) -> Platform:
        platforms = self.services.platforms
        active, _ = platforms.issue(TokenUse.ACTIVE, own_token)
        known = {token.hash for token in before.issued}

        def after(current: Platform, decision: Decision) -> Platform:
            # A token from a crossing handshake of the partner stays: it may use that one.
            crossing = [
                replace(token, version=token.version or current.version)
                for token in current.issued
                if token.hash not in known or (token.use is TokenUse.ACTIVE and not token.used)
            ]
            tokens = (replace(active, used=True), *crossing)
            return handshake.registered(
                self.services, current, given, decision=decision, discovery=discovery, issued=tokens
            )

        def granted(current: Platform) -> Platform:
            version = self._version(discovery)
            return after(current, grants.decide(self.services, current, given["roles"], version=version))

        try:
            return platforms.change(self._reread(before), granted)
        except InvalidParametersError:
            if before.is_registered:  # a new party is taken: keep the parties that it had
                platforms.change(
                    self._reread(before), lambda current: after(current, Decision(current.roles, current.requested))
                )
            raise

    def _call_off(self, pending: Platform, token: str, discovery: Discovery, reason: FlaskOCPIError) -> None:
        """End the registration at the partner, so that both sides can begin again."""
        _log.warning("The registration with %s is called off: %s", pending.id, reason)
        url = _credentials_url(discovery)
        connection = self._connection_with(token, pending, self._version(discovery))
        try:
            _delete(connection, url)
        except RemoteError as error:
            _log.warning("The registration could not be called off at %s: %s", url, error)

    def _refresh(self, platform: Platform, *, before: Platform) -> Platform:
        """Fetch the endpoints with the new token, since the list may depend on the caller (CLI-02); report changes."""
        try:
            connection = self._connection(platform)
            numbers = [platform.version or ""]
            found = discover(connection, self.services, self._versions_url(platform), versions=numbers)
            handshake.check_endpoints(found, ())

            def refreshed(current: Platform) -> Platform:
                endpoints = handshake.with_roles(self.services, current, found.endpoints)
                return replace(current, endpoints=endpoints)

            platform = self.services.platforms.change(platform, refreshed)
        except (RemoteError, UnsupportedVersionError, NoMatchingEndpointsError, StorageError) as error:
            _log.warning("The endpoints of %s could not be fetched again: %s", platform.id, error)
        self.services.emit(platform_registered, platform=platform, renewed=before.is_registered)
        grants.announce(self.services, before, platform)
        self.services.registered(platform)
        return platform

    def _connection(self, platform: Platform, version: Version | None = None) -> Connection:
        """Return a connection with our token. version: of the token's encoding, by default that of the registration."""
        if not platform.is_registered or platform.token is None:
            raise InvalidParametersError(
                f"Platform {platform.id} is not registered (it is {platform.state}): register first."
            )
        token = self.services.platforms.cipher.decrypt(platform.token)
        return self._connection_with(token, platform, version)

    def _connection_with(self, token: str, platform: Platform, version: Version | None = None) -> Connection:
        return self._new_connection(token, handshake.token_encoding(self.services, platform, version), platform.id)

    def _new_connection(self, token: str, encoding: str, platform_id: str | None = None) -> Connection:
        return Connection(
            self.transport,
            token,
            encoding=encoding,
            traffic=self.services.traffic,
            platform_id=platform_id,
            waits=self.services.waits,
            strict=self.services.settings.receive == "strict",
        )

    def _reread(self, platform: Platform) -> Platform:
        """Return the current record: calls of the partner during the handshake may have changed it."""
        return self.services.platforms.get(platform.id) or platform

    def _versions_url(self, platform: Platform) -> str:
        if platform.versions_url is None:
            raise InvalidParametersError(f"The versions URL of platform {platform.id} is not known: register first.")
        return platform.versions_url

    def _known(self, versions_url: str, terms: Terms) -> Platform | None:
        """Return the record of a platform whose registration ended, or was interrupted; None if there is none.

        Raises InvalidParametersError if it is registered, unless for another role of ours.
        """
        known = None
        for platform in self.services.platforms.all():
            if platform.versions_url != versions_url:
                continue
            if not platform.is_registered:
                known = platform
            elif not sides.are_two(self.services, platform, terms.own_role):
                raise InvalidParametersError(
                    f"{versions_url} is registered already, as platform {platform.id}: rotate or unregister it."
                )
        return known


def _delete(connection: Connection, url: str) -> None:
    connection.request("DELETE", url, module=ModuleID.CREDENTIALS, operation="delete_credentials")


def _credentials_url(discovery: Discovery) -> str:
    return str(next(e for e in discovery.endpoints if e["identifier"] == ModuleID.CREDENTIALS)["url"])
