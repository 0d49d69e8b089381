"""Run all measurements one after another and print them as a table: ``make bench``.

Each is a process of its own, so that none disturbs another. The exit code is 1 when one of them failed, or missed what
it has to hold.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.servers import POSTGRESQL
from tests.servers import postgres_bin

FOLDER = Path(__file__).parent
#: In the order in which they are run. Each prints lines of a name and what was measured.
BENCHMARKS = (
    "start",
    "validation",
    "pricing",
    "patch",
    "versions",
    "partners",
    "push_latency",
    "prefetching",
    "outward",
    "memory",
    "journal",
    "bulk",
    "pages",
    "scale",
)
ON_POSTGRESQL = ("pages", "scale")


def run(name: str) -> bool:
    sys.stdout.write(f"\n{name}\n")
    sys.stdout.flush()
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], cwd=FOLDER.parent, check=False)
    sys.stdout.write(f"    ({time.monotonic() - began:.0f} s)\n")
    return ended.returncode == 0


def main() -> int:
    chosen = [name for name in BENCHMARKS if name not in ON_POSTGRESQL or postgres_bin() is not None]
    failed = [name for name in chosen if not run(name)]
    for name in sorted(set(BENCHMARKS) - set(chosen)):
        sys.stdout.write(f"\n{name}\nLeft out: {POSTGRESQL} is not installed.\n")
    if failed:
        sys.stdout.write(f"\nFAILED: {', '.join(failed)}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
