"""The files of examples/deploy as they are, run on ports and folders of the test's own."""

from __future__ import annotations

import configparser
import datetime
import http.client
import importlib.util
import ipaddress
import json
import os
import shlex
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from contextlib import closing
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flask_ocpi.partners.auth_tokens import authorization
from tests.servers import NGINX
from tests.servers import free_port
from tests.servers import left_out
from tests.servers import nginx
from tests.warm import programs

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
UNITS = DEPLOY / "systemd"
PROGRAMS = "/srv/ocpi/venv/bin/"
SECONDS = 120
# Programs end with the tests even when those are killed.
ENDING_WITH_US = ("setpriv", "--pdeathsig", "TERM", "--") if shutil.which("setpriv") else ()


class Unit(configparser.ConfigParser):
    """A unit file, and what a drop-in changes of it. An option that is there twice has its last value."""

    def __init__(self, *names: str) -> None:
        super().__init__(strict=False, interpolation=None, delimiters=("=",))
        self.optionxform = str  # type: ignore[assignment,method-assign]
        for name in names:
            self.read_string((UNITS / name).read_text(encoding="utf-8"))

    @property
    def command(self) -> list[str]:
        """The words of ExecStart, with its program from the environment of these tests."""
        program, *words = shlex.split(self["Service"]["ExecStart"])
        assert program.startswith(PROGRAMS), program
        return [str(Path(sys.executable).with_name(program.removeprefix(PROGRAMS))), *words]


def units() -> dict[str, Unit]:
    """Return every service by name, and the one that gunicorn's drop-in makes."""
    found = {path.name: Unit(path.name) for path in sorted(UNITS.glob("*.service"))}
    found["ocpi-web.service with gunicorn"] = Unit("ocpi-web.service", "ocpi-web.service.d/gunicorn.conf")
    return found


def serving(server: str) -> list[str]:
    """Return the command by which systemd starts a server."""
    return units()["ocpi-web.service" if server == "granian" else f"ocpi-web.service with {server}"].command


def environment_file(*, with_comments: bool = False) -> dict[str, str]:
    """Read ocpi.env as systemd does; with_comments: also what is there to choose from."""
    values = {}
    for line in (DEPLOY / "ocpi.env").read_text(encoding="utf-8").splitlines():
        chosen = line.removeprefix("#") if with_comments and line.startswith("#FLASK_") else line
        if chosen and not chosen.startswith("#"):
            name, _, value = chosen.partition("=")
            (values[name],) = shlex.split(value)
    return values


def load_wsgi(**environment: str) -> ModuleType:
    """Import wsgi.py anew, with FLASK_* variables as given and no other ones."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLASK_")]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        spec = importlib.util.spec_from_file_location("deployed_wsgi", DEPLOY / "wsgi.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1, which is its own authority, as fullchain.pem and privkey.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "fullchain.pem"


def site(folder: Path, upstream: int, port: int, **changes: str) -> str:
    """Render nginx.conf: ports, name and certificate, and (``changes``) a directive's value. Nothing else differs."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    replaced = {
        "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
        "server_name ocpi.example.com;": "server_name 127.0.0.1;",
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{upstream};",
        "/etc/ssl/ocpi/": f"{folder}/",
        **{f"{name} {directive(name)};": f"{name} {value};" for name, value in changes.items()},
    }
    for old, new in replaced.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def directive(name: str) -> str:
    """Return the value of a directive that nginx.conf has once."""
    lines = (DEPLOY / "nginx.conf").read_text(encoding="utf-8").splitlines()
    (value,) = (
        line.strip().removeprefix(f"{name} ").split(";")[0] for line in lines if line.strip().startswith(f"{name} ")
    )
    return value


@contextmanager
def proxy(folder: Path, upstream: int, **changes: str) -> Iterator[int]:
    """Run nginx in front of a port; a test that needs it is left out where it is not installed."""
    with nginx(lambda port: site(folder, upstream, port, **changes)) as port:
        if port is None:
            left_out(NGINX, "it is not installed")
            pytest.skip("nginx is not installed.")
        yield port


@dataclass
class Answer:
    status: int
    headers: Any
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.body)
        assert {"status_code", "timestamp"} <= set(found)
        return found


def ask(
    port: int,
    method: str,
    path: str,
    *,
    token: str = "",
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    trusted: Path | None = None,
    timeout: float = SECONDS,
) -> Answer:
    """Send a request byte for byte as given, with TLS where a certificate is given to trust."""
    connection = (
        http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        if trusted is None
        else http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=timeout, context=ssl.create_default_context(cafile=trusted)
        )
    )
    sent = {**({"Authorization": authorization(token)} if token else {}), **(headers or {})}
    if body is not None:
        sent.setdefault("Content-Type", "application/json")
    with closing(connection):
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@dataclass
class Deployment:
    """A platform on this machine: its folder, the environment of its processes, and where it listens."""

    folder: Path
    environment: dict[str, str]
    port: int = field(default_factory=free_port)
    proxied: int = 0

    @property
    def variables(self) -> dict[str, str]:
        others = {name: value for name, value in os.environ.items() if not name.startswith(("FLASK_", "GRANIAN_"))}
        return {**others, **environment_file(), "FLASK_INSTANCE_PATH": str(self.folder), **self.environment}

    def flask(self, *words: str, given: str = "") -> str:
        """Run a command of flask where the platform is deployed and return what it printed."""
        command = [str(programs() / "flask"), "--app", "wsgi", *words]
        run = subprocess.run(
            command, cwd=DEPLOY, env=self.variables, input=given, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run.stdout

    def json(self, *words: str, given: str = "") -> Any:
        return json.loads(self.flask(*words, given=given))

    @contextmanager
    def running(self, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program of the deployment until the block ends; nothing of it outlives this process."""
        log = self.folder / f"{Path(command[0]).name}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*ENDING_WITH_US, *command],
                cwd=DEPLOY,
                env=self.variables,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process
        finally:
            end(process)

    @contextmanager
    def served(self, server: str = "granian", command: list[str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
        """Serve it as its unit does, on its port."""
        words = serving(server) if command is None else command
        if server == "granian":
            words = [str(self.port) if word == "8000" else word for word in words]
        else:
            self.environment["GUNICORN_CMD_ARGS"] = f"--bind 127.0.0.1:{self.port}"
        with self.running(words) as process:
            self.wait_until_served(process)
            yield process

    def log(self, program: str) -> str:
        """Return what a program has said so far."""
        return (self.folder / f"{program}.log").read_text(encoding="utf-8", errors="replace")

    def wait_until_served(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 2 * SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if ask(self.port, "GET", "/ocpi/versions").status == 401:
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        said = "\n".join(log.read_text(errors="replace") for log in self.folder.glob("*.log"))
        raise RuntimeError(f"Nobody answers on port {self.port}: {said}")


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program of :meth:`Deployment.running` with all its children."""
    process.terminate()
    try:
        process.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def deployed(
    folder: Path, party: str, roles: list[str], *, server: str, trusted: Path, environment: dict[str, str] | None = None
) -> Iterator[Deployment]:
    """Deploy a platform behind nginx; its partners are on this machine too, under the same certificate."""
    folder.mkdir()
    country_code, party_id = party.split("-")
    parties = [
        {"country_code": country_code, "party_id": party_id, "roles": roles, "business_details": {"name": party_id}}
    ]
    settings = {
        "FLASK_OCPI_PARTIES": json.dumps(parties),
        "FLASK_OCPI_HTTP_ALLOWED_HOSTS": '["127.0.0.1"]',
        "FLASK_OCPI_HTTP_CA_BUNDLE": str(trusted),
        "FLASK_SECRET_KEY": f"secret of {party}",
        **(environment or {}),
    }
    platform = Deployment(folder, settings)
    with ExitStack() as stack:
        platform.proxied = stack.enter_context(proxy(trusted.parent, platform.port))
        settings.setdefault("FLASK_OCPI_BASE_URL", f"https://127.0.0.1:{platform.proxied}")
        if "FLASK_SQLALCHEMY_DATABASE_URI" in settings:
            platform.flask("ocpi", "init-db")
        stack.enter_context(platform.served(server))
        yield platform
