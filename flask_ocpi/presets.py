"""The quirks of known software, as far as it was tried or its documents and source say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """What a partner with some software needs. reason: why, in a sentence or two."""

    reason: str
    quirks: Mapping[str, Any]


PRESETS: Mapping[str, Preset] = {
    "py-ocpi": Preset(
        "Its prices need incl_vat, and before Python 3.11 it reads no date that ends in Z.",
        {"always-incl-vat": True, "offset-in-dates": True},
    ),
    "extrawest": Preset(
        "Its prices need incl_vat.",
        {"always-incl-vat": True},
    ),
    "elumobility": Preset(
        "It takes no object that lacks an optional property.",
        {"send-nulls": True},
    ),
    "ocpi-mock-hub": Preset(
        "It has the party in the URL of real-time authorization, and CDRs under their id.",
        {"authorize-with-party": True, "cdr-by-id": True},
    ),
    "ocpi-client": Preset(
        "It looks for the credentials endpoint as RECEIVER only.",
        {"credentials-both-roles": True},
    ),
    "gireve": Preset(
        "Its pages have 100 locations or tariffs, 1000 tokens or 20 CDRs at the most.",
        {"page-limit": "locations:100,tariffs:100,tokens:1000,cdrs:20"},
    ),
    "e-clearing": Preset(
        "It fills in required properties that are missing with a hyphen, which strict reading refuses.",
        {"receive": "tolerant"},
    ),
    "enapi": Preset(
        "Its hub lists the parties behind it in its credentials, which strict reading refuses.",
        {"receive": "tolerant"},
    ),
}
