"""Where the classes of a version differ from its tables on purpose: what they have instead, and why.

The names are "Class", or "Class.property". A line that no longer differs fails the test.
"""

from __future__ import annotations

_COORDINATES = "The patterns of coordinates admit one character more than the lengths do (LOC-24)."
_UNKNOWN = "What a partner names beyond the known versions and modules is ignored, not refused (VER-07, VER-09)."
_REPEATED = "The location in a CDR may be as long as the Location that it repeats (CDR-30)."

_2_2_1 = {
    "GeoLocation.latitude": ("string(11) 1", _COORDINATES),
    "GeoLocation.longitude": ("string(12) 1", _COORDINATES),
    "AdditionalGeoLocation.latitude": ("string(11) 1", _COORDINATES),
    "AdditionalGeoLocation.longitude": ("string(12) 1", _COORDINATES),
    "Version.version": ("string(255) 1", _UNKNOWN),
    "VersionDetails.version": ("string(255) 1", _UNKNOWN),
    "Endpoint.identifier": ("string(255) 1", _UNKNOWN),
    "CdrLocation.address": ("string(255) 1", _REPEATED),
    "CdrLocation.state": ("string(45) ?", _REPEATED),
}

_2_1_1 = {
    "Version.version": ("string(255) 1", _UNKNOWN),
    "VersionDetails.version": ("string(255) 1", _UNKNOWN),
    "Endpoint.identifier": ("string(255) 1", _UNKNOWN),
    "CommandResult": (
        "no class of this version",
        "The result of a command is a CommandResponse there too; it takes the place of another class of 2.2.1.",
    ),
    "Hours.twentyfourseven": ("boolean ?", "It is one of two that the table lets choose from."),
}

_NO_LENGTH = "The text gives no length: it is that of long names in other classes."
_CREDIT = "The id of a credit CDR, which may be on an invoice, has up to 39 characters."
_EMBEDDED = "The example of a CDR has a Tariff without tax_included."
_PTP = "The text of payments has this role, and leaves it out of the table."
_LENIENT = "Its examples lack what its table of Terminal demands."

_2_3_0 = {
    **_2_2_1,
    "Parking.apds_reference": ("CiString(255) ?", _NO_LENGTH),
    "TaxAmount.name": ("string(255) 1", _NO_LENGTH),
    "TaxAmount.account_number": ("string(255) ?", _NO_LENGTH),
    "InvoiceReconciliationRecord.cdrs": ("CiString(39) +", _CREDIT),
    "CDR.tariffs": ("CdrTariff *", _EMBEDDED),
    "CdrTariff": ("no class of this version", _EMBEDDED),
    "AccessInformation.value": ("string(255) ?", _NO_LENGTH),
    "ClientInfo.role": ("Role +PTP 1", _PTP),
    "CredentialsRole.role": ("Role +PTP 1", _PTP),
    "NewTerminal": ("no class of this version", _LENIENT),
    "TerminalChange": ("no class of this version", _LENIENT),
}

DIFFERENCES = {
    "2.1.1": _2_1_1,
    "2.2.1": _2_2_1,
    "2.3.0": _2_3_0,
}
