"""Certificates made for a test, and a server on loopback that shows them."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.serving import WSGIRequestHandler
from werkzeug.serving import make_server

_DAY = datetime.timedelta(days=1)


class Authority:
    """A certificate authority; ``bundle`` is the file that makes others trust it."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.bundle = str(folder / f"{name}.pem")
        Path(self.bundle).write_bytes(_pem(self._sign(self._name, self._key, 1, is_authority=True)))

    def issue(self, host: str, *, days: int = 1) -> str:
        """Return a PEM file with key and certificate for a host; with ``days`` below 0 it is over since then."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path = self._folder / f"{Path(self.bundle).stem}-{host}-{days}.pem"
        path.write_bytes(_pem(self._sign(name, key, days, host=host)) + private)
        return str(path)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days: int,
        *,
        host: str = "",
        is_authority: bool = False,
    ) -> x509.Certificate:
        ends = datetime.datetime.now(datetime.UTC) + days * _DAY
        builder = x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(ends - 3 * _DAY).not_valid_after(ends)
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        for extension in (identifier, issuer):
            builder = builder.add_extension(extension, critical=False)
        if is_authority:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        return builder.sign(self._key, hashes.SHA256())


@dataclass
class Seen:
    """A server as the test sees it: its port, and for each request the name in the client's certificate, or None."""

    port: int
    clients: list[str | None] = field(default_factory=list)


@contextmanager
def served(certificate: str, *, asks: str | None = None, demands: bool = False) -> Iterator[Seen]:
    """Serve ``{}`` over TLS. asks: the authority of client certificates, which are asked for, or demanded."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    if asks is not None:
        context.load_verify_locations(asks)
        context.verify_mode = ssl.CERT_REQUIRED if demands else ssl.CERT_OPTIONAL

    class Handler(WSGIRequestHandler):
        def make_environ(self) -> Any:
            shown: Any = self.connection.getpeercert()
            names = dict(pair[0] for pair in shown["subject"]) if shown else {}
            seen.clients.append(names.get("commonName"))
            return super().make_environ()

        def log(self, type: str, message: str, *args: Any) -> None:
            """Keep the requests out of the report."""

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b"{}"]

    server = make_server("127.0.0.1", 0, answer, threaded=True, ssl_context=context, request_handler=Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake is what is tested
    seen = Seen(server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
