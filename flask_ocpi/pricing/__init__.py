"""Pricing: the exact cost of a session by its tariffs, and the reasons.

It is independent of the rest: pure functions over plain data in the stored (2.2.1) shape, without Flask and storage.
"""

from __future__ import annotations

from flask_ocpi.pricing.amounts import Amount
from flask_ocpi.pricing.audits import Audit
from flask_ocpi.pricing.audits import audit
from flask_ocpi.pricing.audits import differences
from flask_ocpi.pricing.cdrs import build_cdr
from flask_ocpi.pricing.clock import TimeZone
from flask_ocpi.pricing.clock import zone_at
from flask_ocpi.pricing.descriptions import describe
from flask_ocpi.pricing.engine import price
from flask_ocpi.pricing.evidence import Evidence
from flask_ocpi.pricing.findings import FINDINGS
from flask_ocpi.pricing.findings import AuditFinding
from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.lint_rules import RULES
from flask_ocpi.pricing.lint_rules import LintFinding
from flask_ocpi.pricing.lint_rules import lint
from flask_ocpi.pricing.notes import NOTES
from flask_ocpi.pricing.notes import Decision
from flask_ocpi.pricing.notes import Note
from flask_ocpi.pricing.policy import READINGS
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.policy import Reading
from flask_ocpi.pricing.quotes import Charging
from flask_ocpi.pricing.quotes import Parking
from flask_ocpi.pricing.quotes import Reserved
from flask_ocpi.pricing.quotes import quote
from flask_ocpi.pricing.report import PeriodReport
from flask_ocpi.pricing.report import Report
from flask_ocpi.pricing.report import Segment
from flask_ocpi.pricing.rules import Rules
from flask_ocpi.pricing.rules import read_rules
from flask_ocpi.pricing.texts import LANGUAGES

__all__ = [
    "FINDINGS",
    "LANGUAGES",
    "NOTES",
    "READINGS",
    "RULES",
    "Amount",
    "Audit",
    "AuditFinding",
    "Charging",
    "Decision",
    "Evidence",
    "LintFinding",
    "Note",
    "Parking",
    "PeriodReport",
    "Policy",
    "PricingError",
    "Reading",
    "Report",
    "Reserved",
    "Rules",
    "Segment",
    "TimeZone",
    "audit",
    "build_cdr",
    "describe",
    "differences",
    "lint",
    "price",
    "quote",
    "read_rules",
    "zone_at",
]
