"""A hundred starts of what forks, each with the dispatcher at work: ``python -m tests.faults.forks [KIND ...]``.

KIND: fork, gunicorn, preload, granian, celery, reloader; without any, all of them. FORK_STARTS: how many of each (100).
FORK_DATABASE: the URL of a PostgreSQL database to use in place of SQLite files. Prints how many starts did not answer.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from pathlib import Path

import celery.exceptions

from flask_ocpi.partners.auth_tokens import authorization
from tests.e2e.preloaded_app import PATH
from tests.e2e.preloaded_app import prepare
from tests.e2e.preloaded_app import queue
from tests.e2e.preloaded_app import start
from tests.servers import free_port

ROOT = Path(__file__).parents[2]
MODULE = "tests.e2e.preloaded_app"
APP = f"{MODULE}:app"
SECONDS = 60.0
REQUESTS = 4
SERVERS = {
    "gunicorn": ["gunicorn", "--workers", "2", "--threads", "2", "--bind", "127.0.0.1:{port}", APP],
    "preload": ["gunicorn", "--preload", "--workers", "2", "--threads", "2", "--bind", "127.0.0.1:{port}", APP],
    "granian": ["granian", "--interface", "wsgi", "--no-ws", "--workers", "2", "--port", "{port}", APP],
    "celery": ["celery", "--app", f"{MODULE}:celery_app", "worker", "--pool", "prefork", "--concurrency", "2"],
    "reloader": ["flask", "--app", APP, "run", "--debug", "--port", "{port}"],
}


def fork_once(database: str, token: str, delay: float) -> bool:
    """Fork while the dispatcher begins; tell whether the child serves a partner and dispatches."""
    with tempfile.TemporaryDirectory() as folder:
        worked = Path(folder, "worked")
        ocpi = start(database, worked)
        time.sleep(delay)
        child = os.fork()
        if child == 0:
            signal.alarm(int(SECONDS))
            headers = {"Authorization": authorization(token)}
            served = all(ocpi.app.test_client().get(PATH, headers=headers).status_code == 200 for _ in range(REQUESTS))
            os._exit(0 if served and _appears(worked, str(os.getpid())) else 1)
        _, status = os.waitpid(child, 0)
        ocpi.dispatcher.stop(SECONDS, drain=False)
        return status == 0


def _appears(file: Path, line: str) -> bool:
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends:
        if file.exists() and line in file.read_text().split():
            return True
        time.sleep(0.01)
    return False


@contextmanager
def served(kind: str, database: str, worked: Path) -> Iterator[str]:
    """Run a server of the app; give the URL of its Locations."""
    port = free_port()
    program, *words = (word.format(port=port) for word in SERVERS[kind])
    command = [str(Path(sys.executable).with_name(program)), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DATABASE_URI": database, "WORKED_FILE": str(worked)}
    if kind == "celery":
        environment["QUEUE_FOLDER"] = str(worked.parent)
    output = worked.with_suffix(".log")
    with output.open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{port}{PATH}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(SECONDS)


def serve_once(kind: str, database: str, token: str) -> bool:
    """Start a server and tell whether each of some requests of a known partner is answered."""
    with tempfile.TemporaryDirectory() as folder, served(kind, database, Path(folder, "worked")) as url:
        if kind == "celery":
            tasks = [queue(folder).send_task("list_locations", (token,)) for _ in range(REQUESTS)]
            with suppress(celery.exceptions.TimeoutError):
                return all(task.get(timeout=SECONDS) == 200 for task in tasks)
            return False
        request = urllib.request.Request(url, headers={"Authorization": authorization(token)})
        ends = time.monotonic() + SECONDS
        answered = 0
        while answered < REQUESTS and time.monotonic() < ends:
            try:
                with urllib.request.urlopen(request, timeout=SECONDS) as response:
                    answered += response.status == 200
            except urllib.error.URLError:
                time.sleep(0.05)  # it does not listen yet
            except TimeoutError:
                return False
        return answered == REQUESTS


def main() -> None:
    starts = int(os.environ.get("FORK_STARTS", "100"))
    failed = 0
    for kind in sys.argv[1:] or ["fork", *SERVERS]:
        with tempfile.TemporaryDirectory() as folder:
            database = os.environ.get("FORK_DATABASE", f"sqlite:///{folder}/ocpi.sqlite3")
            token = prepare(database)
            began = time.monotonic()
            good = [
                # The delays meet the dispatcher at whatever it does at first.
                fork_once(database, token, number % 20 / 1000) if kind == "fork" else serve_once(kind, database, token)
                for number in range(starts)
            ]
            lost = good.count(False)
            failed += lost
            took = time.monotonic() - began
            sys.stdout.write(f"{kind}: {lost} of {starts} starts did not answer, in {took:.0f} s\n")
            sys.stdout.flush()
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
