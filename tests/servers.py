"""Programs that tests need and that pip cannot install: found here, started, or reported as left out."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POSTGRESQL = "PostgreSQL"
CHROMIUM = "Chromium"

START_SECONDS = 60
STOP_SECONDS = 30
PORT_ATTEMPTS = 5
# The throw-away cluster is deleted afterwards: nothing has to survive a power cut.
FAST_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")


class ServerError(RuntimeError):
    """A server that is installed did not start; the message carries what it said."""


def left_out(name: str, reason: str) -> None:
    """Record that a part of the tests cannot run here, for the end of `make test`.

    `name` is POSTGRESQL, CHROMIUM or another short name without a colon. Does nothing outside `make test`.
    """
    report = os.environ.get("OCPI_TEST_LEFT_OUT")
    if report:
        with Path(report).open("a", encoding="utf-8") as file:
            file.write(f"{name}: {' '.join(reason.split())}\n")


def chromium_path() -> str | None:
    """Find a Chromium that runs, or return None."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path and _answers_version(path):
            return path
    return None


def _answers_version(path: str) -> bool:
    # Ubuntu's chromium-browser is a script that only tells to install a snap.
    try:
        run = subprocess.run([path, "--version"], capture_output=True, timeout=START_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return run.returncode == 0


def postgres_bin() -> Path | None:
    """Find the folder with PostgreSQL's server programs, the newest version first, or return None."""
    # Debian keeps them out of PATH.
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True)
    in_path = shutil.which("initdb")
    folders = [*versions, *([Path(in_path).resolve().parent] if in_path else [])]
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def _version_of(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in folder.parent.name.split(".") if part.isdigit())


@dataclass(frozen=True)
class _Cluster:
    """A PostgreSQL data directory and how to run programs on it."""

    programs: Path
    folder: Path
    account: pwd.struct_passwd | None
    password: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def options(self) -> dict[str, Any]:
        """Return the Popen arguments that make a program run as the cluster's owner."""
        if self.account is None:
            return {"cwd": self.folder}
        return {
            "cwd": self.folder,
            "user": self.account.pw_uid,
            "group": self.account.pw_gid,
            "extra_groups": [],
        }


@contextmanager
def postgres() -> Iterator[str | None]:
    """Run a throw-away PostgreSQL on loopback; yield its SQLAlchemy URL, or None where it is not installed.

    Each call has a cluster of its own, so every pytest-xdist worker can hold one. The URL names the superuser
    and the database `postgres`; further databases may be created from there. Raises ServerError when the
    server is installed but does not start.
    """
    programs = postgres_bin()
    if programs is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-postgres-", ignore_cleanup_errors=True) as folder:
        cluster = _Cluster(programs, Path(folder), _unprivileged_account(), secrets.token_hex(16))
        _create(cluster)
        process, port = _start(cluster)
        try:
            yield f"postgresql+psycopg://ocpi:{cluster.password}@127.0.0.1:{port}/postgres"
        finally:
            _stop(process)


def _unprivileged_account() -> pwd.struct_passwd | None:
    """Choose who runs the server when we are root, which PostgreSQL refuses; None means ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def _create(cluster: _Cluster) -> None:
    password_file = cluster.folder / "password"
    password_file.write_text(cluster.password, encoding="ascii")
    if cluster.account is not None:
        for path in (cluster.folder, password_file):
            os.chown(path, cluster.account.pw_uid, cluster.account.pw_gid)
    command = [
        *(str(cluster.programs / "initdb"), "--pgdata", str(cluster.data), "--no-sync"),
        *("--username", "ocpi", "--auth", "scram-sha-256", "--pwfile", str(password_file)),
        *("--encoding", "UTF8", "--locale", "C"),
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False, **cluster.options())
    if run.returncode != 0:
        raise ServerError(f"initdb failed: {run.stdout}{run.stderr}")


def _start(cluster: _Cluster) -> tuple[subprocess.Popen[bytes], int]:
    for _ in range(PORT_ATTEMPTS):
        port = free_port()
        process = _launch(cluster, port)
        if _wait_until_ready(cluster, process):
            return process, port
        _stop(process)
        # Another process may take the port between our look and the server's: only then is a new try of use.
        if "Address already in use" not in _log_text(cluster):
            break
    raise ServerError(f"PostgreSQL did not start: {_log_text(cluster)}")


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _launch(cluster: _Cluster, port: int) -> subprocess.Popen[bytes]:
    settings = [
        "listen_addresses=127.0.0.1",
        f"port={port}",
        # No Unix socket at all: its path would be limited to 107 bytes.
        "unix_socket_directories=",
        *FAST_SETTINGS,
    ]
    command = [str(cluster.programs / "postgres"), "-D", str(cluster.data)]
    for setting in settings:
        command += ["-c", setting]
    # The server ends with us even when we are killed and nothing below gets to run.
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "QUIT", "--", *command]
    with cluster.log.open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, **cluster.options()
        )


def _wait_until_ready(cluster: _Cluster, process: subprocess.Popen[bytes]) -> bool:
    """Wait until this very server accepts connections; False when it exits or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _status(cluster) == "ready":
            return True
        time.sleep(0.02)
    return False


def _status(cluster: _Cluster) -> str:
    """Read the server's own status, the eighth line of its postmaster.pid, as pg_ctl does."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def _log_text(cluster: _Cluster) -> str:
    return cluster.log.read_text(encoding="utf-8", errors="replace")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask for a fast shutdown (SIGINT), then for an immediate one (SIGQUIT), and wait for the end."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        process.send_signal(number)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return
    process.kill()
    process.wait()
