"""One thread that does what is not to keep anybody waiting."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable

from flask import Flask

from flask_ocpi.core import forks

log = logging.getLogger("flask_ocpi.sandbox")

Job = Callable[[], object]


class Worker:
    """Does jobs one after the other, in the order in which they come, and a regular one at an interval in seconds.

    Without a thread, as tests have it, jobs are done at once and the regular one is left to who calls it.
    """

    def __init__(self, app: Flask, regular: Job, *, every: float, threaded: bool) -> None:
        self.app = app
        self.regular = regular
        self.every = every
        self.threaded = threaded
        forks.begin(self.begin)

    def begin(self) -> None:
        """Start without a thread after a fork: the parent's has its jobs."""
        self.jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self.starting = threading.Lock()
        self.thread: threading.Thread | None = None

    def wake(self) -> None:
        """Start the thread unless it runs: not before this process has something to serve."""
        with self.starting:
            if self.threaded and self.thread is None:
                self.thread = threading.Thread(target=self.run, name="charge-points", daemon=True)
                self.thread.start()

    def do(self, job: Job) -> None:
        """Have a job done."""
        if self.threaded:
            self.jobs.put(job)
            self.wake()
        else:
            self.attempt(job)

    def run(self) -> None:
        due = time.monotonic()
        while True:
            left = due - time.monotonic()
            if left <= 0:
                self.attempt(self.regular)
                due = time.monotonic() + self.every
                continue
            try:
                job = self.jobs.get(timeout=left)
            except queue.Empty:
                continue
            self.attempt(job)

    def attempt(self, job: Job) -> None:
        """Do a job; what goes wrong is logged and ends nothing else."""
        try:
            with self.app.app_context():
                job()
        except Exception:
            log.exception("A job of the charge points failed.")
