"""Requests whose result comes later: commands and charging profiles."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Any
from urllib.parse import quote
from urllib.parse import urljoin

from flask_ocpi.client.added import PostedClient
from flask_ocpi.client.addresses import same_origin
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.client.operations import enum_of
from flask_ocpi.client.wire import Answer
from flask_ocpi.core.description import Document
from flask_ocpi.core.description import Operation
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.schema import load
from flask_ocpi.errors import BlockedAddressError
from flask_ocpi.errors import ConfigurationError
from flask_ocpi.errors import CrowdedError
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import InvalidResponseError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.errors import NotConnectedError
from flask_ocpi.errors import RefusedError
from flask_ocpi.errors import RemoteError
from flask_ocpi.exchange import pending
from flask_ocpi.exchange.findings import Finding
from flask_ocpi.exchange.pending import Call
from flask_ocpi.modules.cdrs import CDR_URLS
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record
from flask_ocpi.versions.reading.reader import shown

#: Errors after which no result will come: the platform refused, or nothing was sent.
_NO_RESULT = (RefusedError, NotConnectedError, CrowdedError, BlockedAddressError, InvalidParametersError)

_URL_LENGTH = 255  # OCPI 2.2.1, Types, "URL"


class CallingClient(ModuleClient):
    """Makes requests with our response_url, and keeps them until their result comes."""

    def start(
        self,
        operation: str,
        *segments: str,
        asked: Document,
        body: bool = True,
        reference: str = "",
    ) -> Call:
        """Send a request and return it with its immediate response; the result comes with it or later.

        asked: the request without response_url; sent as the body, or (``body`` False) as the query. reference: any text
        to keep with the request. Raises InvalidParametersError for an invalid request, RefusedError if the platform
        answers with an error; after an UnreachableError, or an answer without an OCPI status, the request may still
        have arrived. A RemoteError has the id of the call in ``call_id``.
        """
        services = self.client.services
        found = self.find(InterfaceRole.RECEIVER, lambda o: o.name == operation)
        self.endpoint(InterfaceRole.RECEIVER)
        id = pending.new_call_id()
        sent = {**asked, "response_url": self._response_url(found, id)}
        schema = found.body if body else found.query
        if schema is not None:
            sent = load(services.schemas[self.client.version.stored(schema)], sent, where=found.name)
        owner = self._owner_of_token(sent)
        request = {**{p.name: s for p, s in zip(found.parameters, segments, strict=True)}, **sent}
        request.pop("response_url")
        call = Call(
            id=id,
            module=str(self.module.id),
            operation=found.name,
            platform=self.client.platform.id,
            request=request,
            reference=reference,
            version=self.client.version.number,
        )
        pending.start_call(services, call)
        in_body, in_query = (sent, None) if body else (None, sent)
        try:
            try:
                answer = self.send(found, InterfaceRole.RECEIVER, segments, body=in_body, query=in_query, owner=owner)
            except _NO_RESULT as error:
                if not isinstance(error, RefusedError) or error.status_code:  # else a server on the way answered
                    pending.refused_call(services, id)
                raise
            response = self.loaded(found, answer, known={"timeout": services.settings.command_timeout}, object=id)
            return pending.answered_call(services, id, response)
        except RemoteError as error:
            error.call_id = id
            raise

    def _owner_of_token(self, sent: Document) -> Party | None:
        """Return the own party that owns the token in a command: the command is sent in its name (CMD-19, RT-26)."""
        if "token" not in sent:
            return None
        owner = Party.of(sent["token"]["country_code"], sent["token"]["party_id"])
        if owner not in self.client.own_parties(self.module.id, InterfaceRole.SENDER):
            raise InvalidParametersError(f"token: {owner} is no own party that sends commands: use one of its tokens.")
        return owner

    def _response_url(self, operation: Operation, id: str) -> str:
        """Make the unique URL of the Sender interface that takes the result of an operation (CMD-11, CHP-09)."""
        settings = self.client.services.settings
        if settings.base_url is None:
            raise ConfigurationError(
                "OCPI_BASE_URL is missing: results are posted to it. Set it to the public address of this app, such as "
                "https://ocpi.example.com."
            )
        module, version = self.module, self.client.version.number
        if not self.client.services.serves(module, InterfaceRole.SENDER):
            raise ConfigurationError(
                f"{module.id}:SENDER is not served here, so results have nowhere to go. Add it to OCPI_MODULES."
            )
        callback = self.find(InterfaceRole.SENDER, lambda o: o.method == "POST" and o.body is operation.result)
        interface = module.interface(InterfaceRole.SENDER)
        below = "" if interface is None else module.path_of(interface)
        path = callback.path.format(command=quote(operation.path.removeprefix("/")), id=id)
        url = f"{settings.base_url}{settings.url_prefix}/{version}{below}{path}"
        if len(url) > _URL_LENGTH:
            raise ConfigurationError(
                f"OCPI_BASE_URL and OCPI_URL_PREFIX are too long: a response_url would have {len(url)} characters, "
                f"and OCPI allows {_URL_LENGTH}. Use a shorter host name or path."
            )
        return url


class CommandsClient(CallingClient):
    """Sends commands. Each takes the properties of its class as a document, without ``response_url``.

    OCPI 2.2.1, Commands. The result is in :attr:`Call.result` once it came: see :meth:`OCPI.wait`.
    """

    def start_session(self, command: Document, *, reference: str = "") -> Call:
        """Ask for a session to be started; ``command`` is a StartSession without its response_url."""
        return self.start("start_session", asked=command, reference=reference)

    def stop_session(self, session_id: str, *, reference: str = "") -> Call:
        """Ask for a session to be stopped."""
        return self.start("stop_session", asked={"session_id": session_id}, reference=reference)

    def reserve_now(self, command: Document, *, reference: str = "") -> Call:
        """Ask for a reservation; ``command`` is a ReserveNow without its response_url."""
        return self.start("reserve_now", asked=command, reference=reference)

    def cancel_reservation(self, reservation_id: str, *, reference: str = "") -> Call:
        """Ask for a reservation to be cancelled."""
        return self.start("cancel_reservation", asked={"reservation_id": reservation_id}, reference=reference)

    def unlock_connector(self, command: Document, *, reference: str = "") -> Call:
        """Ask for a connector to be unlocked; ``command`` is an UnlockConnector without its response_url."""
        return self.start("unlock_connector", asked=command, reference=reference)


class ChargingProfilesClient(CallingClient):
    """Sets, clears and requests charging profiles of sessions, by the id that the operator gave them.

    OCPI 2.2.1, Charging profiles. The result is in :attr:`Call.result` once it came: see
    :meth:`OCPI.wait`.
    """

    def set(self, session_id: str, profile: Document, *, reference: str = "") -> Call:
        """Ask for a ChargingProfile to be set."""
        return self.start("set_profile", session_id, asked={"charging_profile": profile}, reference=reference)

    def clear(self, session_id: str, *, reference: str = "") -> Call:
        """Ask for the profile to be removed."""
        return self.start("clear_profile", session_id, asked={}, body=False, reference=reference)

    def get_active(self, session_id: str, *, duration: int, reference: str = "") -> Call:
        """Ask for the active profile of the next ``duration`` seconds; it comes with the result."""
        asked = {"duration": duration}
        return self.start("get_active_profile", session_id, asked=asked, body=False, reference=reference)

    def put_active(self, session_id: str, profile: Document) -> Answer:
        """Report a changed active profile to the partner that set the profile (CHP-12)."""
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == "put_active_profile")
        checked = self.checked(operation, profile)
        return self.send(operation, InterfaceRole.SENDER, (session_id,), body=checked)


class SessionsClient(ModuleClient):
    """The sessions module, with charging preferences."""

    def put_charging_preferences(self, session_id: str, preferences: Document) -> StrEnum:
        """Ask the operator of a session to charge as the driver prefers, and return its ChargingPreferencesResponse.

        OCPI 2.2.1, Sessions, "Set: Charging Preferences". Raises RefusedError with HTTP 404 if the operator does not
        know the session, or its EVSE takes no preferences.
        """
        operation = self.find(InterfaceRole.SENDER, lambda o: o.name == "put_charging_preferences")
        checked = self.checked(operation, preferences)
        answer = self.send(operation, InterfaceRole.SENDER, (session_id,), body=checked)
        responses = enum_of(operation)
        try:
            return responses(answer.data)
        except ValueError as error:
            strict = self.client.services.settings.receive == "strict"
            understood = None if strict else _understood(answer.data, checked, responses)
            if understood is None:
                raise InvalidResponseError(
                    f"{self.client.platform.id} answered no {responses.__name__}: {answer.data!a:.100}."
                ) from error
        outcome = f"It was taken for the answer {understood}."
        came = shown(answer.data)
        self.client.services.findings.add(
            Finding(self.client.platform.id, "mended", str(self.module.id), session_id, came=came, outcome=outcome)
        )
        return understood


def _understood(data: Any, asked: Document, responses: type[StrEnum]) -> StrEnum | None:
    """Read an answer that deviates from OCPI; None if its meaning is not certain.

    Some platforms answer with the preferences that they set, and some with a list of one response.
    """
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if isinstance(data, dict):
        is_set = data.get("profile_type") == asked["profile_type"]
        return responses("ACCEPTED") if is_set else None
    if not isinstance(data, str):
        return None
    text = "_".join(data.upper().split())
    return next((member for member in responses if member.value == text), None)


_log = logging.getLogger("flask_ocpi.client")


class CdrsClient(PostedClient):
    """The cdrs module: CDRs are posted, and read at the URL that the receiver gave them."""

    def post(self, document: Document) -> Answer:
        """Post a CDR to the platform's Receiver interface, and keep the URL in Location (CLI-11).

        OCPI 2.2.1, CDRs, "POST Method".
        """
        checked, answer = self.posted(document)
        url = self._url(answer.headers.get("Location"))
        if url is not None:
            record = Record.of({"url": url, "version": self.client.version.number})
            owner = Party.of(checked["country_code"], checked["party_id"])
            self.client.services.storage.save(CDR_URLS, self._key(owner, checked["id"]), record)
        return answer

    def get_copy(self, *ids: str, owner: Party | None = None) -> Document:
        """Get the platform's copy of a CDR that we posted, by its id, to compare it with ours (CDR-28)."""
        if len(ids) != 1:
            raise InvalidParametersError(f"A CDR is addressed by 1 id, not {len(ids)}: write get_copy(id).")
        party = self._owner(owner)
        record = self.client.services.storage.get(CDR_URLS, self._key(party, ids[0]))
        spoken = self.client.version.number
        if record is not None and record.document.get("version", spoken) != spoken:
            record = None  # its URL belongs to a version that the platform no longer speaks
        if record is None and not self.client.quirks.cdr_by_id:
            raise MissingEndpointError(
                f"{self.client.platform.id} gave no URL for the CDR {ids[0]!a} in OCPI {spoken}."
            )
        operation = self.find(InterfaceRole.RECEIVER, lambda o: o.method == "GET")
        if record is None:
            answer = self.send(operation.aliased, InterfaceRole.RECEIVER, ids, owner=party)
            return self.loaded(operation, answer, owner=party)
        headers = self.client.routing(self.module, InterfaceRole.RECEIVER, party, operation=operation)
        answer = self.client.request(
            "GET",
            record.document["url"],
            headers=headers,
            module=self.module.id,
            operation=self.module.view_name(InterfaceRole.RECEIVER, operation),
        )
        return self.loaded(operation, answer, object=" ".join(ids), owner=party)

    def _url(self, location: str | None) -> str | None:
        """Return the absolute URL in a Location header; None for another server: our token is not sent there."""
        if not location:
            return None
        endpoint = self.endpoint(InterfaceRole.RECEIVER)
        try:
            url = urljoin(endpoint, location)
        except ValueError:
            url = ""
        if same_origin(endpoint, url):
            return url
        _log.warning("The Location of a CDR at %s leads elsewhere, and is not followed: %.200a", endpoint, location)
        return None

    def _key(self, owner: Party, id: str) -> Key:
        return Key.of(*owner, f"{id}\n{self.client.platform.id}")
