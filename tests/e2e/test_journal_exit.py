"""A process that ends, and one that forks, leave each of their messages in the journal, once."""

from __future__ import annotations

import subprocess
import sys

from flask_ocpi.exchange.journal import Search
from flask_ocpi.exchange.journal import latest
from tests.e2e.journal_process import make_platform
from tests.e2e.processes import ROOT

SECONDS = 60


def test_all_messages_of_a_process_and_its_fork_are_there_once(tmp_path):
    command = [sys.executable, "-m", "tests.e2e.journal_process", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, timeout=SECONDS, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    entries = latest(make_platform(str(tmp_path)).storage, Search(), 100)
    ids = sorted(entry.message.request_id for entry in entries)
    assert ids == ["child-1", "child-2", "parent-1", "parent-2", "parent-3", "parent-4"]
