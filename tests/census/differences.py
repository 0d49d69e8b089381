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

DIFFERENCES = {
    "2.1.1": _2_1_1,
    "2.2.1": _2_2_1,
}
