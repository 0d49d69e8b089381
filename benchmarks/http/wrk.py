"""The load: wrk, with the requests of a workload in turn."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.http.contestants import Contestant
from benchmarks.http.workloads import FRESH_ID
from benchmarks.http.workloads import Workload

CONNECTIONS = 16
# Requests are composed before the load begins. A fresh id is as long as what it replaces, so the length stays right.
SCRIPT = """
local calls = {}
local number = 0
local fresh = "%(fresh)s"
init = function(arguments)
  local file = io.open("%(file)s", "rb")
  local text = file:read("*a")
  file:close()
  local at = 1
  while at < #text do
    local _, stop, size, method, path = text:find("^(%%d+) (%%u+) (%%S+)\\n", at)
    local body = nil
    if tonumber(size) > 0 then body = text:sub(stop + 1, stop + size) end
    calls[#calls + 1] = wrk.format(method, path, nil, body)
    at = stop + size + 2
  end
end
request = function()
  number = number + 1
  local call = calls[(number - 1) %% #calls + 1]
  if fresh ~= "" then
    return (call:gsub("%(fresh_id)s", string.format("%%s%%010d", fresh, number)))
  end
  return call
end
local threads = {}
setup = function(thread) threads[#threads + 1] = thread end
wrong = 0
%(look)s
done = function(summary, latency, requests)
  io.write(string.format("RESULT %%d %%d %%f %%f %%d %%d %%d\\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    threads[1]:get("wrong")))
end
"""
# To look at answers takes wrk time, so only those of the warming are looked at.
LOOK = """
response = function(status, headers, body)
  if not body:find('"status_code":%%s*%(expected)d') then wrong = wrong + 1 end
end
"""


@dataclass(frozen=True)
class Load:
    """What came of a load: requests a second, latencies in milliseconds, answers that are no 2xx or 3xx, lost ones.

    wrong: answers without the OCPI status code that was expected, where it was looked at.
    """

    rate: float
    median: float
    p99: float
    not_ok: int
    lost: int
    requests: int
    wrong: int = 0


def load(
    contestant: Contestant,
    workload: Workload,
    *,
    seconds: int,
    folder: Path,
    run: str,
    pinned: bool,
    expected: int | None = None,
) -> Load:
    """Load a contestant for so many seconds.

    run: makes fresh ids differ between loads, of 11 characters. expected: the OCPI status code to look for in each
    answer, if any.
    """
    calls = workload.calls(contestant)
    file, script = folder / "calls.txt", folder / "calls.lua"
    file.write_text("".join(f"{len(c.text.encode())} {c.method} {c.path}\n{c.text}\n" for c in calls), encoding="utf-8")
    is_fresh = any(FRESH_ID in c.text for c in calls)
    values = {
        "file": str(file),
        "fresh": run if is_fresh else "",
        "fresh_id": FRESH_ID.replace("-", "%-"),
        "look": "" if expected is None else LOOK % {"expected": expected},
    }
    assert not is_fresh or len(run) + 10 == len(FRESH_ID)
    script.write_text(SCRIPT % values)
    headers = [
        part
        for name, value in contestant.headers(wrong_token=workload.wrong_token).items()
        for part in ("-H", f"{name}: {value}")
    ]
    pin = ["taskset", "-c", "1"] if pinned and contestant.workers == 1 else []
    command = [
        *pin,
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout",
        "30s",
        "-s",
        str(script),
        *headers,
        contestant.url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    found = re.search(r"RESULT (\d+) (\d+) ([\d.]+) ([\d.]+) (\d+) (\d+) (\d+)", done.stdout)
    if found is None:
        raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")
    requests, micros, median, p99, not_ok, lost, wrong = map(float, found.groups())
    return Load(requests / micros * 1e6, median / 1e3, p99 / 1e3, int(not_ok), int(lost), int(requests), int(wrong))
