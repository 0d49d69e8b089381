"""The conditions of the chargingprofiles module that no single field can check."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from flask_ocpi.modules.chargingprofiles.enums import ChargingProfileResultType
from flask_ocpi.schema import Document
from flask_ocpi.schema import Violation


def periods_follow_each_other(profile: Document) -> Iterator[Violation]:
    """Demand that the first period starts with the profile, and each other one after the one before it (CHP-18)."""
    starts = [period["start_period"] for period in profile.get("charging_profile_period", [])]
    if starts and starts[0] != 0:
        yield "charging_profile_period[0].start_period", "must be 0: the first period starts with the profile"
    for index, (before, start) in enumerate(pairwise(starts), start=1):
        if start <= before:
            yield f"charging_profile_period[{index}].start_period", "must be greater than that of the period before it"


def accepted_result_has_profile(result: Document) -> Iterator[Violation]:
    """Demand the profile that was asked for when it could be had (CHP-10)."""
    if result["result"] == ChargingProfileResultType.ACCEPTED and "profile" not in result:
        yield "profile", "is required when result is ACCEPTED"
