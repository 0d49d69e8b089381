"""Peers and our own platform as servers on 127.0.0.1, for as long as a run takes."""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask
from werkzeug.serving import make_server

from benchmarks.http.contestants import START_SECONDS
from benchmarks.http.contestants import STOP_SECONDS
from benchmarks.http.contestants import python_of
from flask_ocpi import OCPI
from flask_ocpi.partners.auth_tokens import authorization
from flask_ocpi.testing.network import party_settings
from tests.servers import free_port

TOKEN_A = "token-a-of-the-peer"
TOKEN_C = "token-c-of-the-peer"
SECONDS = 60
HERE = Path(__file__).parent


class Peer:
    """A server of a peer that runs. url: its origin. certificate: what its TLS is trusted by."""

    def __init__(self, name: str, url: str, certificate: Path) -> None:
        self.name = name
        self.url = url
        self.certificate = certificate

    def stored(self) -> dict[tuple[str, str, str], dict[str, Any]]:
        """Return what it holds, by module, role and id in lower case."""
        return {(module, role, id): document for module, role, id, document in self._ask("GET", "/stored")}

    def push(self, module: str, id: str) -> tuple[int, str]:
        """Have its library push one of its objects; return the HTTP status and the body that it got."""
        answer = self._ask("POST", f"/push/{module}/{id}")
        return answer["http_status"], answer["body"]

    def listed(self, module: str) -> list[dict[str, Any]]:
        """Return what the list of a module has on the wire, all on one page."""
        role = "emsp" if module == "tokens" else "cpo"
        documents: list[dict[str, Any]] = self._ask("GET", f"/ocpi/{role}/2.2.1/{module}/?limit=1000")["data"]
        return documents

    def _ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": authorization(TOKEN_C)}
        answer = requests.request(
            method, self.url + path, headers=headers, verify=str(self.certificate), timeout=SECONDS
        )
        answer.raise_for_status()
        return answer.json()


@contextmanager
def peer(name: str, folder: Path, objects: list[tuple[str, str, str, dict[str, Any]]]) -> Iterator[Peer]:
    """Run a peer that owns objects (module, role, id, document), with TLS: py-ocpi writes https into all its URLs."""
    certificate, key = _certificate(folder)
    filled = folder / "objects.jsonl"
    filled.write_text("".join(json.dumps(row) + "\n" for row in objects), encoding="utf-8")
    port = str(free_port())
    environment = {"PEER_OBJECTS": str(filled), "OCPI_HOST": f"127.0.0.1:{port}"}
    environment |= {"COUNTRY_CODE": "DE", "PARTY_ID": "PEE", "ENVIRONMENT": "testing"}
    command = [str(python_of(name)), "-m", "uvicorn", "--port", port, "--log-level", "error", "--no-access-log"]
    command += ["--ssl-certfile", str(certificate), "--ssl-keyfile", str(key), "peer:app"]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=HERE, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            running = Peer(name, f"https://127.0.0.1:{port}", certificate)
            _wait(running, process, log)
            yield running
        finally:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)


def _wait(running: Peer, process: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            running.stored()
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise RuntimeError(f"{running.name} did not start: {log.read_text(errors='replace')[-2000:]}")


@contextmanager
def platform(folder: Path, certificate: Path) -> Iterator[OCPI]:
    """Serve our platform, NL ABC as CPO and eMSP, and yield its extension in an app context."""
    port = free_port()
    app = Flask("interop", instance_path=str(folder))
    app.config.update(
        SECRET_KEY="secret of a run",
        OCPI_PARTIES=[party_settings("NL", "ABC", ["CPO", "EMSP"])],
        OCPI_BASE_URL=f"http://127.0.0.1:{port}",
        OCPI_HTTP_ALLOW_PRIVATE=True,
        OCPI_HTTP_CA_BUNDLE=str(certificate),
        OCPI_CALLBACK_HOSTS=["127.0.0.1"],
        OCPI_DISPATCHER="inline",
        OCPI_DOCS=False,
        OCPI_CREATE_TABLES=True,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{folder / 'ocpi.sqlite3'}",
    )
    ocpi = OCPI(app)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with app.app_context():
            yield ocpi
    finally:
        server.shutdown()
        thread.join(STOP_SECONDS)
        server.server_close()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that signs itself; return its file and that of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files
