"""CDRs: posted, and read again where the receiver says they are."""

from __future__ import annotations

import logging
from urllib.parse import urljoin

from flask_ocpi.client.addresses import same_origin
from flask_ocpi.client.modules import Answer
from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.description import Document
from flask_ocpi.enums import InterfaceRole
from flask_ocpi.errors import InvalidParametersError
from flask_ocpi.errors import MissingEndpointError
from flask_ocpi.modules.cdrs.module import CDR_URLS
from flask_ocpi.modules.cdrs.schemas import CDR
from flask_ocpi.schema import load
from flask_ocpi.storage.base import Key
from flask_ocpi.storage.base import Party
from flask_ocpi.storage.base import Record

_log = logging.getLogger("flask_ocpi.client")


class CdrsClient(ModuleClient):
    """The cdrs module: CDRs are posted, and read again under the URL that the receiver gave them."""

    def post(self, document: Document) -> Answer:
        """Post a CDR on the platform's Receiver interface, and keep the URL in Location (CLI-11).

        OCPI 2.2.1, CDRs, "POST Method".
        """
        checked = load(self.client.services.schemas[CDR], document, where=f"CDR {document.get('id', '?')}")
        owner = Party.of(checked["country_code"], checked["party_id"])
        operation = self.find(InterfaceRole.RECEIVER, lambda o: o.method == "POST")
        answer = self.send(operation, InterfaceRole.RECEIVER, (), body=checked, owner=owner)
        url = self._url(answer.headers.get("Location"))
        if url is not None:
            self.client.services.storage.save(CDR_URLS, self._key(owner, checked["id"]), Record.of({"url": url}))
        return answer

    def push(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Send a CDR, with POST; ``owner`` is the party in it."""
        if parents:
            raise InvalidParametersError("A cdr has no parts.")
        return self.post(document)

    def get_copy(self, *ids: str, owner: Party | None = None) -> Document:
        """Get the platform's copy of a CDR that we posted, by its id, to compare it with ours (CDR-28)."""
        if len(ids) != 1:
            raise InvalidParametersError(f"A cdr is addressed by 1 id, not {len(ids)}.")
        party = self._owner(owner)
        record = self.client.services.storage.get(CDR_URLS, self._key(party, ids[0]))
        if record is None and not self.client.quirks.cdr_by_id:
            raise MissingEndpointError(f"{self.client.platform.id} gave no URL for the CDR {ids[0]!a}.")
        operation = self.find(InterfaceRole.RECEIVER, lambda o: o.method == "GET")
        if record is None:
            return self.loaded(operation, self.send(operation.aliased, InterfaceRole.RECEIVER, ids, owner=party))
        headers = self.client.routing(self.module, InterfaceRole.RECEIVER, party, operation=operation)
        self.client.check_connected(self.client.to, self.module, InterfaceRole.RECEIVER)
        answer = self.client.request(
            "GET",
            record.document["url"],
            headers=headers,
            correlation_id=self.client.correlation_id,
            module=self.module.id,
            operation=self.module.view_name(InterfaceRole.RECEIVER, operation),
        )
        return self.loaded(operation, answer, object=" ".join(ids))

    def _url(self, location: str | None) -> str | None:
        """Return the absolute URL in a Location header; None for one elsewhere: our token is not sent there."""
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
