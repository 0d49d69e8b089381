"""What the rules of the lint look at: a tariff as it came and as it is read, and where it is offered."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from typing import Any

from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.samples import Sample
from flask_ocpi.pricing.samples import samples
from flask_ocpi.pricing.tariffs import STEPS_A_UNIT
from flask_ocpi.pricing.tariffs import Element
from flask_ocpi.pricing.tariffs import Tariff

# Where it is in the tariff ("$.elements[0]"), and what fills in the sentence.
Found = Iterator[tuple[str, tuple[object, ...]]]


@dataclass(frozen=True, slots=True)
class Subject:
    """A tariff that is looked at. ``tariff`` is None where it cannot be read, and ``error`` says why.

    ``connectors``: the OCPI Connectors that offer it. ``found``: the situations that were gone through already.
    """

    data: Mapping[str, Any]
    tariff: Tariff | None
    error: str
    remarks: Remarks
    connectors: Sequence[Mapping[str, Any]] = ()
    found: dict[tuple[int, ...], list[Sample] | None] = field(default_factory=dict)

    @property
    def elements(self) -> tuple[Element, ...]:
        """The elements as they were read, none where they cannot be."""
        return self.tariff.elements if self.tariff else ()

    def groups(self) -> Iterator[tuple[str, tuple[Element, ...]]]:
        """Walk the dimensions with the elements that price them in use; those for reservations are left out."""
        for dimension in STEPS_A_UNIT:
            elements = tuple(
                each for each in self.elements if dimension in each.components and not each.restrictions.reservation
            )
            if elements:
                yield dimension, elements

    def situations(self, elements: tuple[Element, ...]) -> list[Sample] | None:
        """Return the situations that some elements tell apart; None where there are too many."""
        key = tuple(element.index for element in elements)
        if key not in self.found:
            self.found[key] = samples(elements, self.remarks)
        return self.found[key]
