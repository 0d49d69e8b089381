"""An operator and a provider of ours, each with a partner of OCPI 2.1.1 that says exactly what a test wants."""

from __future__ import annotations

import orjson
import pytest

from flask_ocpi.core.schema import load
from flask_ocpi.exchange.context import Schemas
from flask_ocpi.testing.network import PartnerClient
from flask_ocpi.versions import V2_1_1
from flask_ocpi.versions import V2_2_1

SCHEMAS = Schemas()


class Partner(PartnerClient):
    """A partner of 2.1.1: it sends its token as it is, and no other headers."""

    def open(self, method, path, **options):
        headers = {"Authorization": f"Token {self.token}", **(options.pop("headers", None) or {})}
        return super().open(method, path, headers=headers, **options)


class Ours:
    """A platform of ours, and a partner of 2.1.1 that calls it and is called."""

    def __init__(self, network, parties, partners, storage):
        self.network = network
        self.ocpi = network.add("ours.example", parties, storage=storage, versions=(V2_1_1, V2_2_1))
        self.other = network.add("theirs.example", partners, versions=(V2_1_1,))
        there, self.record = network.connect(self.other, self.ocpi)
        token = self.other.services.platforms.cipher.decrypt(there.token)
        self.partner = Partner(network.apps["ours.example"], token)
        network.requests.clear()

    def sent(self, *methods):
        """Return the bodies that the partner was sent."""
        found = [r for r in self.network.requests if r.url.startswith("https://theirs.example/")]
        return [orjson.loads(r.body) for r in found if r.method in methods]

    def copies(self, module):
        return list(self.ocpi.objects.documents(module, copies=True))


@pytest.fixture
def ocpi_receive():
    """The letter of OCPI, both ways."""
    return "strict"


@pytest.fixture
def ocpi_push():
    return True


@pytest.fixture
def cpo(ocpi_network, ocpi_storage):
    """We are an operator; the partner is a provider."""
    return Ours(ocpi_network, [("NL", "ABC", ["CPO"])], [("DE", "EMS", ["EMSP"])], ocpi_storage)


@pytest.fixture
def ems(ocpi_network, ocpi_storage):
    """We are a provider; the partner is an operator."""
    return Ours(ocpi_network, [("DE", "EMS", ["EMSP"])], [("NL", "ABC", ["CPO"])], ocpi_storage)


@pytest.fixture
def valid():
    """Return what raises for a document that is not valid 2.1.1: ``valid("locations", "put_location", document)``."""

    def check(module, name, document):
        operation = V2_1_1.operation(module, name)
        assert load(SCHEMAS[operation.body or operation.returns], document) == document
        return document

    return check
