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
        "Its prices need incl_vat; before Python 3.11 it cannot read dates that end in Z.",
        {"always-incl-vat": True, "offset-in-dates": True},
    ),
    "extrawest": Preset(
        "As py-ocpi, of which it is a descendant.",
        {"always-incl-vat": True, "offset-in-dates": True},
    ),
    "elumobility": Preset(
        "As py-ocpi, of which it is a descendant, and it takes no object that lacks an optional property.",
        {"always-incl-vat": True, "offset-in-dates": True, "send-nulls": True},
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
        "It fills in what is missing in objects with hyphens: they are read as far as they can be.",
        {"receive": "tolerant"},
    ),
    "enapi": Preset(
        "Its hub lists the parties behind it in the roles of its credentials.",
        {"receive": "tolerant"},
    ),
}
