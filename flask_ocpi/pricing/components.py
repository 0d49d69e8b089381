"""The component that prices a dimension at a moment, and the reasons why earlier elements do not."""

from __future__ import annotations

from dataclasses import dataclass

from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.restrictions import Moment
from flask_ocpi.pricing.restrictions import actual_text
from flask_ocpi.pricing.restrictions import limit_text
from flask_ocpi.pricing.tariffs import Component
from flask_ocpi.pricing.tariffs import Element
from flask_ocpi.pricing.tariffs import Tariff

Refusals = tuple[tuple[Element, str], ...]


@dataclass(frozen=True, slots=True)
class Match:
    """The result of a look-up: the element and its component, or None, and the refused elements with the reasons."""

    element: Element | None
    component: Component | None
    refused: Refusals
    at: Moment

    @property
    def because(self) -> str:
        """Explain why this component applies and the elements before it do not."""
        reasons = [self._accepted()] + [self._refusal(element, check) for element, check in self.refused]
        return "; ".join(reasons) + "."

    def _accepted(self) -> str:
        if self.element is None:
            return "no element applies" if self.refused else "the tariff does not price this"
        where, checks = f"elements[{self.element.index}]", self.element.restrictions.checks
        if self.element.restrictions.reservation:
            where = f"{where}, for {self.element.restrictions.reservation},"
        if not checks:
            return f"{where} has no restrictions"
        limits = " and ".join(limit_text(self.element.restrictions, check) for check in checks)
        actual = dict.fromkeys(actual_text(check, self.at.begin) for check in checks)
        return f"{where} applies {limits} ({', '.join(actual)})"

    def _refusal(self, element: Element, check: str) -> str:
        where = f"elements[{element.index}]"
        if check == "reservation":
            kind = element.restrictions.reservation
            return f"{where} is for {kind}" if kind else f"{where} is not for reservations"
        if check == "expired":
            return f"{where} is for RESERVATION_EXPIRES, and this one was used or still runs"
        if check == "without":
            return f"{where} decides and does not price this"
        return f"{where} only {limit_text(element.restrictions, check)} ({actual_text(check, self.at.begin)})"


def find_component(tariff: Tariff, dimension: str, at: Moment, remarks: Remarks) -> Match:
    """Return the first element in list order that has the dimension and matches."""
    refused: list[tuple[Element, str]] = []
    by_element = remarks.policy.lookup == "element"
    for element in tariff.elements if by_element else tariff.by_dimension[dimension]:
        limits = element.restrictions
        check = "reservation" if limits.reservation else limits.refusal(at, remarks)
        if check is not None:
            refused.append((element, check))
        elif dimension in element.components:
            if not by_element and _is_passed_over(tariff, element, at, remarks):
                remarks.decided("lookup")
            return Match(element, element.components[dimension], tuple(refused), at)
        else:  # by element: the first that matches decides, with the components that it has
            refused.append((element, "without"))
            remarks.decided("lookup")
            break
    return Match(None, None, tuple(refused), at)


def _is_passed_over(tariff: Tariff, found: Element, at: Moment, remarks: Remarks) -> bool:
    """Tell whether an element before the one found matches as well, but does not have the dimension."""
    if "lookup" in remarks.options:
        return False
    aside = Remarks(remarks.policy)
    return any(
        not element.restrictions.reservation and element.restrictions.refusal(at, aside) is None
        for element in tariff.elements
        if element.index < found.index
    )


def find_reservation(
    tariff: Tariff, dimension: str, at: Moment, remarks: Remarks, *, expired: bool
) -> tuple[Match, ...]:
    """Return the matches for a reservation: one, or two if FLAT fees for it and for its expiry add up."""
    refused: list[tuple[Element, str]] = []
    matches: list[Match] = []
    for element in tariff.by_dimension[dimension]:
        limits = element.restrictions
        check = "reservation" if not limits.reservation else limits.refusal(at, remarks)
        if check is None and limits.reservation == "RESERVATION_EXPIRES" and not expired:
            check = "expired"
        if check is None:
            matches.append(Match(element, element.components[dimension], tuple(refused), at))
        else:
            refused.append((element, check))
    if not matches:
        return (Match(None, None, tuple(refused), at),)
    first: dict[str | None, Match] = {}
    for match in matches:
        first.setdefault(match.element.restrictions.reservation if match.element else None, match)
    choice = "expires"
    if dimension == "FLAT":
        choice = remarks.policy.expired_flat
        if len(first) > 1:
            remarks.decided("expired_flat")
    if choice == "both":
        return tuple(first.values())
    return (first.get("RESERVATION_EXPIRES", matches[0]) if choice == "expires" else matches[0],)
