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
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

POSTGRESQL = "PostgreSQL"
REDIS = "Redis"
NGINX = "nginx"
SQLITE = "sqlite3"
SYSTEMD = "systemd-analyze"
WRK = "wrk"
CHROMIUM = "Chromium"

START_SECONDS = 60
STOP_SECONDS = 30
PORT_ATTEMPTS = 5
# The throw-away cluster is deleted afterwards: nothing has to survive a power cut.
FAST_SETTINGS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB")
# A crash of the server must lose nothing here; one of the machine may.
CRASH_SETTINGS = ("fsync=off", "shared_buffers=32MB")


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


def redis_server() -> str | None:
    """Find the Redis server's program, or return None."""
    return shutil.which("redis-server")


def nginx_program() -> str | None:
    """Find nginx, which Debian keeps out of PATH, or return None."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


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
    settings: tuple[str, ...] | None = None  # by default FAST_SETTINGS

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


class CrashingPostgres:
    """A throw-away PostgreSQL that is ended as by a crash, and started again at the same URL."""

    def __init__(self, cluster: _Cluster) -> None:
        self._cluster = cluster
        self._process, self._port = _start(cluster)

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://ocpi:{self._cluster.password}@127.0.0.1:{self._port}/postgres"

    def kill(self) -> None:
        """End all its processes by SIGKILL."""
        self._process.send_signal(signal.SIGSTOP)  # so that it starts none in the meantime
        postmaster = self._process.pid
        children = [int(pid) for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()]
        for pid in (postmaster, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        # While one of them lives, its shared memory keeps the server from starting.
        deadline = time.monotonic() + STOP_SECONDS
        while any(map(_is_alive, children)) and time.monotonic() < deadline:
            time.sleep(0.01)

    def stop_at_once(self) -> None:
        """End it as ``pg_ctl stop -m immediate`` does: without a checkpoint, and in the middle of everything."""
        self._process.send_signal(signal.SIGQUIT)
        self._process.wait(STOP_SECONDS)

    def start(self) -> None:
        """Start it again; returns when it has recovered."""
        # The file of a killed server says "ready".
        (self._cluster.data / "postmaster.pid").unlink(missing_ok=True)
        self._process = _launch(self._cluster, self._port)
        if not _wait_until_ready(self._cluster, self._process):
            raise ServerError(f"PostgreSQL did not recover: {_log_text(self._cluster)}")

    def close(self) -> None:
        _stop(self._process)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@contextmanager
def crashing_postgres() -> Iterator[CrashingPostgres | None]:
    """Run a PostgreSQL that may be killed, as :func:`postgres` does otherwise; None where it is not installed."""
    programs = postgres_bin()
    if programs is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-crashes-", ignore_cleanup_errors=True) as folder:
        cluster = _Cluster(programs, Path(folder), _unprivileged_account(), secrets.token_hex(16), CRASH_SETTINGS)
        _create(cluster)
        server = CrashingPostgres(cluster)
        try:
            yield server
        finally:
            server.close()


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
        *(FAST_SETTINGS if cluster.settings is None else cluster.settings),
    ]
    command = [str(cluster.programs / "postgres"), "-D", str(cluster.data)]
    for setting in settings:
        command += ["-c", setting]
    with cluster.log.open("wb") as log:
        return subprocess.Popen(
            _ending_with_us(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **cluster.options(),
        )


def _ending_with_us(command: list[str]) -> list[str]:
    """Have a server end with us even when we are killed and nothing else gets to run."""
    return ["setpriv", "--pdeathsig", "QUIT", "--", *command] if shutil.which("setpriv") else command


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


@contextmanager
def redis() -> Iterator[str | None]:
    """Run a throw-away Redis on loopback; yield its URL, or None where it is not installed.

    Raises ServerError when the server is installed but does not start.
    """
    program = redis_server()
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-redis-", ignore_cleanup_errors=True) as folder:
        password = secrets.token_hex(16)
        process, port = _start_redis(program, Path(folder), password)
        try:
            yield f"redis://:{password}@127.0.0.1:{port}/0"
        finally:
            _stop(process)


def _start_redis(program: str, folder: Path, password: str) -> tuple[subprocess.Popen[bytes], int]:
    log = folder / "server.log"
    for _ in range(PORT_ATTEMPTS):
        port = free_port()
        settings = {"bind": "127.0.0.1", "port": port, "requirepass": password, "dir": folder, "save": '""'}
        configuration = folder / "redis.conf"
        configuration.write_text("".join(f"{name} {value}\n" for name, value in settings.items()), encoding="utf-8")
        with log.open("wb") as output:
            process = subprocess.Popen(
                _ending_with_us([program, str(configuration)]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if _wait_for_redis(log, process):
            return process, port
        _stop(process)
        if "Address already in use" not in log.read_text(errors="replace"):
            break
    raise ServerError(f"Redis did not start: {log.read_text(errors='replace')}")


def _wait_for_redis(log: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait until this very server says that it accepts connections; False when it exits or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if "Ready to accept connections" in log.read_text(errors="replace"):
            return True
        time.sleep(0.02)
    return False


@contextmanager
def postgres_standby(url: str) -> Iterator[str]:
    """Run a hot standby of the server that :func:`postgres` gave the URL of; yield its own URL.

    It follows by streaming replication. ``primary_conninfo`` names it ``standby`` for synchronous_standby_names.
    """
    programs = postgres_bin()
    assert programs is not None
    primary = make_url(url)
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-standby-", ignore_cleanup_errors=True) as folder:
        cluster = _Cluster(programs, Path(folder), _unprivileged_account(), str(primary.password))
        if cluster.account is not None:
            os.chown(cluster.folder, cluster.account.pw_uid, cluster.account.pw_gid)
        source = f"host=127.0.0.1 port={primary.port} user=ocpi password={primary.password} application_name=standby"
        command = [
            *(str(programs / "pg_basebackup"), "--pgdata", str(cluster.data), "--dbname", source),
            *("--write-recovery-conf", "--checkpoint", "fast", "--no-sync"),
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False, **cluster.options())
        if run.returncode != 0:
            raise ServerError(f"pg_basebackup failed: {run.stdout}{run.stderr}")
        process, port = _start(cluster)
        try:
            yield primary.set(port=port).render_as_string(hide_password=False)
        finally:
            _stop(process)


@contextmanager
def nginx(site: Callable[[int], str]) -> Iterator[int | None]:
    """Run nginx with one site; yield the port of 127.0.0.1 that it listens on, or None where it is not installed.

    site: makes, for that port, what conf.d would have. Raises ServerError when nginx does not start with it.
    """
    program = nginx_program()
    if program is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="flask-ocpi-nginx-", ignore_cleanup_errors=True) as folder:
        process, port = _start_nginx(program, Path(folder), site)
        try:
            yield port
        finally:
            _stop(process)


def _start_nginx(program: str, folder: Path, site: Callable[[int], str]) -> tuple[subprocess.Popen[bytes], int]:
    log = folder / "error.log"
    for _ in range(PORT_ATTEMPTS):
        port = free_port()
        (folder / "site.conf").write_text(site(port), encoding="utf-8")
        (folder / "nginx.conf").write_text(_nginx_configuration(folder), encoding="utf-8")
        command = [program, "-p", str(folder), "-e", str(log), "-c", str(folder / "nginx.conf")]
        with (folder / "output").open("wb") as output:
            process = subprocess.Popen(
                _ending_with_us(command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if (folder / "pid").exists():  # written when its sockets are open
                return process, port
            time.sleep(0.02)
        _stop(process)
        if "Address already in use" not in log.read_text(errors="replace"):
            break
    raise ServerError(f"nginx did not start: {log.read_text(errors='replace')}")


def _nginx_configuration(folder: Path) -> str:
    """Return what a distribution's nginx.conf has around a site, with everything in one folder."""
    kept = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "\n".join(
        (
            "daemon off;",
            *((f"user {pwd.getpwuid(0).pw_name};",) if os.geteuid() == 0 else ()),
            f"pid {folder}/pid;",
            "events {}",
            "http {",
            "access_log off;",
            *(f"{name}_temp_path {folder}/{name};" for name in kept),
            f"include {folder}/site.conf;",
            "}",
        )
    )
