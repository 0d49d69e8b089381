"""Measure what it takes to start: imports, building an app, the first answer of a server, memory of its worker.

Run with ``python -m benchmarks.start`` on Linux. Three apps take turns, each start in processes of its own: one of
Flask alone, with one view; the same with the libraries that a platform stands on; and a platform with its default
storage, on a SQLite file that is there already, which is asked for a list of 50. Imports and apps are processor time;
the server is granian with one worker, and its time that of the clock until it has answered. The worker's memory is what
is resident after one answer, and after a thousand. Printed are medians, and those of the ratios in one round.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from typing import Any

from tests.servers import free_port

if TYPE_CHECKING:
    from flask import Flask

ROUNDS = 8
APPS = 15
OBJECTS = 50
REQUESTS = 1000
SECONDS = 60
FOLDER = "START_FOLDER"
LIST = f"/ocpi/2.2.1/sender/locations?limit={OBJECTS}"
UNITS = {"imports": "ms", "first app": "ms", "another app": "ms", "server": "ms", "worker": "MB", "worker, busy": "MB"}

Marks = dict[str, float]


def create_flask() -> Flask:
    from flask import Flask

    app = Flask("bare", instance_path=os.environ[FOLDER])
    app.add_url_rule("/", "bare", lambda: {})
    return app


def create_libraries() -> Flask:
    from flask_smorest import Api
    from flask_sqlalchemy import SQLAlchemy

    app = create_flask()
    app.config.update(API_TITLE="Bare", API_VERSION="1", OPENAPI_VERSION="3.1.0", SQLALCHEMY_DATABASE_URI="sqlite://")
    Api(app)
    SQLAlchemy(app)
    return app


def create_platform() -> Flask:
    from flask import Flask

    from flask_ocpi import OCPI

    app = Flask("platform", instance_path=os.environ[FOLDER])
    details = {"name": "ABC Charging"}
    app.config["OCPI_PARTIES"] = [
        {"country_code": "NL", "party_id": "ABC", "roles": ["CPO", "EMSP"], "business_details": details}
    ]
    OCPI(app)
    return app


#: By name: what is imported, what makes the app, and what it is asked for.
APPS_BY_NAME: dict[str, tuple[tuple[str, ...], Callable[[], Flask], str]] = {
    "Flask": (("flask",), create_flask, "/"),
    "libraries": (("flask_smorest", "flask_sqlalchemy"), create_libraries, "/"),
    "platform": (("flask_ocpi",), create_platform, LIST),
}


def fill() -> str:
    """Fill the platform's database; return what its partner authorizes itself with."""
    from flask_ocpi.partners.auth_tokens import authorization
    from flask_ocpi.testing.documents import location
    from flask_ocpi.testing.network import add_partner

    app = create_platform()
    documents = [location(country_code="NL", party_id="ABC", id=f"LOC{number}") for number in range(OBJECTS)]
    app.extensions["ocpi"].objects.save_all({"locations": documents})
    return authorization(add_partner(app, [("DE", "EMS", ["EMSP"])]).token)


def build(name: str) -> Marks:
    """Return what imports, a first app and further ones take in this process; the first imports its storage."""
    modules, create, _ = APPS_BY_NAME[name]
    marks = {
        "imports": milliseconds(lambda: [import_module(module) for module in modules]),
        "first app": milliseconds(create),
    }
    return {**marks, "another app": median(milliseconds(create) for _ in range(APPS))}


def milliseconds(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def serve(name: str, authorization: str) -> Marks:
    """Return how long a server takes to answer, and what its worker takes then and after many more requests."""
    _, create, path = APPS_BY_NAME[name]
    headers = {"Authorization": authorization}
    began = time.monotonic()
    with server(f"benchmarks.start:{create.__name__}") as (process, port):
        connection = connect(port, process)
        ask(connection, path, headers)
        marks = {"server": (time.monotonic() - began) * 1000, "worker": worker_megabytes(process.pid)}
        for _ in range(REQUESTS):
            ask(connection, path, headers)
        connection.close()
        return {**marks, "worker, busy": worker_megabytes(process.pid)}


@contextmanager
def server(target: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    port = free_port()
    options = ("--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--log-level", "error", "--factory")
    process = subprocess.Popen([sys.executable, "-m", "granian", *options, "--port", str(port), target])
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait(SECONDS)


def connect(port: int, process: subprocess.Popen[bytes]) -> http.client.HTTPConnection:
    """Connect as soon as the server listens."""
    ends = time.monotonic() + SECONDS
    while time.monotonic() < ends and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
        try:
            connection.connect()
        except ConnectionRefusedError:
            time.sleep(0.002)
        else:
            return connection
    raise RuntimeError("The server does not listen.")


def ask(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> None:
    connection.request("GET", path, headers=headers)
    with connection.getresponse() as response:
        answer = json.loads(response.read())
    if path == LIST and len(answer["data"]) != OBJECTS:
        raise RuntimeError(f"The platform answered {answer}.")


def worker_megabytes(server: int) -> float:
    """Return what is resident of the largest process that a server started."""
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    pages = max(int(Path(f"/proc/{child}/statm").read_text().split()[1]) for child in children)
    return pages * os.sysconf("SC_PAGESIZE") / 1024 / 1024


def in_a_process(*arguments: str) -> Any:
    program = [sys.executable, "-m", "benchmarks.start", *arguments]
    return json.loads(subprocess.run(program, check=True, stdout=subprocess.PIPE).stdout)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ[FOLDER] = folder
        authorization = in_a_process("fill")
        rounds: list[dict[str, Marks]] = []
        for number in range(ROUNDS):
            names = sorted(APPS_BY_NAME, reverse=bool(number % 2))
            rounds.append({name: {**in_a_process("build", name), **serve(name, authorization)} for name in names})
    for what, unit in UNITS.items():
        own = median(marks["platform"][what] for marks in rounds)
        line = f"{what}: {own:.0f} {unit}"
        for other in ("Flask", "libraries"):
            ratio = median(marks["platform"][what] / marks[other][what] for marks in rounds)
            line += f"; {ratio:.1f} times {other} ({median(marks[other][what] for marks in rounds):.1f} {unit})"
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fill"]:
            json.dump(fill(), sys.stdout)
        case ["build", name]:
            json.dump(build(name), sys.stdout)
        case _:
            main()
