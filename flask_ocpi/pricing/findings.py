"""Findings of an audit: the faults of a CDR, and the verdict that each leads to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from flask_ocpi.errors import FlaskOCPIError


class PricingError(FlaskOCPIError):
    """A document, a tariff or an argument cannot be priced; the message names the path and the fault."""


# id: the verdict, and the sentence; each finding fills in the `{}`. Notes of the price that weigh are findings as well,
# under their own ids, for review unless NOTES_DISPUTED names them.
FINDINGS: dict[str, tuple[str, str]] = {
    "not_priced": ("review", "The CDR could not be priced: {0}"),
    "total_cost_differs": ("dispute", "The CDR says {0}, its tariff makes {1}."),
    "part_of_cost_differs": ("review", "The CDR says {0}, its tariff makes {1}."),
    "ends_before_start": ("dispute", "The session ends at {0}, before it starts at {1}."),
    "ends_in_future": ("review", "The session ends at {0}, after the CDR was made at {1}."),
    "energy_differs": ("dispute", "The CDR says {0} kWh, its charging periods make {1} kWh."),
    "energy_in_wh": ("dispute", "The CDR says {0} kWh and its charging periods make {1} kWh: one of them is in Wh."),
    "time_differs": ("dispute", "The CDR says {0} h, from its start to its end it is {1} h."),
    "time_in_other_unit": ("dispute", "The CDR says {0} h, from its start to its end it is {1} h: the unit is hours."),
    "parking_time_differs": ("review", "The CDR says {0} h of parking, its charging periods make {1} h."),
    "periods_longer_than_session": ("review", "The charging periods report {0} h, the session lasts {1} h."),
    "incl_vat_below_excl_vat": ("dispute", "With VAT it is {1}, less than {0} without."),
    "negative_cost": ("review", "The CDR is no credit CDR, and its total cost is {0}."),
    "credit_not_negative": ("dispute", "The CDR is a credit CDR, and its total cost is {0}."),
    "credit_without_original": ("dispute", "The CDR {0!r}, which it takes back, is not here."),
    "credit_differs": ("review", "The CDR takes back {0}, the original was about {1}."),
    "other_currency": ("dispute", "The CDR is in {0}, {1} in {2}."),
    "unknown_session": ("dispute", "The session {0!r} is not known."),
    "session_not_completed": ("review", "The session {0!r} has the status {1}."),
    "session_energy_differs": ("dispute", "The CDR says {0} kWh, the session {1} kWh."),
    "session_time_differs": ("review", "The CDR says {0}, the session {1}."),
    "session_token_differs": ("dispute", "The CDR is for the token {0!r}, the session for {1!r}."),
    "session_location_differs": ("dispute", "The CDR is for the location {0!r}, the session for {1!r}."),
    "session_cost_differs": ("review", "The CDR says {0}, the session {1}."),
    "session_twice": ("dispute", "There is a CDR of the session {0!r} already: {1}."),
    "unknown_location": ("dispute", "The location {0!r} is not known."),
    "unknown_evse": ("review", "The location {0!r} has no EVSE {1!r}."),
    "unknown_token": ("dispute", "We have issued no token {0!r} of the type {1}."),
    "token_contract_differs": ("review", "The CDR is for the contract {0!r}, the token is of {1!r}."),
    "tariff_not_pushed": ("review", "The tariff {0!r} was never sent to us."),
    "tariff_differs": ("dispute", "The tariff {0!r} is not the one that was sent to us: {1}."),
    "tariff_changed_since": ("review", "The tariff {0!r} has changed since the session started: {1}."),
    "out_of_range": ("review", "{0} is {1} {2}, which is {3} {4}."),
}
NOTES_DISPUTED = frozenset({"tariff_currency"})

_ORDER = ("ok", "review", "dispute")


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One fault: its id, a sentence, its JSON path, and the verdict that it leads to."""

    id: str
    message: str
    path: str
    verdict: str

    def to_dict(self) -> dict[str, str]:
        return {"id": self.id, "message": self.message, "path": self.path, "verdict": self.verdict}


@dataclass(slots=True)
class Findings:
    """Collects the findings of a CDR; each is kept once, and ignored ones are dropped."""

    ignored: frozenset[str] = frozenset()
    found: dict[tuple[str, str, str], AuditFinding] = field(default_factory=dict)

    def add(self, id: str, path: str, *values: object, verdict: str = "") -> None:
        """Add a finding of the table at a path of the CDR; ``verdict`` is that of the table unless given."""
        known, sentence = FINDINGS[id]
        self.put(id, path, sentence.format(*values), verdict or known)

    def put(self, id: str, path: str, message: str, verdict: str) -> None:
        if id not in self.ignored:
            self.found.setdefault((id, path, message), AuditFinding(id, message, path, verdict))


def verdict_of(findings: Sequence[AuditFinding]) -> str:
    """Return the gravest verdict: ok, review or dispute."""
    return max((finding.verdict for finding in findings), key=_ORDER.index, default="ok")
