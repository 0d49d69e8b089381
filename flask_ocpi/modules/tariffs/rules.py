"""The conditions of the tariffs module that no single field can check."""

from __future__ import annotations

from collections.abc import Iterator

from flask_ocpi.modules.tariffs.enums import TariffDimensionType
from flask_ocpi.schema import Document
from flask_ocpi.schema import Violation

_OF_RESERVATIONS = (TariffDimensionType.FLAT, TariffDimensionType.TIME)


def reservations_cost_fees_and_time(element: Document) -> Iterator[Violation]:
    """Refuse to price energy and parking where an element is about reservations (TAR-15)."""
    if "reservation" not in element.get("restrictions", {}):
        return
    for index, component in enumerate(element["price_components"]):
        if component["type"] not in _OF_RESERVATIONS:
            yield f"price_components[{index}].type", "must be FLAT or TIME where reservation is restricted"
