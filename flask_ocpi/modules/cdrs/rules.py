"""The conditions of the CDRs module that no single field can check."""

from __future__ import annotations

from collections.abc import Iterator

from flask_ocpi.modules.cdrs.enums import CdrDimensionType
from flask_ocpi.schema import Document
from flask_ocpi.schema import Violation

SESSION_ONLY = frozenset(
    {
        CdrDimensionType.CURRENT,
        CdrDimensionType.ENERGY_EXPORT,
        CdrDimensionType.ENERGY_IMPORT,
        CdrDimensionType.POWER,
        CdrDimensionType.STATE_OF_CHARGE,
    }
)

_LONGEST_ID = 36  # three characters less than that of a credit CDR


def state_of_charge_is_a_percentage(dimension: Document) -> Iterator[Violation]:
    """Demand 0 to 100 percent of a battery."""
    if dimension["type"] == CdrDimensionType.STATE_OF_CHARGE and not 0 <= dimension["volume"] <= 100:
        yield "volume", "must be between 0 and 100 for STATE_OF_CHARGE"


def dimensions_are_of_cdrs(cdr: Document) -> Iterator[Violation]:
    """Refuse the dimensions that only sessions may have (CDR-17)."""
    for at, period in enumerate(cdr["charging_periods"]):
        for index, dimension in enumerate(period["dimensions"]):
            if dimension["type"] in SESSION_ONLY:
                path = f"charging_periods[{at}].dimensions[{index}].type"
                yield path, f"must not be {dimension['type']}: it is for sessions only"


def only_credit_has_long_ids(cdr: Document) -> Iterator[Violation]:
    """Leave the last characters of an id to credit CDRs, which append them to the original's (CDR-09)."""
    if len(cdr["id"]) > _LONGEST_ID and cdr.get("credit") is not True:
        yield (
            "id",
            f"is longer than {_LONGEST_ID} characters (it has {len(cdr['id'])}), as only that of a credit CDR is",
        )


def credit_refers_to_a_cdr(cdr: Document) -> Iterator[Violation]:
    """Demand the credited CDR's id in a credit CDR, and nowhere else (CDR-10, CDR-12, CDR-13)."""
    if cdr.get("credit") is True and "credit_reference_id" not in cdr:
        yield "credit_reference_id", "is required when credit is true"
    if cdr.get("credit") is not True and "credit_reference_id" in cdr:
        yield "credit_reference_id", "must be left out unless credit is true"
