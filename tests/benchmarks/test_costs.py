"""What a request costs in calls, which does not depend on the machine."""

from __future__ import annotations

from benchmarks.profile_requests import count_put_of_evse
from flask_ocpi.storage.memory import MemoryStorage


def test_a_put_of_an_evse_calls_few_functions_and_reaches_the_storage_soon():
    found = count_put_of_evse(MemoryStorage())

    assert found.ours <= 90
    assert found.hops <= 10
