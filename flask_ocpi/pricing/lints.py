"""Lint: small rules that find probable mistakes in a tariff before a driver sees it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_ocpi.pricing.findings import PricingError
from flask_ocpi.pricing.lint_coverage import Subject
from flask_ocpi.pricing.lint_rules import RULES
from flask_ocpi.pricing.notes import Remarks
from flask_ocpi.pricing.policy import Policy
from flask_ocpi.pricing.tariffs import read_tariff

#: Error: certainly a mistake. Warning: check it. Hint: allowed, and often a mistake.
LEVELS = ("hint", "warning", "error")


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One probable mistake in a tariff: the rule, its level, a sentence, and the JSON path."""

    rule: str
    level: str
    message: str
    path: str

    @property
    def weighs(self) -> bool:
        """Whether it needs attention: its level is higher than hint."""
        return self.level != "hint"

    def to_dict(self) -> dict[str, str]:
        return {"rule": self.rule, "level": self.level, "message": self.message, "path": self.path}


def lint(
    tariff: Mapping[str, Any], *, connectors: Sequence[Mapping[str, Any]] = (), policy: Policy | None = None
) -> tuple[LintFinding, ...]:
    """Find mistakes in a tariff in the stored (2.2.1) shape; return them, most severe first.

    ``connectors``: the Connectors that offer it, to find power for which the tariff has no price.
    """
    if not isinstance(tariff, Mapping):
        raise PricingError(f"A tariff has to be an object, got {type(tariff).__name__}.")
    remarks = Remarks(policy or Policy())
    known, error = None, ""
    try:
        known = read_tariff(tariff, "$", remarks)
    except PricingError as failure:
        error = str(failure)
    subject = Subject(tariff, known, error, remarks, connectors)
    found = [
        LintFinding(rule.id, rule.level, rule.sentence.format(*values), path)
        for rule in RULES
        for path, values in rule.find(subject)
    ]
    return tuple(sorted(found, key=lambda finding: -LEVELS.index(finding.level)))
