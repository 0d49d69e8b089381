"""Notes: oddities in a document or its tariffs that bear on the price."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

from flask_ocpi.pricing.policy import READINGS
from flask_ocpi.pricing.policy import Policy

# id: whether it weighs (needs attention before payment), and the sentence; each note fills in the `{}`.
NOTES: dict[str, tuple[bool, str]] = {
    "period_spans_price_change": (True, "The price of {0} changes within the period; its volume was divided evenly."),
    "periods_out_of_order": (True, "The period starts before the one that precedes it in the list; they were sorted."),
    "periods_overlap": (True, "The period reports {0} h of time, but the next one starts after {1} h."),
    "periods_outside_session": (True, "The period reaches beyond the session: {0}."),
    "period_mixes_reservation": (False, "The period reports reservation and use; the reservation was taken first."),
    "period_without_tariff": (True, "The period names no tariff, so nothing in it was priced."),
    "unknown_tariff": (True, "The tariff {0!r} is not at hand, so nothing in the period was priced."),
    "tariff_not_valid_then": (True, "The tariff {0!r} is not valid when the session starts: {1}."),
    "tariff_currency": (True, "The tariff {0!r} is in {1}, the document in {2}."),
    "tax_unknown": (False, "The tariff {0!r} includes taxes but names no rate; the price without taxes is not known."),
    "limits_contradict": (True, "The minimum price of the tariff {0!r} is above its maximum; the maximum was applied."),
    "unpriced_dimension": (False, "{0} is priced elsewhere in the tariff, but no element matches here: it is free."),
    "booking_not_priced": (False, "The tariff {0!r} has a price for {1}; what a booking costs was not looked at."),
    "unknown_component": (True, "The tariff {0!r} prices {1!r}, which is no dimension of OCPI; it was passed over."),
    "negative_volume": (True, "{0} is negative: {1}."),
    "no_periods": (True, "The document has no charging periods; it was priced as one period, by its totals."),
    "time_unknown": (True, "The document does not say when the session {0}; the charging periods do."),
    "time_zone_assumed": (True, "The tariff depends on the clock and no time zone is known; UTC was assumed.{0}"),
    "session_running": (False, "The session has not ended; this is the price of what was reported until {0}."),
}


@dataclass(frozen=True, slots=True)
class Note:
    """An oddity: its id, a sentence, its JSON path, and whether it weighs."""

    id: str
    message: str
    path: str
    weighs: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """A reading that took part in the result: with another choice the cost of this document might differ."""

    option: str
    choice: str
    sentence: str


@dataclass(slots=True)
class Remarks:
    """Collects notes and decisions while a document is priced; each is kept once."""

    policy: Policy
    notes: dict[tuple[str, str, str], Note] = field(default_factory=dict)
    options: dict[str, None] = field(default_factory=dict)

    def note(self, note_id: str, path: str, *values: object) -> None:
        """Note an oddity at a path of the document or the tariff."""
        weighs, sentence = NOTES[note_id]
        message = sentence.format(*values)
        self.notes.setdefault((note_id, path, message), Note(note_id, message, path, weighs))

    def decided(self, option: str) -> None:
        """Note that a reading with a choice took part in the result."""
        self.options[option] = None

    def decisions(self) -> tuple[Decision, ...]:
        return tuple(
            Decision(option, getattr(self.policy, option), READINGS[option].sentence) for option in self.options
        )
