"""What a request costs in calls, which does not depend on the machine."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_a_put_of_an_evse_calls_few_functions_and_reaches_the_storage_soon():
    # A process of its own has no listeners and log levels that other tests left, which cost further calls.
    command = [sys.executable, "-m", "benchmarks.profile_requests", "--calls"]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)

    counted = re.search(r"PUT of an EVSE, memory: (\d+) calls of ours .* (\d+) hops", done.stdout)
    assert counted is not None
    assert int(counted[1]) <= 90
    assert int(counted[2]) <= 10
