"""A process that is killed leaves in the journal what it had written, whole, and loses what waited in memory."""

from __future__ import annotations

import signal
import subprocess
import sys

from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal import about
from flask_ocpi.exchange.journal import latest
from flask_ocpi.exchange.references import CORRELATION
from flask_ocpi.exchange.references import Reference
from tests.e2e.journal_process import make_platform
from tests.e2e.processes import ROOT

SECONDS = 60


def test_killed_process_loses_at_most_what_waited_in_memory(tmp_path):
    command = [sys.executable, "-m", "tests.e2e.journal_process", str(tmp_path), "until killed"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"

        process.send_signal(signal.SIGKILL)

        assert process.wait(SECONDS) == -signal.SIGKILL
    storage = make_platform(str(tmp_path)).storage
    entries = latest(storage, Search(), 10_000)
    ids = [entry.message.request_id for entry in entries]
    assert ids[:40] == [f"written-{number}" for number in range(40)]
    assert ids[40:] == [f"waiting-{number}" for number in range(len(ids) - 40)]
    for entry in entries:
        cause = Reference.of(CORRELATION, entry.message.correlation_id)
        assert entry in about(storage, [cause], limit=10)
