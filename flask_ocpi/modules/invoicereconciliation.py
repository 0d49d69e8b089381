"""Invoice reconciliation: the CDRs of an invoice. The issuer of the invoice, CPO or eMSP, is the Sender."""

from __future__ import annotations

from flask_ocpi.core.description import Interface
from flask_ocpi.core.description import Module
from flask_ocpi.core.description import ObjectType
from flask_ocpi.core.description import Operation
from flask_ocpi.core.description import PathParameter
from flask_ocpi.core.enums import InterfaceRole
from flask_ocpi.core.fields import CiString
from flask_ocpi.core.fields import DateTime
from flask_ocpi.core.fields import ListOf
from flask_ocpi.exchange.handlers import post_object
from flask_ocpi.exchange.patterns import client_owned
from flask_ocpi.exchange.patterns import list_objects
from flask_ocpi.modules.types import OwnedObject


class InvoiceReconciliationRecord(OwnedObject):
    """The CDRs of an invoice (OCPI 2.3.0, Invoice Reconciliation, "InvoiceReconciliationRecord Object").

    The ids of CDRs may be as long as those of credit CDRs, which is longer than the table says.
    """

    id = CiString(max=36, required=True, about="Id of the record, unique among those of the owner.", example="IRR1")
    invoice_id = CiString(max=255, required=True, about="Id of the owner's invoice.", example="INV-2024-05")
    cdrs = ListOf(
        CiString(max=39), max=100_000, required=True, about="Ids of the CDRs on the invoice.", example=["CDR1", "CDR2"]
    )
    last_updated = DateTime(
        required=True, about="Time at which the record was issued, in UTC.", example="2024-06-01T12:00:00Z"
    )


RECORD = ObjectType(
    name="invoice_reconciliation_record",
    kind="invoice_reconciliation_records",
    schema=InvoiceReconciliationRecord,
    parameter=PathParameter("record_id", 36, "InvoiceReconciliationRecord.id.", "IRR1"),
    private=True,
)

POST_RECORD = Operation(
    name="post_invoice_reconciliation_record",
    method="POST",
    path="",
    summary="Send an InvoiceReconciliationRecord",
    description="A new one; one that is here already is replaced.",
    handler=post_object,
    body=InvoiceReconciliationRecord,
    object=RECORD,
    created=True,
)

MODULE = Module(
    id="invoicereconciliation",
    description="Which CDRs invoices are about.",
    interfaces=(
        Interface(InterfaceRole.SENDER, list_objects(RECORD)),
        Interface(InterfaceRole.RECEIVER, (POST_RECORD, *client_owned(RECORD, verbs=("GET", "PUT", "DELETE")))),
    ),
    requires=("cdrs",),
)
