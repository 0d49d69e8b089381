"""The Celery app of a worker of :mod:`benchmarks.outward`; environment variables name the database and the broker."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery

from benchmarks.outward import platform

os.sched_setaffinity(0, range(os.cpu_count() or 1))

ocpi = platform(Path(os.environ["OUTWARD_FOLDER"]), os.environ["OUTWARD_DATABASE"], dispatcher="celery")
celery_app = ocpi.app.extensions["celery"] = Celery("outward", broker=os.environ["OUTWARD_BROKER"])
# A worker that holds a task back while it works on another one would keep a partner waiting.
celery_app.conf.worker_prefetch_multiplier = 1
