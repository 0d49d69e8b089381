"""The calls of invoicereconciliation: new records are posted, known ones are put."""

from __future__ import annotations

from flask_ocpi.client.modules import ModuleClient
from flask_ocpi.client.operations import object_of
from flask_ocpi.client.wire import Answer
from flask_ocpi.core.description import Document
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.errors import RefusedError
from flask_ocpi.storage.base import Party


class InvoiceReconciliationClient(ModuleClient):
    """The invoicereconciliation module."""

    pushes_new_only = True

    def push(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Post a record as new; put it if the platform refuses that."""
        try:
            return self.post(document)
        except RefusedError as error:
            if error.is_about_us or not _is_about_the_object(error):
                raise
        return super().put(document)

    def put(self, document: Document, *parents: str, owner: Party | None = None) -> Answer:
        """Put a record that the platform has; post it if the platform does not have it."""
        try:
            return super().put(document)
        except RefusedError as error:
            if error.http_status != 404:
                raise
        return self.post(document)

    def post(self, document: Document) -> Answer:
        """Post a record to the platform's Receiver interface."""
        operation = self.find(InterfaceRole.RECEIVER, lambda o: o.method == "POST")
        checked = self.checked(operation, document, where=str(document.get(object_of(operation).id_key[0], "?")))
        owner = Party.of(checked["country_code"], checked["party_id"])
        return self.send(operation, InterfaceRole.RECEIVER, (), body=checked, owner=owner)


def _is_about_the_object(error: RefusedError) -> bool:
    return 400 <= error.http_status < 500 or 2000 <= error.status_code < 3000
